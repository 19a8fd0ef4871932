"""Each attack on sealed values, on both stores and in a bundle: what is found, and what is not."""

from pathlib import Path

import pytest

from ledger.store import Store
from tests.tamper.sealed_attacks import SEALED_ATTACKS, Said
from tests.tamper.sealed_scene import PAYMENT, SealedScene
from verifier.load import verify_ledger
from verifier.report import ExitCode, IntegrityVerdict, Report

RULE = "policy.small"
ON_STORES = [name for name, (_, answers) in SEALED_ATTACKS.items() if answers.opened is not None]


def described(report: Report) -> Said:
    """Return what a report says of sealed values."""
    assert report.integrity.verdict is IntegrityVerdict.HOLDS, report.integrity
    found = sorted(
        (one.index, one.code) for one in report.findings if one.code.startswith("integrity.")
    )
    states = {state.value: count for state, count in report.integrity.sealed.items() if count}
    undecided = [one for one in report.findings if one.rule == RULE]
    assert {one.index for one in undecided} <= {PAYMENT}
    hidden = undecided[0].reason.removeprefix("params.amount is sealed, and ") if undecided else ""
    assert report.exit_code() is (
        ExitCode.VIOLATED if found else ExitCode.UNDECIDABLE if hidden else ExitCode.HOLDS
    )
    return Said(tuple(found), states, hidden)


def check(name: str, kind: str, folder: Path, url: str = "") -> None:
    """Make an attack, and hold what is said against what should be."""
    attack, answers = SEALED_ATTACKS[name]
    scene = SealedScene.built()
    attack(scene)
    place = scene.save(kind, folder, url)
    closed = answers.bundle if kind == "bundle" else answers.closed
    assert described(verify_ledger(place, scene.trusted())) == _sorted(closed)
    if kind != "bundle" and answers.opened is not None:
        report = verify_ledger(place, scene.trusted(), opener=scene.opener())
        assert described(report) == _sorted(answers.opened)


def _sorted(answer: Said) -> Said:
    return Said(tuple(sorted(answer.findings)), answer.states, answer.hidden)


@pytest.mark.parametrize("name", list(SEALED_ATTACKS))
def test_an_attack_on_sealed_values(name: str, tmp_path: Path) -> None:
    """Whoever can know is told which entry and which check; nobody else is told that all is well.

    What cannot be seen without the sealing key is withheld, and the rule over it undecidable.
    """
    check(name, "bundle", tmp_path)
    if name in ON_STORES:
        (tmp_path / "store").mkdir()
        check(name, "sqlite", tmp_path / "store")


def test_the_same_attacks_on_a_server(location: str, tmp_path: Path) -> None:
    """One database takes them all, one after the other."""
    Store.create(location).close()
    for name in ON_STORES:
        try:
            check(name, "postgresql", tmp_path, location)
        except AssertionError as error:
            error.add_note(name)
            raise
