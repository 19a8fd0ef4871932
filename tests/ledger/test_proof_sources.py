"""Proofs out of stores, bundles and tiles are the same; witnesses are counted where asked for."""

from pathlib import Path

import pytest

from ledger.bundle import Bundle
from ledger.bundle_writing import write_bundle
from ledger.checkpoint import COSIGNATURE, VerifierKey, parse_checkpoint, parse_note
from ledger.cosignature import cosign, line_bytes, with_lines
from ledger.errors import StoreError, UnprovenRecordError
from ledger.proof import check_proof, make_proof
from ledger.signing import MemoryKey
from ledger.store import Store
from ledger.testing import BuiltLedger, throwaway_key
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


def test_a_withheld_record_has_no_proof(built: BuiltLedger, tmp_path: Path) -> None:
    """A proof is of a record, and a bundle that holds it back cannot make one."""
    with Store.open(built.path) as store:
        note = list(store.checkpoints())[-1][1]
        write_bundle(store, tmp_path / "b", lambda index: index != 4)
    with (
        Bundle.open(tmp_path / "b") as bundle,
        pytest.raises(StoreError, match="does not have its record"),
    ):
        make_proof(bundle, 4, note)


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
