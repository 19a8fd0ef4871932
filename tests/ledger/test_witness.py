"""A witness: C2SP tlog-witness to the letter, and never two histories of one log."""

import threading
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.checkpoint import Checkpoint, SignedNote, VerifierKey, note_bytes, parse_note
from ledger.cosignature import check_cosignatures, parse_lines
from ledger.encoding import digest
from ledger.errors import LedgerError
from ledger.merkle import consistency_proof, leaf_hash, root
from ledger.signing import sign_checkpoint
from ledger.testing import mangle, throwaway_key
from ledger.witness import (
    AddCheckpoint,
    Witness,
    WitnessRefusalError,
    WitnessStateError,
    parse_log,
    parse_request,
    request_bytes,
)

ORIGIN = "example.com/ledger"
HEAD = throwaway_key("head")
LOG = VerifierKey(ORIGIN, HEAD.public_key)
LEAVES = [leaf_hash(bytes([number])) for number in range(40)]
OTHER = [*LEAVES[:3], *(leaf_hash(bytes([200, number])) for number in range(37))]


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    """A witness of one log that has cosigned nothing yet."""
    return at(tmp_path)


def at(folder: Path, now: Callable[[], int] = lambda: 1000) -> Witness:
    """Return a witness that remembers in this folder."""
    return Witness("w.example", throwaway_key("witness"), folder, [LOG], now)


def note(size: int, leaves: list[bytes] = LEAVES) -> bytes:
    """Return a head that the log signed."""
    return sign_checkpoint(Checkpoint(ORIGIN, size, root(leaves[:size])), HEAD)


def asked(old: int, size: int, leaves: list[bytes] = LEAVES) -> AddCheckpoint:
    """Return a request that a log makes."""
    proof = consistency_proof(leaves[:size], old) if 0 < old <= size else []
    return AddCheckpoint(old, tuple(proof), note(size, leaves))


def refused(witness: Witness, request: AddCheckpoint | bytes) -> WitnessRefusalError:
    """Return with what a witness refuses."""
    raw = request if isinstance(request, bytes) else request_bytes(request)
    with pytest.raises(WitnessRefusalError) as caught:
        witness.add_checkpoint(raw)
    return caught.value


def test_a_growing_log_is_cosigned(witness: Witness) -> None:
    """Each line holds under its head; the same head may be cosigned again."""
    known = 0
    for size in (0, 1, 2, 7, 7, 8, 33):
        request = asked(known, size)
        lines = parse_lines(witness.add_checkpoint(request_bytes(request)))
        text = parse_note(request.note).text
        held = check_cosignatures(text, lines, [witness.key])
        assert [one.at for one in held] == [1000]
        known = size


@given(st.integers(0, 2**53), st.lists(st.binary(min_size=32, max_size=32), max_size=63))
def test_writing_and_reading_a_request_are_a_pair(old: int, proof: list[bytes]) -> None:
    """It comes back as it was."""
    request = AddCheckpoint(old, tuple(proof), note(3))
    assert parse_request(request_bytes(request)) == request


def test_what_the_specification_answers(witness: Witness) -> None:
    """Each refusal with its status, and nothing is remembered by it."""
    witness.add_checkpoint(request_bytes(asked(0, 5)))
    stranger = sign_checkpoint(Checkpoint("other.example", 6, root(LEAVES[:6])), HEAD)
    unsigned = sign_checkpoint(Checkpoint(ORIGIN, 6, root(LEAVES[:6])), throwaway_key("no"))
    good = asked(5, 6)
    parsed = parse_note(good.note)
    (line,) = parsed.signatures
    bad_line = replace(line, signature=b"\1" * 64)
    spoiled = note_bytes(SignedNote(parsed.text, (line, bad_line)))
    cases = [
        (replace(good, note=stranger), HTTPStatus.NOT_FOUND),
        (replace(good, note=unsigned), HTTPStatus.FORBIDDEN),
        (replace(good, note=spoiled), HTTPStatus.FORBIDDEN),
        (replace(good, old_size=7), HTTPStatus.BAD_REQUEST),
        (asked(0, 6), HTTPStatus.CONFLICT),
        (asked(4, 6), HTTPStatus.CONFLICT),
        (asked(4, 4), HTTPStatus.CONFLICT),
        (replace(good, proof=()), HTTPStatus.UNPROCESSABLE_ENTITY),
        (replace(good, proof=(*good.proof, LEAVES[0])), HTTPStatus.UNPROCESSABLE_ENTITY),
        (asked(5, 6, OTHER), HTTPStatus.UNPROCESSABLE_ENTITY),
        (asked(5, 5, OTHER), HTTPStatus.UNPROCESSABLE_ENTITY),
    ]
    for request, status in cases:
        error = refused(witness, request)
        assert error.status is status, request
        assert error.size == (5 if status is HTTPStatus.CONFLICT else None)
    witness.add_checkpoint(request_bytes(good))


def test_the_empty_tree(witness: Witness) -> None:
    """Its root is the hash of nothing, and nothing is proven from it."""
    empty = sign_checkpoint(Checkpoint(ORIGIN, 0, b"\1" * 32), HEAD)
    wrong = AddCheckpoint(0, (), empty)
    assert refused(witness, wrong).status is HTTPStatus.UNPROCESSABLE_ENTITY
    proven = replace(asked(0, 3), proof=(LEAVES[0],))
    assert refused(witness, proven).status is HTTPStatus.UNPROCESSABLE_ENTITY
    witness.add_checkpoint(request_bytes(asked(0, 0)))
    witness.add_checkpoint(request_bytes(asked(0, 3)))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"old 0",
        b"old 0\n",
        b"old 00\n\n" + note(1),
        b"old -1\n\n" + note(1),
        b"old 1\n" + b"A" * 44 + b"\n\n" + note(1),
        b"old 1\nAAAA\n\n" + note(1),
        b"old 1\n\xff\n\n" + note(1),
        b"new 0\n\n" + note(1),
        b"old 0\n\n",
        b"old 0\n\n" + note(1)[:-1],
        b"old 0\n\nno checkpoint\n\n" + note(1).partition(b"\n\n")[2],
        b"old 1\n" + b"CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n" * 64 + b"\n" + note(1),
    ],
)
def test_what_is_no_request(raw: bytes, witness: Witness, tmp_path: Path) -> None:
    """Refused as malformed, and nothing is remembered."""
    assert refused(witness, raw).status is HTTPStatus.BAD_REQUEST
    assert not remembered(tmp_path)


def remembered(folder: Path) -> list[Path]:
    """Return what a witness remembers."""
    return list(folder.glob("*.head"))


def test_a_request_that_is_too_large(witness: Witness) -> None:
    """It is not even looked at."""
    raw = b"old 0\n\n" + b"x" * 80_000
    assert refused(witness, raw).status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def test_every_byte_of_a_request_counts(witness: Witness) -> None:
    """Whatever is flipped, no head but the one that the log signed is ever cosigned."""
    witness.add_checkpoint(request_bytes(asked(0, 5)))
    request = asked(5, 13)
    text = parse_note(request.note).text
    for _, spoiled in mangle(request_bytes(request), bits=(0, 2, 6)):
        try:
            lines = parse_lines(witness.add_checkpoint(spoiled))
        except LedgerError:
            continue
        pytest.fail(f"signed {lines} for {spoiled!r}, asked for {text!r}")


def test_the_memory_outlives_the_process(tmp_path: Path) -> None:
    """Another process with the same folder goes on from there, and its clock never goes back."""
    at(tmp_path, lambda: 2000).add_checkpoint(request_bytes(asked(0, 5)))
    again = at(tmp_path, lambda: 1500)
    assert refused(again, asked(0, 6)).size == 5
    request = asked(5, 6)
    lines = parse_lines(again.add_checkpoint(request_bytes(request)))
    held = check_cosignatures(parse_note(request.note).text, lines, [again.key])
    assert [one.at for one in held] == [2000]


def test_a_damaged_memory_signs_nothing(tmp_path: Path) -> None:
    """Whatever byte of it is flipped: it says so, or it still says what was signed."""
    witness = at(tmp_path)
    witness.add_checkpoint(request_bytes(asked(0, 5)))
    (path,) = remembered(tmp_path)
    raw = path.read_bytes()
    for _, spoiled in mangle(raw, bits=(0, 5)):
        path.write_bytes(spoiled)
        with pytest.raises(LedgerError) as caught:
            witness.add_checkpoint(request_bytes(asked(0, 3, OTHER)))
        assert isinstance(caught.value, WitnessStateError | WitnessRefusalError)
    path.write_bytes(b"")
    with pytest.raises(WitnessStateError, match="put it back"):
        witness.add_checkpoint(request_bytes(asked(0, 3, OTHER)))


def test_many_at_once_never_get_two_histories(tmp_path: Path) -> None:
    """Threads, each with an object of its own, race for two histories: one of them is signed."""
    signed: list[tuple[int, bytes]] = []
    begin = threading.Barrier(8)

    def race(number: int) -> None:
        witness = at(tmp_path)
        leaves = (LEAVES, OTHER)[number % 2]
        known = 0
        begin.wait()
        for size in (4, 5, 9, 17, 31):
            try:
                witness.add_checkpoint(request_bytes(asked(known, size, leaves)))
                signed.append((size, root(leaves[:size])))
                known = size
            except WitnessRefusalError as error:
                known = error.size if error.size is not None else known

    threads = [threading.Thread(target=race, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winner = next(
        leaves for leaves in (LEAVES, OTHER) if signed[0][1] == root(leaves[: signed[0][0]])
    )
    assert all(found == root(winner[:size]) for size, found in signed)


def test_the_last_head_is_shown_with_both_lines(witness: Witness) -> None:
    """And with no line of anybody else, whoever put one there."""
    request = asked(0, 5)
    ours = parse_note(request.note)
    theirs = replace(ours.signatures[0], name="stranger.example")
    strange = note_bytes(SignedNote(ours.text, (theirs, *ours.signatures)))
    line = witness.add_checkpoint(request_bytes(replace(request, note=strange)))
    assert witness.checkpoint(digest(ORIGIN.encode())) == request.note + line
    assert witness.checkpoint(digest(b"other")) is None


def test_a_witnesss_key_is_no_logs_key() -> None:
    """A verifier key says what it is for."""
    assert parse_log(str(LOG)) == LOG
    witness = Witness("w.example", HEAD, Path(), [LOG], lambda: 1)
    with pytest.raises(LedgerError, match="a log's key is asked for"):
        parse_log(str(witness.key))
