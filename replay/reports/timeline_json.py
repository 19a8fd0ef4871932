"""A timeline for programs. Its fields: docs/reference/timeline.schema.json.

INVARIANT: all but `envelope` follows from the ledger, the trust file and the question.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from replay.reports.timeline_tables import tables
from replay.reports.timeline_words import headline, limits, sentences
from replay.tables import as_objects
from replay.timeline import Timeline

SCHEMA: Final = "writ/timeline/v1"


def timeline_json(found: Timeline, envelope: Mapping[str, Any] | None = None) -> str:
    """Return a timeline as one JSON document, ended by a newline; amounts are in micro-units."""
    ledger, steps = found.report.ledger, found.steps
    body: dict[str, Any] = {
        "schema": SCHEMA,
        "ledger": {"origin": ledger.origin, "genesis": ledger.genesis, "size": ledger.size},
        "trust": found.report.integrity.trust,
        "asked": list(found.asked),
        "now": [
            {"service": service, "contract": name, "version": version}
            for service, (name, version) in sorted(found.now.items())
        ],
        "candidate": found.candidate,
        "actions": {
            "chosen": len(steps),
            "wrong": sum(step.wrong for step in steps),
            "flips": sum(step.flips for step in steps),
            "undecided": found.chosen.undecided,
            "timeless": found.chosen.timeless,
        },
        "tables": {table.name: as_objects(table) for table in tables(found)},
        "headline": headline(found),
        "sentences": sentences(found),
        "not_proven": limits(found),
    }
    if envelope is not None:
        body["envelope"] = dict(envelope)
    return json.dumps(body, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False) + "\n"
