"""Files of calls: what is read of each kind, and what a careless or hostile one is told."""

import gzip
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.instants import micros
from ledger.importers.profile_reading import parse_profile
from tests.verifier.shown import Call, as_csv, as_otlp, as_parquet, mapped
from verifier.reconciling.lines import Limits
from verifier.reconciling.mapping import CallMap, Reads, load_map
from verifier.reconciling.problems import AgainstError
from verifier.reconciling.published import NAME, schema_text
from verifier.reconciling.reconciliation import Reconciliation
from verifier.reconciling.seen import Seen
from verifier.reconciling.sources import open_source

PROFILE = parse_profile("""
profile: desk
service: spiffe://shop.example/desk
run: {ref: id}
clock: {key: timestamp, zone: "+00:00"}
errors: {patterns: ["Error:"]}
""")
SMALL = Limits(line=2_000, cell=1_000, free=4_000, ratio=2)


def read(path: Path, reads: Reads | None = None, limits: Limits = SMALL) -> list[Seen]:
    """Return the calls in a file."""
    return list(open_source(path, reads, limits).file.calls())


def told(path: Path, reads: Reads | None = None) -> str:
    """Return the code of what a file is refused for, and see that the message names the file."""
    with pytest.raises(AgainstError) as refused:
        read(path, reads)
    assert str(path) in str(refused.value)
    return refused.value.code.removeprefix("against.")


def written(path: Path, content: str | bytes) -> Path:
    """Write a file, and return its path."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


# ------------------------------------------------------------------------------------ kinds


def test_one_call_in_every_kind(tmp_path: Path) -> None:
    """Each kind gives the same call, but for what it cannot say."""
    call = Call({"amount": 5}, 7, call_id="c-1", key="k", status="error")
    at = micros(call.at)
    (table,) = read(as_parquet(tmp_path / "p", [call]))
    assert (table.tool, table.run, table.call_id, table.key) == ("pay", "run-7", "c-1", "k")
    assert (table.params, table.at, table.failed, table.said) == ({"amount": 5}, at, True, True)
    (cells,) = read(as_csv(tmp_path / "c", [call], zipped=True))
    assert (cells.params, cells.at, cells.failed) == ({"amount": "5"}, at, True)
    (span,) = read(as_otlp(tmp_path / "o", [call]))
    assert (span.params, span.at, span.failed, span.run) == ({"amount": 5}, at, True, "run-7")


def test_a_conversation_is_read_as_it_is_imported(tmp_path: Path) -> None:
    """Calls with their turn's time, and their result's error; a line twice is one conversation."""
    call = {"id": "c", "function": {"name": "pay", "arguments": '{"amount": 5}'}}
    line = {
        "id": "r",
        "messages": [
            {"role": "assistant", "tool_calls": [call], "timestamp": "2026-03-01T09:00:00"},
            {"role": "tool", "tool_call_id": "c", "content": "Error: no"},
        ],
    }
    path = written(tmp_path / "t.jsonl", (json.dumps(line) + "\n") * 2)
    (seen,) = read(path, PROFILE)
    assert (seen.tool, seen.params, seen.call_id, seen.run) == ("pay", {"amount": 5}, "c", "r")
    assert (seen.failed, seen.at) == (True, micros("2026-03-01T09:00:00Z"))
    assert told(path) == "profile"
    assert told(written(tmp_path / "b.jsonl", '{"id": 1}\n'), PROFILE) == "transcript"
    assert told(written(tmp_path / "n.jsonl", "not json\n"), PROFILE) == "transcript"
    assert told(written(tmp_path / "e.jsonl", b""), PROFILE) == "empty"


def test_columns_by_a_map(tmp_path: Path) -> None:
    """A log of one tool, with names of its own, a semicolon, and times as numbers."""
    path = written(
        tmp_path / "l.csv", "\ufeffwhen;cents;cur;how\n1772355600123;500;EUR;DONE\n;1;;no\n"
    )
    reads = mapped(
        tool="pay",
        delimiter=";",
        clock="milliseconds",
        columns={
            "time": "when",
            "status": "how",
            "params": {"amount.micros": "cents", "amount.currency": "cur"},
        },
        statuses={"ok": ["done"], "none": ["no"]},
    )
    (seen,) = read(path, reads)
    assert seen.params == {"amount": {"micros": "500", "currency": "EUR"}}
    assert (seen.at, seen.failed) == (1772355600123000, False)


def test_a_cell_that_is_a_formula_is_a_text(tmp_path: Path) -> None:
    """Nothing is computed of a cell, and one may span lines: the row's first line is named."""
    path = written(tmp_path / "l.csv", 'tool,note\npay,"=1+1\n\n=cmd()"\npay,@x\n')
    first, second = read(path)
    assert (first.params, first.place) == ({"note": "=1+1\n\n=cmd()"}, "line 2")
    assert second.place == "line 5"


def test_parquet_has_types(tmp_path: Path) -> None:
    """Nested values, decimals and times are what JSON has for them."""
    params = {"a": Decimal("1.50"), "b": [1, None], "c": {"d": datetime(2026, 3, 1, tzinfo=UTC)}}
    table = pa.Table.from_pylist([{"tool": "pay", "params": params}])
    pq.write_table(table, tmp_path / "p")
    (seen,) = read(tmp_path / "p")
    assert seen.params == {"a": 1.5, "b": [1, None], "c": {"d": "2026-03-01T00:00:00.000000Z"}}
    assert seen.at is None


def test_a_span_that_was_exported_twice_is_one_call(tmp_path: Path) -> None:
    """Exporters send again what they are not sure of; two spans of one id that differ are none."""
    path = as_otlp(tmp_path / "o", [Call({"amount": 5})])
    line = path.read_text()
    assert len(read(written(tmp_path / "two", line * 2))) == 1
    changed = line + line.replace("amount", "account")
    assert told(written(tmp_path / "three", changed)) == "span-twice"
    pretty = json.dumps(json.loads(line), indent=1)
    assert len(read(written(tmp_path / "four", pretty))) == 1


def test_structured_arguments_of_a_span(tmp_path: Path) -> None:
    """Arguments may be attributes with types, and other spans are no calls."""
    value = {
        "kvlistValue": {
            "values": [
                {"key": "n", "value": {"intValue": "12"}},
                {"key": "x", "value": {"arrayValue": {"values": [{"doubleValue": 1.5}]}}},
            ]
        }
    }
    attributes = [
        {"key": "gen_ai.operation.name", "value": {"stringValue": "execute_tool"}},
        {"key": "gen_ai.tool.name", "value": {"stringValue": "pay"}},
        {"key": "gen_ai.tool.call.arguments", "value": value},
    ]
    spans: list[dict[str, Any]] = [
        {"spanId": "01", "attributes": attributes},
        {"spanId": "02", "attributes": []},
    ]
    export = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}
    (seen,) = read(written(tmp_path / "o", json.dumps(export)))
    assert (seen.params, seen.failed) == ({"n": 12, "x": [1.5]}, False)


# ------------------------------------------------------------------------ careless and hostile

HEAD = "tool,call_id,time,status,amount\n"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (HEAD.encode() + b"pay,\xff,,,5\n", "not-utf8"),
        (HEAD + "pay,c,,,5,6\n", "ragged"),
        (HEAD + "pay,c\n", "ragged"),
        (HEAD + 'pay,"c,,,5\n', "csv"),
        (HEAD + f"pay,{'x' * 1_500},,,5\n", "csv"),
        (HEAD + f"pay,{'x' * 2_500},,,5\n", "line-too-long"),
        (HEAD + ",c,,,5\n", "tool"),
        (HEAD + "pay,c,2026-03-01T09:00:00,,5\n", "zone"),
        (HEAD + "pay,c,yesterday,,5\n", "time"),
        (HEAD + "pay,c,2026-03-01,,5\n", "time"),
        (HEAD + "pay,c,1772355600,,5\n", "time"),
        (HEAD + "pay,c,,maybe,5\n", "status"),
        ("tool,tool,amount\npay,pay,5\n", "columns"),
        ("name,amount\npay,5\n", "columns"),
        ("tool,params\npay,{\n", "params"),
        ("tool,params\npay,[1]\n", "params"),
        ('tool,params\npay,"{""a"": NaN}"\n', "params"),
        (b"\x1f\x8b broken", "unreadable"),
        (b"PAR1 broken", "parquet"),
        ('{"resourceSpans": 5}\n', "otlp"),
        ('{"resourceSpans": [\n', "otlp"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, content: str | bytes, code: str) -> None:
    """Each with its own code, and with the file named."""
    assert told(written(tmp_path / "file", content)) == code


@pytest.mark.parametrize("number", ["1e999999999", "-5", "nan", "Infinity", "x", "1e30"])
def test_a_number_that_is_no_time(tmp_path: Path, number: str) -> None:
    """It is refused at once, however large it would be when written out."""
    path = written(tmp_path / "l.csv", f"tool,time\npay,{number}\n")
    assert told(path, mapped(clock="nanoseconds")) == "time"


def test_a_gzip_bomb_and_a_torn_one(tmp_path: Path) -> None:
    """What unpacks to much more than it is, and what ends too early, is not read on."""
    rows = HEAD + "pay,,,,5\n" * 20_000
    bomb = gzip.compress(rows.encode(), mtime=0)
    assert told(written(tmp_path / "bomb.gz", bomb)) == "bomb"
    noise = gzip.compress(os.urandom(3_000).hex().encode(), mtime=0)
    assert told(written(tmp_path / "torn.gz", noise[:1_500])) in {"truncated", "unreadable"}


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"tool": "pay", "params": {"a": float("nan")}}, "number"),
        ({"tool": "pay", "time": datetime(2026, 3, 1)}, "zone"),  # noqa: DTZ001 - that is the point
        ({"tool": "pay", "params": {"a": b"x"}}, "type"),
        ({"tool": "pay", "params": [1]}, "params"),
    ],
)
def test_parquet_that_json_cannot_hold(tmp_path: Path, row: dict[str, Any], code: str) -> None:
    """The row and the column are named."""
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "p")
    assert told(tmp_path / "p") == code


def test_the_same_file_twice(tmp_path: Path) -> None:
    """Each call would be looked for twice."""
    path = as_csv(tmp_path / "a.csv", [Call({"amount": 5})])
    with pytest.raises(AgainstError, match="twice"):
        Reconciliation([(path, None), (path, None)])
    assert told(tmp_path / "nowhere") == "unreadable"


# --------------------------------------------------------------------------------------- maps


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("calls: [a]\n", ":1:8:"),
        ("calls: log\nclock: minutes\n", ":2:8:"),
        ("calls: log\ncolums: {}\n", ":2:1:"),
        ("calls: log\ncovers: {from: yesterday}\n", ":2:16:"),
        ("- a\n", ":1:1:"),
        ("profile: desk\n", ":1:1:"),
        ("calls: log\ncalls: log\n", ":2:1:"),
    ],
)
def test_a_map_that_is_none(tmp_path: Path, text: str, where: str) -> None:
    """Every error has its place."""
    path = written(tmp_path / "map.yaml", text)
    with pytest.raises(AgainstError) as refused:
        load_map(path)
    assert refused.value.code == "against.map"
    assert f"{path}{where}" in str(refused.value)


def test_a_map_reads_all_that_the_page_shows(tmp_path: Path, pages: Callable[[str], str]) -> None:
    """The map of the how-to page is one, and the published schema is what the model says."""
    text = pages("docs/how-to/reconcile.md").split("```yaml\n")[1].split("```")[0]
    found = load_map(written(tmp_path / "map.yaml", text))
    assert isinstance(found, CallMap)
    assert found.calls == "payments-log"
    assert pages(f"docs/reference/{NAME}") == schema_text()


@pytest.fixture
def pages() -> Callable[[str], str]:
    """Return what reads a page of the documentation."""
    root = Path(__file__).parents[2]
    return lambda name: (root / name).read_text("utf-8")
