"""Receipts: kept as they come, and enough to convict who drops what was acknowledged."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.admission import Receipt
from ledger.client import LedgerClient
from ledger.errors import ReceiptError
from ledger.receipts import keep_receipts, missed, read_receipts
from ledger.records import Message
from ledger.store import Store
from ledger.testing import BuiltLedger, build_ledger
from tests.ledger.strategies import digests, naturals

one_receipt = st.builds(Receipt, index=naturals, leaf=digests, record=digests)


@given(st.lists(st.lists(one_receipt, max_size=3), max_size=4))
def test_what_is_kept_is_read(
    tmp_path_factory: pytest.TempPathFactory, groups: list[list[Receipt]]
) -> None:
    """In order, each with its line."""
    path = tmp_path_factory.mktemp("receipts") / "file"
    for group in groups:
        keep_receipts(path, group)
    kept = [one for group in groups for one in group]
    assert (list(read_receipts(path)) if groups else []) == list(enumerate(kept, start=1))


def test_a_torn_last_line_is_passed_over(tmp_path: Path) -> None:
    """A process that died while it wrote had not acknowledged it."""
    path = tmp_path / "file"
    keep_receipts(path, [Receipt(1, "ab" * 32, "cd" * 32)] * 2)
    raw = path.read_bytes()
    path.write_bytes(raw[:-5])
    assert len(list(read_receipts(path))) == 1
    keep_receipts(path, [Receipt(3, "ab" * 32, "cd" * 32)])
    assert [receipt.index for _, receipt in read_receipts(path)] == [1, 3]
    path.write_bytes(raw[:-5] + b"x" * 5_000)
    keep_receipts(path, [Receipt(3, "ab" * 32, "cd" * 32)])
    with pytest.raises(ReceiptError, match="line 2"):
        list(read_receipts(path))


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[]",
        "{}",
        '{"index":-1,"leaf":"LEAF","record":"LEAF"}',
        '{"index":true,"leaf":"LEAF","record":"LEAF"}',
        '{"index":1,"leaf":1,"record":"LEAF"}',
        '{"index":1,"leaf":"x","record":"LEAF"}',
        '{"index":1,"leaf":"LEAF","record":"LEAF","x":1}',
        '{"index": 1,"leaf":"LEAF","record":"LEAF"}',
    ],
)
def test_a_line_that_is_none_is_named(tmp_path: Path, line: str) -> None:
    """Whatever it is, with its number."""
    path = tmp_path / "file"
    keep_receipts(path, [Receipt(1, "ab" * 32, "cd" * 32)])
    with path.open("a") as file:
        file.write(line.replace("LEAF", "ab" * 32) + "\n")
    with pytest.raises(ReceiptError, match="line 2"):
        list(read_receipts(path))


def test_files_that_cannot_be(tmp_path: Path) -> None:
    """A folder is no file of receipts."""
    with pytest.raises(ReceiptError, match="the records are recorded"):
        keep_receipts(tmp_path, [])
    with pytest.raises(ReceiptError, match="cannot read"):
        list(read_receipts(tmp_path / "nothing"))


def test_what_an_operator_drops_is_missed(
    founded: BuiltLedger, store: Store, tmp_path: Path
) -> None:
    """The ledger shows all; one that ends before, and another of the same origin, do not."""
    path, client = tmp_path / "file", founded.client("agent", store)
    for turn in range(6):
        said = client.make(Message, run="ab" * 32, role="user", turn=turn)
        keep_receipts(path, client.submit([said]))
    assert list(missed(store, path)) == []
    (tmp_path / "other").mkdir()
    other = build_ledger(tmp_path / "other")
    with Store.open(other.path) as shown:
        size = shown.size()
        found = list(missed(shown, path))
    assert [one.why for one in found] == [
        "elsewhere" if 3 + number < size else "missing" for number in range(6)
    ]
    assert [one.line for one in found] == [1, 2, 3, 4, 5, 6]


def test_a_client_keeps_its_receipts(founded: BuiltLedger, store: Store, tmp_path: Path) -> None:
    """All of them, its stream's end too; what cannot be kept at once is kept with the next."""
    path = tmp_path / "own" / "receipts"
    agent = founded.founded
    client = LedgerClient(
        store, agent.key("agent"), agent.identities["agent"], receipts=path, checkpoint_every=0
    )
    first = client.submit([client.make(Message, run="ab" * 32, role="user", turn=0)])
    with pytest.raises(ReceiptError):
        client.close()
    assert not path.exists()
    client = LedgerClient(
        store, agent.key("agent"), agent.identities["agent"], receipts=path, checkpoint_every=0
    )
    first = client.submit([client.make(Message, run="ab" * 32, role="user", turn=0)])
    path.parent.mkdir()
    second = client.submit([client.make(Message, run="ab" * 32, role="user", turn=1)])
    client.close()
    kept = [receipt for _, receipt in read_receipts(path)]
    assert kept[:2] == [*first, *second]
    assert [one.index for one in kept] == [5, 6, 7]
    assert list(missed(store, path)) == []
