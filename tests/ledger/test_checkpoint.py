"""Checkpoints: signed notes that others can read and check."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.checkpoint import (
    Checkpoint,
    NoteSignature,
    SignedNote,
    VerifiedCheckpoint,
    checkpoint_text,
    key_id,
    note_bytes,
    open_checkpoint,
    parse_checkpoint,
    parse_note,
)
from ledger.encoding import MAX_INTEGER, from_base64
from ledger.errors import InvalidSignatureError, LedgerError, NoteError
from ledger.keys import verify_signature
from ledger.signing import sign_checkpoint
from ledger.testing import mangle, throwaway_key

ORIGIN = "example.com/ledger"
KEY = throwaway_key("head")
HEAD = Checkpoint(ORIGIN, 5, b"\7" * 32)

# From the documentation of golang.org/x/mod/sumdb/note.
KNOWN_KEY = from_base64("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
KNOWN_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6"
    "KE6RyyBwJnAM=\n"
).encode()

origins = st.from_regex(r"[a-z]{1,8}\.example(/[a-zé0-9]{1,8})?", fullmatch=True)
checkpoints = st.builds(
    Checkpoint, origins, st.integers(0, MAX_INTEGER), st.binary(min_size=32, max_size=32)
)
lines = st.builds(
    NoteSignature,
    origins,
    st.binary(min_size=4, max_size=4),
    st.binary(min_size=1, max_size=90),
)


@given(checkpoints)
def test_writing_and_reading_return_the_checkpoint(checkpoint: Checkpoint) -> None:
    """The three lines say the checkpoint and nothing else."""
    assert parse_checkpoint(checkpoint_text(checkpoint)) == checkpoint


@given(checkpoints, st.lists(lines, min_size=1, max_size=16))
def test_writing_and_reading_return_the_note(
    checkpoint: Checkpoint, signatures: list[NoteSignature]
) -> None:
    """A note with many signatures comes back, line by line."""
    note = SignedNote(checkpoint_text(checkpoint), tuple(signatures))
    assert parse_note(note_bytes(note)) == note


@given(checkpoints)
def test_signing_and_opening_are_a_pair(checkpoint: Checkpoint) -> None:
    """What a head key signed is opened with its public key."""
    opened = open_checkpoint(sign_checkpoint(checkpoint, KEY), checkpoint.origin, [KEY.public_key])
    assert (opened.checkpoint, opened.key) == (checkpoint, KEY.public_key)


def test_every_byte_counts() -> None:
    """Whatever bit of a checkpoint is flipped, it is not opened."""
    note = sign_checkpoint(HEAD, KEY)
    for _, spoiled in mangle(note, bits=(0, 1, 2, 3, 4, 5, 6, 7)):
        with pytest.raises(LedgerError):
            open_checkpoint(spoiled, ORIGIN, [KEY.public_key])


def test_the_key_id_is_c2sps() -> None:
    """The note and key that the format's first implementation shows as its example."""
    kind, public_key = KNOWN_KEY[:1], KNOWN_KEY[1:]
    assert kind == b"\1"
    assert key_id("PeterNeumann", public_key).hex() == "c74f20a3"
    note = parse_note(KNOWN_NOTE)
    assert note.signatures[0].key_id.hex() == "c74f20a3"
    verify_signature(public_key, note.text.encode(), note.signatures[0].signature)
    assert note_bytes(note) == KNOWN_NOTE


def with_lines(*more: NoteSignature) -> bytes:
    """Return the head's note with further signature lines before its own."""
    note = parse_note(sign_checkpoint(HEAD, KEY))
    return note_bytes(replace(note, signatures=(*more, *note.signatures)))


def test_unknown_signatures_are_passed_over() -> None:
    """Witnesses may sign too, whether one knows them or not, even under our name."""
    stranger = NoteSignature("witness.example", b"abcd", b"whatever")
    namesake = NoteSignature(ORIGIN, b"abcd", b"whatever")
    note = with_lines(stranger, namesake)
    assert open_checkpoint(note, ORIGIN, [KEY.public_key]).checkpoint == HEAD


def test_a_known_key_must_have_signed_well() -> None:
    """A bad signature of a known key spoils the note, though a good one stands beside it."""
    short = NoteSignature(ORIGIN, key_id(ORIGIN, KEY.public_key), b"short")
    wrong = NoteSignature(ORIGIN, key_id(ORIGIN, KEY.public_key), b"\1" * 64)
    for line in (short, wrong):
        with pytest.raises(InvalidSignatureError):
            open_checkpoint(with_lines(line), ORIGIN, [KEY.public_key])


def test_somebody_elses_head_is_not_opened() -> None:
    """Unknown key, no key, or another ledger's origin."""
    note = sign_checkpoint(HEAD, KEY)
    with pytest.raises(InvalidSignatureError, match="no head key"):
        open_checkpoint(note, ORIGIN, [throwaway_key("other").public_key])
    with pytest.raises(InvalidSignatureError, match="no head key"):
        open_checkpoint(note, ORIGIN, [])
    with pytest.raises(NoteError, match=r"not of example\.com/other"):
        open_checkpoint(note, "example.com/other", [KEY.public_key])


def test_only_opening_verifies() -> None:
    """A verified checkpoint cannot be made up by hand."""
    with pytest.raises(ValueError, match="comes from open_checkpoint"):
        VerifiedCheckpoint(HEAD, KEY.public_key, b"")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "o\n1\n",
        "o\n01\n" + "A" * 43 + "=\n",
        "o\n-1\n" + "A" * 43 + "=\n",
        "o\n1\n" + "A" * 43 + "=\nextension\n",
        "o\n1\nAAAA\n",
        "o\n1\n" + "A" * 42 + "B=\n",
        "o\n9007199254740992\n" + "A" * 43 + "=\n",
        "o o\n1\n" + "A" * 43 + "=\n",
        "o+o\n1\n" + "A" * 43 + "=\n",
        "o\n1\n" + "A" * 43 + "=",
    ],
)
def test_other_texts_are_no_checkpoint(text: str) -> None:
    """One way of writing, and no extension lines."""
    with pytest.raises(NoteError):
        parse_checkpoint(text)


@pytest.mark.parametrize("origin", ["", "a b", "a+b", "a\nb", "x" * 256, "a\u2003b"])
def test_an_origin_can_name_a_key(origin: str) -> None:
    """What a signature line could not carry is refused before anything is signed."""
    with pytest.raises(NoteError, match="cannot be an origin"):
        sign_checkpoint(replace(HEAD, origin=origin), KEY)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"text\n\n\xe2\x80\x94 name AAAAAAA=",
        b"text\n\nname AAAAAAA=\n",
        b"text\n\n\xe2\x80\x94 name AAAA\n",
        b"text\n\n\xe2\x80\x94 name A\n",
        b"text\n\n\xe2\x80\x94 na+me AAAAAAA=\n",
        b"text\r\n\n\xe2\x80\x94 name AAAAAAA=\n",
        b"text\xff\n\n\xe2\x80\x94 name AAAAAAA=\n",
        b"x" * 65_537,
    ],
)
def test_other_bytes_are_no_note(raw: bytes) -> None:
    """Not UTF-8, control characters, no signature, or another line."""
    with pytest.raises(NoteError):
        parse_note(raw)


def test_a_text_may_hold_empty_lines() -> None:
    """The last empty line divides text from signatures."""
    note = parse_note("a\n\nb\n\n— name AAAAAAA=\n".encode())
    assert note.text == "a\n\nb\n"
