"""The type check of every condition of a contract, done once, when the contract is read.

A misspelt member or a comparison of two types that do not fit is the author's error, and is told
with its place. Each condition is compiled with the types of what it will see: a rule for three
tools three times, with the parameters of each.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cel_expr_python import cel

from contracts.coercion import Value
from contracts.descriptors import DYN, OBJECT, TypeBook
from contracts.evaluation import VARIABLES, extensions, problems_in
from contracts.model import Contract, Expectation, Fact, Limits, Position, Rule
from contracts.scanning import FACTS, Reads, reads
from contracts.schema_checks import validator
from contracts.selectors import ROOTS

ANY_TOOL = ""

_BOOL = frozenset({"BOOL"})
_INT = frozenset({"INT"})
_KEY = frozenset({"STRING", "INT", "BOOL", "LIST<STRING>", "LIST<INT>", "LIST<BOOL>", "LIST<DYN>"})
_ORDERED = frozenset({"INT", "DOUBLE", "STRING", "TIMESTAMP"})
_STRING = frozenset({"STRING"})
_WANTED = {"sum": _INT, "min": _ORDERED, "max": _ORDERED}

_ABOUT_ACTION = ("action", "params")
_SEEN: dict[str, tuple[str, ...]] = {
    "action": (*_ABOUT_ACTION, "run"),
    "outcome": ("outcome", *_ABOUT_ACTION, "run"),
    "observation": ("observation", *_ABOUT_ACTION, "run"),
    "approval": ("approval", *_ABOUT_ACTION, "run"),
    "message": ("message", "run"),
    "run.opened": ("run",),
    "run.closed": ("run",),
    "switch": ("switch",),
}
"""Which variables a record of each kind has, beside `limits` and `facts`."""


@dataclass(frozen=True, slots=True)
class ConditionProblem:
    """What is wrong with a condition.

    Attributes:
        where: The fact or rule that says it; `policy.limits`, or `tools.NAME`.
        position: Where that stands in the contract.
        message: What is wrong.
        expression: The condition, with `values` expanded.
        column: Where in the expression, counting characters from 1.
    """

    where: str
    position: Position
    message: str
    expression: str
    column: int


@dataclass(frozen=True, slots=True)
class Seat:
    """Where a condition stands: on which kind of record, of which tool, and in a rule or a fact."""

    subject: str
    tool: str
    rule: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """A condition to check: who says it, which types it may have (any, if empty), and for whom."""

    where: str
    position: Position
    text: str
    wanted: frozenset[str] = frozenset()
    told: str = ""


def check_contract(contract: Contract) -> list[ConditionProblem]:
    """Return everything that is wrong with a contract's conditions, in the order of its parts."""
    return Checker(contract).all_problems()


def selector_problems(contract: Contract, text: str) -> list[str]:
    """Return what is wrong with the selector of a switch, so that nobody pulls a wrong one.

    Once it is recorded nothing about it fails: what is no condition selects every action.

    Args:
        contract: The contract in force, by whose types it is checked.
        text: The selector.
    """
    read = reads(text, VARIABLES)
    roots = {*read.members, *((FACTS,) if read.facts or read.whole_facts else ())}
    found = [f"`{root}` is not to be had in a selector" for root in sorted(roots - ROOTS)]
    if "selected" in (read.members.get("action") or ()):
        found.append("`action.selected` is what selectors make, and not to be had in one")
    asked = Fact("selector", "count", "action", where=text)
    alone = Checker(replace(contract, facts=(asked,), rules=(), tools={}, limits=Limits()))
    return found or [f"{one.message} (at {one.column})" for one in alone.all_problems()]


def seats_of(subject: str, tools: tuple[str, ...], *, rule: bool) -> Iterator[Seat]:
    """Yield the seats of a condition on one kind of record: one a tool."""
    for tool in tools or (ANY_TOOL,):
        yield Seat(subject, tool, rule)


class Checker:
    """Checks the conditions of one contract.

    Attributes:
        types: The types of its variables.
    """

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self.types = TypeBook(contract)
        self._facts = {fact.name: (level, fact) for level, fact in enumerate(contract.facts)}
        self._value_types: dict[str, Value] = {}
        self._problems: dict[tuple[str, str, int, str], ConditionProblem] = {}

    def all_problems(self) -> list[ConditionProblem]:
        """Return everything that is wrong, in the order of the contract's parts."""
        for tool in self._contract.tools.values():
            self._check_tool(tool.name)
        self._check_limits()
        for fact in self._contract.facts:
            self._check_fact(fact)
        for rule in self._contract.rules:
            self._check_rule(rule)
        return list(self._problems.values())

    # ------------------------------------------------------------------------- parts

    def _check_tool(self, name: str) -> None:
        tool = self._contract.tools[name]
        where = f"tools.{name}"
        if tool.schema is not None:
            try:
                validator(tool.schema)
            except ValueError as error:
                self._report(Asked(where, tool.position, ""), f"params: {error}", 1)
        variables = {"params": self.types.cel_type(self.types.params[name])}
        wanted = {
            tool.target: frozenset[str](),
            tool.estimate_cost: _INT,
            tool.estimate_value: _INT,
        }
        for text, types in wanted.items():
            if text:
                self._compile(Asked(where, tool.position, text, types), variables, name)

    def _check_limits(self) -> None:
        """Check the expressions that pick a case, for each kind of record that a rule is for."""
        uses = [rule for rule in self._contract.rules if "limits" in self._reads(rule).members]
        seats = [seat for rule in uses for seat in seats_of(rule.subject, rule.tools, rule=True)]
        for by in self._contract.limits.by:
            for seat in seats:
                self._check(Asked("policy.limits", Position(), by, _STRING), seat, self._top)

    def _check_fact(self, fact: Fact) -> None:
        level, _ = self._facts[fact.name]
        for seat in seats_of(fact.source, fact.tools, rule=False):
            for text, types in (
                (fact.where, _BOOL),
                (fact.by, _KEY),
                (fact.value, _WANTED.get(fact.aggregate, frozenset[str]())),
            ):
                self._check(Asked(fact.name, fact.position, text, types), seat, level)
        for seat in seats_of("action", fact.tools, rule=False) if fact.reserve else ():
            self._check(Asked(fact.name, fact.position, fact.reserve, _INT), seat, level)
            self._check(Asked(fact.name, fact.position, fact.by, _KEY), seat, level)

    def _check_rule(self, rule: Rule) -> None:
        for seat in seats_of(rule.subject, rule.tools, rule=True):
            for text in (rule.when, rule.unless):
                self._check(Asked(rule.id, rule.position, text, _BOOL), seat, self._top)
            if rule.expect is not None:
                at = rule.expect.at or rule.expect.by
                self._check(Asked(rule.id, rule.position, at, _KEY), seat, self._top)
        if rule.expect is not None:
            self._check_expectation(rule, rule.expect)

    def _check_expectation(self, rule: Rule, expect: Expectation) -> None:
        for seat in seats_of(expect.source, expect.tools, rule=False):
            self._check(Asked(rule.id, rule.position, expect.where, _BOOL), seat, self._top)
            self._check(Asked(rule.id, rule.position, expect.by, _KEY), seat, self._top)

    @property
    def _top(self) -> int:
        return len(self._contract.facts)

    def _reads(self, rule: Rule) -> Reads:
        return reads(f"{rule.when}\n{rule.unless}", VARIABLES)

    # ------------------------------------------------------------------------- types

    def _check(self, asked: Asked, seat: Seat, level: int) -> Value:
        """Check a condition that may see `level` facts; return its type, `dyn` if it has none."""
        if not asked.text:
            return cel.Type.DYN
        read = reads(asked.text, VARIABLES)
        if read.tests_facts:
            message = "has(facts.…) cannot tell empty from undecidable; ask with a `seen` fact"
            self._report(asked, message, 1)
            return cel.Type.DYN
        variables = self.variables(seat, read, level)
        for name in ("params", "limits"):
            # A map that is asked as a whole (`"x" in params`) can be no message.
            if name in variables and read.members.get(name, ()) is None:
                variables[name] = self.types.cel_type(OBJECT)
        return self._compile(asked, variables, seat.tool)

    def variables(self, seat: Seat, read: Reads, level: int) -> dict[str, Value]:
        """Return the types of what a condition sees there, and of the facts that it reads.

        Args:
            seat: Where it stands.
            read: What it reads.
            level: How many of the contract's facts it may see; they are called `facts.NAME`.
        """
        names = [*_SEEN[seat.subject], "limits", *(("identity",) if seat.rule else ())]
        variables = {name: self.types.cel_type(f"writ.{name.capitalize()}") for name in names}
        params = self.types.params.get(seat.tool, DYN)
        variables["params"] = self.types.cel_type(params)
        variables["limits"] = self.types.cel_type(self.types.limits)
        if "params" not in names:
            del variables["params"]
        if seat.rule and seat.subject == "action":
            variables["evidence"] = self.types.cel_type("list writ.Observation")
        for name in sorted(read.facts):
            known = self._facts.get(name)
            if known is not None and known[0] < level:
                variables[f"facts.{name}"] = self._fact_type(known[1], seat)
        return variables

    def _fact_type(self, fact: Fact, seat: Seat) -> Value:
        """Return the type of a fact as a record of some kind sees it: a list, where `at` is one."""
        kept = self._value_type(fact)
        level, _ = self._facts[fact.name]
        at = fact.at or fact.by
        if not at:
            return kept
        told = f" (asked of {seat.subject})"
        key = self._check(Asked(fact.name, fact.position, at, _KEY, told), seat, level).name()
        if key == "DYN":
            return cel.Type.DYN
        return cel.Type.List(kept) if key.startswith("LIST") else kept

    def _value_type(self, fact: Fact) -> Value:
        """Return the type of what a fact keeps."""
        simple = {"count": cel.Type.INT, "sum": cel.Type.INT, "seen": cel.Type.BOOL}
        if fact.aggregate in simple:
            return simple[fact.aggregate]
        found = self._value_types.get(fact.name)
        if found is None:
            level, _ = self._facts[fact.name]
            asked = Asked(fact.name, fact.position, fact.value)
            seats = seats_of(fact.source, fact.tools, rule=False)
            types = [self._check(asked, seat, level) for seat in seats]
            found = types[0] if all(one == types[0] for one in types) else cel.Type.DYN
            if fact.aggregate == "list":
                found = cel.Type.List(found)
            self._value_types[fact.name] = found
        return found

    # --------------------------------------------------------------------- compiling

    def _compile(self, asked: Asked, variables: Mapping[str, Any], tool: str) -> Value:
        environment = cel.NewEnv(
            descriptor_pool=self.types.pool, variables=variables, extensions=extensions()
        )
        told = f" (for tool {tool})" if tool and "params" in asked.text else asked.told
        try:
            found = environment.compile(asked.text).return_type()
        except RuntimeError as error:
            for problem in problems_in(str(error)):
                place = _offset(asked.text, problem.line, problem.column)
                self._report(asked, f"{problem.message}{told}", place)
            return cel.Type.DYN
        name = found.name()
        if asked.wanted and name != "DYN" and name not in asked.wanted:
            words = ", ".join(sorted(asked.wanted)).lower()
            self._report(asked, f"its type is {name.lower()}, and must be one of {words}{told}", 1)
        return found

    def _report(self, asked: Asked, message: str, column: int) -> None:
        key = (asked.where, asked.text, column, message.split(" (for tool ", maxsplit=1)[0])
        problem = ConditionProblem(asked.where, asked.position, message, asked.text, column)
        self._problems.setdefault(key, problem)


def _offset(text: str, line: int, column: int) -> int:
    """Return a place of a text of several lines as one number, counting from 1."""
    before = text.split("\n")[: line - 1]
    return sum(len(one) + 1 for one in before) + column
