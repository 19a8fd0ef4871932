"""Proofs out of stores, bundles and tiles are the same; witnesses are counted where asked for."""

from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ledger.bundle import Bundle
from ledger.bundle_writing import write_bundle
from ledger.checkpoint import COSIGNATURE, VerifierKey, parse_checkpoint, parse_note
from ledger.cosignature import cosign, line_bytes, with_lines
from ledger.encoding import decode, encode, from_base64, to_base64
from ledger.errors import EncodingError, ProofFormatError, UnprovenRecordError
from ledger.proof import Extra, Proof, check_proof, make_proof, parse_proof, proof_bytes
from ledger.signing import MemoryKey
from ledger.store import Store
from ledger.testing import BuiltLedger, mangle, throwaway_key
from ledger.tiles import TiledTree


def witness(name: str, key: MemoryKey | None = None) -> tuple[VerifierKey, MemoryKey]:
    """Return a witness with its key."""
    key = key or throwaway_key(name)
    return VerifierKey(name, key.public_key, COSIGNATURE), key


def cosigned(note: bytes, *witnesses: tuple[VerifierKey, MemoryKey]) -> bytes:
    """Return a note with these witnesses' lines."""
    text = parse_note(note).text
    lines = (cosign(text, one, key.sign, 1_800_000_000) for one, key in witnesses)
    return with_lines(note, (line_bytes(line) for line in lines))


def test_a_proof_is_the_same_wherever_it_is_made(built: BuiltLedger, tmp_path: Path) -> None:
    """From the store, from a bundle's entries, from its tiles."""
    with Store.open(built.path) as store:
        note = list(store.checkpoints())[-1][1]
        size = parse_checkpoint(parse_note(note).text).size
        write_bundle(store, tmp_path / "b.zip", tiled=True)
        with Bundle.open(tmp_path / "b.zip") as bundle:
            tree = TiledTree(bundle.tile, size)
            for index in range(size):
                whole = make_proof(store, index, note)
                assert make_proof(bundle, index, note) == whole
                assert make_proof(bundle, index, note, tree) == whole
                assert check_proof(whole, built.founded.genesis).index == index
            with pytest.raises(ValueError, match="tiles of 1"):
                make_proof(bundle, 0, note, TiledTree(bundle.tile, 1))


def test_a_proof_without_the_record(built: BuiltLedger, tmp_path: Path) -> None:
    """Out of a bundle that holds it back, or because it was asked for: place, digest and signer."""
    genesis = built.founded.genesis
    with Store.open(built.path) as store:
        note = list(store.checkpoints())[-1][1]
        write_bundle(store, tmp_path / "b", lambda index: index < 4)
        with Bundle.open(tmp_path / "b") as bundle:
            for index in range(4, bundle.size() - 1):
                raw = make_proof(bundle, index, note)
                assert raw == make_proof(store, index, note, shown=False)
                assert proof_bytes(parse_proof(raw)) == raw
                full = check_proof(make_proof(store, index, note), genesis)
                proven = check_proof(raw, genesis)
                assert full.record is not None
                assert proven == replace(full, record=None)
                assert proven.identity == full.record.by


def test_each_byte_of_a_proof_without_the_record_counts(built: BuiltLedger) -> None:
    """Nothing in it is only carried along."""
    with Store.open(built.path) as store:
        raw = make_proof(store, 5, list(store.checkpoints())[-1][1], shown=False)
    check_proof(raw, built.founded.genesis)
    for _, spoiled in islice(mangle(raw, bits=(0,)), 0, None, 3):
        with pytest.raises((ProofFormatError, UnprovenRecordError)):
            check_proof(spoiled, built.founded.genesis)


def test_a_record_that_is_null_is_not_withheld(built: BuiltLedger) -> None:
    """There is one way to leave it out."""
    with Store.open(built.path) as store:
        raw = make_proof(store, 5, list(store.checkpoints())[-1][1], shown=False)
    lines = raw.split(b"\n")
    value = decode(from_base64(lines[1].split()[1].decode()))
    lines[1] = b"extra " + to_base64(encode({**value, "record": None})).encode()
    with pytest.raises(ProofFormatError, match="null"):
        parse_proof(b"\n".join(lines))


@given(
    record=st.one_of(st.none(), st.text()),
    header=st.text(),
    path=st.lists(st.binary(min_size=32, max_size=32), max_size=64),
    index=st.integers(0, 2**53 - 1),
    checkpoint=st.binary(max_size=64),
)
def test_any_proof_comes_back(
    record: str | None, header: str, path: list[bytes], index: int, checkpoint: bytes
) -> None:
    """What is written is read again, with a record and without."""
    extra = Extra.model_validate(
        {
            "header": header,
            "record": record,
            "submission": "",
            "signature": to_base64(b"s" * 64),
            "path": (),
            "genesis": "",
            "authority": (),
        }
    )
    proof = Proof(extra, index, tuple(path), checkpoint)
    try:
        raw = proof_bytes(proof)
    except EncodingError:
        assume(False)  # noqa: FBT003  (Hypothesis has it so)
        raise
    assert parse_proof(raw) == proof
    assert (b"record" in from_base64(raw.split(b"\n")[1].split()[1].decode())) is (
        record is not None or "record" in header
    )


def test_witnesses_are_counted_by_distinct_keys(built: BuiltLedger) -> None:
    """Enough of those whom the auditor knows; nobody twice, and never the ledger itself."""
    one, two = witness("one.example"), witness("two.example")
    again = witness("alias.example", one[1])
    own = witness("own.example", throwaway_key("x"))
    known = [found[0] for found in (one, two, again, own)]
    genesis = built.founded.genesis
    with Store.open(built.path) as store:
        note = list(store.checkpoints())[-1][1]
        both = make_proof(store, 4, cosigned(note, one, two))
        twice = make_proof(store, 4, cosigned(note, one, again))
        forged = make_proof(store, 4, cosigned(note, (one[0], two[1])))
    assert check_proof(both, genesis, known, 2).index == 4
    for raw, quorum in ((both, 3), (twice, 2), (forged, 0)):
        with pytest.raises(UnprovenRecordError, match="step 3"):
            check_proof(raw, genesis, known, quorum)
    assert check_proof(forged, genesis).index == 4


@pytest.mark.parametrize(
    ("max_age", "at", "why"),
    [
        (60, 1_800_000_060, ""),
        (60, 1_800_000_061, "within the last 60 seconds"),
        (None, 1_900_000_000, ""),
        (60, None, "no time was given"),
        (60, 1_799_999_700, ""),
        (60, 1_799_999_699, "0 witnesses cosigned"),
        (None, 1_799_999_699, "0 witnesses cosigned"),
    ],
)
def test_the_age_of_cosignatures(
    max_age: int | None, at: int | None, why: str, built: BuiltLedger
) -> None:
    """Neither older than is asked for, nor from a future that no clock is wrong by."""
    one, genesis = witness("one.example"), built.founded.genesis
    with Store.open(built.path) as store:
        raw = make_proof(store, 4, cosigned(list(store.checkpoints())[-1][1], one))
    assert check_proof(raw, genesis, max_age=max_age, at=at).index == 4
    if not why:
        assert check_proof(raw, genesis, [one[0]], 1, max_age=max_age, at=at).index == 4
        return
    with pytest.raises(UnprovenRecordError, match=f"step 3: .*{why}"):
        check_proof(raw, genesis, [one[0]], 1, max_age=max_age, at=at)
