"""A plan is carried out in a world with real balances: it ends as the plan said, and nowhere else.

The plan is made of the records alone, and the world knows nothing of them. It refuses what cannot
be done in it, such as to cancel an order that a parcel rests on.
"""

from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.engine import Engine
from contracts.model import Contract
from replay.exposure import Amount, by_entity
from replay.pacing import paced
from replay.rollback import Plan, Rollback
from replay.rollback_classes import EXECUTED, PLANNED, RESIDUAL, Class
from replay.rollback_reading import read
from tests.replay.shop_world import (
    CURRENCIES,
    CUSTOMERS,
    UNDO,
    WINDOW,
    Done,
    RefusedError,
    Told,
    World,
    said_to_be,
)

_TOOLS = (
    *("pay", "limit", "order", "undo") * 2,
    *("ship", "mail", "key", "look", "run"),
)
Step = tuple[str, int, int, str, bool, int]
_ENDS = (*("ok",) * 12, "error", "timeout", "")


def _steps(*tools: str, customers: int = 0) -> st.SearchStrategy[list[Step]]:
    """Return histories in which some tools are called, by how many customers beside the first."""
    return st.lists(
        st.tuples(
            st.sampled_from(tools),
            st.integers(0, customers),
            st.integers(1, 6),
            st.sampled_from(_ENDS),
            st.booleans(),
            st.sampled_from((0, 0, 0, 3, WINDOW // 2)),
        ),
        max_size=16,
    )


# Each of them is of things that hang together, so that they do in most examples.
_LIMITS = _steps("limit", "limit", "limit", "undo")
_STEPS = st.one_of(
    _LIMITS,
    _steps("order", "order", "order", "ship", "mail", "undo"),
    _steps("pay", "pay", "undo", "look", customers=1),
    _steps(*_TOOLS, customers=2),
)
_PLACES = st.sets(st.integers(0, 15))
_settings = settings(
    max_examples=50, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


def _params(tool: str, which: int, size: int, told: Told) -> dict[str, Any] | None:
    """Return what a tool is called with; None where there is nothing to call it for."""
    customer = CUSTOMERS[which]
    orders = list(told.world.orders)
    if tool == "pay":
        return {
            "customer": customer,
            "currency": CURRENCIES[size % 2],
            "micros": size * 1_000_000,
        }
    if tool == "limit":
        return {"customer": customer, "to": size}
    if tool == "order":
        return {"after": orders[-size]} if size <= len(orders) else {}
    if tool in {"ship", "mail"}:
        return {"order": orders[-size]} if size <= len(orders) else None
    return {"customer": customer}


def _undo(told: Told, size: int, ends: str, *, real: bool) -> None:
    """Take one of the last things back, by hand and in no order, where the world lets it be."""
    standing = [one for one in told.done if one.tool in UNDO and one.said and not one.undone]
    standing = [one for one in standing if not one.undoes]
    if size > len(standing) or ends == "error":
        return
    try:
        told.undo(standing[-size], ends=ends, real=real)
    except RefusedError:
        return


def played(steps: list[Step]) -> Told:
    """Return what came of some steps."""
    told = Told()
    looks: dict[str, str] = {}
    for tool, which, size, ends, real, pause in steps:
        told.wait(pause)
        if tool == "undo":
            _undo(told, size, ends, real=real)
            continue
        if tool == "run":
            told.opened()
            continue
        params = _params(tool, which, size, told)
        if params is None:
            continue
        seen = looks.get(params.get("customer", ""))
        done = told.do(
            tool, params, ends=ends, real=real, evidence=[seen] if seen and size > 4 else []
        )
        if tool == "look" and ends == "ok":
            looks[params["customer"]] = told.observe(
                "limit", action=done.digest, ref=params["customer"], fields=done.said
            )
    return told


def rollback_of(told: Told, *, by_target: bool = True) -> Rollback:
    """Return what makes plans over what was told."""
    return read(told.ledger()).rollback(by_target=by_target)


def chosen(rollback: Rollback, told: Told, places: set[int]) -> set[int]:
    """Return the places in the history of some of what was done."""
    wanted = {one.digest for number, one in enumerate(told.done) if number in places}
    acts = rollback.history.acts
    return {number for number, act in enumerate(acts) if act.digest in wanted}


def carry_out(plan: Plan, world: World) -> None:
    """Do what a plan says, in its order. The world refuses what cannot be done."""
    for fate in plan.steps:
        assert fate.call is not None
        world.call(fate.call.tool, fate.call.params)


@_settings
@given(_STEPS, _PLACES)
def test_the_world_ends_as_the_plan_says(steps: list[Step], places: set[int]) -> None:
    """Every entity is as if what the plan takes back had never been, and nothing else changed."""
    _ends_as_said(steps, places)


@_settings
@given(_LIMITS, _PLACES)
def test_what_was_written_over_comes_back(steps: list[Step], places: set[int]) -> None:
    """Each limit is what it would be, though each change says only what was there before it."""
    _ends_as_said(steps, places)


def _ends_as_said(steps: list[Step], places: set[int]) -> None:
    told = played(steps)
    rollback = rollback_of(told)
    plan = rollback.plan(chosen(rollback, told, places))
    gone = {plan.acts[fate.number].digest for fate in plan.steps}
    said = said_to_be(told, gone)
    told.world.now = told.seconds
    carry_out(plan, told.world)
    assert told.world.state() == said


def _left(told: Told, gone: set[str]) -> list[Done]:
    """Return what was really done and stays: neither taken back by hand nor by a plan."""
    return [
        one
        for one in told.done
        if one.real and not one.undone and not one.undoes and one.digest not in gone
    ]


@_settings
@given(_STEPS)
def test_all_taken_back_is_the_beginning_but_for_the_residual(steps: list[Step]) -> None:
    """What then differs from the first day is the residual, entity by entity, to the micro-unit."""
    told = played(steps)
    rollback = rollback_of(told)
    plan = rollback.plan(range(len(rollback.history.acts)))
    gone = {plan.acts[fate.number].digest for fate in plan.steps}
    told.world.now = told.seconds
    carry_out(plan, told.world)
    left = _left(told, gone)
    # Nothing stays that the plan did not say stays.
    residual = {plan.acts[fate.number].digest for fate in plan.fates if fate.kind in RESIDUAL}
    assert {one.digest for one in left if one.tool != "look"} <= residual
    # What nobody said the end of has no recorded value: it is counted, and never as zero.
    silent = [one for one in left if one.tool == "pay" and one.ended != "ok"]
    by_hand = {one.undoes for one in told.done if one.undoes and one.ended != "ok"}
    exposure = by_entity(plan.of(RESIDUAL))
    for customer in CUSTOMERS:
        for currency in CURRENCIES:
            unsaid = sum(
                one.params["micros"]
                for one in silent
                if (one.params["customer"], one.params["currency"]) == (customer, currency)
            )
            # What may have been taken back by hand stands in the residual until somebody knows.
            doubtful = sum(
                one.params["micros"]
                for one in told.done
                if one.digest in by_hand
                and one.undone
                and one.tool == "pay"
                and (one.params["customer"], one.params["currency"]) == (customer, currency)
            )
            stated = exposure.get(customer, Amount()).micros.get(currency, 0)
            assert told.world.balance[customer, currency] == stated - doubtful + unsaid
    assert plan.residual.unvalued >= len(silent)
    first = World().state()
    if not left and not by_hand:
        assert told.world.state() == first


@_settings
@given(_STEPS, _PLACES)
def test_what_was_executed_is_recovered_taken_back_or_residual(
    steps: list[Step], places: set[int]
) -> None:
    """The three add up to the whole in every currency; currencies are never added."""
    told = played(steps)
    rollback = rollback_of(told)
    numbers = chosen(rollback, told, places)
    plan = rollback.plan(numbers)
    whole: dict[str, int] = {}
    for number in numbers:
        act = rollback.history.acts[number]
        if act.value is not None and not act.compensates:
            whole[act.value.currency] = whole.get(act.value.currency, 0) + act.value.micros
    parts = plan.recovered, plan.amount(Class.TAKEN_BACK), plan.residual
    assert Amount.sum(parts) == plan.executed
    assert plan.executed.micros == whole
    assert plan.executed.acts == sum(fate.kind in EXECUTED for fate in plan.fates)
    assert len({fate.number for fate in plan.fates}) == len(plan.fates)
    assert len(plan.fates) + plan.never == len(numbers)


@_settings
@given(_STEPS, _PLACES, _PLACES)
def test_a_larger_scope_takes_back_all_that_a_smaller_one_does(
    steps: list[Step], places: set[int], more: set[int]
) -> None:
    """What is chosen beside it never keeps an act from being taken back."""
    told = played(steps)
    rollback = rollback_of(told)
    small = rollback.plan(chosen(rollback, told, places))
    large = rollback.plan(chosen(rollback, told, places | more))
    smaller = {fate.number for fate in small.steps}
    assert smaller <= {fate.number for fate in large.steps}
    kinds = {fate.number: fate.kind for fate in large.fates}
    stays = {fate.number for fate in small.fates if fate.kind in RESIDUAL}
    assert {number for number in stays if kinds[number] in RESIDUAL} <= stays


@_settings
@given(_STEPS, st.randoms(use_true_random=False))
def test_nothing_goes_before_what_rests_on_it(steps: list[Step], random: Random) -> None:
    """A step comes after all steps that depend on its act, whatever the order of the selection."""
    rollback = rollback_of(played(steps))
    numbers = list(range(len(rollback.history.acts)))
    plan = rollback.plan(numbers)
    random.shuffle(numbers)
    assert rollback.plan(numbers) == plan
    place = {fate.number: at for at, fate in enumerate(plan.steps)}
    kinds = {fate.number: fate.kind for fate in plan.fates}
    for later, links in rollback.dependencies.earlier.items():
        for earlier, _, _ in links:
            if later in place and earlier in place:
                assert place[later] < place[earlier]
            if kinds.get(later) in RESIDUAL:
                assert earlier not in place
    assert all(fate.call is not None for fate in plan.steps)
    assert all(
        (fate.kind is Class.COMPENSABLE) == (bool(fate.after) or fate.needs_people)
        for fate in plan.steps
    )
    assert {fate.kind for fate in plan.steps} <= set(PLANNED)


def _whole(contract: Contract) -> Contract:
    return contract


def _every_fact(engine: Engine) -> frozenset[str]:
    return frozenset(engine.world.facts)


@_settings
@given(_STEPS)
def test_what_is_left_uncounted_decides_nothing(steps: list[Step]) -> None:
    """Calls are decided as by the whole contract that counted every entry."""
    told = played(steps)
    few = read(told.ledger())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("replay.in_force.compensating", _whole)
        patch.setattr("replay.in_force.counted", _every_fact)
        every = read(told.ledger())
    plans = [each.rollback().plan(range(len(each.history.acts))) for each in (few, every)]
    assert plans[0].fates == plans[1].fates
    assert paced(plans[0], few.compensations) == paced(plans[1], every.compensations)


@pytest.mark.parametrize("by_target", [True, False])
def test_a_shared_target_keeps_only_where_it_is_asked_for(*, by_target: bool) -> None:
    """A later payment to the same customer keeps an earlier one, unless targets are left apart."""
    told = Told()
    first = told.do("pay", {"customer": "C-1001", "currency": "EUR", "micros": 1_000_000})
    told.do("key", {"customer": "C-1001"})
    rollback = rollback_of(told, by_target=by_target)
    plan = rollback.plan({0})
    assert plan.acts[0].digest == first.digest
    kind = Class.BLOCKED if by_target else Class.REVERSIBLE
    assert [fate.kind for fate in plan.fates] == [kind]
