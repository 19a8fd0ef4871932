"""Time, cost and tokens of a conversation: what the source recorded, and whether it did."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ledger.encoding import MAX_INTEGER
from ledger.importers.conversation import Conversation, Turn
from ledger.importers.paths import ABSENT, Path, json_object, look
from ledger.importers.problems import Reporter
from ledger.importers.profile import Profile
from ledger.importers.texts import micros, moment, written


@dataclass(frozen=True, slots=True)
class ClaimedClock:
    """The times that a conversation's messages have.

    Attributes:
        times: Of each message, by position; None where it has none.
        first: Time of the run's beginning, if the clock can be used.
        last: Time of its end, if the clock can be used.
    """

    times: tuple[datetime | None, ...]
    first: datetime | None
    last: datetime | None

    @property
    def stated(self) -> Literal["claimed", "none"]:
        """What `import.clock` says."""
        return "none" if self.first is None else "claimed"

    def at(self, position: int) -> datetime | None:
        """Return the time of the message at a position."""
        return self.times[position]

    def written(self, position: int) -> str | None:
        """Return the time of the message at a position, as a record has it."""
        found = self.times[position]
        return None if found is None else written(found)


def claimed_clock(times: tuple[datetime | None, ...]) -> ClaimedClock:
    """Judge the times: usable if all are there, none goes back, and they are not all the same.

    Source: docs/spec/ledger-format.md, *Record*, `import.clock`.
    """
    there = [time for time in times if time is not None]
    usable = len(there) == len(times) and there == sorted(there) and len(set(there)) > 1
    return ClaimedClock(times, there[0] if usable else None, there[-1] if usable else None)


class Measures:
    """What was measured in one conversation."""

    def __init__(self, conversation: Conversation, profile: Profile, report: Reporter) -> None:
        self._profile = profile
        self._report = report
        self._messages = [json_object(item.message) or {} for item in conversation.items]
        self.clock = claimed_clock(
            tuple(self._time(position, message) for position, message in enumerate(self._messages))
        )
        roles = [item.role if isinstance(item, Turn) else "tool" for item in conversation.items]
        costs = [self._micros(role, position) for position, role in enumerate(roles)]
        self._costs = _recorded(roles, costs, keep_zero=self._keep_zero)

    def cost(self, role: str, position: int) -> Mapping[str, object] | None:
        """Return what the message at a position cost, as a record has it."""
        cost = self._profile.cost
        found = self._costs[position]
        if cost is None or found is None or role not in cost.roles:
            return None
        return {"currency": cost.currency, "micros": found}

    def tokens(self, role: str, position: int) -> Mapping[str, object] | None:
        """Return the tokens of the message at a position, as a record has them."""
        tokens = self._profile.tokens
        if role not in tokens.roles:
            return None
        found = {
            "input": self._count(position, tokens.input),
            "output": self._count(position, tokens.output),
        }
        return {name: count for name, count in found.items() if count is not None} or None

    @property
    def _keep_zero(self) -> bool:
        return self._profile.cost is None or self._profile.cost.zero == "recorded"

    def _time(self, position: int, message: Mapping[str, object]) -> datetime | None:
        clock = self._profile.clock
        value = ABSENT if clock is None else look(clock.key, message)
        if clock is None or value is ABSENT or value is None:
            return None
        try:
            return moment(value, clock.offset)
        except ValueError as error:
            self._report("bad-time", f"message {position}: {error}", "the message, without time")
            return None

    def _micros(self, role: str, position: int) -> int | None:
        cost = self._profile.cost
        if cost is None or role not in cost.roles:
            return None
        value = look(cost.key, self._messages[position])
        if value is ABSENT or value is None:
            return None
        try:
            return micros(value)
        except ValueError as error:
            self._report("bad-cost", f"message {position}: {error}", "the message, without cost")
            return None

    def _count(self, position: int, path: Path | None) -> int | None:
        value = ABSENT if path is None else look(path, self._messages[position])
        if value is ABSENT or value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_INTEGER:
            return value
        message = f"message {position}: {value!r} is not a number of tokens"
        self._report("bad-tokens", message, "the message, without it")
        return None


def _recorded(
    roles: list[str], costs: list[int | None], *, keep_zero: bool
) -> tuple[int | None, ...]:
    """Drop the costs of each role whose costs are all zero: a zero there says *not recorded*."""
    spenders = {role for role, cost in zip(roles, costs, strict=True) if cost or keep_zero}
    return tuple(
        cost if role in spenders else None for role, cost in zip(roles, costs, strict=True)
    )
