"""Correct cases of many shapes, drawn at random: each obeys the policy to the letter."""

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Final

from benchmarks.planting.steps import (
    UNDECIDABLE,
    VIOLATED,
    Approve,
    Call,
    Case,
    Close,
    Fields,
    Look,
    Open,
    Say,
    Step,
    Value,
    Wait,
)
from ledger.encoding import digest

UNIT: Final = 1_000_000
FEE: Final = {"currency": "EUR", "micros": 250_000}
CHANNELS: Final = ("chat", "portal", "email", *(f"kiosk-{number}" for number in range(1, 7)))
READS: Final = ("customer", "transaction", "policy", "eligibility")
ABOVE: Final = "scope.above-threshold"
POLICY: Final = digest(b"the refund policy as the store has it")


class Names:
    """Names that nothing else in a ledger has."""

    def __init__(self) -> None:
        self._last = {"C": 10_000, "T": 100_000, "PO": 100_000}

    def customer(self) -> str:
        """Return a new customer."""
        return self._next("C")

    def transaction(self) -> str:
        """Return a new purchase."""
        return self._next("T")

    def payout(self) -> str:
        """Return a new payout."""
        return self._next("PO")

    def _next(self, kind: str) -> str:
        self._last[kind] += 1
        return f"{kind}-{self._last[kind]}"


class Draw:
    """Draws cases.

    Args:
        random: What all follows from.
    """

    def __init__(self, random: Random) -> None:
        self.random = random
        self.names = Names()
        self._regulars: list[tuple[str, str]] = []

    def case(self, shape: str) -> Case:
        """Return a case of a shape."""
        case = self._begun(shape)
        SHAPES[shape](self, case)
        return case

    def forget(self, customer: str) -> None:
        """Let somebody not come back."""
        self._regulars = [one for one in self._regulars if one[0] != customer]

    def _begun(self, shape: str) -> Case:
        random = self.random
        region = random.choice(("EU", "EU", "US"))
        customer = self.names.customer()
        if shape == "returning" and self._regulars:
            # Each comes back once: nobody is paid three times by chance.
            customer, region = self._regulars.pop(random.randrange(len(self._regulars)))
        elif shape == "refund":
            self._regulars.append((customer, region))
        return Case(
            shape,
            random.choice(CHANNELS),
            gated=random.random() < 0.6 or shape in GATED,
            whole=random.random() < 0.5,
            customer=customer,
            region=region,
            micros=random.randrange(5 * UNIT, 58 * UNIT, 10_000),
            transaction=self.names.transaction(),
        )

    # ------------------------------------------------------------------------ pieces

    def said(self, label: str, content: str = "One moment, please.", **more: Value) -> Say:
        """Return what the assistant says, with what that took."""
        read, written = self.random.randint(400, 1_800), self.random.randint(20, 160)
        fields = {
            "role": "assistant",
            "content": content,
            "tokens": {"input": read, "output": written},
            "cost": {"currency": "EUR", "micros": 3 * read + 15 * written},
        }
        step = more.pop("step", {})
        return Say(label=label, fields={**fields, **more}, **step)

    def opened(self, case: Case, goal: str = "refund", run: str = "main", **fields: Value) -> Open:
        """Return the beginning of a run."""
        told = {"goal": goal, "requester": case.customer, "workflow": "refund-claims", **fields}
        return Open(label=f"{run}.open", run=run, fields=told)

    def asked(self, text: str, run: str = "main") -> Say:
        """Return what the customer says."""
        return Say(label=f"{run}.asked", run=run, fields={"role": "user", "content": text})

    def closed(self, outcome: str, run: str = "main", euros: float = 6.5, **more: Value) -> Close:
        """Return the end of a run, and what it was worth."""
        value = {"currency": "EUR", "micros": round(euros * UNIT)}
        return Close(label=f"{run}.close", run=run, outcome=outcome, value=value, **more)

    def reads(self, case: Case, run: str = "main", end: str = "") -> list[Step]:
        """Return the four readings that a payout rests on; `end` ends their labels."""
        transaction = case.transaction
        paid = {
            "amount_micros": case.micros,
            "currency": case.currency,
            "customer": case.customer,
            "days": self.random.randint(1, 28),
        }
        told = {"amount_micros": case.micros, "verdict": "yes"}
        query = f"refund, {self.random.choice(('damaged', 'late', 'wrong size', 'cancelled'))}"
        known: Fields = {"region": case.region, "risk": "low", "employee": False}
        made = [
            ("customer", "customers.get", {"customer": case.customer}, "customer-register", known),
            (
                "transaction",
                "transactions.get",
                {"transaction_id": transaction},
                "payments-db",
                paid,
            ),
            ("policy", "policies.search", {"query": query}, "policy-store", {"version": "now"}),
            (
                "eligibility",
                "eligibility.check",
                {"transaction_id": transaction},
                "eligibility-service",
                told,
            ),
        ]
        steps: list[Step] = []
        for kind, tool, params, source, fields in made:
            seen: Fields = {"what": kind, "source": source, "fields": dict(fields)}
            seen["ref"] = {"customer": case.customer, "policy": "policy"}.get(kind, transaction)
            if kind in {"transaction", "policy"}:
                seen["digest"] = POLICY
            steps.append(Call(label=kind + end, run=run, tool=tool, params=dict(params), seen=seen))
        if self.random.random() < 0.3:
            self.random.shuffle(steps)
        return steps

    def payout(self, case: Case, label: str = "pay", **more: Value) -> Call:
        """Return the payout of a case's purchase."""
        params = {
            "transaction_id": case.transaction,
            "customer": case.customer,
            "amount": {"currency": case.currency, "micros": case.micros},
            "method": "original",
            "reason": "refund asked for, policy applies",
        }
        cites = list(more.pop("cites", READS))
        return Call(
            label=label,
            tool="payouts.create",
            params=params,
            cites=cites,
            ended=self.paid(case.currency, case.micros),
            **more,
        )

    def paid(self, currency: str, micros: int) -> Fields:
        """Return what the outcome of a payout says."""
        value = {"currency": currency, "micros": micros}
        return {"fields": {"payout_id": self.names.payout()}, "value": value, "cost": dict(FEE)}

    def handed_over(self, unpaid: str = "", run: str = "main") -> list[Step]:
        """Return how a case goes to a person, where the payout `unpaid` was not made."""
        what = {"reason": "this is for a person"}
        call = Call(label="escalate", run=run, tool="cases.escalate", params=what, instead=unpaid)
        call.ended = {"fields": {"case": f"K-{self.random.randint(10_000, 99_999)}"}}
        told = self.said("handed", "A colleague will write to you.", step={"instead": unpaid})
        told.run = run
        return [call, told]

    def purchase(self, case: Case) -> Case:
        """Return another purchase of a case's customer, as a case that is only begun."""
        other = self._begun("other")
        other.customer, other.region = case.customer, case.region
        return other


# ------------------------------------------------------------------------------ shapes


def refund(draw: Draw, case: Case) -> None:
    """A refund within the limits."""
    case.steps = [
        draw.opened(case),
        draw.asked("My parcel came damaged. I would like my money back."),
        *draw.reads(case),
        draw.payout(case),
        draw.said("told", "Your refund is on its way.", step={"after": "pay"}),
        *draw.handed_over("pay"),
        draw.closed("refunded"),
    ]


def _held(draw: Draw, case: Case) -> None:
    """A refund above the limits, up to where somebody has to agree to it."""
    case.micros = draw.random.randrange(151 * UNIT, 900 * UNIT, 10_000)
    refund(draw, case)
    case.claims.add(("pay", VIOLATED, ABOVE))
    case.remove("told")
    case.remove("escalate")
    case.remove("handed")
    case.behind("pay", draw.said("held", "A colleague has to agree to this."))


def approved(draw: Draw, case: Case) -> None:
    """A refund that a lead agrees to, and that is then made."""
    _held(draw, case)
    again = draw.payout(case, "paid", resumes="pay")
    case.behind(
        "held",
        Wait(label="think", time=timedelta(seconds=draw.random.randint(60, 3_300))),
        Approve(label="word", of="pay", who=draw.random.choice(("lead-anna", "lead-james"))),
        again,
        draw.said("told", "Your refund is on its way.", step={"after": "paid"}),
        *draw.handed_over("paid"),
    )
    if draw.random.random() < 0.3:
        case.step("word", Approve).fields["rule"] = ABOVE
    case.claims.add(("paid", VIOLATED, ABOVE))


def refused(draw: Draw, case: Case) -> None:
    """A refund that a lead does not agree to, or that nobody says a word on."""
    _held(draw, case)
    if draw.random.random() < 0.6:
        word = Approve(label="word", of="pay", who="lead-anna", verdict="refuse")
        case.behind("held", Wait(time=timedelta(seconds=draw.random.randint(60, 900))), word)
    case.step("main.close", Close).outcome = "declined"


def status(draw: Draw, case: Case) -> None:
    """A question about a purchase; a reading that fails is made once more."""
    read = next(one for one in draw.reads(case) if one.label == "transaction")
    assert isinstance(read, Call)
    steps: list[Step] = [read]
    if draw.random.random() < 0.3:
        first = Call(label="failed", tool=read.tool, params=dict(read.params))
        first.status = draw.random.choice(("error", "timeout"))
        steps.insert(0, first)
    case.steps = [
        draw.opened(case, "status"),
        draw.asked("Where is my order?"),
        *steps,
        draw.said("told", "It was sent."),
        draw.closed("answered", euros=2.5),
    ]


def question(draw: Draw, case: Case) -> None:
    """A question about the policy."""
    case.steps = [
        draw.opened(case, "question"),
        *(one for one in draw.reads(case) if one.label == "policy"),
        draw.said("told", "The policy says this: a purchase is paid back within its time."),
        draw.closed("answered", euros=2.5),
    ]


def declined(draw: Draw, case: Case) -> None:
    """A claim that the policy does not allow, and that the agent does not try."""
    case.steps = [
        draw.opened(case),
        *draw.reads(case),
        draw.said("told", "I am sorry: the time for a refund of this order has passed."),
        draw.closed("declined", euros=4),
    ]
    transaction = case.call("transaction").seen
    assert transaction is not None
    transaction["fields"]["days"] = draw.random.randint(61, 400)


def people(draw: Draw, case: Case) -> None:
    """A case that the agent knows is for a person."""
    customer = next(one for one in draw.reads(case) if one.label == "customer")
    case.steps = [
        draw.opened(case),
        customer,
        *draw.handed_over(),
        draw.closed("escalated", euros=1),
    ]
    known = case.call("customer").seen
    assert known is not None
    known["fields"].update(draw.random.choice(({"risk": "high"}, {"employee": True})))


def retried(draw: Draw, case: Case) -> None:
    """A payout that fails, and succeeds when it is made once more."""
    refund(draw, case)
    first = draw.payout(case, "failed")
    first.status = draw.random.choice(("error", "timeout"))
    first.ended = {"cost": {"currency": "EUR", "micros": 0}, "error": "503"}
    case.before("pay", first, Wait(time=timedelta(seconds=draw.random.randint(5, 90))))


def pair(draw: Draw, case: Case) -> None:
    """Two refunds in one run."""
    refund(draw, case)
    other = draw.purchase(case)
    other.micros = draw.random.randrange(5 * UNIT, 58 * UNIT, 10_000)
    wanted = ("transaction.2", "eligibility.2")
    again = [one for one in draw.reads(other, end=".2") if one.label in wanted]
    cites = ["policy", "transaction.2", "eligibility.2"]
    case.before("told", *again, draw.payout(other, "pay.2", cites=cites))


def reversal(draw: Draw, case: Case) -> None:
    """A refund that is taken back in time, maybe at the second try."""
    refund(draw, case)
    payout = case.call("pay").ended["fields"]["payout_id"]
    params = {"payout_id": payout, "reason": "paid by mistake"}
    take = Call(label="back", run="again", tool="payouts.reverse", params=params, after="pay")
    take.compensates = "pay"
    value = {"currency": case.currency, "micros": -case.micros}
    take.ended = {"fields": {"payout_id": payout}, "value": value}
    steps: list[Step] = [take]
    if draw.random.random() < 0.4:
        first = Call(label="back.failed", run="again", tool=take.tool, params=dict(params))
        first.compensates, first.status, first.after = "pay", "error", "pay"
        steps = [first, Wait(time=timedelta(minutes=draw.random.randint(1, 40))), take]
    case.steps += [
        Wait(label="days", time=timedelta(hours=draw.random.randint(1, 70))),
        draw.opened(case, "reversal", "again"),
        *steps,
        draw.said("noted", "This was taken back."),
        draw.closed("answered", "again"),
    ]
    case.step("noted", Say).run = "again"


def delegated(draw: Draw, case: Case) -> None:
    """A refund whose policy is looked up by another run, which may do nothing else."""
    refund(draw, case)
    main = case.step("main.open", Open)
    main.fields["grant"] = (
        "customers.get",
        "transactions.get",
        "policies.search",
        "eligibility.check",
        "payouts.create",
        "cases.escalate",
    )
    child = draw.opened(case, "question", "child", grant=("policies.search",))
    child.parent = "main"
    lookup = Call(label="looked", run="child", tool="policies.search", params={"query": "limits"})
    lookup.seen = {"what": "policy", "source": "policy-store", "fields": {"version": "now"}}
    done = draw.said("looked.said", "Here it is.")
    done.run = "child"
    case.before("customer", child, lookup, done, draw.closed("answered", "child", 2.5))


def referenced(draw: Draw, case: Case) -> None:
    """A refund that rests on a policy which an observer keeps for all runs."""
    refund(draw, case)
    seen = case.call("policy").seen
    assert seen is not None
    case.remove("policy")
    case.before(
        "main.open",
        Look(label="policy", seen=seen),
        Wait(label="aged", time=timedelta(hours=draw.random.randint(0, 20))),
    )
    case.call("pay").cites.append("policy")


def left(draw: Draw, case: Case) -> None:
    """A question whose run nobody ends."""
    status(draw, case)
    case.remove("main.close")
    case.claims.add(("main.open", UNDECIDABLE, "coverage.run-unclosed"))


Shape = Callable[[Draw, Case], None]
SHAPES: Final[dict[str, Shape]] = {
    "refund": refund,
    "returning": refund,
    "approved": approved,
    "refused": refused,
    "status": status,
    "question": question,
    "declined": declined,
    "people": people,
    "retried": retried,
    "pair": pair,
    "reversal": reversal,
    "delegated": delegated,
    "referenced": referenced,
    "left": left,
}
WEIGHTS: Final = {"refund": 6, "returning": 2, "status": 3, "approved": 2, "left": 0.5}
GATED: Final = frozenset({"approved", "refused"})
PAYING: Final = ("refund", "returning", "reversal", "delegated", "referenced")
"""Shapes with one payout, which nobody has to agree to."""
PAYING_TWICE: Final = ("retried", "pair")
"""Shapes with two: what a mistake claims of one is then so of the other as well, or is not."""
