"""Which of replay's questions is answered by what."""

from pathlib import Path

from dashboards.answers import Answer
from dashboards.asking import Asked, RollbackAsked, TimelineAsked, ValueAsked, WhatIfAsked
from dashboards.exports import answer_export
from dashboards.preparing import Tell
from dashboards.replaying import Desk
from dashboards.rollbacks import answer_rollback
from dashboards.timelines import answer_timeline
from dashboards.values import answer_value
from dashboards.whatifs import answer_whatif


def answer(desk: Desk, asked: Asked, folder: Path, tell: Tell) -> Answer:
    """Answer a question; tables and files go into a folder in which nothing is yet.

    Raises:
        AskedError: It cannot be asked.
        VerifierError: The ledger does not hold, or changed meanwhile.
        LedgerError: Its store cannot be read.
    """
    if isinstance(asked, ValueAsked):
        return answer_value(desk, asked, folder, tell)
    if isinstance(asked, WhatIfAsked):
        return answer_whatif(desk, asked, folder, tell)
    if isinstance(asked, RollbackAsked):
        return answer_rollback(desk, asked, folder, tell)
    if isinstance(asked, TimelineAsked):
        return answer_timeline(desk, asked, folder, tell)
    return answer_export(desk, asked, folder, tell)
