"""Founding a ledger: keys, genesis, the first authority document, and the trust file.

Source: docs/spec/ledger-format.md, *Authority*, *Trust file*.
"""

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ledger.admission import read_authority
from ledger.authority import Document, IdentityEntry, KeyEntry, document_text, signed_bytes
from ledger.checkpoint import check_origin
from ledger.client import LedgerClient
from ledger.clock import Clock, system_clock
from ledger.encoding import digest, to_base64
from ledger.entry import ZEROS
from ledger.errors import AuthorityError, KeyFileError, StoreError
from ledger.external import load_key
from ledger.files import make_private_folder
from ledger.head_signer import HeadSigner
from ledger.keys import check_public_key
from ledger.passphrase import Passphrase, asked, from_environment
from ledger.proposal import Proposal, parse_proposal, proposal_text, sign_proposal
from ledger.records import Authority, Genesis, RootSignature, parse_record, record_bytes
from ledger.schema import shown
from ledger.signing import FileKey, Signer
from ledger.site import check_keys, check_site, refuse_unfounded
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
        passphrase: Asked for those keys that lie under one.
    """

    location: str
    origin: str
    genesis: str
    keys_dir: Path
    identities: Mapping[str, str]
    passphrase: Passphrase = field(default=from_environment, compare=False, repr=False)

    def key(self, name: str) -> Signer:
        """Read an identity's key.

        Raises:
            KeyFileError: There is none that can be read.
        """
        return load_key(key_path(self.keys_dir, name), self.passphrase)

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


@dataclass(frozen=True, slots=True)
class Roots:
    """The root keys of a new ledger, made here.

    Attributes:
        count: How many there are.
        threshold: How many have to sign an authority document.
        folder: Where they lie: better not beside the ledger. None: with the other keys.
    """

    count: int = 1
    threshold: int = 1
    folder: Path | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Short names of their files."""
        if self.count == 1:
            return ("root",)
        return tuple(f"root-{number}" for number in range(1, self.count + 1))


def create_ledger(
    location: str | Path,
    *,
    origin: str,
    founders: Sequence[Founder],
    keys_dir: Path | None = None,
    clock: Clock = system_clock,
    random: Callable[[int], bytes] = secrets.token_bytes,
    roots: Roots = Roots(),
    passphrase: Passphrase | None = None,
) -> Founded:
    """Create a store, keys for the founders and the roots, genesis and authority number 1.

    Args:
        location: A path where nothing is yet, or the URL of an empty database.
        origin: Names the ledger in its checkpoints, such as `example.com/ledger`. Lowercase: it
            begins the identities.
        founders: The first identities; one of them is the steward, and one is for heads.
        keys_dir: An empty or new folder for the keys; default: beside the store.
        clock: The ledger's clock.
        random: Gives that many unguessable bytes.
        roots: How many root keys, how many of them sign, and where they are put.
        passphrase: What all the new keys lie under; None: only their files' mode protects them.

    Raises:
        LedgerError: The origin or a founder is refused, or there is a store or key already: what
            a founding that was cut off has left is told apart from a ledger (`ledger.site`).
        ValueError: No founder called `steward`, none for heads, or a threshold over the roots.
    """
    if not 1 <= roots.threshold <= roots.count:
        raise ValueError("the threshold is at least 1, and at most as many as there are roots")
    names = _checked(origin, founders)
    folder = keys_dir or keys_beside(location)
    roots_folder = roots.folder or folder
    paths = [key_path(roots_folder, name) for name in roots.names]
    paths += [key_path(folder, name) for name in names]
    check_site(location, folder / MEMORY, paths)
    if passphrase is not None:
        # Before anything is made: whoever gives none, or none that will do, leaves nothing behind.
        asked(paths[0], passphrase)
    _make_folders(roots_folder, folder)
    with Store.create(location) as store:
        held = _made(roots_folder, roots.names, random, passphrase)
        keys = _made(folder, names, random, passphrase)
        proposal = _first_proposal(origin, founders, keys, list(held.values()), roots.threshold)
        for root in list(held.values())[: roots.threshold]:
            proposal = sign_proposal(proposal, root)
        return _begin(
            store,
            Founded(str(location), origin, "", folder, {}, passphrase or from_environment),
            proposal,
            keys["steward"],
            keys[_head(founders)],
            clock,
            random,
        )


def prepare_ledger(
    keys_dir: Path,
    *,
    origin: str,
    founders: Sequence[Founder],
    roots: Sequence[bytes],
    threshold: int,
    random: Callable[[int], bytes] = secrets.token_bytes,
    passphrase: Passphrase | None = None,
) -> Proposal:
    """Make all keys but the roots', which others hold, and propose the first document to them.

    Args:
        keys_dir: An empty or new folder for the keys.
        origin: As for `create_ledger`.
        founders: As for `create_ledger`.
        roots: Public root keys.
        threshold: How many of them have to sign.
        random: Gives that many unguessable bytes.
        passphrase: What the new keys lie under; None: only their files' mode protects them.

    Returns:
        What the roots' holders sign; `found_proposed` then founds the ledger.

    Raises:
        LedgerError: The origin, a founder or a root is refused, or there is a key already.
        ValueError: No founder called `steward`, or none for heads.
    """
    names = _checked(origin, founders)
    for root in roots:
        check_public_key(root)
    if not 1 <= threshold <= len(set(roots)):
        raise AuthorityError(
            "the threshold is more than there are roots", code="proposal.malformed"
        )
    check_keys([keys_dir / MEMORY, *(key_path(keys_dir, name) for name in names)])
    _make_folders(keys_dir)
    keys = _made(keys_dir, names, random, passphrase)
    return _proposal(first_document(origin, founders, keys), origin, roots, threshold)


def found_proposed(
    location: str | Path,
    proposal: Proposal,
    keys_dir: Path | None = None,
    *,
    clock: Clock = system_clock,
    random: Callable[[int], bytes] = secrets.token_bytes,
    passphrase: Passphrase = from_environment,
) -> Founded:
    """Found the ledger that a proposal is for, once enough roots have signed it.

    Raises:
        LedgerError: Signatures are missing, a key is not in the folder or is not the one that the
            document names, or there is a store already.
    """
    if proposal.genesis is not None:
        raise AuthorityError("the proposal is for a ledger that exists", code="proposal.ledger")
    if proposal.missing:
        raise AuthorityError(
            f"{proposal.missing} more root signatures are needed", code="authority.signatures"
        )
    folder = keys_dir or keys_beside(location)
    found = Founded(str(location), proposal.origin, "", folder, {}, passphrase)
    by_use = {
        entry.use: entry.identity.rpartition("/")[2]
        for entry in proposal.document.keys
        if entry.use == "head" or entry.identity == identity_of(proposal.origin, "steward")
    }
    if set(by_use) != {"head", "write"}:
        raise AuthorityError("it names no steward or no head key", code="proposal.malformed")
    keys = {use: found.key(name) for use, name in by_use.items()}
    listed = {entry.key for entry in proposal.document.keys}
    for use, key in keys.items():
        if key.public_key.hex() not in listed:
            raise KeyFileError(
                f"{key_path(folder, by_use[use])}: is not the key that the proposal names",
                code="key.other",
            )
    check_site(location, folder / MEMORY)
    with Store.create(location) as store:
        return _begin(store, found, proposal, keys["write"], keys["head"], clock, random)


def _checked(origin: str, founders: Sequence[Founder]) -> tuple[str, ...]:
    check_origin(origin)
    names = tuple(founder.name for founder in founders)
    if "steward" not in names or not any(founder.use == "head" for founder in founders):
        raise ValueError("founders are at least one called steward and one with use head")
    return names


def _head(founders: Sequence[Founder]) -> str:
    return next(founder.name for founder in founders if founder.use == "head")


def _make_folders(*folders: Path) -> None:
    for folder in folders:
        try:
            make_private_folder(folder)
        except OSError as error:
            raise KeyFileError(f"{folder}: cannot be made ({error.strerror})") from error


def _made(
    folder: Path,
    names: Sequence[str],
    random: Callable[[int], bytes],
    passphrase: Passphrase | None,
) -> dict[str, FileKey]:
    return {
        name: FileKey.create(key_path(folder, name), random(_SEED), passphrase) for name in names
    }


def _first_proposal(
    origin: str,
    founders: Sequence[Founder],
    keys: Mapping[str, Signer],
    roots: Sequence[Signer],
    threshold: int,
) -> Proposal:
    document = first_document(origin, founders, keys)
    return _proposal(document, origin, [root.public_key for root in roots], threshold)


def _proposal(document: Document, origin: str, roots: Sequence[bytes], threshold: int) -> Proposal:
    proposal = Proposal(
        origin=origin,
        roots=tuple(sorted({root.hex() for root in roots})),
        threshold=threshold,
        document=document,
    )
    return parse_proposal(proposal_text(proposal).encode())


def _begin(
    store: Store,
    found: Founded,
    proposal: Proposal,
    steward: Signer,
    head: Signer,
    clock: Clock,
    random: Callable[[int], bytes],
) -> Founded:
    """Write the founding submission, and sign the first head."""
    signer = HeadSigner.create(head, found.origin, found.keys_dir / MEMORY)
    by = identity_of(found.origin, "steward")
    client = LedgerClient(store, steward, by, clock=clock, random=random, head_signer=signer)
    genesis = client.make(
        Genesis,
        origin=found.origin,
        seed=random(_SEED).hex(),
        roots=proposal.roots,
        threshold=proposal.threshold,
    )
    client.submit([genesis, proposed_record(client, proposal)])
    client.close()
    names = (entry.id for entry in proposal.document.identities)
    identities = {name.rpartition("/")[2]: name for name in names}
    return replace(found, genesis=digest(record_bytes(genesis)), identities=identities)


def proposed_record(client: LedgerClient, proposal: Proposal) -> Authority:
    """Return the record that carries a proposal's document and the signatures that it has."""
    text = document_text(proposal.document)
    return client.make(Authority, document=text, signatures=proposal.signatures)


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


def open_founded(
    location: str | Path,
    keys_dir: Path | None = None,
    passphrase: Passphrase = from_environment,
) -> Founded:
    """Find a founded ledger's keys again.

    Raises:
        StoreError: There is no ledger there.
    """
    folder = keys_dir or keys_beside(location)
    with Store.open(location) as store:
        refuse_unfounded(store)
        raw = store.row(0).record or b""
        genesis, authority = parse_record(raw), read_authority(store)
    if not isinstance(genesis, Genesis):
        raise StoreError(f"{shown(location)}: does not begin with genesis")
    found = authority.documents[-1].identities if authority.documents else ()
    identities = {identity.rpartition("/")[2]: identity for identity in found}
    return Founded(str(location), genesis.origin, digest(raw), folder, identities, passphrase)


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
