"""Where the bytes of a table's rows lie in an SQLite file.

Just enough of the file format (https://sqlite.org/fileformat2.html) to list the bytes of every cell
of a table: their headers, their content, and what of it lies on overflow pages.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

LEAF, INTERIOR = 0x0D, 0x05
HEADER_SIZE = 100


@dataclass(frozen=True, slots=True)
class Cell:
    """One row: its number, and the offsets in the file of the bytes that hold it.

    `null` is the offset of the byte that says that the column of the row's own number is NULL.
    """

    table: str
    row: int
    offsets: tuple[int, ...]
    null: int


def cells(path: Path, table: str) -> list[Cell]:
    """Return the cells of a table, in order."""
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        (root,) = connection.execute(query, (table,)).fetchone()
    return list(_Pages(path.read_bytes(), table).walk(root))


class _Pages:
    def __init__(self, raw: bytes, table: str) -> None:
        self.raw = raw
        self.table = table
        self.size = int.from_bytes(raw[16:18], "big")
        self.usable = self.size - raw[20]

    def walk(self, page: int) -> Iterator[Cell]:
        start = (page - 1) * self.size
        at = start + (HEADER_SIZE if page == 1 else 0)
        kind, count = self.raw[at], self._number(at + 3, 2)
        pointers = at + (12 if kind == INTERIOR else 8)
        for cell in range(count):
            offset = start + self._number(pointers + 2 * cell, 2)
            if kind == INTERIOR:
                yield from self.walk(self._number(offset, 4))
            else:
                assert kind == LEAF
                yield self._cell(offset)
        if kind == INTERIOR:
            yield from self.walk(self._number(at + 8, 4))

    def _cell(self, offset: int) -> Cell:
        payload, at = self._varint(offset)
        row, at = self._varint(at)
        local = self._local(payload)
        offsets = list(range(offset, at + local))
        if local < payload:
            offsets.extend(range(at + local, at + local + 4))
            self._overflow(self._number(at + local, 4), payload - local, offsets)
        _, null = self._varint(at)
        return Cell(self.table, row, tuple(offsets), null)

    def _overflow(self, page: int, left: int, offsets: list[int]) -> None:
        while left > 0:
            start = (page - 1) * self.size
            here = min(left, self.usable - 4)
            offsets.extend(range(start + 4, start + 4 + here))
            left -= here
            page = self._number(start, 4)

    def _local(self, payload: int) -> int:
        """Return how much of a payload lies in the leaf page itself."""
        most, least = self.usable - 35, (self.usable - 12) * 32 // 255 - 23
        if payload <= most:
            return payload
        spilled = least + (payload - least) % (self.usable - 4)
        return spilled if spilled <= most else least

    def _number(self, at: int, length: int) -> int:
        return int.from_bytes(self.raw[at : at + length], "big")

    def _varint(self, at: int) -> tuple[int, int]:
        value = 0
        for place in range(9):
            byte = self.raw[at + place]
            if place == 8:
                return (value << 8) | byte, at + 9
            value = (value << 7) | (byte & 0x7F)
            if byte < 0x80:
                return value, at + place + 1
        raise AssertionError
