"""Copies of a store to keep, and putting one in place.

A copy is one file, whatever the store is kept in: a store in SQLite without its log. It is made of
one state of the ledger while others go on writing, and holds all that the store holds: also sealed
values with the keys that open them, so that nobody but its owner may read it.

A copy stands under its name only once it is whole, checked and durable. A process that dies before
leaves a file whose name ends in `.partial`, which the next one removes.
Source: docs/spec/ledger-format.md, *Store*; docs/adr/0013.
"""

import os
import shutil
import sqlite3
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from sqlalchemy import Connection, Engine, func, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from ledger import schema
from ledger.errors import StoreError
from ledger.files import sync_file, sync_folder
from ledger.store import Store

PARTIAL = ".partial"
# What SQLite puts beside a file.
BESIDE = ("-wal", "-shm", "-journal")
_OWNERS_ALONE = 0o600
_ROWS = 1_000
# How long a store that is to be replaced may still be in use, in seconds.
_PATIENCE = 2
# What a ledger is. The caches are made again from it.
_CARRIED = (
    schema.ENTRIES,
    schema.RECORDS,
    schema.CHECKPOINTS,
    schema.COSIGNATURES,
    schema.SEALED,
    schema.SUBJECTS,
)

# How a file of SQLite begins.
_MAGIC = b"SQLite format 3\x00"

Check = Callable[[str], None]


def back_up(location: str | Path, out: Path, check: Check) -> None:
    """Copy a store to a new file.

    Args:
        location: The store: a file's path, or an SQLAlchemy URL.
        out: Where the copy goes. Nothing may be there.
        check: Called with the copy's path before it is put there; what it raises leaves no copy.

    Raises:
        StoreError: There is no store, something is at `out` (`backup.exists`), or one of them
            cannot be read or written (`backup.failed`).
    """
    if out.exists():
        raise _taken(out)
    with _partial(out) as partial:
        _copy(location, partial)
        check(str(partial))
        _put(partial, out)


def restore(copy: Path, location: str | Path, check: Check, *, aside: Path | None = None) -> None:
    """Put a copy where a ledger's store shall be.

    Args:
        copy: A file that `back_up` made.
        location: A file's path, or the URL of an empty database.
        check: Called with where the store is before it counts as restored: of a file before it
            has its name, of a database after.
        aside: Where the store goes that a file's name stands for now. None: there is none.

    Raises:
        StoreError: There is a store already (`restore.exists`), it is in use (`restore.busy`), or
            one of them cannot be read or written (`backup.failed`).
    """
    path = schema.file_of(location)
    if path is None:
        _fill(copy, location)
        check(str(location))
        return
    if aside is None and path.exists():
        raise StoreError(f"{path}: there is a store already", code="restore.exists")
    with _partial(path) as partial:
        _copy(copy, partial)
        check(str(partial))
        if aside is None:
            _put(partial, path)
            return
        shutil.copymode(path, partial)
        _keep_aside(path, aside)
        # If the process dies here, the old store is there under both names, and whole.
        partial.replace(path)
        sync_folder(path.parent)


def sealed_values(location: str | Path) -> int:
    """Return how many sealed values a store holds.

    Raises:
        StoreError: It cannot be read.
    """
    engine = schema.open_engine(location, "ro")
    try:
        with engine.connect() as connection:
            if not inspect(connection).has_table(schema.SEALED.name):
                return 0
            counted = connection.execute(select(func.count()).select_from(schema.SEALED))
            return int(counted.scalar_one())
    except SQLAlchemyError as error:
        raise StoreError(
            f"{schema.shown(location)}: cannot be read ({schema.reason(error)})"
        ) from error
    finally:
        engine.dispose()


def _taken(path: Path) -> StoreError:
    return StoreError(
        f"{path}: is there already, and no copy is written over another; name another file",
        code="backup.exists",
    )


@contextmanager
def _partial(out: Path) -> Generator[Path]:
    """Give a file that only its owner can read, to become `out`; at the end it is gone."""
    partial = out.with_name(out.name + PARTIAL)
    try:
        _remove(partial)
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNERS_ALONE))
        yield partial
    except OSError as error:
        raise StoreError(
            f"{error.filename or out}: {error.strerror or error}", code="backup.failed"
        ) from error
    finally:
        # What cannot be removed now, the next one removes.
        with suppress(OSError):
            _remove(partial)


def _remove(partial: Path) -> None:
    for each in ("", *BESIDE):
        partial.with_name(partial.name + each).unlink(missing_ok=True)


def _put(partial: Path, out: Path) -> None:
    """Give a whole copy its name, unless that has become another's meanwhile."""
    try:
        os.link(partial, out)
    except FileExistsError as error:
        raise _taken(out) from error
    sync_folder(out.parent)


# ------------------------------------------------------------------------------- copying


def _copy(location: str | Path, partial: Path) -> None:
    """Copy a store to an empty file, and make that durable."""
    with Store.open(location):
        # What is no ledger's store is said here.
        pass
    engine = schema.open_engine(location, "ro")
    try:
        if engine.dialect.name == "sqlite":
            _copy_pages(engine, partial)
        else:
            _copy_rows(engine, partial)
        _settle(partial)
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise StoreError(
            f"{schema.shown(location)}: cannot be copied ({schema.reason(error)})",
            code="backup.failed",
        ) from error
    finally:
        engine.dispose()


def _copy_pages(engine: Engine, partial: Path) -> None:
    source = engine.raw_connection()
    try:
        with closing(sqlite3.connect(partial)) as target:
            driver = source.driver_connection
            assert isinstance(driver, sqlite3.Connection)  # noqa: S101  (its dialect says so)
            # All pages in one step: they are of one state, and no writer makes it begin again.
            driver.backup(target)
    finally:
        source.close()


def _copy_rows(engine: Engine, partial: Path) -> None:
    target = schema.open_engine(partial, "rwc")
    once = engine.execution_options(isolation_level="REPEATABLE READ")
    try:
        # One snapshot: what is written meanwhile is in none of the tables.
        with once.begin() as source, schema.begin_adding(target) as adding:
            schema.create_tables(adding)
            _carry(source, adding)
    finally:
        target.dispose()


def _carry(source: Connection, target: Connection) -> None:
    there = set(inspect(source).get_table_names())
    for table in _CARRIED:
        if table.name not in there:
            # It came with a later version than the source is of.
            continue
        asked = select(table).order_by(*table.primary_key).execution_options(yield_per=_ROWS)
        for some in source.execute(asked).mappings().partitions():
            target.execute(table.insert(), [dict(row) for row in some])


def _settle(partial: Path) -> None:
    """Make the copy one durable file, in which nothing is left that was erased before."""
    with closing(sqlite3.connect(partial)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE").fetchone()
        # Free pages are copied too, and may still hold what was deleted from them.
        connection.execute("VACUUM")
    sync_file(partial)


def _fill(copy: Path, location: str | Path) -> None:
    """Copy a store's rows into an empty database, in one transaction."""
    with Store.open(copy):
        pass
    source, target = schema.open_engine(copy, "ro"), schema.open_engine(location, "rwc")
    try:
        with source.begin() as reading, schema.begin_adding(target) as adding:
            schema.lock(adding)
            if inspect(adding).get_table_names():
                raise StoreError(
                    f"{schema.shown(location)}: the database is not empty; a ledger is restored "
                    "into an empty one",
                    code="restore.exists",
                )
            schema.create_tables(adding)
            _carry(reading, adding)
    except SQLAlchemyError as error:
        raise StoreError(
            f"{schema.shown(location)}: cannot be filled ({schema.reason(error)})",
            code="backup.failed",
        ) from error
    finally:
        source.dispose()
        target.dispose()


# ----------------------------------------------------------------------------- replacing


def _keep_aside(path: Path, aside: Path) -> None:
    """Give a store that nobody uses another name beside its own."""
    damaged = not _alone(path)
    os.link(path, aside)
    if damaged:
        # Its log belongs to it, and must never be taken for that of what comes after it.
        for each in BESIDE:
            log = path.with_name(path.name + each)
            if log.exists():
                os.link(log, aside.with_name(aside.name + each))
        for each in BESIDE:
            path.with_name(path.name + each).unlink(missing_ok=True)
    sync_folder(path.parent)


def _alone(path: Path) -> bool:
    """Put a store's log into its file, which only whoever is alone with it can; False: damaged."""
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            # SQLite would throw the log away, which may be all that is left.
            return False
    try:
        with closing(sqlite3.connect(path, timeout=_PATIENCE)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise StoreError(
                f"{path}: is in use; end whatever reads or writes it, then restore",
                code="restore.busy",
            ) from error
        return False
    except sqlite3.DatabaseError:
        return False
    return True
