"""What was appended is checked on from where a verification ended, as a whole one would."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.authority import AuthorityHistory
from ledger.entry import leaf_hash, parse_header
from ledger.merkle import Frontier
from ledger.records import Authority, Genesis, parse_record
from ledger.store import Store
from ledger.submission import submission_of, text_digest
from tests.verifier.forge import ORIGIN, Desk, identity
from verifier import appended
from verifier.appended import Appended, Edge, ReadOn
from verifier.entries import BrokenLedgerError
from verifier.load import open_ledger


def history(forge: Desk) -> AuthorityHistory:
    """Return who may write what, by a forge's own records."""
    genesis, document = parse_record(forge.records[0]), parse_record(forge.records[1])
    assert isinstance(genesis, Genesis)
    assert isinstance(document, Authority)
    return AuthorityHistory.of(genesis).fold(1, document)


def edge_of(forge: Desk) -> Edge:
    """Return where a forge's ledger ends now."""
    frontier = Frontier()
    frontier.extend(forge.leaves())
    streams: dict[tuple[str, str], tuple[int, str]] = {}
    for header in map(parse_header, forge.headers):
        if header.position == 0:
            text = text_digest(submission_of(header, forge.genesis))
            streams[header.key, header.stream] = header.number, text
    return Edge(
        len(forge.headers),
        frontier.to_bytes(),
        leaf_hash(forge.headers[-1]),
        parse_header(forge.headers[-1]).recorded_at,
        tuple((*place, number, text, False) for place, (number, text) in streams.items()),
    )


@pytest.fixture
def forge() -> Desk:
    """A ledger with a run, and a head over it."""
    made = Desk()
    made.paid(5, look=False)
    made.sign_head()
    return made


@pytest.fixture
def reader(forge: Desk) -> Appended:
    """Reads on from where the ledger ends now."""
    return Appended(forge.genesis, ORIGIN, history(forge), edge_of(forge))


def review(forge: Desk, finding: str = "F-1", who: str = "reviewer", **fields: object) -> bytes:
    """Return a review."""
    return forge.make("review", who, finding=finding, state="acknowledged", **fields)


def read(reader: Appended, forge: Desk, path: Path) -> ReadOn:
    """Save the ledger as it is now, and read on in it."""
    path.unlink(missing_ok=True)
    with Store.open(forge.save(path)) as store:
        return reader.read_on(store)


def test_reviews_are_handed_on(forge: Desk, reader: Appended, tmp_path: Path) -> None:
    """Each once, however often somebody looks; and what a head covers is said."""
    assert read(reader, forge, tmp_path / "a.db").reviews == ()
    end = forge.make("stream-close", "reviewer")
    forge.submit("reviewer", review(forge), review(forge, "F-2"), end)
    found = read(reader, forge, tmp_path / "a.db")
    assert [one.event.record["finding"] for one in found.reviews] == ["F-1", "F-2"]
    assert (found.size, found.head, found.others, found.beyond) == (len(forge.headers), 0, 0, False)
    forge.submit("reviewer", review(forge, "F-3"), stream="11" * 16)
    forge.sign_head()
    again = read(reader, forge, tmp_path / "a.db")
    assert [one.event.record["finding"] for one in again.reviews] == ["F-3"]
    assert again.head == again.size == len(forge.headers)


def test_what_others_write_is_counted(forge: Desk, reader: Appended, tmp_path: Path) -> None:
    """An agent goes on in the stream that it had, and reviews come in between."""
    forge.paid(5)
    forge.submit("reviewer", review(forge))
    forge.paid(5)
    found = read(reader, forge, tmp_path / "a.db")
    assert len(found.reviews) == 1
    assert (found.others, found.invalid, found.beyond) == (12, 0, False)


def test_it_counts_what_a_verification_counts(
    forge: Desk, reader: Appended, tmp_path: Path
) -> None:
    """Also where some of it was never allowed: the same reviews, and no other."""
    forge.submit("agent", forge.make("review", "agent", finding="F-1", state="resolved"))
    forge.submit("reviewer", review(forge, "F-2"))
    forge.submit("reviewer", review(forge, "F-3"), number=99, previous="ab" * 32)
    forge.submit("reviewer", review(forge, "F-4"), seen_leaf="cd" * 32)
    forge.submit("reviewer", review(forge, "F-5", who="agent"))
    forge.submit("reviewer", review(forge, "F-6"), at="2026-03-01T09:00:00.000000Z")
    found = read(reader, forge, tmp_path / "a.db")
    mine = {one.event.index for one in found.reviews}
    with open_ledger(tmp_path / "a.db", forge.trust()) as ledger:
        theirs = {one.index for one in ledger.events() if one.record["kind"] == "review"}
    assert mine == theirs
    assert len(mine) == 2
    assert found.invalid == 4


def _cut(forge: Desk) -> None:
    del forge.headers[-1], forge.records[-1]


def _change(forge: Desk) -> None:
    forge.records[-1] = forge.records[-1].replace(b"acknowledged", b"acknowledgeD")


def _relink(forge: Desk) -> None:
    forge.headers[-1] = forge.headers[-1].replace(
        parse_header(forge.headers[-1]).prev.encode(), b"ee" * 32
    )


def _sign_another(forge: Desk) -> None:
    kept = list(forge.headers)
    forge.headers[-1] = forge.headers[-1].replace(b'"exact":false', b'"exact":true')
    forge.sign_head()
    forge.headers[:] = kept


def _sign_by_another(forge: Desk) -> None:
    forge.sign_head("agent")


@pytest.mark.parametrize("harm", [_change, _relink, _sign_another, _sign_by_another])
def test_what_was_changed_is_broken(
    forge: Desk, reader: Appended, tmp_path: Path, harm: Callable[[Desk], None]
) -> None:
    """A record, a link, and a head over something else or by somebody else."""
    forge.submit("reviewer", review(forge))
    harm(forge)
    with pytest.raises(BrokenLedgerError):
        read(reader, forge, tmp_path / "a.db")
    assert reader.size < len(forge.headers)


def test_what_is_gone_is_broken(forge: Desk, reader: Appended, tmp_path: Path) -> None:
    """A ledger that is shorter than what was verified."""
    _cut(forge)
    with pytest.raises(BrokenLedgerError, match="were verified"):
        read(reader, forge, tmp_path / "a.db")


def test_new_authority_is_not_gone_beyond(forge: Desk, reader: Appended, tmp_path: Path) -> None:
    """Who may do what is another matter from there on: what stands before it still comes in."""
    forge.submit("reviewer", review(forge, "F-1"))
    end = len(forge.headers)
    forge.submit("steward", forge.authority(forge.next_document(revoke="agent")))
    forge.submit("reviewer", review(forge, "F-2"))
    for _ in range(2):
        found = read(reader, forge, tmp_path / "a.db")
        assert (found.size, found.beyond) == (end, True)
    assert reader.size == end


def test_a_review_among_others_is_left_to_a_verification(
    forge: Desk, reader: Appended, tmp_path: Path
) -> None:
    """It is as valid as what was sent with it, and that is not judged here."""
    erasure = forge.make("erasure", "reviewer", record="ab" * 32, paths=["/a"], reason="r")
    forge.submit("reviewer", review(forge), erasure)
    found = read(reader, forge, tmp_path / "a.db")
    assert (found.reviews, found.beyond) == ((), True)


def test_more_than_a_little_is_left_to_a_verification(
    forge: Desk, reader: Appended, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would take as long as that, and nobody would see why."""
    monkeypatch.setattr(appended, "MOST", 2)
    for number in range(3):
        forge.submit("reviewer", review(forge, f"F-{number}"))
    assert read(reader, forge, tmp_path / "a.db").beyond


def test_what_a_writer_had_seen_before_is_looked_for(
    forge: Desk, reader: Appended, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Link by link from the verified end back; too far back it is left to a verification."""
    forge.submit("reviewer", review(forge), seen_size=3, seen_leaf=forge.leaves()[2].hex())
    monkeypatch.setattr(appended, "BACK", 2)
    assert read(reader, forge, tmp_path / "a.db").beyond
    monkeypatch.undo()
    assert len(read(reader, forge, tmp_path / "a.db").reviews) == 1


def test_identities_are_those_of_the_ledger(forge: Desk, reader: Appended, tmp_path: Path) -> None:
    """What is handed on says who spoke, with what they may."""
    forge.submit("reviewer", review(forge))
    (one,) = read(reader, forge, tmp_path / "a.db").reviews
    assert one.event.record["by"] == identity("reviewer")
    assert one.event.identity["owner"] == "Mara"
