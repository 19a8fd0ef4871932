"""Pieces that pages share: signs of severity, a named value, a link to a run."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal

import streamlit as st

from dashboards import markup, session
from dashboards.charts import Figure
from dashboards.filters import Filter
from dashboards.incidents import IncidentRow
from dashboards.queries import FindingRow
from dashboards.words import (
    ADVICE,
    HANDLED,
    SIGNS,
    STATE_MEANS,
    UNDECIDABLE,
    VIOLATED,
    code,
    opened,
    plain,
)

Colour = Literal["red", "orange", "yellow", "blue", "green", "violet", "gray", "primary"]
SEVERITY_COLOURS: Final[Mapping[str, Colour]] = {
    "critical": "red",
    "high": "red",
    "medium": "orange",
    "low": "yellow",
    "advice": "gray",
}
STATE_COLOURS: Final[Mapping[str, Colour]] = {VIOLATED: "red", HANDLED: "green", ADVICE: "gray"}
STATE_SIGNS: Final[Mapping[str, str]] = {
    VIOLATED: ":material/close:",
    HANDLED: ":material/check:",
    ADVICE: ":material/lightbulb:",
}
# Short records are read faster on one line.
ONE_LINE: Final = 100


def signs(row: FindingRow) -> None:
    """Show what became of a finding's rule, and how much it matters where anything broke.

    Each is sign, word and colour, any one of which says it.
    """
    if row.state not in {HANDLED, ADVICE}:
        colour = SEVERITY_COLOURS.get(row.severity, "gray")
        st.badge(row.severity, icon=SIGNS.get(row.severity), color=colour)
    st.badge(
        row.state,
        icon=STATE_SIGNS.get(row.state, ":material/question_mark:"),
        color=STATE_COLOURS.get(row.state, "violet"),
        help=STATE_MEANS.get(row.state),
    )


def incident_signs(row: IncidentRow) -> None:
    """Show how much an incident matters, and what became of the rule in its findings."""
    st.markdown(incident_signed(row), width="content")


def badge(word: str, icon: str, colour: str) -> str:
    """Return a badge as text for Markdown. The word is this project's own."""
    return f":{colour}-badge[{icon} {word}]"


def signed(row: FindingRow) -> str:
    """Return the signs of a finding in one text: a list draws one element, and not three."""
    told = [] if row.state in {HANDLED, ADVICE} else [_severity(row.severity)]
    return " ".join([*told, state_of(row.state)])


def incident_signed(row: IncidentRow) -> str:
    """Return how much an incident matters, and what became of the rule, in one text."""
    told = [_severity(row.severity)]
    for state, number in ((VIOLATED, row.violated), (UNDECIDABLE, row.undecidable)):
        if number:
            told.append(state_of(state, state if row.size == 1 else f"{number:,} {state}"))
    return " ".join(told)


def _severity(word: str) -> str:
    return badge(word, SIGNS.get(word, ""), SEVERITY_COLOURS.get(word, "gray"))


def state_of(state: str, word: str = "") -> str:
    """Return what became of a rule as text for Markdown, in another word where one is given."""
    icon = STATE_SIGNS.get(state, ":material/question_mark:")
    return badge(word or state, icon, STATE_COLOURS.get(state, "violet"))


def named(label: str, value: str) -> None:
    """Show a value under its name. The value is anybody's text, and shown as it is."""
    with st.container(gap=None):
        st.caption(label)
        st.text(plain(value) or "–")


def data(value: object, *, limit: int = 2_000) -> None:
    """Show recorded data as JSON, letter by letter.

    Not as code that Streamlit colours: that is a program of its own, for colours that say nothing.
    """
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) <= ONE_LINE:
        st.markdown(code(flat, ONE_LINE))
    else:
        st.html(markup.block(opened(value, limit), limit + ONE_LINE))


def run_link(
    label: str,
    run: str,
    *,
    at: int | None = None,
    finding: str = "",
    chosen: Filter | None = None,
    icon: str = ":material/arrow_forward:",
    more: Mapping[str, list[str]] | None = None,
) -> None:
    """Show a link to a run, at one of its steps. The label is this project's own words.

    The filter goes along, so that the run page knows what comes next and the way back.
    """
    there = {**run_address(run, at=at, finding=finding, chosen=chosen), **(more or {})}
    st.page_link(session.RUN, label=label, icon=icon, query_params=there)


def run_address(
    run: str, *, at: int | None = None, finding: str = "", chosen: Filter | None = None
) -> dict[str, list[str]]:
    """Return the parameters of a run's address, at one of its steps, with the inbox's choice."""
    there: dict[str, list[str]] = {"run": [run]} if run else {}
    if at is not None:
        there["at"] = [str(at)]
    if finding:
        there["finding"] = [finding]
    packed = chosen.packed() if chosen is not None else ""
    if packed:
        there[session.CARRIED] = [packed]
    return there


def entry_link(label: str, index: int, icon: str = ":material/description:") -> None:
    """Show a link to an entry. The label is this project's own words."""
    st.page_link(session.EVIDENCE, label=label, icon=icon, query_params={"entry": [str(index)]})


@st.fragment
def folded(label: str, key: str, draw: Callable[[], None]) -> None:
    """Show a line that opens; what is in it is drawn, and sent, once somebody opens it.

    Args:
        label: The line, as Markdown.
        key: Its name on the page.
        draw: Draws what is in it. It runs by itself: what it is given must not change meanwhile.
    """
    with st.expander(label, key=key, type="compact", on_change="rerun") as line:
        if line.open:
            draw()


def frame(rows: Sequence[Mapping[str, object]], alt: str, height: int | None = None) -> None:
    """Show a table. Its cells are drawn, not written: nothing in them is markup.

    Args:
        rows: Its rows.
        alt: What it is, for whoever does not see it.
        height: In pixels, beyond which one scrolls in it; None shows all rows.
    """
    st.dataframe(list(rows), hide_index=True, height=height or "content", alt=alt)


def opening(rows: Sequence[Mapping[str, object]], alt: str, key: str) -> None:
    """Show a short table; of a row that is selected, the entry that stands under `entry` is linked.

    A link, because a page that leads on by itself leaves an address of neither page behind.

    Args:
        rows: Its rows, each with an `entry`.
        alt: What it is, for whoever does not see it.
        key: Its name on the page.
    """
    chosen = st.dataframe(
        list(rows),
        hide_index=True,
        height="content",
        alt=f"{alt}. Of a row that is selected the entry is linked below",
        key=key,
        on_select="rerun",
        selection_mode="single-row",
    )
    for row in chosen.selection.rows[:1]:
        index = int(str(rows[row]["entry"]))
        entry_link(f"Open entry {index}", index)


def figure(drawn: Figure | None) -> None:
    """Show a chart with the sentence that says the same; nothing where there is too little."""
    if drawn is not None:
        st.altair_chart(drawn.chart, alt=drawn.alt)
