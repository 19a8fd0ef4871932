"""Mutations that pass what bounds the service as a whole: cases of many runs in a short time."""

from datetime import timedelta
from typing import Final

from benchmarks.planting.draws import READS, Draw
from benchmarks.planting.mutations import Edit, Mutation
from benchmarks.planting.steps import Call, Case, Step, Wait


def _runs(count: int, pause: float) -> Edit:
    """Let so many customers be paid, each in a run, with a pause between them."""

    def edit(draw: Draw, case: Case) -> None:
        case.certain = False
        steps: list[Step] = []
        for number in range(count):
            steps += _one(draw, f"flood-{number}")
            steps.append(Wait(time=timedelta(seconds=pause)))
        case.steps = [*case.steps, *steps]

    return edit


def _one(draw: Draw, run: str) -> list[Step]:
    other = draw.case("refund")
    end = f".{run}"
    pay = draw.payout(other, f"pay{end}", cites=[f"{one}{end}" for one in READS])
    pay.run = run
    said = draw.said(f"told{end}", step={"run": run})
    reads = draw.reads(other, run, end)
    return [draw.opened(other, run=run), *reads, pay, said, draw.closed("answered", run)]


def _searches(draw: Draw, case: Case) -> None:
    case.certain = False
    for number in range(4):
        run = f"flood-{number}"
        searches = [
            Call(label=f"{run}.{n}", run=run, tool="policies.search", params={"query": f"q {n}"})
            for n in range(3)
        ]
        said = draw.said(f"told.{run}", step={"run": run})
        case.steps += [
            draw.opened(case, "question", run),
            *searches,
            said,
            draw.closed("answered", run),
        ]


def _calls(draw: Draw, case: Case) -> None:
    case.certain = False
    for number in range(7):
        run = f"flood-{number}"
        calls = [
            Call(
                label=f"{run}.{n}",
                run=run,
                tool="transactions.get",
                params={"transaction_id": draw.names.transaction()},
            )
            for n in range(9)
        ]
        said = draw.said(f"told.{run}", step={"run": run})
        case.steps += [draw.opened(case, "status", run), *calls, said, draw.closed("answered", run)]


def _one_customer(draw: Draw, case: Case) -> None:
    """Reverse one payout after the other: twenty-one calls, and few that they concern."""
    case.certain = False
    for number in range(7):
        run = f"flood-{number}"
        steps = _one(draw, run)
        calls: list[Step] = []
        for n in range(3):
            params = {"payout_id": f"PO-99999{n}", "reason": f"try {number}"}
            calls.append(Call(label=f"{run}.{n}", run=run, tool="payouts.reverse", params=params))
        calls[0:0] = steps[:1]
        case.steps += [*calls, *steps[-2:], Wait(time=timedelta(seconds=20))]


def _outage(draw: Draw, case: Case) -> None:
    """Let payouts fail, and go on."""
    case.certain = False
    for number, status in enumerate(("error", "timeout", "error", "ok", "ok")):
        steps = _one(draw, f"flood-{number}")
        for one in steps:
            if isinstance(one, Call) and one.tool == "payouts.create":
                one.status = status
                one.ended = one.ended if status == "ok" else {"cost": one.ended["cost"]}
        case.steps += [*steps, Wait(time=timedelta(seconds=draw.random.randint(1, 400)))]


FLOODS: Final = (
    Mutation(
        "seventeen customers in an hour", ("question",), _runs(17, 130), alone=True, weight=0.25
    ),
    Mutation("searches too fast", ("question",), _searches, alone=True, weight=0.5),
    Mutation("sixty calls", ("question",), _calls, alone=True, weight=0.4),
    Mutation("twenty-one reversals", ("question",), _one_customer, alone=True, weight=0.25),
    Mutation("paying through an outage", ("question",), _outage, alone=True, weight=0.5),
)
