"""Rules with `expect`: what history must still bring."""

from contracts.engine import Engine
from contracts.history import Event
from contracts.model import Contract, Expectation, Limits, Rule, Tool

SERVICE = "spiffe://x.example/desk"


def test_an_empty_list_of_keys_asks_for_nothing() -> None:
    """Where nothing must follow, neither the scope nor a missing time can leave that open."""
    expect = Expectation("approval", over="identity", by="approval.by", at="params.tags", within=1)
    contract = Contract(
        name="c",
        version="1",
        digest="0" * 64,
        service=SERVICE,
        owner="o",
        permissions=(),
        modes=("execute",),
        tools={"pay": Tool("pay", "execute")},
        limits=Limits(),
        facts=(),
        rules=(Rule("policy.r", "policy", "action", expect=expect),),
    )
    engine = Engine(contract)
    common: dict[str, object] = {"v": 1, "by": "spiffe://x.example/importer"}
    run: dict[str, object] = {
        "kind": "run",
        "phase": "opened",
        "service": SERVICE,
        "nonce": "0" * 32,
        **common,
    }
    run["import"] = {"source": "s", "digest": "0" * 64, "line": 1, "clock": "none"}
    digest = f"{1:064x}"
    act = {"kind": "action", "run": digest, "tool": "pay", "nonce": "1" * 32, **common}
    at = "2026-01-01T00:00:00.000000Z"
    engine.observe(Event(1, digest, run, at, imported=True))
    judged = engine.observe(
        Event(2, f"{2:064x}", act | {"params": {"tags": []}}, at, imported=True)
    )
    assert [result.verdict.value for result in judged] == ["satisfied"]
