"""What runs cost and were worth, as the value page asks it: one question, answered by replay.

Source: docs/spec/value.md.
"""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

from dashboards.answers import Answer, Writing
from dashboards.asking import AskedError, ValueAsked
from dashboards.preparing import Tell
from dashboards.replaying import Desk, whose
from replay.reports.value_tables import tables
from replay.reports.value_text import people_table
from replay.reports.value_words import headline, limits, sentences
from replay.run_choice import chosen
from replay.value import TOOL
from replay.valued import valued

WEIGHING: Final = "weighing cost and value"
WEIGHED: Final = 0.65
BY: Final = ("version", "model", "channel", TOOL, "day", "service")
"""What is grouped by, the most wanted first; all at once, so that a page only turns them over."""
SHOWN: Final = "shown_"
"""Before the name of a table with ratios and their intervals in one cell, as people read them."""


def answer_value(desk: Desk, asked: ValueAsked, folder: Path, tell: Tell) -> Answer:
    """Answer what runs cost and were worth.

    Raises:
        AskedError: There is no such run or incident, or something cannot be read.
    """
    rates = asked.read()
    ledger = desk.ledger(tell)
    choice = asked.over.choice(ledger.report)
    history = desk.history(tell)
    tell(WEIGHING, WEIGHED)
    try:
        runs = chosen(history, choice)
    except LookupError as error:
        raise AskedError("ask.run", str(error), "The Run page lists those there are.") from error
    said = asked.over.said()
    found = valued(history, ledger.report, runs, rates=rates, by=BY, asked=said)
    with closing(Writing(folder)) as writing:
        writing.write(tables(found))
        for by, groups in found.groups.items():
            writing.write([replace(people_table(by, groups), name=f"{SHOWN}{by}")])
    return Answer(
        size=ledger.report.ledger.size,
        root=ledger.report.ledger.root,
        headline=headline(found),
        sentences=tuple(sentences(found)),
        limits=tuple(limits(found)),
        basis=whose(ledger, said),
        tables=writing.tables,
    )
