"""Which `approve` rules are lifted for an action that resumes a held one.

Source: docs/spec/contract-language.md, *Decision*.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.instants import micros
from contracts.lineage import Lineage, Placed
from contracts.model import Contract, Effect, Rule
from contracts.unseen import bare
from ledger.encoding import call_digest

APPROVE = "approve"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why an approval lifts nothing: a stable code, `approval.what`, and words."""

    code: str
    what: str


@dataclass(frozen=True, slots=True)
class Lacking:
    """That no approval lifts a rule for an action, in words, and the entries that show it."""

    what: str = ""
    entries: tuple[int, ...] = ()


class ApprovalBook:
    """The approvals and resumes of a history, by the action that they concern."""

    def __init__(self) -> None:
        self._approvals: dict[str, list[Placed]] = {}
        self._resumes: dict[str, list[int]] = {}

    def remember(self, placed: Placed) -> None:
        """Make an entry part of the history."""
        record = placed.event.record
        if placed.subject == "approval":
            self._approvals.setdefault(record["action"], []).append(placed)
        elif placed.subject == "action" and "resumes" in record:
            self._resumes.setdefault(record["resumes"], []).append(placed.event.index)

    def said(self, action: str) -> Sequence[Placed]:
        """Return what people said of an action so far, in order."""
        return tuple(self._approvals.get(action, ()))

    def used_up(self, approval: Placed) -> bool:
        """Return whether the action was resumed after an approval of it."""
        resumes = self._resumes.get(approval.record["action"], ())
        return any(index > approval.event.index for index in resumes)

    def kept(self) -> tuple[list[Placed], dict[str, list[int]]]:
        """Return the approvals, and of each action the entries that resume it."""
        return [one for each in self._approvals.values() for one in each], dict(self._resumes)

    def take_up(self, approvals: Iterable[Placed], resumes: Mapping[str, Sequence[int]]) -> None:
        """Remember this, and nothing else."""
        self._approvals = {}
        for placed in approvals:
            self.remember(placed)
        self._resumes = {action: list(indexes) for action, indexes in resumes.items()}

    def lifted(self, contract: Contract, placed: Placed, lineage: Lineage) -> dict[str, int]:
        """Return the ids of the rules lifted for an action, each with its approval's index."""
        resumed = placed.event.record.get("resumes")
        proposed = lineage.action(resumed) if placed.subject == "action" and resumed else None
        if proposed is None or proposed.event.index >= placed.event.index:
            return {}
        if not _same_call(placed, proposed):
            return {}
        found: dict[str, int] = {}
        for rule in contract.rules:
            if rule.effect is Effect.APPROVE:
                index = next(self._valid(contract, rule, placed, proposed), None)
                if index is not None:
                    found[rule.id] = index
        return found

    def lacking(self, contract: Contract, rule: Rule, placed: Placed, lineage: Lineage) -> Lacking:
        """Return why no approval lifts a rule for an action; nothing is said where one does."""
        if rule.id in self.lifted(contract, placed, lineage):
            return Lacking()
        resumed = placed.event.record.get("resumes")
        proposed = lineage.action(resumed) if resumed else None
        if proposed is None:
            return Lacking(f"no approval by somebody with the role {rule.role} stands before it")
        at = proposed.event.index
        if not _same_call(placed, proposed):
            return Lacking(f"it is not the call that was held at entry {at}", (at,))
        last = {
            each.record["by"]: each
            for each in self._approvals.get(proposed.event.digest, ())
            if each.event.index < placed.event.index and _concerns(each, rule)
        }
        told = [self._no_use(contract, rule, each, placed) for each in last.values()]
        what = "; ".join(told) or f"nobody said a word on what was held at entry {at}"
        return Lacking(what, (at, *sorted(each.event.index for each in last.values())))

    def _no_use(self, contract: Contract, rule: Rule, approval: Placed, placed: Placed) -> str:
        """Return why the last that somebody said lifts nothing."""
        at, by = approval.event.index, approval.record["by"]
        if approval.record["verdict"] != APPROVE:
            return f"{by} said {approval.record['verdict']} at entry {at}"
        found = obstacle(contract, rule, approval, placed)
        why = "it was used before" if found is None else found.what
        return f"the approval by {by} at entry {at} lifts nothing: {why}"

    def _valid(
        self, contract: Contract, rule: Rule, placed: Placed, proposed: Placed
    ) -> Iterator[int]:
        """Yield the indexes of the approvals that lift a rule for an action."""
        digest, until = proposed.event.digest, placed.event.index
        heard = [each for each in self._approvals.get(digest, ()) if each.event.index < until]
        resumes = [index for index in self._resumes.get(digest, ()) if index < until]
        # What an approver said last on this rule is what holds.
        last = {each.record["by"]: each for each in heard if _concerns(each, rule)}
        for each in last.values():
            consumed = any(index > each.event.index for index in resumes)
            good = each.record["verdict"] == APPROVE and not consumed
            if good and obstacle(contract, rule, each, placed) is None:
                yield each.event.index


def _same_call(placed: Placed, proposed: Placed) -> bool:
    """Return whether tool, params, target and run are the same as recorded."""
    mine, other = placed.record, proposed.record
    same = all(mine.get(name) == other.get(name) for name in ("tool", "target", "run"))
    calls = {call_digest(one["tool"], bare(one["params"])) for one in (mine, other)}
    return same and len(calls) == 1


def _concerns(approval: Placed, rule: Rule) -> bool:
    return approval.record.get("rule") in (None, rule.id)


def obstacle(contract: Contract, rule: Rule, approval: Placed, placed: Placed) -> Obstacle | None:
    """Return why an approval, used up or not, lifts a rule for nobody; None where it does.

    Args:
        contract: The contract that decides.
        rule: One of its rules that ask for approval.
        approval: What somebody says, or is about to say.
        placed: The action that resumes the one which was held.
    """
    identity, by = approval.event.identity, approval.record["by"]
    if identity.get("registered") is not True:
        return Obstacle("approval.stranger", f"{by} is not registered")
    if rule.role not in identity.get("roles", ()):
        return Obstacle("approval.role", f"{by} has not the role {rule.role}, which {rule.id} asks")
    if stake := _stake(contract, approval, placed):
        return Obstacle("approval.stake", f"{by} {stake}")
    if _expired(rule, approval, placed):
        return Obstacle("approval.expired", f"an approval of {rule.id} so late has run out")
    return None


def _stake(contract: Contract, approval: Placed, placed: Placed) -> str:
    """Return how an approver has a stake in the action; empty where they have none."""
    identity, by = approval.event.identity, approval.record["by"]
    requester = None if placed.run is None else placed.run.opened.get("requester")
    acting = placed.event.identity
    speakers: dict[Any, str] = {
        placed.record.get("by"): "who acts",
        contract.service: "the service itself",
        requester: "who asked for it",
    }
    owners: dict[Any, str] = {
        acting.get("owner"): "the owner of who acts",
        contract.owner: "the owner of the service",
        requester: "who asked for it",
    }
    if behind := _delegator(acting):
        speakers[behind] = owners[behind] = "whoever delegated who acts"
    if by in speakers:
        return f"is {speakers[by]}"
    if identity.get("owner") in owners:
        return f"answers to {identity.get('owner')}, {owners[identity.get('owner')]}"
    delegator = _delegator(identity)
    if delegator and delegator in {**speakers, **owners}:
        return f"is delegated by {delegator}, {({**speakers, **owners})[delegator]}"
    return ""


def _delegator(identity: Mapping[str, Any]) -> str:
    """Return by whom an identity is delegated; empty where it is by nobody."""
    return str(identity.get("delegated", {}).get("by") or "")


def ends_at(rule: Rule, approval: Placed) -> list[int | None]:
    """Return the times at which an approval runs out, in microseconds; None: it cannot be told."""
    stated = approval.record.get("expires_at")
    ends = [] if stated is None else [micros(stated)]
    if rule.within is not None:
        ends.append(None if approval.time is None else approval.time + rule.within)
    return ends


def _expired(rule: Rule, approval: Placed, placed: Placed) -> bool:
    """Return whether an approval has run out; one that may have has."""
    ends = ends_at(rule, approval)
    if not ends:
        return False
    if placed.time is None or placed.event.imported is not approval.event.imported:
        return True
    return any(end is None or end <= placed.time for end in ends)
