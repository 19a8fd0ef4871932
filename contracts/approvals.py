"""Which `approve` rules are lifted for an action that resumes a held one.

Source: docs/spec/contract-language.md, *Decision*.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from contracts.instants import micros
from contracts.lineage import Lineage, Placed
from contracts.model import Contract, Effect, Rule
from contracts.unseen import bare
from ledger.encoding import call_digest

APPROVE = "approve"


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
            if (
                good
                and _entitled(contract, rule, each, placed)
                and not _expired(rule, each, placed)
            ):
                yield each.event.index


def _same_call(placed: Placed, proposed: Placed) -> bool:
    """Return whether tool, params, target and run are the same as recorded."""
    mine, other = placed.record, proposed.record
    same = all(mine.get(name) == other.get(name) for name in ("tool", "target", "run"))
    calls = {call_digest(one["tool"], bare(one["params"])) for one in (mine, other)}
    return same and len(calls) == 1


def _concerns(approval: Placed, rule: Rule) -> bool:
    return approval.record.get("rule") in (None, rule.id)


def _entitled(contract: Contract, rule: Rule, approval: Placed, placed: Placed) -> bool:
    """Return whether the approver holds the role, and is nobody who has a stake in the action."""
    identity = approval.event.identity
    if identity.get("registered") is not True:
        return False
    requester = None if placed.run is None else placed.run.opened.get("requester")
    acting = placed.event.identity
    speakers = {contract.service, placed.record.get("by"), requester}
    owners = {contract.owner, acting.get("owner"), requester}
    if behind := _delegator(acting):
        speakers, owners = speakers | {behind}, owners | {behind}
    delegator = _delegator(identity)
    return (
        rule.role in identity.get("roles", ())
        and approval.record["by"] not in speakers
        and identity.get("owner") not in owners
        and (not delegator or delegator not in speakers | owners)
    )


def _delegator(identity: Mapping[str, Any]) -> str:
    """Return by whom an identity is delegated; empty where it is by nobody."""
    return str(identity.get("delegated", {}).get("by") or "")


def _expired(rule: Rule, approval: Placed, placed: Placed) -> bool:
    """Return whether an approval has run out; one that may have has."""
    stated = approval.record.get("expires_at")
    ends = [] if stated is None else [micros(stated)]
    if rule.within is not None:
        ends.append(None if approval.time is None else approval.time + rule.within)
    if not ends:
        return False
    if placed.time is None or placed.event.imported is not approval.event.imported:
        return True
    return any(end is None or end <= placed.time for end in ends)
