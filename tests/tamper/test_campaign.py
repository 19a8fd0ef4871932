"""Ten thousand random edits, of a ledger's rows and of what is carried away: none is passed over.

An edit is noticed when the verification breaks, or says something else than of the ledger as it
was. Each batch has a seed: a batch that fails is repeated by its number.
"""

import random
import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ledger import LedgerError, Store, check_proof, make_proof
from ledger.bundle import Bundle
from ledger.bundle_writing import write_bundle
from ledger.checkpoint import open_checkpoint
from ledger.tiles import TiledTree, tiles
from tests.tamper.edits import edited
from tests.tamper.scene import END, PAY, Scene, save_sqlite
from tests.verifier.forge import ORIGIN, key_of
from verifier.entries import BrokenLedgerError
from verifier.founding import Founding
from verifier.heads import Heads
from verifier.integrity import Reading
from verifier.trust import Trust

BATCHES = 20
ROWS_OF_A_BATCH = 100
FILES_OF_A_BATCH = 400

Column = tuple[str, str, str]
COLUMNS: tuple[Column, ...] = (
    ("entries", "header", "idx"),
    ("records", "body", "idx"),
    ("checkpoints", "note", "size"),
)


@dataclass(frozen=True)
class Kept:
    """A ledger in a file, and what an auditor has of it."""

    path: Path
    trust: Trust
    note: bytes


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """Give a ledger without guards, whose head an auditor has pinned."""
    scene = Scene.built()
    path = Path(save_sqlite(scene, tmp_path_factory.mktemp("campaign"), ""))
    return Kept(path, scene.trusted(), scene.note)


def said(kept: Kept) -> object:
    """Return all that integrity has to say of the ledger as it is."""
    with Store.open(kept.path) as store:
        try:
            founding = Founding.read(store, kept.trust)
            heads = Heads(store, founding, kept.trust)
            reading = Reading(store, founding, heads)
            valid = [found.event.digest for found in reading.entries()]
        except BrokenLedgerError as error:
            return error.where
    return valid, reading.drafts, heads.size, heads.root


Undo = tuple[str, Sequence[object]]


def _change_bytes(luck: random.Random, connection: sqlite3.Connection) -> list[Undo]:
    table, column, key = luck.choice(COLUMNS)
    find = f"SELECT {key}, {column} FROM {table} ORDER BY {key}"  # noqa: S608
    row, raw = luck.choice(connection.execute(find).fetchall())
    change = f"UPDATE {table} SET {column} = ? WHERE {key} = ?"  # noqa: S608
    connection.execute(change, (edited(luck, raw), row))
    return [(change, (raw, row))]


def _delete_row(luck: random.Random, connection: sqlite3.Connection) -> list[Undo]:
    table, column, _ = luck.choice(COLUMNS[:2])
    row = luck.randrange(END)
    find = f"SELECT {column} FROM {table} WHERE idx = ?"  # noqa: S608
    (raw,) = connection.execute(find, (row,)).fetchone()
    connection.execute(f"DELETE FROM {table} WHERE idx = ?", (row,))  # noqa: S608
    return [(f"INSERT INTO {table} VALUES (?, ?)", (row, raw))]  # noqa: S608


def _move_row(luck: random.Random, connection: sqlite3.Connection) -> list[Undo]:
    table = luck.choice(("entries", "records"))
    row, other = luck.randrange(END), luck.choice((-1, END, END + 7, 2**40))
    change = f"UPDATE {table} SET idx = ? WHERE idx = ?"  # noqa: S608
    connection.execute(change, (other, row))
    return [(change, (row, other))]


def _copy_row(luck: random.Random, connection: sqlite3.Connection) -> list[Undo]:
    table, column, _ = luck.choice(COLUMNS[:2])
    row, other = luck.sample(range(END), 2)
    find = f"SELECT {column} FROM {table} WHERE idx = ?"  # noqa: S608
    (raw,) = connection.execute(find, (other,)).fetchone()
    change = f"UPDATE {table} SET {column} = ? WHERE idx = ?"  # noqa: S608
    (before,) = connection.execute(find, (row,)).fetchone()
    connection.execute(change, (raw, row))
    return [(change, (before, row))]


_BY_ROW = (_delete_row, _move_row, _copy_row)


@contextmanager
def changed(luck: random.Random, path: Path) -> Generator[None]:
    """Change a ledger's rows, and put them back."""
    change = _change_bytes if luck.random() < 0.8 else luck.choice(_BY_ROW)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        undo = change(luck, connection)
        try:
            yield
        finally:
            for statement, values in undo:
                connection.execute(statement, tuple(values))


@pytest.mark.parametrize("seed", range(BATCHES))
def test_no_edit_of_a_row_is_passed_over(seed: int, kept: Kept) -> None:
    """Bytes of a header, record or head; rows gone, moved, or in another's place."""
    luck = random.Random(f"rows {seed}")
    before = said(kept)
    assert isinstance(before, tuple)
    for number in range(ROWS_OF_A_BATCH):
        with changed(luck, kept.path):
            assert said(kept) != before, f"edit {number} of batch {seed}"
    assert said(kept) == before


# ----------------------------------------------------------------- what is carried away

Check = Callable[[bytes], object]


class _SameContent(Exception):  # noqa: N818  (it is no error that it tells of)
    """An edit changed bytes that nothing is read from: all that is in the file is as it was."""


def _proof(kept: Kept) -> tuple[bytes, Check]:
    with Store.open(kept.path) as store:
        raw = make_proof(store, PAY, kept.note)
    return raw, lambda changed: check_proof(changed, kept.trust.genesis)


def _note(kept: Kept) -> tuple[bytes, Check]:
    return kept.note, lambda changed: open_checkpoint(changed, ORIGIN, [key_of("head").public_key])


def _bundle(kept: Kept) -> tuple[bytes, Check]:
    """Give a zipped bundle. Bytes of a zip that say nothing of what is in it may be anything."""
    path = kept.path.with_name("bundle.zip")
    path.unlink(missing_ok=True)
    with Store.open(kept.path) as store:
        write_bundle(store, path)
        whole = list(store.rows()), list(store.checkpoints())
    raw = path.read_bytes()

    def check(changed: bytes) -> None:
        path.write_bytes(changed)
        with Bundle.open(path) as bundle:
            assert (list(bundle.rows()), list(bundle.checkpoints())) == whole
        if changed != raw:
            raise _SameContent

    return raw, check


def _tile(kept: Kept) -> tuple[bytes, Check]:
    with Store.open(kept.path) as store:
        headers = [header for _, header in store.headers()]
    files = dict(tiles(headers))
    name = f"tile/entries/000.p/{END}"

    def check(changed: bytes) -> None:
        TiledTree({**files, name: changed}.get, END).check()

    return files[name], check


CARRIED = (_proof, _note, _bundle, _tile)


@pytest.mark.parametrize("seed", range(BATCHES))
def test_no_edit_of_what_was_carried_away_is_passed_over(seed: int, kept: Kept) -> None:
    """A proof, a head, a bundle or a tile with any edit is refused, and never by a crash."""
    luck = random.Random(f"carried {seed}")
    made = [make(kept) for make in CARRIED]
    for raw, check in made:
        check(raw)
    for _ in range(FILES_OF_A_BATCH):
        raw, check = luck.choice(made)
        with pytest.raises((LedgerError, _SameContent)):
            check(edited(luck, raw))
