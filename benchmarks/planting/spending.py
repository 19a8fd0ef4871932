"""Mutations of what a run takes: money, tokens, calls, time."""

from datetime import timedelta
from typing import Final

from benchmarks.planting.draws import FEE, UNIT, Draw
from benchmarks.planting.mutations import (
    TALKING,
    Edit,
    Mutation,
    undecidable,
    violated,
)
from benchmarks.planting.steps import (
    Call,
    Case,
    Close,
    Fields,
    Value,
    Wait,
)

# -------------------------------------------------------------------------------- cost

FREE: Final = {"currency": "EUR", "micros": 0}
FEW: Final = {"input": 10, "output": 10}


def _dear(draw: Draw, case: Case) -> None:
    case.before("pay", draw.said("thought", cost={"currency": "EUR", "micros": 360_000}))


def _wordy(draw: Draw, case: Case) -> None:
    tokens = {"input": 41_000, "output": draw.random.randint(1, 99)}
    case.before("pay", draw.said("thought", tokens=tokens))


def _looked_up(draw: Draw, count: int) -> list[Call]:
    """Return readings of other purchases."""
    made: list[Call] = []
    for number in range(count):
        what = {"transaction_id": draw.names.transaction()}
        made.append(Call(label=f"look-{number}", tool="transactions.get", params=what))
    return made


def _busy(draw: Draw, case: Case) -> None:
    case.before("main.close", *_looked_up(draw, 12))
    case.steps = [one for one in case.steps if not one.label.startswith(("transaction", "failed"))]


def _one_too_many(draw: Draw, case: Case) -> None:
    case.before("main.close", *_looked_up(draw, 13))
    case.steps = [one for one in case.steps if not one.label.startswith(("transaction", "failed"))]


def _wandering(draw: Draw, case: Case) -> None:
    case.steps = [one for one in case.steps if not one.label.startswith(("transaction", "failed"))]
    # What is told is the first of twelve things said.
    said = [draw.said(f"said-{number}", cost=FREE, tokens=FEW) for number in range(11)]
    case.before("main.close", *said, *_looked_up(draw, 9))


def _searching(_: Draw, case: Case) -> None:
    searches = [
        Call(label=f"search-{number}", tool="policies.search", params={"query": f"clause {number}"})
        for number in range(3)
    ]
    case.before("main.close", *searches)


def _thrice(case: Case, label: str, *statuses: str) -> None:
    """Make a call again, each time as it is; the statuses are those of the three."""
    last = case.call(label)
    for number, status in enumerate(statuses[:-1]):
        again = Call(label=f"{label}-{number}", tool=last.tool, params=dict(last.params))
        again.cites, again.status = list(last.cites), status
        again.ended = {"cost": dict(FREE)} if status != "ok" else {}
        case.before(label, again)
    last.status = statuses[-1]


def _looping(_: Draw, case: Case) -> None:
    case.steps = [one for one in case.steps if one.label != "failed"]
    _thrice(case, "transaction", "ok", "ok", "ok")


def _retrying(draw: Draw, case: Case) -> None:
    case.steps = [one for one in case.steps if one.label != "failed"]
    _thrice(case, "transaction", draw.random.choice(("error", "timeout")), "error", "ok")


def _stubborn(_: Draw, case: Case) -> None:
    _thrice(case, "pay", "error", "timeout", "ok")


def _lasting(draw: Draw, case: Case) -> None:
    wait = Wait(time=timedelta(seconds=7_201 + draw.random.randint(0, 9_000)))
    case.before("transaction", wait)


def _worthless(draw: Draw, case: Case) -> None:
    case.step("main.close", Close).value = {
        "currency": "EUR",
        "micros": draw.random.randint(1, 400),
    }


def _closing(value: Fields | None) -> Edit:
    def edit(_: Draw, case: Case) -> None:
        case.step("main.close", Close).value = value

    return edit


def _uncounted(**changes: Value) -> Edit:
    """Leave out what something that is said took, and go on."""

    def edit(draw: Draw, case: Case) -> None:
        said = draw.said("thought")
        said.fields.update(changes)
        case.before("pay" if case.has("pay") else "transaction", said)

    return edit


def _unpriced(cost: Fields | None) -> Edit:
    def edit(draw: Draw, case: Case) -> None:
        case.call("pay").ended["cost"] = cost
        case.before("main.close", *_looked_up(draw, 1))

    return edit


_MONEY = undecidable("look-0", "cost.cost") | undecidable("main.close", "cost.value")
_UNPRICED = (
    undecidable("escalate", "cost.cost")
    | undecidable("pay", "cost.cost")
    | undecidable("main.close", "cost.value")
)
_ASKING: Final = ("status",)

COST: Final = (
    Mutation(
        "too dear", ("refund", "returning", "referenced"), _dear, violated("pay", "cost.cost")
    ),
    Mutation(
        "too many tokens",
        ("refund", "returning", "referenced"),
        _wordy,
        violated("pay", "cost.tokens") | violated("escalate", "cost.tokens"),
    ),
    Mutation(
        "thirteen calls", _ASKING, _one_too_many, violated("look-12", "cost.tool-calls"), alone=True
    ),
    Mutation("twelve calls", _ASKING, _busy, alone=True),
    Mutation("twenty-one steps", _ASKING, _wandering, violated("look-8", "cost.steps"), alone=True),
    Mutation(
        "four searches",
        ("question", "refund"),
        _searching,
        violated("search-2", "cost.calls.policies.search"),
    ),
    Mutation(
        "three payouts tried",
        ("refund", "returning"),
        _stubborn,
        violated("pay", "cost.calls.payouts.create", "cost.loop", "recovery.retry"),
    ),
    Mutation("asked three times", _ASKING, _looping, violated("transaction", "cost.loop")),
    Mutation(
        "retried twice", _ASKING, _retrying, violated("transaction", "cost.loop", "recovery.retry")
    ),
    Mutation("more than two hours", _ASKING, _lasting, violated("transaction", "cost.seconds")),
    Mutation(
        "not worth it", ("status", "question"), _worthless, violated("main.close", "cost.value")
    ),
    Mutation(
        "worth nothing known", TALKING, _closing(None), undecidable("main.close", "cost.value")
    ),
    Mutation(
        "worth other money",
        TALKING,
        _closing({"currency": "USD", "micros": 9 * UNIT}),
        undecidable("main.close", "cost.value"),
    ),
    Mutation(
        "tokens not counted",
        ("refund", "returning"),
        _uncounted(tokens=None),
        undecidable("pay", "cost.tokens") | undecidable("escalate", "cost.tokens"),
    ),
    Mutation("words without a price", ("refund", "returning"), _uncounted(cost=None), _UNPRICED),
    Mutation(
        "words in other money",
        ("refund", "returning"),
        _uncounted(cost={"currency": "USD", "micros": 10}),
        _UNPRICED,
    ),
    Mutation("payout without a price", ("refund", "returning"), _unpriced(None), _MONEY),
    Mutation("payout in other money", ("refund",), _unpriced({**FEE, "currency": "USD"}), _MONEY),
)
