"""Applying a signed proposal: its document appended, and the head key handed over if it changed."""

from pathlib import Path
from typing import TYPE_CHECKING

from writ.output import message

if TYPE_CHECKING:
    from ledger.founding import Founded
    from ledger.proposal import Proposal


def applied(founded: "Founded", proposal: "Proposal", by: str, head_key: Path | None) -> str:
    """Append a proposal's document, unless it is the last one already, and sign a head.

    Args:
        founded: The ledger.
        proposal: Signed.
        by: Short name of the steward who appends it.
        head_key: File of the new head key.

    Returns:
        What was done, for a person.

    Raises:
        LedgerError: It is refused; or a head key is given that the document does not name.
    """
    from ledger.external import load_key
    from ledger.handover import hand_over, head_keys_of, refuse_other_head_key

    document = proposal.document
    if head_key is not None:
        refuse_other_head_key(load_key(head_key, founded.passphrase).public_key, document)
    # Who names the new head key again goes on with what was interrupted.
    index = _index_of(founded, proposal) if head_key is not None else None
    if index is None:
        index = _submitted(founded, proposal, by)
    if head_key is not None:
        hand_over(founded, head_key)
        _sign(founded, by)
    elif founded.key("head").public_key.hex() not in head_keys_of(document):
        message("writ: the key of the heads is another one now: nothing is signed until it")
        message("  takes over: the same command with --head-key KEYFILE")
    return (
        f"authority document {document.number} is entry {index}: it holds for the "
        "entries after it\n"
    )


def _index_of(founded: "Founded", proposal: "Proposal") -> int | None:
    """Return where a proposal's document is, if it is the ledger's last."""
    from ledger.admission import read_authority
    from ledger.authority import document_text
    from ledger.encoding import digest
    from ledger.store import Store

    with Store.open(founded.location) as store:
        last = read_authority(store).documents[-1]
    same = last.digest == digest(document_text(proposal.document).encode())
    return last.index if same else None


def _submitted(founded: "Founded", proposal: "Proposal", by: str) -> int:
    from ledger.client import LedgerClient
    from ledger.founding import proposed_record
    from ledger.handover import head_keys_of
    from ledger.store import Store

    listed = {entry.key for entry in proposal.document.keys}
    head = founded.head_signer()
    writer = founded.key(by)
    stays = head.public_key.hex() in head_keys_of(proposal.document)
    with Store.open(founded.location, writable=True) as store:
        name = founded.identities[by]
        # The start compares the store with the last head that was signed, whoever signs the next.
        client = LedgerClient(store, writer, name, head_signer=head, checkpoint_every=0)
        receipt = client.submit([proposed_record(client, proposal)])[0]
        # Whoever is no longer listed can neither end its stream nor sign a head.
        if stays and writer.public_key.hex() in listed:
            client.close()
        elif stays:
            client.checkpoint()
    return receipt.index


def _sign(founded: "Founded", by: str) -> None:
    from ledger.client import LedgerClient
    from ledger.store import Store

    head, writer = founded.head_signer(), founded.key(by)
    with Store.open(founded.location, writable=True) as store:
        LedgerClient(store, writer, founded.identities[by], head_signer=head).checkpoint()
    message("writ: the new head key has taken over, and signed the head")
