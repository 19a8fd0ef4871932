"""Shops to guard: a copy of one that was founded once, so that each test has its own."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.guard.shop import Hands, Shop, found, opened


@pytest.fixture(scope="session")
def founded_shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Hands]:
    """Give the folder of a shop in which nothing has happened yet, and its clock."""
    folder = tmp_path_factory.mktemp("shop")
    clock = Hands()
    found(str(folder / "ledger.db"), clock)
    return folder, clock


@pytest.fixture
def hands(founded_shop: tuple[Path, Hands]) -> Hands:
    """Give the shop's clock, to be set by hand."""
    again = Hands()
    again.now = founded_shop[1].now
    return again


@pytest.fixture
def ledger(founded_shop: tuple[Path, Hands], tmp_path: Path) -> str:
    """Give where this test's shop has its ledger."""
    folder = tmp_path / "shop"
    shutil.copytree(founded_shop[0], folder)
    return str(folder / "ledger.db")


@pytest.fixture
def shop(ledger: str, hands: Hands) -> Iterator[Shop]:
    """Give the shop, to be written to."""
    with opened(ledger, hands) as given:
        yield given


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Give what makes a process wait no longer for a lock that another holds."""
    return lambda: monkeypatch.setattr("ledger.schema.PATIENCE", 0)
