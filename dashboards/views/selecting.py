"""Which actions, or whose runs, replay's pages ask about: the sidebar's widgets and the address.

The address says what is asked; the widgets show it, and put what is changed into it.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import streamlit as st

from dashboards import queries, session
from dashboards.answers import Part
from dashboards.asking import OVER, WHERE, Over
from dashboards.filters import Filter
from dashboards.tables import Tables
from dashboards.words import code, count, last_name, one_line, short

_KEY: Final = "over-"
# What is left out of an address once something else is asked: an answer, and a page of it.
AGAIN: Final = ("ask", "page", "conflicts", "residual")
WORDS: Final[Mapping[str, str]] = {
    "service": "Service",
    "version": "Contract version",
    "model": "Model",
    "prompt": "Prompt",
    "channel": "Channel",
}
_SHOWN: Final[Mapping[str, Callable[[str], str]]] = {"service": last_name, "prompt": short}
_TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "run": ("Run", "digest or reference"),
    "incident": ("Incident or finding", "I-… or F-…"),
    "identity": ("Identity", "who acted"),
    "since": ("Since", "2026-03-01 or 2026-03-01T09:00:00Z"),
    "until": ("Before", "2026-04-01 or 2026-04-01T09:00:00Z"),
    "where": ("Condition", 'action.tool == "pay"'),
}


def over(tables: Tables, *, what: str) -> Over:
    """Show what is asked about, to be changed; return it, the inbox's runs looked up.

    Args:
        tables: The tables.
        what: What is chosen: `actions` or `runs`.
    """
    asked = Over.of(session.parameters())
    for name in (*WORDS, *_TEXTS):
        st.session_state[f"{_KEY}{name}"] = getattr(asked, name) or ("" if name in _TEXTS else None)
    with st.sidebar:
        st.caption(f"Which {what}. What is empty does not narrow.")
        for name in WORDS:
            _choice(tables, asked, name)
        for name, (label, placeholder) in _TEXTS.items():
            st.text_input(
                label,
                key=f"{_KEY}{name}",
                placeholder=placeholder,
                on_change=_changed,
                help=WHERE if name == "where" else None,
            )
        st.button(
            "Choose all again", on_click=_clear, width="stretch", icon=":material/filter_alt_off:"
        )
    return _with_inbox(tables, asked)


def _choice(tables: Tables, asked: Over, name: str) -> None:
    there = versions(tables) if name == "version" else queries.said_of_runs(tables, name)
    given = getattr(asked, name)
    if len(there) > 1 or given:
        # What an address asks for is shown, and can be taken away, even if nothing has it.
        st.selectbox(
            WORDS[name],
            list(dict.fromkeys([*there, *([given] if given else [])])),
            key=f"{_KEY}{name}",
            index=None,
            placeholder="all",
            format_func=lambda text: one_line(_SHOWN.get(name, str)(text), 60),
            on_change=_changed,
        )


def versions(tables: Tables) -> tuple[str, ...]:
    """Return the versions of the contracts that were in force."""
    return tuple(sorted({one.version for one in tables.contracts.values()}))


def _with_inbox(tables: Tables, asked: Over) -> Over:
    if not asked.inbox:
        return asked
    runs = queries.runs_kept(tables, Filter.unpacked(asked.inbox))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"Only the {count(len(runs), 'run')} of the findings that the inbox showed: "
            f"{code(asked.inbox, 120)}",
            width="content",
        )
        st.button(
            "All runs",
            key="all_runs",
            on_click=_without_inbox,
            type="tertiary",
            icon=":material/close:",
        )
    return replace(asked, runs=runs)


def _changed() -> None:
    given: dict[str, Any] = {
        name: str(st.session_state[f"{_KEY}{name}"] or "").strip()
        for name in (*WORDS, *_TEXTS)
        if f"{_KEY}{name}" in st.session_state
    }
    _go(replace(Over.of(session.parameters()), **given))


def _without_inbox() -> None:
    _go(replace(Over.of(session.parameters()), inbox=""))


def _clear() -> None:
    _go(Over())


def _go(asked: Over) -> None:
    """Ask about something else, and leave what is asked of it; a list begins at page one."""
    kept = {
        name: list(values)
        for name, values in session.parameters().items()
        if name not in OVER and name not in AGAIN
    }
    session.go({**kept, **asked.parameters()})


def ask() -> None:
    """Ask what the address says: an answer takes its time, and is begun by nobody's passing by."""
    go(ask="yes")


def go(**changed: str | list[str]) -> None:
    """Change some of what the address asks for; what is empty is taken out."""
    there = {name: list(values) for name, values in session.parameters().items()}
    for name, value in changed.items():
        values = [value] if isinstance(value, str) else value
        there[name] = [one for one in values if one]
        if not there[name]:
            del there[name]
    session.go(there)


def anew(**changed: str | list[str]) -> None:
    """Change what is asked: an answer that was asked for before is asked for anew."""
    go(**dict.fromkeys(AGAIN, ""), **changed)


def pages(found: Part, name: str) -> None:
    """Show the pages of a table, where it has several. Which one is asked for is in the address.

    Args:
        found: One page of it.
        name: The parameter of the address that says which.
    """
    if found.pages > 1:
        # A page is another widget: the address says which page it is, and not what was clicked.
        key = f"{name}-{found.page}"
        st.pagination(found.pages, default=found.page, key=key, on_change=_turned, args=(name, key))


def _turned(name: str, key: str) -> None:
    go(**{name: str(st.session_state[key])})
