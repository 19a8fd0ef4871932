"""Mutations: each edits a correct case so that it breaks something, and says what.

What a mutation claims it breaks by itself. What several of them break together, and what else the
service does meanwhile, only the model says.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from benchmarks.planting.draws import PAYING, Draw
from benchmarks.planting.steps import (
    UNDECIDABLE,
    VIOLATED,
    Call,
    Case,
    Claim,
    Fields,
    Value,
)

Edit = Callable[[Draw, Case], None]

READING: Final = (*PAYING, "status", "declined", "approved")
TALKING: Final = (*READING, "question", "people", "refused")


@dataclass(frozen=True, slots=True)
class Mutation:
    """A mistake that can be planted.

    Attributes:
        name: Its name.
        shapes: Shapes of cases that it fits.
        edit: Plants it.
        claims: What it breaks by itself.
        gated: Whether the case must have a gate, must have none, or either.
        alone: No other is planted beside it.
        weight: How often it is drawn.
    """

    name: str
    shapes: Sequence[str]
    edit: Edit
    claims: frozenset[Claim] = field(default_factory=frozenset[Claim])
    gated: bool | None = None
    alone: bool = False
    weight: float = 1.0

    def plant(self, draw: Draw, case: Case) -> None:
        """Plant it in a case."""
        if self.gated is not None:
            case.gated = self.gated
        self.edit(draw, case)
        case.planted.append(self.name)
        case.claims |= self.claims


def violated(label: str, *rules: str) -> frozenset[Claim]:
    """Return that rules are violated at a step."""
    return frozenset((label, VIOLATED, rule) for rule in rules)


def undecidable(label: str, *rules: str) -> frozenset[Claim]:
    """Return that rules cannot be decided at a step."""
    return frozenset((label, UNDECIDABLE, rule) for rule in rules)


def seen(case: Case, label: str) -> Fields:
    """Return the observation that a call makes, or that is there for all runs."""
    found = case.call(label).seen
    assert found is not None
    return found


def params(label: str, **changes: Value) -> Edit:
    """Change parameters of a call."""

    def edit(_: Draw, case: Case) -> None:
        case.call(label).params.update(changes)

    return edit


def money(case: Case, label: str = "pay") -> Fields:
    """Return the amount that a call pays."""
    amount: Fields = case.call(label).params["amount"]
    return amount


def saw(kind: str, **changes: Value) -> Edit:
    """Change what is seen; a member that is None is not seen."""

    def edit(_: Draw, case: Case) -> None:
        known = seen(case, kind)["fields"]
        known.update(changes)
        for name in [name for name, value in known.items() if value is None]:
            del known[name]

    return edit


def observed(kind: str, **changes: Value) -> Edit:
    """Change an observation; a member that is None is not there."""

    def edit(_: Draw, case: Case) -> None:
        seen(case, kind).update(changes)

    return edit


def unread(kind: str) -> Edit:
    """Let something not be read."""

    def edit(_: Draw, case: Case) -> None:
        case.remove(kind)

    return edit


def uncited(kind: str) -> Edit:
    """Let something be read, and not be cited."""

    def edit(_: Draw, case: Case) -> None:
        case.call("pay").cites.remove(kind)

    return edit


def old(kind: str, hours: int) -> Edit:
    """Let something have been seen so long ago, or longer."""

    def edit(draw: Draw, case: Case) -> None:
        seen(case, kind)["old"] = timedelta(hours=hours + draw.random.randint(0, 300))

    return edit


def priced(case: Case, micros: int) -> None:
    """Let the purchase have cost something else, in all that is said of it."""
    for label in ("transaction", "eligibility"):
        seen(case, label)["fields"]["amount_micros"] = micros
    for one in case.steps:
        if isinstance(one, Call) and one.tool == "payouts.create":
            one.params["amount"]["micros"] = micros
            if "value" in one.ended:
                one.ended["value"]["micros"] = micros
    case.micros = micros


def changed(label: str, **changes: object) -> Edit:
    """Change how a call is made, or how it ends."""

    def edit(_: Draw, case: Case) -> None:
        for name, value in changes.items():
            setattr(case.call(label), name, value)

    return edit


def both(*edits: Edit) -> Edit:
    """Plant one after the other."""

    def edit(draw: Draw, case: Case) -> None:
        for one in edits:
            one(draw, case)

    return edit
