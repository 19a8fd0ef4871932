"""What people said of a finding, and the form by which a reviewer says something of it."""

import logging
from collections.abc import Sequence
from typing import Final

import streamlit as st

from dashboards import acting, markup, people, reviews, session
from dashboards.acting import ActError, Asked, What
from dashboards.markup import Colour
from dashboards.opening import Shown
from dashboards.queries import FindingRow
from dashboards.tables import Said, Tables
from dashboards.views import parts
from dashboards.words import (
    ACKNOWLEDGED,
    OPEN,
    RESOLVED,
    REVIEW_MEANS,
    REVIEWS,
    SUPPRESSED,
    code,
    count,
    last_name,
    plain,
    when,
)

_LOG = logging.getLogger("writ.app")
_TOLD: Final = "writ_told"
NOBODY: Final = ""
SEVERAL: Final = "*"
"""Whose findings are that are not all of one; no identity is called so."""
_FAILED: Final = {"act.waiting": "Not known yet", "act.part": "Recorded in part"}
_SIGNS: Final[dict[str, tuple[str, Colour]]] = {
    OPEN: (":material/radio_button_unchecked:", "blue"),
    ACKNOWLEDGED: (":material/visibility:", "violet"),
    SUPPRESSED: (":material/notifications_off:", "gray"),
    RESOLVED: (":material/task_alt:", "green"),
}
# What, how it is called, its sign, its key, and in which states there is something to do.
_ACTS: Final[tuple[tuple[What, str, str, str, tuple[str, ...]], ...]] = (
    ("acknowledge", "Acknowledge", ":material/visibility:", "a", (OPEN,)),
    ("resolve", "Resolve", ":material/task_alt:", "", (OPEN, ACKNOWLEDGED, SUPPRESSED)),
    ("suppress", "Suppress", ":material/notifications_off:", "", (OPEN, ACKNOWLEDGED, RESOLVED)),
    ("reopen", "Reopen", ":material/undo:", "", (ACKNOWLEDGED, SUPPRESSED, RESOLVED)),
)


def signs(row: FindingRow) -> str:
    """Return what people made of a finding, as HTML: nothing of one that is open, as most are."""
    return "" if row.review == OPEN else state(row)


def state(row: FindingRow) -> str:
    """Return what people made of a finding as HTML, of one that is open too."""
    sign, colour = _SIGNS[row.review]
    return markup.badge(row.review, sign, colour, REVIEW_MEANS[row.review])


def of_finding(tables: Tables, row: FindingRow) -> None:
    """Show the form for one finding, then what was said of it, the newest first."""
    form((row.id,), key=f"act-{row.place}", states=(row.review,), assignee=row.assignee)
    said = reviews.history(tables, row.id)
    if said:
        told = count(reviews.number(tables, row.id), "act")
        with st.expander(f"{told} of reviewers", type="compact"):
            for one in said:
                _said(one)


def form(
    findings: Sequence[str],
    *,
    key: str,
    states: Sequence[str] = REVIEWS,
    assignee: str = NOBODY,
    shortcuts: bool = True,
) -> None:
    """Show what a reviewer can do with findings: all of them at once.

    Args:
        findings: Their ids.
        key: Tells this form's widgets from those of others on the page.
        states: The states that they are in.
        assignee: Whose they are, or `SEVERAL`.
        shortcuts: Whether the keyboard acts on these: only one form of a page may.
    """
    result = session.current().result
    if not isinstance(result, Shown):
        return
    refused = acting.why_not(session.person())
    seen, ids = session.current().seen, tuple(findings)
    with st.container(key=f"form-{key}", gap="small"):
        st.text_input(
            "Note",
            key=f"{key}-note",
            max_chars=acting.NOTE,
            placeholder="why; to suppress it needs a reason",
            disabled=bool(refused),
        )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            for what, label, icon, letter, among in _ACTS:
                st.button(
                    label,
                    key=f"{key}-{what}",
                    icon=icon,
                    shortcut=letter if letter and shortcuts else None,
                    disabled=bool(refused) or not set(states) & set(among),
                    help=code(refused, 200) if refused else None,
                    on_click=_do,
                    args=(key, ids, what, seen),
                )
            _assign(result, key, ids, assignee, refused)
        if refused:
            st.caption(f"Reading only. {code(refused, 200)}")
        _tell(key)


def _assign(shown: Shown, key: str, ids: tuple[str, ...], assignee: str, refused: str) -> None:
    since = shown.since
    there = people.reviewers(since.history, since.size)
    mixed = assignee == SEVERAL
    options = list(dict.fromkeys([NOBODY, *there, *([] if mixed else [assignee])]))
    chosen = st.selectbox(
        "Assigned to",
        options,
        index=None if mixed else options.index(assignee),
        placeholder="as they are",
        # Another assignee is another widget: what was chosen before is not what is so now.
        key=f"{key}-whom-{assignee}",
        format_func=lambda one: last_name(one) or "nobody",
        disabled=bool(refused),
        width=170,
    )
    st.button(
        "Assign",
        key=f"{key}-assign",
        icon=":material/person_add:",
        disabled=bool(refused) or chosen is None or chosen == assignee,
        help=code(refused, 200) if refused else None,
        on_click=_do,
        args=(key, ids, "assign", session.current().seen, chosen or NOBODY),
    )


def _do(key: str, ids: tuple[str, ...], what: What, seen: int, assignee: str = NOBODY) -> None:
    """Act, and keep what to say of it. Whatever goes wrong, the note stays where it was written."""
    note = f"{key}-note"
    result = session.current().result
    try:
        if not isinstance(result, Shown):
            return
        asked = Asked(ids, what, seen, str(st.session_state.get(note) or ""), assignee)
        done = acting.act(session.person(), result, asked)
    except ActError as error:
        said = f"{error}. {error.do}"
        st.session_state[_TOLD] = (key, error.code, said)
    except Exception as error:  # noqa: BLE001 - whoever clicks sees no traceback
        _LOG.exception("an act failed")
        st.session_state[_TOLD] = (key, "internal", f"{type(error).__name__}: {error}")
    else:
        st.session_state[note] = ""
        st.session_state[_TOLD] = (key, "", done.words)


def _tell(key: str) -> None:
    told = st.session_state.get(_TOLD)
    if told is None or told[0] != key:
        return
    del st.session_state[_TOLD]
    _, failed, said = told
    if failed:
        st.error(f"**{_FAILED.get(failed, 'Not recorded')}.**", icon=":material/block:")
        st.text(plain(f"{said[:1].upper()}{said[1:]}"))
        st.caption(f"code {code(failed)}")
    else:
        st.success(said, icon=":material/draw:")


def _said(one: Said) -> None:
    sign, colour = _SIGNS[one.state]
    by = f"by {markup.code(last_name(one.identity), 60)}, {when(one.moment)}"
    whose = f"assigned to {markup.code(last_name(one.assignee), 40)}" if one.assignee else ""
    there = parts.to_entry(f"Entry {one.idx}", one.idx)
    st.html(
        f'<div class="writ-said-of"><div class="writ-head">{markup.badge(one.state, sign, colour)}'
        f"{markup.small(by, whose)}{there}</div>{markup.said(one.note)}</div>"
    )
