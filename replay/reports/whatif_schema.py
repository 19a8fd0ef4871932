"""The JSON Schema of what `writ whatif` answers to programs.

`python -m replay.reports.whatif_schema` writes docs/reference/whatif.schema.json anew; a test says
when to.
"""

from typing import Any

from replay.history import History
from replay.reports.value_schema import REFERENCE, table_schema, written
from replay.reports.whatif_json import SCHEMA
from replay.reports.whatif_tables import tables
from replay.run_choice import ChosenActs
from replay.whatif import AS_RECORDED, CASCADING, WhatIf
from verifier.report import Conformance, Integrity, IntegrityVerdict, LedgerFacts, Report

FILE = "whatif.schema.json"


def schema() -> dict[str, Any]:
    """Return the schema."""
    report = Report(
        LedgerFacts(), Integrity(IntegrityVerdict.HOLDS, ""), Conformance(performed=True), ()
    )
    empty = WhatIf(report, History(), AS_RECORDED, ChosenActs(()), ())
    made = tables(empty)
    return table_schema(
        SCHEMA,
        "The answer of `writ whatif --format json`. Amounts are in millionths of a unit.",
        made,
        {
            "mode": {"enum": [AS_RECORDED, CASCADING]},
            "actions": {
                "type": "object",
                "properties": {
                    name: {"type": "integer", "minimum": 0}
                    for name in ("chosen", "undecided", "timeless")
                },
                "required": ["chosen", "timeless", "undecided"],
                "additionalProperties": False,
            },
        },
        needed=[table.name for table in made],
    )


if __name__ == "__main__":
    (REFERENCE / FILE).write_text(written(schema()), "utf-8")
