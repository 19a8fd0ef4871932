"""A contract's expansion in words and CEL: what is judged, by which condition, from which line.

The text is all that the engines run and nothing else. It is made from the expanded contract alone,
so that it explains exactly that.
"""

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from contracts.errors import ContractsError, did_you_mean
from contracts.expressions import MICROSECONDS
from contracts.lint_facts import facts_behind, uses_of
from contracts.model import Contract, Effect, Expectation, Fact, Rule

WIDTH: Final = 100

_AGGREGATES: Final = {
    "count": "The number of {what}",
    "seen": "Whether there was one of the {what}",
    "sum": "The sum of a value over the {what}",
    "min": "The least value over the {what}",
    "max": "The greatest value over the {what}",
    "last": "The value of the last of the {what}",
    "list": "The values, in order and at most 256, of the {what}",
}
_SOURCES: Final = {
    "action": "actions",
    "outcome": "outcomes",
    "observation": "observations",
    "approval": "approvals",
    "message": "messages",
    "run.opened": "openings of runs",
    "run.closed": "closings of runs",
    "switch": "switches",
}
_SCOPES: Final = {
    "run": "in the same run",
    "identity": "of the same identity",
    "service": "of the same service",
    "workflow": "of the same workflow",
    "domain": "of the same domain",
    "ledger": "in the whole ledger",
}
_EFFECTS: Final = {
    Effect.DENY: "deny",
    Effect.APPROVE: "ask for approval",
    Effect.ESCALATE: "escalate",
    Effect.WARN: "warn",
    Effect.ALLOW: "allow",
}


class UnknownRuleError(ContractsError):
    """The contract has no rule of that id."""


def explain(contract: Contract, rule_id: str | None = None) -> str:
    """Tell in words and CEL what a contract expands to.

    Args:
        contract: As `load_contract` or `expand` gives it.
        rule_id: Explain this rule alone, with the facts behind it.

    Returns:
        Text of at most 100 columns, ending in a newline.

    Raises:
        UnknownRuleError: There is no rule of that id.
    """
    rules, facts = contract.rules, contract.facts
    if rule_id is not None:
        rules = tuple(rule for rule in rules if rule.id == rule_id)
        if not rules:
            hint = did_you_mean(rule_id, (rule.id for rule in contract.rules))
            message = (
                f"`{contract.name}` has no rule `{rule_id}`; `explain` without a rule lists all"
            )
            raise UnknownRuleError(f"{message}. {hint}".removesuffix(". "))
        behind = facts_behind(contract, *uses_of(rules[0]), *_limits_by(contract, rules[0]))
        facts = tuple(fact for fact in facts if fact.name in behind)
    lines = [*_head(contract), *_facts(facts), *_rules(rules)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _limits_by(contract: Contract, rule: Rule) -> tuple[str, ...]:
    reads = any("limits" in expression for expression in uses_of(rule))
    return contract.limits.by if reads else ()


def _head(contract: Contract) -> Iterator[str]:
    yield from _wrapped(f"{contract.name} {contract.version}, sha256 {contract.digest[:16]}…", "")
    yield from _wrapped(f"for {contract.service}; {contract.owner} answers for it", "")
    for level in contract.limits.levels:
        yield from _cel("limits by", level.by, "")
        for name, values in level.cases.items():
            yield from _wrapped(f"limits of {name}: {_named(values)}", "")
    if contract.limits.default is not None:
        yield from _wrapped(f"limits of any other case: {_named(contract.limits.default)}", "")
    if contract.limits.plain:
        yield from _wrapped(f"limits: {_named(contract.limits.plain)}", "")


def _named(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name} = {value!r}" for name, value in values.items())


# ------------------------------------------------------------------------------- facts


def _facts(facts: Iterable[Fact]) -> Iterator[str]:
    started = False
    for fact in facts:
        yield from () if started else ("", "FACTS")
        started = True
        yield ""
        yield from _wrapped(f"facts.{fact.name}{_line(fact.position.line)}", "  ")
        yield from _wrapped(_fact_words(fact), "    ")
        for key, text in (
            ("value", fact.value),
            ("where", fact.where),
            ("key", fact.by),
            ("asked for", "" if fact.at == fact.by else fact.at),
            ("reserve", fact.reserve),
        ):
            yield from _cel(key, text, "      ")


def _fact_words(fact: Fact) -> str:
    what = _SOURCES[fact.source] + (f" of {', '.join(fact.tools)}" if fact.tools else "")
    words = [_AGGREGATES[fact.aggregate].format(what=what), _SCOPES[fact.over]]
    if fact.by:
        words.append("with the same key" if not fact.at else "with the key asked for")
    if fact.within is not None:
        words.append(f"in the last {duration_words(fact.within)}")
    sentence = " ".join(words)
    return ". ".join([sentence, *_fact_notes(fact)]) + "."


def _fact_notes(fact: Fact) -> Iterator[str]:
    if fact.attempts == "all":
        yield "Refused and held attempts count too"
    if fact.reference:
        yield "Reference data count too"
    if fact.reserve:
        yield "An action without an outcome counts with its reserve"
    if fact.default is not None:
        yield f"Where there is none: {fact.default!r}"
    if fact.unknown == "skip":
        yield "Records that cannot be read are left out"


def duration_words(microseconds: int) -> str:
    """A duration as a contract writes it, in the largest unit that fits."""
    units = sorted(MICROSECONDS.items(), key=lambda unit: -unit[1])
    for unit, length in units:
        if microseconds and microseconds % length == 0:
            return f"{microseconds // length}{unit}"
    return f"{microseconds} microseconds"


# ------------------------------------------------------------------------------- rules


def _rules(rules: Iterable[Rule]) -> Iterator[str]:
    clause = ""
    yield from ("", "RULES")
    for rule in rules:
        if rule.clause != clause:
            clause = rule.clause
            yield from ("", f"{clause}")
        yield ""
        yield from _wrapped(f"{rule.id}{_line(rule.position.line)}", "  ")
        if rule.says:
            yield from _wrapped(rule.says, "    ")
        yield from _wrapped(_rule_words(rule), "    ")
        yield from _cel("violated when", rule.when, "      ")
        yield from _cel("violated unless", rule.unless, "      ")
        if rule.expect:
            yield from _expected(rule.expect)


def _rule_words(rule: Rule) -> str:
    subject = {"action": "every action"}.get(rule.subject, f"every {rule.subject}")
    if rule.tools:
        subject = f"{subject.removeprefix('every ')}s of {', '.join(rule.tools)}"
    words = [f"For {subject}"]
    if rule.expect:
        words.append("an obligation, never a reason to refuse")
    else:
        words.append(
            f"if violated {_EFFECTS[rule.effect]}, if undecidable {_EFFECTS[rule.undecidable]}"
        )
    if rule.role:
        lasting = f", for {duration_words(rule.within)}" if rule.within is not None else ""
        words.append(f"approval by the role {rule.role}{lasting}")
    if rule.cites:
        words.append(f"from sentence {rule.cites} of the policy")
    return "; ".join(words) + "."


def _expected(expect: Expectation) -> Iterator[str]:
    what = _SOURCES[expect.source].removesuffix("s")
    what += f" of {', '.join(expect.tools)}" if expect.tools else ""
    when = (
        "before the run closes"
        if expect.within is None
        else f"within {duration_words(expect.within)}"
    )
    yield from _wrapped(
        f"Where that holds, this must follow {_SCOPES[expect.over]} {when}: {what}.", "    "
    )
    for key, text in (("where", expect.where), ("key", expect.by), ("asked for", expect.at)):
        yield from _cel(key, text, "      ")


# -------------------------------------------------------------------------------- layout


def _line(number: int) -> str:
    return f"  (line {number})" if number else ""


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def _cel(key: str, text: str, indent: str) -> Iterator[str]:
    if not text:
        return
    first, more = f"{indent}{key}  ", indent + " " * (len(key) + 2)
    for line in text.splitlines():
        yield from textwrap.wrap(
            line, WIDTH, initial_indent=first, subsequent_indent=more, break_on_hyphens=False
        )
        first = more
