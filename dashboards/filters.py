"""What the inbox is narrowed to: one value that goes into an address and comes back out of it.

A person sends the address of a page, and whoever opens it sees the same: the filter is therefore
nowhere else. The run page carries it along, to know which finding is next.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import parse_qs, urlencode

from dashboards.words import SEVERITIES, STATES, UNDECIDABLE, VIOLATED

DEFAULT_STATES: Final = (VIOLATED, UNDECIDABLE)
PAGE_SIZE: Final = 25

SORTS: Final[Mapping[str, str]] = {
    "severity": "rank, idx, id",
    "newest": "moment DESC, idx DESC, id",
    "oldest": "moment, idx, id",
    "rule": "rule, idx, id",
}
DEFAULT_SORT: Final = "severity"

# The facets in the order of the page: parameter of the address, column of the findings.
FACETS: Final[Mapping[str, str]] = {
    "result": "state",
    "severity": "severity",
    "clause": "clause",
    "rule": "rule",
    "channel": "channel",
    "version": "version",
    "service": "service",
}


# The values that two of the facets can have; the others have those of the findings.
_KNOWN: Final = {"result": STATES, "severity": SEVERITIES}
_DIGITS: Final = 12


def number(text: str) -> int | None:
    """Return the number that an address names; None where it names none that could be meant.

    Example:
        >>> number("42"), number("-1"), number("x"), number("9" * 5_000)
        (42, None, None, None)
    """
    return int(text) if text.isdecimal() and len(text) <= _DIGITS else None


@dataclass(frozen=True, slots=True)
class Filter:
    """A choice of findings, their order, and a page of them.

    Attributes:
        chosen: By facet, the values to keep; a facet that is not there keeps all.
        search: Words that must all stand in the finding, whatever their case.
        sort: A key of `SORTS`.
        page: From 1.
    """

    chosen: Mapping[str, tuple[str, ...]]
    search: str = ""
    sort: str = DEFAULT_SORT
    page: int = 1

    @classmethod
    def of(cls, parameters: Mapping[str, Iterable[str]]) -> "Filter":
        """Read a filter from an address's parameters; what makes no sense in them is passed over.

        Example:
            >>> Filter.of({"severity": ["high"], "page": ["x"]}).chosen["severity"]
            ('high',)
        """
        values = {name: tuple(given) for name, given in parameters.items()}
        chosen = {name: tuple(filter(None, values[name])) for name in FACETS if name in values}
        chosen.setdefault("result", DEFAULT_STATES)
        for name, known in _KNOWN.items():
            chosen[name] = tuple(one for one in chosen.get(name, ()) if one in known)
        sort = _last(values, "sort")
        return cls(
            {name: given for name, given in chosen.items() if given},
            _last(values, "q"),
            sort if sort in SORTS else DEFAULT_SORT,
            max(number(_last(values, "page")) or 1, 1),
        )

    def parameters(self) -> dict[str, list[str]]:
        """Return the parameters of an address that opens this choice; defaults are left out."""
        found: dict[str, list[str]] = {}
        for name in FACETS:
            values = self.chosen.get(name, ())
            if name == "result" and set(values) == set(DEFAULT_STATES):
                continue
            if values or name == "result":
                found[name] = list(values) or [""]
        if self.search:
            found["q"] = [self.search]
        if self.sort != DEFAULT_SORT:
            found["sort"] = [self.sort]
        if self.page > 1:
            found["page"] = [str(self.page)]
        return found

    def packed(self) -> str:
        """Return the choice as the one value by which another page's address carries it.

        Example:
            >>> Filter.of({"channel": ["chat"], "page": ["2"]}).packed()
            'channel=chat&page=2'
        """
        return urlencode(self.parameters(), doseq=True)

    @classmethod
    def unpacked(cls, packed: str) -> "Filter":
        """Read what `packed` wrote."""
        return cls.of(parse_qs(packed, keep_blank_values=True))

    def at_page(self, page: int) -> "Filter":
        """Return the same choice at another page."""
        return replace(self, page=page)

    @property
    def narrowed(self) -> bool:
        """Whether anything but the defaults is asked for."""
        return bool(replace(self, page=1, sort=DEFAULT_SORT).parameters())

    @property
    def states(self) -> tuple[str, ...]:
        """The states that are kept, in the order of the page."""
        kept = self.chosen.get("result", ())
        return tuple(state for state in STATES if state in kept) or STATES


def _last(values: Mapping[str, tuple[str, ...]], name: str) -> str:
    """Return the last value of a parameter, as whoever appends to an address means it."""
    given = values.get(name, ())
    return given[-1] if given else ""
