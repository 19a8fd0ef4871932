"""A month of the demonstration, lived once for all tests of replay that ask it."""

from pathlib import Path

import pytest

from writ.demo.month import live


@pytest.fixture(scope="session")
def month_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a ledger with all planted mistakes, and few runs of others."""
    path = tmp_path_factory.mktemp("month") / "refunds.db"
    live(path, "replay", runs=5)
    return path
