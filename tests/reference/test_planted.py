"""What is planted in random runs is found, all of it and nothing else, whichever way is taken."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from benchmarks.planted import Held, held, never_planted, summed
from benchmarks.planting import generating
from benchmarks.planting.desk import contracts
from benchmarks.planting.generating import MUTATIONS, generate
from benchmarks.planting.likeness import DISPARITY, UNUSED
from benchmarks.planting.mutations import violated
from benchmarks.planting.scanned import differences
from benchmarks.planting.truth import Expected, compare, read_truth
from contracts.history import Event
from ledger.encoding import decode, digest
from ledger.store import Store
from verifier.findings import Finding, Result
from verifier.reports.json import json_report

SEED: Final = "each"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the ledger of this module lies."""
    return tmp_path_factory.mktemp("planted")


@pytest.fixture(scope="module")
def found(folder: Path) -> Held:
    """A ledger in which each mutation is planted once, verified with both engines."""
    return held(folder, 150, SEED)


@pytest.fixture(scope="module")
def events(folder: Path, found: Held) -> Mapping[int, Event]:
    """The records of the same ledger, by entry."""
    assert found.truth.runs
    with Store.open(folder / "planted.db") as store:
        rows = [(row.idx, row.record or b"") for row in store.rows()]
    return {index: Event(index, digest(raw), decode(raw), "") for index, raw in rows}


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


# ------------------------------------------------------------ like cases, and permissions


def _planted(found: Held, rule: str) -> set[tuple[int, str]]:
    return {(one.index, one.contract) for one in found.truth.expected if one.rule == rule}


def test_each_decision_is_made_apart_in_some_channel(found: Held) -> None:
    """Of what a broken gate decided some is a disparity, and some no other channel can show."""
    findings = [one for one in found.report.findings if one.code == DISPARITY]
    effects = {one.recorded.replace(",", ";").split(";")[0].split()[-1] for one in findings}
    assert effects == {"allow", "approve", "escalate", "deny"}
    apart = {index for index, _ in _planted(found, DISPARITY)}
    codes = ("decision.false-allow", "decision.false-deny")
    wrong = {index for code in codes for index, _ in _planted(found, code)}
    assert len(apart) > len(effects)
    assert wrong - apart
    mine = {one for line in found.truth.expected if line.rule == DISPARITY for one in line.plants}
    assert len({one for one in mine if one.startswith("another channel")}) > 1


def test_what_was_granted_is_used_or_in_vain(found: Held, events: Mapping[int, Event]) -> None:
    """Who uses all that they may is not found; who was never let is, and so is a contract."""
    unused = _planted(found, UNUSED)
    names = {
        events[index].record["by"].rpartition("/")[2] for index, version in unused if not version
    }
    assert names == {"agent-trial", "agent-barred"}
    assert {version for _, version in unused} > {""}
    acting = {
        one.record["by"].rpartition("/")[2]
        for one in events.values()
        if one.record["kind"] == "action"
    }
    assert acting > {"agent-reader", *names}


# ------------------------------------------------------------------------- explanations


class Names:
    """The entries that records name, which an explanation may tell beside what a result rests on.

    Args:
        events: The records by entry.
    """

    def __init__(self, events: Mapping[int, Event]) -> None:
        self._events = events
        self._index = {one.digest: at for at, one in events.items()}
        self._words: dict[str, set[int]] = {}
        self._activations: dict[str, set[int]] = {}
        self._regions: dict[str, set[int]] = {}
        for at, one in events.items():
            if one.record["kind"] == "approval":
                self._words.setdefault(one.record["action"], set()).add(at)
            if one.record["kind"] == "activation":
                self._activations.setdefault(one.record["digest"], set()).add(at)
            if one.record.get("what") == "customer" and "run" in one.record:
                self._regions.setdefault(one.record["run"], set()).add(at)

    def beside(self, one: Finding) -> set[int]:
        """Return entry, run, action, what that resumes, and the approvals of it; the activation.

        And where a limit decides what was seen of the customer: in this contract limits hang on the
        region.
        """
        event = self._events[one.index]
        action = self._events[self._index.get(event.record.get("action", ""), one.index)]
        held = action.record.get("resumes", "")
        named = [self._index.get(name) for name in (action.record.get("run", ""), held)]
        words = self._words.get(held, set()) | self._words.get(action.digest, set())
        entries = {one.index, action.index, *(at for at in named if at is not None)}
        if any(path.startswith("limits.") for path, _ in one.explanation.facts):
            entries |= self._regions.get(action.record["run"], set())
        return entries | words | self._activations[one.contract]


def test_every_violation_of_a_rule_is_explained(found: Held, events: Mapping[int, Event]) -> None:
    """Why, by which entries, and what would have satisfied it."""
    rules = {rule.id for contract in contracts().values() for rule in contract.rules}
    violated = [one for one in found.report.findings if one.result is Result.VIOLATED]
    told, names = [one for one in violated if one.rule in rules], Names(events)
    assert len({one.rule for one in told}) > 30
    for one in told:
        why = one.explanation
        for texts in (why.because, why.would):
            assert texts, one
            assert all(texts), one
        assert one.index in why.entries, one
        assert list(why.entries) == sorted(set(why.entries)), one
        rests = {each.index for each in one.rests_on}
        assert {*why.entries} - rests - names.beside(one) == set(), one


# ------------------------------------------------------------------ it bites


def _dropped(truth: list[Expected]) -> list[Expected]:
    return truth[1:]


def _elsewhere(truth: list[Expected]) -> list[Expected]:
    return [replace(truth[0], index=truth[0].index + 1), *truth[1:]]


def _another_result(truth: list[Expected]) -> list[Expected]:
    one = next(one for one in truth if one.result == "handled")
    return [replace(one, result="violated"), *(each for each in truth if each is not one)]


def _another_version(truth: list[Expected]) -> list[Expected]:
    one = next(one for one in truth if one.contract == "1.1.0")
    return [replace(one, contract="1.0.0"), *(each for each in truth if each is not one)]


@pytest.mark.parametrize(
    ("changed", "missed"),
    [(_dropped, 0), (_elsewhere, 1), (_another_result, 1), (_another_version, 1)],
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
    truth = replace(found.truth, expected=_elsewhere(found.truth.expected))
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
