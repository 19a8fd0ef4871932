"""Keeping a ledger from the command line: its keys, its contracts, its trust file.

This is the only part of the command line that signs.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from contracts.model import Contract
from ledger.client import LedgerClient
from ledger.clock import format_time, system_clock
from ledger.encoding import digest
from ledger.errors import LedgerError
from ledger.founding import (
    Founded,
    create_ledger,
    default_founders,
    keys_beside,
    open_founded,
    trust_file,
)
from ledger.records import Activation, AnyRecord, ContractText, parse_record
from ledger.store import Store
from verifier.errors import TrustError
from verifier.trust import parse_trust
from writ.asking import passphrase
from writ.errors import CommandError, UsageError
from writ.output import message
from writ.settings import current

# A head is signed at the end, and in between so that a crash leaves little without one.
HEAD_EVERY = 10_000


@dataclass(frozen=True, slots=True)
class Writing:
    """An open ledger and one identity that writes in it."""

    store: Store
    client: LedgerClient

    @property
    def by(self) -> str:
        """The identity that speaks."""
        return self.client.by

    def submit(self, records: Sequence[AnyRecord], /) -> object:
        """Append records as one submission."""
        return self.client.submit(records)


@contextmanager
def writing(founded: Founded, name: str, receipts: Path | None = None) -> Generator[Writing]:
    """Open a ledger to write in it as one of its identities, by short name.

    Args:
        founded: The ledger.
        name: The identity's short name.
        receipts: File to keep all receipts in; none where it is None.

    Raises:
        CommandError: The ledger has no such identity.
        LedgerError: Its key is missing, or the ledger does not continue what was signed.
    """
    if name not in founded.identities:
        raise CommandError("ledger.identity", f"{founded.location}: has no identity called {name}")
    with Store.open(founded.location, writable=True) as store:
        client = LedgerClient(
            store,
            founded.key(name),
            founded.identities[name],
            head_signer=founded.head_signer(),
            checkpoint_every=HEAD_EVERY,
            receipts=receipts,
        )
        yield Writing(store, client)


def opened_or_founded(ledger: str, service: str, keys: Path | None) -> Founded:
    """Find a ledger's keys, or found it where nothing is yet.

    Args:
        ledger: A file's path, or a database URL.
        service: The service that it is for: a new ledger is named after it.
        keys: Folder of the keys; None for the one beside the file.

    Raises:
        UsageError: A URL without a folder for the keys.
        LedgerError: What is there is not a ledger, or cannot be made one.
    """
    if "://" in ledger and keys is None:
        raise UsageError(
            "import.keys",
            "a ledger at a URL has no folder beside it for its keys",
            do="Name one with --keys DIR.",
        )
    folder = keys or keys_beside(ledger)
    if _is_there(ledger):
        return open_founded(ledger, folder, passphrase)
    settings = current()
    owner, approver = settings.get("owner").value, settings.get("approver").value
    if owner == approver:
        raise UsageError(
            "import.owner",
            f"{owner} cannot be both owner and approver: who activates a contract is never "
            "who answers for its author",
        )
    _check_place(ledger, folder)
    name = urlsplit(service)
    founded = create_ledger(
        ledger,
        origin=f"{name.netloc}{name.path}/ledger",
        founders=default_founders(owner, approver),
        keys_dir=folder,
    )
    message(f"writ: made the ledger {ledger}, with new keys in {folder} (keep them private)")
    return founded


def _check_place(ledger: str, folder: Path) -> None:
    """Refuse to found a ledger where none can be, or where the keys of another one lie."""
    if "://" not in ledger and not Path(ledger).parent.is_dir():
        raise CommandError(
            "ledger.folder",
            f"{ledger}: there is no folder {Path(ledger).parent}",
            do="Make it first, or name another file with --ledger.",
        )
    if folder.is_dir() and any(folder.glob("*.pem")):
        raise CommandError(
            "ledger.keys",
            f"{folder}: holds the keys of another ledger, and there is no ledger {ledger}",
            do="Put that ledger back, name another one, or move the folder away.",
        )


def _is_there(ledger: str) -> bool:
    if "://" not in ledger:
        return Path(ledger).exists()
    try:
        with Store.open(ledger) as store:
            return store.size() > 0
    except LedgerError:
        return False


def in_force(founded: Founded, contract: Contract, text: str) -> None:
    """Publish and activate a contract for imported history, unless that was the last thing done.

    Raises:
        CommandError: Its version was published before with another text.
    """
    published, last = _known(founded, contract.service)
    before = published.get(contract.version)
    if before is not None and before != contract.digest:
        raise CommandError(
            "contract.version",
            f"version {contract.version} of {contract.name} is in this ledger with another text",
            do="Give the changed contract another `version`: a published one is never edited.",
        )
    if last == contract.digest:
        return
    if before is None:
        with writing(founded, "author") as author:
            _publish(author.client, contract, text)
            author.client.close()
    with writing(founded, "activator") as activator:
        _activate(activator.client, contract)
        activator.client.close()
    message(f"writ: {contract.name} {contract.version} is in force for what is imported from here")


def _publish(client: LedgerClient, contract: Contract, text: str) -> None:
    client.submit(
        [
            client.make(
                ContractText,
                service=contract.service,
                version=contract.version,
                digest=digest(text.encode()),
                text=text,
            )
        ]
    )


def _activate(client: LedgerClient, contract: Contract) -> None:
    client.submit(
        [
            client.make(
                Activation,
                service=contract.service,
                version=contract.version,
                digest=contract.digest,
                effective_at=format_time(system_clock()),
                approved_by=(client.by,),
                imported=True,
            )
        ]
    )


def _known(founded: Founded, service: str) -> tuple[dict[str, str], str]:
    """Return digests by version that are published for a service, and the one last activated."""
    published: dict[str, str] = {}
    last = ""
    with Store.open(founded.location) as store:
        found = {
            index: raw
            for mark in (b'"kind":"contract"', b'"kind":"activation"')
            for index, raw in store.records_containing(mark)
        }
    for _, raw in sorted(found.items()):
        record = parse_record(raw)
        if isinstance(record, ContractText) and record.service == service:
            published.setdefault(record.version, record.digest)
        elif isinstance(record, Activation) and record.service == service and record.imported:
            last = record.digest
    return published, last


def trust_destination(ledger: str, out: Path | None) -> Path:
    """Return where the trust file goes, before anything is written anywhere.

    Raises:
        UsageError: A ledger at a URL has no place beside it.
        CommandError: There is no such folder, or an older file of a ledger that is gone.
    """
    if out is None and "://" in ledger:
        raise UsageError("import.trust", "name the trust file of a ledger at a URL: --trust-out")
    path = out or Path(f"{ledger}.trust.json")
    if out is not None and not path.parent.is_dir():
        raise CommandError("trust.folder", f"{path}: there is no folder {path.parent}")
    if path.exists() and not _is_there(ledger):
        raise CommandError(
            "trust.other",
            f"{path}: is there already, and the ledger {ledger} is not",
            do="Name another file with --trust-out.",
        )
    return path


def check_trust_file(path: Path, founded: Founded) -> None:
    """Refuse to write over what is not this ledger's trust file.

    Raises:
        CommandError: It is another ledger's, or no trust file.
    """
    if path.exists():
        _check_ours(path, founded)


def hand_out_trust(founded: Founded, note: bytes, path: Path) -> Path:
    """Write the trust file, with the newest signed head, and say what it is worth where.

    Raises:
        CommandError: The file is another ledger's trust file, or cannot be written.
    """
    check_trust_file(path, founded)
    path.write_text(trust_file(founded, checkpoint=note), "utf-8")
    message(
        f"writ: trust file {path}. Give it to whoever will verify. Kept beside the ledger by "
        "whoever keeps the ledger, it proves nothing to anybody else."
    )
    return path


def _check_ours(path: Path, founded: Founded) -> None:
    try:
        pinned = parse_trust(path.read_bytes(), str(path)).genesis
    except TrustError as error:
        raise CommandError(
            "trust.other", f"{path}: is there already, and is no trust file ({error})"
        ) from error
    if pinned != founded.genesis:
        raise CommandError(
            "trust.other",
            f"{path}: is the trust file of another ledger",
            do="Name another file with --trust-out.",
        )
