"""A contract while it is being expanded: facts and rules so far, and what is wrong with them.

Clauses (`contracts.clauses`, `contracts.budgets`) write their facts and rules here. Whatever a
person wrote in CEL goes through `Draft.cel`, which puts `values` in place and looks up the names;
what the clauses themselves write is trusted.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from contracts.document import Clauses
from contracts.errors import ContractError, did_you_mean
from contracts.expressions import Problem, Reference, references, substitute, without_comments
from contracts.layering import by_case
from contracts.markup import Path, Source
from contracts.model import Effect, Fact, Position, Rule
from contracts.reading import ContractDocument

SUBJECTS: Final = ("message", "outcome", "run.closed")
SOURCES: Final = (
    "action",
    "outcome",
    "observation",
    "approval",
    "message",
    "run.opened",
    "run.closed",
    "switch",
)
# Only these are about a tool: the others have no action.
OF_TOOLS: Final = ("action", "outcome", "observation", "approval")


@dataclass(frozen=True, slots=True)
class Written:
    """A condition as a person wrote it, and where: the place of what is wrong in its expansion."""

    text: str
    place: Position


class Draft:
    """The expansion in progress. Nothing outside this package's expansion changes it.

    Attributes:
        clauses: The document.
        source: Its text.
        facts: Clause facts, then those of the contract, in order.
        rules: In the order of the clauses.
        errors: Everything wrong so far.
        written: For the name of a fact or rule and an expanded expression, what was written.
    """

    def __init__(self, document: ContractDocument) -> None:
        self.clauses: Clauses = document.clauses
        self.source: Source = document.source
        self.facts: list[Fact] = []
        self.rules: list[Rule] = []
        self.errors: list[ContractError] = []
        self.written: dict[tuple[str, str], Written] = {}
        self.values: dict[str, str] = {}
        self.used_values: set[str] = set()
        self.limit_names = _limit_names(document.clauses.policy.limits)
        self._expand_values()

    # ------------------------------------------------------------------------ errors

    def refuse(self, code: str, message: str, *path: str | int, hint: str = "") -> None:
        """Note an error at a value of the document."""
        self.errors.append(self.source.error(code, message, self.source.at(*path), hint))

    def refuse_key(self, code: str, message: str, *path: str | int, hint: str = "") -> None:
        """Note an error at a key of the document."""
        self.errors.append(self.source.error(code, message, self.source.key_at(*path), hint))

    # ------------------------------------------------------------------- expressions

    def _expand_values(self) -> None:
        for name, text in self.clauses.values.items():
            path: Path = ("values", name)
            self.values[name] = self._substitute(text, self._reporter(path, text))

    def _substitute(self, text: str, report: Callable[[Problem], None]) -> str:
        bare = without_comments(text)
        uses = (use for use in references(bare) if use.root == "values")
        self.used_values.update(use.member for use in uses)
        return substitute(bare, self.values, report)

    def _reporter(self, path: Path, text: str) -> Callable[[Problem], None]:
        def report(problem: Problem) -> None:
            written = text.rstrip()
            place = self.source.within(self.source.at(*path), written, problem.offset)
            self.errors.append(
                self.source.error(problem.code, problem.message, place, problem.hint)
            )

        return report

    def cel(
        self, text: str, owner: str, *path: str | int, facts: Collection[str] | None = None
    ) -> str:
        """A person's expression with its values in place and its names looked up.

        Args:
            text: As written; an empty one stays empty.
            owner: Name of the fact or rule it belongs to.
            path: Where it stands in the document.
            facts: Names of the facts that it may use; without, all of the contract's.
        """
        if not text:
            return ""
        report = self._reporter(path, text)
        expanded = self._substitute(text, report)
        known = self.clauses.facts if facts is None else facts
        bare = without_comments(text)
        for problem in _name_problems(expanded, known, self.clauses.facts, self.limit_names):
            # In an expanded expression an offset says nothing about the text that was written.
            report(problem if expanded == bare else replace(problem, offset=0))
        self.written[owner, expanded] = Written(bare, self.source.at(*path))
        return expanded

    # ----------------------------------------------------------------- tools and `for`

    def tool(self, name: str, *path: str | int) -> str:
        """The name of a tool of this contract; another is an error."""
        if name not in self.clauses.tools:
            hint = did_you_mean(name, self.clauses.tools)
            self.refuse(
                "tool.unknown",
                f"`{name}` is not among the contract's `tools`; correct it or declare the tool",
                *path,
                hint=hint,
            )
        return name

    def of_tools(
        self, text: str, kinds: Collection[str], *path: str | int
    ) -> tuple[str, tuple[str, ...]]:
        """Read `KIND` or `KIND of TOOL, TOOL`."""
        kind, _, names = (part.strip() for part in text.partition(" of "))
        if kind not in kinds:
            hint = did_you_mean(kind, kinds) or f"known here: {', '.join(kinds)}"
            self.refuse("source.unknown", f"`{kind}` is no kind of record", *path, hint=hint)
        elif names and kind not in OF_TOOLS:
            self.refuse("source.tools", f"a `{kind}` is of no tool; leave out `of {names}`", *path)
        found = tuple(self.tool(name.strip(), *path) for name in names.split(",")) if names else ()
        return kind, found

    def subject(self, words: Iterable[str], *path: str | int) -> tuple[str, tuple[str, ...]]:
        """Read `for`: the kind of record, and the tools (none: all of them)."""
        read = [self._subject(word.strip(), *path) for word in words]
        subjects = {subject for subject, _ in read}
        if len(subjects) > 1:
            message = f"one rule is for one kind of record, not for {', '.join(sorted(subjects))}"
            self.refuse("for.mixed", f"{message}; write a rule for each", *path)
        whole = any(not tools for _, tools in read)
        tools = tuple(dict.fromkeys(tool for _, named in read for tool in named))
        return read[0][0], () if whole else tools

    def _subject(self, word: str, *path: str | int) -> tuple[str, tuple[str, ...]]:
        if word == "*":
            return "action", ()
        if word.startswith("mode:"):
            return "action", self._of_mode(word.removeprefix("mode:").strip(), *path)
        if word.partition(" of ")[0].strip() in SUBJECTS:
            return self.of_tools(word, SUBJECTS, *path)
        return "action", tuple(self.tool(name.strip(), *path) for name in word.split(","))

    def _of_mode(self, mode: str, *path: str | int) -> tuple[str, ...]:
        found = self.tools_of_mode(mode)
        if not found:
            # Without this the rule would have no tools, which means all of them.
            modes = {tool.mode for tool in self.clauses.tools.values()}
            self.refuse(
                "for.mode",
                f"no tool has the mode `{mode}`; correct the mode or remove the rule",
                *path,
                hint=did_you_mean(mode, modes),
            )
        return found or ("",)

    def tools_of_mode(self, mode: str) -> tuple[str, ...]:
        """The tools that the contract gives a mode."""
        return tuple(name for name, tool in self.clauses.tools.items() if tool.mode == mode)

    # ---------------------------------------------------------------- facts and rules

    def fact(self, name: str, aggregate: str, source: str, **members: Any) -> str:  # noqa: ANN401 - Fact's own
        """Add a clause's fact, and give the expression by which its rule reads it."""
        stem = "_" + re.sub(r"[^A-Za-z0-9]", "_", name)
        taken = {fact.name for fact in self.facts}
        unique = next(
            candidate
            for number in range(1, len(taken) + 2)
            if (candidate := stem if number == 1 else f"{stem}_{number}") not in taken
        )
        self.facts.append(Fact(unique, aggregate, source, **members))
        return f"facts.{unique}"

    def rule(self, rule: Rule) -> None:
        """Add a rule; a second of the same id is an error, as results could not be told apart."""
        first = next((other for other in self.rules if other.id == rule.id), None)
        if first is not None:
            message = f"the rule `{rule.id}` is there already, from {_place(first.position)}"
            self.errors.append(
                self.source.error("rule.duplicate", f"{message}; give it another id", rule.position)
            )
        self.rules.append(rule)


def undecidable_effect(said: str | None, effect: Effect) -> Effect:
    """What an undecidable result does: as the contract says, else deny; a warning only warns."""
    if said:
        return Effect(said)
    return Effect.WARN if effect is Effect.WARN else Effect.DENY


def _place(position: Position) -> str:
    return f"{position.file}:{position.line}" if position.file else f"line {position.line}"


def _limit_names(limits: Mapping[str, Any]) -> frozenset[str]:
    if not by_case(limits):
        return frozenset(limits)
    levels = limits["levels"] if isinstance(limits.get("levels"), list) else [limits]
    cases = [limits.get("default"), *(case for level in levels for case in _members(level))]
    return frozenset(
        name for case in cases if isinstance(case, dict) for name in cast("dict[str, Any]", case)
    )


def _members(level: Any) -> Iterable[Any]:  # noqa: ANN401 - as it was written
    return cast("dict[str, Any]", level).values() if isinstance(level, dict) else ()


def _name_problems(
    expression: str, facts: Collection[str], all_facts: Collection[str], limits: Collection[str]
) -> Iterable[Problem]:
    for use in references(expression):
        if use.root == "facts":
            problem = _fact_problem(use, facts, all_facts)
        elif use.root == "limits" and use.member and use.member not in limits:
            said = f"`limits.{use.member}` is not declared; add it under `policy.limits`"
            problem = ("limits.unknown", said, did_you_mean(use.member, limits))
        else:
            continue
        if problem:
            yield Problem(problem[0], problem[1], use.start, problem[2])


def _fact_problem(
    use: Reference, facts: Collection[str], all_facts: Collection[str]
) -> tuple[str, str, str] | None:
    member = use.member
    if not member:
        return "facts.whole", "`facts` stands for nothing by itself; say `facts.NAME`", ""
    if member not in all_facts:
        said = f"`facts.{member}` is not declared; declare it under `facts`"
        return "facts.unknown", said, did_you_mean(member, facts)
    if member not in facts:
        said = f"`facts.{member}` cannot be used here: only facts from above, and in `tools` none"
        return "facts.later", said, ""
    if use.in_has:
        said = f"has(facts.{member}) cannot tell empty from undecidable; ask a `seen` fact"
        return "facts.has", said, ""
    return None
