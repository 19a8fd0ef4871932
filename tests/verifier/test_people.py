"""Who may: duties at an activation, roles behind a switch, and who opens a run for a service."""

from pathlib import Path
from typing import Any

import pytest

from ledger.authority import Delegation, IdentityEntry
from tests.verifier.forge import OWNERS, ROLES, SERVICE, Desk, contract_text, identity
from verifier.findings import Finding, Result, Severity
from verifier.load import verify_ledger
from verifier.report import ExitCode

DUTIES = "\n  duties: {build: [Bo], approve: [Ada], run: [Mara]}\n"
STRANGER = "stranger"


def with_duties(duties: str, version: str = "2.0.0") -> str:
    """The desk's contract with duties."""
    return contract_text(version).replace("\n  permissions: []\n", duties)


class Peopled(Desk):
    """A desk whose author is Bo, and with a stranger who works for Zoe."""

    def __init__(self, *identities: IdentityEntry) -> None:
        self._more = identities
        super().__init__()

    def first_document(self, **changes: object) -> Any:  # noqa: ANN401 - the forge's document
        """The first authority document, with Bo, the stranger and more."""
        self.roles = {**ROLES, STRANGER: ("agent",)}
        owners = {**OWNERS, "author": "Bo", STRANGER: "Zoe"}
        entries = [
            IdentityEntry(id=identity(name), owner=owners.get(name, "Mara"), roles=roles)
            for name, roles in {**self.roles, "head": ()}.items()
        ]
        own = {one.id for one in self._more}
        kept = [one for one in entries if one.id not in own]
        return super().first_document(identities=(*kept, *self._more), **changes)

    def of(self, folder: Path, *codes: str) -> list[Finding]:
        """The findings of these codes."""
        self.sign_head()
        report = verify_ledger(self.save(folder / "desk.db"), self.trust())
        found = [one for one in report.findings if one.code in codes]
        assert not found or report.exit_code() is ExitCode.VIOLATED
        return found


# -------------------------------------------------------------------------------- duties


def test_duties_that_are_apart(tmp_path: Path) -> None:
    """Three people, three duties: nothing is found, and the contract is in force."""
    desk = Peopled()
    desk.publish("2.0.0", text=with_duties(DUTIES))
    assert desk.of(tmp_path, "identity.duties") == []


@pytest.mark.parametrize(
    ("duties", "recorded"),
    [
        ("\n  duties: {build: [Ada]}\n", "Ada builds and approves"),
        ("\n  duties: {approve: [Lin], run: [Lin]}\n", "Lin approves and runs"),
        ("\n  duties: {run: [Bo, Ada]}\n", "Ada approves and runs; Bo builds and runs"),
        (f"\n  duties: {{approve: [{identity('author')}]}}\n", "Bo builds and approves"),
        ("\n  duties: {build: [Mara]}\n", "Mara builds and runs"),
        (
            f"\n  duties: {{build: [{identity('lead')}], approve: [Lin]}}\n",
            "Lin builds and approves",
        ),
    ],
)
def test_duties_that_overlap(tmp_path: Path, duties: str, recorded: str) -> None:
    """By human owner: an identity is whoever answers for it, and who acted counts as listed."""
    desk = Peopled()
    text = with_duties(duties)
    desk.publish("2.0.0", text=text)
    index = len(desk.headers) - 1
    (one,) = desk.of(tmp_path, "identity.duties")
    assert (one.index, one.recorded) == (index, recorded)
    assert (one.result, one.severity, one.clause) == (Result.VIOLATED, Severity.HIGH, "identity")
    assert text.splitlines()[one.contract_line - 1].strip().startswith("duties:")


def test_without_duties_nothing_is_asked(tmp_path: Path) -> None:
    """A contract that states no duties is held to the ledger's own rule alone."""
    assert Peopled().of(tmp_path, "identity.duties") == []


def test_an_imported_activation_was_somebody_elses(tmp_path: Path) -> None:
    """What another system activated says nothing of the duties here."""
    desk = Peopled()
    desk.publish("2.0.0", text=with_duties("\n  duties: {build: [Ada]}\n"), imported=True)
    assert desk.of(tmp_path, "identity.duties") == []


# ------------------------------------------------------------------------------ switches

SWITCHED = contract_text("2.0.0") + "recovery: {kill_switch: {roles: [refunds-lead, commander]}}\n"


def pull(desk: Desk, name: str, state: str = "engaged", **fields: object) -> int:
    """Let somebody pull the switch; its entry."""
    fields = {"service": SERVICE, "state": state, "mode": "kill", "reason": "x", **fields}
    desk.submit(name, desk.make("switch", name, **fields))
    return len(desk.headers) - 1


def test_a_switch_by_somebody_without_the_role(tmp_path: Path) -> None:
    """It is a finding where it stands, and the service goes on."""
    desk = Peopled()
    text = SWITCHED.replace("refunds-lead, commander", "refunds-lead")
    desk.publish("2.0.0", text=text)
    index = pull(desk, "steward")
    desk.paid()
    (one,) = desk.of(tmp_path, "recovery.switch-role", "recovery.kill-switch")
    assert (one.code, one.index, one.clause) == ("recovery.switch-role", index, "recovery")
    assert one.recorded.endswith("has steward, commander; the switch is not in force")
    assert "kill_switch" in text.splitlines()[one.contract_line - 1]


def test_a_switch_by_somebody_with_the_role(tmp_path: Path) -> None:
    """It is in force, and no finding; what runs all the same is one."""
    desk = Peopled()
    desk.publish("2.0.0", text=SWITCHED)
    pull(desk, "steward")
    desk.paid()
    codes = [one.code for one in desk.of(tmp_path, "recovery.switch-role", "recovery.kill-switch")]
    assert codes == ["recovery.kill-switch"] * 2


def test_a_switch_for_another_service(tmp_path: Path) -> None:
    """Nothing is asked of a switch for a service without a contract."""
    desk = Peopled()
    desk.publish("2.0.0", text=SWITCHED.replace("refunds-lead, commander", "refunds-lead"))
    pull(desk, "steward", service="spiffe://shop.example/other")
    assert desk.of(tmp_path, "recovery.switch-role") == []


def test_a_switch_with_a_selector(tmp_path: Path) -> None:
    """It stops the tools that it names, and no other."""
    desk = Peopled()
    desk.publish("2.0.0", text=SWITCHED)
    pull(desk, "steward", selector='action.tool == "look"')
    desk.paid()
    (one,) = desk.of(tmp_path, "recovery.kill-switch")
    assert one.action == "look"


# ------------------------------------------------------------------- who opens a run


def opened_by(
    desk: Desk, name: str, service: str = SERVICE, source: dict[str, object] | None = None
) -> int:
    """Let somebody open a run of a service; its entry."""
    fields: dict[str, object] = {"import": source} if source else {}
    desk.submit(name, desk.make("run", name, phase="opened", service=service, **fields))
    return len(desk.headers) - 1


def delegated(by: str) -> Delegation:
    """A delegation that holds for as long as the ledger."""
    since, until = "2026-03-01T00:00:00.000000Z", "2026-04-01T00:00:00.000000Z"
    return Delegation(by=by, since=since, until=until)


def test_a_run_opened_by_a_stranger(tmp_path: Path) -> None:
    """An identity of somebody else's opens a run in the service's name: a finding at the run."""
    desk = Peopled()
    index = opened_by(desk, STRANGER)
    (one,) = desk.of(tmp_path, "identity.service")
    assert (one.index, one.identity) == (index, identity(STRANGER))
    assert one.recorded == f"{identity(STRANGER)}, for which Zoe answers"
    assert SERVICE in one.expected
    assert "Mara" in one.expected


@pytest.mark.parametrize("by", [SERVICE, "Mara", identity("agent")])
def test_a_run_opened_by_a_delegate(tmp_path: Path, by: str) -> None:
    """A delegate of the service or of its owner speaks for it; of another agent, it does not."""
    desk = Peopled(
        IdentityEntry(id=identity(STRANGER), owner="Zoe", roles=("agent",), delegated=delegated(by))
    )
    opened_by(desk, STRANGER)
    found = desk.of(tmp_path, "identity.service")
    assert [one.recorded.endswith(f"delegated by {by}") for one in found] == (
        [True] if by == identity("agent") else []
    )


def test_a_run_opened_by_the_service_or_an_agent_of_its_owner(tmp_path: Path) -> None:
    """The service itself, and an identity with its owner, speak for it."""
    desk = Peopled(IdentityEntry(id=identity("desk"), owner="Zoe", roles=("agent",)))
    opened_by(desk, "agent")  # Mara, whom the contract names
    opened_by(desk, STRANGER)  # Zoe, whom the authority names
    assert desk.of(tmp_path, "identity.service") == []


def test_a_run_of_a_service_that_nobody_answers_for(tmp_path: Path) -> None:
    """Without contract and identity there is nobody to compare with."""
    desk = Peopled()
    opened_by(desk, STRANGER, "spiffe://shop.example/unknown")
    assert desk.of(tmp_path, "identity.service") == []


def test_an_imported_run_speaks_for_nobody(tmp_path: Path) -> None:
    """An importer writes what others did, in the name of whoever did it."""
    desk = Peopled(IdentityEntry(id=identity("importer"), owner="Zoe", roles=("importer",)))
    source: dict[str, object] = {
        "source": "a.jsonl",
        "digest": "11" * 32,
        "line": 1,
        "clock": "none",
    }
    opened_by(desk, "importer", source=source)
    assert desk.of(tmp_path, "identity.service") == []
