"""Which call is which, among those that look the same: by time where there is one, else by number.

As many are paired as can be; of all ways to do so, the one that leaves the fewest recorded calls
without one, and then the nearest in time. Neither the order of rows nor that of ids decides
anything that a report could say differently.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Final, TypeAlias, TypeVar


class State(StrEnum):
    """How a recorded action ended."""

    OK = "ok"
    FAILED = "failed"
    BOTH = "both"
    """Once so and once so."""
    OPEN = "open"
    """It was allowed, and there is no outcome."""
    NOT = "not"
    """It was not carried out: skipped, abandoned, denied or held."""


EXECUTED: Final = frozenset({State.OK, State.FAILED, State.BOTH})

# Beyond it, calls of one kind within a tolerance are paired in the order of their times.
_MOST: Final = 40_000


@dataclass(frozen=True, slots=True)
class Shown:
    """A call that the source shows: its number, when, and whether it failed."""

    n: int
    at: int | None
    failed: bool | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recorded action: its entry, from when until when, and how it ended."""

    index: int
    at: int | None
    ended: int | None
    state: State


@dataclass(frozen=True, slots=True)
class Pair:
    """A call and the action that it is. `choices`: how many recorded ones were as good."""

    n: int
    index: int
    choices: int = 1


One = TypeVar("One", Shown, Recorded)
Cost: TypeAlias = tuple[int, int, int, int]
"""Left over; paired with an action that was not carried out; microseconds apart; ends otherwise."""

_NOTHING: Final[Cost] = (0, 0, 0, 0)
_LEFT: Final[Cost] = (1, 0, 0, 0)

Step: TypeAlias = tuple[Cost, int, int]
"""What it costs to come this far, and from how many of each."""


def pair(
    shown: Sequence[Shown], recorded: Sequence[Recorded], within: int | None
) -> Iterator[Pair]:
    """Yield pairs of calls that are the same but for their time.

    Args:
        shown: Those of the source, in the order of their numbers.
        recorded: Those of the ledger, in the order of their entries.
        within: How far apart two may be, in microseconds; None for any time.
    """
    found = list(_by_time(shown, recorded, within))
    yield from found
    calls, actions = {one.n for one in found}, {one.index for one in found}
    left = [one for one in shown if one.n not in calls]
    others = [one for one in recorded if one.index not in actions]
    if left and others:
        yield from _by_number(left, others)


# -------------------------------------------------------------------------------- by time


def _by_time(
    shown: Sequence[Shown], recorded: Sequence[Recorded], within: int | None
) -> Iterator[Pair]:
    timed = sorted((one for one in shown if one.at is not None), key=_start)
    others = sorted((one for one in recorded if one.at is not None), key=_start)
    for calls, actions in _clusters(timed, others, within):
        if len(calls) * len(actions) > _MOST:
            yield from _in_order(calls, actions, within)
        else:
            yield from _nearest(calls, actions, within)


def _start(one: Shown | Recorded) -> int:
    return one.at or 0


def _end(one: Shown | Recorded) -> int:
    ended = one.ended if isinstance(one, Recorded) else None
    return max(_start(one), ended or 0)


def _clusters(
    shown: Sequence[Shown], recorded: Sequence[Recorded], within: int | None
) -> Iterator[tuple[list[Shown], list[Recorded]]]:
    """Yield those between which there is no gap over which nothing can be paired."""
    calls: list[Shown] = []
    actions: list[Recorded] = []
    reach: int | None = None
    both: list[Shown | Recorded] = sorted([*shown, *recorded], key=_start)
    for one in both:
        if reach is not None and within is not None and _start(one) > reach + within:
            if calls and actions:
                yield calls, actions
            calls, actions = [], []
        if isinstance(one, Shown):
            calls.append(one)
        else:
            actions.append(one)
        reach = max(reach or 0, _end(one))
    if calls and actions:
        yield calls, actions


def _apart(call: Shown, action: Recorded) -> int:
    at = _start(call)
    return max(_start(action) - at, at - _end(action), 0)


def _in_order(
    calls: Sequence[Shown], actions: Sequence[Recorded], within: int | None
) -> Iterator[Pair]:
    """Pair in the order of times: as many as can be, and in time that grows with their number."""
    i = j = 0
    while i < len(calls) and j < len(actions):
        if within is None or _apart(calls[i], actions[j]) <= within:
            yield Pair(calls[i].n, actions[j].index)
            i, j = i + 1, j + 1
        elif _start(calls[i]) < _start(actions[j]):
            i += 1
        else:
            j += 1


def _nearest(
    calls: Sequence[Shown], actions: Sequence[Recorded], within: int | None
) -> Iterator[Pair]:
    """Pair in the order of times, with the least left over and the smallest sum of gaps."""
    best: list[list[Cost]] = [[_NOTHING] * (len(actions) + 1) for _ in range(len(calls) + 1)]
    came: dict[tuple[int, int], tuple[int, int]] = {}
    for i in range(len(calls) + 1):
        for j in range(len(actions) + 1):
            steps: list[Step] = []
            if i:
                steps.append((_plus(best[i - 1][j], _LEFT), i - 1, j))
            if j:
                left = _LEFT if actions[j - 1].state in EXECUTED else _NOTHING
                steps.append((_plus(best[i][j - 1], left), i, j - 1))
            if i and j:
                steps += _joined(best[i - 1][j - 1], calls, actions, (i - 1, j - 1), within)
            if steps:
                best[i][j], *before = min(steps)
                came[i, j] = before[0], before[1]
    yield from _walked(came, calls, actions)


def _walked(
    came: Mapping[tuple[int, int], tuple[int, int]],
    calls: Sequence[Shown],
    actions: Sequence[Recorded],
) -> Iterator[Pair]:
    """Yield the pairs on the cheapest way."""
    i, j = len(calls), len(actions)
    found: list[Pair] = []
    while i or j:
        before_i, before_j = came[i, j]
        if before_i < i and before_j < j:
            found.append(Pair(calls[before_i].n, actions[before_j].index))
        i, j = before_i, before_j
    yield from reversed(found)


def _joined(
    before: Cost,
    calls: Sequence[Shown],
    actions: Sequence[Recorded],
    at: tuple[int, int],
    within: int | None,
) -> list[Step]:
    """Return the step that pairs two, if they are near enough."""
    call, action = calls[at[0]], actions[at[1]]
    gap = _apart(call, action)
    near = within is None or gap <= within
    return [(_plus(before, _cost(call, action, gap)), *at)] if near else []


def _cost(call: Shown, action: Recorded, gap: int) -> Cost:
    # What failed may be what was not carried out: whoever asked for it was told so.
    strange = action.state is State.NOT and call.failed is not True
    return 0, int(strange), gap, int(not _agree(call.failed, action.state))


def _plus(one: Cost, other: Cost) -> Cost:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2], one[3] + other[3]


def _agree(failed: bool | None, state: State) -> bool:  # noqa: FBT001 - what a source says
    if failed is None:
        return state in EXECUTED
    return state in {State.BOTH, State.FAILED if failed else State.OK}


# ------------------------------------------------------------------------------ by number


def _by_number(shown: Sequence[Shown], recorded: Sequence[Recorded]) -> Iterator[Pair]:
    """Pair calls of which the time is not known on one side: those that ended alike first."""
    choices = len(recorded)
    calls: dict[tuple[bool, str], deque[Shown]] = {}
    actions: dict[tuple[bool, str], deque[Recorded]] = {}
    for call in shown:
        calls.setdefault((call.at is None, str(call.failed)), deque()).append(call)
    for action in recorded:
        actions.setdefault((action.at is None, action.state), deque()).append(action)
    for rank in range(_RANKS):
        # How well two go together is the same for all of a kind: only the kinds are compared.
        for mine, others in product(_kinds(calls), _kinds(actions)):
            while mine and others and _rank(mine[0], others[0]) == rank:
                yield Pair(mine.popleft().n, others.popleft().index, choices)


def _kinds(of: dict[tuple[bool, str], deque[One]]) -> list[deque[One]]:
    return [of[kind] for kind in sorted(of)]


_RANKS: Final = 5


def _rank(call: Shown, action: Recorded) -> int:
    """Return how well two go together: 0 best; more than `_RANKS` never."""
    if call.at is not None and action.at is not None:
        return _RANKS
    if _agree(call.failed, action.state):
        return 0
    if call.failed and action.state is State.NOT:
        return 1
    if action.state is State.OPEN:
        return 2
    return 3 if action.state in EXECUTED else 4
