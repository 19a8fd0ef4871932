"""A ledger verified and read into tables, here or in a process of its own.

To verify a long ledger takes more memory than to look at it, and Python gives little of it back: a
process that ends gives back all. So the app stays small, whatever it was started on, and a page of
another visitor is not slowed down meanwhile.
"""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from contracts.model import Contract
from dashboards import checks
from dashboards.filling import fill
from dashboards.streams import Stream, read_streams
from dashboards.tables import FILE, VERIFIED, Tables, slim
from dashboards.witnesses import Witnesses, witnesses
from verifier.appended import Edge
from verifier.errors import NotVerifiedError, SourceError
from verifier.load import open_ledger, verify_ledger
from verifier.report import Report
from verifier.rereading import Left
from verifier.trust import Trust

Tell = Callable[[str, float], None]
# Share of the whole that each part takes: verifying, reading again; the rest is writers' streams.
_PARTS: Final = (("verifying", 0.0, 0.75), ("reading what was verified", 0.75, 0.97))
LAST_PART: Final = "reading who wrote it"
MANY: Final = 50_000
"""From so many entries on, a process of its own is worth its beginning."""
RESULT: Final = "result.pickle"
# Imported and not run as a file: what it hands back is of this module, and not of `__main__`.
PROGRAM: Final = (
    "import sys; from dashboards.preparing import main, take_exit; take_exit(); main(sys.argv[1])"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be verified: a ledger's name, and the trust file's content."""

    ledger: str
    trust: Trust | None


@dataclass(frozen=True, slots=True)
class Made:
    """What stands beside the tables of a verified ledger."""

    report: Report
    contracts: dict[str, Contract]
    streams: tuple[Stream, ...]
    edge: Edge
    heads: tuple[checks.Head, ...]
    head_count: int
    witnesses: Witnesses


Outcome = Made | Report
"""The report alone, where the ledger does not hold."""


def prepared(asked: Asked, folder: Path, tell: Tell) -> Outcome:
    """Verify a ledger and read it into tables.

    Args:
        asked: The ledger.
        folder: Where the tables are put, and the verification for whoever answers questions.
        tell: Is told the part that it is at, and the share of the whole that is done.

    Raises:
        VerifierError: There is no ledger to verify, or it changed meanwhile.
        LedgerError: Its store cannot be read.
    """
    name, low, high = _PARTS[0]
    tell(name, low)
    try:
        ledger = open_ledger(
            asked.ledger,
            asked.trust,
            progress=lambda done, total: tell(name, low + (high - low) * done / max(total, 1)),
        )
    except NotVerifiedError:
        return verify_ledger(asked.ledger, asked.trust)
    with ledger:
        size = max(ledger.report.ledger.size, 1)
        again, begin, end = _PARTS[1]
        fill(
            ledger,
            folder / FILE,
            lambda done: tell(again, begin + (end - begin) * done / size),
        )
        report, contracts = slim(ledger.report), ledger.contracts
        (folder / VERIFIED).mkdir()
        ledger.hand_over(folder / VERIFIED)
    tell(LAST_PART, end)
    streams, edge = read_streams(asked.ledger, report.ledger)
    tables = Tables(report, contracts, Left(str(folder)))
    try:
        head_count, heads = checks.heads(asked.ledger, tables)
        authority, size = checks.history(tables), report.ledger.size
        seen_by = witnesses(asked.ledger, asked.trust, authority, size)
    finally:
        tables.close()
    return Made(report, contracts, streams, edge, heads, head_count, seen_by)


def prepared_apart(asked: Asked, folder: Path, tell: Tell) -> Outcome:
    """Do the same in a process of its own.

    Raises:
        Exception: What it raised there.
        SourceError: It ended without an answer: the machine may have too little memory.
    """
    with subprocess.Popen(  # noqa: S603 - this very program, and no text of anybody's
        [sys.executable, "-c", PROGRAM, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    ) as process:
        try:
            _hand_over(process, asked)
            _listen(process.stdout, tell)
        except BaseException:
            process.kill()
            raise
    return _answer(folder / RESULT, process.returncode)


def _hand_over(process: "subprocess.Popen[bytes]", asked: Asked) -> None:
    if process.stdin is None:
        raise ValueError("the process was begun without an entrance")
    with suppress(BrokenPipeError):
        process.stdin.write(pickle.dumps(asked))
        # It stays open: where it ends, whoever asked is gone.
        process.stdin.flush()


def _listen(said: IO[bytes] | None, tell: Tell) -> None:
    for line in said or ():
        share, _, part = line.decode().strip().partition(" ")
        tell(part, float(share))


def _answer(path: Path, code: int) -> Outcome:
    if not path.exists():
        what = f"the process that verifies the ledger ended without an answer (status {code})"
        raise SourceError(what, code="app.preparing")
    # Our own process wrote it, in a folder of ours.
    found = pickle.loads(path.read_bytes())  # noqa: S301
    path.unlink()
    if isinstance(found, Exception):
        raise found
    if not isinstance(found, Made | Report):
        raise TypeError(f"{type(found).__name__} is no answer")
    return found


def take_exit() -> None:
    """Keep standard output for what this process says itself.

    What a library prints goes to standard error: the database draws how far it is, in a process
    that it takes for somebody's at a terminal.
    """
    mine = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.stdout = mine


def main(name: str) -> None:
    """Prepare what standard input asks for, and say on standard output how far it is."""
    folder, parent = Path(name), os.getppid()

    def tell(part: str, share: float) -> None:
        if os.getppid() != parent:
            raise SystemExit(1)
        sys.stdout.write(f"{share:.4f} {part}\n")
        sys.stdout.flush()

    asked = pickle.load(sys.stdin.buffer)  # noqa: S301 - from whoever began this process
    try:
        found: Outcome | Exception = prepared(asked, folder, tell)
    except Exception as error:  # noqa: BLE001 - it is raised again where it was asked for
        found = error
    written = folder / f"{RESULT}.new"
    written.write_bytes(pickle.dumps(found))
    written.rename(folder / RESULT)
