"""A contract's expansion for people: what is asked, of what, by which sentence, from which line.

The text is all that the engines run and nothing else. It is made from the expanded contract alone,
so that it explains exactly that. First the rules, as whoever owns the policy reads them; then the
facts that they rest on.
"""

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from contracts.errors import ContractsError, did_you_mean
from contracts.expressions import references
from contracts.inputs import inputs_of, shown
from contracts.lint_facts import facts_behind, uses_of
from contracts.model import Contract, Expectation, Fact, Position, Rule
from contracts.phrases import (
    check_words,
    consequences,
    expected_words,
    fact_words,
    sentence,
    subject_words,
)

WIDTH: Final = 100
CLAUSES: Final = ("identity", "scope", "evidence", "policy", "tools", "cost", "recovery")


class UnknownRuleError(ContractsError):
    """The contract has no rule of that id."""


def explain(
    contract: Contract,
    rule_id: str | None = None,
    *,
    file: str = "",
    sql: Mapping[str, str] | None = None,
) -> str:
    """Tell in words and CEL what a contract expands to.

    Args:
        contract: As `load_contract` or `expand` gives it.
        rule_id: Explain this rule alone, with the facts behind it.
        file: The name of the contract's file; places are told as `file:line` with it.
        sql: For the ids of rules and the names of facts (`facts.NAME`) the SQL that judges whole
            columns by them; shown below the condition.

    Returns:
        Text of at most 100 columns (SQL and one long word apart), ending in a newline.

    Raises:
        UnknownRuleError: There is no rule of that id.
    """
    telling = _Telling(contract, file, {} if sql is None else sql)
    rules, facts = contract.rules, contract.facts
    if rule_id is not None:
        rules = (_rule(contract, rule_id),)
        limits = contract.limits.by if _reads_limits(rules[0]) else ()
        behind = facts_behind(contract, *uses_of(rules[0]), *limits)
        facts = tuple(fact for fact in facts if fact.name in behind)
    lines = [*telling.head(), *telling.rules(rules), *telling.facts(facts)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _rule(contract: Contract, rule_id: str) -> Rule:
    for rule in contract.rules:
        if rule.id == rule_id:
            return rule
    hint = did_you_mean(rule_id, (rule.id for rule in contract.rules))
    message = f"`{contract.name}` has no rule `{rule_id}`; `explain` without a rule lists all"
    raise UnknownRuleError(f"{message}. {hint}".removesuffix(". "))


def _reads_limits(rule: Rule) -> bool:
    return any("limits" in expression for expression in uses_of(rule))


class _Telling:
    """One contract, told part by part."""

    def __init__(self, contract: Contract, file: str, sql: Mapping[str, str]) -> None:
        self._contract = contract
        self._file = file
        self._sql = sql

    # -------------------------------------------------------------------------- head

    def head(self) -> Iterator[str]:
        """Who acts, for whom, under which policy and within which limits."""
        contract = self._contract
        yield from _wrapped(f"{contract.name} {contract.version}, sha256 {contract.digest}", "")
        yield from _wrapped(f"for {contract.service}; {contract.owner} answers for it", "")
        policy = " ".join(contract.policy.get(key, "") for key in ("name", "version"))
        yield from _wrapped(f"under the policy {policy}", "")
        for one in contract.shared:
            yield from _wrapped(f"with {one.policy} ({one.file}, sha256 {one.digest})", "")
        for duty, people in contract.duties.items():
            if people:
                yield from _wrapped(f"{duty}: {', '.join(people)}", "")
        if contract.kill_switch_roles:
            yield from _wrapped(f"stopped by: {' or '.join(contract.kill_switch_roles)}", "")
        yield from self._limits()

    def _limits(self) -> Iterator[str]:
        limits = self._contract.limits
        for level in limits.levels:
            yield from _labelled("limits by", level.by, "")
            for name, values in level.cases.items():
                yield from _wrapped(f"limits of {name}: {_named(values)}", "")
        if limits.default is not None:
            yield from _wrapped(f"limits of any other case: {_named(limits.default)}", "")
        if limits.plain:
            yield from _wrapped(f"limits: {_named(limits.plain)}", "")

    # ------------------------------------------------------------------------- rules

    def rules(self, rules: Iterable[Rule]) -> Iterator[str]:
        """The rules, clause by clause."""
        by_clause = {
            clause: [rule for rule in rules if rule.clause == clause] for clause in CLAUSES
        }
        yield from ("", "RULES")
        for clause, found in by_clause.items():
            if found:
                yield from ("", f"Clause {CLAUSES.index(clause) + 1}: {clause}")
            for rule in found:
                yield ""
                yield from self._rule(rule)

    def _rule(self, rule: Rule) -> Iterator[str]:
        cites = f", sentence {rule.cites} of the policy" if rule.cites else ""
        yield from _wrapped(rule.id, "  ")
        yield from _wrapped(f"({self._place(rule.position)}{cites})", "    ")
        if rule.says:
            yield from _wrapped(sentence(rule.says), "    ")
        yield from _wrapped(check_words(rule), "    ")
        yield from _wrapped(subject_words(rule), "    ")
        if rule.expect is not None:
            yield from self._expected(rule, rule.expect)
        else:
            for told in consequences(rule):
                yield from _wrapped(told, "    ")
            yield from _labelled("broken when", rule.when, "      ")
            yield from _labelled("broken unless", rule.unless, "      ")
        yield from self._inputs(rule)
        yield from _labelled("sql", self._sql.get(rule.id, ""), "      ", wrap=False)

    def _expected(self, rule: Rule, expect: Expectation) -> Iterator[str]:
        yield from _wrapped(expected_words(rule, expect), "    ")
        for key, text in (
            ("begins where", rule.when),
            ("where", expect.where),
            ("key", expect.by),
            ("asked for", expect.at),
        ):
            yield from _labelled(key, text, "      ")

    def _inputs(self, rule: Rule) -> Iterator[str]:
        found = inputs_of(self._contract, *uses_of(rule))
        widest = max((len(one.name) for one in found), default=0)
        label = "rests on"
        for one in found:
            told = f"{one.name:{widest}}  {one.origin:8}  {one.whence}"
            yield from textwrap.wrap(
                told,
                WIDTH,
                initial_indent=f"      {label:8}  ",
                subsequent_indent=" " * (widest + 28),
                break_on_hyphens=False,
                break_long_words=False,
            )
            label = ""

    # ------------------------------------------------------------------------- facts

    def facts(self, facts: Iterable[Fact]) -> Iterator[str]:
        """The facts, in the order in which they may build on each other."""
        started = False
        for fact in facts:
            yield from () if started else ("", "FACTS")
            started = True
            yield ""
            yield from _wrapped(f"facts.{fact.name}", "  ")
            yield from _wrapped(f"({self._place(fact.position)})", "    ")
            yield from _wrapped(fact_words(fact), "    ")
            for key, text in (
                ("value", fact.value),
                ("where", fact.where),
                ("key", fact.by),
                ("asked for", "" if fact.at == fact.by else fact.at),
                ("reserve", fact.reserve),
            ):
                yield from _labelled(key, text, "      ")
            yield from _wrapped(f"Read by {', '.join(self._readers(fact)) or 'nothing'}.", "    ")
            yield from _labelled(
                "sql", self._sql.get(f"facts.{fact.name}", ""), "      ", wrap=False
            )

    def _readers(self, fact: Fact) -> list[str]:
        """Return what names a fact: rules, other facts, the limits."""
        parts = [(rule.id, uses_of(rule)) for rule in self._contract.rules]
        parts += [(f"facts.{one.name}", uses_of(one)) for one in self._contract.facts]
        parts.append(("limits", self._contract.limits.by))
        return [
            reader
            for reader, texts in parts
            if any(
                (use.root, use.member) == ("facts", fact.name)
                for text in texts
                for use in references(text)
            )
        ]

    def _place(self, position: Position) -> str:
        file = position.file or self._file
        return f"{file}:{position.line}" if file else f"line {position.line}"


# ------------------------------------------------------------------------------- layout


def _named(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name} = {shown(name, value)}" for name, value in values.items())


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def _labelled(key: str, text: str, indent: str, *, wrap: bool = True) -> Iterator[str]:
    """Tell an expression behind its name; what is not CEL keeps its lines as they are."""
    if not text:
        return
    first, more = f"{indent}{key}  ", indent + " " * (len(key) + 2)
    for line in text.splitlines():
        if wrap:
            yield from textwrap.wrap(
                line, WIDTH, initial_indent=first, subsequent_indent=more, break_on_hyphens=False
            )
        else:
            yield first + line
        first = more
