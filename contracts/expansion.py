"""Clauses to facts and rules: the whole meaning of a contract, for both engines.

Everything is text in, text out: a clause becomes the CEL that a person could have written. What the
table in docs/spec/contract-language.md calls a rule is a `contracts.model.Rule` here, with the
place it came from.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from contracts.budgets import cost_rules, recovery_rules
from contracts.clauses import (
    evidence_rules,
    identity_rules,
    policy_rules,
    scope_rules,
    tool_rules,
)
from contracts.document import Tool
from contracts.draft import SOURCES, Draft, undecidable_effect
from contracts.errors import ContractErrors
from contracts.expressions import RESERVED, microseconds, references
from contracts.layering import by_case
from contracts.markup import Path
from contracts.model import Calling, Contract, Effect, Expectation, Fact, Level, Limits, Rule
from contracts.model import Tool as ToolModel
from contracts.policies import ExpectText, FactText, RuleText
from contracts.reading import ContractDocument

AGGREGATES: Final = ("count", "seen", "sum", "min", "max", "last", "list")


def expand(document: ContractDocument) -> Contract:
    """Turn a document into facts and rules.

    Raises:
        ContractErrors: Names that lead nowhere, rules that are no rules; all of them.
    """
    draft, contract = draft_contract(document)
    if draft.errors:
        raise ContractErrors(draft.errors)
    return contract


def draft_contract(document: ContractDocument) -> tuple[Draft, Contract]:
    """The expansion and what it was made in, errors and all; `expand` is for everybody else."""
    draft = Draft(document)
    _check_names(draft)
    limits = _limits(draft)
    tools = {name: _tool(draft, name, tool) for name, tool in draft.clauses.tools.items()}
    for clause in (identity_rules, scope_rules, evidence_rules, policy_rules, tool_rules):
        clause(draft)
    cost_rules(draft)
    recovery_rules(draft)
    _user_facts(draft, limits)
    for number, rule in enumerate(draft.clauses.rules):
        _user_rule(draft, rule, ("rules", number))
    return draft, _contract(document, draft, limits, tools)


def _contract(
    document: ContractDocument, draft: Draft, limits: Limits, tools: Mapping[str, ToolModel]
) -> Contract:
    clauses = document.clauses
    policy = clauses.policy.document
    recovery = clauses.recovery
    switch, safe = (recovery.kill_switch, recovery.safe_mode) if recovery else (None, None)
    failure = recovery.on_failure if recovery else None
    worth = clauses.cost.value if clauses.cost else None
    return Contract(
        name=clauses.contract,
        version=clauses.version,
        digest=document.digest,
        service=clauses.identity.service,
        owner=clauses.identity.owner,
        permissions=clauses.identity.permissions,
        modes=clauses.scope.modes,
        tools=tools,
        limits=limits,
        facts=tuple(draft.facts),
        rules=tuple(draft.rules),
        policy={key: value for key, value in policy.model_dump().items() if value is not None},
        kill_switch_roles=switch.roles if switch else (),
        safe_modes=safe.allow if safe else ("read",),
        retries=failure.retry if failure else 0,
        duties=clauses.identity.duties.model_dump() if clauses.identity.duties else {},
        shared=document.shared,
        places={
            f"{clause}.{key}": document.source.key_at(clause, key)
            for clause, key in (("identity", "duties"), ("recovery", "kill_switch"))
        },
        cost_per_value_max=worth.cost_per_value_max if worth else None,
    )


def _check_names(draft: Draft) -> None:
    for clause in ("facts", "values"):
        for name in getattr(draft.clauses, clause):
            if name in RESERVED:
                message = f"`{name}` is a word of CEL itself; choose another name"
                draft.refuse_key("name.reserved", message, clause, name)
    for name in draft.clauses.tools:
        if name in {"message", "outcome", "run.closed"} or name.startswith("mode:"):
            message = f"`{name}` means something else in `for`; the tool needs another name"
            draft.refuse_key("name.reserved", message, "tools", name)


# ------------------------------------------------------------------------ limits, tools


def _limits(draft: Draft) -> Limits:
    written = draft.clauses.policy.limits
    path: Path = ("policy", "limits")
    if not by_case(written):
        _limit_values(draft, written, path)
        return Limits(plain=written)
    default = _case(draft, written["default"], (*path, "default")) if "default" in written else None
    if "levels" not in written:
        one = {name: case for name, case in written.items() if name != "default"}
        return Limits(levels=(_level(draft, one, path),), default=default)
    for key in written:
        if key not in {"levels", "default"}:
            message = f"beside `levels` only `default` can stand; put `{key}` into a level"
            draft.refuse_key("limits.levels", message, *path, key)
    levels = tuple(
        _level(draft, level, (*path, "levels", number))
        for number, level in enumerate(cast("list[object]", written["levels"]))
    )
    if not levels:
        draft.refuse("limits.levels", "no level; give one, or plain limits", *path, "levels")
    return Limits(levels=levels, default=default)


def _level(draft: Draft, written: object, path: Path) -> Level:
    level = cast("dict[str, Any]", written) if isinstance(written, dict) else {}
    if "default" in level:
        message = "a level has no `default`: what holds where no case is listed stands beside it"
        draft.refuse_key("limits.levels", message, *path, "default")
    cases = {
        name: _case(draft, case, (*path, name)) for name, case in level.items() if name != "by"
    }
    by = level.get("by")
    if not isinstance(by, str) or any(use.root == "limits" for use in references(by)):
        message = "`by` needs an expression that gives the case, without `limits` themselves"
        draft.refuse("limits.by", message, *path, "by")
        return Level("", cases)
    return Level(draft.cel(by, "policy.limits", *path, "by"), cases)


def _case(draft: Draft, values: object, path: Path) -> Mapping[str, Any]:
    if not isinstance(values, dict):
        draft.refuse("limits.case", f"`{path[-1]}` is a case and needs names with values", *path)
        return {}
    found = cast("dict[str, Any]", values)
    _limit_values(draft, found, path)
    return found


def _limit_values(draft: Draft, values: Mapping[str, Any], path: Path) -> None:
    for name in values:
        if not (name.isascii() and name.isidentifier()) or name in RESERVED:
            message = f"`{name}` cannot be written as `limits.NAME`; use letters, digits and `_`"
            draft.refuse_key("key.form", message, *path, name)


def _tool(draft: Draft, name: str, tool: Tool) -> ToolModel:
    path: Path = ("tools", name)
    estimate = tool.estimate

    def cel(text: str, *more: str) -> str:
        return draft.cel(text, f"tools.{name}", *path, *more, facts=())

    return ToolModel(
        name=name,
        mode=tool.mode,
        permission=tool.permission or "",
        schema=tool.params,
        target=cel(tool.target, "target"),
        estimate_cost=cel(estimate.cost, "estimate", "cost") if estimate else "",
        estimate_value=cel(estimate.value, "estimate", "value") if estimate else "",
        currency=(estimate.currency or "") if estimate else "",
        irreversible=tool.irreversible or "",
        compensation=tool.compensation.tool if tool.compensation else "",
        calling=_calling(tool, cel),
        position=draft.source.key_at(*path),
    )


def _calling(tool: Tool, cel: Callable[..., str]) -> Calling:
    undo = tool.compensation
    return Calling(
        timeout=microseconds(tool.timeout) if tool.timeout else None,
        fallback=tool.fallback or "",
        idempotency=cel(tool.idempotency, "idempotency"),
        take_back={
            name: cel(text, "compensation", "params", name) for name, text in undo.params.items()
        }
        if undo
        else {},
        take_back_within=microseconds(undo.within) if undo and undo.within else None,
    )


# ------------------------------------------------------------------ the contract's facts


def _user_facts(draft: Draft, limits: Limits) -> None:
    before: set[str] = set()
    uses = [use for by in limits.by for use in references(by)]
    deciding = {use.member for use in uses if use.root == "facts"}
    for name, fact in draft.clauses.facts.items():
        if deciding - before:
            _no_limits_yet(draft, name, fact)
        draft.facts.append(_fact(draft, name, fact, frozenset(before)))
        before.add(name)


def _no_limits_yet(draft: Draft, name: str, fact: FactText) -> None:
    """A fact that the case of the limits hangs on cannot itself be taken by those limits."""
    for key in ("where", "by", "at", "reserve", *AGGREGATES):
        text = getattr(fact, key)
        if isinstance(text, str) and any(use.root == "limits" for use in references(text)):
            message = f"`{name}` reads `limits`, whose case hangs on this fact or a later one"
            draft.refuse("facts.limits", f"{message}; declare it further down", "facts", name, key)


def _fact(draft: Draft, name: str, fact: FactText, before: frozenset[str]) -> Fact:
    path: Path = ("facts", name)

    def cel(key: str) -> str:
        text = getattr(fact, key)
        return draft.cel(text, name, *path, key, facts=before) if isinstance(text, str) else ""

    chosen = [key for key in AGGREGATES if getattr(fact, key)]
    if len(chosen) != 1:
        said = " and ".join(f"`{key}`" for key in chosen) or "none"
        message = f"a fact has exactly one of {', '.join(AGGREGATES)}; `{name}` has {said}"
        draft.refuse_key("fact.aggregate", message, *path)
    aggregate = chosen[0] if chosen else "count"
    source, tools = draft.of_tools(fact.from_, SOURCES, *path, "from")
    _fact_combination(draft, name, fact, aggregate, source)
    return Fact(
        name=name,
        aggregate=aggregate,
        source=source,
        value=cel(aggregate),
        tools=tools,
        where=cel("where"),
        over=fact.over,
        by=cel("by"),
        at=cel("at"),
        within=microseconds(fact.within) if fact.within else None,
        attempts=fact.attempts,
        unknown=fact.unknown,
        reserve=cel("reserve"),
        default=fact.default,
        reference=fact.reference,
        position=draft.source.key_at(*path),
    )


def _fact_combination(draft: Draft, name: str, fact: FactText, aggregate: str, source: str) -> None:
    """Keys that say nothing for this aggregate or source would be read as if they did."""
    wrong = (
        (
            "default",
            fact.default is not None and aggregate not in {"last", "min", "max"},
            "last, min or max",
        ),
        (
            "reserve",
            bool(fact.reserve) and (aggregate not in {"sum", "count"} or source != "outcome"),
            "sum or count from outcome",
        ),
        ("at", bool(fact.at) and not fact.by, "a fact with `by`"),
        ("reference", fact.reference and fact.over != "run", "over: run"),
    )
    for key, refused, needed in wrong:
        if refused:
            draft.refuse_key(
                "fact.combination",
                f"`{key}` goes with {needed} only; remove it from `{name}`",
                "facts",
                name,
                key,
            )


# ------------------------------------------------------------------ the contract's rules


def _user_rule(draft: Draft, rule: RuleText, path: Path) -> None:
    name = f"{rule.clause}.{rule.id}"
    subject, tools = draft.subject(rule.for_, *path, "for")
    effect = Effect(rule.effect)
    _rule_combination(draft, rule, path)
    expect = _expectation(draft, name, rule.expect, path) if rule.expect else None
    draft.rule(
        Rule(
            id=name,
            clause=rule.clause,
            subject=subject,
            tools=tools,
            when=draft.cel(rule.when, name, *path, "when"),
            unless=draft.cel(rule.unless, name, *path, "unless"),
            effect=effect,
            # What must follow is never there yet: an obligation cannot hold back what it is about.
            undecidable=Effect.ALLOW if expect else undecidable_effect(rule.undecidable, effect),
            role=rule.role or "",
            within=microseconds(rule.within) if rule.within else None,
            expect=expect,
            cites=rule.cites,
            says=rule.says,
            position=draft.source.at(*path),
        )
    )


def _rule_combination(draft: Draft, rule: RuleText, path: Path) -> None:
    if not (rule.when or rule.unless or rule.expect):
        draft.refuse(
            "rule.empty", f"`{rule.id}` has no condition; give `when`, `unless` or `expect`", *path
        )
    if rule.unless and rule.expect:
        message = "an obligation begins where `when` holds; write it without `unless`"
        draft.refuse_key("rule.combination", message, *path, "unless")
    if rule.effect == "approve" and not rule.role:
        message = f"`{rule.id}` needs approval, but by nobody; say which `role` may give it"
        draft.refuse("rule.role", message, *path)
    for key in ("role", "within"):
        if getattr(rule, key) and rule.effect != "approve":
            message = f"`{key}` goes with `effect: approve` only; remove it"
            draft.refuse_key("rule.combination", message, *path, key)


def _expectation(draft: Draft, name: str, expect: ExpectText, path: Path) -> Expectation:
    inner: Path = (*path, "expect")

    def cel(key: str) -> str:
        return draft.cel(getattr(expect, key), name, *inner, key)

    source, tools = draft.of_tools(expect.from_, SOURCES, *inner, "from")
    if (expect.until is None) == (expect.within is None):
        draft.refuse(
            "expect.deadline",
            "an obligation ends: say `until: run.closed` or `within`, one of the two",
            *inner,
        )
    if expect.at and not expect.by:
        draft.refuse_key(
            "expect.key", "`at` goes with `by`; say which key is looked for", *inner, "at"
        )
    return Expectation(
        source=source,
        tools=tools,
        where=cel("where"),
        over=expect.over,
        by=cel("by"),
        at=cel("at"),
        until=expect.until or "",
        within=microseconds(expect.within) if expect.within else None,
    )
