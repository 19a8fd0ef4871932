"""Conditions by column: the tree that CEL's checker made, compiled to one DuckDB expression.

The expression is over a table with one row a record and one column a variable
(`contracts.column_shapes` says how values are stored). For every row its result is CEL's on the
record's view: true, false, or **NULL where CEL has an error**. It can not throw, whatever the
order in which the database evaluates its parts. What can not be said so is a `Fallback` with its
reason: those conditions are asked of CEL, row by row.

One thing no expression says: CEL gives up after `BUDGET` iterations of macros. A `Column` names
the longest list for which that can not happen, and rows with a longer one are CEL's to decide.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from contracts.coercion import MAX_LIST
from contracts.column_functions import function
from contracts.column_literals import (
    CONSTRUCTORS,
    literal,
    literal_text,
    matches,
    replaced,
    split,
    together,
)
from contracts.column_macros import MACROS, ORDERLESS, filtered, macro_of, transformed
from contracts.column_names import RefusedError, fresh, restart_names
from contracts.column_shapes import BOOL, NEVER, ListOf, Never, Record, Shape
from contracts.column_terms import (
    Length,
    Term,
    bound,
    choice,
    holds,
    item_of,
    keys,
    listed,
    mapped,
    nothing,
    over,
    selected,
    truth_sql,
)
from contracts.column_walks import Joined, Part, Walk, filled
from contracts.evaluation import Program
from contracts.trees import KIND, Node

BUDGET: Final = 10_000
"""How many iterations CEL does for one evaluation, over all its macros."""

WALKS: Final = {"exists": True, "all": False}
"""The macros that one element can decide, and how."""

Made = TypeVar("Made", str, Part)


@dataclass(frozen=True, slots=True)
class Column:
    """A condition that runs by column.

    Attributes:
        sql: A DuckDB expression over the table's columns.
        shape: What it gives where it is not NULL.
        longest: In rows whose longest list or map has more elements, CEL may run out of
            iterations: they are for CEL. None: there is no such row.
        joined: The same as what `&&`, `||` and `!` join: what several conditions have in common
            need be computed only once (`contracts.column_walks`).
    """

    sql: str
    shape: Shape
    longest: int | None
    joined: Joined


@dataclass(frozen=True, slots=True)
class Fallback:
    """That a condition does not run by column, and why, in words for its author."""

    reason: str


def compile_condition(program: Program, variables: Mapping[str, Shape]) -> Column | Fallback:
    """Compile a condition: a value that is no bool is undecidable, as an error is.

    Args:
        program: The compiled condition.
        variables: The shape of each variable; `NEVER` for one that exists for no row. The table's
            columns have their names.
    """
    tree = program.tree()
    if tree is None:
        return Fallback("its tree is nested too deep")
    compiler = _Compiler(variables)
    parts: dict[Part, int] = {}
    try:
        form = _form(tree, compiler.part, parts)
        sql = filled(form, [one.sql for one in parts])
        return Column(Term(sql, BOOL).sql, BOOL, compiler.longest(), Joined(tuple(parts), form))
    except RefusedError as refusal:
        return Fallback(str(refusal))
    except RecursionError:
        return Fallback("it is nested too deep")


_JOINS: Final = {"_&&_": "AND", "_||_": "OR"}


def _form(node: Node, make: Callable[[Node], Made], parts: dict[Made, int]) -> str:
    """Return how a condition joins its parts, and add these; the law of terms holds for each."""
    call = node.call_expr if node.WhichOneof(KIND) == "call_expr" else None
    if call is not None and call.function in _JOINS:
        left, right = (_form(one, make, parts) for one in call.args)
        return f"({left} {_JOINS[call.function]} {right})"
    if call is not None and call.function == "!_":
        return f"(NOT {_form(call.args[0], make, parts)})"
    return f"{{{parts.setdefault(make(node), len(parts))}}}"


def compile_value(program: Program, variables: Mapping[str, Shape]) -> Column | Fallback:
    """Compile an expression for its value, such as a fact's key."""
    tree = program.tree()
    if tree is None:
        return Fallback("its tree is nested too deep")
    compiler = _Compiler(variables)
    restart_names()
    try:
        term = compiler.make(tree, {})
        joined = Joined((Part(term.sql),), "{0}")
        return Column(term.sql, term.shape, compiler.longest(), joined)
    except RefusedError as refusal:
        return Fallback(str(refusal))
    except RecursionError:
        return Fallback("it is nested too deep")


Names = Mapping[str, Term]


class _Compiler:
    """Makes the terms of one condition's nodes."""

    def __init__(self, variables: Mapping[str, Shape]) -> None:
        self._roots = variables
        self._around: list[Length] = []
        self._folds: list[tuple[Length, ...]] = []
        self._walks: dict[str, Walk] = {}

    def part(self, node: Node) -> Part:
        """Return a part of a condition: the same part of several conditions has the same text."""
        restart_names()
        sql = truth_sql(self.make(node, {}))
        return Part(sql, self._walks.get(sql))

    def make(self, node: Node, names: Names) -> Term:
        """Return a node's term; `names` are the variables of the macros around it."""
        kind: str = node.WhichOneof(KIND) or ""
        made = getattr(self, f"_{kind}", None)
        if made is None:
            raise RefusedError("a part of it that is not known")
        term: Term = made(getattr(node, kind), names)
        return term

    # -------------------------------------------------------------------------- leaves

    def _const_expr(self, node: Node, _names: Names) -> Term:
        return literal(node)

    def _ident_expr(self, node: Node, names: Names) -> Term:
        name: str = node.name
        if name in names:
            return names[name]
        shape = self._roots.get(name)
        if shape is None:
            # The names of types are values of their own, which no column has.
            raise RefusedError(f"`{name}`, which is no variable of the table")
        if isinstance(shape, Never):
            return nothing(NEVER)
        return Term(f'"{name}"', shape, simple=True)

    def _select_expr(self, node: Node, names: Names) -> Term:
        holder = self.make(node.operand, names)
        return holds(holder, node.field) if node.test_only else selected(holder, node.field)

    def _list_expr(self, node: Node, names: Names) -> Term:
        if node.optional_indices:
            raise RefusedError("optional elements")
        return listed([self.make(one, names) for one in node.elements])

    def _struct_expr(self, node: Node, names: Names) -> Term:
        if node.message_name or any(one.optional_entry for one in node.entries):
            raise RefusedError("a message, or optional entries")
        if any(one.map_key.const_expr.WhichOneof(KIND) != "string_value" for one in node.entries):
            raise RefusedError("a map whose keys are no literal texts")
        texts = [one.map_key.const_expr.string_value for one in node.entries]
        if len(set(texts)) < len(texts):
            raise RefusedError("a map that says a key twice")
        values = [self.make(one.value, names) for one in node.entries]
        return mapped(list(zip(texts, values, strict=True)))

    # ------------------------------------------------------------------------- calling

    def _call_expr(self, node: Node, names: Names) -> Term:
        name: str = node.function
        given = [node.target, *node.args] if node.HasField("target") else list(node.args)
        texts = [literal_text(one) for one in given]
        if name in CONSTRUCTORS and texts[0] is not None:
            return CONSTRUCTORS[name](texts[0])
        operands = [self.make(one, names) for one in given]
        if name == "_[_]" and texts[1] is not None:
            return selected(operands[0], texts[1])
        if name == "_?_:_":
            return choice(*operands)
        if name == "join":
            return together(operands[0], "" if len(given) == 1 else texts[1])
        if name == "matches":
            return matches(operands[0], texts[1])
        if name == "split" and len(given) == 2:  # noqa: PLR2004 - the text and what parts it
            return split(operands[0], texts[1])
        if name == "replace" and len(given) == 3:  # noqa: PLR2004 - the text, what, and by what
            return replaced(operands[0], texts[1], operands[2])
        return function(name, operands)

    # -------------------------------------------------------------------------- macros

    def _comprehension_expr(self, node: Node, names: Names) -> Term:
        """Return a macro: CEL's parser writes each of them as a fold of a form of its own."""
        macro = macro_of(node)
        if macro is None or node.iter_var2:
            raise RefusedError("a fold that is none of the known macros")
        name, test, step = macro
        range_ = self.make(node.iter_range, names)

        def use(holder: Term) -> Term:
            if isinstance(holder.shape, Record):
                if name not in ORDERLESS:
                    raise RefusedError("the keys of a map, which have no order, as a list")
                shape = holder.shape
                made = bound(holder, lambda one: keys(one, shape))
                return bound(made, lambda one: self._fold(name, one, (node, test, step), names))
            if not isinstance(holder.shape, ListOf):
                return nothing(NEVER)
            return bound(holder, lambda one: self._fold(name, one, (node, test, step), names))

        return over(range_, use)

    def _fold(self, name: str, many: Term, parts: tuple[Node, Node, Node], names: Names) -> Term:
        node, test, step = parts
        if many.length is None:
            raise RefusedError("a macro over a list that may have any length")
        self._around.append(many.length)
        self._folds.append(tuple(self._around))
        variable: str = node.iter_var

        def inside(one: Node) -> tuple[str, Term]:
            item = _element(many)
            return item.sql, self.make(one, {**names, variable: item})

        try:
            if name in WALKS:
                return self._walk(name, many, test, (variable, names))
            if name != "map":
                return MACROS[name](many, *inside(test))
            kept = many if test is None else filtered(many, *inside(test))
            if step is not None and step.ident_expr.name == variable:
                return kept
            return bound(kept, lambda one: transformed(one, *inside(step)))
        finally:
            self._around.pop()

    def _walk(self, name: str, many: Term, test: Node, scope: tuple[str, Names]) -> Term:
        """Return `exists` or `all`, and remember what it asks of each element."""
        variable, names = scope
        item = _element(many)
        around = {**names, variable: item}
        leaves: dict[str, int] = {}
        form = _form(test, lambda one: truth_sql(self.make(one, around)), leaves)
        made = MACROS[name](many, item.sql, Term(filled(form, tuple(leaves)), BOOL))
        self._walks[made.sql] = Walk(many.sql, item.sql, WALKS[name], tuple(leaves), form)
        return made

    def longest(self) -> int | None:
        """Return how long a row's longest list may be for CEL to stay within its budget."""
        if self._iterations(MAX_LIST) <= BUDGET:
            return MAX_LIST if self._folds else None
        return max(
            (length for length in range(MAX_LIST) if self._iterations(length) <= BUDGET),
            default=-1,
        )

    def _iterations(self, longest: int) -> int:
        total = 0
        for lengths in self._folds:
            product = 1
            for one in lengths:
                product *= one.at(longest)
            total += product
        return total


def _element(many: Term) -> Term:
    """Return an element of a list, under a name of its own."""
    shape = many.shape.item if isinstance(many.shape, ListOf) else NEVER
    return replace(item_of(many, fresh(), shape), simple=True, sure=True)
