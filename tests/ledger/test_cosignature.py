"""Cosignatures: what a witness signs, byte for byte as C2SP's tlog-cosignature has it."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from ledger.checkpoint import (
    COSIGNATURE,
    ED25519,
    Checkpoint,
    NoteSignature,
    VerifierKey,
    checkpoint_text,
    key_id,
    parse_note,
    parse_verifier_key,
    signature_line,
)
from ledger.cosignature import (
    check_cosignature,
    check_cosignatures,
    cosign,
    cosigned_bytes,
    line_bytes,
    parse_line,
    parse_lines,
    with_lines,
)
from ledger.encoding import from_base64, to_base64
from ledger.errors import InvalidSignatureError, LedgerError, NoteError
from ledger.keys import verify_signature
from ledger.signing import sign_checkpoint
from ledger.testing import mangle, throwaway_key

# The examples of the specifications themselves.
SPEC_TEXT = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
SPEC_LINE = (
    "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2"
    "oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA=="
)
SPEC_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPEC_NOTE = (
    "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONn"
    "cAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)

ORIGIN = "example.com/ledger"
WITNESS_KEY = throwaway_key("witness")
WITNESS = VerifierKey("witness.example/w1", WITNESS_KEY.public_key, COSIGNATURE)
TEXT = checkpoint_text(Checkpoint(ORIGIN, 5, b"\7" * 32))
NOTE = sign_checkpoint(Checkpoint(ORIGIN, 5, b"\7" * 32), throwaway_key("head"))

names = st.from_regex(r"[a-z]{1,8}\.example(/[a-zé0-9]{1,8})?", fullmatch=True)
times = st.integers(1, 2**63 - 1)


def test_the_specifications_own_line() -> None:
    """Its key id, its time and its 64 bytes are where the text says."""
    line = parse_line(SPEC_LINE.encode())
    assert line_bytes(line) == SPEC_LINE.encode()
    assert (line.name, line.key_id.hex(), len(line.signature)) == (
        "witness.example.com/w1",
        "8d66cf3f",
        72,
    )
    assert int.from_bytes(line.signature[:8], "big") == 1679315147
    assert cosigned_bytes(SPEC_TEXT, 1679315147) == (
        b"cosignature/v1\ntime 1679315147\n" + SPEC_TEXT.encode()
    )


def test_the_specifications_own_verifier_key() -> None:
    """It is read, written again as it was, and verifies the specification's note."""
    key = parse_verifier_key(SPEC_KEY, ED25519)
    assert (key.name, key.key_id.hex(), str(key)) == ("example.com/foo", "530d903a", SPEC_KEY)
    note = parse_note(SPEC_NOTE.encode())
    assert note.signatures[0].key_id == key.key_id
    verify_signature(key.public_key, note.text.encode(), note.signatures[0].signature)


def test_against_the_specifications_words() -> None:
    """Written out from the text with nothing but a hash and a signature: the same bytes."""
    at = 1_700_000_000
    line = cosign(TEXT, WITNESS, WITNESS_KEY.sign, at)
    material = b"witness.example/w1" + b"\x0a" + b"\x04" + WITNESS_KEY.public_key
    raw = hashlib.sha256(material).digest()[:4] + (1_700_000_000).to_bytes(8, "big")
    assert from_base64(signature_line(line).split(" ")[2].strip())[:12] == raw
    message = b"cosignature/v1\ntime 1700000000\n" + TEXT.encode()
    Ed25519PublicKey.from_public_bytes(WITNESS_KEY.public_key).verify(line.signature[8:], message)
    assert str(WITNESS) == "witness.example/w1+" + raw[:4].hex() + "+" + to_base64(
        b"\x04" + WITNESS_KEY.public_key
    )


@given(names, st.integers(0, 2**53 - 1), times, st.text(max_size=4))
def test_making_and_checking_are_a_pair(name: str, size: int, at: int, seed: str) -> None:
    """What a witness signed holds, and says who and when; after bytes and back as well."""
    signer = throwaway_key(seed)
    witness = VerifierKey(name, signer.public_key, COSIGNATURE)
    text = checkpoint_text(Checkpoint(ORIGIN, size, b"\1" * 32))
    line = parse_line(line_bytes(cosign(text, witness, signer.sign, at)))
    found = check_cosignature(text, line, witness)
    assert (found.witness, found.at, found.line) == (witness, at, line)
    assert parse_lines(signature_line(line).encode() * 2) == [line, line]


@given(names, st.sampled_from([ED25519, COSIGNATURE]), st.text(max_size=4))
def test_writing_and_reading_a_verifier_key_are_a_pair(name: str, kind: int, seed: str) -> None:
    """It comes back, and is not taken for one of another type."""
    key = VerifierKey(name, throwaway_key(seed).public_key, kind)
    assert parse_verifier_key(str(key), kind) == key
    with pytest.raises(NoteError, match="not of signature type"):
        parse_verifier_key(str(key), ED25519 + COSIGNATURE - kind)


def test_every_byte_of_a_cosigned_note_counts() -> None:
    """Whatever bit is flipped: refused, or no word of this witness any more."""
    line = cosign(TEXT, WITNESS, WITNESS_KEY.sign, 1_700_000_000)
    whole = with_lines(NOTE, [line_bytes(line)])
    start = len(NOTE.split(b"\n\n")[0]) + 2
    head_line = range(start, len(NOTE))
    for offset, spoiled in mangle(whole, bits=(0, 1, 2, 3, 4, 5, 6, 7)):
        if offset in head_line:
            continue
        try:
            note = parse_note(spoiled)
            held = check_cosignatures(note.text, note.signatures, [WITNESS])
        except LedgerError:
            continue
        assert held == [], offset


def test_a_text_with_extension_lines_is_signed_whole() -> None:
    """The format allows them, and what they say is part of what is signed."""
    line = cosign(TEXT + "extension\n", WITNESS, WITNESS_KEY.sign, 1)
    check_cosignature(TEXT + "extension\n", line, WITNESS)
    with pytest.raises(InvalidSignatureError):
        check_cosignature(TEXT, line, WITNESS)


def test_strangers_are_passed_over_and_known_witnesses_must_hold() -> None:
    """As the note format demands."""
    mine = cosign(TEXT, WITNESS, WITNESS_KEY.sign, 7)
    stranger = VerifierKey("other.example", throwaway_key("other").public_key, COSIGNATURE)
    theirs = cosign(TEXT, stranger, throwaway_key("other").sign, 8)
    found = check_cosignatures(TEXT, [theirs, mine], [WITNESS])
    assert [one.at for one in found] == [7]
    forged = NoteSignature(WITNESS.name, WITNESS.key_id, theirs.signature)
    with pytest.raises(InvalidSignatureError):
        check_cosignatures(TEXT, [mine, forged], [WITNESS])


@pytest.mark.parametrize("signature", [b"", b"\0" * 71, b"\0" * 72, b"\xff" * 72, b"\0" * 73])
def test_what_is_no_cosignature(signature: bytes) -> None:
    """Too short, too long, without a time, or with one that is none."""
    line = NoteSignature(WITNESS.name, WITNESS.key_id, signature)
    with pytest.raises(InvalidSignatureError):
        check_cosignature(TEXT, line, WITNESS)


def test_a_heads_signature_is_no_cosignature() -> None:
    """A key with two uses could have one signature taken for another: the key ids differ."""
    both = throwaway_key("both").public_key
    assert key_id("n", both) != key_id("n", both, COSIGNATURE)
    head = VerifierKey(WITNESS.name, WITNESS.public_key, ED25519)
    line = NoteSignature(head.name, head.key_id, b"\1" * 72)
    with pytest.raises(InvalidSignatureError):
        check_cosignature(TEXT, line, head)
    with pytest.raises(InvalidSignatureError, match="is not of"):
        check_cosignature(TEXT, line, WITNESS)


def test_lines_are_put_under_a_note_once() -> None:
    """A note with a line under it twice is the note with it once."""
    line = line_bytes(cosign(TEXT, WITNESS, WITNESS_KEY.sign, 7))
    once = with_lines(NOTE, [line])
    assert with_lines(NOTE, []) == NOTE
    assert once == with_lines(once, [line, line]) == NOTE + line + b"\n"


@pytest.mark.parametrize("at", [0, -1, 2**63])
def test_a_time_that_is_none(at: int) -> None:
    """It is not signed."""
    with pytest.raises(ValueError, match="is no time"):
        cosigned_bytes(TEXT, at)


@pytest.mark.parametrize(
    "raw", [b"", b"\n", b"line\n", SPEC_LINE.encode(), b"\xff\n", SPEC_LINE.encode() + b"\n\n"]
)
def test_what_are_no_lines(raw: bytes) -> None:
    """A witness answers with whole lines and nothing else."""
    with pytest.raises(NoteError):
        parse_lines(raw)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "na me+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k\n",
        str(VerifierKey("n", b"\1" + b"\0" * 31, ED25519)),
        str(VerifierKey("n", b"\1" * 31, ED25519)),
    ],
)
def test_what_is_no_verifier_key(text: str) -> None:
    """Another writing, another key id, or bytes that are refused as a key."""
    with pytest.raises(LedgerError):
        parse_verifier_key(text, ED25519)
