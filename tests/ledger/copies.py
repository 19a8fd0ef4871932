"""What tests of copies and upgrades compare: a store's rows, and stores of older versions."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sqlalchemy import inspect, select, text

from ledger import schema
from ledger.client import LedgerClient
from ledger.founding import Founded
from ledger.records import Message
from ledger.store import Store

CARRIED = ("entries", "records", "checkpoints", "cosignatures", "sealed", "subjects")


def rows(location: str | Path) -> Mapping[str, Sequence[tuple[object, ...]]]:
    """Return every row of what a ledger is, by table, in order."""
    engine = schema.open_engine(location, "ro")
    with engine.connect() as connection:
        there = set(inspect(connection).get_table_names())
        found = {
            name: [
                tuple(row)
                for row in connection.execute(
                    select(schema.METADATA.tables[name]).order_by(
                        *schema.METADATA.tables[name].primary_key
                    )
                )
            ]
            for name in CARRIED
            if name in there
        }
    engine.dispose()
    return found


def make_old(location: str | Path) -> None:
    """Make a store one of version 1, as it was before there were cosignatures."""
    engine = schema.open_engine(location, "rw")
    with schema.begin_adding(engine) as connection:
        for name in ("cosignatures", "sealed", "subjects", "format"):
            connection.execute(text(f"DROP TABLE {name}"))
        if connection.dialect.name == "postgresql":
            connection.execute(text("DROP FUNCTION writ_cosignatures_refuse"))
            connection.execute(text("DROP FUNCTION writ_cosignatures_in_order"))
    engine.dispose()


def fill_beside(location: str | Path) -> None:
    """Put a cosignature and a sealed value with its key beside a ledger's entries."""
    engine = schema.open_engine(location, "rw")
    with schema.begin_adding(engine) as connection:
        connection.execute(
            schema.COSIGNATURES.insert().values(
                size=2, name="witness.example/w", key_id="ab", signed_at=1, line=b"line"
            )
        )
        connection.execute(
            schema.SEALED.insert().values(
                commitment="c" * 64, record="d" * 64, path="a/b", subject="carol", box=b"box"
            )
        )
        connection.execute(schema.SUBJECTS.insert().values(subject="carol", key=b"k" * 32))
    engine.dispose()


def write(founded: Founded, count: int = 1) -> None:
    """Add to a ledger."""
    with (
        Store.open(founded.location, writable=True) as store,
        LedgerClient(
            store,
            founded.key("agent"),
            founded.identities["agent"],
            head_signer=founded.head_signer(),
        ) as client,
    ):
        for turn in range(count):
            client.submit([client.make(Message, run="ab" * 32, role="user", turn=turn)])
