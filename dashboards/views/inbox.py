"""The inbox: what was found, narrowed to what a reviewer asks for, one page of it."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from contracts.instants import moment, written
from dashboards import charts, incidents, markup, queries, session
from dashboards.filters import MOST_MARKED, Filter, page_of
from dashboards.queries import FindingRow
from dashboards.tables import Tables
from dashboards.views import acts, choosing, guide, listing, parts
from dashboards.words import count, span

SHOWN = 8
"""Of findings that are marked, so many are named."""


def page() -> None:
    """Show the inbox."""
    tables = session.tables()
    if tables is None:
        parts.broken()
        return
    chosen = session.chosen()
    choosing.set_widgets(chosen)
    choosing.facets(tables, chosen)
    if not chosen.narrowed:
        guide.show(tables)
    st.title("Inbox", anchor=False)
    _verdict(tables)
    _chart(tables, chosen)
    choosing.tools(chosen)
    marked = queries.named(tables, chosen.marked) if chosen.marked else ()
    _incident(tables, chosen, shortcuts=not marked)
    if chosen.marked:
        _marked(marked, chosen)
    listing.show()


# ------------------------------------------------------------------- what is there


def _verdict(tables: Tables) -> None:
    """Say in a sentence what a reader came to know."""
    total = tables.report.conformance.total()
    if not tables.report.conformance.contracts:
        st.info(
            "No contract is in force in this ledger, so there was nothing to judge its records "
            "by. Publish and activate one, or import with `--contract`."
        )
        return
    violated = queries.violated(tables)
    judged = total.satisfied + total.violated + total.undecidable + total.handled
    if violated.findings:
        told = (
            f"**{count(violated.findings, 'violation')}** of {count(violated.rules, 'rule')}, "
            f"in {count(violated.runs, 'run')} of {violated.all_runs:,}."
        )
    else:
        told = f"**No rule is violated**, in {count(violated.all_runs, 'run')}."
    st.markdown(f"{told} {count(judged, 'result')} of rules were decided again.")


def _chart(tables: Tables, chosen: Filter) -> None:
    found = queries.by_time(tables, chosen)
    if not found:
        return
    figure = charts.findings_by_time(
        found,
        queries.marks(tables),
        queries.bar_width(tables),
        queries.span(tables),
        chosen.window,
    )
    # Another time is another widget: what was clicked is not what the address asks for now.
    key = f"by-time-{chosen.since}-{chosen.until}"
    st.altair_chart(
        figure.chart,
        alt=f"{figure.alt} Select a bar to list the findings of that time.",
        key=key,
        on_select=partial(_picked, key),
        selection_mode=charts.PICKED,
    )


def _picked(key: str) -> None:
    """List the findings of the time whose bar was selected; of all times where none is."""
    points = st.session_state[key].selection.get(charts.PICKED, [])
    since, until = (_instant(points[0][name]) if points else "" for name in ("start", "end"))
    session.go(session.chosen().between(since, until).parameters())


def _instant(told: object) -> str:
    """Return a time as a chart tells it, in milliseconds since 1970 or as it was given."""
    if isinstance(told, int | float):
        return written(moment(int(told) * 1_000))
    return str(told)


def _incident(tables: Tables, chosen: Filter, *, shortcuts: bool) -> None:
    """Say which incident the list is narrowed to, and let the reader leave it."""
    one = incidents.incident(tables, chosen.incident) if chosen.incident else None
    if one is None:
        return
    with st.container(border=True, key="incident"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.html(f"{parts.incident_signs(one)} {markup.strong('Incident')}", width="content")
            st.caption(span(one.began, one.ended), width="stretch")
            st.button(
                "All incidents",
                key="go-U",
                shortcut="U",
                type="tertiary",
                icon=":material/arrow_back:",
                on_click=_leave,
                args=(one.id,),
            )
        st.html(markup.row((one.says,), listing.incident_told(one)))
        found = incidents.findings_of(tables, one.id)
        states = sorted({review for _, review in found})
        st.caption(f"What you do here is done with {_all(len(found))} of the incident.")
        acts.form(
            [which for which, _ in found],
            key=f"incident-{one.place}",
            states=states,
            assignee=acts.SEVERAL,
            shortcuts=shortcuts,
        )


def _marked(rows: Sequence[FindingRow], chosen: Filter) -> None:
    """Let a reviewer do one thing with all findings that are marked, wherever they are listed."""
    with st.container(border=True, key="marked"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            told = [markup.code(row.id) for row in rows[:SHOWN]]
            more = f" and {len(rows) - SHOWN:,} more" if len(rows) > SHOWN else ""
            marked = markup.strong(f"{count(len(rows), 'finding')} marked")
            st.html(f"{marked} {markup.small(' '.join(told) + more)}", width="stretch")
            st.button(
                "Unmark all",
                key="unmark",
                type="tertiary",
                icon=":material/close:",
                on_click=_unmark,
            )
        if len(rows) < len(chosen.marked):
            strangers = count(len(chosen.marked) - len(rows), "mark is", "marks are")
            st.caption(f"{strangers} of no finding of this ledger.")
        if len(chosen.marked) == MOST_MARKED:
            st.caption(f"No more than {MOST_MARKED} are marked at once.")
        if not rows:
            return
        whose = {row.assignee for row in rows}
        acts.form(
            [row.id for row in rows],
            key="marked",
            states=sorted({row.review for row in rows}),
            assignee=whose.pop() if len(whose) == 1 else acts.SEVERAL,
        )


def _unmark() -> None:
    # The list may be on another page by now than when this was drawn: it is drawn by itself.
    session.go(session.back(session.chosen().with_marked(()), session.parameter(session.PICKED)))


def _all(number: int) -> str:
    return "the one finding" if number == 1 else f"all {count(number, 'finding')}"


def _leave(which: str) -> None:
    """Go back to the list of incidents, with the one that was open selected."""
    tables = session.tables()
    chosen = session.chosen().outside()
    number = incidents.number_of(tables, chosen, which) if tables is not None else 0
    session.go(session.back(chosen.at_page(page_of(number)), which))


if __name__ == "__main__":
    page()
