"""Approvals in whole ledgers: by whom, for what, until when; each one that lifts nothing."""

from pathlib import Path
from typing import Any

import pytest

from ledger.authority import Delegation, IdentityEntry
from tests.verifier.forge import OWNERS, ROLES, SERVICE, Desk, identity
from verifier.load import verify_ledger
from verifier.report import ExitCode

LARGE = {"rule": "scope.large", "result": "violated", "effect": "approve"}
LIFTED = {**LARGE, "effect": "allow"}
HELD = {"effect": "approve", "reasons": [LARGE]}
ALLOWED = {"effect": "allow", "reasons": [LIFTED]}
SINCE, UNTIL = "2026-03-01T00:00:00.000000Z", "2026-04-01T00:00:00.000000Z"


def delegated(name: str, by: str, owner: str = "Zoe", role: str = "refunds-lead") -> IdentityEntry:
    """An identity that acts on somebody's behalf."""
    window = Delegation(by=by, since=SINCE, until=UNTIL)
    return IdentityEntry(id=identity(name), owner=owner, roles=(role,), delegated=window)


class Held(Desk):
    """A desk with a payment that is held; more people may approve than should."""

    def __init__(self, *identities: IdentityEntry, **run: object) -> None:
        self._more = identities
        super().__init__()
        self.run = self.open_run(**run)
        self.end(self.run, self.act(self.run, "look", {}))
        self.proposed = self.act(self.run, "pay", {"amount": 500}, target="x", decision=HELD)

    def first_document(self, **changes: object) -> Any:  # noqa: ANN401 - the forge's document
        """The first authority document, with the service itself and more."""
        leads = {"desk": "Dee", "marasLead": "Mara", "zoesLead": "Zoe", "delegate": "Zoe"}
        self.roles = {**ROLES, **dict.fromkeys(leads, ("refunds-lead",))}
        owners = {**OWNERS, **leads}
        entries = [
            IdentityEntry(id=identity(name), owner=owners.get(name, "Mara"), roles=roles)
            for name, roles in {**self.roles, "head": ()}.items()
        ]
        own = {one.id for one in self._more}
        kept = [one for one in entries if one.id not in own]
        return super().first_document(identities=(*kept, *self._more), **changes)

    def say(self, name: str = "lead", **fields: object) -> None:
        """Somebody approves."""
        made = self.make("approval", name, action=self.proposed, verdict="approve", **fields)
        self.submit(name, made)

    def pay(self, **fields: object) -> None:
        """Make the payment, as if it had been approved."""
        said = {"resumes": self.proposed, "decision": ALLOWED, "target": "x", **fields}
        run, tool = str(said.pop("run", self.run)), str(said.pop("tool", "pay"))
        params: Any = said.pop("params", {"amount": 500})
        self.end(run, self.act(run, tool, params, **said))

    def broken(self, folder: Path) -> list[str]:
        """What is found of the payment."""
        self.sign_head()
        report = verify_ledger(self.save(folder / "desk.db"), self.trust())
        wanted = [
            one.code
            for one in report.findings
            if one.result == "violated" and one.clause in {"scope", "decision", "integrity"}
        ]
        assert report.exit_code() is (ExitCode.VIOLATED if wanted else ExitCode.HOLDS)
        return sorted(wanted)


UNLIFTED = ["decision.false-allow", "scope.large"]


@pytest.mark.parametrize(
    ("name", "identities", "run"),
    [
        ("desk", (), {}),
        ("marasLead", (), {}),
        ("zoesLead", (), {"requester": identity("zoesLead")}),
        ("zoesLead", (), {"requester": "Zoe"}),
        ("delegate", (delegated("delegate", SERVICE),), {}),
        ("delegate", (delegated("delegate", "Mara"),), {}),
        ("delegate", (delegated("delegate", identity("agent")),), {}),
        ("delegate", (delegated("delegate", "Rita"),), {"requester": "Rita"}),
        # Whoever delegated who acts.
        ("lead", (delegated("agent", "Lin", role="agent"),), {}),
        ("lead", (delegated("agent", identity("lead"), role="agent"),), {}),
    ],
)
def test_nobody_approves_their_own(
    name: str, identities: tuple[IdentityEntry, ...], run: dict[str, str], tmp_path: Path
) -> None:
    """The service, its owner, who asked, and whoever acts for one of them or has them act."""
    desk = Held(*identities, **run)
    desk.say(name)
    desk.pay()
    assert desk.broken(tmp_path) == UNLIFTED


@pytest.mark.parametrize("by", ["Lin", identity("lead")])
def test_a_delegate_of_another_approves(by: str, tmp_path: Path) -> None:
    """Whoever acts for somebody without a stake lifts the rule."""
    desk = Held(delegated("delegate", by))
    desk.say("delegate")
    desk.pay()
    assert desk.broken(tmp_path) == []


@pytest.mark.parametrize(("seconds", "found"), [(-1, UNLIFTED), (0, UNLIFTED), (1, [])])
def test_at_its_expiry_it_is_over(seconds: int, found: list[str], tmp_path: Path) -> None:
    """The second of the payment is the first at which it no longer lifts."""
    desk = Held()
    desk.say(expires_at=f"2026-03-01T09:00:{desk.second + 2 + seconds:02}.000000Z")
    desk.pay()
    assert desk.broken(tmp_path) == found


@pytest.mark.parametrize(
    "other",
    [{"params": {"amount": 501}}, {"params": {"amount": 500, "to": "y"}}, {"target": "y"}],
)
def test_it_is_for_that_call(other: dict[str, Any], tmp_path: Path) -> None:
    """Other parameters, another target: another payment, which nobody approved."""
    desk = Held()
    desk.say()
    desk.pay(**other)
    assert desk.broken(tmp_path) == ["decision.approval-mismatch", "scope.large"]


def test_it_is_for_that_run_and_tool(tmp_path: Path) -> None:
    """A payment in another run does not rest on it, nor does a call of another tool."""
    desk = Held()
    desk.say()
    other = desk.open_run()
    desk.end(other, desk.act(other, "look", {}))
    desk.pay(run=other)
    assert "decision.approval-mismatch" in desk.broken(tmp_path)
    desk = Held()
    desk.say()
    desk.pay(tool="look", decision={"effect": "allow", "reasons": []})
    (tmp_path / "desk.db").unlink()
    assert desk.broken(tmp_path) == ["decision.approval-mismatch"]


def test_it_is_used_once(tmp_path: Path) -> None:
    """The second payment on it is a breach of the rule and named as that."""
    desk = Held()
    desk.say()
    desk.pay()
    desk.pay()
    assert desk.broken(tmp_path) == ["decision.approval-reused", "scope.large"]


@pytest.mark.parametrize(("rule", "found"), [("scope.large", []), ("policy.small", UNLIFTED)])
def test_it_is_for_the_rule_that_it_names(rule: str, found: list[str], tmp_path: Path) -> None:
    """An approval for another rule lifts none."""
    desk = Held()
    desk.say(rule=rule)
    desk.pay()
    assert desk.broken(tmp_path) == found
