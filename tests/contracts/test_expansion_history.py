"""What the clauses mean over a history: each expanded rule, judged on live entries."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from contracts import load_contract
from contracts.engine import Engine
from contracts.history import Event
from contracts.model import Verdict

SERVICE = "spiffe://acme.example/ai/refunds"
BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
HEAD = f"""\
contract: refunds
version: 1.0.0
identity: {{service: {SERVICE}, owner: maria@acme.example}}
scope: {{modes: [read, execute]}}
policy: {{document: {{name: refund-policy, version: "7"}}}}
tools:
  get: {{mode: read}}
  pay:
    mode: execute
    irreversible: money is gone
    target: params.to
    params: {{type: object, properties: {{to: {{type: string}}, micros: {{type: integer}}}}}}
"""


class History:
    """Feeds an engine with live entries of one run, a second after another."""

    def __init__(self, more: str, tool: str = "") -> None:
        self.engine = Engine(load_contract(HEAD + tool + more))
        self.now = BEGIN
        self.size = 0
        self.verdicts: dict[tuple[int, str], str] = {}
        self.run = self.add(
            {"kind": "run", "phase": "opened", "service": SERVICE, "workflow": "desk"}
        )

    def wait(self, **length: float) -> None:
        """Let time pass."""
        self.now += timedelta(**length)

    def add(self, record: Mapping[str, object], *roles: str) -> str:
        """Append a record by somebody with these roles; its digest."""
        index, self.size = self.size, self.size + 1
        self.now += timedelta(seconds=1)
        digest = sha256(str(index).encode()).hexdigest()
        whole = {"v": 1, "nonce": f"{index:032x}", "by": SERVICE, **record}
        stamp = self.now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        identity = {
            "registered": True,
            "id": SERVICE,
            "owner": "maria",
            "roles": roles or ["agent"],
        }
        event = Event(index, digest, whole, stamp, identity)
        for result in self.engine.observe(event):
            self.verdicts[result.index, result.rule.id] = result.verdict.value
        return digest

    def act(self, tool: str = "pay", to: str = "a", micros: int = 5, **more: object) -> str:
        """Append an action; its digest."""
        params = {"to": to, "micros": micros}
        return self.add({"kind": "action", "run": self.run, "tool": tool, "params": params, **more})

    def end(self, action: str, status: str = "ok", **more: object) -> str:
        """Append the outcome of an action; its digest."""
        return self.add(
            {"kind": "outcome", "run": self.run, "action": action, "status": status, **more}
        )

    def say(self, role: str = "assistant", **more: object) -> str:
        """Append a message; its digest."""
        return self.add({"kind": "message", "run": self.run, "role": role, "turn": 0, **more})

    def switch(self, state: str, *roles: str, mode: str = "kill", **more: object) -> str:
        """Append a switch by somebody with these roles; its digest."""
        record = {"kind": "switch", "service": SERVICE, "state": state, "mode": mode, "reason": "x"}
        return self.add({**record, **more}, *roles)

    def last(self, rule: str) -> str:
        """The verdict of a rule at the last entry."""
        return self.verdicts[self.size - 1, rule]

    def acted(self, rule: str, tool: str = "pay", to: str = "a") -> str:
        """The verdict of a rule on a new action that has its outcome at once."""
        action = self.act(tool, to)
        found = self.last(rule)
        self.end(action)
        return found


def money(micros: int, currency: str = "USD") -> dict[str, object]:
    """An amount of money as records hold it."""
    return {"micros": micros, "currency": currency}


def test_quiet() -> None:
    """An ordinary call is in order by every rule, and by none is it undecidable."""
    history = History("")
    history.act()
    history.end(history.act())
    assert set(history.verdicts.values()) == {"satisfied"}


def test_rate() -> None:
    """The third call in a minute is one too many, and another a minute later is none."""
    history = History("", "    rate: 2/1m\n")
    rule = "tools.pay.rate"
    assert [history.acted(rule) for _ in range(3)] == ["satisfied", "satisfied", "violated"]
    history.wait(minutes=1)
    assert history.acted(rule) == "satisfied"


def test_breaker() -> None:
    """The second failure in a minute stops the tool for five minutes from then."""
    history = History("", "    breaker: {failures: 2, within: 1m, cooldown: 5m}\n")
    rule = "tools.pay.breaker"
    history.end(history.act(), "error")
    history.wait(minutes=2)
    history.end(history.act(), "error")
    assert history.acted(rule) == "satisfied"
    history.end(history.act(), "timeout")
    assert history.acted(rule) == "violated"
    history.wait(minutes=3)
    assert history.acted(rule) == "violated"
    history.wait(minutes=2)
    assert history.acted(rule) == "satisfied"


def test_timeout() -> None:
    """An answer after the timeout is a violation of the outcome, not of the action."""
    history = History("", "    timeout: 5s\n")
    history.end(history.act())
    assert history.last("tools.pay.timeout") == "satisfied"
    action = history.act()
    history.wait(seconds=5)
    history.end(action)
    assert history.last("tools.pay.timeout") == "violated"


def test_idempotency() -> None:
    """What succeeded once is not done again; what failed may be."""
    history = History("", "    idempotency: params.to\n")
    rule = "tools.pay.idempotency"
    history.end(history.act(), "error")
    assert history.acted(rule) == "satisfied"
    assert history.acted(rule) == "violated"
    assert history.acted(rule, to="b") == "satisfied"


def test_cost_budget() -> None:
    """Messages, outcomes, what is reserved and the action itself are held against the budget."""
    history = History(
        "cost: {per_run: {cost_micros: 100, currency: USD}}\n",
        "    estimate: {cost: params.micros, currency: USD}\n",
    )
    rule = "cost.cost"
    history.say("user")
    history.say(cost=money(40))
    first = history.act(micros=60)
    assert history.last(rule) == "satisfied"
    history.act(micros=1)
    assert history.last(rule) == "violated"
    history.end(first, cost=money(50))
    history.act(micros=9)
    assert history.last(rule) == "satisfied"
    history.act("get")
    assert history.last(rule) == "satisfied"
    history.say()
    history.act("get")
    assert history.last(rule) == "undecidable"


def test_cost_not_recorded() -> None:
    """A tool that costs and does not say what leaves the budget undecided, as other money does."""
    more, tool = "cost: {per_run: {cost_micros: 100, currency: USD}}\n", "    estimate: {cost: 1}\n"
    silent, other = History(more, tool), History(more, tool)
    silent.end(silent.act())
    assert silent.acted("cost.cost") == "undecidable"
    other.end(other.act(), cost=money(1, "EUR"))
    assert other.acted("cost.cost") == "undecidable"


def test_value_of_a_run() -> None:
    """A run that cost more than its worth is found when it closes."""
    for worth, verdict in ((100, "satisfied"), (99, "violated")):
        history = History("cost: {value: {cost_per_value_max: 0.5}}\n")
        history.say(cost=money(30))
        history.end(history.act(), cost=money(20))
        closed = {"kind": "run", "phase": "closed", "run": history.run, "outcome": "done"}
        history.add({**closed, "value": money(worth)})
        assert history.last("cost.value") == verdict


@pytest.mark.parametrize(
    ("budget", "rule", "steps"),
    [
        ("tool_calls: 2", "cost.tool-calls", 2),
        ("steps: 2", "cost.steps", 2),
        ("calls: {pay: 2}", "cost.calls.pay", 2),
        ("seconds: 3", "cost.seconds", 2),
    ],
)
def test_counted_budgets(budget: str, rule: str, steps: int) -> None:
    """The action that reaches the budget is in order, the next one is not."""
    history = History(f"cost: {{per_run: {{{budget}}}}}\n")
    found = [history.acted(rule) for _ in range(steps + 1)]
    assert found == ["satisfied"] * steps + ["violated"]


def test_tokens() -> None:
    """A run that used up its tokens makes no further call."""
    history = History("cost: {per_run: {tokens: 10}}\n")
    history.say(tokens={"input": 6, "output": 4})
    assert history.acted("cost.tokens") == "satisfied"
    history.say(tokens={"output": 1})
    assert history.acted("cost.tokens") == "violated"


def test_loop() -> None:
    """The third equal call is a loop; with other parameters it is not."""
    history = History("cost: {loop: {same_call: 3, except: get}}\n")
    rule = "cost.loop"
    assert [history.acted(rule) for _ in range(3)] == ["satisfied", "satisfied", "violated"]
    assert history.acted(rule, to="b") == "satisfied"
    assert [history.acted(rule, tool="get") for _ in range(3)] == ["satisfied"] * 3


def test_throttle() -> None:
    """Calls of all tools are counted over the scope."""
    history = History("cost: {throttle: [{over: workflow, calls: 2, within: 1m}]}\n")
    rule = "cost.throttle.1"
    found = [history.acted(rule, tool=tool) for tool in ("get", "pay", "get")]
    assert found == ["satisfied", "satisfied", "violated"]


def test_kill_switch() -> None:
    """A switch stops the service, safe mode leaves reading, and releasing ends both."""
    history = History("")
    rule = "recovery.kill-switch"

    def switch(state: str, mode: str) -> list[str]:
        record = {"kind": "switch", "service": SERVICE, "state": state, "mode": mode, "reason": "r"}
        history.add(record)
        return [history.acted(rule, tool=tool) for tool in ("get", "pay")]

    assert switch("engaged", "kill") == ["violated", "violated"]
    assert switch("released", "kill") == ["satisfied", "satisfied"]
    assert switch("engaged", "safe") == ["satisfied", "violated"]
    history.add(
        {
            "kind": "switch",
            "service": f"{SERVICE}2",
            "state": "engaged",
            "mode": "kill",
            "reason": "r",
        }
    )
    assert history.acted(rule, tool="get") == "satisfied"


def test_contained_value() -> None:
    """Value in the window, reserved until the outcome says it, and freed when the window passes."""
    history = History(
        "recovery: {containment: {over: service, within: 1h, value_micros: 100}}\n",
        "    estimate: {value: params.micros}\n",
    )
    rule = "recovery.containment"
    first = history.act(micros=60)
    assert history.last(rule) == "satisfied"
    history.act(micros=41)
    assert history.last(rule) == "violated"
    history.end(first, value=money(20))
    history.act(micros=39)
    assert history.last(rule) == "satisfied"
    history.end(history.act(micros=1), "error")
    assert (history.size - 2, rule) in history.verdicts


def test_contained_calls_and_entities() -> None:
    """Reading is not contained; executing is, by calls and by how many are touched."""
    history = History(
        "recovery: {containment: {over: service, within: 1h, calls: 3, entities: 2}}\n"
    )
    rule = "recovery.containment"
    history.act("get")
    assert (history.size - 1, rule) not in history.verdicts
    assert [history.acted(rule, to=to) for to in ("a", "b", "c")] == [
        *("satisfied", "satisfied", "violated")
    ]
    history.wait(hours=1)
    assert [history.acted(rule, to="a") for _ in range(4)] == ["satisfied"] * 3 + ["violated"]


def test_retry() -> None:
    """A call that failed is made again twice and no more; another call is not a retry."""
    history = History("recovery: {on_failure: {retry: 2}}\n")
    rule = "recovery.retry"
    history.acted(rule)
    history.end(history.act(), "error")
    assert [history.acted(rule) for _ in range(3)] == ["satisfied", "satisfied", "violated"]
    assert history.acted(rule, to="b") == "satisfied"


def test_outcome() -> None:
    """What was begun has an outcome when its run closes; what was refused need not."""
    history = History("")
    done = history.size
    history.end(history.act())
    open_ = history.size
    history.act()
    refused = history.size
    history.act(decision={"effect": "deny", "reasons": []})
    history.add({"kind": "run", "phase": "closed", "run": history.run, "outcome": "done"})
    found = {index: history.verdicts.get((index, "recovery.outcome")) for index in (done, open_)}
    assert found == {done: Verdict.SATISFIED.value, open_: Verdict.VIOLATED.value}
    assert history.verdicts.get((refused, "recovery.outcome")) != Verdict.VIOLATED.value


def test_a_switch_is_for_those_who_may() -> None:
    """With roles, a switch by anybody else neither stops the service nor lets it go on."""
    history = History("recovery: {kill_switch: {roles: [commander, owner]}}\n")
    rule = "recovery.kill-switch"
    history.switch("engaged", "agent")
    assert history.acted(rule) == "satisfied"
    history.switch("engaged", "steward", "owner")
    assert history.acted(rule) == "violated"
    history.switch("released", "steward")
    assert history.acted(rule) == "violated"
    history.switch("released", "commander")
    assert history.acted(rule) == "satisfied"


def test_without_roles_a_switch_is_anybodys() -> None:
    """A contract that names no roles leaves it to the ledger who may pull a switch."""
    history = History("")
    history.switch("engaged", "steward")
    assert history.acted("recovery.kill-switch") == "violated"


def test_a_switch_for_some_actions() -> None:
    """A switch with a selector stops what it selects, until one with the same selector ends it."""
    history = History("recovery: {kill_switch: {roles: [commander]}, safe_mode: {allow: [read]}}\n")
    rule = "recovery.kill-switch"
    history.switch("engaged", "commander", selector='action.tool == "pay" && params.to == "a"')
    assert history.acted(rule) == "violated"
    assert history.acted(rule, to="b") == "satisfied"
    history.switch(
        "engaged", "commander", mode="safe", selector='has(action.channel) || "x" == "x"'
    )
    assert history.acted(rule, "get", to="b") == "satisfied"
    assert history.acted(rule, to="b") == "violated"
    history.switch("released", "commander")
    assert history.acted(rule) == "violated"
    history.switch("released", "agent", selector='action.tool == "pay" && params.to == "a"')
    assert history.acted(rule) == "violated"
    history.switch("released", "commander", selector='has(action.channel) || "x" == "x"')
    assert history.acted(rule, to="b") == "satisfied"
    history.switch("released", "commander", selector='action.tool == "pay" && params.to == "a"')
    assert history.acted(rule) == "satisfied"


def test_a_selector_that_is_no_condition_stops_everything() -> None:
    """What a selector cannot tell is stopped, and can be released by the same text."""
    history = History("")
    history.switch("engaged", "commander", selector="params.to = a")
    assert history.acted("recovery.kill-switch") == "violated"
    history.switch("released", "commander", selector="params.to = a")
    assert history.acted("recovery.kill-switch") == "satisfied"
