"""The answer of `writ whatif` in sentences: what would have been prevented, and at what price."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from replay.flips import Flip, Said
from replay.tables import amount
from replay.weighing import Sums, Tally
from replay.whatif import CASCADING, Compared, WhatIf

SHOWN = 3
"""Names in a sentence before the rest is counted."""


def headline(found: WhatIf) -> str:
    """Return the answer in one sentence: of one candidate, or of the one that stops most."""
    if len(found.compared) == 1:
        return _outcome(found.compared[0])
    best = max(found.compared, key=lambda one: (one.tally.prevented.count, -_price(one.tally)))
    on = sum(one.front for one in found.compared)
    if not any(one.tally.flips for one in found.compared):
        return f"none of {len(found.compared)} candidates would have decided anything otherwise"
    if not best.tally.prevented.count:
        nothing = "none would have stopped anything that is known to have gone wrong"
        return f"of {len(found.compared)} candidates {nothing}"
    return (
        f"of {len(found.compared)} candidates {on} are beaten by none; most is stopped by "
        f"{best.candidate.name}"
    )


def _price(tally: Tally) -> int:
    return tally.blocked.count + max(tally.people, 0)


def _outcome(one: Compared) -> str:
    """Return what a candidate would have done, in a sentence."""
    name, tally = one.candidate.name, one.tally
    if not tally.flips:
        return f"{name} would have decided nothing otherwise"
    prevented = tally.prevented
    if not (prevented.count or tally.blocked.count or tally.people > 0):
        others = f"{name} would have decided {count(tally.flips, 'action')} otherwise"
        return f"{others}, and stopped nothing that was carried out"
    stopped = (
        f"{count(prevented.count, _kind(one))} that went wrong{_worth(prevented)}"
        if prevented.count
        else "nothing that is known to have gone wrong"
    )
    return f"{name} would have stopped {stopped}, at the price of {_costs(tally)}"


def _costs(tally: Tally) -> str:
    added, _, _ = tally.approvals
    more, _ = tally.escalations
    asked = [count(added, "approval")]
    asked += [f"{count(more, 'case')} handed to a person"] if more else []
    held = f"{count(tally.blocked.count, 'legitimate action')} held up"
    return f"{', '.join(asked)} and {held}"


def _kind(one: Compared) -> str:
    """Return what is stopped: calls of a tool where it is one, else actions."""
    tools = {flip.act.tool for flip in one.flips if flip.act.executed and flip.prevents}
    return f"{tools.pop()} call" if len(tools) == 1 else "action"


def _worth(sums: Sums) -> str:
    worth = money(sums.values)
    return f", worth {worth}" if worth else ""


def money(sums: Mapping[str, int]) -> str:
    """Return amounts by currency; currencies are never added."""
    return " and ".join(f"{amount(micros)} {one}" for one, micros in sorted(sums.items()) if micros)


def count(number: int, what: str) -> str:
    """Return a number of things.

    Example:
        >>> count(1, "approval"), count(1200, "approval")
        ('1 approval', '1,200 approvals')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def sentences(found: WhatIf) -> list[str]:
    """Return what is said of one candidate in full, of several in a sentence each."""
    if len(found.compared) == 1:
        return list(_told(found.compared[0]))
    return [f"{_outcome(one)}." for one in found.compared if one.front]


def _told(one: Compared) -> Iterator[str]:
    tally, name = one.tally, one.candidate.name
    yield (
        f"{name}: {tally.flips:,} of {count(tally.actions, 'action')} decided otherwise than by "
        f"the contract then in force{_kinds(tally)}."
    )
    if tally.prevented.count:
        yield (
            f"Stopped and wrong: {tally.prevented.count:,}{_worth(tally.prevented)}. Of these "
            f"{tally.broke:,} had broken a rule of the contract then in force, {tally.undone:,} "
            f"were taken back or were to be; {tally.prevented.held:,} would have waited for an "
            "approval, which somebody might have given."
        )
    if tally.blocked.count:
        yield (
            f"Stopped, and nothing shows it to be wrong: {tally.blocked.count:,}"
            f"{_worth(tally.blocked)}; {tally.blocked.held:,} of these wait for an approval."
        )
    yield from _people(tally)
    yield from _admitted(tally)
    if tally.undecidable:
        reasons = _first(reason for flip in one.flips for _, reason in _why(flip))
        yield f"Undecidable, and so not let through: {tally.undecidable:,}, for: {reasons}."
    if one.undecided:
        yield (
            f"Undecidable then and now: {one.undecided:,}. Of these nothing can be said (--without "
            "leaves rules out on both sides that history cannot decide)."
        )
    yield from _cascaded(one)


def _kinds(tally: Tally) -> str:
    kinds = [f"{many:,} {then}→{now}" for (then, now), many in tally.kinds.most_common()]
    return f" ({', '.join(kinds)})" if kinds else ""


def _people(tally: Tally) -> Iterator[str]:
    added, removed, refused = tally.approvals
    more, fewer = tally.escalations
    if added or removed or more or fewer:
        no = f" ({refused:,} of them had been refused)" if refused else ""
        yield (
            f"People: {count(added, 'approval')} added, {removed:,} no longer asked for{no}; "
            f"{count(more, 'case')} more handed over, {fewer:,} no longer."
        )


def _admitted(tally: Tally) -> Iterator[str]:
    if tally.admitted.count:
        yield (
            f"Let through now, and carried out then all the same: {tally.admitted.count:,}, of "
            f"which {tally.admitted_wrong:,} went wrong{_worth(tally.admitted)}."
        )
    if tally.newly:
        asked = money(tally.asked_value)
        worth = f", {asked} by the contract's estimate" if asked else ""
        yield (
            f"Let through now, and never carried out: {tally.newly:,}{worth}. What would have come "
            "of these nobody knows."
        )


def _cascaded(one: Compared) -> Iterator[str]:
    if one.cascade is None:
        return
    known = one.cascade
    yield (
        f"{len(known.never_happened):,} actions would never have happened, "
        f"{len(known.moot):,} nobody would have asked for, {len(known.unsure):,} hang on what "
        f"nobody knows; {known.asked_again:,} of "
        f"{count(known.decided, 'action')} ({known.share * 100:.1f} %) were decided again."
    )
    if one.contingent.flips:
        yield (
            f"Beside these {count(one.contingent.flips, 'flip')} in later steps of runs that would "
            f"have gone another way ({one.contingent.prevented.count:,} wrong, "
            f"{one.contingent.blocked.count:,} not known to be): counted in nothing above."
        )


def _why(flip: Flip) -> Iterable[tuple[str, str]]:
    return flip.again.why if flip.now is Said.UNDECIDABLE else ()


def _first(names: Iterable[str]) -> str:
    counted = Counter(names)
    told = "; ".join(f"{name} ({many:,})" for name, many in counted.most_common(SHOWN))
    rest = len(counted) - SHOWN
    return f"{told} and {rest} other reasons" if rest > 0 else told


def limits(found: WhatIf) -> list[str]:
    """Return what the answer does not prove."""
    mode = (
        "Cascading: what a candidate stops never happened, and facts are other ones from there on; "
        "what the agents would have done instead nobody knows."
        if found.mode == CASCADING
        else "As recorded: each action is judged on the facts as they happened; what a candidate "
        "stops still counts in the facts of later actions (--mode cascading takes it out)."
    )
    said = [
        mode,
        (
            "Wrong is what broke a rule of the contract in force that does more than warn, or what "
            "was taken back later, or was to be. What nobody noticed counts as legitimate."
        ),
        "Held for an approval counts as stopped: whether somebody had said yes nobody knows.",
    ]
    if found.chosen.undecided or found.chosen.timeless:
        said.append(
            f"Left out: {found.chosen.undecided:,} actions of which the condition has no value, "
            f"{found.chosen.timeless:,} without a time."
        )
    return said
