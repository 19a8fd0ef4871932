"""The candidates of what if: chosen, the contract in force changed, or edited as a whole.

What is chosen and changed stands in the address. An edited text does not: it is kept in this visit
alone, and the address has its digest.
"""

from typing import Final

import streamlit as st

from contracts.errors import ContractErrors
from contracts.loading import load_contract
from dashboards import session, whatifs
from dashboards.asking import EDITED, WhatIfAsked
from dashboards.tables import Tables
from dashboards.views import selecting
from dashboards.words import code, plain
from ledger.encoding import digest

_TEXTS: Final = "writ_edited"
HEIGHT: Final = 360
MOST_TEXTS: Final = 8


def show(tables: Tables, asked: WhatIfAsked) -> None:
    """Show what is a candidate, to be changed."""
    _named(tables, asked)
    text = whatifs.text_in_force(tables, asked.over.service)
    _changes(text, asked)
    _edit(text, asked)


def text_of(wanted: str) -> str:
    """Return the text that this visit has of an edited contract; empty where it has none."""
    kept: dict[str, str] = st.session_state.get(_TEXTS, {})
    return kept.get(wanted, "")


# ------------------------------------------------------------------- chosen by name


def _named(tables: Tables, asked: WhatIfAsked) -> None:
    there = {
        one.digest: f"{one.version} of this ledger, entry {one.index:,}"
        for one in whatifs.published(tables)
    }
    there |= {name: f"{name}, comes with Writ" for name in whatifs.library()}
    for name in asked.contracts:
        there.setdefault(name, name)
    st.session_state["contracts"] = list(asked.contracts)
    st.multiselect(
        "Contracts",
        list(there),
        key="contracts",
        format_func=there.__getitem__,
        placeholder="choose versions that were published, or that come with Writ",
        on_change=_chosen,
    )


def _chosen() -> None:
    selecting.anew(contract=list(st.session_state["contracts"]))


# ------------------------------------------------------------- the one in force, changed


def _changes(text: str, asked: WhatIfAsked) -> None:
    known = {one.path: one.value for one in whatifs.parameters(text)}
    st.session_state["sets"] = list(asked.sets)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.multiselect(
            "Changes of the contract in force",
            list(asked.sets),
            key="sets",
            accept_new_options=True,
            on_change=_set,
            placeholder="PATH=VALUE, or PATH=A..B:N for a sweep",
            help="All single changes make one candidate; a sweep makes N, from A to B.",
        )
        with st.popover("Choose a number of it", icon=":material/tune:"), st.form("parameter"):
            st.selectbox(
                "Number",
                list(known),
                key="path",
                index=None,
                format_func=lambda path: f"{path} (now {known[path]:,.10g})",
            )
            st.number_input("From", key="low", value=None, format="%.10g")
            st.number_input("to (empty: that one value)", key="high", value=None, format="%.10g")
            st.number_input("in so many values", key="steps", value=5, min_value=2, max_value=200)
            st.form_submit_button("Add", on_click=_add)


def _set() -> None:
    selecting.anew(set=list(st.session_state["sets"]))


def _add() -> None:
    state = st.session_state
    path, low, high = state["path"], state["low"], state["high"]
    if path is None or low is None:
        return
    value = f"{low:.10g}" if high is None else f"{low:.10g}..{high:.10g}:{state['steps']}"
    there = list(WhatIfAsked.of(session.parameters()).sets)
    selecting.anew(set=[*there, f"{path}={value}"])


# ------------------------------------------------------------------- edited as a whole


def _edit(text: str, asked: WhatIfAsked) -> None:
    mine = text_of(asked.edited)
    if asked.edited and not mine:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.warning(
                f"This address names a contract that somebody edited, {code(asked.edited[:12])}. "
                "Its text is kept in the visit in which it was edited, and cannot be opened by a "
                "link: ask for the text itself.",
                icon=":material/link_off:",
            )
            st.button("Without it", key="without_edited", on_click=_forget)
    with st.expander("Edit the contract in force", expanded=bool(mine), type="compact"):
        st.caption(
            "The text stays in this visit: the address has only its digest, so that a link to it "
            "shows others what was asked, and not the text."
        )
        st.text_area(
            "Contract as YAML",
            value=mine or text,
            height=HEIGHT,
            key=f"text-{asked.edited[:12]}",
        )
        with st.container(horizontal=True):
            st.button(
                "Take it as a candidate",
                key="take",
                on_click=_take,
                args=(f"text-{asked.edited[:12]}",),
            )
            if mine:
                st.button("Without it", key="forget", on_click=_forget)
        _errors()


def _take(key: str) -> None:
    """Read the text; where it is a contract, it is a candidate."""
    text = str(st.session_state[key])
    st.session_state["writ_errors"] = errors = _wrong(text)
    if errors:
        return
    name = digest(text.encode())
    kept: dict[str, str] = st.session_state.setdefault(_TEXTS, {})
    kept[name] = text
    while len(kept) > MOST_TEXTS:
        del kept[next(iter(kept))]
    selecting.anew(**{EDITED: name})


def _wrong(text: str) -> list[tuple[int, int, str, str]]:
    """Return what keeps a text from being a contract: line, column, code and what."""
    try:
        load_contract(text, whatifs.EDITED_NAME)
    except ContractErrors as errors:
        return [
            (one.line, one.column, one.code, f"{one.message} {one.hint}".strip())
            for one in errors.errors
        ]
    return []


def _errors() -> None:
    for line, column, what, said in st.session_state.get("writ_errors", []):
        with st.container(horizontal=True, vertical_alignment="top", gap="small"):
            st.badge(f"line {line}, column {column}", color="red", icon=":material/error:")
            st.caption(code(what), width="content")
            st.text(plain(said))


def _forget() -> None:
    selecting.anew(**{EDITED: ""})
