"""What the clauses identity to tools expand to: docs/spec/contract-language.md, its table."""

from dataclasses import replace
from typing import Final

from contracts.document import Evidence, Tool
from contracts.draft import Draft, undecidable_effect
from contracts.expressions import (
    RESERVED,
    cel_duration,
    cel_list,
    cel_string,
    microseconds,
)
from contracts.model import Effect, Rule

FAILED: Final = '(outcome.status == "error" || outcome.status == "timeout")'


# ----------------------------------------------------------------------------- identity


def identity_rules(draft: Draft) -> None:
    """Registered, within its delegation, and holding the permissions of its tools."""
    place = draft.source.key_at("identity")
    draft.rule(
        Rule(
            "identity.registered",
            "identity",
            "action",
            unless="identity.registered",
            says="who acts is registered with the ledger's authority",
            position=place,
        )
    )
    draft.rule(
        Rule(
            "identity.delegation",
            "identity",
            "action",
            when=_outside_delegation(draft),
            says="a delegated service acts within the time of its delegation",
            position=draft.source.key_at("identity", "delegation"),
        )
    )
    needing = tuple(name for name, tool in draft.clauses.tools.items() if tool.permission)
    if needing:
        draft.rule(
            Rule(
                "identity.permission",
                "identity",
                "action",
                needing,
                unless=_permitted(draft.clauses.identity.permissions),
                says="the contract, and the authority if it lists any, give the permission",
                position=draft.source.key_at("identity", "permissions"),
            )
        )


def _outside_delegation(draft: Draft) -> str:
    granted = "identity.delegated"
    outside = [f"has({granted}) && {_outside(f'{granted}.since', f'{granted}.until')}"]
    if delegation := draft.clauses.identity.delegation:
        outside.append(_outside(cel_string(delegation.since), cel_string(delegation.until)))
    return " || ".join(f"({part})" for part in outside) if len(outside) > 1 else outside[0]


def _outside(since: str, until: str) -> str:
    return (
        f"(timestamp(action.time) < timestamp({since})"
        f" || timestamp(action.time) >= timestamp({until}))"
    )


def _permitted(permissions: tuple[str, ...]) -> str:
    return (
        f"action.permission in {cel_list(permissions)} && (!has(identity.permissions)"
        " || size(identity.permissions) == 0 || action.permission in identity.permissions)"
    )


# -------------------------------------------------------------------------------- scope


def scope_rules(draft: Draft) -> None:
    """The mode, then what is forbidden, what needs a sign-off and what a human must see."""
    scope = draft.clauses.scope
    draft.rule(
        Rule(
            "scope.mode",
            "scope",
            "action",
            when=f"action.known && !(action.mode in {cel_list(scope.modes)})",
            says=f"the service acts in the modes {', '.join(scope.modes)} only",
            position=draft.source.key_at("scope", "modes"),
        )
    )
    for key, effect in (
        ("forbidden", Effect.DENY),
        ("approve", Effect.APPROVE),
        ("escalate", Effect.ESCALATE),
    ):
        for number, item in enumerate(getattr(scope, key)):
            path = ("scope", key, number)
            name = f"scope.{item.id}"
            subject, tools = draft.subject(item.for_, *path, "for")
            if subject != "action":
                draft.refuse(
                    "for.scope", "scope is about actions: name tools, a mode or `*`", *path, "for"
                )
            within = getattr(item, "within", None)
            draft.rule(
                Rule(
                    name,
                    "scope",
                    "action",
                    tools,
                    when=draft.cel(item.when, name, *path, "when") or "true",
                    effect=effect,
                    undecidable=undecidable_effect(item.undecidable, effect),
                    role=getattr(item, "role", ""),
                    within=microseconds(within) if within else None,
                    cites=item.cites,
                    says=item.says,
                    position=draft.source.at(*path),
                )
            )


# ----------------------------------------------------------------------------- evidence


def evidence_rules(draft: Draft) -> None:
    """`require` as it stands; then one rule a check, of which the first that fails is violated."""
    for number, item in enumerate(draft.clauses.evidence):
        path = ("evidence", number)
        name = f"evidence.{item.id}"
        subject, tools = draft.subject(item.for_, *path, "for")
        if subject != "action":
            draft.refuse(
                "for.evidence",
                "evidence is cited by actions: name tools, a mode or `*`",
                *path,
                "for",
            )
        checks = _evidence_checks(item)
        if not item.require and not checks:
            draft.refuse(
                "evidence.empty", f"`{item.id}` asks for nothing; give `require` or `kind`", *path
            )
        rule = Rule(
            name,
            "evidence",
            "action",
            tools,
            undecidable=undecidable_effect(item.undecidable, Effect.DENY),
            cites=item.cites,
            says=item.says,
            position=draft.source.at(*path),
        )
        if item.require:
            draft.rule(replace(rule, unless=draft.cel(item.require, name, *path, "require")))
        for suffix, condition in checks:
            draft.rule(replace(rule, id=f"{name}.{suffix}", when=condition))


def _evidence_checks(item: Evidence) -> list[tuple[str, str]]:
    """(suffix, condition) of each check; a check is violated where the ones before it hold."""
    stages = [
        ("missing", [f"e.kind == {cel_string(item.kind)}"] if item.kind else []),
        ("source", [f"e.source in {cel_list(item.from_)}"] if item.from_ else []),
        ("stale", [_fresh(item.fresh)] if item.fresh else []),
        ("incomplete", _complete(item)),
    ]
    checks: list[tuple[str, str]] = []
    held: list[str] = []
    for suffix, conditions in stages:
        if not conditions and not (suffix == "missing" and any(more for _, more in stages)):
            continue
        before, held = held, [*held, *conditions]
        failed = f"!{_some(held)}"
        checks.append((suffix, f"{_some(before)} && {failed}" if checks else failed))
    if item.agree:
        checks.append(("conflicting", _conflicting(item)))
    return checks


def _conflicting(item: Evidence) -> str:
    """Return that two of the observations asked for say different things of one subject."""

    def asked(name: str) -> list[str]:
        kind = [f"{name}.kind == {cel_string(item.kind)}"] if item.kind else []
        return kind + ([f"{name}.source in {cel_list(item.from_)}"] if item.from_ else [])

    differ: list[str] = []
    for field in item.agree:
        mine, other = _steps("e", field), _steps("f", field)
        there = [f"has({step})" for step in (*mine, *other)]
        differ.append(f"({' && '.join([*there, f'{mine[-1]} != {other[-1]}'])})")
    same = '(has(e.ref) ? e.ref : "") == (has(f.ref) ? f.ref : "")'
    others = " && ".join([*asked("f"), same, f"({' || '.join(differ)})"])
    inner = f"evidence.exists(f, {others})"
    return f"evidence.exists(e, {' && '.join([*asked('e'), inner])})"


def _steps(name: str, field: str) -> list[str]:
    """Return the selections that lead to a field of an observation, from the outermost."""
    steps = [f"{name}.fields"]
    for step in field.split("."):
        quoted = step if step.isidentifier() and step not in RESERVED else f"`{step}`"
        steps.append(f"{steps[-1]}.{quoted}")
    return steps


def _some(conditions: list[str]) -> str:
    return (
        f"evidence.exists(e, {' && '.join(conditions)})" if conditions else "(size(evidence) > 0)"
    )


def _fresh(duration: str) -> str:
    limit = cel_duration(duration)
    age = "timestamp(action.time) - timestamp({}) < {}"
    return (
        f"{age.format('e.time', limit)}"
        f" && (!has(e.observed_at) || {age.format('e.observed_at', limit)})"
    )


def _complete(item: Evidence) -> list[str]:
    conditions: list[str] = []
    for field in item.complete:
        conditions += [f"has({step})" for step in _steps("e", field)]
    conditions += ["has(e.digest)"] if item.digest else []
    conditions += ["!e.self_attested"] if item.self_attested else []
    return list(dict.fromkeys(conditions))


# ------------------------------------------------------------------------------- policy


def policy_rules(draft: Draft) -> None:
    """The governing document; the policy's own rules are the contract's `rules`."""
    document = draft.clauses.policy.document
    if document.digest is None:
        return
    draft.rule(
        Rule(
            "policy.document",
            "policy",
            "action",
            unless=f"run.policy.digest == {cel_string(document.digest)}",
            effect=Effect.WARN,
            undecidable=Effect.WARN,
            says=f"the run was under {document.name} {document.version}",
            position=draft.source.key_at("policy", "document", "digest"),
        )
    )


# -------------------------------------------------------------------------------- tools


def tool_rules(draft: Draft) -> None:
    """The allow-list and the schemas, then what each tool says of itself."""
    tools = draft.clauses.tools
    draft.rule(
        Rule(
            "tools.allowed",
            "tools",
            "action",
            unless="action.known",
            says="only the contract's tools are called",
            position=draft.source.key_at("tools"),
        )
    )
    with_schema = tuple(name for name, tool in tools.items() if tool.params is not None)
    if with_schema:
        draft.rule(
            Rule(
                "tools.schema",
                "tools",
                "action",
                with_schema,
                unless="action.conforms",
                says="parameters satisfy the tool's schema",
                position=draft.source.key_at("tools", with_schema[0], "params"),
            )
        )
    for name, tool in tools.items():
        _rate(draft, name, tool)
        _breaker(draft, name, tool)
        _timeout(draft, name, tool)
        _idempotency(draft, name, tool)
        _references(draft, name, tool)


def _rate(draft: Draft, name: str, tool: Tool) -> None:
    if not tool.rate:
        return
    calls, _, window = tool.rate.partition("/")
    place = draft.source.key_at("tools", name, "rate")
    earlier = draft.fact(
        f"tools.{name}.rate",
        "count",
        "action",
        tools=(name,),
        over="service",
        within=microseconds(window),
        position=place,
    )
    draft.rule(
        Rule(
            f"tools.{name}.rate",
            "tools",
            "action",
            (name,),
            when=f"{earlier} >= {calls}",
            says=f"the service calls {name} at most {calls} times in {window}",
            position=place,
        )
    )


def _breaker(draft: Draft, name: str, tool: Tool) -> None:
    if not (breaker := tool.breaker):
        return
    place = draft.source.key_at("tools", name, "breaker")
    failures = draft.fact(
        f"tools.{name}.failures",
        "count",
        "outcome",
        tools=(name,),
        where=FAILED,
        over="service",
        within=microseconds(breaker.within),
        position=place,
    )
    # The failure that trips it does not count itself: as of it, there are one fewer.
    tripped = draft.fact(
        f"tools.{name}.tripped",
        "seen",
        "outcome",
        tools=(name,),
        where=f"{FAILED} && {failures} >= {breaker.failures - 1}",
        over="service",
        within=microseconds(breaker.cooldown),
        position=place,
    )
    draft.rule(
        Rule(
            f"tools.{name}.breaker",
            "tools",
            "action",
            (name,),
            when=tripped,
            says=f"{breaker.failures} failures of {name} in {breaker.within} stop it"
            f" for {breaker.cooldown}",
            position=place,
        )
    )


def _timeout(draft: Draft, name: str, tool: Tool) -> None:
    if not tool.timeout:
        return
    seconds = microseconds(tool.timeout) / 1_000_000
    draft.rule(
        Rule(
            f"tools.{name}.timeout",
            "tools",
            "outcome",
            (name,),
            when=f"outcome.seconds > {seconds!r}",
            says=f"{name} answers within {tool.timeout}",
            position=draft.source.key_at("tools", name, "timeout"),
        )
    )


def _idempotency(draft: Draft, name: str, tool: Tool) -> None:
    if not tool.idempotency:
        return
    path = ("tools", name, "idempotency")
    rule_id = f"tools.{name}.idempotency"
    key = draft.cel(tool.idempotency, rule_id, *path, facts=())
    place = draft.source.key_at(*path)
    # Whoever calls while an earlier call is open cannot know that it will not succeed.
    done_in = {
        over: draft.fact(
            f"tools.{name}.done.{over}",
            "count",
            "outcome",
            tools=(name,),
            where='outcome.status == "ok"',
            over=over,
            by=key,
            reserve="1",
            position=place,
        )
        for over in ("run", "ledger")
    }
    draft.rule(
        Rule(
            rule_id,
            "tools",
            "action",
            (name,),
            # Two imported runs may well be two tellings of one event.
            when=f"(action.imported ? {done_in['run']} : {done_in['ledger']}) > 0",
            says=f"{name} succeeds once for each key, and is not called while it may yet succeed",
            position=place,
        )
    )


def _references(draft: Draft, name: str, tool: Tool) -> None:
    """Names of other tools; expressions that no rule runs are looked through all the same."""
    if tool.fallback and tool.fallback != "deny":
        draft.tool(tool.fallback, "tools", name, "fallback")
    if not (compensation := tool.compensation):
        return
    path = ("tools", name, "compensation")
    draft.tool(compensation.tool, *path, "tool")
    for parameter, expression in compensation.params.items():
        draft.cel(expression, f"tools.{name}", *path, "params", parameter, facts=())
