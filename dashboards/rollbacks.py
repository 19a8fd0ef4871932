"""What could be undone, as the page asks it: a plan, what stays, and how far it had got when.

Nothing is executed or recorded here; the command that would propose the plan is shown to be copied.
Source: docs/spec/rollback.md.
"""

import json
import shlex
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from contracts.expressions import cel_string
from contracts.instants import moment, written
from dashboards.answers import Answer, Stored, Writing
from dashboards.asking import AskedError, Over, RollbackAsked, micros_of
from dashboards.preparing import Tell
from dashboards.replaying import READING, Desk, chosen, step_of
from replay.history import AsOf
from replay.reports.rollback_tables import tables
from replay.reports.rollback_words import basis, headline, limits, sentences, tolerated
from replay.rollback_classes import EXECUTED
from replay.rollback_reading import read
from replay.rolled_back import Question, RolledBack, rolled_back
from replay.scopes import Scope
from replay.tables import Column, Table

READ: Final = 0.85
PLANNING: Final = "planning"
ACTIONS: Final = "actions"
_DIGITS: Final = 15
_EXECUTED: Final = tuple(str(kind) for kind in EXECUTED)


@dataclass(frozen=True, slots=True)
class Radius:
    """What had been done by a moment, and what came after it.

    Attributes:
        done: How many actions; `entities` and `runs` were touched by them.
        prevented: How many came later.
        done_micros: The value of the former, by currency; `prevented_micros` of the latter.
    """

    done: int
    entities: int
    runs: int
    prevented: int
    done_micros: Mapping[str, int]
    prevented_micros: Mapping[str, int]


def answer_rollback(desk: Desk, asked: RollbackAsked, folder: Path, tell: Tell) -> Answer:
    """Answer what could be undone.

    Raises:
        AskedError: Something that is asked for cannot be read, or is not there.
    """
    as_of, given = as_of_in(asked.as_of), dict(map(_param, asked.params))
    ledger = desk.ledger(tell)
    # A plan counts what it lets through: each question reads the ledger for itself.
    reading = read(ledger, as_of, given=given, step=step_of(tell, READING, 0.0, READ))
    acts = chosen(reading.history, ledger, asked.over)
    tell(PLANNING, READ)
    said = (*asked.over.said(), *(["shared targets left apart"] if asked.apart else []))
    question = Question(said, as_of, asked.scope, by_target=not asked.apart)
    found = rolled_back(reading, ledger.report, acts, question)
    with closing(Writing(folder)) as writing:
        for table in tables(found):
            writing.write([_with_runs(table, found) if table.name == ACTIONS else table])
    return Answer(
        size=ledger.report.ledger.size,
        root=ledger.report.ledger.root,
        headline=headline(found),
        sentences=(tolerated(found), *sentences(found)),
        limits=tuple(limits(found)),
        basis=basis(found),
        tables=writing.tables,
    )


def _with_runs(table: Table, found: RolledBack) -> Table:
    """Return the actions with the digests of their runs: two runs may have one reference."""
    rows = tuple(
        (*row, found.act(fate).run) for row, fate in zip(table.rows, found.plan.fates, strict=True)
    )
    return replace(table, columns=(*table.columns, Column("run_digest", "Run's digest")), rows=rows)


def as_of_in(text: str) -> AsOf:
    """Return up to where a ledger is read: an entry, a time, or its end.

    Raises:
        AskedError: It is neither.
    """
    if text.isdecimal() and len(text) <= _DIGITS:
        return AsOf(entry=int(text))
    return AsOf(time=micros_of("as of", text))


def _param(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not (name.strip() and equals):
        raise AskedError(
            "rollback.param", f"{text!r} is no parameter", "Write NAME=VALUE, such as reason=…"
        )
    try:
        return name.strip(), json.loads(value)
    except ValueError:
        return name.strip(), value


# ------------------------------------------------------------------------ blast radius


def span(found: Stored) -> tuple[str, str]:
    """Return when the first and the last of the executed actions was; empty without any."""
    rows = found.rows(
        f"SELECT min(time), max(time) FROM {ACTIONS} WHERE list_contains(?, class) AND time <> ''",
        list(_EXECUTED),
    )
    return str(rows[0][0] or ""), str(rows[0][1] or "")


def radius(found: Stored, at: str) -> Radius:
    """Return what had been done by a time, as `contracts.instants.written` writes it.

    As `replay.blast_radius` counts it, which the curve has at a few moments only.
    """
    rows = found.rows(
        "SELECT time <= ? AS done, currency, count(*), coalesce(sum(value_micros), 0) "
        f"FROM {ACTIONS} WHERE list_contains(?, class) AND time <> '' GROUP BY ALL",
        at,
        list(_EXECUTED),
    )
    touched = found.rows(
        "SELECT count(DISTINCT target) FILTER (target <> ''), count(DISTINCT run_digest) "
        f"FROM {ACTIONS} WHERE list_contains(?, class) AND time <> '' AND time <= ?",
        list(_EXECUTED),
        at,
    )
    return Radius(
        done=sum(row[2] for row in rows if row[0]),
        entities=touched[0][0],
        runs=touched[0][1],
        prevented=sum(row[2] for row in rows if not row[0]),
        done_micros={row[1]: int(row[3]) for row in rows if row[0] and row[1]},
        prevented_micros={row[1]: int(row[3]) for row in rows if not row[0] and row[1]},
    )


def at_of(text: str) -> str:
    """Return a time of an address as the ledger writes times; empty where it is none.

    Example:
        >>> at_of("2026-03-01"), at_of("then"), at_of("0001-01-01T00:00:00+23:59")
        ('2026-03-01T00:00:00.000000Z', '', '')
    """
    try:
        micros = micros_of("pulled", text)
        return "" if micros is None else written(moment(micros))
    except (AskedError, OverflowError):
        return ""


# ------------------------------------------------------------------------- the command


def command(asked: RollbackAsked, ledger: str, trust: str) -> str:
    """Return the command that would propose the plan to the guard.

    Args:
        asked: What was asked; `as_of` is left out, because a plan is proposed as of now.
        ledger: What the command calls the ledger.
        trust: The trust file; empty.
    """
    words = ["writ", "rollback", ledger, *(["--trust", trust] if trust else [])]
    words += list(_options(asked.over))
    words += ["--scope", asked.scope.value] if asked.scope is not Scope.CHOSEN else []
    words += ["--apart"] if asked.apart else []
    for one in asked.params:
        words += ["--param", one]
    return f"{shlex.join(words)} --record --as NAME"


def _options(over: Over) -> Iterator[str]:
    for name in ("run", "incident", "identity", "version", "since", "until"):
        if getattr(over, name):
            yield from (f"--{name}", str(getattr(over, name)))
    tests = [
        f"action.run.{name} == {cel_string(wanted)}"
        for name, wanted in (("service", over.service), ("model", over.model))
        if wanted
    ]
    if over.prompt:
        tests.append(f"action.run.prompt.startsWith({cel_string(over.prompt)})")
    if over.channel:
        tests.append(f"action.channel == {cel_string(over.channel)}")
    if over.where:
        tests.append(f"({over.where})")
    if tests:
        yield from ("--where", " && ".join(tests))
