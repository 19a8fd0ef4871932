"""The JSON Schemas of what this package writes for others to read.

`python -m verifier.published` writes docs/reference/sample*.schema.json anew; a test says when to.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from verifier.pack_forms import Index, Page

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
SCHEMAS: Final[Mapping[str, tuple[type[BaseModel], str]]] = {
    "sample.schema.json": (Index, "Writ pack of samples, index, version 1"),
    "sample-control.schema.json": (Page, "Writ pack of samples, page of a control, version 1"),
}


def json_schema(name: str) -> dict[str, Any]:
    """Return a published schema by its file name."""
    model, title = SCHEMAS[name]
    schema = model.model_json_schema(by_alias=True, mode="serialization")
    return {"$schema": DIALECT, **schema, "title": title}


def schema_text(name: str) -> str:
    """Return the text of a published schema by its file name."""
    return json.dumps(json_schema(name), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write every schema."""
    folder = Path(__file__).resolve().parents[1] / "docs" / "reference"
    for name in SCHEMAS:
        (folder / name).write_text(schema_text(name), "utf-8")


if __name__ == "__main__":
    main()
