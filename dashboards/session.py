"""What every page of a visit starts from: the ledger, verified once and shared by all visitors.

The state of the app is in its address and in the ledger. Kept between runs of a page is only what
a verification gave, by the ledger's name, its trust file's bytes and the place where it ended.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast
from weakref import WeakSet

import streamlit as st

from dashboards import acting, markup
from dashboards.filters import Filter
from dashboards.opening import (
    End,
    Later,
    Opening,
    Problem,
    Result,
    Shown,
    Source,
    busy,
    continues,
    end_of,
    read_trust,
    trust_problem,
)
from dashboards.people import Person, known, signed_in
from dashboards.tables import Tables
from dashboards.words import count
from verifier.errors import TrustError
from verifier.trust import Trust

# Most ledgers of tests and samples are verified before anybody would read a progress bar.
AT_ONCE_SECONDS: Final = 0.4
# How long a page waits for a ledger that another program holds.
PATIENCE_SECONDS: Final = 5.0
TICK_SECONDS: Final = 0.25
KEPT: Final = 2
# Said where a file was written to and ends as it did: a head was signed, or something is wrong.
WRITTEN: Final = (
    "The ledger's file was written to since this was verified, and has no new entry: a head was "
    "signed, or something in it was altered. Verify again to know."
)
_KEY: Final = "writ_visit"
_OTHER: Final = "The ledger is no longer the one that was verified. What is shown was read before."
CARRIED: Final = "inbox"
PICKED: Final = "selected"

INBOX: Final = "views/inbox.py"
RUN: Final = "views/run.py"
EVIDENCE: Final = "views/evidence.py"
INTEGRITY: Final = "views/integrity.py"
CONTRACTS: Final = "views/contracts.py"
WHATIF: Final = "views/whatif.py"
ROLLBACK: Final = "views/rollback.py"
VALUE: Final = "views/value.py"
PATHS: Final[Mapping[str, str]] = {
    INBOX: "./",
    RUN: "run",
    EVIDENCE: "evidence",
    INTEGRITY: "integrity",
    CONTRACTS: "contracts",
    WHATIF: "whatif",
    ROLLBACK: "rollback",
    VALUE: "value",
}
"""Where each page is, below the app's address: all of them stand beside each other."""


def address(page: str, asks: Mapping[str, Sequence[str]] | None = None) -> str:
    """Return the address of one of the pages, as links on the others name it."""
    return markup.address(PATHS[page], asks or {})


@dataclass(frozen=True, slots=True)
class Visit:
    """What pages may show, and what has happened to the ledger's file meanwhile.

    Attributes:
        source: What the app was started on.
        result: What the verification gave.
        news: What became of the ledger since, in words; empty where nothing did.
        proven: What is proven of the reviews that came in since, in words; empty without any.
        seen: Up to which entry reviews are taken in, as this page began: what it shows may be newer
            where somebody else's page took in more meanwhile, and never older.
    """

    source: Source
    result: Result
    news: str = ""
    proven: str = ""
    seen: int = 0


@st.cache_resource(max_entries=KEPT, show_spinner=False)
def _opening(ledger: str, trust: str, end: tuple[int, str], _trust: Trust | None) -> Opening:
    """Begin a verification, one for all who look: by ledger, trust file's digest, and end."""
    del trust, end
    opening = Opening(Source(ledger), _trust)
    _begun().add(opening)
    return opening


@st.cache_resource(show_spinner=False)
def _begun() -> WeakSet[Opening]:
    """Return the verifications that were begun. To be among them keeps no ledger's tables."""
    return WeakSet()


@st.cache_resource(show_spinner=False)
def _shown_end(ledger: str, trust: str) -> dict[str, End]:
    """Return where the ledger ended that pages show: it stays until somebody verifies again."""
    del ledger, trust
    return {}


def visit(source: Source) -> Visit:
    """Return what pages may show, after waiting for it with a bar where it takes its time."""
    if not source.ledger:
        return Visit(
            source,
            Problem(
                "app.no-ledger",
                "the app was started without a ledger",
                "Start it with `writ app LEDGER`, or with `make app` to see the demonstration.",
            ),
        )
    try:
        trust, digest = read_trust(source)
    except (OSError, TrustError) as error:
        return Visit(source, trust_problem(error))
    kept = _shown_end(source.ledger, digest)
    now = Later(lambda: end_of(source)).wait(PATIENCE_SECONDS) or busy(source)
    if isinstance(now, Problem) and "end" not in kept:
        return Visit(source, now)
    end = kept["end"] if isinstance(now, Problem) else kept.setdefault("end", now)
    opening = _opening(source.ledger, digest, (end.size, end.leaf), trust)
    result = _awaited(opening, source)
    if isinstance(now, Problem):
        return Visit(source, result, _unreadable(now))
    if isinstance(result, Shown):
        news = _since(source, result, end, now)
        # Before anything is read of the tables, which all visitors share.
        return Visit(source, result, news, result.since.standing.proven, result.since.size)
    return Visit(source, result, _news(source, end, now))


def ask_again() -> None:
    """Verify again for whoever asks, unless that is under way: it takes minutes of a processor."""
    if all(one.wait(0) is not None for one in _begun()):
        verify_again()


def verify_again() -> None:
    """Forget what was verified: the next page begins anew, for everybody."""
    _shown_end.clear()
    _opening.clear()


def keep(current: Visit) -> None:
    """Hand a visit on to the page that runs now."""
    st.session_state[_KEY] = current


def current() -> Visit:
    """Return the visit that the app opened for this page."""
    return cast("Visit", st.session_state[_KEY])


def person() -> Person:
    """Return who looks at this page, as the ledger knows them by now."""
    result, held = current().result, acting.desk()
    if not isinstance(result, Shown):
        return Person()
    history, size = result.since.history, result.since.size
    if held.signs_in:
        return signed_in(history, size, st.user.to_dict()) if st.user.is_logged_in else Person()
    return known(history, size, held.me) if held.me else Person()


def tables() -> Tables | None:
    """Return the tables of the ledger that the app opened for this page; None where it broke."""
    result = current().result
    return result.tables if isinstance(result, Shown) else None


def parameters() -> Mapping[str, tuple[str, ...]]:
    """Return the address's parameters, each with all its values."""
    return {name: tuple(st.query_params.get_all(name)) for name in st.query_params}


def parameter(name: str) -> str:
    """Return the last value of one of the address's parameters; empty where there is none."""
    return (parameters().get(name) or ("",))[-1]


def chosen() -> Filter:
    """Return the filter that the inbox's address asks for."""
    return Filter.of(parameters())


def carried() -> Filter:
    """Return the inbox's filter, as the address of another page carries it."""
    return Filter.unpacked(parameter(CARRIED))


def back(chosen: Filter, picked: str = "") -> dict[str, list[str]]:
    """Return the inbox's address for a choice, with one line of its list selected."""
    return {**chosen.parameters(), **({PICKED: [picked]} if picked else {})}


def clear() -> None:
    """Ask for nothing in particular; what is marked stays so."""
    go(Filter.of({}).with_marked(chosen().marked).parameters())


def go(there: Mapping[str, Sequence[str]]) -> None:
    """Ask the page for something else: the address says so, and the page runs with it.

    Widgets are not bound to the address by Streamlit's own means: it would take a bound parameter
    out of an address by an address of its own, on which a reader who goes back would be stranded.
    """
    st.query_params.from_dict({name: list(values) for name, values in there.items()})


def _unreadable(problem: Problem) -> str:
    return f"The ledger can no longer be read ({problem.what}). What is shown was read before."


def _since(source: Source, shown: Shown, end: End, now: End) -> str:
    """Take in what was appended, as far as it can be checked, and say what is not shown."""
    since = shown.since
    if now == End(since.size, since.leaf):
        return since.standing.news or _written(end, now)

    def look() -> str:
        if now.size < end.size or not continues(source, end):
            return _OTHER
        return since.read_on().news

    found = Later(look).wait(PATIENCE_SECONDS)
    found = busy(source) if found is None else found
    return _unreadable(found) if isinstance(found, Problem) else found


def _written(before: End, now: End) -> str:
    """Say that a file was written to which ends where it did."""
    return WRITTEN if before == now and before.written != now.written else ""


def _news(source: Source, before: End, now: End) -> str:
    if before == now:
        return _written(before, now)
    longer = now.size > before.size
    if longer and Later(lambda: continues(source, before)).wait(PATIENCE_SECONDS) is True:
        new = count(now.size - before.size, "entry is", "entries are")
        return f"{new} new since this was verified, and not shown."
    return _OTHER


def _awaited(opening: Opening, source: Source) -> Result:
    result = opening.wait(AT_ONCE_SECONDS)
    if result is not None:
        return result
    place = st.empty()
    with place.container():
        st.status("Verifying the ledger before anything in it is shown", state="running")
        st.text(source.name)
        bar = st.progress(0.0)
    while result is None:
        # The part's words are this project's own.
        bar.progress(opening.share, text=f"{opening.part} · {opening.share:.0%}")
        result = opening.wait(TICK_SECONDS)
    place.empty()
    return result
