"""Sealed values in a ledger: kept with the records, opened with the key, destroyed for good."""

import sqlite3
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from ledger.admission import Admission, Receipt, SignedSubmission, Turn
from ledger.client import LedgerClient
from ledger.encoding import decode, encode
from ledger.errors import (
    EncodingError,
    ErasureRefusedError,
    NotEntitledError,
    RecordError,
    SealedFormatError,
    SealedRefusedError,
    StoreError,
    UnsealedError,
)
from ledger.records import Erasure, Message, parse_record
from ledger.scrubbing import scrub
from ledger.sealed import Sealed, read_disclosure, sealed_in, write_disclosure
from ledger.sealing import Sealing, SealingKey, disclosure_of
from ledger.store import Store
from ledger.testing import throwaway_key
from tests.ledger.secrets_desk import EMAIL, IBAN, OTHER, SUBJECT, Desk, desk_at
from tests.ledger.walk import walk

RUN = "ab" * 32


@pytest.fixture
def desk(place: str, tmp_path: Path) -> Desk:
    """Give a ledger with sealed values, on either store."""
    made = desk_at(place, tmp_path)
    made.work()
    return made


@pytest.fixture
def sqlite_desk(tmp_path: Path) -> Desk:
    """Give the same on SQLite alone."""
    made = desk_at(tmp_path / "ledger.db", tmp_path)
    made.work()
    return made


def files_with(folder: Path, needle: bytes) -> list[str]:
    """Name the files below a folder in which these bytes stand."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return [path.name for path in found if needle in path.read_bytes()]


def boxes_of(desk: Desk, record: str) -> dict[str, bytes]:
    """Return the boxes of a record by path."""
    with Store.open(desk.founded.location) as store, store.boxes() as boxes:
        return {box.path: box.box for box in boxes.of_record(record)}


def subject_keys(desk: Desk) -> list[str]:
    """Return whose keys there are."""
    with Store.open(desk.founded.location) as store, store.boxes() as boxes:
        return [one for one in (SUBJECT, OTHER) if boxes.key(one) is not None]


def erase(desk: Desk, record: str, paths: list[str], name: str = "eraser") -> None:
    """Erase values as one of the ledger's identities."""
    with Store.open(desk.founded.location, writable=True) as store:
        with desk.client(name, store) as client:
            client.erase(record, paths, "the customer asked for it")
        walk(store)


# ------------------------------------------------------------------------------ sealing


def test_what_is_sealed_is_nowhere_in_the_records(desk: Desk) -> None:
    """The record has a commitment; the value stands in no entry, record or file."""
    with Store.open(desk.founded.location) as store:
        raws = b"".join(row.header + (row.record or b"") for row in store.rows())
        index = store.index_of(desk.action)
        assert index is not None
        params = parse_record(store.row(index).record or b"").model_dump()["params"]
    for secret in (EMAIL, IBAN):
        assert secret.encode() not in raws
    assert params["amount"] == 12
    assert [path for path, _ in sealed_in(params)] == ["/customer/email", "/customer/lines/0"]


@pytest.mark.usefixtures("sqlite_desk")
def test_no_file_of_the_store_has_a_value(tmp_path: Path) -> None:
    """Neither the database nor its log holds a value or the sealing key in the open."""
    assert files_with(tmp_path, EMAIL.encode()) == []
    assert files_with(tmp_path, IBAN.encode()) == []
    assert files_with(tmp_path, bytes(range(32))) == ["sealing.key"]


def test_what_is_sealed_is_opened_with_the_key(desk: Desk) -> None:
    """Every value comes out as it was, for whoever has the sealing key."""
    with Store.open(desk.founded.location) as store, store.boxes() as boxes:
        shown = disclosure_of(boxes, desk.sealing(), desk.action)
        found = {one.path: one.read() for one in shown.openings}
        message = disclosure_of(boxes, desk.sealing(), desk.message, ["/content"])
    assert found == {"/params/customer/email": EMAIL, "/params/customer/lines/0": IBAN}
    assert message.openings[0].read() == f"I am {EMAIL}"
    assert read_disclosure(write_disclosure(shown)) == shown


def test_another_key_opens_nothing(desk: Desk) -> None:
    """A copy of the store alone opens nothing."""
    other = Sealing(SealingKey(bytes(32)))
    with Store.open(desk.founded.location) as store, store.boxes() as boxes:
        with pytest.raises(UnsealedError) as refused:
            disclosure_of(boxes, other, desk.action)
        assert refused.value.code == "seal.key"
        with pytest.raises(UnsealedError, match="no sealed value at /params/none"):
            disclosure_of(boxes, desk.sealing(), desk.action, ["/params/none"])
        with pytest.raises(UnsealedError, match="no sealed value"):
            disclosure_of(boxes, desk.sealing(), RUN)


def test_boxes_and_keys_do_not_change_places(desk: Desk) -> None:
    """A box under another path, record or subject does not open, nor one without its key."""
    with Store.open(desk.founded.location) as store, store.boxes() as boxes:
        one, other = boxes.of_record(desk.action)
        sealing = desk.sealing()
        keys = {subject: boxes.key(subject) for subject in (SUBJECT, OTHER)}
    swapped = [
        (replace(one, box=other.box), keys[one.subject]),
        (replace(one, record=desk.outcome), keys[one.subject]),
        (replace(one, subject=other.subject), keys[other.subject]),
        (one, keys[other.subject]),
        (one, None),
    ]
    for box, wrapped in swapped:
        with pytest.raises(UnsealedError):
            sealing.open(box, wrapped)
    assert sealing.open(one, keys[one.subject]).read() == EMAIL


def test_without_a_sealing_key_nothing_is_sealed(sqlite_desk: Desk) -> None:
    """A client without the key refuses the value, and does not record it in the open."""
    with Store.open(sqlite_desk.founded.location, writable=True) as store:
        client = sqlite_desk.client("agent", store)
        size = store.size()
        with pytest.raises(RecordError) as refused:
            client.make(Message, run=RUN, role="user", turn=0, content=Sealed(EMAIL, SUBJECT))
        assert EMAIL not in str(refused.value)
        with pytest.raises(EncodingError) as written, client.run("service") as run:
            run.observe("order", "orders", fields={"email": Sealed(EMAIL, SUBJECT)})
        assert EMAIL not in str(written.value)
        assert not [row for row in store.rows(size) if EMAIL.encode() in (row.record or b"")]


@pytest.mark.parametrize(
    ("value", "subject", "error"),
    [
        ({1}, SUBJECT, EncodingError),
        (1, "", SealedFormatError),
        (1, "s" * 2049, SealedFormatError),
        (Sealed(1, SUBJECT), SUBJECT, EncodingError),
    ],
)
def test_what_cannot_be_sealed_is_refused(
    sqlite_desk: Desk, value: object, subject: str, error: type[Exception]
) -> None:
    """A value without JSON, a subject without a name: refused before anything is recorded."""
    with Store.open(sqlite_desk.founded.location, writable=True) as store:
        client = sqlite_desk.client("agent", store, sqlite_desk.sealing())
        with pytest.raises(error):
            client.make(Message, run=RUN, role="user", turn=0, content=Sealed(value, subject))


def test_a_commitment_without_its_value_is_refused(sqlite_desk: Desk) -> None:
    """Nothing is lost from the start: what a record has sealed is handed in with it."""
    with Store.open(sqlite_desk.founded.location, writable=True) as store:
        client = sqlite_desk.client("agent", store, sqlite_desk.sealing())
        known = next(commitment for _, commitment in sealed_in(_value(store, sqlite_desk.action)))
        for commitment in ("cd" * 32, known):
            content = {"sealed": commitment}
            made = client.make(Message, run=RUN, role="user", turn=0, content=content)
            with pytest.raises(SealedRefusedError, match="handed in"):
                client.submit([made])
        sealed = client.make(Message, run=RUN, role="user", turn=0, content=Sealed(1, SUBJECT))
        with pytest.raises(SealedRefusedError, match="two places"):
            client.submit([sealed, sealed])
        other = sqlite_desk.client("agent", store, sqlite_desk.sealing())
        with pytest.raises(SealedRefusedError, match="same client"):
            other.submit([sealed])
        assert client.submit([sealed])[0].record


class CrashError(Exception):
    """The process ends here."""


def hand_in_and_die(client: LedgerClient, record: Message) -> None:
    """Hand a record in, and end before it is committed."""

    def then_die(turn: Turn, handed_in: SignedSubmission) -> list[Receipt]:
        Turn.admit(turn, handed_in)
        # As when the commit itself fails.
        client._pending = handed_in  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        raise CrashError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "_admit", then_die)
        client.submit([record])


def _value(store: Store, record: str) -> object:
    index = store.index_of(record)
    assert index is not None
    return decode(store.row(index).record or b"")


def test_a_value_that_only_looks_sealed_is_recorded_as_raw(sqlite_desk: Desk) -> None:
    """A tool that answers with what looks like a commitment cannot stop its outcome."""
    with Store.open(sqlite_desk.founded.location, writable=True) as store:
        with sqlite_desk.client("agent", store) as client, client.run("service") as run:
            receipt = run.observe("order", "orders", fields={"x": {"sealed": "ab" * 32}})
        assert list(sealed_in(_value(store, receipt.record))) == []


def test_an_append_that_fails_leaves_no_box(desk: Desk) -> None:
    """Boxes and entries are one transaction: a refused submission leaves neither."""
    with Store.open(desk.founded.location, writable=True) as store:
        client = desk.client("agent", store, desk.sealing())
        good = client.make(Message, run=RUN, role="user", turn=0, content=Sealed(1, "customer:9"))
        foreign = good.model_copy(update={"by": "spiffe://example.com/other"})
        with pytest.raises(NotEntitledError):
            client.submit([foreign])
        with pytest.raises(CrashError):
            hand_in_and_die(client, good)
        with store.boxes() as boxes:
            assert boxes.of_subject("customer:9") == []
            assert boxes.key("customer:9") is None
        # What is not known to be written is handed in again, and is written once.
        first = client.retry()
        with store.boxes() as boxes:
            assert len(boxes.of_subject("customer:9")) == 1
        assert first[0].index == store.size() - 1


def test_a_repeated_submission_brings_nothing_back(sqlite_desk: Desk) -> None:
    """What is handed in again after its values were erased is answered, and seals nothing."""
    with Store.open(sqlite_desk.founded.location, writable=True) as store:
        client = sqlite_desk.client("agent", store, sqlite_desk.sealing())
        made = client.make(Message, run=RUN, role="user", turn=0, content=Sealed(1, "customer:9"))
        with pytest.raises(CrashError):
            hand_in_and_die(client, made)
        pending = client._pending  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        assert pending is not None
        client.retry()
        sqlite_desk.client("eraser", store).erase_subject("customer:9", "asked")
        with Admission(store, sqlite_desk.clock).open() as turn:
            again = turn.admit(pending)
        assert again[0].record
        with store.boxes() as boxes:
            assert boxes.of_subject("customer:9") == []


# ------------------------------------------------------------------------------ erasing


def test_an_erased_value_is_gone_and_the_others_are_not(desk: Desk) -> None:
    """Erasing by path takes that value; the subject's others stay readable under their key."""
    erase(desk, desk.action, ["/params/customer/email"])
    assert list(boxes_of(desk, desk.action)) == ["/params/customer/lines/0"]
    assert list(boxes_of(desk, desk.message)) == ["/content"]
    assert subject_keys(desk) == [SUBJECT, OTHER]
    with Store.open(desk.founded.location) as store, store.boxes() as boxes:
        shown = disclosure_of(boxes, desk.sealing(), desk.message)
    assert shown.openings[0].read() == f"I am {EMAIL}"


def test_a_subjects_key_goes_with_the_last_value(desk: Desk) -> None:
    """When nothing about somebody is left, their key is destroyed too."""
    erase(desk, desk.action, ["/params/customer/lines/0"])
    assert subject_keys(desk) == [SUBJECT]


def test_all_about_somebody_is_erased_at_once(desk: Desk) -> None:
    """Erasing a subject names each record that had values, and destroys the key."""
    with Store.open(desk.founded.location, writable=True) as store:
        with desk.client("eraser", store) as client:
            receipts = client.erase_subject(SUBJECT, "asked")
            assert client.erase_subject(SUBJECT, "asked again") == []
        found = [parse_record(store.row(one.index).record or b"") for one in receipts]
        walk(store)
    named = {one.record: one.paths for one in found if isinstance(one, Erasure)}
    assert named == {
        desk.message: ("/content",),
        desk.action: ("/params/customer/email",),
        desk.outcome: ("/fields/to",),
    }
    assert subject_keys(desk) == [OTHER]
    assert list(boxes_of(desk, desk.action)) == ["/params/customer/lines/0"]


def test_nobody_erases_what_they_recorded(desk: Desk) -> None:
    """Neither who wrote the record nor who answers to the same person may erase its values."""
    path = ["/params/customer/email"]
    with pytest.raises(ErasureRefusedError, match=r"anna@example\.com answers for"):
        erase(desk, desk.action, path, "cousin")
    with Store.open(desk.founded.location, writable=True) as store:
        clerk = desk.client("clerk", store, desk.sealing())
        made = clerk.make(Message, run=RUN, role="user", turn=0, content=Sealed(1, "customer:9"))
        receipt = clerk.submit([made])[0]
        with pytest.raises(ErasureRefusedError, match="recorded itself"):
            clerk.erase(receipt.record, ["/content"], "cover it up")
    with pytest.raises(NotEntitledError):
        erase(desk, desk.action, path, "agent")
    assert len(boxes_of(desk, desk.action)) == 2
    erase(desk, receipt.record, ["/content"])


@pytest.mark.parametrize(
    ("paths", "says"),
    [
        ([], "at least one"),
        (["/params/customer/email"] * 2, "none twice"),
        (["/params/amount"], "no sealed value there"),
        (["/params/customer"], "no sealed value there"),
        (["nowhere"], "no sealed value there"),
    ],
)
def test_an_erasure_names_sealed_values(sqlite_desk: Desk, paths: list[str], says: str) -> None:
    """An erasure of what is not sealed, of nothing or of one thing twice is refused."""
    with pytest.raises(ErasureRefusedError, match=says):
        erase(sqlite_desk, sqlite_desk.action, paths)
    assert len(boxes_of(sqlite_desk, sqlite_desk.action)) == 2


def test_an_erasure_is_of_what_is_there(sqlite_desk: Desk) -> None:
    """What was erased, or is lost, is not erased again; nor what no record says."""
    erase(sqlite_desk, sqlite_desk.action, ["/params/customer/email"])
    with pytest.raises(ErasureRefusedError, match="erased before, or is lost"):
        erase(sqlite_desk, sqlite_desk.action, ["/params/customer/email"])
    with pytest.raises(ErasureRefusedError, match="no record before it"):
        erase(sqlite_desk, RUN, ["/content"])


def test_nothing_of_an_erased_value_stays_in_a_file(sqlite_desk: Desk, tmp_path: Path) -> None:
    """Box and wrapped key are overwritten in the database, and the log is emptied."""
    with Store.open(sqlite_desk.founded.location) as store, store.boxes() as boxes:
        needles = [box.box for box in boxes.of_subject(SUBJECT)]
        needles.append(boxes.key(SUBJECT) or b"")
        others = boxes.of_subject(OTHER)[0].box
    assert all(needles)
    with Store.open(sqlite_desk.founded.location, writable=True) as store:
        sqlite_desk.client("eraser", store).erase_subject(SUBJECT, "asked")
        for needle in needles:
            assert files_with(tmp_path, needle) == []
            assert files_with(tmp_path, needle[12:44]) == []
        assert files_with(tmp_path, others) != []


def test_a_reader_that_holds_the_log_is_named(
    sqlite_desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While somebody reads, the log cannot be emptied: that is said, and done at the next start."""
    with Store.open(sqlite_desk.founded.location) as store, store.boxes() as boxes:
        needle = boxes.of_subject(OTHER)[0].box
    reader = sqlite3.connect(sqlite_desk.founded.location)
    with Store.open(sqlite_desk.founded.location, writable=True) as store:
        client = sqlite_desk.client("eraser", store)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sealed").fetchall()
        monkeypatch.setattr("ledger.client.scrub", partial(scrub, patience=0))
        with pytest.raises(StoreError, match="somebody is reading") as refused:
            client.erase_subject(OTHER, "asked")
        assert refused.value.code == "store.remains"
        assert files_with(tmp_path, needle) != []
        assert subject_keys(sqlite_desk) == [SUBJECT]
        reader.close()
    with Store.open(sqlite_desk.founded.location, writable=True):
        assert files_with(tmp_path, needle) == []


def test_who_dies_while_erasing_leaves_nothing_behind(sqlite_desk: Desk, tmp_path: Path) -> None:
    """Killed after the commit and before the log is emptied: the next writer empties it."""
    with Store.open(sqlite_desk.founded.location) as store, store.boxes() as boxes:
        needle = boxes.of_subject(OTHER)[0].box
    program = f"""
import os, signal
from pathlib import Path
from ledger.store import Store
from tests.ledger.secrets_desk import Desk
from ledger.founding import open_founded
founded = open_founded({str(tmp_path / "ledger.db")!r}, Path({str(tmp_path / "keys")!r}))
desk = Desk(founded, Path({str(sqlite_desk.sealing_key)!r}))
import ledger.client
ledger.client.scrub = lambda _: os.kill(os.getpid(), signal.SIGKILL)
from ledger.clock import system_clock
desk.clock = system_clock
with Store.open(founded.location, writable=True) as store:
    desk.client("eraser", store).erase_subject({OTHER!r}, "asked")
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)
    assert done.returncode == -9, done.stderr
    assert subject_keys(sqlite_desk) == [SUBJECT]
    assert files_with(tmp_path, needle) != []
    with Store.open(sqlite_desk.founded.location, writable=True) as store:
        assert files_with(tmp_path, needle) == []
        walk(store)


def test_on_a_server_the_tables_are_written_anew(location: str, tmp_path: Path) -> None:
    """After an erasure no page of the server's tables has the box or the key."""
    desk = desk_at(location, tmp_path)
    desk.work()
    with Store.open(location) as store, store.boxes() as boxes:
        needles = [boxes.of_subject(OTHER)[0].box, boxes.key(OTHER) or b""]
    engine = create_engine(make_url(location).set(drivername="postgresql+psycopg"))

    def held() -> list[bool]:
        with engine.connect() as connection:
            connection.execute(text("CHECKPOINT"))
            found: list[bool] = []
            for name in ("sealed", "subjects"):
                where = connection.execute(text(f"SELECT pg_relation_filepath('{name}')")).scalar()
                pages = connection.execute(
                    text("SELECT pg_read_binary_file(:path)"), {"path": where}
                ).scalar()
                found += [needle in bytes(pages or b"") for needle in needles]
            return found

    assert any(held())
    with Store.open(location, writable=True) as store:
        desk.client("eraser", store).erase_subject(OTHER, "asked")
    assert not any(held())
    engine.dispose()


def test_a_signed_submission_shows_no_value(sqlite_desk: Desk) -> None:
    """What is printed of a submission on its way holds no value."""
    with Store.open(sqlite_desk.founded.location, writable=True) as store:
        sealing = sqlite_desk.sealing()
        client = LedgerClient(
            store,
            throwaway_key("x"),
            sqlite_desk.founded.identities["agent"],
            sealing=sealing,
        )
        made = client.make(Message, run=RUN, role="user", turn=0, content=Sealed(EMAIL, SUBJECT))
        parcel = sealing.parcel([encode(made.model_dump())])
        assert EMAIL not in repr((made, parcel, SignedSubmission(b"", b"", (), parcel)))
        with pytest.raises(NotEntitledError) as refused:
            client.submit([made])
        assert EMAIL not in str(refused.value)
