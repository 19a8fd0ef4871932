"""A fact's memory in a history that differs in some records: own cells where it does, no others."""

from typing import Any

from contracts.apart import UNKNOWN, Apart, Unheard
from contracts.case import Case, Groups
from contracts.engine import Engine
from contracts.facts import FactMemory, Note
from contracts.lineage import Placed
from contracts.withholding import Hidden
from tests.reference.histories import contract_of, events_of

Line = dict[str, Any]
NONE = Groups((), (), 0)
COUNT: Line = {"count": True, "from": "action", "by": "params.k"}


class Two:
    """One fact, its two memories, and the records that they are told of."""

    def __init__(self, fact: Line, *lines: Line) -> None:
        self.engine = Engine(contract_of({"facts": {"f": fact}}))
        world = self.engine.world
        self.under: FactMemory = world.facts["f"]
        self.apart = Apart(self.under, world.evaluator, world.withholding)
        self.placed: list[Placed] = []
        for event in events_of([{"opened": "r"}, *lines]):
            placed = world.lineage.place(event)
            self.placed.append(placed)
            world.lineage.remember(placed)

    def note(self, index: int) -> Note | None:
        """Return what a record does to the fact."""
        return self.under.note(Case(self.engine.world, self.placed[index], NONE))

    def both(self, index: int) -> None:
        """Let a record count in both."""
        note = self.note(index)
        assert note is not None
        self.apart.follow(note, self.placed[index].time)
        self.under.apply(note)

    def one(self, index: int) -> None:
        """Let a record count in the first alone."""
        note = self.note(index)
        assert note is not None
        self.apart.part(note, None, self.placed[index].time)
        self.under.apply(note)

    def read(self, index: int) -> tuple[Any, Any]:
        """Return the fact as of a record: in the first, and in the other."""
        case = Case(self.engine.world, self.placed[index], NONE)
        return self.under.read(case).value, self.apart.read(case).value


def acts(*keys: str, **more: Any) -> list[Line]:  # noqa: ANN401 - members of a record
    """Actions, one a second, of these keys."""
    return [
        {"action": f"a{number}", "params": {"k": key, "n": 1}, "t": number, **more}
        for number, key in enumerate(keys, start=1)
    ]


def test_only_what_differs_is_remembered_twice() -> None:
    """Keys at which every record does the same have one cell, whoever reads them."""
    two = Two(COUNT, *acts("x", "y", "x", "y", "x"))
    two.both(1)
    two.both(2)
    assert (two.apart.size, two.apart.stirs(two.placed[3])) == (0, False)
    two.one(3)
    assert (two.apart.size, two.apart.differed, two.under.size) == (1, 1, 2)
    two.both(4)
    assert two.read(5) == (2, 1)
    assert two.read(4) == (2, 2)
    case = [Case(two.engine.world, two.placed[index], NONE) for index in (4, 5)]
    assert [two.apart.may_differ(one) for one in case] == [False, True]
    assert two.apart.stirs(two.placed[5])


def test_a_window_ends_a_difference() -> None:
    """What has left the window is read from one memory again; that it differed is not forgotten."""
    two = Two({**COUNT, "over": "ledger", "within": "3s"}, *acts(*"xxxxxx"))
    two.one(1)
    two.both(2)
    assert two.read(3) == (2, 1)
    assert two.apart.stirs(two.placed[3])
    assert not two.apart.stirs(two.placed[4])
    assert (two.apart.size, two.apart.differed) == (0, 1)
    assert two.read(4) == (1, 1)


def test_a_reservation_is_settled_where_it_stands() -> None:
    """An action reserved in both is settled in both, also where its key differs by then."""
    fact: Line = {"count": True, "from": "outcome", "reserve": "1", "by": "params.k"}
    outcome = {"outcome": "o", "of": "a1", "t": 5}
    two = Two(fact, *acts("x", "x", "x"), outcome)
    two.both(1)
    digest = two.placed[1].event.digest
    assert two.under.held_at(digest) == [(two.placed[1].scope("run"), ("string", "x"))]
    two.one(2)
    assert two.apart.held_at(digest) == two.under.held_at(digest)
    two.both(4)
    assert not two.apart.held_at(digest)
    assert not two.under.held_at(digest)
    assert two.read(3) == (2, 1)


def test_a_record_that_nobody_knows_spoils_what_it_may_count_for() -> None:
    """The reason says so, and says of its kind that it is no record's words."""
    fact: Line = {"count": True, "from": "outcome", "where": 'outcome.status == "ok"'}
    two = Two(fact, *acts("x", "x"))
    action = two.placed[1]
    placed = Placed(action.event, "outcome", action.time, action.run, action)
    note = two.apart.unheard(Unheard(two.engine.world, placed, NONE))
    assert note is not None
    two.apart.part(None, note, action.time)
    found = two.apart.read(Case(two.engine.world, two.placed[2], NONE))
    assert (found.reason, found.hidden) == (f"record 1: {UNKNOWN}", Hidden.NEVER_DONE)
    assert two.read(2) == (0, None)


def test_a_plan_is_the_same_for_records_of_one_kind_and_tool() -> None:
    """Whoever keeps something by a plan may go by which object it is."""
    two = Two(COUNT, *acts("x", "y"))
    assert two.engine.plan(two.placed[1]) is two.engine.plan(two.placed[2])
