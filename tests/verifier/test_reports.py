"""Reports: the same result, for a person and for a program."""

import json
from pathlib import Path
from typing import Any, cast

import pytest

from tests.verifier.forge import Desk
from verifier.findings import Basis, Finding, Result, Severity, shortened
from verifier.load import verify_ledger
from verifier.report import (
    Conformance,
    ExitCode,
    Integrity,
    IntegrityVerdict,
    LedgerFacts,
    Report,
    RuleCount,
    Tally,
)
from verifier.reports import SCHEMA, json_report, text_report

CONFORMANT = Conformance(performed=True)


def finding(number: int, severity: Severity = Severity.HIGH, **fields: object) -> Finding:
    """Return a finding with some members."""
    plain: dict[str, Any] = {
        "id": f"F-{number:016x}",
        "code": "policy.p",
        "clause": "policy",
        "rule": "policy.p",
        "result": Result.VIOLATED,
        "severity": severity,
        "index": number,
    }
    return Finding(**{**plain, **cast("dict[str, Any]", fields)})


def report(*findings: Finding, verdict: IntegrityVerdict = IntegrityVerdict.HOLDS) -> Report:
    """Return a report with these findings."""
    integrity = Integrity(verdict, "pinned")
    return Report(LedgerFacts(size=9, checkpoint_size=9), integrity, CONFORMANT, findings)


def test_nothing_recorded_speaks_to_the_terminal() -> None:
    """Escapes, lines of its own and reversed text in what somebody recorded are only shown."""
    bad = "pay\n\x1b[2JIntegrity: HOLDS \x9b31m\u202e"
    lines = text_report(report(finding(1, run=bad, action=bad, recorded=bad))).splitlines()
    assert all(line.isprintable() for line in lines)
    assert [line.startswith("Integrity") for line in lines].count(True) == 1


UNDECIDABLE: dict[str, Any] = {"result": Result.UNDECIDABLE, "reason": "no price"}
HANDLED: dict[str, Any] = {"result": Result.HANDLED, "handled": "denied by the guard"}
APPROVED: dict[str, Any] = {**HANDLED, "handled": "approved by spiffe://a/lead at entry 4"}


@pytest.mark.parametrize(
    ("findings", "verdict", "expected"),
    [
        ((), "holds", ExitCode.HOLDS),
        ((finding(1),), "holds", ExitCode.VIOLATED),
        ((finding(1, Severity.LOW),), "holds", ExitCode.VIOLATED),
        ((finding(1, Severity.ADVICE),), "holds", ExitCode.HOLDS),
        ((finding(1, **UNDECIDABLE),), "holds", ExitCode.UNDECIDABLE),
        ((finding(1, Severity.LOW, **UNDECIDABLE),), "holds", ExitCode.HOLDS),
        ((finding(1, **UNDECIDABLE), finding(2)), "holds", ExitCode.VIOLATED),
        ((finding(1, Severity.ADVICE, **HANDLED),), "holds", ExitCode.HOLDS),
        ((finding(1, **HANDLED),), "holds", ExitCode.HOLDS),
        ((finding(1, **HANDLED), finding(2, **UNDECIDABLE)), "holds", ExitCode.UNDECIDABLE),
        ((), "undecidable", ExitCode.UNDECIDABLE),
        ((finding(1),), "undecidable", ExitCode.VIOLATED),
        ((), "broken", ExitCode.VIOLATED),
    ],
)
def test_exit_codes(findings: tuple[Finding, ...], verdict: str, expected: ExitCode) -> None:
    """Broken or violated comes before undecidable, and that before fine."""
    assert report(*findings, verdict=IntegrityVerdict(verdict)).exit_code() is expected


def test_text_is_for_a_person() -> None:
    """Findings are grouped by rule with their counts, and what is not proven ends the report."""
    many = [finding(number, expected="a", recorded="b", reason="c") for number in range(8)]
    bases = tuple(Basis(number, "message", "chat", snapshot=True) for number in range(6))
    said = text_report(
        report(
            *many,
            finding(20, run="r", action="pay", says="Say so.", cites="P1", rests_on=bases),
            finding(30, contract_line=7, says="Line.", rule="other", code="policy.other"),
            finding(21, **UNDECIDABLE),
            finding(22, **UNDECIDABLE),
            finding(23, Severity.ADVICE),
        ),
        in_full=8,
    )
    lines = said.splitlines()
    assert lines[0] == "Integrity: HOLDS · trust: pinned · 9 entries"
    assert "  policy.p · 9× · high" in lines
    assert "    … and 1 more" in lines
    assert "  policy.other (other) · 1× · high" in lines
    assert "    Line. (contract line 7)" in lines
    assert "    2× no price (first at entry 21, F-0000000000000015)" in lines
    assert lines.index("Violated") < lines.index("Undecidable") < lines.index("Advice")
    assert lines[-1].startswith("  - that the ledger is complete")


def test_text_of_what_was_handled() -> None:
    """One line a rule, before advice: nothing in it waits for a reader."""
    said = text_report(
        report(
            finding(1, **UNDECIDABLE),
            *(finding(number, Severity.ADVICE, **HANDLED) for number in (20, 21)),
            finding(22, Severity.ADVICE, **APPROVED),
            finding(23, Severity.ADVICE, rule="other", code="policy.other", **APPROVED),
            finding(24, Severity.ADVICE, **UNDECIDABLE),
        )
    )
    lines = said.splitlines()
    start = lines.index("Handled")
    assert lines[start + 1 : lines.index("Advice") - 1] == [
        "  policy.other (other) · 1×: 1 approved (first at entry 23, F-0000000000000017)",
        "  policy.p · 3×: 1 approved, 2 denied (first at entry 20, F-0000000000000014)",
    ]
    assert lines.index("Undecidable") < start


def test_the_counts_of_what_was_handled() -> None:
    """Each result is counted once, in both reports."""
    tallies = (Tally(satisfied=5, violated=1, undecidable=2, handled=3), Tally(handled=4))
    counts = tuple(
        RuleCount("aa", f"policy.{number}", "policy", "deny", 1, "", tally)
        for number, tally in enumerate(tallies)
    )
    conformance = Conformance(performed=True, counts=counts)
    one = Report(LedgerFacts(), Integrity(IntegrityVerdict.HOLDS, "pinned"), conformance, ())
    line = "Conformance: 1 violated (of 1 rules) · 2 undecidable · 7 handled · 5 satisfied"
    assert line in text_report(one).splitlines()
    body = json.loads(json_report(one))["conformance"]
    assert body["total"] == {"satisfied": 5, "violated": 1, "undecidable": 2, "handled": 7}
    assert [count["handled"] for count in body["counts"]] == [3, 4]
    told = report(finding(1, Severity.ADVICE, **APPROVED))
    (shown,) = json.loads(json_report(told))["findings"]
    assert (shown["result"], shown["handled"]) == ("handled", APPROVED["handled"])


def test_text_of_what_a_finding_rests_on() -> None:
    """The first few entries are named, the others counted."""
    bases = tuple(Basis(number, "message", "chat", snapshot=True) for number in range(6))
    said = text_report(report(finding(1, rests_on=bases)))
    assert "rests on: 0 (message from chat, snapshot), " in said
    assert said.count("message from chat") == 4
    assert "and 2 more" in said


def test_text_of_a_ledger_without_trust_file(tmp_path: Path) -> None:
    """The first line says on whose word the ledger holds."""
    desk = Desk()
    desk.sign_head()
    said = text_report(verify_ledger(desk.save(tmp_path / "desk.db")))
    assert "trust: self-asserted" in said.splitlines()[0]


def test_text_of_a_broken_ledger(tmp_path: Path) -> None:
    """It names the entry, the step and the check, and says that nothing was judged."""
    desk = Desk()
    desk.sign_head()
    desk.records[3] = b"{}"
    said = text_report(verify_ledger(desk.save(tmp_path / "desk.db"), desk.trust()))
    assert said.startswith("Integrity: BROKEN at entry 3 · trust: pinned\n")
    assert "(step 2, record)" in said
    assert "Conformance: NOT JUDGED" in said


def test_text_of_a_ledger_that_is_left_open(tmp_path: Path) -> None:
    """Undecidable integrity says why; invalid ones are counted; broken at once has no name."""
    desk = Desk()
    desk.submit("agent", b'{"kind":"dream","v":1}')
    said = text_report(verify_ledger(desk.save(tmp_path / "desk.db")))
    assert "UNDECIDABLE" in said.splitlines()[0]
    assert "no head of this ledger was ever signed" in said
    assert "1 single records" in said
    other = Desk()
    other.records[0] = b"{}"
    assert "  ledger " not in text_report(verify_ledger(other.save(tmp_path / "other.db")))


def test_json_is_the_same_byte_for_byte(tmp_path: Path) -> None:
    """Two verifications write the same bytes, but for the envelope."""
    desk = Desk(imported=True)
    desk.paid(5000, look=False)
    desk.sign_head()
    path = desk.save(tmp_path / "desk.db")
    first, again = (json_report(verify_ledger(path, desk.trust())) for _ in range(2))
    assert first == again
    body = json.loads(first)
    assert body["schema"] == SCHEMA
    assert "envelope" not in body
    assert body["integrity"]["verdict"] == "holds"
    assert body["ledger"]["size"] == len(desk.headers)
    assert body["findings"][0]["rests_on"] == []
    counts = {count["rule"]: count for count in body["conformance"]["counts"]}
    assert counts["policy.looked"]["violated"] == 1
    wrapped = json.loads(json_report(verify_ledger(path, desk.trust()), {"writ": "1"}))
    assert wrapped.pop("envelope") == {"writ": "1"}
    assert wrapped == body


def test_json_of_a_broken_ledger(tmp_path: Path) -> None:
    """It says where."""
    desk = Desk()
    desk.sign_head()
    desk.headers[3] = b"{}"
    body = json.loads(json_report(verify_ledger(desk.save(tmp_path / "desk.db"))))
    assert body["integrity"]["broken"]["index"] == 3
    assert body["conformance"]["performed"] is False
    assert body["exit_code"] == 1


def test_long_texts_are_cut_and_put_on_one_line() -> None:
    """A reader sees where something was cut."""
    assert shortened("a\n  b") == "a b"
    assert len(shortened("x" * 500)) == 160


@pytest.mark.parametrize(
    ("head", "said"), [(7, "9 entries, 2 of them under no signed head"), (9, "9 entries")]
)
def test_the_first_line_says_what_no_head_covers(head: int, said: str) -> None:
    """Entries after the newest signed head can still be cut off: the verdict line counts them."""
    integrity = Integrity(IntegrityVerdict.HOLDS, "pinned")
    one = Report(LedgerFacts(size=9, checkpoint_size=head), integrity, CONFORMANT, ())
    assert text_report(one).splitlines()[0].endswith(said)
