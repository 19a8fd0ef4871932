"""The planted conversations of a policy, and the records that its profile reads from a snapshot."""

import gzip
import json
from pathlib import Path

from tests.benchmarks.tau_airline import (
    BUSINESS,
    ECONOMY,
    FLIGHTS,
    PROFILE,
    WITH_LATE,
    newer_airline,
)
from tests.benchmarks.tau_airline_others import BASIC, FLOWN, OTHERS, OTHERS_PROFILE, other_airline
from tests.benchmarks.tau_retail import CUSTOMER, ORDER, PRODUCTS, newer_retail
from tests.benchmarks.tau_retail_others import DELIVERED, other_retail
from tests.benchmarks.tau_retail_others import OTHERS_PROFILE as OTHERS_PROFILE_IN_SHOP
from tests.benchmarks.tau_talk import Planted


def planted(policy: str) -> list[Planted]:
    """Return the conversations of a policy, as `tau1-airline`."""
    version, domain = policy.split("-")
    told = {"airline": newer_airline() + other_airline(), "retail": newer_retail() + other_retail()}
    return [c for c in told[domain] if version in c.versions]


def write_snapshot(folder: Path) -> None:
    """Write the records of both domains in the files that the profiles read."""
    booked = {r["reservation_id"]: r for r in (ECONOMY, BUSINESS, WITH_LATE, OTHERS, FLOWN, BASIC)}
    flyers = {str(p["user_id"]): p for p in (PROFILE, OTHERS_PROFILE)}
    buyers = {str(p["user_id"]): p for p in (CUSTOMER, OTHERS_PROFILE_IN_SHOP)}
    orders = {str(o["order_id"]): o for o in (ORDER, DELIVERED)}
    files: dict[str, object] = {
        "tau1_airline_users": flyers,
        "tau1_airline_reservations": booked,
        "tau1_airline_flights": FLIGHTS,
        "tau1_retail_users": buyers,
        "tau1_retail_orders": orders,
        "tau1_retail_products": PRODUCTS,
        "tau2_retail_db": {
            "users": buyers,
            "orders": orders,
            "products": PRODUCTS,
        },
    }
    for name, content in files.items():
        with gzip.open(folder / f"{name}.json.gz", "wt") as file:
            json.dump(content, file)
