"""The answer of `writ whatif` for a browser: one page with the candidates as a chart."""

from collections.abc import Callable, Iterator

from replay.charts import Words, line, scatter
from replay.pages import Chart, Part, Section, page
from replay.reports.whatif_tables import (
    cascade_table,
    grouped_tables,
    kind_table,
    people_table,
    undecidable_table,
)
from replay.reports.whatif_text import flip_lists
from replay.reports.whatif_words import count, headline, limits, sentences
from replay.tables import MICROS
from replay.weighing import Sums, Tally
from replay.whatif import Compared, WhatIf

MOST = 200
"""Flips of a candidate that a page lists; the other forms have all."""


def whatif_html(found: WhatIf) -> str:
    """Return the answer as one HTML document, ended by a newline."""
    sections = [Section("Candidates", [*_scatter(found), people_table(found)])]
    sections += _curves(found)
    sections.append(Section("Flips by kind", [kind_table(found)]))
    if cascade_table(found).rows:
        sections.append(Section("Cascading", [cascade_table(found)]))
    if undecidable_table(found).rows:
        sections.append(Section("What cannot be decided", [undecidable_table(found)]))
    for one in found.compared:
        groups = list(grouped_tables(one))
        if groups and (one.front or len(found.compared) == 1):
            sections.append(Section(f"{one.candidate.name}, by group", groups))
    sections += _listed(found)
    asked = "; ".join(found.asked) or "the whole ledger"
    return page(
        f"What if: {headline(found)}",
        sections,
        asked=f"writ whatif · {asked} · {found.mode} · {found.report.ledger.size:,} entries",
        lead=sentences(found),
        limits=limits(found),
    )


def _scatter(found: WhatIf) -> Iterator[Part]:
    """Yield the candidates by what they stop that is wrong, and that is not."""
    if len(found.compared) == 1:
        return
    points = [
        (
            float(one.tally.blocked.count),
            float(one.tally.prevented.count),
            _short(one),
        )
        for one in found.compared
    ]
    marks = [place for place, one in enumerate(found.compared) if one.front]
    says = "; ".join(
        f"{one.candidate.name}: {one.tally.prevented.count:,} wrong and "
        f"{one.tally.blocked.count:,} legitimate stopped, {one.tally.people:+,} to people"
        for one in found.compared
    )
    words = Words(
        "candidates", "What each candidate stops", says, "legitimate stopped", "wrong stopped"
    )
    yield Chart(scatter(points, words, front=marks))
    yield "Diamonds are candidates that no other one beats, in what they ask of people too."


def _short(one: Compared) -> str:
    """Return what a point is called: of a sweep its value."""
    parameter = one.candidate.parameter
    return one.candidate.name if parameter is None else f"{parameter:,.10g}"


def _curves(found: WhatIf) -> Iterator[Section]:
    """Yield what comes of a parameter, from its lowest value to its highest."""
    swept: dict[str, list[Compared]] = {}
    for one in found.compared:
        if one.candidate.parameter is not None:
            swept.setdefault(one.candidate.path, []).append(one)
    for number, (path, many) in enumerate(swept.items()):
        ordered = sorted(many, key=lambda one: one.candidate.parameter or 0.0)
        yield Section(f"Over {path}", list(_of_sweep(number, path, ordered)))


_Measure = Callable[[Tally], float]
_MEASURES: tuple[tuple[str, str, _Measure], ...] = (
    ("prevented", "Wrong actions stopped", lambda tally: float(tally.prevented.count)),
    ("blocked", "Legitimate actions stopped", lambda tally: float(tally.blocked.count)),
    ("people", "More that goes to people", lambda tally: float(tally.people)),
)


def _of_sweep(number: int, path: str, many: list[Compared]) -> Iterator[Part]:
    measures = [*_MEASURES]
    for what, title, of in (
        ("prevented", "Value of what is wrong and stopped", _prevented),
        ("blocked", "Value of what is legitimate and stopped", _blocked),
    ):
        currencies = {name for one in many for name in of(one.tally).values}
        measures += [
            (f"{what}-{name}", f"{title}, {name}", _worth(of, name)) for name in sorted(currencies)
        ]
    for what, title, measure in measures:
        points = [(one.candidate.parameter or 0.0, measure(one.tally), "") for one in many]
        low, high = points[0], points[-1]
        says = f"{low[1]:,.10g} at {low[0]:,.10g}, {high[1]:,.10g} at {high[0]:,.10g}."
        words = Words(f"sweep-{number}-{what}", title, says, path.rpartition(".")[2], title)
        yield Chart(line(points, words))


def _prevented(tally: Tally) -> Sums:
    return tally.prevented


def _blocked(tally: Tally) -> Sums:
    return tally.blocked


def _worth(of: Callable[[Tally], Sums], currency: str) -> _Measure:
    return lambda tally: of(tally).values.get(currency, 0) / MICROS


def _listed(found: WhatIf) -> Iterator[Section]:
    """Yield the flips of the candidates, of many only those of the ones that no other beats."""
    for one, table in zip(found.compared, flip_lists(found), strict=True):
        if not table.rows or not (one.front or len(found.compared) == 1):
            continue
        parts: list[Part] = [
            type(table)(table.name, "", table.columns, table.rows[:MOST], table.note)
        ]
        rest = len(table.rows) - MOST
        parts += (
            [f"And {count(rest, 'flip')} more: --format csv --table flips."] if rest > 0 else []
        )
        yield Section(table.title, parts)
