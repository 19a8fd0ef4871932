"""The tree: against other people's proofs, and against itself."""

import json
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import MerkleProofError
from ledger.merkle import (
    EMPTY_ROOT,
    Frontier,
    check_consistency,
    check_inclusion,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root,
)
from ledger.testing import mangle

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "vectors" / "merkle"

trees = st.lists(st.binary(max_size=4).map(leaf_hash), min_size=1, max_size=70)


def vectors(name: str) -> list[Any]:
    """Read a file of published proofs; the test is skipped where there is none."""
    path = VECTORS / name
    if not path.is_file():
        return [pytest.param({}, marks=pytest.mark.skip(reason=f"no {name} beside the project"))]
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [pytest.param(line, id=line["name"]) for line in lines]


def nodes(proof: list[str] | None) -> list[bytes]:
    """Read a proof's hashes."""
    return [b64decode(node) for node in proof or []]


@pytest.mark.parametrize("vector", vectors("inclusion.jsonl"))
def test_published_inclusion_proofs(vector: dict[str, Any]) -> None:
    """Each proof is accepted or refused as its authors say."""
    leaf, expected = b64decode(vector["leafHash"]), b64decode(vector["root"])
    proof = nodes(vector["proof"])
    if vector["wantErr"]:
        with pytest.raises(MerkleProofError):
            check_inclusion(leaf, vector["leafIdx"], vector["treeSize"], proof, expected)
    else:
        check_inclusion(leaf, vector["leafIdx"], vector["treeSize"], proof, expected)


@pytest.mark.parametrize("vector", vectors("consistency.jsonl"))
def test_published_consistency_proofs(vector: dict[str, Any]) -> None:
    """Each proof is accepted or refused as its authors say."""
    roots = b64decode(vector["root1"]), b64decode(vector["root2"])
    proof = nodes(vector["proof"])
    if vector["wantErr"]:
        with pytest.raises(MerkleProofError):
            check_consistency(vector["size1"], vector["size2"], proof, *roots)
    else:
        check_consistency(vector["size1"], vector["size2"], proof, *roots)


def defined_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(defined_root(leaves[:split]), defined_root(leaves[split:]))


@given(trees)
def test_the_root_is_the_defined_one(leaves: list[bytes]) -> None:
    """The growing edge leads to the same root as the definition."""
    assert root(leaves) == defined_root(leaves)


def test_no_leaves_have_a_root() -> None:
    """The root of nothing is the hash of nothing."""
    assert root([]) == EMPTY_ROOT == Frontier().root()


@given(trees, st.data())
def test_the_edge_can_be_put_away_and_taken_up(leaves: list[bytes], data: st.DataObject) -> None:
    """A frontier that was written and read goes on as the one before."""
    split = data.draw(st.integers(0, len(leaves)))
    frontier = Frontier()
    for leaf in leaves[:split]:
        frontier.append(leaf)
    again = Frontier.from_bytes(frontier.to_bytes())
    grown = again.copy()
    for leaf in leaves[split:]:
        grown.append(leaf)
    assert grown.root() == root(leaves)
    assert (grown.size, again.size) == (len(leaves), split)
    assert again.peaks == frontier.peaks


@pytest.mark.parametrize(
    "raw", [b"", b"\0" * 7, b"\0" * 9, b"\0" * 8 + b"x" * 32, b"\0" * 7 + b"\1", b"\xff" * 40]
)
def test_other_bytes_are_no_edge(raw: bytes) -> None:
    """A cache that was damaged is noticed where that is possible."""
    with pytest.raises(ValueError, match=r"frontier|peaks"):
        Frontier.from_bytes(raw)


def test_a_peak_is_a_hash() -> None:
    """Peaks of another length are refused."""
    with pytest.raises(ValueError, match="32 bytes"):
        Frontier(1, [b"short"])


@given(trees, st.data())
def test_every_leaf_can_be_proved(leaves: list[bytes], data: st.DataObject) -> None:
    """A proof is accepted for its leaf, place, size and root, and for no other."""
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof, size, top = inclusion_proof(leaves, index), len(leaves), root(leaves)
    leaf = leaves[index]
    check_inclusion(leaf, index, size, proof, top)
    spoiled = [
        (leaf_hash(b"other one"), index, size, proof, top),
        (leaf, size, size, proof, top),
        (leaf, -1, size, proof, top),
        (leaf, index, size, [*proof, top], top),
        (leaf, index, size, proof, leaf_hash(b"another root")),
        (leaf, index, size, proof, top[:-1]),
    ]
    if proof:
        spoiled.append((leaf, index, size, proof[:-1], top))
    for case in spoiled:
        with pytest.raises(MerkleProofError):
            check_inclusion(*case)


@given(trees, st.data())
def test_every_growth_can_be_proved(leaves: list[bytes], data: st.DataObject) -> None:
    """A proof is accepted for its two sizes and roots, and for no others."""
    old = data.draw(st.integers(1, len(leaves)))
    proof, size = consistency_proof(leaves, old), len(leaves)
    old_root, new_root = root(leaves[:old]), root(leaves)
    check_consistency(old, size, proof, old_root, new_root)
    other = leaf_hash(b"another root")
    spoiled = [
        (old, size, proof, other, new_root),
        (old, size, proof, old_root, other),
        (old, size, [*proof, other], old_root, new_root),
        (size + 1, size, proof, old_root, new_root),
        (0, size, proof, old_root, new_root),
    ]
    if proof:
        spoiled.append((old, size, proof[:-1], old_root, new_root))
    for case in spoiled:
        with pytest.raises(MerkleProofError):
            check_consistency(*case)


def test_a_flipped_bit_fails() -> None:
    """No bit of a proof is without meaning."""
    leaves = [leaf_hash(bytes([number])) for number in range(11)]
    for spoiled in flipped(inclusion_proof(leaves, 6)):
        with pytest.raises(MerkleProofError):
            check_inclusion(leaves[6], 6, 11, spoiled, root(leaves))
    for spoiled in flipped(consistency_proof(leaves, 6)):
        with pytest.raises(MerkleProofError):
            check_consistency(6, 11, spoiled, root(leaves[:6]), root(leaves))


def flipped(proof: list[bytes]) -> Iterator[list[bytes]]:
    """Yield a proof with one bit flipped, for each byte."""
    for _, raw in mangle(b"".join(proof)):
        yield [raw[at : at + 32] for at in range(0, len(raw), 32)]


def test_proofs_of_nothing_are_refused() -> None:
    """There is no leaf outside the tree, and no tree before the first leaf."""
    with pytest.raises(ValueError, match="no leaf 1"):
        inclusion_proof([EMPTY_ROOT], 1)
    with pytest.raises(ValueError, match="does not continue"):
        consistency_proof([EMPTY_ROOT], 0)
    with pytest.raises(ValueError, match="does not continue"):
        consistency_proof([EMPTY_ROOT], 2)


@given(st.integers(0, 70), st.lists(st.integers(0, 40), max_size=4), st.integers(1, 9))
def test_adding_many_is_adding_each(start: int, groups: list[int], at_once: int) -> None:
    """Leaves that are added level by level give the tree that they give one by one."""
    one, many = Frontier(), Frontier()
    for place in range(start):
        one.append(leaf_hash(b"%d" % place))
        many.append(leaf_hash(b"%d" % place))
    for number, count in enumerate(groups):
        added = [leaf_hash(b"%d/%d" % (number, place)) for place in range(count)]
        for leaf in added:
            one.append(leaf)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("ledger.merkle._AT_ONCE", at_once)
            many.extend(iter(added))
    assert (many.size, many.peaks, many.root()) == (one.size, one.peaks, one.root())
