"""CEL behind a small protocol: compile a condition once, evaluate it on plain Python values.

Evaluation is on maps, never on typed messages: a missing member must be an error, and a message
answers it with a default. An error is a value here, `Undecidable`, and never an exception:
nothing that a record holds may stop the engine.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import Protocol

from cel_expr_python import cel
from cel_expr_python.ext import ext_math, ext_strings

from contracts.coercion import Value
from contracts.scanning import Reads, chains, reads
from contracts.shortcuts import Shortcut, shortcut
from contracts.trees import Node, tree_of
from contracts.unseen import Touch, touches
from contracts.withholding import Hidden

VARIABLES = (
    "action",
    "params",
    "outcome",
    "observation",
    "message",
    "approval",
    "switch",
    "run",
    "identity",
    "evidence",
    "limits",
    "facts",
)


@dataclass(frozen=True, slots=True)
class Undecidable:
    """That a condition has no value, and why, in words that a reviewer understands.

    Attributes:
        reason: The words. What an agent wrote may stand in them.
        hidden: What is hidden that it hangs on.
    """

    reason: str
    hidden: Hidden = Hidden.NOTHING


@dataclass(frozen=True, slots=True)
class CompileProblem:
    """Why a condition can not be compiled. Lines and columns count from 1."""

    message: str
    line: int
    column: int


class ConditionError(ValueError):
    """A condition that CEL does not accept was handed to the engine: check the contract first."""

    def __init__(self, text: str, problems: tuple[CompileProblem, ...]) -> None:
        self.text = text
        self.problems = problems
        super().__init__(f"{text!r}: {'; '.join(problem.message for problem in problems)}")


class Program(Protocol):
    """A compiled condition."""

    def __hash__(self) -> int:
        """A program is itself and no other."""
        ...

    def run(self, binding: Value) -> Value:
        """Return the condition's value on a binding, or `Undecidable` with CEL's own words."""
        ...

    def tree(self) -> Node | None:
        """Return the condition's tree, None where it can not be had."""
        ...


class Evaluator(Protocol):
    """What the engine needs of an expression language."""

    def compile(self, text: str) -> Program:
        """Compile a condition. Raises `ConditionError`."""
        ...

    def bind(self, values: Mapping[str, Value]) -> Value:
        """Make one record's variables ready to be read by any number of conditions."""
        ...


def extensions() -> list[Value]:
    """Return CEL's extensions that conditions may use: strings and math.

    Not `cel.bind`: in cel-expr-python 0.1.3 a bind behind a list macro in one expression reads the
    wrong value. A contract's `values` do what it is for.
    """
    return [ext_strings.ExtStrings(), ext_math.ExtMath()]


_PLAIN_TYPES = frozenset(
    {"BOOL", "INT", "DOUBLE", "STRING", "BYTES", "TIMESTAMP", "DURATION", "NULL_TYPE", "NULL"}
)
_COMPOUND = ("LIST", "MAP")


class CelProgram:
    """A condition compiled by Google's CEL."""

    __slots__ = ("_expression",)

    def __init__(self, expression: Value) -> None:
        self._expression = expression

    def run(self, binding: Value) -> Value:
        """Return the value as plain Python, or `Undecidable` with CEL's own words."""
        try:
            value = self._expression.eval(binding)
            plain = value.value()
        except RuntimeError as error:  # the iteration budget is raised, all else is returned
            return Undecidable(str(error))
        # A bool can only be a bool; asking for the type costs as much as the evaluation.
        if plain is True or plain is False:
            return plain
        name: str = value.type().name()
        if name in _PLAIN_TYPES:
            return bytes(plain) if name == "BYTES" else plain
        if name.startswith(_COMPOUND):
            return value.plain_value()
        if name == "ERROR":
            return Undecidable(str(plain))
        return Undecidable(f"a value of type {name.lower()}, which is no plain value")

    def tree(self) -> Node | None:
        """Return the tree that CEL's parser made."""
        return tree_of(self._expression.serialize())


class CelEvaluator:
    """Conditions by Google's CEL, every variable a map."""

    def __init__(self, variables: tuple[str, ...] = VARIABLES) -> None:
        self._environment = cel.NewEnv(
            variables=dict.fromkeys(variables, cel.Type.DYN), extensions=extensions()
        )
        # The versions of a contract say mostly the same, and to compile costs as much as to ask
        # some hundred times.
        self._compiled = lru_cache(maxsize=4096)(self._compile)

    def compile(self, text: str) -> Program:
        """Compile a condition.

        Raises:
            ConditionError: CEL refuses the text.
        """
        return self._compiled(text)

    def _compile(self, text: str) -> CelProgram:
        try:
            return CelProgram(self._environment.compile(text))
        except RuntimeError as error:
            raise ConditionError(text, problems_in(str(error))) from error

    def bind(self, values: Mapping[str, Value]) -> Value:
        """Make one record's variables ready. Values are converted once, when first read."""
        return self._environment.Activation(data=values)


@cache
def shared_evaluator() -> CelEvaluator:
    """Return the evaluator of this process: nothing in it belongs to one contract."""
    return CelEvaluator()


_PROBLEM = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_CONTAINER = re.compile(r" \(in container ''\)")


def problems_in(text: str) -> tuple[CompileProblem, ...]:
    """Return each problem that a refusal by CEL names, with its place in the condition."""
    found = tuple(
        CompileProblem(_CONTAINER.sub("", message), int(line), int(column))
        for line, column, message in _PROBLEM.findall(text)
    )
    return found or (CompileProblem(text, 1, 1),)


@dataclass(frozen=True, eq=False)
class Condition:
    """A compiled condition, what it reads, and how many of the contract's facts it may see.

    `shortcut` answers where nothing but plain values are compared, and spares the program.
    """

    text: str
    program: Program
    reads: Reads
    level: int
    shortcut: Shortcut | None

    @cached_property
    def is_plain(self) -> bool:
        """True where it reads neither facts nor limits, which may rest on facts."""
        return not self.reads.facts and "limits" not in self.reads.members

    @cached_property
    def touches(self) -> tuple[Touch, ...]:
        """Where it touches its variables; asked for only where some of them hold sealed values."""
        return touches(self.program.tree(), frozenset(VARIABLES))


def condition(evaluator: Evaluator, text: str, level: int) -> Condition:
    """Compile a condition that may see the contract's first `level` facts.

    Raises:
        ConditionError: CEL refuses the text.
    """
    program = evaluator.compile(text)
    return Condition(text, program, *_found(text, program, level))


# Whoever makes many engines of one contract asks the same of the same conditions each time.
@lru_cache(maxsize=8192)
def _found(text: str, program: Program, level: int) -> tuple[Reads, int, Shortcut | None]:
    """Return what a condition reads, its level, and its shortcut."""
    short = shortcut(program.tree(), level, frozenset(VARIABLES))
    return reads(text, VARIABLES), level, short


_NO_KEY = re.compile(r'NOT_FOUND: Key not found in map : "(.*)"', re.DOTALL)
_NO_NAME = re.compile(r'No value with name "(.*)" found in Activation')
_NO_OVERLOAD = re.compile(r"No matching overloads? found : (.*)", re.DOTALL)
_STATUS = re.compile(r"^[A-Z_]+: ")


def no_key(raw: str) -> str:
    """Return the member that CEL did not find, else nothing."""
    found = _NO_KEY.search(raw)
    return found.group(1) if found else ""


Whys = Mapping[str, Undecidable]


def explained(text: str, raw: str, missing: Whys, facts: Whys) -> Undecidable:
    """Say in a reviewer's words why a condition has no value.

    Args:
        text: The condition.
        raw: CEL's words.
        missing: Why a variable does not exist, by its name.
        facts: Why a fact has no value, by its name.
    """
    if found := _NO_NAME.search(raw):
        name = found.group(1)
        return missing.get(name, Undecidable(f"there is no {name} here"))
    if found := _NO_KEY.search(raw):
        member = found.group(1)
        if member in facts:
            return Undecidable(f"fact {member}: {facts[member].reason}", facts[member].hidden)
        return Undecidable(_absent(text, member))
    if found := _NO_OVERLOAD.search(raw):
        return Undecidable(f"types that do not fit: {found.group(1)}")
    return Undecidable(_STATUS.sub("", raw))


def _absent(text: str, member: str) -> str:
    for chain in chains(text):
        parts = chain.split(".")
        if member in parts[1:]:
            return f"{'.'.join(parts[: parts.index(member, 1) + 1])} is absent"
    return f"there is no member {member}"
