"""Keys outside the process, behind securesystemslib: nothing is used unchecked."""

import sys
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import KeyFileError
from ledger.external import ExternalKey, load_key
from ledger.keys import verify_signature
from ledger.signing import FileKey
from ledger.testing import throwaway_key

sslib = pytest.importorskip("securesystemslib.signer", reason="the extra kms is not installed")

SEED = b"\7" * 32
OTHER = throwaway_key("other")


def key_file(folder: Path, uri: str, public: str) -> Path:
    """Write a file that says where a key is."""
    path = folder / "outside.key"
    path.write_text(f"writ-key: {uri}\npublic: {public}\n", "utf-8")
    path.chmod(0o600)
    return path


@pytest.fixture
def held(tmp_path: Path) -> FileKey:
    """A key that the library's own file signer holds."""
    return FileKey.create(tmp_path / "held.pem", SEED)


def test_a_key_outside_signs(tmp_path: Path, held: FileKey) -> None:
    """The signature is the one that the key itself would have made."""
    path = key_file(tmp_path, f"file2:{held.path}", held.public_key.hex())
    signer = load_key(path)
    assert isinstance(signer, ExternalKey)
    assert signer.public_key == held.public_key
    assert signer.sign(b"text") == held.sign(b"text")
    verify_signature(held.public_key, b"text", signer.sign(b"text"))


def test_a_file_with_a_key_is_read_as_one(held: FileKey) -> None:
    """One function for both kinds of file."""
    assert load_key(held.path).public_key == held.public_key


def test_another_key_is_refused(tmp_path: Path, held: FileKey) -> None:
    """The file says which key it has to be."""
    path = key_file(tmp_path, f"file2:{held.path}", OTHER.public_key.hex())
    with pytest.raises(KeyFileError, match="KeyMismatchError") as caught:
        load_key(path)
    assert caught.value.code == "key.unreached"


def test_a_key_of_another_kind_is_refused(held: FileKey) -> None:
    """Only Ed25519, and only the key that was named."""
    for signer in (sslib.CryptoSigner.generate_ecdsa(), sslib.CryptoSigner.generate_ed25519()):
        with pytest.raises(KeyFileError, match="has to be the Ed25519 key") as caught:
            ExternalKey(signer, held.public_key, "there")
        assert caught.value.code == "key.other"


class Liar:
    """A token whose signatures are over something else, or none."""

    def __init__(self, answer: str) -> None:
        self.honest = sslib.CryptoSigner.generate_ed25519()
        self.public_key = self.honest.public_key
        self.answer = answer

    def sign(self, payload: bytes) -> Any:  # noqa: ANN401  (the library's type)
        """Return what was set."""
        if self.answer == "raise":
            raise RuntimeError("the PIN 1234-secret was refused")
        return sslib.Signature("k", self.answer or self.honest.sign(payload + b"!").signature)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("", "key.signature"),
        ("00", "key.signature"),
        ("zz", "key.unreached"),
        ("raise", "key.unreached"),
    ],
)
def test_what_a_token_returns_is_checked(answer: str, code: str) -> None:
    """A wrong signature never leaves, and an error's words do not either."""
    liar = Liar(answer)
    public = bytes.fromhex(liar.public_key.keyval["public"])
    with pytest.raises(KeyFileError) as caught:
        ExternalKey(liar, public, "the token").sign(b"text")
    assert caught.value.code == code
    assert "1234" not in f"{caught.value!r} {caught.value.__cause__!r}"


@pytest.mark.parametrize(
    "text",
    [
        "writ-key: file2:/x\n",
        "writ-key: file2:/x\npublic: 00\n",
        "writ-key: /x\npublic: " + "a" * 64,
        "writ-key: file2:/x y\npublic: " + "a" * 64,
        "writ-key: file2:/x\npublic: " + "0" * 64,
        "writ-key: file2:/x\npublic: " + "a" * 64 + "\nmore: 1\n",
        "writ-key: nobody:/x\npublic: " + OTHER.public_key.hex(),
        "writ-key: file2:/not/there\npublic: " + OTHER.public_key.hex(),
        "writ-key:" + "\udcff",
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, text: str) -> None:
    """Two lines, a key that is one, and a place that exists."""
    path = tmp_path / "outside.key"
    path.write_text(text, "utf-8", errors="surrogateescape")
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match=r"outside\.key"):
        load_key(path)


def test_a_file_that_others_can_change_is_refused(tmp_path: Path, held: FileKey) -> None:
    """Who changes where the key is, chooses who signs."""
    path = key_file(tmp_path, f"file2:{held.path}", held.public_key.hex())
    path.chmod(0o620)
    with pytest.raises(KeyFileError, match="can change this file"):
        load_key(path)
    with pytest.raises(KeyFileError, match="cannot read"):
        load_key(tmp_path / "nothing")


def test_the_extra_is_named(tmp_path: Path, held: FileKey, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the library it says what to install."""
    path = key_file(tmp_path, f"file2:{held.path}", held.public_key.hex())
    monkeypatch.setitem(sys.modules, "securesystemslib.signer", None)
    with pytest.raises(KeyFileError, match=r"writ\[kms\]") as caught:
        load_key(path)
    assert caught.value.code == "key.no-kms"
