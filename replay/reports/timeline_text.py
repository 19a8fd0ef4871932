"""A timeline for people at a terminal: the answer, then each run as a story."""

from collections.abc import Iterator, Sequence

from replay.reports import timeline_words as words
from replay.steps import NOW, Fact, Judged, Ruled, Said, Step, Told
from replay.timeline import Timeline
from replay.wording import clock, count, cut, flat, short, some, sums, when
from verifier.reports.text import printable

SHOWN = 60
"""With more steps than this only those are told of which there is something to say."""


def timeline_text(found: Timeline, *, verbose: bool = False) -> str:
    """Return a timeline as text, ended by a newline.

    Args:
        found: The timeline.
        verbose: Also tell rules that hold, facts that clauses bring along, and every step.
    """
    return "\n".join(printable(line) for line in _lines(found, verbose=verbose)) + "\n"


def _lines(found: Timeline, *, verbose: bool) -> Iterator[str]:
    yield f"Replay: {words.headline(found)}"
    yield f"Of {words.asked(found)}"
    yield words.means(found)
    yield ""
    yield from words.sentences(found)
    fewer = len(found.steps) > SHOWN and not verbose
    left = 0
    for told in found.runs:
        if fewer and not any(speaks(step) for step in told.steps):
            left += 1
            continue
        yield ""
        yield from _run(told, fewer=fewer, verbose=verbose)
    if left:
        yield ""
        yield f"{count(left, 'run')} with nothing to say of: --verbose tells them too."
    yield ""
    yield "What this does not prove"
    for one in words.limits(found):
        yield f"  - {one}"


def speaks(step: Step) -> bool:
    """Return whether there is something to say of a step: what differs, or does not hold."""
    return bool(step.differences) or step.then is None or bool(step.then.open())


def _run(told: Told, *, fewer: bool, verbose: bool) -> Iterator[str]:
    run = told.run
    about = [run.said(name) for name in ("channel", "model", "workflow") if run.said(name)]
    yield " · ".join(
        [f"Run {run.name}", short(run.said("service")), *about, f"{when(run.time)} UTC"]
    )
    chosen = "" if told.whole else f"{len(told.steps)} of its {told.acts} steps are told; "
    yield (
        f"  {chosen}in all cost {sums(told.cost)}, value {sums(told.value)}"
        f"{'' if run.closed >= 0 else '; not closed'}"
    )
    left = 0
    for part in parts_of(told):
        if isinstance(part, Said):
            yield from _said(part)
        elif fewer and not speaks(part):
            left += 1
        else:
            yield from step_lines(part, told.acts, verbose=verbose)
    if left:
        yield f"  ({count(left, 'step')} with nothing to say of)"


def parts_of(told: Told) -> list[Step | Said]:
    """Return steps and what stands between them, in the ledger's order."""
    return sorted((*told.steps, *told.said), key=_place)


def _place(part: Step | Said) -> int:
    return part.index if isinstance(part, Said) else part.act.index


def _said(one: Said) -> Iterator[str]:
    yield f"  {one.index:>7}  {clock(one.time)}  {words.said(one)}"
    for rule in one.against:
        yield from _rule(rule, "             ")


def step_lines(step: Step, acts: int, *, verbose: bool) -> Iterator[str]:
    """Yield the lines that tell a step.

    Args:
        step: The step.
        acts: How many actions its run has.
        verbose: Also tell rules that hold, and facts that clauses bring along.
    """
    act = step.act
    mark = "≠" if step.differences else " "
    mode = f" ({act.mode})" if act.mode else ""
    target = f" → {act.target}" if act.target else ""
    yield (
        f"{mark} {act.index:>7}  {clock(act.time)}  step {step.number} of {acts}: "
        f"{act.tool}{mode}{target} by {short(act.by)}"
    )
    for name, lines in about(step, verbose=verbose):
        for number, line in enumerate(lines):
            yield f"           {name if not number else '':<9} {line}"


def about(step: Step, *, verbose: bool) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield what there is to tell of a step, in lines by term.

    Args:
        step: The step.
        verbose: Also tell rules that hold, and facts that clauses bring along.
    """
    yield "decision", [words.decisions(step)]
    yield "params", [flat(step.params)] if step.params else []
    yield "evidence", [words.evidence(one) for one in step.evidence]
    judged = step.then or step.now
    if judged is not None:
        yield "facts", list(_facts(judged.facts, verbose=verbose))
        yield "rules", list(_rules(judged, verbose=verbose))
    told = set[str]() if judged is None else {one.rule.id for one in judged.open()}
    yield (
        "differs",
        [
            words.difference(one, why=one.between == NOW or one.rule not in told)
            for one in step.differences
        ],
    )
    yield "resumes", [f"what was held at entry {step.resumes}"] if step.resumes >= 0 else []
    yield "undoes", [f"what was done at entry {step.undoes}"] if step.undoes >= 0 else []
    yield "approvals", [words.word(one) for one in step.words]
    yield "outcome", [words.outcome(step)]
    yield "so far", [f"cost {sums(step.cost)}, value {sums(step.value)}"]


def _facts(facts: Sequence[Fact], *, verbose: bool) -> Iterator[str]:
    """Yield facts; those that clauses bring along only where all is told."""
    if verbose:
        for one in facts:
            where = f" (entries {some([str(e) for e in one.entries])})" if one.entries else ""
            yield f"{one.name} = {_value(one)}: {one.means}{where}"
        return
    named = [f"{one.name} {_value(one)}" for one in facts if not one.name.startswith("_")]
    if named:
        yield ", ".join(named)


def _value(fact: Fact) -> str:
    return fact.value if not fact.reason else f"none ({cut(fact.reason)})"


def _rules(judged: Judged, *, verbose: bool) -> Iterator[str]:
    open_ = [one for one in judged.rules if not one.holds and one.rule.id not in judged.aside]
    held = len(judged.rules) - len(open_)
    yield (
        f"{held:,} satisfied"
        + (f", {len(open_):,} not" if open_ else "")
        + (f" ({judged.version})")
    )
    for one in judged.rules if verbose else open_:
        yield from _rule(one, "")


def _rule(one: Ruled, indent: str) -> Iterator[str]:
    mark = words.MARKS[one.result]
    effect = f", {words.did(one)}" if one.effect else ""
    says = f": {one.rule.says}" if one.rule.says else ""
    yield f"{indent}{mark} {one.rule.id} ({one.result.value}{effect}){says} (line {one.line})"
    if one.holds:
        return
    for because in one.because or ((one.reason,) if one.reason else ()):
        yield f"{indent}    because: {because}"
    if one.would:
        yield f"{indent}    instead: {'; or '.join(one.would)}"
