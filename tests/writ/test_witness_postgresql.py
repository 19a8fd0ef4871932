"""Cosignatures and the stop on a real PostgreSQL, by two operators' processes at once."""

import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from ledger.checkpoint import COSIGNATURE, Checkpoint, VerifierKey, parse_note, parse_verifier_key
from ledger.client import LedgerClient
from ledger.cosignature import check_cosignatures, parse_line
from ledger.errors import InconsistentHeadError
from ledger.founding import Founded, create_ledger, default_founders
from ledger.merkle import consistency_proof, leaf_hash, root
from ledger.records import Message
from ledger.signing import FileKey, sign_checkpoint
from ledger.store import Store
from ledger.witness import AddCheckpoint, request_bytes
from ledger.witnessing import HttpWitness
from tests.writ.test_witness_command import ROOT, served

ORIGIN = "example.com/ledger"
PATIENCE = 60.0


@pytest.fixture
def founded(location: str, tmp_path: Path) -> Founded:
    """A new ledger in an empty database."""
    founders = default_founders("anna@example.com", "bob@example.com")
    return create_ledger(location, origin=ORIGIN, founders=founders, keys_dir=tmp_path / "keys")


@pytest.fixture
def asked(founded: Founded, tmp_path: Path) -> Generator[tuple[str, VerifierKey]]:
    """A witness of it, as `cosign` names it, and its key."""
    command = [sys.executable, "-m", "writ", "witness", "new", "--dir", str(tmp_path / "w")]
    made = subprocess.run(
        [*command, "--name", "w.example"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    key = parse_verifier_key(made.stdout.strip(), COSIGNATURE)
    log = VerifierKey(ORIGIN, founded.head_signer().public_key)
    with served(tmp_path, str(log)) as (url, _):
        yield f"{url}={key}", key


@contextmanager
def cosigning(founded: Founded, witness: str) -> Generator[subprocess.Popen[str]]:
    """Run an operator's process that asks a witness again and again."""
    command = [sys.executable, "-m", "writ", "witness", "cosign", founded.location]
    process = subprocess.Popen(
        [*command, "--keys", str(founded.keys_dir), "--witness", witness, "--every", "0.1"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def writer(founded: Founded, store: Store) -> LedgerClient:
    """Return a writer that signs a head after each submission."""
    return LedgerClient(
        store,
        founded.key("agent"),
        founded.identities["agent"],
        head_signer=founded.head_signer(),
        checkpoint_every=1,
    )


def say(client: LedgerClient, turn: int) -> None:
    """Append a message."""
    client.submit([client.make(Message, run="ab" * 32, role="user", turn=turn)])


def heard(process: subprocess.Popen[str], word: str) -> None:
    """Wait until an operator's process has said a word."""
    assert process.stdout is not None
    assert any(word in line for line in iter(process.stdout.readline, ""))


def lines_of(store: Store, witnesses: Sequence[VerifierKey]) -> list[tuple[int, int]]:
    """Check each line that is kept, and return under which size and of when it is."""
    notes = dict(store.checkpoints())
    found: list[tuple[int, int]] = []
    for size, raw in store.cosignatures():
        (held,) = check_cosignatures(parse_note(notes[size]).text, [parse_line(raw)], witnesses)
        found.append((size, held.at))
    return found


def test_two_processes_cosign_while_a_third_writes(
    founded: Founded, asked: tuple[str, VerifierKey]
) -> None:
    """Each line holds, none is kept twice, the newest head gets one, and nothing is stopped."""
    witness, key = asked
    with Store.open(founded.location, writable=True) as store, ExitStack() as running:
        client = writer(founded, store)
        both = [running.enter_context(cosigning(founded, witness)) for _ in range(2)]
        for process in both:
            heard(process, "cosigned")
        for turn in range(20):
            say(client, turn)
        for process in both:
            heard(process, f"cosigned at {store.size():,}")
        assert founded.head_signer().stop.said() is None
        assert [process.poll() for process in both] == [None, None]
        lines = lines_of(store, [key])
        assert len(set(lines)) == len(lines)
        assert max(lines)[0] == store.size()


def test_a_witness_ahead_stops_every_process(
    founded: Founded, asked: tuple[str, VerifierKey]
) -> None:
    """Both operators' processes end with 1, and the writer that ran all the time is refused."""
    witness, key = asked
    with Store.open(founded.location, writable=True) as store, ExitStack() as running:
        client = writer(founded, store)
        both = [running.enter_context(cosigning(founded, witness)) for _ in range(2)]
        for process in both:
            heard(process, "cosigned")
        size = store.size()
        leaves = [*store.leaves(), *(leaf_hash(bytes([at])) for at in range(5))]
        head = founded.key("head")
        assert isinstance(head, FileKey)
        strange = sign_checkpoint(Checkpoint(ORIGIN, len(leaves), root(leaves)), head)
        proof = tuple(consistency_proof(leaves, size))
        link = HttpWitness(witness.partition("=")[0], key)
        body = request_bytes(AddCheckpoint(size, proof, strange))
        assert link.add_checkpoint(body).status == 200
        assert [process.wait(PATIENCE) for process in both] == [1, 1]
        with pytest.raises(InconsistentHeadError) as caught:
            say(client, 0)
        assert caught.value.code == "head.witness-ahead"
        assert store.size() == size
