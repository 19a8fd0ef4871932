"""A small contract and a suite of it, for tests of what scenarios say."""

from contracts.loading import load_contract
from contracts.model import Contract
from contracts.rehearsal import Judge
from contracts.scenarios import Played, Stage
from contracts.suites import Suite, parse_suite

CONTRACT = """\
contract: desk
version: 1.0.0
identity: {service: spiffe://shop.example/desk, owner: Mara, permissions: []}
scope:
  modes: [read, execute]
  approve:
    - {id: large, for: pay, when: params.amount > 100, role: lead, within: 1h}
policy:
  document: {name: desk policy, version: "1"}
tools:
  look: {mode: read}
  pay: {mode: execute, irreversible: money is gone}
facts:
  looked: {seen: true, from: outcome of look, where: outcome.status == "ok"}
  paid: {sum: params.amount, from: outcome of pay, over: ledger, within: 1d}
rules:
  - {id: looked, for: pay, unless: facts.looked}
  - {id: bounded, for: pay, when: facts.paid + params.amount > 500 || params.amount < 0}
  - {id: told, for: outcome of pay, effect: warn, expect: {from: message, until: run.closed}}
  - {id: polite, for: message, when: 'message.content == "no"'}
"""

HEAD = """\
suite: the desk
contract: desk
versions: [1.0.0]
now: "2026-03-01T12:00:00Z"
people:
  lead: {owner: Lin, roles: [lead]}
values: {amount: 50}
blocks:
  begun:
    - {run: case, requester: Ada}
  looked:
    - {action: look, outcome: ok}
  pay:
    - {action: pay, as: pay, params: {amount: $amount}}
scenarios:
"""


def contract() -> Contract:
    """The desk's contract."""
    return load_contract(CONTRACT, "desk.yaml")


def suite(scenarios: str, head: str = HEAD) -> Suite:
    """The desk's suite with some scenarios, each line of them as it stands in the file."""
    return parse_suite(head + scenarios, "desk-suite.yaml")


def played(scenarios: str, *judges: Judge, tries: int = 0) -> list[Played]:
    """How scenarios of the desk go."""
    stage = Stage(contract(), CONTRACT, judges, tries=tries)
    return stage.play([suite(scenarios)])


def told(one: Played) -> list[str]:
    """Why a scenario failed, one line each."""
    return [
        f"{each.place.line}: {each.what}: {each.expected}, not {each.got}" for each in one.failures
    ]
