"""Which decisions another contract would have flipped.

A flip is measured against the decision *derived* under the contract in force, never against the
recorded one: that a gate decided wrongly is no merit of a candidate.
Source: docs/spec/whatif.md, *Flips*.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from contracts.decision import Decision
from contracts.model import Effect, Verdict
from replay.decided_again import Judgements
from replay.history import Act
from replay.redecided import Redecided

_ORDER = (Effect.ALLOW, Effect.APPROVE, Effect.ESCALATE, Effect.DENY)
_SHORT = 16
"""Digits of a record's digest in a flip's name."""


class Said(StrEnum):
    """What is decided of an action, in one word."""

    NONE = "none"
    """No contract was in force."""
    ALLOW = "allow"
    APPROVE = "approve"
    ESCALATE = "escalate"
    DENY = "deny"
    UNDECIDABLE = "undecidable"
    """It is not let through only because nobody can tell whether some rule holds."""

    @property
    def lets_through(self) -> bool:
        """Whether the action goes on as it is."""
        return self in {Said.NONE, Said.ALLOW}

    @property
    def asks_people(self) -> bool:
        """Whether a person has to look at it."""
        return self in {Said.APPROVE, Said.ESCALATE}


@dataclass(frozen=True, slots=True)
class Flip:
    """A decision that another contract would have flipped.

    Attributes:
        act: The action.
        then: What the contract in force says of it.
        now: What the candidate says.
        was: The first in full; None where no contract was in force.
        again: The second in full.
    """

    act: Act
    then: Said
    now: Said
    was: Redecided | None
    again: Redecided

    @property
    def kind(self) -> str:
        """From what to what."""
        return f"{self.then}→{self.now}"

    @property
    def name(self) -> str:
        """Its name in a list of accepted flips: the same for the same record and decisions."""
        return f"{self.act.digest[:_SHORT]} {self.then}>{self.now}"

    @property
    def prevents(self) -> bool:
        """Whether what was let through is so no longer."""
        return self.then.lets_through and not self.now.lets_through

    @property
    def admits(self) -> bool:
        """Whether what was not let through is so now."""
        return not self.then.lets_through and self.now.lets_through

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that made it: those that stand against it now, else those that did then."""
        decided = self.again if not self.now.lets_through else self.was
        return () if decided is None else deciding(decided.decision)


def deciding(decision: Decision) -> tuple[str, ...]:
    """Return the rules that a decision rests on, in the contract's order."""
    return tuple(one.rule for one in decision.reasons if one.effect is decision.effect)


def said(decided: Redecided) -> Said:
    """Return a decision in one word.

    Where the rules that are violated for certain have a milder effect than all that are not
    satisfied, the decision rests on what nobody can tell.
    """
    sure = [
        _ORDER.index(one.effect)
        for one in decided.reasons
        if one.result is Verdict.VIOLATED and one.effect is not Effect.WARN
    ]
    if max(sure, default=0) < _ORDER.index(decided.effect):
        return Said.UNDECIDABLE
    return Said(decided.effect.value)


def flips(
    judgements: Judgements, candidate: Mapping[int, Redecided], acts: Mapping[int, Act]
) -> Iterator[Flip]:
    """Yield the flips of a candidate, in index order.

    Args:
        judgements: What the contracts in force say.
        candidate: What the candidate says, by entry; an action that is not there is allowed.
        acts: The actions that are asked about and that the candidate judges, by entry.
    """
    none = frozenset(judgements.ungoverned)
    for index in sorted({*judgements.baseline, *candidate}):
        act = acts.get(index)
        if act is None:
            continue
        was = None if index in none else judgements.baseline.of(index)
        again = candidate.get(index) or Redecided(index, Effect.ALLOW)
        then, now = Said.NONE if was is None else said(was), said(again)
        if then is now or (then.lets_through and now.lets_through):
            continue
        yield Flip(act, then, now, was, again)
