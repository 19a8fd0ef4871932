"""What a rollback comes to, in sentences: first what had no undo at all.

Source: docs/spec/rollback.md, *The report*.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from replay.exposure import Amount
from replay.reports.rollback_tables import money_of, time_of
from replay.rollback import TAKEN, Class
from replay.rollback_answer import Answer
from replay.tables import amount

LIMITS: Final = (
    "that a compensating call would succeed: only that the contract allows it, and that its window "
    "is open",
    "that the calls can all be made at once: each is decided by itself, and a bound on calls in an "
    "hour, say, lets through only so many",
    "that acts do not depend on one another in ways that no record shows",
    "that a compensating call gives back the whole value of what it takes back",
)


def title(answer: Answer) -> str:
    """Return the verdict in a line."""
    stake, back = answer.plan.at_stake, answer.plan.recovered
    if not stake.acts:
        return "Nothing is left to undo"
    shares = [
        f"{_percent(back.micros.get(name, 0), total)} of {name} {amount(total)}"
        for name, total in sorted(stake.micros.items())
        if total
    ]
    what = " and ".join(shares) or f"{back.acts:,} of {stake.acts:,} actions"
    return f"{what} can be undone"


def tolerated(answer: Answer) -> str:
    """Return the sentence that heads every report: what had no undo at all."""
    changed, none = answer.changed, answer.plan.tolerated
    stated = answer.plan.amounts[Class.IRREVERSIBLE].acts - none.acts
    share = _percent(none.acts, changed.acts)
    line = (
        f"Tolerated, not governed: {none.acts:,} of {changed.acts:,} executed actions that changed "
        f"something ({share}) had no undo at all"
    )
    if none.acts:
        worth = [
            f"{name} {amount(value)} ({_percent(value, changed.micros.get(name, 0))})"
            for name, value in sorted(none.micros.items())
        ]
        line += f"; value {' + '.join(worth) or 'not recorded'}"
    if stated:
        line += f"; {stated:,} more are irreversible by the contract's own word"
    return f"{line}."


def lead(answer: Answer) -> Iterator[str]:
    """Yield what a manager reads: what comes back, at what price, and what stays."""
    plan = answer.plan
    yield tolerated(answer)
    stake, back, stays = plan.at_stake, plan.recovered, plan.residual
    yield (
        f"At stake as of {time_of(answer.at)}: {stake.acts:,} actions that were not taken back yet, "
        f"{money_of(stake)}."
    )
    if back.acts:
        yield f"{back.acts:,} can be taken back in as many calls: {money_of(back)}{_price(answer)}."
    else:
        yield "None of them can be taken back."
    if stays.acts:
        kinds = ", ".join(
            f"{plan.amounts[kind].acts:,} {kind.value}"
            for kind in (
                Class.EXPIRED,
                Class.REFUSED,
                Class.BLOCKED,
                Class.IRREVERSIBLE,
                Class.UNKNOWN,
            )
            if plan.amounts[kind].acts
        )
        yield f"{stays.acts:,} stay as they are: {money_of(stays)} ({kinds})."
    done = plan.amounts[Class.DONE]
    if done.acts:
        yield f"{done.acts:,} were taken back before: {money_of(done)}."
    yield from _blast(answer)


def _price(answer: Answer) -> str:
    needed = Counter(
        approval.role
        for fate in answer.plan.fates
        if fate.kind in TAKEN and fate.call is not None
        for approval in fate.call.approvals
    )
    told = [f"{count:,} approvals by {role}" for role, count in sorted(needed.items())]
    words = f"; {' and '.join(told)}" if told else "; no approval is needed"
    costs = answer.plan.costs
    if costs.micros:
        words += f"; estimated cost {_cost(costs)}"
    elif costs.acts:
        words += "; the contract estimates no cost for them"
    return words


def _cost(costs: Amount) -> str:
    told = " + ".join(f"{name} {amount(value)}" for name, value in sorted(costs.micros.items()))
    return f"{told} ({costs.unvalued:,} not estimated)" if costs.unvalued else told


def _blast(answer: Answer) -> Iterator[str]:
    pulled, prevented = answer.blast.pulled, answer.blast.prevented
    if pulled is None or prevented is None:
        return
    yield (
        f"Had the kill switch been pulled at {time_of(pulled.at)}, {pulled.amount.acts:,} actions "
        f"on {pulled.entities:,} entities in {pulled.runs:,} runs would have been done "
        f"({money_of(pulled.amount)}), and {prevented.acts:,} would not ({money_of(prevented)})."
    )


def basis(answer: Answer) -> str:
    """Return what the plan stands on: what was chosen, how far it reaches, which contract."""
    contracts = ", ".join(
        f"{one.name} {one.version}" for _, one in sorted(answer.contracts.items())
    )
    words = f"Chosen: {answer.asked or 'everything'} ({answer.chosen:,} executed actions)"
    words += f"; scope: {answer.scope.value}; under {contracts or 'no contract'}"
    if answer.undecided:
        words += f"; of {answer.undecided:,} actions the condition has no value: left out"
    if answer.blast.untimed:
        words += f"; nobody knows when {answer.blast.untimed:,} were done"
    return f"{words}."


def _percent(part: float, whole: float) -> str:
    return "0.0 %" if not whole else f"{part / whole * 100:.1f} %"
