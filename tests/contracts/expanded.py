"""Contracts that the tests of the expansion share, and how they look into one."""

from pathlib import Path

from contracts import Contract, expand, parse_contract
from contracts.model import Fact, Rule

FULL = (Path(__file__).parent / "full.yaml").read_text(encoding="utf-8")

SMALL = """\
contract: refunds
version: 1.0.0
identity: {service: spiffe://acme.example/ai/refunds, owner: maria@acme.example}
scope: {modes: [read, execute]}
policy: {document: {name: refund-policy, version: "7"}, limits: {most: 3}}
tools:
  orders.get: {mode: read}
  pay: {mode: execute}
"""


def contract_of(text: str) -> Contract:
    """A contract expanded, its conditions not checked."""
    return expand(parse_contract(text, "c.yaml"))


def rule_of(contract: Contract, rule_id: str) -> Rule:
    """The rule of an id."""
    return next(rule for rule in contract.rules if rule.id == rule_id)


def fact_of(contract: Contract, name: str) -> Fact:
    """The fact of a name."""
    return next(fact for fact in contract.facts if fact.name == name)
