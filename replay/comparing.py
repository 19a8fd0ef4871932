"""Where two decisions on one action are not the same, and why.

Three are held against one another: what was recorded, what the contract in force then gives on the
facts as of then, and what the one in force now gives on the same facts.
Source: docs/spec/timeline.md, *What differs*.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from contracts.comparisons import paths
from contracts.decision import Reason
from contracts.model import Rule
from contracts.reasons import money, shown
from replay.steps import NOW, RECORDED, Difference, Judged, Ruled

Limit = Callable[[str, str], object]
"""What a limit is for the action under a contract: its digest, and the limit's name."""

_NOTHING: Final = "nothing"
_HOLDS: Final = "satisfied"


def recorded_otherwise(
    effect: str, reasons: Sequence[Reason], claimed: tuple[str, str], then: Judged | None
) -> Iterator[Difference]:
    """Yield where the recorded decision is not the one that the contract in force then gives.

    Args:
        effect: The recorded decision; empty where nothing was decided: then there is nothing to
            compare.
        reasons: The recorded reasons.
        claimed: Version and digest of the contract that the record names; empty where none.
        then: What is right.
    """
    if not effect:
        return
    if then is None:
        yield Difference(RECORDED, "", effect, _NOTHING, "no contract was in force for it")
        return
    if claimed[1] and claimed[1] != then.contract:
        why = f"{then.version} was in force then"
        yield Difference(RECORDED, "", f"under {claimed[0]}", f"under {then.version}", why)
    said = {one.rule: _did(one) for one in reasons}
    derived = {one.rule: _did(one) for one in then.reasons}
    ruled = {one.rule.id: one for one in then.rules if one.rule.expect is None}
    found = [
        Difference(
            RECORDED,
            rule,
            said.get(rule, _HOLDS),
            derived.get(rule, _HOLDS),
            _against_record(rule, ruled.get(rule), then),
        )
        for rule in dict.fromkeys((*derived, *said))
        if said.get(rule) != derived.get(rule)
    ]
    yield from found
    if effect != then.effect and not found:
        why = f"the reasons are the same, and make it {then.effect}"
        yield Difference(RECORDED, "", effect, then.effect, why)


def _did(reason: Reason) -> str:
    """Return what a reason says: its result and what that did."""
    return f"{reason.result.value} ({reason.effect.value})"


def _against_record(rule: str, ruled: Ruled | None, then: Judged) -> str:
    if ruled is None:
        return f"{then.version} has no rule {rule} for it"
    if ruled.holds:
        return f"under {then.version}, as of then, it holds"
    return " ".join(ruled.because) or ruled.reason or ruled.rule.says


# ------------------------------------------------------------------------- then and now


def decided_otherwise(
    then: Judged | None, now: Judged | None, limit: Limit
) -> Iterator[Difference]:
    """Yield where the contract in force now says something else than the one in force then.

    Args:
        then: Under the one.
        now: Under the other, on the same facts.
        limit: What a limit is under either.
    """
    if then is None or now is None:
        if then is not now:
            before = _NOTHING if then is None else then.effect
            after = _NOTHING if now is None else now.effect
            when = "then" if then is None else "now"
            yield Difference(NOW, "", before, after, f"no contract is in force for it {when}")
        return
    if then.contract == now.contract:
        return
    first, second = _by_rule(then), _by_rule(now)
    for rule in dict.fromkeys((*second, *first)):
        one, two = first.get(rule), second.get(rule)
        if _state(one) != _state(two):
            why = _why(one, two, then, now, limit)
            yield Difference(NOW, rule, _state(one), _state(two), why)


def _by_rule(judged: Judged) -> Mapping[str, Ruled]:
    return {one.rule.id: one for one in judged.rules if one.rule.expect is None and one.effect}


def _state(ruled: Ruled | None) -> str:
    """Return what a rule did to the decision; one that is not there did what one does that holds.

    Only what is not satisfied has an effect, so that these are the rules that stand against.
    """
    return _HOLDS if ruled is None else f"{ruled.result.value} ({ruled.effect})"


def _why(one: Ruled | None, two: Ruled | None, then: Judged, now: Judged, limit: Limit) -> str:
    here, there = one or _found(two, then), two or _found(one, now)
    told = [] if two is None else [" ".join(two.because) or two.reason]
    if here is None:
        return _sentence(told, f"{then.version} has no such rule")
    if there is None:
        return f"{now.version} has no such rule"
    changes = [*_limits(here.rule, there.rule, then, now, limit)]
    if (here.rule.when, here.rule.unless) != (there.rule.when, there.rule.unless):
        changes.append(f"its condition is another one in {now.version}")
    if here.rule.effect is not there.rule.effect:
        changes.append(f"its effect was {here.rule.effect.value}, is {there.rule.effect.value}")
    if two is None:
        told = [f"Under {now.version} it holds."]
    return _sentence(told, "; ".join(changes) or "what it reads is another value now")


def _found(other: Ruled | None, judged: Judged) -> Ruled | None:
    """Return the rule of the same name under another contract, where it holds."""
    wanted = "" if other is None else other.rule.id
    return next((each for each in judged.rules if each.rule.id == wanted), None)


def _limits(old: Rule, new: Rule, then: Judged, now: Judged, limit: Limit) -> Iterator[str]:
    """Yield the limits that a rule reads and that are others now."""
    for name in _named((old.when, old.unless, new.when, new.unless)):
        before, after = limit(then.contract, name), limit(now.contract, name)
        if before != after:
            yield f"limits.{name} was {_shown(name, before)}, is {_shown(name, after)}"


def _named(texts: Iterable[str]) -> Iterable[str]:
    read = (path for text in texts if text for path in paths(text))
    return dict.fromkeys(path.split(".")[1] for path in read if path.startswith("limits."))


def _shown(name: str, value: object) -> str:
    if value is None:
        return "not said"
    if name.endswith("micros") and isinstance(value, int):
        return money(value)
    return shown(value)


def _sentence(told: Iterable[str], more: str) -> str:
    return " ".join([*(one for one in told if one), f"({more})"])
