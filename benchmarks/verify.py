"""What a full verification costs, against one reading of the same store that only hashes.

The ledger is made of the sample conversations, repeated under other ids until it has the size. The
peer reads every header and every record once and hashes both: less than that no verification can
do. Each part of the verification is measured by itself, so that it is seen where the time goes.
Times are of the processor, the shortest of a few: others may be at work on the machine.

    python benchmarks/verify.py [--size ENTRIES | --ledger FILE] [--json]

It exits with 1 when a target is missed; there is none yet.
"""

import argparse
import hashlib
import json
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from contracts import load_contract
from ledger.encoding import from_base64
from ledger.entry import parse_header
from ledger.importers.profile_reading import load_profile
from ledger.keys import verify_signature
from ledger.records import parse_record
from ledger.store import Store
from ledger.submission import signed_text, submission_of
from verifier.founding import Founding
from verifier.heads import Heads
from verifier.integrity import Reading
from verifier.load import verify
from verifier.report import IntegrityVerdict
from writ.commands.importing import import_files
from writ.keeping import in_force, opened_or_founded

SAMPLES = Path(__file__).resolve().parents[1] / "data" / "samples"
SIZE = 5_000
ROUNDS = 3


def made(folder: Path, size: int) -> Path:
    """Make a ledger of at least `size` entries, and return where it lies."""
    path = folder / "bench.db"
    text = (SAMPLES / "contract.yaml").read_text("utf-8")
    contract, profile = load_contract(text, "contract.yaml"), load_profile(SAMPLES / "profile.yaml")
    founded = opened_or_founded(str(path), profile.service, None)
    in_force(founded, contract, text)
    sampled = (SAMPLES / "conversations.jsonl").read_text("utf-8")
    lines = [json.loads(line) for line in sampled.splitlines()]
    source, number = folder / "many.jsonl", 0
    per_line = 15  # about as many records as a sample conversation has
    with source.open("w", encoding="utf-8") as file:
        while number * per_line < size:
            line = lines[number % len(lines)]
            file.write(json.dumps({**line, "id": f"{line['id']}-{number}"}) + "\n")
            number += 1
    import_files(founded, [source], profile, [contract], None)
    return path


def best(run: Callable[[], Any], rounds: int = ROUNDS) -> float:
    """Return the shortest of a few times of the processor, in seconds."""
    times: list[float] = []
    for _ in range(rounds):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


def hashed(store: Store) -> bytes:
    """The peer: read every header and record once, and hash both."""
    whole = hashlib.sha256()
    for row in store.rows():
        whole.update(hashlib.sha256(row.header).digest())
        whole.update(hashlib.sha256(row.record or b"").digest())
    return whole.digest()


def parsed(store: Store) -> None:
    """Read every header and record into its model."""
    for row in store.rows():
        parse_header(row.header)
        parse_record(row.record or b"")


def signatures(store: Store) -> Callable[[], None]:
    """Return what checks every signature, with everything for it at hand."""
    founding = Founding.read(store, None)
    work: list[tuple[bytes, bytes, bytes]] = []
    for row in store.rows():
        header = parse_header(row.header)
        if header.position == 0:
            key = founding.public_key(header.key) or b""
            text = signed_text(submission_of(header, founding.genesis))
            work.append((key, text, from_base64(header.signature or "")))

    def check() -> None:
        for key, text, signature in work:
            verify_signature(key, text, signature)

    return check


def integrity(store: Store) -> None:
    """Steps 0 to 9 alone."""
    founding = Founding.read(store, None)
    reading = Reading(store, founding, Heads(store, founding, None))
    for _ in reading.entries():
        pass


def measured(path: Path) -> dict[str, Any]:
    """Measure, and return seconds and shares."""
    with Store.open(path) as store:
        peer = best(lambda: hashed(store))
        parsing = best(lambda: parsed(store)) - peer
        signing = best(signatures(store))
        checking = best(lambda: integrity(store))
        whole = best(lambda: verify(store, None))
        report = verify(store, None)
        assert report.integrity.verdict is IntegrityVerdict.HOLDS
    rest = max(checking - peer - parsing - signing, 0.0)
    parts = {
        "read and hash": peer,
        "parse": parsing,
        "signatures": signing,
        "other integrity": rest,
        "engine and findings": max(whole - checking, 0.0),
    }
    return {
        "benchmark": "verify",
        "entries": report.ledger.size,
        "submissions": report.integrity.submissions,
        "findings": len(report.findings),
        "seconds": {"verify": whole, "integrity": checking, "peer": peer},
        "ratio": whole / peer,
        "ratio_integrity": checking / peer,
        "entries_per_second": report.ledger.size / whole,
        "shares": {name: seconds / whole for name, seconds in parts.items()},
        "python": platform.python_version(),
        "target": None,
        "missed": False,
    }


def told(result: dict[str, Any]) -> None:
    """Print a result for a person."""
    seconds = result["seconds"]
    print(f"{result['entries']:,} entries in {result['submissions']:,} submissions")
    print(f"  hash every header and record once   {seconds['peer']:8.3f} s")
    print(f"  steps 0 to 9                        {seconds['integrity']:8.3f} s")
    print(f"  full verification                   {seconds['verify']:8.3f} s")
    print(f"  ratio to hashing {result['ratio']:.1f}, of integrity alone", end=" ")
    print(f"{result['ratio_integrity']:.1f}; {result['entries_per_second']:,.0f} entries a second")
    print("  where the time goes")
    for name, share in result["shares"].items():
        print(f"    {name:<22}{share:6.1%}")


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Verification against hashing the same bytes.")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--size", type=int, default=SIZE, help="entries, at least")
    source.add_argument(
        "--ledger", type=Path, help="a ledger that there is, to be measured instead"
    )
    parser.add_argument("--json", action="store_true", help="the result as one last line of JSON")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measured(chosen.ledger or made(Path(folder), chosen.size))
    told(result)
    if chosen.json:
        print(json.dumps(result, sort_keys=True))
    return int(result["missed"])


if __name__ == "__main__":
    raise SystemExit(main())
