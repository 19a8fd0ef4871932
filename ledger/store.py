"""The store: the ledger's bytes in a database, read in order and added to under one lock.

Reading trusts nothing: what the database cannot give back, or gives back as another type, is an
error with the index of the entry. What the bytes mean is for the verifier to judge.
Source: docs/spec/ledger-format.md, *Store*.
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Engine, inspect
from sqlalchemy.exc import SQLAlchemyError

from ledger import schema
from ledger.boxes import Boxes
from ledger.checkpoint import NoteSignature
from ledger.entry import leaf_hash
from ledger.errors import MissingEntryError, StoreError, StrayRowError, UnreadableEntryError
from ledger.merkle import Frontier
from ledger.rows import Head, Row, Tip
from ledger.transaction import Transaction, adding, failures, nothing_outside, reading, spanned
from ledger.writing import Writer

_CHUNK = 256
_LEAF_CHUNK = 4096
# The version of the tables from which there is one of cosignatures.
COSIGNED_SINCE = 2

_CONTAINING_SQLITE = (
    "SELECT idx, body FROM records WHERE idx >= ? AND instr(body, ?) > 0 ORDER BY idx"
)
_CONTAINING_POSTGRESQL = (
    "SELECT idx, body FROM records WHERE idx >= ? AND position(? in body) > 0 ORDER BY idx"
)
_ONE = "SELECT 1 FROM entries WHERE idx = ?"
_HEADS = "SELECT size, note FROM checkpoints ORDER BY size"
# A size that is none is not passed over: whoever reads has to see it, and refuses it.
_LATER_HEADS = "SELECT size, note FROM checkpoints WHERE size > ? OR size IS NULL ORDER BY size"


class Store:
    """A ledger's store. `open` one to read it; writing goes through `ledger.client`.

    Attributes:
        location: The path or URL that it was opened at.
        version: Version of its tables; 0 where it cannot be read. Only the newest is written.
    """

    def __init__(self, location: str | Path, engine: Engine, *, writable: bool) -> None:
        self.location = str(location)
        self._engine = engine
        self.version = schema.VERSION
        self._writable = writable
        self._failures = failures(engine)
        # Where this process left the ledger. It saves reading that again; whether the ledger still
        # ends there is asked each time.
        self._tip: Tip | None = None

    @property
    def partial(self) -> bool:
        """False: a store without one of its records is broken."""
        return False

    def withheld(self, index: int) -> bool:  # noqa: ARG002 - a source's method
        """Return False: a store holds nothing back."""
        return False

    @classmethod
    def open(cls, location: str | Path, *, writable: bool = False) -> "Store":
        """Open a store that exists, by a file's path or an SQLAlchemy URL.

        Raises:
            StoreError: There is none, or what is there is not a ledger's store.
        """
        store = cls(
            location, schema.open_engine(location, "rw" if writable else "ro"), writable=writable
        )
        try:
            found = set(inspect(store._engine).get_table_names())
        except SQLAlchemyError as error:
            store.close()
            raise StoreError(
                f"{schema.shown(location)}: cannot open the store ({schema.reason(error)})"
            ) from error
        missing = {"entries", "records", "checkpoints"} - found
        if missing:
            store.close()
            raise StoreError(
                f"{schema.shown(location)}: not a ledger's store, it has no table {min(missing)}"
            )
        try:
            store.version = store._read_version()
            if writable:
                schema.check_version(location, store.version)
                with schema.begin_adding(store._engine) as connection:
                    schema.METADATA.create_all(connection, tables=[schema.HEAD, schema.STREAMS])
                # Whoever died while erasing has left in the log what was erased.
                with store._engine.connect() as connection:
                    schema.empty_log(connection)
        except (StoreError, SQLAlchemyError) as error:
            store.close()
            if isinstance(error, StoreError):
                raise
            where = schema.shown(location)
            raise StoreError(f"{where}: cannot be written ({schema.reason(error)})") from error
        return store

    def _read_version(self) -> int:
        """Return the version of the tables; 0 where damage hides it, which reading survives."""
        try:
            with self._engine.connect() as connection:
                return schema.version(connection)
        except SQLAlchemyError:
            return 0

    @classmethod
    def create(cls, location: str | Path) -> "Store":
        """Create an empty store where there is none.

        Raises:
            StoreError: There is one already, or it cannot be created.
        """
        engine = schema.open_engine(location, "rwc")
        try:
            with schema.begin_adding(engine) as connection:
                schema.lock(connection)
                _refuse_if_taken(location, inspect(connection).get_table_names())
                schema.create_tables(connection)
        except SQLAlchemyError as error:
            engine.dispose()
            raise StoreError(
                f"{schema.shown(location)}: cannot create a store ({schema.reason(error)})"
            ) from error
        except StoreError:
            engine.dispose()
            raise
        return cls(location, engine, writable=True)

    def close(self) -> None:
        """Give up all connections. Who asks something after that opens one again."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------------------- reading

    def _fetch(self, query: str, *values: object) -> Sequence[Sequence[Any]]:
        with reading(self._engine) as asked:
            return asked.all(query, *values)

    @contextmanager
    def _asking(self) -> Generator[Transaction]:
        try:
            with reading(self._engine) as asked:
                yield asked
        except self._failures as error:
            raise self._unreadable(error) from error

    def size(self) -> int:
        """Return the number of entries that the table claims: the last index plus one.

        Raises:
            StoreError: The database cannot say.
        """
        unreadable: tuple[type[Exception], ...] = (*self._failures, TypeError, ValueError)
        try:
            return int(self._fetch("SELECT coalesce(max(idx), -1) + 1 FROM entries")[0][0])
        except unreadable as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> StoreError:
        return StoreError(f"{schema.shown(self.location)}: cannot be read ({schema.reason(error)})")

    def row(self, idx: int) -> Row:
        """Return one entry.

        Raises:
            UnreadableEntryError: The database cannot give it back, or not as bytes.
            MissingEntryError: There is none.
        """
        try:
            found = self._fetch("SELECT header FROM entries WHERE idx = ?", idx)
            body = self._fetch("SELECT body FROM records WHERE idx = ?", idx)
        except self._failures as error:
            raise UnreadableEntryError(
                f"entry {idx}: the store cannot read it ({schema.reason(error)})", index=idx
            ) from error
        if not found:
            raise MissingEntryError(f"entry {idx}: there is none in the store", index=idx)
        row = _row(idx, found[0][0], body[0][0] if body else None)
        if row is None:
            raise UnreadableEntryError(f"entry {idx}: the store holds no bytes there", index=idx)
        return row

    def rows(
        self, start: int = 0, stop: int | None = None, *, strays: bool = True
    ) -> Iterator[Row]:
        """Yield all entries from `start` on, in order and without gap.

        Args:
            start: The first entry's index.
            stop: Where to end although there may be more by now: what another process appended.
            strays: Whether to look at the end for rows that belong to no entry, which takes longer
                the longer the ledger is. Who follows a ledger entry by entry looks once.

        Raises:
            UnreadableEntryError: At the first entry that the database cannot give back.
            MissingEntryError: At the first index with no entry, though there are later ones.
            StrayRowError: At the end, when rows are left that belong to no entry.
        """
        at = start
        while (stop is None or at < stop) and (chunk := self._chunk(at)):
            wanted = chunk if stop is None else chunk[: stop - at]
            yield from wanted
            at += len(wanted)
        if strays:
            self._check_end(at)

    def span(self, start: int, stop: int) -> Sequence[Sequence[Any]]:
        """Return index, header and record from `start` to before `stop`, as found.

        Who finds something missing or odd asks `rows`, which names it. Raises as `size` does.
        """
        with self._asking() as asked:
            return spanned(asked, start, stop)

    def ends_at(self, end: int, start: int = 0) -> bool:
        """Return whether no row is but of 0 to before `end`; records are counted from `start` on.

        Raises:
            StoreError: The database cannot say.
        """
        with self._asking() as asked:
            return nothing_outside(asked, start, end)

    def _chunk(self, at: int) -> Sequence[Row]:
        try:
            found = self._fetch(
                "SELECT e.idx, e.header, r.body FROM entries e LEFT JOIN records r "
                "ON r.idx = e.idx WHERE e.idx >= ? ORDER BY e.idx LIMIT ?",
                at,
                _CHUNK,
            )
        except self._failures:
            found = None
        if found is not None:
            rows = [_row(idx, header, body) for idx, header, body in found]
            whole = [row for row in rows if row is not None]
            if [row.idx for row in whole] == list(range(at, at + len(rows))):
                return whole
        # One by one, so that all before the damage are still given and the damage has its index.
        # This ends at the damaged one.
        return self._singly(at)

    def _singly(self, at: int) -> Sequence[Row]:
        rows: list[Row] = []
        try:
            rows.extend(self.row(idx) for idx in range(at, at + _CHUNK))
        except StoreError:
            if not rows:
                raise
        return rows

    def _check_end(self, end: int) -> None:
        """Look for rows outside 0 to `end`, and for records without an entry there."""
        try:
            entries = self._fetch(
                "SELECT idx FROM entries WHERE idx >= ? OR idx < 0 ORDER BY idx LIMIT 1", end
            )
            records = self._fetch(
                "SELECT r.idx FROM records r LEFT JOIN entries e ON e.idx = r.idx "
                "WHERE (r.idx >= ? OR r.idx < 0) AND e.idx IS NULL ORDER BY r.idx LIMIT 1",
                end,
            )
            # Tables that were made otherwise can hold an index twice, or none. One statement sees
            # one state: whatever was appended since has its place.
            odd = [
                table
                for table in ("entries", "records")
                if self._fetch(f"SELECT count(*) > coalesce(max(idx), -1) + 1 FROM {table}")[0][0]  # noqa: S608
            ]
        except self._failures as error:
            raise UnreadableEntryError(
                f"entry {end}: the store cannot read on ({schema.reason(error)})", index=end
            ) from error
        # Another process may have appended since the last chunk: that is no gap.
        if entries and (_is_negative(entries[0][0]) or not self._fetch(_ONE, end)):
            self._raise_beyond(end, entries[0][0])
        if records:
            idx = records[0][0]
            index = idx if isinstance(idx, int) else end
            raise StrayRowError(f"record {idx}: there is no entry for it", index=index)
        if odd:
            what = f"{odd[0]}: there are rows without an index of their own"
            raise StrayRowError(what, index=end)

    def _raise_beyond(self, end: int, found: object) -> None:
        if isinstance(found, int) and found < 0:
            raise StrayRowError(f"entry {found}: no ledger has one there", index=found)
        raise MissingEntryError(
            f"entry {end}: there is none, but there is an entry {found}", index=end
        )

    def headers(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """Yield index and header of all entries from `start` on. Raises as `rows` does."""
        for row in self.rows(start):
            yield row.idx, row.header

    def leaves(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the leaf hashes of the entries from `start` to before `stop` (default: the end).

        Raises:
            StoreError: As `rows` does, for headers only.
        """
        at, end = start, self.size() if stop is None else stop
        while at < end:
            try:
                found = self._fetch(
                    "SELECT idx, header FROM entries WHERE idx >= ? AND idx < ? "
                    "ORDER BY idx LIMIT ?",
                    at,
                    end,
                    _LEAF_CHUNK,
                )
            except self._failures:
                found = ()
            if not found or any(
                idx != at + place or not isinstance(header, bytes)
                for place, (idx, header) in enumerate(found)
            ):
                found = [(at, self.row(at).header)]
            yield from (leaf_hash(header) for _, header in found)
            at += len(found)

    def records_containing(self, needle: bytes, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """Yield index and bytes of the records from `start` on in which these bytes stand.

        It narrows a search and decides nothing: the bytes may stand inside a text.
        """
        with self._asking() as asked:
            query = _CONTAINING_SQLITE if asked.is_sqlite else _CONTAINING_POSTGRESQL
            for idx, body in asked.each(query, start, needle):
                if isinstance(body, bytes) and isinstance(idx, int):
                    yield idx, body

    def index_of(self, record: str) -> int | None:
        """Return the index of the first entry for the record with this digest, reading all."""
        needle = f'"record":"{record}"'.encode()
        return next((idx for idx, header in self.headers() if needle in header), None)

    def checkpoints(self, over: int | None = None) -> Iterator[tuple[int, bytes]]:
        """Yield size and note of the checkpoints held, smallest first: those over a size.

        Raises:
            StoreError: The table cannot be read.
        """
        try:
            found = self._fetch(_HEADS) if over is None else self._fetch(_LATER_HEADS, over)
        except self._failures as error:
            raise StoreError(f"checkpoints cannot be read ({schema.reason(error)})") from error
        for size, note in found:
            if not isinstance(size, int):
                raise StoreError(f"a checkpoint is kept under {size!r}, which is no size")
            if not isinstance(note, bytes):
                raise StoreError(f"the checkpoint of size {size} is not stored as bytes")
            yield size, note

    def last_checkpoint(self) -> bytes | None:
        """Return the newest signed head that is kept, as it was signed; None before the first.

        Raises:
            StoreError: The table cannot be read.
        """
        try:
            found = self._fetch("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1")
        except self._failures as error:
            raise StoreError(f"checkpoints cannot be read ({schema.reason(error)})") from error
        return bytes(found[0][0]) if found else None

    def cosignatures(self) -> Iterator[tuple[int, bytes]]:
        """Yield size and line of the cosignatures kept, smallest size first.

        Raises:
            StoreError: The table cannot be read.
        """
        if self.version < COSIGNED_SINCE:
            return
        try:
            found = self._fetch(
                "SELECT size, line FROM cosignatures ORDER BY size, signed_at, name, key_id"
            )
        except self._failures as error:
            raise StoreError(f"cosignatures cannot be read ({schema.reason(error)})") from error
        for size, line in found:
            if not isinstance(size, int) or not isinstance(line, bytes):
                raise StoreError(f"a cosignature at size {size!r} is not stored as bytes")
            yield size, line

    @contextmanager
    def boxes(self) -> Generator[Boxes]:
        """Read the sealed values as they are kept.

        Raises:
            StoreError: The store has no such tables, or cannot read them.
        """
        try:
            with reading(self._engine) as asked:
                yield Boxes(asked)
        except self._failures as error:
            raise StoreError(f"sealed values cannot be read ({schema.reason(error)})") from error

    # ------------------------------------------------------------------------- writing

    @contextmanager
    def writing(self) -> Generator["Writer"]:
        """Hold the ledger's one lock: all is committed when the block ends, nothing if it raises.

        Raises:
            StoreError: The store was opened for reading, or the database failed. After a failed
                commit it is not known whether it took place.
        """
        if not self._writable:
            raise StoreError(
                f"{schema.shown(self.location)}: was opened for reading; open it with writable=True"
            )
        try:
            with adding(self._engine) as transaction:
                writer = Writer(transaction, self._tip)
                yield writer
            self._tip = writer.tip
        except self._failures as error:
            raise StoreError(
                f"{schema.shown(self.location)}: cannot be written ({schema.reason(error)})"
            ) from error

    def add_checkpoint(self, size: int, note: bytes) -> None:
        """Keep a signed head. One no larger than the last is passed over: it says nothing new.

        Raises:
            StoreError: As `writing`.
        """
        with self.writing() as writer:
            writer.add_checkpoint(size, note)

    def add_cosignature(self, size: int, line: NoteSignature, at: int) -> None:
        """Keep a witness's line under the head of this size. One that is kept is passed over.

        Args:
            size: The head's size.
            line: The line, which was checked.
            at: When the witness signed, in seconds since 1970.

        Raises:
            StoreError: As `writing`.
        """
        with self.writing() as writer:
            writer.add_cosignature(size, line, at)

    def head(self) -> tuple[Head, Frontier]:
        """Return where the ledger ends, and the edge of its tree.

        Raises:
            StoreError: As `writing`, or the entries cannot be read.
        """
        with self.writing() as writer:
            return writer.head()

    def rebuild(self) -> None:
        """Make the caches again from the entries, as when they are found not to fit.

        Raises:
            StoreError: As `writing`, or the entries cannot be read.
        """
        with self.writing() as writer:
            writer.rebuild()


def _row(idx: int, header: object, body: object) -> Row | None:
    """Return the row if it is of bytes."""
    if not isinstance(header, bytes) or not (body is None or isinstance(body, bytes)):
        return None
    return Row(idx, header, body)


def _is_negative(idx: object) -> bool:
    return isinstance(idx, int) and idx < 0


def _refuse_if_taken(location: str | Path, tables: Sequence[str]) -> None:
    if tables:
        raise StoreError(f"{schema.shown(location)}: there is a database already")
