"""What the clauses cost and recovery expand to: docs/spec/contract-language.md, its table."""

from contracts.clauses import FAILED
from contracts.document import Containment, OnFailure, RunBudget, Throttle
from contracts.draft import Draft
from contracts.expressions import cel_list, cel_string, microseconds
from contracts.model import Effect, Expectation, Rule

ASSISTANT = 'message.role == "assistant"'
TOKENS = (
    "(has(message.tokens.input) ? message.tokens.input : 0)"
    " + (has(message.tokens.output) ? message.tokens.output : 0)"
)


# --------------------------------------------------------------------------------- cost


def cost_rules(draft: Draft) -> None:
    """Budgets of a run, loops, throttles and worth."""
    cost = draft.clauses.cost
    if cost is None:
        return
    spent = _spent(draft)
    if cost.per_run:
        _money_budget(draft, cost.per_run, spent)
        _token_budget(draft, cost.per_run)
        _call_budgets(draft, cost.per_run)
        _time_budget(draft, cost.per_run)
    _loop(draft)
    for number, throttle in enumerate(cost.throttle):
        _throttle(draft, throttle, number)
    if cost.value and spent:
        draft.rule(
            Rule(
                "cost.value",
                "cost",
                "run.closed",
                when=f"double({spent}) > {cost.value.cost_per_value_max!r}"
                f" * double({_micros('run.value', _budget_currency(draft))})",
                effect=Effect.WARN,
                undecidable=Effect.WARN,
                says="what a run cost was worth it",
                position=draft.source.key_at("cost", "value"),
            )
        )


def _budget_currency(draft: Draft) -> str:
    cost = draft.clauses.cost
    return (cost.per_run.currency or "") if cost and cost.per_run else ""


def _micros(money: str, currency: str) -> str:
    """The amount; in another currency an error, as it can be neither counted nor left out."""
    if not currency:
        return f"{money}.micros"
    return f"{{{cel_string(currency)}: {money}.micros}}[{money}.currency]"


def _estimating(draft: Draft, what: str) -> tuple[str, ...]:
    return tuple(
        name
        for name, tool in draft.clauses.tools.items()
        if tool.estimate and getattr(tool.estimate, what)
    )


def _own(tools: tuple[str, ...], what: str) -> str:
    """This action's own estimate; where the contract declares none, nothing."""
    if not tools:
        return "0"
    return f"(action.tool in {cel_list(tools)} ? action.estimate.{what}.micros : 0)"


def _spent(draft: Draft) -> str:
    """The run's money so far, as an expression over two facts; empty where no rule asks."""
    cost = draft.clauses.cost
    if not cost or not (cost.value or (cost.per_run and cost.per_run.cost_micros is not None)):
        return ""
    currency = _budget_currency(draft)
    place = draft.source.key_at("cost", "per_run", "cost_micros")
    messages = draft.fact(
        "cost.messages",
        "sum",
        "message",
        value=_micros("message.cost", currency),
        where=f"{ASSISTANT} || has(message.cost)",
        position=place,
    )
    estimating = _estimating(draft, "cost")
    _same_currency(draft, estimating, currency)
    # A tool with an estimate costs something, so its outcomes must say what.
    # Any other costs what its outcomes say.
    must = f' || (action.tool in {cel_list(estimating)} && outcome.status != "skipped")'
    carried = f"has(outcome.cost){must if estimating else ''}"
    tools = draft.fact(
        "cost.tools",
        "sum",
        "outcome",
        value=f"{carried} ? {_micros('outcome.cost', currency)} : 0",
        reserve=_own(estimating, "cost"),
        position=place,
    )
    return f"({messages} + {tools})"


def _same_currency(draft: Draft, estimating: tuple[str, ...], currency: str) -> None:
    for name in estimating:
        estimate = draft.clauses.tools[name].estimate
        if estimate and currency and estimate.currency and estimate.currency != currency:
            draft.refuse(
                "cost.currency",
                f"the budget is in {currency}, this estimate in {estimate.currency}; use one",
                *("tools", name, "estimate", "currency"),
            )


def _budget(draft: Draft, key: str, when: str, says: str) -> None:
    name = {"cost_micros": "cost", "tool_calls": "tool-calls"}.get(key, key)
    draft.rule(
        Rule(
            f"cost.{name}",
            "cost",
            "action",
            when=when,
            says=says,
            position=draft.source.key_at("cost", "per_run", key),
        )
    )


def _money_budget(draft: Draft, budget: RunBudget, spent: str) -> None:
    if budget.cost_micros is None:
        return
    own = _own(_estimating(draft, "cost"), "cost")
    when = f"{spent} + {own} > {budget.cost_micros}"
    unit = f" {budget.currency}" if budget.currency else ""
    _budget(draft, "cost_micros", when, f"a run costs at most {budget.cost_micros} micros{unit}")


def _token_budget(draft: Draft, budget: RunBudget) -> None:
    if budget.tokens is None:
        return
    used = draft.fact(
        "cost.tokens",
        "sum",
        "message",
        value=TOKENS,
        where=f"{ASSISTANT} || has(message.tokens)",
        position=draft.source.key_at("cost", "per_run", "tokens"),
    )
    _budget(
        draft, "tokens", f"{used} > {budget.tokens}", f"a run uses at most {budget.tokens} tokens"
    )


def _call_budgets(draft: Draft, budget: RunBudget) -> None:
    if budget.tool_calls is not None or budget.steps is not None:
        place = draft.source.key_at("cost", "per_run")
        calls = draft.fact("cost.tool-calls", "count", "action", position=place)
        if budget.tool_calls is not None:
            says = f"a run makes at most {budget.tool_calls} tool calls"
            _budget(draft, "tool_calls", f"{calls} >= {budget.tool_calls}", says)
        if budget.steps is not None:
            said = draft.fact("cost.steps", "count", "message", where=ASSISTANT, position=place)
            says = f"a run takes at most {budget.steps} steps (assistant messages, tool calls)"
            _budget(draft, "steps", f"{said} + {calls} >= {budget.steps}", says)
    for tool, most in budget.calls.items():
        path = ("cost", "per_run", "calls", tool)
        draft.tool(tool, *path)
        made = draft.fact(
            f"cost.calls.{tool}",
            "count",
            "action",
            tools=(tool,),
            position=draft.source.key_at(*path),
        )
        draft.rule(
            Rule(
                f"cost.calls.{tool}",
                "cost",
                "action",
                (tool,),
                when=f"{made} >= {most}",
                says=f"a run calls {tool} at most {most} times",
                position=draft.source.key_at(*path),
            )
        )


def _time_budget(draft: Draft, budget: RunBudget) -> None:
    if budget.seconds is None:
        return
    elapsed = "timestamp(action.time) - timestamp(run.time)"
    when = f'{elapsed} > duration("{budget.seconds}s")'
    _budget(draft, "seconds", when, f"a run takes at most {budget.seconds} seconds")


def _loop(draft: Draft) -> None:
    cost = draft.clauses.cost
    if not cost or not cost.loop:
        return
    place = draft.source.key_at("cost", "loop")
    equal = draft.fact("cost.loop", "count", "action", by="action.call", position=place)
    when = f"{equal} + 1 >= {cost.loop.same_call}"
    if cost.loop.except_:
        path = ("cost", "loop", "except")
        excepted = tuple(draft.tool(name, *path) for name in cost.loop.except_)
        when = f"!(action.tool in {cel_list(excepted)}) && {when}"
    draft.rule(
        Rule(
            "cost.loop",
            "cost",
            "action",
            when=when,
            says=f"no call is made {cost.loop.same_call} times in a run with the same parameters",
            position=place,
        )
    )


def _throttle(draft: Draft, throttle: Throttle, number: int) -> None:
    place = draft.source.at("cost", "throttle", number)
    name = f"cost.throttle.{number + 1}"
    earlier = draft.fact(
        name,
        "count",
        "action",
        over=throttle.over,
        within=microseconds(throttle.within),
        position=place,
    )
    draft.rule(
        Rule(
            name,
            "cost",
            "action",
            when=f"{earlier} >= {throttle.calls}",
            says=f"at most {throttle.calls} tool calls in {throttle.within} of one {throttle.over}",
            position=place,
        )
    )


# ----------------------------------------------------------------------------- recovery


def recovery_rules(draft: Draft) -> None:
    """Stopping, containing, retrying, and an outcome for whatever was begun."""
    recovery = draft.clauses.recovery
    _kill_switch(draft)
    if recovery and recovery.containment:
        _containment(draft, recovery.containment)
    if recovery and recovery.on_failure:
        _retry(draft, recovery.on_failure)
    _compensations(draft)
    draft.rule(
        Rule(
            "recovery.outcome",
            "recovery",
            "action",
            # What was refused or is waiting for a sign-off was never begun.
            when='!has(action.decision) || action.decision == "allow"',
            undecidable=Effect.ALLOW,
            expect=Expectation("outcome", by="action.digest", until="run.closed"),
            says="every action has an outcome before its run closes",
            position=draft.source.key_at("recovery"),
        )
    )


def _kill_switch(draft: Draft) -> None:
    recovery = draft.clauses.recovery
    allowed = recovery.safe_mode.allow if recovery and recovery.safe_mode else ("read",)
    roles = recovery.kill_switch.roles if recovery and recovery.kill_switch else ()
    place = draft.source.key_at("recovery", "kill_switch")
    entitled = f" && switch.roles.exists(r, r in {cel_list(roles)})" if roles else ""
    # One text for both members, so that one `last` cannot mix two switches.
    told = {
        "value": 'switch.state == "engaged" ? switch.mode : "released"',
        "over": "service",
        "default": "released",
        "position": place,
    }
    state = draft.fact(
        "recovery.switch", "last", "switch", where=f"!has(switch.selector){entitled}", **told
    )
    # Of each selector that is true of the action, what its last switch says.
    selected = draft.fact(
        "recovery.selected",
        "last",
        "switch",
        where=f"has(switch.selector){entitled}",
        by="switch.selector",
        at="action.selected",
        **told,
    )
    # An unknown tool has no mode: safe mode leaves it undecidable, hence denied.
    outside = f"!(action.mode in {cel_list(allowed)})"
    draft.rule(
        Rule(
            "recovery.kill-switch",
            "recovery",
            "action",
            when=f'{state} == "kill" || "kill" in {selected}'
            f' || ({state} == "safe" && {outside}) || ("safe" in {selected} && {outside})',
            says="nothing runs while the service is stopped; in safe mode only "
            + (", ".join(allowed) or "nothing"),
            position=place,
        )
    )


def _containment(draft: Draft, bound: Containment) -> None:
    tools = tuple(dict.fromkeys((*draft.tools_of_mode("execute"), *_estimating(draft, "value"))))
    place = draft.source.key_at("recovery", "containment")
    if not tools:
        return
    reached: list[str] = []
    if bound.value_micros is not None:
        reached.append(_contained_value(draft, bound, tools))
    window = {"over": bound.over, "within": microseconds(bound.within), "position": place}
    if bound.calls is not None:
        calls = draft.fact("recovery.containment.calls", "count", "action", tools=tools, **window)
        reached.append(f"{calls} >= {bound.calls}")
    if bound.entities is not None:
        touched = draft.fact(
            "recovery.containment.targets",
            "list",
            "action",
            value="action.target",
            tools=tools,
            **window,
        )
        # A list as a key gives one value for each distinct element: its size counts them.
        distinct = draft.fact(
            "recovery.containment.entities",
            "seen",
            "action",
            tools=tools,
            by="action.target",
            at=touched,
            **window,
        )
        own = f"(action.target in {touched} ? 0 : 1)"
        reached.append(f"size({distinct}) + {own} > {bound.entities}")
    if not reached:
        draft.refuse_key(
            "containment.empty",
            "containment needs a bound: `value_micros`, `calls` or `entities`",
            *("recovery", "containment"),
        )
        return
    draft.rule(
        Rule(
            "recovery.containment",
            "recovery",
            "action",
            tools,
            when=" || ".join(reached),
            says=f"what the service can do in {bound.within} is bounded",
            position=place,
        )
    )


def _contained_value(draft: Draft, bound: Containment, tools: tuple[str, ...]) -> str:
    estimating = _estimating(draft, "value")
    must = (
        f" || (action.tool in {cel_list(estimating)}"
        ' && outcome.status != "skipped" && outcome.status != "error")'
    )
    value = draft.fact(
        "recovery.containment.value",
        "sum",
        "outcome",
        value=f"has(outcome.value){must if estimating else ''} ? outcome.value.micros : 0",
        tools=tools,
        over=bound.over,
        within=microseconds(bound.within),
        reserve=_own(estimating, "value"),
        position=draft.source.key_at("recovery", "containment"),
    )
    most = bound.value_micros
    return f"{value} >= {most} || {value} + {_own(estimating, 'value')} > {most}"


def _retry(draft: Draft, on_failure: OnFailure) -> None:
    place = draft.source.key_at("recovery", "on_failure")
    window = microseconds(on_failure.within) if on_failure.within else None
    failed = draft.fact(
        "recovery.failed",
        "seen",
        "outcome",
        where=FAILED,
        by="action.call",
        within=window,
        position=place,
    )
    retries = draft.fact(
        "recovery.retries",
        "count",
        "action",
        where=failed,
        by="action.call",
        within=window,
        position=place,
    )
    draft.rule(
        Rule(
            "recovery.retry",
            "recovery",
            "action",
            when=f"{failed} && {retries} >= {on_failure.retry}",
            says=f"a call that failed is made again at most {on_failure.retry} times",
            position=place,
        )
    )


def _compensations(draft: Draft) -> None:
    """What was to be taken back, and was not at the first try, has to be in the end."""
    undone: dict[str, list[str]] = {}
    for name, tool in draft.clauses.tools.items():
        if tool.compensation is not None:
            undone.setdefault(tool.compensation.tool, []).append(name)
    for back, names in undone.items():
        # Of several that one tool takes back the shortest time holds for all.
        given = [draft.clauses.tools[name].compensation for name in names]
        times = [microseconds(one.within) for one in given if one is not None and one.within]
        draft.rule(
            Rule(
                f"recovery.compensation.{back}",
                "recovery",
                "outcome",
                (back,),
                when="has(action.compensates)"
                ' && outcome.status in ["error", "timeout", "abandoned"]',
                undecidable=Effect.ALLOW,
                expect=Expectation(
                    "outcome",
                    (back,),
                    where='has(action.compensates) && outcome.status == "ok"',
                    over="ledger",
                    by="action.compensates",
                    until="" if times else "run.closed",
                    within=min(times, default=None),
                ),
                says=f"what {back} did not take back at first is taken back in time all the same",
                position=draft.source.key_at("tools", names[0], "compensation"),
            )
        )
