"""`writ record`: append records from lines of JSON, and print the receipt of each."""

import json
import secrets
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Literal, cast

import typer

from verifier.report import ExitCode
from writ.commands.verify import LedgerArgument
from writ.errors import CommandError, UsageError
from writ.output import data, message

if TYPE_CHECKING:
    from concurrent.futures import Future

    from ledger.admission import Receipt
    from ledger.client import LedgerClient
    from ledger.errors import LedgerError, StoreError
    from ledger.queue import Acknowledged
    from ledger.records import AnyRecord
    from ledger.spool import Spool, Spooled

# A record of 1 MiB may be written at greater length than its strict form.
_MAX_LINE = 4 * 1_048_576
_CAPACITY = 4_096
# Appended by commands of their own, which do more than append; a stream's end by this one.
_NOT_HERE = frozenset({"genesis", "authority", "erasure", "stream-close"})


def record(
    ledger: LedgerArgument,
    name: Annotated[
        str,
        typer.Option(
            "--as", metavar="NAME", help="The identity that speaks: its short name, or in full."
        ),
    ],
    file: Annotated[
        Path, typer.Option("--file", metavar="FILE|-", help="Lines of JSON, one record each.")
    ] = Path("-"),
    spool: Annotated[
        Path | None,
        typer.Option("--spool", metavar="DIR", help="Keep records here while the ledger is away."),
    ] = None,
    receipts: Annotated[
        Path | None,
        typer.Option("--receipts", metavar="FILE", help="Add all receipts to a file, durably."),
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option("--keys", metavar="DIR", help="Folder of the keys; else beside the ledger."),
    ] = None,
) -> None:
    """Append records from lines of JSON, and print a line for each that is durable.

    A line has a record's fields; v, nonce and by are added where they are missing. It ends at the
    first line that is not taken: those before it are recorded, and what was printed says which.
    Exits 0 when all are recorded, 3 when some wait in the spool, 4 at a line that is not taken.
    """
    if keys is None and "://" in ledger:
        raise UsageError("record.keys", "a ledger at a URL has its keys elsewhere: --keys DIR")
    with _input(file) as lines:
        spooled = _recorded(ledger, name, lines, spool, receipts, keys)
    if spooled:
        message(
            f"writ: {spooled} records wait in {spool} and are NOT recorded: run this again when "
            "the ledger is back"
        )
        raise typer.Exit(int(ExitCode.UNDECIDABLE))


def _recorded(
    ledger: str,
    name: str,
    lines: BinaryIO,
    spool: Path | None,
    receipts: Path | None,
    keys: Path | None,
) -> int:
    """Append all lines, and return how many records wait in the spool."""
    from ledger.errors import StoreError
    from ledger.founding import open_founded
    from writ.asking import passphrase
    from writ.keeping import writing

    try:
        founded = open_founded(ledger, keys, passphrase)
    except StoreError as error:
        if spool is None:
            raise
        return _kept(name, lines, spool, error)
    # The key of an identity lies under its short name.
    short = name.rpartition("/")[2] if name in founded.identities.values() else name
    with writing(founded, short, receipts) as opened:
        return _appended(opened.client, lines, spool)


def _appended(client: "LedgerClient", lines: BinaryIO, spool: Path | None) -> int:
    from ledger.queue import LedgerQueue

    choice: Literal["refuse", "spool"] = "refuse" if spool is None else "spool"
    told = _Told()
    with LedgerQueue(client, capacity=_CAPACITY, when_away=choice, spool=spool) as queue:
        for number, one in told.each(_records(lines, client.by)):
            queue.submit([one]).add_done_callback(partial(told.done, number))
    # The queue has ended: all that was handed in has its answer.
    refused = queue.refused()
    for kept in refused:
        message(f"writ: {kept.code}: record {kept.record} had waited: {kept.why}; in {kept.path}")
    left = queue.spooled()
    if not left and not told.is_away:
        client.close()
    told.raise_first()
    if refused:
        raise CommandError("record.refused", f"{len(refused)} records that had waited were refused")
    return left


class _LineError(Exception):
    """A line that cannot be read as a record."""

    def __init__(self, number: int, error: "LedgerError") -> None:
        super().__init__(str(error))
        self.number = number
        self.error = error


class _Told:
    """What became of each line: said at once where it is durable, kept where it failed."""

    def __init__(self) -> None:
        self.failures: list[tuple[int, BaseException]] = []

    def done(self, number: int, ticket: "Future[Acknowledged]") -> None:
        """Take note of one line's answer. The queue calls it, line by line."""
        error = ticket.exception()
        if error is None:
            _say(number, ticket.result()[0])
        else:
            self.failures.append((number, error))

    def each(self, records: "Iterator[tuple[int, AnyRecord]]") -> "Iterator[tuple[int, AnyRecord]]":
        """Yield lines until one fails: one that cannot be read, or one that was handed in."""
        try:
            for number, one in records:
                if self.failures:
                    return
                yield number, one
        except _LineError as error:
            self.failures.append((error.number, error.error))

    @property
    def is_away(self) -> bool:
        """Whether the ledger failed, rather than a line."""
        from ledger.errors import StoreError

        return any(isinstance(error, StoreError) for _, error in self.failures)

    def raise_first(self) -> None:
        """Raise what is wrong with the first line that was not taken, if one was not."""
        from ledger.errors import LedgerError

        if not self.failures:
            return
        number, error = min(self.failures, key=lambda one: one[0])
        if not isinstance(error, LedgerError):
            raise error
        raise CommandError(error.code, f"line {number}: {error}") from error


def _say(number: int, one: "Receipt | Spooled") -> None:
    from ledger.admission import Receipt
    from ledger.encoding import encode

    if isinstance(one, Receipt):
        said = {"index": one.index, "leaf": one.leaf, "line": number, "record": one.record}
    else:
        said = {"line": number, "record": one.record, "spooled": str(one.spool)}
    data(encode(said).decode() + "\n")


def _kept(name: str, lines: BinaryIO, folder: Path, error: "StoreError") -> int:
    """Spool all lines: the ledger was away from the beginning."""
    from ledger.spool import Spool

    if not name.startswith("spiffe://"):
        raise CommandError(
            error.code,
            str(error),
            do="To spool while the ledger is away, name the identity in full: --as spiffe://…",
        ) from error
    message(f"writ: {error.code}: {error}")
    told = _Told()
    # It is not known how far the ledger was: all of it is looked through when it is back.
    spool = Spool.create(folder, name)
    try:
        for number, one in told.each(_records(lines, name)):
            _spool_line(told, spool, number, one)
    finally:
        left = spool.waiting()
        spool.close()
    told.raise_first()
    return left


def _spool_line(told: _Told, spool: "Spool", number: int, one: "AnyRecord") -> None:
    from ledger.encoded import EncodedRecord
    from ledger.errors import LedgerError
    from ledger.queue import refuse_unfit

    made = (EncodedRecord.of(one),)
    try:
        refuse_unfit(made)
        spooled = spool.add(made)
    except LedgerError as error:
        told.failures.append((number, error))
    else:
        _say(number, spooled[0])


# ------------------------------------------------------------------------------ reading


@contextmanager
def _input(file: Path) -> Generator[BinaryIO]:
    if str(file) == "-":
        yield sys.stdin.buffer
        return
    with file.open("rb") as opened:
        yield opened


def _records(lines: BinaryIO, by: str) -> "Iterator[tuple[int, AnyRecord]]":
    """Yield the number of each line and its record. Lines with nothing in them are passed over.

    Raises:
        _LineError: A line is too long, no JSON, or no record of this identity.
    """
    from ledger.errors import LedgerError

    number = 0
    while line := lines.readline(_MAX_LINE + 1):
        number += 1
        if not line.strip():
            continue
        try:
            made = _record(line, by)
        except LedgerError as error:
            raise _LineError(number, error) from error
        yield number, made


def _record(line: bytes, by: str) -> "AnyRecord":
    from ledger.encoded import EncodedRecord
    from ledger.encoding import encode
    from ledger.errors import RecordError

    fields = _fields(line)
    kind, speaks = fields.get("kind"), fields.get("by", by)
    if isinstance(kind, str) and kind in _NOT_HERE:
        raise RecordError(f"{kind} is not recorded by this command", code="record.kind")
    if speaks != by:
        raise RecordError(f"by is another identity than {by}, which speaks here", code="record.by")
    own = {"v": 1, "nonce": secrets.token_hex(16), "by": by}
    return EncodedRecord.read(encode({**own, **fields})).record


def _fields(line: bytes) -> dict[str, object]:
    """Read a line of JSON in any writing, but with each key once."""
    from ledger.errors import EncodingError

    if len(line) > _MAX_LINE:
        raise EncodingError(f"longer than {_MAX_LINE} bytes", code="encoding.too-long")
    try:
        value: object = json.loads(line.decode(), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise EncodingError(f"not JSON: {error}", code="encoding.not-json") from error
    if not isinstance(value, dict):
        raise EncodingError("a record is an object, and this is none", code="encoding.not-json")
    return cast("dict[str, object]", value)


def _once(members: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(members)
    if len(found) != len(members):
        raise ValueError("a key stands twice in one object")
    return found
