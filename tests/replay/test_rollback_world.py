"""A plan is carried out in a world with real balances: it ends as the plan said, and nowhere else.

The plan is made of the ledger alone, and the world knows nothing of the ledger. What the world is to
be afterwards is computed the other way round: all that was done is done again, without what the
plan takes back.
"""

from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replay.compensations import read
from replay.exposure import by_entity
from replay.rollback import STAYS, Plan, Rollback
from replay.scopes import Scope, reach
from tests.replay.shop_world import ACCOUNTS, WINDOW, Recorded, World, without
from verifier.load import open_ledger

_TOOLS = ("pay", "pay", "limit", "limit", "order", "order", "order", "mail", "key", "look", "undo")
_STEP = st.tuples(
    st.sampled_from(_TOOLS),
    st.sampled_from(ACCOUNTS),
    st.integers(1, 6),
    st.sampled_from(("ok", "ok", "ok", "ok", "error", "timeout")),
    st.booleans(),
    st.sampled_from((0, 0, 3, WINDOW // 2)),
)


def _params(tool: str, account: str, size: int, orders: list[str]) -> dict[str, Any]:
    if tool == "pay":
        return {"account": account, "micros": size * 1_000_000}
    if tool == "limit":
        return {"account": account, "to": size}
    if tool == "order":
        return {"after": orders[-size]} if size <= len(orders) else {}
    return {"account": account}


def _undo_last(recorded: Recorded) -> None:
    """Take back the last payment, if that can still be done."""
    last = next((one for one in reversed(recorded.done) if one.tool == "pay"), None)
    if last is None or last.undone or "payment" not in last.said:
        return
    if recorded.desk.second + 1 - last.at >= WINDOW:
        return
    large = last.params["micros"] > 4_000_000
    recorded.undo(last, "take", {"payment": last.said["payment"], "large": large})


def played(steps: list[tuple[Any, ...]]) -> Recorded:
    """Return what came of some steps."""
    recorded = Recorded()
    for tool, account, size, ends, real, pause in steps:
        recorded.wait(pause)
        if tool == "undo":
            _undo_last(recorded)
            continue
        orders = list(recorded.world.orders)
        recorded.do(tool, _params(tool, account, size, orders), ends=ends, real=real)
    return recorded


def rollback_of(recorded: Recorded) -> Rollback:
    """Return what makes plans over a ledger, which is verified first."""
    with TemporaryDirectory() as folder:
        path = recorded.save(Path(folder) / "world.db")
        with open_ledger(path) as ledger:
            return Rollback.of(read(ledger))


def planned(
    recorded: Recorded, chosen: set[str] | None = None, scope: Scope = Scope.ACTIONS
) -> Plan:
    """Return the plan over some actions (default: all) as the ledger has it."""
    rollback = rollback_of(recorded)
    numbers = frozenset(
        number
        for number, act in enumerate(rollback.history.acts)
        if chosen is None or act.digest in chosen
    )
    return rollback.plan(reach(rollback, numbers, scope))


def carry_out(plan: Plan, world: World) -> None:
    """Do what a plan says, in its order. The world refuses what cannot be done."""
    for _, fate in plan.calls():
        assert fate.call is not None
        world.call(fate.call.tool, dict(fate.call.params))


_settings = settings(
    max_examples=20, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


@_settings
@given(st.lists(_STEP, max_size=14), st.sets(st.integers(0, 13)), st.sampled_from(Scope))
def test_the_world_ends_as_the_plan_says(
    steps: list[tuple[Any, ...]], places: set[int], scope: Scope
) -> None:
    """Every entity is as if what the plan takes back had never been."""
    recorded = played(steps)
    chosen = {one.digest for number, one in enumerate(recorded.done) if number in places}
    plan = planned(recorded, chosen, scope)
    recorded.world.now = recorded.desk.second
    assert without(recorded.done, set()).state() == recorded.world.state()
    carry_out(plan, recorded.world)
    gone = {act.digest for act, _ in plan.calls()}
    assert recorded.world.state() == without(recorded.done, gone).state()


@_settings
@given(st.lists(_STEP, max_size=14))
def test_all_taken_back_is_the_beginning_but_for_the_residual(
    steps: list[tuple[Any, ...]],
) -> None:
    """What then differs from the first day is the residual, to the last micro-unit."""
    recorded = played(steps)
    plan = planned(recorded)
    recorded.world.now = recorded.desk.second
    carry_out(plan, recorded.world)
    stays = {act.digest for act in plan.of(STAYS)}
    left = [one for one in recorded.done if one.digest in stays]
    assert recorded.world.state() == without(left, set()).state()
    # Of a payment that timed out nobody recorded a value: it is counted, and never as zero.
    unrecorded = [one for one in left if one.tool == "pay" and one.ended == "timeout"]
    unsaid = sum(one.params["micros"] for one in unrecorded if one.real)
    assert sum(recorded.world.balance.values()) == plan.residual.micros.get("EUR", 0) + unsaid
    for account, worth in by_entity(plan.of(STAYS)).items():
        paid = [one for one in unrecorded if one.real and one.params["account"] == account]
        lost = sum(one.params["micros"] for one in paid)
        assert recorded.world.balance.get(account, 0) == worth.micros.get("EUR", 0) + lost
    assert len(unrecorded) <= plan.residual.unvalued


@_settings
@given(st.lists(_STEP, max_size=10), st.randoms(use_true_random=False))
def test_the_order_of_a_selection_is_of_no_account(
    steps: list[tuple[Any, ...]], random: Random
) -> None:
    """The same acts in any order have the same plan, and twice the same."""
    rollback = rollback_of(played(steps))
    numbers = list(range(len(rollback.history.acts)))
    plain = rollback.plan(numbers)
    random.shuffle(numbers)
    assert rollback.plan(numbers) == plain
    later = {number: place for place, number in enumerate(plain.steps)}
    for edge in rollback.dependencies.edges():
        if edge.later in later and edge.earlier in later:
            assert later[edge.later] < later[edge.earlier]
