"""The answer of `writ value` as tables: what every form of it shows, and CSV and Parquet hold.

A row is a group and a currency: amounts of two currencies stand in two rows. A group without any
amount has one row without a currency.
"""

from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Final

from replay.tables import Cell, Column, Kind, Table
from replay.thresholds import Curve
from replay.value import Calls, Group, Kth, Ratio
from replay.valued import Valued
from replay.worth import FEES, MESSAGES, PEOPLE, Recorded

_SUMS: Final = (
    Column("currency", "in"),
    Column("messages_micros", "Messages", Kind.MICROS),
    Column("fees_micros", "Tool fees", Kind.MICROS),
    Column("people_micros", "People", Kind.MICROS),
    Column("cost_micros", "Cost", Kind.MICROS),
    Column("value_micros", "Value", Kind.MICROS),
)
_RATIOS: Final = (
    Column("cost_per_success_micros", "Cost/success", Kind.MICROS),
    Column("cost_per_success_low", "from", Kind.MICROS),
    Column("cost_per_success_high", "to", Kind.MICROS),
    Column("cost_per_success_n", "n", Kind.COUNT),
    Column("value_per_cost", "Value/cost", Kind.NUMBER),
    Column("value_per_cost_low", "from", Kind.NUMBER),
    Column("value_per_cost_high", "to", Kind.NUMBER),
    Column("value_per_cost_n", "n", Kind.COUNT),
)
_COUNTS: Final = (
    Column("runs", "Runs", Kind.COUNT),
    Column("succeeded", "Succeeded", Kind.COUNT),
    Column("cost_recorded", "Cost rec.", Kind.COUNT),
    Column("cost_partly_recorded", "partly", Kind.COUNT),
    Column("value_recorded", "Value rec.", Kind.COUNT),
)
INTERVALS: Final = "From, to: 95 % interval (Fieller) over n runs; – where it cannot be told."


def tables(found: Valued) -> list[Table]:
    """Return all tables, the whole first."""
    made = [group_table("whole", "All runs", [found.whole])]
    made += [group_table(by, f"By {by}", groups) for by, groups in found.groups.items()]
    if found.tools is not None:
        made.append(tool_table(found))
    made += [attempt_table(found), marginal_table(found.marginal)]
    made += [threshold_table(found.curves), own_table(found)]
    return made


def group_table(name: str, title: str, groups: Sequence[Group]) -> Table:
    """Return the measures of groups of runs."""
    rows = [row for group in groups for row in _group_rows(group)]
    columns = (Column("key", name.capitalize()), *_COUNTS, *_SUMS, *_RATIOS)
    return Table(name, title, columns, tuple(rows), INTERVALS)


def _group_rows(group: Group) -> Iterator[tuple[Cell, ...]]:
    counts: tuple[Cell, ...] = (
        group.key or "all",
        group.runs,
        group.succeeded,
        group.recorded[Recorded.FULL],
        group.recorded[Recorded.PARTLY],
        group.valued,
    )
    currencies = sorted({*group.cost, *group.values})
    for currency in currencies:
        costs = [group.costs.get(kind, {}).get(currency) for kind in (MESSAGES, FEES, PEOPLE)]
        sums = (*costs, group.cost.get(currency), group.values.get(currency))
        ratios = (
            *_ratio(group.per_success.get(currency)),
            *_ratio(group.per_cost.get(currency)),
        )
        yield (*counts, currency, *sums, *ratios)
    if not currencies:
        yield (*counts, "", *(None for _ in (*_SUMS[1:], *_RATIOS)))


def _ratio(found: Ratio | None) -> tuple[Cell, ...]:
    if found is None:
        return None, None, None, 0
    if found.interval is None:
        return found.value, None, None, found.n
    return found.value, found.interval.low, found.interval.high, found.n


_CALLS: Final = (
    Column("calls", "Calls", Kind.COUNT),
    Column("priced", "Priced", Kind.COUNT),
    Column("executed", "Called", Kind.COUNT),
    Column("done", "Did it", Kind.COUNT),
    Column("without_fee", "No fee rec.", Kind.COUNT),
    Column("currency", "in"),
    Column("fees_micros", "Fees", Kind.MICROS),
    Column("messages_micros", "Messages", Kind.MICROS),
)


def tool_table(found: Valued) -> Table:
    """Return calls by tool; their costs and values add up to the whole."""
    columns = (
        Column("tool", "Tool"),
        *_CALLS,
        Column("people_micros", "People", Kind.MICROS),
        Column("value_micros", "Value", Kind.MICROS),
        Column("stated_value_micros", "Stated", Kind.MICROS),
    )
    rows = [
        (*_call_cells(name, calls, currency), *_more(calls, currency))
        for name, calls in (found.tools or {}).items()
        for currency in calls.currencies() or [""]
    ]
    note = (
        "Messages: each call's share of the messages that it was part of. Stated: what outcomes "
        "say beside their run's own value, and so is not counted."
    )
    return Table("tool", "By tool", columns, tuple(rows), note)


def _call_cells(name: str, calls: Calls, currency: str) -> tuple[Cell, ...]:
    return (
        name,
        calls.count,
        calls.priced,
        calls.executed,
        calls.done,
        calls.feeless,
        currency,
        calls.fees.get(currency),
        calls.shares.get(currency),
    )


def _more(calls: Calls, currency: str) -> tuple[Cell, ...]:
    kinds = (calls.people, calls.values, calls.stated)
    return tuple(kind.get(currency) for kind in kinds)


def attempt_table(found: Valued) -> Table:
    """Return what calls that failed, were repeated, denied or held cost."""
    columns = (Column("became", "Calls that were"), *_CALLS)
    rows = [
        _call_cells(kind.value, calls, currency)
        for kind, calls in found.attempts.items()
        if calls.count
        for currency in calls.currencies() or [""]
    ]
    return Table("attempts", "Calls by what became of them", columns, tuple(rows))


def marginal_table(found: Sequence[Kth]) -> Table:
    """Return what the k-th call of a run added."""
    columns = (
        Column("k", "k-th call", Kind.COUNT),
        Column("runs", "Runs", Kind.COUNT),
        Column("currency", "in"),
        Column("cost_micros", "Cost added", Kind.MICROS),
        Column("value_micros", "Value added", Kind.MICROS),
        Column("cost_per_run_micros", "Cost a run", Kind.MICROS),
        Column("cost_n", "n", Kind.COUNT),
        Column("value_per_run_micros", "Value a run", Kind.MICROS),
        Column("value_n", "n", Kind.COUNT),
    )
    rows = tuple(
        _marginal_row(each, currency)
        for each in found
        for currency in sorted({*each.costed, *each.valued}) or [""]
    )
    note = (
        "A run's own value falls on its last call. Runs: how many had so many calls; n: how many "
        "of them say their cost in full, or a value."
    )
    return Table("marginal", "What the k-th call added", columns, rows, note)


def _marginal_row(each: Kth, currency: str) -> tuple[Cell, ...]:
    costed, valued = each.costed.get(currency, 0), each.valued.get(currency, 0)
    cost = each.cost.get(currency, 0) if costed else None
    value = each.value.get(currency, 0) if valued else None
    return (
        each.k,
        each.runs,
        currency,
        cost,
        value,
        _mean(cost, costed),
        costed,
        _mean(value, valued),
        valued,
    )


def _mean(micros: int | None, n: int) -> Cell:
    return None if micros is None else round(micros / n)


_POINT: Final = (
    Column("saved_micros", "Cost saved", Kind.MICROS),
    Column("lost_micros", "Value lost", Kind.MICROS),
    Column("stopped", "Runs stopped", Kind.COUNT),
    Column("runs", "of", Kind.COUNT),
)


def threshold_table(found: Sequence[Curve]) -> Table:
    """Return cost saved and value lost by threshold; `knee` marks one in each currency."""
    columns = (
        Column("currency", "in"),
        Column("ratio", "Cost so far over value", Kind.NUMBER),
        *_POINT,
        Column("knee", ""),
    )
    rows = tuple(
        (
            curve.currency,
            point.ratio if isfinite(point.ratio) else None,
            point.saved,
            point.lost,
            point.stopped,
            curve.runs,
            "knee" if place == curve.knee else "",
        )
        for curve in found
        for place, point in enumerate(curve.points)
    )
    note = "–: only runs that are worth nothing are stopped."
    title = "Had runs been stopped at a ratio of cost to value"
    return Table("threshold", title, columns, rows, note)


def own_table(found: Valued) -> Table:
    """Return what the thresholds of the contracts themselves would have done."""
    columns = (
        Column("contract", "Contract"),
        Column("version", "Version"),
        Column("currency", "in"),
        Column("ratio", "Its threshold", Kind.NUMBER),
        Column("over", "Ended above", Kind.COUNT),
        *_POINT,
    )
    rows = tuple(
        (
            own.contract,
            own.version,
            own.currency,
            own.point.ratio,
            own.over,
            own.point.saved,
            own.point.lost,
            own.point.stopped,
            own.runs,
        )
        for own in found.own
    )
    return Table("own_threshold", "The contracts' own thresholds", columns, rows)
