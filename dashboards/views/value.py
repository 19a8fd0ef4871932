"""Value: what a successful outcome cost, by version and model, and what stopping early would do."""

from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from dashboards import replay_charts, session, working
from dashboards.answers import Stored
from dashboards.asking import ValueAsked
from dashboards.tables import Tables
from dashboards.values import BY, SHOWN
from dashboards.views import parts, selecting, waiting
from dashboards.views.tabled import first
from dashboards.words import count
from replay.tables import amount

K_SHOWN: Final = 60
POINTS: Final = 400


def page() -> None:
    """Show what runs cost and what they were worth."""
    tables = session.tables()
    if tables is None:
        parts.broken()
        return
    over = selecting.over(tables, what="runs")
    st.title("Value", anchor=False)
    asked = ValueAsked.of(session.parameters())
    _priced(asked)
    if not _wanted(tables):
        return
    found = waiting.answer_to(ValueAsked(over, asked.rates, asked.minute))
    if found is not None:
        _answer(found)


def _wanted(tables: Tables) -> bool:
    """Return whether it is to be asked; of a long ledger somebody has to say so."""
    if not tables.number("SELECT count(*) FROM runs"):
        st.info(
            "There is no run in this ledger yet. Runs appear as soon as an agent records one, or "
            "`writ import` reads some; then verify again."
        )
        return False
    size = tables.report.ledger.size
    if size < working.LONG or session.parameter("ask"):
        return True
    st.info(f"To weigh {count(size, 'entry', 'entries')} takes some minutes, in the background.")
    st.button("Weigh cost and value", key="ask", type="primary", on_click=selecting.ask)
    return False


# ------------------------------------------------------------------- what is stated


def _priced(asked: ValueAsked) -> None:
    """Let the reader state what a minute of a person costs, and rates of currencies."""
    st.session_state["minute"] = asked.minute
    st.session_state["rates"] = " ".join(asked.rates)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            "A minute of a person",
            key="minute",
            placeholder="0.75EUR",
            on_change=_state,
            width=200,
            help="What people's time cost where nobody recorded it. Empty: it is in no sum.",
        )
        st.text_input(
            "Rates of currencies",
            key="rates",
            placeholder="USD=EUR:0.92",
            on_change=_state,
            width=320,
            help="Only what is stated here is converted. Without a rate, amounts of different "
            "currencies stand side by side and are never added.",
        )


def _state() -> None:
    state = st.session_state
    selecting.go(minute=state["minute"].replace(" ", ""), rate=state["rates"].split())


# ----------------------------------------------------------------------- the answer


def _answer(found: Stored) -> None:
    waiting.head(found)
    whole = found.all("whole").records()
    _numbers(whole)
    currencies = [str(row["currency"]) for row in whole if row["currency"]]
    _groups(found, currencies)
    _marginal(found, currencies)
    _thresholds(found)
    _attempts(found)
    waiting.sentences(found)
    waiting.limits(found)
    tables = {by: f"By {by}" for by in BY} | {"marginal": "k-th calls", "threshold": "Thresholds"}
    waiting.download(found, tables, "value")


def _numbers(whole: list[dict[str, Any]]) -> None:
    """Show what a success cost, by currency: no two of them are added."""
    for row in whole:
        of = f", {row['currency']}" if row["currency"] else ""
        with st.grid(4, min_column_width=170):
            _metric(
                f"cost per success{of}",
                _amount(row["cost_per_success_micros"]),
                _between(row),
                "Cost per successful outcome, over the runs whose cost is recorded in full: in the "
                "small print its 95 % interval (Fieller), and over how many runs.",
            )
            _metric(
                f"cost{of}",
                _amount(row["cost_micros"]),
                f"{row['cost_recorded']:,} of {count(row['runs'], 'run')}",
                "As far as recorded: of how many runs in full stands in the small print.",
            )
            _metric(
                f"value{of}",
                _amount(row["value_micros"]),
                f"{row['value_recorded']:,} of {count(row['runs'], 'run')}",
                "As far as recorded: of how many runs stands in the small print.",
            )
            _metric(
                "successes",
                f"{row['succeeded']:,}",
                f"of {count(row['runs'], 'run')}",
                "Runs that count as a successful outcome: docs/spec/value.md says when.",
            )


def _metric(label: str, value: str, small: str, says: str) -> None:
    st.metric(
        label, value, delta=small, delta_color="off", delta_arrow="off", border=True, help=says
    )


def _amount(micros: float | None) -> str:
    return "not known" if micros is None else amount(micros)


def _between(row: Mapping[str, Any]) -> str:
    if row["cost_per_success_low"] is None:
        return f"n = {row['cost_per_success_n'] or 0:,}, too few"
    low, high = amount(row["cost_per_success_low"]), amount(row["cost_per_success_high"])
    return f"{low} to {high}, n = {row['cost_per_success_n']:,}"


def _groups(found: Stored, currencies: list[str]) -> None:
    st.header("By what", anchor=False)
    asked = session.parameter("by")
    st.session_state["by"] = by = asked if asked in BY else BY[0]
    st.segmented_control(
        "Grouped by", BY, key="by", on_change=_grouped, label_visibility="collapsed", required=True
    )
    raw = found.all(by)
    if by in found.answer.tables and f"{SHOWN}{by}" in found.answer.tables:
        for currency in currencies:
            parts.figure(replay_charts.success_costs(raw.records(), by, currency))
        first(found.all(f"{SHOWN}{by}"))
    else:
        first(raw)


def _grouped() -> None:
    selecting.go(by=str(st.session_state["by"] or ""))


def _marginal(found: Stored, currencies: list[str]) -> None:
    rows = found.all("marginal")
    if not rows.total:
        return
    st.header("What one more call adds", anchor=False)
    for currency in currencies:
        drawn = found.part("marginal", "currency = ?", (currency,), size=K_SHOWN)
        parts.figure(replay_charts.marginal(drawn.records(), currency))
    with st.expander("as a table", type="compact"):
        first(rows)


def _thresholds(found: Stored) -> None:
    if not found.all("threshold", 1).total:
        return
    st.header("Had runs been stopped early", anchor=False)
    own = found.all("own_threshold")
    for (currency,) in found.rows('SELECT DISTINCT currency FROM "threshold" ORDER BY currency'):
        drawn = found.part("threshold", "currency = ?", (currency,), size=POINTS)
        parts.figure(replay_charts.thresholds(drawn.records(), currency, own.records()))
        if drawn.total > POINTS:
            st.caption(f"Drawn are the first {POINTS} of {drawn.total:,} thresholds.")
    st.caption(
        "From left to right the threshold falls: more runs are stopped, more cost is saved and "
        "more value is lost. The knee is the point furthest above the line between the ends. It "
        "judges with hindsight: what a run is worth is known at its end."
    )
    if own.total:
        first(own)


def _attempts(found: Stored) -> None:
    st.header("Calls by what became of them", anchor=False)
    first(found.all("attempts"))


if __name__ == "__main__":
    page()
