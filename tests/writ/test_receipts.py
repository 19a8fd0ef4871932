"""`writ verify --receipts`: what was acknowledged is there, or the command says what is not."""

from pathlib import Path

import pytest

from ledger.receipts import keep_receipts
from ledger.records import Message
from ledger.store import Store
from ledger.testing import build_ledger
from writ.application import answer


def test_what_was_dropped_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A ledger that shows all of it, and one of the same origin that does not."""
    for name in ("kept", "other"):
        (tmp_path / name).mkdir()
    built, other = build_ledger(tmp_path / "kept"), build_ledger(tmp_path / "other")
    path = tmp_path / "receipts"
    with Store.open(built.path, writable=True) as store:
        client = built.client("agent", store)
        said = client.make(Message, run="ab" * 32, role="user", turn=0)
        keep_receipts(path, client.submit([said]))
        size = store.size()
    expected = answer(["verify", str(built.path)])
    assert answer(["verify", str(built.path), "--receipts", str(path)]) == expected
    assert "every receipt" in capsys.readouterr().err
    assert answer(["verify", str(other.path), "--receipts", str(path)]) == 1
    assert f"line 1: entry {size - 1} was acknowledged" in capsys.readouterr().err
    path.write_bytes(b"hello\n")
    assert answer(["verify", str(built.path), "--receipts", str(path)]) == 4
    assert "line 1" in capsys.readouterr().err
