"""Who acts in the review app, and with which keys: read before the app starts, and kept by it."""

import importlib.util
import tomllib
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit

from dashboards.acting import Desk
from dashboards.people import REVIEWER
from ledger.admission import read_authority
from ledger.external import load_key
from ledger.founding import Founded, key_path, keys_beside, open_founded
from ledger.signing import Signer
from ledger.store import Store
from writ.asking import passphrase
from writ.errors import CommandError
from writ.governing import identity_named, identity_of_key

# What Streamlit needs to have people sign in. Source: its documentation, `st.login`.
_NEEDED: Final = ("client_id", "client_secret", "cookie_secret", "redirect_uri")
_METADATA: Final = "server_metadata_url"
_OTHERS: Final = 0o077
_LEAST_COOKIE: Final = 32


def desk_of(founded: Founded, name: str, key: Path | None) -> Desk:
    """Return what the app acts with where everybody before it acts as one identity.

    Args:
        founded: The ledger with its keys.
        name: The identity, by short name or in full; empty: whom the key speaks for.
        key: Its key file; None for the one in the folder of keys.

    Raises:
        CommandError: There is no such identity, or the key is nobody's.
        UsageError: The key is another's.
        LedgerError: A key cannot be read.
    """
    by = identity_named(founded, name)
    file = key if key is not None else key_path(founded.keys_dir, by.rpartition("/")[2])
    signer = load_key(file, founded.passphrase)
    with Store.open(founded.location) as store:
        authority = read_authority(store)
    by = identity_of_key(authority, signer.public_key, by, file)
    return _desk(founded, {by: signer}, me=by)


def desk_of_all(ledger: str, keys: Path | None) -> Desk:
    """Return what the app acts with where people sign in: the key of each reviewer that is there.

    Args:
        ledger: A file's path, or a database URL.
        keys: Folder of the keys, each named by its identity's last part; None for the one beside
            the file. Where there is none, people only look.

    Raises:
        LedgerError: A key cannot be read.
    """
    folder = keys if keys is not None or "://" in ledger else keys_beside(ledger)
    if folder is None or not folder.is_dir():
        return Desk(ledger, signs_in=True)
    founded = open_founded(ledger, folder, passphrase)
    with Store.open(ledger) as store:
        documents = read_authority(store).documents
    signers: dict[str, Signer] = {}
    for identity, entry in documents[-1].identities.items() if documents else ():
        file = key_path(folder, identity.rpartition("/")[2])
        if REVIEWER in entry.roles and file.exists():
            signers[identity] = load_key(file, passphrase)
    return _desk(founded, signers, signs_in=True)


def _desk(
    founded: Founded, signers: dict[str, Signer], *, me: str = "", signs_in: bool = False
) -> Desk:
    """Return a desk that signs the ledger's heads where their key is there too."""
    head = None
    if signers and key_path(founded.keys_dir, "head").exists():
        signer = founded.head_signer()
        head = lambda: signer  # noqa: E731 - asked for a new one each time, this is always the same
    return Desk(founded.location, signers, head, me, signs_in)


def check_auth(file: Path) -> str:
    """Look into the file by which people sign in, before a browser is sent there.

    Returns:
        The host at which they come back, which is the name of the app for its visitors.

    Raises:
        CommandError: It will not do, or what Streamlit needs for it is not installed.
    """
    if importlib.util.find_spec("authlib") is None:
        raise CommandError(
            "app.not-installed",
            "to have people sign in the review app needs authlib, which is not installed",
            do="Install the extra writ[signin].",
        )
    if file.stat().st_mode & _OTHERS:
        raise CommandError("app.auth", f"{file}: other users can read it; run chmod 600 on it")
    try:
        found: dict[str, Any] = tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CommandError("app.auth", f"{file}: not TOML: {error}") from error
    auth = found.get("auth")
    given = cast("dict[str, Any]", auth) if isinstance(auth, dict) else {}
    missing = [name for name in (*_NEEDED, _METADATA) if not given.get(name)]
    if missing:
        raise CommandError(
            "app.auth",
            f"{file}: [auth] has no {', '.join(missing)}",
            do="docs/adr/0036 shows such a file.",
        )
    if len(str(given["cookie_secret"])) < _LEAST_COOKIE:
        raise CommandError(
            "app.auth",
            f"{file}: cookie_secret has fewer than {_LEAST_COOKIE} characters: who guesses it is "
            "signed in as anybody",
        )
    return urlsplit(str(given["redirect_uri"])).hostname or ""
