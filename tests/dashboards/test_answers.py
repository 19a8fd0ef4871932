"""Answers in a file: what was written is what is read, a page at a time, in the order as made."""

from contextlib import closing
from pathlib import Path

import pytest

from dashboards import answers
from dashboards.answers import Answer, Stored, Writing
from dashboards.tables import Temporary
from replay.tables import Column, Kind, Table, as_csv

COLUMNS = (
    Column("name", "Name"),
    Column("n", "n", Kind.COUNT),
    Column("sum_micros", "Sum", Kind.MICROS),
    Column("mean", "Mean", Kind.NUMBER),
)
ROWS = tuple((f"row {n}", n, None if n % 7 == 0 else n * 1_000_001, n / 3) for n in range(60))


def stored(*tables: Table) -> Stored:
    """Return an answer with these tables."""
    folder = Temporary()
    with closing(Writing(Path(folder.name))) as writing:
        writing.write(tables)
    return Stored(Answer(1, "", "", tables=writing.tables), folder)


def test_a_page_has_its_rows_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Written in chunks; a page beyond the last one is the last one."""
    monkeypatch.setattr(answers, "CHUNK", 7)
    found = stored(Table("t", "T", COLUMNS, ROWS), Table("none", "None", COLUMNS, ()))
    assert found.all("t").table.rows == ROWS
    assert found.part("t", page=2, size=25).table.rows == ROWS[25:50]
    last = found.part("t", page=99, size=25)
    assert (last.page, last.pages, last.total) == (3, 3, 60)
    assert last.table.rows == ROWS[50:]
    some = found.part("t", "n > ? AND name <> ?", (50, "row 55"), order="n DESC", size=3)
    assert [row[1] for row in some.table.rows] == [59, 58, 57]
    assert some.total == 8
    assert found.all("none").total == 0
    assert found.csv("t") == as_csv(Table("t", "T", COLUMNS, ROWS)).encode()
    assert found.all("t").records()[0]["name"] == "row 0"
    found.close()
    assert not found.folder.exists()


def test_means_of_amounts_keep_their_fractions() -> None:
    """Amounts are whole micro-units unless a table has a mean among them."""
    rows = (("a", 1, 2.5, 0.0), ("b", 2, 3, 0.0))
    found = stored(Table("t", "T", COLUMNS, rows))
    assert [row[2] for row in found.all("t").table.rows] == [2.5, 3.0]
    found.close()


def test_an_answer_without_tables_says_so() -> None:
    """As an export, which is a file."""
    bare = Stored(Answer(1, "", ""), Temporary())
    with pytest.raises(LookupError, match="no tables"):
        bare.rows("SELECT 1")
    bare.close()
