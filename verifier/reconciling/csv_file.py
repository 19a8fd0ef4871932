"""A tool's own log as CSV: RFC 4180, UTF-8, with a header line; plain or gzip."""

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from verifier.reconciling.lines import Limits, read_lines, text_of
from verifier.reconciling.mapping import CallMap
from verifier.reconciling.problems import refused
from verifier.reconciling.rows import Rows
from verifier.reconciling.seen import Seen

if TYPE_CHECKING:
    from _csv import Reader


class CsvFile:
    """A CSV file that is read once.

    Attributes:
        textual: Whether arguments are cells of text; known once the first call was read.
    """

    def __init__(self, path: Path, reads: CallMap, limits: Limits) -> None:
        self._path = path
        self._reads = reads
        self._limits = limits
        self.textual = False

    def calls(self) -> Iterator[Seen]:
        """Yield the calls in the file's order.

        Raises:
            AgainstError: The file is not such a table; the line is named.
        """
        lines = (text_of(self._path, *line) for line in read_lines(self._path, self._limits))
        csv.field_size_limit(self._limits.cell)
        reader = csv.reader(lines, delimiter=self._reads.delimiter or ",", strict=True)
        header = self._next(reader)
        if header is None:
            raise refused("empty", str(self._path), "the file is empty: a header line is needed")
        rows = Rows(str(self._path), header, self._reads, typed=False)
        self.textual = rows.textual
        first = reader.line_num + 1
        while (cells := self._next(reader)) is not None:
            line, first = first, reader.line_num + 1
            if not cells:
                continue
            place = f"{self._path}:{line}"
            if len(cells) != len(header):
                what = (
                    f"{len(cells)} cells under {len(header)} columns; a comma in a cell needs "
                    "quotes around it"
                )
                raise refused("ragged", place, what)
            call = rows.call(line, place, dict(zip(header, cells, strict=True)))
            if call is not None:
                yield replace(call, place=f"line {line}")

    def _next(self, reader: "Reader") -> list[str] | None:
        try:
            return next(reader, None)
        except csv.Error as error:
            what = f"no CSV from here on ({error})"
            raise refused("csv", f"{self._path}:{reader.line_num}", what) from error
