"""Long ledgers of the refund service for benchmarks: founded, signed and linked like any other.

What happens in them is the history of `benchmarks.histories`: a month of the demonstration, over
and over, later each time and under other names. Consecutive records of one writer are submitted
together, as a queue hands them in; outcomes therefore do not name the leaf of their action, which
no writer knows before its submission is in. They are written with bare SQLite, because no benchmark
asks how long that takes; every digest, leaf, signature and head is what a client would have
written.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import count, groupby
from pathlib import Path
from typing import Final

from benchmarks.histories import HEX, History, Piece, demonstration, renamed, written
from contracts.library import contract_text
from ledger.checkpoint import Checkpoint
from ledger.client import LedgerClient
from ledger.clock import format_time
from ledger.encoding import digest, encode, to_base64
from ledger.entry import ZEROS, HeaderForm, leaf_hash
from ledger.founding import Founded, create_ledger, trust_file
from ledger.keys import fingerprint
from ledger.merkle import Frontier
from ledger.records import Activation, ContractText
from ledger.signing import Signer, sign_checkpoint
from ledger.store import Store
from ledger.submission import Submission, signed_text, submission_root
from verifier.load import open_ledger
from writ.demo.month import START
from writ.demo.people import ORIGIN, SERVICE, founders

BATCH: Final = 64
"""Records of one submission, at most."""
HEADS: Final = 256
"""A head is signed for every so many submissions."""
NAME, VERSION = "refund-decisioning", "1.0.0"


def long_ledger(path: Path, records: int, month: Path | None = None) -> None:
    """Make a ledger of about so many records, and `PATH.trust.json` beside it.

    Args:
        path: Where nothing is yet.
        records: How many; the submission that reaches it is the last.
        month: A ledger of the demonstration; None makes one beside `path`.
    """
    month = month or demonstration(path.parent / f"{path.name}.month")
    with open_ledger(month) as opened:
        events = list(opened.events())
    with Store.open(month) as store:
        leaves = [leaf_hash(row.header).hex() for row in store.rows()]
    history = History(events, (*leaves, digest(contract_text(NAME, VERSION).encode())))
    with closing(_Writing(path)) as writing:
        note = b""
        for submissions, batch in enumerate(_batches(history), start=1):
            writing.submit(batch)
            last = writing.frontier.size >= records
            if last or submissions % HEADS == 0:
                note = writing.head()
            if last:
                break
    trust = trust_file(writing.founded, checkpoint=note)
    path.with_name(f"{path.name}.trust.json").write_text(trust, "utf-8")


@dataclass(frozen=True, slots=True)
class _Batch:
    """Records of one writer that stand side by side in a repetition."""

    number: int
    shift: int
    by: str
    pieces: Sequence[Piece]


def _batches(history: History) -> Iterator[_Batch]:
    """Yield submissions without end."""
    for number in count():
        for by, pieces in groupby(history.pieces, key=lambda one: str(one.event.record["by"])):
            held = list(pieces)
            for first in range(0, len(held), BATCH):
                some = held[first : first + BATCH]
                yield _Batch(number, number * history.span, by, some)


class _Writing:
    """A ledger that is being made, and what stands in it for the digests of the month."""

    def __init__(self, path: Path) -> None:
        self.founded = create_ledger(path, origin=ORIGIN, founders=founders(), clock=_begin)
        text = contract_text(NAME, VERSION)
        # Its service is delegated for as long as any history lasts.
        longer = text.replace("2026-06-30T22", "2099-12-31T00")
        _put_in_force(self.founded, longer)
        self._contract = {digest(text.encode()): digest(longer.encode())}
        self._known: dict[str, str] = dict(self._contract)
        self._number = 0
        self.frontier = Frontier()
        with Store.open(path) as store:
            for row in store.rows():
                self._leaf = leaf_hash(row.header)
                self.frontier.append(self._leaf)
        identities = self.founded.identities.items()
        self._streams = {uri: _Stream(self.founded.key(name)) for name, uri in identities}
        self._head = self.founded.key("head")
        self._connection = sqlite3.connect(path)
        self._connection.execute("PRAGMA synchronous = OFF")

    def close(self) -> None:
        """Keep what was written."""
        self._connection.commit()
        self._connection.close()

    def submit(self, batch: _Batch) -> None:
        """Add a submission."""
        if batch.number != self._number:
            self._number, self._known = batch.number, dict(self._contract)
        raws = [self._raw(piece, batch) for piece in batch.pieces]
        at = written(batch.pieces[-1].at + batch.shift)
        for index, header, raw in self._entries(self._streams[batch.by], raws, at):
            self._connection.execute("INSERT INTO entries VALUES (?, ?)", (index, header))
            self._connection.execute("INSERT INTO records VALUES (?, ?)", (index, raw))

    def head(self) -> bytes:
        """Sign and keep a head; return it."""
        checkpoint = Checkpoint(ORIGIN, self.frontier.size, self.frontier.root())
        note = sign_checkpoint(checkpoint, self._head)
        self._connection.execute("INSERT INTO checkpoints VALUES (?, ?)", (checkpoint.size, note))
        return note

    def _raw(self, piece: Piece, batch: _Batch) -> bytes:
        """Return a record under its new names, and know its digest from now on."""

        def named(name: str) -> str:
            # A record names earlier ones, and the contract; leaves are dropped below.
            if len(name) == HEX:
                return self._known.get(name, ZEROS)
            return renamed(name, batch.number, batch.shift)

        # In the ledger's own form: members in order, nothing between them.
        record = json.loads(piece.text(named))
        record.pop("leaf", None)
        # Nothing is recorded twice by the same bytes.
        record["nonce"] = digest(f"{batch.number} {record['nonce']}".encode())[:32]
        raw = encode(record)
        self._known[piece.event.digest] = digest(raw)
        return raw

    def _entries(
        self, stream: "_Stream", raws: Sequence[bytes], at: str
    ) -> Iterator[tuple[int, bytes, bytes]]:
        """Yield index, header and record of a submission's entries."""
        digests = [digest(raw) for raw in raws]
        form, opening = stream.submission(
            self.founded.genesis, self.frontier, self._leaf, digests, at
        )
        for position, (raw, hashed) in enumerate(zip(raws, digests, strict=True)):
            index, prev = self.frontier.size, self._leaf.hex()
            header = (
                form.following(index, position, prev, hashed)
                if position
                else form.opening(index, prev, hashed, opening)
            )
            self._leaf = leaf_hash(header)
            self.frontier.append(self._leaf)
            yield index, header, raw


class _Stream:
    """One writer's."""

    def __init__(self, key: Signer) -> None:
        self._key = key
        self._name = fingerprint(key.public_key)[:32]
        self._number, self._previous = 0, ZEROS

    def submission(
        self, genesis: str, frontier: Frontier, leaf: bytes, digests: Sequence[str], at: str
    ) -> tuple[HeaderForm, dict[str, object]]:
        """Sign a submission after `leaf`; return what its headers have in common."""
        submission = Submission(
            genesis,
            fingerprint(self._key.public_key),
            self._name,
            self._number,
            self._previous,
            frontier.size,
            leaf.hex(),
            exact=True,
            count=len(digests),
            root=submission_root(digests),
        )
        text = signed_text(submission)
        opening: dict[str, object] = {
            "previous": self._previous,
            "seen": {"size": submission.seen_size, "leaf": submission.seen_leaf},
            "exact": True,
            "root": submission.root,
            "signature": to_base64(self._key.sign(text)),
        }
        form = HeaderForm(submission.key, self._name, self._number, len(digests), at)
        self._number, self._previous = self._number + 1, digest(text)
        return form, opening


def _put_in_force(founded: Founded, text: str) -> None:
    """Publish a contract, and activate it at once."""
    with Store.open(founded.location, writable=True) as store:
        hashed = digest(text.encode())
        said = {"service": SERVICE, "version": VERSION, "digest": hashed}
        author, activator = (
            LedgerClient(
                store, founded.key(name), founded.identities[name], clock=_begin, checkpoint_every=0
            )
            for name in ("author", "activator")
        )
        author.submit([author.make(ContractText, text=text, **said)])
        by = {"effective_at": format_time(_begin()), "approved_by": (activator.by,)}
        activator.submit([activator.make(Activation, **said, **by)])
        author.close()
        activator.close()


def _begin() -> datetime:
    """Return the moment at which the ledger is founded: nothing happens before it."""
    return START
