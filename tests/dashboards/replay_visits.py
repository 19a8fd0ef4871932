"""What tests of replay's pages share: a visitor, the till's ledger, and the engine's answers."""

from collections.abc import Generator
from contextlib import closing
from functools import cache
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboards import session
from dashboards.views import waiting
from replay.history import History
from tests.dashboards.replay_ledgers import till
from tests.dashboards.test_views import Visitor, saved
from tests.verifier.forge import Desk
from verifier.load import VerifiedLedger, open_ledger

PATIENCE_SECONDS = 120.0


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pages wait for their answers: no test has a browser that asks again."""
    monkeypatch.setattr(waiting, "AT_ONCE_SECONDS", PATIENCE_SECONDS)


@pytest.fixture(autouse=True, scope="module")
def forget() -> Generator[None]:
    """Begin each file with nothing verified; its tests share what the app keeps, as visitors do."""
    session.verify_again()
    yield
    session.verify_again()
    st.cache_resource.clear()


@pytest.fixture
def visitor(monkeypatch: pytest.MonkeyPatch) -> Visitor:
    """A visitor of an app that was not started yet."""
    return Visitor(monkeypatch)


@cache
def the_till() -> Desk:
    """Return the till, made once: nobody here writes in it."""
    return till()


@pytest.fixture(scope="module")
def till_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The till's ledger and its trust file."""
    return saved(the_till(), tmp_path_factory.mktemp("till"))


@pytest.fixture
def at_the_till(visitor: Visitor, till_files: tuple[Path, Path]) -> Visitor:
    """A visitor of an app on the till's ledger."""
    visitor.starts(*till_files)
    return visitor


@pytest.fixture(scope="module")
def asked_directly(till_files: tuple[Path, Path]) -> Generator[tuple[VerifiedLedger, History]]:
    """The till's ledger as the commands open it."""
    with closing(open_ledger(till_files[0], the_till().trust())) as ledger:
        yield ledger, History.of(ledger)


def column(app: AppTest, heading: str) -> list[object]:
    """Return a column of the first table of a page that has it.

    Raises:
        LookupError: None has it.
    """
    for frame in app.dataframe:
        if heading in frame.value.columns:
            return list(frame.value[heading])
    raise LookupError(f"no table has a column {heading!r}")
