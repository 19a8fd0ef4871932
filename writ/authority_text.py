"""Who may write what, as text."""

from collections.abc import Iterator

from ledger.admission import read_authority
from ledger.authority import AuthorityHistory
from ledger.encoding import digest
from ledger.keys import fingerprint
from ledger.records import Genesis, parse_record
from ledger.store import Store
from writ.errors import CommandError


def genesis_of(store: Store, ledger: str) -> tuple[str, str]:
    """Return a ledger's genesis digest and its origin.

    Raises:
        CommandError: It does not begin with genesis, or has no authority document.
        LedgerError: It cannot be read.
    """
    raw = store.row(0).record or b""
    genesis = parse_record(raw)
    if not isinstance(genesis, Genesis) or not read_authority(store).documents:
        raise CommandError("store.unusable", f"{ledger}: does not begin as a ledger does")
    return digest(raw), genesis.origin


def authority_text(ledger: str) -> str:
    """Say which identities, keys and root keys a ledger has, ended by a newline.

    Raises:
        CommandError: It is no ledger.
        LedgerError: It cannot be read, or an authority document in it is refused.
    """
    with Store.open(ledger) as store:
        genesis, origin = genesis_of(store, ledger)
        authority = read_authority(store)
    last = authority.documents[-1]
    lines = [
        f"{origin}, genesis {genesis}",
        f"authority document {last.document.number}, entry {last.index}",
        *_identities(authority),
        "revoked keys",
        *([f"  {line}" for line in _revoked(authority)] or ["  none"]),
        f"root keys: {authority.threshold} of {len(authority.roots)} sign",
        *(f"  {fingerprint(bytes.fromhex(root))} public {root}" for root in authority.roots),
    ]
    return "\n".join(lines) + "\n"


def _identities(authority: AuthorityHistory) -> Iterator[str]:
    document = authority.documents[-1].document
    for one in document.identities:
        yield f"{one.id}"
        yield f"  owner {one.owner}; roles {', '.join(one.roles) or 'none'}"
        if one.permissions is not None:
            yield f"  permissions {', '.join(one.permissions) or 'none'}"
        if one.delegated is not None:
            window = one.delegated
            yield f"  acts for {window.by} from {window.since} to {window.until}"
        for entry in document.keys:
            if entry.identity == one.id:
                name = fingerprint(bytes.fromhex(entry.key))
                use = "signs heads" if entry.use == "head" else "writes"
                yield f"  key {name} {use}, since entry {_since(authority, name)}"


def _since(authority: AuthorityHistory, key: str) -> int:
    """Return the entry of the first document of those in a row, up to the last, that list it."""
    since = authority.documents[-1].index
    for found in reversed(authority.documents):
        if key not in found.keys:
            break
        since = found.index
    return since


def _revoked(authority: AuthorityHistory) -> Iterator[str]:
    for entry in authority.documents[-1].document.revoked:
        since = authority.compromised.get(entry.key)
        yield f"{entry.key}{'' if since is None else f', in doubt since entry {since}'}"
