"""What flips come to: prevented, blocked, and asked of people; in money by currency.

Tallies of any partition of the actions add up to that of all. Source: docs/spec/whatif.md.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from replay.flips import Flip, Said
from replay.history import Money
from replay.wrong import Wrong

REFUSE = "refuse"


@dataclass(slots=True)
class Sums:
    """Some executed actions: how many, and their value and cost in micro-units by currency.

    Attributes:
        count: How many.
        held: How many of them would be held for an approval, and maybe be approved.
        values: What was recorded as their value.
        costs: What was recorded as their cost.
        unvalued: Of how many no value was recorded.
    """

    count: int = 0
    held: int = 0
    values: Counter[str] = field(default_factory=Counter[str])
    costs: Counter[str] = field(default_factory=Counter[str])
    unvalued: int = 0

    def take(self, flip: Flip) -> None:
        """Count an executed action."""
        self.count += 1
        self.held += flip.now is Said.APPROVE
        _pay(self.values, flip.act.value)
        _pay(self.costs, flip.act.cost)
        self.unvalued += flip.act.value is None

    def join(self, other: "Sums") -> None:
        """Add others."""
        self.count += other.count
        self.held += other.held
        self.values.update(other.values)
        self.costs.update(other.costs)
        self.unvalued += other.unvalued


def _pay(sums: Counter[str], money: Money | None) -> None:
    if money is not None:
        sums[money.currency] += money.micros


@dataclass(slots=True)
class Tally:
    """What a candidate would have changed for some actions.

    Attributes:
        actions: How many the candidate judges.
        kinds: How many flips of each kind.
        prevented: Executed, wrong, let through then, and not now.
        broke: How many of these had violated a rule.
        undone: How many of these were taken back, or were to be.
        blocked: The same of what was executed and nothing shows to be wrong.
        admitted: Not let through then and now, executed all the same.
        admitted_wrong: How many of these were wrong.
        newly: Not let through then and not executed, let through now: their outcome is unknown.
        asked_value: What their contract estimates as the value of these.
        approvals: Held for an approval now and not then; the other way round; and how many of
            those a person had refused.
        escalations: Handed to a person now and not then; the other way round.
        undecidable: How many are undecidable now, and were not.
    """

    actions: int = 0
    kinds: Counter[tuple[Said, Said]] = field(default_factory=Counter[tuple[Said, Said]])
    prevented: Sums = field(default_factory=Sums)
    broke: int = 0
    undone: int = 0
    blocked: Sums = field(default_factory=Sums)
    admitted: Sums = field(default_factory=Sums)
    admitted_wrong: int = 0
    newly: int = 0
    asked_value: Counter[str] = field(default_factory=Counter[str])
    approvals: tuple[int, int, int] = (0, 0, 0)
    escalations: tuple[int, int] = (0, 0)
    undecidable: int = 0

    @property
    def flips(self) -> int:
        """How many flips."""
        return self.kinds.total()

    @property
    def people(self) -> int:
        """How many more actions go to a person, less those that no longer do."""
        added, removed, _ = self.approvals
        more, fewer = self.escalations
        return added + more - removed - fewer

    def take(self, flip: Flip, wrong: Mapping[int, Wrong]) -> None:
        """Count a flip."""
        self.kinds[flip.then, flip.now] += 1
        self.undecidable += flip.now is Said.UNDECIDABLE
        self._ask(flip)
        found = wrong.get(flip.act.index)
        if flip.act.executed and flip.prevents:
            (self.blocked if found is None else self.prevented).take(flip)
            if found is not None:
                self.broke += bool(found.broke)
                self.undone += bool(found.undone)
        elif flip.act.executed and flip.admits:
            self.admitted.take(flip)
            self.admitted_wrong += found is not None
        elif flip.admits:
            self.newly += 1
            _pay(self.asked_value, flip.act.reserved[1])

    def _ask(self, flip: Flip) -> None:
        added, removed, refused = self.approvals
        gone = flip.then is Said.APPROVE
        said_no = gone and any(one.verdict == REFUSE for one in flip.act.approvals)
        self.approvals = added + (flip.now is Said.APPROVE), removed + gone, refused + said_no
        more, fewer = self.escalations
        self.escalations = (
            more + (flip.now is Said.ESCALATE),
            fewer + (flip.then is Said.ESCALATE),
        )

    def join(self, other: "Tally") -> None:
        """Add what was counted of other actions."""
        self.actions += other.actions
        self.kinds.update(other.kinds)
        for mine, its in (
            (self.prevented, other.prevented),
            (self.blocked, other.blocked),
            (self.admitted, other.admitted),
        ):
            mine.join(its)
        self.broke += other.broke
        self.undone += other.undone
        self.admitted_wrong += other.admitted_wrong
        self.newly += other.newly
        self.asked_value.update(other.asked_value)
        first, second, third = other.approvals
        added, removed, refused = self.approvals
        self.approvals = added + first, removed + second, refused + third
        more, fewer = self.escalations
        self.escalations = more + other.escalations[0], fewer + other.escalations[1]
        self.undecidable += other.undecidable
