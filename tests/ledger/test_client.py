"""Writing: what is taken in, what is refused, and that nothing is written twice or by halves."""

import logging
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger import Store
from ledger.admission import Admission, Receipt, SignedSubmission, read_authority
from ledger.authority import document_text, parse_document
from ledger.client import LedgerClient
from ledger.clock import format_time, parse_time
from ledger.encoding import decode, digest, encode
from ledger.entry import ZEROS, Header, parse_header
from ledger.errors import (
    AuthorityError,
    ClockError,
    ForeignHeadError,
    InconsistentHeadError,
    KeyFileError,
    LedgerError,
    NotEntitledError,
    NumberingError,
    RecordError,
    RefusedError,
    StaleHeadError,
    StoreError,
)
from ledger.founding import MEMORY, authority_record
from ledger.keys import fingerprint
from ledger.records import (
    AnyRecord,
    Authority,
    Genesis,
    Message,
    RunOpened,
    StreamClose,
    Switch,
    parse_record,
    record_bytes,
)
from ledger.rows import Added, Head, StreamState
from ledger.signing import Signer
from ledger.submission import Submission, signed_text, submission_root
from ledger.testing import START, BuiltLedger, throwaway_key
from tests.ledger.walk import walk

RUN = "ab" * 32


def said(client: LedgerClient, turn: int = 0) -> Message:
    """Return a message of a client's identity."""
    return client.make(Message, run=RUN, role="user", turn=turn, content=f"message {turn}")


def header_of(store: Store, receipt: Receipt) -> Header:
    """Return the header of the entry that a receipt names."""
    return parse_header(store.row(receipt.index).header)


# ------------------------------------------------------------------------------- submit


def test_what_is_submitted_is_there(founded: BuiltLedger, store: Store) -> None:
    """A receipt names entry, leaf and record; the store verifies."""
    with founded.client("agent", store) as client:
        records = [said(client, turn) for turn in range(3)]
        receipts = client.submit(records)
    for record, receipt in zip(records, receipts, strict=True):
        row = store.row(receipt.index)
        assert row.record == record_bytes(record)
        assert digest(b"\0" + row.header) == receipt.leaf
        assert digest(record_bytes(record)) == receipt.record
    assert walk(store) == store.size() == 7


def test_a_stream_is_numbered_and_ends(founded: BuiltLedger, store: Store) -> None:
    """Each submission follows the one before, and the last one says that it is the last."""
    with founded.client("agent", store) as client:
        first, second = (client.submit([said(client, turn)])[0] for turn in range(2))
    headers = [header_of(store, first), header_of(store, second)]
    assert [header.number for header in headers] == [0, 1]
    assert len({header.stream for header in headers}) == 1
    assert parse_record(store.row(store.size() - 1).record or b"").kind == "stream-close"


def test_a_writer_that_wrote_nothing_leaves_nothing(founded: BuiltLedger, store: Store) -> None:
    """A stream that never began needs no end, and closing twice is once."""
    before = store.size()
    client = founded.client("agent", store)
    client.close()
    client.close()
    assert store.size() == before
    with pytest.raises(ValueError, match="is closed"):
        client.submit([said(client)])


def test_an_error_leaves_the_stream_open(founded: BuiltLedger, store: Store) -> None:
    """That a writer ended early can be seen."""
    client = founded.client("agent", store)
    with pytest.raises(ZeroDivisionError):
        write_and_fail(client)
    assert parse_record(store.row(store.size() - 1).record or b"").kind == "message"


def write_and_fail(client: LedgerClient) -> None:
    """Write a record and raise, in the client's block."""
    with client:
        client.submit([said(client)])
        raise ZeroDivisionError


@pytest.mark.parametrize("count", [0, 1025])
def test_a_submission_has_1_to_1024_records(founded: BuiltLedger, store: Store, count: int) -> None:
    """Neither none nor more."""
    client = founded.client("agent", store)
    with pytest.raises(ValueError, match="1 to 1024"):
        client.submit([said(client)] * count)


def test_a_record_is_checked_when_made(founded: BuiltLedger, store: Store) -> None:
    """The error names the field before anything is sent."""
    client = founded.client("agent", store)
    with pytest.raises(RecordError, match="Message, role"):
        client.make(Message, run=RUN, role="robot", turn=0)
    with pytest.raises(RecordError, match="other"):
        client.make(Message, run=RUN, role="user", turn=0, other=1)


# ------------------------------------------------------------------------------- refused


def switch(client: LedgerClient) -> AnyRecord:
    """Return a record that no agent may write."""
    return client.make(Switch, service="s", state="engaged", mode="kill", reason="r")


def live_run(client: LedgerClient) -> AnyRecord:
    """Return a run that was not imported."""
    return client.make(RunOpened, service="s")


def for_another(client: LedgerClient) -> AnyRecord:
    """Return a record that speaks for somebody else."""
    return said(client).model_copy(update={"by": "spiffe://example.com/x"})


@pytest.mark.parametrize(
    ("name", "record", "code"),
    [
        ("agent", switch, "authority.role"),
        ("importer", live_run, "authority.role"),
        ("agent", for_another, "authority.identity"),
    ],
)
def test_who_is_not_entitled_writes_nothing(
    founded: BuiltLedger,
    store: Store,
    name: str,
    record: Callable[[LedgerClient], AnyRecord],
    code: str,
) -> None:
    """Role, identity and kind are checked in the append, and the stream goes on after."""
    client, before = founded.client(name, store), store.size()
    with pytest.raises(NotEntitledError, match=code) as caught:
        client.submit([record(client)])
    assert caught.value.index == before
    assert store.size() == before
    client.submit([said(client)])
    assert walk(store) == before + 1


def test_a_stranger_writes_nothing(founded: BuiltLedger, store: Store) -> None:
    """A key that the authority does not name, and a head key, are refused."""
    identity = founded.founded.identities["agent"]
    for signer in (throwaway_key("stranger"), founded.founded.key("head")):
        client = LedgerClient(store, signer, identity, clock=founded.clock)
        with pytest.raises(LedgerError):
            client.submit([said(client)])


class WrongSigner:
    """A signer whose signatures are of another text."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    @property
    def public_key(self) -> bytes:
        """The honest key."""
        return self._signer.public_key

    def sign(self, message: bytes) -> bytes:
        """Sign something else."""
        return self._signer.sign(message + b"!")


def test_a_bad_signature_is_refused(founded: BuiltLedger, store: Store) -> None:
    """The signature is checked before anything is written."""
    signer = WrongSigner(founded.founded.key("agent"))
    client = LedgerClient(store, signer, founded.founded.identities["agent"], clock=founded.clock)
    with pytest.raises(NotEntitledError) as caught:
        client.submit([said(client)])
    assert caught.value.code == "append.signature"


Change = Callable[[Submission], Submission]


def hand_in(
    founded: BuiltLedger, store: Store, change: Change, raw: bytes | None = None
) -> list[Receipt]:
    """Hand in a submission of the agent's, of one record, with its signed text changed."""
    key = founded.founded.key("agent")
    raw = raw or record_bytes(said(founded.client("agent", store)))
    with Admission(store, founded.clock).open() as turn:
        plain = Submission(
            genesis=turn.genesis,
            key=fingerprint(key.public_key),
            stream="cd" * 16,
            number=0,
            previous=ZEROS,
            seen_size=turn.head.size,
            seen_leaf=turn.head.leaf,
            exact=False,
            count=1,
            root=submission_root([digest(raw)]),
        )
        text = signed_text(change(plain))
        return turn.admit(SignedSubmission(text, key.sign(text), (raw,)))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"genesis": RUN}, ForeignHeadError),
        ({"number": 1, "previous": RUN}, NumberingError),
        ({"seen_size": 99}, ForeignHeadError),
        ({"seen_leaf": RUN}, ForeignHeadError),
        ({"seen_size": 1}, ForeignHeadError),
        ({"exact": True, "seen_size": 1}, StaleHeadError),
        ({"count": 2}, RefusedError),
        ({"root": RUN}, RefusedError),
        ({"key": RUN}, NotEntitledError),
    ],
)
def test_a_text_that_does_not_fit_is_refused(
    founded: BuiltLedger, store: Store, changes: dict[str, Any], error: type[LedgerError]
) -> None:
    """Each field of the signed text must be true of the ledger and the records."""
    before = store.size()
    with pytest.raises(error):
        hand_in(founded, store, lambda plain: replace(plain, **changes))
    assert store.size() == before
    assert len(hand_in(founded, store, lambda plain: plain)) == 1


def test_an_earlier_head_may_have_been_seen(founded: BuiltLedger, store: Store) -> None:
    """Who is not exact may have seen any head that was this ledger's."""

    def earlier(plain: Submission) -> Submission:
        leaf = digest(b"\0" + store.row(1).header)
        return replace(plain, seen_size=2, seen_leaf=leaf)

    assert hand_in(founded, store, earlier)[0].index == 3
    assert walk(store) == 4


def test_the_same_text_is_answered_with_the_same_receipts(
    founded: BuiltLedger, store: Store
) -> None:
    """A submission handed in again is written once; another text under its number never."""

    def nothing_seen(plain: Submission) -> Submission:
        return replace(plain, seen_size=0, seen_leaf=ZEROS)

    client = founded.client("agent", store)
    raw, other = record_bytes(said(client)), record_bytes(said(client, 1))
    first = hand_in(founded, store, nothing_seen, raw)
    size = store.size()
    assert hand_in(founded, store, nothing_seen, raw) == first
    with pytest.raises(NumberingError) as caught:
        hand_in(founded, store, nothing_seen, other)
    assert caught.value.code == "append.number-reused"
    assert walk(store) == store.size() == size


def test_a_closed_stream_takes_nothing_more(founded: BuiltLedger, store: Store) -> None:
    """The last record is the last, and stands last."""
    client = founded.client("agent", store)
    with pytest.raises(NumberingError, match="last record"):
        client.submit([client.make(StreamClose), said(client)])
    client.submit([said(client), client.make(StreamClose)])
    with pytest.raises(NumberingError, match="was closed"):
        client.submit([said(client)])


def test_a_ledger_has_one_genesis(founded: BuiltLedger, store: Store) -> None:
    """Genesis is entry 0, and nothing else is."""
    client = founded.client("steward", store)
    genesis = parse_record(store.row(0).record or b"")
    with pytest.raises(RefusedError, match="no other"):
        client.submit([genesis])


def test_an_empty_store_begins_with_its_founding(tmp_path: Path) -> None:
    """Genesis, and with it the first authority, and nothing before them."""
    root, steward = throwaway_key("root"), throwaway_key("steward")
    with Store.create(tmp_path / "new.db") as store:
        client = LedgerClient(store, steward, "spiffe://example.com/steward")
        genesis = client.make(
            Genesis,
            origin="example.com/x",
            seed=RUN,
            roots=(root.public_key.hex(),),
            threshold=1,
        )
        with pytest.raises(RefusedError, match="its genesis"):
            client.submit([said(client)])
        with pytest.raises(AuthorityError, match="first authority"):
            client.submit([genesis, said(client)])
        with pytest.raises(RefusedError, match="no other"):
            client.submit([genesis, genesis])
        with pytest.raises(LedgerError, match="no authority document"):
            client.submit([genesis])
        assert store.size() == 0


def test_a_store_without_genesis_is_no_ledger(founded: BuiltLedger, tmp_path: Path) -> None:
    """What begins with another record is refused before anything is added."""
    with Store.create(tmp_path / "odd.db") as odd, Store.open(founded.path) as store:
        row = store.row(1)
        with odd.writing() as writer:
            state = StreamState(RUN, RUN[:32], 0, 0, 1, RUN, closed=False)
            added = Added(0, [row.header], [row.record or b""])
            writer.add(added, Head(1, RUN, START), writer.head()[1], state)
        with pytest.raises(RefusedError, match="not a genesis record"):
            read_authority(odd)


def test_authority_changes_at_once(founded: BuiltLedger, store: Store) -> None:
    """A revoked key is refused from the next entry on, by every client that is open."""
    agent = founded.client("agent", store)
    agent.submit([said(agent)])
    with founded.client("steward", store) as steward:
        steward.submit([next_authority(founded, store, steward, "agent")])
    with pytest.raises(NotEntitledError, match=r"authority\.unknown-key"):
        agent.submit([said(agent, 1)])
    assert walk(store) == store.size()


def next_authority(
    founded: BuiltLedger, store: Store, client: LedgerClient, without: str, *signers: Signer
) -> Authority:
    """Return the next authority record, which leaves out one identity's key."""
    last = read_authority(store).documents[-1]
    value = decode(document_text(last.document).encode())
    value |= {"number": value["number"] + 1, "previous": last.digest}
    value["keys"] = [key for key in value["keys"] if not key["identity"].endswith(without)]
    roots = signers or (founded.founded.key("root"),)
    return authority_record(client, parse_document(encode(value).decode()), roots)


def test_authority_needs_its_roots(founded: BuiltLedger, store: Store) -> None:
    """A steward alone changes nobody's rights."""
    client, before = founded.client("steward", store), store.size()
    for record in (
        next_authority(founded, store, client, "agent", throwaway_key("stranger")),
        client.make(Authority, document="{}", signatures=()),
    ):
        with pytest.raises(AuthorityError):
            client.submit([record])
    assert store.size() == before


# ------------------------------------------------------------------------------- time


def at(founded: BuiltLedger, store: Store, moment: str) -> LedgerClient:
    """Return a client whose clock stands still."""
    return LedgerClient(
        store,
        founded.founded.key("agent"),
        founded.founded.identities["agent"],
        clock=lambda: parse_time(moment),
    )


def test_the_clock_may_be_set_back_a_little(founded: BuiltLedger, store: Store) -> None:
    """Up to a second is clamped to the last entry's time; more is refused."""
    last = parse_header(store.row(store.size() - 1).header).recorded_at
    for back, clamped in ((timedelta(seconds=1), True), (timedelta(seconds=1.000001), False)):
        client = at(founded, store, format_time(parse_time(last) - back))
        if clamped:
            receipt = client.submit([said(client)])[0]
            assert header_of(store, receipt).recorded_at == last
        else:
            with pytest.raises(ClockError, match="set the clock right"):
                client.submit([said(client)])
    assert walk(store) == store.size()


# ------------------------------------------------------------------------------- append


def test_an_exact_append_follows_what_was_seen(founded: BuiltLedger, store: Store) -> None:
    """What prepare decided on is the ledger at that place, and its text says so."""
    client, heads = founded.client("agent", store), list[Head]()

    def prepare(head: Head, _time: str) -> list[AnyRecord]:
        heads.append(head)
        assert list(store.rows())[-1].idx == head.size - 1
        return [said(client)]

    receipt = client.append(prepare)[0]
    header = header_of(store, receipt)
    assert header.exact is True
    assert header.seen is not None
    assert (header.seen.size, header.seen.leaf) == (heads[0].size, heads[0].leaf)
    assert receipt.index == heads[0].size
    assert walk(store) == store.size()


def test_an_append_may_decide_to_write_nothing(founded: BuiltLedger, store: Store) -> None:
    """No records, no entry, and the numbering goes on."""
    client, before = founded.client("agent", store), store.size()
    assert client.append(lambda _head, _time: []) == []
    with pytest.raises(ZeroDivisionError):
        client.append(lambda _head, _time: [said(client, 1 // 0)])
    assert store.size() == before
    client.append(lambda _head, _time: [said(client)])
    assert walk(store) == before + 1


def test_prepare_does_not_write(founded: BuiltLedger, store: Store) -> None:
    """What it returns is what is written: anything else would not be what was decided."""
    client = founded.client("agent", store)
    with pytest.raises(ValueError, match="must not write"):
        client.append(lambda _head, _time: [said(client), *nothing(client.submit([said(client)]))])
    client.submit([said(client)])
    assert walk(store) == store.size()


def nothing(_receipts: list[Receipt]) -> list[AnyRecord]:
    """Return no records."""
    return []


# ------------------------------------------------------------------------------- failure


def break_off() -> None:
    """Lose the connection."""
    raise StoreError("the connection is gone")


def failing_commit(store: Store, monkeypatch: pytest.MonkeyPatch, *, written: bool) -> None:
    """Let the next transaction end in an error: after it was written, or instead."""
    real = store.writing

    @contextmanager
    def failing() -> Generator[object]:
        monkeypatch.undo()
        try:
            with real() as writer:
                yield writer
                if not written:
                    break_off()
        finally:
            break_off()

    monkeypatch.setattr(store, "writing", failing)


@pytest.mark.parametrize("written", [True, False])
@pytest.mark.parametrize("exact", [True, False])
def test_after_a_lost_answer_nothing_is_written_twice(
    founded: BuiltLedger,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    *,
    written: bool,
    exact: bool,
) -> None:
    """Retrying gives the receipts, whether the first attempt was written or not."""
    client = founded.client("agent", store)
    before = store.size()
    record = said(client)
    failing_commit(store, monkeypatch, written=written)
    with pytest.raises(StoreError):
        client.append(lambda _head, _time: [record]) if exact else client.submit([record])
    assert store.size() == before + written
    receipts = client.retry()
    assert [receipt.record for receipt in receipts] == [digest(record_bytes(record))]
    assert store.size() == before + 1
    assert client.retry() == []
    client.close()
    assert walk(store) == store.size()


@pytest.mark.parametrize("written", [True, False])
def test_after_a_lost_answer_the_stream_goes_on(
    founded: BuiltLedger, store: Store, monkeypatch: pytest.MonkeyPatch, *, written: bool
) -> None:
    """Who does not retry goes on with the right number."""
    client = founded.client("agent", store)
    before = store.size()
    failing_commit(store, monkeypatch, written=written)
    with pytest.raises(StoreError):
        client.submit([said(client)])
    client.submit([said(client, 1)])
    client.close()
    assert walk(store) == store.size() == before + written + 2


def test_a_retry_may_come_too_late(
    founded: BuiltLedger, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decision that was not written is not written on another head."""
    client, other = founded.client("agent", store), founded.client("importer", store)
    failing_commit(store, monkeypatch, written=False)
    with pytest.raises(StoreError):
        client.append(lambda _head, _time: [said(client)])
    other.submit([said(other)])
    with pytest.raises(StaleHeadError, match="decide again"):
        client.retry()
    assert client.retry() == []
    client.submit([said(client)])
    assert walk(store) == store.size()


# ------------------------------------------------------------------------------- heads


def test_heads_are_signed_as_often_as_asked(founded: BuiltLedger, store: Store) -> None:
    """After each append, after so many entries, or only at the end."""
    sizes: dict[int, list[int]] = {}
    for every in (1, 3, 0):
        start, known = store.size(), len(list(store.checkpoints()))
        with founded.client("agent", store, checkpoint_every=every) as client:
            for turn in range(4):
                client.submit([said(client, turn)])
        sizes[every] = [size - start for size, _ in list(store.checkpoints())[known:]]
    assert sizes == {1: [1, 2, 3, 4, 5], 3: [3, 5], 0: [5]}


def test_without_a_head_signer_nothing_is_signed(founded: BuiltLedger, store: Store) -> None:
    """Somebody else must, and `checkpoint` says so."""
    before = list(store.checkpoints())
    client = at(founded, store, "2027-01-01T00:00:00.000000Z")
    client.submit([said(client)])
    with pytest.raises(ValueError, match="no head signer"):
        client.checkpoint()
    client.close()
    assert list(store.checkpoints()) == before


def test_an_old_backup_is_not_continued(founded: BuiltLedger, tmp_path: Path) -> None:
    """Entries that were signed for and are gone stop the ledger, before anything is added."""
    backup = tmp_path / "backup.db"
    with Store.open(founded.path, writable=True) as store:
        client = founded.client("agent", store)
        client.submit([said(client)])
        copy_store(store, backup)
        open_before = LedgerClient(
            Store.open(backup, writable=True),
            founded.founded.key("agent"),
            founded.founded.identities["agent"],
            clock=founded.clock,
            head_signer=founded.founded.head_signer(),
        )
        client.submit([said(client, 1)])
    with pytest.raises(InconsistentHeadError, match="old backup"):
        open_before.submit([said(client, 2)])
    with Store.open(backup, writable=True) as restored:
        before = restored.size()
        with pytest.raises(InconsistentHeadError, match="old backup"):
            founded.client("agent", restored)
        assert restored.size() == before
    open_before._store.close()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


def copy_store(store: Store, path: Path) -> None:
    """Copy a store as a backup does, without its log."""
    source = Path(store.location)
    for suffix in ("", "-wal"):
        log = source.with_name(source.name + suffix)
        if log.exists():
            shutil.copy(log, path.with_name(path.name + suffix))


def test_a_regrown_backup_is_not_continued(founded: BuiltLedger, tmp_path: Path) -> None:
    """As many entries as were signed for, but others, are not the same history."""
    backup = tmp_path / "backup.db"
    with Store.open(founded.path, writable=True) as store:
        copy_store(store, backup)
        client = founded.client("agent", store)
        client.submit([said(client)])
    with Store.open(backup, writable=True) as restored:
        unsigned = at(founded, restored, "2027-01-01T00:00:00.000000Z")
        unsigned.submit([said(unsigned, 5), said(unsigned, 6)])
        with pytest.raises(InconsistentHeadError, match="does not continue"):
            founded.client("agent", restored)


def test_a_head_that_cannot_be_signed_does_not_undo_the_append(
    founded: BuiltLedger, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """The records are acknowledged; the log says what is missing, and closing raises."""
    client = founded.client("agent", store)
    memory = founded.founded.keys_dir / MEMORY
    client.submit([said(client)])
    kept = memory.read_bytes()

    def spoil(_head: Head, _time: str) -> list[AnyRecord]:
        memory.write_bytes(b"[]")
        return [said(client, 1)]

    with caplog.at_level(logging.WARNING, logger="writ.ledger"):
        assert client.append(spoil)
    assert "no head was signed" in caplog.text
    with pytest.raises(KeyFileError):
        client.close()
    memory.write_bytes(kept)
    assert walk(store) == store.size()


# ------------------------------------------------------------------------------- batch


def test_a_batch_is_handed_in_by_full_submissions(founded: BuiltLedger, store: Store) -> None:
    """As few submissions as fit; each record's digest is known when it is added."""
    with founded.client("agent", store) as client, client.batch() as batch:
        digests = [batch.add(said(client, turn)) for turn in range(2500)]
    assert [receipt.record for receipt in batch.receipts] == digests
    counts = [header_of(store, receipt).count for receipt in batch.receipts[::1200]]
    assert counts == [1024, 1024, 452]
    assert walk(store) == store.size() == 2504


def test_a_batch_of_long_records_is_handed_in_earlier(founded: BuiltLedger, store: Store) -> None:
    """What is in memory at once has a bound."""
    with founded.client("agent", store) as client, client.batch() as batch:
        for turn in range(20):
            batch.add(
                client.make(Message, run=RUN, role="user", turn=turn, content="x" * 1_000_000)
            )
    assert header_of(store, batch.receipts[0]).count == 8


def test_a_failed_batch_hands_in_no_rest(founded: BuiltLedger, store: Store) -> None:
    """What was collected when the block failed is not written."""
    client, before = founded.client("agent", store), store.size()
    with pytest.raises(ZeroDivisionError):
        collect_and_fail(client)
    assert store.size() == before


def collect_and_fail(client: LedgerClient) -> None:
    """Collect a record and raise, in a batch."""
    with client.batch() as batch:
        batch.add(said(client))
        raise ZeroDivisionError
