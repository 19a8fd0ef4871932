"""What the simulation knows of its decisions side by side: like cases, and what was never used.

It knows which of its gates were broken, and what each call broke; an engine is asked of neither.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from writ.demo.people import CHANNELS
from writ.demo.truth import UNDECIDABLE, VIOLATED, Expected

DISPARITY: Final = "policy.channel-disparity"
UNUSED: Final = "identity.unused-permission"
ALLOW: Final = "allow"
_NEEDS: Final = {
    "customers.get": "customers.read",
    "transactions.get": "transactions.read",
    "policies.search": "policies.read",
    "eligibility.check": "eligibility.read",
    "payouts.create": "payouts.write",
    "payouts.reverse": "payouts.reverse",
    "cases.escalate": "cases.write",
    "credits.draft": "credits.write",
}

Grounds: TypeAlias = tuple[str, str, frozenset[str], frozenset[str]]
"""Version of the contract, tool, what stands against a call, and what of it was lifted."""


@dataclass(frozen=True, slots=True)
class Made:
    """A decision that was made.

    Attributes:
        index: Its entry.
        run: The run's own reference.
        version: Of the contract in force.
        channel: Whose gate made it; `""` where none decides.
        tool: What was to be called.
        against: What stands against it.
        lifted: What of that an approval lifts.
        effect: What was recorded.
        honest: Whether the gate was not broken.
    """

    index: int
    run: str
    version: str
    channel: str
    tool: str
    against: frozenset[str]
    lifted: frozenset[str]
    effect: str
    honest: bool


@dataclass(slots=True)
class Likeness:
    """All decisions so far. `activated` has the entry that put each version in force."""

    made: list[Made] = field(default_factory=list[Made])
    activated: dict[str, int] = field(default_factory=dict[str, int])

    def expected(self) -> Iterator[Expected]:
        """Yield what must be found of them."""
        yield from self._disparities()
        yield from self._unused()

    def _disparities(self) -> Iterator[Expected]:
        of: dict[Grounds, list[Made]] = defaultdict(list)
        for one in self.made:
            if one.channel in {"chat", "portal"}:
                of[one.version, one.tool, one.against, one.lifted].append(one)
        for alike in of.values():
            right = {one.effect for one in alike if one.honest}
            first: dict[tuple[str, str], Made] = {}
            for one in alike:
                first.setdefault((one.channel, one.effect), one)
            for one in first.values():
                apart = any(
                    other.channel != one.channel and other.effect != one.effect
                    for other in first.values()
                )
                if apart and one.effect not in right:
                    plant = "channels-apart"
                    yield Expected(VIOLATED, DISPARITY, one.index, one.version, one.run, plant)

    def _unused(self) -> Iterator[Expected]:
        for channel, granted in CHANNELS.items():
            mine = [one for one in self.made if one.channel == channel]
            if mine and set(granted) - _used(mine):
                yield _never_used(mine[0].index, "", mine[0].run)
        for version, index in self.activated.items():
            under = [one for one in self.made if one.version == version]
            if under and set(_NEEDS.values()) - _used(under):
                yield _never_used(index, version, "")


def _used(made: list[Made]) -> set[str]:
    return {_NEEDS[one.tool] for one in made if one.effect == ALLOW and one.tool in _NEEDS}


def _never_used(index: int, version: str, run: str) -> Expected:
    return Expected(UNDECIDABLE, UNUSED, index, version, run, "never-used")
