"""What the generator knows of its calls side by side: like cases apart, and what was never used.

It knows what a correct gate decides about each call and why, and which gates were broken; it asks
no engine and no report. Source: docs/spec/report.md, *Codes*.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from benchmarks.planting.known import PERMISSIONS, Act
from benchmarks.planting.model import Person, Ruling, Said
from benchmarks.planting.steps import UNDECIDABLE, VIOLATED

DISPARITY: Final = "policy.channel-disparity"
UNUSED: Final = "identity.unused-permission"
LIKENESS: Final = (DISPARITY, UNUSED)

_Grounds: TypeAlias = tuple[str, str, str, frozenset[tuple[str, str, str]]]
"""Version of the contract, tool, what a correct gate decides, and its reasons."""


@dataclass(frozen=True, slots=True)
class Made:
    """A call that was recorded.

    Attributes:
        act: The call, with what was recorded as decided.
        version: Of the contract in force.
        right: What a correct gate decides about it; None where no gate decided.
    """

    act: Act
    version: str
    right: Ruling | None

    @property
    def channel(self) -> str:
        """By which channel it came."""
        return str(self.act.record["channel"])

    @property
    def honest(self) -> bool:
        """Whether what was recorded is what a correct gate decides."""
        return self.right is None or self.right.effect == self.act.effect


@dataclass(slots=True)
class Likeness:
    """All calls so far, in the order in which they were recorded.

    Attributes:
        people: By identity.
        activated: By version, the record that first put it in force.
    """

    people: Mapping[str, Person]
    made: list[Made] = field(default_factory=list[Made])
    activated: dict[str, str] = field(default_factory=dict[str, str])

    def said(self) -> Iterator[Said]:
        """Yield what must be found."""
        yield from self._apart()
        yield from self._unused()

    def _apart(self) -> Iterator[Said]:
        alike: defaultdict[_Grounds, list[Made]] = defaultdict(list)
        for one in self.made:
            if one.right is not None:
                alike[_grounds(one.version, one.act.tool, one.right)].append(one)
        for cases in alike.values():
            told: set[tuple[str, str]] = set()
            for one in cases:
                kind = one.channel, one.act.effect
                if not one.honest and kind not in told and _elsewhere(one, cases):
                    yield _said(one, VIOLATED, DISPARITY, one.version)
                told.add(kind)

    def _unused(self) -> Iterator[Said]:
        by: defaultdict[str, list[Made]] = defaultdict(list)
        under: defaultdict[str, list[Made]] = defaultdict(list)
        for one in self.made:
            by[one.act.record["by"]].append(one)
            under[one.version].append(one)
        for name, mine in by.items():
            if set(self.people[name].permissions) - _used(mine):
                yield _said(mine[0], UNDECIDABLE, UNUSED, "")
        for version, calls in under.items():
            if set(PERMISSIONS.values()) - _used(calls):
                yield Said(self.activated[version], "", "", UNDECIDABLE, UNUSED, version)


def _grounds(version: str, tool: str, right: Ruling) -> _Grounds:
    reasons = frozenset((one["rule"], one["result"], one["effect"]) for one in right.reasons)
    return version, tool, right.effect, reasons


def _elsewhere(one: Made, cases: Iterable[Made]) -> bool:
    """Return whether another channel decided otherwise."""
    return any(
        other.channel != one.channel and other.act.effect != one.act.effect for other in cases
    )


def _used(calls: Iterable[Made]) -> set[str]:
    """Return the permissions that calls used: those of all that nobody denied or held."""
    counting = (one.act for one in calls if one.act.counts)
    return {PERMISSIONS[act.tool] for act in counting if act.tool in PERMISSIONS}


def _said(one: Made, result: str, rule: str, version: str) -> Said:
    return Said(one.act.digest, one.act.label, one.act.run, result, rule, version)
