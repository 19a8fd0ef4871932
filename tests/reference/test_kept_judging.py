"""What is kept of the judging step is enough: random contracts over random histories, cut once."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from contracts.history import Event
from contracts.model import Contract
from contracts.placed_rows import PlacedReader, PlacedWriter
from contracts.references import KnownRun, References
from contracts.withholding import Mark
from ledger.records import read_record
from tests.reference.histories import OWNER, SERVICE, digest_of, events_of, written
from tests.reference.random_cases import FOCUSES, cases
from tests.reference.test_vectors import asked
from verifier.conformance import Judge
from verifier.drafts import Draft
from verifier.engines import Engines
from verifier.entries import ValidEntry
from verifier.grouping import Streams
from verifier.report import Conformance

TEXT: Final = "a contract's text"


class Read:
    """A reading that remembers the runs."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.streams = Streams("00" * 32)
        self.references = References(self.streams.leaf)
        self.when_withheld: Callable[[Mark], None] = lambda _: None

    def add(self, event: Event) -> None:
        """Take note of a record."""
        record = event.record
        if record["kind"] == "run" and record["phase"] == "opened":
            run = KnownRun(event.index, record["service"], "", event.imported, claimed=False)
            self.references.runs[event.digest] = run
        elif record["kind"] == "run" and record["run"] in self.references.runs:
            self.references.runs[record["run"]].closed = True


class Published:
    """One contract, activated from the start."""

    def __init__(self, contract: Contract) -> None:
        self.texts = {contract.digest: ""}
        self.activated = {contract.digest: 1}

    def owner(self, identity: str, index: int) -> str:
        """Return the same for all."""
        del identity, index
        return OWNER


def history_of(contract: Contract, events: Sequence[Event]) -> list[ValidEntry]:
    """The history, with what publishes and activates the contract before it."""
    of = {"service": SERVICE, "version": contract.version, "digest": contract.digest}
    own = {"v": 1, "by": SERVICE, **of}
    first = [
        {"kind": "contract", "text": TEXT, **own},
        {"kind": "activation", "effective_at": written(-1), "approved_by": [SERVICE], **own},
    ]
    made = [
        Event(index, digest_of(f"first {index}"), record, written(-2 + index))
        for index, record in enumerate(first)
    ]
    made += [replace(event, index=event.index + len(first)) for event in events]
    return [_valid(event) for event in made]


def _valid(event: Event) -> ValidEntry:
    record = read_record({"nonce": "00" * 16, **event.record})
    return ValidEntry(event, record, exact=True, submission=event.index)


def judged(
    contract: Contract, history: Sequence[ValidEntry], cut: int, engines: Engines
) -> tuple[Conformance, list[Draft]]:
    """Judge a history, with what is kept at `cut` taken up by another judge there."""

    def load(_text: str, _name: str) -> Contract:
        return contract

    reading = Read(len(history))
    judge = Judge(Published(contract), reading, load, engines)
    for valid in history:
        if valid.event.index == cut:
            writer = PlacedWriter()
            rows = judge.kept(writer)
            kept = json.loads(json.dumps({"rows": rows, "tables": writer.tables()}))
            judge = Judge(Published(contract), reading, load, engines)
            judge.take_up(cut, kept["rows"], PlacedReader(kept["tables"]))
        reading.add(valid.event)
        judge.observe(valid)
    conformance, drafts = judge.finish()
    return conformance, sorted(drafts, key=repr)


@pytest.mark.parametrize("focus", FOCUSES)
@settings(max_examples=settings().max_examples // 4)
@given(data=st.data())
def test_a_judge_goes_on_as_one_that_saw_all_of_it(focus: str, data: st.DataObject) -> None:
    """All findings, all counts, whichever engine had the first part."""
    case = data.draw(cases(focus))
    contract = replace(asked(case), digest=digest_of(TEXT))
    events = events_of(case["history"])
    assume(events)
    history = history_of(contract, events)
    cut = data.draw(st.integers(2, len(history) - 1))
    whole = judged(contract, history, -1, Engines.ROWS)
    assert judged(contract, history, cut, Engines.ROWS) == whole
    if data.draw(st.integers(0, 9)) == 0:
        assert judged(contract, history, cut, Engines.COLUMNS) == whole
