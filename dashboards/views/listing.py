"""The inbox's list: a page of incidents or of findings, one line of it selected.

Which line is selected stands in the address. The list is a fragment: to go a line on draws the
list again, and not the whole page.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

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

SIGNS_WIDE: Final = 150
"""Pixels: the two signs of most lines stand one above the other."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the list: its name in the address, its element's key, and how it is drawn.

    Its link opens it, by the mouse or by the keyboard (`dashboards.views.keys`).
    """

    id: str
    key: str
    draw: Callable[[Filter], None]


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
    lines = [_finding_line(row) for row in found.rows]
    _list(told, lines, chosen.at_page(found.page), found.pages)


def _incidents(tables: Tables, chosen: Filter) -> None:
    found = incidents.grouped(tables, chosen)
    if not found.total:
        _nothing(chosen)
        return
    told = (
        f"{count(found.findings, 'finding')} in {count(found.total, 'incident')}, "
        f"{_range(found.page, len(found.rows))}"
    )
    lines = [_incident_line(row) for row in found.rows]
    _list(told, lines, chosen.at_page(found.page), found.pages)


def _range(page: int, rows: int) -> str:
    start = (page - 1) * PAGE_SIZE
    return f"{start + 1:,} to {start + rows:,} shown"


def _list(told: str, lines: Sequence[Line], chosen: Filter, pages: int) -> None:
    picked = _picked(lines)
    _tools(told, lines, picked, chosen, pages)
    for place, line in enumerate(lines):
        key = f"picked-{line.key}" if place == picked else line.key
        # As few elements as it takes: each costs the browser some milliseconds, in 25 lines.
        with st.container(border=True, key=key, horizontal=True, gap="small"):
            line.draw(chosen)
    if pages > 1:
        # A page is another widget: the address says which page it is, and not what was clicked.
        key = f"page-{chosen.page}"
        st.pagination(pages, default=chosen.page, key=key, on_change=_turned, args=(key,))
    st.caption(keys.LIST)
    keys.focus("" if picked is None else f"picked-{lines[picked].key}", link=True)


def _picked(lines: Sequence[Line]) -> int | None:
    """Return the place of the line that the address selects; None where it selects none here."""
    wanted = session.parameter(session.PICKED)
    if wanted in {FIRST, LAST}:
        return 0 if wanted == FIRST else len(lines) - 1
    return next((place for place, line in enumerate(lines) if line.id == wanted), None)


def _tools(
    told: str, lines: Sequence[Line], picked: int | None, chosen: Filter, pages: int
) -> None:
    """Say what is listed, and let the keyboard go through it."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(told, width="stretch")
        before, after = _beside(lines, picked, chosen, pages)
        for label, key, there in (("Previous", "K", before), ("Next", "J", after)):
            st.button(
                label,
                key=f"go-{key}",
                shortcut=key,
                type="tertiary",
                disabled=there is None,
                on_click=session.go,
                args=(there or {},),
            )


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


def _finding_line(row: FindingRow) -> Line:
    return Line(row.id, f"row-{row.place}", partial(_finding, row))


def _finding(row: FindingRow, chosen: Filter) -> None:
    st.markdown(" ".join([parts.signed(row), acts.signed(row)]), width=SIGNS_WIDE)
    handled = sentence(row.handled) if row.handled else ""
    st.html(markup.row((row.says, handled), _told(row)))
    parts.run_link(f"Open entry {row.index}", row.run, at=row.index, finding=row.id, chosen=chosen)


def _told(row: FindingRow) -> list[str]:
    """Return the small print: when, rule, tool, run, channel, id, and who has it."""
    told = [when(row.moment) or "no time", code(row.rule)]
    told += [f"tool {code(row.tool, 40)}"] if row.tool else []
    told += [f"run {code(queries.shown_run(row), 40)}"] if row.run_name else []
    told += [f"channel {code(row.channel, 20)}"] if row.channel else []
    told += [f"by {code(last_name(row.identity), 40)}"] if row.identity else []
    told += [code(row.id)]
    told += [f"assigned to {code(last_name(row.assignee), 40)}"] if row.assignee else []
    return told


# ----------------------------------------------------------------------- an incident


def _incident_line(row: IncidentRow) -> Line:
    return Line(row.id, f"incident-{row.place}", partial(_incident, row))


def _incident(row: IncidentRow, chosen: Filter) -> None:
    """Show an incident. One of a single finding opens that: a list of one says less."""
    st.markdown(parts.incident_signed(row), width=SIGNS_WIDE)
    times = span(row.began, row.ended) or "no time"
    st.html(markup.row((row.says,), (times, *incident_told(row))))
    if row.size == 1:
        parts.run_link(
            f"Open entry {row.first}", row.run, at=row.first, finding=row.finding, chosen=chosen
        )
    else:
        st.page_link(
            session.INBOX,
            label=f"Open {count(row.size, 'finding')}",
            icon=":material/arrow_forward:",
            query_params=chosen.within(row.id).parameters(),
        )


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


def _clear() -> None:
    session.go({})


def _nothing(chosen: Filter) -> None:
    if chosen.narrowed:
        st.info("No finding fits what is asked for. Take a filter away, or clear them all.")
        st.button("Clear all filters", key="clear_list", on_click=_clear)
    else:
        st.success(
            "Nothing is violated or undecidable. Choose *advice* or *handled* under Result to see "
            "what else was noticed, or look at a run on the Run page.",
            icon=":material/check:",
        )
