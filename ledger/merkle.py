"""The Merkle tree of RFC 6962: roots, inclusion, consistency. Pure arithmetic over hashes.

A leaf is given by its hash, SHA-256(0x00 ‖ data); an inner node is SHA-256(0x01 ‖ left ‖ right).
Whoever makes a proof needs the leaves, whoever checks one needs nothing but the roots.
Source: RFC 6962 section 2.1; the checks follow RFC 9162 sections 2.1.3.2 and 2.1.4.2.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import islice

from ledger.errors import MerkleProofError

HASH_SIZE = 32
_SIZE_BYTES = 8
_AT_ONCE = 1_024
EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf with this content."""
    return sha256(b"\x00" + data).digest()


def leaf_hashes(data: Iterable[bytes]) -> list[bytes]:
    """Return the hashes of leaves with these contents, in order."""
    return [sha256(b"\x00" + one).digest() for one in data]


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node over two subtrees."""
    return sha256(b"\x01" + left + right).digest()


def root(leaves: Iterable[bytes]) -> bytes:
    """Return the root over leaf hashes in order; for no leaves, the hash of nothing."""
    frontier = Frontier()
    frontier.extend(leaves)
    return frontier.root()


def _paired(nodes: Sequence[bytes]) -> list[bytes]:
    """Return the inner nodes over the first and second, the third and fourth, and so on."""
    left = iter(nodes)
    return [sha256(b"\x01" + one + other).digest() for one, other in zip(left, left, strict=False)]


class Frontier:
    """The right edge of a growing tree: the roots of its perfect subtrees, largest first.

    It is all that is needed to append and to know the root: at most 64 hashes, however large the
    tree.
    """

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        """Take up a tree where it was left.

        Raises:
            ValueError: A tree of this size has another number of peaks, or a peak is not a hash.
        """
        if size < 0 or len(peaks) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves does not have {len(peaks)} peaks")
        if any(len(peak) != HASH_SIZE for peak in peaks):
            raise ValueError(f"a peak is a hash of {HASH_SIZE} bytes")
        self._size = size
        self._peaks = list(peaks)

    @property
    def size(self) -> int:
        """Number of leaves."""
        return self._size

    @property
    def peaks(self) -> tuple[bytes, ...]:
        """Roots of the perfect subtrees, largest first: one for each bit set in the size."""
        return tuple(self._peaks)

    def append(self, leaf: bytes) -> None:
        """Add one leaf, given by its hash."""
        node = leaf
        # Each trailing one bit of the size is a perfect subtree that the new node completes.
        merging = self._size
        while merging & 1:
            node = node_hash(self._peaks.pop(), node)
            merging >>= 1
        self._peaks.append(node)
        self._size += 1

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaves in order, given by their hashes: level by level, which is quicker."""
        rest = iter(leaves)
        while nodes := list(islice(rest, _AT_ONCE)):
            level = self._size
            self._size += len(nodes)
            grown: list[bytes] = []
            while nodes:
                if level & 1:
                    nodes.insert(0, self._peaks.pop())
                if len(nodes) & 1:
                    grown.append(nodes.pop())
                nodes = _paired(nodes)
                level >>= 1
            self._peaks.extend(reversed(grown))

    def root(self) -> bytes:
        """Return the root of the tree as it is now."""
        if not self._peaks:
            return EMPTY_ROOT
        node = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            node = node_hash(peak, node)
        return node

    def copy(self) -> "Frontier":
        """Return one that grows by itself."""
        other = Frontier()
        other._size, other._peaks = self._size, list(self._peaks)
        return other

    def to_bytes(self) -> bytes:
        """Write it: the size in eight bytes, big endian, then the peaks."""
        return self._size.to_bytes(_SIZE_BYTES, "big") + b"".join(self._peaks)

    @classmethod
    def from_bytes(cls, raw: bytes) -> "Frontier":
        """Read what `to_bytes` wrote.

        Raises:
            ValueError: The bytes are not a frontier.
        """
        if len(raw) < _SIZE_BYTES or (len(raw) - _SIZE_BYTES) % HASH_SIZE:
            raise ValueError("not a frontier: the length does not fit")
        peaks = [raw[at : at + HASH_SIZE] for at in range(_SIZE_BYTES, len(raw), HASH_SIZE)]
        return cls(int.from_bytes(raw[:_SIZE_BYTES], "big"), peaks)


# ---------------------------------------------------------------------------- inclusion


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Prove that the leaf at `index` is in the tree over `leaves`, given by their hashes.

    Returns:
        Sibling hashes, from the leaf up.

    Raises:
        ValueError: There is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise ValueError(f"no leaf {index} in a tree of {len(leaves)}")
    if len(leaves) == 1:
        return []
    split = _split(len(leaves))
    if index < split:
        return [*inclusion_proof(leaves[:split], index), root(leaves[split:])]
    return [*inclusion_proof(leaves[split:], index - split), root(leaves[:split])]


def check_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected_root: bytes
) -> None:
    """Check that `leaf` (its hash) stands at `index` in the tree of `size` leaves with this root.

    Raises:
        MerkleProofError: The proof does not lead there.
    """
    if not 0 <= index < size:
        raise MerkleProofError(f"no leaf {index} in a tree of {size}")
    _check_hashes(leaf, expected_root, *proof)
    node, place, last = leaf, index, size - 1
    for sibling in proof:
        if last == 0:
            raise MerkleProofError("the proof is longer than the tree is high")
        if place & 1 or place == last:
            node = node_hash(sibling, node)
            # A node without right sibling moves up unchanged until it is a right child.
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        place, last = place >> 1, last >> 1
    if last != 0:
        raise MerkleProofError("the proof is shorter than the tree is high")
    if node != expected_root:
        raise MerkleProofError(f"leaf {index} does not lead to the root of {size}")


# -------------------------------------------------------------------------- consistency


def consistency_proof(leaves: Sequence[bytes], old_size: int) -> list[bytes]:
    """Prove that the tree over `leaves` (leaf hashes) continues its own first `old_size` leaves.

    Raises:
        ValueError: There never was such a tree.
    """
    if not 0 < old_size <= len(leaves):
        raise ValueError(f"a tree of {len(leaves)} does not continue one of {old_size}")
    if old_size == len(leaves):
        return []
    return _subproof(leaves, old_size, whole=True)


def _subproof(leaves: Sequence[bytes], old_size: int, *, whole: bool) -> list[bytes]:
    """RFC 6962 section 2.1.2, SUBPROOF; `whole` while the verifier knows this subtree's root."""
    if old_size == len(leaves):
        return [] if whole else [root(leaves)]
    split = _split(len(leaves))
    if old_size <= split:
        return [*_subproof(leaves[:split], old_size, whole=whole), root(leaves[split:])]
    return [*_subproof(leaves[split:], old_size - split, whole=False), root(leaves[:split])]


def check_consistency(
    old_size: int, new_size: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> None:
    """Check that the tree with `new_root` begins with the leaves of the one with `old_root`.

    Raises:
        MerkleProofError: The proof does not show that.
    """
    # Every tree continues the empty one: a proof of that would prove nothing.
    if not 0 < old_size <= new_size:
        raise MerkleProofError(f"a tree of {new_size} does not continue one of {old_size}")
    if old_size == new_size:
        if proof or old_root != new_root:
            raise MerkleProofError(f"two trees of {new_size} are the same one, or they are not")
        return
    _check_hashes(old_root, new_root, *proof)
    # Where the old tree is perfect its root is the first node, and a proof need not repeat it.
    nodes = [old_root, *proof] if old_size.bit_count() == 1 else list(proof)
    if not nodes:
        raise MerkleProofError("the proof is empty")
    found_old, found_new = _roots_from(nodes, old_size - 1, new_size - 1)
    if found_old != old_root:
        raise MerkleProofError(f"the proof does not lead to the root of {old_size}")
    if found_new != new_root:
        raise MerkleProofError(f"the proof does not lead to the root of {new_size}")


def _roots_from(nodes: Sequence[bytes], place: int, last: int) -> tuple[bytes, bytes]:
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = nodes[0]
    for sibling in nodes[1:]:
        if last == 0:
            raise MerkleProofError("the proof is longer than the tree is high")
        if place & 1 or place == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        place, last = place >> 1, last >> 1
    if last != 0:
        raise MerkleProofError("the proof is shorter than the tree is high")
    return old, new


def _check_hashes(*hashes: bytes) -> None:
    if any(len(one) != HASH_SIZE for one in hashes):
        raise MerkleProofError(f"a hash has {HASH_SIZE} bytes, and one here has not")


def _split(size: int) -> int:
    """Return the largest power of two smaller than `size`."""
    return 1 << ((size - 1).bit_length() - 1)
