"""The contracts that a ledger holds: published, activated, in force; and who may change that.

What is refused here is what a verifier would report: its own rules are asked before anything is
written, and asked again while the ledger's lock is held, so that nobody comes in between.
"""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast

from contracts.errors import ContractErrors
from contracts.governance import Governance
from contracts.history import Event
from contracts.instants import micros
from contracts.loading import load_contract
from contracts.model import Contract
from contracts.versions import Activation as InForce
from contracts.versions import VersionHistory
from ledger.admission import read_authority
from ledger.authority import AuthorityHistory, Standing
from ledger.client import LedgerClient
from ledger.clock import format_time, parse_time, system_clock
from ledger.encoding import decode, digest
from ledger.entry import parse_header
from ledger.external import load_key
from ledger.founding import Founded, key_path
from ledger.keys import fingerprint
from ledger.records import Activation, AnyRecord, ContractText, parse_record
from ledger.rows import Head
from ledger.store import Store
from writ.errors import CommandError, UsageError
from writ.output import message

AHEAD: Final = timedelta(seconds=2)
"""How far ahead an activation is when no time is named: it is recorded before it holds."""

LEAST_AHEAD: Final = timedelta(seconds=1)
"""How far ahead a time that is named has to be: the entry's own time comes a little later."""

_MARKS: Final = (b'"kind":"contract"', b'"kind":"activation"')


@dataclass(frozen=True, slots=True)
class Published:
    """A version of a contract in the ledger, and the entry that published it first."""

    index: int
    record: ContractText

    def contract(self) -> Contract | None:
        """Return the contract, None where this version of Writ cannot read it."""
        try:
            return load_contract(self.record.text, f"{self.record.version} in the ledger")
        except ContractErrors:
            return None


class Governed:
    """What a store says of its contracts now. Its integrity is not checked: `writ verify` does."""

    def __init__(self, store: Store) -> None:
        self.authority = read_authority(store)
        self.versions = VersionHistory()
        self.published: dict[tuple[str, str], Published] = {}
        self._rules = Governance()
        found = {index: raw for mark in _MARKS for index, raw in store.records_containing(mark)}
        for index, raw in sorted(found.items()):
            record = parse_record(raw)
            if isinstance(record, ContractText | Activation):
                recorded_at = parse_header(store.row(index).header).recorded_at
                self._add(index, raw, record, recorded_at)

    def _add(
        self, index: int, raw: bytes, record: ContractText | Activation, recorded_at: str
    ) -> None:
        owner_of = self._owners(index)
        if self._rules.refusal(record, recorded_at, owner_of):
            return
        self._rules.add(record, owner_of)
        fields = cast("dict[str, Any]", decode(raw))  # a record is an object: it was parsed as one
        self.versions.observe(Event(index, digest(raw), fields, recorded_at))
        if isinstance(record, ContractText):
            self.published.setdefault((record.service, record.version), Published(index, record))

    def _owners(self, index: int) -> Callable[[str], str]:
        return lambda identity: self.authority.owner_at(index, identity)

    def services(self) -> tuple[str, ...]:
        """Return the services that have a contract."""
        return tuple(sorted({service for service, _ in self.published}))

    def refuse(self, record: AnyRecord, key: str, head: Head, now: str) -> None:
        """Refuse what a verifier would call invalid, as the next entry.

        Raises:
            CommandError: The key is not entitled to it, or a rule of governance is against it.
        """
        found = self.authority.entitled(head.size, key, record, now)
        if found.standing is not Standing.ENTITLED:
            raise CommandError(
                "append.not-entitled",
                f"{record.by}: {found.why} ({found.code})",
                do="Name who may with --as or --key; `writ keys list LEDGER` shows who.",
            )
        what = self._rules.refusal(record, now, self._owners(head.size))
        if what:
            raise CommandError("governance.refused", what, do=_REMEDIES.get(record.kind, ""))


_REMEDIES: Final[Mapping[str, str]] = {
    "contract": "Give the changed contract another `version`: a published one is never edited.",
    "activation": "`writ contract services LEDGER` shows what is published and in force.",
}


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who writes a record of governance: an open client, and its key's fingerprint."""

    store: Store
    client: LedgerClient
    key: str

    def now(self, head: Head) -> datetime:
        """Return the least time that the next entry can have."""
        now = system_clock()
        return max(now, parse_time(head.recorded_at)) if head.recorded_at else now


@contextmanager
def speaking(founded: Founded, name: str, key: Path | None) -> Generator[Speaker]:
    """Open a ledger to write in it as an identity, with its own key or one that is named.

    Args:
        founded: The ledger.
        name: The identity, by short name or in full; empty: whom the key speaks for.
        key: Its key file; None for the one in the ledger's folder of keys.

    Raises:
        CommandError: There is no such identity, or the key is another's.
        LedgerError: A key cannot be read, or the ledger does not continue what was signed.
    """
    with Store.open(founded.location, writable=True) as store:
        by = identity_named(founded, name)
        signer = (
            founded.key(by.rpartition("/")[2]) if key is None else load_key(key, founded.passphrase)
        )
        if key is not None:
            by = identity_of_key(read_authority(store), signer.public_key, by, key)
        # Whoever governs need not keep the head key: then somebody else signs the next head.
        has_head = key_path(founded.keys_dir, "head").exists()
        client = LedgerClient(
            store, signer, by, head_signer=founded.head_signer() if has_head else None
        )
        yield Speaker(store, client, fingerprint(signer.public_key))
        client.close()
        if not has_head:
            message("writ: no head was signed: whoever keeps the head key does that")


def identity_named(founded: Founded, name: str) -> str:
    """Return an identity by its short name, or in full; empty where no name is given.

    Raises:
        CommandError: There is none.
    """
    if not name or name in founded.identities.values():
        return name
    if name not in founded.identities:
        raise CommandError(
            "ledger.identity",
            f"{founded.location}: has no identity called {name}",
            do=f"It has: {', '.join(sorted(founded.identities))}.",
        )
    return founded.identities[name]


def identity_of_key(authority: AuthorityHistory, public_key: bytes, name: str, file: Path) -> str:
    """Return the identity that a key speaks for, which has to be the one that was named.

    Raises:
        CommandError: The key speaks for nobody.
        UsageError: It speaks for another.
    """
    document = authority.documents[-1].document
    found = [
        one.identity for one in document.keys if one.key == public_key.hex() and one.use == "write"
    ]
    if not found:
        raise CommandError("key.stranger", f"{file}: speaks for nobody in this ledger")
    if name and name not in found:
        raise UsageError("key.identity", f"{file}: is the key of {found[0]}, not of {name}")
    return found[0]


def named_service(governed: Governed, name: str) -> str:
    """Return a service that has a contract, by its identity or the last part of it.

    Raises:
        CommandError: None has, or several do.
    """
    known = governed.services()
    found = [one for one in known if name in {one, one.rpartition("/")[2]}]
    if len(found) != 1:
        what = "several services are called so" if found else "no contract of it was published"
        raise CommandError(
            "contract.service", f"{name}: {what}", do=f"There are: {', '.join(known) or 'none'}."
        )
    return found[0]


# -------------------------------------------------------------------------- publishing


def publication(speaker: Speaker, contract: Contract, text: str) -> ContractText:
    """Return the record that publishes a contract's text."""
    return speaker.client.make(
        ContractText,
        service=contract.service,
        version=contract.version,
        digest=contract.digest,
        text=text,
    )


def publish(speaker: Speaker, record: ContractText) -> int:
    """Append it under the ledger's lock, its rules checked once more, and return its entry.

    Raises:
        CommandError: It is refused now.
    """

    def prepare(head: Head, now: str) -> list[AnyRecord]:
        Governed(speaker.store).refuse(record, speaker.key, head, now)
        return [record]

    return speaker.client.append(prepare)[0].index


# -------------------------------------------------------------------------- activating


@dataclass(frozen=True, slots=True)
class Wanted:
    """An activation as it is asked for. `effective_at` is None for as soon as can be."""

    published: Published
    effective_at: datetime | None

    def record(self, speaker: Speaker, now: datetime) -> Activation:
        """Return the record, as it would be at a time."""
        effective = self.effective_at or now + AHEAD
        return speaker.client.make(
            Activation,
            service=self.published.record.service,
            version=self.published.record.version,
            digest=self.published.record.digest,
            effective_at=format_time(effective),
            approved_by=(speaker.client.by,),
        )

    def refuse_past(self, now: datetime) -> None:
        """Refuse a time that has passed, or has by the time of the entry.

        Raises:
            CommandError: It has.
        """
        if self.effective_at is not None and self.effective_at < now + LEAST_AHEAD:
            raise CommandError(
                "activation.backdated",
                f"{format_time(self.effective_at)} has passed, or will have when it is recorded: "
                f"the ledger's time is {format_time(now)}",
                do="Name a later time, or leave --effective-at out: then it is as soon as can be.",
            )


def replaced(governed: Governed, wanted: Wanted, now: datetime) -> InForce | None:
    """Return what an activation takes over from, when it comes into force."""
    at = micros(format_time(wanted.effective_at or now + AHEAD)) or 0
    return governed.versions.at(wanted.published.record.service, at)


def activate(speaker: Speaker, wanted: Wanted, shown: InForce | None) -> tuple[int, Activation]:
    """Append an activation under the ledger's lock, and return its entry and the record.

    Args:
        speaker: Who activates.
        wanted: What, and from when.
        shown: What was in force when somebody looked at what changes.

    Raises:
        CommandError: It is refused now, or something else came into force since.
    """
    made: list[Activation] = []

    def prepare(head: Head, time: str) -> list[AnyRecord]:
        now = parse_time(time)
        governed = Governed(speaker.store)
        if replaced(governed, wanted, now) != shown:
            raise CommandError(
                "activation.changed",
                "another version was activated in the meantime: what was shown is not what changes",
                do="Run the command again.",
            )
        wanted.refuse_past(now)
        record = wanted.record(speaker, now)
        governed.refuse(record, speaker.key, head, format_time(now))
        made.append(record)
        return [record]

    index = speaker.client.append(prepare)[0].index
    return index, made[-1]
