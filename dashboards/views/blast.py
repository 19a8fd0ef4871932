"""Had it been stopped: how far the actions of a rollback had got at each moment."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import streamlit as st

from dashboards import replay_charts, rollbacks, session
from dashboards.answers import Stored
from dashboards.views import parts, selecting
from dashboards.words import count, sums, when

STEPS: Final = 400
POINTS: Final = 1_000


def show(found: Stored) -> None:
    """Show the curve, and a moment of it that the reader chooses."""
    first, last = rollbacks.span(found)
    st.header("Had it been stopped", anchor=False)
    if not first:
        st.caption("Nothing that was chosen was executed at a time that is recorded.")
        return
    at = _slider(first, last)
    radius = rollbacks.radius(found, at)
    st.markdown(
        f"Stopped at **{when(at)}**: {count(radius.done, 'action')} had happened, on "
        f"{count(radius.entities, 'entity', 'entities')} in {count(radius.runs, 'run')}"
        f"{_worth(radius.done_micros)}. {count(radius.prevented, 'action')} would not have"
        f"{_worth(radius.prevented_micros)}."
    )
    rows = found.all("blast", POINTS).records()
    for currency in dict.fromkeys(str(row["currency"]) for row in rows):
        parts.figure(replay_charts.blast(rows, currency, at))


def _worth(micros: Mapping[str, int]) -> str:
    told = sums(sorted(micros.items()))
    return f" ({told})" if told else ""


def _slider(first: str, last: str) -> str:
    """Let the reader choose a moment; return it as the ledger writes times."""
    low, high = _moment(first), _moment(last)
    given = rollbacks.at_of(session.parameter("pulled"))
    wanted = _moment(given) if given else high
    if low >= high:
        return given or last
    st.session_state["pulled"] = min(max(wanted, low), high)
    step = max((high - low) / STEPS, timedelta(seconds=1))
    st.slider(
        "The kill switch is pulled at (UTC)",
        min_value=low,
        max_value=high,
        step=timedelta(seconds=round(step.total_seconds())),
        format="YYYY-MM-DD HH:mm:ss",
        key="pulled",
        on_change=_pulled,
    )
    # As it was asked for, to the microsecond: the slider's steps are coarser.
    return given or last


def _pulled() -> None:
    at: datetime = st.session_state["pulled"]
    selecting.go(pulled=f"{at.replace(tzinfo=None).isoformat(timespec='seconds')}Z")


def _moment(text: str) -> datetime:
    """Return a time without its zone, which is UTC: a slider would show the server's."""
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)
