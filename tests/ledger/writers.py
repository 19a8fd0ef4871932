"""Sixteen writers in eight processes on one ledger, one of them killed and started again.

    python -m tests.ledger.writers [--seconds 60] [--processes 8] [--store DIR|postgresql|URL]

Each writer has a client of its own and appends one record after the other. In the end all that was
acknowledged must be where it was said to be, nothing twice, and the whole ledger verify. It prints
how many appends there were and how long writers waited, and exits with 1 where anything is missing.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from ledger import Store, leaf_hash, parse_header
from ledger.client import LedgerClient
from ledger.founding import (
    Founded,
    create_ledger,
    default_founders,
    open_founded,
    trust_file,
)
from ledger.records import Message, RunOpened
from tests.ledger.postgresql import throw_away_server
from verifier.load import verify_ledger
from verifier.report import IntegrityVerdict
from verifier.trust import parse_trust

ROOT = Path(__file__).resolve().parents[2]
SERVICE = "spiffe://example.com/refunds"
THREADS = 2
HEADS = 1_000


@dataclass(frozen=True)
class Answer:
    """One acknowledged append: where it went, and how long it took."""

    index: int
    leaf: str
    seconds: float


@dataclass
class Outcome:
    """What came of it.

    Attributes:
        answers: The acknowledged appends of each process.
        size: Entries in the ledger.
        wrong: What is not as it has to be.
    """

    answers: list[list[Answer]]
    size: int
    wrong: list[str]


def write(location: str, keys: Path, seconds: float) -> None:
    """Append with some threads for a time, saying what is durable, as a process of its own."""
    founded = open_founded(location, keys)
    deadline = time.monotonic() + seconds
    out = threading.Lock()

    def one() -> None:
        with Store.open(location, writable=True) as store:
            client = LedgerClient(
                store,
                founded.key("agent"),
                founded.identities["agent"],
                head_signer=founded.head_signer(),
                checkpoint_every=HEADS,
            )
            run = client.submit([client.make(RunOpened, service=SERVICE)])[0].record
            turn = 0
            while time.monotonic() < deadline:
                said = client.make(Message, run=run, role="user", turn=turn)
                start = time.perf_counter()
                (receipt,) = client.submit([said])
                took = time.perf_counter() - start
                with out:
                    sys.stdout.write(f"{receipt.index} {receipt.leaf} {took:.6f}\n")
                    sys.stdout.flush()
                turn += 1
            client.close()

    threads = [threading.Thread(target=one) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def started(founded: Founded, seconds: float, out: Path) -> subprocess.Popen[bytes]:
    """Start a process of writers that says to a file what is durable."""
    command = [sys.executable, "-m", "tests.ledger.writers", "--as-writer"]
    command += ["--seconds", str(seconds), "--store", founded.location]
    with out.open("ab") as file:
        return subprocess.Popen([*command, "--keys", str(founded.keys_dir)], cwd=ROOT, stdout=file)


def answers_in(path: Path) -> list[Answer]:
    """Read what a process has acknowledged. Its last line may be cut off by its end."""
    lines = [line.split() for line in path.read_text().split("\n")[:-1]]
    return [Answer(int(one[0]), one[1], float(one[2])) for one in lines if len(one) == 3]


def contest(founded: Founded, folder: Path, seconds: float, processes: int) -> Outcome:
    """Let them write, kill one in the middle and start it again, and look at what is there."""
    outs = [folder / f"writer-{number}" for number in range(processes)]
    running = [started(founded, seconds, out) for out in outs]
    time.sleep(seconds / 2)
    running[0].kill()
    running[0].wait()
    running[0] = started(founded, seconds / 2, outs[0])
    codes = [process.wait() for process in running]
    wrong = [f"a writer ended with {code}" for code in codes if code]
    answers = [answers_in(out) for out in outs]
    with Store.open(founded.location) as store:
        wrong += list(missing(store, [one for each in answers for one in each]))
        size = store.size()
    wrong += list(unverified(founded))
    return Outcome(answers, size, wrong)


def missing(store: Store, answers: Sequence[Answer]) -> Sequence[str]:
    """Say which acknowledged appends are not where they were said to be, or stand there twice."""
    wrong: list[str] = []
    if len({one.index for one in answers}) != len(answers):
        wrong.append("an index was given out twice")
    headers = [row.header for row in store.rows()]
    wrong += [
        f"entry {one.index} is not what was acknowledged"
        for one in answers
        if one.index >= len(headers) or leaf_hash(headers[one.index]).hex() != one.leaf
    ]
    records = [parse_header(raw).record for raw in headers]
    if len(set(records)) != len(records):
        wrong.append("a record stands there twice")
    return wrong


def unverified(founded: Founded) -> Sequence[str]:
    """Say what the verifier finds wrong with the whole ledger."""
    trust = parse_trust(trust_file(founded).encode(), "trust file")
    found = verify_ledger(founded.location, trust).integrity
    wrong = [] if found.verdict is IntegrityVerdict.HOLDS else [str(found)]
    if found.invalid_submissions or found.invalid_records:
        wrong.append(f"{found.invalid_submissions + found.invalid_records} are invalid")
    return wrong


def told(outcome: Outcome, seconds: float) -> str:
    """Say it to a person."""
    took = sorted(one.seconds for each in outcome.answers for one in each)
    counts = [len(each) for each in outcome.answers]
    middle = median(took) * 1_000
    late, longest = took[int(len(took) * 0.99)] * 1_000, took[-1] * 1_000
    last = outcome.wrong or [f"{outcome.size:,} entries verified"]
    return "\n".join(
        [
            f"{len(took):,} appends in {seconds:.0f} s: {len(took) / seconds:,.0f} a second",
            f"of each process: {min(counts):,} to {max(counts):,}",
            f"waiting, in ms: median {middle:.1f}, 99 % {late:.1f}, longest {longest:.1f}",
            *last,
            "",
        ]
    )


def main() -> int:
    """Run the contest, or one of its processes."""
    parser = argparse.ArgumentParser(description="Many writers on one ledger.")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--store", default="", help="a folder, postgresql, or a database's URL")
    parser.add_argument("--keys", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--as-writer", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.as_writer:
        write(chosen.store, chosen.keys, chosen.seconds)
        return 0
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        location = chosen.store
        if location == "postgresql":
            location = stack.enter_context(throw_away_server(durable=True))
        elif "://" not in location:
            location = str(Path(location or folder) / "writers.db")
        founded = create_ledger(
            location,
            origin="example.com/ledger",
            founders=default_founders("anna@example.com", "bob@example.com"),
            keys_dir=folder / "keys",
        )
        outcome = contest(founded, folder, chosen.seconds, chosen.processes)
    sys.stdout.write(told(outcome, chosen.seconds))
    return int(bool(outcome.wrong))


if __name__ == "__main__":
    raise SystemExit(main())
