"""What a run is granted: it uses no other tool, and its children are granted no more."""

import pytest

from contracts.answers import GuardError
from ledger.records import Action, RunOpened
from tests.guard.shop import SERVICE, Shop, codes

READ = {"order": "A-1"}


def test_a_run_uses_what_it_was_granted(shop: Shop) -> None:
    """Another tool is not even recorded: nothing was decided about it."""
    with shop.guard() as guard, guard.run(grant=["orders.get"]) as run:
        with run.action("orders.get", READ):
            pass
        before = shop.store.size()
        with pytest.raises(GuardError, match=r"granted orders\.get, and nothing else"):
            run.propose("cases.open", {"why": "?"})
        assert shop.store.size() == before
    assert codes(shop.verify(), "identity.grant", "decision") == []


def test_a_child_is_granted_no_more_than_its_parent(shop: Shop) -> None:
    """It has what its parent has, or less, however deep; asking for more is refused."""
    with shop.guard() as guard, guard.run(grant=["orders.get", "cases.open"]) as parent:
        with guard.run(parent=parent.id) as child, guard.run(parent=child.id) as grandchild:
            with pytest.raises(GuardError, match="granted"):
                grandchild.propose("payouts.create", {})
            with grandchild.action("cases.open", {"why": "?"}):
                pass
        with guard.run(parent=parent.id, grant=["cases.open"]) as less, pytest.raises(GuardError):
            less.propose("orders.get", READ)
        with pytest.raises(GuardError, match=r"not granted payouts\.create") as refused:
            guard.run(parent=parent.id, grant=["orders.get", "payouts.create"])
        assert refused.value.code == "guard.grant"
    assert codes(shop.verify(), "identity.grant", "decision") == []


def test_who_passes_the_guard_over_is_found(shop: Shop) -> None:
    """A wider child, a child that states no grant, and a tool beyond the grant are findings."""
    client = shop.client()
    parent = client.make(RunOpened, service=SERVICE, grant=["orders.get"])
    first = client.submit([parent])[0].record
    wider = client.make(RunOpened, service=SERVICE, parent=first, grant=["cases.open"])
    silent = client.make(RunOpened, service=SERVICE, parent=first)
    second, third = (client.submit([one])[0].record for one in (wider, silent))
    for run, tool in ((first, "cases.open"), (second, "cases.open"), (third, "cases.open")):
        client.submit([client.make(Action, run=run, tool=tool, params={"why": "?"})])
    report = shop.verify()
    assert codes(report, "identity.grant") == ["identity.grant"] * 4
    said = {one.recorded for one in report.findings if one.code == "identity.grant"}
    assert said == {"also cases.open", "no grant is stated", "cases.open"}
    contracts = {one.contract for one in report.findings if one.code == "identity.grant"}
    assert contracts == {report.conformance.contracts[0].digest}
