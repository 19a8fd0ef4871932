"""Another head key: it takes over what the one before remembers, so that there is one history.

The authority document that names it is in the ledger first. Each step can be done again after the
process died: until the new key owns the memory the old one signs nothing, as the authority names
another; after that nothing but the new key can.
Source: docs/spec/ledger-format.md, *Authority*; docs/adr/0018.
"""

from pathlib import Path

from ledger.admission import read_authority
from ledger.authority import AuthorityHistory, Document
from ledger.errors import AuthorityError, KeyFileError
from ledger.external import load_key
from ledger.files import replace_file
from ledger.founding import MEMORY, Founded, key_path
from ledger.head_signer import HeadSigner
from ledger.keys import fingerprint
from ledger.store import Store


def head_keys_of(document: Document) -> frozenset[str]:
    """Return the public keys, in hexadecimal, that a document lets sign heads."""
    return frozenset(entry.key for entry in document.keys if entry.use == "head")


def refuse_other_head_key(public_key: bytes, document: Document) -> None:
    """Refuse a key that a document does not let sign heads.

    Raises:
        AuthorityError: It does not (`authority.head-key`).
    """
    if public_key.hex() not in head_keys_of(document):
        raise AuthorityError(
            f"the key {fingerprint(public_key)} is none that authority document "
            f"{document.number} lets sign heads",
            code="authority.head-key",
        )


def hand_over(founded: Founded, key_file: Path) -> HeadSigner:
    """Let another key sign the ledger's heads from now on, and put its file where it is looked for.

    The file of the key before is kept under another name: `head.before-2.pem` where document 2
    replaced it. Done again it changes nothing.

    Args:
        founded: The ledger. Its folder of keys holds the memory.
        key_file: The new key's file.

    Raises:
        AuthorityError: The ledger's last authority document does not let it sign heads
            (`authority.head-key`).
        KeyFileError: A file cannot be read or written.
    """
    signer = load_key(key_file, founded.passphrase)
    with Store.open(founded.location) as store:
        authority = read_authority(store)
    last = authority.documents[-1].document
    refuse_other_head_key(signer.public_key, last)
    memory = founded.keys_dir / MEMORY
    head = HeadSigner.take_over(signer, founded.origin, memory, _ever_listed(authority))
    _install(key_path(founded.keys_dir, "head"), key_file, last.number)
    return head


def _ever_listed(authority: AuthorityHistory) -> list[bytes]:
    listed = {key for found in authority.documents for key in head_keys_of(found.document)}
    return [bytes.fromhex(key) for key in sorted(listed)]


def _install(place: Path, key_file: Path, number: int) -> None:
    try:
        raw = key_file.read_bytes()
        if place.exists():
            before = place.read_bytes()
            if before == raw:
                return
            replace_file(place.with_name(f"{place.stem}.before-{number}.pem"), before)
        replace_file(place, raw)
    except OSError as error:
        raise KeyFileError(
            f"{place}: the new head key cannot be put there ({error.strerror})",
            code="key.unwritable",
        ) from error
