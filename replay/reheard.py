"""What came of a run that was put before the guard again: the same, or where first not.

The guard itself belongs to the composition; here is what is said of it.
Source: docs/spec/timeline.md, *Through the guard*.
"""

from dataclasses import dataclass
from enum import StrEnum

from replay.history import Run
from verifier.report import Report


class Kind(StrEnum):
    """In what a step differs, the first that does, in this order."""

    REFUSED = "refused"
    """The guard does not take the action at all."""
    CONTRACT = "contract"
    """Another contract decides."""
    DECISION = "decision"
    """The decision is another one."""
    CALL = "call"
    """The decision is the same, and the record has a call that it does not allow."""
    REASONS = "reasons"
    """The decision is the same, for other reasons."""
    PARAMETERS = "parameters"
    """The contract takes an action back by another call than the record has."""


@dataclass(frozen=True, slots=True)
class Reheard:
    """One step that was put before the guard.

    Attributes:
        index: The action's entry.
        number: Which action of the run it is, from 1.
        tool: What was called, or was to be.
        recorded: The recorded decision; empty where none was recorded.
        answered: What the guard decides.
        same_record: Whether the record that the guard makes is the recorded one, byte for byte.
        status: Of the recorded result that the tool's stand-in returned; empty where nothing was
            called.
    """

    index: int
    number: int
    tool: str
    recorded: str
    answered: str
    same_record: bool
    status: str = ""


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first step in which guard and record differ.

    Attributes:
        index: The action's entry.
        number: Which action of the run it is, from 1.
        tool: What was called, or was to be.
        kind: In what.
        recorded: What the record has.
        answered: What the guard says.
        why: Why, in sentences: each rule that differs, with what it read.
    """

    index: int
    number: int
    tool: str
    kind: Kind
    recorded: str
    answered: str
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A run that was put before the guard again.

    Attributes:
        report: The verification that it rests on.
        run: The run.
        before: How many entries of history the guard had read when the run was opened.
        acts: How many actions the run has.
        steps: Those that guard and record agree on, in order.
        divergence: Where they first do not; None where they agree on all.
        contingent: How many actions come after that: what they rest on is not what happened.
        candidate: Name and version of the contract that stood in; empty for those in force then.
        aside: Rules of it that only say that it is not of that time, and were not asked.
    """

    report: Report
    run: Run
    before: int
    acts: int
    steps: tuple[Reheard, ...]
    divergence: Divergence | None
    contingent: int = 0
    candidate: tuple[str, str] = ("", "")
    aside: tuple[str, ...] = ()

    @property
    def undecided(self) -> int:
        """How many of the steps carry no recorded decision."""
        return sum(not one.recorded for one in self.steps)
