"""The answer of `writ whatif` for people at a terminal: the answer first, then the tables."""

from replay.reports.whatif_tables import (
    cascade_table,
    flip_row,
    grouped_tables,
    kind_table,
    people_table,
    undecidable_table,
)
from replay.reports.whatif_words import headline, limits, sentences
from replay.tables import Column, Kind, Table, as_text
from replay.whatif import WhatIf
from verifier.reports.text import printable

LISTED = (
    Column("entry", "Entry", Kind.COUNT),
    Column("tool", "Tool"),
    Column("recorded", "Recorded"),
    Column("then", "Then"),
    Column("now", "Now"),
    Column("rules", "Rules"),
    Column("outcome", "Outcome"),
    Column("value_micros", "Value", Kind.MICROS),
    Column("currency", "in"),
    Column("wrong", "Wrong"),
)
"""What the list of flips shows on a line."""
_PLACES = (1, 3, 6, 7, 8, 9, 11, 14, 13, 12)
"""Where these stand in a row of the table of flips."""


def whatif_text(found: WhatIf, *, listed: bool = False) -> str:
    """Return the answer as text, ended by a newline.

    Args:
        found: The answer.
        listed: Whether each flip is listed.
    """
    asked = "; ".join(found.asked) or "the whole ledger"
    head = [
        f"What if: {headline(found)}",
        (
            f"Of {printable(asked)} · {found.mode} · {found.report.ledger.size:,} entries · "
            f"trust: {found.report.integrity.trust}"
        ),
        "",
        *sentences(found),
    ]
    shown = [people_table(found)]
    if len(found.compared) == 1:
        shown += grouped_tables(found.compared[0])
    else:
        shown.append(kind_table(found))
    shown += [table for table in (undecidable_table(found), cascade_table(found)) if table.rows]
    shown += flip_lists(found) if listed else []
    closing = ["What this does not prove", *(f"  - {each}" for each in limits(found))]
    texts = [as_text(table) for table in shown]
    return "\n".join(["\n".join(head) + "\n", *texts, "\n".join(closing) + "\n"])


def flip_lists(found: WhatIf) -> list[Table]:
    """Return each candidate's flips, one a line."""
    return [
        Table(
            "flips",
            f"Flips of {one.candidate.name}",
            LISTED,
            tuple(
                tuple(flip_row(found, one, flip)[place] for place in _PLACES)
                for flip in (*one.flips, *one.contingent_flips)
            ),
        )
        for one in found.compared
    ]
