"""What becomes of an act if a rollback is followed: the classes, and which acts no plan changes.

Source: docs/spec/rollback.md, *Classes*.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from replay.compensations import OK, Call, Compensations
from replay.dependencies import Link, Standing
from replay.history import ALLOW, Act, History

READ: Final = "read"
HELD: Final = "approve"
FAILED: Final = "error"
TIMEOUT: Final = "timeout"
ABANDONED: Final = "abandoned"
MILD: Final = frozenset({READ, "draft", "recommend"})
"""Modes that change nothing outside, unless the contract says how a call is taken back."""


class Class(StrEnum):
    """What becomes of an act that was executed, or may have been."""

    REVERSIBLE = "reversible"
    COMPENSABLE = "compensable"
    BLOCKED = "blocked"
    REFUSED = "refused"
    EXPIRED = "expired"
    IRREVERSIBLE = "irreversible"
    UNDECIDABLE = "undecidable"
    TAKEN_BACK = "taken back"
    COMPENSATION = "compensation"
    FAILED = "failed"
    NO_EFFECT = "no effect"


PLANNED: Final = (Class.REVERSIBLE, Class.COMPENSABLE)
"""The plan takes these back."""
RESIDUAL: Final = (
    Class.BLOCKED,
    Class.REFUSED,
    Class.EXPIRED,
    Class.IRREVERSIBLE,
    Class.UNDECIDABLE,
)
"""What these did stays as it is."""
EXECUTED: Final = (*PLANNED, *RESIDUAL, Class.TAKEN_BACK)
"""These changed something, or may have: the executed actions of a report."""
APART: Final = (Class.COMPENSATION, Class.FAILED, Class.NO_EFFECT)
"""These are counted and are no part of any sum."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """What keeps an act from being taken back: a later one that depends on it and stays.

    Attributes:
        by: Its place in the history. It may depend on the act through others.
        link: How the next one in between depends on the act; `detail` with what.
        detail: The target, the id or the tool.
        direct: Whether there is none in between.
    """

    by: int
    link: Link
    detail: str = ""
    direct: bool = True


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one act.

    Attributes:
        number: Its place in the history.
        kind: Its class.
        why: Why, in words; empty where the class says it all.
        ungoverned: It has no undo, and the contract does not say that it is irreversible.
        call: The compensating call, where there is one.
        left: How long its window is still open, in microseconds; None where it has no end.
        conflicts: What keeps a blocked one: a few of the acts, the latest first.
        after: What the plan takes back before it because it depends on it, by place.
    """

    number: int
    kind: Class
    why: str = ""
    ungoverned: bool = False
    call: Call | None = None
    left: int | None = None
    conflicts: tuple[Conflict, ...] = ()
    after: tuple[int, ...] = ()

    @property
    def needs_people(self) -> bool:
        """Whether somebody has to approve the call."""
        return self.kind in PLANNED and self.call is not None and bool(self.call.approvals)


@dataclass(frozen=True, slots=True)
class Settled:
    """What is so of a history whatever is chosen.

    Attributes:
        kinds: The class of each act that no plan changes, by place; None of what changed something
            that stands, and of what was never executed.
        standing: What stands.
        undone: The acts that were taken back, each with what did that.
        trying: The acts that something may have taken back: nobody knows what came of that.
        waiting: The acts that it is proposed to take back, by an act that waits for people.
    """

    kinds: Sequence[Class | None]
    standing: Standing
    undone: Mapping[int, int]
    trying: Mapping[int, int]
    waiting: Mapping[int, int]


def settled(history: History, compensations: Compensations) -> Settled:
    """Return what is so of a history whatever is chosen.

    Args:
        history: The history.
        compensations: Knows the tools as the contracts in force do.
    """
    acts = history.acts
    back = _TakenBack(history)
    kinds: list[Class | None] = []
    changed, reads = set[int](), set[int]()
    for number, act in enumerate(acts):
        kind = _kind(act, compensations)
        if kind is None and number in back.undone:
            kind = Class.TAKEN_BACK
        kinds.append(kind)
        if kind is None and attempted(act):
            changed.add(number)
        elif kind is Class.NO_EFFECT:
            reads.add(number)
    standing = Standing(changed, reads, {**back.trying, **back.undone})
    return Settled(kinds, standing, back.undone, back.trying, back.waiting)


def attempted(act: Act) -> bool:
    """Return whether an act was executed, or may have been: nobody knows what came of it."""
    if act.executed or act.status == ABANDONED:
        return True
    return not act.status and act.decision in {"", ALLOW}


class _TakenBack:
    """Which acts were taken back, or may have been, or are proposed to be, and by which.

    What takes back a compensation lets the act stand again: gone through from the last one back, an
    act that was taken back itself takes back nothing.
    """

    def __init__(self, history: History) -> None:
        self.undone: dict[int, int] = {}
        self.trying: dict[int, int] = {}
        self.waiting: dict[int, int] = {}
        acts = history.acts
        resumed = {act.resumes for act in acts if act.resumes and act.compensates}
        for number in range(len(acts) - 1, -1, -1):
            act = acts[number]
            earlier = history.place(act.compensates) if act.compensates else None
            if earlier is None or number in self.undone:
                continue
            if act.status == OK:
                self.undone.setdefault(earlier, number)
            elif attempted(act) and act.status != FAILED:
                self.trying.setdefault(earlier, number)
            elif not act.status and act.decision == HELD and act.digest not in resumed:
                self.waiting.setdefault(earlier, number)


def _kind(act: Act, compensations: Compensations) -> Class | None:
    """Return the class of an act by itself; None of what changed something, or was never done."""
    if not attempted(act):
        return None
    tool = compensations.tool(act)
    mode = tool.mode if tool is not None else act.mode
    governed = tool is not None and bool(tool.compensation or tool.irreversible)
    if mode == READ or (mode in MILD and not governed):
        return Class.NO_EFFECT
    if act.status == FAILED:
        return Class.FAILED
    return Class.COMPENSATION if act.compensates else None
