"""A table's rows made calls: which column says what, by the map or by its usual name."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from contracts.coercion import Value, is_map
from contracts.errors import did_you_mean
from ledger.importers.texts import read_json
from verifier.reconciling.cells import status_of, time_of
from verifier.reconciling.mapping import CallMap, Columns
from verifier.reconciling.problems import refused
from verifier.reconciling.seen import Seen, name_of

USUAL: Final[Mapping[str, tuple[str, ...]]] = {
    "tool": ("tool", "tool_name"),
    "call_id": ("call_id", "tool_call_id"),
    "idempotency_key": ("idempotency_key",),
    "run": ("run", "run_id", "conversation_id"),
    "time": ("time", "timestamp", "at"),
    "status": ("status",),
    "params": ("params", "arguments"),
}
"""What columns are usually called, for what a map does not name."""

_PREFIX: Final = "params."


class Rows:
    """Makes calls of rows.

    Args:
        file: The file, for errors.
        names: The table's columns.
        reads: The map.

    Attributes:
        textual: Whether arguments are cells of text, each its own column.
        says: What the columns say.

    Raises:
        AgainstError: A column is there twice, or one that is named is not there.
    """

    def __init__(self, file: str, names: Sequence[str], reads: CallMap, *, typed: bool) -> None:
        self._file = file
        self._reads = reads
        self._names = list(names)
        self._check_names()
        self.says = {what: self._column(what) for what in USUAL if what != "params"}
        if reads.tool is None and self.says["tool"] is None:
            raise self._missing("tool", "tool")
        self._whole, self._each = self._params(reads.columns)
        self.textual = bool(self._each) and not typed

    def call(self, line: int, place: str, row: Mapping[str, Value]) -> Seen | None:
        """Return the call that a row is; None where it says that there was none.

        Raises:
            AgainstError: A cell is not what its column holds.
        """
        said = {what: row.get(name) if name else None for what, name in self.says.items()}
        failed = status_of(said["status"], self._reads.statuses, place)
        if isinstance(failed, str):
            return None
        tool = self._reads.tool or name_of(said["tool"])
        if tool is None:
            raise refused("tool", place, "the row names no tool: fill the cell, or drop the row")
        shown, params = self._arguments(row, place)
        return Seen(
            line=line,
            place=place,
            tool=self._reads.tools.get(tool, tool),
            run=name_of(said["run"]),
            call_id=name_of(said["call_id"]),
            key=name_of(said["idempotency_key"]),
            said=shown,
            params=params,
            at=time_of(said["time"], self._reads.clock, place),
            failed=failed,
        )

    def _arguments(self, row: Mapping[str, Value], place: str) -> tuple[bool, Value]:
        if self._whole is not None:
            cell = row.get(self._whole)
            if cell is None or cell == "":
                return False, None
            return True, _parsed(cell, place, self._whole)
        params: dict[str, Any] = {}
        for path, column in self._each:
            cell = row.get(column)
            if cell is not None and cell != "":
                _put(params, path, cell)
        return bool(self._each), params

    # -------------------------------------------------------------------------- columns

    def _check_names(self) -> None:
        twice = sorted({name for name in self._names if self._names.count(name) > 1})
        if twice:
            what = f"the column {twice[0]!r} is there twice: name each once"
            raise refused("columns", f"{self._file}:1", what)

    def _column(self, what: str) -> str | None:
        named: str | None = getattr(self._reads.columns, what)
        if named is None:
            if what == "tool" and self._reads.tool is not None:
                return None
            return next((name for name in USUAL[what] if name in self._names), None)
        if named not in self._names:
            raise self._missing(what, named)
        return named

    def _params(self, columns: Columns) -> tuple[str | None, list[tuple[list[str], str]]]:
        """Return the column of all arguments, or each parameter's path and column."""
        if isinstance(columns.params, str):
            if columns.params not in self._names:
                raise self._missing("params", columns.params)
            return columns.params, []
        if columns.params is not None:
            for name in columns.params.values():
                if name not in self._names:
                    raise self._missing("params", name)
            return None, [(path.split("."), name) for path, name in columns.params.items()]
        usual = next((name for name in USUAL["params"] if name in self._names), None)
        if usual is not None:
            return usual, []
        return None, list(self._others())

    def _others(self) -> Iterator[tuple[list[str], str]]:
        """Yield the parameters where no map says them: `params.x`, or all that is left."""
        taken = set(self.says.values())
        marked = [name for name in self._names if name.startswith(_PREFIX)]
        for name in marked or [name for name in self._names if name not in taken]:
            yield name.removeprefix(_PREFIX).split("."), name

    def _missing(self, what: str, name: str) -> Exception:
        near = did_you_mean(name, self._names) or f"there are {', '.join(self._names)[:300]}"
        message = (
            f"there is no column {name!r} for `{what}` ({near}): name it under `columns` of a map"
        )
        return refused("columns", f"{self._file}:1", message)


def _parsed(cell: Value, place: str, column: str) -> Value:
    """Return arguments from a cell: JSON text, or a value that has members."""
    if isinstance(cell, str):
        try:
            cell = read_json(cell)
        except ValueError as error:
            what = f"the column {column!r} holds no JSON ({error}): {cell[:40]!r}"
            raise refused("params", place, what) from error
    if not is_map(cell):
        what = f"the column {column!r} must hold a JSON object: {str(cell)[:40]!r}"
        raise refused("params", place, what)
    return cell


def _put(params: dict[str, Any], path: Sequence[str], cell: Value) -> None:
    *outer, last = path
    for name in outer:
        inner = params.setdefault(name, {})
        if not is_map(inner):
            inner = params[name] = {}
        params = inner
    params[last] = cell
