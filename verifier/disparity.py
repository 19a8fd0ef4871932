"""Like cases that were decided differently in two channels.

Two decisions are on the same grounds where the contract, the tool, what stands against the call and
the decision that follows from it are the same: as far as the contract can see, the cases are alike.
That one of them was decided wrongly is a finding of its own; this says that customers fare better
where they ask by another channel. Source: docs/spec/report.md, *Codes*.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from contracts.coercion import Value
from contracts.results import Explanation
from verifier.drafts import Draft
from verifier.findings import Severity

Reasons: TypeAlias = tuple[tuple[str, str, str], ...]
"""What stands against a call: rule, result and effect of each."""

CODE = "policy.channel-disparity"


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a decision rests on, as far as the contract can see."""

    contract: str
    tool: str
    effect: str
    reasons: Reasons


@dataclass(slots=True)
class _Decided:
    """Decisions of one kind in one channel: the first, and how many."""

    first: int
    count: int = 0


@dataclass(slots=True)
class Disparities:
    """The decisions so far, by their grounds."""

    _of: dict[Grounds, dict[tuple[str, str], _Decided]] = field(
        default_factory=dict[Grounds, dict[tuple[str, str], _Decided]]
    )

    def decided(self, index: int, channel: str, grounds: Grounds, effect: str) -> None:
        """Take note of a decision.

        Args:
            index: The action's entry.
            channel: By which channel it came; empty where nobody says.
            grounds: What the ledger gives for it.
            effect: The decision as it was recorded.
        """
        if channel:
            here = self._of.setdefault(grounds, {})
            here.setdefault((channel, effect), _Decided(index)).count += 1

    def finish(self) -> list[Draft]:
        """Return where a decision differs from that on the same grounds in another channel."""
        return [draft for grounds, here in self._of.items() for draft in _differing(grounds, here)]

    def kept(self) -> list[Value]:
        """Return what is known, for `take_up`."""
        return [
            [
                *(grounds.contract, grounds.tool, grounds.effect),
                [list(one) for one in grounds.reasons],
                [[*key, each.first, each.count] for key, each in here.items()],
            ]
            for grounds, here in self._of.items()
        ]

    def take_up(self, rows: Iterable[Sequence[Any]]) -> None:
        """Know this, and nothing else."""
        self._of = {}
        for contract, tool, effect, reasons, here in rows:
            listed = tuple((rule, result, what) for rule, result, what in reasons)
            self._of[Grounds(contract, tool, effect, listed)] = {
                (channel, said): _Decided(first, count) for channel, said, first, count in here
            }


def _differing(grounds: Grounds, here: dict[tuple[str, str], _Decided]) -> Iterable[Draft]:
    for (channel, effect), mine in here.items():
        if effect == grounds.effect:
            continue
        others = [
            (each.first, other, said)
            for (other, said), each in here.items()
            if other != channel and said != effect
        ]
        if others:
            yield _draft(grounds, channel, effect, mine, min(others))


def _draft(
    grounds: Grounds, channel: str, effect: str, mine: _Decided, other: tuple[int, str, str]
) -> Draft:
    at, elsewhere, said = other
    against = ", ".join(f"{rule} {result}" for rule, result, _ in grounds.reasons)
    against = against or "nothing stands against it"
    times = f", {mine.count:,} times" if mine.count > 1 else ""
    recorded = f"{channel} decided {effect}{times}; {elsewhere} decided {said}"
    expected = "the same decision on the same grounds, whatever the channel"
    return Draft(
        code=CODE,
        index=mine.first,
        severity=Severity.MEDIUM,
        contract=grounds.contract,
        expected=expected,
        recorded=recorded,
        rests_on=(at,),
        detail=f"{channel}\n{effect}",
        explanation=Explanation(
            because=(
                f"Here {channel} decided {effect} on a call of {grounds.tool}{times}.",
                f"At entry {at:,} {elsewhere} decided {said} on the same grounds: {against}.",
                f"The contract gives {grounds.effect}.",
            ),
            entries=tuple(sorted((mine.first, at))),
            would=(f"the decision {grounds.effect} in every channel",),
        ),
    )
