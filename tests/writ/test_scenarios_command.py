"""`writ contract test`: what it prints, where, and what it answers with."""

import re
from pathlib import Path
from textwrap import dedent, indent
from xml.etree import ElementTree as ET

import pytest

from tests.contracts.scenes import CONTRACT, HEAD
from tests.writ.conftest import Run
from verifier.report import ExitCode

GOOD = """\
  - scenario: paid
    covers: [missing-evidence, policy-mismatch, tool-failure]
    given: [begun, looked]
    when: pay
    then: {decision: allow}
  - scenario: too much <at once>
    covers: [ambiguous-input, cost-overrun, compensation]
    given: [begun, looked]
    when: {use: pay, with: {amount: 501}}
    then: {decision: deny, findings: {policy.bounded: handled}}
"""


@pytest.fixture
def desk(writ: Run) -> Path:  # noqa: ARG001 - it makes the folder that this one is in
    """A folder with the desk's contract and a suite."""
    folder = Path("desk")
    (folder / "scenarios").mkdir(parents=True)
    (folder / "desk.yaml").write_text(CONTRACT, "utf-8")
    (folder / "scenarios" / "pay.yaml").write_text(HEAD + GOOD, "utf-8")
    return folder


def rewrite(desk: Path, old: str, new: str) -> None:
    """Change the suite."""
    file = desk / "scenarios" / "pay.yaml"
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


def test_scenarios_that_hold_answer_0(desk: Path, writ: Run) -> None:
    """The summary says what passed, and which rules and branches none exercises."""
    code, out, _ = writ("contract", "test", desk)
    assert code == ExitCode.HOLDS
    assert out.startswith("desk 1.0.0: 2 scenarios, 2 passed, 0 failed\n")
    assert "never violated: policy.polite (line 20)" in out
    assert "never true: params.amount < 0 in policy.bounded (line 18)" in out
    assert "situations: missing-evidence 1, policy-mismatch 1" in out


def test_a_failing_scenario_answers_1_and_is_told(desk: Path, writ: Run) -> None:
    """File, line and column, expected and got, and the smallest history that still fails."""
    rewrite(desk, "then: {decision: allow}", "then: {decision: deny}")
    code, out, _ = writ("contract", "test", desk)
    file = desk / "scenarios" / "pay.yaml"
    assert code == ExitCode.VIOLATED
    assert f"{file}:16:5: failed: paid\n  {file}:20:12: decision\n" in out
    assert "    expected deny\n    got      allow\n" in out
    assert "      - {action: look," in out
    assert "2 scenarios, 1 passed, 1 failed" in out
    assert "smallest" not in writ("contract", "test", desk, "--shrink", "0")[1]


def test_a_missing_situation_answers_1(desk: Path, writ: Run) -> None:
    """What is required and not covered fails, unless the suite says why it cannot occur."""
    rewrite(desk, ", compensation]", "]")
    code, out, _ = writ("contract", "test", desk)
    assert code == ExitCode.VIOLATED
    assert "missing: no scenario covers compensation" in out
    rewrite(desk, "suite: the desk", "suite: the desk\nwaived: {compensation: money is gone}")
    code, out, _ = writ("contract", "test", desk)
    assert code == ExitCode.HOLDS
    assert "waived: compensation (money is gone)" in out


def test_one_scenario_alone(desk: Path, writ: Run) -> None:
    """A name picks one, and nothing is said of what the others would exercise."""
    code, out, _ = writ("contract", "test", desk / "desk.yaml", "--scenario", "paid")
    assert (code, out) == (0, "desk 1.0.0: 1 scenarios, 1 passed, 0 failed\n")
    code, _, err = writ("contract", "test", desk, "--scenario", "payd")
    assert code == ExitCode.USAGE
    assert "scenario.unknown" in err
    assert "did you mean `paid`?" in err


def test_junit_names_every_scenario_and_every_failure(desk: Path, writ: Run) -> None:
    """Counts are those of the cases, each has a class, a name and a time, and text is escaped."""
    rewrite(desk, ", compensation]", "]")
    rewrite(desk, "then: {decision: deny,", "then: {decision: approve,")
    assert writ("contract", "test", desk, "--junit", "out.xml")[0] == ExitCode.VIOLATED
    root = ET.fromstring(Path("out.xml").read_text("utf-8"))  # noqa: S314 - written just now
    (suite,) = root
    cases = list(suite)
    assert (root.tag, suite.tag, {case.tag for case in cases}) == (
        "testsuites",
        "testsuite",
        {"testcase"},
    )
    failures = [case for case in cases if case.find("failure") is not None]
    for counted in (root, suite):
        assert (counted.get("tests"), counted.get("failures")) == ("3", "2")
    assert (len(cases), len(failures)) == (3, 2)
    assert suite.get("name") == "desk 1.0.0"
    assert all({"classname", "name", "time"} <= set(case.attrib) for case in cases)
    assert all(float(case.get("time", "")) >= 0 for case in [suite, *cases])
    assert failures[0].get("name") == "too much <at once>"
    assert "expected approve, got deny" in failures[0][0].get("message", "")
    assert failures[1].get("name") == "required situations"


def test_what_cannot_be_read_answers_4(desk: Path, writ: Run) -> None:
    """A suite with errors, a version that is not there, no suites, no contract: each is said."""
    rewrite(desk, "when: pay", "when: pai")
    code, _, err = writ("contract", "test", desk)
    assert code == ExitCode.UNREADABLE
    assert "pay.yaml:19:11: block.unknown" in err
    rewrite(desk, "when: pai", "when: pay")
    rewrite(desk, "versions: [1.0.0]", "versions: [1.0.1]")
    code, _, err = writ("contract", "test", desk)
    assert code == ExitCode.UNREADABLE
    assert "pay.yaml:3:12: suite.version" in err
    (desk / "scenarios" / "pay.yaml").unlink()
    code, _, err = writ("contract", "test", desk)
    assert (code, "suite.none" in err) == (ExitCode.UNREADABLE, True)
    code, _, err = writ("contract", "test", desk / "scenarios")
    assert (code, "contract.none" in err) == (ExitCode.UNREADABLE, True)


def test_lint_notes_a_rule_that_no_scenario_exercises(desk: Path, writ: Run) -> None:
    """Only where scenarios lie beside the contract; then each rule that none asks about."""
    code, out, _ = writ("contract", "lint", desk / "desk.yaml")
    assert code == ExitCode.HOLDS
    assert "desk.yaml:20:5: note: rule.unexercised: no scenario that passes exercises" in out
    assert "policy.bounded" not in out
    rewrite(desk, "when: pay", "when: {outcome: pay}")
    code, out, _ = writ("contract", "lint", desk / "desk.yaml")
    assert (code, "pay.yaml:19:11: error: record.unknown" in out) == (ExitCode.VIOLATED, True)
    Path("alone.yaml").write_text(CONTRACT, "utf-8")
    assert "rule.unexercised" not in writ("contract", "lint", "alone.yaml")[1]


HOW_TO = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "test-a-contract.md"
REFUNDS = """\
contract: refund-decisioning
version: 1.0.0
identity: {service: spiffe://shop.example/refunds, owner: Mara, permissions: []}
scope:
  modes: [read, execute]
  approve:
    - id: above-threshold
      for: payouts.create
      when: params.amount.micros > 100000000
      role: lead
policy: {document: {name: refunds, version: "1", digest: DIGEST}}
tools:
  transactions.get: {mode: read}
  payouts.create: {mode: execute, irreversible: money is gone}
rules:
  - {id: proof, for: payouts.create, unless: 'evidence.exists(e, e.kind == "transaction")'}
""".replace("DIGEST", "a" * 64)


def test_the_how_to_works(writ: Run) -> None:
    """What the page tells to write is a suite, and holds of such a contract."""
    folder = Path("refunds")
    (folder / "scenarios").mkdir(parents=True)
    (folder / "1.0.0.yaml").write_text(REFUNDS, "utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", HOW_TO.read_text("utf-8"), re.DOTALL)
    text = "".join(dedent(blocks[0]) + indent(dedent(blocks[1]), "  "))
    (folder / "scenarios" / "limits.yaml").write_text(text, "utf-8")
    code, out, err = writ("contract", "test", folder)
    assert "2 scenarios, 2 passed, 0 failed" in out, err
    assert code == ExitCode.VIOLATED, "the required situations are still to be covered"
