"""`writ record`: lines of JSON in, receipts out, and each line that is not taken by its number."""

import io
import json
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.receipts import missed
from ledger.records import parse_record
from ledger.spool import spool_state
from ledger.store import Store
from ledger.testing import BuiltLedger, build_ledger
from tests.ledger.test_queue import away
from tests.writ.test_seal_commands import run
from verifier.load import verify_ledger
from verifier.report import IntegrityVerdict

SAID: dict[str, object] = {
    "kind": "observation",
    "what": "order",
    "source": "orders",
    "observer": "source",
    "fields": 0,
}


@pytest.fixture
def built(tmp_path: Path) -> BuiltLedger:
    """Give a ledger with its keys."""
    return build_ledger(tmp_path)


def written(tmp_path: Path, *lines: object) -> Path:
    """Write a file of lines, each of JSON or as it is."""
    path = tmp_path / "lines"
    path.write_bytes(
        b"".join(
            (one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\n" for one in lines
        )
    )
    return path


def test_lines_are_recorded_in_order(
    built: BuiltLedger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each has its receipt, printed and kept; the ledger verifies, and has what the lines say."""
    lines = written(tmp_path, *({**SAID, "fields": turn} for turn in range(1500)), b"  ")
    kept = tmp_path / "receipts"
    own = ("--as", "agent", "--file", lines, "--receipts", kept)
    code, out, _ = run(capsys, "record", built.path, *own)
    said = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [one["line"] for one in said] == list(range(1, 1501))
    with Store.open(built.path) as store:
        assert list(missed(store, kept)) == []
        for one in said[::300]:
            record = parse_record(store.row(one["index"]).record or b"")
            assert getattr(record, "fields", None) == one["line"] - 1
    assert run(capsys, "verify", built.path, "--integrity", "--receipts", kept)[0] == 0
    report = verify_ledger(str(built.path), conformance=False)
    assert report.integrity.verdict is IntegrityVerdict.HOLDS


def test_from_standard_input_and_a_whole_record(
    built: BuiltLedger, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a nonce of its own, in any writing; the identity may be named in full."""
    by = built.founded.identities["agent"]
    whole = json.dumps({**SAID, "v": 1, "nonce": "cd" * 16, "by": by, "at": None}, indent=None)
    whole = whole.replace(', "at": null', "")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(whole.encode())))
    code, out, _ = run(capsys, "record", built.path, "--as", by)
    assert code == 0
    with Store.open(built.path) as store:
        record = parse_record(store.row(json.loads(out)["index"]).record or b"")
    assert record.nonce == "cd" * 16


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{", "encoding.not-json"),
        (b"[1]", "encoding.not-json"),
        (b"\xff", "encoding.not-json"),
        (b"[" * 100_000, "encoding.not-json"),
        (b'{"turn":' + b"9" * 5_000 + b"}", "encoding.not-json"),
        (b'{"kind":"message","kind":"message"}', "encoding.not-json"),
        (b'{"x":"' + b"a" * 4_200_000 + b'"}', "encoding.too-long"),
        ({**SAID, "fields": "a" * 1_100_000}, "encoding.too-long"),
        ({**SAID, "fields": "\ud800"}, "encoding.surrogate"),
        ({**SAID, "fields": "\0"}, "encoding.nul"),
        ({**SAID, "fields": 2**60}, "encoding.number"),
        ({**SAID, "kind": "secret"}, "record.unknown-kind"),
        ({**SAID, "more": 1}, "record.unknown-field"),
        ({**SAID, "what": 0}, "record.malformed"),
        ({**SAID, "by": "spiffe://example.com/other"}, "record.by"),
        ({"kind": "stream-close"}, "record.kind"),
        ({"kind": "genesis"}, "record.kind"),
        ({"kind": "review", "finding": "f", "state": "open"}, "append.not-entitled"),
        ({**SAID, "fields": {"sealed": "ab" * 32}}, "append.sealed"),
    ],
)
def test_a_line_that_is_not_taken_is_named(
    built: BuiltLedger,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    line: object,
    code: str,
) -> None:
    """By its number and a code; what stands before it is recorded."""
    lines = written(tmp_path, SAID, b"", line)
    answer, out, err = run(capsys, "record", built.path, "--as", "agent", "--file", lines)
    assert answer == 4
    assert f"writ: {code}: line 3: " in err
    assert len(err) < 2_000
    assert json.loads(out)["line"] == 1
    assert run(capsys, "verify", built.path, "--integrity")[0] == 0


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(raw=st.one_of(st.binary(max_size=200), st.text(max_size=99).map(str.encode)))
def test_whatever_is_handed_in(
    built: BuiltLedger, tmp_path: Path, capsys: pytest.CaptureFixture[str], raw: bytes
) -> None:
    """Bytes that are no records: never an internal error, and nothing of them is recorded."""
    path = tmp_path / "any"
    path.write_bytes(raw)
    code, out, err = run(capsys, "record", built.path, "--as", "agent", "--file", path)
    assert (code, out) == ((4, "") if raw.strip() else (0, ""))
    assert "internal" not in err


def test_spooled_while_it_is_away_and_recorded_when_it_is_back(
    built: BuiltLedger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Away half way, and away from the beginning: both are said, and nothing is lost."""
    folder = tmp_path / "spool"
    lines = written(tmp_path, SAID, {**SAID, "fields": 1})
    own = ("--as", "agent", "--file", lines, "--spool", folder)
    full = ("--as", built.founded.identities["agent"], *own[2:])
    with away(built.path):
        assert run(capsys, "record", built.path, "--as", "agent", "--file", lines)[0] == 4
        code, out, err = run(capsys, "record", built.path, *own)
        assert (code, out.count('"spooled"'), "NOT recorded" in err) == (3, 2, True)
    hidden = built.path.with_suffix(".away")
    built.path.rename(hidden)
    assert run(capsys, "record", built.path, *own)[0] == 4
    code, out, _ = run(capsys, "record", built.path, *full)
    assert (code, out.count('"spooled"')) == (3, 2)
    decided: dict[str, object] = {"effect": "allow", "reasons": []}
    action: dict[str, object] = {
        "kind": "action",
        "run": "ab" * 32,
        "tool": "t",
        "params": {},
        "decision": decided,
    }
    refused = written(tmp_path, action)
    code, _, err = run(capsys, "record", built.path, *full[:2], *own[4:], "--file", refused)
    assert (code, "spool.refused: line 1" in err) == (4, True)
    hidden.rename(built.path)
    assert sum(state.waiting for state in spool_state(folder)) == 4
    with Store.open(built.path) as store:
        size = store.size()
    lines.write_bytes(b"")
    assert run(capsys, "record", built.path, *own)[0] == 0
    assert spool_state(folder) == []
    with Store.open(built.path) as store:
        # The four, and the end of the stream.
        assert store.size() == size + 5
    assert run(capsys, "verify", built.path, "--integrity")[0] == 0


def test_what_waited_and_is_refused_is_said(
    built: BuiltLedger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Set aside beside the spool; the rest is recorded."""
    folder = tmp_path / "spool"
    lines = written(tmp_path, {"kind": "review", "finding": "f", "state": "open"}, SAID)
    by = built.founded.identities["agent"]
    own = ("--as", by, "--file", lines, "--spool", folder)
    hidden = built.path.with_suffix(".away")
    built.path.rename(hidden)
    assert run(capsys, "record", built.path, *own)[0] == 3
    hidden.rename(built.path)
    lines.write_bytes(b"")
    code, _, err = run(capsys, "record", built.path, *own)
    assert (code, "append.not-entitled" in err, "record.refused" in err) == (4, True, True)
    assert spool_state(folder) == []


def test_what_it_is_not_told(
    built: BuiltLedger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No such identity, no such file, no keys."""
    lines = written(tmp_path, SAID)
    assert run(capsys, "record", built.path, "--as", "nobody", "--file", lines)[0] == 4
    assert run(capsys, "record", built.path, "--as", "agent", "--file", tmp_path / "none")[0] == 4
    assert run(capsys, "record", "postgresql://host/db", "--as", "agent", "--file", lines)[0] == 2
    assert run(capsys, "record", built.path, "--file", lines)[0] == 2
