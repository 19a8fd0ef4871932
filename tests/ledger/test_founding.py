"""Founding: a ledger, its keys, and the file to hand to an auditor."""

import json
from pathlib import Path

import pytest

from ledger import Store, open_checkpoint
from ledger.admission import read_authority
from ledger.encoding import digest
from ledger.errors import KeyFileError, NoteError, StoreError
from ledger.founding import (
    MEMORY,
    Founded,
    Founder,
    create_ledger,
    default_founders,
    key_path,
    keys_beside,
    open_founded,
    trust_file,
)
from ledger.keys import fingerprint
from ledger.records import parse_record
from ledger.testing import ORIGIN, BuiltLedger, found_ledger
from tests.ledger.walk import walk

FOUNDERS = default_founders("anna@example.com", "bob@example.com")


def test_a_founded_ledger_is_whole(founded: BuiltLedger) -> None:
    """Genesis, authority, an ended stream, and a signed head over them."""
    with Store.open(founded.path) as store:
        assert walk(store) == 3
        kinds = [parse_record(row.record or b"").kind for row in store.rows()]
        assert kinds == ["genesis", "authority", "stream-close"]
        assert digest(store.row(0).record or b"") == founded.founded.genesis
        size, note = list(store.checkpoints())[-1]
        head = read_authority(store).head_keys(size)
        assert open_checkpoint(note, ORIGIN, head).checkpoint.size == size


def test_each_founder_has_a_key(founded: BuiltLedger) -> None:
    """Each identity has an owner and a key of its own, closed to others."""
    with Store.open(founded.path) as store:
        authority = read_authority(store)
    for founder in FOUNDERS:
        identity = authority.identity_at(2, founded.founded.identities[founder.name])
        assert (identity["owner"], identity["roles"]) == (founder.owner, list(founder.roles))
        key = founded.founded.key(founder.name)
        found = authority.documents[0].keys[fingerprint(key.public_key)]
        assert (found.identity, found.use) == (identity["id"], founder.use)
        assert key_path(founded.founded.keys_dir, founder.name).stat().st_mode & 0o077 == 0
    assert founded.founded.key("root").public_key.hex() in authority.roots
    assert founded.founded.keys_dir == founded.path.with_name("ledger.db.keys")
    assert founded.founded.keys_dir.stat().st_mode & 0o077 == 0


def test_who_activates_is_owned_by_another(founded: BuiltLedger) -> None:
    """No author's owner activates."""
    with Store.open(founded.path) as store:
        authority = read_authority(store)
    owners = {
        name: authority.identity_at(2, founded.founded.identities[name])["owner"]
        for name in ("author", "activator")
    }
    assert owners["author"] != owners["activator"]


def test_a_ledger_is_found_again(founded: BuiltLedger) -> None:
    """Location, origin, genesis and identities follow from the store."""
    again = open_founded(founded.path)
    assert again == founded.founded
    assert again.head_signer().last_size() == 3


def test_the_same_seed_founds_the_same_ledger(tmp_path: Path) -> None:
    """Clock and randomness are all that a ledger's bytes depend on."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = (found_ledger(tmp_path / name) for name in ("one", "two"))
    with Store.open(one.path) as first, Store.open(two.path) as second:
        assert list(first.rows()) == list(second.rows())
        assert list(first.checkpoints()) == list(second.checkpoints())


def test_different_randomness_founds_another(tmp_path: Path) -> None:
    """With the machine's own randomness no two ledgers are the same."""
    genesis = [
        create_ledger(tmp_path / name, origin=ORIGIN, founders=FOUNDERS).genesis
        for name in ("one", "two")
    ]
    assert len(set(genesis)) == 2


def test_nothing_is_overwritten(founded: BuiltLedger, tmp_path: Path) -> None:
    """Neither a store nor a key that is there already."""
    with pytest.raises(KeyFileError, match="already"):
        create_ledger(
            tmp_path / "new.db",
            origin=ORIGIN,
            founders=FOUNDERS,
            keys_dir=founded.founded.keys_dir,
        )
    assert not (tmp_path / "new.db").exists()
    with pytest.raises(StoreError, match="already"):
        create_ledger(
            founded.path, origin=ORIGIN, founders=FOUNDERS, keys_dir=tmp_path / "other keys"
        )
    assert not (tmp_path / "other keys").exists()
    assert open_founded(founded.path) == founded.founded


@pytest.mark.parametrize("origin", ["", "two words", "a+b"])
def test_an_origin_is_checked_first(tmp_path: Path, origin: str) -> None:
    """Nothing is created for a name that no checkpoint could carry."""
    with pytest.raises(NoteError):
        create_ledger(tmp_path / "ledger.db", origin=origin, founders=FOUNDERS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "founders",
    [
        (),
        (Founder("steward", ("steward",), "anna@example.com"),),
        (Founder("head", (), "anna@example.com", use="head"),),
    ],
)
def test_a_steward_and_a_head_are_needed(tmp_path: Path, founders: tuple[Founder, ...]) -> None:
    """Somebody begins the ledger, and somebody signs its heads."""
    with pytest.raises(ValueError, match="founders are at least"):
        create_ledger(tmp_path / "ledger.db", origin=ORIGIN, founders=founders)


def test_keys_lie_beside_a_file_only() -> None:
    """A database's URL is no place for keys."""
    assert keys_beside("a/b.db") == Path("a/b.db.keys")
    with pytest.raises(ValueError, match="name one"):
        keys_beside("postgresql://host/db")


def test_a_trust_file_pins_the_genesis(founded: BuiltLedger) -> None:
    """It says whose it is, and that it proves nothing when it comes from the keeper."""
    with Store.open(founded.path) as store:
        note = list(store.checkpoints())[-1][1]
    trust = json.loads(trust_file(founded.founded))
    assert trust["genesis"] == founded.founded.genesis
    assert (trust["v"], trust["origin"]) == (1, ORIGIN)
    assert "proves nothing" in trust["note"]
    assert "checkpoint" not in trust
    pinned = json.loads(trust_file(founded.founded, checkpoint=note))
    assert pinned["checkpoint"].encode() == note


def test_what_is_no_ledger_is_not_found_again(tmp_path: Path) -> None:
    """An empty store has no genesis."""
    Store.create(tmp_path / "empty.db").close()
    with pytest.raises(StoreError):
        open_founded(tmp_path / "empty.db")


def test_an_empty_store_is_told_from_a_ledger(place: str, tmp_path: Path) -> None:
    """What a founding that was cut off has left is named, with what to do; a ledger is kept."""
    keys = tmp_path / "keys"

    def found() -> Founded:
        return create_ledger(place, origin=ORIGIN, founders=FOUNDERS, keys_dir=keys)

    Store.create(place).close()
    keys.mkdir()
    (keys / "agent.pem").touch()
    with pytest.raises(
        StoreError, match=r"move away what was made for it \(.*agent\.pem\)"
    ) as caught:
        found()
    assert caught.value.code == "store.unfounded"
    with pytest.raises(StoreError, match="nothing was recorded") as caught:
        open_founded(place, keys)
    assert caught.value.code == "store.unfounded"
    (keys / MEMORY).write_bytes(b"of a head, perhaps")
    with pytest.raises(StoreError, match="is lost") as caught:
        found()
    assert caught.value.code == "store.lost"
    assert sorted(path.name for path in keys.iterdir()) == ["agent.pem", MEMORY]


def test_a_ledger_that_is_there_is_named(place: str, tmp_path: Path) -> None:
    """Founding it again changes nothing, and says which ledger it is."""
    keys = tmp_path / "keys"
    founded = create_ledger(place, origin=ORIGIN, founders=FOUNDERS, keys_dir=keys)
    with pytest.raises(StoreError, match=founded.genesis) as caught:
        create_ledger(place, origin=ORIGIN, founders=FOUNDERS, keys_dir=tmp_path / "other")
    assert caught.value.code == "store.taken"
    assert not (tmp_path / "other").exists()


def test_a_passphrase_is_asked_for_before_anything_is_made(tmp_path: Path) -> None:
    """Whoever gives up then, or gives one that is too short, leaves nothing behind."""
    with pytest.raises(KeyFileError, match="passphrase"):
        create_ledger(
            tmp_path / "ledger.db", origin=ORIGIN, founders=FOUNDERS, passphrase=lambda _: b"short"
        )
    assert list(tmp_path.iterdir()) == []


def test_a_folder_for_keys_that_cannot_be_made(tmp_path: Path) -> None:
    """It is said of the folder, with a code."""
    (tmp_path / "file").touch()
    with pytest.raises(KeyFileError, match="cannot be made"):
        create_ledger(
            tmp_path / "ledger.db",
            origin=ORIGIN,
            founders=FOUNDERS,
            keys_dir=tmp_path / "file" / "keys",
        )
    assert not (tmp_path / "ledger.db").exists()
