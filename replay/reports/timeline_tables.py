"""A timeline as tables: steps, rules, facts, evidence, differences, and what was said.

Each has the run and the entry of the action, by which they are joined. `under` is `then` or `now`.
"""

from collections.abc import Iterator
from typing import Final

from contracts.instants import moment, written
from replay.reports.timeline_words import asked, difference
from replay.steps import Judged, Ruled, Step, Told
from replay.tables import Cell, Column, Kind, Table
from replay.timeline import Timeline
from replay.wording import flat

_STEP: Final = (
    Column("run", "Run"),
    Column("step", "Step", Kind.COUNT),
    Column("entry", "Entry", Kind.COUNT),
)


def _place(told: Told, step: Step) -> tuple[Cell, ...]:
    return told.run.name, step.number, step.act.index


def _time(time: int | None) -> str:
    return "" if time is None else written(moment(time))


def tables(found: Timeline) -> list[Table]:
    """Return all tables, the steps first."""
    return [
        _steps(found),
        _costs(found),
        _rules(found),
        _facts(found),
        _evidence(found),
        _differences(found),
        _words(found),
        _said(found),
    ]


def _every(found: Timeline) -> Iterator[tuple[Told, Step]]:
    return ((told, step) for told in found.runs for step in told.steps)


def _steps(found: Timeline) -> Table:
    columns = (
        *_STEP,
        Column("time", "Time"),
        Column("by", "By"),
        Column("tool", "Tool"),
        Column("mode", "Mode"),
        Column("target", "Target"),
        Column("params", "Parameters"),
        Column("recorded", "Recorded"),
        Column("then", "Then"),
        Column("then_version", "Version then"),
        Column("now", "Now"),
        Column("now_version", "Version now"),
        Column("wrong", "Recorded wrongly"),
        Column("flips", "Otherwise now"),
        Column("resumes", "Takes up", Kind.COUNT),
        Column("undoes", "Takes back", Kind.COUNT),
        Column("status", "Outcome"),
        Column("ended", "Outcome's entry", Kind.COUNT),
        Column("ended_at", "Ended"),
        Column("result", "Result"),
        Column("error", "Error"),
    )
    rows = tuple(_step(told, step) for told, step in _every(found))
    return Table("steps", "Steps", columns, rows, asked(found))


def _step(told: Told, step: Step) -> tuple[Cell, ...]:
    act, then, now = step.act, step.then, step.now
    return (
        *_place(told, step),
        _time(act.time),
        act.by,
        act.tool,
        act.mode,
        act.target,
        flat(step.params),
        act.decision,
        then.effect if then else "",
        then.version if then else "",
        now.effect if now else "",
        now.version if now else "",
        _yes(step.wrong),
        _yes(step.flips),
        _entry(step.resumes),
        _entry(step.undoes),
        act.status,
        _entry(act.ended),
        _time(act.ended_at),
        "" if step.result is None else flat(step.result),
        step.error,
    )


def _yes(holds: bool) -> str:  # noqa: FBT001 - what is written
    return "yes" if holds else "no"


def _entry(index: int) -> int | None:
    return None if index < 0 else index


def _costs(found: Timeline) -> Table:
    columns = (
        *_STEP,
        Column("currency", "in"),
        Column("cost_micros", "Cost so far", Kind.MICROS),
        Column("value_micros", "Value so far", Kind.MICROS),
    )
    rows = tuple(
        (*_place(told, step), currency, step.cost.get(currency), step.value.get(currency))
        for told, step in _every(found)
        for currency in sorted({*step.cost, *step.value})
    )
    return Table("costs", "Cost and value so far", columns, rows)


def _judged(found: Timeline) -> Iterator[tuple[Told, Step, str, Judged]]:
    """Yield each step under the contract of then, and under the one of now where it is another."""
    for told, step in _every(found):
        if step.then is not None:
            yield told, step, "then", step.then
        if step.now is not None and (step.then is None or step.now.contract != step.then.contract):
            yield told, step, "now", step.now


def _rules(found: Timeline) -> Table:
    columns = (
        *_STEP,
        Column("under", "Under"),
        Column("version", "Version"),
        Column("rule", "Rule"),
        Column("clause", "Clause"),
        Column("line", "Line", Kind.COUNT),
        Column("at", "Stands at", Kind.COUNT),
        Column("result", "Result"),
        Column("effect", "Effect"),
        Column("aside", "Set aside"),
        Column("reason", "Reason"),
        Column("because", "Because"),
        Column("would", "Instead"),
        Column("rests_on", "Rests on"),
    )
    rows = tuple(
        (*_place(told, step), under, judged.version, *_rule(one, judged))
        for told, step, under, judged in _judged(found)
        for one in judged.rules
    )
    return Table("rules", "Rules", columns, rows)


def _rule(one: Ruled, judged: Judged) -> tuple[Cell, ...]:
    return (
        one.rule.id,
        one.rule.clause,
        one.line,
        one.index,
        one.result.value,
        one.effect,
        _yes(one.rule.id in judged.aside),
        one.reason,
        " ".join(one.because),
        "; or ".join(one.would),
        " ".join(map(str, one.entries)),
    )


def _facts(found: Timeline) -> Table:
    columns = (
        *_STEP,
        Column("under", "Under"),
        Column("version", "Version"),
        Column("fact", "Fact"),
        Column("value", "Value"),
        Column("reason", "Why none"),
        Column("means", "What it is"),
        Column("rests_on", "Rests on"),
    )
    rows = tuple(
        (
            *_place(told, step),
            under,
            judged.version,
            one.name,
            one.value,
            one.reason,
            one.means,
            " ".join(map(str, one.entries)),
        )
        for told, step, under, judged in _judged(found)
        for one in judged.facts
    )
    return Table("facts", "Facts as of then", columns, rows)


def _evidence(found: Timeline) -> Table:
    columns = (
        *_STEP,
        Column("observation", "Observation", Kind.COUNT),
        Column("what", "What"),
        Column("source", "Source"),
        Column("observer", "Observer"),
        Column("ref", "Of"),
        Column("age_seconds", "Age in seconds", Kind.NUMBER),
        Column("age_since", "Age since it was"),
        Column("self_attested", "Self-attested"),
        Column("fields", "Shows"),
    )
    rows = tuple(
        (
            *_place(told, step),
            one.index,
            one.what,
            one.source,
            one.observer,
            one.ref,
            None if one.age is None else one.age / 1_000_000,
            "observed" if one.observed else "recorded",
            _yes(one.self_attested),
            "" if one.fields is None else flat(one.fields),
        )
        for told, step in _every(found)
        for one in step.evidence
    )
    return Table("evidence", "Evidence", columns, rows)


def _differences(found: Timeline) -> Table:
    columns = (
        *_STEP,
        Column("between", "Between"),
        Column("rule", "Rule"),
        Column("before", "First"),
        Column("after", "Second"),
        Column("why", "Why"),
        Column("says", "In words"),
    )
    rows = tuple(
        (
            *_place(told, step),
            one.between,
            one.rule,
            one.before,
            one.after,
            one.why,
            difference(one),
        )
        for told, step in _every(found)
        for one in step.differences
    )
    return Table("differences", "What differs", columns, rows)


def _words(found: Timeline) -> Table:
    columns = (
        *_STEP,
        Column("approval", "Entry of the word", Kind.COUNT),
        Column("time", "Time"),
        Column("by", "By"),
        Column("verdict", "Verdict"),
        Column("rule", "Rule"),
        Column("reason", "Reason"),
    )
    rows = tuple(
        (*_place(told, step), one.index, _time(one.time), one.by, one.verdict, one.rule, one.reason)
        for told, step in _every(found)
        for one in step.words
    )
    return Table("approvals", "Approvals", columns, rows)


def _said(found: Timeline) -> Table:
    columns = (
        Column("run", "Run"),
        Column("entry", "Entry", Kind.COUNT),
        Column("time", "Time"),
        Column("kind", "Kind"),
        Column("who", "Who"),
        Column("text", "Text"),
        Column("against", "Rules against it"),
    )
    rows = tuple(
        (
            told.run.name,
            one.index,
            _time(one.time),
            one.kind,
            one.who,
            one.text,
            ", ".join(rule.rule.id for rule in one.against),
        )
        for told in found.runs
        for one in told.said
    )
    return Table("between", "Between the steps", columns, rows)
