"""What an AI service may do: the contract, and the one meaning of it.

A contract is read from YAML, expanded to facts and rules, and checked:

    >>> from contracts import ContractErrors, load_contract
    >>> text = '''
    ... contract: refunds
    ... version: 1.0.0
    ... identity: {service: spiffe://acme.example/ai/refunds, owner: maria@acme.example}
    ... scope: {modes: [read, execute]}
    ... policy: {document: {name: refund-policy, version: "7"}, limits: {most: 3}}
    ... tools:
    ...   payouts.create: {mode: execute, irreversible: money is gone}
    ... facts:
    ...   paid: {count: true, from: outcome of payouts.create, where: outcome.status == "ok"}
    ... rules:
    ...   - {id: few, for: payouts.create, unless: facts.paid < limits.most}
    ... '''
    >>> contract = load_contract(text, "refunds.yaml")
    >>> contract.rules[-1].id, contract.rules[-1].position.line
    ('policy.few', 12)

What is wrong is said all at once, each with its place:

    >>> try:
    ...     load_contract(text.replace("facts.paid", "facts.payd"), "refunds.yaml")
    ... except ContractErrors as problems:
    ...     print(problems)
    refunds.yaml:12:44: facts.unknown: `facts.payd` is not declared; declare it under `facts`
    (did you mean `paid`?)
"""

from contracts.errors import ContractError, ContractErrors
from contracts.expansion import expand
from contracts.explaining import explain
from contracts.linting import lint
from contracts.loading import load_contract
from contracts.model import Contract
from contracts.reading import ContractDocument, parse_contract
from contracts.remarks import LintMessage, Severity

__all__ = [
    "Contract",
    "ContractDocument",
    "ContractError",
    "ContractErrors",
    "LintMessage",
    "Severity",
    "expand",
    "explain",
    "lint",
    "load_contract",
    "parse_contract",
]
