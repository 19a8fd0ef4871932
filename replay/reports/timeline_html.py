"""A timeline for a browser: one page, a run a section, each step folded up under its decision."""

from collections.abc import Iterator
from typing import Final

from replay.pages import Aside, Fold, Part, Section, Terms, page
from replay.reports.timeline_text import about, parts_of, speaks
from replay.reports.timeline_words import (
    MARKS,
    asked,
    decisions,
    did,
    headline,
    limits,
    means,
    said,
    sentences,
)
from replay.steps import Judged, Ruled, Said, Step, Told
from replay.tables import Column, Kind, Table
from replay.timeline import Timeline
from replay.wording import clock, count, short, some, sums, when

MANY: Final = 300
"""With more steps than this only those are on the page of which there is something to say."""


def timeline_html(found: Timeline) -> str:
    """Return a timeline as one HTML document, ended by a newline."""
    fewer = len(found.steps) > MANY
    told = [run for run in found.runs if not fewer or any(map(speaks, run.steps))]
    left = len(found.runs) - len(told)
    lead = [means(found), *sentences(found)]
    if left:
        lead.append(
            f"{count(left, 'run')} of which there is nothing to say are left out: the other forms "
            "have them."
        )
    return page(
        f"Replay: {headline(found)}",
        [_run(one, fewer=fewer) for one in told],
        asked=f"writ replay · {asked(found)}",
        lead=lead,
        limits=limits(found),
    )


def _run(told: Told, *, fewer: bool) -> Section:
    run = told.run
    whole = "" if told.whole else f"{len(told.steps)} of its {told.acts} steps; "
    where = run.said("channel") or "no channel"
    what = f"{whole}cost {sums(told.cost)}, value {sums(told.value)}"
    parts: list[Part] = [f"{short(run.said('service'))} · {where} · {when(run.time)} UTC · {what}"]
    for part in parts_of(told):
        if isinstance(part, Said):
            parts += _said(part)
        elif not fewer or speaks(part):
            parts.append(_step(part))
    return Section(f"Run {run.name}", parts)


def _said(one: Said) -> Iterator[Part]:
    yield Aside(f"{clock(one.time)} · {said(one)} (entry {one.index})")
    for rule in one.against:
        yield Aside(f"{MARKS[rule.result]} {rule.rule.id}: {rule.result.value}. {_because(rule)}")


def _step(step: Step) -> Fold:
    act = step.act
    mark = "≠ " if step.wrong or step.flips else ""
    target = f" → {act.target}" if act.target else ""
    rows = [(term, list(lines)) for term, lines in about(step, verbose=False) if term != "rules"]
    parts: list[Part] = [Terms(rows)]
    judged = step.then or step.now
    if judged is not None:
        parts += _rules(judged)
        parts += _facts(judged)
    return Fold(
        f"{mark}{step.number}. {act.tool}",
        f"{target} · {clock(act.time)} · {decisions(step)}",
        parts,
        marked=step.wrong or step.flips,
        unfolded=bool(step.differences),
    )


def _rules(judged: Judged) -> Iterator[Part]:
    open_ = judged.open()
    if open_:
        yield _rule_table(f"Not satisfied under {judged.version}", open_)
    held = [one for one in judged.rules if one.holds]
    if held:
        table = _rule_table("", held)
        yield Fold("Satisfied", f"{count(len(held), 'rule')} of {judged.version}", [table])


def _rule_table(title: str, rules: list[Ruled] | tuple[Ruled, ...]) -> Table:
    columns = (
        Column("result", "Result"),
        Column("rule", "Rule"),
        Column("says", "Says"),
        Column("because", "Because"),
        Column("line", "Line", Kind.COUNT),
    )
    rows = tuple(
        (
            f"{MARKS[one.result]} {one.result.value}{f', {did(one)}' if one.effect else ''}",
            one.rule.id,
            one.rule.says,
            _because(one),
            one.line,
        )
        for one in rules
    )
    return Table("rules", title, columns, rows)


def _because(one: Ruled) -> str:
    return " ".join(one.because) or one.reason


def _facts(judged: Judged) -> Iterator[Part]:
    if not judged.facts:
        return
    columns = (
        Column("fact", "Fact"),
        Column("value", "Value then"),
        Column("means", "What it is"),
        Column("entries", "Rests on"),
    )
    rows = tuple(
        (
            one.name,
            one.value or f"none: {one.reason}",
            one.means,
            some([str(index) for index in one.entries]),
        )
        for one in judged.facts
    )
    says = f"{count(len(rows), 'value')} that the rules read, as of then"
    yield Fold("Facts", says, [Table("facts", "", columns, rows)])
