"""Upgrading a store: from tables as an older version made them to those of this one.

Entries, records and checkpoints stay as they are, byte for byte: only what stands around them is
made anew, in one transaction under the ledger's lock. A process that dies leaves the old version or
the new one, and both are whole. Whoever asks for an upgrade verifies the ledger before and after.
Source: docs/spec/ledger-format.md, *Store*.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from ledger import schema
from ledger.errors import StoreError
from ledger.store import Store


def upgrade(location: str | Path) -> int:
    """Upgrade a store to the version that this program writes.

    Args:
        location: A file's path, or an SQLAlchemy URL.

    Returns:
        The version that it was of. Where that is the newest, nothing was done.

    Raises:
        StoreError: There is no store, it is of a version that this program does not know
            (`store.new`), or the database failed: then it is as it was.
    """
    with Store.open(location):
        # What is no ledger's store is said here, and not changed.
        pass
    engine = schema.open_engine(location, "rw")
    try:
        with schema.begin_adding(engine) as connection:
            schema.lock(connection)
            # Read with the lock held: somebody else may have upgraded it just now.
            found = schema.version(connection)
            if found > schema.VERSION:
                raise StoreError(
                    f"{schema.shown(location)}: its tables are of version {found}, and this "
                    f"program knows {schema.VERSION}: install a newer one",
                    code="store.new",
                )
            for version in range(found, schema.VERSION):
                STEPS[version](connection)
            # If the process dies before this commit is durable, the store is as it was.
    except SQLAlchemyError as error:
        raise StoreError(
            f"{schema.shown(location)}: cannot be upgraded, and is as it was "
            f"({schema.reason(error)})",
            code="upgrade.failed",
        ) from error
    finally:
        engine.dispose()
    return found


def _to_2(connection: Connection) -> None:
    """Add the places for cosignatures and sealed values, and the version itself."""
    added = [schema.COSIGNATURES, schema.SEALED, schema.SUBJECTS, schema.FORMAT]
    schema.METADATA.create_all(connection, tables=added, checkfirst=False)
    schema.guard(connection, schema.COSIGNATURES.name)
    connection.execute(schema.FORMAT.insert().values(id=1, version=2))


# What leads from each version to the one after it.
STEPS: Mapping[int, Callable[[Connection], None]] = {1: _to_2}
