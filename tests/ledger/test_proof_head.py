"""Which head a proof is made under: the newest that the trust file's witnesses are behind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.bundle import Bundle
from ledger.bundle_writing import write_bundle
from ledger.errors import UnprovenRecordError
from ledger.proof import check_proof, make_proof
from ledger.proof_head import Asked, choose_head
from ledger.source import Source
from ledger.store import Store
from tests.verifier.forge import Desk, witness_of

NOON = 1_772_366_400
ONE, TWO = witness_of("w1.example"), witness_of("w2.example")
BOTH = Asked((ONE, TWO), 2, at=NOON)


@pytest.fixture(scope="module")
def desk() -> Desk:
    """Give a ledger with four heads: cosigned by both, by both lately, by one, by nobody."""
    desk = Desk()
    heads: list[tuple[tuple[str, int], ...]] = [
        (("w1.example", NOON - 5000), ("w2.example", NOON - 5000)),
        (("w1.example", NOON - 10), ("w2.example", NOON - 4000)),
        (("w1.example", NOON - 5),),
        (),
    ]
    for lines in heads:
        desk.submit("reviewer", desk.make("review", "reviewer", finding="F", state="open"))
        desk.sign_head()
        for name, at in lines:
            desk.cosign(name, at)
    return desk


@pytest.fixture(params=["store", "bundle"])
def source(request: pytest.FixtureRequest, desk: Desk, tmp_path: Path) -> Iterator[Source]:
    """Give it as a store, and as a bundle, in whose notes the lines stand."""
    path = desk.save(tmp_path / "ledger.db")
    with Store.open(path) as store:
        if request.param == "store":
            yield store
            return
        write_bundle(store, tmp_path / "bundle.zip")
    with Bundle.open(tmp_path / "bundle.zip") as bundle:
        yield bundle


def test_the_newest_head_that_satisfies_is_taken(source: Source, desk: Desk) -> None:
    """A proof under it is accepted, and one under the newest would be refused."""
    sizes = [size for size, _ in desk.notes]
    cases: list[tuple[Asked, int, bool]] = [
        (Asked(), sizes[3], True),
        (Asked((ONE, TWO), 0, at=NOON), sizes[3], True),
        (Asked((ONE,), 1, at=NOON), sizes[2], True),
        (BOTH, sizes[1], True),
        # Before that one's second line was made, only the first had enough.
        (Asked((ONE, TWO), 2, at=NOON - 4500), sizes[0], True),
        (Asked((ONE, TWO), 2, max_age=4200, at=NOON), sizes[1], True),
    ]
    for asked, size, enough in cases:
        head = choose_head(source, 4, asked)
        assert head is not None
        assert (head.size, head.enough, head.newest) == (size, enough, sizes[3]), asked
        raw, counted = make_proof(source, 4, head.note), (asked.witnesses, asked.quorum)
        check_proof(raw, desk.genesis, *counted, max_age=asked.max_age, at=asked.at)
    newest = choose_head(source, 4)
    assert newest is not None
    with pytest.raises(UnprovenRecordError, match="0 witnesses cosigned"):
        check_proof(make_proof(source, 4, newest.note), desk.genesis, (ONE, TWO), 2, at=NOON)


def test_where_none_satisfies_the_best_is_taken(source: Source, desk: Desk) -> None:
    """One that had enough once, before one that never had; and it is said that it will not do."""
    sizes = [size for size, _ in desk.notes]
    old = choose_head(source, 4, Asked((ONE, TWO), 2, max_age=60, at=NOON))
    few = choose_head(source, sizes[2] - 1, BOTH)
    assert old is not None
    assert few is not None
    assert (old.size, old.witnesses, old.enough) == (sizes[1], 2, False)
    assert (few.size, few.witnesses, few.enough) == (sizes[3], 0, False)
    assert choose_head(source, sizes[3], BOTH) is None


@pytest.mark.parametrize("false", [True, False])
def test_a_false_line_and_an_own_key_count_for_nothing(tmp_path: Path, *, false: bool) -> None:
    """As they do for whoever checks: a head with a false line is refused, an own key no witness."""
    desk = Desk()
    desk.sign_head()
    older = len(desk.headers)
    desk.cosign("w1.example", NOON)
    desk.submit("reviewer", desk.make("review", "reviewer", finding="F", state="open"))
    desk.sign_head()
    desk.cosign("w1.example", NOON)
    desk.cosign("w2.example", NOON, key="agent")
    size, name, key, at, line = desk.cosignatures[1]
    desk.cosignatures[1] = size, name, key, at, line[:-8] + b"AAAAAAA=" if false else line
    with Store.open(desk.save(tmp_path / "ledger.db")) as store:
        head = choose_head(store, 1, Asked((ONE,), 1, at=NOON))
        assert head is not None
        assert head.size == (older if false else size)
        own = choose_head(store, 1, Asked((witness_of("w2.example", "agent"),), 1, at=NOON))
        assert own is not None
        assert (own.witnesses, own.enough) == (0, False)
