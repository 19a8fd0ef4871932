"""A run before the guard again, as text, tables, JSON and a page."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from replay.pages import Part, Section, page
from replay.reheard import Kind, Reheard, Rehearsal
from replay.reports.timeline_text import step_lines
from replay.steps import Step
from replay.tables import Cell, Column, Table, as_objects
from replay.tables import Kind as Cells
from replay.wording import count, short, when
from verifier.reports.text import printable

SCHEMA: Final = "writ/rehearsal/v1"
_DIFFERS: Final[Mapping[Kind, str]] = {
    Kind.REFUSED: "the guard does not take the action",
    Kind.CONTRACT: "another contract decides",
    Kind.DECISION: "the decision is another one",
    Kind.CALL: "the record has a call that the guard refuses",
    Kind.REASONS: "the same decision, for other reasons",
    Kind.PARAMETERS: "the contract makes another call of it",
}


def headline(found: Rehearsal) -> str:
    """Return the answer in a line."""
    first, what = found.divergence, f"run {found.run.name}"
    if first is None:
        if not found.steps:
            return f"{what}: no step"
        return f"{what}: {count(len(found.steps), 'step')}, the same decisions, reasons and calls"
    return (
        f"{what}: step {first.number} of {found.acts} (entry {first.index:,}, {first.tool}) is the "
        f"first that differs: {_DIFFERS[first.kind]}: {first.recorded} recorded, "
        f"{first.answered} by the guard"
    )


def sentences(found: Rehearsal) -> list[str]:
    """Return what there is to say of all of it."""
    return [*_stood(found), *_went(found)]


def _stood(found: Rehearsal) -> Iterator[str]:
    yield (
        f"The guard stood on the {count(found.before, 'entry').replace('entrys', 'entries')} "
        "before the run; what others recorded meanwhile was there as it was, and each tool "
        "returned what was recorded of it."
    )
    name, version = found.candidate
    if name:
        yield f"It decided by {name} {version}, and not by what was in force."
    if found.aside:
        yield (
            f"{' and '.join(found.aside)} of it were not asked: they hold an action against the "
            "contract's own time."
        )


def _went(found: Rehearsal) -> Iterator[str]:
    if not found.candidate[0] and found.steps:
        same = sum(one.same_record for one in found.steps)
        yield f"{same} of {count(len(found.steps), 'record')} came out the same byte for byte."
    if found.undecided:
        yield (
            f"{count(found.undecided, 'step')} carried no decision when recorded: the guard only "
            "took notice of these."
        )
    first = found.divergence
    if first is not None and first.answered == "allow":
        yield "The record has no result of a call that was not made: the replay ends there."
    if found.contingent:
        yield (
            f"{count(found.contingent, 'later step')} of the run are contingent: what they rest on "
            "is not what happened."
        )


def limits(found: Rehearsal) -> list[str]:
    """Return what it does not prove."""
    del found
    return [
        (
            "On which history a decision was really taken: the guard is put where the record "
            "stands. `writ verify` finds a stale basis."
        ),
        "That the tools would return the same again: they are not called.",
        "What the agent would have done instead, after the step that differs.",
    ]


def asked(found: Rehearsal) -> str:
    """Return what was asked of which ledger."""
    ledger, trust = found.report.ledger, found.report.integrity.trust
    return f"run {found.run.name} through the guard · {ledger.size:,} entries · trust: {trust}"


def reheard_text(found: Rehearsal, step: Step | None = None) -> str:
    """Return it as text, ended by a newline.

    Args:
        found: What came of it.
        step: The step that differs, as the timeline tells it; None where none does.
    """
    return "\n".join(printable(line) for line in _lines(found, step)) + "\n"


def _lines(found: Rehearsal, step: Step | None) -> Iterator[str]:
    yield f"Replay through the guard: {headline(found)}"
    yield f"Of {asked(found)}"
    yield ""
    yield from sentences(found)
    yield ""
    run = found.run
    yield f"Run {run.name} · {short(run.said('service'))} · {when(run.time)} UTC"
    width = max((len(one.tool) for one in found.steps), default=0)
    for same in found.steps:
        yield f"  {same.index:>7}  step {same.number}  {same.tool.ljust(width)}  {_step(same)}"
    first = found.divergence
    if first is not None:
        yield (
            f"≠ {first.index:>7}  step {first.number}  {first.tool.ljust(width)}  "
            f"{first.recorded} recorded, {first.answered} by the guard"
        )
        for why in first.why:
            yield f"             because: {why}"
    if found.contingent:
        yield f"           {count(found.contingent, 'later step')}: contingent"
    if step is not None:
        yield ""
        yield "The step as it was recorded, and as it is decided then and now"
        yield from step_lines(step, found.acts, verbose=False)
    yield ""
    yield "What this does not prove"
    for one in limits(found):
        yield f"  - {one}"


def _step(one: Reheard) -> str:
    said = f"{one.answered}, as recorded" if one.recorded else f"no decision; {one.answered} if any"
    return f"{said}; returned {one.status}" if one.status else said


# ------------------------------------------------------------------------------ forms


def tables(found: Rehearsal) -> list[Table]:
    """Return the steps as a table: those that agree, and the first that does not."""
    columns = (
        Column("step", "Step", Cells.COUNT),
        Column("entry", "Entry", Cells.COUNT),
        Column("tool", "Tool"),
        Column("recorded", "Recorded"),
        Column("guard", "The guard"),
        Column("same_record", "Same record"),
        Column("returned", "Returned"),
        Column("differs", "Differs in"),
        Column("why", "Why"),
    )
    rows: list[tuple[Cell, ...]] = [
        (
            one.number,
            one.index,
            one.tool,
            one.recorded,
            one.answered,
            "yes" if one.same_record else "no",
            one.status,
            "",
            "",
        )
        for one in found.steps
    ]
    first = found.divergence
    if first is not None:
        told = (first.number, first.index, first.tool, first.recorded, first.answered)
        rows.append((*told, "no", "", first.kind.value, " ".join(first.why)))
    return [Table("rehearsal", "Steps before the guard", columns, tuple(rows))]


def reheard_json(found: Rehearsal, envelope: Mapping[str, Any] | None = None) -> str:
    """Return it as one JSON document, ended by a newline."""
    ledger, first = found.report.ledger, found.divergence
    body: dict[str, Any] = {
        "schema": SCHEMA,
        "ledger": {"origin": ledger.origin, "genesis": ledger.genesis, "size": ledger.size},
        "trust": found.report.integrity.trust,
        "run": {"digest": found.run.digest, "name": found.run.name, "entry": found.run.index},
        "before": found.before,
        "actions": found.acts,
        "contingent": found.contingent,
        "candidate": " ".join(found.candidate).strip(),
        "aside": list(found.aside),
        "diverges_at": None if first is None else first.index,
        "tables": {table.name: as_objects(table) for table in tables(found)},
        "headline": headline(found),
        "sentences": sentences(found),
        "not_proven": limits(found),
    }
    if envelope is not None:
        body["envelope"] = dict(envelope)
    return json.dumps(body, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False) + "\n"


def reheard_html(found: Rehearsal) -> str:
    """Return it as one HTML document, ended by a newline."""
    first = found.divergence
    parts: list[Part] = [*tables(found)]
    parts += list(first.why) if first is not None else []
    return page(
        f"Replay through the guard: {headline(found)}",
        [Section("Step by step", parts)],
        asked=f"writ replay --through-guard · {asked(found)}",
        lead=sentences(found),
        limits=limits(found),
    )
