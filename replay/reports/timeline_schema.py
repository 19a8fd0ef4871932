"""The JSON Schemas of what `writ replay` answers to programs.

`python -m replay.reports.timeline_schema` writes timeline.schema.json and rehearsal.schema.json in
docs/reference anew; a test says when to.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from replay.history import Run
from replay.reheard import Rehearsal
from replay.reports import reheard_forms, timeline_json, timeline_tables
from replay.reports.value_schema import DIALECT, REFERENCE, written
from replay.run_choice import ChosenActs
from replay.tables import Kind, Table
from replay.timeline import Timeline
from verifier.report import Conformance, Integrity, IntegrityVerdict, LedgerFacts, Report

_TEXT: Final[dict[str, Any]] = {"type": "string"}
_TEXTS: Final[dict[str, Any]] = {"type": "array", "items": _TEXT}
_COUNT: Final[dict[str, Any]] = {"type": "integer", "minimum": 0}
_MAYBE: Final[dict[str, Any]] = {"type": ["integer", "null"], "minimum": 0}
_CELLS: Final[Mapping[Kind, dict[str, Any]]] = {
    Kind.TEXT: _TEXT,
    Kind.COUNT: _MAYBE,
    Kind.MICROS: {"type": ["integer", "null"]},
    Kind.NUMBER: {"type": ["number", "null"]},
}


def schemas() -> dict[str, dict[str, Any]]:
    """Return the schemas by the name of their file."""
    report = Report(
        LedgerFacts(), Integrity(IntegrityVerdict.HOLDS, ""), Conformance(performed=True), ()
    )
    timeline = Timeline(report, (), ChosenActs(()), (), {})
    rehearsal = Rehearsal(report, Run("", 0, {}, None), 0, 0, (), None)
    return {
        "timeline.schema.json": _schema(
            timeline_json.SCHEMA,
            "The answer of `writ replay --format json`. Amounts are in millionths of a unit.",
            timeline_tables.tables(timeline),
            {
                "asked": _TEXTS,
                "now": {
                    "type": "array",
                    "items": _object({"service": _TEXT, "contract": _TEXT, "version": _TEXT}),
                },
                "candidate": {"type": "boolean"},
                "actions": _object(
                    dict.fromkeys(("chosen", "wrong", "flips", "undecided", "timeless"), _COUNT)
                ),
            },
        ),
        "rehearsal.schema.json": _schema(
            reheard_forms.SCHEMA,
            "The answer of `writ replay --through-guard --format json`.",
            reheard_forms.tables(rehearsal),
            {
                "run": _object({"digest": _TEXT, "name": _TEXT, "entry": _COUNT}),
                "before": _COUNT,
                "actions": _COUNT,
                "contingent": _COUNT,
                "candidate": _TEXT,
                "aside": _TEXTS,
                "diverges_at": _MAYBE,
            },
        ),
    }


def _schema(
    name: str, says: str, tables: Sequence[Table], more: Mapping[str, Any]
) -> dict[str, Any]:
    members = {
        "schema": {"const": name},
        "ledger": _object({"origin": _TEXT, "genesis": _TEXT, "size": _COUNT}),
        "trust": {"enum": ["pinned", "self-asserted"]},
        "tables": _object({table.name: _rows(table) for table in tables}),
        "headline": _TEXT,
        "sentences": _TEXTS,
        "not_proven": _TEXTS,
        **more,
    }
    whole = _object(members)
    whole["properties"]["envelope"] = {"type": "object"}
    return {"$schema": DIALECT, "title": name, "description": says, **whole}


def _rows(table: Table) -> dict[str, Any]:
    cells = {column.name: _CELLS[column.kind] for column in table.columns}
    return {"type": "array", "items": _object(cells)}


def _object(members: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(members),
        "required": sorted(members),
        "additionalProperties": False,
    }


if __name__ == "__main__":
    for file, schema in schemas().items():
        (REFERENCE / file).write_text(written(schema), "utf-8")
