"""The inbox's list: a page of incidents or of findings, one line of it selected.

Which line is selected stands in the address. The list is a fragment: to go a line on draws the
list again, and not the whole page.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from dashboards import incidents, markup, queries, session
from dashboards.filters import PAGE_SIZE, Filter
from dashboards.incidents import IncidentRow
from dashboards.markup import code
from dashboards.queries import FindingRow
from dashboards.tables import Tables
from dashboards.views import acts, keys, parts
from dashboards.words import count, last_name, sentence, short, span, sums, when

FIRST, LAST = "first", "last"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the list.

    Attributes:
        id: Its name in the address.
        key: Its name on the page.
        signs: Badges, as HTML.
        body: What it says, as HTML.
        way: The link that opens it, by the mouse or by the keyboard (`dashboards.views.keys`); it
            stands before all others.
    """

    id: str
    key: str
    signs: str
    body: str
    way: str

    def drawn(self, *, picked: bool) -> str:
        """Return it as HTML."""
        key = f"picked-{self.key}" if picked else self.key
        return markup.item(key, signs=self.signs, body=self.body, ways=self.way)


@st.fragment
def show() -> None:
    """Show the page of the list that the address asks for."""
    tables, chosen = session.tables(), session.chosen()
    if tables is None:
        return
    if chosen.of_findings:
        _findings(tables, chosen)
    else:
        _incidents(tables, chosen)


def _findings(tables: Tables, chosen: Filter) -> None:
    found = queries.findings(tables, chosen)
    if not found.total:
        _nothing(chosen)
        return
    told = f"{count(found.total, 'finding')}, {_range(found.page, len(found.rows))}"
    lines = [_finding(row, chosen) for row in found.rows]
    _list(told, lines, chosen.at_page(found.page), found.pages, marks=True)


def _incidents(tables: Tables, chosen: Filter) -> None:
    found = incidents.grouped(tables, chosen)
    if not found.total:
        _nothing(chosen)
        return
    told = (
        f"{count(found.findings, 'finding')} in {count(found.total, 'incident')}, "
        f"{_range(found.page, len(found.rows))}"
    )
    lines = [_incident(row, chosen) for row in found.rows]
    _list(told, lines, chosen.at_page(found.page), found.pages)


def _range(page: int, rows: int) -> str:
    start = (page - 1) * PAGE_SIZE
    return f"{start + 1:,} to {start + rows:,} shown"


def _list(
    told: str, lines: Sequence[Line], chosen: Filter, pages: int, *, marks: bool = False
) -> None:
    picked = _picked(lines)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(told, width="stretch")
        _steps(lines, picked, chosen, pages)
        # Last: it may run the page anew, and the others have to know their line by then.
        if marks:
            _mark("" if picked is None else lines[picked].id, chosen)
    # One element: each costs the browser some milliseconds, and 25 lines were a hundred.
    st.html(markup.listed(line.drawn(picked=n == picked) for n, line in enumerate(lines)))
    if pages > 1:
        # A page is another widget: the address says which page it is, and not what was clicked.
        key = f"page-{chosen.page}"
        st.pagination(pages, default=chosen.page, key=key, on_change=_turned, args=(key,))
    st.caption(f"{keys.LIST} · {keys.MARK}" if marks else keys.LIST)
    keys.focus("" if picked is None else f"picked-{lines[picked].key}", link=True)


def _picked(lines: Sequence[Line]) -> int | None:
    """Return the place of the line that the address selects; None where it selects none here."""
    wanted = session.parameter(session.PICKED)
    if wanted in {FIRST, LAST}:
        return 0 if wanted == FIRST else len(lines) - 1
    return next((place for place, line in enumerate(lines) if line.id == wanted), None)


def _mark(picked: str, chosen: Filter) -> None:
    """Let the keyboard mark the line that is selected, or take its mark away."""
    word = "Unmark" if picked in chosen.marked else "Mark"
    if st.button(word, key="go-X", shortcut="X", type="tertiary", disabled=not picked):
        session.go(session.back(chosen.marking(picked), picked))
        # What is done with all that are marked stands above the list, which is drawn by itself.
        st.rerun()


def _steps(lines: Sequence[Line], picked: int | None, chosen: Filter, pages: int) -> None:
    """Let the keyboard go through the list."""
    before, after = _beside(lines, picked, chosen, pages)
    parts.step("Previous", "K", before)
    parts.step("Next", "J", after)


def _beside(
    lines: Sequence[Line], picked: int | None, chosen: Filter, pages: int
) -> tuple[dict[str, list[str]] | None, dict[str, list[str]] | None]:
    """Return the addresses that select the line before and the one after, also beyond the page."""
    if picked is None:
        return None, session.back(chosen, lines[0].id)
    before = after = None
    if picked > 0:
        before = session.back(chosen, lines[picked - 1].id)
    elif chosen.page > 1:
        before = session.back(chosen.at_page(chosen.page - 1), LAST)
    if picked < len(lines) - 1:
        after = session.back(chosen, lines[picked + 1].id)
    elif chosen.page < pages:
        after = session.back(chosen.at_page(chosen.page + 1), FIRST)
    return before, after


def _turned(key: str) -> None:
    session.go(session.chosen().at_page(st.session_state[key]).parameters())


# ------------------------------------------------------------------------- a finding


def _finding(row: FindingRow, chosen: Filter) -> Line:
    handled = sentence(row.handled) if row.handled else ""
    there = parts.finding_address(row, chosen)
    asks = session.back(chosen.marking(row.id), session.parameter(session.PICKED))
    other = session.address(session.INBOX, asks)
    mark = markup.check(f"Mark {row.id}", row.id, other, checked=row.id in chosen.marked)
    return Line(
        row.id,
        f"row-{row.place}",
        f"{parts.signs(row)} {acts.signs(row)}",
        markup.row((row.says, handled), _told(row)),
        parts.to_run(f"Open entry {row.index}", there) + mark,
    )


def _told(row: FindingRow) -> list[str]:
    """Return the small print: when, rule, tool, run, channel, id, and who has it."""
    told = [markup.text(when(row.moment)) or "no time", code(row.rule)]
    told += [f"tool {code(row.tool, 40)}"] if row.tool else []
    told += [f"run {code(queries.shown_run(row), 40)}"] if row.run_name else []
    told += [f"channel {code(row.channel, 20)}"] if row.channel else []
    told += [f"by {code(last_name(row.identity), 40)}"] if row.identity else []
    told += [code(row.id)]
    told += [f"assigned to {code(last_name(row.assignee), 40)}"] if row.assignee else []
    return told


# ----------------------------------------------------------------------- an incident


def _incident(row: IncidentRow, chosen: Filter) -> Line:
    """Return an incident's line. One of a single finding opens that: a list of one says less."""
    times = markup.text(span(row.began, row.ended)) or "no time"
    if row.size == 1:
        there = parts.run_address(row.run, at=row.first, finding=row.finding, chosen=chosen)
        way = parts.to_run(f"Open entry {row.first}", there)
    else:
        asks = chosen.within(row.id).parameters()
        within = session.address(session.INBOX, asks)
        way = markup.link(f"Open {count(row.size, 'finding')}", within, parts.FORWARD)
    body = markup.row((row.says,), (times, *incident_told(row)))
    return Line(row.id, f"incident-{row.place}", parts.incident_signs(row), body, way)


def incident_told(row: IncidentRow) -> list[str]:
    """Return the small print as HTML: how many, where, by whom, and what was at stake."""
    told = [code(row.rule)]
    if row.size > 1 or row.runs != 1:
        runs = f" in {count(row.runs, 'run')}" if row.runs else " in no run"
        told.append(f"{markup.strong(count(row.size, 'finding'))}{runs}")
    told += [f"{row.fits:,} of them in this choice"] if row.fits != row.size else []
    told += [f"run {code(short(row.run_name), 40)}"] if row.run_name else []
    told += [f"worth {markup.strong(sums(row.stake))}"] if row.stake else []
    told += [f"by {code(last_name(row.identity), 40)}"] if row.identity else []
    told += [f"by {row.identities} identities"] if row.identities > 1 else []
    return [*told, code(row.id)]


# --------------------------------------------------------------------------- nothing


def _nothing(chosen: Filter) -> None:
    if chosen.narrowed:
        st.info("No finding fits what is asked for. Take a filter away, or clear them all.")
        st.button("Clear all filters", key="clear_list", on_click=session.clear)
    else:
        st.success(
            "Nothing is violated or undecidable. Choose *advice* or *handled* under Result to see "
            "what else was noticed, or look at a run on the Run page.",
            icon=":material/check:",
        )
