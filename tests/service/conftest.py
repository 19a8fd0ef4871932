"""Served shops, each a copy of one that was founded once."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.guard.conftest import founded_shop, hands, ledger, shop
from tests.guard.shop import Hands, Shop, opened
from tests.service.served import Served, serving

__all__ = ["founded_shop", "hands", "ledger", "shop"]


@pytest.fixture
def served(shop: Shop) -> Iterator[Served]:
    """Give a shop behind a server."""
    with serving(shop) as given:
        yield given


@pytest.fixture(scope="module")
def lasting(
    founded_shop: tuple[Path, Hands], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """Give a shop behind a server to all tests of a module: none changes what another finds."""
    folder = tmp_path_factory.mktemp("lasting") / "shop"
    shutil.copytree(founded_shop[0], folder)
    clock = Hands()
    clock.now = founded_shop[1].now
    with opened(str(folder / "ledger.db"), clock) as made, serving(made) as given:
        yield given
