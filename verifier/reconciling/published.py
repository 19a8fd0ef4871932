"""The JSON Schema of maps: `python -m verifier.reconciling.published` writes it anew."""

import json
from pathlib import Path
from typing import Final

from contracts.published import json_schema
from verifier.reconciling.mapping import CallMap

NAME: Final = "against.schema.json"


def schema_text() -> str:
    """Return the text of the published schema."""
    schema = json_schema(CallMap, "Writ map of a second source, version 1")
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    folder = Path(__file__).parents[2] / "docs" / "reference"
    (folder / NAME).write_text(schema_text(), encoding="utf-8")
