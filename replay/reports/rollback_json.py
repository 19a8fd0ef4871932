"""A rollback for programs. Its fields are fixed in docs/reference/rollback.schema.json.

INVARIANT: it is a function of the ledger's bytes, the trust file and what was asked.
"""

import json
from typing import Any, Final

from replay.exposure import Amount, Radius
from replay.reports.rollback_tables import tables, time_of
from replay.reports.rollback_words import LIMITS, lead, title
from replay.rollback_answer import Answer
from replay.tables import as_objects

SCHEMA: Final = "writ/rollback/v1"


def json_rollback(answer: Answer) -> str:
    """Return the report as one JSON document, ended by a newline."""
    return json.dumps(body(answer), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def body(answer: Answer) -> dict[str, Any]:
    """Return the report as plain data, every member always there."""
    plan = answer.plan
    return {
        "schema": SCHEMA,
        "title": title(answer),
        "says": list(lead(answer)),
        "asked": answer.asked,
        "at": time_of(answer.at),
        "scope": answer.scope.value,
        "contracts": [
            {"service": service, "name": one.name, "version": one.version, "digest": one.digest}
            for service, one in sorted(answer.contracts.items())
        ],
        "chosen": answer.chosen,
        "undecided": answer.undecided,
        "tolerated": amount_body(plan.tolerated),
        "changed": amount_body(answer.changed),
        "at_stake": amount_body(plan.at_stake),
        "recovered": amount_body(plan.recovered),
        "residual": amount_body(plan.residual),
        "cost": amount_body(plan.costs),
        "dependencies": {link.value: count for link, count in answer.links.items()},
        "pulled": None if answer.blast.pulled is None else _radius(answer.blast.pulled),
        "prevented": None
        if answer.blast.prevented is None
        else amount_body(answer.blast.prevented),
        "untimed": answer.blast.untimed,
        "tables": {table.name: as_objects(table) for table in tables(answer)},
        "not_proven": list(LIMITS),
    }


def amount_body(found: Amount) -> dict[str, Any]:
    """Return an amount as plain data."""
    return {
        "actions": found.acts,
        "micros": dict(sorted(found.micros.items())),
        "unvalued": found.unvalued,
    }


def _radius(found: Radius) -> dict[str, Any]:
    return {
        "at": time_of(found.at),
        "entities": found.entities,
        "runs": found.runs,
        **amount_body(found.amount),
    }
