"""What a scenario expects, and where what was found is something else."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from contracts.coercion import Value
from contracts.errors import ContractError, did_you_mean
from contracts.instants import written
from contracts.markup import Path
from contracts.model import Contract, Position, Verdict
from contracts.rehearsal import HANDLED, NONE, Performance, Results
from contracts.results import RuleResult
from contracts.staging import Script
from contracts.steps import ThenText
from contracts.suites import Suite

FACT: Final = "fact "
"""Begins the ids of rules that only read a fact."""

UNDECIDABLE: Final = "undecidable"


@dataclass(frozen=True, slots=True)
class Failure:
    """An expectation that was not met, or an engine that says something else.

    Attributes:
        what: Of what: the decision, a fact, a rule at a record, an engine.
        expected: What the suite says.
        got: What was found.
        place: Where the suite says it.
    """

    what: str
    expected: str
    got: str
    place: Position = field(default_factory=Position, compare=False)


@dataclass(frozen=True, slots=True)
class Expecting:
    """Compares what a scenario expects with what was found.

    Attributes:
        suite: The suite.
        at: Where the scenario's expectations stand in it.
        performance: What was found.
        knows_handled: Whether an engine was asked that tells what was handled; where none was,
            what stands against a record may have been.
    """

    suite: Suite
    at: Path
    performance: Performance
    knows_handled: bool = True

    def _place(self, *path: str | int) -> Position:
        return self.suite.source.key_at(*self.at, *path)

    def decision(self, then: ThenText) -> Iterator[Failure]:
        """Yield where the decision or its reasons are others than expected."""
        decision = self.performance.decision
        effect = decision.effect.value if decision else NONE
        if then.decision is not None and then.decision != effect:
            yield Failure("decision", then.decision, effect, self._place("decision"))
        violated = [] if decision is None else list(decision.reasons)
        got = [
            each.rule + (f" {UNDECIDABLE}" if each.result is Verdict.UNDECIDABLE else "")
            for each in violated
        ]
        said = ", ".join(got) or NONE
        if then.reasons is not None and sorted(then.reasons) != sorted(got):
            expected = ", ".join(then.reasons) or NONE
            yield Failure("reasons", expected, said, self._place("reasons"))
        missing = [each for each in then.including or () if each not in got]
        if missing:
            yield Failure("including", ", ".join(missing), said, self._place("including"))

    def facts(self, then: ThenText, probed: Iterable[RuleResult]) -> Iterator[Failure]:
        """Yield where facts have other values than expected."""
        when = self.performance.when
        found = {each.rule.id: each for each in probed if each.index == when}
        for name, expected in then.facts.items():
            result = found.get(f"{FACT}{name}")
            got = _known(result, name)
            if _json(expected) != got:
                place = self._place("facts", name)
                yield Failure(f"facts.{name}", _json(expected), got, place)

    def findings(self, then: ThenText, results: Results) -> Iterator[Failure]:
        """Yield where rules come out otherwise than expected."""
        for path, where, expectations in _findings(then):
            index = self.performance.when
            if where:
                index = self.performance.indexes.get(where, -1)
            for rule, expected in expectations.items():
                got = results.get((index, rule), NONE)
                if got != expected and not self._may_be(expected, got):
                    what = f"{rule} at {where}" if where else rule
                    yield Failure(what, expected, got, self._place(*path, rule))

    def _may_be(self, expected: str, got: str) -> bool:
        is_against = got in {Verdict.VIOLATED.value, UNDECIDABLE}
        return expected == HANDLED and is_against and not self.knows_handled


def _known(result: RuleResult | None, name: str) -> str:
    """Return a fact's value as JSON."""
    if result is None or name not in result.facts:
        return _json(UNDECIDABLE)
    return _json(result.facts[name])


def _json(value: Value) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=_spelt)


def _spelt(value: Value) -> str:
    return written(value) if isinstance(value, datetime) else str(value)


def _findings(then: ThenText) -> Iterator[tuple[Path, str, Mapping[str, str]]]:
    """Yield what is expected of rules: where it stands, at which record (empty: `when`), and it."""
    yield ("findings",), "", then.findings
    for name, found in then.at.items():
        yield ("at", name), name, found


@dataclass(frozen=True, slots=True)
class _Names:
    """Says which names that a scenario expects something of are none."""

    contract: Contract
    suite: Suite
    at: Path

    def unknown(
        self, what: str, name: str, known: Iterable[str], *path: str | int
    ) -> ContractError:
        """Return the error of a name that is not there."""
        source = self.suite.source
        whole = f"{self.contract.name} {self.contract.version}"
        where = "record of this scenario" if what == "record" else f"{what} of {whole}"
        message = f"`{name}` is no {where}; correct it"
        hint = did_you_mean(name, known)
        return source.error(f"{what}.unknown", message, source.key_at(*self.at, *path), hint)

    def in_lists(self, then: ThenText, rules: Iterable[str]) -> Iterator[ContractError]:
        """Yield the unknown rules among reasons."""
        known = set(rules)
        lists: dict[str, Sequence[str]] = {
            "reasons": then.reasons or (),
            "including": then.including or (),
        }
        for key, names in lists.items():
            for place, name in enumerate(names):
                if name.removesuffix(f" {UNDECIDABLE}") not in known:
                    yield self.unknown("rule", name, known, key, place)


def unknown_names(
    contract: Contract, suite: Suite, number: int, script: Script
) -> Iterator[ContractError]:
    """Yield what a scenario expects of rules, facts and records that are not there."""
    then = suite.text.scenarios[number].then
    names = _Names(contract, suite, ("scenarios", number, "then"))
    rules = {rule.id for rule in contract.rules}
    facts = {fact.name for fact in contract.facts}
    records = {item.name for item in script.items}
    yield from names.in_lists(then, rules)
    for name in then.facts:
        if name not in facts:
            yield names.unknown("fact", name, facts, "facts", name)
    for path, where, found in _findings(then):
        if where and where not in records:
            yield names.unknown("record", where, records, *path)
        for rule in found:
            if rule not in rules:
                yield names.unknown("rule", rule, rules, *path, rule)
