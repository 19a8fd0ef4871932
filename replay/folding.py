"""From the verdicts on merged rules to what each contract decides, a whole chunk at a time.

The meaning is that of `contracts.decision.decide`, which is asked once for each set of verdicts
that occurs. Source: docs/spec/contract-language.md, *Decision*.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from contracts.decision import Decision, decide
from contracts.engine import Engine
from contracts.lineage import Placed
from contracts.model import Effect, Rule, Verdict
from contracts.results import RuleResult
from replay.decided_again import Said
from replay.merged_judging import BROKEN, UNKNOWN, Codes, Verdicts
from replay.merging import Share

_RANKS: Final = {Effect.APPROVE: 1, Effect.ESCALATE: 2, Effect.DENY: 3}
"""Which effects change a decision."""
_VERDICTS: Final = {BROKEN: Verdict.VIOLATED, UNKNOWN: Verdict.UNDECIDABLE}

Places = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


class Folding:
    """Puts together what one contract decides.

    Args:
        share: The contract.
        engine: The engine of what it was merged into, whose approvals may lift rules.
    """

    def __init__(self, share: Share, engine: Engine) -> None:
        self.share = share
        self._engine = engine
        self._columns = np.array([number for _, number in share.rules], np.int64)
        self._ranks = [_ranks(rule) for rule, _ in share.rules]

    def against(self, codes: Codes, asked: Mask) -> Places:
        """Return the places of those asked about that the contract does not simply allow."""
        rank = np.zeros(len(codes), np.int8)
        for ranks, number in zip(self._ranks, self._columns, strict=True):
            column = codes[:, number]
            if column.any():
                np.maximum(rank, ranks[column], out=rank)
        return np.flatnonzero((rank > 0) & asked)

    def undecidable(self, codes: Codes, places: Places) -> Iterator[tuple[int, int]]:
        """Yield of which actions and merged rules the reason is wanted."""
        for number in set(self._columns.tolist()):
            for place in places[codes[places, number] == UNKNOWN].tolist():
                yield place, number

    def said(
        self, verdicts: Verdicts, places: Places, acts: Sequence[Placed]
    ) -> Iterator[tuple[int, Said]]:
        """Yield what is decided at these places, but for what an approval lifts altogether."""
        mine = verdicts.codes[places][:, self._columns]
        patterns, which = np.unique(mine, axis=0, return_inverse=True)
        decided = [self._decided(pattern.tolist()) for pattern in patterns]
        at: list[int] = places.tolist()
        numbers: list[int] = which.ravel().tolist()
        for place, number in zip(at, numbers, strict=True):
            decision = decided[number]
            if "resumes" in acts[place].event.record:
                pattern: list[int] = patterns[number].tolist()
                decision = self._approved(pattern, acts[place], decision)
            if decision.effect is not Effect.ALLOW:
                yield place, self._with_reasons(decision, verdicts, place)

    def _decided(self, pattern: Sequence[int], lifted: Collection[str] = ()) -> Decision:
        results = [
            RuleResult(0, rule, _VERDICTS[code])
            for (rule, _), code in zip(self.share.rules, pattern, strict=True)
            if code
        ]
        return decide(self.share.contract, results, lifted)

    def _approved(self, pattern: Sequence[int], placed: Placed, decision: Decision) -> Decision:
        """Return the decision where approvals before the action lift what they may."""
        book, lineage = self._engine.approvals, self._engine.world.lineage
        lifted = book.lifted(self.share.contract, placed, lineage)
        return self._decided(pattern, lifted) if lifted else decision

    def _with_reasons(self, decision: Decision, verdicts: Verdicts, place: int) -> Said:
        numbers = {rule.id: number for rule, number in self.share.rules}
        why = tuple(
            (one.rule, self.share.own_words(verdicts.reasons[place, numbers[one.rule]]))
            for one in decision.reasons
            if one.result is Verdict.UNDECIDABLE
        )
        return decision.effect, decision.reasons, why


def _ranks(rule: Rule) -> npt.NDArray[np.int8]:
    """Return how much each verdict's code does to a decision."""
    warns = rule.effect is Effect.WARN
    broken = 0 if warns else _RANKS.get(rule.effect, 0)
    unknown = 0 if warns else _RANKS.get(rule.undecidable, 0)
    return np.array([0, 0, broken, unknown], np.int8)
