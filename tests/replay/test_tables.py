"""Tables of results: what spreadsheets run, what programs get, and what people see."""

import csv
import io

import pyarrow.parquet as pq
import pytest

from replay.tables import Column, Kind, Table, as_csv, as_html, as_objects, as_parquet, as_text

COLUMNS = (
    Column("name", "Name"),
    Column("runs", "Runs", Kind.COUNT),
    Column("cost_micros", "Cost", Kind.MICROS),
    Column("rate", "Rate", Kind.SHARE),
)
ROWS = (("chat", 1200, 12_345_678, 0.25), ("=cmd|' /C calc'!A0", -3, None, None))
TABLE = Table("groups", "By channel", COLUMNS, ROWS, "What it says.")


def test_what_is_not_recorded_is_empty_and_never_zero() -> None:
    """None stays apart from zero in every form."""
    assert as_text(TABLE).splitlines()[3].split()[-2:] == ["–", "–"]
    assert as_csv(TABLE).splitlines()[2].endswith(",-3,,")
    read = pq.read_table(io.BytesIO(as_parquet(TABLE)))
    assert read.column("cost_micros").to_pylist() == [12_345_678, None]
    assert as_objects(TABLE)[1]["rate"] is None


@pytest.mark.parametrize("word", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1"])  # noqa: RUF001
def test_no_text_is_a_formula_in_a_spreadsheet(word: str) -> None:
    """A cell that would run begins with an apostrophe; a negative number stays a number."""
    table = Table("t", "", COLUMNS[:2], ((word, -3),))
    rows = list(csv.reader(io.StringIO(as_csv(table))))
    assert rows[1] == ["'" + word, "-3"]


def test_the_columns_of_a_text_stand_below_one_another() -> None:
    """Words begin, and numbers end, at one place."""
    lines = as_text(TABLE).splitlines()
    assert lines[0] == "By channel"
    assert lines[1].index("Runs") + 4 == lines[2].index("1,200") + 5
    assert lines[2].split() == ["chat", "1,200", "12.35", "25.0", "%"]


def test_a_page_holds_a_text_as_text() -> None:
    """No markup comes out of a cell, a heading or a title."""
    table = Table("t", "<i>", (Column("a", "<b>"),), (("<script>\u202e",),), "<u>")
    written = as_html(table)
    for mark in ("<i>", "<b>", "<script>", "\u202e", "<u>"):
        assert mark not in written


def test_a_row_has_a_cell_for_each_column() -> None:
    """A table that would shift its cells is refused where it is made."""
    with pytest.raises(ValueError, match="a cell for each column"):
        Table("t", "", COLUMNS, (("short",),))
