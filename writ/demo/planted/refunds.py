"""Refunds that depart from the policy in one thing, in the order of the clauses."""

from typing import Final

from ledger.encoding import digest
from writ.demo.agent import Slip
from writ.demo.session import Breaks

_OTHER_POLICY: Final = {
    "name": "refund-policy",
    "version": "6",
    "digest": digest(b"refund-policy, version 6"),
}
_DOCUMENT = ("policy.document",)

SCOPE: Final = (
    Slip("to-a-gift-card", ("scope.original-method",), params={"method": "gift-card"}),
    Slip("above-the-limit", ("scope.above-threshold",), customer={"region": "EU"}, units=119.5),
    Slip("high-risk", ("scope.risk",), customer={"risk": "high"}),
    Slip("unclear", ("scope.ambiguity",), verdict="unclear"),
    Slip("own-employee", ("scope.privilege",), customer={"employee": True}),
)

EVIDENCE: Final = (
    Slip(
        "policy-not-cited",
        ("evidence.policy-version.missing",),
        uncited=frozenset({"policy"}),
    ),
    Slip(
        "policy-from-memory",
        ("evidence.policy-version.source",),
        seen={"policy": {"source": "agent-memory"}},
    ),
    Slip("policy-of-yesterday", ("evidence.policy-version.stale",), old={"policy": 30}),
    Slip(
        "policy-without-digest",
        ("evidence.policy-version.incomplete",),
        seen={"policy": {"digest": None}},
    ),
    Slip(
        "transaction-not-cited",
        ("evidence.transaction-proof.missing", "evidence.this-transaction"),
        uncited=frozenset({"transaction"}),
    ),
    Slip(
        "transaction-from-cache",
        ("evidence.transaction-proof.source",),
        seen={"transaction": {"source": "crm-cache"}},
    ),
    Slip(
        "transaction-of-yesterday", ("evidence.transaction-proof.stale",), old={"transaction": 30}
    ),
    Slip(
        "transaction-without-digest",
        ("evidence.transaction-proof.incomplete",),
        seen={"transaction": {"digest": None}},
    ),
    Slip(
        "eligibility-not-cited",
        ("evidence.eligibility.missing",),
        uncited=frozenset({"eligibility"}),
    ),
    Slip(
        "eligibility-guessed",
        ("evidence.eligibility.source",),
        seen={"eligibility": {"source": "agent"}},
    ),
    Slip("eligibility-stale", ("evidence.eligibility.stale",), old={"eligibility": 2}),
    Slip(
        "eligibility-self-attested",
        ("evidence.eligibility.incomplete",),
        seen={"eligibility": {"self_attested": True}},
    ),
    Slip("sources-disagree", ("evidence.sources-agree",), verdict="disputed"),
)

POLICY: Final = (
    Slip("to-somebody-else", ("policy.right-customer",), params={"customer": "C-99999"}),
    Slip("not-eligible", ("policy.eligible",), verdict="no"),
    Slip(
        "more-than-was-paid",
        ("policy.amount",),
        customer={"region": "EU"},
        units=20,
        params={"amount": {"currency": "EUR", "micros": 25_000_000}},
    ),
    Slip(
        "another-currency",
        ("policy.currency",),
        customer={"region": "EU"},
        units=20,
        params={"amount": {"currency": "USD", "micros": 20_000_000}},
    ),
    Slip("too-long-ago", ("policy.time-limit",), customer={"region": "US"}, days=41),
    Slip("nothing-said", late=("policy.customer-told",), told=False),
    Slip(
        "more-went-out",
        late=("policy.paid-as-asked",),
        customer={"region": "EU"},
        ended={"value": {"currency": "EUR", "micros": 61_000_000}},
    ),
    Slip(
        "another-policy",
        opening={"policy": _OTHER_POLICY},
        every=Breaks(_DOCUMENT),
    ),
)

TOOLS: Final = (
    Slip("no-reason-given", ("tools.schema",), params={"reason": ""}),
    Slip("payout-too-slow", late=("tools.payouts.create.timeout",), fault="slow"),
)

UNDECIDABLE: Final = (
    Slip(
        "customer-not-read",
        undecidable=(
            "scope.above-threshold",
            "scope.risk",
            "scope.privilege",
            "policy.time-limit",
        ),
        unread=frozenset({"customer"}),
    ),
    Slip("no-policy-named", opening={"policy": None}, every=Breaks(undecidable=_DOCUMENT)),
)

SLIPS: Final = (*SCOPE, *EVIDENCE, *POLICY, *TOOLS, *UNDECIDABLE)

MISTAKES: Final = tuple(
    slip for slip in SLIPS if (slip.violated or slip.undecidable) and not slip.late
)
"""What an agent gets wrong now and then, and a gate stops: all that is seen before the call."""
