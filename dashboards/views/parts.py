"""Pieces that pages share: signs of severity, a named value, a link to a run."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import streamlit as st

from dashboards import markup, session
from dashboards.charts import Figure
from dashboards.filters import Filter
from dashboards.incidents import IncidentRow
from dashboards.markup import Colour
from dashboards.queries import FindingRow
from dashboards.words import (
    ADVICE,
    HANDLED,
    SIGNS,
    STATE_MEANS,
    UNDECIDABLE,
    VIOLATED,
    plain,
)

SEVERITY_COLOURS: Final[Mapping[str, Colour]] = {
    "critical": "red",
    "high": "red",
    "medium": "orange",
    "low": "yellow",
    "advice": "gray",
}
STATE_COLOURS: Final[Mapping[str, Colour]] = {VIOLATED: "red", HANDLED: "green", ADVICE: "gray"}
FORWARD: Final = ":material/arrow_forward:"
RECORD_SIGN: Final = ":material/description:"
STATE_SIGNS: Final[Mapping[str, str]] = {
    VIOLATED: ":material/close:",
    HANDLED: ":material/check:",
    ADVICE: ":material/lightbulb:",
}


def signs(row: FindingRow) -> str:
    """Return what became of a finding's rule, and how much it matters where anything broke.

    Each is sign, word and colour, any one of which says it. As HTML, like all badges here.
    """
    told = [] if row.state in {HANDLED, ADVICE} else [_severity(row.severity)]
    return " ".join([*told, state_of(row.state)])


def incident_signs(row: IncidentRow) -> str:
    """Return how much an incident matters, and what became of the rule in its findings."""
    told = [_severity(row.severity)]
    for state, number in ((VIOLATED, row.violated), (UNDECIDABLE, row.undecidable)):
        if number:
            told.append(state_of(state, state if row.size == 1 else f"{number:,} {state}"))
    return " ".join(told)


def _severity(word: str) -> str:
    colour: Colour = SEVERITY_COLOURS.get(word, "gray")
    return markup.badge(word, SIGNS.get(word, ""), colour)


def state_of(state: str, word: str = "") -> str:
    """Return what became of a rule, in another word where one is given."""
    sign = STATE_SIGNS.get(state, ":material/question_mark:")
    colour: Colour = STATE_COLOURS.get(state, "violet")
    return markup.badge(word or state, sign, colour, STATE_MEANS.get(state, ""))


def named(label: str, value: str) -> None:
    """Show a value under its name. The value is anybody's text, and shown as it is."""
    with st.container(gap=None):
        st.caption(label)
        st.text(plain(value) or "–")


def data(value: object, *, limit: int = 2_000) -> None:
    """Show recorded data as JSON, letter by letter.

    Not as code that Streamlit colours: that is a program of its own, for colours that say nothing.
    """
    st.html(markup.data(value, limit))


def way(
    page: str,
    label: str,
    icon: str = FORWARD,
    asks: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Show a link to a page. The label is this project's own words.

    Not one of Streamlit's: it goes by the address that the browser has when it is followed, which
    a page that is not done yet may change, and it is four elements where this is one.
    """
    st.html(markup.link(label, session.address(page, asks), icon), width="content")


def step(label: str, key: str, there: Mapping[str, Sequence[str]] | None) -> None:
    """Show a button that goes a step on, by a key too.

    Args:
        label: What it is called.
        key: The key.
        there: The parameters of where it leads, on the same page; None: nowhere.
    """
    st.button(
        label,
        key=f"go-{key}",
        shortcut=key,
        type="tertiary",
        disabled=there is None,
        on_click=session.go,
        args=(there or {},),
    )


def broken() -> None:
    """Show the way to what is known of a ledger of which nothing else is shown."""
    way(session.INTEGRITY, "See where and why it broke")


def run_link(label: str, run: str, *, at: int | None = None) -> None:
    """Show a link to a run, at one of its steps. The label is this project's own words."""
    way(session.RUN, label, FORWARD, run_address(run, at=at))


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


def finding_address(row: FindingRow, chosen: Filter | None = None) -> dict[str, list[str]]:
    """Return the parameters of the address at which a finding stands in its run."""
    return run_address(row.run, at=row.index, finding=row.id, chosen=chosen)


def to_run(label: str, there: Mapping[str, Sequence[str]], sign: str = FORWARD) -> str:
    """Return a link to a run as HTML: to an address from `run_address`."""
    return markup.link(label, session.address(session.RUN, there), sign)


def to_entry(label: str, index: int) -> str:
    """Return a link to an entry as HTML."""
    there = session.address(session.EVIDENCE, {"entry": [str(index)]})
    return markup.link(label, there, RECORD_SIGN)


def at_entry(entry: int, runs: Mapping[int, str]) -> str:
    """Return the link to an entry in its run as HTML; its number alone where it stands in none."""
    if entry not in runs:
        return markup.small(f"entry {entry:,}")
    return to_run(f"Open entry {entry}", run_address(runs[entry], at=entry))


def entry_link(label: str, index: int) -> None:
    """Show a link to an entry. The label is this project's own words."""
    st.html(to_entry(label, index), width="content")


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
