"""What a database leaves behind of what was erased, and how it is cleared.

On SQLite deleted rows are overwritten in the file (`secure_delete`), and the write-ahead log, which
still has them, is emptied here. On PostgreSQL the tables are written anew; what the server's own
log and copies of either store still hold is not in our hands.
Source: docs/spec/ledger-format.md, *Sealed values*.
"""

from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from ledger import schema
from ledger.errors import StoreError

PATIENCE = 10


def scrub(location: str | Path, patience: int = PATIENCE) -> None:
    """Clear what is left of erased values beside the store's rows.

    Args:
        location: The store's path or URL.
        patience: How many seconds to wait for who reads it.

    Raises:
        StoreError: A reader still holds it (`store.remains`), or the database failed.
    """
    engine = schema.open_engine(location, "rw")
    try:
        cleared = _scrubbed(engine, patience)
    except SQLAlchemyError as error:
        raise StoreError(
            f"{schema.shown(location)}: what was erased could not be cleared ({error.args[0]})",
            code="store.remains",
        ) from error
    finally:
        engine.dispose()
    if not cleared:
        raise StoreError(
            f"{schema.shown(location)}: erased, and the write-ahead log still has it, because "
            "somebody is reading; close what reads it, then open the store to write",
            code="store.remains",
        )


def _scrubbed(engine: Engine, patience: int) -> bool:
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            return schema.empty_log(connection, patience)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # Without FULL the bytes of a deleted row stay in its page until something else needs it.
        tables = f"{schema.SEALED.name}, {schema.SUBJECTS.name}"
        connection.exec_driver_sql(f"VACUUM (FULL) {tables}")
    return True
