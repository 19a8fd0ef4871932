"""The figures of replay's pages: units, a sentence each, and none where nothing is drawn."""

import json
from collections.abc import Iterator
from typing import Any, cast

import pytest

from dashboards import replay_charts
from dashboards.charts import Figure

GROUP = {
    "key": "a",
    "currency": "EUR",
    "cost_per_success_micros": 2_500_000.0,
    "cost_per_success_low": None,
    "cost_per_success_high": None,
    "cost_per_success_n": 4,
}
KTH = {
    "k": 1,
    "currency": "EUR",
    "cost_per_run_micros": 100_000,
    "cost_n": 3,
    "value_per_run_micros": None,
    "value_n": 0,
}
POINT = {
    "currency": "EUR",
    "ratio": None,
    "saved_micros": 0,
    "lost_micros": 0,
    "stopped": 0,
    "runs": 9,
    "knee": "",
}
KNEE = {**POINT, "ratio": 0.25, "saved_micros": 3_000_000, "lost_micros": 1_000_000, "knee": "knee"}
OWN = {**KNEE, "stopped": 2, "contract": "till", "version": "1.0.0"}
CANDIDATE = {
    "candidate": "large=50",
    "parameter": 50.0,
    "prevented": 3,
    "blocked": 2,
    "front": "yes",
    "approvals_added": 4,
    "approvals_removed": 1,
    "escalations_added": 2,
    "escalations_removed": 0,
}
CLASS = {
    "class": "reversible",
    "actions": 3,
    "currency": "EUR",
    "value_micros": 5_000_000,
    "means": "one call",
}
TIME = {
    "time": "2026-03-01T09:00:00.000000Z",
    "entities": 1,
    "runs": 2,
    "done": 3,
    "currency": "EUR",
    "done_micros": 5_000_000,
}
DRAWN = {
    "a success": replay_charts.success_costs([GROUP, {**GROUP, "key": "b"}], "model", "EUR"),
    "marginal": replay_charts.marginal([KTH], "EUR"),
    "thresholds": replay_charts.thresholds([POINT, KNEE], "EUR", [OWN]),
    "sweep": replay_charts.sweep([CANDIDATE], "policy.limits.large"),
    "candidates": replay_charts.candidates([CANDIDATE, {**CANDIDATE, "front": ""}]),
    "classes": replay_charts.classes([CLASS], "EUR"),
    "blast": replay_charts.blast([TIME], "EUR", "2026-03-01T09:30:00.000000Z"),
}
SAYS = {
    "a success": "a 2.50 (n = 4); b 2.50 (n = 4)",
    "marginal": "call 1 cost 0.1",
    "thresholds": "knee: stopped above 25 % of value, which saves 3.00 and loses 1.00 EUR",
    "sweep": "large=50: 3 wrong stopped; large=50: 2 legitimate stopped; large=50: 5 more asked",
    "candidates": "3 wrong and 2 legitimate stopped, beaten by none",
    "classes": "reversible 5.00",
    "blast": "5.00 at 2026-03-01T09:00:00",
}


def titles(made: object) -> Iterator[str]:
    """Yield the titles of all axes of a chart."""
    if isinstance(made, dict):
        parts = cast("dict[str, object]", made)
        if isinstance(title := parts.get("title"), str):
            yield title
        for part in parts.values():
            yield from titles(part)
    elif isinstance(made, list):
        for part in cast("list[object]", made):
            yield from titles(part)


@pytest.mark.parametrize("name", list(DRAWN))
def test_a_figure_has_units_and_says_the_same(name: str) -> None:
    """In its axes, and in a sentence for whoever does not see it."""
    found = DRAWN[name]
    assert isinstance(found, Figure)
    assert SAYS[name] in found.alt
    spec: dict[str, Any] = json.loads(found.chart.to_json())
    assert any("EUR" in title or "actions" in title for title in titles(spec["layer"]))


def test_where_there_is_nothing_to_draw_there_is_no_figure() -> None:
    """An empty frame with axes says nothing."""
    assert replay_charts.success_costs([GROUP], "model", "EUR") is None
    assert replay_charts.marginal([KTH], "USD") is None
    assert replay_charts.thresholds([POINT], "EUR") is None
    assert replay_charts.sweep([{**CANDIDATE, "parameter": None}], "x") is None
    assert replay_charts.candidates([CANDIDATE]) is None
    assert replay_charts.classes([{**CLASS, "value_micros": None}], "EUR") is None
    assert replay_charts.blast([], "EUR", "") is None


def test_amounts_stand_in_units_of_their_currency() -> None:
    """A limit in micro-units is read in units; without a currency actions are counted."""
    swept = replay_charts.sweep([{**CANDIDATE, "parameter": 5e7}], "limits.EU.auto_approve_micros")
    assert swept is not None
    assert "auto_approve_micros, in units of its currency" in swept.alt
    counted = replay_charts.classes([{**CLASS, "currency": "", "value_micros": None}], "")
    assert counted is not None
    assert "in actions: reversible 3.00" in counted.alt
    bare = replay_charts.blast([{**TIME, "currency": ""}], "", "")
    assert bare is not None
    assert "actions done by then" in bare.alt
