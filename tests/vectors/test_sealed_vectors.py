"""The published example of a sealed value: its commitment, its record and its disclosure.

A change that makes this fail changes bytes that are hashed: it needs a new version of the format.
`WRIT_WRITE_VECTORS=1` writes the example anew, for a form that is new.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from ledger.encoding import digest, encode
from ledger.sealed import (
    Disclosure,
    Opening,
    check_opening,
    read_disclosure,
    sealed_in,
    write_disclosure,
)

FILE = Path(__file__).resolve().parents[2] / "data" / "vectors" / "ledger" / "sealed.json"
PATH = "/params/customer/email"


def made() -> dict[str, Any]:
    """Return what is written today."""
    opening = Opening(PATH, bytes(range(32)), encode("carol@example.com"))
    commitment = opening.commitment
    record = encode(
        {
            "v": 1,
            "kind": "action",
            "nonce": "0f" * 16,
            "by": "spiffe://example.com/refunds",
            "run": "ab" * 32,
            "tool": "refund",
            "params": {"amount": 12, "customer": {"email": {"sealed": commitment}}},
        }
    )
    disclosure = write_disclosure(Disclosure(digest(record), (opening,)))
    return {
        "path": PATH,
        "salt": opening.salt.hex(),
        "value": opening.value.decode(),
        "commitment": commitment,
        "record": record.decode(),
        "disclosure": disclosure.decode(),
    }


def test_what_is_written_is_what_was_published() -> None:
    """Commitment, record and disclosure have the published bytes."""
    if os.environ.get("WRIT_WRITE_VECTORS"):
        FILE.write_text(json.dumps(made(), indent=1, ensure_ascii=True) + "\n", "utf-8")
    assert json.loads(FILE.read_text("utf-8")) == made()


def test_the_published_disclosure_opens_the_published_record() -> None:
    """From the bytes alone: the hash is made as the format page says, and opens the record."""
    case = json.loads(FILE.read_text("utf-8"))
    path = case["path"].encode()
    text = b"writ/sealed/v1" + bytes.fromhex(case["salt"])
    text += len(path).to_bytes(8, "big") + path + case["value"].encode()
    assert hashlib.sha256(text).hexdigest() == case["commitment"]
    disclosure = read_disclosure(case["disclosure"].encode())
    assert disclosure.record == digest(case["record"].encode())
    assert list(sealed_in(json.loads(case["record"]))) == [(case["path"], case["commitment"])]
    for opening in disclosure.openings:
        check_opening(opening, case["commitment"])
