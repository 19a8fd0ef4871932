"""`writ verify --against`: what is compared, how it is said, and what the command refuses."""

import gzip
import json
from pathlib import Path

import pytest

from tests.verifier.shown import Call, as_csv, record
from writ.application import answer

TAU = Path(__file__).resolve().parents[3] / "shared" / "data" / "tau" / "transcripts"
HOME = Path(__file__).resolve().parents[2] / "benchmarks" / "tau" / "tau2" / "airline"
CALLS = [Call({"amount": 5}, 0, call_id="c-1"), Call({"amount": 6}, 5, call_id="c-2")]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Return a ledger with two calls."""
    return record(tmp_path / "shop.db", CALLS).path


def test_a_log_and_its_map(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Text says what was compared, JSON has the member, and the answer is 1 for what is missing."""
    log = as_csv(tmp_path / "log.csv", CALLS[:1])
    reads = tmp_path / "map.yaml"
    reads.write_text(
        "calls: pays\ncovers: {from: '2026-03-01T09:00:00Z', to: '2026-03-02T00:00:00Z'}\n"
    )
    arguments = ["verify", str(shop), "--against", str(log), "--against-map", str(reads)]
    assert answer(arguments) == 1
    text = capsys.readouterr().out
    assert "Compared with pays · csv · sha256 " in text
    assert "1 of its 1 calls are recorded" in text
    assert "coverage.recorded-not-acted · 1× · medium" in text
    answer([*arguments, "--format", "json", "--against-within", "10s"])
    report = json.loads(capsys.readouterr().out)
    (one,) = report["against"]
    assert (one["name"], one["matched"], one["missed"], one["performed"]) == ("pays", 1, 1, True)
    assert str(tmp_path) not in json.dumps({**report, "envelope": {}})


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        (["--against-map", "m.yaml"], 2, "against.map"),
        (["--against", "no.csv", "--against-within", "soon"], 2, "against.within"),
        (["--against", "no.csv"], 4, "against.unreadable"),
        (["--against", "a", "--against-map", "b", "--against-map", "c"], 2, "against.map"),
        (["--against", "a", "--against-map", "no.yaml"], 4, "against.map"),
    ],
)
def test_what_is_refused(
    shop: Path, more: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is verified, with a code."""
    assert answer(["verify", str(shop), *more]) == code
    shown = capsys.readouterr()
    assert says in shown.err
    assert shown.out == ""


@pytest.mark.skipif(not TAU.is_dir(), reason="the recorded runs are not on this machine")
def test_real_runs_against_their_own_transcript(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Imported, all calls are matched; in a copy with three edits, these three are found."""
    source, ledger = TAU / "t2_sonnet-4.5_airline.jsonl.gz", tmp_path / "l.db"
    profile = HOME / "profile-airline.yaml"
    made = ["--contract", str(HOME / "contract-airline.yaml"), "--profile", str(profile)]
    assert answer(["import", "transcripts", str(source), "--ledger", str(ledger), *made]) == 0
    lines = [json.loads(line) for line in gzip.decompress(source.read_bytes()).splitlines()]
    messages = [one for line in lines for one in line["messages"] if one.get("tool_calls")]
    removed = messages[3]["tool_calls"].pop(0)
    changed = messages[40]["tool_calls"][0]["function"]
    changed["arguments"] = json.dumps({**json.loads(changed["arguments"]), "extra": 1})
    added = {"id": "call_added", "function": {"name": "cancel_reservation", "arguments": "{}"}}
    messages[90]["tool_calls"].append(added)
    copy = tmp_path / "copy.jsonl"
    copy.write_text("".join(json.dumps(line) + "\n" for line in reversed(lines)))
    capsys.readouterr()
    verify = ["verify", str(ledger), "--integrity", "--format", "json", "--against-map"]
    found: list[dict[str, str]] = []
    for path, matched in ((source, 371), (copy, 370)):
        answer([*verify, str(profile), "--against", str(path)])
        report = json.loads(capsys.readouterr().out)
        assert report["against"][0]["matched"] == matched
        found = [one for one in report["findings"] if one["code"].startswith("coverage.")]
        assert found == [] or path == copy
    assert sorted((one["code"], one["action"], one["result"]) for one in found) == [
        ("coverage.acted-not-recorded", "cancel_reservation", "violated"),
        ("coverage.arguments-differ", changed["name"], "violated"),
        ("coverage.recorded-not-acted", removed["function"]["name"], "violated"),
    ]
    assert "params.extra: nothing in the ledger, 1 in" in str(found)
