"""The answer of `writ whatif` for programs. Its fields: docs/reference/whatif.schema.json.

INVARIANT: all but `envelope` follows from the ledger, the trust file and the question.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from replay.reports.whatif_tables import tables
from replay.reports.whatif_words import headline, limits, sentences
from replay.tables import as_objects
from replay.whatif import WhatIf

SCHEMA: Final = "writ/whatif/v1"


def whatif_json(found: WhatIf, envelope: Mapping[str, Any] | None = None) -> str:
    """Return the answer as one JSON document, ended by a newline; amounts are in micro-units."""
    body = whatif_body(found)
    if envelope is not None:
        body["envelope"] = dict(envelope)
    return json.dumps(body, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False) + "\n"


def whatif_body(found: WhatIf) -> dict[str, Any]:
    """Return the answer as plain data."""
    ledger = found.report.ledger
    return {
        "schema": SCHEMA,
        "ledger": {"origin": ledger.origin, "genesis": ledger.genesis, "size": ledger.size},
        "trust": found.report.integrity.trust,
        "mode": found.mode,
        "asked": list(found.asked),
        "actions": {
            "chosen": len(found.chosen.acts),
            "undecided": found.chosen.undecided,
            "timeless": found.chosen.timeless,
        },
        "tables": {table.name: as_objects(table) for table in tables(found)},
        "headline": headline(found),
        "sentences": sentences(found),
        "not_proven": limits(found),
    }
