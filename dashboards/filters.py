"""What the inbox is narrowed to: one value that goes into an address and comes back out of it.

A person sends the address of a page, and whoever opens it sees the same: the filter is therefore
nowhere else. The run page carries it along, to know which finding is next.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import parse_qs, urlencode

from contracts.instants import micros, moment, written
from dashboards.words import (
    ACKNOWLEDGED,
    OPEN,
    REVIEWS,
    SEVERITIES,
    STATES,
    UNDECIDABLE,
    VIOLATED,
)

DEFAULT_STATES: Final = (VIOLATED, UNDECIDABLE)
# The facets that narrow where nothing is chosen: what is settled, or broke nothing, is asked for.
DEFAULTS: Final[Mapping[str, tuple[str, ...]]] = {
    "result": DEFAULT_STATES,
    "review": (OPEN, ACKNOWLEDGED),
}
PAGE_SIZE: Final = 25
MOST_MARKED: Final = 100
"""An address with more of them is longer than some programs pass on."""
TIMES: Final = ("since", "until")
# The times that are told apart: from the year 1000 to the end of 9999, in microseconds.
FIRST: Final = -30_610_224_000_000_000
LAST: Final = 253_402_300_799_999_999

SORTS: Final[Mapping[str, str]] = {
    "severity": "rank, idx, id",
    "newest": "moment DESC, idx DESC, id",
    "oldest": "moment, idx, id",
    "rule": "rule, idx, id",
}
DEFAULT_SORT: Final = "severity"

# What the inbox lists: findings that belong together as one line, or each by itself.
INCIDENTS: Final = "incidents"
FINDINGS: Final = "findings"
VIEWS: Final = (INCIDENTS, FINDINGS)
# By the gravest, the newest and so on of their findings; and by how many those are.
INCIDENT_SORTS: Final[Mapping[str, str]] = {
    "severity": "i.rank, i.size DESC, i.first, i.id",
    "newest": "i.ended DESC, i.last DESC, i.id",
    "oldest": "i.began, i.first, i.id",
    "rule": "i.rule, i.first, i.id",
    "largest": "i.size DESC, i.first, i.id",
}

# The facets in the order of the page: parameter of the address, column of the findings.
FACETS: Final[Mapping[str, str]] = {
    "result": "state",
    "review": "review",
    "severity": "severity",
    "clause": "clause",
    "rule": "rule",
    "channel": "channel",
    "version": "version",
    "service": "service",
    "assignee": "assignee",
    "incident": "incident",
}
# Of these there are as many as incidents: one is chosen by opening it.
OPENED: Final = frozenset({"incident"})


# The values that some of the facets can have; the others have those of the findings.
_KNOWN: Final = {"result": STATES, "review": REVIEWS, "severity": SEVERITIES}
_DIGITS: Final = 12
MARKED: Final = "marked"
_ID: Final = re.compile(r"F-[0-9a-f]{16}")


def number(text: str) -> int | None:
    """Return the number that an address names; None where it names none that could be meant.

    Example:
        >>> number("42"), number("-1"), number("x"), number("9" * 5_000)
        (42, None, None, None)
    """
    return int(text) if text.isdecimal() and len(text) <= _DIGITS else None


def time_of(text: str) -> str:
    """Return a time in UTC as an address has it, as short as it can be; empty for none.

    Example:
        >>> time_of("2026-03-01T00:00:00Z"), time_of("2026-03-01T10:30:00+01:00"), time_of("soon")
        ('2026-03-01', '2026-03-01T09:30:00Z', '')
    """
    at = _micros(text.strip())
    if at is None:
        return ""
    return written(moment(at)).replace(".000000Z", "Z").removesuffix("T00:00:00Z")


def _micros(text: str) -> int | None:
    """Return microseconds since 1970; a day is its first moment."""
    found = micros(text if "T" in text else f"{text}T00:00:00Z")
    # Before the year 1000 no time is written with as many digits as all others are.
    return None if found is None or not FIRST <= found <= LAST else found


def page_of(number: int) -> int:
    """Return the page on which the line with this number stands; both count from 1.

    Example:
        >>> page_of(1), page_of(25), page_of(26), page_of(0)
        (1, 1, 2, 1)
    """
    return max(-(-number // PAGE_SIZE), 1)


@dataclass(frozen=True, slots=True)
class Filter:
    """A choice of findings, their order, and a page of them.

    Attributes:
        chosen: By facet, the values to keep; a facet that is not there keeps all.
        search: Words that must all stand in the finding, whatever their case.
        sort: A key of `SORTS`.
        page: From 1.
        view: One of `VIEWS`, as it was asked for.
        since: Then or later, as `time_of` writes it; empty: from the beginning.
        until: Before then; empty: to the end.
        marked: Ids of findings that the reader marked, to do one thing with all of them. They are
            kept on the way, and narrow nothing.
    """

    chosen: Mapping[str, tuple[str, ...]]
    search: str = ""
    sort: str = DEFAULT_SORT
    page: int = 1
    view: str = INCIDENTS
    since: str = ""
    until: str = ""
    marked: tuple[str, ...] = ()

    @classmethod
    def of(cls, parameters: Mapping[str, Iterable[str]]) -> "Filter":
        """Read a filter from an address's parameters; what makes no sense in them is passed over.

        Example:
            >>> Filter.of({"severity": ["high"], "page": ["x"]}).chosen["severity"]
            ('high',)
        """
        values = {name: tuple(given) for name, given in parameters.items()}
        chosen = {name: tuple(filter(None, values[name])) for name in FACETS if name in values}
        chosen = {**DEFAULTS, **chosen}
        for name, known in _KNOWN.items():
            chosen[name] = tuple(one for one in chosen.get(name, ()) if one in known)
        sort, view = _last(values, "sort"), _last(values, "view")
        return cls(
            {name: given for name, given in chosen.items() if given},
            _last(values, "q"),
            sort if sort in INCIDENT_SORTS else DEFAULT_SORT,
            max(number(_last(values, "page")) or 1, 1),
            view if view in VIEWS else INCIDENTS,
            time_of(_last(values, "since")),
            time_of(_last(values, "until")),
            _some(filter(_ID.fullmatch, values.get(MARKED, ()))),
        )

    def parameters(self) -> dict[str, list[str]]:
        """Return the parameters of an address that opens this choice; defaults are left out."""
        found: dict[str, list[str]] = {}
        for name in FACETS:
            values = self.chosen.get(name, ())
            if name in DEFAULTS and set(values) == set(DEFAULTS[name]):
                continue
            if values or name in DEFAULTS:
                found[name] = list(values) or [""]
        others = {
            "q": self.search,
            "sort": self.sort if self.sort != DEFAULT_SORT else "",
            "view": self.view if self.view != INCIDENTS else "",
            "since": self.since,
            "until": self.until,
            "page": str(self.page) if self.page > 1 else "",
        }
        found |= {name: [value] for name, value in others.items() if value}
        return found | ({MARKED: list(self.marked)} if self.marked else {})

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

    def within(self, incident: str) -> "Filter":
        """Return the same choice among the findings of one incident, from its first page."""
        chosen = {**self.chosen, "incident": (incident,)}
        return replace(self, chosen=chosen, page=1, view=INCIDENTS)

    def outside(self) -> "Filter":
        """Return the same choice among all incidents, from the first page."""
        chosen = {name: kept for name, kept in self.chosen.items() if name not in OPENED}
        if not set(self.states) & set(DEFAULT_STATES):
            chosen["result"] = DEFAULT_STATES
        return replace(self, chosen=chosen, page=1, view=INCIDENTS)

    def between(self, since: str, until: str) -> "Filter":
        """Return the same choice of another time, from its first page; what is no time is none."""
        return replace(self, since=time_of(since), until=time_of(until), page=1)

    def marking(self, which: str) -> "Filter":
        """Return the same choice with a finding marked, or no longer where it is.

        Example:
            >>> both = Filter.of({}).marking("F-0000000000000001").marking("F-0000000000000002")
            >>> both.marking("F-0000000000000001").marked
            ('F-0000000000000002',)
        """
        others = tuple(one for one in self.marked if one != which)
        return self.with_marked(others if which in self.marked else (*others, which))

    def with_marked(self, marked: Iterable[str]) -> "Filter":
        """Return the same choice with just these findings marked, as many as an address takes."""
        return replace(self, marked=_some(marked))

    @property
    def window(self) -> tuple[str, str]:
        """From when to when, as the ledger writes times; empty where it is open."""
        since, until = (_micros(time) for time in (self.since, self.until))
        return (
            "" if since is None else written(moment(since)),
            "" if until is None else written(moment(until)),
        )

    @property
    def narrowed(self) -> bool:
        """Whether anything but the defaults is asked for."""
        plain = replace(self, page=1, sort=DEFAULT_SORT, view=INCIDENTS, marked=())
        return bool(plain.parameters())

    @property
    def incident(self) -> str:
        """The incident whose findings are asked for; empty where no one is."""
        given = self.chosen.get("incident", ())
        return given[0] if len(given) == 1 else ""

    @property
    def of_findings(self) -> bool:
        """Whether the list is one of findings: also of an incident's, and of what is in none."""
        in_incidents = bool(set(self.states) & set(DEFAULT_STATES))
        return self.view == FINDINGS or "incident" in self.chosen or not in_incidents

    @property
    def order(self) -> str:
        """The order of findings that the sort means."""
        return SORTS.get(self.sort, SORTS[DEFAULT_SORT])

    @property
    def states(self) -> tuple[str, ...]:
        """The states that are kept, in the order of the page."""
        kept = self.chosen.get("result", ())
        return tuple(state for state in STATES if state in kept) or STATES


def _some(marked: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(marked))[:MOST_MARKED]


def _last(values: Mapping[str, tuple[str, ...]], name: str) -> str:
    """Return the last value of a parameter, as whoever appends to an address means it."""
    given = values.get(name, ())
    return given[-1] if given else ""
