"""Where a ledger is to be founded: nothing is there yet, or what is there is named.

A founding makes tables, keys, and then genesis in one transaction. One that is cut off leaves a
store without an entry, which is no ledger, and keys of which no ledger knows; or a whole ledger.
Source: docs/spec/ledger-format.md, *Store*.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from sqlalchemy import inspect
from sqlalchemy.exc import SQLAlchemyError

from ledger.encoding import decode, digest
from ledger.errors import KeyFileError, LedgerError, StoreError
from ledger.schema import file_of, open_engine, reason, shown
from ledger.store import Store


def check_site(location: str | Path, memory: Path, keys: Sequence[Path] = ()) -> None:
    """Refuse to found a ledger where there is something, before anything is created.

    Args:
        location: Where its store would be.
        memory: Where its head signer's memory would be.
        keys: Where its new keys would be; none where keys that exist are used.

    Raises:
        StoreError: There is a ledger (`store.taken`), an empty store that a founding left behind
            (`store.unfounded`) or whose ledger is lost (`store.lost`), or another database.
        KeyFileError: There is no store, but a key or a memory (`key.taken`).
    """
    if _has_store(location):
        _refuse_store(location, memory, [path for path in (memory, *keys) if path.exists()])
    check_keys((memory, *keys))


def check_keys(paths: Iterable[Path]) -> None:
    """Refuse to make keys where there are some.

    Raises:
        KeyFileError: There is one (`key.taken`).
    """
    there = [path for path in paths if path.exists()]
    if there:
        raise KeyFileError(
            f"{', '.join(map(str, there))}: there already, and a new ledger has new keys. Name "
            "another folder; or, if they are of an attempt that was cut off and no ledger and no "
            "proposal has them, move them away",
            code="key.taken",
        )


def refuse_unfounded(store: Store) -> None:
    """Refuse a store without an entry: a founding that was cut off left it, and it is no ledger.

    Raises:
        StoreError: It is one (`store.unfounded`), or cannot be read.
    """
    if not store.size():
        raise StoreError(
            f"{shown(store.location)}: is empty: a ledger was to be founded there, and nothing was "
            "recorded. Found it again, which says what has to go first",
            code="store.unfounded",
        )


def _has_store(location: str | Path) -> bool:
    """Return whether there is a file, or a table in a server's database."""
    file = file_of(location)
    return bool(_tables(location)) if file is None else file.exists()


def _tables(location: str | Path) -> list[str]:
    engine = open_engine(location, "ro")
    try:
        return inspect(engine).get_table_names()
    except SQLAlchemyError as error:
        raise StoreError(f"{shown(location)}: cannot open the store ({reason(error)})") from error
    finally:
        engine.dispose()


def _refuse_store(location: str | Path, memory: Path, there: list[Path]) -> None:
    where = shown(location)
    if _tables(location):
        with Store.open(location) as store:
            if size := store.size():
                genesis = digest(store.row(0).record or b"")
                raise StoreError(
                    f"{where}: there is a ledger already, of {size} entries, whose genesis is "
                    f"{genesis}. Nothing was changed: use it, or name another place",
                    code="store.taken",
                )
    if memory.exists() and _has_signed(memory):
        raise StoreError(
            f"{where}: is empty, and {memory} remembers a signed head: the ledger that was there "
            "is lost. Put it back from a copy (writ restore), or name another place and folder",
            code="store.lost",
        )
    left = f", move away what was made for it ({', '.join(map(str, there))})" if there else ""
    raise StoreError(
        f"{where}: is empty: a ledger was to be founded there, and that was cut off before "
        f"anything was recorded. Remove it{left}, and found it again",
        code="store.unfounded",
    )


def _has_signed(memory: Path) -> bool:
    """Return whether a memory is of a signed head; what cannot be read may be of one."""
    try:
        return bool(decode(memory.read_bytes())["note"])
    except (LedgerError, OSError, TypeError, KeyError):
        return True
