"""What becomes of actions, and of what belongs to them, where a candidate decides otherwise.

An action that is not let through was asked for and no more; what takes it up or takes it back was
never even asked for; and later steps of its run are contingent: the agent would have seen another
answer. Source: docs/spec/cascading.md.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from contracts.lineage import Placed
from contracts.model import Effect
from replay.history import ALLOW, Act, History

NOT_DONE: Final = frozenset({"", "skipped"})
"""Statuses of an action whose tool was certainly not called."""


def happened(act: Act) -> bool:
    """Return whether an action was let through as recorded, or may have been done all the same."""
    return act.decision in {"", ALLOW} or act.status not in NOT_DONE


@dataclass(slots=True)
class Fates:
    """What became of the actions so far, by their entries.

    Attributes:
        history: The acts, as recorded.
        never_happened: Those that happened as recorded, and do not.
        moot: Those that take up or take back what is not there to be taken up or back.
        carried_out: Those that carry out what the candidate lets through when it is first asked.
        unknown: Those that are let through and were not done.
        contingent: Those after one in their run that flipped, never happened or is not known.
    """

    history: History
    never_happened: set[int] = field(default_factory=set[int])
    moot: set[int] = field(default_factory=set[int])
    carried_out: set[int] = field(default_factory=set[int])
    unknown: set[int] = field(default_factory=set[int])
    contingent: set[int] = field(default_factory=set[int])
    _carriers: dict[str, str] = field(default_factory=dict[str, str])
    _at_once: set[str] = field(default_factory=set[str])
    _denied: set[str] = field(default_factory=set[str])
    _unasked: set[str] = field(default_factory=set[str])
    _otherwise: dict[str, Placed] = field(default_factory=dict[str, Placed])
    _flipped: set[str] = field(default_factory=set[str])
    _lost: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        self._carriers = carriers(self.history.acts, self.history)

    def meet(self, act: Act) -> None:
        """Come to the next action, before anything is said of it."""
        if act.run in self._flipped:
            self.contingent.add(act.index)

    def follows(self, act: Act) -> bool:
        """Return whether an action is moot: what it takes up, or takes back, is not there.

        It takes up a held action that is denied, or never asked for; or takes back one that never
        happened.
        """
        held = self._number(act.resumes)
        back = self._number(act.compensates)
        if act.resumes in self._denied or held in self.moot or back in self.never_happened:
            self.moot.add(act.index)
            if happened(act):
                self._take_out(act)
            return True
        return False

    def carries_out(self, act: Act) -> bool:
        """Return whether an action carries out one that was let through when it was first asked."""
        if act.resumes in self._at_once and self._carriers[act.resumes] == act.digest:
            self.carried_out.add(act.index)
            return True
        return False

    def decided(self, placed: Placed, act: Act, effect: Effect | None) -> Placed:
        """Take note of a decision, and return the action as it would stand in the ledger.

        Without one, which nobody can know, it stands as it was recorded.
        """
        if effect is None:
            self._flipped.add(act.run)
            return placed
        before = act.decision or ALLOW
        if effect.value != before:
            self._flipped.add(act.run)
        if effect is not Effect.ALLOW and happened(act):
            self._take_out(act)
        if effect.value == before:
            return placed
        if effect in {Effect.ALLOW, Effect.DENY}:
            self._unasked.add(act.digest)
        if effect is Effect.ALLOW and self._at_last(act):
            return placed
        if effect is Effect.DENY:
            self._denied.add(act.digest)
        other = self._otherwise[act.digest] = decided_so(placed, effect)
        return other

    def _at_last(self, act: Act) -> bool:
        """Take note of an action that is let through only now; return whether it was, later.

        Then it is done once, what came of it is known, and it stays where it was recorded.
        """
        if act.digest in self._carriers:
            self._at_once.add(act.digest)
            return True
        if act.status in NOT_DONE:
            self.unknown.add(act.index)
        return False

    def belonging(self, placed: Placed) -> Placed | None:
        """Return what belongs to an action as it would stand in the ledger, None where nowhere."""
        action = placed.action
        if action is None:
            return placed
        index, digest = action.event.index, action.event.digest
        gone = index in self.moot or {
            "outcome": index in self.never_happened or index in self.unknown,
            "observation": index in self.never_happened,
            "approval": digest in self._unasked,
        }.get(placed.subject, False)
        if gone:
            if placed.subject == "observation":
                self._lost.add(placed.event.digest)
            return None
        other = self._otherwise.get(digest)
        return placed if other is None else replace(placed, action=other)

    def evidence(self, cited: Sequence[Placed]) -> Sequence[Placed] | None:
        """Return what is left of what an action cites, None where nothing of it is gone."""
        left = [one for one in cited if one.event.digest not in self._lost]
        return None if len(left) == len(cited) else left

    def _take_out(self, act: Act) -> None:
        self.never_happened.add(act.index)
        self._flipped.add(act.run)

    def _number(self, digest: str) -> int:
        found = self.history.act(digest) if digest else None
        return -1 if found is None else found.index


def carriers(acts: Iterable[Act], history: History) -> dict[str, str]:
    """Return of each action that was not let through the first that was, and is the same call.

    A call of which a sealed value hides what it was is the same as no other.
    """
    found: dict[str, str] = {}
    for act in acts:
        held = history.act(act.resumes) if act.resumes else None
        if held is None or held.digest in found or act.decision not in {"", ALLOW}:
            continue
        same = (held.tool, held.run, held.target, held.call) == (
            *(act.tool, act.run, act.target),
            act.call,
        )
        if same and act.call and held.decision not in {"", ALLOW} and held.index < act.index:
            found[held.digest] = act.digest
    return found


def decided_so(placed: Placed, effect: Effect) -> Placed:
    """Return an action as the guard would have recorded it with another decision."""
    decision = {"effect": effect.value}
    event = replace(placed.event, record={**placed.record, "decision": decision})
    return replace(placed, event=event)
