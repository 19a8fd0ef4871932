"""Throw-away ledgers for the tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.store import Store
from ledger.testing import BuiltLedger, build_ledger, found_ledger


@pytest.fixture
def founded(tmp_path: Path) -> BuiltLedger:
    """Give a ledger with nothing in it but its beginning."""
    return found_ledger(tmp_path)


@pytest.fixture
def built(tmp_path: Path) -> BuiltLedger:
    """Give a ledger in which the agent has done one run."""
    return build_ledger(tmp_path)


@pytest.fixture
def store(founded: BuiltLedger) -> Iterator[Store]:
    """Give the new ledger's store, to write to."""
    with Store.open(founded.path, writable=True) as opened:
        yield opened
