"""Mutations of what a payout rests on: scope, evidence, policy."""

from datetime import timedelta
from typing import Final

from benchmarks.planting.draws import ABOVE, PAYING, UNIT, Draw
from benchmarks.planting.mutations import (
    TALKING,
    Edit,
    Mutation,
    money,
    observed,
    old,
    params,
    priced,
    saw,
    seen,
    uncited,
    undecidable,
    unread,
    violated,
)
from benchmarks.planting.steps import (
    EVERY,
    Call,
    Case,
    Claim,
    Close,
    Open,
    Wait,
)


def _above(draw: Draw, case: Case) -> None:
    priced(case, draw.random.randrange(151 * UNIT, 900 * UNIT, 10_000))


def _somebody_else(draw: Draw, case: Case) -> None:
    case.call("pay").params["customer"] = draw.names.customer()


def _more(draw: Draw, case: Case) -> None:
    money(case)["micros"] += draw.random.randint(1, UNIT)
    case.call("pay").ended["value"]["micros"] = money(case)["micros"]


def _currency(_: Draw, case: Case) -> None:
    other = {"EUR": "USD", "USD": "EUR"}[case.currency]
    money(case)["currency"] = other
    case.call("pay").ended["value"]["currency"] = other


def _partly_disputed(draw: Draw, case: Case) -> None:
    seen(case, "eligibility")["fields"]["amount_micros"] -= draw.random.randint(1, 4 * UNIT)


def _another_transaction(draw: Draw, case: Case) -> None:
    other = draw.purchase(case)
    read = next(one for one in draw.reads(other, end=".other") if one.label == "transaction.other")
    case.before("pay", read)
    pay = case.call("pay")
    pay.cites = [one for one in pay.cites if one != "transaction"] + ["transaction.other"]


def _nobody_named(_: Draw, case: Case) -> None:
    case.step("main.open", Open).fields["requester"] = None


def _read_again_badly(draw: Draw, case: Case) -> None:
    """Read the customer a second time, where one of the two answers says no risk."""
    first = case.call("customer")
    assert first.seen is not None
    kept = {name: value for name, value in first.seen["fields"].items() if name != "risk"}
    again = Call(label="customer.again", tool=first.tool, params=dict(first.params))
    again.seen = {**first.seen, "fields": kept}
    if draw.random.random() < 0.5:
        case.behind("customer", again)
    else:
        case.before("customer", again)


SCOPE: Final = (
    Mutation(
        "to a gift card",
        PAYING,
        params("pay", method="gift-card"),
        violated("pay", "scope.original-method"),
    ),
    Mutation(
        "no method",
        PAYING,
        lambda _, case: case.call("pay").params.pop("method"),
        undecidable("pay", "scope.original-method") | violated("pay", "tools.schema"),
    ),
    Mutation("above the limit", PAYING[:2], _above, violated("pay", ABOVE)),
    Mutation("high risk", PAYING, saw("customer", risk="high"), violated("pay", "scope.risk")),
    Mutation(
        "unclear",
        PAYING,
        saw("eligibility", verdict="unclear"),
        violated("pay", "scope.ambiguity"),
    ),
    Mutation(
        "an employee",
        PAYING,
        saw("customer", employee=True),
        violated("pay", "scope.privilege"),
    ),
    Mutation(
        "customer not read",
        PAYING,
        unread("customer"),
        undecidable("pay", ABOVE, "scope.risk", "scope.privilege", "policy.time-limit"),
    ),
    Mutation("no risk known", PAYING, saw("customer", risk=None), undecidable("pay", "scope.risk")),
    Mutation(
        "risk known once of twice", PAYING, _read_again_badly, undecidable("pay", "scope.risk")
    ),
    Mutation(
        "employee or not",
        PAYING,
        saw("customer", employee="no"),
        undecidable("pay", "scope.privilege"),
    ),
    Mutation(
        "no region known",
        PAYING,
        saw("customer", region=None),
        undecidable("pay", ABOVE, "policy.time-limit"),
    ),
    Mutation(
        "a region without limits",
        PAYING,
        saw("customer", region="UK"),
        undecidable("pay", ABOVE, "policy.time-limit"),
    ),
    Mutation(
        "nobody named as asking",
        PAYING,
        _nobody_named,
        undecidable(
            "pay",
            ABOVE,
            "scope.risk",
            "scope.privilege",
            "policy.time-limit",
            "policy.right-customer",
        ),
    ),
)


def _evidence(name: str, kind: str) -> tuple[Mutation, ...]:
    """Return what can be wrong with one kind of evidence."""
    rule = f"evidence.{name}"
    digestless = kind != "eligibility"
    read = PAYING if kind != "policy" else tuple(one for one in PAYING if one != "referenced")
    lacking = observed(kind, digest=None) if digestless else observed(kind, self_attested=True)
    more = frozenset[Claim]()
    if kind == "transaction":
        more = violated("pay", "evidence.this-transaction")
    return (
        Mutation(
            f"{kind} not cited", PAYING, uncited(kind), violated("pay", f"{rule}.missing") | more
        ),
        Mutation(
            f"{kind} from elsewhere",
            read,
            observed(kind, source="somebody's memory"),
            violated("pay", f"{rule}.source"),
        ),
        Mutation(
            f"{kind} too old",
            read,
            old(kind, 2 if kind == "eligibility" else 25),
            violated("pay", f"{rule}.stale"),
        ),
        Mutation(f"{kind} not vouched for", read, lacking, violated("pay", f"{rule}.incomplete")),
    )


EVIDENCE: Final = (
    *_evidence("policy-version", "policy"),
    *_evidence("transaction-proof", "transaction"),
    *_evidence("eligibility", "eligibility"),
    Mutation(
        "policy of no version",
        tuple(one for one in PAYING if one != "referenced"),
        saw("policy", version=None),
        violated("pay", "evidence.policy-version.incomplete"),
    ),
    Mutation(
        "reference data too old",
        ("referenced",),
        lambda draw, case: setattr(
            case.step("aged", Wait), "time", timedelta(hours=draw.random.randint(25, 90))
        ),
        violated("pay", "evidence.policy-version.stale"),
    ),
    Mutation(
        "transaction not read",
        PAYING,
        unread("transaction"),
        violated("pay", "evidence.transaction-proof.missing", "evidence.this-transaction")
        | undecidable(
            "pay",
            "evidence.sources-agree",
            "policy.right-customer",
            "policy.amount",
            "policy.currency",
            "policy.time-limit",
        ),
    ),
    Mutation(
        "eligibility not read",
        PAYING,
        unread("eligibility"),
        violated("pay", "evidence.eligibility.missing")
        | undecidable("pay", "scope.ambiguity", "evidence.sources-agree", "policy.eligible"),
    ),
    Mutation(
        "no verdict",
        PAYING,
        saw("eligibility", verdict=None),
        violated("pay", "evidence.eligibility.incomplete")
        | undecidable("pay", "scope.ambiguity", "policy.eligible"),
    ),
    Mutation(
        "no amount by one source",
        PAYING,
        saw("eligibility", amount_micros=None),
        undecidable("pay", "evidence.sources-agree"),
    ),
    Mutation(
        "no amount by the other",
        PAYING,
        saw("transaction", amount_micros=None),
        violated("pay", "evidence.transaction-proof.incomplete")
        | undecidable("pay", "evidence.sources-agree", "policy.amount"),
    ),
    Mutation(
        "transaction of nobody",
        PAYING,
        saw("transaction", customer=None),
        violated("pay", "evidence.transaction-proof.incomplete")
        | undecidable("pay", "policy.right-customer"),
    ),
    Mutation(
        "transaction without its name",
        PAYING[:3],
        observed("transaction", ref=None),
        undecidable(
            "pay",
            "evidence.this-transaction",
            "evidence.sources-agree",
            "policy.right-customer",
            "policy.amount",
            "policy.currency",
            "policy.time-limit",
        ),
    ),
    Mutation(
        "sources disagree", PAYING, _partly_disputed, violated("pay", "evidence.sources-agree")
    ),
    Mutation(
        "another transaction cited",
        PAYING,
        _another_transaction,
        violated("pay", "evidence.this-transaction"),
    ),
)


def _not_asked(_: Draw, case: Case) -> None:
    case.call("pay").ended["value"]["micros"] += 1


def _untold(_: Draw, case: Case) -> None:
    case.remove("told")


def _claiming(**policy: str) -> Edit:
    def edit(_: Draw, case: Case) -> None:
        for one in case.steps:
            if isinstance(one, Open) and one.run == "main":
                one.fields["policy"] = dict(policy) or None

    return edit


def _card(draw: Draw, case: Case) -> None:
    digits = "".join(str(draw.random.randint(0, 9)) for _ in range(draw.random.randint(13, 16)))
    case.before("main.close", draw.said("card", f"It was paid with {digits}."))


def _closed_as_paid(_: Draw, case: Case) -> None:
    case.step("main.close", Close).outcome = "refunded"


POLICY: Final = (
    Mutation(
        "to somebody else", PAYING[:3], _somebody_else, violated("pay", "policy.right-customer")
    ),
    Mutation(
        "not eligible",
        PAYING,
        saw("eligibility", verdict="no"),
        violated("pay", "policy.eligible"),
    ),
    Mutation("more than was paid", PAYING[:2], _more, violated("pay", "policy.amount")),
    Mutation("another currency", PAYING[:2], _currency, violated("pay", "policy.currency")),
    Mutation(
        "no currency known",
        PAYING,
        saw("transaction", currency=None),
        violated("pay", "evidence.transaction-proof.incomplete")
        | undecidable("pay", "policy.currency"),
    ),
    Mutation(
        "too long ago",
        PAYING,
        saw("transaction", days=61),
        violated("pay", "policy.time-limit"),
    ),
    Mutation(
        "nobody knows when",
        PAYING,
        saw("transaction", days=None),
        undecidable("pay", "policy.time-limit"),
    ),
    Mutation("more went out", PAYING, _not_asked, violated("pay.end", "policy.paid-as-asked")),
    Mutation(
        "nobody says what went out",
        PAYING,
        lambda _, case: case.call("pay").ended.pop("value"),
        undecidable("pay.end", "policy.paid-as-asked"),
    ),
    Mutation(
        "customer not told",
        ("refund", "returning"),
        _untold,
        violated("pay.end", "policy.customer-told"),
    ),
    Mutation("a card number", TALKING, _card, violated("card", "policy.card-number")),
    Mutation(
        "closed as refunded",
        ("status", "question", "declined", "people"),
        _closed_as_paid,
        violated("main.close", "policy.closed-as-paid"),
    ),
    Mutation(
        "another policy",
        ("refund", "status", "approved", "question"),
        _claiming(name="refund-policy", version="6", digest="6" * 64),
        violated(EVERY, "policy.document"),
    ),
    Mutation(
        "no policy named",
        ("refund", "status", "question", "people"),
        _claiming(),
        undecidable(EVERY, "policy.document"),
    ),
)
