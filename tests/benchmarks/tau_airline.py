"""Conversations of the airline: one silver member, three reservations, four flights."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

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

TRAVELLER: Final = "ada_byron_1234"
CARD: Final = "credit_card_1111111"
PROFILE: Final = {
    "user_id": TRAVELLER,
    "name": {"first_name": "Ada", "last_name": "Byron"},
    "saved_passengers": [{"first_name": "Ralph", "last_name": "King", "dob": "1970-01-01"}],
    "payment_methods": {CARD: {"source": "credit_card", "id": CARD}},
    "membership": "silver",
    "reservations": ["AAAAA1", "BBBBB2", "CCCCC3"],
}


def leg(number: str, date: str = "2024-05-20") -> dict[str, object]:
    """Return a flight of a reservation or a search."""
    return {
        "flight_number": number,
        "date": date,
        "origin": "JFK",
        "destination": "SEA",
        "price": 100,
    }


def reservation(name: str, cabin: str, *flights: Mapping[str, object]) -> dict[str, Any]:
    """Return a reservation of the traveller, for one passenger."""
    return {
        "reservation_id": name,
        "user_id": TRAVELLER,
        "origin": "JFK",
        "destination": "SEA",
        "flight_type": "one_way",
        "cabin": cabin,
        "flights": list(flights),
        "passengers": [{"first_name": "Ada", "last_name": "Byron", "dob": "1980-01-01"}],
        "payment_history": [{"payment_id": CARD, "amount": 100}],
        "created_at": "2024-05-01T10:00:00",
        "total_baggages": 0,
        "nonfree_baggages": 0,
        "insurance": "no",
    }


LATE: Final = leg("HAT002", "2024-05-16")
ECONOMY: Final = reservation("AAAAA1", "economy", leg("HAT001"))
BUSINESS: Final = reservation("BBBBB2", "business", leg("HAT001"))
WITH_LATE: Final = reservation("CCCCC3", "economy", LATE, leg("HAT001"))
FLIGHTS: Final = {
    number: {
        "flight_number": number,
        "origin": "JFK",
        "destination": "SEA",
        "dates": {"2024-05-16": {"status": status}, "2024-05-20": {"status": "available"}},
    }
    for number, status in (
        *(("HAT001", "available"), ("HAT002", "delayed")),
        *(("HAT003", "available"), ("HAT004", "available")),
    )
}
ELSEWHERE: Final = leg("HAT005") | {"destination": "LAX"}
FLIGHTS["HAT005"] = FLIGHTS["HAT004"] | {"flight_number": "HAT005", "destination": "LAX"}


def hello(text: str) -> list[Message]:
    """Return the traveller's first words."""
    return user(f"I am {TRAVELLER}. {text}")


def read_profile() -> list[Message]:
    """Return the look at the traveller's profile."""
    return call("get_user_details", PROFILE, user_id=TRAVELLER)


def read(booked: dict[str, Any]) -> list[Message]:
    """Return the look at a reservation."""
    return call("get_reservation_details", booked, reservation_id=booked["reservation_id"])


def offered(*flights: Mapping[str, object]) -> list[Message]:
    """Return a search that shows flights."""
    day = flights[0]["date"]
    return call("search_direct_flight", list(flights), origin="JFK", destination="SEA", date=day)


def bags() -> list[Message]:
    """Return one checked bag added, which is free for a silver member."""
    return call(
        "update_reservation_baggages",
        ECONOMY | {"total_baggages": 1},
        reservation_id="AAAAA1",
        total_baggages=1,
        nonfree_baggages=0,
        payment_id=CARD,
    )


def book(flight: Mapping[str, object], first: str = "Ada", last: str = "Byron") -> list[Message]:
    """Return a booking of one flight for one passenger."""
    passenger = {"first_name": first, "last_name": last, "dob": "1980-01-01"}
    return call(
        "book_reservation",
        reservation("DDDDD4", "economy", flight),
        user_id=TRAVELLER,
        origin="JFK",
        destination="SEA",
        flight_type="one_way",
        cabin="economy",
        flights=[{k: flight[k] for k in ("flight_number", "date")}],
        passengers=[passenger],
        payment_methods=[{"payment_id": CARD, "amount": 100}],
        total_baggages=0,
        nonfree_baggages=0,
        insurance="no",
    )


def change(booked: dict[str, Any], *flights: Mapping[str, object]) -> list[Message]:
    """Return a change of a reservation's flights, its cabin kept."""
    return call(
        "update_reservation_flights",
        booked | {"flights": list(flights)},
        reservation_id=booked["reservation_id"],
        cabin=booked["cabin"],
        flights=[{k: f[k] for k in ("flight_number", "date")} for f in flights],
        payment_id=CARD,
    )


def status(number: str, told: str, date: str = "2024-05-20") -> list[Message]:
    """Return a look at the status of a flight."""
    return call("get_flight_status", told, flight_number=number, date=date)


def certificate(amount: int) -> list[Message]:
    """Return a certificate sent to the traveller."""
    text = f"Certificate certificate_1 added to user {TRAVELLER} with amount {amount}."
    return call("send_certificate", text, user_id=TRAVELLER, amount=amount)


def complaint(text: str, checked: Iterable[Message], amount: int) -> list[Message]:
    """Return a complaint, a flight changed because of it, and a certificate."""
    return [
        *hello(f"{text} I want another flight for AAAAA1, and compensation."),
        *(*read_profile(), *read(ECONOMY), *checked, *offered(leg("HAT003"))),
        *confirmed("I can change AAAAA1 to HAT003 at no cost."),
        *change(ECONOMY, leg("HAT003")),
        *confirmed(f"I can send you ${amount}."),
        *certificate(amount),
    ]


def newer_airline() -> list[Planted]:
    """Return a conversation for each rule, or part of one, that is new in version 1.1.0."""
    bag = hello("One checked bag for AAAAA1.")
    bag_offer = confirmed("One checked bag for AAAAA1, free of charge.")
    trip = hello("Book the flight from JFK to SEA for me, without insurance.")
    cancel = hello("Cancel BBBBB2, because my plans have changed.")
    late = "My flight was delayed."
    cancelled = call("cancel_reservation", BUSINESS, reservation_id="BBBBB2")
    other = hello("Another flight for AAAAA1.") + read_profile() + read(ECONOMY)
    kept = hello("Another second flight for CCCCC3.") + read_profile() + read(WITH_LATE)
    told_late = status("HAT001", "delayed")
    return [
        Planted("bag", (), [*bag, *read_profile(), *read(ECONOMY), *bag_offer, *bags()]),
        Planted(
            "profile-not-read",
            ("evidence.E04-profile-not-read",),
            [*bag, *read(ECONOMY), *bag_offer, *bags()],
        ),
        Planted(
            "profile-not-needed",
            (),
            [*cancel, *read(BUSINESS), *confirmed("I cancel BBBBB2."), *cancelled],
        ),
        Planted(
            "nothing-listed",
            ("policy.C01-nothing-listed",),
            [*hello("Yes, add a bag to AAAAA1."), *read_profile(), *read(ECONOMY), *bags()],
        ),
        Planted(
            "known-passenger",
            (),
            [
                *(*trip, *read_profile(), *offered(leg("HAT001"))),
                *confirmed("HAT001 for your saved passenger, $100."),
                *book(leg("HAT001"), "Ralph", "King"),
            ],
        ),
        Planted(
            "unknown-passenger",
            ("policy.C08-passenger-not-collected",),
            [
                *(*trip, *read_profile(), *offered(leg("HAT001"))),
                *confirmed("HAT001 for one passenger, $100."),
                *book(leg("HAT001"), "Zoe", "Quill"),
            ],
        ),
        Planted(
            "delayed-flight-booked",
            ("policy.P11-flight-not-available",),
            [
                *(*trip, *read_profile(), *offered(LATE)),
                *confirmed("HAT002, $100."),
                *book(LATE),
            ],
        ),
        Planted(
            "told-delayed-and-booked",
            ("policy.P11-flight-not-available",),
            [
                *(*trip, *read_profile(), *offered(leg("HAT004")), *status("HAT004", "delayed")),
                *confirmed("HAT004, $100."),
                *book(leg("HAT004")),
            ],
            TAU2,
        ),
        Planted(
            "changed-to-delayed-flight",
            ("policy.P11-new-flight-not-available",),
            [*other, *offered(LATE), *confirmed("AAAAA1 to HAT002."), *change(ECONOMY, LATE)],
        ),
        Planted(
            "delayed-flight-kept",
            (),
            [
                *(*kept, *offered(leg("HAT003")), *confirmed("HAT003 for HAT001 in CCCCC3.")),
                *change(WITH_LATE, LATE, leg("HAT003")),
            ],
        ),
        Planted("delay", (), complaint(late, told_late, 50), TAU2),
        Planted(
            "amount-of-a-cancellation",
            ("policy.P32-certificate-amount",),
            complaint(late, told_late, 100),
            TAU2,
        ),
        Planted(
            "amount-of-a-cancellation-unchecked",
            ("policy.P32-certificate-amount",),
            complaint(late, (), 100),
            ("tau1",),
        ),
        Planted(
            "another-reason",
            ("policy.P32-certificate-amount", "policy.P35-certificate-for-another-reason"),
            complaint("The food was bad.", status("HAT001", "available"), 50),
            TAU2,
        ),
        Planted(
            "another-reason-unchecked",
            ("policy.P32-certificate-amount", "policy.P35-certificate-for-another-reason"),
            complaint("The food was bad.", (), 50),
            ("tau1",),
        ),
        Planted(
            "other-flight-checked",
            ("policy.P31-facts-not-confirmed",),
            complaint(late, status("HAT004", "delayed"), 50),
            TAU2,
        ),
        Planted(
            "offer-taken-up",
            (
                "policy.C07-certificate-not-asked-for",
                "policy.P34-delay-certificate-without-change",
            ),
            [
                *(*hello("AAAAA1 was delayed."), *read_profile(), *read(ECONOMY)),
                *agent("I am sorry. Would you like me to issue a certificate of $50?"),
                *(*user("Yes, please issue the certificate."), *certificate(50)),
            ],
            ("tau1",),
        ),
        Planted(
            "offer-taken-up-checked",
            (
                "policy.C07-certificate-not-asked-for",
                "policy.P34-delay-certificate-without-change",
            ),
            [
                *(*hello("AAAAA1 was delayed."), *read_profile(), *read(ECONOMY), *told_late),
                *agent("I am sorry. Would you like me to issue a certificate of $50?"),
                *(*user("Yes, please issue the certificate."), *certificate(50)),
            ],
            TAU2,
        ),
        Planted(
            "announced-without-transfer",
            ("policy.X04-announced-without-transfer",),
            hello("A person, please.") + TRANSFER,
            TAU2,
        ),
        Planted(
            "another-text",
            ("policy.document",) * 3,
            [*bag, *read_profile(), *read(ECONOMY), *bag_offer, *bags()],
            other_text=True,
        ),
    ]
