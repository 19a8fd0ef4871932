"""The quick verification and the exact one say the same of a ledger on a server.

One database takes all ledgers, one after the other: to make one takes longer than to verify.
"""

import random
from collections.abc import Callable, Iterator

import pytest

from ledger.store import Store
from tests.verifier.forge import Desk
from tests.verifier.test_ordinary import BAD, agreed, changed, exact, spoiled, worked
from tests.verifier.test_ordinary_windows import EDGES, at_edge
from verifier.ordinary import proved

RANDOM = 12


@pytest.fixture
def said(location: str) -> Callable[[Desk], bool]:
    """Give what writes a ledger to the server and compares the two ways there."""
    Store.create(location).close()

    def compare(desk: Desk) -> bool:
        desk.fill(location)
        return agreed(desk, location, spans=(5,))

    return compare


def test_sound_and_bad_ledgers_on_a_server(said: Callable[[Desk], bool], location: str) -> None:
    """A sound one is proved, each bad one of the table is left to the exact reading."""
    for imported in (False, True):
        assert said(worked(imported=imported))
    for spoil in BAD:
        desk = spoiled(spoil)
        assert not said(desk), spoil.__name__
        assert exact(location, desk.trust()).findings, spoil.__name__


def test_windows_on_a_server(said: Callable[[Desk], bool]) -> None:
    """Records on the edges of a delegation, and outside it."""
    for edge in EDGES:
        assert said(at_edge(edge)) is edge.entitled, edge


def test_random_changes_on_a_server(said: Callable[[Desk], bool]) -> None:
    """Whatever is changed, linked anew or signed anew: one report."""
    for desk in _random_ledgers():
        said(desk)


def _random_ledgers() -> Iterator[Desk]:
    for seed in range(RANDOM):
        luck = random.Random(seed)
        desk = worked()
        yield changed(luck, desk, links=luck.random() < 0.5, heads=luck.random() < 0.5)


def test_other_processes_read_the_same_on_a_server(location: str) -> None:
    """Two processes, each with a connection of its own, say what one says."""
    Store.create(location).close()
    desk = worked()
    desk.fill(location)
    with Store.open(location) as store:
        one = proved(store, desk.trust(), span=9)
        two = proved(store, desk.trust(), span=9, jobs=2)
    assert one is not None
    assert two is not None
    assert (one.size, one.root(), one.submissions) == (two.size, two.root(), two.submissions)


def test_rows_of_no_entry_are_noticed_on_a_server(
    said: Callable[[Desk], bool], location: str
) -> None:
    """Before the first, and after the last."""
    desk = worked()
    assert said(desk)
    for table in ("entries", "records"):
        for index in (-1, 99):
            row = f"INSERT INTO {table} VALUES (?, ?)"  # noqa: S608
            desk.fill(location, [(row, (index, b"{}"))])
            assert not agreed(desk, location, spans=(5,)), (table, index)
