"""Keys under a passphrase, and where it comes from: never from where it could be read."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import KeyFileError
from ledger.passphrase import MAX_PASSPHRASE, MIN_PASSPHRASE, from_environment
from ledger.sealing import SealingKey, is_sealing_key, relock
from ledger.signing import FileKey

SEED = b"\7" * 32
SECRET = "correct horse battery"


def saying(secret: str) -> Callable[[Path], bytes]:
    """Return a source that always gives this."""
    return lambda _path: secret.encode()


@given(
    secret=st.binary(min_size=MIN_PASSPHRASE, max_size=MAX_PASSPHRASE),
    seed=st.binary(min_size=32, max_size=32),
)
def test_a_key_under_a_passphrase_comes_back(
    tmp_path_factory: pytest.TempPathFactory, secret: bytes, seed: bytes
) -> None:
    """Whatever bytes the passphrase has; and nothing of the key is in the file."""
    path = tmp_path_factory.mktemp("key") / "key.pem"
    made = FileKey.create(path, seed, lambda _path: secret)
    assert FileKey.load(path, lambda _path: secret).sign(b"x") == made.sign(b"x")
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in path.read_bytes()
    assert seed not in path.read_bytes()


def test_another_passphrase_is_refused(tmp_path: Path) -> None:
    """Nothing of either passphrase is in the error."""
    path = FileKey.create(tmp_path / "key.pem", SEED, saying(SECRET)).path
    for wrong in ("wrong horse battery", ""):
        with pytest.raises(KeyFileError) as caught:
            FileKey.load(path, saying(wrong))
        assert caught.value.code == "key.passphrase-wrong"
        assert "horse" not in f"{caught.value!r} {caught.value.__cause__!r}"


@pytest.mark.parametrize("secret", ["", "a" * (MIN_PASSPHRASE - 1), "a" * (MAX_PASSPHRASE + 1)])
def test_a_short_passphrase_makes_no_file(tmp_path: Path, secret: str) -> None:
    """What would not protect is refused before anything is written."""
    with pytest.raises(KeyFileError, match="12 to 1000 bytes"):
        FileKey.create(tmp_path / "key.pem", SEED, saying(secret))
    assert not list(tmp_path.iterdir())


def test_a_file_gets_another_passphrase(tmp_path: Path) -> None:
    """The same key, under another one, under none, and still its owner's alone."""
    made = FileKey.create(tmp_path / "key.pem", SEED, saying(SECRET))
    made.rewrite(saying("another long one"))
    assert FileKey.load(made.path, saying("another long one")).public_key == made.public_key
    with pytest.raises(KeyFileError):
        FileKey.load(made.path, saying(SECRET))
    made.rewrite(None)
    assert FileKey.load(made.path).public_key == made.public_key
    assert made.path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["key.pem"]
    made.path.unlink()
    tmp_path.joinpath("key.pem").mkdir()
    with pytest.raises(KeyFileError, match="cannot write it"):
        made.rewrite(None)


# ------------------------------------------------------------------------- sealing keys


@given(
    secret=st.binary(min_size=MIN_PASSPHRASE, max_size=MAX_PASSPHRASE),
    key=st.binary(min_size=32, max_size=32),
)
def test_a_sealing_key_under_a_passphrase_comes_back(
    tmp_path_factory: pytest.TempPathFactory, secret: bytes, key: bytes
) -> None:
    """Whatever bytes both have; nothing of the key is in the file, and it is no signing key."""
    path = tmp_path_factory.mktemp("key") / "sealing.key"
    made = SealingKey.create(path, key, lambda _path: secret)
    loaded = SealingKey.load(path, lambda _path: secret)
    assert (loaded.id, loaded.unwrap(made.wrap(SEED, "s"), "s")) == (made.id, SEED)
    assert is_sealing_key(path)
    assert key not in path.read_bytes()
    with pytest.raises(KeyFileError, match="not one for Ed25519"):
        FileKey.load(path, lambda _path: secret)


def test_a_sealing_key_gets_another_passphrase(tmp_path: Path) -> None:
    """The same key under another one, under none and again; the file is its owner's alone."""
    path = tmp_path / "sealing.key"
    made = SealingKey.create(path, SEED)
    assert path.read_bytes() == SEED
    relock(path, saying("not asked for"), saying(SECRET))
    relock(path, saying(SECRET), saying("another long one"))
    assert SealingKey.load(path, saying("another long one")).id == made.id
    with pytest.raises(KeyFileError) as caught:
        SealingKey.load(path, saying(SECRET))
    assert caught.value.code == "key.passphrase-wrong"
    assert "horse" not in f"{caught.value!r} {caught.value.__cause__!r}"
    with pytest.raises(KeyFileError, match="12 to 1000 bytes"):
        relock(path, saying("another long one"), saying("short"))
    relock(path, saying("another long one"), None)
    assert path.read_bytes() == SEED
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["sealing.key"]
    assert SEED.hex() not in repr(SealingKey.load(path).__dict__)


def test_a_sealing_key_that_is_another_is_told(tmp_path: Path) -> None:
    """A file that opens to another key, one without its name, and one of a signing key."""
    path, other = tmp_path / "sealing.key", tmp_path / "other.key"
    SealingKey.create(path, SEED, saying(SECRET))
    SealingKey.create(other, b"\1" * 32, saying(SECRET))
    name = path.read_bytes().splitlines()[-1]
    pem = other.read_bytes().rpartition(b"writ-sealing-key")[0]
    for raw, code in ((pem + name + b"\n", "key.passphrase-wrong"), (pem, "seal.key")):
        other.write_bytes(raw)
        with pytest.raises(KeyFileError) as caught:
            SealingKey.load(other, saying(SECRET))
        assert caught.value.code == code
    signing = FileKey.create(tmp_path / "key.pem", SEED).path
    assert not is_sealing_key(signing)
    assert not is_sealing_key(tmp_path / "none")
    with pytest.raises(KeyFileError, match="is no sealing key"):
        SealingKey.load(signing)
    path.unlink()
    path.mkdir()
    with pytest.raises(KeyFileError, match="cannot read"):
        relock(path, saying(SECRET), None)


def test_the_environment_gives_a_passphrase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a variable, or in a file whose line end is none of it."""
    path = FileKey.create(tmp_path / "key.pem", SEED, saying(SECRET)).path
    monkeypatch.delenv("WRIT_PASSPHRASE", raising=False)
    monkeypatch.delenv("WRIT_PASSPHRASE_FILE", raising=False)
    with pytest.raises(KeyFileError) as caught:
        FileKey.load(path)
    assert caught.value.code == "key.passphrase-missing"
    monkeypatch.setenv("WRIT_PASSPHRASE", SECRET)
    assert FileKey.load(path).path == path
    file = tmp_path / "secret"
    file.write_text(SECRET + "\r\n", "utf-8")
    file.chmod(0o600)
    assert from_environment(path, {"WRIT_PASSPHRASE_FILE": str(file)}) == SECRET.encode()


def test_what_the_environment_gives_is_looked_at(tmp_path: Path) -> None:
    """Two at once, a file that others read, and one that is not there."""
    file = tmp_path / "secret"
    with pytest.raises(KeyFileError, match="both set"):
        from_environment(file, {"WRIT_PASSPHRASE": SECRET, "WRIT_PASSPHRASE_FILE": str(file)})
    with pytest.raises(KeyFileError, match="cannot read the passphrase"):
        from_environment(file, {"WRIT_PASSPHRASE_FILE": str(file)})
    file.write_text(SECRET, "utf-8")
    file.chmod(0o644)
    with pytest.raises(KeyFileError, match="chmod 600"):
        from_environment(file, {"WRIT_PASSPHRASE_FILE": str(file)})
