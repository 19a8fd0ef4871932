"""Traces exported as OTLP/JSON: the spans in which a tool was executed.

Names are those of OpenTelemetry's semantic conventions for generative AI: a span whose
`gen_ai.operation.name` is `execute_tool`. A file holds one export, or one on each line, as a
collector's file exporter writes them. A span that was exported twice is one call.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import blake2b
from math import isfinite
from pathlib import Path
from typing import Any, Final

from contracts.coercion import Value, is_list, is_map
from ledger.importers.texts import read_json
from verifier.reconciling.cells import time_of
from verifier.reconciling.lines import Limits, read_lines, text_of
from verifier.reconciling.mapping import CallMap
from verifier.reconciling.problems import refused
from verifier.reconciling.seen import Seen, name_of

MARK: Final = b'"resourceSpans"'
"""What stands near the beginning of such a file."""

_OPERATION: Final = "gen_ai.operation.name"
_EXECUTES: Final = "execute_tool"
_ERROR: Final = "error.type"
_NAMES: Final[Mapping[str, str]] = {
    "tool": "gen_ai.tool.name",
    "call_id": "gen_ai.tool.call.id",
    "params": "gen_ai.tool.call.arguments",
    "run": "gen_ai.conversation.id",
}
_FAILED: Final = frozenset({2, "STATUS_CODE_ERROR"})


class OtlpFile:
    """An export of traces.

    Attributes:
        textual: Never: attributes have types.
    """

    textual = False

    def __init__(self, path: Path, reads: CallMap, limits: Limits) -> None:
        self._path = path
        self._reads = reads
        self._limits = limits
        self._spans: dict[bytes, bytes] = {}
        said = reads.columns
        self._names = {what: getattr(said, what) or name for what, name in _NAMES.items()}
        if said.idempotency_key:
            self._names["idempotency_key"] = said.idempotency_key

    def calls(self) -> Iterator[Seen]:
        """Yield the calls in the file's order.

        Raises:
            AgainstError: The file is no such export; the line is named.
        """
        for line, text in self._documents():
            place = f"{self._path}:{line}"
            try:
                value = read_json(text)
            except ValueError as error:
                what = f"no OTLP/JSON ({error}): export traces as JSON, one export on a line"
                raise refused("otlp", place, what) from error
            if not is_map(value):
                raise refused("otlp", place, "no OTLP/JSON: an object with `resourceSpans`")
            for span in _spans(value, place):
                call = self._call(line, place, span)
                if call is not None:
                    yield call

    def _documents(self) -> Iterator[tuple[int, str]]:
        """Yield each export with the line that it begins at."""
        lines = read_lines(self._path, self._limits)
        for number, raw in lines:
            if not raw.strip():
                continue
            text = text_of(self._path, number, raw)
            if raw.strip() not in {b"{", b"["} and raw.rstrip().endswith(b"}"):
                yield number, text
                continue
            # It goes on: one document on many lines.
            parts, size = [text], len(raw)
            for following, more in lines:
                size += len(more)
                if size > self._limits.line:
                    what = f"an export of more than {self._limits.line:,} bytes: one on a line"
                    raise refused("line-too-long", f"{self._path}:{following}", what)
                parts.append(text_of(self._path, following, more))
            yield number, "".join(parts)

    def _call(self, line: int, place: str, span: Mapping[str, Any]) -> Seen | None:
        said = attributes(span.get("attributes"), place)
        if said.get(_OPERATION) != _EXECUTES or self._again(span, place):
            return None
        told = {what: said.get(name) for what, name in self._names.items()}
        tool = self._reads.tool or name_of(told["tool"])
        if tool is None:
            what = f"a span that executes a tool and has no {self._names['tool']}"
            raise refused("tool", place, what)
        params = told["params"]
        if isinstance(params, str):
            with suppress(ValueError):
                params = read_json(params)
        status = span.get("status")
        code = status.get("code") if is_map(status) else None
        return Seen(
            line=line,
            place=f"span {span.get('spanId', '')} of line {line}"[:80],
            tool=self._reads.tools.get(tool, tool),
            run=name_of(told["run"]),
            call_id=name_of(told["call_id"]),
            key=name_of(told.get("idempotency_key")),
            said=params is not None,
            params=params,
            at=time_of(span.get("startTimeUnixNano"), "nanoseconds", place),
            failed=code in _FAILED or _ERROR in said,
        )

    def _again(self, span: Mapping[str, Any], place: str) -> bool:
        """Return whether this very span was exported before."""
        name = f"{span.get('traceId')}/{span.get('spanId')}"
        if not span.get("spanId"):
            return False
        key = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        content = blake2b(repr(span).encode("utf-8", "surrogatepass"), digest_size=16).digest()
        known = self._spans.get(key)
        if known is None:
            self._spans[key] = content
            return False
        if known != content:
            what = f"the span {name[:80]} is there twice, and says two things"
            raise refused("span-twice", place, what)
        return True


def attributes(listed: Value, place: str) -> dict[str, Value]:
    """Return a list of attributes as members.

    Raises:
        AgainstError: It is no such list.
    """
    found: dict[str, Value] = {}
    for one in listed if is_list(listed) else []:
        if is_map(one) and isinstance(one.get("key"), str):
            found[one["key"]] = _value(one.get("value"), place)
    return found


def _value(value: Value, place: str) -> Value:
    """Return an attribute's value: OTLP wraps each in its type."""
    if not is_map(value) or len(value) != 1:
        return None
    ((kind, inner),) = value.items()
    if kind in {"stringValue", "boolValue", "bytesValue"}:
        return inner
    if kind in {"intValue", "doubleValue"}:
        return _number(kind, inner, place)
    if kind == "arrayValue" and is_map(inner):
        return [_value(one, place) for one in inner.get("values", [])]
    if kind == "kvlistValue" and is_map(inner):
        return attributes(inner.get("values"), place)
    return None


def _number(kind: str, inner: Value, place: str) -> Value:
    try:
        found = int(inner) if kind == "intValue" else float(inner)
    except (TypeError, ValueError, OverflowError):
        found = float("nan")
    if not isfinite(found):
        raise refused("number", place, f"{str(inner)[:40]!r} is no number that JSON has")
    return found


def _spans(value: Mapping[str, Any], place: str) -> Iterator[Mapping[str, Any]]:
    resources = value.get("resourceSpans")
    if not is_list(resources):
        raise refused("otlp", place, "no `resourceSpans` in it: export traces, as OTLP/JSON")
    for resource in resources:
        for scope in _listed(resource, "scopeSpans"):
            for span in _listed(scope, "spans"):
                if is_map(span):
                    yield span


def _listed(value: Value, name: str) -> list[Value]:
    found = value.get(name) if is_map(value) else None
    return found if is_list(found) else []
