"""What the judging step says of rules that do not hold, and of contracts that are not there."""

from dataclasses import replace

from contracts.model import Contract
from contracts.results import RuleResult
from verifier.drafts import Draft
from verifier.findings import SEVERITY_OF, Result, Severity
from verifier.wording import recorded


def undecided(draft: Draft) -> Draft:
    """Return a finding on a decision as undecidable: it hangs on a value that is not disclosed."""
    return replace(draft, result=Result.UNDECIDABLE, reason="what it hangs on is sealed, not shown")


def broken_rule(result: RuleResult, contract: Contract) -> Draft:
    """Return a result that is not satisfied as a finding under its contract."""
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
    )


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
