"""Real agent runs: imported whole, held whole, and judged as the policies say."""

import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, Final

import pytest

from benchmarks.tau.run import import_all, verify
from tests.benchmarks.tau_conversations import planted, write_snapshot

HERE = Path(__file__).resolve().parents[2]
DATA = HERE.parent / "shared" / "data" / "tau"
POLICIES: Final = ("tau1-airline", "tau1-retail", "tau2-airline", "tau2-retail")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run the benchmark on all recorded runs; return its result with the report it rests on."""
    if not DATA.is_dir():
        pytest.skip("the recorded runs are not beside the repository (../shared/data/tau)")
    folder = tmp_path_factory.mktemp("tau")
    command = [
        *(sys.executable, str(HERE / "benchmarks" / "tau" / "run.py"), "--json"),
        *("--transcripts", str(DATA / "transcripts"), "--labels", str(DATA / "labels.csv")),
        *("--keep", str(folder)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    result["report"] = json.loads((folder / "report.json").read_text("utf-8"))
    return result


def test_all_runs_hold(measured: dict[str, Any]) -> None:
    """378 runs with 2,634 actions are in one ledger, and its integrity holds."""
    report = measured["report"]
    assert measured["runs"] == 378
    assert report["conformance"]["records"]["action"] == 2_634
    assert report["integrity"]["verdict"] == "holds"


def test_every_target_is_met(measured: dict[str, Any]) -> None:
    """Recall and precision after adjudication are what the benchmark promises."""
    assert measured["targets"]["missed"] == []
    assert all(measured["after"][rule]["tp"] > 0 for rule in measured["targets"]["rules"])


@pytest.mark.parametrize("rule", ["cost.cost", "cost.tokens", "cost.seconds"])
def test_what_was_not_recorded_is_never_satisfied(measured: dict[str, Any], rule: str) -> None:
    """The tau1 runs record no cost, tokens or times: a budget on them is undecidable throughout."""
    conformance = measured["report"]["conformance"]
    tau1 = {c["digest"] for c in conformance["contracts"] if "tau1" in c["name"]}
    counts = [c for c in conformance["counts"] if c["rule"] == rule and c["contract"] in tau1]
    assert len(counts) == 2
    for count in counts:
        assert (count["satisfied"], count["violated"]) == (0, 0)
        assert count["undecidable"] == sum(count["reasons"].values()) > 0


def contract_of(policy: str) -> str:
    """Return the text of a policy's contract."""
    version, domain = policy.split("-")
    path = HERE / "benchmarks" / "tau" / version / domain / f"contract-{domain}.yaml"
    return path.read_text("utf-8")


def policy_digest(policy: str) -> str:
    """Return the digest of the policy's text that its contract names."""
    named = re.search(r"document: .*digest: ([0-9a-f]{64})", contract_of(policy))
    assert named is not None
    return named.group(1)


@pytest.fixture(scope="module")
def planted_report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Import all planted conversations, each under its contract, into one ledger; verify it."""
    folder = tmp_path_factory.mktemp("planted")
    snapshot = folder / "db"
    snapshot.mkdir()
    write_snapshot(snapshot)
    by_policy: dict[str, list[Path]] = {}
    for policy in POLICIES:
        digest = policy_digest(policy)
        lines = [json.dumps(c.line(policy, digest)) for c in planted(policy)]
        path = folder / f"{policy}.jsonl"
        path.write_text("\n".join(lines) + "\n", "utf-8")
        by_policy[policy] = [path]
    ledger, out = folder / "planted.db", folder / "report.json"
    import_all(by_policy, ledger, snapshot)
    verify(ledger, out, "auto")
    report: dict[str, Any] = json.loads(out.read_text("utf-8"))
    return report


@pytest.mark.parametrize("policy", POLICIES)
def test_planted_violations_are_all_that_is_found(
    planted_report: dict[str, Any], policy: str
) -> None:
    """Each conversation has the findings that were planted in it, and no other."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for finding in planted_report["findings"]:
        if finding["result"] == "violated":
            found[finding["run"]][finding["rule"]] += 1
    expected = {f"{policy}/{c.name}": Counter(c.breaks) for c in planted(policy)}
    assert {run: found[run] for run in expected} == expected


def test_planted_conversations_are_decidable(planted_report: dict[str, Any]) -> None:
    """In the runs, only budgets on what was not recorded are undecidable."""
    undecidable = [f for f in planted_report["findings"] if f["result"] == "undecidable"]
    rules = {f["rule"] for f in undecidable if f["run"]}
    assert rules == {"cost.cost", "cost.tokens", "cost.seconds"}


def test_another_policy_text_is_one_incident(planted_report: dict[str, Any]) -> None:
    """Every action under another text is a finding; one identity imported them: one incident."""
    findings = [f for f in planted_report["findings"] if f["rule"] == "policy.document"]
    assert {f["run"] for f in findings} == {f"{policy}/another-text" for policy in POLICIES}
    [incident] = [i for i in planted_report["incidents"] if i["rule"] == "policy.document"]
    assert set(incident["findings"]) == {f["id"] for f in findings}


@pytest.mark.parametrize("policy", POLICIES)
def test_every_rule_is_listed_with_its_sentence(policy: str) -> None:
    """The documentation lists the rules of each contract, in its own table."""
    listed = (HERE / "docs" / "benchmarks" / "tau-rules.md").read_text("utf-8")
    version, domain = policy.split("-")
    [table] = [part for part in listed.split("\n## ") if part.startswith(f"{domain}-{version} ")]
    rules = re.findall(r"^  - id: (\S+)$", contract_of(policy), re.MULTILINE)
    assert rules == re.findall(r"^\| `\w+\.(\S+)` \|", table, re.MULTILINE)


@pytest.mark.parametrize("policy", POLICIES)
def test_every_rule_is_broken_in_a_planted_conversation(policy: str) -> None:
    """With the test of what is found, no rule of a contract is there that cannot fire."""
    rules = set(re.findall(r"^  - id: (\S+)$", contract_of(policy), re.MULTILINE))
    assert rules <= {rule.split(".", 1)[1] for c in planted(policy) for rule in c.breaks}
