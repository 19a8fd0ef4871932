"""Records of other services' runs: they count for the wide scopes, and for no other."""

from contracts.engine import Engine
from contracts.history import Event
from contracts.model import Contract, Fact, Limits, Rule, Tool

MINE, OTHER = "spiffe://x.example/mine", "spiffe://x.example/other"


def event(index: int, **record: object) -> Event:
    """Return a live entry by one agent."""
    record |= {"v": 1, "nonce": f"{index:032x}", "by": "spiffe://x.example/agent"}
    at = f"2026-01-01T00:00:{index:02d}.000000Z"
    return Event(index, f"{index:064x}", record, at, {"registered": True})


def test_a_wide_fact_sees_other_services_through_a_fact_of_their_run() -> None:
    """A fact over the ledger may ask, of a record of another service, a fact of that one's run."""
    contract = Contract(
        name="c",
        version="1",
        digest="0" * 64,
        service=MINE,
        owner="o",
        permissions=(),
        modes=("execute",),
        tools={"pay": Tool("pay", "execute")},
        limits=Limits(),
        facts=(
            Fact("before", "count", "action"),
            Fact("second_calls", "count", "action", where="facts.before == 1", over="ledger"),
            Fact("here", "count", "action"),
        ),
        rules=(
            Rule("policy.wide", "policy", "action", unless="facts.second_calls == 1"),
            Rule("policy.own", "policy", "action", unless="facts.here == 0"),
        ),
    )
    engine = Engine(contract)
    runs = {OTHER: f"{1:064x}", MINE: f"{4:064x}"}
    history = [
        event(1, kind="run", phase="opened", service=OTHER),
        event(2, kind="action", run=runs[OTHER], tool="pay", params={}),
        event(3, kind="action", run=runs[OTHER], tool="pay", params={}),
        event(4, kind="run", phase="opened", service=MINE),
        event(5, kind="action", run=runs[MINE], tool="pay", params={}),
    ]
    results = [result for one in history for result in engine.observe(one)]
    assert {(r.index, r.rule.id, r.verdict.value) for r in results} == {
        (5, "policy.wide", "satisfied"),
        (5, "policy.own", "satisfied"),
    }
