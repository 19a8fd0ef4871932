"""What `writ doctor` says of spools: each problem has its code."""

from pathlib import Path

from ledger.encoded import EncodedRecord
from ledger.records import Message
from ledger.spool import Spool
from ledger.spool_health import spool_health

BY = "spiffe://example.com/agent"


def said(number: int) -> EncodedRecord:
    """Encode a message."""
    return EncodedRecord.of(
        Message(nonce=f"{number:032x}", by=BY, run="ab" * 32, role="user", turn=number)
    )


def codes(folder: Path) -> list[str]:
    """Return what is wrong."""
    return [remark.code for remark in spool_health(folder) if remark.code]


def test_what_waits_and_what_was_left(tmp_path: Path) -> None:
    """A process that lives is told apart from one that has ended; asking changes nothing."""
    assert codes(tmp_path / "none") == codes(tmp_path) == []
    spool = Spool.create(tmp_path, BY)
    assert codes(tmp_path) == []
    spool.add([said(1), said(2)])
    assert codes(tmp_path) == ["spool.waiting"]
    spool.leave()
    before = spool.path.read_bytes()
    assert codes(tmp_path) == ["spool.left"]
    assert "2 records" in next(spool_health(tmp_path)).text
    assert spool.path.read_bytes() == before


def test_damage_and_what_was_put_aside(tmp_path: Path) -> None:
    """A frame that was whole once, and files that wait for somebody; a torn end is no problem."""
    spool = Spool.create(tmp_path, BY)
    spool.add([said(1)])
    spool.add([said(2)])
    spool.leave()
    raw = spool.path.read_bytes()
    at = raw.find(said(1).raw)
    spool.path.write_bytes(raw[:at] + b"?" + raw[at + 1 :])
    assert codes(tmp_path) == ["spool.damaged", "spool.left"]
    spool.path.write_bytes(raw + b"WRIT")
    assert codes(tmp_path) == ["spool.left"]
    assert any("4 bytes that were never" in remark.text for remark in spool_health(tmp_path))
    spool.path.write_bytes(b"hello")
    assert codes(tmp_path) == ["spool.left"]
    spool.path.rename(spool.path.with_suffix(".damaged"))
    (tmp_path / "some.refused").touch()
    assert codes(tmp_path) == ["spool.damaged", "spool.refused"]
    (tmp_path / "folder.spool").mkdir()
    assert codes(tmp_path) == ["spool.unusable"]
