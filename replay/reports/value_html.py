"""The answer of `writ value` for a browser: one page with its charts."""

from collections.abc import Iterator
from math import isfinite

from replay.charts import Words, bars, line
from replay.pages import Chart, Part, Section, page
from replay.reports.value_tables import attempt_table, own_table, threshold_table
from replay.reports.value_text import people_tables
from replay.reports.value_words import headline, limits, sentences
from replay.tables import MICROS, amount
from replay.thresholds import Curve
from replay.value import Group
from replay.valued import Valued


def value_html(found: Valued) -> str:
    """Return the answer as one HTML document, ended by a newline."""
    by_name = {table.name: table for table in people_tables(found, len(found.marginal))}
    sections = [
        Section(f"By {by}", [*_group_charts(by, groups), by_name[by]])
        for by, groups in ((by, list(groups)) for by, groups in found.groups.items())
    ]
    if "tool" in by_name:
        sections.append(Section("By tool", [by_name["tool"]]))
    sections.append(Section("Retries and denials", [attempt_table(found)]))
    if "marginal" in by_name:
        sections.append(Section("The k-th call", [*_marginal(found), by_name["marginal"]]))
    sections += _thresholds(found)
    asked = "; ".join(found.asked) or "the whole ledger"
    return page(
        f"Value: {headline(found)}",
        sections,
        asked=f"writ value · {asked} · {found.report.ledger.size:,} entries",
        lead=sentences(found),
        limits=limits(found),
    )


def _group_charts(by: str, groups: list[Group]) -> Iterator[Part]:
    """Yield a chart of cost per success for each currency in which more than one group has it."""
    for currency in sorted({name for group in groups for name in group.per_success}):
        ratios = [(group.key, group.per_success.get(currency)) for group in groups]
        items = [
            (key, ratio.value / MICROS, f"{amount(ratio.value)} (n = {ratio.n:,})")
            for key, ratio in ratios
            if ratio is not None and ratio.value is not None
        ]
        if len(items) > 1:
            title = f"Cost per successful outcome by {by}, in {currency}"
            says = "; ".join(f"{key}: {said}" for key, _, said in items)
            axis = f"cost per success, {currency}"
            yield Chart(bars(items, Words(f"{by}-{currency}", title, says, axis)))


def _marginal(found: Valued) -> Iterator[Part]:
    for currency in sorted({name for each in found.marginal for name in each.costed}):
        points = [
            (each.k, each.cost.get(currency, 0), each.costed[currency])
            for each in found.marginal
            if currency in each.costed
        ]
        yield _line("cost", currency, points)
    for currency in sorted({name for each in found.marginal for name in each.valued}):
        points = [
            (each.k, each.value.get(currency, 0), each.valued[currency])
            for each in found.marginal
            if currency in each.valued
        ]
        yield _line("value", currency, points)


def _line(kind: str, currency: str, sums: list[tuple[int, int, int]]) -> Chart:
    points = [(float(k), micros / n / MICROS, "") for k, micros, n in sums]
    says = (
        f"{points[0][1]:,.4f} {currency} by the first call ({sums[0][2]:,} runs), "
        f"{points[-1][1]:,.4f} {currency} by call {sums[-1][0]} ({sums[-1][2]:,} runs)."
    )
    title = f"{kind.capitalize()} added by the k-th call, a run that has one"
    words = Words(f"marginal-{kind}-{currency}", title, says, "k-th call", f"{kind}, {currency}")
    return Chart(line(points, words))


def _thresholds(found: Valued) -> Iterator[Section]:
    for curve in found.curves:
        parts: list[Part] = [*_curve(curve), threshold_table([curve])]
        if found.own:
            parts.append(own_table(found))
        yield Section(f"Stopping runs early, in {curve.currency}", parts)


def _curve(curve: Curve) -> Iterator[Part]:
    points = [
        (point.lost / MICROS, point.saved / MICROS, _label(point.ratio)) for point in curve.points
    ]
    marks = [] if curve.knee is None else [curve.knee]
    at = f" The knee is at {_label(curve.points[marks[0]].ratio)}." if marks else ""
    yield Chart(
        line(
            points,
            Words(
                f"threshold-{curve.currency}",
                "Cost saved against value lost, had runs been stopped",
                f"From the highest threshold at the left to the lowest at the right.{at}",
                f"value lost, {curve.currency}",
                f"cost saved, {curve.currency}",
            ),
            marks=marks,
        )
    )
    yield (
        "Left to right the threshold falls: more runs are stopped, more cost is saved and more "
        "value is lost. The marked point is the knee: furthest above the line between the ends."
    )


def _label(ratio: float) -> str:
    return f"stopped above {ratio * 100:.3g} % of value" if isfinite(ratio) else "worth nothing"
