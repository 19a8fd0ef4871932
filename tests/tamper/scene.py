"""What an attack is made on: a forged ledger, the auditor's trust file, and where it is kept."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from ledger.bundle_writing import write_bundle
from ledger.encoding import decode, encode
from ledger.store import Store
from tests.verifier.forge import Desk
from verifier.trust import Trust

# Where things stand in a scene's ledger.
GENESIS, AUTHORITY, CONTRACT, ACTIVATION, RUN, LOOK, LOOKED, PAY, PAID, CLOSED = range(10)
# Three submissions of two records follow, by one writer in one stream.
FIRST, SECOND, THIRD = 10, 12, 14
END = 16
# When the auditor asks, in seconds since 1970: noon of the day of the ledger.
NOON = 1_772_366_400

Statement = tuple[str, Sequence[object]]


def review(desk: Desk) -> bytes:
    """Return a record that changes nothing else."""
    return desk.make("review", "reviewer", finding="F", state="open")


@dataclass
class Scene:
    """A ledger under attack.

    Attributes:
        desk: The ledger, as lists that an attack changes.
        note: The head that was signed before the attack.
        pinned: Whether the auditor's trust file pins that head.
        trust: What the auditor changes in the trust file.
        statements: What is done to the tables after the ledger was written, guards or not.
    """

    desk: Desk = field(default_factory=Desk)
    note: bytes = b""
    pinned: bool = True
    trust: dict[str, object] = field(default_factory=dict[str, object])
    statements: list[Statement] = field(default_factory=list[Statement])

    @classmethod
    def built(cls) -> "Scene":
        """Play a good run and three more submissions, and sign the head."""
        scene = cls()
        scene.desk.paid()
        for _ in range(3):
            scene.desk.submit("reviewer", review(scene.desk), review(scene.desk))
        scene.note = scene.desk.sign_head()
        assert len(scene.desk.headers) == END
        return scene

    def trusted(self) -> Trust:
        """Return the auditor's trust file."""
        return self.desk.trust(self.note if self.pinned else b"", **self.trust)

    # --------------------------------------------------- what attackers do, again and again

    def header(self, index: int, **changes: object) -> None:
        """Change members of a header; None takes one away."""
        value = {**decode(self.desk.headers[index]), **changes}
        kept = {name: item for name, item in value.items() if item is not None}
        self.desk.headers[index] = encode(kept)

    def record(self, index: int, **changes: object) -> None:
        """Change members of a record; None takes one away."""
        value = {**decode(self.desk.records[index]), **changes}
        kept = {name: item for name, item in value.items() if item is not None}
        self.desk.records[index] = encode(kept)

    def delete(self, start: int, stop: int) -> None:
        """Take entries away with their records."""
        del self.desk.headers[start:stop], self.desk.records[start:stop]

    def insert(self, index: int, header: bytes, record: bytes) -> None:
        """Put an entry before another."""
        self.desk.headers.insert(index, header)
        self.desk.records.insert(index, record)

    def sign_again(self) -> None:
        """Link everything anew and sign a new head: the keeper has the head key."""
        self.desk.relink()
        self.desk.notes.clear()
        self.desk.sign_head()
        self.pinned = False

    def execute(self, statement: str, *values: object) -> None:
        """Do something to the tables themselves; a value's place is written `?`."""
        self.statements.append((statement, values))


def save_sqlite(scene: Scene, folder: Path, _url: str) -> str:
    """Write the ledger to a file, and do to it what the attack does to tables."""
    path = scene.desk.save(folder / "ledger.db")
    with closing(sqlite3.connect(path)) as connection, connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in names.fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for statement, values in scene.statements:
            connection.execute(statement, tuple(values))
    return str(path)


def save_postgresql(scene: Scene, _folder: Path, url: str) -> str:
    """Write the ledger to an empty database, around its guards."""
    Store.create(url).close()
    scene.desk.fill(url, scene.statements)
    return url


def save_bundle(scene: Scene, folder: Path, url: str) -> str:
    """Write the ledger to a file, and what the file then holds to a bundle."""
    with Store.open(save_sqlite(scene, folder, url)) as store:
        write_bundle(store, folder / "ledger.zip")
    return str(folder / "ledger.zip")


STORES: dict[str, Callable[[Scene, Path, str], str]] = {
    "sqlite": save_sqlite,
    "postgresql": save_postgresql,
    "bundle": save_bundle,
}
