"""What waits for people: actions that were held for an approval, and actions that were escalated.

A held action waits until a resume of it was allowed or escalated, it has an outcome, or its run is
closed. A resume that is held again is no second one: it stands with the first, and an approval of
either lifts what is resumed on it. An escalated action waits until it has an outcome, its run is
closed, or somebody's review of its finding says `resolved` or `suppressed`.

Whether an approval lifts a rule is what `contracts.approvals` says of it, under the contract that
is in force now: that one decides when the action is resumed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from contracts.approvals import ApprovalBook, Obstacle, ends_at, obstacle
from contracts.errors import ContractErrors
from contracts.evaluation import shared_evaluator
from contracts.history import Event
from contracts.instants import micros
from contracts.lineage import RUN_CLOSED, Lineage, Placed
from contracts.loading import load_contract
from contracts.model import Contract, Effect, Rule
from contracts.versions import VersionHistory

HELD: Final = "held"
ESCALATED: Final = "escalated"
_SETTLED: Final = frozenset({"resolved", "suppressed"})
_STATES: Final = {"approve": HELD, "escalate": ESCALATED}

FindingOf = Callable[[str, int, str], str]
"""Names the finding of a rule (by id) at an entry under a contract (by digest)."""


@dataclass(frozen=True, slots=True)
class Word:
    """What one person said last of an action.

    Attributes:
        event: The approval's entry.
        stands: Whether it lifts the rule, if the action is resumed now.
        why: Why it lifts nothing; empty where it does.
        ends_at: When it runs out, in microseconds; None where it stands until it is used.
    """

    event: Event
    stands: bool
    why: str = ""
    ends_at: int | None = None

    @property
    def verdict(self) -> str:
        """`approve`, `refuse` or `withdraw`."""
        return str(self.event.record["verdict"])


@dataclass(frozen=True, slots=True)
class Ask:
    """A rule that a held action waits for.

    Attributes:
        rule: Its id.
        role: Who may lift it; empty where the contract in force has no such rule any more.
        within: For how many microseconds an approval lasts; None for as long as it stands.
        says: What it says to a reviewer.
        cites: The policy's sentence that it comes from.
        words: What people said that concerns it, the last word of each.
    """

    rule: str
    role: str = ""
    within: int | None = None
    says: str = ""
    cites: str = ""
    words: tuple[Word, ...] = ()

    @property
    def lifted(self) -> bool:
        """Whether an approval stands that lifts it."""
        return any(word.stands for word in self.words)


@dataclass(frozen=True, slots=True)
class Hold:
    """An action that waits.

    Attributes:
        state: `held` or `escalated`.
        action: The action, as it was proposed first.
        service: The service of its run.
        run: How its run was opened.
        asks: Of a held one: the rules that wait. Of an escalated one: those that escalated it.
        again: Resumes of it that were held again.
    """

    state: str
    action: Event
    service: str
    run: Mapping[str, Any]
    asks: tuple[Ask, ...]
    again: tuple[Event, ...] = ()

    @property
    def ready(self) -> bool:
        """Whether all that it waited for was said, so that it is the agent's turn."""
        return self.state == HELD and all(ask.lifted for ask in self.asks)


@dataclass(slots=True)
class _Waiting:
    state: str
    first: Placed
    again: list[Placed] = field(default_factory=list[Placed])


class Holds:
    """The actions that wait, read entry by entry.

    Args:
        finding_of: Names findings as a review does; without it no review ends anything.
    """

    def __init__(self, finding_of: FindingOf | None = None) -> None:
        self._finding_of = finding_of
        self._lineage = Lineage()
        self._versions = VersionHistory(self._lineage)
        self._book = ApprovalBook()
        self._texts: dict[str, str] = {}
        self._contracts: dict[str, Contract | None] = {}
        self._waiting: dict[str, _Waiting] = {}
        # By digest, the first of those that ask for the same; and how one stopped to wait.
        self._first: dict[str, str] = {}
        self._ended: dict[str, str] = {}
        self._reviews: dict[str, str] = {}
        self._size = 0

    # --------------------------------------------------------------------------- reading

    def observe(self, event: Event) -> None:
        """Take in the next valid entry."""
        self._size = event.index + 1
        self._versions.observe(event)
        placed = self._lineage.place(event)
        record = event.record
        if placed.subject == "action" and not event.imported:
            self._proposed(placed)
        elif placed.subject == "outcome":
            self._end(record["action"], f"its outcome is recorded: entry {event.index}")
        elif placed.subject == RUN_CLOSED and placed.run is not None:
            self._close(placed.run.digest, event.index)
        elif record["kind"] == "contract":
            self._texts.setdefault(record["digest"], record["text"])
        elif record["kind"] == "review":
            self._reviews[record["finding"]] = record["state"]
        self._lineage.remember(placed)
        self._book.remember(placed)

    def _proposed(self, placed: Placed) -> None:
        record, digest = placed.record, placed.event.digest
        effect = record["decision"]["effect"] if "decision" in record else "allow"
        first = self._first.get(record.get("resumes", ""), "")
        if first in self._waiting and effect == "approve":
            self._waiting[first].again.append(placed)
            self._first[digest] = first
            return
        if first and effect != "deny":
            self._end(first, f"it was resumed: entry {placed.event.index}")
        if effect in _STATES:
            self._waiting[digest] = _Waiting(_STATES[effect], placed)
            self._first[digest] = digest

    def _end(self, action: str, why: str) -> None:
        first = self._first.get(action, "")
        if self._waiting.pop(first, None) is not None:
            self._ended[first] = why

    def _close(self, run: str, index: int) -> None:
        mine = [one for one, each in self._waiting.items() if each.first.record["run"] == run]
        for digest in mine:
            self._end(digest, f"its run was closed: entry {index}")

    # --------------------------------------------------------------------------- telling

    def waiting(self, now: str, service: str = "") -> list[Hold]:
        """Return what waits at a time of the ledger's clock, the longest first.

        Args:
            now: The time.
            service: Only what waits of this service; empty: of all.
        """
        found = [self._hold(each, now) for each in self._waiting.values()]
        return [one for one in found if service in {"", one.service} and not self._is_reviewed(one)]

    def named(self, name: str) -> list[Event]:
        """Return the live actions that a digest, a prefix of one, or an entry's index names."""
        if name.isdecimal() and len(name) < _LEAST_DIGITS:
            digest = self._lineage.actions_by_index().get(int(name))
            found = None if digest is None else self._lineage.action(digest)
            return [] if found is None else [found.event]
        known = self._lineage.actions_by_index().values()
        found_ = [self._lineage.action(one) for one in known if name and one.startswith(name)]
        return [one.event for one in found_ if one is not None]

    def hold(self, action: str, now: str) -> Hold | str:
        """Return what waits under an action's digest, or why nothing does."""
        first = self._first.get(action)
        if first is None:
            return "it was not held, nor escalated"
        if first not in self._waiting:
            return self._ended[first]
        found = self._hold(self._waiting[first], now)
        return "its finding is settled by a review" if self._is_reviewed(found) else found

    def contract(self, service: str, now: str) -> Contract | None:
        """Return the contract in force for a service; None where there is none to be read."""
        current = self._versions.at(service, micros(now) or 0)
        return None if current is None else self._contract(current.digest)

    def run_of(self, action: Event) -> Mapping[str, Any]:
        """Return how the run of an action was opened."""
        run = self._lineage.place(action).run
        return {} if run is None else run.opened

    def evidence(self, hold: Hold) -> list[Event]:
        """Return the observations that an action cites, in its order."""
        return [one.event for one in self._lineage.cited(hold.action.record)]

    def worth(self, hold: Hold, now: str) -> tuple[int, str] | None:
        """Return what an action is expected to move, in micro-units of a currency, if known.

        As the contract in force estimates it, else as it was recorded.
        """
        record = hold.action.record
        contract = self.contract(hold.service, now)
        tool = None if contract is None else contract.tools.get(record["tool"])
        if tool is not None and tool.estimate_value and not hold.action.unseen:
            evaluator = shared_evaluator()
            program = evaluator.compile(tool.estimate_value)
            value = program.run(evaluator.bind({"params": record["params"]}))
            if isinstance(value, int):
                return value, tool.currency
        money = record["estimate"].get("value") if "estimate" in record else None
        return None if money is None else (money["micros"], money["currency"])

    def obstacles(self, hold: Hold, approval: Event, now: str) -> dict[str, Obstacle | None]:
        """Return for each rule that waits why an approval would not lift it; None where it would.

        Args:
            hold: What waits.
            approval: The approval, as it would be recorded next.
            now: When the action would be resumed.
        """
        contract = self.contract(hold.service, now)
        rules = _rules(contract)
        said = self._lineage.place(approval)
        resume = self._resume(self._waiting[self._first[hold.action.digest]], now)
        named = approval.record.get("rule")
        return {
            ask.rule: obstacle(contract, rules[ask.rule], said, resume)
            if contract is not None and ask.rule in rules
            else Obstacle("approval.rule", f"the contract in force has no rule {ask.rule}")
            for ask in hold.asks
            if named in {None, ask.rule}
        }

    # ------------------------------------------------------------------------------ parts

    def _hold(self, waiting: _Waiting, now: str) -> Hold:
        event = waiting.first.event
        run = waiting.first.run
        opened: Mapping[str, Any] = {} if run is None else run.opened
        effect = Effect.APPROVE if waiting.state == HELD else Effect.ESCALATE
        newest = waiting.again[-1].event if waiting.again else event
        reasons = [one for one in newest.record["decision"]["reasons"] if one["effect"] == effect]
        service = str(opened.get("service", ""))
        asks = tuple(self._ask(one["rule"], waiting, service, now) for one in reasons)
        again = tuple(one.event for one in waiting.again)
        return Hold(waiting.state, event, service, opened, asks, again)

    def _ask(self, rule_id: str, waiting: _Waiting, service: str, now: str) -> Ask:
        contract = self.contract(service, now)
        rules = () if contract is None else contract.rules
        found = next((one for one in rules if one.id == rule_id), None)
        if found is None or contract is None:
            return Ask(rule_id)
        ask = Ask(rule_id, found.role, found.within, found.says, found.cites)
        if waiting.state != HELD or found.effect is not Effect.APPROVE:
            return ask
        return replace(ask, words=tuple(self._words(contract, found, waiting, now)))

    def _words(self, contract: Contract, rule: Rule, waiting: _Waiting, now: str) -> Iterator[Word]:
        resume = self._resume(waiting, now)
        for proposal in (waiting.first, *waiting.again):
            heard = self._book.said(proposal.event.digest)
            last = {
                each.record["by"]: each
                for each in heard
                if each.record.get("rule") in {None, rule.id}
            }
            for each in last.values():
                why = self._why_not(contract, rule, each, resume)
                ends = [end for end in ends_at(rule, each) if end is not None]
                yield Word(each.event, not why, why, min(ends, default=None))

    def _why_not(self, contract: Contract, rule: Rule, said: Placed, resume: Placed) -> str:
        """Return why somebody's last word lifts nothing."""
        if said.record["verdict"] != "approve":
            return "it is no approval"
        if self._book.used_up(said):
            return "it was used up by a resume that was not allowed"
        found = obstacle(contract, rule, said, resume)
        return "" if found is None else found.what

    def _resume(self, waiting: _Waiting, now: str) -> Placed:
        """Return the action as it would be resumed now, by whom it was proposed."""
        event = waiting.first.event
        record = {**event.record, "resumes": event.digest}
        return self._lineage.place(
            replace(event, index=self._size + 1, digest="", record=record, recorded_at=now)
        )

    def _contract(self, digest: str) -> Contract | None:
        if digest not in self._contracts:
            try:
                made = load_contract(self._texts[digest], f"contract {digest[:12]}")
            except ContractErrors:
                made = None
            self._contracts[digest] = made
        return self._contracts[digest]

    def _is_reviewed(self, hold: Hold) -> bool:
        if self._finding_of is None or hold.state != ESCALATED:
            return False
        record = hold.action.record
        contract = record["contract"]["digest"] if "contract" in record else ""
        names = [self._finding_of(ask.rule, hold.action.index, contract) for ask in hold.asks]
        return bool(names) and all(self._reviews.get(name) in _SETTLED for name in names)


_LEAST_DIGITS: Final = 12
"""Fewer digits than this, and nothing else, are an entry's index and no digest's beginning."""


def _rules(contract: Contract | None) -> Mapping[str, Rule]:
    rules: Sequence[Rule] = () if contract is None else contract.rules
    return {one.id: one for one in rules if one.effect is Effect.APPROVE}
