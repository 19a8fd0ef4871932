"""Conversations of the airline for the rules that its contracts have had from the first."""

from collections.abc import Mapping
from typing import Any, Final

from tests.benchmarks.tau_airline import (
    BUSINESS,
    CARD,
    ECONOMY,
    ELSEWHERE,
    LATE,
    PROFILE,
    TRAVELLER,
    WITH_LATE,
    certificate,
    hello,
    leg,
    offered,
    read,
    read_profile,
    reservation,
    status,
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

OTHER: Final = "cleo_other_3456"
OTHERS_PROFILE: Final = PROFILE | {"user_id": OTHER, "reservations": ["EEEEE5"]}
OTHERS: Final = reservation("EEEEE5", "economy", leg("HAT001")) | {"user_id": OTHER}
FLOWN: Final = reservation("FFFFF6", "business", leg("HAT001", "2024-05-10"), leg("HAT003"))
TRIP: Final = hello("Book the flight from JFK to SEA for me, without insurance.")
SHOWN: Final = [*read_profile(), *offered(leg("HAT001"))]
AGREED: Final = confirmed("HAT001, $100.")
BASIC: Final = reservation("GGGGG7", "basic_economy", leg("HAT001"))
BAGGED: Final = ECONOMY | {"total_baggages": 1}
LOOK: Final = [*read_profile(), *read(ECONOMY)]
TRANSFERRED: Final = call("transfer_to_human_agents", "Transfer successful", summary="A person.")


def book(**changed: object) -> list[Message]:
    """Return a booking of HAT001, some parameters changed."""
    params: dict[str, Any] = {
        "user_id": TRAVELLER,
        "origin": "JFK",
        "destination": "SEA",
        "flight_type": "one_way",
        "cabin": "economy",
        "flights": [{"flight_number": "HAT001", "date": "2024-05-20"}],
        "passengers": ECONOMY["passengers"],
        "payment_methods": [{"payment_id": CARD, "amount": 100}],
        "total_baggages": 0,
        "nonfree_baggages": 0,
        "insurance": "no",
    }
    booked = reservation("DDDDD4", "economy", leg("HAT001"))
    return call("book_reservation", booked, **params | changed)


def bags(name: str, count: int, payment: str = CARD) -> list[Message]:
    """Return the checked bags of a reservation set, none to be paid."""
    return call(
        "update_reservation_baggages",
        ECONOMY | {"reservation_id": name, "total_baggages": count},
        reservation_id=name,
        total_baggages=count,
        nonfree_baggages=0,
        payment_id=payment,
    )


def moved(payment: str) -> list[Message]:
    """Return AAAAA1 moved to HAT003."""
    return change(ECONOMY, "economy", leg("HAT003"), payment=payment)


def change(
    booked: dict[str, Any], cabin: str, *flights: Mapping[str, object], payment: str = CARD
) -> list[Message]:
    """Return the cabin or the flights of a reservation changed."""
    return call(
        "update_reservation_flights",
        booked | {"cabin": cabin},
        reservation_id=booked["reservation_id"],
        cabin=cabin,
        flights=[{k: f[k] for k in ("flight_number", "date")} for f in flights],
        payment_id=payment,
    )


def cancel(booked: dict[str, Any], why: str = "my plans have changed") -> list[Message]:
    """Return a reservation read and cancelled."""
    name = booked["reservation_id"]
    return [
        *(*hello(f"Cancel {name}: {why}."), *read(booked), *confirmed(f"I cancel {name}.")),
        *call("cancel_reservation", booked, reservation_id=name),
    ]


def what_was_read() -> list[Planted]:
    """Return what an agent has to have read or been told."""
    ask = user("I have lost my user id. Book the flight from JFK to SEA, without insurance.")
    others = f"I am {TRAVELLER}. One checked bag for EEEEE5."
    return [
        Planted(
            "nothing-read",
            (
                "evidence.E02-reservation-not-read",
                "evidence.E03-reservation-never-observed",
                "evidence.E04-profile-not-read",
                "policy.C03-target-never-named",
            ),
            [*hello("A bag for my trip."), *confirmed("A bag."), *bags("AAAAA1", 1)],
        ),
        Planted(
            "booked-without-profile",
            ("evidence.E04-profile-not-read-of-customer",),
            [*TRIP, *offered(leg("HAT001")), *AGREED, *book()],
        ),
        Planted(
            "flight-invented",
            ("evidence.E05-flight-never-observed",),
            [*TRIP, *read_profile(), *AGREED, *book()],
        ),
        Planted(
            "id-not-given",
            ("policy.N05-user-id-not-given",),
            [*ask, *SHOWN, *user("Ada Byron."), *AGREED, *book()],
        ),
        Planted(
            "reservation-of-another",
            (
                "evidence.E04-profile-not-read",
                "policy.N03-other-users-reservation",
                "policy.N05-user-id-not-given-by-owner",
            ),
            [
                *(*user(others), *read_profile(), *read(OTHERS)),
                *(*confirmed("A bag for EEEEE5."), *bags("EEEEE5", 1)),
            ],
        ),
        Planted(
            "profile-of-another",
            ("policy.N04-other-users-profile",),
            [
                *(*hello("Who is on my flight?"), *read_profile()),
                *call("get_user_details", OTHERS_PROFILE, user_id=OTHER),
            ],
        ),
    ]


def bookings() -> list[Planted]:
    """Return what a booking, a change or a cancellation may be."""
    six = [{"first_name": "Ada", "last_name": "Byron", "dob": "1980-01-01"}] * 6
    two = {"reservation_id": "AAAAA1", "passengers": six[:2]}
    bag = confirmed("The bags of AAAAA1.")
    bagged = [*hello("No bag for AAAAA1."), *read_profile(), *read(BAGGED)]
    half = {"payment_id": CARD, "amount": 50}
    unknown = {"payment_id": "gift_card_9", "amount": 100}
    paid = confirmed("HAT003 for AAAAA1, paid by your certificate.")
    other = [*hello("HAT003 for AAAAA1."), *LOOK, *offered(leg("HAT003"))]
    with_certificate = PROFILE | {"payment_methods": {"certificate_1": {"source": "certificate"}}}
    certified = [
        *(*hello("HAT003 for AAAAA1."), *read(ECONOMY), *offered(leg("HAT003"))),
        *call("get_user_details", with_certificate, user_id=TRAVELLER),
    ]
    cabin = [*hello("Another cabin."), *read_profile()]
    return [
        Planted(
            "insurance-not-offered",
            ("policy.C05-insurance-not-offered",),
            [*hello("Book HAT001 for me."), *SHOWN, *AGREED, *book()],
        ),
        Planted(
            "six-passengers",
            ("policy.P21-passengers",),
            [*TRIP, *SHOWN, *AGREED, *book(passengers=six)],
        ),
        Planted(
            "bags-not-paid",
            ("policy.P22-bag-allowance",),
            [*TRIP, *SHOWN, *AGREED, *book(total_baggages=3)],
        ),
        Planted(
            "card-unknown",
            ("policy.P05-payment-method-not-in-profile",),
            [*TRIP, *SHOWN, *AGREED, *book(payment_methods=[unknown])],
        ),
        Planted(
            "two-cards",
            ("policy.P20-payment-mix",),
            [*TRIP, *SHOWN, *AGREED, *book(payment_methods=[half, half])],
        ),
        Planted(
            "more-bags-not-paid",
            ("policy.P22-bag-allowance-of-owner",),
            [*bagged, *bag, *bags("AAAAA1", 3)],
        ),
        Planted(
            "bag-removed",
            ("policy.P23-bags-removed",),
            [*bagged, *bag, *bags("AAAAA1", 0)],
        ),
        Planted(
            "passenger-added",
            ("policy.P27-passenger-count",),
            [
                *(*hello("Two of me on AAAAA1."), *LOOK, *confirmed("Two passengers on AAAAA1.")),
                *call("update_reservation_passengers", ECONOMY, **two),
            ],
        ),
        Planted(
            "paid-by-certificate",
            ("policy.P33-payment-for-change",),
            [*certified, *paid, *moved("certificate_1")],
        ),
        Planted(
            "payment-unknown",
            ("policy.P05-payment-method-not-in-profile-of-owner",),
            [*other, *paid, *moved("gift_card_9")],
        ),
        Planted(
            "cabin-of-a-part",
            ("policy.P26-cabin-of-a-part",),
            [
                *(*cabin, *read(WITH_LATE), *confirmed("HAT002 of CCCCC3 in business.")),
                *change(WITH_LATE, "business", LATE),
            ],
        ),
        Planted(
            "cabin-after-flown",
            ("policy.P26-cabin-changed-after-flown",),
            [
                *(*cabin, *read(FLOWN), *confirmed("FFFFF6 in economy.")),
                *change(FLOWN, "economy", *FLOWN["flights"]),
            ],
        ),
        Planted("not-eligible", ("policy.P28-cancellation-not-eligible",), cancel(ECONOMY)),
        Planted("flown", ("policy.P29-trip-already-flown",), cancel(FLOWN)),
        Planted(
            "no-reason",
            ("policy.C06-cancel-reason-not-obtained",),
            cancel(BUSINESS, "thank you"),
        ),
    ]


def changes() -> list[Planted]:
    """Return what may be changed, and what a customer has to have agreed to."""
    away = [*hello("AAAAA1 to Los Angeles."), *LOOK, *offered(ELSEWHERE)]
    basic = [*hello("HAT003 for GGGGG7."), *read_profile(), *read(BASIC), *offered(leg("HAT003"))]
    offer = agent("A bag for AAAAA1, free of charge. Do you want me to proceed?")
    bag = [*hello("A bag for AAAAA1."), *LOOK, *offer]
    return [
        Planted(
            "question-for-an-answer",
            ("policy.C01-no-confirmation",),
            [*bag, *user("How heavy may it be?"), *bags("AAAAA1", 1)],
        ),
        Planted(
            "weak-yes",
            ("policy.C02-weak-confirmation",),
            [*bag, *user("Sounds good."), *bags("AAAAA1", 1)],
        ),
        Planted(
            "basic-economy-changed",
            ("policy.P24-basic-economy-flights-changed",),
            [
                *(*basic, *confirmed("HAT003 for GGGGG7.")),
                *change(BASIC, "basic_economy", leg("HAT003")),
            ],
        ),
        Planted(
            "elsewhere",
            ("policy.P25-route-or-trip-changed",),
            [*away, *confirmed("HAT005 for AAAAA1."), *change(ECONOMY, "economy", ELSEWHERE)],
        ),
    ]


def certificates() -> list[Planted]:
    """Return what has to be so before a certificate is sent."""
    wish = hello("My flight was cancelled, and I want compensation.")
    regular = call("get_user_details", PROFILE | {"membership": "regular"}, user_id=TRAVELLER)
    told = status("HAT001", "cancelled")
    sent = [*confirmed("I can send you $100."), *certificate(100)]
    return [
        Planted(
            "facts-not-read",
            ("policy.P31-facts-not-confirmed", "policy.P32-certificate-amount"),
            [*wish, *read_profile(), *sent],
        ),
        Planted(
            "regular-member",
            ("policy.P30-certificate-not-eligible",),
            [*wish, *regular, *read(ECONOMY), *sent],
            ("tau1",),
        ),
        Planted(
            "regular-member-checked",
            ("policy.P30-certificate-not-eligible",),
            [*wish, *regular, *read(ECONOMY), *told, *sent],
            TAU2,
        ),
    ]


def calls() -> list[Planted]:
    """Return what is wrong with a call whatever it does."""
    bag = [*hello("A bag for AAAAA1."), *LOOK, *confirmed("A bag for AAAAA1.")]
    fault = call("get_user_details", "Error: 503 Service Unavailable", user_id=TRAVELLER)
    return [
        Planted("no-such-tool", ("tools.allowed",), [*hello("Hm."), *call("refund_all", "done")]),
        Planted(
            "no-such-parameter",
            ("tools.schema",),
            [*hello("Hm."), *call("get_user_details", PROFILE, user_id=TRAVELLER, deep=True)],
        ),
        Planted(
            "same-change-again",
            ("tools.I01-identical-write-repeated",),
            [*bag, *bags("AAAAA1", 1), *user("Yes, please."), *once_more(bags("AAAAA1", 1))],
        ),
        Planted(
            "two-calls-in-a-turn",
            ("policy.X01-several-calls-in-one-turn",),
            [*hello("Hm."), *together(read_profile(), read(ECONOMY))],
        ),
        Planted(
            "text-with-a-call",
            ("policy.X02-text-with-call",),
            [*hello("Hm."), *saying("One moment.", read_profile())],
        ),
        Planted("fault", ("recovery.K01-fault-not-recovered",), [*hello("Hm."), *fault]),
        Planted(
            "call-after-transfer",
            ("policy.X03-call-after-transfer",),
            [*hello("A person."), *TRANSFERRED, *TRANSFER, *read_profile()],
        ),
        Planted(
            "transfer-not-announced",
            ("policy.X04-transfer-not-announced",),
            [*hello("A person."), *TRANSFERRED],
            TAU2,
        ),
    ]


def other_airline() -> list[Planted]:
    """Return all of them."""
    return what_was_read() + bookings() + changes() + certificates() + calls()
