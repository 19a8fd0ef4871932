"""A timeline in words: what all of its forms say in the same way."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from contracts.model import Verdict
from replay.steps import NOW, RECORDED, Cited, Difference, Judged, Ruled, Said, Step, Word
from replay.timeline import Timeline
from replay.wording import after, brief, count, cut, flat, paid, short, some, when

MARKS: Final[Mapping[Verdict, str]] = {
    Verdict.SATISFIED: "✓",
    Verdict.VIOLATED: "✗",
    Verdict.UNDECIDABLE: "?",
}


# ------------------------------------------------------------------------------- steps


def decisions(step: Step) -> str:
    """Return the three decisions in a line; one word where they are the same."""
    act, then, now = step.act, step.then, step.now
    recorded = act.decision or "not decided"
    if then is None:
        return f"recorded {recorded} · then no contract in force · now {_effect(now)}"
    if act.decision in {"", then.effect} and (now is None or now.effect == then.effect):
        said = (
            f"{then.effect}, as recorded" if act.decision else f"{then.effect}, had it been asked"
        )
        if now is None or now.contract == then.contract:
            return said
        return f"{said}; the same now{', for other reasons' if step.differs(NOW) else ''}"
    return f"recorded {recorded} · then {_effect(then)} · now {_effect(now)}"


def _effect(judged: Judged | None) -> str:
    return "no contract in force" if judged is None else f"{judged.effect} ({judged.version})"


def evidence(cited: Cited) -> str:
    """Return what is cited, from where, and how old it was."""
    about = f" of {cited.ref}" if cited.ref else ""
    told = f"{cited.what}{about} from {cited.source} (entry {cited.index}"
    if cited.age is not None and cited.age >= 0:
        told += f", {'observed' if cited.observed else 'recorded'} {brief(cited.age)} before"
    told += ", on the service's own word)" if cited.self_attested else ")"
    shown = flat(cited.fields) if cited.fields is not None else ""
    return f"{told}: {shown}" if shown else told


def outcome(step: Step) -> str:
    """Return what came of an action."""
    act = step.act
    if not act.status:
        return "none recorded" if act.decision in {"", "allow"} else "not called"
    told = [f"{act.status} {after(act.time, act.ended_at)}".strip() + f" (entry {act.ended})"]
    if step.error:
        told.append(cut(step.error))
    if step.result is not None:
        told.append(flat(step.result))
    if act.cost is not None:
        told.append(f"cost {paid(act.cost)}")
    if act.value is not None:
        told.append(f"value {paid(act.value)}")
    return "; ".join(told)


def difference(one: Difference, *, why: bool = True) -> str:
    """Return a difference in a sentence, without its reason where that stands beside it."""
    because = f". {one.why}" if why else "."
    what = f"{one.rule}: " if one.rule else ""
    if one.between == RECORDED:
        return f"recorded is not right: {what}{one.before} recorded, {one.after} right{because}"
    return f"otherwise now: {what}{one.before} then, {one.after} now{because}"


def did(one: Ruled) -> str:
    """Return what a rule that is not satisfied did to the decision."""
    return "lifted by an approval" if one.effect == "allow" else one.effect


def word(one: Word) -> str:
    """Return somebody's word on an action."""
    about = f" of {one.rule}" if one.rule else ""
    why = f": {cut(one.reason)}" if one.reason else ""
    return f"{short(one.by)} says {one.verdict}{about} (entry {one.index}, {when(one.time)}){why}"


def said(one: Said) -> str:
    """Return what stands between the steps."""
    text = cut(one.text)
    if one.kind == "opened":
        return f"opened by {short(one.who)}{f': {text}' if text else ''}"
    if one.kind == "closed":
        return f"closed{f': {text}' if text else ''}"
    return f"{short(one.who)}: {text}" if text else f"{short(one.who)} (no text)"


# --------------------------------------------------------------------------- the whole


def headline(found: Timeline) -> str:
    """Return the answer in a line."""
    steps = found.steps
    if not steps:
        return "no action was chosen"
    wrong = [step for step in steps if step.wrong]
    flips = [step for step in steps if step.flips]
    what = f"{count(len(steps), 'action')} in {count(len(found.runs), 'run')}"
    if len(found.runs) == 1:
        what = f"run {found.runs[0].run.name}, {count(len(steps), 'step')}"
    if wrong:
        first = wrong[0]
        right = first.then.effect if first.then else "no decision"
        of = f" of run {_name(found, first)}" if len(found.runs) > 1 else ""
        at = f"at step {first.number}{of} (entry {first.act.index:,})"
        more = f", and {len(wrong) - 1} more like it" if len(wrong) > 1 else ""
        return f"{what}: {at} {first.act.decision} was recorded, and {right} is right{more}"
    if flips:
        return f"{what}: {count(len(flips), 'decision')} would be another one now"
    return f"{what}: decided as the contracts say, then and now"


def _name(found: Timeline, step: Step) -> str:
    return next(told.run.name for told in found.runs if told.run.digest == step.act.run)


def sentences(found: Timeline) -> list[str]:
    """Return what there is to say of all steps together."""
    return [*_recorded(found), *_now(found), *_open(found), *_left_out(found)]


def _recorded(found: Timeline) -> Iterator[str]:
    steps = found.steps
    decided = [step for step in steps if step.act.decision]
    wrong = [step for step in decided if step.wrong]
    if len(decided) < len(steps):
        yield f"{count(len(steps) - len(decided), 'action')} carried no decision when recorded."
    if wrong:
        named = [
            f"{step.act.index} ({step.act.decision}, not {step.then.effect if step.then else '?'})"
            for step in wrong
        ]
        yield (
            f"Of {count(len(decided), 'recorded decision')} {len(wrong):,} "
            f"{'is' if len(wrong) == 1 else 'are'} not what the contract then in force gives: "
            f"{'entry' if len(named) == 1 else 'entries'} {some(named)}."
        )
    others = [step for step in decided if not step.wrong and step.differs(RECORDED)]
    if others:
        named = [str(step.act.index) for step in others]
        yield f"{count(len(others), 'decision')} right, with other reasons: entries {some(named)}."


def _now(found: Timeline) -> Iterator[str]:
    flips = Counter(
        (step.then.effect, step.now.effect)
        for step in found.steps
        if step.flips and step.then and step.now
    )
    if flips:
        told = ", ".join(f"{old} → {new} {n:,}" for (old, new), n in sorted(flips.items()))
        yield f"Now {count(sum(flips.values()), 'action')} would be decided otherwise: {told}."
        rules = Counter(
            one.rule
            for step in found.steps
            if step.flips
            for one in step.differences
            if one.between == NOW and one.rule
        )
        yield f"By {some([f'{rule} ({n:,})' for rule, n in rules.most_common()])}."
    aside = [step for step in found.steps if step.now and step.now.aside]
    if aside:
        names = sorted({rule for step in aside if step.now for rule in step.now.aside})
        yield (
            f"{' and '.join(names)} of the contract now in force say of "
            f"{count(len(aside), 'action')} no more than that they were before its time: set aside."
        )


def _open(found: Timeline) -> Iterator[str]:
    broken = Counter(
        one.result
        for step in found.steps
        if step.then and (step.act.decision in {"", "allow"} or step.act.executed)
        for one in step.then.open()
        if one.effect != "allow"
    )
    if broken:
        told = ", ".join(f"{number:,} {result.value}" for result, number in broken.items())
        yield f"Of what was done, under the contract then in force: {told}."


def _left_out(found: Timeline) -> Iterator[str]:
    if found.chosen.undecided:
        yield f"The condition has no value for {count(found.chosen.undecided, 'action')}."
    if found.chosen.timeless:
        yield f"{count(found.chosen.timeless, 'action')} have no time that can be compared."


def limits(found: Timeline) -> list[str]:
    """Return what a timeline does not prove."""
    now = "the contract that was named" if found.candidate else "the contract now in force"
    return [
        (
            f"What would have come of it: {now} is asked on the facts as they were, and what it "
            "would have stopped is still among them. `writ whatif` takes it out."
        ),
        "That what was recorded is true: evidence is what a source showed to its observer.",
        "That nothing was done beside what was recorded.",
    ]


def asked(found: Timeline) -> str:
    """Return what was asked of which ledger."""
    what = "; ".join(found.asked) or "the whole ledger"
    ledger, trust = found.report.ledger, found.report.integrity.trust
    return f"{what} · {ledger.size:,} entries · trust: {trust}"


def means(found: Timeline) -> str:
    """Return what then and now mean."""
    named = sorted({f"{name} {version}" for name, version in found.now.values() if name})
    what = some(named) or "no contract"
    how = "as named" if found.candidate else "in force at the ledger's end"
    return (
        "Then is the contract in force at each action, on the facts as of then. "
        f"Now is {what}, {how}, on the same facts."
    )
