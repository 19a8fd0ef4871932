"""`writ replay` at the command line: exit codes, what cannot be asked, and the same bytes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.bundle_writing import write_bundle
from ledger.store import Store
from tests.replay.shopping import STRICTER, shop_story
from writ import cli

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the shop's story."""
    return str(shop_story(tmp_path_factory.mktemp("replay")))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command, and return exit code, stdout and stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = cli.run(list(arguments))
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_the_story_of_a_run_begins_with_the_answer(ledger: str, run: Run) -> None:
    """What is wrong first; exit 0, because to tell is all that was asked."""
    code, out, err = run("replay", ledger, "--run", "R-5")
    assert code == 0
    assert out.startswith(
        "Replay: run R-5, 2 steps: at step 2 (entry 44) allow was recorded, and deny is right\n"
        "Of run R-5 · 57 entries · trust: self-asserted"
    )
    assert "no trust file" in err


def test_the_same_through_the_guard_is_exit_0_and_otherwise_1(ledger: str, run: Run) -> None:
    """Both say which, and the second shows the step in full."""
    code, out, _ = run("replay", ledger, "--run", "R-3", "--through-guard")
    assert code == 0
    assert "3 steps, the same decisions, reasons and calls" in out.splitlines()[0]
    assert run("replay", ledger, "--run", "R-3", "--through-guard")[1] == out
    code, out, _ = run("replay", ledger, "--run", "R-5", "--through-guard")
    assert code == 1
    assert "step 2 of 2 (entry 44, payouts.create) is the first that differs" in out
    assert "decision  recorded allow · then deny (1.0.0)" in out


@pytest.mark.parametrize("format_", ["json", "csv", "html"])
def test_the_guard_answers_in_every_form(ledger: str, run: Run, format_: str) -> None:
    """The step that differs is in each."""
    arguments = ("--run", "R-5", "--through-guard", "--format", format_)
    code, out, _ = run("replay", ledger, *arguments)
    assert code == 1
    assert "scope.cash is violated" in out


def test_a_contract_is_named_by_file_or_by_version(ledger: str, run: Run, tmp_path: Path) -> None:
    """Either decides instead of what was in force, here and for `now`."""
    file = tmp_path / "stricter.yaml"
    file.write_text(STRICTER, "utf-8")
    for named in (str(file), "refunds@1.1.0"):
        arguments = ("--run", "R-1", "--through-guard", "--contract", named)
        code, out, _ = run("replay", ledger, *arguments)
        assert code == 1
        assert "It decided by refunds 1.1.0" in out
    out = run("replay", ledger, "--run", "R-1", "--contract", "refunds@1.0.0")[1]
    assert "Now is refunds 1.0.0, as named" in out
    assert "decided as the contracts say, then and now" in out


def test_an_incident_is_told_by_its_actions(ledger: str, run: Run) -> None:
    """Those that its findings stand at, each with its run."""
    report = json.loads(run("verify", ledger, "--format", "json")[1])
    found = next(one for one in report["findings"] if one["code"] == "decision.false-allow")
    out = run("replay", ledger, "--incident", found["id"])[1]
    assert f"Of incident {found['id']} · 57 entries" in out
    assert "1 of its 2 steps are told" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--run", "R-0"), "run.unknown"),
        (("--incident", "I-0"), "incident.unknown"),
        (("--where", "action.tool =="), "value.where"),
        (("--through-guard",), "replay.run"),
        (("--through-guard", "--run", "R-1", "--version", "1.0.0"), "replay.run"),
        (("--contract", "refunds@7"), "replay.contract"),
        (("--format", "csv", "--table", "moon"), "value.table"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(
    ledger: str, run: Run, arguments: tuple[str, ...], said: str
) -> None:
    """Exit 2, a stable code, and no answer."""
    code, out, err = run("replay", ledger, *arguments)
    assert (code, out) == (2, "")
    assert said in err


def test_a_partial_bundle_is_nothing_a_guard_can_stand_on(
    ledger: str, run: Run, tmp_path: Path
) -> None:
    """A guard would miss what is held back."""
    with Store.open(ledger) as store:
        write_bundle(store, tmp_path / "part", lambda index: index != 20)
    arguments = ("--run", "R-3", "--through-guard")
    code, _, err = run("replay", str(tmp_path / "part"), *arguments)
    assert code == 2
    assert "replay.partial" in err
