"""What the inbox is narrowed by: saved views, facets, search, order, and the link to all that."""

from dataclasses import replace

import streamlit as st

from dashboards import markup, queries, saved, session
from dashboards.filters import (
    DEFAULT_SORT,
    FINDINGS,
    INCIDENT_SORTS,
    INCIDENTS,
    SORTS,
    VIEWS,
    Filter,
    time_of,
)
from dashboards.saved import View, ViewsError
from dashboards.tables import Tables
from dashboards.words import REVIEW_MEANS, REVIEWS, SEVERITIES, STATE_MEANS, STATES, code

LABELS = {
    "clause": "Clause",
    "rule": "Rule",
    "channel": "Channel",
    "version": "Contract version",
    "service": "Service",
    "assignee": "Assigned to",
}
LINK = "link"
TIMES = {"since": "Since", "until": "Before"}
_REFUSED = "writ_no_time"
WIDGETS = ("result", "review", "severity", *LABELS)


def set_widgets(chosen: Filter) -> None:
    """Let the widgets show what the address asks for.

    A widget's change goes into the address before the page runs, so the two agree here; where they
    do not, somebody came by a link or went back, and the address is right.
    """
    state = st.session_state
    for name in WIDGETS:
        state[name] = list(chosen.chosen.get(name, ()))
    state["q"] = chosen.search
    state["since"], state["until"] = chosen.since, chosen.until
    state["sort"] = chosen.sort if chosen.sort in _sorts(chosen) else DEFAULT_SORT
    state["view"] = FINDINGS if chosen.of_findings else INCIDENTS


def _sorts(chosen: Filter) -> list[str]:
    return list(SORTS if chosen.of_findings else INCIDENT_SORTS)


def _changed() -> None:
    """Put what the widgets ask for into the address; what is asked anew begins at page one."""
    before, state = session.chosen(), st.session_state
    chosen = {**before.chosen, **{name: tuple(state[name]) for name in WIDGETS}}
    kept = {name: values for name, values in chosen.items() if values}
    asked = replace(before, chosen=kept, search=state["q"] or "", sort=state["sort"], page=1)
    since, until = (_time(name, getattr(before, name)) for name in TIMES)
    session.go(asked.between(since, until).parameters())


def _time(name: str, before: str) -> str:
    """Return the time that was typed; the one before, and a word of it, where it is none."""
    given = str(st.session_state[name] or "").strip()
    if given and not time_of(given):
        st.session_state[_REFUSED] = given
        return before
    return given


def _viewed() -> None:
    before = session.chosen()
    listed = replace(before, view=FINDINGS, page=1)
    session.go((before.outside() if st.session_state["view"] == INCIDENTS else listed).parameters())


def facets(tables: Tables, chosen: Filter) -> None:
    """Let the reader choose. Each choice stands in the address under its facet's name."""
    options = queries.choices(tables)
    with st.sidebar:
        _views(tables, chosen)
        st.pills(
            "Result",
            STATES,
            selection_mode="multi",
            key="result",
            on_change=_changed,
            help="; ".join(f"{state}: {meaning}" for state, meaning in STATE_MEANS.items()),
        )
        st.pills(
            "Review",
            REVIEWS,
            selection_mode="multi",
            key="review",
            on_change=_changed,
            help="; ".join(f"{state}: {meaning}" for state, meaning in REVIEW_MEANS.items()),
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
        _times()
        st.button(
            "Clear all", on_click=session.clear, width="stretch", icon=":material/filter_alt_off:"
        )


def _times() -> None:
    """Let the reader choose a time: bars of the chart do the same for the mouse."""
    for name, label in TIMES.items():
        st.text_input(label, key=name, placeholder="2026-03-01", on_change=_changed)
    text = st.session_state.pop(_REFUSED, "")
    if text:
        st.warning(f"{code(text)} is no time in UTC. Write 2026-03-01 or 2026-03-01T09:00:00Z.")


def _views(tables: Tables, chosen: Filter) -> None:
    """Show saved views as links, with how many findings each has."""
    try:
        own = saved.read_views(session.current().source.views)
    except ViewsError as error:
        st.warning(f"The saved views cannot be used: {code(str(error), 300)}")
        own = ()
    views = (*saved.BUILT_IN, *saved.mine(session.person().identity), *own)
    numbers = saved.numbers(tables, views)
    told = (_view(view, number, chosen) for view, number in zip(views, numbers, strict=True))
    st.html(f'{markup.small("Views")}<ul class="writ-views">{"".join(told)}</ul>')


def _view(view: View, number: int, chosen: Filter) -> str:
    asks = view.asks.with_marked(chosen.marked).parameters()
    there, here = session.address(session.INBOX, asks), saved.same(view.asks, chosen)
    label = f"{view.name} · {number:,}"
    return f"<li>{markup.link(label, there, means=view.about, here=here)}</li>"


def tools(chosen: Filter) -> None:
    """Let the reader search, order, group, and take the choice along as a link."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            "List",
            VIEWS,
            key="view",
            required=True,
            on_change=_viewed,
            help="Findings of one rule that belong together are one incident.",
        )
        st.text_input(
            "Search",
            key="q",
            type="search",
            on_change=_changed,
            placeholder="words of a rule, a run, a tool, an id, a value",
            icon=":material/search:",
        )
        st.selectbox("Sort by", _sorts(chosen), key="sort", on_change=_changed, width=150)
        _link(chosen)


@st.fragment
def _link(chosen: Filter) -> None:
    """Give the choice as an address and as a view, to whoever opens this."""
    with st.popover("Link", icon=":material/link:", key=LINK, on_change="rerun") as line:
        if line.open:
            _linked(chosen)


def _linked(chosen: Filter) -> None:
    # Marks are for what the reader is about to do, not for whoever opens the link.
    packed = chosen.with_marked(()).packed()
    st.caption("Whoever opens this address of this app sees the same choice.")
    address = (st.context.url or "").rstrip("/")
    st.code(f"{address}/?{packed}" if packed else f"{address}/", language=None, wrap_lines=True)
    st.caption("To keep it as a view, put this into the file that `writ app --views FILE` reads.")
    st.code(saved.as_toml(chosen), language="toml", wrap_lines=True)
