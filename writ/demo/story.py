"""The incident in ten lines, read from the verified ledger and from nothing else.

What the simulation meant to happen plays no part here: the same lines would come from a ledger
that somebody else kept.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

from contracts.history import Event
from contracts.model import Contract
from ledger.clock import parse_time
from verifier.findings import Finding, Result
from verifier.load import VerifiedLedger

_PAY, _TAKE_BACK = "payouts.create", "payouts.reverse"
SERIAL: Final = 3
"""So many payouts to one customer under one prompt are serial."""


@dataclass(slots=True)
class Paid:
    """A payout that was made."""

    index: int
    action: str
    customer: str
    prompt: str
    at: datetime
    micros: int
    currency: str
    taken_back: bool = False


@dataclass(slots=True)
class Spent:
    """What the four weeks took and gave, in micros of a euro; `left` of each currency."""

    tokens: int = 0
    model: int = 0
    fees: int = 0
    minutes: int = 0
    people: int = 0
    worth: int = 0
    left: Counter[str] = field(default_factory=Counter[str])


@dataclass(slots=True)
class Told:
    """What the story is made of, gathered in one pass over the entries."""

    runs: dict[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    actions: dict[str, Event] = field(default_factory=dict[str, Event])
    by_index: dict[int, Event] = field(default_factory=dict[int, Event])
    paid: dict[str, Paid] = field(default_factory=dict[str, Paid])
    reversals: list[tuple[Event, str]] = field(default_factory=list[tuple[Event, str]])
    switches: list[Event] = field(default_factory=list[Event])
    activations: list[Event] = field(default_factory=list[Event])
    prompts: dict[str, tuple[Event, str]] = field(default_factory=dict[str, tuple[Event, str]])
    spent: Spent = field(default_factory=Spent)

    def take(self, event: Event) -> None:
        """Take in the next entry."""
        known = {
            "run": self._run,
            "action": self._action,
            "outcome": self._ended,
            "switch": self.switches.append,
            "activation": self.activations.append,
            "message": self._said,
            "observation": self._observed,
        }
        if take := known.get(event.record["kind"]):
            take(event)

    def _run(self, event: Event) -> None:
        if event.record["phase"] == "opened":
            self._opened(event)
        else:
            self.spent.worth += event.record.get("value", {}).get("micros", 0)

    def _action(self, event: Event) -> None:
        self.actions[event.digest] = self.by_index[event.index] = event

    def _said(self, event: Event) -> None:
        self.spent.tokens += sum(event.record.get("tokens", {}).values())
        self.spent.model += event.record.get("cost", {}).get("micros", 0)

    def _observed(self, event: Event) -> None:
        if event.record["what"] == "human-time":
            self.spent.minutes += event.record["fields"]["minutes"]
            self.spent.people += event.record["fields"]["cost"]["micros"]

    def _opened(self, event: Event) -> None:
        record = event.record
        self.runs[event.digest] = record
        prompt = record.get("prompt_digest", "")
        self.prompts.setdefault(prompt, (event, record.get("channel", "")))

    def _ended(self, event: Event) -> None:
        record, action = event.record, self.actions.get(event.record["action"])
        self.spent.fees += record.get("cost", {}).get("micros", 0)
        if value := record.get("value"):
            self.spent.left[value["currency"]] += value["micros"]
        if action is None:
            return
        if action.record["tool"] == _TAKE_BACK:
            paid = self.paid.get(action.record.get("compensates", ""))
            if paid is not None and record["status"] == "ok":
                paid.taken_back = True
            self.reversals.append((action, record["status"]))
        elif action.record["tool"] == _PAY and record["status"] == "ok":
            params, run = action.record["params"], self.runs[action.record["run"]]
            self.paid[action.digest] = Paid(
                action.index,
                action.digest,
                params["customer"],
                run.get("prompt_digest", ""),
                parse_time(event.recorded_at),
                params["amount"]["micros"],
                params["amount"]["currency"],
            )


def read(ledger: VerifiedLedger) -> Told:
    """Gather what there is to tell."""
    told = Told()
    for event in ledger.events():
        told.take(event)
    return told


def economics(told: Told, bank: Mapping[str, int]) -> Iterator[str]:
    """Yield what the four weeks cost and were worth, as it was recorded.

    Args:
        told: What there is to tell.
        bank: What left Acme by currency, in micros, as somebody else counted it.
    """
    spent = told.spent
    for currency, micros in sorted(spent.left.items()):
        line = f"{micros / 1e6:,.2f} {currency} were paid out, what was taken back taken off"
        other = bank.get(currency, 0)
        if other != micros:
            line += f"; the bank says {other / 1e6:,.2f} (see policy.paid-as-asked)"
        yield line
    yield (
        f"{spent.tokens / 1e6:.1f} million tokens for {spent.model / 1e6:,.2f} EUR, fees of "
        f"{spent.fees / 1e6:,.2f} EUR, {spent.minutes:,} minutes of people for "
        f"{spent.people / 1e6:,.2f} EUR; cases closed as worth {spent.worth / 1e6:,.2f} EUR"
    )


def incident(told: Told, ledger: VerifiedLedger) -> Iterator[str]:
    """Yield the incident's lines."""
    serial = _serial(told)
    if not serial or not told.switches:
        yield "There was none: nobody was paid serially, or nobody stopped the service."
        return
    findings = ledger.report.findings
    yield from _how_it_began(told, serial, findings)
    yield from _how_it_was_stopped(told, serial, findings)
    yield from _what_was_changed(told, list(ledger.contracts.values()))
    yield from _what_was_undone(told, serial, findings)


def _serial(told: Told) -> list[Paid]:
    """Return the payouts under the prompt that paid the most customers serially."""
    by_prompt: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for paid in told.paid.values():
        by_prompt[paid.prompt][paid.customer] += 1
    often = {
        prompt: {customer for customer, count in counted.items() if count >= SERIAL}
        for prompt, counted in by_prompt.items()
    }
    worst = max(often, key=lambda prompt: len(often[prompt]), default="")
    return [
        one for one in told.paid.values() if one.prompt == worst and one.customer in often[worst]
    ]


def _how_it_began(told: Told, serial: list[Paid], findings: Iterable[Finding]) -> Iterator[str]:
    first, channel = told.prompts[serial[0].prompt]
    yield (
        f"{_when(first)} the {channel}'s agent runs under a new prompt, "
        f"{first.record['prompt_digest'][:8]}… (first seen at entry {first.index:,})."
    )
    customers = len({one.customer for one in serial})
    yield (
        f"From then to {_day(serial[-1].at)} it pays {len(serial)} refunds to the same {customers} "
        f"customers: {_money(serial)}."
    )
    indexes = {one.index for one in serial}
    broken = sum(1 for one in findings if one.index in indexes and one.result is Result.VIOLATED)
    yield (
        f"Each is in order by itself: {broken or 'none'} of them "
        f"{'breaks' if broken < 2 else 'break'} a rule of the contract in force, "  # noqa: PLR2004
        "which has none against the fourth refund."
    )


def _how_it_was_stopped(
    told: Told, serial: list[Paid], findings: Iterable[Finding]
) -> Iterator[str]:
    kill = next(one for one in told.switches if one.index > serial[-1].index)
    contained = [
        one
        for one in findings
        if one.rule == "recovery.containment"
        and one.result is Result.HANDLED
        and serial[0].index < one.index < kill.index
    ]
    if contained:
        yield (
            f"The bound on payouts in one hour is reached: {len(contained)} more are denied "
            f"(recovery.containment, from entry {contained[0].index:,} on)."
        )
    yield (
        f"{_when(kill)} {_person(kill)} pulls the kill switch (entry {kill.index:,}): "
        f"{kill.record['reason']}."
    )
    later = [one for one in told.switches if one.index > kill.index]
    end = next((one for one in later if one.record["state"] == "released"), None)
    if end is None:
        return
    against = [
        one
        for one in findings
        if one.rule == "recovery.kill-switch" and kill.index < one.index < end.index
    ]
    denied = sum(one.result is Result.HANDLED for one in against)
    through = [one.index for one in against if one.result is Result.VIOLATED]
    paid = [one for one in told.paid.values() if one.index in through]
    yield (
        f"{_when(later[0])} safe mode: it reads and hands over again; {_when(end)} the switch is "
        f"released (entry {end.index:,}). In between {denied} calls are denied, and e-mail, where "
        f"nothing decides, makes {len(through)} all the same: {_money(paid)} paid."
    )


def _what_was_changed(told: Told, contracts: list[Contract]) -> Iterator[str]:
    active, by_digest = told.activations, {one.digest: one for one in contracts}
    pairs = [
        (by_digest[before.record["digest"]], by_digest[after.record["digest"]], after)
        for before, after in pairwise(active)
        # Whoever activates once more what is in force changes nothing.
        if before.record["digest"] != after.record["digest"]
    ]
    for old, new, event in pairs:
        rules = sorted({rule.id for rule in new.rules} - {rule.id for rule in old.rules})
        yield (
            f"{_day(parse_time(event.record['effective_at']))} {new.version} comes into force "
            f"(entry {event.index:,}): {', '.join([*rules, *_limits(old, new)])}."
        )


def _limits(old: Contract, new: Contract) -> Iterator[str]:
    known = {case: values for level in old.limits.levels for case, values in level.cases.items()}
    changed = [pair for level in new.limits.levels for pair in level.cases.items()]
    for case, limits in changed:
        before = known.get(case, {})
        for name, value in limits.items():
            was = before.get(name)
            if was != value and isinstance(was, int) and isinstance(value, int):
                yield f"{name} of {case} from {was / 1e6:.2f} to {value / 1e6:.2f}"


def _what_was_undone(told: Told, serial: list[Paid], findings: Iterable[Finding]) -> Iterator[str]:
    back = [one for one in serial if one.taken_back]
    lost = [one for one in serial if not one.taken_back]
    late = {
        told.by_index[one.index].record.get("compensates")
        for one in findings
        if one.rule == "recovery.reversal-window" and one.result is Result.HANDLED
    }
    failed = {
        action.record.get("compensates") for action, status in told.reversals if status != "ok"
    }
    mine = {one.action for one in lost}
    yield f"{len(back)} payouts are taken back: {_money(back)}."
    yield (
        f"{len(mine & late)} were past their 72 hours, which went on while nothing was allowed to "
        f"be taken back (recovery.reversal-window), {len(mine & failed - late)} failed at the "
        f"bank: {_money(lost)} stay lost."
    )
    customers = {one.customer for one in serial}
    again = sum(
        told.by_index[one.index].record["params"]["customer"] in customers
        for one in findings
        if one.rule == "scope.serial-refunds" and one.result is Result.HANDLED
    )
    yield (
        f"Since then the same customers claimed {again} times more: each went to a person "
        "(scope.serial-refunds)."
    )


def _when(event: Event) -> str:
    return _day(parse_time(event.recorded_at))


def _day(at: datetime) -> str:
    return f"{at:%a} {at.day} {at:%b %H:%M}"


def _person(event: Event) -> str:
    return str(event.identity.get("owner", event.record["by"])).partition("@")[0]


def _money(payouts: Iterable[Paid]) -> str:
    """Write sums by currency: amounts of two currencies are never added."""
    sums: Counter[str] = Counter()
    for one in payouts:
        sums[one.currency] += one.micros
    return " and ".join(f"{micros / 1e6:,.2f} {name}" for name, micros in sorted(sums.items()))
