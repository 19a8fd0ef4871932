"""The naive reference as an engine that judges scenarios again."""

from collections.abc import Sequence

from contracts.decision import Decision, Reason
from contracts.history import Event
from contracts.model import Contract
from contracts.rehearsal import PENDING, Judgement
from tests.reference.naive import Naive


class Scanning:
    """Scans every earlier entry for each question, and asks no counter."""

    @property
    def name(self) -> str:
        """What a report calls it."""
        return "naive reference"

    def judge(self, contract: Contract, events: Sequence[Event]) -> Judgement:
        """Judge a history."""
        naive = Naive(contract, events)
        results = {
            (each.index, each.rule): PENDING if each.reason == PENDING else str(each.verdict)
            for each in naive.results()
        }
        decisions = {
            event.index: decided(naive, event) for event in events if "contract" in event.record
        }
        return Judgement(results, decisions)


def decided(naive: Naive, event: Event) -> Decision:
    """The decision on an action."""
    effect, reasons = naive.decision(event)
    return Decision(effect, tuple(Reason(*each) for each in reasons))
