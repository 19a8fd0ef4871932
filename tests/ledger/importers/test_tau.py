"""The importer holds on real agent runs that nobody here wrote."""

import json
from collections import Counter
from pathlib import Path

import pytest

from ledger.importers.problems import Problems
from ledger.importers.profile_reading import parse_profile
from ledger.importers.source import read_lines
from ledger.importers.transcripts import import_transcripts
from tests.ledger.importers.conftest import MemoryLedger

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "tau" / "transcripts"

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="the recorded runs are not on this machine"
)

PROFILE = """
profile: tau
service: spiffe://tau.example/desk
run:
  ref: id
  model: model
  domain: metadata.domain
  outcome: metadata.termination
  policy: {name: metadata.policy, digest: metadata.policy_sha256}
  attributes: {task: metadata.task_id, trial: metadata.trial}
clock: {key: timestamp, zone: "+00:00"}
cost: {key: cost, currency: USD, zero: not-recorded}
tokens: {input: usage.prompt_tokens, output: usage.completion_tokens}
errors: {key: error}
observations:
  - {tool: get_order_details, kind: order, ref: result.order_id, source: db}
  - {tool: get_product_details, kind: variant, each: result.variants.*, ref: key, source: db}
  - tool: search_onestop_flight
    kind: flight
    each: result.*.*
    ref: item.flight_number
    source: db
"""


@pytest.fixture(scope="module")
def imported() -> tuple[MemoryLedger, object]:
    """Return a ledger with all runs, and the report."""
    ledger = MemoryLedger()
    report = import_transcripts(sorted(DATA.iterdir()), ledger, parse_profile(PROFILE))
    assert (report.runs, report.actions, report.outcomes) == (378, 2_634, 2_634)
    assert report.problem_counts == {"import.repeated-call-id": 25}
    return ledger, report


def test_every_call_and_message_is_there(imported: tuple[MemoryLedger, object]) -> None:
    """Read again by other means, the sources hold exactly what the ledger holds."""
    ledger, _ = imported
    runs = dict(zip(ledger.digests("run"), ledger.of("run"), strict=True))
    refs = {name: run["ref"] for name, run in runs.items() if run["phase"] == "opened"}
    expected, messages = Counter[tuple[str, int, str, str]](), Counter[tuple[str, int, str]]()
    for path in sorted(DATA.iterdir()):
        for line in read_lines(path, Problems()):
            source = json.loads(line.raw)
            for turn, message in enumerate(source["messages"]):
                if message["role"] != "tool":
                    messages[source["id"], turn, message["role"]] += 1
                for call in message.get("tool_calls", ()):
                    arguments = json.dumps(
                        json.loads(call["function"]["arguments"]), sort_keys=True
                    )
                    expected[source["id"], turn, call["function"]["name"], arguments] += 1
    assert expected.total() == 2_634
    assert expected == Counter(
        (refs[a["run"]], a["turn"], a["tool"], json.dumps(a["params"], sort_keys=True))
        for a in ledger.of("action")
    )
    assert messages == Counter((refs[m["run"]], m["turn"], m["role"]) for m in ledger.of("message"))


def test_results_answer_their_own_calls(imported: tuple[MemoryLedger, object]) -> None:
    """An order that was read is the order that was asked for, also where ids repeat."""
    ledger, _ = imported
    actions = dict(zip(ledger.digests("action"), ledger.of("action"), strict=True))
    asked = [
        (actions[outcome["action"]]["params"], outcome["fields"])
        for outcome in ledger.of("outcome", status="ok")
        if actions[outcome["action"]]["tool"] in {"get_order_details", "get_reservation_details"}
    ]
    assert len(asked) > 800
    for params, fields in asked:
        ((key, value),) = params.items()
        assert fields[key] == value


def test_what_was_not_recorded_is_not_there(imported: tuple[MemoryLedger, object]) -> None:
    """The older files have no times and costs; where the newer cost nothing, none was recorded."""
    ledger, _ = imported
    opened = dict(zip(ledger.digests("run"), ledger.of("run"), strict=True))
    clocks, costs = Counter[tuple[str, str]](), Counter[tuple[str, bool]]()
    for run in opened.values():
        if run["phase"] == "opened":
            clocks[run["ref"][:2], run["import"]["clock"]] += 1
    for message in ledger.of("message", role="assistant"):
        costs[opened[message["run"]]["ref"].split("/")[0][:5], "cost" in message] += 1
    assert clocks == {("t1", "none"): 158, ("t2", "claimed"): 220}
    assert {name for (name, there) in costs if there} == {"t2_az", "t2_so", "t2_gp"}
    assert ("t2_ft", False) in costs


def test_a_second_import_adds_nothing(imported: tuple[MemoryLedger, object]) -> None:
    """All 378 runs are recognised."""
    ledger, _ = imported
    before = len(ledger.raws)
    report = import_transcripts(sorted(DATA.iterdir()), ledger, parse_profile(PROFILE))
    assert (report.nothing_new, report.runs_present) == (True, 378)
    assert (report.records_present, len(ledger.raws)) == (before, before)
