"""What changed in a service, and which runs stand before and after each change.

A change is seen in the runs alone: two runs that follow one another in a stream say different
things. Source: docs/spec/value.md, *Changes*.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import Final

from replay.history import Run
from replay.worth import Worth

UNSAID: Final = "(not recorded)"
OTHERS: Final = "(others)"
MANY: Final = 8
"""A stream with more turns of one thing than this goes back and forth, and shows no change."""

SETTINGS: Final[Mapping[str, Callable[[Run], str]]] = {
    "model": lambda run: run.said("model"),
    "prompt": lambda run: run.said("prompt_digest"),
    "tools": lambda run: run.said("tools_digest"),
    "contract": lambda run: run.version,
}
"""What one stream has one of at a time."""
KINDS: Final[Mapping[str, Callable[[Run], str]]] = {
    "workflow": lambda run: run.said("workflow"),
    "domain": lambda run: run.said("domain"),
}
"""What runs of one stream can have many of side by side: a new one is the change."""
ATTRIBUTES: Final = (*SETTINGS, *KINDS)

Stream = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one thing in one service.

    Attributes:
        service: Whose.
        attribute: What changed, of `ATTRIBUTES`.
        before: What it was; `(others)` for a new workflow or domain.
        after: What it became.
        index: The entry of the first run after it.
        time: When that run was opened, in microseconds since 1970; None where nothing says.
        channels: In which it was seen, in order.
        runs: Those before and those after, in index order.
        beside: Other changes within those runs' time, in words.
    """

    service: str
    attribute: str
    before: str
    after: str
    index: int
    time: int | None
    channels: tuple[str, ...]
    runs: tuple[tuple[Worth, ...], tuple[Worth, ...]]
    beside: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What changed, from what to what."""
        return f"{self.attribute} {short(self.before)} → {short(self.after)}"


@dataclass(frozen=True, slots=True)
class Mixed:
    """A stream in which something goes back and forth: how many turns it has, of what."""

    service: str
    channel: str
    attribute: str
    turns: int
    values: tuple[str, ...]


@dataclass(slots=True)
class _Seen:
    """A change while its streams are gathered."""

    first: Run
    channels: set[str] = field(default_factory=set[str])
    before: list[Worth] = field(default_factory=list[Worth])
    after: list[Worth] = field(default_factory=list[Worth])


_Key = tuple[str, str, str, str, int]


def short(value: str) -> str:
    """Return a digest by its first twelve digits, anything else as it is."""
    is_digest = len(value) == 64 and not set(value) - set("0123456789abcdef")  # noqa: PLR2004
    return value[:12] + "…" if is_digest else value


def changes(worths: Sequence[Worth]) -> tuple[list[Change], list[Mixed]]:
    """Return the changes in order of their entries, and what goes back and forth.

    Args:
        worths: The runs, in index order.
    """
    seen: dict[_Key, _Seen] = {}
    mixed: list[Mixed] = []
    for stream, runs in _streams(worths, ("service", "by", "channel", "workflow", "domain")):
        for attribute, of in SETTINGS.items():
            mixed += _turns(seen, stream, runs, attribute, of)
    for stream, runs in _streams(worths, ("service", "by", "channel")):
        for attribute, of in KINDS.items():
            _new(seen, stream, runs, attribute, of)
    found = sorted((_made(key, one) for key, one in seen.items()), key=_place)
    return [_with_others(change, found) for change in found], mixed


def _place(change: Change) -> tuple[int, int, str]:
    return change.index, ATTRIBUTES.index(change.attribute), change.after


def _streams(
    worths: Iterable[Worth], names: Sequence[str]
) -> Iterable[tuple[Stream, Sequence[Worth]]]:
    found: dict[Stream, list[Worth]] = defaultdict(list)
    for worth in worths:
        found[tuple(worth.run.said(name) for name in names)].append(worth)
    return sorted(found.items())


def _turns(
    seen: dict[_Key, _Seen],
    stream: Stream,
    runs: Sequence[Worth],
    attribute: str,
    of: Callable[[Run], str],
) -> list[Mixed]:
    """Take the changes of a stream: each is of the turn before it and the turn after it."""
    turns = [
        (value, list(part)) for value, part in groupby(runs, lambda one: of(one.run) or UNSAID)
    ]
    if len(turns) > MANY:
        values = tuple(sorted({value for value, _ in turns}))
        return [Mixed(stream[0], stream[2], attribute, len(turns), values)]
    times: dict[tuple[str, str], int] = {}
    for (old, before), (new, after) in pairwise(turns):
        nth = times[old, new] = times.get((old, new), -1) + 1
        key = stream[0], attribute, old, new, nth
        _gather(seen, key, stream[2], before, after)
    return []


def _new(
    seen: dict[_Key, _Seen],
    stream: Stream,
    runs: Sequence[Worth],
    attribute: str,
    of: Callable[[Run], str],
) -> None:
    """Take each value that a stream had not before: all runs until then, and all with it."""
    known: set[str] = set()
    for place, worth in enumerate(runs):
        value = of(worth.run) or UNSAID
        if known and value not in known:
            after = [each for each in runs[place:] if (of(each.run) or UNSAID) == value]
            key = stream[0], attribute, OTHERS, value, 0
            _gather(seen, key, stream[2], runs[:place], after)
        known.add(value)


def _gather(
    seen: dict[_Key, _Seen],
    key: _Key,
    channel: str,
    before: Sequence[Worth],
    after: Sequence[Worth],
) -> None:
    one = seen.setdefault(key, _Seen(after[0].run))
    if after[0].run.index < one.first.index:
        one.first = after[0].run
    one.channels.add(channel or UNSAID)
    one.before += before
    one.after += after


def _made(key: _Key, one: _Seen) -> Change:
    service, attribute, before, after, _ = key
    return Change(
        service=service,
        attribute=attribute,
        before=before,
        after=after,
        index=one.first.index,
        time=one.first.time,
        channels=tuple(sorted(one.channels)),
        runs=(_in_order(one.before), _in_order(one.after)),
    )


def _in_order(runs: list[Worth]) -> tuple[Worth, ...]:
    return tuple(sorted(runs, key=lambda worth: worth.run.index))


def _with_others(change: Change, every: Sequence[Change]) -> Change:
    """Name the other changes within a change's runs: what is seen may be theirs."""
    before, after = change.runs
    first, last = before[0].run.index, after[-1].run.index
    beside = tuple(
        f"{other.name} at entry {other.index}"
        for other in every
        if (other.attribute, other.index) != (change.attribute, change.index)
        and other.service == change.service
        and first < other.index <= last
        and set(other.channels) & set(change.channels)
    )
    return Change(
        service=change.service,
        attribute=change.attribute,
        before=change.before,
        after=change.after,
        index=change.index,
        time=change.time,
        channels=change.channels,
        runs=change.runs,
        beside=beside,
    )
