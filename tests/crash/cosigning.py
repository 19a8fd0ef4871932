"""A witness, and whoever asks one: stopped anywhere, it never signs two histories."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from ledger.checkpoint import Checkpoint, VerifierKey, parse_checkpoint, parse_note
from ledger.founding import open_founded
from ledger.merkle import consistency_proof, root
from ledger.signing import sign_checkpoint
from ledger.store import Store
from ledger.testing import throwaway_key
from ledger.witness import AddCheckpoint, Witness, WitnessRefusalError, request_bytes
from ledger.witnessing import Answer, WitnessError, Word, ask_witnesses
from tests.crash.operations import LEDGER, TRUST, Operation, Say, prepared, sound
from verifier.load import verify_ledger
from verifier.report import IntegrityVerdict
from verifier.trust import parse_trust

ORIGIN = "example.com/ledger"
WITNESS = "witness"
LEFT = "left"
LEAVES = tuple(sha256(bytes([number])).digest() for number in range(16))
OTHERS = (*LEAVES[:2], *reversed(LEAVES[2:]))


def witness_in(folder: Path) -> Witness:
    """Return the witness that remembers in a folder."""
    log = VerifierKey(ORIGIN, throwaway_key("head").public_key)
    return Witness("w.example", throwaway_key("witness"), folder / WITNESS, [log], lambda: 1000)


def asks(old: int, size: int, leaves: Sequence[bytes] = LEAVES) -> bytes:
    """Return a request that a log makes."""
    note = sign_checkpoint(Checkpoint(ORIGIN, size, root(leaves[:size])), throwaway_key("head"))
    proof = consistency_proof(leaves[:size], old) if old else []
    return request_bytes(AddCheckpoint(old, tuple(proof), note))


def with_a_witness(folder: Path) -> None:
    """Make a witness that has cosigned nothing."""
    (folder / WITNESS).mkdir()


def with_one_left_half_done(folder: Path) -> None:
    """Make a witness that has cosigned a head, and what it remembers after the next one."""
    with_a_witness(folder)
    witness = witness_in(folder)
    witness.add_checkpoint(asks(0, 3))
    [memory] = (folder / WITNESS).glob("*.head")
    before = memory.read_bytes()
    witness.add_checkpoint(asks(3, 4))
    memory.rename(folder / LEFT)
    memory.write_bytes(before)


def show_what_was_left(folder: Path, say: Say) -> None:
    """Die between replacing the memory and having its name on the disk; then be asked for it."""
    [memory] = (folder / WITNESS).glob("*.head")
    try:
        (folder / LEFT).replace(memory)
    except OSError as error:
        raise WitnessError("nobody died here", code="left.alive") from error
    shown = witness_in(folder).checkpoint(sha256(ORIGIN.encode()).hexdigest())
    assert shown is not None
    say(f"cosigned {parse_checkpoint(parse_note(shown).text).size}")


def witness_some(folder: Path, say: Say) -> None:
    """Cosign three heads of a log."""
    witness, known = witness_in(folder), 0
    for size in (3, 4, 9):
        witness.add_checkpoint(asks(known, size))
        say(f"cosigned {size}")
        known = size


def witnessed_one_history(folder: Path, said: Sequence[str]) -> None:
    """What it has cosigned it knows; nothing but what continues that is ever cosigned."""
    witness = witness_in(folder)
    told = max((int(text.split()[1]) for text in said), default=0)
    try:
        witness.add_checkpoint(asks(1, 16))
        raise AssertionError("a witness knew what nobody had shown it")
    except WitnessRefusalError as error:
        known = error.size or 0
    assert known >= told
    assert known in {0, 3, 4, 9}
    if known:
        for request in (asks(known, 12, OTHERS), asks(0, 12, OTHERS)):
            try:
                witness.add_checkpoint(request)
                raise AssertionError("a witness signed two histories")
            except WitnessRefusalError:
                pass
    witness.add_checkpoint(asks(known, 16))


class Near:
    """A witness that is asked without a network."""

    def __init__(self, witness: Witness) -> None:
        self.key = witness.key
        self._witness = witness

    def add_checkpoint(self, body: bytes) -> Answer:
        """Ask for a cosignature."""
        try:
            return Answer(200, self._witness.add_checkpoint(body))
        except WitnessRefusalError as error:
            return Answer(error.status, f"{error.size}\n".encode())

    def checkpoint(self, origin: str) -> Answer:
        """Ask for the last head that it cosigned."""
        found = self._witness.checkpoint(sha256(origin.encode()).hexdigest())
        return Answer(200 if found else 404, found or b"")


def near(folder: Path) -> Near:
    """Return the witness of a folder's ledger."""
    founded = open_founded(folder / LEDGER)
    log = VerifierKey(founded.origin, founded.key("head").public_key)
    witness = throwaway_key("witness")
    return Near(Witness("w.example", witness, folder / WITNESS, [log], lambda: 1000))


def with_both(folder: Path) -> None:
    """Make a ledger and a witness."""
    prepared(folder)
    with_a_witness(folder)


def cosign_one(folder: Path, say: Say) -> None:
    """Have the ledger's newest head cosigned, and keep the line."""
    with Store.open(folder / LEDGER, writable=True) as store:
        [told] = ask_witnesses(store, open_founded(folder / LEDGER).head_signer(), [near(folder)])
    assert told.word is Word.COSIGNED, told
    say(f"kept {told.size}")


def cosigned_one(folder: Path, said: Sequence[str]) -> None:
    """A line that was kept is there and holds; what was interrupted is done by asking again."""
    link = near(folder)
    if said:
        trust = parse_trust((folder / TRUST).read_bytes())
        report = verify_ledger(folder / LEDGER, replace(trust, witnesses=(link.key,), quorum=1))
        assert report.integrity.verdict is IntegrityVerdict.HOLDS, report.integrity
    sound(folder, ())
    cosign_one(folder, lambda _: None)
    trust = parse_trust((folder / TRUST).read_bytes())
    report = verify_ledger(folder / LEDGER, replace(trust, witnesses=(link.key,), quorum=1))
    assert report.integrity.verdict is IntegrityVerdict.HOLDS, report.integrity


WITNESSES: Mapping[str, Operation] = {
    "witness": Operation(with_a_witness, witness_some, witnessed_one_history),
    "witness-shows": Operation(with_one_left_half_done, show_what_was_left, witnessed_one_history),
    "cosign": Operation(with_both, cosign_one, cosigned_one),
}
