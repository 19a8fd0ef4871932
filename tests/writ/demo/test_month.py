"""Four weeks from a seed: found is what was planted, and the same seed is the same month."""

import json
import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from contracts import load_contract
from contracts.library import contract_text
from ledger.records import Outcome, parse_record
from ledger.store import Store
from verifier.load import open_ledger, verify_ledger
from verifier.report import ExitCode, IntegrityVerdict, Report
from verifier.trust import parse_trust
from writ.demo import story
from writ.demo.month import NAME, Month, live
from writ.demo.truth import compare, read_truth

SEEDS = tuple(f"seed-{number}" for number in range(1, 5))
# What an engine cannot be led to find in a valid ledger, and what shows it instead.
UNREACHABLE = {"identity.registered": "append.not-entitled"}
# What is broken under the other version alone: payouts are taken back once 1.1.0 is in force.
LATER = {"1.0.0": {"recovery.compensation.payouts.reverse"}, "1.1.0": set[str]()}


@dataclass(frozen=True)
class Lived:
    """A month, and what a verifier says of it."""

    month: Month
    path: Path
    report: Report


def lived(seed: str, folder: Path, runs: int) -> Lived:
    """Let a month happen, and verify it."""
    path = folder / "refunds.db"
    month = live(path, seed, runs=runs)
    return Lived(month, path, verify_ledger(path, parse_trust(month.trust.encode(), "trust")))


@cache
def one() -> Lived:
    """The month that most tests look at."""
    return lived("one", Path(mkdtemp(prefix="writ-month-")), 120)


@pytest.mark.parametrize("seed", SEEDS)
def test_found_is_what_was_planted(seed: str, tmp_path: Path) -> None:
    """Precision and recall are 1.0: violated, undecidable and handled, by rule, entry, version."""
    found = lived(seed, tmp_path, 25)
    assert found.report.integrity.verdict is IntegrityVerdict.HOLDS
    assert found.report.integrity.invalid_submissions == 0
    comparison = compare(found.month.desk.truth.expected, found.report)
    assert comparison.missed == ()
    assert comparison.beyond == ()
    assert comparison.right == len(found.report.findings) > 200
    assert found.report.exit_code() is ExitCode.VIOLATED


@pytest.mark.parametrize("version", ["1.0.0", "1.1.0"])
def test_every_rule_is_broken(version: str) -> None:
    """Each rule of each version is violated somewhere; one cannot be, and the ledger refuses it."""
    truth = one().month.desk.truth
    rules = {rule.id for rule in load_contract(contract_text(NAME, version)).rules}
    broken = {each.rule for each in truth.expected if each.contract == version}
    violated = {
        each.rule
        for each in truth.expected
        if each.contract == version and each.result == "violated"
    }
    assert rules - violated == {*UNREACHABLE, *LATER[version]}
    assert broken >= violated
    assert truth.refused == UNREACHABLE


@pytest.mark.parametrize(
    ("code", "by"),
    [
        ("identity.duties", "deputy"),
        ("identity.service", "agent-collections"),
        ("recovery.switch-role", "night-shift"),
    ],
)
def test_what_people_may_not_do_is_done(code: str, by: str) -> None:
    """Under each version: an activation by who runs it, a stranger's run, a switch without role."""
    planted = [each for each in one().month.desk.truth.expected if each.rule == code]
    assert {each.contract for each in planted} == {"1.0.0", "1.1.0"}
    found = [each for each in one().report.findings if each.code == code]
    assert [each.index for each in found] == [each.index for each in planted]
    assert {each.identity.rpartition("/")[2] for each in found} == {by}
    assert all(each.recorded and each.expected for each in found)


def test_what_people_may_not_do_changes_nothing() -> None:
    """The version in force goes on, no call is stopped, and the stranger's run does nothing."""
    truth = one().month.desk.truth.expected
    plants = {"activated-by-its-runner", "stopped-without-the-role", "opened-by-a-stranger"}
    assert {each.plant for each in truth} >= plants
    of_people = {each.index for each in truth if each.plant in plants}
    contracts = one().report.conformance.contracts
    assert [each.version for each in contracts if each.judged] == ["1.0.0", "1.1.0"]
    void = [each.index for each in truth if each.plant == "stopped-without-the-role"]
    for engaged, released in zip(void[::2], void[1::2], strict=True):
        stopped = {
            each.index for each in one().report.findings if each.rule == "recovery.kill-switch"
        }
        assert not stopped & set(range(engaged, released))
    assert not {each.index for each in truth if each.plant not in plants} & of_people


def test_a_planted_finding_that_is_not_found_is_missed() -> None:
    """The comparison bites both ways: one more, one less, another entry, another result."""
    expected, report = one().month.desk.truth.expected, one().report
    first = expected[0]
    assert compare(expected, report).exact
    fewer = compare(expected[1:], report)
    assert (fewer.beyond, fewer.missed) == ((first.key,), ())
    assert fewer.precision < 1 == fewer.recall
    changes: tuple[dict[str, Any], ...] = (
        {"result": "handled" if first.result != "handled" else "violated"},
        {"index": first.index + 1},
        {"contract": "9.9.9"},
    )
    for changed in changes:
        other = compare([replace(first, **changed), *expected[1:]], report)
        assert len(other.missed) == len(other.beyond) == 1


def test_truth_is_written_and_read() -> None:
    """`truth.json` gives back what was noted, in the order of the entries."""
    truth = one().month.desk.truth
    text = truth.text({"seed": "one"})
    assert sorted(read_truth(text), key=repr) == sorted(truth.expected, key=repr)
    assert json.loads(text)["seed"] == "one"
    indexes = [each.index for each in read_truth(text)]
    assert indexes == sorted(indexes)


def test_money_moved_as_the_ledger_says() -> None:
    """The world's balances, which no record is made from, are the sums of the recorded outcomes."""
    month = one().month
    world = month.desk.world
    lied = {each.index for each in month.desk.truth.expected if each.plant == "more-went-out"}
    left: Counter[str] = Counter()
    with Store.open(one().path) as store:
        for row in store.rows():
            record = parse_record(row.record or b"")
            if not isinstance(record, Outcome) or record.value is None:
                continue
            micros = record.value.micros
            if row.idx in lied:
                # A record that names another amount, and another currency, than what moved.
                payout = world.payouts[record.fields["payout_id"]]
                assert micros != payout.micros
                left[payout.currency] += payout.micros
            else:
                left[record.value.currency] += micros
    assert len(lied) == 2
    assert dict(left) == {name: -micros for name, micros in world.account.items()}
    got: Counter[str] = Counter()
    for (_, currency), micros in world.balances.items():
        got[currency] += micros
    assert got == left


def test_the_incident_is_told_from_the_ledger() -> None:
    """Ten lines, with the numbers that the world has too."""
    happened = one().month.incident
    with open_ledger(one().path, parse_trust(one().month.trust.encode(), "trust")) as verified:
        lines = list(story.incident(story.read(verified), verified))
    assert len(lines) == 10
    told = "\n".join(lines)
    assert f"it pays {len(happened.paid)} refunds to the same {len(happened.ring)} " in told
    assert "none of them breaks a rule" in told
    assert f"{happened.denied} more are denied" in told
    assert f"{len(happened.reversed)} payouts are taken back" in told
    assert f"{len(happened.too_late)} were past their 72 hours," in told
    lost = len(happened.paid) - len(happened.reversed) - len(happened.too_late)
    assert f"{lost} failed at the bank" in told
    assert f"claimed {happened.returned} times more" in told
    assert happened.prompt[:8] in told


def rows(path: Path) -> list[tuple[bytes, bytes]]:
    """Return header and record of every entry."""
    with Store.open(path) as store:
        return [(row.header, row.record or b"") for row in store.rows()]


def named(raws: list[tuple[bytes, bytes]]) -> list[str]:
    """Return records in which each nonce, digest, key and signature is the number of its first."""
    seen: dict[str, str] = {}

    def number(match: re.Match[str]) -> str:
        return seen.setdefault(match[0], f"#{len(seen)}")

    found: list[str] = []
    for _, raw in raws:
        text = re.sub(r'"nonce":"[0-9a-f]{32}"', '"nonce":""', raw.decode())
        # In the authority document the list of keys is in the order of the keys.
        text = re.sub(r'\\"key\\":\\"[0-9a-f]{64}\\"', "", text)
        text = re.sub(r"[A-Za-z0-9+/]{86}==", "", text)
        found.append(re.sub(r"[0-9a-f]{64}", number, text))
    return found


def test_the_same_seed_is_the_same_month(tmp_path: Path) -> None:
    """With keys and nonces from the seed to the byte; else only what is secret differs.

    That is nonces, keys, and what is hashed or signed.
    """
    made: list[tuple[list[tuple[bytes, bytes]], str]] = []
    same = ("same", True)
    for name, (seed, reproducible) in zip(
        "abcd", (same, same, ("same", False), ("other", True)), strict=True
    ):
        folder = tmp_path / name
        folder.mkdir()
        month = live(folder / "refunds.db", seed, runs=20, reproducible=reproducible)
        made.append((rows(Path(month.founded.location)), month.trust))
    assert made[0] == made[1]
    assert made[0] != made[2]
    assert named(made[0][0]) == named(made[2][0])
    assert named(made[0][0]) != named(made[3][0])
