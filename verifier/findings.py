"""What verification found: a violation, what nobody can decide, or what was caught in time.

A finding's id is a hash of the ledger, the code, the rule, the entry and the contract, and of
nothing else: the same ledger judged by the same contract has the same ids on every machine and in
every year. Source: docs/spec/report.md.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from contracts.model import Effect
from contracts.results import Explanation

# How much of a value a person is shown before it is cut.
SHOWN = 160


class Result(StrEnum):
    """What a finding says of its rule: it was broken, nobody can tell, or it was caught in time.

    `HANDLED` is a live action that its rule stood against, and that the contract's own machinery
    dealt with: it was denied, held or escalated and never carried out, or a person who may approved
    it. Source: docs/spec/report.md, *Handled*.
    """

    VIOLATED = "violated"
    UNDECIDABLE = "undecidable"
    HANDLED = "handled"


class Severity(StrEnum):
    """How much it matters. Advice never changes a verdict or an exit code."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    ADVICE = "advice"


SEVERITY_OF: dict[Effect, Severity] = {
    Effect.DENY: Severity.HIGH,
    Effect.ESCALATE: Severity.MEDIUM,
    Effect.APPROVE: Severity.MEDIUM,
    Effect.WARN: Severity.LOW,
    Effect.ALLOW: Severity.LOW,
}


@dataclass(frozen=True, slots=True)
class Basis:
    """One entry that a finding rests on: index, kind of record, and its content's source."""

    index: int
    kind: str
    source: str = ""
    snapshot: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. Texts are for a reviewer; codes, ids and indexes are for programs.

    Attributes:
        id: Stable name, `F-` and 16 hex digits.
        code: `integrity.…`, `decision.…`, `coverage.…`, or the rule's own code (`clause.rest`).
        clause: The contract's clause, or the first word of the code.
        rule: The rule's id; for findings without a rule, the code.
        result: Violated, undecidable or handled.
        severity: From the rule's effect, or fixed for the code; advice for what was handled.
        index: The entry that it stands at.
        run: The conversation's own id for imports, else the run's digest; empty where no run is
            concerned.
        action: The tool, where an action is concerned.
        identity: Who spoke.
        expected: What should have been there, in words.
        recorded: What was there, in words and values.
        rests_on: The entries that it rests on, in index order.
        uses_snapshot: True when it rests on reference data, which was true when it was taken and
            may be stale.
        contract: Digest of the contract, empty where none is concerned.
        contract_line: The line of the contract that the rule came from; 0 where there is none.
        says: What the rule says to a reviewer.
        cites: The sentence of the policy that the rule comes from.
        reason: Why it is undecidable, or more about the violation. Of what was handled: why it
            could not be decided; empty where it was a violation.
        handled: What became of it, in words; empty where it was not handled.
        explanation: The least that decides it, and what would have satisfied what was asked.
        at: When the entry was recorded, by the ledger's clock (RFC 3339, UTC); empty where that is
            not known.
    """

    id: str
    code: str
    clause: str
    rule: str
    result: Result
    severity: Severity
    index: int
    run: str = ""
    action: str = ""
    identity: str = ""
    expected: str = ""
    recorded: str = ""
    rests_on: tuple[Basis, ...] = ()
    uses_snapshot: bool = False
    contract: str = ""
    contract_line: int = 0
    says: str = ""
    cites: str = ""
    reason: str = ""
    handled: str = ""
    explanation: Explanation = field(default_factory=Explanation)
    at: str = ""


def finding_id(
    genesis: str, code: str, rule: str, index: int, contract: str = "", detail: str = ""
) -> str:
    """Return the stable id of a finding.

    Args:
        genesis: Digest of the ledger's genesis record.
        code: The finding's code.
        rule: The rule's id.
        index: The entry's index.
        contract: Digest of the contract, or empty.
        detail: What tells it from others of the same code at the same entry, or empty.

    Returns:
        `F-` and 16 hex digits.

    Example:
        >>> finding_id("00" * 32, "tools.allowed", "tools.allowed", 7)
        'F-48f0e91d88cb94cc'
    """
    lines = ("writ/finding/v1", genesis, code, rule, str(index), contract)
    text = "\n".join((*lines, detail) if detail else lines)
    return "F-" + hashlib.sha256(text.encode()).hexdigest()[:16]


def shortened(text: str, limit: int = SHOWN) -> str:
    """Return `text` on one line of at most `limit` characters, with `…` where it was cut.

    Example:
        >>> shortened("a long   sentence", 8)
        'a long …'
    """
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings by entry, then code, then rule: the order of every report."""
    return tuple(
        sorted(findings, key=lambda found: (found.index, found.code, found.rule, found.id))
    )
