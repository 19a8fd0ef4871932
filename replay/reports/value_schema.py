"""The JSON Schemas of what `writ value` and `writ change` answer to programs.

`python -m replay.reports.value_schema` writes value.schema.json and change.schema.json in
docs/reference anew; a test says when to.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from replay.change_measures import Changed
from replay.history import History
from replay.rates import Rates
from replay.reports import change_forms, change_tables, value_json, value_tables
from replay.run_choice import Chosen
from replay.tables import Kind, Table
from replay.value import GROUPINGS
from replay.valued import valued
from verifier.report import Conformance, Integrity, IntegrityVerdict, LedgerFacts, Report

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
REFERENCE: Final = Path(__file__).resolve().parents[2] / "docs" / "reference"

_TEXTS: Final[dict[str, Any]] = {"type": "array", "items": {"type": "string"}}
_COUNT: Final[dict[str, Any]] = {"type": "integer", "minimum": 0}
_CELLS: Final[Mapping[Kind, dict[str, Any]]] = {
    Kind.TEXT: {"type": "string"},
    Kind.COUNT: {"type": ["integer", "null"], "minimum": 0},
    # A ratio's bounds need not be whole micros.
    Kind.MICROS: {"type": ["number", "null"]},
    Kind.NUMBER: {"type": ["number", "null"]},
    Kind.SHARE: {"type": ["number", "null"]},
}


def schemas() -> dict[str, dict[str, Any]]:
    """Return the schemas by the name of their file."""
    report = Report(
        LedgerFacts(), Integrity(IntegrityVerdict.HOLDS, ""), Conformance(performed=True), ()
    )
    value = valued(History(), report, Chosen(()), rates=Rates(), by=GROUPINGS)
    change = Changed(report, (), Chosen(()), Rates(), (), ())
    return {
        "value.schema.json": table_schema(
            value_json.SCHEMA,
            "The answer of `writ value --format json`. Amounts are in millionths of a unit.",
            value_tables.tables(value),
            {
                "rates": _TEXTS,
                "runs": {"type": "object"},
                "tokens": _object({"input": _COUNT, "output": _COUNT}),
                "minutes": {"type": "number"},
            },
            needed=("whole", "attempts", "marginal", "threshold", "own_threshold"),
        ),
        "change.schema.json": table_schema(
            change_forms.SCHEMA,
            "The answer of `writ change --format json`. Amounts are in millionths of a unit.",
            change_tables.tables(change),
            {
                "rates": _TEXTS,
                "runs": _COUNT,
                "comparisons": _COUNT,
                "mixed": {"type": "array", "items": {"type": "object"}},
            },
            needed=("changes", "comparisons", "decisions", "rules"),
        ),
    }


def table_schema(
    name: str,
    says: str,
    tables: Sequence[Table],
    more: Mapping[str, Any],
    *,
    needed: Sequence[str],
) -> dict[str, Any]:
    """Return the schema of an answer with tables.

    Args:
        name: The schema's name.
        says: What it is of.
        tables: The tables that may be in it.
        more: Its own members.
        needed: The names of the tables that are always there.
    """
    defined: dict[str, Any] = {}
    named: dict[tuple[str, ...], str] = {}
    for table in tables:
        # Groupings have the same columns, and so one schema.
        columns = tuple(column.name for column in table.columns)
        name_of = named.setdefault(columns, table.name)
        defined.setdefault(name_of, _rows(table))
    found = _object({table.name: {"$ref": _ref(table, named)} for table in tables})
    found["required"] = list(needed)
    members = {
        "schema": {"const": name},
        "ledger": _object(
            {"origin": {"type": "string"}, "genesis": {"type": "string"}, "size": _COUNT}
        ),
        "trust": {"enum": ["pinned", "self-asserted"]},
        "asked": _TEXTS,
        "tables": found,
        "headline": {"type": "string"},
        "sentences": _TEXTS,
        "not_proven": _TEXTS,
        **more,
    }
    whole = _object(members)
    whole["properties"]["envelope"] = {"type": "object"}
    return {"$schema": DIALECT, "title": name, "description": says, **whole, "$defs": defined}


def _ref(table: Table, named: Mapping[tuple[str, ...], str]) -> str:
    return f"#/$defs/{named[tuple(column.name for column in table.columns)]}"


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


def written(schema: Mapping[str, Any]) -> str:
    """Return a schema as it is published."""
    return json.dumps(schema, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    for file, schema in schemas().items():
        (REFERENCE / file).write_text(written(schema), "utf-8")
