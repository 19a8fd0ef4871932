"""The scenarios that come with the library's contracts hold, and leave no rule out."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from contracts.exercise import BOTH, Exercise, exercise_of
from contracts.library import contract_text
from contracts.loading import load_contract
from contracts.rehearsal import Judge
from contracts.scenarios import Played, Stage
from contracts.suites import Suite, parse_suites
from tests.reference.scanning import Scanning
from verifier.engines import Engines
from verifier.rehearsal import Verifying

LIBRARY: Final = Path(__file__).parents[2] / "contracts" / "library"

# The tools' permissions are all among the contract's own (lint says where not), whoever imports
# decides nothing (scenarios are of live records), and the services' switches have no selector.
NEVER: Final = {("identity.permission", False), ("recovery.kill-switch", True)}


@cache
def suites(name: str) -> list[Suite]:
    """The suites of a service."""
    files = sorted((LIBRARY / name / "scenarios").glob("*.yaml"))
    return parse_suites({file.name: file.read_bytes() for file in files})


def played(name: str, version: str, *judges: Judge) -> tuple[list[Played], Exercise]:
    """How the scenarios of a version go, and what they exercise."""
    text = contract_text(name, version)
    stage = Stage(load_contract(text, version), text, judges, tries=0)
    found = stage.play(suites(name))
    return found, exercise_of(stage, found)


VERSIONS: Final = (
    ("refund-decisioning", "1.0.0"),
    ("refund-decisioning", "1.1.0"),
    ("access-granting", "1.0.0"),
    ("payment-approval", "1.0.0"),
    ("customer-record-update", "1.0.0"),
)
# A naive reference takes its time: it judges two that have little in common.
SCANNED: Final = frozenset((VERSIONS[1], VERSIONS[4]))
FILES: Final = [
    (*version, file.name)
    for version in VERSIONS
    for file in sorted((LIBRARY / version[0] / "scenarios").glob("*.yaml"))
    if file.name != "setting.yaml"
]


@pytest.mark.parametrize(("name", "version"), VERSIONS)
def test_the_scenarios_of_the_library_leave_no_rule_out(name: str, version: str) -> None:
    """Every rule is seen both kept and broken, and whatever is required is covered."""
    found, exercise = played(name, version)
    assert [(each.name, each.failures) for each in found if each.failures] == []
    assert len(found) > 150
    assert [[rule.id for rule in exercise.never(word)] for word in BOTH] == [[], []]
    assert exercise.missing == ()
    one_sided = {
        (branch.rule.id, value)
        for branch, values in exercise.branches
        for value in (True, False)
        if value not in values
    }
    imported = {(rule.id, True) for rule, _ in exercise.rules if rule.id.endswith(".idempotency")}
    assert one_sided == NEVER | imported


@pytest.mark.parametrize(("name", "version", "file"), FILES)
def test_every_scenario_of_the_library_holds(name: str, version: str, file: str) -> None:
    """Guard, verifier and reference say the same of each, and it is what the author expects."""
    judges: list[Judge] = [Verifying()]
    judges += [Scanning()] if (name, version) in SCANNED else []
    text = contract_text(name, version)
    stage = Stage(load_contract(text, version), text, judges, tries=0, branches=False)
    chosen = [suite for suite in suites(name) if suite.source.file == file]
    assert len(chosen) == 1
    found = stage.play(chosen)
    assert [(each.name, each.failures) for each in found if each.failures] == []


def first_of(suite: Suite) -> Suite:
    """A suite with its first scenario alone."""
    return replace(
        suite, text=suite.text.model_copy(update={"scenarios": suite.text.scenarios[:1]})
    )


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("refund-decisioning", "1.1.0"),
        ("access-granting", "1.0.0"),
        ("payment-approval", "1.0.0"),
        ("customer-record-update", "1.0.0"),
    ],
)
def test_scenarios_hold_by_column_too(name: str, version: str) -> None:
    """Columns say of a scenario what the guard said; three of a service, for the time it takes."""
    text = contract_text(name, version)
    judges = [Verifying(Engines.COLUMNS)]
    stage = Stage(load_contract(text, version), text, judges, tries=0, branches=False)
    found = stage.play([first_of(suite) for suite in suites(name)[:: len(suites(name)) // 3]])
    assert len(found) >= 3
    assert [(each.name, each.failures) for each in found if each.failures] == []
