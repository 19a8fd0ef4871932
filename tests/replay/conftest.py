"""Ledgers that several tests of replay read: each is made, verified and read once."""

from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest

from tests.guard.shop import Hands, found
from tests.replay.shopping import LEDGER, shop_story
from tests.replay.verified import Verified, verified
from tests.uncounted import uncounted
from writ.demo.month import live


@pytest.fixture(scope="session")
def founded_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a shop in which nothing has happened yet, to be copied."""
    folder = tmp_path_factory.mktemp("founded")
    with uncounted():
        found(str(folder / LEDGER), Hands())
    return folder


@pytest.fixture(scope="session")
def story_path(founded_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the shop's story, to be read."""
    with uncounted():
        return shop_story(copytree(founded_shop, tmp_path_factory.mktemp("story") / "shop"))


@pytest.fixture(scope="session")
def story(story_path: Path) -> Iterator[Verified]:
    """Give the shop's story, verified."""
    with verified(story_path) as found:
        yield found


@pytest.fixture(scope="session")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Verified]:
    """Give a month of the demonstration, with all planted mistakes and few runs of others."""
    path = tmp_path_factory.mktemp("month") / "refunds.db"
    with uncounted():
        live(path, "replay", runs=5)
    with verified(path) as found:
        yield found
