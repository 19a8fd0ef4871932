"""What the engine on columns asks of a contract, for people: SQL, and facts in outline.

A condition is printed as it runs where records are as the contract says
(`contracts.declared_shapes`), or with the reason why it is CEL's, row by row. A fact runs together
with others, as sums over all that was noted before: what is printed of it is what each record adds,
where, under which key and in which window, and not the statement.
Source: docs/reference/columns.md.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from contracts.coercion import MAX_LIST
from contracts.column_shapes import Scalar
from contracts.columns import Column, Fallback, compile_condition, compile_value
from contracts.declared_shapes import PLAIN, Declared, DeclaredShapes
from contracts.evaluation import shared_evaluator
from contracts.expressions import references
from contracts.lint_facts import uses_of
from contracts.model import Contract, Fact, Position, Rule
from contracts.sql_layout import laid_out

Seats = tuple[tuple[str, tuple[str, ...]], ...]
"""The kinds of record that something is asked of, each with its tools (none: all)."""

LIMITS: Final = "policy.limits"
"""The owner of the expressions that pick a case."""

WIDTH: Final = 100
_INDENT: Final = 11
_LABELS: Final = 12


@dataclass(frozen=True, slots=True)
class Asked:
    """One condition of a contract.

    Attributes:
        owner: The rule or fact that says it, as `explain` calls it; or `LIMITS`.
        label: What it is for there.
        text: The condition.
        seats: What it is asked of.
        rule: Whether it sees what a rule sees.
        level: How many of the contract's facts it may see.
        truth: Whether its truth is wanted; else its value.
        position: Where its owner stands.
    """

    owner: str
    label: str
    text: str
    seats: Seats
    rule: bool
    level: int
    truth: bool
    position: Position


@dataclass(frozen=True, slots=True)
class Found:
    """What became of a condition.

    Attributes:
        asked: The condition.
        column: Its SQL, or why it has none.
        seen: The shapes that it was compiled over.
    """

    asked: Asked
    column: Column | Fallback
    seen: Declared


class ColumnWords:
    """The conditions of one contract, by column."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._shapes = DeclaredShapes(contract)

    def told(self) -> dict[str, str]:
        """Return for the ids of rules and the names of facts what `explain` prints as SQL."""
        found: defaultdict[str, list[Found]] = defaultdict(list)
        for asked in self.conditions():
            found[asked.owner].append(self.found(asked))
        told = {rule.id: _rule_words(found[rule.id]) for rule in self._contract.rules}
        for fact in self._contract.facts:
            told[f"facts.{fact.name}"] = _fact_words(fact, found[f"facts.{fact.name}"])
        return told

    def found(self, asked: Asked, plain: tuple[Scalar, ...] = PLAIN) -> Found:
        """Compile a condition; `plain` is what a value of no known type is taken for."""
        seen = self._shapes.seen(
            asked.text, asked.seats, rule=asked.rule, level=asked.level, plain=plain
        )
        make = compile_condition if asked.truth else compile_value
        return Found(asked, make(shared_evaluator().compile(asked.text), seen.shapes), seen)

    def by_row(self) -> Iterator[tuple[Asked, str]]:
        """Yield the conditions that do not run by column, whatever has no known type, and why."""
        for asked in self.conditions():
            found = self.found(asked)
            others = PLAIN if found.seen.open else ()
            if isinstance(found.column, Fallback) and all(
                isinstance(self.found(asked, (one,)).column, Fallback) for one in others
            ):
                yield asked, found.column.reason

    # -------------------------------------------------------------------- what is asked

    def conditions(self) -> Iterator[Asked]:
        """Yield every condition that is asked of records, in the order of the contract."""
        for level, fact in enumerate(self._contract.facts):
            yield from self._of_fact(fact, level)
        rules = [rule for rule in self._contract.rules if _names(rule, "limits")]
        seats = tuple(dict.fromkeys((rule.subject, rule.tools) for rule in rules))
        for by in self._contract.limits.by if seats else ():
            yield Asked(
                LIMITS,
                "by",
                by,
                seats,
                rule=True,
                level=self._top,
                truth=False,
                position=Position(),
            )
        for rule in self._contract.rules:
            yield from self._of_rule(rule)

    @property
    def _top(self) -> int:
        return len(self._contract.facts)

    def _of_rule(self, rule: Rule) -> Iterator[Asked]:
        own, expect = ((rule.subject, rule.tools),), rule.expect
        asked: list[tuple[str, str, Seats, bool, bool]] = [
            ("when", rule.when, own, True, True),
            ("unless", rule.unless, own, True, True),
        ]
        if expect is not None:
            later = ((expect.source, expect.tools),)
            asked += [
                ("where", expect.where, later, False, True),
                ("key", expect.by, later, False, False),
                ("asked for", expect.at or expect.by, own, True, False),
            ]
        for label, text, seats, sees, truth in asked:
            if text:
                yield Asked(rule.id, label, text, seats, sees, self._top, truth, rule.position)

    def _of_fact(self, fact: Fact, level: int) -> Iterator[Asked]:
        notes = ((fact.source, fact.tools),)
        holds = (("action", fact.tools),) if fact.reserve else ()
        asked: list[tuple[str, str, Seats, bool, bool]] = [
            ("where", fact.where, notes, False, True),
            ("adds", fact.value, notes, False, False),
            ("reserves", fact.reserve, holds, False, False),
            ("key", fact.by, (*notes, *holds), False, False),
        ]
        owner = f"facts.{fact.name}"
        for label, text, seats, sees, truth in asked:
            if text:
                yield Asked(owner, label, text, seats, sees, level, truth, fact.position)
        at = fact.at or fact.by
        for sees, seats in self._readers(fact).items() if at else ():
            yield Asked(
                owner,
                "asked for",
                at,
                seats,
                rule=sees,
                level=level,
                truth=False,
                position=fact.position,
            )

    def _readers(self, fact: Fact) -> dict[bool, Seats]:
        """Return of what a fact is asked: in rules, and in other facts."""
        named = f"facts.{fact.name}"
        by_limits = any(_names_in(by, named) for by in self._contract.limits.by)
        found: dict[bool, Seats] = {}
        for rule in self._contract.rules:
            if _names(rule, named) or (by_limits and _names(rule, "limits")):
                found[True] = (*found.get(True, ()), (rule.subject, rule.tools))
        for other in self._contract.facts:
            if _names(other, named) or (by_limits and _names(other, "limits")):
                found[False] = (*found.get(False, ()), (other.source, other.tools))
        return {sees: tuple(dict.fromkeys(seats)) for sees, seats in found.items()}


def _names(part: Rule | Fact, name: str) -> bool:
    return any(_names_in(text, name) for text in uses_of(part))


def _names_in(text: str, name: str) -> bool:
    return any(name in {use.root, f"{use.root}.{use.member}"} for use in references(text))


# -------------------------------------------------------------------------------- words


def _rule_words(found: list[Found]) -> str:
    lines: list[str] = []
    for one in found:
        if len(found) > 1:
            lines.append(f"-- {one.asked.label}")
        lines += [*remarks(one), *_sql_lines(one, WIDTH - _INDENT)]
    return "\n".join(lines)


def remarks(found: Found) -> Iterator[str]:
    """Yield, as comments, what has to be known of a condition's SQL."""
    if isinstance(found.column, Fallback):
        yield f"-- by CEL, row by row: {found.column.reason}"
    elif found.column.longest is not None and found.column.longest < MAX_LIST:
        yield f"-- rows with a list of more than {found.column.longest} elements: by CEL"
    for place in found.seen.open:
        yield f"-- not known beforehand, so bool, int, double or text: {place}"


def _sql_lines(found: Found, width: int) -> list[str]:
    column = found.column
    return [] if isinstance(column, Fallback) else laid_out(column.sql, width).split("\n")


_KEPT: Final = {
    "count": "how many",
    "seen": "whether any",
    "sum": "the sum of what they add",
    "min": "the least of what they add",
    "max": "the greatest of what they add",
    "last": "what the last of them adds",
    "list": f"what each of them adds, at most {MAX_LIST}",
}


def _fact_words(fact: Fact, found: list[Found]) -> str:
    """Return a fact in outline."""
    by_label: defaultdict[str, list[Found]] = defaultdict(list)
    for one in found:
        by_label[one.asked.label].append(one)
    lines = ["-- an outline: what records note, and how it is taken together up to each that asks"]
    lines += _line("from", f'"{fact.source}"')
    if fact.tools:
        quoted = ", ".join(f"'{tool}'" for tool in fact.tools)
        lines += _line("tool", f"tool IN ({quoted})")
    if fact.attempts == "allowed" and fact.source in {
        "action",
        "outcome",
        "observation",
        "approval",
    }:
        lines += _line("attempts", "allowed")
    for label in ("where", "adds", "reserves"):
        lines += _conditions(label, by_label[label])
    scope = f"in_{fact.over}"
    lines += _line("scope", f"{scope}, or in no run" if fact.reference else scope)
    lines += _conditions("key", by_label["key"])
    asked = {
        one.column.sql if isinstance(one.column, Column) else one.column.reason: one
        for one in by_label["asked for"]
    }
    lines += _conditions("asked for", list(asked.values()))
    lines += _line("order", "idx, of those before the record that asks")
    if fact.within is not None:
        lines += _line(
            "window", f'"time" > asking."time" - {fact.within} AND "time" <= asking."time"'
        )
    lines += _line("gives", _KEPT[fact.aggregate])
    return "\n".join(lines)


def _conditions(label: str, found: list[Found]) -> list[str]:
    lines: list[str] = []
    for one in found:
        told = [*remarks(one), *_sql_lines(one, WIDTH - _INDENT - _LABELS)]
        lines += _line(label, *told)
    return lines


def _line(label: str, *told: str) -> list[str]:
    heads = [label, *("" for _ in told[1:])]
    return [f"{head:{_LABELS}}{one}" for head, one in zip(heads, told, strict=True)]
