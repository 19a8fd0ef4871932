"""Saved views: choices with a name, as links beside the inbox.

The app keeps no state but the ledger and the address. So a view is an address: some come with the
app, and whoever starts it may name a file with more of them (`writ app --views FILE`), which is
only read:

    [[view]]
    name = "Chat, critical"
    query = "channel=chat&severity=critical"

`query` is what stands after the question mark of the inbox's address.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, cast
from urllib.parse import parse_qs

from dashboards.filters import (
    DEFAULT_SORT,
    FACETS,
    FINDINGS,
    INCIDENT_SORTS,
    INCIDENTS,
    TIMES,
    VIEWS,
    Filter,
    time_of,
)
from dashboards.queries import where_of
from dashboards.tables import Tables
from dashboards.words import ADVICE, HANDLED, SEVERITIES, STATES, UNDECIDABLE
from verifier.errors import VerifierError

MOST: Final = 30
MOST_BYTES: Final = 64_000
LONGEST: Final = 60
# Names are labels: nothing in them may be markup.
_NAME: Final = re.compile(r"[^\W_](?:[^\W_]|[ ,.'()/&+-])*")
_KNOWN: Final[Mapping[str, Sequence[str]]] = {
    "result": STATES,
    "severity": SEVERITIES,
    "view": VIEWS,
    "sort": tuple(INCIDENT_SORTS),
}
# A page is no part of a view.
_ASKED: Final = frozenset({*FACETS, *TIMES, "q", "sort", "view"})


class ViewsError(VerifierError):
    """A file of views cannot be used."""

    code = "views.malformed"


@dataclass(frozen=True, slots=True)
class View:
    """A choice with a name; `about` says in a sentence what is in it."""

    name: str
    asks: Filter
    about: str = ""


BUILT_IN: Final = (
    View("To review", Filter.of({}), "What is violated, and what nobody can tell."),
    View("Critical", Filter.of({"severity": ["critical"]}), "The gravest of what is to review."),
    View("Undecidable", Filter.of({"result": [UNDECIDABLE]}), "What nobody can tell, and why."),
    View(
        "Kill switch",
        Filter.of({"rule": ["recovery.kill-switch"], "result": [""], "view": [FINDINGS]}),
        "What was tried while the service was stopped: what got through, and what was held back.",
    ),
    View("Handled", Filter.of({"result": [HANDLED]}), "What the guard stopped or a person lifted."),
    View("Advice", Filter.of({"result": [ADVICE]}), "Worth knowing, breaks nothing."),
)


def mine(identity: str) -> tuple[View, ...]:
    """Return the view of what is assigned to whoever looks; none where nobody is known to."""
    if not identity:
        return ()
    asks = Filter.of({"assignee": [identity], "view": [FINDINGS]})
    return (View("Mine", asks, "What is assigned to you, and not settled."),)


def numbers(tables: Tables, views: Sequence[View]) -> tuple[int, ...]:
    """Return how many findings each view has."""
    if not views:
        return ()
    asked = [where_of(view.asks) for view in views]
    counted = ", ".join(f"count(*) FILTER ({where})" for where, _ in asked)
    values = [value for _, given in asked for value in given]
    return tuple(
        int(number) for number in tables.rows(f"SELECT {counted} FROM findings", *values)[0]
    )


def same(one: Filter, other: Filter) -> bool:
    """Return whether two choices keep the same, in whatever order and on whatever page."""
    return _kept(one) == _kept(other)


def _kept(chosen: Filter) -> Filter:
    sets = {name: tuple(sorted(kept)) for name, kept in chosen.chosen.items() if kept}
    words = " ".join(chosen.search.lower().split())
    return Filter(sets, words, DEFAULT_SORT, 1, INCIDENTS, chosen.since, chosen.until)


def as_toml(chosen: Filter, name: str = "Name it here") -> str:
    """Return the lines that put a choice into a file of views.

    Example:
        >>> print(as_toml(Filter.of({"channel": ["chat"]}), "Chat"))
        [[view]]
        name = "Chat"
        query = "channel=chat"
    """
    # What is packed is quoted for an address: no quote, no backslash, no line end is left in it.
    asks = replace(chosen, page=1, marked=())
    return f'[[view]]\nname = "{name}"\nquery = "{asks.packed()}"'


def read_views(path: str) -> tuple[View, ...]:
    """Return the views of a file.

    Args:
        path: The file's name; where it is empty there are none.

    Raises:
        ViewsError: It cannot be read, or something in it is not as it is meant. Says where.
    """
    if not path:
        return ()
    name = Path(path).name
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        what = f"{name}: the views cannot be read: {error.strerror or error}"
        raise ViewsError(what, code="views.unreadable") from None
    if len(raw) > MOST_BYTES:
        raise ViewsError(f"{name}: it is longer than {MOST_BYTES:,} bytes")
    return parse_views(raw, name)


def parse_views(raw: bytes, name: str) -> tuple[View, ...]:
    """Return the views that a file's content names.

    Args:
        raw: The content.
        name: What errors call the file.

    Raises:
        ViewsError: Something in it is not as it is meant. Says where.
    """
    try:
        content = tomllib.loads(raw.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ViewsError(f"{name}: this is not TOML: {error}") from None
    strangers = sorted(set(content) - {"view"})
    given = content.get("view")
    if strangers or not isinstance(given, list):
        told = f"{strangers[0]!r} is not known" if strangers else "there is no [[view]]"
        raise ViewsError(f"{name}: {told}: each view begins with the line [[view]]")
    entries = cast("list[object]", given)
    if len(entries) > MOST:
        raise ViewsError(
            f"{name}: {len(entries)} views are too many to choose from: {MOST} at most"
        )
    views = tuple(_view(one, f"{name}, view {at}") for at, one in enumerate(entries, 1))
    _unlike((view.name for view in views), name)
    return views


def _view(given: object, where: str) -> View:
    if not isinstance(given, dict):
        raise ViewsError(f"{where}: begin each view with the line [[view]]")
    fields = cast("dict[str, object]", given)
    name, query = fields.get("name"), fields.get("query")
    if not isinstance(name, str) or not isinstance(query, str) or len(fields) > 2:  # noqa: PLR2004
        raise ViewsError(f"{where}: a view has a name and a query, both texts, and nothing else")
    if len(name) > LONGEST or not _NAME.fullmatch(name):
        raise ViewsError(
            f"{where}: a name has at most {LONGEST} letters, digits, spaces and ,.'()/&+- "
            f"and begins with a letter or a digit, and {name[:LONGEST]!r} does not"
        )
    return View(name, Filter.of(_parameters(query, where)))


def _parameters(query: str, where: str) -> Mapping[str, list[str]]:
    """Return what a query asks for, all of which must make sense: nothing is passed over here."""
    try:
        asked = parse_qs(
            query.removeprefix("?"), keep_blank_values=True, strict_parsing=bool(query)
        )
    except ValueError:
        raise ViewsError(
            f"{where}: the query {query[:LONGEST]!r} is not name=value&name=value"
        ) from None
    for name, values in asked.items():
        if name not in _ASKED:
            known = ", ".join(sorted(_ASKED))
            raise ViewsError(f"{where}: the query names {name!r}, and may name {known}")
        if name in TIMES and any(one and not time_of(one) for one in values):
            raise ViewsError(f"{where}: {name} is {values[0]!r}, and may be 2026-03-01 or a time")
        known_values = _KNOWN.get(name)
        odd = [one for one in values if one and known_values and one not in known_values]
        if odd:
            told = ", ".join(known_values or ())
            raise ViewsError(f"{where}: {name} is {odd[0]!r}, and may be {told}")
    return asked


def _unlike(names: Iterable[str], where: str) -> None:
    seen = {view.name.casefold() for view in BUILT_IN}
    for name in names:
        if name.casefold() in seen:
            raise ViewsError(
                f"{where}: two views are called {name!r}, or it is one of the app's own"
            )
        seen.add(name.casefold())
