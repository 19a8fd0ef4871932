"""What if: history under candidate contracts, what each would have prevented, and at what price.

Source: docs/spec/whatif.md.
"""

from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from replay.candidates import Candidate
from replay.cascade import Cascaded
from replay.decided_again import Judgements
from replay.flips import Flip, Said, flips, said
from replay.history import Act, History, Run
from replay.pareto import front
from replay.redecided import Redecided
from replay.run_choice import ChosenActs
from replay.weighing import Tally
from replay.wrong import Wrong, wrongs
from verifier.report import Report

AS_RECORDED: Final = "as recorded"
CASCADING: Final = "cascading"
SECOND: Final = 1_000_000
NO_RULE: Final = "(no rule)"
NO_CASE: Final = "(not known)"


def _day(act: Act) -> str:
    if act.time is None:
        return ""
    return datetime.fromtimestamp(act.time // SECOND, UTC).date().isoformat()


DIMENSIONS: Final[Mapping[str, Callable[[Act, Run], str]]] = {
    "channel": lambda act, _run: act.channel,
    "tool": lambda act, _run: act.tool,
    "mode": lambda act, _run: act.mode,
    "version": lambda act, _run: act.version,
    "day": lambda act, _run: _day(act),
    "identity": lambda act, _run: act.by,
    "domain": lambda _act, run: run.said("domain"),
    "model": lambda _act, run: run.said("model"),
}
"""What actions can be grouped by; `rule` groups flips alone, `case` is the candidate's own."""
RULE: Final = "rule"
CASE: Final = "case"
"""The case of the limits by the first level: the region, say."""
GROUPINGS: Final = (*DIMENSIONS, CASE, RULE)
USUAL: Final = ("tool", "channel", RULE)


@dataclass(frozen=True, slots=True)
class Compared:
    """A candidate against what was in force.

    Attributes:
        candidate: The candidate.
        flips: Its flips, in index order.
        tally: What they come to.
        groups: The same by what was asked for; by rule a flip counts under its first one.
        front: Whether no other candidate beats it.
        undecided: How many actions are undecidable by it, and were so by what was in force.
        cascade: What came of it where what it stops never happened; None as recorded.
        contingent_flips: Flips in later steps of runs that would have gone another way. They are in
            none of the others.
        contingent: What these come to.
    """

    candidate: Candidate
    flips: tuple[Flip, ...]
    tally: Tally
    groups: Mapping[str, Mapping[str, Tally]]
    front: bool
    undecided: int = 0
    cascade: Cascaded | None = None
    contingent_flips: tuple[Flip, ...] = ()
    contingent: Tally = field(default_factory=Tally)


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The answer.

    Attributes:
        report: The report on the ledger.
        history: What was read of it.
        mode: As recorded, or cascading.
        chosen: The actions that are counted.
        compared: The candidates.
        wrong: What was wrong, by the actions' entries.
        by: What was grouped by.
        asked: The selection in words.
    """

    report: Report
    history: History
    mode: str
    chosen: ChosenActs
    compared: tuple[Compared, ...]
    wrong: Mapping[int, Wrong] = field(default_factory=dict[int, Wrong])
    by: tuple[str, ...] = USUAL
    asked: tuple[str, ...] = ()


def what_if(
    history: History,
    report: Report,
    judgements: Judgements,
    candidates: Sequence[Candidate],
    chosen: ChosenActs,
    *,
    cascades: Sequence[Cascaded] = (),
    by: Sequence[str] = USUAL,
    asked: Sequence[str] = (),
) -> WhatIf:
    """Compare candidates with what was in force, for the actions that are asked about.

    Args:
        history: What was done.
        report: What verification found.
        judgements: What the contracts in force and the candidates say, in the same order.
        candidates: The candidates.
        chosen: The actions that are counted.
        cascades: Of each candidate what comes of it, for the mode *cascading*.
        by: What to group by, of `GROUPINGS`.
        asked: The selection in words.
    """
    wrong = wrongs(history, report.findings)
    weighing = _Weighing(history, judgements, chosen, wrong, by)
    each: Sequence[Cascaded | None] = cascades or [None] * len(candidates)
    found = [
        weighing.compared(candidate, number, cascade)
        for number, (candidate, cascade) in enumerate(zip(candidates, each, strict=True))
    ]
    best = front([price(one.tally) for one in found])
    compared = tuple(replace(one, front=on) for one, on in zip(found, best, strict=True))
    mode = CASCADING if cascades else AS_RECORDED
    return WhatIf(report, history, mode, chosen, compared, wrong, tuple(by), tuple(asked))


def price(tally: Tally) -> tuple[int, int, int]:
    """Return what candidates are compared by: prevented, blocked, asked of people."""
    return tally.prevented.count, tally.blocked.count, tally.people


class _Weighing:
    """Weighs the candidates of one question."""

    def __init__(
        self,
        history: History,
        judgements: Judgements,
        chosen: ChosenActs,
        wrong: Mapping[int, Wrong],
        by: Sequence[str],
    ) -> None:
        self._runs = history.runs
        self._judgements = judgements
        self._chosen = chosen
        self._wrong = wrong
        self._by = by
        self._of_service: dict[str, dict[int, Act]] = {}

    def compared(self, candidate: Candidate, number: int, cascade: Cascaded | None) -> Compared:
        """Return a candidate's flips, what they come to, and that by group."""
        service = candidate.contract.service
        acts = self._acts(service)
        again = self._judgements.candidates[number]
        decided: Mapping[int, Redecided] = again
        apart: AbstractSet[int] = frozenset()
        if cascade is not None:
            decided = {**again, **cascade.decisions}
            apart = cascade.contingent
            # What hangs on an outcome that nobody knows stands as it was recorded.
            gone = cascade.moot | cascade.unsure
            acts = {index: act for index, act in acts.items() if index not in gone}
        every = tuple(flips(self._judgements, decided, acts))
        firm = tuple(flip for flip in every if flip.act.index not in apart)
        tally, groups = self._weighed(firm, number, acts)
        contingent = Tally()
        for flip in (later := tuple(flip for flip in every if flip.act.index in apart)):
            contingent.take(flip, self._wrong)
        return Compared(
            candidate,
            firm,
            tally,
            groups,
            front=False,
            undecided=self._undecided(decided, acts),
            cascade=cascade,
            contingent_flips=later,
            contingent=contingent,
        )

    def _undecided(self, decided: Mapping[int, Redecided], acts: Container[int]) -> int:
        """Return how many actions neither what was in force nor a candidate can decide."""
        both = self._judgements.baseline.keys() & decided.keys()
        return sum(
            said(decided[index]) is Said.UNDECIDABLE
            and said(self._judgements.baseline.of(index)) is Said.UNDECIDABLE
            for index in both
            if index in acts
        )

    def _weighed(
        self, found: Sequence[Flip], number: int, acts: Mapping[int, Act]
    ) -> tuple[Tally, dict[str, dict[str, Tally]]]:
        """Return what flips come to, in all and by group."""
        tally = Tally(actions=len(acts))
        groups: dict[str, dict[str, Tally]] = {}
        for by in self._by:
            counts = Counter[str]()
            if by != RULE:
                counts.update(self._key(by, act, number) for act in acts.values())
            groups[by] = {key: Tally(actions=many) for key, many in sorted(counts.items())}
        for flip in found:
            tally.take(flip, self._wrong)
            for by, mine in groups.items():
                key = self._key(by, flip.act, number)
                if by == RULE:
                    key = next(iter(flip.rules), NO_RULE)
                mine.setdefault(key, Tally()).take(flip, self._wrong)
        return tally, groups

    def _acts(self, service: str) -> dict[int, Act]:
        if service not in self._of_service:
            self._of_service[service] = {
                act.index: act
                for act in self._chosen.acts
                if act.run in self._runs and self._runs[act.run].said("service") == service
            }
        return self._of_service[service]

    def _key(self, by: str, act: Act, number: int) -> str:
        """Return the group of an action; by rule there is none before something flips."""
        if by == CASE:
            cases = self._judgements.cases
            return cases[number].get(act.index, NO_CASE) if cases else NO_CASE
        of = DIMENSIONS.get(by)
        return "" if of is None else of(act, self._runs[act.run])
