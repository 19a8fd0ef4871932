"""The page of examples shows the vectors, byte for byte."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LEDGER = json.loads((ROOT / "data" / "vectors" / "ledger" / "ledger.json").read_text("utf-8"))
RECORDS = json.loads((ROOT / "data" / "vectors" / "ledger" / "records.json").read_text("utf-8"))
SHOWN = [
    *(each["bytes"] for each in RECORDS.values()),
    LEDGER["entries"][0],
    LEDGER["entries"][1],
    LEDGER["leaves"][0],
    LEDGER["leaves"][1],
    LEDGER["records"][0],
    LEDGER["records"][1],
    *LEDGER["submission"].split("\n"),
    *LEDGER["checkpoints"][0].split("\n"),
    *LEDGER["proof"].split("\n"),
    *LEDGER["trust"].split("\n"),
]


@pytest.mark.parametrize("line", SHOWN, ids=lambda line: line[:24] or "empty")
def test_the_page_shows_the_vector(line: str) -> None:
    """A reader can check every example against the files in data/vectors."""
    lines = (ROOT / "docs" / "spec" / "ledger-examples.md").read_text("utf-8").split("\n")
    assert f"    {line}".rstrip() in {each.rstrip() for each in lines}
