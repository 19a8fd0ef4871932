"""One head key after another: they sign one history, and never one against the authority."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.admission import read_authority
from ledger.authority import Document
from ledger.checkpoint import open_checkpoint
from ledger.errors import AuthorityError, InconsistentHeadError, KeyFileError
from ledger.founding import MEMORY, authority_record, key_path, trust_file
from ledger.handover import hand_over
from ledger.head_signer import HeadSigner
from ledger.records import RunOpened
from ledger.signing import FileKey
from ledger.store import Store
from ledger.testing import ORIGIN, SERVICE, BuiltLedger, throwaway_key
from tests.ledger.test_head_signer import History
from verifier.load import verify_ledger
from verifier.report import IntegrityVerdict
from verifier.trust import parse_trust

NAMES = ("head", "second", "third")
KEYS = tuple(throwaway_key(name) for name in NAMES)
PUBLIC = tuple(key.public_key for key in KEYS)


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    """Give the place of a memory that the first key began."""
    HeadSigner.create(KEYS[0], ORIGIN, tmp_path / MEMORY)
    return tmp_path / MEMORY


def signed(memory: Path, key: int, history: History) -> bytes:
    """Have one of the keys sign a history."""
    return HeadSigner(KEYS[key], ORIGIN, memory).sign(history.head, history.leaves)


def taken(memory: Path, key: int) -> None:
    """Have one of the keys take the memory over."""
    HeadSigner.take_over(KEYS[key], ORIGIN, memory, PUBLIC)


def test_a_new_key_goes_on(memory: Path) -> None:
    """It signs what continues, also the same head again under its own name; the old one nothing."""
    history = History(1, 2)
    old = signed(memory, 0, history)
    living = HeadSigner(KEYS[0], ORIGIN, memory)
    for _ in range(2):
        taken(memory, 1)
    assert HeadSigner(KEYS[1], ORIGIN, memory).last_size() == 2
    with pytest.raises(KeyFileError, match="taken it over"):
        living.sign(history.head, history.leaves)
    new = signed(memory, 1, history)
    assert new != old
    assert open_checkpoint(new, ORIGIN, [PUBLIC[1]]).checkpoint.size == 2
    assert signed(memory, 1, history) == new
    for refused in (living, HeadSigner):
        with pytest.raises(KeyFileError) as caught:
            (living.last_size if refused is living else lambda: signed(memory, 0, history))()
        assert caught.value.code == "head.memory"


@pytest.mark.parametrize("other", [History(1), History(9, 2), History(1, 9, 3)])
def test_a_new_key_signs_no_second_history(memory: Path, other: History) -> None:
    """What it took over binds it as what it signed itself."""
    history = History(1, 2)
    signed(memory, 0, history)
    taken(memory, 1)
    with pytest.raises(InconsistentHeadError):
        signed(memory, 1, other)
    assert signed(memory, 1, History(1, 2, 3))


def test_a_strangers_memory_is_not_taken(memory: Path) -> None:
    """Neither one that no head key of the ledger signed, nor one that is not there."""
    signed(memory, 0, History(1, 2))
    before = memory.read_bytes()
    with pytest.raises(KeyFileError) as caught:
        HeadSigner.take_over(KEYS[1], ORIGIN, memory, [PUBLIC[2]])
    assert caught.value.code == "head.memory"
    assert memory.read_bytes() == before
    with pytest.raises(KeyFileError) as caught:
        HeadSigner.take_over(KEYS[1], ORIGIN, memory.with_name("none"), PUBLIC)
    assert caught.value.code == "head.no-memory"


def test_before_the_first_head(memory: Path) -> None:
    """A memory of nothing has an owner from then on."""
    taken(memory, 1)
    with pytest.raises(KeyFileError):
        signed(memory, 0, History(1))
    assert signed(memory, 1, History(1))


@given(steps=st.lists(st.tuples(st.sampled_from("sgt"), st.integers(0, 2)), max_size=12))
def test_whatever_the_order_there_is_one_history(
    tmp_path_factory: pytest.TempPathFactory, steps: Sequence[tuple[str, int]]
) -> None:
    """Only the owner signs, whoever took it over or tries; never what does not continue."""
    memory = tmp_path_factory.mktemp("head") / MEMORY
    HeadSigner.create(KEYS[0], ORIGIN, memory)
    entries, owner = [0], None
    for step, key in steps:
        if step == "g":
            entries.append(len(entries))
        elif step == "t":
            taken(memory, key)
            owner = key
        elif owner in {None, key}:
            note = signed(memory, key, History(*entries))
            assert open_checkpoint(note, ORIGIN, [PUBLIC[key]]).checkpoint.size == len(entries)
            owner = key
            with pytest.raises(InconsistentHeadError):
                signed(memory, key, History(*entries[:-1], 99))
        else:
            with pytest.raises(KeyFileError):
                signed(memory, key, History(*entries))


# ------------------------------------------------------------------------ with a ledger


def renamed(built: BuiltLedger) -> Path:
    """Append a document that names another head key, as the old one's time ends."""
    key = FileKey.create(built.path.with_name("next.pem"), b"\7" * 32)
    with Store.open(built.path, writable=True) as store:
        before = read_authority(store).documents[-1]
        client = built.client("steward", store, checkpoint_every=0)
        document = with_head(before.document, before.digest, key.public_key)
        client.submit([authority_record(client, document, [built.founded.key("root")])])
    return key.path


def with_head(document: Document, digest: str, public_key: bytes) -> Document:
    """Return the next document, in which the head key is another one."""
    keys = tuple(
        entry.model_copy(update={"key": public_key.hex()}) if entry.use == "head" else entry
        for entry in document.keys
    )
    return document.model_copy(
        update={"number": document.number + 1, "previous": digest, "keys": keys}
    )


def holds(built: BuiltLedger) -> bool:
    """Return whether the ledger verifies under signed heads to its end."""
    report = verify_ledger(built.path, parse_trust(trust_file(built.founded).encode()))
    assert report.ledger.checkpoint_size == report.ledger.size
    return report.integrity.verdict is IntegrityVerdict.HOLDS


def test_the_old_key_signs_no_head_after_its_time(founded: BuiltLedger) -> None:
    """A living writer's records stay, and no head is signed that would break the ledger."""
    with Store.open(founded.path, writable=True) as store:
        living = founded.client("agent", store)
        renamed(founded)
        living.submit([living.make(RunOpened, phase="opened", service=SERVICE)])
        with pytest.raises(AuthorityError) as caught:
            living.checkpoint()
        assert caught.value.code == "authority.head-key"
    hand_over(founded.founded, founded.path.with_name("next.pem"))
    with Store.open(founded.path, writable=True) as store:
        founded.client("agent", store).checkpoint()
    assert holds(founded)


def test_a_key_that_the_ledger_does_not_name_takes_nothing(founded: BuiltLedger) -> None:
    """Before its document is in the ledger, and ever if it is another one."""
    before = {path: path.read_bytes() for path in founded.founded.keys_dir.iterdir()}
    stranger = FileKey.create(founded.path.with_name("stranger.pem"), b"\6" * 32).path
    with pytest.raises(AuthorityError) as caught:
        hand_over(founded.founded, stranger)
    assert caught.value.code == "authority.head-key"
    assert {path: path.read_bytes() for path in founded.founded.keys_dir.iterdir()} == before


@pytest.mark.parametrize("step", range(3))
def test_a_handover_that_was_interrupted_is_done_again(
    founded: BuiltLedger, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """At each file that is replaced: the memory, the old key's, the new key's."""
    key_file = renamed(founded)
    old = key_path(founded.founded.keys_dir, "head").read_bytes()
    count = 0
    replace = Path.replace

    def dies(self: Path, target: Path) -> Path:
        nonlocal count
        count += 1
        if count == step + 1:
            raise OSError(28, os.strerror(28))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", dies)
    with pytest.raises(KeyFileError):
        hand_over(founded.founded, key_file)
    monkeypatch.undo()
    for _ in range(2):
        hand_over(founded.founded, key_file)
    assert key_path(founded.founded.keys_dir, "head").read_bytes() == key_file.read_bytes()
    assert (founded.founded.keys_dir / "head.before-2.pem").read_bytes() == old
    with Store.open(founded.path, writable=True) as store:
        founded.client("agent", store).checkpoint()
    assert holds(founded)
