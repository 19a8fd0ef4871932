"""How a ledger is: its store, its heads, its clock and its place, without verifying anything.

What is wrong has a stable code and says what to do; what is only good to know has none. Nothing is
changed by asking.
Source: docs/spec/ledger-format.md, *Store*, *Checkpoint*.
"""

import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from ledger import schema
from ledger.admission import MAX_CLAMP
from ledger.backup import PARTIAL, sealed_values
from ledger.clock import parse_time
from ledger.cosignature import parse_line
from ledger.entry import parse_header
from ledger.errors import KeyFileError, StoreError
from ledger.remembered import Relation, head_of, relation, remembered_note
from ledger.stopping import Stop
from ledger.store import Store

# A log that is never taken into the file: somebody keeps reading an old state.
_LARGE_LOG = 256 * 1_048_576
_LITTLE_SPACE = 256 * 1_048_576
# How long entries may stand under no signed head, and a head under no cosignature.
_LATE = timedelta(hours=24)
_OTHERS = 0o077
_TIMESTAMP = 8
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about a ledger.

    Attributes:
        topic: What it is about.
        text: What there is to say.
        code: Stable name of what is wrong; empty where nothing is.
        do: What to do about it; empty where there is nothing.
    """

    topic: str
    text: str
    code: str = ""
    do: str = ""


def store_health(location: str | Path) -> Iterator[Remark]:
    """Yield how a store's tables, guards, files and disk are.

    Raises:
        StoreError: There is no store.
    """
    with Store.open(location) as store:
        yield from _version(store.version)
    engine = schema.open_engine(location, "ro")
    try:
        with engine.connect() as connection:
            yield from _guards(connection)
            yield from _durability(connection)
    except SQLAlchemyError as error:
        yield Remark(
            "store",
            f"it cannot be asked how it is ({schema.reason(error)})",
            "store.unreadable",
            "Ask writ verify what is damaged, and restore a copy.",
        )
    finally:
        engine.dispose()
    path = schema.file_of(location)
    if path is not None:
        yield from _files(path)


def _version(version: int) -> Iterator[Remark]:
    said = f"its tables are of version {version}"
    if version < schema.VERSION:
        yield Remark("store", said, "store.old", "Run writ upgrade on it: until then it is read.")
    elif version > schema.VERSION:
        yield Remark("store", said, "store.new", "Install a newer version of Writ.")
    else:
        yield Remark("store", f"{said}, the newest")


def _guards(connection: Connection) -> Iterator[Remark]:
    sqlite = connection.dialect.name == "sqlite"
    amiss = sorted(_sqlite_amiss(connection) if sqlite else _postgresql_amiss(connection))
    if amiss:
        yield Remark(
            "store",
            f"guards against mistaken changes are missing or altered: {', '.join(amiss)}",
            "store.guards",
            "Find out who changed them and why. Verify the ledger, then restore a copy of it.",
        )
    else:
        yield Remark("store", "its tables are only added to: all guards are there")


def _tables(connection: Connection) -> Iterator[str]:
    old = schema.version(connection) < schema.VERSION
    return (name for name in schema.GUARDED if not (old and name == schema.COSIGNATURES.name))


def _sqlite_amiss(connection: Connection) -> Iterator[str]:
    asked = "SELECT sql FROM sqlite_master WHERE type = 'trigger'"
    there = {row[0] for row in connection.execute(text(asked))}
    for table in _tables(connection):
        for statement in schema.guards("sqlite", table):
            if statement not in there:
                yield statement.split()[2]


def _postgresql_amiss(connection: Connection) -> Iterator[str]:
    triggers = {
        row[0]
        for row in connection.execute(
            text(
                "SELECT tgname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid "
                "WHERE NOT tgisinternal AND tgenabled IN ('O', 'A') "
                "AND c.relnamespace = current_schema()::regnamespace"
            )
        )
    }
    sources = {
        row[0]: row[1]
        for row in connection.execute(
            text(
                "SELECT proname, prosrc FROM pg_proc "
                "WHERE pronamespace = current_schema()::regnamespace"
            )
        )
    }
    for table in _tables(connection):
        for statement in schema.guards("postgresql", table):
            name = statement.split()[2].removesuffix("()")
            body = statement.split("$$")
            if name not in triggers if len(body) == 1 else sources.get(name) != body[1]:
                yield name


def _durability(connection: Connection) -> Iterator[Remark]:
    if connection.dialect.name == "sqlite":
        mode = str(connection.exec_driver_sql("PRAGMA journal_mode").scalar())
        yield Remark(
            "store", f"SQLite, journal_mode {mode}; synchronous FULL whenever it is written"
        )
        return
    for name in ("fsync", "full_page_writes"):
        if connection.exec_driver_sql(f"SHOW {name}").scalar() != "on":
            yield Remark(
                "store",
                f"the server runs with {name} off: what was acknowledged may be lost with power",
                "store.not-durable",
                f"Set {name} = on in postgresql.conf and restart the server.",
            )
    yield Remark("store", "PostgreSQL; commits wait for the disk whenever it is written")


def _files(path: Path) -> Iterator[Remark]:
    log = path.with_name(path.name + "-wal")
    size = log.stat().st_size if log.exists() else 0
    if size > _LARGE_LOG:
        yield Remark(
            "files",
            f"its log has {size:,} bytes",
            "store.log",
            "Something keeps reading an old state of it: end that, then write to the ledger.",
        )
    if stat.S_IMODE(path.stat().st_mode) & _OTHERS and _has_sealed(path):
        yield Remark(
            "files",
            f"{path.name} is open to other users: sealed values and their keys lie in it",
            "store.mode",
            "Run chmod 600 on it.",
        )
    for left in sorted(path.parent.glob(f"{path.name}*{PARTIAL}*")):
        yield Remark(
            "files",
            f"{left.name} was left by a copy that did not come to its end",
            "store.leftover",
            "Remove it when no copy is being made.",
        )
    free = shutil.disk_usage(path.parent).free
    needed = max(_LITTLE_SPACE, size)
    wrong = free < needed
    yield Remark(
        "disk",
        f"{free:,} bytes are free",
        "disk.space" if wrong else "",
        "Make room: an append that finds none is refused." if wrong else "",
    )


def _has_sealed(path: Path) -> bool:
    try:
        return sealed_values(path) > 0
    except StoreError:
        return False


# -------------------------------------------------------------------------- heads and time


def head_health(location: str | Path, memory: Path | None, now: datetime) -> Iterator[Remark]:
    """Yield how a ledger's heads and clock are.

    Args:
        location: The store.
        memory: Where the head signer's memory would lie; None where nobody knows.
        now: This machine's time.

    Raises:
        LedgerError: The store, a header or a head in it cannot be read.
    """
    with Store.open(location) as store:
        size = store.size()
        last = max((at for at, _ in store.checkpoints()), default=0)
        recorded = parse_time(parse_header(store.row(size - 1).header).recorded_at) if size else now
        yield Remark("heads", f"{size:,} entries")
        yield _signed(size, last, now - recorded)
        if memory is not None:
            yield from _memory(store, memory, last)
            yield from _stops(Stop(memory))
        yield from _witnesses(store, last, now)
        yield _clock(recorded, now)


def _signed(size: int, last: int, age: timedelta) -> Remark:
    if last == 0:
        return Remark(
            "heads",
            "no head was ever signed: nothing could be verified against it",
            "head.none",
            "Let whoever holds the head key sign one: a client that closes does.",
        )
    behind = size - last
    if behind <= 0:
        return Remark("heads", f"last signed head at size {last:,}")
    said = (
        f"last signed head at size {last:,}; {behind:,} entries after it stand under no signed head"
    )
    if age < _LATE:
        return Remark("heads", said)
    return Remark("heads", said, "head.late", "Let whoever holds the head key sign one.")


def _clock(recorded: datetime, now: datetime) -> Remark:
    said = f"last entry recorded {recorded:%Y-%m-%d %H:%M:%S} UTC"
    if recorded - now <= MAX_CLAMP:
        return Remark("clock", f"{said}, before this machine's clock, as it should be")
    return Remark(
        "clock",
        f"{said}; this machine's clock is {recorded - now} behind it: appends will be refused",
        "clock.behind",
        "Set the machine's clock right, then append.",
    )


def _memory(store: Store, path: Path, last: int) -> Iterator[Remark]:
    if not path.exists():
        return
    try:
        note = remembered_note(path)
    except KeyFileError as error:
        yield Remark("heads", str(error), error.code, "Put it back from where the key was kept.")
        return
    if not note:
        yield Remark("heads", "its head signer has signed nothing yet")
        return
    head = head_of(note)
    how = relation(store, head)
    if how is Relation.CONTAINS:
        more = "" if head.size <= last else "; it is kept in the store at the next append"
        yield Remark("heads", f"the head signer remembers size {head.size:,}, which is here{more}")
        return
    said = {
        Relation.BEHIND: f"the head signer has signed {head.size:,} entries: some are lost here",
        Relation.OTHER: f"the head signer has signed other {head.size:,} entries than are here",
    }
    yield Remark(
        "heads",
        said[how],
        f"head.{how}",
        "Nothing will be signed here. Restore the newest copy; see writ restore.",
    )


def _stops(stop: Stop) -> Iterator[Remark]:
    said = stop.said()
    if said is not None:
        yield Remark(
            "witnesses",
            f"appends are stopped: {said[0]}",
            "head.witness-ahead",
            "Restore the store that the witness has seen, then run writ witness resolve.",
        )
    for one in stop.overridden():
        yield Remark(
            "witnesses",
            f"a stop was overridden at {one.at or 'some time'}: {one.reason} ({one.path.name})",
            "head.overridden",
            "Tell whoever counts on that witness, and have it replaced in their trust files. Then "
            "move the record to where evidence is kept.",
        )


def _witnesses(store: Store, last: int, now: datetime) -> Iterator[Remark]:
    newest: dict[str, tuple[int, datetime]] = {}
    for size, raw in store.cosignatures():
        line = parse_line(raw)
        signed = _moment(int.from_bytes(line.signature[:_TIMESTAMP], "big"))
        newest[line.name] = max(newest.get(line.name, (0, _EPOCH)), (size, signed))
    for name, (size, at) in sorted(newest.items()):
        age = now - at
        said = f"{name} cosigned size {size:,} {_ago(age)}"
        if age < -MAX_CLAMP:
            do = "Set the clock right: this machine's, or the witness's."
            yield Remark("witnesses", f"{said}, after this machine's time", "witness.clock", do)
        elif size < last and age > _LATE:
            yield Remark(
                "witnesses", said, "witness.late", "Ask the witness to cosign: writ witness."
            )
        else:
            yield Remark("witnesses", said)


def _moment(seconds: int) -> datetime:
    """Return a moment; the last that there is where a line says what is none."""
    try:
        return _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def _ago(age: timedelta) -> str:
    return f"{timedelta(seconds=int(age.total_seconds()))} ago" if age >= timedelta(0) else "later"
