"""A result as columns and rows, and written for people, spreadsheets and programs.

A table keeps what was counted and never how it is shown: amounts are integers in micro-units, rates
are between 0 and 1, and None is what was not recorded or cannot be said.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from verifier.reports.html_markup import text as escaped
from verifier.reports.text import printable

Cell = str | int | float | None

UNSAID: Final = "–"
"""What people see where there is no value."""
MICROS: Final = 1_000_000
# What a spreadsheet takes for a formula, at the beginning of a cell; full-width forms too.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001


class Kind(StrEnum):
    """What the cells of a column are, and so how people see them."""

    TEXT = "text"
    COUNT = "count"
    MICROS = "micros"
    """An integer in millionths of a unit; shown in units."""
    NUMBER = "number"
    SHARE = "share"
    """A number between 0 and 1; shown in percent."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name for programs, its heading for people, and what its cells are."""

    name: str
    heading: str
    kind: Kind = Kind.TEXT


@dataclass(frozen=True, slots=True)
class Table:
    """Columns and rows. `name` is for programs; `note` says how to read it."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"table {self.name}: each row has a cell for each column")


def shown(cell: Cell, kind: Kind) -> str:
    """Return a cell as people see it.

    Example:
        >>> shown(12_500_000, Kind.MICROS), shown(0.0421, Kind.SHARE), shown(None, Kind.COUNT)
        ('12.50', '4.2 %', '–')
    """
    if cell is None:
        return UNSAID
    if isinstance(cell, str):
        return printable(cell)
    if kind is Kind.MICROS:
        return amount(cell)
    if kind is Kind.SHARE:
        return f"{cell * 100:.1f} %"
    return f"{cell:,}" if isinstance(cell, int) else number(cell)


def amount(micros: float) -> str:
    """Return an amount in units, with more digits where it is small.

    Example:
        >>> amount(1_234_567_890), amount(17_160), amount(0)
        ('1,234.57', '0.0172', '0.00')
    """
    units = micros / MICROS
    return f"{units:,.2f}" if units == 0 or abs(units) >= 1 else f"{units:.4f}"


def number(value: float) -> str:
    """Return a number with about four digits.

    Example:
        >>> number(12345.678), number(0.01236), number(3.0)
        ('12,346', '0.01236', '3')
    """
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"  # noqa: PLR2004


def as_text(table: Table) -> str:
    """Return a table in aligned columns, ended by a newline: words left, numbers right."""
    heads = [column.heading for column in table.columns]
    kinds = [column.kind for column in table.columns]
    rows = [
        [shown(cell, kind) for cell, kind in zip(row, kinds, strict=True)] for row in table.rows
    ]
    widths = [max(len(row[at]) for row in [heads, *rows]) for at in range(len(heads))]

    def line(cells: Sequence[str]) -> str:
        placed = (
            cell.ljust(width) if kind is Kind.TEXT else cell.rjust(width)
            for cell, width, kind in zip(cells, widths, kinds, strict=True)
        )
        return "  " + "  ".join(placed).rstrip()

    title = [table.title] if table.title else []
    note = [f"  {table.note}"] if table.note else []
    return "\n".join([*title, line(heads), *map(line, rows), *note]) + "\n"


def as_csv(table: Table) -> str:
    """Return a table as CSV with a header of the columns' names. Source: RFC 4180.

    A text that a spreadsheet would run as a formula begins with an apostrophe there.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(column.name for column in table.columns)
    writer.writerows([_harmless(cell) for cell in row] for row in table.rows)
    return out.getvalue()


def _harmless(cell: Cell) -> Cell:
    if isinstance(cell, str) and cell.lstrip(" ").startswith(_FORMULA):
        return f"'{cell}"
    return cell


def as_parquet(table: Table) -> bytes:
    """Return a table as the bytes of a Parquet file: text, 64-bit integers and doubles."""
    import pyarrow as pa  # noqa: PLC0415 - only who asks for Parquet waits for it
    import pyarrow.parquet as pq  # noqa: PLC0415

    types = {
        Kind.TEXT: pa.string(),
        Kind.COUNT: pa.int64(),
        Kind.MICROS: pa.int64(),
    }
    columns = [
        pa.array([row[at] for row in table.rows], types.get(column.kind, pa.float64()))
        for at, column in enumerate(table.columns)
    ]
    out = io.BytesIO()
    names = [column.name for column in table.columns]
    pq.write_table(pa.table(columns, names=names), out, compression="zstd")
    return out.getvalue()


def as_html(table: Table) -> str:
    """Return a table as an element; all in it is escaped."""
    heads = "".join(
        f'<th scope="col"{_class(column)}>{escaped(column.heading)}</th>'
        for column in table.columns
    )
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td{_class(column)}>{_cell(cell, column.kind)}</td>"
            for cell, column in zip(row, table.columns, strict=True)
        )
        + "</tr>"
        for row in table.rows
    )
    caption = f"<caption>{escaped(table.title)}</caption>" if table.title else ""
    note = f'<p class="note">{escaped(table.note)}</p>' if table.note else ""
    return (
        f'<div class="wide"><table>{caption}<thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{note}"
    )


def _cell(cell: Cell, kind: Kind) -> str:
    words = escaped(shown(cell, kind))
    return f"<bdi>{words}</bdi>" if isinstance(cell, str) else words


def _class(column: Column) -> str:
    return "" if column.kind is Kind.TEXT else ' class="number"'


def as_objects(table: Table) -> list[dict[str, Cell]]:
    """Return the rows as objects by the columns' names, for JSON."""
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table.rows]
