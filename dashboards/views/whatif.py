"""What if: candidates in place of the contract in force, and only what they would have flipped."""

from typing import Final

import streamlit as st

from dashboards import replay_charts, session
from dashboards.answers import Stored
from dashboards.asking import WhatIfAsked
from dashboards.filters import number
from dashboards.tables import Tables
from dashboards.views import candidates, flips, parts, selecting, waiting
from dashboards.views.tabled import first
from dashboards.whatifs import PEOPLE

MODES: Final = ("as-recorded", "cascading")
MODE_SAYS: Final = (
    "As recorded: each action is judged on the facts as they happened. Cascading: what a candidate "
    "does not let through never happened, and everything that rests on it is decided again; later "
    "steps of its run are counted apart, because the agent would have seen another answer."
)
MOST: Final = 200


def page() -> None:
    """Show what other contracts would have decided."""
    tables = session.tables()
    if tables is None:
        parts.broken()
        return
    over = selecting.over(tables, what="actions")
    st.title("What if", anchor=False)
    if not tables.contracts:
        st.info(
            "No contract is in force in this ledger, so there is nothing to compare a candidate "
            "with. `writ contract publish` and `writ contract activate` put one in force."
        )
        return
    given = WhatIfAsked.of(session.parameters())
    asked = WhatIfAsked(
        over, given.contracts, given.sets, given.edited, given.cascading, given.without
    )
    candidates.show(tables, asked)
    _how(asked)
    if not asked.names_any:
        st.info("Choose a candidate, change the contract in force, or edit it; then judge again.")
        return
    if not _wanted(asked):
        return
    text = candidates.text_of(asked.edited)
    found = waiting.answer_to(asked.with_text(text) if text else asked)
    if found is not None:
        _answer(tables, asked, found)


def _how(asked: WhatIfAsked) -> None:
    """Let the reader choose how history is judged, and begin."""
    st.session_state["mode"] = MODES[asked.cascading]
    st.session_state["without"] = " ".join(asked.without)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            "Mode",
            MODES,
            key="mode",
            required=True,
            format_func=lambda mode: mode.replace("-", " "),
            on_change=_changed,
            help=MODE_SAYS,
        )
        st.text_input(
            "Without rules",
            key="without",
            placeholder="cost.* tools.pay.rate",
            on_change=_changed,
            width=260,
            help="Patterns of the ids of rules that are left out on both sides, such as those "
            "that history cannot decide.",
        )
        st.button(
            "Judge history again",
            key="ask",
            type="primary",
            on_click=selecting.ask,
            disabled=not asked.names_any,
            icon=":material/play_arrow:",
        )


def _changed() -> None:
    mode = st.session_state["mode"]
    selecting.anew(
        mode="" if mode == MODES[0] else str(mode or ""),
        without=str(st.session_state["without"]).split(),
    )


def _wanted(asked: WhatIfAsked) -> bool:
    """Return whether it is to be asked: what is asked stands in the address, and so does that."""
    if session.parameter("ask"):
        return True
    names = len(asked.contracts) + len(asked.sets) + bool(asked.edited)
    st.info(
        f"Nothing was judged yet. *Judge history again* asks about the {names} that "
        f"{'is' if names == 1 else 'are'} chosen, in the background."
    )
    return False


def _answer(tables: Tables, asked: WhatIfAsked, found: Stored) -> None:
    waiting.head(found)
    raw = found.all("candidates", MOST).records()
    path = next((one.partition("=")[0] for one in asked.sets if ".." in one), "")
    swept = replay_charts.sweep(raw, path) if path else None
    parts.figure(swept or replay_charts.candidates(raw))
    first(found.all(PEOPLE, MOST))
    for row in raw:
        if row["undecided"]:
            st.caption(
                f"{row['undecided']:,} actions are undecidable then and now: of these nothing can "
                "be said. They are in no number here."
            )
            break
    cascaded = found.all("cascade", MOST)
    if cascaded.total:
        first(cascaded)
    flips.show(tables, found, number(session.parameter("page")) or 1)
    money = found.all("money", MOST)
    if money.total:
        with st.expander("Value and cost affected", type="compact"):
            first(money)
    waiting.sentences(found)
    waiting.limits(found)
    waiting.download(found, {"candidates": "Candidates", "flips": "What flips"}, "whatif")


if __name__ == "__main__":
    page()
