"""The JSON Schema of what `writ rollback` answers to programs.

`python -m replay.reports.rollback_schema` writes rollback.schema.json in docs/reference anew; a
test says when to.
"""

from typing import Any, Final

from replay.blast_radius import blast
from replay.exposure import Amount
from replay.history import History
from replay.pacing import Pace
from replay.reports.rollback_forms import SCHEMA
from replay.reports.rollback_tables import tables
from replay.reports.value_schema import REFERENCE, table_schema, written
from replay.rollback import Plan
from replay.rollback_classes import Class
from replay.rolled_back import Question, RolledBack
from replay.run_choice import ChosenActs
from replay.scopes import Scope
from verifier.report import Conformance, Integrity, IntegrityVerdict, LedgerFacts, Report

FILE: Final = "rollback.schema.json"
_COUNT: Final[dict[str, Any]] = {"type": "integer", "minimum": 0}
_SUMS: Final[dict[str, Any]] = {"type": "object", "additionalProperties": {"type": "integer"}}
_COUNTS: Final[dict[str, Any]] = {"type": "object", "additionalProperties": _COUNT}


def schema() -> dict[str, Any]:
    """Return the schema."""
    made = tables(_empty())
    return table_schema(
        SCHEMA,
        "The answer of `writ rollback --format json`. Amounts are in millionths of a unit.",
        made,
        {
            "scope": {"enum": [scope.value for scope in Scope]},
            "by_target": {"type": "boolean"},
            "as_of": {"type": "string"},
            "contracts": {"type": "object", "additionalProperties": {"type": "object"}},
            "tolerated": {
                "type": "object",
                "properties": {
                    "actions": _COUNT,
                    "of": _COUNT,
                    "value_micros": _SUMS,
                    "unsaid": _COUNT,
                },
                "required": ["actions", "of", "unsaid", "value_micros"],
                "additionalProperties": False,
            },
            "executed_micros": _SUMS,
            "recovered_micros": _SUMS,
            "residual_micros": _SUMS,
            "approvals": _COUNTS,
            "at_once": {
                "type": "object",
                "properties": {"tried": _COUNT, "allowed": _COUNT, "against": _COUNTS},
                "required": ["against", "allowed", "tried"],
                "additionalProperties": False,
            },
            "undecided": _COUNT,
            "timeless": _COUNT,
        },
        needed=[table.name for table in made],
    )


def _empty() -> RolledBack:
    report = Report(
        LedgerFacts(), Integrity(IntegrityVerdict.HOLDS, ""), Conformance(performed=True), ()
    )
    return RolledBack(
        report=report,
        question=Question(),
        at=0,
        chosen=ChosenActs(()),
        plan=Plan((), (), (), {kind: Amount() for kind in Class}),
        scopes=(),
        blast=blast(()),
        pace=Pace(0, (), {}),
        bindings={},
        sealed=0,
        history=History(),
        waiting={},
    )


if __name__ == "__main__":
    (REFERENCE / FILE).write_text(written(schema()), "utf-8")
