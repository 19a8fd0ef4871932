"""The head signer: it signs what the ledger is, so it must never sign two histories.

It keeps its last signed head and the edge of that tree beside its key, outside the store and the
store's backups, and signs only what continues them.
Source: docs/spec/ledger-format.md, *Checkpoint*.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from ledger.checkpoint import Checkpoint, open_checkpoint
from ledger.encoding import decode, encode
from ledger.errors import InconsistentHeadError, KeyFileError, LedgerError
from ledger.files import replace_file, sync_folder
from ledger.merkle import Frontier
from ledger.signing import Signer, sign_checkpoint
from ledger.stopping import Stop, turn

ReadHead = Callable[[], tuple[int, bytes]]
ReadLeaves = Callable[[int, int], Iterable[bytes]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Memory:
    """The last head signed (empty before the first), and the edge of its tree.

    Attributes:
        note: The head, signed.
        frontier: The edge.
        signed_by: The key that signed it; empty before the first.
        owner: The key that signs the next one: the same, unless it took the memory over since.
            Empty before the first: whoever signs it.
    """

    note: bytes
    frontier: Frontier
    signed_by: bytes = b""
    owner: bytes = b""


class HeadSigner:
    """Signs the ledger's heads, and remembers the last one so as never to contradict it.

    Several processes may share the key and its memory: a lock on a file beside it takes them in
    turn.

    Attributes:
        stop: What has every append refused while a witness is known to be ahead of the store.
    """

    def __init__(self, signer: Signer, origin: str, memory: Path) -> None:
        """Take up the memory at a path.

        Raises:
            KeyFileError: There is none (`head.no-memory`), or it does not hold a head that this
                key signed (`head.memory`).
        """
        self._signer = signer
        self._origin = origin
        self._path = memory
        self.stop = Stop(memory)
        # What was read last, and the bytes it was read from.
        self._known: tuple[bytes, _Memory] | None = None
        self.last_size()

    @classmethod
    def create(cls, signer: Signer, origin: str, memory: Path) -> "HeadSigner":
        """Begin a memory for a new ledger. It must not exist yet.

        Raises:
            KeyFileError: There is something at `memory`.
        """
        if memory.exists():
            raise KeyFileError(f"{memory}: this signer has signed heads before; keep its memory")
        _write(memory, _Memory(b"", Frontier()))
        return cls(signer, origin, memory)

    @classmethod
    def take_over(
        cls, signer: Signer, origin: str, memory: Path, before: Iterable[bytes]
    ) -> "HeadSigner":
        """Take up the memory of the head key before, which from then on signs nothing more.

        Done again it changes nothing. Whether the ledger's authority names the new key is for
        `ledger.handover` to ask first.

        Args:
            signer: The new key.
            origin: The ledger's.
            memory: Where the key before remembers.
            before: Public keys of which one signed the last head.

        Raises:
            KeyFileError: There is no memory (`head.no-memory`), it holds no head that one of these
                keys signed (`head.memory`), or it cannot be written (`head.unwritable`).
        """
        new = signer.public_key
        with turn(memory):
            found = _read(memory, lambda raw: _opened(raw, origin, (new, *before)))
            if found.owner != new:
                _write(memory, replace(found, owner=new))
        return cls(signer, origin, memory)

    @property
    def public_key(self) -> bytes:
        """The head key's 32 raw bytes."""
        return self._signer.public_key

    def last_size(self) -> int:
        """Return the size of the last head that was signed; 0 before the first."""
        return self._read().frontier.size

    def check(self, head: ReadHead, leaves: ReadLeaves) -> None:
        """Check that a store continues the last signed head.

        Args:
            head: Gives the store's size, and the root that it says it has.
            leaves: Gives the store's leaf hashes from the first to before the second index.

        Raises:
            InconsistentHeadError: It does not.
        """
        with turn(self._path):
            self._grown(self._read(), *head(), leaves)

    def sign(self, head: ReadHead, leaves: ReadLeaves) -> bytes:
        """Sign the head of a store, after checking it as `check` does.

        Returns:
            The signed note. For the same head the same note, however often it is asked for.

        Raises:
            InconsistentHeadError: The store does not continue the last signed head. Nothing was
                signed. Or a witness is ahead of it.
            KeyFileError: It could not be remembered (`head.unwritable`). Nothing was given out.
        """
        # The head is read while no other process can sign, so it is never older than the last
        # signed one.
        with turn(self._path):
            self.stop.refuse()
            memory = self._read()
            size, root = head()
            frontier = self._grown(memory, size, root, leaves)
            if memory.signed_by == self.public_key and size == memory.frontier.size:
                # Whoever remembered it may have died before the memory's name was on the disk.
                sync_folder(self._path.parent)
                return memory.note
            note = sign_checkpoint(Checkpoint(self._origin, size, frontier.root()), self._signer)
            # INVARIANT: a head leaves this function only once it is remembered. If the process
            # dies after this line, the head was never shown to anybody and is given out at the
            # next call.
            memory = _Memory(note, frontier, self.public_key, self.public_key)
            self._known = _write(self._path, memory), memory
            return note

    def _grown(
        self,
        memory: _Memory,
        size: int,
        root: bytes,
        leaves: ReadLeaves,
    ) -> Frontier:
        known = memory.frontier.size
        if size < known:
            raise InconsistentHeadError(
                f"the store has {size} entries and a head of {known} was signed: "
                "entries are lost, or the store was restored from an old backup"
            )
        frontier = memory.frontier.copy()
        frontier.extend(leaves(known, size))
        if frontier.size != size or frontier.root() != root:
            raise InconsistentHeadError(
                f"the store's history does not continue the head of {known} entries that was signed"
            )
        return frontier

    def _read(self) -> _Memory:
        return _read(self._path, self._remembered)

    def _remembered(self, raw: bytes) -> _Memory:
        # Other processes sign too, so the file is read each time. Bytes that were read or written
        # before need no second check.
        if self._known is None or self._known[0] != raw:
            memory = _opened(raw, self._origin, (self.public_key,))
            self._known = raw, memory
        return self._known[1]


def _read(path: Path, opened: Callable[[bytes], T]) -> T:
    try:
        return opened(path.read_bytes())
    except FileNotFoundError as error:
        raise KeyFileError(
            f"{path}: the memory of what this head key has signed is missing; "
            "put it back from where the key was kept",
            code="head.no-memory",
        ) from error
    except (LedgerError, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise KeyFileError(
            f"{path}: not the memory of this head key ({error})", code="head.memory"
        ) from error


def _opened(raw: bytes, origin: str, keys: Sequence[bytes]) -> _Memory:
    """Return the memory of one of these keys."""
    memory = decode(raw)
    note = memory["note"].encode()
    frontier = Frontier.from_bytes(bytes.fromhex(memory["frontier"]))
    taken = memory.get("taken", {"by": "", "from": ""})
    owner, before = bytes.fromhex(taken["by"]), bytes.fromhex(taken["from"])
    if owner and owner not in keys:
        raise ValueError("another head key has taken it over: sign with that one")
    if not note:
        return _Memory(note, frontier, owner=owner)
    found = open_checkpoint(note, origin, [before] if owner else keys)
    if (found.checkpoint.size, found.checkpoint.root) != (frontier.size, frontier.root()):
        raise ValueError("the tree's edge is not that of the head")
    return _Memory(note, frontier, found.key, owner or found.key)


def _write(path: Path, memory: _Memory) -> bytes:
    """Replace the memory in one step, and return what stands in it."""
    value: dict[str, Any] = {
        "v": 1,
        "note": memory.note.decode(),
        "frontier": memory.frontier.to_bytes().hex(),
    }
    if memory.owner != memory.signed_by:
        value["taken"] = {"by": memory.owner.hex(), "from": memory.signed_by.hex()}
    raw = encode(value)
    replace_file(path, raw)
    return raw
