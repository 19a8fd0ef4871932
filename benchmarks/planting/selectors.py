"""Selectors of switches, each with what it selects, said a second time in Python.

There are few: each is asked of every call after the first switch that names it.
"""

from collections.abc import Mapping
from typing import Any, Final

from benchmarks.planting.known import Selects


def _kiosk(number: int) -> Selects:
    def selects(act: Mapping[str, Any]) -> bool:
        return bool(act["channel"] == f"kiosk-{number}")

    return selects


def _one_customer(act: Mapping[str, Any]) -> bool:
    """Where nobody can tell, because the call names no customer, it selects."""
    customer = act["params"].get("customer")
    return customer is None or customer == "C-10000"


def _every(_: Mapping[str, Any]) -> bool:
    return True


KIOSKS: Final = {f'action.channel == "kiosk-{number}"': f"kiosk-{number}" for number in range(1, 7)}
PAYOUTS: Final = 'action.tool == "payouts.create" && params.amount.micros > 1000000'
UNNAMED: Final = 'params.customer == "C-10000"'
NONE: Final = "action.tool is a payout"

SELECTORS: Final[dict[str, Selects]] = {
    **{text: _kiosk(number) for number, text in enumerate(KIOSKS, start=1)},
    PAYOUTS: lambda act: bool(act["tool"] == "payouts.create"),
    UNNAMED: _one_customer,
    NONE: _every,
}
