"""Who may write what: authority documents, folded in the ledger's order.

Root keys sign documents; each document is complete and replaces the one before. Whether a key was
entitled is asked at an index, for the document in force there; that a key was compromised holds
from the index named, whenever it became known.
Source: docs/spec/ledger-format.md, *Authority*; docs/adr/0005.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic.types import Strict

from ledger.encoding import decode, digest, encode, from_base64
from ledger.entry import ZEROS
from ledger.errors import AuthorityError, KeyFormatError, LedgerError
from ledger.keys import fingerprint, parse_public_key, verify_signature
from ledger.records import (
    AnyRecord,
    Authority,
    Digest,
    Digests,
    Genesis,
    Identity,
    Name,
    Natural,
    Part,
    RunOpened,
    Time,
    Version,
)

SIGNED_PREFIX = b"writ/authority/v1\n"

# docs/spec/ledger-format.md, *Authority*: which role may write which kind.
_OPERATION = frozenset({"run", "message", "observation", "action", "outcome"})
ROLE_KINDS: Mapping[str, frozenset[str]] = {
    "steward": frozenset({"genesis", "authority", "switch"}),
    "author": frozenset({"contract"}),
    "activator": frozenset({"activation"}),
    "agent": _OPERATION,
    "importer": _OPERATION,
    "observer": frozenset({"observation"}),
    "approver": frozenset({"approval"}),
    "commander": frozenset({"switch"}),
    "reviewer": frozenset({"review"}),
    "eraser": frozenset({"erasure"}),
}
# A role that a contract names: its holders approve.
_NAMED_ROLE_KINDS = frozenset({"approval"})


class Delegation(Part):
    """Whose authority an identity acts on, and from when until when."""

    by: Name
    since: Time
    until: Time

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> "Delegation":
        if self.until <= self.since:
            raise ValueError("a delegation ends after it begins")
        return self

    def covers(self, recorded_at: str) -> bool:
        """Tell whether it holds at a time of the ledger's clock: from `since` to before `until`."""
        return self.since <= recorded_at < self.until


class IdentityEntry(Part):
    """One identity: a SPIFFE URI, the named person who answers for it, and what it may do."""

    id: Identity
    owner: Name
    roles: Annotated[tuple[Name, ...], Strict(strict=False)]
    permissions: Annotated[tuple[Name, ...], Strict(strict=False)] | None = None
    delegated: Delegation | None = None


class KeyEntry(Part):
    """One public key, whose it is, and its one use."""

    key: Digest
    identity: Identity
    use: Literal["write", "head"]


class Revocation(Part):
    """A key (by fingerprint) refused from this document on, undecidable since an entry index."""

    key: Digest
    compromised_since: Natural | None = None


class Document(Part):
    """The complete state of authority from one authority record to the next."""

    v: Version = 1
    number: Annotated[int, Field(ge=1)]
    previous: Digest
    identities: Annotated[tuple[IdentityEntry, ...], Strict(strict=False)]
    keys: Annotated[tuple[KeyEntry, ...], Strict(strict=False)]
    revoked: Annotated[tuple[Revocation, ...], Strict(strict=False)]
    roots: Digests | None = None
    threshold: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _names_are_unique(self) -> "Document":
        ids = [identity.id for identity in self.identities]
        keys = [key.key for key in self.keys]
        if len(set(ids)) != len(ids) or len(set(keys)) != len(keys):
            raise ValueError("an identity or a key stands twice: one key, one use")
        unknown = {key.identity for key in self.keys} - set(ids)
        if unknown:
            raise ValueError(f"a key speaks for {min(unknown)}, which is not among the identities")
        if self.roots is not None and list(self.roots) != sorted(set(self.roots)):
            raise ValueError("roots are sorted and none is repeated")
        return self


def document_text(document: Document) -> str:
    """Write a document as the strict JSON text that is signed and carried in the record."""
    return encode(document.model_dump(by_alias=True)).decode()


def signed_bytes(text: str) -> bytes:
    """Return the bytes that root keys sign for a document's text."""
    return SIGNED_PREFIX + text.encode()


def parse_document(text: str) -> Document:
    """Read a document from its text.

    Raises:
        AuthorityError: Not strict JSON, not a document, or it names a key that is refused.
    """
    try:
        value = decode(text.encode())
        document = Document.model_validate(value, context={"wire": True})
        used = [parse_public_key(entry.key) for entry in document.keys]
        roots = [parse_public_key(root) for root in document.roots or ()]
    except (LedgerError, UnicodeEncodeError) as error:
        raise AuthorityError(f"authority document: {error}", code="authority.malformed") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ", ".join(["authority document", *(str(step) for step in first["loc"])])
        raise AuthorityError(f"{where}: {first['msg']}", code="authority.malformed") from error
    if not isinstance(value, dict) or "v" not in value:
        raise AuthorityError("authority document: has no v", code="authority.malformed")
    _check_uses(document, used, roots)
    return document


def _check_uses(document: Document, used: list[bytes], roots: list[bytes]) -> None:
    revoked = {entry.key for entry in document.revoked}
    if len(revoked) != len(document.revoked):
        raise AuthorityError("a key is revoked twice in one document", code="authority.malformed")
    if revoked & {fingerprint(key) for key in used}:
        raise AuthorityError("a key is both listed and revoked", code="authority.malformed")
    if set(used) & set(roots):
        raise AuthorityError(
            "a root key has another use: one key, one use", code="authority.malformed"
        )


class Standing(StrEnum):
    """Whether a key was entitled. Undecidable is neither of the others."""

    ENTITLED = "entitled"
    REFUSED = "refused"
    UNDECIDABLE = "undecidable"


@dataclass(frozen=True, slots=True)
class Entitlement:
    """The answer for one record at one index. `code` is empty when entitled."""

    standing: Standing
    code: str = ""
    why: str = ""


_ENTITLED = Entitlement(Standing.ENTITLED)


def _refused(code: str, why: str) -> Entitlement:
    return Entitlement(Standing.REFUSED, code, why)


@dataclass(frozen=True)
class InForce:
    """A document and the index of the entry that brought it."""

    index: int
    document: Document
    digest: str

    @cached_property
    def keys(self) -> Mapping[str, KeyEntry]:
        """Keys by fingerprint."""
        return {fingerprint(bytes.fromhex(entry.key)): entry for entry in self.document.keys}

    @cached_property
    def identities(self) -> Mapping[str, IdentityEntry]:
        """Identities by their id."""
        return {entry.id: entry for entry in self.document.identities}

    @cached_property
    def revoked(self) -> frozenset[str]:
        """Fingerprints of the keys that this document revokes."""
        return frozenset(entry.key for entry in self.document.revoked)

    def allows(self, key: str, record: AnyRecord, recorded_at: str) -> Entitlement:
        """Say whether by this document alone the key (fingerprint) may write this record then."""
        if key in self.revoked:
            return _refused("authority.revoked-key", f"key {key} is revoked")
        entry = self.keys.get(key)
        if entry is None:
            return _refused("authority.unknown-key", f"key {key} is not in the authority document")
        if entry.use != "write":
            return _refused("authority.key-use", f"key {key} is for signing heads, not records")
        if entry.identity != record.by:
            return _refused(
                "authority.identity", f"key {key} speaks for {entry.identity}, not {record.by}"
            )
        identity = self.identities[entry.identity]
        return _delegation_allows(identity, record, recorded_at) or _role_allows(identity, record)


@dataclass(frozen=True)
class AuthorityHistory:
    """All authority documents of a ledger so far. Never changed: folding gives a new one.

    Attributes:
        documents: In the ledger's order.
        roots: The root keys that must sign the next document.
        threshold: How many of them.
        compromised: By fingerprint, the first index from which what the key wrote is undecidable.
    """

    documents: tuple[InForce, ...]
    roots: tuple[str, ...]
    threshold: int
    compromised: Mapping[str, int]

    @classmethod
    def of(cls, genesis: Genesis) -> "AuthorityHistory":
        """Begin with the root keys that genesis names.

        Raises:
            AuthorityError: A root key is refused as a key.
        """
        for root in genesis.roots:
            try:
                parse_public_key(root)
            except KeyFormatError as error:
                raise AuthorityError(f"root key {root}: {error}", index=0) from error
        return cls((), genesis.roots, genesis.threshold, {})

    def fold(self, index: int, record: Authority) -> "AuthorityHistory":
        """Add the authority record at `index`.

        Raises:
            AuthorityError: The document is malformed, does not follow the one before, or lacks
                signatures.
        """
        document = parse_document(record.document)
        try:
            self._check_sequence(document)
            self._check_signatures(record)
        except AuthorityError as error:
            error.index = index
            raise
        found = InForce(index, document, digest(record.document.encode()))
        return replace(
            self,
            documents=(*self.documents, found),
            roots=self.roots if document.roots is None else document.roots,
            threshold=self.threshold if document.threshold is None else document.threshold,
            compromised=_earliest(self.compromised, document),
        )

    def _check_sequence(self, document: Document) -> None:
        number = len(self.documents) + 1
        previous = self.documents[-1].digest if self.documents else ZEROS
        if document.number != number or document.previous != previous:
            raise AuthorityError(
                f"authority document {document.number} does not follow number {number - 1}",
                code="authority.sequence",
            )
        roots = self.roots if document.roots is None else document.roots
        threshold = self.threshold if document.threshold is None else document.threshold
        if threshold > len(roots):
            raise AuthorityError(
                "the threshold is more than there are roots", code="authority.malformed"
            )
        if {entry.key for entry in document.keys} & {*self.roots, *roots}:
            raise AuthorityError(
                "a root key has another use: one key, one use", code="authority.malformed"
            )

    def _check_signatures(self, record: Authority) -> None:
        signed = signed_bytes(record.document)
        signers = [entry.key for entry in record.signatures]
        if len(set(signers)) != len(signers) or not set(signers) <= set(self.roots):
            raise AuthorityError(
                "signatures are by distinct root keys", code="authority.signatures"
            )
        for entry in record.signatures:
            try:
                verify_signature(bytes.fromhex(entry.key), signed, from_base64(entry.signature))
            except LedgerError as error:
                raise AuthorityError(
                    f"root key {entry.key}: {error}", code="authority.signatures"
                ) from error
        if len(signers) < self.threshold:
            raise AuthorityError(
                f"{len(signers)} root signatures, and {self.threshold} are needed",
                code="authority.signatures",
            )

    def in_force(self, index: int) -> InForce | None:
        """Return the document in force for the entry at `index`: the last from before it.

        The first document also holds for the two entries of the founding submission.
        """
        for found in reversed(self.documents):
            if found.index < max(index, 2):
                return found
        return None

    def public_key(self, key: str) -> bytes | None:
        """Return the public key with this fingerprint, if any document ever named it."""
        for found in reversed(self.documents):
            if key in found.keys:
                return bytes.fromhex(found.keys[key].key)
        return None

    def head_keys(self, size: int, *, compromised: bool = False) -> tuple[bytes, ...]:
        """Return the keys that may sign the head of a ledger of this size.

        Args:
            size: The head's size.
            compromised: Return those instead that may have been in other hands by then.
        """
        found = self.in_force(size)
        if found is None:
            return ()
        return tuple(
            bytes.fromhex(entry.key)
            for key, entry in found.keys.items()
            if entry.use == "head" and self.is_compromised(key, size) is compromised
        )

    def is_compromised(self, key: str, index: int) -> bool:
        """Tell whether any document says that the key (fingerprint) was compromised at `index`."""
        since = self.compromised.get(key)
        return since is not None and index >= since

    def identity_at(self, index: int, identity: str) -> dict[str, Any]:
        """Say what the authority says of an identity for the entry at `index`.

        Returns:
            `registered`, and when it is: `id`, `owner`, `roles`, and where stated `permissions`
            and `delegated`.
        """
        found = self.in_force(index)
        entry = found.identities.get(identity) if found else None
        if entry is None:
            return {"registered": False}
        plain: dict[str, Any] = decode(encode(entry.model_dump(by_alias=True)))
        return {"registered": True, **plain}

    def owner_at(self, index: int, identity: str) -> str:
        """Return the person who answers for an identity at `index`; empty where nobody does."""
        found = self.in_force(index)
        entry = found.identities.get(identity) if found else None
        return entry.owner if entry else ""

    def entitled(self, index: int, key: str, record: AnyRecord, recorded_at: str) -> Entitlement:
        """Say whether the key (fingerprint) may write this record at `index`.

        Args:
            index: Of the record's entry.
            key: Fingerprint of the key that signed its submission.
            record: The record.
            recorded_at: When the ledger took it in: what was delegated is so for a time.
        """
        found = self.in_force(index)
        if found is None:
            return _refused("authority.none", "no authority document is in force")
        answer = found.allows(key, record, recorded_at)
        if answer.standing is Standing.ENTITLED and self.is_compromised(key, index):
            since = self.compromised[key]
            why = f"key {key} is compromised since entry {since}"
            return Entitlement(Standing.UNDECIDABLE, "authority.compromised-key", why)
        return answer


def _earliest(before: Mapping[str, int], document: Document) -> Mapping[str, int]:
    """Take over what a document says of compromised keys: a later one cannot take it back."""
    found = dict(before)
    for entry in document.revoked:
        if entry.compromised_since is not None:
            since = entry.compromised_since
            found[entry.key] = min(since, found.get(entry.key, since))
    return found


def asked_of(record: AnyRecord) -> tuple[object, ...]:
    """Return all that `entitled` looks at in a record: where it agrees, so does the answer.

    Of records that were taken in together, that is.
    """
    return record.kind, record.by, type(record) is RunOpened and record.import_ is not None


def kinds_of(roles: Iterable[str]) -> frozenset[str]:
    """Return the kinds of record that an identity with these roles may write."""
    granted = (ROLE_KINDS.get(role, _NAMED_ROLE_KINDS) for role in roles)
    return frozenset({"stream-close"}).union(*granted)


def _delegation_allows(
    identity: IdentityEntry, record: AnyRecord, recorded_at: str
) -> Entitlement | None:
    """Refuse what is outside an identity's delegation. Its streams it may end at any time."""
    window = identity.delegated
    if window is None or window.covers(recorded_at) or record.kind == "stream-close":
        return None
    when = "has not begun" if recorded_at < window.since else "has ended"
    return _refused(
        "authority.delegation",
        f"{identity.id} acts for {window.by} from {window.since} to {window.until}, and at "
        f"{recorded_at} that {when}",
    )


def _role_allows(identity: IdentityEntry, record: AnyRecord) -> Entitlement:
    if record.kind == "stream-close":
        return _ENTITLED
    roles = identity.roles
    if isinstance(record, RunOpened):
        # What an importer says of a clock is believed within limits: nobody else may say it.
        needed = "agent" if record.import_ is None else "importer"
        roles = tuple(role for role in roles if role == needed)
    if any(record.kind in ROLE_KINDS.get(role, _NAMED_ROLE_KINDS) for role in roles):
        return _ENTITLED
    return _refused(
        "authority.role", f"{identity.id} ({', '.join(identity.roles)}) may not write {record.kind}"
    )
