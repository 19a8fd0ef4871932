"""What must be found in the ledger, written down while it is made by whoever makes it.

The simulation knows what it does wrong: it does not ask an engine. `compare` then holds a report
against it, both ways round.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Final

from verifier.findings import Finding
from verifier.report import Report

VIOLATED: Final = "violated"
UNDECIDABLE: Final = "undecidable"
HANDLED: Final = "handled"

# Findings about the records themselves carry no contract that a person would ask for.
OWN_CODES = ("decision.", "coverage.", "integrity.")

Key = tuple[str, str, int, str]
"""Result, rule, entry, version of the contract."""


@dataclass(frozen=True, slots=True)
class Expected:
    """One finding that must be there.

    Attributes:
        result: `violated`, `undecidable` or `handled`.
        rule: The rule's id, or the code of a finding without a rule.
        index: The entry at which it stands.
        contract: Version of the contract in force there; empty for a finding without a rule.
        run: The run's own reference, such as `R-00042`.
        plant: What was done, by name.
    """

    result: str
    rule: str
    index: int
    contract: str
    run: str
    plant: str

    @property
    def key(self) -> Key:
        """What identifies it."""
        return self.result, self.rule, self.index, self.contract


@dataclass(slots=True)
class Truth:
    """All that must be found.

    Attributes:
        expected: In the order in which it happened.
        refused: What the ledger refused to write, by the rule that it would have broken.
    """

    expected: list[Expected] = field(default_factory=list[Expected])
    refused: dict[str, str] = field(default_factory=dict[str, str])

    def text(self, about: Mapping[str, object]) -> str:
        """Return `truth.json`: a line for each finding, so that a diff is read with ease."""
        rows = sorted(self.expected, key=lambda one: (one.index, one.rule, one.result))
        lines = ",\n    ".join(json.dumps(asdict(row)) for row in rows)
        head = json.dumps({"v": 1, **about, "refused": self.refused}, indent=2)
        return f'{head[:-2]},\n  "findings": [\n    {lines}\n  ]\n}}\n'


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a report compares with the truth: what it missed, and what it found beyond it."""

    right: int
    missed: tuple[Key, ...]
    beyond: tuple[Key, ...]

    @property
    def exact(self) -> bool:
        """Whether each was found and nothing else was; nothing against nothing shows nothing."""
        return self.right > 0 and not self.missed and not self.beyond

    @property
    def precision(self) -> float:
        """The share of what was found that had to be."""
        return self.right / max(self.right + len(self.beyond), 1)

    @property
    def recall(self) -> float:
        """The share of what had to be found that was."""
        return self.right / max(self.right + len(self.missed), 1)


def read_truth(text: str) -> list[Expected]:
    """Read the findings of a `truth.json`."""
    return [Expected(**row) for row in json.loads(text)["findings"]]


def compare(expected: Iterable[Expected], report: Report) -> Comparison:
    """Hold a report against the truth."""
    versions = {judged.digest: judged.version for judged in report.conformance.contracts}
    wanted = Counter(one.key for one in expected)
    found = Counter(_key(finding, versions) for finding in report.findings)
    return Comparison(
        (wanted & found).total(),
        tuple(sorted((wanted - found).elements())),
        tuple(sorted((found - wanted).elements())),
    )


def _key(finding: Finding, versions: Mapping[str, str]) -> Key:
    own = finding.code.startswith(OWN_CODES)
    # Who was granted something under no contract was granted it by the ledger's authority.
    version = "" if own or not finding.contract else versions.get(finding.contract, "?")
    return str(finding.result), finding.code if own else finding.rule, finding.index, version
