"""Asking witnesses: their lines are kept, and one that is ahead of the store stops appends."""

from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from ledger.checkpoint import Checkpoint, VerifierKey, parse_note
from ledger.client import LedgerClient
from ledger.cosignature import check_cosignatures, parse_line
from ledger.encoding import digest
from ledger.errors import InconsistentHeadError, LedgerError
from ledger.head_signer import HeadSigner
from ledger.merkle import leaf_hash, root
from ledger.records import Message
from ledger.signing import sign_checkpoint
from ledger.store import Store
from ledger.testing import ORIGIN, BuiltLedger, throwaway_key
from ledger.witness import AddCheckpoint, Witness, WitnessRefusalError, request_bytes
from ledger.witnessing import (
    Answer,
    HttpWitness,
    Told,
    UnsignedLedgerError,
    WitnessError,
    Word,
    ask_witnesses,
    keep_lines,
    request_for,
)

RUN = "ab" * 32


class Near:
    """A real witness that is asked without a network; and it can be made to answer otherwise."""

    def __init__(self, witness: Witness) -> None:
        self.witness = witness
        self.key = witness.key
        self.instead: Callable[[bytes], Answer] | None = None
        self.shows = True

    def add_checkpoint(self, body: bytes) -> Answer:
        """Ask for a cosignature."""
        if self.instead is not None:
            return self.instead(body)
        try:
            return Answer(HTTPStatus.OK, self.witness.add_checkpoint(body))
        except WitnessRefusalError as error:
            said = f"{error.size}\n" if error.size is not None else str(error)
            return Answer(error.status, said.encode())

    def checkpoint(self, origin: str) -> Answer:
        """Ask for the last head that it cosigned."""
        found = self.witness.checkpoint(digest(origin.encode())) if self.shows else None
        return Answer(HTTPStatus.OK, found) if found else Answer(HTTPStatus.NOT_FOUND, b"")


@pytest.fixture
def near(founded: BuiltLedger, tmp_path: Path) -> Near:
    """A witness of the new ledger."""
    folder = tmp_path / "witness"
    folder.mkdir()
    log = VerifierKey(ORIGIN, founded.founded.key("head").public_key)
    return Near(Witness("w.example", throwaway_key("witness"), folder, [log], lambda: 1000))


@pytest.fixture
def signer(founded: BuiltLedger) -> HeadSigner:
    """The ledger's head signer."""
    return founded.founded.head_signer()


def grow(founded: BuiltLedger, store: Store) -> None:
    """Append some messages, and have a head signed."""
    client = founded.client("agent", store)
    for turn in range(3):
        client.submit([client.make(Message, run=RUN, role="user", turn=turn)])


def lines_hold(store: Store, key: VerifierKey) -> list[int]:
    """Check the lines that a store keeps, and return under which sizes."""
    notes = dict(store.checkpoints())
    sizes: list[int] = []
    for size, raw in store.cosignatures():
        assert check_cosignatures(parse_note(notes[size]).text, [parse_line(raw)], [key])
        sizes.append(size)
    return sizes


def test_lines_are_kept(founded: BuiltLedger, store: Store, near: Near, signer: HeadSigner) -> None:
    """From nothing, from where it was, and again for the same head at the same time: once."""
    sizes: list[int] = []
    for _ in range(3):
        told = ask_witnesses(store, signer, [near])
        assert [one.word for one in told] == [Word.COSIGNED]
        sizes.append(told[0].size)
        grow(founded, store)
    ask_witnesses(store, signer, [near])
    ask_witnesses(store, signer, [near])
    sizes.append(store.size())
    assert lines_hold(store, near.key) == sizes


def test_a_witness_whose_size_was_forgotten(
    founded: BuiltLedger, store: Store, near: Near, signer: HeadSigner
) -> None:
    """It says its size, and is asked again from there."""
    near.witness.add_checkpoint(request_bytes(request_for(store, 0)))
    grow(founded, store)
    assert ask_witnesses(store, signer, [near])[0].word is Word.COSIGNED


@pytest.fixture
def copy(founded: BuiltLedger) -> Iterator[Callable[[], None]]:
    """Give what puts the ledger's store, and the signer's memory, back as they are now."""
    memory = founded.founded.keys_dir / "head.memory"
    with Store.open(founded.path, writable=True) as opened:
        opened.size()
    kept = founded.path.read_bytes(), memory.read_bytes()

    def put_back() -> None:
        for end in ("", "-wal", "-shm"):
            founded.path.with_name(founded.path.name + end).unlink(missing_ok=True)
        founded.path.write_bytes(kept[0])
        memory.write_bytes(kept[1])

    yield put_back
    assert founded.path.exists()


def ahead(founded: BuiltLedger, near: Near, copy: Callable[[], None]) -> None:
    """Let a witness see heads that a restored store has lost, with the signer's memory."""
    with Store.open(founded.path, writable=True) as store:
        grow(founded, store)
        told = ask_witnesses(store, founded.founded.head_signer(), [near])
        assert [one.word for one in told] == [Word.COSIGNED]
    copy()


def test_a_witness_ahead_stops_every_append(
    founded: BuiltLedger, near: Near, copy: Callable[[], None]
) -> None:
    """Of every process with that head signer, from then on, until somebody has resolved it."""
    ahead(founded, near, copy)
    with Store.open(founded.path, writable=True) as store:
        running = founded.client("agent", store)
        said = running.make(Message, run=RUN, role="user", turn=0)
        running.submit([said])
        signer = founded.founded.head_signer()
        told = ask_witnesses(store, signer, [near])
        assert [one.word for one in told] == [Word.AHEAD]
        size = store.size()
        with pytest.raises(InconsistentHeadError, match="restore it") as caught:
            running.submit([running.make(Message, run=RUN, role="user", turn=1)])
        assert caught.value.code == "head.witness-ahead"
        with pytest.raises(InconsistentHeadError):
            founded.client("importer", store)
        with pytest.raises(InconsistentHeadError):
            running.checkpoint()
        assert store.size() == size
        stopped = signer.stop.said()
        assert stopped is not None
        assert b"w.example" in stopped[1]
        signer.stop.resolve()
        running.submit([said])


def test_a_client_asks_before_it_writes(
    founded: BuiltLedger, near: Near, copy: Callable[[], None]
) -> None:
    """It does not begin on a store that has lost entries, though nothing in it says so."""
    ahead(founded, near, copy)
    with Store.open(founded.path, writable=True) as store:
        with pytest.raises(InconsistentHeadError) as caught:
            LedgerClient(
                store,
                founded.founded.key("agent"),
                founded.founded.identities["agent"],
                head_signer=founded.founded.head_signer(),
                witnesses=[near],
            )
        assert caught.value.code == "head.witness-ahead"


def test_a_witness_of_another_history(
    founded: BuiltLedger, store: Store, near: Near, signer: HeadSigner
) -> None:
    """As many entries and another root, signed by this very key: that stops appends too."""
    size = store.size()
    other = Checkpoint(ORIGIN, size, root(leaf_hash(bytes([at])) for at in range(size)))
    strange = sign_checkpoint(other, founded.founded.key("head"))
    near.witness.add_checkpoint(request_bytes(AddCheckpoint(0, (), strange)))
    assert ask_witnesses(store, signer, [near])[0].word is Word.AHEAD
    with pytest.raises(InconsistentHeadError):
        grow(founded, store)


def test_a_damaged_record_of_a_stop_is_one(founded: BuiltLedger, signer: HeadSigner) -> None:
    """What cannot be read may not let appends go on."""
    signer.stop.set("because")
    path = founded.founded.keys_dir / "head.stopped"
    for raw in (b"", b"[]", b"{}"):
        path.write_bytes(raw)
        with pytest.raises(InconsistentHeadError, match="damaged"):
            signer.stop.refuse()
    signer.stop.resolve()
    signer.stop.resolve()
    signer.stop.refuse()


def answering(status: int, body: bytes = b"") -> Callable[[bytes], Answer]:
    """Return what answers so, whatever is asked."""
    return lambda _: Answer(status, body)


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [
        (200, b"", Word.REFUSED),
        (200, b"nonsense\n", Word.REFUSED),
        (200, "— other.example AAAAAAAA\n".encode(), Word.REFUSED),
        (403, b"\xff" * 500, Word.REFUSED),
        (500, b"", Word.REFUSED),
        (302, b"", Word.REFUSED),
        (409, b"3\n", Word.REFUSED),
        (409, b"three\n", Word.UNAVAILABLE),
        (409, b"", Word.UNAVAILABLE),
        (409, b"9999999\n", Word.AHEAD),
        (422, b"", Word.AHEAD),
    ],
)
def test_answers_that_are_none(
    status: int, body: bytes, word: Word, store: Store, near: Near, signer: HeadSigner
) -> None:
    """Nothing is kept; a size beyond the store's stops appends even when nothing shows it."""
    near.instead = answering(status, body)
    near.shows = False
    (told,) = ask_witnesses(store, signer, [near])
    assert told.word is word
    assert list(store.cosignatures()) == []
    assert (signer.stop.said() is not None) == (word is Word.AHEAD)


def test_a_head_that_is_not_kept_yet_is_no_loss(
    founded: BuiltLedger, store: Store, near: Near, signer: HeadSigner
) -> None:
    """Another process had a newer head cosigned a moment ago, of this very history."""
    grow(founded, store)
    near.witness.add_checkpoint(request_bytes(request_for(store, 0)))
    notes = [note for _, note in store.checkpoints()]

    class Behind(Store):
        """The store as it was before its last head was kept."""

        def last_checkpoint(self) -> bytes | None:
            """Return the head before the last."""
            return notes[-2]

    with Behind.open(founded.path, writable=True) as behind:
        (told,) = ask_witnesses(behind, signer, [near])
    assert (told.word, signer.stop.said()) == (Word.REFUSED, None)


def test_a_head_of_another_key_is_no_evidence(
    store: Store, near: Near, signer: HeadSigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A witness shows what this ledger never signed: it stops appends, and that is not kept."""
    forged = sign_checkpoint(Checkpoint(ORIGIN, 999, b"\1" * 32), throwaway_key("other"))
    near.instead = answering(409, b"999\n")
    monkeypatch.setattr(near, "checkpoint", answering(200, forged))
    (told,) = ask_witnesses(store, signer, [near])
    assert told.word is Word.AHEAD
    said = signer.stop.said()
    assert said is not None
    assert said[1] == b""


def test_a_forged_line_is_not_kept(store: Store, near: Near, signer: HeadSigner) -> None:
    """One that names the witness's key, and is not its signature."""
    good = near.witness.add_checkpoint(request_bytes(request_for(store, 0)))
    near.instead = answering(200, good.replace(good[-8:-4], b"AAAA"))
    (told,) = ask_witnesses(store, signer, [near])
    assert told == Told("w.example", Word.REFUSED, store.size(), told.what)
    assert "does not hold" in told.what


def test_lines_from_a_file(founded: BuiltLedger, store: Store, near: Near) -> None:
    """They are kept under the head that they are of, though there is a newer one by now."""
    line = near.witness.add_checkpoint(request_bytes(request_for(store, 0)))
    size = store.size()
    grow(founded, store)
    assert keep_lines(store, line, near.key) == size
    assert lines_hold(store, near.key) == [size]
    with pytest.raises(LedgerError):
        keep_lines(store, line, VerifierKey("x.example", near.key.public_key, near.key.kind))
    with pytest.raises(WitnessError, match="knows 999"):
        request_for(store, 999)


def test_a_witness_that_is_not_there(store: Store, near: Near, signer: HeadSigner) -> None:
    """It is said, and stops nothing."""
    gone = HttpWitness("http://127.0.0.1:9", near.key, patience=1.0)
    (told,) = ask_witnesses(store, signer, [gone])
    assert (told.word, signer.stop.said()) == (Word.UNAVAILABLE, None)


@pytest.mark.parametrize("url", ["", "ftp://a", "http://", "a.example:80", "http://me:pw@host"])
def test_what_is_no_place_of_a_witness(url: str, near: Near) -> None:
    """Only HTTP, and no secrets in it."""
    with pytest.raises(WitnessError):
        HttpWitness(url, near.key)


def test_without_a_head_there_is_nothing_to_ask(tmp_path: Path, near: Near) -> None:
    """An empty store."""
    signer = HeadSigner.create(throwaway_key("head"), ORIGIN, tmp_path / "other.memory")
    with Store.create(tmp_path / "empty.db") as empty:
        with pytest.raises(UnsignedLedgerError):
            ask_witnesses(empty, signer, [near])
        with pytest.raises(UnsignedLedgerError):
            request_for(empty, 0)
