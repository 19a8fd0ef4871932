"""One action as a contract decides it again: what every mode of what-if says of an action."""

from dataclasses import dataclass

from contracts.decision import Decision, Reason
from contracts.model import Effect


@dataclass(frozen=True, slots=True)
class Redecided:
    """What a contract says of one action.

    Attributes:
        index: The action's entry.
        effect: The decision, approvals that were recorded included.
        reasons: The rules that are not satisfied, in the contract's order; undecidable ones too.
        why: Of each undecidable rule among them: the reason, by the rule's id.
    """

    index: int
    effect: Effect
    reasons: tuple[Reason, ...] = ()
    why: tuple[tuple[str, str], ...] = ()

    @property
    def decision(self) -> Decision:
        """The same as a guard would have recorded it."""
        return Decision(self.effect, self.reasons)
