"""The answer of `writ value` for programs. Its fields: docs/reference/value.schema.json.

INVARIANT: all but `envelope` follows from the ledger, the trust file and the question.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from replay.reports.value_tables import tables
from replay.reports.value_words import headline, limits, sentences
from replay.tables import as_objects
from replay.valued import Valued

SCHEMA: Final = "writ/value/v1"


def value_json(found: Valued, envelope: Mapping[str, Any] | None = None) -> str:
    """Return the answer as one JSON document, ended by a newline; amounts are in micro-units."""
    body = value_body(found)
    if envelope is not None:
        body["envelope"] = dict(envelope)
    return json.dumps(body, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False) + "\n"


def value_body(found: Valued) -> dict[str, Any]:
    """Return the answer as plain data."""
    ledger = found.report.ledger
    whole = found.whole
    return {
        "schema": SCHEMA,
        "ledger": {"origin": ledger.origin, "genesis": ledger.genesis, "size": ledger.size},
        "trust": found.report.integrity.trust,
        "asked": list(found.asked),
        "rates": list(found.rates.stated),
        "runs": {
            "chosen": whole.runs,
            "closed": whole.closed,
            "succeeded": whole.succeeded,
            "cost_recorded": {str(name): count for name, count in whole.recorded.items()},
            "value_recorded": whole.valued,
            "tokens_recorded": whole.counted,
            "undecided": found.chosen.undecided,
            "timeless": found.chosen.timeless,
            "two_currencies": found.two_currencies,
        },
        "tokens": {"input": whole.tokens[0], "output": whole.tokens[1]},
        "minutes": whole.minutes,
        "tables": {table.name: as_objects(table) for table in tables(found)},
        "headline": headline(found),
        "sentences": sentences(found),
        "not_proven": limits(found),
    }
