"""Questions to the tables: the verifier's findings, chosen, sorted and cut as was asked."""

import re
from pathlib import Path

import pytest

from dashboards import charts, queries
from dashboards.filling import state_of
from dashboards.filters import PAGE_SIZE, SORTS, Filter
from dashboards.tables import Tables
from dashboards.words import STATES
from ledger.encoding import digest
from tests.dashboards.ledgers import HOSTILE, desk, empty, hostile, many, tables
from tests.verifier.forge import SERVICE, Desk

ALL = Filter({})


@pytest.fixture(scope="module")
def at_desk(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """A ledger with a violation, what was handled, and advice."""
    return tables(desk(), tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def of_many(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """A ledger with more findings than a page holds."""
    return tables(many(), tmp_path_factory.mktemp("many"))


def test_each_finding_of_the_report_is_there_once(at_desk: Tables) -> None:
    """With its place in the report, and in exactly one bin."""
    rows = queries.findings(at_desk, ALL).rows
    found = [at_desk.finding(place) for place in range(len(rows))]
    assert sorted(row.place for row in rows) == list(range(len(found)))
    for row in rows:
        one = found[row.place]
        assert (row.id, row.rule, row.index) == (one.id, one.rule, one.index)
        assert row.state == state_of(one)
    counted = queries.counts(at_desk)
    assert sum(counted.values()) == len(found)
    assert counted == {"violated": 1, "undecidable": 0, "handled": 1, "advice": 1}


def test_a_time_is_from_its_first_moment_to_before_its_last(of_many: Tables) -> None:
    """Every finding is in one half or the other; the chart shows all times."""
    rows = [row for page in (1, 2) for row in queries.findings(of_many, ALL.at_page(page)).rows]
    at = sorted(row.moment for row in rows)[len(rows) // 2]
    early = queries.findings(of_many, ALL.between("", at))
    late = queries.findings(of_many, ALL.between(at, ""))
    assert early.total == sum(row.moment < at for row in rows)
    assert late.total == sum(row.moment >= at for row in rows)
    assert 0 < early.total < early.total + late.total == len(rows)
    assert queries.findings(of_many, ALL.between(at, at)).total == 0
    assert queries.by_time(of_many, ALL.between(at, "")) == queries.by_time(of_many, ALL)


def test_a_finding_knows_its_run(at_desk: Tables) -> None:
    """Channel, service and contract version are those of the run and the contract."""
    held = queries.findings(at_desk, Filter({"result": ("handled",)})).rows[0]
    assert (held.channel, held.ref, held.version) == ("portal", "held-1", "desk 1.0.0")
    assert held.handled.startswith("held for an approval")
    assert queries.finding(at_desk, held.id) == held
    assert queries.finding(at_desk, "F-0") is None
    assert queries.shown_run(held) == "held-1"


def test_a_filter_keeps_what_it_names(of_many: Tables) -> None:
    """Facets are joined by and, their values by or; words are looked for anywhere."""
    total = queries.findings(of_many, ALL).total
    chat = queries.findings(of_many, Filter({"channel": ("chat",)})).total
    portal = queries.findings(of_many, Filter({"channel": ("portal",)})).total
    both = queries.findings(of_many, Filter({"channel": ("chat", "portal")})).total
    assert 0 < chat < total
    assert chat + portal == both
    assert queries.findings(of_many, Filter({"channel": ("x'; DROP TABLE findings",)})).total == 0
    found = queries.findings(of_many, Filter({}, "LOOK run-7"))
    assert [row.ref for row in found.rows] == ["run-7"]
    assert queries.findings(of_many, Filter({}, "no such words")).total == 0


def test_pages_do_not_overlap_and_leave_nothing_out(of_many: Tables) -> None:
    """And a page after the last one is the last one."""
    chosen = Filter({"result": ("violated",)})
    first, second = queries.findings(of_many, chosen), queries.findings(of_many, chosen.at_page(2))
    assert (first.total, first.pages, len(first.rows), len(second.rows)) == (30, 2, PAGE_SIZE, 5)
    assert {row.id for row in first.rows}.isdisjoint(row.id for row in second.rows)
    assert queries.findings(of_many, chosen.at_page(99)) == second


@pytest.mark.parametrize("sort", SORTS)
def test_every_sort_is_an_order_of_the_same(of_many: Tables, sort: str) -> None:
    """Neighbours in it are the rows beside."""
    chosen = Filter({}, sort=sort)
    found = queries.findings(of_many, chosen)
    rows = found.rows
    beside = queries.neighbours(of_many, chosen, rows[3].id)
    assert (beside.number, beside.total) == (4, found.total)
    assert (beside.before, beside.after) == (rows[2], rows[4])
    first = queries.neighbours(of_many, chosen, rows[0].id)
    assert (first.before, first.after) == (None, rows[1])


def test_what_is_not_in_the_choice_has_a_way_on(of_many: Tables) -> None:
    """One that was just settled, or opened by its own address: it has no number, but neighbours."""
    violated = Filter({"result": ("violated",)})
    rows = queries.findings(of_many, violated).rows
    advice = queries.findings(of_many, Filter({"result": ("advice",)})).rows[0]
    beside = queries.neighbours(of_many, violated, advice.id)
    assert (beside.number, beside.total, beside.after) == (0, 30, None)
    without = Filter({"result": ("violated",)}, search=rows[0].run)
    beside = queries.neighbours(of_many, without, rows[3].id)
    assert (beside.number, beside.total, beside.before) == (0, 1, rows[0])
    unknown = queries.neighbours(of_many, violated, "F-0")
    assert unknown == queries.Neighbours(0, 0, None, None)


def test_choices_are_what_findings_have(at_desk: Tables) -> None:
    """The commonest first, and nothing empty."""
    found = queries.choices(at_desk)
    assert set(found["result"]) == {"violated", "handled", "advice"}
    assert "" not in found["channel"]
    assert found["version"] == ("desk 1.0.0",)


def test_counts_follow_the_filter_but_for_states(of_many: Tables) -> None:
    """The numbers stand beside the states that can be chosen."""
    counted = queries.counts(of_many, Filter({"result": ("advice",), "channel": ("chat",)}))
    assert counted["violated"] == 15


def test_the_verdict_counts_runs(of_many: Tables) -> None:
    """Findings, rules, runs with one, runs."""
    assert queries.violated(of_many) == queries.Violated(30, 1, 30, 30)


def test_time_is_cut_to_bars(of_many: Tables) -> None:
    """Two minutes are shown by the minute; together the bars are all the findings."""
    assert queries.bar_width(of_many) == "minute"
    bars = queries.by_time(of_many, ALL)
    assert sum(bar.findings for bar in bars) == queries.findings(of_many, ALL).total
    assert all(re.fullmatch(r"2026-03-01T09:0\d:00Z", bar.start) for bar in bars)
    assert bars[0].end == "2026-03-01T09:01:00Z"


@pytest.mark.parametrize(
    ("last", "width"),
    [
        ("2026-03-01T13:00:00.000000Z", "hour"),
        ("2026-03-20T12:00:00.000000Z", "day"),
        ("2026-12-20T12:00:00.000000Z", "week"),
        ("2030-03-01T12:00:00.000000Z", "month"),
    ],
)
def test_a_long_story_has_wide_bars(tmp_path: Path, last: str, width: str) -> None:
    """However long: each finding is in a bar, and each bar as wide as it says it is."""
    forge = Desk()
    forge.paid(look=False)
    late = forge.make("run", "agent", phase="opened", service=SERVICE)
    forge.submit("agent", late, at=last)
    run = digest(late)
    paid = {"run": run, "tool": "pay", "params": {"amount": 5}}
    forge.submit("agent", forge.make("action", "agent", **paid), at=last)
    there = tables(forge, tmp_path)
    assert queries.bar_width(there) == width
    bars = queries.by_time(there, ALL)
    assert sum(bar.findings for bar in bars) == queries.findings(there, ALL).total
    assert len({bar.start for bar in bars}) == 2
    assert charts.findings_by_time(bars, (), width).alt.startswith("Bar chart")


def test_what_changed_the_rules_is_marked(at_desk: Tables) -> None:
    """Activations and switches, in words."""
    assert [mark.what for mark in queries.marks(at_desk)] == [
        "contract 1.0.0 activated",
        "kill switch engaged",
        "kill switch released",
    ]


def test_an_empty_ledger_answers_everything(tmp_path: Path) -> None:
    """Nothing has happened: no error, no row."""
    nothing = tables(empty(), tmp_path)
    assert queries.findings(nothing, Filter.of({})) == queries.Found((), 0, 1, 1)
    assert queries.span(nothing) == ("", "")
    assert queries.bar_width(nothing) == "day"
    assert queries.by_time(nothing, Filter.of({})) == ()
    assert queries.marks(nothing) == ()
    assert queries.violated(nothing).all_runs == 0
    assert set(queries.counts(nothing)) == set(STATES)


def test_hostile_text_is_found_as_it_is(tmp_path: Path) -> None:
    """Quotes and markup in records are values, in columns and in searches."""
    ledger = tables(hostile(), tmp_path)
    found = queries.findings(ledger, Filter({"channel": (HOSTILE,)}))
    assert found.total > 0
    assert found.rows[0].tool == HOSTILE
    assert queries.findings(ledger, Filter({}, "<script>alert(1)</script>")).total > 0
