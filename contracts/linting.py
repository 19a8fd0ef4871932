"""What is wrong or risky with a contract: each finding with its place and what to do.

An **error** keeps the contract from doing what its clauses promise; a **warning** is a risk that
somebody should accept knowingly; a **note** is worth a look. What keeps a contract from being read
at all is reported here too, as errors.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from contracts.consistency import Fault, inconsistencies
from contracts.errors import ContractError, ContractErrors, did_you_mean
from contracts.exercise import exercise_of
from contracts.expansion import draft_contract
from contracts.expressions import references
from contracts.lint_conditions import by_row, map_order
from contracts.lint_facts import CLAIMED, GROUNDED, case_grounded, facts_behind, uses_of
from contracts.loading import condition_errors
from contracts.markup import Path
from contracts.model import Contract, Effect, Fact, Rule
from contracts.reading import ContractDocument, parse_contract
from contracts.remarks import Case, Check, LintMessage, Severity
from contracts.scenarios import Stage
from contracts.sharing import ReadText
from contracts.suites import Suite


def lint(
    contract: ContractDocument | str | bytes,
    name: str = "<contract>",
    read: ReadText | None = None,
    suites: Sequence[Suite] = (),
) -> list[LintMessage]:
    """Report what is wrong or risky.

    Args:
        contract: A document, or its text.
        name: What findings call a text, usually its file name; a document knows its own.
        read: Gives the text of a shared policy by its path; see `parse_contract`.
        suites: The scenarios beside it. Where there are any for this version they are played, and
            a rule that none of them asks about is reported.

    Returns:
        Findings in the order of the file. A text that is no contract gives its errors.
    """
    try:
        document = (
            contract
            if isinstance(contract, ContractDocument)
            else parse_contract(contract, name, read)
        )
    except ContractErrors as failure:
        return [_from_error(error) for error in failure.errors]
    draft, expanded = draft_contract(document)
    errors = draft.errors or condition_errors(draft, expanded)
    case = Case(draft, expanded, sound=not errors)
    found = [_from_error(error) for error in errors]
    found += [message for check in CHECKS for message in check(case)]
    if not errors:
        found += _unexercised(case, suites)
    return sorted(found, key=lambda one: (one.file, one.line, one.column, one.code))


def _unexercised(case: Case, suites: Sequence[Suite]) -> Iterator[LintMessage]:
    """Yield the rules that no scenario asks about, where there are scenarios at all."""
    stage = Stage(case.contract, case.draft.source.text, tries=0, branches=False)
    try:
        played = stage.play(suites)
    except ContractErrors as failure:
        yield from (_from_error(error) for error in failure.errors)
        return
    for rule in exercise_of(stage, played).unexercised() if played else ():
        message = f"no scenario that passes exercises `{rule.id}`; write one that violates it"
        yield case.on(Severity.NOTE, "rule.unexercised", message, rule.position)


def _from_error(error: ContractError) -> LintMessage:
    hint = f" ({error.hint})" if error.hint else ""
    message = f"{error.message}{hint}"
    return LintMessage(Severity.ERROR, error.code, error.line, error.column, message, error.file)


# ----------------------------------------------------------------------- identity, scope


def _duties(case: Case) -> Iterator[LintMessage]:
    duties = case.clauses.identity.duties
    if duties is None:
        return
    owners: dict[str, str] = {}
    for duty in ("build", "approve", "run"):
        for number, person in enumerate(getattr(duties, duty)):
            if (other := owners.setdefault(person, duty)) != duty:
                message = f"{person} has the duties {other} and {duty}; give one to somebody else"
                place = case.draft.source.at("identity", "duties", duty, number)
                yield case.on(Severity.ERROR, "identity.duties", message, place)


def _delegation(case: Case) -> Iterator[LintMessage]:
    delegation = case.clauses.identity.delegation
    if delegation and delegation.since >= delegation.until:
        message = "the delegation ends before it begins, so every action violates it; correct it"
        yield case.at(Severity.ERROR, "identity.delegation", message, "identity", "delegation")


def _permissions(case: Case) -> Iterator[LintMessage]:
    held = case.clauses.identity.permissions
    needed = {tool.permission for tool in case.clauses.tools.values()}
    for name, tool in case.clauses.tools.items():
        if tool.permission and tool.permission not in held:
            hint = did_you_mean(tool.permission, held)
            message = (
                f"`{name}` needs `{tool.permission}`, which identity.permissions lacks, so that no"
                f" call of it is ever in order; add it or correct it. {hint}"
            ).rstrip()
            yield case.at(
                Severity.ERROR, "identity.permission", message, "tools", name, "permission"
            )
    for number, permission in enumerate(held):
        if permission not in needed:
            message = f"no tool needs the permission `{permission}`; remove it"
            place = case.draft.source.at("identity", "permissions", number)
            yield case.on(Severity.NOTE, "identity.permission-unused", message, place)


def _modes(case: Case) -> Iterator[LintMessage]:
    modes = case.clauses.scope.modes
    for name, tool in case.clauses.tools.items():
        if tool.mode not in modes:
            message = (
                f"`{name}` has the mode {tool.mode}, which scope.modes lacks, so that no call of"
                " it is ever in order; add the mode or remove the tool"
            )
            yield case.at(Severity.WARNING, "scope.mode", message, "tools", name, "mode")
    had = {tool.mode for tool in case.clauses.tools.values()}
    for number, mode in enumerate(modes):
        if mode not in had:
            message = f"no tool has the mode {mode}; remove it until one has"
            place = case.draft.source.at("scope", "modes", number)
            yield case.on(Severity.NOTE, "scope.mode-unused", message, place)


# ---------------------------------------------------------------------------- tools


def _executing(case: Case) -> Iterator[LintMessage]:
    for name, tool in case.clauses.tools.items():
        path: Path = ("tools", name)
        if tool.mode != "execute":
            continue
        if not tool.compensation and not tool.irreversible:
            message = (
                f"`{name}` executes and cannot be taken back; give `compensation`,"
                " or say why not in `irreversible`"
            )
            yield case.at(Severity.ERROR, "recovery.compensation", message, *path)
        if not tool.idempotency:
            message = (
                f"`{name}` may act twice on one request; give `idempotency`, a key in `params`"
            )
            yield case.at(Severity.WARNING, "tools.idempotency", message, *path)
        if tool.params is None:
            message = f"`{name}` takes any parameters, unchecked; give `params`, a JSON Schema"
            yield case.at(Severity.WARNING, "tools.params", message, *path)


def _repair(case: Case) -> Iterator[LintMessage]:
    for name, tool in case.clauses.tools.items():
        if tool.compensation and tool.irreversible:
            message = f"`{name}` has a compensation and is irreversible; keep the one that is true"
            yield case.at(
                Severity.WARNING, "recovery.contradiction", message, "tools", name, "irreversible"
            )
        if tool.fallback == name:
            message = f"`{name}` falls back to itself; name another tool or `deny`"
            yield case.at(Severity.ERROR, "tools.fallback", message, "tools", name, "fallback")


# ----------------------------------------------------------------- facts, values, limits


def _unused_facts(case: Case) -> Iterator[LintMessage]:
    contract = case.contract
    read = {name for rule in contract.rules for name in facts_behind(contract, *uses_of(rule))}
    read |= facts_behind(contract, *contract.limits.by)
    for name, fact in case.clauses.facts.items():
        if name not in read:
            message = f"no rule reads the fact `{name}`; use it or remove it"
            yield case.at(Severity.WARNING, "facts.unused", message, "facts", name)
        if fact.unknown == "skip":
            message = (
                f"`{name}` leaves out records that it cannot read; they then count as if they had"
                " never happened"
            )
            yield case.at(Severity.NOTE, "facts.skip", message, "facts", name, "unknown")


def _unused_values(case: Case) -> Iterator[LintMessage]:
    used = case.draft.used_values
    for name in case.clauses.values:
        if name not in used:
            message = f"nothing uses the value `{name}`; use it or remove it"
            yield case.at(Severity.WARNING, "values.unused", message, "values", name)


def _limits(case: Case) -> Iterator[LintMessage]:
    yield from _unused_limits(case)
    limits = case.contract.limits
    if not limits.levels:
        return
    if limits.default is None:
        message = (
            "a case that is not listed leaves every rule on limits undecidable; state what holds"
            " then under `default`"
        )
        yield case.at(Severity.NOTE, "limits.default", message, "policy", "limits")
    given = [values for level in limits.levels for values in level.cases.values()]
    names = {name for values in (limits.default or {}, *given) for name in values}
    last = len(limits.levels) - 1
    # A case of a level above may leave to the last one what it does not say itself.
    fallbacks = dict(limits.levels[last].cases)
    paths = {name: limit_path(case.clauses.policy.limits, last, name) for name in fallbacks}
    if limits.default is not None:
        fallbacks["default"], paths["default"] = limits.default, ("policy", "limits", "default")
    for name, values in fallbacks.items():
        if missing := sorted(names - set(values) - set(limits.default or {})):
            message = (
                f"the case `{name}` has no {', '.join(missing)}, which others have, and no fallback"
                " gives it; add it here, or under `default`"
            )
            yield case.at(Severity.WARNING, "limits.incomplete", message, *paths[name])


def limit_path(written: Mapping[str, object], level: int, *more: str) -> Path:
    """Where a case of a level stands: alone, or in the list of levels."""
    return ("policy", "limits", *(("levels", level) if "levels" in written else ()), *more)


def _unused_limits(case: Case) -> Iterator[LintMessage]:
    contract = case.contract
    parts: list[Fact | Rule] = [*contract.rules, *contract.facts]
    texts = [text for part in parts for text in uses_of(part)]
    uses = [use for text in texts for use in references(text) if use.root == "limits"]
    read = {use.member for use in uses}
    if "" in read:
        return
    for path in _limit_paths(contract, case.clauses.policy.limits):
        if path[-1] not in read:
            message = f"no rule reads `limits.{path[-1]}`; use it or remove it"
            yield case.at(Severity.NOTE, "limits.unused", message, *path)


def _limit_paths(contract: Contract, written: Mapping[str, object]) -> Iterator[Path]:
    """One place for each name: where it is first given."""
    yield from (("policy", "limits", name) for name in contract.limits.plain)
    seen: set[str] = set()
    for number, level in enumerate(contract.limits.levels):
        for name, values in level.cases.items():
            path = limit_path(written, number, name)
            yield from ((*path, member) for member in values if member not in seen)
            seen |= set(values)


# -------------------------------------------------------------------------- claims


def _claimed_limits(case: Case) -> Iterator[LintMessage]:
    for number, by in enumerate(case.contract.limits.by):
        if not case_grounded(case.contract, by):
            message = (
                "the case of the limits rests on what the agent says alone, so it can choose its"
                " own limits; take it from an observation, by a fact"
            )
            path = limit_path(case.clauses.policy.limits, number, "by")
            yield case.at(Severity.WARNING, "limits.claimed", message, *path)


def _claimed_thresholds(case: Case) -> Iterator[LintMessage]:
    for rule in case.contract.rules:
        roots = CLAIMED.of(case.contract, rule.when, rule.unless)
        if rule.effect not in {Effect.APPROVE, Effect.ESCALATE} or not roots:
            continue
        if GROUNDED.of(case.contract, rule.when, rule.unless):
            continue
        severity = Severity.NOTE if roots == {"params"} else Severity.WARNING
        avoided = "approval" if rule.effect is Effect.APPROVE else "escalation"
        message = (
            f"`{rule.id}` rests on what the agent says alone ({', '.join(sorted(roots))}): it can"
            f" avoid the {avoided} by saying something else; compare with a fact of an observation"
        )
        yield case.on(severity, f"{rule.effect}.claimed", message, rule.position)


# ------------------------------------------------------------------- rules and sentences


def _unreachable(case: Case) -> Iterator[LintMessage]:
    never = {
        tool
        for rule in case.contract.rules
        if rule.clause == "scope" and rule.effect is Effect.DENY and rule.when == "true"
        for tool in rule.tools
    }
    for rule in case.contract.rules:
        if rule.when == "false" or rule.unless == "true":
            message = f"`{rule.id}` can never be violated; correct its condition or remove it"
            yield case.on(Severity.WARNING, "rule.unreachable", message, rule.position)
        if (
            rule.effect in {Effect.APPROVE, Effect.ESCALATE}
            and rule.tools
            and set(rule.tools) <= never
        ):
            message = (
                f"`{rule.id}` is about actions that are always forbidden; remove one of the two"
            )
            yield case.on(Severity.WARNING, "rule.shadowed", message, rule.position)


def _inconsistent(case: Case) -> Iterator[LintMessage]:
    """What the edges of conditions show: only of a contract whose conditions can be asked."""
    # What clauses expand to is consistent by itself; what a person wrote need not be.
    mine = [rule for rule in case.contract.rules if _is_written(case, rule)]
    for found in inconsistencies(case.contract, mine) if case.sound else ():
        rule, tools = found.rule, ", ".join(found.tools)
        none = f"no call of {tools} that conforms to its schema was found to"
        if found.fault is Fault.NEVER:
            message = f"{none} violate `{rule.id}`; correct its condition or remove it"
            yield case.on(Severity.WARNING, "rule.unreachable", message, rule.position)
        elif found.fault is Fault.ALWAYS:
            severity = Severity.ERROR if rule.effect is Effect.DENY else Severity.WARNING
            message = (
                f"{none} satisfy `{rule.id}`;"
                " correct its condition, or forbid the call in `scope.forbidden`"
            )
            yield case.on(severity, "rule.always", message, rule.position)
        elif found.other is not None:
            message = (
                f"`{found.other.id}` (line {found.other.position.line}) and `{rule.id}` cannot both"
                f" be satisfied, as far as was tried, so that every call of {tools} is denied;"
                " correct one of the two"
            )
            yield case.on(Severity.ERROR, "rule.contradiction", message, rule.position)


def _is_written(case: Case, rule: Rule) -> bool:
    return any((rule.id, text) in case.draft.written for text in (rule.when, rule.unless) if text)


def _uncited(case: Case) -> Iterator[LintMessage]:
    if not case.clauses.policy.sentences:
        return
    for rule in case.contract.rules:
        if not rule.cites and _is_written(case, rule):
            message = f"`{rule.id}` cites no sentence of the policy; say in `cites` which it keeps"
            yield case.on(Severity.NOTE, "rule.uncited", message, rule.position)


def _sentences(case: Case) -> Iterator[LintMessage]:
    sentences, cited = case.clauses.policy.sentences, {rule.cites for rule in case.contract.rules}
    for number, sentence in enumerate(sentences):
        if sentence not in cited:
            message = (
                f"no rule cites the sentence `{sentence}`; write the rule, or say where it is kept"
            )
            place = case.draft.source.at("policy", "sentences", number)
            yield case.on(Severity.WARNING, "policy.uncited", message, place)
    for rule in case.contract.rules:
        if sentences and rule.cites and rule.cites not in sentences:
            hint = did_you_mean(rule.cites, sentences)
            message = f"`{rule.cites}` is not among policy.sentences; correct it or list it. {hint}"
            yield case.on(Severity.WARNING, "policy.sentence", message.rstrip(), rule.position)


# ------------------------------------------------------------------------ cost, recovery


def _stopping(case: Case) -> Iterator[LintMessage]:
    recovery = case.clauses.recovery
    if not recovery or not recovery.kill_switch:
        message = "nobody is named to stop this service; add `recovery.kill_switch` with its roles"
        yield case.at(Severity.WARNING, "recovery.kill-switch", message, "recovery")
    bound = recovery.containment if recovery else None
    path = ("recovery", "containment")
    if bound and not any(rule.id == "recovery.containment" for rule in case.contract.rules):
        message = "no tool executes, so there is nothing to contain; remove it until one does"
        yield case.at(Severity.NOTE, "recovery.containment", message, *path)
    if (
        bound
        and bound.value_micros
        and not any(tool.estimate_value for tool in case.contract.tools.values())
    ):
        message = (
            "no tool declares `estimate.value`, so that only recorded values count and nothing is"
            " reserved; declare it"
        )
        yield case.at(Severity.WARNING, "recovery.value", message, *path, "value_micros")


def _currency(case: Case) -> Iterator[LintMessage]:
    cost = case.clauses.cost
    budget = cost.per_run if cost else None
    if budget and budget.cost_micros is not None and not budget.currency:
        message = "a budget without a currency adds up whatever comes; name the currency"
        yield case.at(Severity.WARNING, "cost.currency", message, "cost", "per_run", "cost_micros")


CHECKS: Final[tuple[Check, ...]] = (
    _duties,
    _delegation,
    _permissions,
    _modes,
    _executing,
    _repair,
    _unused_facts,
    _unused_values,
    _limits,
    _claimed_limits,
    _claimed_thresholds,
    _unreachable,
    _inconsistent,
    map_order,
    by_row,
    _uncited,
    _sentences,
    _stopping,
    _currency,
)
