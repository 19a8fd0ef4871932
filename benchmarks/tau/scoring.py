"""How findings are compared with labels: which rules there are, what counts, and the means.

A label `P22_bag_allowance:x` says that the offending call was executed, `:b` that the tool refused
it. A finding counts as executed when the action that it stands at has an outcome `ok`. Only
executed violations are compared; labels without a suffix are compared as they are.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any, Final

RULE: Final = re.compile(r"(?:^|[.-])([A-Z]\d\d)(?:-|$)")
# Clause rules that the language brings along, under the benchmark's name for them.
BUILT_IN: Final = {"tools.allowed": "T01", "tools.schema": "T02", "cost.loop": "L01"}

# What the policy's sentence asks about decides the class, never a score. Mechanically decidable is
# a rule about what records hold: ids, parameters, states, amounts, counts, dates, the order of
# calls, whether a call was made, and whether an id or a prescribed wording stands in a message.
MECHANICAL: Final = (
    *("N01", "N02", "N03", "N04", "N05", "C03", "C08", "E01", "E02", "E03", "E04", "E05"),
    *("P01", "P02", "P03", "P04", "P05", "P06", "P07", "P08", "P09", "P10", "P11", "P12"),
    *("P20", "P21", "P22", "P23", "P24", "P25", "P26", "P27", "P29", "P30", "P31", "P33"),
    *("T01", "T02", "X01", "X02", "X03", "X04", "I01", "L01", "K01"),
)
# A rule about what somebody means: an agreement, a reason, a complaint, an offer in free words.
MEANING: Final = ("C01", "C02", "C04", "C05", "C06", "C07", "P28", "P32", "P34", "P35")

# Rules with a target of their own, and the targets of each and of the means.
TARGETS: Final = (
    *("P20", "P22", "P24", "P25", "P28", "P29", "P34", "C01", "P02", "P12", "I01", "K01"),
)
RECALL: Final = 0.95
PRECISION: Final = 0.9
MACRO: Final = 0.95


@dataclass(slots=True)
class Score:
    """Runs by what the label says and what the verifier found, for one rule."""

    runs: int = 0
    both: set[str] = field(default_factory=set[str])
    found_only: set[str] = field(default_factory=set[str])
    labelled_only: set[str] = field(default_factory=set[str])
    undecidable: set[str] = field(default_factory=set[str])

    def as_dict(self, *, named: bool = True) -> dict[str, Any]:
        """Counts and ratios; a ratio with nothing to divide by is null. `named`: and the runs."""
        tp, fp, fn = len(self.both), len(self.found_only), len(self.labelled_only)
        counts = {
            "tp": tp,
            "fp": fp,
            "fn": fn,
            "tn": self.runs - tp - fp - fn,
            "undecidable": len(self.undecidable),
            "undecidable_share": len(self.undecidable) / self.runs if self.runs else None,
            "recall": tp / (tp + fn) if tp + fn else None,
            "precision": tp / (tp + fp) if tp + fp else None,
        }
        if not named:
            return counts
        return counts | {
            "true_positives": sorted(self.both),
            "false_positives": sorted(self.found_only),
            "false_negatives": sorted(self.labelled_only),
        }


@dataclass(frozen=True, slots=True)
class Compared:
    """What is compared, each by rule: the runs that were found, were undecidable, and are under it.

    `under` has the runs whose contract has the rule: only those can be true negatives.
    """

    found: Mapping[str, set[str]]
    undecidable: Mapping[str, set[str]]
    under: Mapping[str, set[str]]

    def rules(self) -> list[str]:
        """All rules of the contracts that these runs are under."""
        return sorted({*self.under, *self.found, *self.undecidable})

    def scores(
        self, truth: Mapping[str, set[str]], runs: set[str], *, named: bool = True
    ) -> dict[str, dict[str, Any]]:
        """Return one score a rule over these runs; a label on a run not under the rule counts."""
        result: dict[str, dict[str, Any]] = {}
        for rule in sorted({*self.rules(), *truth}):
            said, seen = truth.get(rule, set()) & runs, self.found.get(rule, set()) & runs
            under = (self.under.get(rule, set()) | said | seen) & runs
            if under:
                unclear = self.undecidable.get(rule, set()) & runs
                score = Score(len(under), said & seen, seen - said, said - seen, unclear)
                result[rule] = score.as_dict(named=named)
        return result


def rule_id(rule: str) -> str | None:
    """The benchmark's id in a rule's id, or that of a built-in rule."""
    if rule in BUILT_IN:
        return BUILT_IN[rule]
    named = RULE.search(rule)
    return named.group(1) if named else None


def compared(
    report: Mapping[str, Any], status: Mapping[int, str], contract_of: Mapping[str, str]
) -> Compared:
    """Return what a report says: executed violations, undecidable results, and who is under what.

    `status`: the outcome at an entry's index. `contract_of`: the name of the contract of each run.
    """
    found: dict[str, set[str]] = defaultdict(set)
    undecidable: dict[str, set[str]] = defaultdict(set)
    for finding in report["findings"]:
        name = rule_id(finding.get("rule") or "")
        if name is None:
            continue
        if finding["result"] == "undecidable":
            undecidable[name].add(finding["run"])
        elif finding["result"] == "violated" and executed(name, finding, status):
            found[name].add(finding["run"])
    names = {c["digest"]: c["name"] for c in report["conformance"]["contracts"]}
    having: dict[str, set[str]] = defaultdict(set)
    for count in report["conformance"]["counts"]:
        if name := rule_id(count["rule"]):
            having[name].add(names[count["contract"]])
    under = {
        rule: {run for run, contract in contract_of.items() if contract in contracts}
        for rule, contracts in having.items()
    }
    return Compared(found, undecidable, under)


def executed(name: str, finding: Mapping[str, Any], status: Mapping[int, str]) -> bool:
    """Say whether the call was carried out; rules on faults and turns do not ask."""
    return name.startswith(("K", "X", "L", "T")) or status.get(finding["index"], "ok") == "ok"


def labels(path: Path) -> tuple[set[str], dict[str, set[str]]]:
    """All run ids, and the runs with each rule's executed violation."""
    runs: set[str] = set()
    by_rule: dict[str, set[str]] = defaultdict(set)
    with path.open(newline="") as lines:
        for row in csv.DictReader(lines):
            runs.add(row["id"])
            for label in filter(None, row["violated"].split(";")):
                name, _, suffix = label.partition(":")
                if suffix in {"", "x"}:
                    by_rule[name.split("_")[0]].add(row["id"])
    return runs, by_rule


def answers(path: Path | None) -> dict[str, dict[str, bool]]:
    """Return what the adjudicator said: for each rule, the runs and whether they break it."""
    said: dict[str, dict[str, bool]] = defaultdict(dict)
    if path is not None:
        with path.open(newline="") as lines:
            for row in csv.DictReader(lines):
                said[row["rule"]][row["id"]] = row["violated"] == "yes"
    return said


def adjudicated(
    by_rule: Mapping[str, set[str]], said: Mapping[str, Mapping[str, bool]]
) -> dict[str, set[str]]:
    """Return the labels, with the adjudicator's word in place of the label where there is one."""
    corrected = {rule: set(runs) for rule, runs in by_rule.items()}
    for rule, answered in said.items():
        runs = corrected.setdefault(rule, set())
        runs |= {run for run, broken in answered.items() if broken}
        runs -= {run for run, broken in answered.items() if not broken}
    return corrected


def reading(
    before: Mapping[str, Mapping[str, Any]], said: Mapping[str, Mapping[str, bool]]
) -> dict[str, dict[str, int]]:
    """Return, for each rule, how many runs were read, and how many of those that were in dispute.

    A disagreement that nobody read keeps its label, and so counts against the rule.
    """
    result: dict[str, dict[str, int]] = {}
    for rule, score in before.items():
        disputed = {*score["false_positives"], *score["false_negatives"]}
        answered = said.get(rule, {})
        if disputed or answered:
            result[rule] = {
                "read": len(answered),
                "disagreements": len(disputed),
                "disagreements_read": len(disputed & answered.keys()),
            }
    return result


def macro(scores: Mapping[str, Mapping[str, Any]], rules: Iterable[str]) -> dict[str, Any]:
    """Return the means over rules, each rule weighing the same.

    Recall is the mean over the rules that some run breaks: one that none breaks has no recall.
    Precision is the mean over the rules with a finding: one that none breaks has precision 0 there
    as soon as it has a false positive. A rule with neither is in neither mean.
    """
    chosen = {rule: scores[rule] for rule in rules if rule in scores}
    recalls = {r: s["recall"] for r, s in chosen.items() if s["recall"] is not None}
    precisions = {r: s["precision"] for r, s in chosen.items() if s["precision"] is not None}
    return {
        "recall": mean(recalls.values()) if recalls else None,
        "precision": mean(precisions.values()) if precisions else None,
        "recall_over": sorted(recalls),
        "precision_over": sorted(precisions),
        "in_neither": sorted(chosen.keys() - recalls.keys() - precisions.keys()),
    }


def short(after: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The targets that are missed. A rule that no run breaks and no finding names is met."""
    missed: list[str] = []
    for rule in TARGETS:
        score = after.get(rule, {})
        recall, precision = score.get("recall"), score.get("precision")
        if (recall is not None and recall < RECALL) or (
            precision is not None and precision < PRECISION
        ):
            missed.append(rule)
    means = macro(after, MECHANICAL)
    return missed + [
        f"macro {what}"
        for what in ("recall", "precision")
        if means[what] is not None and means[what] < MACRO
    ]
