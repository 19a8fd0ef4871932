"""The inbox: what was found, narrowed to what a reviewer asks for, one page of it."""

import streamlit as st

from dashboards import charts, queries, session
from dashboards.filters import FACETS, PAGE_SIZE, SORTS, Filter
from dashboards.opening import Shown
from dashboards.tables import Tables
from dashboards.views import parts
from dashboards.words import (
    SEVERITIES,
    STATE_MEANS,
    STATES,
    code,
    count,
    last_name,
    one_line,
    sentence,
    when,
)

LABELS = {
    "clause": "Clause",
    "rule": "Rule",
    "channel": "Channel",
    "version": "Contract version",
    "service": "Service",
}


def page() -> None:
    """Show the inbox."""
    visit = session.current()
    if not isinstance(visit.result, Shown):
        st.page_link(session.INTEGRITY, label="See where and why it broke")
        return
    tables = visit.result.tables
    chosen = session.chosen()
    _set_widgets(chosen)
    _facets(tables)
    st.title("Findings", anchor=False)
    _verdict(tables)
    _numbers(tables)
    _chart(tables, chosen)
    _tools()
    _list(tables, chosen)


# ----------------------------------------------------------------- what is asked for


def _set_widgets(chosen: Filter) -> None:
    """Let the widgets show what the address asks for.

    A widget's change goes into the address before the page runs, so the two agree here; where they
    do not, somebody came by a link or went back, and the address is right.
    """
    for name in FACETS:
        st.session_state[name] = list(chosen.chosen.get(name, ()))
    st.session_state["q"], st.session_state["sort"] = chosen.search, chosen.sort


def _changed() -> None:
    """Put what the widgets ask for into the address; what is asked anew begins at page one."""
    given = {name: tuple(st.session_state[name]) for name in FACETS}
    chosen = {name: values for name, values in given.items() if values}
    search = st.session_state["q"] or ""
    session.go(Filter(chosen, search, st.session_state["sort"]).parameters())


def _turned(key: str) -> None:
    session.go(session.chosen().at_page(st.session_state[key]).parameters())


def _clear() -> None:
    session.go({})


def _facets(tables: Tables) -> None:
    """Let the reader choose. Each choice stands in the address under its facet's name."""
    options = queries.choices(tables)
    with st.sidebar:
        st.pills(
            "Result",
            STATES,
            selection_mode="multi",
            key="result",
            on_change=_changed,
            help="; ".join(f"{state}: {meaning}" for state, meaning in STATE_MEANS.items()),
        )
        st.pills(
            "Severity", SEVERITIES[:-1], selection_mode="multi", key="severity", on_change=_changed
        )
        for name, label in LABELS.items():
            # What an address asks for is shown, and can be taken away, even if nothing has it.
            there = [*options[name], *st.session_state[name]]
            st.multiselect(
                label, list(dict.fromkeys(there)), key=name, on_change=_changed, placeholder="all"
            )
        st.button("Clear all", on_click=_clear, width="stretch", icon=":material/filter_alt_off:")


def _tools() -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            "Search",
            key="q",
            type="search",
            on_change=_changed,
            placeholder="words of a rule, a run, a tool, an id, a value",
            icon=":material/search:",
        )
        st.selectbox("Sort by", list(SORTS), key="sort", on_change=_changed, width=180)


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


def _numbers(tables: Tables) -> None:
    counted = queries.counts(tables)
    with st.grid(len(STATES), min_column_width=150):
        for state in STATES:
            st.metric(state, f"{counted[state]:,}", border=True, help=STATE_MEANS[state])


def _chart(tables: Tables, chosen: Filter) -> None:
    found = queries.by_time(tables, chosen)
    if not found:
        return
    figure = charts.findings_by_time(
        found, queries.marks(tables), queries.bar_width(tables), queries.span(tables)
    )
    st.altair_chart(figure.chart, alt=figure.alt)


def _list(tables: Tables, chosen: Filter) -> None:
    found = queries.findings(tables, chosen)
    if not found.total:
        _nothing(chosen)
        return
    start = (found.page - 1) * PAGE_SIZE
    st.caption(
        f"{count(found.total, 'finding')}, {start + 1:,} to {start + len(found.rows):,} shown"
    )
    for row in found.rows:
        _row(row, chosen.at_page(found.page))
    if found.pages > 1:
        # A page is another widget: the address says which page it is, and not what was clicked.
        key = f"page-{found.page}"
        st.pagination(found.pages, default=found.page, key=key, on_change=_turned, args=(key,))


def _row(row: queries.FindingRow, chosen: Filter) -> None:
    with st.container(border=True, key=f"row-{row.place}"):
        sign, what, where = st.columns([1.4, 5.6, 2.3], gap="small")
        with sign, st.container(gap="xxsmall"):
            parts.signs(row)
        with what, st.container(gap="xxsmall"):
            st.text(one_line(row.says, 240))
            if row.handled:
                st.text(sentence(one_line(row.handled, 240)))
            st.caption(_told(row))
        with where, st.container(gap="xxsmall"):
            st.caption(when(row.moment) or "no time")
            parts.run_link(
                f"Open entry {row.index}",
                row.run,
                at=row.index,
                finding=row.id,
                chosen=chosen,
            )


def _told(row: queries.FindingRow) -> str:
    """Return the line of small print: rule, tool, run, channel and id."""
    told = [code(row.rule)]
    told += [f"tool {code(row.tool, 40)}"] if row.tool else []
    told += [f"run {code(queries.shown_run(row), 40)}"] if row.run_name else []
    told += [f"channel {code(row.channel, 20)}"] if row.channel else []
    told += [f"by {code(last_name(row.identity), 40)}"] if row.identity else []
    return " · ".join([*told, code(row.id)])


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


if __name__ == "__main__":
    page()
