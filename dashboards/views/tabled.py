"""A table of replay's on a page: as every form of an answer has it."""

import streamlit as st

from dashboards.views import parts
from replay.tables import Table, shown


def table(made: Table) -> None:
    """Show a table. Its cells are drawn, not written: nothing in them is markup."""
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
    )
    if made.note:
        st.caption(made.note)
