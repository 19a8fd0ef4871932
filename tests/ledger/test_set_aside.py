"""What the ledger refuses after it waited: set aside with the reason, and what follows goes on."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import Store
from ledger.encoded import EncodedRecord
from ledger.encoding import decode, digest, encode
from ledger.errors import ClockError, NotEntitledError, RecordError, SpoolError
from ledger.queue import LedgerQueue
from ledger.records import Activation, Message
from ledger.set_aside import all_set_aside, set_aside
from ledger.spool import Spool, spool_state
from ledger.testing import BuiltLedger
from tests.ledger.test_queue import RUN, away, said, turns
from tests.ledger.walk import walk


def forbidden(by: str) -> EncodedRecord:
    """Make a record that no agent may write."""
    return EncodedRecord.of(
        Activation(
            nonce="ab" * 16,
            by=by,
            service="spiffe://example.com/refunds",
            version="1",
            digest="cd" * 32,
            effective_at="2026-01-01T00:00:00.000000Z",
            approved_by=(),
        )
    )


def test_one_that_is_refused_holds_up_nobody(
    founded: BuiltLedger, store: Store, tmp_path: Path
) -> None:
    """It is kept with its bytes and the reason; those before and after it are recorded."""
    client = founded.client("agent", store, checkpoint_every=0)
    folder = tmp_path / "spool"
    good = [EncodedRecord.of(said(client, turn)) for turn in range(7)]
    bad = forbidden(client.by)
    spool = Spool.create(folder, client.by)
    spool.add([*good[:3], bad, *good[3:]])
    spool.close()
    with LedgerQueue(client, when_away="spool", spool=folder) as queue:
        assert queue.flush(60)
        found = queue.refused()
    assert turns(store)[3:] == [one.digest for one in good]
    assert walk(store) == 3 + 7
    assert [(one.record, one.code) for one in found] == [(bad.digest, "append.not-entitled")]
    assert found == all_set_aside(folder)
    assert spool_state(folder) == []
    assert decode(found[0].path.read_bytes()[:-1])["text"].encode() == bad.raw


def test_what_is_no_record_is_set_aside(founded: BuiltLedger, store: Store, tmp_path: Path) -> None:
    """A whole frame whose bytes are none, as another version may have written it."""
    client = founded.client("agent", store, checkpoint_every=0)
    good = EncodedRecord.of(said(client))
    spool = Spool.create(tmp_path, client.by)
    spool.add([good])
    for raw in (b"\xff\xfe", encode({"kind": "later", "v": 2})):
        odd = object.__new__(EncodedRecord)
        for name, value in (("raw", raw), ("record", good.record), ("digest", digest(raw))):
            object.__setattr__(odd, name, value)
        spool.add([odd])
    spool.close()
    with LedgerQueue(client, when_away="spool", spool=tmp_path) as queue:
        assert queue.flush(60)
        assert [one.code for one in queue.refused()] == [
            "encoding.not-json",
            "record.unknown-kind",
        ]
    assert turns(store)[3:] == [good.digest]


def test_what_says_nothing_about_a_record_sets_none_aside(
    founded: BuiltLedger, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that went back is put right, and then all that waited is recorded."""
    client = founded.client("agent", store, checkpoint_every=0)
    spool = Spool.create(tmp_path, client.by)
    kept = [EncodedRecord.of(said(client, turn)) for turn in range(2)]
    spool.add(kept)
    spool.close()
    through = client.submit_encoded

    def refuse(_: object) -> None:
        raise ClockError("the clock says yesterday")

    monkeypatch.setattr(client, "submit_encoded", refuse)
    with LedgerQueue(client, when_away="spool", spool=tmp_path, retry_every=0.02) as queue:
        assert not queue.flush(0.2)
        assert (queue.spooled(), queue.refused()) == (2, [])
        monkeypatch.setattr(client, "submit_encoded", through)
        assert queue.flush(60)
    assert turns(store)[3:] == [one.digest for one in kept]


def test_set_aside_where_it_cannot_be_kept(
    founded: BuiltLedger, store: Store, tmp_path: Path
) -> None:
    """It waits on, with all that follows it: nothing is lost."""
    client = founded.client("agent", store, checkpoint_every=0)
    spool = Spool.create(tmp_path, client.by)
    spool.add([forbidden(client.by)])
    spool.path.with_suffix(".refused").mkdir()
    with pytest.raises(SpoolError, match="cannot keep"):
        set_aside(spool.path, b"{}", RecordError("no"))
    with pytest.raises(SpoolError, match="cannot be read"):
        all_set_aside(tmp_path)
    spool.close()
    with LedgerQueue(client, when_away="spool", spool=tmp_path, retry_every=0.02) as queue:
        assert not queue.flush(0.2)
        assert queue.spooled() == 1
    assert spool_state(tmp_path)[0].waiting == 1


@given(raws=st.lists(st.binary(max_size=40), max_size=5), why=st.text(max_size=9))
def test_what_is_set_aside_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, raws: list[bytes], why: str
) -> None:
    """Any bytes, each once however often it is refused, also behind a line that was cut off."""
    folder = tmp_path_factory.mktemp("spool")
    path = folder / "x.spool"
    for raw in [*raws, *raws]:
        set_aside(path, raw, NotEntitledError(why))
    found = [(one.record, one.why) for one in all_set_aside(folder)]
    said = why.replace("\0", "\ufffd")
    assert found == [(digest(raw), said) for raw in dict.fromkeys(raws)]
    if found:
        kept = path.with_suffix(".refused")
        kept.write_bytes(kept.read_bytes()[:-1] + b'\n{"code":"x')
        set_aside(path, b"another", NotEntitledError(why))
        assert len(all_set_aside(folder)) == len(found) + (b"another" not in raws)


def test_a_message_is_spooled_and_recorded_beside_a_refused_one(
    founded: BuiltLedger, store: Store, tmp_path: Path
) -> None:
    """The same through a queue that spooled by itself."""
    client = founded.client("agent", store, checkpoint_every=0)
    other = client.make(Message, run=RUN, role="user", turn=1).model_copy(
        update={"by": "spiffe://example.com/other"}
    )
    with LedgerQueue(client, when_away="spool", spool=tmp_path, retry_every=0.02) as queue:
        with away(founded.path):
            tickets = [queue.submit([one]) for one in (said(client), other, said(client, 2))]
            kept = [ticket.result(60)[0].record for ticket in tickets]
        assert queue.flush(60)
        assert [one.record for one in queue.refused()] == [kept[1]]
    assert turns(store)[3:] == [kept[0], kept[2]]
