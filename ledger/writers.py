"""Who may write in a ledger, and which of their keys lie here.

Source: docs/spec/ledger-format.md, *Authority*.
"""

import stat
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from ledger.admission import read_authority
from ledger.authority import IdentityEntry
from ledger.clock import parse_time
from ledger.errors import KeyFileError
from ledger.health import Remark
from ledger.keys import fingerprint
from ledger.signing import FileKey
from ledger.store import Store

_OTHERS = 0o077
_ENCRYPTED = b"ENCRYPTED PRIVATE KEY"


def writer_health(location: str | Path, keys: Path | None, now: datetime) -> Iterator[Remark]:
    """Yield the identities that may write by the newest authority document, and the keys here.

    Args:
        location: The store.
        keys: The folder of keys; None where nobody knows one.
        now: This machine's time.

    Raises:
        LedgerError: The store, or an authority record in it, cannot be read.
    """
    with Store.open(location) as store:
        authority = read_authority(store)
    if not authority.documents:
        return
    document = authority.documents[-1].document
    uses = {entry.identity: f"a key to {entry.use}" for entry in document.keys}
    for identity in document.identities:
        yield _identity(identity, uses.get(identity.id, "no key"), now)
    if keys is None or not keys.is_dir():
        yield Remark("keys", "no keys beside it: it can be verified, and not added to from here")
        return
    known = {entry.key: entry.identity for entry in document.keys}
    known.update(dict.fromkeys(authority.roots, "a root key: best kept elsewhere"))
    revoked = {entry.key for each in authority.documents for entry in each.document.revoked}
    for path in sorted(keys.rglob("*.pem")):
        yield _key(path, str(path.relative_to(keys)), known, revoked)


def _identity(identity: IdentityEntry, use: str, now: datetime) -> Remark:
    roles = ", ".join(identity.roles) or "no role"
    said = f"{identity.id}: {roles}; {identity.owner} answers for it; {use}"
    window = identity.delegated
    if window is None:
        return Remark("writers", said)
    said += f"; delegated by {window.by} from {window.since} until {window.until}"
    if parse_time(window.since) <= now < parse_time(window.until):
        return Remark("writers", said)
    return Remark(
        "writers",
        f"{said}, and it is not that time",
        "writer.window",
        "Let the roots sign a document with another window, if it is to write.",
    )


def _key(path: Path, name: str, known: Mapping[str, str], revoked: set[str]) -> Remark:
    mode = stat.S_IMODE(path.stat().st_mode)
    said = f"{name} mode {mode:04o}"
    if mode & _OTHERS:
        return Remark("keys", f"{said}; others can read it", "key.mode", "chmod 600 it.")
    try:
        if _ENCRYPTED in path.read_bytes():
            return Remark("keys", f"{said}, encrypted: whoever uses it is asked for its passphrase")
        public = FileKey.load(path).public_key
    except (KeyFileError, OSError) as error:
        return Remark(
            "keys", f"{name}: {error}", "key.unusable", "Put it back from where it was kept."
        )
    said += ", not encrypted"
    if fingerprint(public) in revoked:
        return Remark(
            "keys", f"{said}; it is revoked", "key.revoked", "Destroy it, or keep it away."
        )
    if public.hex() not in known:
        return Remark(
            "keys",
            f"{said}; no authority document names it",
            "key.unknown",
            "Move it away, or let the roots sign a document that names it.",
        )
    return Remark("keys", f"{said}; {known[public.hex()]}")
