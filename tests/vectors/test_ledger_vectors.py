"""The published examples of each form: what is written today is what was written then.

A change that makes one of these fail changes bytes that are hashed or signed: it needs a new
version of the format.
`WRIT_WRITE_VECTORS=1` writes the examples anew, for a form that is new.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger import Store, check_proof, make_proof, open_checkpoint, parse_header, parse_record
from ledger.admission import read_authority
from ledger.authority import document_text, parse_document, signed_bytes
from ledger.checkpoint import Checkpoint
from ledger.encoding import call_digest, decode, digest, encode, from_base64, to_base64
from ledger.entry import header_bytes, leaf_hash
from ledger.errors import EncodingError
from ledger.founding import trust_file
from ledger.keys import fingerprint, verify_signature
from ledger.merkle import (
    check_consistency,
    check_inclusion,
    consistency_proof,
    inclusion_proof,
    root,
)
from ledger.merkle import leaf_hash as data_hash
from ledger.proof import parse_proof
from ledger.records import Authority, record_bytes
from ledger.signing import sign_checkpoint
from ledger.submission import parse_signed_text, signed_text, submission_of, submission_root
from ledger.testing import SERVICE, build_ledger, throwaway_key

FOLDER = Path(__file__).resolve().parents[2] / "data" / "vectors" / "ledger"
NONCE, RUN, ACTION = "0f" * 16, "ab" * 32, "cd" * 32
TIME = "2026-03-01T09:00:00.000000Z"
EUR = {"currency": "EUR", "micros": 12500000}
DIGEST = digest(b"contract: refunds\n")

RECORDS: dict[str, dict[str, Any]] = {
    "genesis": {"origin": "example.com/ledger", "seed": RUN, "roots": [ACTION], "threshold": 1},
    "authority": {
        "document": "{}",
        "signatures": [{"key": ACTION, "signature": to_base64(b"\1" * 64)}],
    },
    "contract": {
        "service": SERVICE,
        "version": "1.0.0",
        "digest": DIGEST,
        "text": "contract: refunds\n",
    },
    "activation": {
        "service": SERVICE,
        "version": "1.0.0",
        "digest": DIGEST,
        "effective_at": TIME,
        "approved_by": ["spiffe://example.com/ledger/activator"],
        "imported": True,
    },
    "switch": {
        "service": SERVICE,
        "state": "engaged",
        "mode": "safe",
        "selector": 'action.tool == "refund"',
        "reason": "too many refunds",
    },
    "run opened": {
        "phase": "opened",
        "service": SERVICE,
        "ref": "task-7",
        "goal": "refund",
        "policy": {"name": "policy", "version": "3"},
        "attributes": {"ключ": [1, 0.5, None]},
        "import": {"source": "trace.jsonl", "digest": RUN, "line": 1, "clock": "none"},
    },
    "run closed": {"phase": "closed", "run": RUN, "outcome": "completed", "value": EUR},
    "message": {
        "run": RUN,
        "role": "assistant",
        "turn": 0,
        "content": 'a "quoted" line\nand \u2028 é \U0001f600',
        "cost": EUR,
        "tokens": {"input": 7},
    },
    "observation": {
        "what": "order",
        "source": "orders",
        "observer": "source",
        "run": RUN,
        "fields": {"total": 1e-7, "items": []},
        "self_attested": True,
    },
    "action": {
        "run": RUN,
        "tool": "refund",
        "params": {"amount": 12.5, "order": 7},
        "mode": "execute",
        "evidence": [ACTION],
        "contract": {"version": "1.0.0", "digest": DIGEST},
        "decision": {
            "effect": "approve",
            "reasons": [{"rule": "scope.large", "result": "violated", "effect": "approve"}],
        },
        "estimate": {"value": EUR},
    },
    "approval": {"action": ACTION, "verdict": "approve", "expires_at": TIME},
    "outcome": {"action": ACTION, "run": RUN, "status": "ok", "leaf": RUN, "cost": EUR},
    "stream-close": {},
    "review": {"finding": "f-1", "state": "acknowledged", "note": "seen"},
    "erasure": {"record": ACTION, "paths": ["/content"], "reason": "asked to"},
}

VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    2**53 - 1,
    -(2**53) + 1,
    0.0,
    -0.0,
    1.0,
    0.1,
    1e15,
    1e16,
    1e-5,
    1e-6,
    5e-324,
    1.7976931348623157e308,
    123456789.125,
    "",
    '"\\/\b\t\n\f\r\u001f\u007f\u0080\u2028',
    "é\U0001f600",
    [],
    {},
    {"b": [1, [2.5, {"a": None}]], "a": "x", "\U0001f600": 1, "\ue000": 2},
]
REFUSED = [
    b"",
    b" 1",
    b"1 ",
    b"-0",
    b"01",
    b"1.50",
    b"1e5",
    b"1E+16",
    b"10000000000000000.0",
    b"0.000001",
    b"9007199254740992",
    b"NaN",
    b'{"a":1,"a":1}',
    b'{"b":1,"a":1}',
    b'"\\/"',
    b'"\\u00e9"',
    b'"\\u0000"',
    b'"\\ud83d\\ude00"',
    b'"\\ud800"',
    b'"\xff"',
    b"[1,]",
    b"[" * 65 + b"]" * 65,
]


def strict_json() -> dict[str, Any]:
    """Return values and their writing, and bytes that are refused."""
    accepted = [{"value": value, "hex": encode(value).hex()} for value in VALUES]
    return {
        "accepted": accepted,
        "refused": [raw.hex() for raw in REFUSED],
        "call": {
            "tool": "refund",
            "params": {"order": 7, "amount": 12.5},
            "digest": call_digest("refund", {"order": 7, "amount": 12.5}),
        },
    }


def records() -> dict[str, Any]:
    """Return a record of each kind, and its digest."""
    found: dict[str, Any] = {}
    for name, fields in RECORDS.items():
        every = {"v": 1, "kind": name.split()[0], "nonce": NONCE, "by": SERVICE}
        raw = encode({**every, **fields})
        found[name] = {"bytes": raw.decode(), "digest": digest(raw)}
    return found


def tree() -> dict[str, Any]:
    """Return roots and proofs of a small tree."""
    leaves = [data_hash(bytes([number])) for number in range(7)]
    return {
        "leaves": [leaf.hex() for leaf in leaves],
        "roots": [root(leaves[:size]).hex() for size in range(8)],
        "inclusion": [[node.hex() for node in inclusion_proof(leaves, at)] for at in range(7)],
        "consistency": [
            [node.hex() for node in consistency_proof(leaves, old)] for old in range(1, 8)
        ],
    }


def checkpoint() -> dict[str, Any]:
    """Return a signed head."""
    head = Checkpoint("example.com/ledger", 7, bytes.fromhex(tree()["roots"][7]))
    key = throwaway_key("head")
    note = sign_checkpoint(head, key).decode()
    return {"origin": head.origin, "key": key.public_key.hex(), "note": note}


def ledger(folder: Path) -> dict[str, Any]:
    """Return a small ledger in full, with a signed text, a proof and a trust file."""
    built = build_ledger(folder)
    with Store.open(built.path) as store:
        rows = list(store.rows())
        heads = [note.decode() for _, note in store.checkpoints()]
        proof = make_proof(store, 6, heads[-1].encode()).decode()
    genesis = built.founded.genesis
    return {
        "entries": [row.header.decode() for row in rows],
        "records": [(row.record or b"").decode() for row in rows],
        "leaves": [leaf_hash(row.header).hex() for row in rows],
        "checkpoints": heads,
        "submission": signed_text(submission_of(parse_header(rows[0].header), genesis)).decode(),
        "genesis": genesis,
        "proof": proof,
        "trust": trust_file(built.founded),
    }


@pytest.mark.parametrize("name", ["strict-json", "records", "tree", "checkpoint", "ledger"])
def test_the_examples_are_what_is_written(name: str, tmp_path: Path) -> None:
    """Each published example is reproduced byte for byte."""
    make: dict[str, Callable[[], dict[str, Any]]] = {
        "strict-json": strict_json,
        "records": records,
        "tree": tree,
        "checkpoint": checkpoint,
        "ledger": lambda: ledger(tmp_path),
    }
    made = make[name]()
    path = FOLDER / f"{name}.json"
    if os.environ.get("WRIT_WRITE_VECTORS"):
        path.write_text(json.dumps(made, indent=1, ensure_ascii=True) + "\n", "utf-8")
    assert json.loads(path.read_text("utf-8")) == made


def example(name: str) -> Any:  # noqa: ANN401  (any JSON value)
    """Read a published example."""
    return json.loads((FOLDER / f"{name}.json").read_text("utf-8"))


def test_strict_json_is_read_as_published() -> None:
    """Values come back, and other writings are refused."""
    for case in example("strict-json")["accepted"]:
        raw = bytes.fromhex(case["hex"])
        assert repr(decode(raw)) == repr(decode(encode(case["value"])))
        assert encode(case["value"]) == raw
    for raw in example("strict-json")["refused"]:
        with pytest.raises(EncodingError):
            decode(bytes.fromhex(raw))


def test_records_are_read_as_published() -> None:
    """Each kind is read, and written again to the same bytes."""
    for case in example("records").values():
        raw = case["bytes"].encode()
        assert record_bytes(parse_record(raw)) == raw
        assert digest(raw) == case["digest"]


def test_the_tree_is_checked_as_published() -> None:
    """Roots and proofs lead to each other."""
    case = example("tree")
    leaves = [bytes.fromhex(leaf) for leaf in case["leaves"]]
    roots = [bytes.fromhex(found) for found in case["roots"]]
    for at, proof in enumerate(case["inclusion"]):
        check_inclusion(leaves[at], at, 7, [bytes.fromhex(node) for node in proof], roots[7])
    for old, proof in enumerate(case["consistency"], start=1):
        nodes = [bytes.fromhex(node) for node in proof]
        check_consistency(old, 7, nodes, roots[old], roots[7])


def test_the_checkpoint_opens_as_published() -> None:
    """The signed head is opened with its key."""
    case = example("checkpoint")
    opened = open_checkpoint(case["note"].encode(), case["origin"], [bytes.fromhex(case["key"])])
    assert opened.checkpoint.size == 7


def test_the_ledger_is_checked_as_published() -> None:
    """Headers, chain, signed text, document, heads and proof hold, from the bytes alone."""
    case = example("ledger")
    headers = [parse_header(raw.encode()) for raw in case["entries"]]
    assert [header_bytes(header).decode() for header in headers] == case["entries"]
    assert [header.record for header in headers] == [digest(r.encode()) for r in case["records"]]
    assert [header.prev for header in headers[1:]] == case["leaves"][:-1]
    submission = parse_signed_text(case["submission"].encode())
    assert submission.root == submission_root([header.record for header in headers[:2]])
    authority = parse_record(case["records"][1].encode())
    assert isinstance(authority, Authority)
    document = parse_document(authority.document)
    assert document_text(document) == authority.document
    signed = authority.signatures[0]
    signature = from_base64(signed.signature)
    verify_signature(bytes.fromhex(signed.key), signed_bytes(authority.document), signature)
    writers = {fingerprint(bytes.fromhex(key.key)): bytes.fromhex(key.key) for key in document.keys}
    signature = from_base64(headers[0].signature or "")
    verify_signature(writers[submission.key], case["submission"].encode(), signature)
    assert check_proof(case["proof"].encode(), case["genesis"]).index == 6
    assert parse_proof(case["proof"].encode()).checkpoint == case["checkpoints"][-1].encode()


def test_the_published_ledger_is_the_built_one(tmp_path: Path) -> None:
    """The authority read from the store is the one that the example carries."""
    built = build_ledger(tmp_path)
    with Store.open(built.path) as store:
        authority = read_authority(store)
    carried = parse_record(example("ledger")["records"][1].encode())
    assert isinstance(carried, Authority)
    assert document_text(authority.documents[0].document) == carried.document
