"""The answer of `writ rollback` in sentences, the most wanted first."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from contracts.instants import moment, written
from replay.dependencies import Link
from replay.exposure import Amount, by_entity
from replay.rollback import length
from replay.rollback_classes import APART, EXECUTED, RESIDUAL, Class, Fate
from replay.rolled_back import RolledBack
from replay.scopes import SAYS, Scope
from replay.tables import amount
from verifier.reports.text import printable

NAMED: Final = 3
"""Rules, targets and entries that a sentence names."""
MEANS: Final[Mapping[Class, str]] = {
    Class.REVERSIBLE: "one call takes it back",
    Class.COMPENSABLE: "taken back with approval, or after what depends on it",
    Class.BLOCKED: "a later action depends on it and stays",
    Class.REFUSED: "the contract in force does not allow the compensation",
    Class.EXPIRED: "its window is over",
    Class.IRREVERSIBLE: "there is no undo",
    Class.UNDECIDABLE: "what would have to be known is not recorded",
    Class.TAKEN_BACK: "it was taken back already",
    Class.COMPENSATION: "it took another action back",
    Class.FAILED: "the tool says that it failed: nothing to undo",
    Class.NO_EFFECT: "it changed nothing outside: nothing to undo",
}


def tolerated(found: RolledBack) -> str:
    """Return what had no undo at all, and how much of that the contract does not even say."""
    plan = found.plan
    whole, part, silent = plan.executed, plan.tolerated, plan.ungoverned
    if not whole.acts:
        return "Tolerated, not governed: nothing that was chosen was executed."
    said = (
        f"Tolerated, not governed: {part.acts:,} of {count(whole.acts, 'executed action')} "
        f"({share(part.acts, whole.acts)}{worth(part, ', ')}) had no undo at all"
    )
    if not part.acts:
        return f"{said}."
    return (
        f"{said}: {part.acts - silent.acts:,} that the contract calls irreversible, "
        f"{silent.acts:,} of which it says nothing."
    )


def headline(found: RolledBack) -> str:
    """Return the answer in a line."""
    plan = found.plan
    whole = plan.executed
    if not whole.acts:
        return "there is nothing to undo"
    undone = Amount.sum([plan.recovered, plan.amount(Class.TAKEN_BACK)])
    parts = [
        f"{share(undone.micros.get(currency, 0), micros)} of {amount(micros)} {currency}"
        for currency, micros in sorted(whole.micros.items())
        if micros
    ]
    far = " and ".join(parts) or share(undone.acts, whole.acts)
    people = _people(found)
    return (
        f"{count(whole.acts, 'executed action')} could be undone to {far}, "
        f"with a residual of {residual(plan.residual)}; {people}"
    )


def _people(found: RolledBack) -> str:
    needed = found.plan.approvals
    if not found.plan.steps:
        stays = found.plan.residual.acts
        return "no call can be made" if stays else "nothing is left to be undone"
    if not needed:
        return "needs no approval"
    roles = ", ".join(f"{number:,} by {printable(role)}" for role, number in needed.items())
    return f"needs {count(sum(needed.values()), 'approval')} ({roles})"


def residual(part: Amount) -> str:
    """Return what stays, in words."""
    if not part.acts:
        return "nothing"
    money = sums(part)
    without = f"{count(part.unvalued, 'action')} without a recorded value" if part.unvalued else ""
    return " and ".join(filter(None, (money, without))) or "nothing"


def sentences(found: RolledBack) -> list[str]:
    """Return what was found: what was done, the plan, its pace, what stays, and how it came."""
    return [
        *_done(found),
        *_plan(found),
        *_pace(found),
        *_residual(found),
        *_conflicts(found),
        *_entities(found),
        *_scopes(found),
        *_pulled(found),
        *_left_out(found),
    ]


def limits(found: RolledBack) -> list[str]:
    """Return what the result does not prove."""
    said = [
        "That anything was undone: a plan is executed by nobody here.",
        (
            "That the world would take it: a compensation is decided by the contract, and whether "
            "its tool then succeeds is known when it is called."
        ),
        (
            "That nothing else depends on an action: only what is recorded is known, by target, "
            "ids and evidence."
        ),
        "That values are true: they are what the ledger's writers recorded.",
        (
            "That compensations will be allowed later: each was decided as of then, as if it alone "
            "were proposed by whoever acted."
        ),
    ]
    if found.report.integrity.trust != "pinned":
        said.append("That this is the ledger that it says it is: there was no trust file.")
    return said


def basis(found: RolledBack) -> str:
    """Return what was asked of what, and under which contracts."""
    asked = printable("; ".join(found.question.asked) or "the whole ledger")
    contracts = ", ".join(
        sorted({f"{one.contract.name} {one.version}" for one in found.bindings.values()})
    )
    trust = found.report.integrity.trust
    return (
        f"Of {asked} · {SAYS[found.question.scope]} · as of {_when(found)} · under "
        f"{printable(contracts) or 'no contract'} · {found.report.ledger.size:,} entries · "
        f"trust: {trust}"
    )


def _when(found: RolledBack) -> str:
    entry = found.question.as_of.entry
    return time_of(found.at) if entry is None else f"entry {entry}, {time_of(found.at)}"


# ------------------------------------------------------------------------------ sentences


def _done(found: RolledBack) -> Iterator[str]:
    plan = found.plan
    whole = plan.executed
    acts = plan.of(EXECUTED)
    runs, targets = {act.run for act in acts}, {act.target for act in acts if act.target}
    apart = [f"{plan.amounts[kind].acts:,} {_APART[kind]}" for kind in APART]
    apart += [f"{plan.never:,} never executed"] if plan.never else []
    yield (
        f"Executed: {count(whole.acts, 'action')} in {count(len(runs), 'run')} on "
        f"{count(len(targets), 'entity', 'entities')}{worth(whole, ': ')}"
        f"{_unvalued(whole)}. Apart from these: {', '.join(apart)}."
    )
    back = plan.amount(Class.TAKEN_BACK)
    if back.acts:
        yield f"Already taken back: {count(back.acts, 'action')}{worth(back, ', ')}."


_APART: Final[Mapping[Class, str]] = {
    Class.COMPENSATION: "that took something back",
    Class.FAILED: "that failed",
    Class.NO_EFFECT: "that only read or advised",
}


def _plan(found: RolledBack) -> Iterator[str]:
    plan = found.plan
    if not plan.steps:
        yield "The plan: there is no call that could be made."
        return
    one, more = plan.amounts[Class.REVERSIBLE], plan.amounts[Class.COMPENSABLE]
    yield (
        f"The plan: {count(len(plan.steps), 'call')}, {one.acts:,} reversible and {more.acts:,} "
        f"compensable, which take back {residual(plan.recovered)}."
    )
    costs, without = plan.costs
    said = " + ".join(f"{amount(micros)} {currency}" for currency, micros in costs.items())
    unknown = f"{count(without, 'call')} without an estimate" if without else ""
    yield f"Estimated cost of the calls: {'; '.join(filter(None, (said, unknown)))}."
    windows = [fate.left for fate in plan.steps if fate.left is not None]
    if windows:
        first, last = length(min(windows)), length(max(windows))
        yield f"The first window ends in {first}, the last in {last}."
    waiting = [fate for fate in plan.steps if fate.number in found.waiting]
    if waiting:
        yield (
            f"{count(len(waiting), 'call')} of them "
            f"{'is' if len(waiting) == 1 else 'are'} proposed already, and wait for people."
        )


def _pace(found: RolledBack) -> Iterator[str]:
    pace = found.pace
    if pace.allowed == pace.tried:
        return
    rules = ", ".join(f"{printable(rule)} ({number:,})" for rule, number in _most(pace.against))
    yield (
        f"Made all at once, {pace.allowed:,} of {count(pace.tried, 'call')} would be allowed; the "
        f"others meet {rules}, and have to wait."
    )


def _residual(found: RolledBack) -> Iterator[str]:
    plan = found.plan
    if not plan.residual.acts:
        return
    parts = [
        f"{part.acts:,} {kind.value} ({residual(part)})"
        for kind in RESIDUAL
        if (part := plan.amounts[kind]).acts
    ]
    yield f"What stays: {'; '.join(parts)}."
    yield from _for_now(found)
    for kind in (Class.REFUSED, Class.UNDECIDABLE):
        whys = Counter(fate.why for fate in plan.fates if fate.kind is kind)
        if whys:
            said = "; ".join(f"{printable(why)} ({number:,})" for why, number in _most(whys))
            yield f"{kind.value.capitalize()}: {said}."
    for currency, micros in sorted(plan.residual.estimated.items()):
        yield (
            f"Of what stays without a recorded value the contract estimated {amount(micros)} "
            f"{currency}, which is in no sum."
        )


def _for_now(found: RolledBack) -> Iterator[str]:
    """Say what is refused by what passes: a bound on a window, or a switch."""
    refused = [fate for fate in found.plan.fates if fate.kind is Class.REFUSED and fate.call]
    waits = [fate for fate in refused if fate.call is not None and fate.call.passing]
    if not waits:
        return
    rules = sorted({rule for fate in waits if fate.call is not None for rule in fate.call.rules})
    part = Amount.of(found.act(fate) for fate in waits)
    windows = [fate.left for fate in waits if fate.left is not None]
    until = f"; the first window ends in {length(min(windows))}" if windows else ""
    yield (
        f"Refused for now only: {count(part.acts, 'action')}{worth(part, ', ')}, by what passes or "
        f"is lifted ({printable(', '.join(rules))}){until}."
    )


def _most(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:NAMED]


def _conflicts(found: RolledBack) -> Iterator[str]:
    blocked = [fate for fate in found.plan.fates if fate.kind is Class.BLOCKED]
    if not blocked:
        return
    alone = [fate for fate in blocked if _by_target_alone(fate)]
    by = Counter(found.plan.acts[fate.conflicts[0].by].index for fate in blocked)
    named = ", ".join(f"entry {entry} ({number:,})" for entry, number in by.most_common(NAMED))
    yield f"Blocked first by {named}."
    if alone:
        yield (
            f"{len(alone):,} of {len(blocked):,} are blocked by a shared target alone: where later "
            "changes of one target do not rest on earlier ones, ask with --apart."
        )


def _by_target_alone(fate: Fate) -> bool:
    return all(one.link in {Link.TARGET, Link.ORDER} for one in fate.conflicts)


def _entities(found: RolledBack) -> Iterator[str]:
    exposed = by_entity(found.plan.of(RESIDUAL))
    named = [name for name in exposed if name and exposed[name].micros][:NAMED]
    if named:
        said = ", ".join(f"{printable(name)} ({sums(exposed[name])})" for name in named)
        entities = sum(bool(name) for name in exposed)
        yield f"The residual is on {count(entities, 'entity', 'entities')}, most on {said}."


def _scopes(found: RolledBack) -> Iterator[str]:
    own = found.plan.recovered
    wider = [one for one in found.scopes if one.plan.recovered.acts > own.acts]
    blocked = found.plan.amounts[Class.BLOCKED].acts
    if not wider or not blocked:
        return
    one = wider[0]
    yield (
        f"A wider scope, {SAYS[one.scope]}, would take back {residual(one.plan.recovered)} in "
        f"{count(len(one.plan.steps), 'call')}, of which {one.collateral.acts:,} were not chosen."
    )


def _pulled(found: RolledBack) -> Iterator[str]:
    pulled = found.blast.pulled
    if pulled is not None:
        yield (
            f"Had the kill switch been pulled at {time_of(pulled.at)}, "
            f"{count(pulled.prevented.acts, 'action')} would not have happened"
            f"{worth(pulled.prevented, ' (', ')')}; {pulled.done.acts:,} had, on "
            f"{count(pulled.entities, 'entity', 'entities')} in {count(pulled.runs, 'run')}"
            f"{worth(pulled.done, ' (', ')')}."
        )


def _left_out(found: RolledBack) -> Iterator[str]:
    chosen = found.chosen
    if chosen.undecided:
        yield f"{count(chosen.undecided, 'action')} left out: the condition has no answer there."
    if chosen.timeless:
        yield f"{count(chosen.timeless, 'action')} left out: no time that can be compared."
    if found.sealed:
        yield (
            f"{count(found.sealed, 'later action')} hide what they use: whether they depend on "
            "what was chosen is not known."
        )
    if found.question.scope is not Scope.CHOSEN:
        yield f"Chosen were {count(len(chosen.acts), 'action')}; the scope is wider."


# ---------------------------------------------------------------------------------- words


def time_of(micros: int) -> str:
    """Return a time as people read it, to the second."""
    return written(moment(micros))[:19].replace("T", " ") + " UTC"


def sums(part: Amount) -> str:
    """Return sums by currency, which are never added."""
    return " + ".join(
        f"{amount(micros)} {currency}" for currency, micros in sorted(part.micros.items())
    )


def worth(part: Amount, before: str = "", behind: str = "") -> str:
    """Return sums with what stands around them; nothing where there are none."""
    said = sums(part)
    return f"{before}{said}{behind}" if said else ""


def _unvalued(part: Amount) -> str:
    return f" ({part.unvalued:,} without a recorded value)" if part.unvalued else ""


def share(part: int, whole: int) -> str:
    """Return a part in percent.

    Example:
        >>> share(1, 3), share(0, 0)
        ('33.3 %', '0.0 %')
    """
    return f"{part / whole * 100:.1f} %" if whole else "0.0 %"


def count(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun.

    Example:
        >>> count(1, "call"), count(1200, "entity", "entities")
        ('1 call', '1,200 entities')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"
