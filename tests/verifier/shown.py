"""Ledgers of calls, and files in which another source shows the same calls."""

import csv
import gzip
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.verifier.forge import Desk
from verifier.load import verify_ledger
from verifier.reconciling.mapping import CallMap, Reads
from verifier.reconciling.reconciliation import Reconciliation
from verifier.report import Report

START = datetime(2026, 3, 1, 9, 10, tzinfo=UTC)
RUN = "run-7"
OWN = ("acted-not-recorded", "recorded-not-acted", "arguments-differ", "outcome-differs")


@dataclass(frozen=True)
class Call:
    """A call as both sides may have it. `second` counts from `START`."""

    params: dict[str, Any]
    second: int = 0
    tool: str = "pay"
    call_id: str | None = None
    key: str | None = None
    status: str | None = "ok"
    run: str | None = RUN
    said: bool = True

    @property
    def at(self) -> str:
        """When it was."""
        return (START + timedelta(seconds=self.second)).isoformat().replace("+00:00", "Z")


@dataclass
class Recorded:
    """A ledger of one run, and the entry of each of its calls."""

    desk: Desk
    path: Path
    entries: list[int] = field(default_factory=list[int])

    def report(self, *files: Path | tuple[Path, Reads | None], **more: Any) -> Report:  # noqa: ANN401
        """Verify it, against files where there are some."""
        pairs = [one if isinstance(one, tuple) else (one, None) for one in files]
        against = Reconciliation(pairs) if pairs else None
        return verify_ledger(self.path, against=against, **more)


def record(path: Path, calls: Sequence[Call], *, close: bool = True) -> Recorded:
    """Record calls in a new ledger, each with the outcome that its status says."""
    desk = Desk()
    made = Recorded(desk, path)
    run = desk.open_run(ref=RUN)
    for call in sorted(calls, key=lambda one: one.second):
        own = {"call_id": call.call_id, "idempotency_key": call.key}
        fields = {name: value for name, value in own.items() if value is not None}
        # The forge's clock has seconds from 09:00:00 on.
        desk.second = 600 + call.second - 1
        made.entries.append(len(desk.headers))
        action = desk.act(run, call.tool, call.params, **fields)
        if call.status is not None:
            desk.second -= 1
            desk.end(run, action, call.status)
    if close:
        desk.close_run(run)
    desk.sign_head()
    desk.save(path)
    return made


def found(report: Report) -> list[tuple[str, str, int]]:
    """Return what a comparison found: code, result and entry."""
    return [
        (one.code.removeprefix("coverage."), one.result.value, one.index)
        for one in report.findings
        if one.code.removeprefix("coverage.") in OWN
    ]


def as_csv(path: Path, calls: Sequence[Call], *, zipped: bool = False) -> Path:
    """Write calls as CSV, each parameter its own column."""
    names = sorted({name for call in calls for name in call.params})
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["tool", "call_id", "idempotency_key", "run", "time", "status", *names])
    for call in calls:
        cells = [call.params.get(name) for name in names]
        writer.writerow([call.tool, call.call_id, call.key, call.run, call.at, call.status, *cells])
    raw = text.getvalue().encode()
    path.write_bytes(gzip.compress(raw, mtime=0) if zipped else raw)
    return path


def as_parquet(path: Path, calls: Sequence[Call]) -> Path:
    """Write calls as Parquet, arguments in a nested column."""
    rows = [
        {
            "tool": call.tool,
            "call_id": call.call_id,
            "idempotency_key": call.key,
            "run": call.run,
            "time": START + timedelta(seconds=call.second),
            "status": call.status,
            "params": call.params if call.said else None,
        }
        for call in calls
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def as_otlp(path: Path, calls: Sequence[Call]) -> Path:
    """Write calls as spans of an OTLP/JSON export, one export a line."""
    lines: list[str] = []
    for number, call in enumerate(calls):
        nanoseconds = int((START + timedelta(seconds=call.second)).timestamp()) * 1_000_000_000
        said = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": call.tool,
            "gen_ai.tool.call.id": call.call_id,
            "gen_ai.conversation.id": call.run,
            "gen_ai.tool.call.arguments": json.dumps(call.params) if call.said else None,
        }
        span = {
            "traceId": f"{number:032x}",
            "spanId": f"{number + 1:016x}",
            "startTimeUnixNano": str(nanoseconds),
            "status": {"code": 2} if call.status == "error" else {},
            "attributes": [
                {"key": name, "value": {"stringValue": value}}
                for name, value in said.items()
                if value is not None
            ],
        }
        export = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
        lines.append(json.dumps(export, separators=(",", ":")) + "\n")
    path.write_text("".join(lines), encoding="utf-8")
    return path


def mapped(**said: Any) -> CallMap:  # noqa: ANN401
    """Return a map of calls."""
    return CallMap.model_validate({"calls": "log", **said})
