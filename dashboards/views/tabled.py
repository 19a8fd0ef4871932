"""A table of replay's on a page: as every form of an answer has it."""

import streamlit as st

from dashboards.answers import Part
from dashboards.views import parts
from replay.tables import Table, shown


def table(made: Table, height: int | None = None) -> None:
    """Show a table. Its cells are drawn, not written: nothing in them is markup.

    Args:
        made: The table.
        height: In pixels, beyond which one scrolls in it; None shows all rows.
    """
    heads: list[str] = []
    for column in made.columns:
        # Two columns of one heading are told apart by what they stand behind.
        head = column.heading
        while head in heads:
            head += " "
        heads.append(head)
    parts.frame(
        [
            {
                head: shown(cell, column.kind)
                for head, cell, column in zip(heads, row, made.columns, strict=True)
            }
            for row in made.rows
        ],
        f"{made.title}. {made.note}".strip(),
        height,
    )
    if made.note:
        st.caption(made.note)


def first(part: Part) -> None:
    """Show the first rows of a table, and say so where it has more."""
    table(part.table)
    if part.total > len(part.table.rows):
        st.caption(
            f"These are the first {len(part.table.rows):,} of {part.total:,} rows; the command of "
            "this page gives all."
        )
