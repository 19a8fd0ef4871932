"""What facts mean, the slow way: every question scans every earlier entry.

No counters, and nothing remembered between questions. Source: docs/spec/contract-language.md,
*Facts*.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final, cast

from contracts.history import Event
from contracts.model import Contract, Fact
from tests.reference.views import (
    LONGEST,
    UndecidableError,
    Value,
    Views,
    evaluated,
    is_list,
    too_long,
)

Key = tuple[str, Value]
ORDERED: Final[frozenset[type]] = frozenset({int, float, str, datetime})
TAKEN: Final = {
    "count": frozenset[type]({int}),
    "sum": frozenset[type]({int}),
    "min": ORDERED,
    "max": ORDERED,
}
WHOLE: Final = 2**63


def typed_key(value: Value) -> Key:
    """A key that keeps 1, true and "1" apart; nothing but strings, ints and bools is one."""
    if type(value) not in {str, int, bool}:
        raise UndecidableError("key")
    return type(value).__name__, value


def keys_of(value: Value) -> list[Key]:
    """The distinct keys of a list in order of first occurrence, or the one key."""
    elements = value if is_list(value) else [value]
    return list(dict.fromkeys(typed_key(element) for element in elements))


def is_nan(value: Value) -> bool:
    """Whether a value is the double that has no order."""
    return isinstance(value, float) and math.isnan(value)


def total(values: list[int]) -> int:
    """A sum as CEL can hold it."""
    if abs(sum(values)) >= WHOLE:
        raise UndecidableError("types")
    return sum(values)


def short(value: Value) -> Value:
    """A value that no condition has to walk further than it can."""
    if too_long(value):
        raise UndecidableError("long")
    return value


@dataclass(frozen=True)
class Facts:
    """The facts of one contract over one history."""

    contract: Contract
    events: Sequence[Event]

    @cached_property
    def views(self) -> Views:
        """What conditions see of the records."""
        return Views(self.contract, self.events)

    @cached_property
    def given(self) -> dict[tuple[int, int, str], Value]:
        """Values that were asked for, and why there are none: rules ask for the same ones."""
        return {}

    # ------------------------------------------------------------------------------- asking

    def ask(self, text: str, event: Event, upto: int, *, rule: bool) -> Value:
        """The value of a text at a record; it may name the first `upto` facts of the contract."""
        view = self.views.view(event, text, rule=rule)
        values = self.facts_in(text, event, upto).items()
        view["facts"] = {
            name: value for name, value in values if not isinstance(value, UndecidableError)
        }
        if "limits" in text:
            view |= self.limits_of(event, upto)
        return evaluated(text, view)

    def truth(self, text: str, event: Event, upto: int, *, rule: bool) -> bool:
        """The same for a condition: what is no bool is an error."""
        value = self.ask(text, event, upto, rule=rule)
        if not isinstance(value, bool):
            raise UndecidableError("error")
        return value

    def facts_in(self, text: str, event: Event, upto: int) -> dict[str, Value]:
        """Each fact that a text names, as of a record: its value or why it has none."""
        named, found = set(re.findall(r"\bfacts\.(\w+)", text)), dict[str, Value]()
        for number, fact in enumerate(self.contract.facts[:upto]):
            if fact.name in named:
                asked = (number, event.index, event.digest)
                if asked not in self.given:
                    self.given[asked] = self.fact_or_reason(number, event)
                found[fact.name] = self.given[asked]
        return found

    def fact_or_reason(self, number: int, event: Event) -> Value:
        """The value of a fact as of one entry, or the error that says why it has none."""
        try:
            return self.fact(number, event)
        except UndecidableError as reason:
            return reason

    def limits_of(self, event: Event, upto: int) -> dict[str, Value]:
        """The variable `limits` for a record's case, where there is one."""
        limits = self.contract.limits
        if not limits.levels:
            return {"limits": limits.plain}
        found: dict[str, Value] | None = None if limits.default is None else dict(limits.default)
        for level in reversed(limits.levels):
            try:
                case = self.ask(level.by, event, upto, rule=True)
            except UndecidableError:
                return {}
            if not isinstance(case, str):
                return {}
            if case in level.cases:
                found = {**(found or {}), **level.cases[case]}
        return {} if found is None else {"limits": found}

    def scope_of(self, over: str, event: Event) -> str | None:
        """What a record has for a scope: equal for all that share it; None: it has none."""
        run, action = self.views.run_of(event), self.views.action_of(event)
        if over == "ledger":
            return "ledger"
        if over == "identity":
            return str((action or event).record["by"])
        if over == "service" and event.record["kind"] == "switch":
            return str(event.record["service"])
        if run is None:
            return None
        return run.digest if over == "run" else cast("str | None", run.record.get(over))

    # ------------------------------------------------------------------------------- facts

    def fact(self, number: int, event: Event) -> Value:
        """The value of a fact as of one entry.

        Raises:
            UndecidableError: It has none.
        """
        fact, now = self.contract.facts[number], self.views.time_of(event)
        if self.scope_of(fact.over, event) is None:
            raise UndecidableError("scope")
        if fact.within is not None and (now is None or (event.imported and fact.over != "run")):
            raise UndecidableError("clock")
        if not fact.by:
            return self.aggregate(number, event, None)
        asked = self.ask(fact.at or fact.by, event, number, rule=True)
        keys = keys_of(asked)
        if len(keys) > LONGEST:
            raise UndecidableError("long")
        values = [self.aggregate(number, event, key) for key in keys]
        return values if is_list(asked) else values[0]

    def aggregate(self, number: int, event: Event, key: Key | None) -> Value:
        """The value under one key (None: the fact has no keys)."""
        fact = self.contract.facts[number]
        values = list(self.counted(number, event, key))
        if fact.aggregate == "seen":
            return bool(values)
        if fact.aggregate in {"count", "sum"}:
            return total(values)
        if fact.aggregate == "list":
            return short(values)
        if not values and fact.default is None:
            raise UndecidableError("empty")
        if fact.aggregate == "last" or not values:
            return short(values[-1] if values else fact.default)
        if any(type(value) is not type(values[0]) for value in values):
            raise UndecidableError("types")
        return min(values) if fact.aggregate == "min" else max(values)

    def counted(self, number: int, event: Event, key: Key | None) -> Iterator[Value]:
        """What each earlier record adds to the fact, in history order."""
        fact = self.contract.facts[number]
        scope = self.scope_of(fact.over, event) or ""
        for record in (earlier for earlier in self.events if earlier.index < event.index):
            is_open = self.is_open(fact, record, event)
            if not (is_open or self.is_from(fact, record)) or not self.shares(fact, record, scope):
                continue
            inside = True if is_open else self.in_window(fact, record, event)
            if inside is not False:
                added = self.admitted(fact, number, record, key, is_open=is_open)
                if added and inside is None:
                    raise UndecidableError("clock")
                yield from added

    def admitted(
        self, fact: Fact, upto: int, record: Event, key: Key | None, *, is_open: bool
    ) -> list[Value]:
        """What one record adds, with `unknown: skip` heeded."""
        try:
            return self.added(fact, upto, record, key, is_open=is_open)
        except UndecidableError:
            if fact.unknown == "skip":
                return []
            raise

    def is_from(self, fact: Fact, record: Event, source: str = "") -> bool:
        """Whether a record is of the kind, tool and attempt that the fact counts."""
        kind, action = str(record.record["kind"]), self.views.action_of(record)
        kind = f"run.{record.record['phase']}" if kind == "run" else kind
        if kind != (source or fact.source):
            return False
        if fact.tools and (action is None or action.record["tool"] not in fact.tools):
            return False
        effect = action.record.get("decision", {}).get("effect", "allow") if action else "allow"
        return fact.attempts == "all" or effect == "allow"

    def is_open(self, fact: Fact, record: Event, event: Event) -> bool:
        """Whether a record is an action that reserves: none of the outcomes so far is its own."""
        if not fact.reserve or not self.is_from(fact, record, "action"):
            return False
        return not any(
            other.record["kind"] == "outcome" and other.record["action"] == record.digest
            for other in self.events
            if other.index <= event.index  # an outcome that asks has settled its action
        )

    def shares(self, fact: Fact, record: Event, scope: str) -> bool:
        """Whether a record stands in the scope; reference data does in that of any run."""
        loose = fact.reference and fact.over == "run" and self.views.run_of(record) is None
        return loose or self.scope_of(fact.over, record) == scope

    def in_window(self, fact: Fact, record: Event, event: Event) -> bool | None:
        """Whether the window of the deciding entry admits a record; None where nobody can tell."""
        now, time = self.views.time_of(event), self.views.time_of(record)
        if fact.within is None:
            return True
        loose = event.imported and self.views.run_of(record) is None
        if now is None or time is None or loose or (record.imported and fact.over != "run"):
            return None
        return now - timedelta(microseconds=fact.within) < time <= now

    def added(
        self, fact: Fact, upto: int, record: Event, key: Key | None, *, is_open: bool = False
    ) -> list[Value]:
        """What one record adds under a key: nothing, or one value; an error that matters raises."""
        doubt = None
        try:
            if fact.where and not is_open and not self.truth(fact.where, record, upto, rule=False):
                return []
        except UndecidableError as error:
            doubt = error
        if fact.by and key not in keys_of(self.ask(fact.by, record, upto, rule=False)):
            return []
        if doubt:
            raise doubt
        if fact.aggregate in {"count", "seen"} and not is_open:
            return [1]
        value = self.ask(fact.reserve if is_open else fact.value, record, upto, rule=False)
        taken = TAKEN.get(fact.aggregate)
        if taken and (type(value) not in taken or is_nan(value)):
            raise UndecidableError("types")
        return [value]
