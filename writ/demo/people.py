"""Who acts in the worked example: channels, and the people who approve, stop and change."""

from collections.abc import Mapping
from typing import Final

from ledger.founding import Founder

SERVICE: Final = "spiffe://acme.example/ai/refund-decisioning"
ORIGIN: Final = "acme.example/ai"
OWNER: Final = "maria.ortiz@acme.example"
LEADS: Final = {
    "lead-anna": "anna.keller@acme.example",
    "lead-james": "james.wu@acme.example",
}
# What a refunds lead's minute costs Acme, in micros of a euro.
MINUTE_MICROS: Final = 750_000

_ALL = (
    "transactions.read",
    "customers.read",
    "policies.read",
    "eligibility.read",
    "cases.write",
    "credits.write",
    "payouts.write",
    "payouts.reverse",
)
CHANNELS: Final[Mapping[str, tuple[str, ...]]] = {
    "chat": _ALL,
    "portal": _ALL,
    "email": _ALL,
    # On trial beside the e-mail channel: it reads, and hands nothing over.
    "trial": ("transactions.read", "customers.read"),
}


def founders() -> tuple[Founder, ...]:
    """Return the identities that the ledger is founded with."""
    return (
        Founder("head", (), OWNER, use="head"),
        Founder("steward", ("steward",), OWNER),
        *(
            Founder(f"agent-{name}", ("agent",), OWNER, permissions=permissions)
            for name, permissions in CHANNELS.items()
        ),
        # Writes for a service that nobody has given a contract.
        Founder("agent-addresses", ("agent",), OWNER),
        # Of a team that has nothing to do with refunds.
        Founder("agent-collections", ("agent",), "lena.brandt@acme.example"),
        Founder("author", ("author",), "priya.nair@acme.example"),
        Founder("activator", ("activator",), "tomas.lind@acme.example"),
        # Of the person who runs the service, who is to activate nothing.
        Founder("deputy", ("activator",), OWNER),
        # May say what is stopped in other services: the refund contract names another role.
        Founder("night-shift", ("commander",), "noor.haddad@acme.example"),
        Founder("commander", ("commander", "incident-commander"), "rosa.field@acme.example"),
        *(Founder(name, ("refunds-lead",), person) for name, person in LEADS.items()),
        Founder("reviewer", ("reviewer",), "omar.said@acme.example"),
    )
