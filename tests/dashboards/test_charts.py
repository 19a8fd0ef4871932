"""The figures: what is drawn is what was counted, and a sentence says the same."""

from pathlib import Path
from typing import Any

from dashboards import charts, queries, runs
from dashboards.filters import Filter
from dashboards.queries import Bar, Mark
from dashboards.tables import Tables
from tests.dashboards.ledgers import desk, tables

BARS = (
    Bar("2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z", "tools", 3),
    Bar("2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z", "scope", 2),
    Bar("2026-03-05T00:00:00Z", "2026-03-06T00:00:00Z", "elsewhere", 1),
)
MARKS = (
    Mark(4, "2026-03-02T05:30:00.000000Z", "contract 1.0.0 activated"),
    Mark(99, "2026-03-05T23:00:00.000000Z", "kill switch engaged"),
)


def _layers(figure: charts.Figure) -> list[dict[str, Any]]:
    layers: list[dict[str, Any]] = figure.chart.to_dict()["layer"]
    return layers


def _data(figure: charts.Figure) -> list[list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = figure.chart.to_dict()["datasets"]
    return list(found.values())


def test_bars_stand_one_on_the_other() -> None:
    """In the clauses' order, from nought to the sum."""
    figure = charts.findings_by_time(BARS, (), "day")
    (rows,) = _data(figure)
    assert [(row["clause"], row["low"], row["high"]) for row in rows] == [
        ("scope", 0, 2),
        ("tools", 2, 5),
        ("elsewhere", 0, 1),
    ]
    colour = _layers(figure)[0]["encoding"]["color"]["scale"]
    assert colour["domain"] == ["scope", "tools", "elsewhere"]
    assert len(set(colour["range"])) == 3


def test_a_time_that_is_chosen_is_a_band_behind_the_bars() -> None:
    """Open at one side it reaches to the chart's end there."""
    figure = charts.findings_by_time(BARS, (), "day", window=("2026-03-05T00:00:00.000000Z", ""))
    band, bars = _data(figure)
    assert band == [{"since": "2026-03-05T00:00:00.000000Z", "until": "2026-03-06T00:00:00Z"}]
    assert len(bars) == 3
    names = [param["name"] for param in figure.chart.to_dict()["params"]]
    assert names == [charts.PICKED]


def test_the_chart_says_what_it_shows() -> None:
    """For whoever does not see it: totals, clauses, and what happened when."""
    figure = charts.findings_by_time(BARS, MARKS, "day")
    assert figure.alt == (
        "Bar chart: 6 findings by day and clause (scope 2, tools 3, elsewhere 1). Marked: "
        "contract 1.0.0 activated at 2026-03-02 05:30:00 UTC; kill switch engaged at 2026-03-05 "
        "23:00:00 UTC."
    )


def test_marks_are_lines_with_words() -> None:
    """Near the right edge the words end at their line, so that they stay on the chart."""
    figure = charts.findings_by_time(BARS, MARKS, "day", ("2026-03-01T00:00:00Z", ""))
    assert [layer["mark"]["type"] for layer in _layers(figure)] == ["rect", "rule", "text", "text"]
    marked = next(rows for rows in _data(figure) if "what" in rows[0])
    assert [row["late"] for row in marked] == [False, True]
    begin, end = _layers(figure)[0]["encoding"]["x"]["scale"]["domain"]
    assert end - begin == 5 * 86_400_000


def test_words_of_marks_do_not_run_into_each_other() -> None:
    """Marks close together take a line each; one far from them begins at the top again."""
    close = [Mark(n, f"2026-03-02T0{n}:00:00Z", "safe mode engaged") for n in range(3)]
    far = Mark(9, "2026-03-04T12:00:00Z", "contract 1.1.0 activated")
    late = Mark(10, "2026-03-05T23:00:00Z", "kill switch engaged")
    figure = charts.findings_by_time(BARS, [*close, far, late], "day")
    marked = next(rows for rows in _data(figure) if "what" in rows[0])
    assert [row["line"] // charts.LINE for row in marked] == [0, 1, 2, 0, 1]


def test_a_mark_without_room_for_its_words_has_them_in_its_tooltip() -> None:
    """More of them at once than there are lines: no words are written over others."""
    close = [Mark(n, f"2026-03-02T0{n}:00:00Z", "safe mode engaged") for n in range(7)]
    figure = charts.findings_by_time(BARS, close, "day")
    marked = next(rows for rows in _data(figure) if "what" in rows[0])
    written = [row["shown"] for row in marked]
    assert written == ["safe mode engaged"] * charts.LINES + ["", ""]
    assert {row["what"] for row in marked} == {"safe mode engaged"}


def _run(ledger: Tables, name: str) -> charts.Figure | None:
    head = runs.head(ledger, name)
    assert head is not None
    return charts.waterfall(runs.steps(ledger, head))


def test_the_waterfall_has_a_bar_for_each_action(tmp_path: Path) -> None:
    """From its record to its outcome; one that has none says so; findings stand beside it."""
    ledger = tables(desk(), tmp_path)
    figure = _run(ledger, "held-1")
    assert figure is not None
    rows = next(rows for rows in _data(figure) if "took" in rows[0])
    assert [(row["result"], row["took"], row["finding"]) for row in rows] == [
        ("done", "1 s", ""),
        ("no outcome", "", "handled: scope.large"),
    ]
    assert all(row["end"] > row["start"] for row in rows)
    assert figure.alt.startswith("Bar chart of 2 actions by seconds since the run was opened.")


def test_no_actions_is_no_waterfall() -> None:
    """An empty chart would say that there is something to see."""
    assert charts.waterfall(()) is None


def test_the_charts_of_a_ledger_can_be_written(tmp_path: Path) -> None:
    """With everything that the queries give."""
    ledger = tables(desk(), tmp_path)
    bars, marks = queries.by_time(ledger, Filter({})), queries.marks(ledger)
    figure = charts.findings_by_time(bars, marks, "minute", queries.span(ledger))
    assert sum(row["findings"] for row in _data(figure)[0]) == sum(queries.counts(ledger).values())
