"""A run told step by step, as its page asks it: on which facts and by which rules, then and now.

Source: docs/spec/timeline.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from contracts.model import Verdict
from dashboards.answers import Answer, Stored, Writing
from dashboards.asking import Over, TimelineAsked
from dashboards.preparing import Tell
from dashboards.replaying import READ, Desk, chosen, step_of, whose
from replay.reports.timeline_tables import tables
from replay.reports.timeline_words import difference, headline, limits, means, sentences
from replay.steps import NOW, Difference
from replay.tables import Table
from replay.timeline import Timeline, timeline

TELLING: Final = "telling it step by step"
PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "facts": ("fact", "value", "reason", "rests_on", "means"),
    "rules": ("rule", "clause", "result", "effect", "because", "would", "rests_on", "line"),
    "evidence": ("observation", "what", "source", "ref", "age_seconds", "self_attested", "fields"),
}
"""What an action was decided on: tables, and which of their columns a page has room for."""
_ORDER: Final[Mapping[str, str]] = {
    # Those that the contract names first: clauses bring the others along.
    "facts": "under DESC, starts_with(fact, '_')",
    "rules": "under DESC, result = 'satisfied'",
    "evidence": "observation",
}
MOST: Final = 500
"""Rows of such a table on a page: a contract with more rules is read with the command."""
_DECISIONS: Final = ("recorded", "then", "then_version", "now", "now_version")


@dataclass(frozen=True, slots=True)
class Open:
    """A rule that does not hold of an action, or of its outcome.

    Attributes:
        under: `then` or `now`: by which contract.
        version: That contract's.
        rule: The rule.
        result: Violated or undecidable.
        effect: What it did to the decision; empty where it did nothing.
        aside: Whether it says no more than that the contract is not of the action's time.
        because: Why it does not hold.
        would: What would have satisfied it; empty where nobody can say.
    """

    under: str
    version: str
    rule: str
    result: str
    effect: str
    aside: bool
    because: str
    would: str


@dataclass(frozen=True, slots=True)
class Decided:
    """An action decided again.

    Attributes:
        entry: Its entry.
        recorded: The decision that was recorded; empty where there was none.
        then: What the contract in force then gives, and `then_version` which that is; empty where
            none was in force.
        now: The same of the one in force at the ledger's end.
        wrong: Whether the recorded decision is not what the contract in force then gives.
        flips: Whether it would be decided otherwise now.
        open: The rules that do not hold: by the contract of then, and of now where that says
            something else.
        differences: What differs, in sentences; and why, where no open rule says so.
        counts: How many facts, rules and pieces of evidence there are, by the names of `PARTS`.
    """

    entry: int
    recorded: str
    then: str
    then_version: str
    now: str
    now_version: str
    wrong: bool
    flips: bool
    open: tuple[Open, ...]
    differences: tuple[str, ...]
    counts: Mapping[str, int]


def told(desk: Desk, over: Over, tell: Tell) -> Timeline:
    """Tell what was done, step by step.

    Raises:
        AskedError: There is no such run, or something cannot be read.
    """
    ledger, history = desk.ledger(tell), desk.history(tell)
    acts = chosen(history, ledger, over)
    step = step_of(tell, TELLING, READ, 1.0)
    return timeline(desk.entries(tell), history, acts, asked=over.said(), step=step)


def answer_timeline(desk: Desk, asked: TimelineAsked, folder: Path, tell: Tell) -> Answer:
    """Answer how each action of a run is decided, then and now.

    Raises:
        AskedError: There is no such run.
    """
    found = told(desk, asked.over, tell)
    ledger = desk.ledger(tell)
    with closing(Writing(folder)) as writing:
        writing.write(tables(found))
    return Answer(
        size=ledger.report.ledger.size,
        root=ledger.report.ledger.root,
        headline=headline(found),
        sentences=(means(found), *sentences(found)),
        limits=tuple(limits(found)),
        basis=whose(ledger, asked.over.said()),
        tables=writing.tables,
    )


def decided(found: Stored, entries: Sequence[int]) -> dict[int, Decided]:
    """Return actions as they were decided again, by their entries.

    Args:
        found: The answer.
        entries: Of which entries; those that are no actions of it are left out.
    """
    of = list(entries)
    steps = _by_entry(found, "steps", of)
    rules = _by_entry(found, "rules", of, f" AND result != '{Verdict.SATISFIED.value}'")
    differences = _by_entry(found, "differences", of)
    counts = {name: _counts(found, name, of) for name in PARTS}
    return {
        entry: Decided(
            entry=entry,
            **{name: str(row[name]) for name in _DECISIONS},
            wrong=row["wrong"] == "yes",
            flips=row["flips"] == "yes",
            open=_said_once(map(_open, rules.get(entry, ()))),
            differences=_differing(differences.get(entry, ()), rules.get(entry, ())),
            counts={name: counts[name].get(entry, 0) for name in PARTS},
        )
        for entry, (row,) in steps.items()
    }


def part_of(found: Stored, name: str, entry: int) -> Table:
    """Return one of the tables of `PARTS`, of one action.

    By which contract stands in it only where there are two: the one of then, and of now.
    """
    part = found.part(name, "entry = ?", [entry], size=MOST, order=_ORDER[name])
    columns = {column.name: at for at, column in enumerate(part.table.columns)}
    under = {str(row["under"]) for row in part.records()} if "under" in columns else set[str]()
    wanted = (*(("under", "version") if len(under) > 1 else ()), *PARTS[name])
    kept = [columns[one] for one in wanted]
    return Table(
        part.table.name,
        part.table.title,
        tuple(part.table.columns[at] for at in kept),
        tuple(tuple(row[at] for at in kept) for row in part.table.rows),
        f"The first {MOST:,} of {part.total:,} rows." if part.total > MOST else "",
    )


def _by_entry(
    found: Stored, name: str, entries: list[int], and_: str = ""
) -> dict[int, list[dict[str, Any]]]:
    # On a page of steps a contract has so many rules, and each of them may not hold.
    where = f"list_contains(?::BIGINT[], entry){and_}"
    part = found.part(name, where, [entries], size=MOST * max(len(entries), 1))
    by: dict[int, list[dict[str, Any]]] = {}
    for row in part.records():
        by.setdefault(int(str(row["entry"])), []).append(row)
    return by


def _counts(found: Stored, name: str, entries: list[int]) -> dict[int, int]:
    # The names of tables are this module's own.
    query = f'SELECT entry, count(*) FROM "{name}" WHERE list_contains(?::BIGINT[], entry)'  # noqa: S608
    if name == "evidence":
        return _numbers(found, f"{query} GROUP BY entry", entries)
    # What is judged then is not counted again because it is judged now.
    then = _numbers(found, f"{query} AND under = 'then' GROUP BY entry", entries)
    return {**_numbers(found, f"{query} GROUP BY entry", entries), **then}


def _numbers(found: Stored, query: str, entries: list[int]) -> dict[int, int]:
    return {int(entry): int(number) for entry, number in found.rows(query, entries)}


def _differing(
    rows: Sequence[Mapping[str, Any]], rules: Sequence[Mapping[str, Any]]
) -> tuple[str, ...]:
    told = {(rule["under"], rule["rule"]) for rule in rules}
    found: list[str] = []
    for row in rows:
        one = Difference(
            *(str(row[name]) for name in ("between", "rule", "before", "after", "why"))
        )
        under = "now" if one.between == NOW else "then"
        found.append(difference(one, why=(under, one.rule) not in told))
    return tuple(found)


def _said_once(rules: Iterable[Open]) -> tuple[Open, ...]:
    """Leave out what the contract of now says of a rule as the one of then does."""
    found = list(rules)
    then = {replace(one, under="", version="") for one in found if one.under == "then"}
    return tuple(
        one
        for one in found
        if one.under == "then" or replace(one, under="", version="") not in then
    )


def _open(row: Mapping[str, Any]) -> Open:
    return Open(
        under=str(row["under"]),
        version=str(row["version"]),
        rule=str(row["rule"]),
        result=str(row["result"]),
        effect=str(row["effect"]),
        aside=row["aside"] == "yes",
        because=str(row["because"] or row["reason"]),
        would=str(row["would"]),
    )
