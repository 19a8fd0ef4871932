"""The vectors pin the meaning of the contract language; every evaluator agrees with them.

They were written by hand from docs/spec/contract-language.md. `?clock` stands for an undecidable
fact with the class of its reason, `@12.5` for a time, `none` for a rule that is not asked.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

import pytest

from contracts.engine import Engine
from contracts.history import Event
from contracts.loading import load_contract
from contracts.model import Contract, Effect, Position, Rule, Verdict
from contracts.results import RuleResult
from contracts.versions import VersionHistory
from tests.reference.histories import (
    SERVICE,
    contract_of,
    digest_of,
    document_of,
    events_of,
    unpacked,
    written,
)
from tests.reference.naive import Naive, in_force
from tests.reference.views import UndecidableError, Value, is_list, is_map

VECTORS: Final = Path(__file__).parent / "vectors"
SPEC: Final = Path(__file__).parents[2] / "docs" / "spec" / "contract-language.md"
Case = Mapping[str, Value]


def cases(member: str) -> list[Value]:
    """The vectors that have a member, each as one parameter."""
    return [
        pytest.param(case, id=f"{path.stem}-{case['name']}".replace(" ", "_"))
        for path in sorted(VECTORS.glob("*.json"))
        for case in json.loads(path.read_text("utf-8"))
        if member in case
    ]


def asked(case: Case) -> Contract:
    """The vector's contract with one more rule for each fact, which does nothing but read it."""
    contract = contract_of(case.get("contract", {}))
    probes = tuple(
        Rule(
            id=f"reads.{fact.name}",
            clause="policy",
            subject=case.get("ask", "action"),
            unless=f"facts.{fact.name} == facts.{fact.name}",
        )
        for fact in contract.facts
    )
    return replace(contract, rules=contract.rules + probes)


def shown(value: Value) -> Value:
    """A fact's value as vectors write it."""
    if isinstance(value, UndecidableError):
        return f"?{value}"
    if isinstance(value, datetime):
        return written_back(value)
    if is_list(value):
        return [shown(element) for element in value]
    return {name: shown(member) for name, member in value.items()} if is_map(value) else value


def written_back(moment: datetime) -> str:
    """A time as the ledger writes it, behind a mark."""
    return "@" + moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def expected(value: Value) -> Value:
    """A fact's value as the vector writes it, with its times in full and its lists unpacked."""
    is_time = isinstance(value, str) and value.startswith("@")
    return f"@{written(value[1:])}" if is_time else unpacked(value)


def typed(value: Value) -> str:
    """A text that is the same only where the types are too: 1, 1.0 and true are three values."""
    return json.dumps(value, sort_keys=True)


def index_of(name: str, events: list[Event]) -> int:
    """Where a named record stands."""
    return next(event.index for event in events if event.digest == digest_of(name))


@pytest.mark.parametrize("case", cases("name"))
def test_every_vector_quotes_the_specification(case: Case) -> None:
    """A vector pins a sentence that the specification really says."""
    text = " ".join(SPEC.read_text("utf-8").split())
    for part in str(case["pins"]).split("…"):
        assert " ".join(part.split()) in text


@pytest.mark.parametrize("case", cases("facts"))
def test_the_naive_reference_gives_the_facts(case: Case) -> None:
    """Each fact that a vector names has the value, or the class of reason, that it says."""
    events = events_of(case["history"])
    found = {
        (result.index, name): shown(value)
        for result in Naive(asked(case), events).results()
        if result.rule.startswith("reads.")
        for name, value in result.facts.items()
    }
    for record, facts in case["facts"].items():
        for name, value in facts.items():
            actual = found[index_of(record, events), name]
            assert (record, name, typed(actual)) == (record, name, typed(expected(value)))


@pytest.mark.parametrize("case", cases("verdicts"))
def test_the_naive_reference_gives_the_verdicts(case: Case) -> None:
    """Each rule that a vector names has the verdict that it says, at the record that it says."""
    events = events_of(case["history"])
    found = {
        (result.index, result.rule): f"{result.verdict}: {result.reason}".removesuffix(": ")
        for result in Naive(asked(case), events).results()
    }
    for record, verdicts in case["verdicts"].items():
        for rule, verdict in verdicts.items():
            actual = found.get((index_of(record, events), rule), "none")
            assert (record, rule, actual) == (record, rule, verdict)


@pytest.mark.parametrize("case", cases("decisions"))
def test_the_naive_reference_gives_the_decisions(case: Case) -> None:
    """Each action is decided with the effect and the reasons that a vector says, in this order."""
    events = events_of(case["history"])
    contract = contract_of(case["contract"])
    for record, lines in case["decisions"].items():
        effect, reasons = Naive(contract, events).decision(events[index_of(record, events)])
        actual = [str(effect), *(f"{rule} {verdict} {lifted}" for rule, verdict, lifted in reasons)]
        assert (record, actual) == (record, lines)


@pytest.mark.parametrize("case", cases("in_force"))
def test_the_naive_reference_gives_the_version_in_force(case: Case) -> None:
    """Each action stands under the version that a vector says, or under none."""
    events = events_of(case["history"])
    views = Naive(contract_of({}), events).facts.views
    for record, version in case["in_force"].items():
        found = in_force(views, events[index_of(record, events)])
        assert (record, found) == (record, version and (version, digest_of(f"text of {version}")))


def judged(case: Case) -> dict[tuple[int, str], RuleResult]:
    """What the engine says of every rule at every entry."""
    engine = Engine(asked(case))
    results = [one for event in events_of(case["history"]) for one in engine.observe(event)]
    return {(one.index, one.rule.id): one for one in [*results, *engine.finish()]}


@pytest.mark.parametrize("case", cases("facts"))
def test_the_engine_gives_the_facts(case: Case) -> None:
    """The engine's running counters come to the value that a vector says, or to none."""
    events, found = events_of(case["history"]), judged(case)
    for record, facts in case["facts"].items():
        for name, value in facts.items():
            result = found[index_of(record, events), f"reads.{name}"]
            actual = shown(result.facts.get(name, "?"))
            stated = "?" if str(value).startswith("?") else expected(value)
            assert (record, name, typed(actual)) == (record, name, typed(stated))
            assert (result.verdict is Verdict.UNDECIDABLE) == (stated == "?")


@pytest.mark.parametrize("case", cases("verdicts"))
def test_the_engine_gives_the_verdicts(case: Case) -> None:
    """The engine gives each rule the verdict that a vector says, pending obligations as such."""
    events, found = events_of(case["history"]), judged(case)
    for record, verdicts in case["verdicts"].items():
        for rule, stated in verdicts.items():
            result = found.get((index_of(record, events), rule))
            actual = "none" if result is None else str(result.verdict)
            assert (record, rule, actual) == (record, rule, stated.partition(":")[0])
            if result is not None:
                assert (result.reason == "pending") == stated.endswith("pending")


@pytest.mark.parametrize("case", cases("decisions"))
def test_the_engine_gives_the_decisions(case: Case) -> None:
    """The engine decides each action as a vector says, for the same reasons in the same order."""
    events = events_of(case["history"])
    engine = Engine(contract_of(case["contract"]))
    decided = {event.index: engine.decide(event, engine.observe(event)) for event in events}
    for record, lines in case["decisions"].items():
        decision = decided[index_of(record, events)]
        reasons = [f"{one.rule} {one.result} {one.effect}" for one in decision.reasons]
        assert (record, [str(decision.effect), *reasons]) == (record, lines)


@pytest.mark.parametrize("case", cases("in_force"))
def test_the_version_history_gives_the_version_in_force(case: Case) -> None:
    """The versions that the verifier follows are those that a vector says."""
    events = events_of(case["history"])
    versions = VersionHistory()
    found: dict[int, tuple[str, str] | None] = {}
    for event in events:
        found[event.index] = versions.in_force(SERVICE, event)
        versions.observe(event)
    for record, version in case["in_force"].items():
        stated = version and (version, digest_of(f"text of {version}"))
        assert (record, found[index_of(record, events)]) == (record, stated)


@pytest.mark.parametrize("case", cases("contract"))
def test_the_language_says_what_the_vectors_say(case: Case) -> None:
    """Written out as a whole contract, a vector's facts and rules are read as they are meant."""
    contract = contract_of(case["contract"])
    read = load_contract(json.dumps(document_of(case["contract"])))
    facts = {fact.name: replace(fact, position=Position()) for fact in read.facts}
    assert [facts[fact.name] for fact in contract.facts] == list(contract.facts)
    rules = {rule.id: replace(rule, position=Position()) for rule in read.rules}
    for rule in contract.rules:
        allowed = Effect.ALLOW if rule.expect else rule.undecidable
        meant = replace(rule, id=f"policy.{rule.id}", undecidable=allowed)
        assert rules[meant.id] == meant
    assert read.limits == contract.limits
    for name, tool in contract.tools.items():
        assert replace(read.tools[name], position=Position()) == tool
