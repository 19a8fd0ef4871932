"""The whole answer of `writ value`, as data that every form of it is written from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from replay.history import History
from replay.rates import Rates
from replay.run_choice import Chosen
from replay.thresholds import Curve, Own, curves, owned
from replay.value import (
    TOOL,
    USUAL,
    Calls,
    Group,
    Kth,
    attempts,
    by_tool,
    grouped,
    marginal,
    measured,
)
from replay.worth import Call, worths
from verifier.report import Report


@dataclass(frozen=True, slots=True)
class Valued:
    """What was asked of which ledger, and all measures.

    Attributes:
        report: The verification that it rests on.
        asked: The selection and the stated rates in words; empty for the whole ledger.
        chosen: The runs, and how many could not be asked.
        whole: The measures of all of them.
        groups: By dimension, in the order asked for; without `tool`.
        tools: By tool; None where not asked for.
        attempts: Calls by what became of them.
        marginal: What the k-th call added.
        curves: Thresholds by currency.
        own: What the contracts' own thresholds would have done.
        rates: What was stated.
        two_currencies: Runs whose cost, or whose value, is in more than one currency.
    """

    report: Report
    asked: tuple[str, ...]
    chosen: Chosen
    whole: Group
    groups: Mapping[str, Sequence[Group]]
    tools: Mapping[str, Calls] | None
    attempts: Mapping[Call, Calls]
    marginal: Sequence[Kth]
    curves: Sequence[Curve]
    own: Sequence[Own]
    rates: Rates
    two_currencies: int


def valued(
    history: History,
    report: Report,
    chosen: Chosen,
    *,
    rates: Rates,
    by: Sequence[str] = USUAL,
    asked: Sequence[str] = (),
) -> Valued:
    """Measure the chosen runs of a verified ledger.

    Args:
        history: The ledger as acts and runs.
        report: Its verification.
        chosen: Which runs.
        rates: Of currencies and people's time.
        by: What to group by, of `replay.value.GROUPINGS`.
        asked: The selection in words, as the reports repeat it.
    """
    found = worths(history, rates, chosen.runs)
    return Valued(
        report=report,
        asked=tuple(asked),
        chosen=chosen,
        whole=measured(found),
        groups={each: grouped(found, each) for each in by if each != TOOL},
        tools=by_tool(found) if TOOL in by else None,
        attempts=attempts(found),
        marginal=marginal(found),
        curves=curves(found),
        own=owned(history, found),
        rates=rates,
        two_currencies=sum(
            len({item.money.currency for item in items}) > 1
            for worth in found
            for items in (worth.costs, worth.values)
        ),
    )
