"""What one decision costs, beside two policy engines asked the same twelve rules.

One action is decided at a time, without IO: `Engine.decided` on a contract of
twelve rules over the parameters of a refund, and the same with two rules more on facts over a
history of refunds. Beside it, in the same run and turn by turn:

    cedar     cedarpy with its policies parsed once, context handed in as a dict
    toolkit   the policy engine of agent-governance-toolkit, its rules loaded once

Neither lives beside the versions of libraries that Writ needs, so they are asked in an environment
of their own: `python -m venv DIR; DIR/bin/pip install cedarpy agent-governance-toolkit-core`, then
`--peer DIR/bin/python` (or WRIT_BENCH_PEER).

    python benchmarks/decide.py [--size DECISIONS] [--rounds N] [--peer PYTHON] [--json]

It exits with 1 when the target is missed or could not be measured.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from statistics import median
from typing import Any

from contracts.engine import Engine
from contracts.history import Event
from contracts.loading import load_contract

SIZE = 2_000
ROUNDS = 5
HISTORY = 1_000
TARGET = 0.7
SERVICE = "spiffe://bench.example/agent"
RUN = f"{1:064x}"
WHO = {"registered": True, "id": SERVICE, "owner": "Mara", "roles": ["agent"]}

# Violated where true. Each engine is given its own spelling of these, and no more.
DENIED = (
    ("amount-high", "params.micros > 100000000"),
    ("amount-low", "params.micros < 1"),
    ("currency", '!(params.currency in ["EUR", "USD", "GBP"])'),
    ("reason", '!(params.reason in ["returned", "damaged", "late", "lost"])'),
    ("blocked", "params.blocked == true"),
    ("country", 'params.country in ["XA", "XB", "XC"]'),
    ("channel", '!(params.channel in ["chat", "portal", "email"])'),
    ("age", "params.days > 30"),
    ("items-none", "params.items < 1"),
    ("items-many", "params.items > 20"),
    ("no-card", "params.card == false && params.micros > 50000000"),
    ("risk", "params.risk > 80"),
)
ON_HISTORY = (
    ("serial", "facts.refunds_to_customer >= 3"),
    ("run-total", "facts.run_total + params.micros > 400000000"),
)
FACTS = """
facts:
  refunds_to_customer: {count: true, from: outcome of payouts.create,
    where: 'outcome.status == "ok"', over: ledger, by: params.customer, within: 30d}
  run_total: {sum: params.micros, from: outcome of payouts.create,
    where: 'outcome.status == "ok"', over: run}
"""

# Run by the peers' own Python: for each line of requests it answers with one line of seconds.
PEER = r"""
import json, sys, time
which, rules = json.loads(sys.argv[1])
if which == "cedar":
    import cedarpy
    from cedarpy import Decision
    text = "permit(principal, action, resource);\n" + "".join(
        "forbid(principal, action, resource) when { %s };\n" % condition for condition in rules)
    policies = cedarpy.PolicySet.from_str(text)
    entities = cedarpy.Entities.from_json_str("[]")
    def decide(params):
        request = {"principal": 'User::"agent"', "action": 'Action::"payouts.create"',
                   "resource": 'Tool::"payouts"', "context": {"params": params}}
        return cedarpy.is_authorized(request, policies, entities).decision == Decision.Allow
else:
    import logging
    logging.disable(logging.CRITICAL)
    from agentmesh.governance.policy import Policy, PolicyEngine, PolicyRule
    engine = PolicyEngine(conflict_strategy="deny_overrides")
    engine.load_policy(Policy(name="refunds", agents=["*"], default_action="allow", rules=[
        PolicyRule(name="rule%d" % at, condition=condition, action="deny")
        for at, condition in enumerate(rules)]))
    def decide(params):
        return engine.evaluate("did:mesh:agent", {"params": params}).allowed
print("ready", flush=True)
for line in sys.stdin:
    took, answers = [], []
    for params in json.loads(line):
        start = time.perf_counter()
        answer = decide(params)
        took.append(time.perf_counter() - start)
        answers.append(bool(answer))
    print(json.dumps([took, answers]), flush=True)
"""

Timed = tuple[list[float], list[bool]]


def proposals(count: int) -> list[dict[str, Any]]:
    """Return parameters of refunds: most are in order, every eighth breaks one rule."""
    broken: Sequence[dict[str, Any]] = (
        {"micros": 100_000_001},
        {"currency": "CHF"},
        {"reason": "regret"},
        {"blocked": True},
        {"country": "XB"},
        {"days": 31},
        {"items": 21},
        {"risk": 81},
    )
    made: list[dict[str, Any]] = []
    for number in range(count):
        params: dict[str, Any] = {
            "order": f"A-{number:06}",
            "customer": f"C-{number % 700:04}",
            "micros": 1_000_000 + number % 97 * 10_000,
            "currency": ("EUR", "USD", "GBP")[number % 3],
            "reason": ("returned", "damaged", "late")[number % 3],
            "blocked": False,
            "country": "DE",
            "channel": ("chat", "portal", "email")[number % 3],
            "days": number % 30,
            "items": 1 + number % 5,
            "card": number % 2 == 0,
            "risk": number % 80,
        }
        if number % 8 == 7:
            params |= broken[number // 8 % len(broken)]
        made.append(params)
    return made


# ------------------------------------------------------------------------------- ours


def contract(*, history: bool) -> str:
    """Return the text of the contract."""
    rules = DENIED + (ON_HISTORY if history else ())
    lines = "".join(
        f"  - {json.dumps({'id': name, 'for': 'payouts.create', 'when': when})}\n"
        for name, when in rules
    )
    kinds = {
        "string": ("order", "customer", "currency", "reason", "country", "channel"),
        "integer": ("micros", "days", "items", "risk"),
        "boolean": ("blocked", "card"),
    }
    members = {name: {"type": kind} for kind, names in kinds.items() for name in names}
    schema = {"type": "object", "properties": members, "required": sorted(members)}
    return f"""contract: bench-refunds
version: 1.0.0
identity: {{service: {SERVICE}, owner: mara, permissions: [payouts.write]}}
scope: {{modes: [execute]}}
policy: {{document: {{name: refunds, version: "1"}}}}
tools:
  payouts.create: {{mode: execute, permission: payouts.write, irreversible: paid out,
    params: {json.dumps(schema)}}}
rules:
{lines}{FACTS if history else ""}"""


def event(index: int, **record: object) -> Event:
    """Return an entry of the agent, a second after the one before."""
    record |= {"v": 1, "nonce": f"{index:032x}", "by": SERVICE}
    at = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(1_772_000_000 + index))
    return Event(index, f"{index:064x}", record, at, WHO)


class Ours:
    """The engine, with a history of refunds that were paid."""

    def __init__(self, *, history: bool) -> None:
        self._engine = Engine(load_contract(contract(history=history)))
        self._next = 1
        self._observe(kind="run", phase="opened", service=SERVICE)
        if history:
            for params in proposals(HISTORY):
                run = self._observe(kind="run", phase="opened", service=SERVICE)
                done = self._observe(kind="action", run=run, tool="payouts.create", params=params)
                self._observe(kind="outcome", run=run, action=done, status="ok")

    def _observe(self, **record: object) -> str:
        made = event(self._next, **record)
        self._engine.observe(made, judge=False)
        self._next += 1
        return made.digest

    def timed(self, wanted: Sequence[dict[str, Any]]) -> Timed:
        """Decide each, and return the seconds of each and whether it is allowed."""
        engine, took, answers = self._engine, list[float](), list[bool]()
        for params in wanted:
            proposed = event(
                self._next, kind="action", run=RUN, tool="payouts.create", params=params
            )
            start = time.perf_counter()
            decision = engine.decided(proposed)
            took.append(time.perf_counter() - start)
            answers.append(decision.effect.value == "allow")
        return took, answers


# ------------------------------------------------------------------------------- peers


def cedar_rules() -> list[str]:
    """Return the rules as Cedar spells them."""
    found: list[str] = []
    for _, when in DENIED:
        text = when.replace("params.", "context.params.")
        inside, _, rest = text.partition(" in ")
        if rest:
            negated = inside.startswith("!(")
            member = inside.removeprefix("!(")
            listed = rest.removesuffix(")") if negated else rest
            text = f"{listed}.contains({member})"
            text = f"!({text})" if negated else text
        found.append(text)
    return found


def toolkit_rules() -> list[str]:
    """Return the rules as the toolkit spells them: it knows no negation, and quotes all texts."""
    spelt = {
        "currency": "params.currency not listed",
        "blocked": "params.blocked",
        "no-card": "params.micros > 50000000 and params.card == 'no'",
    }
    found: list[str] = []
    for name, when in DENIED:
        if when.startswith("!("):
            member, _, listed = when[2:-1].partition(" in ")
            values = json.loads(listed)
            found.append(" and ".join(f"{member} != '{value}'" for value in values))
        elif name in spelt:
            found.append(spelt[name])
        else:
            found.append(when.replace('"', "'"))
    return found


class Peer:
    """One of the peers, in a process of its own."""

    def __init__(self, python: str, which: str, rules: Sequence[str], stack: ExitStack) -> None:
        asked = json.dumps([which, rules])
        self._process = stack.enter_context(
            subprocess.Popen(
                [python, "-c", PEER, asked],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        stack.callback(self._process.kill)
        if self._line() != "ready\n":
            raise OSError(
                f"{which}: {(self._process.stderr.read() if self._process.stderr else '')[-300:]}"
            )

    def _line(self) -> str:
        return self._process.stdout.readline() if self._process.stdout else ""

    def timed(self, wanted: Sequence[dict[str, Any]]) -> Timed:
        """Have it decide each; what it takes is measured there."""
        if self._process.stdin is not None:
            self._process.stdin.write(json.dumps(wanted) + "\n")
            self._process.stdin.flush()
        took, answers = json.loads(self._line())
        return took, answers


# ------------------------------------------------------------------------------- measuring


def percentile(sorted_values: Sequence[float], share: float) -> float:
    """Return the value below which this share lies."""
    return sorted_values[min(len(sorted_values) - 1, int(share * len(sorted_values)))]


def measured(size: int, rounds: int, python: str) -> dict[str, Any]:
    """Measure, and return microseconds, ratios and what was missed."""
    wanted = proposals(size)
    missing: list[str] = []
    with ExitStack() as stack:
        asked: dict[str, Callable[[Sequence[dict[str, Any]]], Timed]] = {
            "writ": Ours(history=False).timed,
            "writ with history": Ours(history=True).timed,
        }
        for which, rules in (("cedar", cedar_rules()), ("toolkit", toolkit_rules())):
            try:
                asked[which] = Peer(python, which, rules, stack).timed
            except OSError as error:
                missing.append(str(error))
        took: dict[str, list[list[float]]] = {name: [] for name in asked}
        right: list[bool] = []
        for _ in range(rounds):
            for name, decide in asked.items():
                seconds, answers = decide(wanted)
                right = right or answers
                if answers != right:
                    raise SystemExit(f"{name} decides otherwise: no comparison")
                took[name].append(sorted(seconds))
    figures = {
        name: {
            label: 1e6 * median(percentile(one, share) for one in found)
            for label, share in (("p50", 0.5), ("p99", 0.99))
        }
        for name, found in took.items()
    }
    ratio = (
        figures["writ with history"]["p50"] / figures["cedar"]["p50"]
        if "cedar" in figures
        else None
    )
    return {
        "benchmark": "decide",
        "decisions": size,
        "microseconds": figures,
        "ratios": {"with history, of cedar's p50": ratio},
        "targets": {"with history, of cedar's p50": TARGET},
        "missed": [] if ratio is not None and ratio <= TARGET else ["with history, of cedar's p50"],
        "not measured": missing,
        "python": platform.python_version(),
    }


def told(result: dict[str, Any]) -> None:
    """Print a result for a person."""
    print(f"{result['decisions']:,} decisions on {len(DENIED)} rules, in microseconds")
    for name, found in result["microseconds"].items():
        print(f"  {name:<20}p50 {found['p50']:8.1f}   p99 {found['p99']:8.1f}")
    for name, ratio in result["ratios"].items():
        verdict = "missed" if name in result["missed"] else "met"
        shown = "not measured" if ratio is None else f"{ratio:.2f}"
        print(f"  {name}: {shown}   target {TARGET:g}: {verdict}")
    for what in result["not measured"]:
        print(f"not measured: {what}")


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="One decision, beside two policy engines.")
    parser.add_argument("--size", type=int, default=SIZE, help="decisions in a round")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--peer", default=os.environ.get("WRIT_BENCH_PEER", sys.executable))
    parser.add_argument("--json", action="store_true", help="the result as one last line of JSON")
    chosen = parser.parse_args()
    result = measured(chosen.size, chosen.rounds, chosen.peer)
    told(result)
    if chosen.json:
        print(json.dumps(result, sort_keys=True))
    return int(bool(result["missed"]))


if __name__ == "__main__":
    raise SystemExit(main())
