"""A record's proof: one file by which a third party checks that a ledger holds a record.

The file is a C2SP tlog-proof: inclusion of the entry's header in the tree of a signed checkpoint.
Its extra data are not trusted; they are what the check is made of: the record, the writer's
signed text, and the authority from which the keys follow. The record itself may be left out: then
its digest, who signed it and where it stands are shown, and not what it says.
Source: C2SP tlog-proof; docs/spec/ledger-format.md, *Record proof*.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import ValidationError
from pydantic.types import Strict

from ledger.authority import AuthorityHistory, InForce, Standing
from ledger.checkpoint import (
    MAX_NOTE,
    VerifiedCheckpoint,
    VerifierKey,
    open_checkpoint,
    parse_checkpoint,
    parse_note,
)
from ledger.cosignature import SKEW, check_cosignatures
from ledger.encoding import decode, digest, encode, from_base64, to_base64
from ledger.entry import Header, leaf_hash, parse_header
from ledger.errors import (
    LedgerError,
    ProofFormatError,
    StoreError,
    UnprovenRecordError,
)
from ledger.keys import fingerprint, verify_signature
from ledger.merkle import HASH_SIZE, check_inclusion, inclusion_proof
from ledger.records import (
    AnyRecord,
    Authority,
    Digest,
    Digests,
    Genesis,
    Part,
    Signature,
    Version,
    parse_record,
)
from ledger.source import Source
from ledger.submission import (
    Submission,
    check_submission_path,
    parse_signed_text,
    signed_text,
    submission_of,
    submission_path,
)
from ledger.tiles import TiledTree

# A record of 1 MiB may be written six times as long inside a string, and authority records come
# along.
MAX_PROOF = 32 * 1_048_576
_FIRST_LINE = "c2sp.org/tlog-proof@v1"
_HEAD = re.compile(
    r"c2sp\.org/tlog-proof@v1\n"
    r"extra (?P<extra>[A-Za-z0-9+/=]+)\n"
    r"index (?P<index>0|[1-9][0-9]{0,15})\n"
    r"(?P<path>(?:[A-Za-z0-9+/]{43}=\n){0,64})\n"
)


class AuthorityPart(Part):
    """An authority record with its entry: inclusion in the same tree shows where it stands."""

    header: str
    record: str
    path: Digests


class Extra(Part):
    """The extra data of a record's proof: each text is exactly what stands in the ledger.

    `record` is absent where it is withheld.
    """

    v: Version = 1
    header: str
    record: str | None = None
    submission: str
    signature: Signature
    path: Digests
    genesis: str
    authority: Annotated[tuple[AuthorityPart, ...], Strict(strict=False)]


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof taken apart. Nothing in it has been checked: see `check_proof`."""

    extra: Extra
    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes


@dataclass(frozen=True, slots=True)
class ProvenRecord:
    """What a proof has shown under a trusted genesis.

    Attributes:
        index: The entry's index.
        header: Its header.
        record: The record; None where the proof withholds it.
        digest: The record's digest.
        identity: Whom the key speaks for.
        signer: Public key that signed the submission.
        document: Number of the authority document by which that key may write it.
        checkpoint: The head whose tree holds the entry.
    """

    index: int
    header: Header
    record: AnyRecord | None
    digest: Digest
    identity: str
    signer: bytes
    document: int
    checkpoint: VerifiedCheckpoint


def proof_bytes(proof: Proof) -> bytes:
    """Write a proof."""
    extra = to_base64(encode(proof.extra.model_dump(by_alias=True), MAX_PROOF))
    path = "".join(to_base64(node) + "\n" for node in proof.path)
    text = f"{_FIRST_LINE}\nextra {extra}\nindex {proof.index}\n{path}\n"
    return text.encode() + proof.checkpoint


def parse_proof(raw: bytes) -> Proof:
    """Take a proof apart.

    Raises:
        ProofFormatError: It is not one.
    """
    if len(raw) > MAX_PROOF:
        raise ProofFormatError(f"a proof of {len(raw)} bytes, and at most {MAX_PROOF} are read")
    # The expression is for ASCII; what follows it, the checkpoint, is not.
    found = _HEAD.match(raw.decode("latin-1"))
    if found is None:
        raise ProofFormatError("not a record proof: the first lines do not have their form")
    note = raw[found.end() :]
    if len(note) > MAX_NOTE:
        raise ProofFormatError("not a record proof: too much follows the path")
    try:
        value = decode(from_base64(found["extra"]), MAX_PROOF)
        extra = Extra.model_validate(value, context={"wire": True})
        path = tuple(from_base64(line) for line in found["path"].split())
    except LedgerError as error:
        raise ProofFormatError(f"not a record proof: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ", ".join(["extra", *(str(step) for step in first["loc"])])
        raise ProofFormatError(f"not a record proof: {where}: {first['msg']}") from error
    if "v" not in value or any(len(node) != HASH_SIZE for node in path):
        raise ProofFormatError("not a record proof: the extra data have no v, or a hash is short")
    return Proof(extra, int(found["index"]), path, note)


def make_proof(
    store: Source,
    index: int,
    note: bytes,
    tree: TiledTree | None = None,
    *,
    shown: bool = True,
) -> bytes:
    """Make the proof of the record at `index` under a checkpoint. Nothing is checked on the way.

    Args:
        store: The ledger.
        index: The record's entry.
        note: A signed note of this ledger, larger than `index`, with any cosignatures under it.
        tree: The tiles of the tree of that size, where there are some: a few of them are read.
            Without, every header is read, and kept as 32 bytes.
        shown: Whether the record goes along. What a bundle withholds never does.

    Raises:
        ValueError: The checkpoint does not cover the entry.
        LedgerError: The store cannot give what is needed.
    """
    return Proofs(store, note, tree).of(index, shown=shown)


class Proofs:
    """Makes proofs under one checkpoint: what they share is read once. See `make_proof`."""

    def __init__(self, store: Source, note: bytes, tree: TiledTree | None = None) -> None:
        self._store = store
        self._note = note
        self._tree = tree
        self.size = parse_checkpoint(parse_note(note).text).size
        self._prove: Callable[[int], list[bytes]] | None = None
        self._shared: tuple[str, tuple[AuthorityPart, ...]] | None = None

    def of(self, index: int, *, shown: bool = True) -> bytes:
        """Make the proof of the record at `index`.

        Raises:
            ValueError: The checkpoint does not cover the entry, or the tiles are of another size.
            LedgerError: The store cannot give what is needed.
        """
        store = self._store
        if not 0 <= index < self.size:
            raise ValueError(f"a checkpoint of {self.size} entries does not cover entry {index}")
        if self._tree is not None and self._tree.size != self.size:
            raise ValueError(f"tiles of {self._tree.size} entries for a checkpoint of {self.size}")
        prove = self._prove = self._prove or _prover(store, self.size, self._tree)
        if self._shared is None:
            authority = _authority_parts(store, self.size, prove)
            self._shared = _record_text(store, 0), authority
        genesis, authority = self._shared
        row = store.row(index)
        header = parse_header(row.header)
        first = index - header.position
        opening = parse_header(store.row(first).header)
        digests = [parse_header(store.row(first + at).header).record for at in range(opening.count)]
        extra = Extra(
            header=row.header.decode(),
            record=_record_text(store, index) if shown and not store.withheld(index) else None,
            submission=signed_text(submission_of(opening, digest(genesis.encode()))).decode(),
            signature=opening.signature or "",
            path=tuple(submission_path(digests, header.position)),
            genesis=genesis,
            authority=authority,
        )
        return proof_bytes(Proof(extra, index, tuple(prove(index)), self._note))


def _prover(store: Source, size: int, tree: TiledTree | None) -> Callable[[int], list[bytes]]:
    """Return what makes inclusion paths in the tree of this size."""
    if tree is not None:
        return tree.inclusion_proof
    leaves = list(store.leaves(0, size))
    return lambda index: inclusion_proof(leaves, index)


def _record_text(store: Source, index: int) -> str:
    record = store.row(index).record
    if record is None:
        raise StoreError(f"entry {index}: the store does not have its record", index=index)
    return record.decode()


def _authority_parts(
    store: Source, size: int, prove: Callable[[int], list[bytes]]
) -> tuple[AuthorityPart, ...]:
    return tuple(
        AuthorityPart(
            header=store.row(index).header.decode(),
            record=raw.decode(),
            path=tuple(node.hex() for node in prove(index)),
        )
        for index, raw in store.records_containing(b'"kind":"authority"')
        if index < size and isinstance(parse_record(raw), Authority)
    )


def check_proof(
    raw: bytes,
    genesis: str,
    witnesses: Iterable[VerifierKey] = (),
    quorum: int = 0,
    *,
    max_age: int | None = None,
    at: int | None = None,
) -> ProvenRecord:
    """Check a record's proof against a genesis digest that was obtained out of band.

    1. The file is a tlog-proof whose extra data are strict.

    2. The genesis record has the trusted digest, and the authority documents follow from it, each
       with enough root signatures.

    3. The checkpoint is of genesis's origin, signed by a head key in force by these documents, and
       cosigned at most `max_age` seconds before `at` by at least `quorum` of the witnesses, by
       distinct keys that are none of the ledger's own.

    4. The headers of the record and of the authority records are strict, and in the checkpoint's
       tree at their indexes.

    5. The record, where it is shown, is strict and has the header's digest.

    6. The signed text is for this ledger, agrees with the header, and its root holds the record at
       its position.

    7. The writer's key signed that text.

    8. By these documents the key was entitled to speak for the record's identity with its kind, at
       that index; where the record is withheld, to speak for some identity.

    It does not show that these are all documents: a later one may have revoked the key.

    Raises:
        ProofFormatError: Step 1 fails.
        UnprovenRecordError: A later step fails; its message says which.
    """
    proof = parse_proof(raw)
    step = 2
    try:
        authority, origin = _trusted_authority(proof, genesis)
        step = 3
        head = _opened_checkpoint(proof, authority, origin)
        _check_quorum(_times(head, authority, witnesses, at), quorum, max_age, at)
        step = 4
        header = _included_header(proof, head)
        step = 5
        record = _matching_record(proof, header)
        step = 6
        submission = _matching_submission(proof, header, genesis)
        step = 7
        signer = _signer(proof, authority, submission)
        step = 8
        document, by = _entitling_document(authority, header, record)
    except LedgerError as error:
        raise UnprovenRecordError(f"step {step}: {error}", index=proof.index) from error
    return ProvenRecord(proof.index, header, record, header.record, by, signer, document, head)


def _trusted_authority(proof: Proof, genesis: str) -> tuple[AuthorityHistory, str]:
    if digest(proof.extra.genesis.encode()) != genesis:
        raise UnprovenRecordError("the genesis record is not the trusted one")
    founding = parse_record(proof.extra.genesis.encode())
    if not isinstance(founding, Genesis):
        raise UnprovenRecordError("the trusted digest is not of a genesis record")
    authority = AuthorityHistory.of(founding)
    for part in proof.extra.authority:
        header, record = parse_header(part.header.encode()), parse_record(part.record.encode())
        if not isinstance(record, Authority) or header.record != digest(part.record.encode()):
            raise UnprovenRecordError("an authority record is not the one that its header names")
        authority = authority.fold(header.index, record)
    return authority, founding.origin


def _opened_checkpoint(
    proof: Proof, authority: AuthorityHistory, origin: str
) -> VerifiedCheckpoint:
    size = parse_checkpoint(parse_note(proof.checkpoint).text).size
    return open_checkpoint(proof.checkpoint, origin, authority.head_keys(size))


def _times(
    head: VerifiedCheckpoint,
    authority: AuthorityHistory,
    witnesses: Iterable[VerifierKey],
    at: int | None,
) -> list[int]:
    """Return when each witness last cosigned the head: by key, none of them the ledger's own."""
    note = parse_note(head.note)
    times: dict[bytes, int] = {}
    for held in check_cosignatures(note.text, note.signatures, witnesses):
        key = held.witness.public_key
        own = authority.public_key(fingerprint(key)) is not None
        if not own and (at is None or held.at <= at + SKEW):
            times[key] = max(held.at, times.get(key, 0))
    return list(times.values())


def _check_quorum(times: list[int], quorum: int, max_age: int | None, at: int | None) -> None:
    if len(times) < quorum:
        raise UnprovenRecordError(
            f"{len(times)} witnesses cosigned the checkpoint, and {quorum} are asked for"
        )
    if max_age is None or not quorum:
        return
    if at is None:
        raise UnprovenRecordError(
            "the age of cosignatures is limited, and no time was given for now"
        )
    fresh = sum(at - one <= max_age for one in times)
    if fresh < quorum:
        raise UnprovenRecordError(
            f"{fresh} witnesses cosigned the checkpoint within the last {max_age} seconds, and "
            f"{quorum} are asked for: ask for a proof under a newer head"
        )


def _included_header(proof: Proof, head: VerifiedCheckpoint) -> Header:
    raw = proof.extra.header.encode()
    header = parse_header(raw)
    if header.index != proof.index:
        raise UnprovenRecordError(f"the header is of entry {header.index}, not {proof.index}")
    size, root = head.checkpoint.size, head.checkpoint.root
    check_inclusion(leaf_hash(raw), proof.index, size, proof.path, root)
    for part in proof.extra.authority:
        index, path = parse_header(part.header.encode()).index, map(bytes.fromhex, part.path)
        check_inclusion(leaf_hash(part.header.encode()), index, size, tuple(path), root)
    return header


def _matching_record(proof: Proof, header: Header) -> AnyRecord | None:
    if proof.extra.record is None:
        return None
    raw = proof.extra.record.encode()
    record = parse_record(raw)
    if digest(raw) != header.record:
        raise UnprovenRecordError("the record is not the one that the header names")
    return record


def _matching_submission(proof: Proof, header: Header, genesis: str) -> Submission:
    submission = parse_signed_text(proof.extra.submission.encode())
    stated = submission.genesis, submission.key, submission.stream
    if stated != (genesis, header.key, header.stream):
        raise UnprovenRecordError("the signed text is of another ledger, key or stream")
    if (submission.number, submission.count) != (header.number, header.count):
        raise UnprovenRecordError("the signed text is not the one of the header's submission")
    if header.position == 0:
        carried = submission_of(header, genesis), header.signature
        if carried != (submission, proof.extra.signature):
            raise UnprovenRecordError("the signed text or signature is not the header's")
    check_submission_path(submission, header.record, header.position, proof.extra.path)
    return submission


def _signer(proof: Proof, authority: AuthorityHistory, submission: Submission) -> bytes:
    """Return the public key that signed the submission."""
    key = authority.public_key(submission.key) or b""
    verify_signature(key, proof.extra.submission.encode(), from_base64(proof.extra.signature))
    return key


def _entitling_document(
    authority: AuthorityHistory, header: Header, record: AnyRecord | None
) -> tuple[int, str]:
    """Return the document by which the key may write this, and whom it speaks for."""
    found = authority.in_force(header.index)
    if found is None:
        raise UnprovenRecordError("no authority document is in force")
    if record is None:
        return found.document.number, _speaker(authority, found, header)
    answer = authority.entitled(header.index, header.key, record, header.recorded_at)
    if answer.standing is not Standing.ENTITLED:
        raise UnprovenRecordError(answer.why)
    return found.document.number, record.by


def _speaker(authority: AuthorityHistory, found: InForce, header: Header) -> str:
    """Return whom a key speaks for, of whose record nothing is known but its digest.

    One that ends a stream may come after a delegation's end: it is not proven unless it is shown.
    """
    entry = found.keys.get(header.key)
    if entry is None or entry.use != "write" or header.key in found.revoked:
        raise UnprovenRecordError(f"key {header.key} may not write records here")
    if authority.is_compromised(header.key, header.index):
        raise UnprovenRecordError(f"key {header.key} is compromised since before this entry")
    window = found.identities[entry.identity].delegated
    if window is not None and not window.covers(header.recorded_at):
        raise UnprovenRecordError(
            f"{entry.identity} acted for {window.by} from {window.since} to {window.until}, and "
            f"this is of {header.recorded_at}: whether it ends a stream is withheld"
        )
    return entry.identity
