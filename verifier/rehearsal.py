"""What the verifier would say of a scenario's history, had a ledger held it.

The judging part of verification runs on it as it does on a ledger: the contract is found as the
version in force, each record is placed and decided again, and what was handled is told from what
was violated. Bytes, signatures and heads are no part of a scenario.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from contracts.history import Event
from contracts.loading import load_contract
from contracts.model import Contract
from contracts.references import References
from contracts.rehearsal import PENDING, Judgement
from contracts.withholding import Mark
from ledger.records import read_record
from verifier.conformance import Judge
from verifier.drafts import Draft
from verifier.engines import Engines
from verifier.entries import ValidEntry
from verifier.findings import Result
from verifier.grouping import Streams

_NOTHING: Final = "00" * 32
_STREAM: Final = "00" * 16


def _unheard(mark: Mark) -> None:
    """Nothing of a scenario is held back."""


class _Read:
    """What a reading of the scenario's ledger would have remembered."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.streams = Streams(_NOTHING)
        self.references = References(self.streams.leaf)
        self.when_withheld: Callable[[Mark], None] = _unheard


@dataclass(frozen=True, slots=True)
class _Published:
    texts: Mapping[str, str]
    activated: Mapping[str, int]
    owners: Mapping[str, str]

    def owner(self, identity: str, index: int) -> str:
        """Return who answers for an identity: the same at every index of a scenario."""
        del index
        return self.owners.get(identity, "")


class Verifying:
    """The verifier as an engine that judges scenarios again.

    Args:
        engines: What decides its records again: columns have to be planned for each scenario, which
            takes about a second.
    """

    def __init__(self, engines: Engines = Engines.ROWS) -> None:
        self._engines = engines
        # Each scenario has a ledger of its own, and all of them the same contract.
        self._load = lru_cache(maxsize=16)(load_contract)

    @property
    def name(self) -> str:
        """What a report calls it."""
        return "verifier"

    def judge(self, contract: Contract, events: Sequence[Event]) -> Judgement:
        """Judge a history whose first two entries publish and activate the contract."""
        reading = _Read(len(events))
        texts = {
            event.record["digest"]: event.record["text"]
            for event in events
            if event.record["kind"] == "contract" and event.record["digest"] == contract.digest
        }
        owners = {event.record["by"]: str(event.identity.get("owner", "")) for event in events}
        published = _Published(texts, dict.fromkeys(texts, 1), owners)
        judge = Judge(published, reading, self._load, self._engines)
        objections: dict[int, list[str]] = {}
        for event in events:
            record = read_record(dict(event.record))
            problem = reading.references.problem(record, event.digest)
            if problem:
                objections.setdefault(event.index, []).append(f"no valid record: {problem}")
                continue
            # As verification does: a record is remembered before it is judged.
            reading.references.add(event.index, event.digest, record, imported=event.imported)
            judge.observe(ValidEntry(event, record, exact=True, submission=event.index))
        _, drafts = judge.finish()
        decided = {event.index for event in events if "contract" in event.record}
        for draft in drafts:
            if draft.index in decided and draft.code.startswith("decision."):
                said = f"{draft.code}: {draft.recorded}, not {draft.expected}"
                objections.setdefault(draft.index, []).append(said)
        results = {(one.index, one.rule): _word(one) for one in drafts if one.rule}
        return Judgement(results, objections=objections, silent=True, tells_handled=True)


def _word(draft: Draft) -> str:
    pending = draft.result is Result.UNDECIDABLE and draft.reason == PENDING
    return PENDING if pending else draft.result.value
