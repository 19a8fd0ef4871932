"""What tests of replay's pages share: the till's ledger, and its tables."""

from functools import cache

from streamlit.testing.v1 import AppTest

from tests.dashboards.replay_ledgers import till
from tests.verifier.forge import Desk

PATIENCE_SECONDS = 120.0


@cache
def the_till() -> Desk:
    """Return the till, made once: nobody here writes in it."""
    return till()


def column(app: AppTest, heading: str) -> list[object]:
    """Return a column of the first table of a page that has it.

    Raises:
        LookupError: None has it.
    """
    for frame in app.dataframe:
        if heading in frame.value.columns:
            return list(frame.value[heading])
    raise LookupError(f"no table has a column {heading!r}")
