"""Founding a ledger: keys, genesis, the first authority document, and the trust file.

Source: docs/spec/ledger-format.md, *Authority*, *Trust file*.
"""

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ledger.admission import read_authority
from ledger.authority import Document, IdentityEntry, KeyEntry, document_text, signed_bytes
from ledger.checkpoint import check_origin
from ledger.client import LedgerClient
from ledger.clock import Clock, system_clock
from ledger.encoding import digest, to_base64
from ledger.entry import ZEROS
from ledger.errors import KeyFileError, StoreError
from ledger.head_signer import HeadSigner
from ledger.records import Authority, Genesis, RootSignature, parse_record, record_bytes
from ledger.schema import shown
from ledger.signing import FileKey, Signer
from ledger.store import Store

_SEED = 32
MEMORY = "head.memory"

TRUST_NOTE = (
    "Get this file from somebody other than whoever keeps the ledger. "
    "Kept beside the ledger by its keeper, it proves nothing to anybody else."
)


@dataclass(frozen=True, slots=True)
class Founder:
    """An identity that the first authority document names, with a key of its own.

    Attributes:
        name: Short name: the key's file, and the last segment of the identity.
        roles: What it may write. Empty for the key that signs heads.
        owner: The person who answers for it.
        use: `write`, or `head` for the key that signs the ledger's heads.
        permissions: Permissions that contracts ask for, if stated.
    """

    name: str
    roles: tuple[str, ...]
    owner: str
    use: str = "write"
    permissions: tuple[str, ...] | None = None


def default_founders(owner: str, approver: str) -> tuple[Founder, ...]:
    """Return the identities of a small ledger.

    Args:
        owner: The person who answers for all but one of them.
        approver: Another person, who activates contracts: no author's owner may.
    """
    return (
        Founder("head", (), owner, use="head"),
        Founder("steward", ("steward", "commander"), owner),
        Founder("agent", ("agent",), owner),
        Founder("importer", ("importer",), owner),
        Founder("author", ("author",), owner),
        Founder("activator", ("activator", "approver"), approver),
    )


@dataclass(frozen=True)
class Founded:
    """A ledger that was just founded, or whose keys were found again.

    Attributes:
        location: The store's path or URL.
        origin: The origin line of its checkpoints.
        genesis: Digest of the genesis record.
        keys_dir: Folder of the keys.
        identities: SPIFFE URI by short name.
    """

    location: str
    origin: str
    genesis: str
    keys_dir: Path
    identities: Mapping[str, str]

    def key(self, name: str) -> FileKey:
        """Read an identity's key.

        Raises:
            KeyFileError: There is none that can be read.
        """
        return FileKey.load(key_path(self.keys_dir, name))

    def head_signer(self) -> HeadSigner:
        """Take up the head's key and its memory.

        Raises:
            KeyFileError: Either is missing.
        """
        return HeadSigner(self.key("head"), self.origin, self.keys_dir / MEMORY)


def key_path(keys_dir: Path, name: str) -> Path:
    """Return where the key with this short name lies."""
    return keys_dir / f"{name}.pem"


def keys_beside(location: str | Path) -> Path:
    """Return the folder of keys beside a store that is a file: `<ledger>.keys`.

    Raises:
        ValueError: The store is at a URL, beside which there is no place.
    """
    if "://" in str(location):
        raise ValueError("a ledger at a URL has no folder beside it: name one for its keys")
    path = Path(location)
    return path.with_name(path.name + ".keys")


def identity_of(origin: str, name: str) -> str:
    """Return a founder's identity: the origin as trust domain and path, then the name."""
    return f"spiffe://{origin}/{name}"


def create_ledger(
    location: str | Path,
    *,
    origin: str,
    founders: Sequence[Founder],
    keys_dir: Path | None = None,
    clock: Clock = system_clock,
    random: Callable[[int], bytes] = secrets.token_bytes,
) -> Founded:
    """Create a store, keys for the founders and the root, genesis and authority number 1.

    Args:
        location: A path where nothing is yet, or the URL of an empty database.
        origin: Names the ledger in its checkpoints, such as `example.com/ledger`. Lowercase: it
            begins the identities.
        founders: The first identities; one of them is the steward, and one is for heads.
        keys_dir: An empty or new folder for the keys; default: beside the store.
        clock: The ledger's clock.
        random: Gives that many unguessable bytes.

    Raises:
        LedgerError: The origin or a founder is refused, or there is a store or key already.
        ValueError: No founder called `steward`, or none for heads.
    """
    check_origin(origin)
    names = [founder.name for founder in founders]
    if "steward" not in names or not any(founder.use == "head" for founder in founders):
        raise ValueError("founders are at least one called steward and one with use head")
    folder = keys_dir or keys_beside(location)
    _refuse_taken(folder, ("root", *names))
    with Store.create(location) as store:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        keys = {
            name: FileKey.create(key_path(folder, name), random(_SEED)) for name in ("root", *names)
        }
        document = first_document(origin, founders, keys)
        head = next(founder.name for founder in founders if founder.use == "head")
        signer = HeadSigner.create(keys[head], origin, folder / MEMORY)
        by = identity_of(origin, "steward")
        client = LedgerClient(
            store, keys["steward"], by, clock=clock, random=random, head_signer=signer
        )
        genesis = client.make(
            Genesis,
            origin=origin,
            seed=random(_SEED).hex(),
            roots=(keys["root"].public_key.hex(),),
            threshold=1,
        )
        client.submit([genesis, authority_record(client, document, [keys["root"]])])
        client.close()
    identities = {name: identity_of(origin, name) for name in names}
    return Founded(str(location), origin, digest(record_bytes(genesis)), folder, identities)


def _refuse_taken(folder: Path, names: Sequence[str]) -> None:
    """Refuse before anything is created: a store without its keys would be of no use."""
    for path in (folder / MEMORY, *(key_path(folder, name) for name in names)):
        if path.exists():
            raise KeyFileError(f"{path}: there is a key already; a new ledger has new keys")


def first_document(
    origin: str, founders: Sequence[Founder], keys: Mapping[str, Signer]
) -> Document:
    """Return authority document number 1 for these founders and their keys."""
    return Document(
        number=1,
        previous=ZEROS,
        identities=tuple(
            IdentityEntry(
                id=identity_of(origin, founder.name),
                owner=founder.owner,
                roles=founder.roles,
                permissions=founder.permissions,
            )
            for founder in founders
        ),
        keys=tuple(
            KeyEntry.model_validate(
                {
                    "key": keys[founder.name].public_key.hex(),
                    "identity": identity_of(origin, founder.name),
                    "use": founder.use,
                }
            )
            for founder in founders
        ),
        revoked=(),
    )


def authority_record(
    client: LedgerClient, document: Document, roots: Sequence[Signer]
) -> Authority:
    """Return the record that carries a document, signed by these root keys."""
    text = document_text(document)
    signatures = tuple(
        RootSignature(key=root.public_key.hex(), signature=to_base64(root.sign(signed_bytes(text))))
        for root in roots
    )
    return client.make(Authority, document=text, signatures=signatures)


def open_founded(location: str | Path, keys_dir: Path | None = None) -> Founded:
    """Find a founded ledger's keys again.

    Raises:
        StoreError: There is no ledger there.
    """
    folder = keys_dir or keys_beside(location)
    with Store.open(location) as store:
        raw = store.row(0).record or b""
        genesis, authority = parse_record(raw), read_authority(store)
    if not isinstance(genesis, Genesis):
        raise StoreError(f"{shown(location)}: does not begin with genesis")
    found = authority.documents[-1].identities if authority.documents else ()
    identities = {identity.rpartition("/")[2]: identity for identity in found}
    return Founded(str(location), genesis.origin, digest(raw), folder, identities)


def trust_file(founded: Founded, *, checkpoint: bytes | None = None) -> str:
    """Return the text of a trust file for this ledger, to be handed to auditors out of band.

    Args:
        founded: The ledger.
        checkpoint: A signed note to pin: the ledger must still contain what it covers.
    """
    trust: dict[str, object] = {
        "v": 1,
        "origin": founded.origin,
        "genesis": founded.genesis,
        "note": TRUST_NOTE,
    }
    if checkpoint is not None:
        trust["checkpoint"] = checkpoint.decode()
    return json.dumps(trust, indent=2, ensure_ascii=False) + "\n"
