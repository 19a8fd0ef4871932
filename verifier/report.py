"""The result of a verification, as data that every report is written from.

Everything here follows from the ledger's bytes and the trust file. Time, versions and file names
belong to the envelope, which whoever writes the report adds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from verifier.findings import Finding, Result, Severity
from verifier.incidents import Incident, incidents_of


class IntegrityVerdict(StrEnum):
    """What can be said of the bytes."""

    HOLDS = "holds"
    BROKEN = "broken"
    UNDECIDABLE = "undecidable"


class SealedState(StrEnum):
    """What became of a sealed value. Source: docs/spec/ledger-format.md, *Sealed values*."""

    DISCLOSED = "disclosed"
    WITHHELD = "withheld"
    ERASED = "erased"
    LOST = "lost"
    ERASED_BUT_PRESENT = "erased-but-present"


class ExitCode(IntEnum):
    """What the command line answers with. Source: docs/spec/report.md, *Exit codes*."""

    HOLDS = 0
    VIOLATED = 1
    USAGE = 2
    UNDECIDABLE = 3
    UNREADABLE = 4
    INTERNAL = 5
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Break:
    """Where a ledger breaks: the first entry, the step and check that failed, and why."""

    index: int
    step: int
    check: str
    what: str


@dataclass(frozen=True, slots=True)
class LedgerFacts:
    """What was verified. Roots are base64, as checkpoints write them; digests are hex."""

    origin: str = ""
    genesis: str = ""
    size: int = 0
    root: str = ""
    checkpoint_size: int = 0
    checkpoint_root: str = ""


@dataclass(frozen=True, slots=True)
class Integrity:
    """Steps 0 to 9: the verdict, what it rests on, and what it leaves open.

    `trust` is `pinned` or `self-asserted`. `reasons` say why a verdict is undecidable;
    `not_excluded` what this verification could not have noticed. `invalid_submissions` and
    `invalid_records` were left out of all facts. `vouched` is false for a bundle without a trust
    file: whatever was found in it, nobody has said that it is the ledger. `sealed` counts sealed
    values by their state; it is empty where there are none.
    """

    verdict: IntegrityVerdict
    trust: str
    broken: Break | None = None
    reasons: tuple[str, ...] = ()
    not_excluded: tuple[str, ...] = ()
    submissions: int = 0
    invalid_submissions: int = 0
    invalid_records: int = 0
    vouched: bool = True
    sealed: Mapping[SealedState, int] = field(default_factory=dict[SealedState, int])


@dataclass(frozen=True, slots=True)
class Tally:
    """How often a rule came out how, each result once; undecidable ones by their reason."""

    satisfied: int = 0
    violated: int = 0
    undecidable: int = 0
    handled: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class RuleCount:
    """The results of one rule of one contract over the whole ledger, and what the rule cites."""

    contract: str
    rule: str
    clause: str
    effect: str
    line: int
    says: str
    tally: Tally
    cites: str = ""


@dataclass(frozen=True, slots=True)
class JudgedContract:
    """A contract that was in force in this ledger, and how many records it judged."""

    name: str
    version: str
    digest: str
    service: str
    judged: int


@dataclass(frozen=True, slots=True)
class Conformance:
    """Every record decided again. `performed` is false where integrity left nothing to rely on.

    `why` says why nothing could be judged, where that is neither this nor what was asked for.
    """

    performed: bool
    contracts: tuple[JudgedContract, ...] = ()
    counts: tuple[RuleCount, ...] = ()
    records: Mapping[str, int] = field(default_factory=dict[str, int])
    why: str = ""

    def total(self) -> Tally:
        """Return the sums over all rules."""
        tallies = [count.tally for count in self.counts]
        return Tally(
            satisfied=sum(tally.satisfied for tally in tallies),
            violated=sum(tally.violated for tally in tallies),
            undecidable=sum(tally.undecidable for tally in tallies),
            handled=sum(tally.handled for tally in tallies),
        )


@dataclass(frozen=True, slots=True)
class Compared:
    """A second source that a ledger was compared with.

    Attributes:
        name: What its map or profile calls it, else its kind.
        kind: `transcript`, `otlp`, `csv` or `parquet`.
        digest: SHA-256 of the file.
        calls: Calls that it shows.
        first: Time of the first of them, empty where it says none.
        last: Time of the last.
        performed: False where the ledger does not hold, and nothing was compared.
        matched: Calls that a recorded action is.
        missed: Recorded calls that it covers and does not show.
        uncovered: Recorded calls that it does not show, and is not known to cover.
        outside: Recorded calls that it does not show, and that its map says it does not cover.
        runs: Whether it names runs of this ledger.
    """

    name: str
    kind: str
    digest: str
    calls: int
    first: str = ""
    last: str = ""
    performed: bool = False
    matched: int = 0
    missed: int = 0
    uncovered: int = 0
    outside: int = 0
    runs: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification found: equal for the same bytes and the same trust file."""

    ledger: LedgerFacts
    integrity: Integrity
    conformance: Conformance
    findings: tuple[Finding, ...]
    against: tuple[Compared, ...] = ()

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """The findings that somebody has to look at, those that belong together as one."""
        return incidents_of(self.findings)

    def exit_code(self) -> ExitCode:
        """Return the answer: broken or violated, before undecidable, before fine.

        A violation counts whatever its rule's effect is. An undecidable result counts when its
        rule would have changed a decision (effect above `warn`). What was handled never counts, nor
        does advice.
        """
        if self.integrity.verdict is IntegrityVerdict.BROKEN:
            return ExitCode.VIOLATED
        if not self.integrity.vouched:
            return ExitCode.UNDECIDABLE
        counting = [
            found
            for found in self.findings
            if found.severity is not Severity.ADVICE and found.result is not Result.HANDLED
        ]
        if any(found.result is Result.VIOLATED for found in counting):
            return ExitCode.VIOLATED
        if self.integrity.verdict is IntegrityVerdict.UNDECIDABLE:
            return ExitCode.UNDECIDABLE
        if any(found.severity is not Severity.LOW for found in counting):
            return ExitCode.UNDECIDABLE
        return ExitCode.HOLDS
