"""Step 0: what the ledger rests on, before any entry is judged; and step 6, which follows from it.

Genesis names the root keys, and the trust file pins genesis. Root keys sign the authority
documents, which say who may write what. All documents are read ahead: a later one can say that a
key was compromised earlier. Contracts are read ahead too, because the facts of a contract are over
all history, also over what came before it was published.
Source: docs/spec/ledger-format.md, *Authority*, *Trust file*.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, cast

from contracts.references import imports
from ledger.authority import AuthorityHistory, Standing, kinds_of
from ledger.encoding import decode, digest, from_base64
from ledger.entry import parse_header
from ledger.errors import (
    AuthorityError,
    LedgerError,
    MissingEntryError,
    RecordError,
    StoreError,
    UnreadableEntryError,
)
from ledger.keys import verify_signature
from ledger.records import (
    Activation,
    AnyRecord,
    Authority,
    ContractText,
    Genesis,
    parse_record,
)
from ledger.source import Source
from ledger.submission import Submission, signed_text
from verifier.entries import BrokenLedgerError, Entry, Problem
from verifier.trust import Trust

# Strict JSON has one way to write a member, so that these bytes are in every record of the kind.
_GOVERNANCE = (b'"kind":"activation"', b'"kind":"authority"', b'"kind":"contract"')
_GOVERNS = frozenset({"activation", "authority", "contract"})


@dataclass(slots=True)
class Ahead:
    """The governance records that reading ahead found; nothing in them has been checked.

    `size` is how many entries there were then; `found` has each record's digest by its index.
    """

    size: int | None = None
    found: dict[int, str] = field(default_factory=dict[int, str])
    authority: list[tuple[int, Authority]] = field(default_factory=list[tuple[int, Authority]])
    texts: dict[str, str] = field(default_factory=dict[str, str])
    activated: dict[str, int] = field(default_factory=dict[str, int])


class Founding:
    """Step 0, passed: the ledger's name, and everybody who may ever write in it.

    Attributes:
        genesis: Digest of the genesis record.
        origin: The ledger's origin line.
        texts: Contract texts by digest, as published.
        activated: Digests of contracts that are activated, with the index of the first activation.
        size: How many entries there were when the ledger was read ahead: those that come later are
            no part of this verification. None where the store could not say.
    """

    def __init__(self, genesis: str, origin: str, history: AuthorityHistory, ahead: Ahead) -> None:
        self.genesis = genesis
        self.origin = origin
        self.texts: Mapping[str, str] = ahead.texts
        self.activated: Mapping[str, int] = ahead.activated
        self.size = ahead.size
        self._ahead = ahead
        self._found: Mapping[int, str] = ahead.found
        # Whoever follows the entries has met every document at its place.
        self._folded = False
        self._history = history
        self._identity = lru_cache(maxsize=4096)(self._identity_in)

    @classmethod
    def read(cls, store: Source, trust: Trust | None, size: int | None = None) -> "Founding":
        """Check genesis against the trust file, and every authority document in its order.

        Args:
            store: What is read.
            trust: The trust file.
            size: How many entries are meant, where others may have come since.

        Raises:
            BrokenLedgerError: One of them fails.
        """
        genesis_digest, genesis = _pinned_genesis(store, trust)
        ahead = _ahead(store, size)
        if not ahead.authority:
            raise _no_authority(store)
        return cls(genesis_digest, genesis.origin, _folded(genesis, ahead), ahead)

    @classmethod
    def begun(cls, store: Source, trust: Trust | None) -> "Founding":
        """Check genesis alone: who follows the ledger's entries adds its documents with `fold`.

        Raises:
            BrokenLedgerError: Genesis fails.
        """
        genesis_digest, genesis = _pinned_genesis(store, trust)
        begun = cls(genesis_digest, genesis.origin, _folded(genesis, Ahead()), Ahead(_size(store)))
        begun._folded = True
        return begun

    def fold(self, index: int, record: AnyRecord) -> None:
        """Add the governance record at `index`, which follows all others.

        Raises:
            AuthorityError: It is a document that does not follow the one before, or that lacks
                signatures.
        """
        if isinstance(record, Authority):
            self._history = self._history.fold(index, record)
            self._identity.cache_clear()
        else:
            _publish(self._ahead, index, record)

    @property
    def history(self) -> AuthorityHistory:
        """The authority documents, as far as they were read."""
        return self._history

    def was_read_ahead(self, index: int, digest: str, record: AnyRecord | None) -> bool:
        """Return whether reading ahead met at this place what is met there now.

        A store that answers two questions differently could hide a revocation from one of them.
        """
        governs = isinstance(record, Authority | ContractText | Activation)
        return self._found.get(index, "") == (digest if governs else "")

    def known_ahead(self, index: int, digest: str, kind: str) -> bool:
        """Return the same of a record that is known to be one, by its kind."""
        return self._folded or self._found.get(index, "") == (digest if kind in _GOVERNS else "")

    def head_keys(self, size: int, *, compromised: bool = False) -> tuple[bytes, ...]:
        """Return the keys that may sign a head of this size, or those that others may have had."""
        return self._history.head_keys(size, compromised=compromised)

    def public_key(self, key: str) -> bytes | None:
        """Return the public key with this fingerprint, if any document ever named it."""
        return self._history.public_key(key)

    def owner(self, identity: str, index: int) -> str:
        """Return the named person who answers for an identity; empty where none is registered."""
        return str(self.identity(identity, index).get("owner", ""))

    def identity(self, identity: str, index: int) -> dict[str, Any]:
        """Return what the authority says of an identity at this place."""
        found = self._history.in_force(index)
        return self._identity(identity, found.index + 1 if found else 0)

    def _identity_in(self, identity: str, index: int) -> dict[str, Any]:
        return self._history.identity_at(index, identity)

    def imports(self, identity: str, index: int) -> bool | None:
        """Return whether what an identity writes is claimed by somebody else's source.

        None where that depends on the run: the identity also writes what is not imported.
        """
        return imports(self.identity(identity, index).get("roles", ()))

    def writer(self, key: str, index: int) -> tuple[str, frozenset[str]]:
        """Return the identity that a key speaks for here, and the kinds that it may write."""
        found = self._history.in_force(index)
        entry = found.keys.get(key) if found else None
        if found is None or entry is None:
            return "", frozenset()
        return entry.identity, kinds_of(found.identities[entry.identity].roles)

    # ----------------------------------------------------------------- steps 5 and 6

    def signature_problem(self, submission: Submission, signature: str) -> Problem | None:
        """Return why this is not a signature by a key that this ledger ever knew."""
        key = self.public_key(submission.key)
        if key is None:
            what = f"the key {submission.key[:12]}… is in no authority document"
            return Problem(6, "entitlement", what)
        try:
            verify_signature(key, signed_text(submission), from_base64(signature))
        except LedgerError:
            what = f"the key {submission.key[:12]}… did not sign these records in this order"
            return Problem(5, "signature", what)
        return None

    def entitlement_problem(
        self, entry: Entry, record: AnyRecord, submission: Submission
    ) -> Problem | None:
        """Return why the key could not speak for this identity, as this kind, at this place."""
        answer = self._history.entitled(
            entry.index, submission.key, record, entry.header.recorded_at
        )
        if answer.standing is Standing.REFUSED:
            return Problem(6, "entitlement", answer.why)
        return None

    def compromised(self, index: int, key: str) -> bool:
        """Return whether what this key wrote at this index is in doubt."""
        since = self._history.compromised.get(key)
        return since is not None and index >= since


def _pinned_genesis(store: Source, trust: Trust | None) -> tuple[str, Genesis]:
    """Return the genesis record and its digest, as the trust file pins them."""
    raw = _first(store)
    genesis_digest = digest(raw)
    if trust is not None and genesis_digest != trust.genesis:
        what = "its genesis record is not the one that the trust file pins"
        raise BrokenLedgerError(0, 0, "trust", what)
    genesis = _genesis(raw)
    if trust is not None and genesis.origin != trust.origin:
        what = f"its origin is {genesis.origin}, and the trust file pins {trust.origin}"
        raise BrokenLedgerError(0, 0, "trust", what)
    return genesis_digest, genesis


def _genesis(raw: bytes) -> Genesis:
    try:
        record = parse_record(raw)
    except LedgerError as error:
        raise BrokenLedgerError(0, 0, "genesis", f"its genesis record: {error}") from error
    if not isinstance(record, Genesis):
        raise BrokenLedgerError(0, 0, "genesis", f"it begins with a record of kind {record.kind}")
    return record


def _folded(genesis: Genesis, ahead: Ahead) -> AuthorityHistory:
    index = 0
    try:
        history = AuthorityHistory.of(genesis)
        for index, record in ahead.authority:
            history = history.fold(index, record)
    except AuthorityError as error:
        raise BrokenLedgerError(index, 0, "authority", str(error)) from error
    return history


def _first(store: Source) -> bytes:
    """Return the record of entry 0."""
    try:
        raw = store.row(0).record
    except MissingEntryError:
        raw = None
    except UnreadableEntryError as error:
        raise BrokenLedgerError(0, 2, "unreadable", str(error)) from error
    if raw is None:
        raise BrokenLedgerError(0, 0, "genesis", "there is no genesis record")
    return raw


def _no_authority(store: Source) -> BrokenLedgerError:
    try:
        store.row(1)
    except UnreadableEntryError as error:
        return BrokenLedgerError(1, 2, "unreadable", str(error))
    except MissingEntryError:
        pass
    return BrokenLedgerError(1, 0, "authority", "there is no authority document")


def _ahead(store: Source, size: int | None = None) -> Ahead:
    """Collect the governance records, in index order.

    It ends where one cannot be read or does not match its header: the steps after this meet the
    same entry, and say what is wrong with it.
    """
    ahead = Ahead(_size(store) if size is None else size)
    for index, raw in sorted(_marked(store).items()):
        if ahead.size is not None and index >= ahead.size:
            break
        try:
            if parse_header(store.row(index).header).record != digest(raw):
                _first_document_changed(index)
                break
            record = parse_record(raw)
        except RecordError as error:
            if _kind(raw) == "authority":
                raise BrokenLedgerError(index, 0, "authority", str(error)) from error
        except LedgerError:
            break
        else:
            _collect(ahead, index, raw, record)
    return ahead


def _size(store: Source) -> int | None:
    try:
        return store.size()
    except StoreError:
        return None


def _kind(raw: bytes) -> object:
    """Return the kind of a record that has not the form of one."""
    value = decode(raw)
    return cast("dict[str, Any]", value).get("kind") if isinstance(value, dict) else None


def _marked(store: Source) -> dict[int, bytes]:
    """Return the records that may be governance, by index."""
    try:
        return {index: raw for mark in _GOVERNANCE for index, raw in store.records_containing(mark)}
    except StoreError:
        return _marked_one_by_one(store)


def _marked_one_by_one(store: Source) -> dict[int, bytes]:
    """The same in a damaged store: as far as the damage, which the reading will come to."""
    found: dict[int, bytes] = {}
    with suppress(StoreError):
        for row in store.rows():
            raw = row.record or b""
            if any(mark in raw for mark in _GOVERNANCE):
                found[row.idx] = raw
    return found


def _first_document_changed(index: int) -> None:
    """Without the first document the steps after this cannot come to it: say it here."""
    if index == 1:
        what = "its record is not the one that its header names"
        raise BrokenLedgerError(1, 2, "record", what)


def _collect(ahead: Ahead, index: int, raw: bytes, record: AnyRecord) -> None:
    if isinstance(record, Authority | ContractText | Activation):
        ahead.found[index] = digest(raw)
    if isinstance(record, Authority):
        ahead.authority.append((index, record))
    else:
        _publish(ahead, index, record)


def _publish(ahead: Ahead, index: int, record: AnyRecord) -> None:
    if isinstance(record, ContractText):
        ahead.texts[record.digest] = record.text
    elif isinstance(record, Activation):
        ahead.activated.setdefault(record.digest, index)
