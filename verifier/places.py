"""Where a finding stands: the entries that a draft names, read again and described.

What is read is compared with the leaf hash that the verification computed, so that a store that
gives other bytes the second time is noticed.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Protocol

from contracts.phrases import sentence
from contracts.results import Explanation
from ledger.encoding import digest
from ledger.entry import Header, leaf_hash, parse_header
from ledger.errors import LedgerError
from ledger.records import (
    Action,
    AnyRecord,
    Approval,
    Message,
    Observation,
    Outcome,
    RunClosed,
    RunOpened,
    parse_record,
)
from ledger.source import Source
from verifier.drafts import Draft, OutsideDraft
from verifier.errors import SourceError
from verifier.findings import Basis, Finding, finding_id, in_order, shortened
from verifier.grouping import Streams


class Pointing(Protocol):
    """What finds the runs and actions that records name."""

    def expect(self, runs: Iterable[str], actions: Iterable[str]) -> None:
        """Be asked for these, by their digests, from now on."""
        ...

    def run_of_action(self, action: str) -> str:
        """Return the digest of the run that an action stands in, or empty."""
        ...

    def action_at(self, action: str) -> int | None:
        """Return the entry of an action."""
        ...

    def run_at(self, run: str) -> int | None:
        """Return the entry that opened a run."""
        ...


class Read(Protocol):
    """A reading: how far it came, what its records name, and its leaf hashes."""

    size: int
    streams: Streams

    @property
    def references(self) -> Pointing:
        """What finds the runs and actions that records name."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """What a reader wants to know of an entry: kind, source, run, tool, who spoke, and when."""

    kind: str = ""
    source: str = ""
    snapshot: bool = False
    run: str = ""
    action: str = ""
    identity: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True)
class _Said:
    """What a record says of its place: its run or action are digests."""

    kind: str = ""
    source: str = ""
    run: str = ""
    action: str = ""
    tool: str = ""
    identity: str = ""
    at: str = ""


class Places:
    """Describes entries of a ledger that was read.

    Args:
        store: The store that it was read from.
        reading: The reading, for its leaf hashes and what its records name.
    """

    def __init__(self, store: Source, reading: Read) -> None:
        self._store = store
        self._reading = reading
        self._known: dict[int, _Said] = {}
        self.of: Callable[[int], Place] = lru_cache(maxsize=65_536)(self._described)
        self._ref = lru_cache(maxsize=65_536)(self._ref_of)

    def expect(self, drafts: Iterable[Draft]) -> None:
        """Read the entries that drafts name, in their order, and look up once what these name."""
        wanted = {index for draft in drafts for index in (draft.index, *draft.rests_on)}
        said = [self._said(index) for index in sorted(wanted)]
        self._reading.references.expect(
            {one.run for one in said if one.run}, {one.action for one in said if one.action}
        )

    def _described(self, index: int) -> Place:
        said = self._said(index)
        run = said.run
        if not run and said.action:
            run = self._reading.references.run_of_action(said.action)
        return Place(
            kind=said.kind,
            source=said.source,
            snapshot=said.kind == "observation" and not run,
            run=self._ref(run) or run,
            action=said.tool or self._tool(said.action),
            identity=said.identity,
            at=said.at,
        )

    def _said(self, index: int) -> _Said:
        """Return what the record of an entry says; nothing where there is none."""
        known = self._known.get(index)
        if known is None:
            known = _NOTHING
            if 0 <= index < self._reading.size:
                header, record = self._read(index)
                known = _said_by(record) if record is not None else _NOTHING
                known = replace(known, at=header.recorded_at)
            self._known[index] = known
        return known

    def _ref_of(self, run: str) -> str:
        """Return the source's own id of a run, or empty."""
        index = self._reading.references.run_at(run) if run else None
        record = None if index is None else self._read(index)[1]
        return record.ref or "" if isinstance(record, RunOpened) else ""

    def _tool(self, action: str) -> str:
        """Return the tool of an action."""
        index = self._reading.references.action_at(action) if action else None
        return "" if index is None else self._said(index).tool

    def _read(self, index: int) -> tuple[Header, AnyRecord | None]:
        row = self._store.row(index)
        if leaf_hash(row.header).hex() != self._reading.streams.leaf(index):
            raise SourceError(f"entry {index} changed while it was being verified")
        header = parse_header(row.header)
        if row.record is None and self._store.withheld(index):
            return header, None
        raw = row.record or b""
        if header.record != digest(raw):
            raise SourceError(f"the record of entry {index} changed while it was being verified")
        try:
            return header, parse_record(raw)
        except LedgerError:
            return header, None


_NOTHING: Final = _Said()


def _said_by(record: AnyRecord) -> _Said:
    run = action = tool = source = ""
    if isinstance(record, Message | Action | Outcome | RunClosed | Observation):
        run = record.run or ""
    if isinstance(record, Outcome | Approval | Observation):
        action = record.action or ""
    if isinstance(record, Action):
        tool = record.tool
    if isinstance(record, Observation):
        source = record.source
    return _Said(record.kind, source, run, action, tool, record.by)


def placed(drafts: Iterable[Draft], genesis: str, places: Places | None) -> tuple[Finding, ...]:
    """Return drafts as findings, in the order of every report.

    Args:
        drafts: What was found.
        genesis: Digest of the genesis record: part of every finding's id.
        places: Where to look entries up; None for a ledger that cannot be read any more.
    """
    drafts = list(drafts)
    if places is not None:
        places.expect(drafts)
    return in_order(_finding(draft, genesis, places) for draft in drafts)


def _finding(draft: Draft, genesis: str, places: Places | None) -> Finding:
    look = places.of if places else _nowhere
    place = look(draft.index)
    if isinstance(draft, OutsideDraft) and draft.tool:
        # It stands at an entry that is not its own: nobody in the ledger made the call.
        place = Place(run=draft.run, action=draft.tool)
    rule = draft.rule or draft.code
    bases = tuple(_basis(index, look(index)) for index in sorted(set(draft.rests_on)))
    return Finding(
        id=finding_id(genesis, draft.code, rule, draft.index, draft.contract, draft.detail),
        code=draft.code,
        clause=draft.code.partition(".")[0],
        rule=rule,
        result=draft.result,
        severity=draft.severity,
        index=draft.index,
        run=place.run,
        action=place.action,
        identity=place.identity,
        expected=draft.expected,
        recorded=draft.recorded,
        rests_on=bases,
        uses_snapshot=any(basis.snapshot for basis in bases),
        contract=draft.contract,
        contract_line=draft.contract_line,
        says=draft.says,
        cites=draft.cites,
        reason=draft.reason,
        handled=draft.handled,
        explanation=_explanation(draft),
        at=place.at,
    )


def _explanation(draft: Draft) -> Explanation:
    """Return why: what the engine said of it, else what was found and what was asked for."""
    said = draft.explanation or Explanation(
        because=(sentence(shortened(draft.recorded)),) if draft.recorded else (),
        would=(draft.expected,) if draft.expected else (),
    )
    because = said.because
    if draft.reason and not any(draft.reason in one for one in because):
        because = (*because, sentence(shortened(draft.reason)))
    if draft.handled:
        because = (*because, sentence(draft.handled))
    entries = said.entries or tuple(sorted({draft.index, *draft.rests_on}))
    return replace(said, because=because, entries=entries)


def _basis(index: int, place: Place) -> Basis:
    return Basis(index, place.kind, place.source, place.snapshot)


def _nowhere(_index: int) -> Place:
    return Place()
