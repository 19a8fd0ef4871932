"""What a verification costs that goes on from an earlier one, against one from the start.

The ledger is copied up to a head before its end, verified with a state, completed, and verified
again: with that state, and without one. Each verification is the command as it is called, a process
of its own; the shortest of a few by the clock. Both reports have to be the same bytes.

    python benchmarks/again.py --ledger FILE [--new SHARE] [--engine rows|columns] [--json]

It exits with 1 when the reports differ; there is no target.
"""

import argparse
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from ledger.store import Store

ROUNDS = 3
TABLES = {"entries": "idx", "records": "idx", "checkpoints": "size", "cosignatures": "size"}


def heads(ledger: Path) -> tuple[int, list[int]]:
    """Return the size of a ledger, and those of its heads."""
    with Store.open(ledger) as store:
        return store.size(), [size for size, _ in store.checkpoints()]


def copied(ledger: Path, path: Path, start: int, stop: int) -> None:
    """Copy what stands between two sizes, with the heads over it, to the end of another ledger."""
    if not path.exists():
        Store.create(path).close()
    with closing(sqlite3.connect(path)) as target, target:
        target.execute("ATTACH ? AS whole", (str(ledger),))
        for table, at in TABLES.items():
            # A head is of the size after its last entry.
            first, last = (start, stop) if at == "idx" else (start + 1, stop + 1)
            target.execute(
                f"INSERT INTO {table} SELECT * FROM whole.{table} "  # noqa: S608 - names of ours
                f"WHERE {at} >= ? AND {at} < ? ORDER BY {at}",
                (first, last),
            )


def verified(path: Path, out: Path, *flags: str) -> float:
    """Verify as the command does, and return how long it took."""
    command = [sys.executable, "-m", "writ", "verify", str(path), "--out", str(out), *flags]
    start = time.perf_counter()
    found = subprocess.run(command, check=False, capture_output=True, text=True)
    taken = time.perf_counter() - start
    if not out.exists():
        raise SystemExit(found.stderr)
    return taken


def measured(ledger: Path, share: float, engine: str, folder: Path) -> dict[str, Any]:
    """Measure, and return seconds and sizes."""
    size, known = heads(ledger)
    earlier = [head for head in known if head <= size * (1 - share)]
    if not earlier:
        raise SystemExit(f"{ledger}: no head is old enough")
    path, state, flags = folder / "copy.db", folder / "state", ("--engine", engine)
    copied(ledger, path, 0, earlier[-1])
    first = verified(path, folder / "first", "--state", str(state), *flags)
    copied(ledger, path, earlier[-1], size)
    again: list[float] = []
    for number in range(ROUNDS):
        mine = shutil.copytree(state, folder / f"state-{number}")
        again.append(verified(path, folder / "again", "--state", str(mine), *flags))
    whole = [verified(path, folder / "whole", *flags) for _ in range(ROUNDS)]
    nothing = min(
        verified(path, folder / "none", "--state", str(folder / "state-0"), *flags)
        for _ in range(ROUNDS)
    )
    kept = sum(one.stat().st_size for one in state.rglob("*") if one.is_file())
    report = (folder / "whole").read_bytes()
    return {
        "benchmark": "again",
        "entries": size,
        "new": size - earlier[-1],
        "seconds": {
            "whole": min(whole),
            "first with a state": first,
            "again": min(again),
            "again, nothing new": nothing,
        },
        "ratio": min(whole) / min(again),
        "state bytes": kept,
        "state bytes an entry": kept / earlier[-1],
        "missed": any((folder / name).read_bytes() != report for name in ("again", "none")),
    }


def told(result: dict[str, Any]) -> None:
    """Print a result for a person."""
    print(f"{result['entries']:,} entries, of which {result['new']:,} are new")
    for name, seconds in result["seconds"].items():
        print(f"  {name:<22}{seconds:8.2f} s")
    kept, each = result["state bytes"], result["state bytes an entry"]
    print(f"  state {kept / 1e6:.1f} MB, {each:.0f} bytes an entry; {result['ratio']:.1f} times")
    print("  the reports differ" if result["missed"] else "  the reports are the same")


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Verification with a state, and from the start.")
    parser.add_argument("--ledger", type=Path, required=True, help="a ledger in a .db file")
    parser.add_argument("--new", type=float, default=0.01, help="the share that is new, at least")
    parser.add_argument("--engine", default="rows", help="what decides records from the start")
    parser.add_argument("--json", action="store_true", help="the result as one last line of JSON")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measured(chosen.ledger, chosen.new, chosen.engine, Path(folder))
    told(result)
    if chosen.json:
        print(json.dumps(result, sort_keys=True))
    return int(result["missed"])


if __name__ == "__main__":
    raise SystemExit(main())
