"""Where a finding stands: the entries that a draft names, read again and described.

What is read is compared with the leaf hash that the verification computed, so that a store that
gives other bytes the second time is noticed.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol

from contracts.phrases import sentence
from contracts.references import References
from contracts.results import Explanation
from ledger.encoding import digest
from ledger.entry import Header, leaf_hash, parse_header
from ledger.errors import LedgerError
from ledger.records import Action, AnyRecord, Approval, Observation, Outcome, parse_record
from ledger.source import Source
from verifier.drafts import Draft
from verifier.errors import SourceError
from verifier.findings import Basis, Finding, finding_id, in_order, shortened
from verifier.grouping import Streams


class Read(Protocol):
    """A reading: how far it came, its runs, and its leaf hashes."""

    size: int
    references: References
    streams: Streams


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


class Places:
    """Describes entries of a ledger that was read.

    Args:
        store: The store that it was read from.
        reading: The reading, for its leaf hashes and its runs.
    """

    def __init__(self, store: Source, reading: Read) -> None:
        self._store = store
        self._reading = reading
        self.of: Callable[[int], Place] = lru_cache(maxsize=65_536)(self._described)

    def _described(self, index: int) -> Place:
        if not 0 <= index < self._reading.size:
            return Place()
        header, record = self._read(index)
        if record is None:
            return Place(at=header.recorded_at)
        references = self._reading.references
        run = references.run_of(record)
        known = references.runs.get(run)
        return Place(
            kind=record.kind,
            source=record.source if isinstance(record, Observation) else "",
            snapshot=isinstance(record, Observation) and not run,
            run=(known.ref if known else "") or run,
            action=self._tool(record),
            identity=record.by,
            at=header.recorded_at,
        )

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

    def _tool(self, record: AnyRecord) -> str:
        """Return the tool of an action, or of the action that a record is about."""
        if isinstance(record, Action):
            return record.tool
        if isinstance(record, Outcome | Approval | Observation) and record.action:
            index = self._reading.references.index_of(record.action)
            return self.of(index).action if index is not None else ""
        return ""


def placed(drafts: Iterable[Draft], genesis: str, places: Places | None) -> tuple[Finding, ...]:
    """Return drafts as findings, in the order of every report.

    Args:
        drafts: What was found.
        genesis: Digest of the genesis record: part of every finding's id.
        places: Where to look entries up; None for a ledger that cannot be read any more.
    """
    return in_order(_finding(draft, genesis, places) for draft in drafts)


def _finding(draft: Draft, genesis: str, places: Places | None) -> Finding:
    look = places.of if places else _nowhere
    place = look(draft.index)
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
