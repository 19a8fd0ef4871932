"""Each attack of the table, on both stores: the very check, at the very entry."""

import re
from pathlib import Path

import pytest

from tests.tamper import keeper_attacks, store_attacks, witness_attacks, writer_attacks
from tests.tamper.scene import STORES, Scene
from tests.tamper.table import ATTACKS, BUNDLED, Answer, Broken, Found, NotExcluded, Undecidable
from verifier.load import verify_ledger
from verifier.report import ExitCode, IntegrityVerdict, Report

KINDS = 40
# Each of these enters its own when it is imported.
ENTERED = (store_attacks, keeper_attacks, witness_attacks, writer_attacks)


@pytest.fixture(params=list(STORES))
def kept(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Give each kind of store, with the URL of an empty database where it takes one."""
    url = request.getfixturevalue("location") if request.param == "postgresql" else ""
    return request.param, url


def verified(scene: Scene, kept: tuple[str, str], folder: Path) -> Report:
    """Write the ledger, do what the attack does to its tables, and verify it."""
    store, url = kept
    return verify_ledger(STORES[store](scene, folder, url), scene.trusted())


def check(report: Report, answer: Answer) -> None:
    """Hold a report against the answer that is expected."""
    verdict, broken = report.integrity.verdict, report.integrity.broken
    said = [(found.index, found.code, found.recorded) for found in report.findings]
    if isinstance(answer, Broken):
        assert broken is not None, said
        assert (broken.index, broken.step, broken.check) == (
            answer.index,
            answer.step,
            answer.check,
        ), broken
        assert report.exit_code() is ExitCode.VIOLATED
    elif isinstance(answer, Found):
        assert verdict is IntegrityVerdict.HOLDS, broken
        assert (answer.index, answer.code) in [(index, code) for index, code, _ in said], said
    elif isinstance(answer, Undecidable):
        assert verdict is IntegrityVerdict.UNDECIDABLE, (broken, said)
        assert re.search(answer.words, " ".join(report.integrity.reasons))
        assert report.exit_code() is ExitCode.UNDECIDABLE
    else:
        assert isinstance(answer, NotExcluded)
        assert verdict is IntegrityVerdict.HOLDS, broken
        assert re.search(answer.words, " ".join(report.integrity.not_excluded))


def test_the_table_is_long_enough() -> None:
    """No fewer kinds than were promised."""
    assert len(ATTACKS) >= KINDS


def test_nothing_is_found_where_nothing_was_done(kept: tuple[str, str], tmp_path: Path) -> None:
    """The scene itself holds."""
    report = verified(Scene.built(), kept, tmp_path)
    assert report.exit_code() is ExitCode.HOLDS
    assert {found.code for found in report.findings} == {"coverage.stream-unclosed"}


@pytest.mark.parametrize("name", list(ATTACKS))
def test_an_attack_is_named(name: str, kept: tuple[str, str], tmp_path: Path) -> None:
    """Whoever attacks, and however strong: the check that fails is named, and the entry."""
    attack, answer = ATTACKS[name]
    scene = Scene.built()
    attack(scene)
    if kept[0] == "bundle" and scene.statements:
        pytest.skip("an attack on tables: who exports them meets it, and a bundle has none")
    check(verified(scene, kept, tmp_path), BUNDLED[name] if kept[0] == "bundle" else answer)
