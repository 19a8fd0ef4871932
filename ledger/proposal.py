"""Proposals: the next authority document on its way from one root key's holder to the next.

A file that needs no ledger: it holds the document before, so that whoever signs sees what changes;
what is signed names that document by its digest. It is strict JSON's content, indented: read only
where writing it again gives the same bytes. A proposal is believed in nothing that the ledger does
not check again.
Source: docs/spec/ledger-format.md, *Proposals*.
"""

import json
from typing import Annotated

from pydantic import Field, ValidationError
from pydantic.types import Strict

from ledger.amendment import changes
from ledger.authority import Document, document_text, parse_document, signed_bytes
from ledger.encoding import digest, encode, from_base64, to_base64
from ledger.entry import ZEROS
from ledger.errors import AuthorityError, LedgerError
from ledger.keys import fingerprint, parse_public_key, verify_signature
from ledger.parts import Part
from ledger.records import Digest, Digests, Name, RootSignature, Version
from ledger.signing import Signer

MAX_BYTES = 4 * 2**20


class Proposal(Part):
    """A document that root keys are to sign.

    Attributes:
        origin: Of the ledger.
        genesis: Digest of its genesis record; absent where the ledger is to be founded with it.
        roots: The root keys that may sign it.
        threshold: How many of them have to.
        before: The document that it replaces.
        document: What is proposed.
        signatures: Those that there are so far, sorted by key.
    """

    v: Version = 1
    origin: Name
    genesis: Digest | None = None
    roots: Digests
    threshold: Annotated[int, Field(ge=1)]
    before: Document | None = None
    document: Document
    signatures: Annotated[tuple[RootSignature, ...], Strict(strict=False)] = ()

    @property
    def missing(self) -> int:
        """How many signatures are still needed."""
        return max(0, self.threshold - len(self.signatures))


def proposal_text(proposal: Proposal) -> str:
    """Write a proposal as the text of its file."""
    plain = proposal.model_dump(by_alias=True)
    return json.dumps(plain, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def parse_proposal(raw: bytes) -> Proposal:
    """Read a proposal, and check all of it that can be checked without the ledger.

    Raises:
        AuthorityError: Not a proposal (`proposal.malformed`), or one of its signatures is none
            (`proposal.signature`).
    """
    if len(raw) > MAX_BYTES:
        raise _malformed(f"a proposal has at most {MAX_BYTES:,} bytes")
    try:
        text = raw.decode()
        value = json.loads(text)
        encode(value)
        proposal = Proposal.model_validate(value, context={"wire": True})
        if proposal_text(proposal) != text:
            raise _malformed("written again it is another text: it was changed by hand")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ", ".join(str(step) for step in first["loc"])
        raise _malformed(f"{where}: {first['msg']}") from error
    except AuthorityError:
        raise
    except (LedgerError, ValueError, TypeError, RecursionError) as error:
        raise _malformed(f"not the JSON of one ({type(error).__name__})") from error
    _check_place(proposal)
    _check_roots(proposal)
    _check_signatures(proposal)
    return proposal


def _malformed(what: str) -> AuthorityError:
    return AuthorityError(f"proposal: {what}", code="proposal.malformed")


def _check_place(proposal: Proposal) -> None:
    parse_document(document_text(proposal.document))
    before, document = proposal.before, proposal.document
    if (before is None) != (proposal.genesis is None):
        raise _malformed("either a ledger and the document before, or neither")
    if before is None:
        expected = 1, ZEROS
    else:
        parse_document(document_text(before))
        expected = before.number + 1, digest(document_text(before).encode())
    if (document.number, document.previous) != expected:
        raise _malformed("its document does not follow the one before")


def _check_roots(proposal: Proposal) -> None:
    for root in proposal.roots:
        try:
            parse_public_key(root)
        except LedgerError as error:
            raise _malformed(f"root key {root}: {error}") from error
    if list(proposal.roots) != sorted(set(proposal.roots)):
        raise _malformed("roots are sorted and none is repeated")
    document = proposal.document
    after = proposal.roots if document.roots is None else document.roots
    threshold = proposal.threshold if document.threshold is None else document.threshold
    if proposal.threshold > len(proposal.roots) or threshold > len(after):
        raise _malformed("the threshold is more than there are roots")
    if {entry.key for entry in document.keys} & {*proposal.roots, *after}:
        raise _malformed("a root key has another use: one key, one use")


def _check_signatures(proposal: Proposal) -> None:
    signers = [entry.key for entry in proposal.signatures]
    if signers != sorted(set(signers)) or not set(signers) <= set(proposal.roots):
        raise AuthorityError(
            "proposal: its signatures are by distinct root keys, sorted", code="proposal.signature"
        )
    signed = signed_bytes(document_text(proposal.document))
    for entry in proposal.signatures:
        try:
            verify_signature(bytes.fromhex(entry.key), signed, from_base64(entry.signature))
        except LedgerError as error:
            raise AuthorityError(f"proposal: {error}", code="proposal.signature") from error


def sign_proposal(proposal: Proposal, signer: Signer) -> Proposal:
    """Return the proposal with one more signature.

    Raises:
        AuthorityError: The key is none of the roots (`proposal.stranger`), or has signed before
            (`proposal.signed`).
    """
    key = signer.public_key.hex()
    if key not in proposal.roots:
        raise AuthorityError(
            f"the key {fingerprint(signer.public_key)} is none of the root keys of this proposal",
            code="proposal.stranger",
        )
    if key in {entry.key for entry in proposal.signatures}:
        raise AuthorityError(
            f"the key {fingerprint(signer.public_key)} has signed this proposal",
            code="proposal.signed",
        )
    signature = signer.sign(signed_bytes(document_text(proposal.document)))
    added = RootSignature(key=key, signature=to_base64(signature))
    signatures = sorted((*proposal.signatures, added), key=lambda entry: entry.key)
    return proposal.model_copy(update={"signatures": tuple(signatures)})


def in_words(proposal: Proposal) -> str:
    """Say what a proposal would change and who has signed it, as lines for a person."""
    what = f"authority document {proposal.document.number} of {proposal.origin}"
    if proposal.genesis is None:
        lines = [f"PROPOSAL to found a ledger: {what}"]
    else:
        lines = [f"PROPOSAL: {what}", f"  ledger with genesis {proposal.genesis}"]
    lines += [f"  {line}" for line in changes(proposal.before, proposal.document)]
    text = document_text(proposal.document)
    lines.append(f"  digest of the document: {digest(text.encode())}")
    lines.append(
        f"  signed by {len(proposal.signatures)} of {len(proposal.roots)} root keys; "
        f"{proposal.threshold} are needed"
    )
    signed = {entry.key for entry in proposal.signatures}
    lines += [
        f"    {fingerprint(bytes.fromhex(root))} {'signed' if root in signed else '-'}"
        for root in proposal.roots
    ]
    return "\n".join(lines) + "\n"
