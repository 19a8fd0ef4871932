"""A plan made of a verified ledger is carried out through the guard that let its acts happen.

Whatever a desk did, and whatever became of that: the guard decides each call of a plan as the plan
says, the desk's books take it, and they end as was said.
"""

import copy
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.instants import micros
from ledger.clock import format_time
from replay.exposure import by_entity
from replay.history import AsOf
from replay.pacing import Pace, paced
from replay.rollback import Plan
from replay.rollback_classes import RESIDUAL, Class
from replay.rollback_reading import read
from tests.guard.shop import Hands, codes, opened
from tests.replay.guarded_books import BOUNDED, CONTRACT, CUSTOMERS, Books, Done, state_of
from tests.replay.guarded_world import Desk, Ending, found
from tests.uncounted import uncounted
from verifier.load import open_ledger

Step = tuple[str, int, int, str, bool, int]
_HOUR = 3_600
_PAUSES = (*(0,) * 12, 60, _HOUR, 71 * _HOUR)
_ENDS = (*("ok",) * 20, "error", "timeout", "abandoned", "")


def _steps(*what: str) -> st.SearchStrategy[list[Step]]:
    """Return histories of some kinds of steps, most of them for one customer."""
    return st.lists(
        st.tuples(
            st.sampled_from(what),
            st.sampled_from((0, 0, 0, 0, 1, 2)),
            st.integers(1, 6),
            st.sampled_from(_ENDS),
            st.booleans(),
            st.sampled_from(_PAUSES),
        ),
        min_size=10,
        max_size=20,
    )


# Each of them is of things that hang together, so that they do in most examples.
_STEPS = st.one_of(
    _steps("limit", "limit", "read", "case"),
    _steps("limit", "limit", "limit", "undo", "read", "case"),
    _steps("read", "case", "limit", "letter", "run"),
    _steps("read", "pay", "pay", "word", "undo", "reverse"),
    _steps("move", "limit", "limit", "pay", "read", "undo"),
    _steps(
        *("pay", "read", "limit", "case", "undo") * 2,
        *("move", "word", "reverse", "letter", "code", "run"),
    ),
)
FEW = max(10, settings().max_examples // 3)
_CHOSEN = st.one_of(st.sets(st.integers(0, 15), min_size=1, max_size=4), st.just(set[int]()))


@pytest.fixture(scope="module", params=[CONTRACT, BOUNDED], ids=["wide", "bounded"])
def founded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a desk at which nothing has happened yet."""
    with uncounted():
        return found(tmp_path_factory.mktemp("desk"), request.param)


@dataclass
class World:
    """A desk, its ledger and its clock."""

    desk: Desk
    clock: Hands
    location: str

    @property
    def now(self) -> int:
        """The time, in microseconds since 1970."""
        return micros(format_time(self.clock())) or 0


@contextmanager
def happened(founded: Path, steps: list[Step]) -> Generator[World]:
    """Let some steps happen at a desk of its own."""
    clock = Hands()
    clock.pass_(seconds=1)
    with TemporaryDirectory() as folder:
        location = str(copytree(founded, Path(folder) / "desk") / "ledger.db")
        with opened(location, clock) as shop:
            desk = Desk(shop)
            for what, who, size, ends, real, pause in steps:
                clock.pass_(seconds=pause)
                desk.step(what, who, size, Ending(ends, real))
            yield World(desk, clock, location)


def planned(world: World, places: set[int]) -> tuple[Plan, Pace]:
    """Verify the ledger, and return what its rollback says of some acts; without any of all."""
    world.desk.sign()
    with open_ledger(world.location) as ledger:
        assert codes(ledger.report, "decision", "integrity") == []
        reading = read(ledger, AsOf(time=world.now))
        rollback = reading.rollback()
        wanted = {one.digest for number, one in enumerate(world.desk.done) if number in places}
        acts = rollback.history.acts
        numbers = [n for n, act in enumerate(acts) if act.digest in wanted or not places]
        plan = rollback.plan(numbers)
        return plan, paced(plan, reading.compensations)


def carried_out(world: World, plan: Plan, pace: Pace) -> set[str]:
    """Carry a plan out until the guard says no, and return the acts that are taken back.

    The guard decides of each call what was said of it: by itself, and all at once.
    """
    gone: set[str] = set()
    for fate in plan.steps:
        assert fate.call is not None
        act = plan.acts[fate.number]
        decided = world.desk.take_back(act.digest, fate.call.tool, fate.call.params)
        assert (decided in {"allow", "approve"}) == (fate.number in pace.through)
        if decided not in {"allow", "approve"}:
            break
        assert decided == fate.call.effect
        gone.add(act.digest)
    return gone


def ends_as_said(world: World, places: set[int]) -> tuple[Plan, bool]:
    """Plan, carry out, and hold the books against what they were said to be.

    Returns:
        The plan, and whether it could be carried out to its end.
    """
    plan, pace = planned(world, places)
    before = copy.deepcopy(world.desk.done)
    gone = carried_out(world, plan, pace)
    assert world.desk.books.state() == state_of(before, gone)
    return plan, len(gone) == len(plan.steps)


def stays_as_said(world: World, plan: Plan) -> None:
    """Hold what is left in the books against the residual of a plan over all that was carried out.

    It is the beginning but for that: act by act, and entity by entity to the micro-unit.
    """
    done, books = world.desk.done, world.desk.books
    stays = {plan.acts[fate.number].digest for fate in plan.fates if fate.kind in RESIDUAL}
    stand = [one for one in done if one.real and not one.undone and not _takes_back(one)]
    assert {one.digest for one in stand} <= stays
    exposure = by_entity(plan.of(RESIDUAL))
    for customer in CUSTOMERS:
        balance = sum(one.moves.get(customer, 0) for one in stand)
        assert books.balance[customer] == balance
        said = [one for one in done if one.digest in stays and one.ended == "ok" and one.moves]
        micros = sum(_worth(one) for one in said if _target(one) == customer)
        stated = exposure[customer].micros if customer in exposure else {}
        assert stated.get("EUR", 0) == micros
    if not stand and not any(one.tool == "limits.restore" for one in done if not one.undoes):
        assert books.balance == Books().balance


def _takes_back(one: Done) -> bool:
    return one.tool in {"payouts.reverse", "transfers.return", "limits.restore", "cases.close"}


def _target(one: Done) -> str:
    return str(one.params.get("customer", one.params.get("source", "")))


def _worth(one: Done) -> int:
    return int(one.params["micros"])


@settings(
    max_examples=FEW,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(steps=_STEPS, places=_CHOSEN)
def test_the_guard_lets_a_plan_through_and_the_books_end_as_it_says(
    founded: Path, steps: list[Step], places: set[int]
) -> None:
    """First of some acts, if some are chosen, then of everything that is left.

    Then nothing is left to be taken back, and what stands is the residual.
    """
    with happened(founded, steps) as world:
        if places:
            ends_as_said(world, places)
        plan, whole = ends_as_said(world, set())
        if not whole:
            # The contract's bound is met, and passes.
            world.clock.pass_(hours=2)
            plan, whole = ends_as_said(world, set())
        if not whole:
            return
        stays_as_said(world, plan)
        again, _ = planned(world, set())
        assert again.steps == ()
        gone = {fate.number for fate in plan.steps}
        back = {fate.number for fate in again.fates if fate.kind is Class.TAKEN_BACK}
        assert gone <= back
