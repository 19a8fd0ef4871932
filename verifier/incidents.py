"""Findings that belong together: one rule, broken again in the same run or by the same identity.

Somebody who is paged wants to see that something happens, and not each time that it does.
Source: docs/spec/report.md, *Incidents*.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from verifier.findings import Finding, Result, Severity

WINDOW: Final = timedelta(hours=24)
"""How long after the last finding by the same identity another one still belongs to it."""
_ORDER: Final = tuple(Severity)


@dataclass(frozen=True, slots=True)
class Incident:
    """Findings that belong together.

    Attributes:
        id: Stable name, `I-` and 16 hex digits: it follows from the first finding.
        code: The code of all of them.
        rule: The rule of all of them.
        severity: That of the gravest.
        run: The run that all of them stand in; empty where they stand in several.
        identity: Who spoke in all of them; empty where that were several.
        first: The first entry.
        last: The last entry.
        since: When the first was recorded, RFC 3339 in UTC; empty where that is not known.
        until: When the last was recorded.
        findings: The ids, in the order of the report.
    """

    id: str
    code: str
    rule: str
    severity: Severity
    run: str
    identity: str
    first: int
    last: int
    since: str
    until: str
    findings: tuple[str, ...]


def counts(found: Finding) -> bool:
    """Return whether a finding is one that somebody has to look at."""
    return found.result is not Result.HANDLED and found.severity is not Severity.ADVICE


def incidents_of(findings: Iterable[Finding]) -> tuple[Incident, ...]:
    """Return the incidents of a report, by their first finding.

    Args:
        findings: In the order of every report.
    """
    groups: dict[str, list[_Group]] = {}
    for found in findings:
        if counts(found):
            _add(groups.setdefault(f"{found.code}\n{found.rule}", []), found)
    made = [_incident(group.findings) for each in groups.values() for group in each]
    return tuple(sorted(made, key=lambda one: (one.first, one.code, one.rule, one.id)))


@dataclass(slots=True)
class _Group:
    """Findings of one rule so far; `identities` with the time of the last by each."""

    findings: list[Finding]
    runs: set[str]
    identities: dict[str, datetime | None]

    def takes(self, found: Finding, time: datetime | None) -> bool:
        if found.run and found.run in self.runs:
            return True
        if not found.identity or found.identity not in self.identities:
            return False
        last = self.identities[found.identity]
        return last is not None and time is not None and time - last <= WINDOW


def _add(groups: list[_Group], found: Finding) -> None:
    """Add a finding to the group that takes it; those that it joins become one."""
    time = datetime.fromisoformat(found.at) if found.at else None
    taking = [group for group in groups if group.takes(found, time)]
    if not taking:
        groups.append(_Group([found], {found.run}, {found.identity: time}))
        return
    kept, *others = taking
    for other in others:
        kept.findings += other.findings
        kept.runs |= other.runs
        for identity, last in other.identities.items():
            kept.identities[identity] = _later(kept.identities.get(identity), last)
        groups.remove(other)
    kept.findings.append(found)
    kept.runs.add(found.run)
    kept.identities[found.identity] = _later(kept.identities.get(found.identity), time)


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return max(one, other)


def _incident(found: Sequence[Finding]) -> Incident:
    findings = sorted(found, key=lambda one: (one.index, one.id))
    first, last = findings[0], findings[-1]
    runs, identities = {one.run for one in findings}, {one.identity for one in findings}
    hashed = hashlib.sha256(f"writ/incident/v1\n{first.id}".encode()).hexdigest()
    return Incident(
        id=f"I-{hashed[:16]}",
        code=first.code,
        rule=first.rule,
        severity=min((one.severity for one in findings), key=_ORDER.index),
        run=first.run if len(runs) == 1 else "",
        identity=first.identity if len(identities) == 1 else "",
        first=first.index,
        last=last.index,
        since=first.at,
        until=last.at,
        findings=tuple(one.id for one in findings),
    )
