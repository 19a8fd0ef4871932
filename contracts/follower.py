"""The valid entries of a ledger, read on as it grows: the history that a guard decides on.

A guard must decide on what a verifier will read as valid, and on nothing else. What the ledger
checked when it took an entry in (bytes, links, signatures, entitlement) is not checked again: a
guard trusts its store, and the verifier trusts nobody. What a ledger takes in and a verifier leaves
out is left out here too: references that lead nowhere, contracts and activations against the rules
of governance, and what was written by a key that had been in other hands.
Source: docs/spec/ledger-format.md, *Verification*, steps 6 to 9.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol

from contracts.coercion import SEALED, Unseen
from contracts.errors import ContractsError
from contracts.governance import Governance
from contracts.history import Event
from contracts.lineage import Remembered, Run
from contracts.references import KnownRun, References, imports
from ledger.authority import AuthorityHistory
from ledger.encoded import EncodedRecord
from ledger.encoding import decode
from ledger.entry import ZEROS, Header, leaf_hash, parse_header
from ledger.errors import LedgerError
from ledger.records import Action, AnyRecord, Authority, Genesis, read_record
from ledger.rows import Row
from ledger.sealed import replaced, sealed_in
from ledger.stewards import AUTHORITY_MARK

_SEALED_MARK: Final = b'{"sealed":"'


class Rows(Protocol):
    """What is read of a ledger's store."""

    def rows(
        self, start: int = 0, stop: int | None = None, *, strays: bool = True
    ) -> Iterator[Row]:
        """Yield entries in order, without gap."""
        ...

    def row(self, idx: int) -> Row:
        """Return one entry."""
        ...

    def records_containing(self, needle: bytes, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """Yield index and bytes of the records in which these bytes stand."""
        ...


class HistoryChangedError(ContractsError):
    """What was read before is not what a verifier would read now: begin anew.

    A key turned out to have been in other hands for longer than it wrote, or the ledger is another.
    """


class Follower:
    """Reads a ledger on, and hands on what is valid in it.

    Args:
        store: The ledger's store.

    Attributes:
        size: How many entries were read.
        latest: When the last of them was recorded; empty before the first.
        leaf: Leaf hash of the last of them, hex; zeros before the first.
    """

    def __init__(self, store: Rows) -> None:
        self._store = store
        self.size = 0
        self.latest = ""
        self.leaf = ZEROS
        self._authority: AuthorityHistory | None = None
        self._governance = Governance()
        # Of actions: what an outcome says of its action's entry is held against it.
        self._leaves: dict[int, str] = {}
        self._references = References(self._leaf_of)
        self._identities: dict[tuple[int, str], Mapping[str, Any]] = {}
        # The last entry that each key signed for: whether what is revoked later reaches back.
        self._wrote: dict[str, int] = {}

    def read_on(self, size: int) -> Iterator[Event]:
        """Yield the valid entries from where it was up to a size.

        Args:
            size: How many entries the ledger has, or had after some submission.

        Raises:
            HistoryChangedError: What was read before is not valid any more: begin anew.
            LedgerError: The store cannot be read, or an authority document does not follow.
        """
        if size < self.size:
            raise HistoryChangedError(f"{self.size} entries were read, and there are {size}")
        group: list[tuple[Row, Header]] = []
        if self.size == 0 < size:
            self._authority = _authority_ahead(self._store)
        for row in self._store.rows(self.size, size, strays=False):
            header = parse_header(row.header)
            if not group and header.prev != self.leaf:
                raise HistoryChangedError(f"entry {row.idx} does not follow what was read before")
            group.append((row, header))
            if header.position == header.count - 1:
                yield from self._submission(header, group)
                group = []
        if self.size != size:
            raise HistoryChangedError(f"the ledger ends at {self.size}, within what had {size}")

    def kept(self) -> dict[str, Any]:
        """Return what `go_on_from` needs beside the lineage of an engine that read as much."""
        known = self._authority.compromised.items() if self._authority is not None else ()
        stolen = {key: since for key, since in known if since < self.size}
        return {"size": self.size, "latest": self.latest, "leaf": self.leaf, "stolen": stolen}

    def go_on_from(
        self, kept: Mapping[str, Any], lineage: Remembered, contracts: Iterable[int]
    ) -> None:
        """Know what a follower knew that had read so much of this very ledger.

        Args:
            kept: What `kept` returned there.
            lineage: The runs, actions and observations up to there.
            contracts: The entries up to there that publish a contract, and are valid.

        Raises:
            HistoryChangedError: This is another ledger, or what was read is not valid any more.
            LedgerError: The store cannot be read.
        """
        self.size, self.latest, self.leaf = kept["size"], kept["latest"], kept["leaf"]
        if leaf_hash(self._store.row(self.size - 1).header).hex() != self.leaf:
            raise HistoryChangedError(f"entry {self.size - 1} is another one than was read before")
        self._authority = _authority_ahead(self._store)
        if self._authority is None or self.kept()["stolen"] != kept["stolen"]:
            raise HistoryChangedError("a key was in other hands, as is known now: read anew")
        for document in self._authority.documents:
            for key in document.keys:
                self._wrote[key] = self.size - 1
        for index in contracts:
            record = _read(self._store.row(index).record)
            if record is not None:
                self._governance.add(record, partial(self._owner, index))
        runs = {run.digest: self._known_run(run) for run in lineage.runs}
        if any(run.claimed and not run.closed for run in runs.values()):
            raise HistoryChangedError("an imported run is open, whose clock was read before")
        self._references.go_on_with(runs, _named(lineage))

    def _known_run(self, run: Run) -> KnownRun:
        opened = run.opened
        who = self._imports(opened["by"], run.index)
        imported = "import" in opened if who is None else who
        return KnownRun(
            index=run.index,
            service=opened["service"],
            ref=opened.get("ref", ""),
            imported=imported,
            claimed=run.has_clock,
            closed=run.closed is not None,
        )

    def event(self, index: int, digest: str, raw: bytes, recorded_at: str) -> Event:
        """Return a record as it will be read once it stands at an entry: a proposed action, say."""
        value = decode(raw)
        return self._event(index, digest, value, raw, recorded_at, imported=False)

    def assume(self, record: EncodedRecord, recorded_at: str, key: str) -> Event:
        """Return the event of a record as the next entry, and go on as if it were read.

        Args:
            record: A record that is valid there.
            recorded_at: When it will have been recorded.
            key: Fingerprint of the key that signs for it.
        """
        index = self.size
        imported = self._imported(index, record.record)
        self._references.add(index, record.digest, record.record, imported=imported)
        self.size, self.latest = index + 1, recorded_at
        self._wrote[key] = index
        value = decode(record.raw)
        return self._event(index, record.digest, value, record.raw, recorded_at, imported=imported)

    def again(self, index: int) -> Event:
        """Return a valid entry that was read before, as it was read."""
        row = self._store.row(index)
        header, raw = parse_header(row.header), row.record or b""
        value = decode(raw)
        imported = self._imported(index, read_record(value))
        return self._event(index, header.record, value, raw, header.recorded_at, imported=imported)

    def index_of(self, digest: str) -> int | None:
        """Return where the run, action or observation with this digest stands."""
        return self._references.index_of(digest)

    def problem(self, record: AnyRecord, digest: str) -> str:
        """Return why a record would not be valid as the next one: what it names is not there."""
        return self._references.problem(record, digest)

    def identity(self, by: str, index: int) -> Mapping[str, Any]:
        """Return what the authority says of an identity at an entry."""
        authority = self._authority
        if authority is None:
            return {"registered": False}
        found = authority.in_force(index)
        place = (found.index if found else -1, by)
        if place not in self._identities:
            self._identities[place] = authority.identity_at(index, by)
        return self._identities[place]

    def run_of(self, record: AnyRecord) -> KnownRun | None:
        """Return what is known of the run that a record stands in."""
        return self.run(self._references.run_of(record))

    def run(self, digest: str) -> KnownRun | None:
        """Return what is known of the run with this digest."""
        return self._references.runs.get(digest)

    # ------------------------------------------------------------------------ submissions

    def _submission(self, last: Header, rows: Sequence[tuple[Row, Header]]) -> Iterator[Event]:
        first = last.index - last.count + 1
        self.size, self.latest = last.index + 1, last.recorded_at
        self.leaf = leaf_hash(rows[-1][0].header).hex()
        self._wrote[last.key] = last.index
        values = [_decoded(row.record) for row, _ in rows]
        records = [_record(value) for value in values]
        self._fold(first, records)
        if self._authority is None or self._authority.is_compromised(last.key, first):
            return
        if any(
            self._refused(one, last.recorded_at, index)
            for index, one in enumerate(records, start=first)
        ):
            return
        for (row, header), value, record in zip(rows, values, records, strict=True):
            event = None if record is None else self._valid(row, header, value, record)
            if event is not None:
                yield event

    def _fold(self, first: int, records: Sequence[AnyRecord | None]) -> None:
        """Take in who may write what from here on, where that was not read ahead."""
        for index, record in enumerate(records, start=first):
            authority = self._authority
            if not isinstance(record, Authority) or authority is None:
                continue
            if authority.documents and index <= authority.documents[-1].index:
                continue
            self._authority = authority = authority.fold(index, record)
            for key, since in authority.compromised.items():
                if since <= self._wrote.get(key, -1) < first:
                    raise HistoryChangedError(f"key {key[:12]}… was in other hands: read anew")

    def _refused(self, record: AnyRecord | None, recorded_at: str, index: int) -> bool:
        """Return whether governance refuses a record, and so all that was submitted with it."""
        if record is None:
            return False
        if isinstance(record, Genesis) and index != 0:
            return True
        owner_of = partial(self._owner, index)
        return bool(self._governance.refusal(record, recorded_at, owner_of))

    def _owner(self, index: int, identity: str) -> str:
        return "" if self._authority is None else self._authority.owner_at(index, identity)

    # ----------------------------------------------------------------------------- records

    def _valid(self, row: Row, header: Header, value: object, record: AnyRecord) -> Event | None:
        index, digest = header.index, header.record
        imported = self._imported(index, record)
        if imported and self._references.clock_problem(record):
            return None
        if self._references.problem(record, digest):
            return None
        if isinstance(record, Action):
            self._leaves[index] = leaf_hash(row.header).hex()
        self._references.add(index, digest, record, imported=imported)
        self._governance.add(record, partial(self._owner, index))
        raw = row.record or b""
        return self._event(index, digest, value, raw, header.recorded_at, imported=imported)

    def _event(
        self,
        index: int,
        digest: str,
        value: Any,  # noqa: ANN401 - a record's JSON
        raw: bytes,
        recorded_at: str,
        *,
        imported: bool,
    ) -> Event:
        unseen = False
        if _SEALED_MARK in raw:
            for path, commitment in list(sealed_in(value)):
                reason = f"{path[1:].replace('/', '.')} {SEALED}was not disclosed"
                value = replaced(value, path, partial(_unseen, commitment, reason))
                unseen = True
        identity = self.identity(value["by"], index)
        return Event(index, digest, value, recorded_at, identity, imported, unseen)

    def _imported(self, index: int, record: AnyRecord) -> bool:
        """Return whether an importer wrote it; of one who is also an agent, whether its run is."""
        return self._references.imported(record, imports=self._imports(record.by, index))

    def _imports(self, by: str, index: int) -> bool | None:
        return imports(self.identity(by, index).get("roles", ()))

    def _leaf_of(self, index: int) -> str:
        return self._leaves.get(index) or leaf_hash(self._store.row(index).header).hex()


def _authority_ahead(store: Rows) -> AuthorityHistory | None:
    """Return all authority documents so far: a later one may say that a key was stolen earlier.

    None where entry 0 is not a genesis record, so that nobody may write anything.
    """
    genesis = _read(store.row(0).record)
    if not isinstance(genesis, Genesis):
        return None
    found = AuthorityHistory.of(genesis)
    for index, raw in store.records_containing(AUTHORITY_MARK):
        record = _read(raw)
        if isinstance(record, Authority):
            found = found.fold(index, record)
    return found


def _decoded(raw: bytes | None) -> object:
    """Return a record's JSON; None where it is none."""
    try:
        return decode(raw or b"")
    except LedgerError:
        return None


def _record(value: object) -> AnyRecord | None:
    """Return a record; None where the ledger holds what this version has no model of."""
    try:
        return read_record(value)
    except LedgerError:
        return None


def _read(raw: bytes | None) -> AnyRecord | None:
    return _record(_decoded(raw))


def _named(lineage: Remembered) -> Iterator[tuple[str, str, int, str]]:
    """Yield kind, digest, index and run of what later records may name."""
    for placed in (*lineage.actions, *lineage.observations):
        run = "" if placed.run is None else placed.run.digest
        yield placed.subject, placed.event.digest, placed.event.index, run


def _unseen(commitment: str, reason: str, _value: object) -> Unseen:
    return Unseen(commitment, reason)
