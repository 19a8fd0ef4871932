"""What is planted in random runs is found, all of it and nothing else, whichever way is taken."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from benchmarks.planted import Held, held, never_planted, summed
from benchmarks.planting import generating
from benchmarks.planting.generating import MUTATIONS, generate
from benchmarks.planting.mutations import violated
from benchmarks.planting.scanned import differences
from benchmarks.planting.truth import Expected, compare, read_truth
from verifier.reports.json import json_report

SEED: Final = "each"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Held:
    """A ledger in which each mutation is planted once, verified with both engines."""
    return held(tmp_path_factory.mktemp("planted"), 150, SEED)


def test_all_that_was_planted_is_found_and_nothing_else(found: Held) -> None:
    """Precision and recall are 1 of every rule and result: undecidable is what had to be."""
    compared = compare(found.truth.expected, found.report)
    assert (compared.missed, compared.beyond) == ([], [])
    assert all(line.exact for line in compared.lines.values())
    assert compared.whole.planted.total() > 250
    assert found.truth.runs >= 150


def test_everything_is_planted(found: Held) -> None:
    """Each mutation stands in the ledger, and each rule of both versions is broken by something."""
    assert set(found.truth.plants) == {one.name for one in MUTATIONS}
    assert never_planted(found.truth.expected) == []
    assert never_planted([]) != []


def test_what_a_mutation_claims_is_what_the_model_says(found: Held) -> None:
    """Whoever planted a mistake, and the model of the service, agree on what it breaks."""
    assert found.truth.contradictions == []


def test_both_engines_write_the_same_bytes(found: Held) -> None:
    """Counters and columns give one report, and the benchmark says so."""
    rows, columns = (json_report(found.reports[name]) for name in ("rows", "columns"))
    assert rows == columns
    result = summed(found, SEED)
    assert (result["failed"], result["wrong"], result["same_reports"]) == (False, {}, True)


def test_scanning_counting_and_columns_say_the_same(tmp_path: Path) -> None:
    """Every result on a generated ledger is that of the naive reference."""
    compared, differing = differences(tmp_path, "scanned", 6)
    assert differing == []
    assert compared > 700


# ------------------------------------------------------------------ it bites


def _dropped(truth: list[Expected]) -> list[Expected]:
    return truth[1:]


def _beside(truth: list[Expected]) -> list[Expected]:
    return [replace(truth[0], index=truth[0].index + 1), *truth[1:]]


def _another_result(truth: list[Expected]) -> list[Expected]:
    one = next(one for one in truth if one.result == "handled")
    return [replace(one, result="violated"), *(each for each in truth if each is not one)]


def _another_version(truth: list[Expected]) -> list[Expected]:
    one = next(one for one in truth if one.contract == "1.1.0")
    return [replace(one, contract="1.0.0"), *(each for each in truth if each is not one)]


@pytest.mark.parametrize(
    ("changed", "missed"),
    [(_dropped, 0), (_beside, 1), (_another_result, 1), (_another_version, 1)],
)
def test_one_line_of_the_truth_that_is_another(
    found: Held, changed: Callable[[list[Expected]], list[Expected]], missed: int
) -> None:
    """One finding more, elsewhere, as something else or under another version is noticed."""
    compared = compare(changed(found.truth.expected), found.report)
    assert (len(compared.missed), len(compared.beyond)) == (missed, 1)
    assert not compared.exact
    assert compared.whole.precision() < 1
    assert (compared.whole.recall() < 1) is bool(missed)


def test_the_benchmark_fails_where_something_is_not_found(found: Held) -> None:
    """What was planted and is not in the report makes it exit with 1."""
    truth = replace(found.truth, expected=_beside(found.truth.expected))
    result = summed(replace(found, truth=truth), SEED)
    assert result["failed"] is True
    assert len(result["wrong"]["missed"]) == 1


def test_a_mutation_that_claims_what_it_does_not_break(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model contradicts it."""
    one = next(one for one in MUTATIONS if one.name == "high risk")
    wrong = replace(one, claims=violated("pay", "scope.privilege"))
    monkeypatch.setattr(generating, "MUTATIONS", (wrong,))
    (said,) = generate(tmp_path / "wrong.db", SEED, 1).contradictions
    assert "claims [('pay', 'violated', 'scope.privilege')]" in said
    assert "says [('pay', 'violated', 'scope.risk')]" in said


def test_the_seed_says_it_all(tmp_path: Path) -> None:
    """The same seed makes the same truth of the same ledger, another one another."""
    made: list[tuple[str, list[Expected]]] = []
    for name, seed in (("one", SEED), ("two", SEED), ("three", "other")):
        path = tmp_path / name
        path.mkdir()
        generate(path / "planted.db", seed, 2, each=False).write(path / "truth.json", seed)
        trust = (path / "planted.db.trust.json").read_text("utf-8")
        made.append((trust, read_truth(path / "truth.json")))
    assert made[0] == made[1]
    assert made[0] != made[2]
