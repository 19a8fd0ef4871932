"""Private keys."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ledger.errors import KeyFileError
from ledger.keys import verify_signature
from ledger.signing import FileKey

SEED = b"\7" * 32


def test_a_key_comes_back_from_its_file(tmp_path: Path) -> None:
    """What was created signs the same after being loaded."""
    created = FileKey.create(tmp_path / "key.pem", SEED)
    loaded = FileKey.load(created.path)
    assert loaded.public_key == created.public_key
    verify_signature(created.public_key, b"text", loaded.sign(b"text"))


def test_a_key_is_its_owners_alone(tmp_path: Path) -> None:
    """A key is created closed to others, and refused when it was opened to them."""
    path = FileKey.create(tmp_path / "key.pem", SEED).path
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        FileKey.load(path)


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    """A key that exists is somebody's identity."""
    FileKey.create(tmp_path / "key.pem", SEED)
    with pytest.raises(KeyFileError, match="cannot write a new key"):
        FileKey.create(tmp_path / "key.pem", SEED)


def test_what_is_no_key_is_named(tmp_path: Path) -> None:
    """Missing, another text, and a key of another kind."""
    path = tmp_path / "key.pem"
    with pytest.raises(KeyFileError, match="cannot read"):
        FileKey.load(path)
    other = generate_private_key(65537, 2048)
    pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for content, says in ((b"nothing", "not a private key"), (pem, "not one for Ed25519")):
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(KeyFileError, match=says):
            FileKey.load(path)
