"""A shop's tools: plain functions over a plain system. They know nothing of contracts."""

ORDERS = {"A-1": 80.0, "A-2": 35.0, "A-3": 480.0}
PAID: list[dict[str, object]] = []


def find_order(order: str) -> dict[str, object]:
    """Look an order up."""
    return {"order": order, "paid": ORDERS[order]}


def refund(order: str, amount: float) -> dict[str, object]:
    """Pay money back. It is gone when this returns."""
    PAID.append({"order": order, "amount": amount})
    return {"payout": f"P-{len(PAID)}", "amount": amount}


def hand_over(why: str) -> dict[str, object]:
    """Open a case for a person."""
    return {"case": why}


TOOLS = {"orders.find": find_order, "payouts.refund": refund, "cases.open": hand_over}
