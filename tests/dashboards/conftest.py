"""What tests of pages share."""

from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import pytest
import streamlit as st

from dashboards import acting, session
from dashboards.views import waiting
from replay.history import History
from tests.dashboards.replay_visits import PATIENCE_SECONDS, the_till
from tests.dashboards.visits import Visitor, saved
from verifier.load import VerifiedLedger, open_ledger


@pytest.fixture
def forgotten() -> Generator[None]:
    """Begin and end with nothing verified, which the app keeps for all, and nobody who acts."""
    session.verify_again()
    yield
    session.verify_again()
    st.cache_resource.clear()
    acting.begin(acting.Desk())


@pytest.fixture
def visitor(monkeypatch: pytest.MonkeyPatch) -> Visitor:
    """A visitor of an app that was not started yet."""
    return Visitor(monkeypatch)


@pytest.fixture(scope="module")
def forgotten_at_last() -> Generator[None]:
    """Begin and end a file with nothing verified: its tests share what the app keeps."""
    session.verify_again()
    yield
    session.verify_again()
    st.cache_resource.clear()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pages wait for their answers: no test has a browser that asks again."""
    monkeypatch.setattr(waiting, "AT_ONCE_SECONDS", PATIENCE_SECONDS)


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
