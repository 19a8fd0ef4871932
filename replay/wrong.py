"""Which executed actions turned out wrong: by the rules in force, or by what people did about them.

Source: docs/spec/whatif.md, *What was wrong*.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from contracts.model import Contract, Effect
from replay.history import History
from verifier.findings import Finding, Result


@dataclass(frozen=True, slots=True)
class Wrong:
    """Why an action was wrong.

    Attributes:
        broke: The rules that it, or its outcome, violated.
        undone: The entries of the actions that took it back, or were to.
    """

    broke: tuple[str, ...] = ()
    undone: tuple[int, ...] = ()


def wrongs(history: History, findings: Iterable[Finding]) -> dict[int, Wrong]:
    """Return what was wrong, by the actions' entries.

    Args:
        history: What was done.
        findings: What verification found.
    """
    acts = {act.index: act for act in history.acts if act.executed}
    ended = {act.ended: act.index for act in acts.values()}
    broke: dict[int, dict[str, None]] = {}
    for finding in findings:
        if not _matters(finding, history.contracts):
            continue
        index = finding.index if finding.index in acts else ended.get(finding.index)
        if index is not None:
            broke.setdefault(index, {})[finding.rule] = None
    undone: dict[int, list[int]] = {}
    for act in history.acts:
        target = history.act(act.compensates) if act.compensates else None
        if target is not None and target.executed:
            undone.setdefault(target.index, []).append(act.index)
    return {
        index: Wrong(tuple(broke.get(index, ())), tuple(undone.get(index, ())))
        for index in sorted({*broke, *undone})
    }


def _matters(finding: Finding, contracts: Mapping[str, Contract]) -> bool:
    """Return whether a finding is a violation of a rule of a contract that does more than warn."""
    contract = contracts.get(finding.contract)
    if contract is None or finding.result is not Result.VIOLATED:
        return False
    effects = (rule.effect for rule in contract.rules if rule.id == finding.rule)
    return next(effects, Effect.WARN) is not Effect.WARN
