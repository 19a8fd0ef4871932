"""Asking witnesses: the operator's side of C2SP tlog-witness.

The newest signed head goes to each witness with the proof from the size that it knows; its line
is checked and kept. A witness that knows more than the store, or another history, shows that the
store has lost entries that others have seen: then appends stop, until somebody has looked.
Source: C2SP tlog-witness; docs/spec/ledger-format.md, *Checkpoint*.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final, Protocol
from urllib.parse import urlsplit

from ledger.checkpoint import (
    MAX_NOTE,
    Checkpoint,
    VerifierKey,
    open_checkpoint,
    parse_checkpoint,
    parse_note,
)
from ledger.cosignature import check_cosignatures, parse_lines
from ledger.encoding import MAX_INTEGER, digest
from ledger.errors import LedgerError
from ledger.head_signer import HeadSigner
from ledger.merkle import consistency_proof, root
from ledger.store import Store
from ledger.witness import AddCheckpoint, request_bytes

_LOG = logging.getLogger("writ.ledger")
_PATIENCE: Final = 10.0
_TRIES: Final = 3
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,15})\n")


class WitnessError(LedgerError):
    """A witness cannot be reached, or its answer is none."""

    code = "witness.unavailable"


class UnsignedLedgerError(LedgerError):
    """There is no signed head that a witness could be asked about."""

    code = "witness.no-head"


class Word(StrEnum):
    """What became of asking a witness."""

    COSIGNED = "cosigned"
    UNAVAILABLE = "unavailable"
    REFUSED = "refused"
    AHEAD = "ahead"


@dataclass(frozen=True, slots=True)
class Told:
    """What one witness said of the newest head, of this size."""

    name: str
    word: Word
    size: int
    what: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the HTTP status and the body."""

    status: int
    body: bytes


class WitnessLink(Protocol):
    """A way to ask one witness."""

    @property
    def key(self) -> VerifierKey:
        """The key that its lines must be of."""
        ...

    def add_checkpoint(self, body: bytes) -> Answer:
        """Ask for a cosignature. Raises `WitnessError`."""
        ...

    def checkpoint(self, origin: str) -> Answer:
        """Ask for the last head that it cosigned for a log. Raises `WitnessError`."""
        ...


class HttpWitness:
    """A witness at a URL, the prefix of its paths.

    Attributes:
        key: The key that its lines must be of.
    """

    def __init__(self, url: str, key: VerifierKey, *, patience: float = _PATIENCE) -> None:
        """Take note of where it is.

        Raises:
            WitnessError: Not the URL of one.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
            raise WitnessError(f"{url}: a witness is at http:// or https://, without a password")
        self.key = key
        self._url = parts
        self._patience = patience

    def add_checkpoint(self, body: bytes) -> Answer:
        """Ask for a cosignature. Raises `WitnessError`."""
        return self._asked("POST", "/add-checkpoint", body)

    def checkpoint(self, origin: str) -> Answer:
        """Ask for the last head that it cosigned for a log. Raises `WitnessError`."""
        return self._asked("GET", f"/{digest(origin.encode())}/checkpoint", None)

    def _asked(self, method: str, path: str, body: bytes | None) -> Answer:
        kind = HTTPSConnection if self._url.scheme == "https" else HTTPConnection
        connection = kind(self._url.hostname or "", self._url.port, timeout=self._patience)
        try:
            connection.request(method, self._url.path.rstrip("/") + path, body)
            response = connection.getresponse()
            said = response.read(MAX_NOTE + 1)
        except (OSError, HTTPException, ValueError) as error:
            raise WitnessError(f"{self.key.name}: cannot be asked ({error})") from error
        finally:
            connection.close()
        return Answer(response.status, said)


def ask_witnesses(
    store: Store, head_signer: HeadSigner, witnesses: Sequence[WitnessLink]
) -> list[Told]:
    """Have witnesses cosign the newest signed head, and keep their lines.

    Where one is ahead of the store, or knows another history, the head signer is told to stop.

    Raises:
        UnsignedLedgerError: No head is signed yet.
        StoreError: The store cannot be read or written.
    """
    return [_Asking(store, head_signer, witness).told() for witness in witnesses]


def ask_at_start(store: Store, head_signer: HeadSigner, witnesses: Sequence[WitnessLink]) -> None:
    """Ask before anything is appended.

    A witness that cannot be reached, or refuses, is written to the log and does not stop a writer.

    Raises:
        InconsistentHeadError: A witness is ahead of the store (`head.witness-ahead`).
    """
    if store.last_checkpoint() is not None:
        for told in ask_witnesses(store, head_signer, witnesses):
            if told.word is not Word.COSIGNED:
                _LOG.warning("witness %s: %s: %s", told.name, told.word, told.what)
    head_signer.stop.refuse()


def request_for(store: Store, old_size: int) -> AddCheckpoint:
    """Return the request for the newest signed head, from the size that a witness knows.

    Raises:
        UnsignedLedgerError: No head is signed yet.
        WitnessError: The witness would know more than the newest head has.
    """
    note = _newest(store)
    size = parse_checkpoint(parse_note(note).text).size
    if old_size > size:
        raise WitnessError(
            f"the newest signed head has {size} entries, and the witness knows {old_size}",
            code="witness.ahead",
        )
    proof = consistency_proof(list(store.leaves(0, size)), old_size) if old_size else []
    return AddCheckpoint(old_size, tuple(proof), note)


def keep_lines(store: Store, raw: bytes, witness: VerifierKey) -> int:
    """Keep the lines with which a witness answered, under the newest head that they are of.

    Returns:
        The head's size.

    Raises:
        LedgerError: None of them is this witness's line under a head of this store.
    """
    lines = parse_lines(raw)
    problem: LedgerError = WitnessError(f"no line of {witness.name}", code="witness.no-line")
    for size, note in reversed(list(store.checkpoints())):
        try:
            held = check_cosignatures(parse_note(note).text, lines, [witness])
        except LedgerError as error:
            problem = error
            continue
        for one in held:
            store.add_cosignature(size, one.line, one.at)
        if held:
            return size
    raise problem


def contains(store: Store, head: Checkpoint) -> bool:
    """Return whether a store goes on from a head, or ends with it."""
    return store.size() >= head.size and root(store.leaves(0, head.size)) == head.root


def _newest(store: Store) -> bytes:
    note = store.last_checkpoint()
    if note is None:
        raise UnsignedLedgerError("no head of this ledger is signed yet: there is nothing to ask")
    return note


class _Asking:
    """One witness being asked about the newest head."""

    def __init__(self, store: Store, head_signer: HeadSigner, witness: WitnessLink) -> None:
        self._store = store
        self._signer = head_signer
        self._witness = witness
        self._note = _newest(store)
        self._head = parse_checkpoint(parse_note(self._note).text)

    def told(self) -> Told:
        try:
            return self._asked()
        except WitnessError as error:
            return self._told(Word.UNAVAILABLE, str(error))

    def _asked(self) -> Told:
        old = self._last_known()
        for _ in range(_TRIES):
            answer = self._witness.add_checkpoint(request_bytes(request_for(self._store, old)))
            if answer.status == HTTPStatus.OK:
                return self._kept(answer.body)
            if answer.status == HTTPStatus.UNPROCESSABLE_ENTITY:
                return self._differs(f"does not find its {old} entries in this store's history")
            if answer.status != HTTPStatus.CONFLICT:
                what = f"answered {answer.status}: {answer.body[:200].decode(errors='replace')!r}"
                return self._told(Word.REFUSED, what)
            old = _known_size(answer.body)
            if old > self._head.size:
                return self._differs(
                    f"has cosigned {old} entries, and the newest head here has {self._head.size}"
                )
        return self._told(Word.REFUSED, "its size changed each time it was asked")

    def _last_known(self) -> int:
        """Return the size that this witness has cosigned last, as far as this store knows."""
        mine = f"— {self._witness.key.name} ".encode()
        return max(
            (
                size
                for size, line in self._store.cosignatures()
                if size <= self._head.size and line.startswith(mine)
            ),
            default=0,
        )

    def _kept(self, body: bytes) -> Told:
        try:
            lines = parse_lines(body)
            held = check_cosignatures(parse_note(self._note).text, lines, [self._witness.key])
        except LedgerError as error:
            return self._told(Word.REFUSED, f"its cosignature does not hold: {error}")
        if not held:
            return self._told(Word.REFUSED, "answered without a cosignature of its key")
        for one in held:
            self._store.add_cosignature(self._head.size, one.line, one.at)
        return self._told(Word.COSIGNED)

    def _differs(self, what: str) -> Told:
        """Tell whether the store lacks what the witness knows, and stop appends if it does."""
        note = self._shown()
        head = parse_checkpoint(parse_note(note).text) if note else None
        if head is not None and contains(self._store, head):
            # The witness's head is of this history: another process signed it a moment ago.
            return self._told(Word.REFUSED, f"{what}; ask again once that head is kept here")
        why = f"the witness {self._witness.key.name} {what}"
        self._signer.stop.set(why, note)
        return self._told(Word.AHEAD, what)

    def _shown(self) -> bytes:
        """Return the head that the witness holds, if it shows one that was signed here."""
        try:
            answer = self._witness.checkpoint(self._head.origin)
            if answer.status == HTTPStatus.OK:
                keys = [self._signer.public_key]
                return open_checkpoint(answer.body, self._head.origin, keys).note
        except LedgerError as error:
            _LOG.warning("witness %s shows no head: %s", self._witness.key.name, error)
        return b""

    def _told(self, word: Word, what: str = "") -> Told:
        return Told(self._witness.key.name, word, self._head.size, what)


def _known_size(body: bytes) -> int:
    found = _SIZE.fullmatch(body)
    if found is None or int(found[1]) > MAX_INTEGER:
        raise WitnessError(f"a conflict without a size: {body[:40]!r}")
    return int(found[1])
