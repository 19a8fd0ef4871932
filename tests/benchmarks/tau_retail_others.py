"""Conversations of the shop for the rules that its contracts have had from the first."""

from collections.abc import Mapping
from typing import Final

from tests.benchmarks.tau_retail import (
    BUYER,
    CUSTOMER,
    GIFT,
    ORDER,
    VISA,
    begin,
    identify,
    modification,
    modify,
    moved,
)
from tests.benchmarks.tau_talk import (
    TAU2,
    TRANSFER,
    Message,
    Planted,
    agent,
    call,
    confirmed,
    once_more,
    saying,
    together,
    user,
)

OTHER: Final = "ann_other_3456"
OTHERS_PROFILE: Final = CUSTOMER | {"user_id": OTHER, "orders": []}
DELIVERED: Final = ORDER | {"order_id": "#W0000002", "status": "delivered"}
TRANSFERRED: Final = call("transfer_to_human_agents", "Transfer successful", summary="A person.")
CANCEL: Final = "Cancel #W0000001, it is no longer needed."
PROPOSED: Final = confirmed("I will cancel #W0000001 as no longer needed.")


def read(order: Mapping[str, object] = ORDER) -> list[Message]:
    """Return the look at an order."""
    return call("get_order_details", order, order_id=order["order_id"])


def cancel(number: str = "#W0000001", reason: str = "no longer needed") -> list[Message]:
    """Return an order cancelled."""
    result = ORDER | {"status": "cancelled", "order_id": number}
    return call("cancel_pending_order", result, order_id=number, reason=reason)


def give_back(number: str, item: str = "101", payment: str = GIFT) -> list[Message]:
    """Return an item of an order returned."""
    return call(
        "return_delivered_order_items",
        DELIVERED | {"order_id": number, "status": "return requested"},
        order_id=number,
        item_ids=[item],
        payment_method_id=payment,
    )


def exchange(number: str) -> list[Message]:
    """Return a shirt of an order exchanged."""
    return call(
        "exchange_delivered_order_items",
        DELIVERED | {"order_id": number, "status": "exchange requested"},
        order_id=number,
        item_ids=["101"],
        new_item_ids=["104"],
        payment_method_id=GIFT,
    )


def address(number: str) -> list[Message]:
    """Return an order's address changed to another street, the zip code kept."""
    street = {"address1": "2 Oak Street", "address2": "", "city": "Austin", "zip": "78750"}
    place = {"state": "TX", "country": "USA"} | street
    return call("modify_pending_order_address", ORDER, order_id=number, **place)


def who() -> list[Planted]:
    """Return who may be served, and what has to be read or said before."""
    named = call("find_user_id_by_name_zip", BUYER, first_name="Ben", last_name="Adler", zip="1")
    here = [*user("I am ben@example.com."), *identify()]
    own = call("get_user_details", CUSTOMER, user_id=BUYER)
    theirs = call("get_user_details", OTHERS_PROFILE, user_id=OTHER)
    both = [*here, *user("And ann@example.com?"), *identify("ann@example.com", OTHER)]
    as_ann = [*user(f"I am ann@example.com. {CANCEL}"), *identify("ann@example.com", OTHER)]
    return [
        Planted(
            "two-customers",
            ("policy.N01-second-user", "policy.N01-second-user-identified"),
            [*both, *call("list_all_product_types", {"Shirt": "100"})],
        ),
        Planted(
            "not-identified",
            ("policy.N02-not-authenticated", "policy.N03-other-users-order-read"),
            [*user("Where is #W0000001?"), *read()],
        ),
        Planted(
            "order-of-another",
            ("policy.N03-other-users-order", "policy.N03-other-users-order-read"),
            [*as_ann, *read(), *PROPOSED, *cancel()],
        ),
        Planted("profile-of-another", ("policy.N04-other-users-profile",), [*here, *own, *theirs]),
        Planted(
            "e-mail-invented",
            ("policy.E01-identification-not-from-user",),
            [*user("I am Ben."), *identify()],
        ),
        Planted(
            "zip-invented",
            ("policy.E01-name-and-zip-not-from-user",),
            [*user("I am Ben Adler."), *named],
        ),
        Planted(
            "nothing-read",
            (
                "evidence.E02-order-not-read",
                "evidence.E03-order-never-observed",
                "evidence.E04-profile-not-read",
                "policy.C03-target-never-named",
                "policy.P06-refund-target",
            ),
            [
                *(*here, *user("A shirt goes back."), *confirmed("You return a shirt.")),
                *give_back("#W0000002", payment=VISA),
            ],
        ),
    ]


def consent() -> list[Planted]:
    """Return what a customer has to have agreed to."""
    offer = agent("I will cancel #W0000001 as no longer needed. Do you want me to proceed?")
    return [
        Planted(
            "nothing-listed",
            ("policy.C01-nothing-listed",),
            [*begin(f"Yes, please. {CANCEL}"), *cancel()],
        ),
        Planted(
            "question-for-an-answer",
            ("policy.C01-no-confirmation",),
            [*begin(CANCEL), *offer, *user("When is my money back?"), *cancel()],
        ),
        Planted(
            "weak-yes",
            ("policy.C02-weak-confirmation",),
            [*begin(CANCEL), *offer, *user("Sounds good."), *cancel()],
        ),
    ]


def orders() -> list[Planted]:
    """Return what may be done to an order in which state."""
    delivered = [*begin("About #W0000002."), *read(DELIVERED)]
    pending = begin("About #W0000001.", "100")
    reminded = confirmed("A shirt for #W0000001. Are these all the items you want to exchange?")
    paypal = "I want other items in #W0000001, paid by paypal_9."
    payment = {"order_id": "#W0000001", "payment_method_id": GIFT}
    two_for_one = payment | {"item_ids": ["101", "102"], "new_item_ids": ["104"]}
    return [
        Planted(
            "delivered-cancelled",
            ("policy.P01-order-not-pending",),
            [
                *(*delivered, *confirmed("I cancel #W0000002 as no longer needed.")),
                *cancel("#W0000002"),
            ],
        ),
        Planted(
            "pending-returned",
            ("policy.P01-order-not-delivered-return",),
            [*pending, *confirmed("A shirt of #W0000001 goes back."), *give_back("#W0000001")],
        ),
        Planted(
            "pending-exchanged",
            ("policy.P01-order-not-delivered-exchange",),
            [*pending, *reminded, *exchange("#W0000001")],
        ),
        Planted(
            "modified-twice",
            ("policy.P03-second-modify-or-exchange",),
            [
                *modification(("101", "104"), products=("100", "200")),
                *(*confirmed("The mug of #W0000001, too."), *modify(("201", "202"))),
            ],
        ),
        Planted(
            "reason-not-accepted",
            ("policy.P04-cancel-reason",),
            [*begin(CANCEL), *PROPOSED, *cancel(reason="too dear")],
        ),
        Planted(
            "payment-not-in-profile",
            ("policy.P05-payment-method-not-in-profile",),
            [*begin(paypal, "100"), *reminded, *modify(("101", "104"), payment="paypal_9")],
        ),
        Planted(
            "paid-by-the-same-card",
            (
                "policy.P07-same-payment-method",
                "policy.P08-gift-card-balance-for-payment",
            ),
            [
                *(*pending, *confirmed("#W0000001 is paid by your gift card.")),
                *call("modify_pending_order_payment", ORDER, **payment),
            ],
        ),
        Planted(
            "item-not-in-order",
            ("policy.P09-item-not-in-order",),
            [
                *(*delivered, *confirmed("An item of #W0000002 goes back.")),
                *give_back("#W0000002", "999"),
            ],
        ),
        Planted(
            "delivered-sent-elsewhere",
            ("policy.P01-order-not-modifiable",),
            [*delivered, *confirmed("#W0000002 goes to 2 Oak Street."), *address("#W0000002")],
        ),
        Planted(
            "sent-elsewhere-after-modified",
            ("policy.P02-change-after-items-modified",),
            [
                *modification(("101", "104")),
                *(*confirmed("#W0000001 goes to 2 Oak Street."), *address("#W0000001")),
            ],
        ),
        Planted(
            "two-for-one",
            ("policy.P12-count-differs",),
            [*pending, *reminded, *call("modify_pending_order_items", ORDER, **two_for_one)],
        ),
        Planted(
            "not-available",
            ("policy.P11-new-item-unavailable",),
            modification(("101", "105")),
        ),
    ]


def calls() -> list[Planted]:
    """Return what is wrong with a call whatever it does."""
    fault = call("find_user_id_by_email", "Error: 503 Service Unavailable", email="a@example.com")
    here = [*user("I am ben@example.com."), *identify()]
    own = call("get_user_details", CUSTOMER, user_id=BUYER)
    there = "Send #W0000001 to 2 Oak Street, Reno, 89501."
    again = once_more(moved("89501", there)[-2:])
    return [
        Planted("no-such-tool", ("tools.allowed",), [*user("Hm."), *call("refund_all", "done")]),
        Planted(
            "no-such-parameter",
            ("tools.schema",),
            [*user("Hm."), *call("list_all_product_types", {}, deep=True)],
        ),
        Planted(
            "same-change-again",
            ("tools.I01-identical-write-repeated",),
            [*moved("89501", there), *user("Yes, please."), *again],
        ),
        Planted(
            "two-calls-in-a-turn",
            ("policy.X01-several-calls-in-one-turn",),
            [*here, *together(own, read())],
        ),
        Planted(
            "text-with-a-call",
            ("policy.X02-text-with-call",),
            [*user("I am ben@example.com."), *saying("One moment.", identify())],
        ),
        Planted(
            "fault",
            ("recovery.K01-fault-not-recovered",),
            [*user("I am a@example.com."), *fault],
        ),
        Planted(
            "call-after-transfer",
            ("policy.X03-call-after-transfer",),
            [*user("A person. I am ben@example.com."), *TRANSFERRED, *TRANSFER, *identify()],
        ),
        Planted(
            "transfer-not-announced",
            ("policy.X04-transfer-not-announced",),
            [*user("A person, please."), *TRANSFERRED],
            TAU2,
        ),
    ]


def other_retail() -> list[Planted]:
    """Return all of them."""
    return who() + consent() + orders() + calls()
