"""How scenarios went, for people and for machines: text, and JUnit's XML."""

import re
from collections.abc import Iterable, Sequence
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from contracts.branches import Branch
from contracts.exercise import BOTH, CATEGORIES, Exercise
from contracts.model import Contract, Rule
from contracts.retelling import retold
from contracts.scenarios import Played

SHOWN: Final = 100
"""Characters of a branch that a report quotes."""

_UNWRITABLE: Final = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Group = tuple[Contract, Sequence[Played], Exercise | None]
"""A contract, how its scenarios went, and what they exercise (None: only some were played)."""


def failure_lines(played: Played) -> list[str]:
    """Return why a scenario failed: expected and got, with the line of the suite."""
    file, place = played.suite.source.file, played.place
    lines = [f"{file}:{place.line}:{place.column}: failed: {played.name}"]
    for each in played.failures:
        lines.append(f"  {file}:{each.place.line}:{each.place.column}: {each.what}")
        lines += [f"    expected {each.expected}", f"    got      {each.got}"]
    if played.smallest is not None:
        lines.append("  the smallest history found that fails the same way:")
        lines += [f"    {line}" for line in retold(played.smallest)]
    return lines


def summary_lines(group: Group) -> list[str]:
    """Return how the scenarios of one contract went, and what they do not exercise."""
    contract, played, exercise = group
    failed = sum(bool(each.failures) for each in played)
    name = f"{contract.name} {contract.version}"
    lines = [f"{name}: {len(played)} scenarios, {len(played) - failed} passed, {failed} failed"]
    return lines if exercise is None else lines + _exercised(exercise)


def _exercised(exercise: Exercise) -> list[str]:
    rules, branches = len(exercise.rules), exercise.branches
    counts = ", ".join(
        f"{word} {exercise.reached(word)}" for word in (*BOTH, "undecidable", "pending")
    )
    lines = [f"  rules: {rules} ({counts})"]
    for word in BOTH:
        lines += [f"    never {word}: {_rule(rule)}" for rule in exercise.never(word)]
    both = sum(len(found) == len(BOTH) for _, found in branches)
    lines.append(f"  branches: {len(branches)}, both true and false: {both}")
    for branch, found in branches:
        words = [word for word, value in (("true", True), ("false", False)) if value not in found]
        if words:
            lines.append(f"    never {' nor '.join(words)}: {_branch(branch)}")
    covered = ", ".join(f"{each} {exercise.covered[each]}" for each in CATEGORIES)
    lines.append(f"  situations: {covered}")
    lines += [f"    waived: {name} ({reason})" for name, reason in exercise.waived.items()]
    for name in exercise.missing:
        lines.append(
            f"    missing: no scenario covers {name}; write one, or say why under `waived`"
        )
    return lines


def _rule(rule: Rule) -> str:
    return f"{rule.id} (line {rule.position.line})"


def _branch(branch: Branch) -> str:
    text = " ".join(branch.text.split())
    shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
    return f"{shown} in {_rule(branch.rule)}"


def junit(groups: Iterable[Group]) -> str:
    """Return the report as JUnit's XML: a test suite for each contract, a case for each scenario.

    Missing situations are a failing case of their own, so that they are seen where only this file
    is looked at.
    """
    root = Element("testsuites", name="writ contract test")
    totals = {"tests": 0, "failures": 0}
    for contract, played, exercise in groups:
        name = _xml(f"{contract.name} {contract.version}")
        cases = [_case(name, each) for each in played]
        if exercise is not None and exercise.missing:
            case = Element("testcase", classname=name, name="required situations", time="0.000")
            said = f"no scenario covers {', '.join(exercise.missing)}"
            SubElement(case, "failure", message=_xml(said), type="missing").text = _xml(said)
            cases.append(case)
        failures = sum(case.find("failure") is not None for case in cases)
        suite = SubElement(
            root,
            "testsuite",
            name=name,
            tests=str(len(cases)),
            failures=str(failures),
            errors="0",
            skipped="0",
            time=f"{sum(each.seconds for each in played):.3f}",
        )
        suite.extend(cases)
        totals = {"tests": totals["tests"] + len(cases), "failures": totals["failures"] + failures}
    for key, value in totals.items():
        root.set(key, str(value))
    root.set("errors", "0")
    indent(root)
    text = tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _case(contract: str, played: Played) -> Element:
    source = played.suite.source
    case = Element(
        "testcase",
        classname=_xml(f"{contract}.{played.suite.text.suite}"),
        name=_xml(played.name),
        file=_xml(source.file),
        line=str(played.place.line),
        time=f"{played.seconds:.3f}",
    )
    if played.failures:
        first = played.failures[0]
        message = f"{first.what}: expected {first.expected}, got {first.got}"
        failure = SubElement(case, "failure", message=_xml(message), type="expectation")
        failure.text = _xml("\n".join(failure_lines(played)))
    return case


def _xml(text: str) -> str:
    """Return a text without the characters that XML 1.0 has no way to write."""
    return _UNWRITABLE.sub("\ufffd", text)
