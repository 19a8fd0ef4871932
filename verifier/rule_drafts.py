"""What the judging step says of rules that do not hold, and of contracts that are not there."""

from dataclasses import replace

from contracts.model import Contract, Verdict
from contracts.results import Explanation, RuleResult
from verifier.drafts import Draft
from verifier.findings import SEVERITY_OF, Result, Severity
from verifier.wording import recorded


def undecided(draft: Draft) -> Draft:
    """Return a finding on a decision as undecidable: it hangs on a value that is not disclosed."""
    return replace(draft, result=Result.UNDECIDABLE, reason="what it hangs on is sealed, not shown")


def broken_rule(result: RuleResult, contract: Contract, activated: int) -> Draft:
    """Return a result that is not satisfied as a finding under its contract.

    Args:
        result: The result.
        contract: The contract.
        activated: The entry that first put it in force.
    """
    rule = result.rule
    return Draft(
        code=rule.code,
        index=result.index,
        severity=SEVERITY_OF[rule.effect],
        result=Result(result.verdict.value),
        rule=rule.id,
        contract=contract.digest,
        contract_line=contract.line_of(rule.position),
        expected=result.expected,
        recorded=recorded(result),
        rests_on=result.rests_on,
        says=rule.says,
        cites=rule.cites,
        reason=result.reason,
        hidden=result.hidden,
        explanation=_explained(result, contract, activated),
    )


def _explained(result: RuleResult, contract: Contract, activated: int) -> Explanation | None:
    """Return why, with where the policy's values come from that it was held against."""
    said = result.explanation
    if said is None:
        return _undone(result) if result.rule.expect is not None else None
    if not any(path.startswith("limits.") for path, _ in said.facts):
        return said
    whence = f"The limit is that of {contract.name} {contract.version}, in force since entry "
    return replace(
        said,
        because=(*said.because, f"{whence}{activated:,}."),
        entries=tuple(sorted({*said.entries, activated})),
    )


def _undone(result: RuleResult) -> Explanation:
    """Return why a duty is violated, or still open: what did not follow."""
    until = f" until entry {result.rests_on[-1]:,}" if result.rests_on else ""
    what = f"Nothing of this followed{until}: {result.expected}."
    if result.verdict is Verdict.UNDECIDABLE:
        what = f"It is not known yet whether this follows: {result.expected}."
    entries = tuple(sorted({result.index, *result.rests_on}))
    return Explanation(because=(what,), entries=entries, would=(result.expected,))


def no_contract(index: int, service: str, instead: str = "none was in force here") -> Draft:
    """Return that an action stands under no contract."""
    return Draft(
        code="coverage.no-contract",
        index=index,
        severity=Severity.HIGH,
        result=Result.UNDECIDABLE,
        expected=f"a contract in force for {service}",
        recorded=instead,
        reason="no contract in force",
    )


def unreadable(digest: str, index: int, why: str) -> Draft:
    """Return that a contract that was activated cannot be read."""
    return Draft(
        code="coverage.contract-unreadable",
        index=index,
        severity=Severity.HIGH,
        result=Result.UNDECIDABLE,
        contract=digest,
        expected="a contract whose text this version can read",
        recorded=why,
        reason="what it was in force for could not be judged",
    )
