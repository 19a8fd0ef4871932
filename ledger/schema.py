"""The store's tables, and what guards them: on SQLite and on PostgreSQL.

`entries`, `records`, `checkpoints` and `cosignatures` hold the bytes and nothing derived; `head`
and `streams` are caches that are rebuilt from them. `sealed` and `subjects` hold what can be
erased: sealed values in boxes, and the keys that open them. `format` says how the tables are made.
The triggers stop mistakes, not somebody who owns the database: against that stand the hashes and
the signed heads.
Source: docs/spec/ledger-format.md, *Store*; docs/adr/0003.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, cast

from sqlalchemy import (
    URL,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    create_engine,
    event,
    inspect,
    make_url,
    select,
)
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection, QueuePool

from ledger.errors import StoreError
from ledger.files import NamedFile

# How long a writer waits for the one before it, in seconds.
PATIENCE = 60
# A host and a server give each other up after twenty seconds of silence, unless the URL or the
# server's own settings say otherwise: what the host does, and what it asks of the server.
_HERE: Mapping[str, str] = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "2",
    "tcp_user_timeout": "20000",
}
_THERE: Mapping[str, str] = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "2",
    "tcp_user_timeout": "20000",
}
_UNLESS_SET = (
    "SELECT set_config(%s, %s, false) FROM pg_settings WHERE name = %s AND source = 'default'"
)
_ADDING = "writ_adding"
# Where a connection says which file it has open.
FILE = "writ_file"
# What is deleted is overwritten: the only rows that ever are hold sealed values, and the caches.
_WRITING = {"journal_mode": "WAL", "synchronous": "FULL", "secure_delete": "ON"}
_EMPTY_LOG = "PRAGMA wal_checkpoint(TRUNCATE)"

# On SQLite only INTEGER makes the index the row's own number.
_INDEX = BigInteger().with_variant(Integer(), "sqlite")

METADATA = MetaData()
ENTRIES = Table(
    "entries",
    METADATA,
    Column("idx", _INDEX, primary_key=True, autoincrement=False),
    Column("header", LargeBinary, nullable=False),
)
RECORDS = Table(
    "records",
    METADATA,
    Column("idx", _INDEX, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
)
CHECKPOINTS = Table(
    "checkpoints",
    METADATA,
    Column("size", _INDEX, primary_key=True, autoincrement=False),
    Column("note", LargeBinary, nullable=False),
)
HEAD = Table(
    "head",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("size", _INDEX, nullable=False),
    Column("leaf", Text, nullable=False),
    Column("frontier", LargeBinary, nullable=False),
)
STREAMS = Table(
    "streams",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("number", _INDEX, primary_key=True, autoincrement=False),
    Column("idx", _INDEX, nullable=False),
    Column("count", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("closed", Boolean, nullable=False),
)

# Witnesses' lines under a checkpoint, as they came. A witness may sign one again, later.
COSIGNATURES = Table(
    "cosignatures",
    METADATA,
    Column("size", _INDEX, primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True),
    Column("key_id", Text, primary_key=True),
    Column("signed_at", _INDEX, primary_key=True, autoincrement=False),
    Column("line", LargeBinary, nullable=False),
)
# Sealed values, each by its commitment, encrypted under the key of whom it is about.
SEALED = Table(
    "sealed",
    METADATA,
    Column("commitment", Text, primary_key=True),
    Column("record", Text, nullable=False, index=True),
    Column("path", Text, nullable=False),
    Column("subject", Text, nullable=False, index=True),
    Column("box", LargeBinary, nullable=False),
)
SUBJECTS = Table(
    "subjects",
    METADATA,
    Column("subject", Text, primary_key=True),
    Column("key", LargeBinary, nullable=False),
)
FORMAT = Table(
    "format",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
)
# Version 1 had no table that said so, no cosignatures and no sealed values.
VERSION = 2

_LOCK_SERVER = """SELECT set_config('synchronous_commit', 'on', true),
pg_advisory_xact_lock(hashtext('writ/ledger/' || current_schema()))"""
# What a transaction that adds begins with: when these have run, it holds the ledger's one lock. On
# PostgreSQL a transaction was begun before; reading comes in statements after the lock, so that
# they see what whoever held it before has committed.
LOCK: Mapping[str, Sequence[str]] = {
    "sqlite": ("BEGIN IMMEDIATE",),
    "postgresql": (_LOCK_SERVER,),
}

# What each table is only added to by. Its place is asked of the table itself, not of the cached
# head.
_NEXT = "NEW.idx <> coalesce((SELECT max(idx) + 1 FROM TABLE), 0)"
_LATER = "NEW.size <= coalesce((SELECT max(size) FROM TABLE), -1)"
_OUT_OF_ORDER = {
    "entries": _NEXT,
    "records": _NEXT,
    "checkpoints": _LATER,
    # Several witnesses sign one head, and in no order: here only change and removal are refused.
    "cosignatures": "NEW.size < 0",
}
GUARDED = tuple(_OUT_OF_ORDER)

_SQLITE_GUARDS = (
    """CREATE TRIGGER TABLE_no_update BEFORE UPDATE ON TABLE
    BEGIN SELECT RAISE(ABORT, 'TABLE is only added to'); END""",
    """CREATE TRIGGER TABLE_no_delete BEFORE DELETE ON TABLE
    BEGIN SELECT RAISE(ABORT, 'TABLE is only added to'); END""",
    """CREATE TRIGGER TABLE_in_order BEFORE INSERT ON TABLE WHEN OUT_OF_ORDER
    BEGIN SELECT RAISE(ABORT, 'TABLE is added to at its end'); END""",
)
# A row's trigger sees the rows that its own statement has added before: several in order are fine.
_POSTGRESQL_GUARDS = (
    """CREATE FUNCTION writ_TABLE_refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'TABLE is only added to'; END $$""",
    """CREATE TRIGGER TABLE_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON TABLE
    FOR EACH STATEMENT EXECUTE FUNCTION writ_TABLE_refuse()""",
    """CREATE FUNCTION writ_TABLE_in_order() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN
    IF OUT_OF_ORDER THEN RAISE EXCEPTION 'TABLE is added to at its end'; END IF;
    RETURN NEW;
    END $$""",
    """CREATE TRIGGER TABLE_in_order BEFORE INSERT ON TABLE
    FOR EACH ROW EXECUTE FUNCTION writ_TABLE_in_order()""",
)


def create_tables(connection: Connection) -> None:
    """Create the tables and their guards, in the connection's transaction."""
    METADATA.create_all(connection, checkfirst=False)
    connection.execute(FORMAT.insert().values(id=1, version=VERSION))
    for table in GUARDED:
        guard(connection, table)


def guard(connection: Connection, table: str) -> None:
    """Let a table only be added to."""
    for statement in guards(connection.dialect.name, table):
        connection.exec_driver_sql(statement)


def guards(dialect: str, table: str) -> Iterator[str]:
    """Yield the statements that make a table's guards."""
    for each in _SQLITE_GUARDS if dialect == "sqlite" else _POSTGRESQL_GUARDS:
        yield each.replace("OUT_OF_ORDER", _OUT_OF_ORDER[table]).replace("TABLE", table)


def version(connection: Connection) -> int:
    """Return the version of the store's tables; 1 where nothing says so."""
    if not inspect(connection).has_table(FORMAT.name):
        return 1
    return int(connection.execute(select(FORMAT.c.version)).scalar() or 1)


def begin_adding(engine: Engine) -> AbstractContextManager[Connection]:
    """Begin a transaction that adds to the ledger; it still has to take the `lock`."""
    return engine.execution_options(**{_ADDING: True}).begin()


def lock(connection: Connection) -> None:
    """Take the one lock under which a ledger is appended to, until the transaction ends."""
    # On SQLite the transaction was begun IMMEDIATE, which is that lock.
    if connection.dialect.name == "postgresql":
        for statement in LOCK["postgresql"]:
            connection.exec_driver_sql(statement)


def empty_log(connection: Connection, seconds: int = 0) -> bool:
    """Empty SQLite's write-ahead log; return whether it is empty, and nobody holds it.

    Args:
        connection: Of an engine that writes.
        seconds: How long to wait for who uses it.
    """
    if connection.dialect.name != "sqlite":
        return True
    # It cannot run within a transaction, and SQLAlchemy has begun one.
    connection.exec_driver_sql("COMMIT")
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {seconds * 1000}")
    try:
        busy: int = connection.exec_driver_sql(_EMPTY_LOG).fetchall()[0][0]
        return not busy
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {PATIENCE * 1000}")
        connection.exec_driver_sql("BEGIN")


def check_version(location: str | Path, version: int) -> None:
    """Refuse to write in tables of another version.

    Raises:
        StoreError: They are older (`store.old`) or newer (`store.new`).
    """
    if version < VERSION:
        raise StoreError(
            f"{shown(location)}: its tables are of version {version}, and only version "
            f"{VERSION} is written: run `writ upgrade` on it",
            code="store.old",
        )
    if version > VERSION:
        raise StoreError(
            f"{shown(location)}: its tables are of version {version}, and this program "
            f"knows {VERSION}: install a newer one",
            code="store.new",
        )


def shown(location: str | Path) -> str:
    """Return a location as an error may show it: without the password in a URL."""
    text = str(location)
    if "://" not in text:
        return text
    try:
        return make_url(text).render_as_string(hide_password=True)
    except ArgumentError:
        return "the given URL"


def reason(error: BaseException) -> str:
    """Return what a database said was wrong, in one line."""
    origin = getattr(error, "orig", None) or error
    return str(origin).splitlines()[0] if str(origin) else type(origin).__name__


def file_of(location: str | Path) -> Path | None:
    """Return the file that a location names; None where it is a server's URL.

    Raises:
        StoreError: It is not the URL of a database.
    """
    text = str(location)
    if "://" not in text:
        return Path(text)
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise StoreError("this is not the URL of a database") from error
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def open_engine(location: str | Path, mode: str) -> Engine:
    """Return an engine for a store.

    Args:
        location: A file's path, or an SQLAlchemy URL of SQLite or PostgreSQL.
        mode: `ro` reads only, `rw` writes to a store that exists, `rwc` may create the file.

    Raises:
        StoreError: The URL is of another database, or of SQLite without a file.
    """
    text = str(location)
    if "://" not in text:
        return _sqlite_engine(Path(text), mode)
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise StoreError("this is not the URL of a database") from error
    if url.get_backend_name() == "sqlite":
        if not url.database or url.database == ":memory:":
            raise StoreError("a ledger in SQLite needs a file")
        return _sqlite_engine(Path(url.database), mode)
    if url.get_backend_name() != "postgresql":
        raise StoreError(f"a ledger is kept in SQLite or PostgreSQL, not {url.get_backend_name()}")
    return _server_engine(url)


def _server_engine(url: URL) -> Engine:
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=2,
        max_overflow=30,
        pool_use_lifo=True,
        connect_args={name: value for name, value in _HERE.items() if name not in url.query},
    )
    event.listen(engine, "connect", _be_given_up)
    event.listen(engine, "checkin", _begin_by_itself)
    return engine


def _be_given_up(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    """Have the server give this host up after a time of silence.

    Else a writer that is cut off while it holds the ledger's lock would hold it, and all others up,
    for as long as the server's system waits by itself: a quarter of an hour, or two hours.
    """
    cursor = connection.cursor()
    for name, value in _THERE.items():
        cursor.execute(_UNLESS_SET, (name, value, name))
    cursor.close()
    connection.commit()


def begin_by_hand(connection: PoolProxiedConnection) -> None:
    """Have the driver begin no transaction by itself until this connection is given back.

    A server's would wait for the answer to each beginning, and each one that only read would be
    rolled back, and with it the statements that the server keeps prepared.
    """
    driver: Any = connection.driver_connection
    if hasattr(driver, "autocommit"):
        driver.autocommit = True


def _begin_by_itself(connection: DBAPIConnection | None, _entry: ConnectionPoolEntry) -> None:
    # Who asks through SQLAlchemy expects that. What was open was rolled back just before.
    if connection is not None:
        cast("Any", connection).autocommit = False


def _sqlite_engine(path: Path, mode: str) -> Engine:
    absolute = path.absolute()

    def connect() -> sqlite3.Connection:
        if mode == "ro":
            return _connect_to_read(absolute)
        connection = _connect(absolute, f"mode={mode}")
        _settings(connection, _WRITING)
        return connection

    engine = create_engine(
        "sqlite://", creator=connect, poolclass=QueuePool, pool_size=2, max_overflow=30
    )
    file = NamedFile(absolute)

    def opened(_connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        file.opened()
        entry.info[FILE] = file

    event.listen(engine, "connect", _never_begin)
    event.listen(engine, "connect", opened)
    event.listen(engine, "begin", _begin)
    return engine


def _connect(path: Path, parameters: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.as_uri()}?{parameters}", uri=True, timeout=PATIENCE, check_same_thread=False
    )
    # INSERT OR REPLACE deletes without firing DELETE triggers unless triggers are recursive.
    _settings(connection, {"recursive_triggers": "ON", "cell_size_check": "ON"})
    return connection


def _connect_to_read(path: Path) -> sqlite3.Connection:
    try:
        connection = _connect(path, "mode=ro")
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        log = path.with_name(path.name + "-wal")
        if not path.is_file() or (log.exists() and log.stat().st_size):
            raise
        # A folder that we may not write to has no place for the write-ahead log's index. Without a
        # log nothing is lost by reading the file alone.
        connection = _connect(path, "mode=ro&immutable=1")
    return connection


def _settings(connection: sqlite3.Connection, settings: Mapping[str, str]) -> None:
    for name, value in settings.items():
        connection.execute(f"PRAGMA {name} = {value}").close()


def _never_begin(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    # The driver would begin transactions by itself, deferred and not for reading.
    cast("Any", connection).isolation_level = None


def _begin(connection: Connection) -> None:
    # A deferred transaction that reads and then writes fails instead of waiting when another
    # process writes in between. Who only reads waits for nobody.
    adding = connection.get_execution_options().get(_ADDING, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if adding else "BEGIN")
