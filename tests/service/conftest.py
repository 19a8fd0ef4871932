"""Served shops, each a copy of one that was founded once."""

from collections.abc import Iterator

import pytest

from tests.guard.conftest import founded_shop, hands, ledger, shop
from tests.guard.shop import Shop
from tests.service.served import Served, serving

__all__ = ["founded_shop", "hands", "ledger", "shop"]


@pytest.fixture
def served(shop: Shop) -> Iterator[Served]:
    """Give a shop behind a server."""
    with serving(shop) as given:
        yield given
