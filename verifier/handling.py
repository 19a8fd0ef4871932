"""What stood against an action and was dealt with: nothing came of it, or a person lifted it.

A rule is there to stop something. Where it did, the contract was kept, and a report that called
that a violation would never be clean for a service that is governed well. What became of an action
is known only later, so what stands against one that was not allowed waits here until a tool was
called for it all the same, or the ledger ends.
Source: docs/spec/report.md, *Handled*.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from contracts.approvals import ApprovalBook
from contracts.coercion import Value
from contracts.decision import Decision
from contracts.history import Event
from contracts.lineage import Lineage, Placed
from contracts.model import Contract, Effect, Verdict
from contracts.withholding import WITHHELD, Hidden
from verifier.decisions import EXECUTED
from verifier.drafts import Draft
from verifier.findings import Result, Severity
from verifier.kept_drafts import DraftReader, DraftWriter

ALLOW = "allow"
APPROVE = "approve"
WORDS = {
    "deny": "denied by the guard",
    "escalate": "escalated to a person",
    "approve": "held for an approval",
}
# Somebody's last word on an action that was held, where no approval lifted anything.
SAID = {
    "approve": "; the one at entry {} lifted nothing",
    "refuse": ", refused at entry {}",
    "withdraw": ", withdrawn at entry {}",
}


@dataclass(frozen=True, slots=True)
class _Said:
    """What somebody said of an action that was not allowed. `rule` is None for all of them."""

    index: int
    verdict: str
    rule: str | None


@dataclass(slots=True)
class _Waiting:
    """An action that was not allowed, what stands against it, and what was said of it since."""

    effect: str
    drafts: Sequence[Draft]
    said: list[_Said] = field(default_factory=list[_Said])
    observed: list[int] = field(default_factory=list[int])
    lifted: dict[str, int] = field(default_factory=dict[str, int])


class Handling:
    """Tells what was handled from what was done against a rule.

    It keeps a book of approvals of its own: an engine answers which rules were lifted, and not by
    which approval.

    Args:
        lineage: The runs and actions of the history.
    """

    def __init__(self, lineage: Lineage) -> None:
        self._lineage = lineage
        self._book = ApprovalBook()
        self._approvers: dict[int, str] = {}
        self._waiting: dict[str, _Waiting] = {}

    def kept(self, writer: DraftWriter) -> list[Value]:
        """Return the actions that wait. What else there is to know, an engine knows too."""
        return [
            [
                digest,
                one.effect,
                [writer.row(draft) for draft in one.drafts],
                [[said.index, said.verdict, said.rule] for said in one.said],
                list(one.observed),
                [[rule, index] for rule, index in one.lifted.items()],
            ]
            for digest, one in self._waiting.items()
        ]

    def take_up(self, rows: Iterable[Sequence[Any]], reader: DraftReader) -> None:
        """Wait for what becomes of these actions."""
        self._waiting = {
            digest: _Waiting(
                effect,
                [reader.draft(row) for row in drafts],
                [_Said(*one) for one in said],
                list(observed),
                dict(lifted),
            )
            for digest, effect, drafts, said, observed, lifted in rows
        }

    def take_up_approvals(
        self, approvals: Iterable[Placed], resumes: Mapping[str, Sequence[int]]
    ) -> None:
        """Know of these approvals and resumes, as an engine's book has them."""
        known = list(approvals)
        self._book.take_up(known, resumes)
        self._approvers = {one.event.index: str(one.record["by"]) for one in known}

    def lifted(self, placed: Placed, contract: Contract, decision: Decision) -> dict[str, int]:
        """Return the rules that the derived decision on an action lifts, with their approvals.

        Args:
            placed: The action.
            contract: The contract that decides it.
            decision: The decision as the ledger's own history gives it, never as it was recorded.
        """
        rules = [
            reason.rule
            for reason in decision.reasons
            if reason.effect is Effect.ALLOW and reason.result is Verdict.VIOLATED
        ]
        if not rules:
            return {}
        found = self._book.lifted(contract, placed, self._lineage)
        return {rule: found[rule] for rule in rules}

    def decided(
        self, event: Event, drafts: Sequence[Draft], lifted: Mapping[str, int]
    ) -> list[Draft]:
        """Take what stands against a live action with a decision; return what is settled at once.

        Args:
            event: The action.
            drafts: The results of its rules that are not satisfied, without those of obligations.
            lifted: What `lifted` returned for it.
        """
        resumed = self._waiting.get(event.record.get("resumes", ""))
        if resumed is not None:
            resumed.lifted = {**lifted, **resumed.lifted}
        settled = [self._approved(one, lifted[one.rule]) for one in drafts if one.rule in lifted]
        rest = [one for one in drafts if one.rule not in lifted]
        effect = event.record.get("decision", {}).get("effect", ALLOW)
        if effect == ALLOW:
            return settled + rest
        if rest:
            self._waiting[event.digest] = _Waiting(effect, rest)
        return settled

    def follow(self, placed: Placed) -> Sequence[Draft]:
        """Take note of a valid entry; return what stands after all, because a tool was called."""
        record, index = placed.event.record, placed.event.index
        if placed.subject == "outcome":
            executed = record["status"] in EXECUTED
            waiting = self._waiting.pop(record["action"], None) if executed else None
            return waiting.drafts if waiting else ()
        if placed.subject == "observation":
            seen = self._waiting.get(record.get("action", ""))
            if seen is not None:
                seen.observed.append(index)
        elif placed.subject == "approval":
            self._approvers[index] = record["by"]
            held = self._waiting.get(record["action"])
            if held is not None:
                held.said.append(_Said(index, record["verdict"], record.get("rule")))
        self._book.remember(placed)
        return ()

    def finish(self, doubted: Callable[[int], bool]) -> list[Draft]:
        """Return what nothing came of until the end of the ledger.

        Args:
            doubted: Says of an action whether a record that is held back may be its outcome.
        """
        ended = [
            doubtful(one)
            if one.hidden is Hidden.WITHHELD or doubted(one.index)
            else _ended(one, waiting)
            for waiting in self._waiting.values()
            for one in waiting.drafts
        ]
        self._waiting.clear()
        return ended

    def _approved(self, draft: Draft, index: int) -> Draft:
        words = f"approved by {self._approvers[index]} at entry {index}"
        return _handled(draft, words, index)


def _ended(draft: Draft, waiting: _Waiting) -> Draft:
    """Return what stood against an action that was never carried out, and how that came."""
    if waiting.observed:
        return _doubtful(draft, waiting.observed[0])
    words = WORDS[waiting.effect]
    if waiting.effect != APPROVE:
        return _handled(draft, words)
    if waiting.lifted:
        # The rule's own approval where it has one, else the one that the action was resumed on.
        index = waiting.lifted.get(draft.rule, next(iter(waiting.lifted.values())))
        return _handled(draft, f"{words}, then approved at entry {index}", index)
    said = [one for one in waiting.said if one.rule in {None, draft.rule}]
    if not said:
        return _handled(draft, f"{words}, never approved")
    last = said[-1]
    return _handled(draft, words + SAID[last.verdict].format(last.index), last.index)


def _doubtful(draft: Draft, index: int) -> Draft:
    """Return what stood against an action that seems to have a result, and has no outcome.

    Whoever records `deny` and acts all the same will record no outcome. What somebody saw come of
    it does not say that a tool was called for it, and takes away that nothing came of it.
    """
    why = f"no outcome says that it was carried out, and entry {index} observes a result of it"
    return replace(draft, result=Result.UNDECIDABLE, reason=why, rests_on=(*draft.rests_on, index))


def doubtful(draft: Draft) -> Draft:
    """Return a draft as undecidable, because of a record that is held back."""
    return replace(draft, result=Result.UNDECIDABLE, reason=draft.reason or WITHHELD)


def _handled(draft: Draft, words: str, *rests_on: int) -> Draft:
    return replace(
        draft,
        result=Result.HANDLED,
        severity=Severity.ADVICE,
        rests_on=(*draft.rests_on, *rests_on),
        handled=words,
    )
