"""The answer of `writ value` in sentences, the most wanted first."""

from collections.abc import Iterator, Mapping
from typing import Final

from replay.overlaps import overlaps
from replay.tables import amount, number
from replay.thresholds import Curve
from replay.value import DIMENSIONS, UNSAID, Group, Ratio
from replay.valued import Valued
from replay.wording import when
from replay.worth import Call, Recorded
from verifier.reports.text import printable

KINDS: Final = {"messages": "messages", "fees": "tool fees", "people": "people's time"}
PAIRS: Final = 3
"""So many pairs of versions are told of."""
WASTED: Final = (Call.FAILED, Call.REPEATED, Call.DENIED, Call.HELD, Call.ESCALATED)


def headline(found: Valued) -> str:
    """Return the answer in a line."""
    whole = found.whole
    said = [
        f"{_money(ratio.value, currency)} per successful outcome"
        for currency, ratio in whole.per_success.items()
        if ratio.value is not None
    ]
    if said:
        known = whole.recorded[Recorded.FULL]
        part = (
            ""
            if known == whole.runs
            else f", by the {known:,} of {whole.runs:,} runs whose cost is known"
        )
        return f"{' and '.join(said)}{part}"
    if not whole.runs:
        return "No run was chosen"
    if not whole.succeeded:
        return f"No successful outcome in {_count(whole.runs, 'run')}"
    return "What a successful outcome cost cannot be said: no cost was recorded in full"


def sentences(found: Valued) -> list[str]:
    """Return what was found: cost, value, ratios, attempts, thresholds, and what is not known."""
    whole = found.whole
    return [
        *_scope(found),
        *_cost(whole),
        *_unrecorded(found),
        *_same_time(found),
        *_value(whole),
        *_ratios(whole),
        *_wasted(found),
        *(said for curve in found.curves for said in _threshold(curve)),
        *_own(found),
        *_currencies(found),
    ]


def limits(found: Valued) -> list[str]:
    """Return what the result does not prove."""
    said = [
        "That costs and values are true: they are what the ledger's writers recorded.",
        "That what is not recorded cost nothing: it is counted, and in no sum.",
        (
            "What would have happened: a run's value is known at its end, so a threshold judges "
            "with hindsight, and whoever had been stopped might have come back."
        ),
        "Causes: groups differ in what they were asked, not only in what they are named after.",
    ]
    if found.report.integrity.trust != "pinned":
        said.append("That this is the ledger that it says it is: there was no trust file.")
    return said


def _scope(found: Valued) -> Iterator[str]:
    chosen, whole = found.chosen, found.whole
    yield (
        f"{_count(whole.runs, 'run')}, {whole.closed:,} of them closed, "
        f"{whole.succeeded:,} with a successful outcome{_how(whole)}."
    )
    if chosen.undecided:
        yield f"{_count(chosen.undecided, 'run')} left out: the condition has no answer there."
    if chosen.timeless:
        yield f"{_count(chosen.timeless, 'run')} left out: no time that can be compared."


def _how(whole: Group) -> str:
    """Say by what they count as one."""
    closed, acted = whole.worth, whole.succeeded - whole.worth
    parts = [f"{closed:,} closed with a value"] if closed else []
    parts += [f"{acted:,} with an executed action that stands"] if acted else []
    return f" ({', '.join(parts)})" if parts else ""


def _cost(whole: Group) -> Iterator[str]:
    full = whole.recorded[Recorded.FULL]
    known = f"recorded in full for {full:,} of {_count(whole.runs, 'run')}"
    if whole.recorded[Recorded.PARTLY]:
        known += f", partly for {whole.recorded[Recorded.PARTLY]:,}"
    if whole.recorded[Recorded.NONE]:
        known += f", not at all for {whole.recorded[Recorded.NONE]:,}"
    for currency, micros in whole.cost.items():
        parts = ", ".join(
            f"{words} {amount(whole.costs[kind][currency])}"
            for kind, words in KINDS.items()
            if currency in whole.costs.get(kind, {})
        )
        yield f"Cost {_money(micros, currency)} ({parts}); {known}."
    if not whole.cost:
        yield f"Cost: {known}."
    if any(whole.tokens):
        partly = f", partly for {whole.partly_counted:,}" if whole.partly_counted else ""
        yield (
            f"Tokens: {whole.tokens[0]:,} read, {whole.tokens[1]:,} written; recorded in full for "
            f"{whole.counted:,} of {_count(whole.runs, 'run')}{partly}."
        )
    else:
        yield f"Tokens: not recorded for any of {_count(whole.runs, 'run')}."


def _unrecorded(found: Valued) -> Iterator[str]:
    """Say of which groups nothing is known, where others are known."""
    for by, groups in found.groups.items():
        silent = [
            group
            for group in groups
            if group.runs == group.recorded[Recorded.NONE] and group.key != UNSAID
        ]
        if silent and len(silent) < len(groups) and by not in {"day", "identity"}:
            names = ", ".join(f"{printable(group.key)} ({group.runs:,})" for group in silent)
            yield f"No cost is recorded for any run of {by}: {names}. Nothing is said of theirs."


def _same_time(found: Valued) -> Iterator[str]:
    """Say whether versions that stand in two rows are of one time."""
    if "version" not in found.groups:
        return
    shared = list(overlaps(found.chosen.runs, DIMENSIONS["version"]))
    for one in shared[:PAIRS]:
        names = f"{printable(one.first)} and {printable(one.second)}"
        if one.is_some:
            yield (
                f"{names} both have runs from {when(one.since)} to {when(one.until)} UTC: "
                f"{one.runs[0]:,} and {one.runs[1]:,}. Over that time alone they are compared by "
                "--since and --until."
            )
        else:
            yield (
                f"{names} have no time in common: what differs between them may be the time's. "
                "`writ change` compares them before and after."
            )
    if len(shared) > PAIRS:
        yield f"{len(shared) - PAIRS:,} more pairs of versions are not told."


def _value(whole: Group) -> Iterator[str]:
    known = f"recorded for {whole.valued:,} of {_count(whole.runs, 'run')}"
    for currency, micros in whole.values.items():
        yield f"Value {_money(micros, currency)}; {known}."
    if not whole.values:
        yield f"Value: {known}."


def _ratios(whole: Group) -> Iterator[str]:
    for currency, found in whole.per_success.items():
        if found.value is None:
            yield (
                f"Cost per successful outcome in {currency}: none of {_count(found.n, 'run')} "
                "with a full cost had one."
            )
        else:
            yield f"Cost per successful outcome: {per(found, currency)}."
    for currency, found in whole.per_cost.items():
        if found.value is not None:
            yield f"Value per {currency} of cost: {per(found)}."


def per(found: Ratio, currency: str = "") -> str:
    """Return a ratio with its interval and size, in words."""
    if found.value is None:
        return f"cannot be said (n = {found.n:,})"
    show = amount if currency else number
    unit = f" {currency}" if currency else ""
    if found.interval is None:
        return f"{show(found.value)}{unit} (n = {found.n:,}: too few to tell how sure that is)"
    low, high = show(found.interval.low), show(found.interval.high)
    return f"{show(found.value)}{unit} (95 %: {low} to {high}, n = {found.n:,})"


def _wasted(found: Valued) -> Iterator[str]:
    parts: list[str] = []
    for kind in WASTED:
        calls = found.attempts[kind]
        if calls.count:
            sums = _sums(calls.fees, calls.shares)
            known = "" if calls.priced == calls.count else f", recorded for {calls.priced:,}"
            said = f"{sums}{known}" if sums else "no cost recorded"
            parts.append(f"{calls.count:,} {kind.value} ({said})")
    if parts:
        yield f"Calls that were not simply done: {', '.join(parts)}."


def _sums(*kinds: Mapping[str, int]) -> str:
    currencies = sorted({currency for kind in kinds for currency in kind})
    return " + ".join(
        _money(sum(kind.get(currency, 0) for kind in kinds), currency) for currency in currencies
    )


def _threshold(curve: Curve) -> Iterator[str]:
    if curve.knee is None:
        yield (
            f"Stopping runs early: over {_count(curve.runs, 'run')} in {curve.currency} no "
            "threshold stands out."
        )
        return
    point = curve.points[curve.knee]
    yield (
        f"Had each run been stopped once it had cost more than {_ratio(point.ratio)} of its value, "
        f"that would have saved {_money(point.saved, curve.currency)} "
        f"({_part(point.saved, curve.cost)} of the cost) and lost "
        f"{_money(point.lost, curve.currency)} ({_part(point.lost, curve.value)} of the value): "
        f"the knee, {point.stopped:,} of {_count(curve.runs, 'run')} stopped."
    )


def _own(found: Valued) -> Iterator[str]:
    for own in found.own:
        point = own.point
        said = (
            f"The threshold of {printable(own.contract)} {printable(own.version)} itself "
            f"({_ratio(point.ratio)}, without people's time): of {_count(own.runs, 'run')} "
            f"{own.over:,} ended above it, "
        )
        if point.stopped:
            saved, lost = _money(point.saved, own.currency), _money(point.lost, own.currency)
            yield f"{said}{point.stopped:,} would have been stopped; saved {saved}, lost {lost}."
        else:
            yield f"{said}none could have been stopped before its last step."


def _currencies(found: Valued) -> Iterator[str]:
    if len({*found.whole.cost, *found.whole.values}) > 1:
        yield (
            "Amounts of different currencies stand side by side and are never added; "
            f"{_count(found.two_currencies, 'run')} with two in one sum take part in no ratio. "
            "State a rate to join them (--rate USD=EUR:0.92)."
        )
    if found.rates.stated:
        yield f"Converted at stated rates: {'; '.join(found.rates.stated)}."


def _ratio(ratio: float) -> str:
    """Return a ratio as a share where it is below one.

    Example:
        >>> _ratio(0.25), _ratio(1.5)
        ('25 %', '1.5 times')
    """
    return f"{ratio * 100:.3g} %" if ratio <= 1 else f"{ratio:.3g} times"


def _part(micros: int, whole: int) -> str:
    return f"{micros / whole * 100:.0f} %" if whole > 0 else "no part"


def _money(micros: float, currency: str) -> str:
    return f"{amount(micros)} {currency}"


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"
