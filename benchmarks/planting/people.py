"""Who writes in a ledger of planted mistakes."""

from typing import Final

from ledger.founding import Founder

ORIGIN: Final = "acme.example/ai"
SERVICE: Final = "spiffe://acme.example/ai/refund-decisioning"
OWNER: Final = "maria.ortiz@acme.example"
VERSIONS: Final = ("1.0.0", "1.1.0")
OTHERS: Final = ("addresses", "invoices", "stock")
"""Other services: without a contract, with one that nobody can read, with one of another."""

FOUNDERS: Final = (
    Founder("head", (), OWNER, use="head"),
    Founder("steward", ("steward",), OWNER),
    *(Founder(f"agent-{name}", ("agent",), OWNER) for name in ("chat", "portal", "email", "kiosk")),
    # Reads, and may hand nothing over.
    Founder("agent-trial", ("agent",), OWNER, permissions=("transactions.read", "customers.read")),
    # Uses all that it may do.
    Founder("agent-reader", ("agent",), OWNER, permissions=("policies.read", "customers.read")),
    # May do one thing, and a broken gate never lets it.
    Founder("agent-barred", ("agent",), OWNER, permissions=("cases.write",)),
    # Of a team that has nothing to do with refunds.
    Founder("agent-collections", ("agent",), "lena.brandt@acme.example"),
    *(Founder(f"agent-{name}", ("agent",), OWNER) for name in OTHERS),
    # Whoever keeps the ledger loses one of its submissions.
    Founder("agent-lossy", ("agent",), OWNER),
    Founder("watch", ("observer",), "omar.said@acme.example"),
    Founder("author", ("author",), "priya.nair@acme.example"),
    Founder("activator", ("activator",), "tomas.lind@acme.example"),
    # Of the person who runs the service, who is to activate nothing.
    Founder("deputy", ("activator",), OWNER),
    Founder("commander", ("commander", "incident-commander"), "rosa.field@acme.example"),
    # May say what is stopped in other services: the refund contract names another role.
    Founder("night-shift", ("commander",), "noor.haddad@acme.example"),
    Founder("lead-anna", ("refunds-lead",), "anna.keller@acme.example"),
    Founder("lead-james", ("refunds-lead",), "james.wu@acme.example"),
    # A lead who answers to the owner of the service.
    Founder("lead-own", ("refunds-lead",), OWNER),
    # May approve, and is no refunds lead.
    Founder("clerk", ("approver",), "omar.said@acme.example"),
)
