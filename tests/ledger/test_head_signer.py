"""A head signer that never contradicts itself."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from ledger.checkpoint import open_checkpoint
from ledger.encoding import decode, encode
from ledger.errors import InconsistentHeadError, KeyFileError
from ledger.head_signer import HeadSigner
from ledger.merkle import leaf_hash, root
from ledger.testing import throwaway_key

ORIGIN = "example.com/ledger"
KEY = throwaway_key("head")


class History:
    """A store's history, as the head signer sees it."""

    def __init__(self, *entries: int) -> None:
        self.all = [leaf_hash(bytes([entry])) for entry in entries]

    def head(self) -> tuple[int, bytes]:
        """Say size and root."""
        return len(self.all), root(self.all)

    def leaves(self, start: int, stop: int) -> Iterable[bytes]:
        """Give some leaf hashes."""
        return self.all[start:stop]


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    """Give the place of a memory that was just begun."""
    HeadSigner.create(KEY, ORIGIN, tmp_path / "head.memory")
    return tmp_path / "head.memory"


def test_a_growing_history_is_signed(memory: Path) -> None:
    """Each head continues the one before, whatever signer object signed it."""
    for size in (0, 1, 2, 5, 9):
        history = History(*range(size))
        signer = HeadSigner(KEY, ORIGIN, memory)
        note = signer.sign(history.head, history.leaves)
        opened = open_checkpoint(note, ORIGIN, [signer.public_key]).checkpoint
        assert (opened.size, opened.root) == history.head()
        assert signer.last_size() == size


def test_the_same_head_has_the_same_note(memory: Path) -> None:
    """After a crash the note that was remembered is given out, not another one."""
    history = History(1, 2)
    first = HeadSigner(KEY, ORIGIN, memory).sign(history.head, history.leaves)
    assert HeadSigner(KEY, ORIGIN, memory).sign(history.head, history.leaves) == first


@pytest.mark.parametrize("other", [History(1, 2), History(1, 9, 3, 4), History(9, 2, 3)])
def test_another_history_is_refused(memory: Path, other: History) -> None:
    """Truncated, changed, or of the same size: no second history is ever signed."""
    history = History(1, 2, 3)
    signer = HeadSigner(KEY, ORIGIN, memory)
    note = signer.sign(history.head, history.leaves)
    before = memory.read_bytes()
    for refuse in (signer.sign, signer.check):
        with pytest.raises(InconsistentHeadError):
            refuse(other.head, other.leaves)
    assert memory.read_bytes() == before
    assert signer.sign(history.head, history.leaves) == note


def test_a_store_that_contradicts_itself_is_refused(memory: Path) -> None:
    """A root that the entries do not lead to, or fewer entries than it says."""
    history = History(1, 2, 3)
    signer = HeadSigner(KEY, ORIGIN, memory)
    with pytest.raises(InconsistentHeadError):
        signer.sign(lambda: (3, root([])), history.leaves)
    with pytest.raises(InconsistentHeadError):
        signer.sign(lambda: (4, history.head()[1]), history.leaves)


def test_a_memory_is_not_begun_twice(memory: Path) -> None:
    """A new memory would forget what was signed."""
    with pytest.raises(KeyFileError, match="has signed heads before"):
        HeadSigner.create(KEY, ORIGIN, memory)


def test_a_missing_memory_is_not_taken_for_an_empty_one(memory: Path) -> None:
    """Who lost the memory could be made to sign anything."""
    memory.unlink()
    with pytest.raises(KeyFileError, match="is missing") as caught:
        HeadSigner(KEY, ORIGIN, memory)
    assert caught.value.code == "head.no-memory"


def changed(change: Callable[[dict[str, str]], object]) -> Callable[[bytes], bytes]:
    """Return a change of a memory's bytes."""

    def apply(raw: bytes) -> bytes:
        value = decode(raw)
        change(value)
        return encode(value)

    return apply


def cut(raw: bytes) -> bytes:
    """Return all but the last byte."""
    return raw[:-1]


def emptied(_raw: bytes) -> bytes:
    """Return strict JSON that is no memory."""
    return b"[]"


@pytest.mark.parametrize(
    "spoil",
    [
        cut,
        emptied,
        changed(lambda value: value.update(note=value["note"].replace("\n2\n", "\n3\n"))),
        changed(lambda value: value.update(frontier="00" * 8)),
        changed(lambda value: value.update(frontier="zz")),
        changed(lambda value: value.update(note="text")),
    ],
)
def test_a_damaged_memory_is_refused(memory: Path, spoil: Callable[[bytes], bytes]) -> None:
    """What this key has not signed is not its memory."""
    history = History(1, 2)
    HeadSigner(KEY, ORIGIN, memory).sign(history.head, history.leaves)
    memory.write_bytes(spoil(memory.read_bytes()))
    with pytest.raises(KeyFileError) as caught:
        HeadSigner(KEY, ORIGIN, memory)
    assert caught.value.code == "head.memory"


def test_another_keys_memory_is_refused(memory: Path) -> None:
    """A memory goes with its key."""
    history = History(1, 2)
    HeadSigner(KEY, ORIGIN, memory).sign(history.head, history.leaves)
    with pytest.raises(KeyFileError):
        HeadSigner(throwaway_key("other"), ORIGIN, memory)


def test_dying_while_writing_leaves_the_old_memory(
    memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The memory is replaced in one step, and nothing is signed without it."""
    history = History(1, 2)
    signer = HeadSigner(KEY, ORIGIN, memory)
    before = memory.read_bytes()

    def die(_descriptor: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", die)
    with pytest.raises(KeyFileError, match="disk full"):
        signer.sign(history.head, history.leaves)
    monkeypatch.undo()
    assert memory.read_bytes() == before
    assert signer.sign(history.head, history.leaves)
