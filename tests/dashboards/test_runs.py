"""One run: its head, its steps, what they name, and what fell into its time."""

from pathlib import Path

import pytest

from dashboards import queries, runs
from dashboards.filters import Filter
from dashboards.runs import RunHead, Step
from dashboards.tables import Tables
from tests.dashboards.ledgers import desk, empty, many, tables
from tests.verifier.forge import SERVICE


@pytest.fixture(scope="module")
def at_desk(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """A ledger with three runs."""
    return tables(desk(), tmp_path_factory.mktemp("desk"))


def _head(ledger: Tables, name: str) -> RunHead:
    found = runs.head(ledger, name)
    assert found is not None
    return found


def _steps(ledger: Tables, name: str) -> tuple[Step, ...]:
    return runs.steps(ledger, _head(ledger, name))


def test_runs_are_listed_with_what_happened_in_them(at_desk: Tables) -> None:
    """In the ledger's order, with actions and findings counted."""
    found = runs.listed(at_desk)
    assert [(row.ref, row.actions, row.violated) for row in found.rows] == [
        ("", 1, 1),
        ("held-1", 2, 0),
        ("fine-1", 1, 0),
    ]
    assert found.total == 3
    assert found.rows[0].name == found.rows[0].digest


@pytest.mark.parametrize(
    ("search", "expected"),
    [("carol", 1), ("PORTAL held", 1), ("pay", 2), ("look chat", 1), ("nobody", 0)],
)
def test_runs_are_searched_by_what_they_say_and_do(
    at_desk: Tables, search: str, expected: int
) -> None:
    """Reference, person, channel, and the tools that were called."""
    assert runs.listed(at_desk, search).total == expected


def test_runs_with_violations_can_be_asked_for(at_desk: Tables) -> None:
    """And pages of a list are as the inbox's."""
    assert runs.listed(at_desk, found=True).total == 1
    assert runs.listed(at_desk, page=7).page == 1


def test_a_run_has_a_head(at_desk: Tables) -> None:
    """What it said of itself, what was in force, what it cost and was worth."""
    fine = _head(at_desk, "fine-1")
    assert (fine.service, fine.channel, fine.model) == (SERVICE, "chat", "desk-model-2")
    assert (fine.cost, fine.tokens) == ((("EUR", 1_200),), (10, 3))
    assert fine.versions == ("1.0.0",)
    assert fine.outcome == "done"
    assert not fine.imported
    held = _head(at_desk, "held-1")
    assert held.value == (("EUR", 5_000_000),)
    assert (held.after, fine.before) == (fine.digest, held.digest)
    assert fine.after == ""
    assert _head(at_desk, fine.digest) == fine


def test_there_is_no_run_of_another_name(at_desk: Tables) -> None:
    """Nor one without a name."""
    assert runs.head(at_desk, "nowhere") is None
    assert runs.head(at_desk, "") is None


def test_steps_stand_in_order_with_what_fell_in(at_desk: Tables) -> None:
    """Switches are nobody's, and are shown where they were pulled."""
    steps = _steps(at_desk, "held-1")
    assert [step.entry.kind for step in steps] == [
        "run",
        "action",
        "outcome",
        "action",
        "approval",
        "switch",
        "switch",
        "run",
    ]
    assert [step.outside for step in steps] == [False] * 5 + [True, True, False]
    assert steps[2].after == 1.0
    assert [row.rule for row in steps[3].findings] == ["scope.large"]
    assert steps[4].links[steps[3].entry.digest].index == steps[3].entry.index


def test_evidence_is_followed(at_desk: Tables) -> None:
    """An action's digests lead to the entries that they name."""
    action = next(step for step in _steps(at_desk, "fine-1") if step.entry.kind == "action")
    assert [one.source for one in action.links.values()] == ["orders-db"]


def test_a_decision_leads_to_its_rule(at_desk: Tables) -> None:
    """With the contract that the action says it was decided under; no other."""
    action = _steps(at_desk, "held-1")[3].entry
    rule = runs.rule_named(at_desk, action.record["contract"], "scope.large")
    assert rule is not None
    assert rule.says == "Needs a lead."
    assert runs.rule_named(at_desk, action.record["contract"], "scope.none") is None
    assert runs.rule_named(at_desk, {"digest": "00" * 32}, "scope.large") is None
    assert runs.rule_named(at_desk, None, "scope.large") is None


def test_a_finding_is_shown_with_what_it_rests_on(at_desk: Tables) -> None:
    """As the report has it, and the entries that it names."""
    held = queries.findings(at_desk, Filter({"result": ("handled",)})).rows[0]
    found = runs.full_finding(at_desk, held)
    assert found.id == held.id
    assert [one.index for one in runs.bases(at_desk, found)] == [
        basis.index for basis in found.rests_on
    ]
    assert runs.entry(at_desk, 10_000) is None


def test_the_page_of_a_step(tmp_path: Path) -> None:
    """A long run is gone through in pages; a step that is not in it is on the first."""
    steps = _steps(tables(many(1), tmp_path), "run-0")
    assert runs.page_of(steps, steps[-1].entry.index) == 1
    assert runs.page_of(steps * 40, None) == 1
    later = next(index for index, step in enumerate(steps) if step.entry.kind == "outcome")
    assert (
        runs.page_of([*steps[:1] * runs.STEPS_SHOWN, steps[later]], steps[later].entry.index) == 2
    )


def test_nothing_has_no_worst() -> None:
    """A step without findings is not marked."""
    assert runs.worst(()) is None


def test_an_empty_ledger_has_no_runs(tmp_path: Path) -> None:
    """No run, no page beyond the first."""
    assert runs.listed(tables(empty(), tmp_path)) == runs.Listed((), 0, 1, 1)
