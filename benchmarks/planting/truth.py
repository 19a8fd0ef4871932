"""What must be found, as whoever made the ledger knows it, and how a report compares with that."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from verifier.report import Report

# Of these no contract is named: they are about the records themselves.
OWN = ("decision.", "coverage.", "integrity.")
RESULTS = ("violated", "undecidable", "handled")

Key = tuple[int, str, str, str]
"""Entry, rule or code, result, version of the contract."""


@dataclass(frozen=True, slots=True)
class Expected:
    """One finding that must be there.

    Attributes:
        result: `violated`, `undecidable` or `handled`.
        rule: The rule's id, or the code of a finding without a rule.
        index: The entry at which it stands.
        contract: Version of the contract that it stands under; empty where there is none.
        run: The run's own reference.
        plants: What was planted in its case; nothing where it follows from the case's shape, or
            from what others did to the service.
    """

    result: str
    rule: str
    index: int
    contract: str
    run: str
    plants: tuple[str, ...]

    @property
    def key(self) -> Key:
        """What identifies it."""
        return self.index, self.rule, self.result, self.contract


@dataclass(slots=True)
class Truth:
    """All that must be found.

    Attributes:
        expected: The findings.
        plants: How often each mutation was planted.
        runs: How many runs there are.
        contradictions: Where a mutation by itself does not break what it says that it breaks.
    """

    expected: list[Expected] = field(default_factory=list[Expected])
    plants: Counter[str] = field(default_factory=Counter[str])
    runs: int = 0
    contradictions: list[str] = field(default_factory=list[str])

    def write(self, path: Path, seed: str) -> None:
        """Write it as JSON, a line for each finding."""
        rows = sorted(self.expected, key=lambda one: one.key)
        lines = ",\n  ".join(json.dumps(asdict(row)) for row in rows)
        head = json.dumps({"v": 1, "seed": seed, "runs": self.runs})
        path.write_text(f'{head[:-1]}, "findings": [\n  {lines}\n]}}\n', "utf-8")


def read_truth(path: Path) -> list[Expected]:
    """Read the findings that `Truth.write` wrote."""
    rows = json.loads(path.read_text("utf-8"))["findings"]
    return [replace(Expected(**row), plants=tuple(row["plants"])) for row in rows]


@dataclass(slots=True)
class Line:
    """How one rule came out: planted, found, and both, by result."""

    planted: Counter[str] = field(default_factory=Counter[str])
    found: Counter[str] = field(default_factory=Counter[str])
    right: Counter[str] = field(default_factory=Counter[str])

    def precision(self, result: str = "") -> float:
        """The share of what was found that was planted; 1 where nothing was found."""
        return _share(self.right, self.found, result)

    def recall(self, result: str = "") -> float:
        """The share of what was planted that was found; 1 where nothing was planted."""
        return _share(self.right, self.planted, result)

    @property
    def exact(self) -> bool:
        """Whether each was found, as what it is, and nothing else."""
        return self.planted == self.found == self.right


@dataclass(frozen=True, slots=True)
class Comparison:
    """A report held against the truth.

    Attributes:
        lines: By rule or code, in order.
        missed: What was planted and not found.
        beyond: What was found and not planted.
    """

    lines: Mapping[str, Line]
    missed: Sequence[Key]
    beyond: Sequence[Key]

    @property
    def exact(self) -> bool:
        """Whether precision and recall are 1; nothing against nothing shows nothing."""
        return bool(self.lines) and not self.missed and not self.beyond

    @property
    def whole(self) -> Line:
        """All rules as one."""
        line = Line()
        for one in self.lines.values():
            line.planted += one.planted
            line.found += one.found
            line.right += one.right
        return line


def compare(expected: Iterable[Expected], report: Report) -> Comparison:
    """Hold a report against the truth, entry by entry."""
    versions = {one.digest: one.version for one in report.conformance.contracts}
    wanted = Counter(one.key for one in expected)
    found: Counter[Key] = Counter()
    for one in report.findings:
        own = one.code.startswith(OWN)
        rule = one.code if own else one.rule
        version = "" if own else versions.get(one.contract, one.contract)
        found[one.index, rule, str(one.result), version] += 1
    lines: defaultdict[str, Line] = defaultdict(Line)
    for keys, name in ((wanted, "planted"), (found, "found"), (wanted & found, "right")):
        for (_, rule, result, _), count in keys.items():
            getattr(lines[rule], name)[result] += count
    return Comparison(
        dict(sorted(lines.items())),
        sorted((wanted - found).elements()),
        sorted((found - wanted).elements()),
    )


def _share(right: Counter[str], whole: Counter[str], result: str) -> float:
    mine, all_ = (right[result], whole[result]) if result else (right.total(), whole.total())
    return mine / all_ if all_ else 1.0
