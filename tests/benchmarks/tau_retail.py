"""Conversations of the shop: one customer, a pending order, products with variants."""

from typing import Final

from tests.benchmarks.tau_talk import (
    TAU2,
    TRANSFER,
    Message,
    Planted,
    agent,
    call,
    confirmed,
    user,
)

BUYER: Final = "ben_adler_2345"
GIFT: Final = "gift_card_2222222"
VISA: Final = "credit_card_3333333"
ORDER: Final = {
    "order_id": "#W0000001",
    "user_id": BUYER,
    "address": {"address1": "1 Elm Street", "address2": "", "city": "Austin", "zip": "78750"},
    "items": [
        {"name": "Shirt", "product_id": "100", "item_id": "101", "price": 20.0},
        {"name": "Shirt", "product_id": "100", "item_id": "102", "price": 20.0},
        {"name": "Mug", "product_id": "200", "item_id": "201", "price": 10.0},
    ],
    "status": "pending",
    "payment_history": [{"transaction_type": "payment", "amount": 50.0, "payment_method_id": GIFT}],
}
CUSTOMER: Final = {
    "user_id": BUYER,
    "address": ORDER["address"],
    "payment_methods": {
        GIFT: {"source": "gift_card", "balance": 15, "id": GIFT},
        VISA: {"source": "credit_card", "id": VISA},
    },
    "orders": ["#W0000001"],
}
SHIRTS: Final = ("101", "102", "103", "104", "105")
PRODUCTS: Final = {
    product: {
        "name": name,
        "product_id": product,
        "variants": {
            item: {"item_id": item, "available": item != "105", "price": price}
            for item, price in items
        },
    }
    for product, name, items in (
        ("100", "Shirt", tuple(zip(SHIRTS, (20.0, 20.0, 60.0, 21.0, 20.0), strict=True))),
        ("200", "Mug", (("201", 10.0), ("202", 11.0))),
    )
}
REMINDER: Final = "Are these all the items you want to modify?"


def identify(email: str = "ben@example.com", found: str = BUYER) -> list[Message]:
    """Return an identification by e-mail."""
    return call("find_user_id_by_email", found, email=email)


def begin(text: str, *products: str) -> list[Message]:
    """Return the customer's wish, and the look at profile, order and products."""
    messages = [
        *(*user(f"I am ben@example.com. {text}"), *identify()),
        *call("get_user_details", CUSTOMER, user_id=BUYER),
        *call("get_order_details", ORDER, order_id="#W0000001"),
    ]
    for product in products:
        messages += call("get_product_details", PRODUCTS[product], product_id=product)
    return messages


def modify(*pairs: tuple[str, str], payment: str = GIFT) -> list[Message]:
    """Return items of the order changed, each for the one beside it."""
    return call(
        "modify_pending_order_items",
        ORDER | {"status": "pending (item modified)"},
        order_id="#W0000001",
        item_ids=[old for old, _ in pairs],
        new_item_ids=[new for _, new in pairs],
        payment_method_id=payment,
    )


def modification(*pairs: tuple[str, str], products: tuple[str, ...] = ("100",)) -> list[Message]:
    """Return a whole change of items, with everything that the policy asks for."""
    asked = begin("I want other items in #W0000001.", *products)
    return asked + confirmed(f"I will change the items of #W0000001. {REMINDER}") + modify(*pairs)


def cancellation(proposal: str) -> list[Message]:
    """Return an order cancelled that the customer cannot afford."""
    return [
        *begin("Please cancel #W0000001, I cannot afford it."),
        *confirmed(proposal),
        *call(
            "cancel_pending_order",
            ORDER | {"status": "cancelled"},
            order_id="#W0000001",
            reason="no longer needed",
        ),
    ]


def moved(code: str, text: str) -> list[Message]:
    """Return the order's address changed to a zip code."""
    address = {"address1": "2 Oak Street", "address2": "", "city": "Reno", "zip": code}
    return [
        *begin(text),
        *confirmed("#W0000001 goes to 2 Oak Street, Reno."),
        *call(
            "modify_pending_order_address",
            ORDER | {"address": address},
            **{"order_id": "#W0000001", "state": "NV", "country": "USA"} | address,
        ),
    ]


def newer_retail() -> list[Planted]:
    """Return a conversation for each rule, or part of one, that is new in version 1.1.0."""
    second = "ann@example.com"
    return [
        Planted("modified", (), modification(("101", "104"))),
        Planted(
            "new-item-not-shown",
            ("evidence.E03-new-item-never-observed",),
            modification(("101", "104"), products=()),
        ),
        Planted(
            "second-customer",
            ("policy.N01-second-user-identified",),
            [
                *(*user("I am ben@example.com."), *identify(), *user(f"And {second}?")),
                *identify(second, "ann_other_3456"),
            ],
        ),
        Planted("moved", (), moved("89501", "Send #W0000001 to 2 Oak Street, Reno, 89501.")),
        Planted(
            "zip-not-given",
            ("policy.E03-address-never-observed",),
            moved("89501", "Send #W0000001 to 2 Oak Street, Reno."),
        ),
        Planted(
            "reminder-after-the-answer",
            ("policy.C04-not-asked-for-all-items",),
            [
                *begin("I want another shirt in #W0000001.", "100"),
                *confirmed("I will change the shirt of #W0000001."),
                *(*agent(REMINDER), *modify(("101", "104"))),
            ],
        ),
        Planted(
            "reminder-to-a-customer-who-answers",
            (),
            [
                *begin("I want another shirt in #W0000001.", "100"),
                *confirmed(
                    "The shirt of #W0000001: please confirm that it is the only item you want to "
                    "modify."
                ),
                *modify(("101", "104")),
            ],
        ),
        Planted(
            "reason-not-confirmed",
            ("policy.C06-reason-not-confirmed",),
            cancellation("I will cancel #W0000001."),
        ),
        Planted(
            "reason-confirmed",
            (),
            cancellation("I will cancel #W0000001 as no longer needed."),
        ),
        Planted(
            "gift-card-too-small",
            ("policy.P08-gift-card-balance-for-difference",),
            modification(("101", "103")),
        ),
        Planted(
            "gift-card-for-a-part",
            (),
            modification(("201", "202"), ("101", "104"), products=("100", "200")),
        ),
        Planted(
            "products-crossed",
            ("policy.P10-other-product",),
            modification(("101", "202"), ("201", "104"), products=("100", "200")),
        ),
        Planted("items-exchanged", (), modification(("101", "102"), ("102", "101"))),
        Planted(
            "item-for-itself",
            ("policy.P12-same-item",),
            modification(("101", "104"), ("102", "102")),
        ),
        Planted(
            "announced-without-transfer",
            ("policy.X04-announced-without-transfer",),
            begin("A person, please.") + TRANSFER,
            TAU2,
        ),
        Planted(
            "another-text",
            ("policy.document",) * 4,
            begin("What did I order?", "100"),
            other_text=True,
        ),
    ]
