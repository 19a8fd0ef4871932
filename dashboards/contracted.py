"""The contracts of a ledger: which was in force when, how each rule came out, what differs.

Which rules were asked, and never came out otherwise, is of the report; what a contract's own
scenarios exercise is played anew, by the engines that decide and verify.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from contracts.diff_words import diff_text
from contracts.diffing import diff
from contracts.errors import ContractsError
from contracts.exercise import CATEGORIES, Exercise, exercise_of
from contracts.library import scenario_texts
from contracts.loading import load_contract
from contracts.scenarios import Played, Stage
from contracts.suites import parse_suites
from dashboards import checks
from dashboards.tables import Tables
from verifier.rehearsal import Verifying

RESULTS: Final = ("satisfied", "violated", "undecidable", "handled")


@dataclass(frozen=True, slots=True)
class Version:
    """One contract of the ledger, from one activation on.

    Attributes:
        index: The entry of the activation.
        since: From when it is in force, RFC 3339 in UTC.
        until: Till when; empty where it is in force at the ledger's end.
        judged: How many records it judged, over all its activations.
        results: How often its rules came out satisfied, violated, undecidable, handled.
        rules: How many rules it has; `silent` of them were never asked of any record.
    """

    index: int
    service: str
    name: str
    version: str
    digest: str
    since: str
    until: str
    approved_by: tuple[str, ...]
    judged: int
    results: tuple[int, int, int, int]
    rules: int
    silent: int

    @property
    def title(self) -> str:
        """Its name and version."""
        return f"{self.name} {self.version}"


@dataclass(frozen=True, slots=True)
class RuleRow:
    """How one rule came out over the whole ledger."""

    rule: str
    clause: str
    effect: str
    says: str
    results: tuple[int, int, int, int]

    @property
    def asked(self) -> int:
        """How many records it was asked of."""
        return sum(self.results)


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """How a contract's own scenarios went.

    Attributes:
        passed: How many passed, of `played`.
        failed: The names of the others, with why.
        rules: How many rules there are; `both` of them came out satisfied and violated.
        unexercised: The rules that no scenario asks about.
        missing: Situations that a contract's scenarios have to cover, and none does.
        covered: How many scenarios cover each of these situations.
    """

    played: int
    passed: int
    failed: tuple[tuple[str, str], ...]
    rules: int
    both: int
    unexercised: tuple[str, ...]
    missing: tuple[str, ...]
    covered: tuple[tuple[str, int], ...]


def versions(tables: Tables) -> tuple[Version, ...]:
    """Return what was activated, by service and time."""
    bound = sorted(checks.bindings(tables), key=lambda one: (one.service, one.effective_at))
    judged = {one.digest: one for one in tables.report.conformance.contracts}
    found: list[Version] = []
    for number, one in enumerate(bound):
        later = bound[number + 1] if number + 1 < len(bound) else None
        same = later is not None and later.service == one.service
        contract = tables.contracts.get(one.digest)
        rows = rules(tables, one.digest)
        found.append(
            Version(
                index=one.index,
                service=one.service,
                name=contract.name if contract else "",
                version=one.version,
                digest=one.digest,
                since=one.effective_at,
                until=later.effective_at if later is not None and same else "",
                approved_by=one.approved_by,
                judged=judged[one.digest].judged if one.digest in judged else 0,
                results=_sums(rows),
                rules=len(contract.rules) if contract else 0,
                silent=sum(not row.asked for row in rows),
            )
        )
    return tuple(found)


def rules(tables: Tables, digest: str) -> tuple[RuleRow, ...]:
    """Return how the rules of a contract came out, in the contract's order."""
    contract = tables.contracts.get(digest)
    counted = {
        one.rule: (
            one.tally.satisfied,
            one.tally.violated,
            one.tally.undecidable,
            one.tally.handled,
        )
        for one in tables.report.conformance.counts
        if one.contract == digest
    }
    return tuple(
        RuleRow(one.id, one.clause, one.effect.value, one.says, counted.get(one.id, (0, 0, 0, 0)))
        for one in (contract.rules if contract else ())
    )


def differing(tables: Tables, before: str, after: str) -> str:
    """Return in words how two contracts of the ledger decide differently, with examples.

    Raises:
        LookupError: One of them is not there.
    """
    return diff_text(diff(tables.contracts[before], tables.contracts[after]))


def text_of(tables: Tables, digest: str) -> str:
    """Return a contract's text as it was published; empty where it is not there."""
    rows = tables.rows(
        "SELECT body ->> '$.text' FROM governance WHERE kind = 'contract' "
        "AND body ->> '$.digest' = ? ORDER BY idx LIMIT 1",
        digest,
    )
    return str(rows[0][0]) if rows else ""


def has_scenarios(tables: Tables, digest: str) -> bool:
    """Return whether scenarios come with a contract."""
    contract = tables.contracts.get(digest)
    return contract is not None and bool(scenario_texts(contract.name))


def rehearsed(tables: Tables, digest: str) -> Rehearsed | str:
    """Play the scenarios that come with a contract; return in words why there is no answer."""
    text = text_of(tables, digest)
    try:
        contract = load_contract(text, f"contract {digest[:12]}")
        suites = parse_suites(scenario_texts(contract.name))
        stage = Stage(contract, text, [Verifying()], clock=time.perf_counter, tries=0)
        played = stage.play(suites)
    except ContractsError as error:
        return str(error)
    if not played:
        return f"The scenarios of {contract.name} are for other versions than {contract.version}."
    return _told(played, exercise_of(stage, played))


def _told(played: Sequence[Played], exercise: Exercise) -> Rehearsed:
    both = {rule.id for rule in exercise.never("satisfied")} | {
        rule.id for rule in exercise.never("violated")
    }
    return Rehearsed(
        played=len(played),
        passed=sum(not one.failures for one in played),
        failed=tuple(_failed(played)),
        rules=len(exercise.rules),
        both=len(exercise.rules) - len(both),
        unexercised=tuple(rule.id for rule in exercise.unexercised()),
        missing=exercise.missing,
        covered=tuple((name, exercise.covered[name]) for name in CATEGORIES),
    )


def _failed(played: Sequence[Played]) -> Iterator[tuple[str, str]]:
    for one in played:
        if one.failures:
            yield one.name, "; ".join(str(failure) for failure in one.failures)


def _sums(rows: Sequence[RuleRow]) -> tuple[int, int, int, int]:
    satisfied, violated, undecidable, handled = (
        sum(row.results[place] for row in rows) for place in range(len(RESULTS))
    )
    return satisfied, violated, undecidable, handled
