"""Conformance: records are decided again, and decisions, versions and coverage compared."""

from pathlib import Path
from typing import Any

import pytest

from contracts.sharing import with_shared
from ledger.encoding import digest
from tests.verifier.forge import ROLES, SERVICE, Desk, Forge, contract_text, identity
from verifier.findings import Finding, Result, Severity
from verifier.load import verify_ledger
from verifier.report import ExitCode, Report

LOOKED = {"rule": "policy.looked", "result": "violated", "effect": "deny"}
LARGE = {"rule": "scope.large", "result": "violated", "effect": "approve"}


def judged(desk: Desk, folder: Path) -> Report:
    """Sign the head, save, verify."""
    desk.sign_head()
    return verify_ledger(desk.save(folder / "desk.db"), desk.trust())


def found(report: Report, clause: str = "") -> list[Finding]:
    """Return the findings of a clause, or all that matter."""
    return [
        one
        for one in report.findings
        if one.clause == clause or (not clause and one.severity is not Severity.ADVICE)
    ]


def codes(report: Report, clause: str = "") -> list[str]:
    """Return their codes."""
    return [one.code for one in found(report, clause)]


def allow(*reasons: dict[str, str]) -> dict[str, Any]:
    """Return a decision to allow."""
    return {"effect": "allow", "reasons": list(reasons)}


def test_what_keeps_the_rules(tmp_path: Path) -> None:
    """Every rule's result is counted, and nothing is found."""
    desk = Desk()
    desk.paid()
    report = judged(desk, tmp_path)
    assert codes(report) == []
    counts = {count.rule: count.tally for count in report.conformance.counts}
    assert counts["policy.looked"].satisfied == 1
    assert counts["tools.allowed"].satisfied == 2
    assert report.conformance.total().violated == 0
    (contract,) = report.conformance.contracts
    assert (contract.name, contract.version, contract.judged) == ("desk", "1.0.0", 5)
    assert report.conformance.records["outcome"] == 2


def test_a_violation_says_what_where_and_why(tmp_path: Path) -> None:
    """A finding names entry, run, tool, identity, rule, line, words and values."""
    desk = Desk(imported=True)
    index = len(desk.headers) + 1
    desk.paid(look=False)
    report = judged(desk, tmp_path)
    (one,) = found(report)
    assert (one.code, one.clause, one.index) == ("policy.looked", "policy", index)
    assert (one.run, one.action, one.identity) == ("run-1", "pay", identity("importer"))
    assert (one.expected, one.recorded) == ("facts.looked", "facts.looked = false")
    assert (one.says, one.cites) == ("Look first.", "P1")
    assert contract_text().splitlines()[one.contract_line - 1].startswith("  - {id: looked")
    assert one.contract == digest(contract_text().encode())
    assert report.exit_code() is ExitCode.VIOLATED


def test_ids_are_the_same_on_every_machine(tmp_path: Path) -> None:
    """The same ledger judged twice has the same findings, id for id."""
    desk = Desk(imported=True)
    desk.paid(5000, look=False)
    first = judged(desk, tmp_path)
    again = verify_ledger(tmp_path / "desk.db", desk.trust())
    assert first == again
    assert len({one.id for one in first.findings}) == len(first.findings) > 2


def test_what_cannot_be_decided_is_said(tmp_path: Path) -> None:
    """A rule that reads what is not there is undecidable, with its reason: exit code 3."""
    desk = Desk(imported=True)
    run = desk.open_run()
    desk.end(run, desk.act(run, "look", {}))
    desk.end(run, desk.act(run, "pay", {}))
    desk.close_run(run)
    report = judged(desk, tmp_path)
    assert {one.result for one in found(report)} == {Result.UNDECIDABLE}
    assert set(codes(report)) == {"scope.large", "policy.small"}
    assert all(one.reason for one in found(report))
    assert report.exit_code() is ExitCode.UNDECIDABLE
    small = next(one for one in report.conformance.counts if one.rule == "policy.small")
    assert sum(small.tally.reasons.values()) == small.tally.undecidable == 1


def test_facts_rest_on_entries_that_are_described(tmp_path: Path) -> None:
    """What a violation rests on is named by index, kind and source; snapshots are marked."""
    desk = Desk(imported=True)
    text = (
        contract_text("2.0.0").replace(
            '  looked: {seen: true, from: outcome of look, where: outcome.status == "ok"}',
            "  looked: {seen: true, from: observation, where: 'false', unknown: skip}\n"
            "  stock: {last: observation.fields.left, from: observation, reference: true}",
        )
        + "  - {id: stock, for: pay, unless: facts.stock > 3}\n"
    )
    of = {"service": SERVICE, "version": "2.0.0", "digest": digest(text.encode())}
    desk.submit("author", desk.make("contract", "author", text=text, **of))
    activation = {"effective_at": "2026-03-01T09:00:00.000000Z", "imported": True}
    desk.submit(
        "activator",
        desk.make("activation", "activator", approved_by=[], **of, **activation),
    )
    note = {"what": "stock", "source": "shelf", "observer": "source", "fields": {"left": 2}}
    index = len(desk.headers)
    desk.submit("importer", desk.make("observation", "importer", **note))
    desk.paid()
    one = next(one for one in found(judged(desk, tmp_path)) if one.code == "policy.stock")
    assert one.recorded == "facts.stock = 2"
    (basis,) = one.rests_on
    assert (basis.index, basis.kind, basis.source, basis.snapshot) == (
        index,
        "observation",
        "shelf",
        True,
    )
    assert one.uses_snapshot


# ---------------------------------------------------------------------------- decisions


@pytest.mark.parametrize(
    ("look", "amount", "decision", "expected"),
    [
        (True, 5, allow(), []),
        (False, 5, {"effect": "deny", "reasons": [LOOKED]}, ["executed-despite-deny"]),
        (False, 5, allow(), ["false-allow"]),
        (True, 5, {"effect": "deny", "reasons": [LOOKED]}, ["executed-despite-deny", "false-deny"]),
        (True, 500, {"effect": "approve", "reasons": [LARGE]}, ["executed-without-approval"]),
        (True, 500, allow(), ["false-allow"]),
        (True, 5, allow(LOOKED), ["reasons-differ"]),
    ],
)
def test_a_decision_against_the_ledger(
    look: bool,  # noqa: FBT001 - a case of the table
    amount: int,
    decision: dict[str, Any],
    expected: list[str],
    tmp_path: Path,
) -> None:
    """What the guard decided is derived again, and what was done is compared with it."""
    desk = Desk()
    desk.paid(amount, look=look, decision=decision)
    report = judged(desk, tmp_path)
    assert sorted(codes(report, "decision")) == [f"decision.{code}" for code in expected]


def test_a_decision_on_another_history(tmp_path: Path) -> None:
    """A decision whose submission another entry could precede rests on nothing sure."""
    desk = Desk()
    run = desk.open_run()
    made = desk.make("action", "agent", run=run, tool="look", params={}, decision=allow())
    desk.end(run, desk.submit("agent", made)[0])
    assert codes(judged(desk, tmp_path), "decision") == ["decision.stale-basis"]


def test_a_decision_under_another_version(tmp_path: Path) -> None:
    """An action that claims a version that was not in force is named."""
    desk = Desk()
    claimed = {"version": "0.9.0", "digest": "ab" * 32}
    desk.paid(contract=claimed, decision=allow())
    (one,) = found(judged(desk, tmp_path), "decision")
    assert one.code == "decision.wrong-version"
    assert "0.9.0" in one.recorded
    assert "1.0.0" in one.expected


def test_an_imported_decision_is_not_compared(tmp_path: Path) -> None:
    """Somebody else decided it, on what only they know."""
    desk = Desk(imported=True)
    desk.paid(look=False, decision={"effect": "deny", "reasons": []})
    assert "decision.false-deny" not in codes(judged(desk, tmp_path))


class Held(Desk):
    """A desk with a payment that waits for an approval."""

    def __init__(self) -> None:
        super().__init__()
        self.run = self.open_run()
        self.end(self.run, self.act(self.run, "look", {}))
        held = {"effect": "approve", "reasons": [LARGE]}
        self.proposed = self.act(self.run, "pay", {"amount": 500}, decision=held)

    def say(self, verdict: str, name: str = "lead") -> None:
        """Somebody speaks on the proposed payment."""
        made = self.make("approval", name, action=self.proposed, verdict=verdict)
        self.submit(name, made)

    def resume(self, amount: int = 500, **fields: object) -> str:
        """The payment is made after all."""
        lifted = allow({**LARGE, "effect": "allow"})
        action = self.act(
            self.run,
            "pay",
            {"amount": amount},
            **{"resumes": self.proposed, "decision": lifted, **fields},
        )
        self.end(self.run, action)
        return action


def test_an_approved_payment(tmp_path: Path) -> None:
    """Held, approved by somebody who may, resumed once: nothing to say."""
    desk = Held()
    desk.say("approve")
    desk.resume()
    report = judged(desk, tmp_path)
    assert codes(report, "decision") == []


def test_an_approval_is_used_once(tmp_path: Path) -> None:
    """The second payment on one approval is named, and what it rests on."""
    desk = Held()
    desk.say("approve")
    desk.resume()
    desk.resume()
    (one,) = found(judged(desk, tmp_path), "decision")
    assert one.code == "decision.approval-reused"
    assert len(one.rests_on) == 3


@pytest.mark.parametrize("verdict", [None, "refuse", "withdraw"])
def test_nobody_approved(verdict: str | None, tmp_path: Path) -> None:
    """A payment that is resumed without an approval, or after it was taken back."""
    desk = Held()
    if verdict:
        desk.say("approve")
        desk.say(verdict)
    desk.resume()
    assert codes(judged(desk, tmp_path), "decision") == ["decision.executed-without-approval"]


def test_what_another_says_takes_no_approval_back(tmp_path: Path) -> None:
    """Of what each said the last word holds: a second person's refusal is not the first one's."""
    desk = Held()
    desk.say("approve")
    desk.say("refuse", "activator")
    desk.resume()
    assert codes(judged(desk, tmp_path), "decision") == []


def test_another_payment_than_the_approved_one(tmp_path: Path) -> None:
    """What is resumed is what was proposed, to the parameter."""
    desk = Held()
    desk.say("approve")
    desk.resume(600)
    assert codes(judged(desk, tmp_path), "decision") == ["decision.approval-mismatch"]


def test_resuming_what_was_never_held(tmp_path: Path) -> None:
    """An action that resumes one that was not held has no approval to rest on."""
    desk = Held()
    desk.say("approve")
    paid = desk.resume()
    desk.resume(resumes=paid)
    assert codes(judged(desk, tmp_path), "decision") == ["decision.approval-mismatch"]


def test_an_approval_of_what_was_not_held(tmp_path: Path) -> None:
    """It changes nothing."""
    desk = Desk()
    action = desk.paid()
    desk.submit("lead", desk.make("approval", "lead", action=action, verdict="approve"))
    assert codes(judged(desk, tmp_path)) == []


@pytest.mark.parametrize("status", ["skipped", "abandoned"])
def test_a_denied_action_that_was_not_done(status: str, tmp_path: Path) -> None:
    """An outcome that says that nothing was called is as it should be."""
    desk = Desk()
    run = desk.open_run()
    denied = {"effect": "deny", "reasons": [LOOKED]}
    desk.end(run, desk.act(run, "pay", {"amount": 5}, decision=denied), status)
    assert codes(judged(desk, tmp_path), "decision") == []


# ----------------------------------------------------------------------------- coverage


def test_no_contract_in_force(tmp_path: Path) -> None:
    """An action of a service without a contract cannot be judged, and that is said."""
    desk = Desk()
    other = desk.make("run", "agent", phase="opened", service="spiffe://shop.example/other")
    run = desk.submit("agent", other)[0]
    desk.act(run, "look", {})
    report = judged(desk, tmp_path)
    assert codes(report) == ["coverage.no-contract"]
    assert report.exit_code() is ExitCode.UNDECIDABLE


def test_the_contract_of_another_service(tmp_path: Path) -> None:
    """A text that binds another service judges nothing here, and that is no pass."""
    desk = Desk()
    text = contract_text("2.0.0").replace(SERVICE, "spiffe://shop.example/other")
    of = {"service": SERVICE, "version": "2.0.0", "digest": digest(text.encode())}
    desk.submit("author", desk.make("contract", "author", text=text, **of))
    effective = f"2026-03-01T09:00:{desk.second + 1:02}.000000Z"
    activation = desk.make("activation", "activator", effective_at=effective, approved_by=[], **of)
    desk.submit("activator", activation)
    desk.paid(5000, look=False)
    report = judged(desk, tmp_path)
    (one,) = found(report)
    assert (one.code, one.result) == ("coverage.no-contract", Result.UNDECIDABLE)
    assert "shop.example/other" in one.recorded
    assert report.exit_code() is ExitCode.UNDECIDABLE


def test_a_live_action_in_an_imported_run(tmp_path: Path) -> None:
    """Who wrote it decides: an agent's decision is compared wherever it puts its action."""
    desk = Desk()
    source = {"source": "a.jsonl", "digest": "11" * 32, "line": 1, "clock": "none"}
    opened = desk.make("run", "importer", phase="opened", service=SERVICE, **{"import": source})
    run = desk.submit("importer", opened)[0]
    denied = {"effect": "deny", "reasons": [LOOKED]}
    desk.end(run, desk.act(run, "pay", {"amount": 5}, decision=denied))
    codes_found = codes(judged(desk, tmp_path), "decision")
    assert codes_found == ["decision.executed-despite-deny"]


def test_an_imported_action_in_a_live_run(tmp_path: Path) -> None:
    """What only an importer says of a decision is not compared, whosever run it is."""
    desk = Desk()
    run = desk.open_run()
    desk.who = "importer"
    denied = {"effect": "deny", "reasons": [LOOKED]}
    desk.end(run, desk.act(run, "look", {}, decision=denied))
    assert codes(judged(desk, tmp_path), "decision") == []


def test_who_imports_and_acts(tmp_path: Path) -> None:
    """Of an identity with both roles the run says which it is."""
    desk = Desk.__new__(Desk)
    Forge.__init__(desk, {**ROLES, "agent": ("agent", "importer")})
    desk.who = "agent"
    desk.publish()
    denied = {"effect": "deny", "reasons": [LOOKED]}
    source = {"source": "a.jsonl", "digest": "11" * 32, "line": 1, "clock": "none"}
    for fields in ({"import": source}, {}):
        run = desk.open_run(**fields)
        desk.end(run, desk.act(run, "pay", {"amount": 5}, decision=denied))
    note = {"what": "stock", "source": "shelf", "observer": "source"}
    desk.submit("agent", desk.make("observation", "agent", **note))
    assert codes(judged(desk, tmp_path), "decision") == ["decision.executed-despite-deny"]


def test_a_contract_that_nobody_can_read(tmp_path: Path) -> None:
    """It is named once, and what it was in force for was not judged."""
    desk = Desk()
    text = "contract: [no contract"
    of = {"service": SERVICE, "version": "2.0.0", "digest": digest(text.encode())}
    desk.submit("author", desk.make("contract", "author", text=text, **of))
    effective = "2026-03-01T09:00:09.000000Z"
    desk.submit(
        "activator",
        desk.make("activation", "activator", effective_at=effective, approved_by=[], **of),
    )
    desk.second += 10
    desk.paid()
    report = judged(desk, tmp_path)
    assert codes(report) == ["coverage.contract-unreadable"]
    assert report.conformance.contracts == ()


def test_an_activation_of_what_is_not_there(tmp_path: Path) -> None:
    """Its contract was never published: it is invalid, and nothing is judged by it."""
    desk = Desk()
    of = {"service": SERVICE, "version": "9.0.0", "digest": "ab" * 32}
    effective = "2026-03-01T09:00:09.000000Z"
    made = desk.make("activation", "activator", effective_at=effective, approved_by=[], **of)
    desk.submit("activator", made)
    assert codes(judged(desk, tmp_path)) == ["integrity.governance"]


def test_an_outcome_that_is_missing(tmp_path: Path) -> None:
    """By the end of its run an action has an outcome; the contract's own rule says so."""
    desk = Desk()
    run = desk.open_run()
    desk.act(run, "look", {})
    index = len(desk.headers) - 1
    waiting = [one for one in judged(desk, tmp_path).findings if one.rule == "recovery.outcome"]
    assert [(one.index, one.result) for one in waiting] == [(index, Result.UNDECIDABLE)]
    (tmp_path / "desk.db").unlink()
    desk.close_run(run)
    (one,) = found(judged(desk, tmp_path))
    assert (one.rule, one.index, one.action) == ("recovery.outcome", index, "look")
    assert one.result is Result.VIOLATED


def test_an_outcome_that_is_missing_where_no_contract_asks(tmp_path: Path) -> None:
    """It is said all the same; while the run is open, as advice: the outcome may still come."""
    desk = Desk()
    other = desk.make("run", "agent", phase="opened", service="spiffe://shop.example/other")
    run = desk.submit("agent", other)[0]
    desk.act(run, "look", {})
    open_ = judged(desk, tmp_path)
    assert [one.severity for one in open_.findings if one.code == "coverage.outcome-missing"] == [
        Severity.ADVICE
    ]
    assert "coverage.run-unclosed" in {one.code for one in open_.findings}
    (tmp_path / "desk.db").unlink()
    desk.close_run(run)
    closed = found(judged(desk, tmp_path), "coverage")
    assert [one.severity for one in closed if one.code == "coverage.outcome-missing"] == [
        Severity.MEDIUM
    ]


def test_a_later_version_judges_from_then_on(tmp_path: Path) -> None:
    """Each version judges its own time, with facts over all history."""
    desk = Desk(imported=True)
    desk.paid()
    desk.publish("2.0.0", imported=True)
    desk.paid()
    contracts = judged(desk, tmp_path).conformance.contracts
    assert [(one.version, one.judged) for one in contracts] == [("1.0.0", 5), ("2.0.0", 5)]


def test_a_contract_over_a_shared_policy(tmp_path: Path) -> None:
    """The ledger alone gives its meaning, and a finding the line of the published text."""
    policy = (
        'policy: shop\ndocument: {name: shop, version: "1"}\n'
        "rules:\n  - {id: seen, for: pay, unless: facts.looked, cites: S1}\n"
    )
    own = contract_text("2.0.0").replace(
        'policy:\n  document: {name: desk policy, version: "1"}\n', ""
    )
    text = own + (f"extends: [{{policy: ../shop.yaml, digest: {digest(policy.encode())}}}]\n")
    published = with_shared(text, {digest(policy.encode()): policy})
    desk = Desk(imported=True)
    desk.publish("2.0.0", imported=True, text=published)
    desk.paid(look=False)
    report = judged(desk, tmp_path)
    lines = {one.code: published.splitlines()[one.contract_line - 1] for one in found(report)}
    assert lines["policy.seen"].strip() == "- {id: seen, for: pay, unless: facts.looked, cites: S1}"
    assert lines["policy.looked"].strip().startswith("- {id: looked")


def test_a_contract_that_only_names_a_shared_policy(tmp_path: Path) -> None:
    """A text whose policy is elsewhere means nothing in a ledger, and that is said."""
    text = contract_text("2.0.0") + f"extends: [{{policy: shop.yaml, digest: {'ab' * 32}}}]\n"
    desk = Desk(imported=True)
    desk.publish("2.0.0", imported=True, text=text)
    report = judged(desk, tmp_path)
    (one,) = [one for one in found(report) if one.code == "coverage.contract-unreadable"]
    assert "extends.unread" in one.recorded
