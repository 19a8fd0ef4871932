"""Records, entries and checkpoints: what happened, and the proof of it.

This is the door for reading. Nothing here writes or knows a private key: writing is
`ledger.client`, keys are `ledger.signing`.

>>> from pathlib import Path
>>> from tempfile import TemporaryDirectory
>>> from ledger import Store, check_proof, make_proof, parse_record
>>> from ledger.testing import build_ledger
>>> with TemporaryDirectory() as folder:
...     built = build_ledger(Path(folder))
...     with Store.open(built.path) as store:
...         kinds = [parse_record(row.record or b"").kind for row in store.rows()]
...         size, note = list(store.checkpoints())[-1]
...         proof = make_proof(store, 6, note)
>>> kinds[:7]
['genesis', 'authority', 'stream-close', 'run', 'message', 'observation', 'action']
>>> proven = check_proof(proof, built.founded.genesis)
>>> proven.index, proven.record.kind, proven.checkpoint.checkpoint.size
(6, 'action', 10)
"""

from ledger.authority import AuthorityHistory
from ledger.checkpoint import Checkpoint, VerifiedCheckpoint, open_checkpoint
from ledger.entry import Header, leaf_hash, parse_header
from ledger.errors import LedgerError
from ledger.proof import ProvenRecord, check_proof, make_proof
from ledger.records import AnyRecord, parse_record
from ledger.rows import Row
from ledger.store import Store

__all__ = [
    "AnyRecord",
    "AuthorityHistory",
    "Checkpoint",
    "Header",
    "LedgerError",
    "ProvenRecord",
    "Row",
    "Store",
    "VerifiedCheckpoint",
    "check_proof",
    "leaf_hash",
    "make_proof",
    "open_checkpoint",
    "parse_header",
    "parse_record",
]
