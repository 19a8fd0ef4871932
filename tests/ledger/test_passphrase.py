"""Keys under a passphrase, and where it comes from: never from where it could be read."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import KeyFileError
from ledger.signing import MAX_PASSPHRASE, MIN_PASSPHRASE, FileKey, from_environment

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
