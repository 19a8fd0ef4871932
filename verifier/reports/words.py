"""What every report says of a finding in the same words: why it is one, and what it stands on."""

from collections.abc import Iterable, Iterator, Mapping

from verifier.findings import Basis, Finding, Result, Severity
from verifier.report import JudgedContract, Report

# The most serious first.
SEVERITIES = tuple(Severity)


def told(found: Finding) -> Iterator[tuple[str, str]]:
    """Yield what is to be said of a finding: a label, and a sentence or a value."""
    because = found.explanation.because
    for one in because:
        yield "because", one
    if found.expected:
        yield "expected", found.expected
    if found.recorded:
        yield "recorded", found.recorded
    if found.reason and not because:
        yield "reason", found.reason
    if found.handled and not because:
        yield "handled", found.handled
    for fact, value in found.explanation.facts:
        yield "fact", f"{fact} = {value}"
    for one in found.explanation.would:
        yield "would have satisfied it", one


def sentence(found: Finding) -> str:
    """Return a finding in one line: what the rule asks for, and what is to be said of it."""
    head = f"{(found.says or found.code).rstrip('.')}: {found.result.value}."
    return " ".join((head, "; ".join(f"{label}: {text}" for label, text in told(found)))).rstrip()


def path(found: Finding) -> tuple[Basis, ...]:
    """Return the entries that lead to a finding in index order, and at last the entry itself.

    Where it is explained, they are those that decide it; else those that it rests on.
    """
    known = {basis.index: basis for basis in found.rests_on}
    indexes = found.explanation.entries or known
    before = sorted(set(indexes) - {found.index})
    own = known.get(found.index, Basis(found.index, ""))
    return (*(known.get(index, Basis(index, "")) for index in before), own)


def of_entry(basis: Basis) -> str:
    """Return an entry that a finding rests on, in words."""
    kind = f": {basis.kind}" if basis.kind else ""
    source = f" from {basis.source}" if basis.source else ""
    snapshot = ", reference data that stands in no run" if basis.snapshot else ""
    return f"entry {basis.index}{kind}{source}{snapshot}"


def contracts(report: Report) -> Mapping[str, JudgedContract]:
    """Return the contracts that were in force, by digest."""
    return {judged.digest: judged for judged in report.conformance.contracts}


def named(judged: JudgedContract | None, digest: str) -> str:
    """Return a contract as `NAME@VERSION`, or as its digest where it judged nothing."""
    return f"{judged.name}@{judged.version}" if judged else digest


def by_rule(findings: Iterable[Finding]) -> Iterator[tuple[Finding, list[Finding]]]:
    """Yield findings rule by rule, the most serious first: the first of each, and all of them."""
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for found in findings:
        groups.setdefault((found.code, found.rule, found.contract), []).append(found)
    # Of one rule the contract comes first that was broken first.
    for group in sorted(groups.values(), key=lambda group: _place(group[0])):
        yield group[0], group


def sections(findings: Iterable[Finding]) -> Iterator[tuple[str, list[Finding]]]:
    """Yield findings by what a reader has to do about them: act, look, nothing, know."""
    parts: dict[str, list[Finding]] = {
        "violated": [],
        "undecidable": [],
        "handled": [],
        "advice": [],
    }
    for found in findings:
        parts[state(found)].append(found)
    yield from parts.items()


def state(found: Finding) -> str:
    """Return a finding's result, or `advice` where it never counts."""
    if found.result is not Result.HANDLED and found.severity is Severity.ADVICE:
        return "advice"
    return found.result.value


def _place(found: Finding) -> tuple[int, str, str]:
    return SEVERITIES.index(found.severity), found.code, found.rule
