"""Which version binds, from whole ledgers: ties, one submission, keys that are gone, the past."""

from pathlib import Path
from typing import Any

import pytest

from contracts.instants import moment, written
from ledger.encoding import digest
from tests.verifier.forge import SERVICE, Desk, contract_text, identity
from verifier.load import verify_ledger
from verifier.report import Report

AT = "2026-03-01T09:05:00.000000Z"


class Governed(Desk):
    """A desk with two more versions that are published."""

    def __init__(self) -> None:
        super().__init__()
        for version in ("2.0.0", "3.0.0"):
            text = contract_text(version)
            self.submit("author", self.make("contract", "author", text=text, **self.of(version)))

    def of(self, version: str) -> dict[str, str]:
        """Which text a version is."""
        named = digest(contract_text(version).encode())
        return {"service": SERVICE, "version": version, "digest": named}

    def activation(self, version: str, at: str = AT, by: str = "activator") -> bytes:
        """Return an activation."""
        more: dict[str, Any] = {"effective_at": at, "approved_by": [identity("activator")]}
        return self.make("activation", by, **more, **self.of(version))

    def judged(self, folder: Path) -> Report:
        """Act after five minutes, and verify."""
        self.second = max(self.second, 300)
        self.act(self.open_run(), "look", {})
        self.sign_head()
        return verify_ledger(self.save(folder / "desk.db"), self.trust())


def binding(report: Report) -> list[str]:
    """The versions by which something was judged."""
    return [one.version for one in report.conformance.contracts if one.judged]


def invalid(report: Report) -> list[tuple[int, str]]:
    """Entries that are not valid, and why."""
    return [(one.index, one.code) for one in report.findings if one.clause == "integrity"]


@pytest.mark.parametrize("order", [("2.0.0", "3.0.0"), ("3.0.0", "2.0.0")])
@pytest.mark.parametrize("together", [False, True])
def test_of_two_for_one_time_the_later_entry_holds(
    order: tuple[str, str],
    together: bool,  # noqa: FBT001 - a case
    tmp_path: Path,
) -> None:
    """In two submissions, and in one: the index is what decides, and both are valid."""
    desk = Governed()
    made = [desk.activation(version) for version in order]
    for records in [made] if together else [[one] for one in made]:
        desk.submit("activator", *records)
    report = desk.judged(tmp_path)
    assert invalid(report) == []
    assert binding(report) == [order[1]]


def test_of_two_in_one_submission_the_later_time_holds(tmp_path: Path) -> None:
    """What comes first in a submission holds if it is effective later, and has come."""
    desk = Governed()
    later, earlier = (
        desk.activation("2.0.0"),
        desk.activation("3.0.0", AT.replace("05:00", "04:00")),
    )
    desk.submit("activator", later, earlier)
    assert binding(desk.judged(tmp_path)) == ["2.0.0"]


def test_an_action_between_two_of_one_submission(tmp_path: Path) -> None:
    """Each holds from its own time on."""
    desk = Governed()
    late = desk.activation("3.0.0", AT.replace("05:00", "08:00"))
    desk.submit("activator", late, desk.activation("2.0.0", AT.replace("05:00", "04:00")))
    run = desk.open_run()
    desk.act(run, "look", {})
    desk.second = 260
    desk.act(run, "look", {})
    desk.second = 500
    report = desk.judged(tmp_path)
    assert sorted(binding(report)) == ["1.0.0", "2.0.0", "3.0.0"]


def test_a_key_that_was_revoked_before(tmp_path: Path) -> None:
    """An activation that it signs is not valid, and the version before goes on to bind."""
    desk = Governed()
    desk.submit("steward", desk.authority(desk.next_document(revoke="activator")))
    index = len(desk.headers)
    desk.submit("activator", desk.activation("2.0.0"))
    report = desk.judged(tmp_path)
    assert invalid(report) == [(index, "integrity.entitlement")]
    assert binding(report) == ["1.0.0"]


def test_a_key_that_is_revoked_afterwards(tmp_path: Path) -> None:
    """What it activated while it could stays; the authority says otherwise with `since`."""
    desk = Governed()
    index = len(desk.headers)
    desk.submit("activator", desk.activation("2.0.0"))
    desk.submit("steward", desk.authority(desk.next_document(revoke="activator")))
    assert binding(desk.judged(tmp_path)) == ["2.0.0"]
    desk = Governed()
    desk.submit("activator", desk.activation("2.0.0"))
    desk.submit("steward", desk.authority(desk.next_document(revoke="activator", since=index)))
    (tmp_path / "desk.db").unlink()
    report = desk.judged(tmp_path)
    assert invalid(report) == [(index, "integrity.compromised-key")]
    assert binding(report) == ["1.0.0"]


@pytest.mark.parametrize(("micros", "valid"), [(-1, False), (0, True), (1, True)])
def test_backdated_by_a_microsecond(micros: int, valid: bool, tmp_path: Path) -> None:  # noqa: FBT001
    """An activation that is effective before it was recorded reaches back; at that time not."""
    desk = Governed()
    index, recorded = len(desk.headers), 1_772_355_900_000_000
    assert written(moment(recorded)) == AT
    made = desk.activation("2.0.0", written(moment(recorded + micros)))
    desk.submit("activator", made, at=AT)
    report = desk.judged(tmp_path)
    assert invalid(report) == ([] if valid else [(index, "integrity.governance")])
    assert binding(report) == (["2.0.0"] if valid else ["1.0.0"])
