"""Reports to write: of real ledgers, and one of everything that a report can hold."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from contracts.results import Explanation
from tests.verifier.forge import Desk
from verifier.findings import Basis, Finding, Result, Severity
from verifier.load import verify_ledger
from verifier.report import (
    Break,
    Conformance,
    Integrity,
    IntegrityVerdict,
    JudgedContract,
    LedgerFacts,
    Report,
    RuleCount,
    SealedState,
    Tally,
)

# What the standards' own bodies publish lies beside the project: it is theirs, and kept by them.
SCHEMAS = Path(__file__).resolve().parents[3] / "shared" / "schemas"

OLD, NEW = "aa" * 32, "bb" * 32
AT = "2026-03-02T05:40:08.895000Z"
# What somebody may record to be believed by whoever reads a report, or its reader's program.
HOSTILE = (
    "</script><script>alert(1)</script></style><img src=x onerror=alert(1)>"
    "\"'`]]>--> javascript:alert(1) [pay](https://evil.example/) {0} \x00\x1b[2J\r\n\u202e\u2066"
    "\u2028\x85<!-- &amp; ${x} {{y}} " + "ع"
)


def published(name: str) -> Path:
    """Return a published schema; the test is skipped where there is none."""
    path = Path(os.environ.get("WRIT_SCHEMAS", SCHEMAS)) / name
    if not path.is_file():
        pytest.skip(f"no schemas/{name} beside the project, nor in WRIT_SCHEMAS")
    return path


WHY = Explanation(
    because=("approved 120.00 EUR; the limit is 100.00 EUR",),
    facts=(("limits.auto", "100000000"),),
    entries=(2,),
    would=("an approval by refunds-lead before it",),
)


def finding(number: int, **fields: object) -> Finding:
    """Return a finding of a rule, violated unless the fields say otherwise."""
    plain: dict[str, Any] = {
        "id": f"F-{number:016x}",
        "code": "policy.p",
        "clause": "policy",
        "rule": "policy.p",
        "result": Result.VIOLATED,
        "severity": Severity.HIGH,
        "index": number,
        "run": "R-1",
        "action": "payouts.create",
        "identity": "spiffe://shop.example/agent",
        "expected": "amount <= 5",
        "recorded": 'params.amount = {"micros": 6}',
        "rests_on": (Basis(1, "observation", "crm", snapshot=True), Basis(number + 1, "outcome")),
        "uses_snapshot": True,
        "contract": OLD,
        "contract_line": 7,
        "says": "Too much.",
        "cites": "S1",
        "at": AT,
    }
    return Finding(**{**plain, **cast("dict[str, Any]", fields)})


def everything() -> Report:
    """Return a report with one of each: results, severities, contracts, codes beside rules."""
    beside: dict[str, Any] = {"contract": "", "contract_line": 0, "says": "", "cites": ""}
    findings = (
        finding(2),
        finding(3, contract=NEW),
        finding(4, result=Result.UNDECIDABLE, reason="no price"),
        finding(
            5,
            result=Result.HANDLED,
            severity=Severity.ADVICE,
            handled="denied by the guard",
        ),
        finding(
            6,
            code="decision.false-allow",
            rule="decision.false-allow",
            clause="decision",
            severity=Severity.CRITICAL,
            **{**beside, "contract": OLD},
        ),
        finding(
            7,
            code="coverage.run-unclosed",
            rule="coverage.run-unclosed",
            clause="coverage",
            result=Result.UNDECIDABLE,
            severity=Severity.ADVICE,
            reason="it may go on",
            at="",
            rests_on=(),
            **beside,
        ),
        finding(
            8,
            code="integrity.time",
            rule="integrity.time",
            clause="integrity",
            severity=Severity.CRITICAL,
            **beside,
        ),
        finding(9, code="cost.c", rule="cost.c", clause="cost", severity=Severity.LOW),
    )
    counts = (
        _count(OLD, "policy.p", "deny", Tally(5, 1, 1, 1, {"no price": 1})),
        _count(OLD, "cost.c", "warn", Tally(5, 1)),
        _count(OLD, "scope.quiet", "approve", Tally()),
        _count(NEW, "policy.p", "escalate", Tally(5, 1)),
        _count(NEW, "scope.open", "deny", Tally(0, 0, 2, 0, {"sealed": 2})),
    )
    return Report(
        LedgerFacts("shop.example/ledger", "cc" * 32, 11, "cm9vdA==", 10, "cm9vdA=="),
        Integrity(
            IntegrityVerdict.HOLDS,
            "pinned",
            not_excluded=("entries 10 to 10",),
            submissions=9,
            invalid_submissions=1,
            invalid_records=1,
            sealed={SealedState.DISCLOSED: 1},
        ),
        Conformance(
            performed=True,
            contracts=(
                JudgedContract("desk", "1.0.0", OLD, "spiffe://shop.example/desk", 20),
                JudgedContract("desk", "1.1.0", NEW, "spiffe://shop.example/desk", 10),
            ),
            counts=counts,
            records={"action": 9},
        ),
        findings,
    )


def _count(contract: str, rule: str, effect: str, tally: Tally) -> RuleCount:
    clause = rule.partition(".")[0]
    return RuleCount(contract, rule, clause, effect, 7, f"{rule} says.", tally, "S1")


def broken() -> Report:
    """Return a report on a ledger that is broken."""
    what = "the record is not the one that its header names"
    found = Finding(
        id="F-" + "0" * 16,
        code="integrity.record",
        clause="integrity",
        rule="integrity.record",
        result=Result.VIOLATED,
        severity=Severity.CRITICAL,
        index=3,
        expected="the record that its header names (step 2)",
        recorded=what,
    )
    return Report(
        LedgerFacts(),
        Integrity(IntegrityVerdict.BROKEN, "pinned", Break(3, 2, "record", what)),
        Conformance(performed=False),
        (found,),
    )


def undecidable() -> Report:
    """Return a report on a ledger of which no head was signed."""
    why = ("no head of this ledger was ever signed",)
    return Report(
        LedgerFacts("shop.example/ledger", "cc" * 32, 4),
        Integrity(IntegrityVerdict.UNDECIDABLE, "self-asserted", reasons=why),
        Conformance(performed=True),
        (),
    )


def hostile() -> Report:
    """Return a report in which every text that somebody wrote is an attack."""
    report = everything()
    texts = (
        "run",
        "action",
        "identity",
        "expected",
        "recorded",
        "says",
        "cites",
        "reason",
        "handled",
    )
    attack: dict[str, Any] = dict.fromkeys(texts, HOSTILE)
    bases = (Basis(1, HOSTILE, HOSTILE),)
    findings = tuple(replace(found, rests_on=bases, **attack) for found in report.findings)
    conformance = report.conformance
    counts = tuple(
        replace(
            count,
            says=HOSTILE,
            cites=HOSTILE,
            tally=replace(count.tally, undecidable=1, reasons={HOSTILE: 1}),
        )
        for count in conformance.counts
    )
    named = tuple(
        replace(judged, name=HOSTILE, version=HOSTILE, service=HOSTILE)
        for judged in conformance.contracts
    )
    return replace(
        report,
        ledger=replace(report.ledger, origin=HOSTILE, root=HOSTILE),
        integrity=replace(report.integrity, reasons=(HOSTILE,), not_excluded=(HOSTILE,)),
        conformance=replace(conformance, counts=counts, contracts=named),
        findings=findings,
    )


def explained() -> Report:
    """Return a report with an explanation."""
    report = everything()
    first, *others = report.findings
    return replace(report, findings=(replace(first, explanation=WHY), *others))


def many(count: int) -> Report:
    """Return a report with many findings of a few rules."""
    report = everything()
    rules = ("policy.p", "policy.q", "scope.s")
    findings = tuple(
        finding(number, code=rule, rule=rule, clause=rule.partition(".")[0])
        for number in range(2, count + 2)
        for rule in (rules[number % 3],)
    )
    return replace(report, findings=findings)


def real(folder: Path) -> dict[str, Report]:
    """Return reports on ledgers: one with violations, a broken one, one without a head."""
    desk = Desk(imported=True)
    desk.paid(5000, look=False)
    desk.paid()
    desk.sign_head()
    violated = verify_ledger(desk.save(folder / "violated.db"), desk.trust())
    desk.records[3] = b"{}"
    spoiled = verify_ledger(desk.save(folder / "broken.db"), desk.trust())
    other = Desk()
    other.submit("agent", b'{"kind":"dream","v":1}')
    return {
        "violated": violated,
        "broken": spoiled,
        "headless": verify_ledger(other.save(folder / "headless.db")),
    }
