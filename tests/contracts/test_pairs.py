"""Pairs of verbs around contracts: what one of them makes, the other takes, and back again."""

import hashlib
from collections import Counter
from dataclasses import replace
from xml.etree import ElementTree as ET

import jsonschema_rs
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contracts import load_contract, parse_contract
from contracts.diffing import diff
from contracts.exercise import Exercise
from contracts.markup import read_markup
from contracts.published import json_schema
from contracts.reading import closed_text
from contracts.scenario_reports import junit
from tests.contracts import scenes
from tests.contracts.test_diffing import RULE, TEXT, base

# ------------------------------------------------------------------------------- publish

SHARED = """\
policy: shared
limits: {least_micros: LEAST}
facts: {paid: {count: true, from: outcome of pay}}
rules:
"""
LINES = st.lists(RULE, max_size=3, unique_by=lambda line: line.split(",")[0])


@given(LINES, LINES, st.integers(1, 12))
def test_what_is_published_reads_as_what_was_written(
    own: list[str], shared: list[str], least: int
) -> None:
    """With its shared policies in it a contract decides the same, without any file."""
    fixed = "  - {id: few, for: pay, unless: facts.paid < limits.least_micros}\n"
    policy = SHARED.replace("LEAST", str(least)) + fixed
    policy += "".join(line.replace("{id: r", "{id: s") for line in shared)
    named = hashlib.sha256(policy.encode()).hexdigest()
    rules = "rules:\n" + "".join(own) if own else ""
    text = base(more=f"extends: [{{policy: p.yaml, digest: {named}}}]\n{rules}")
    files = {"p.yaml": policy}.__getitem__
    document = parse_contract(text, "c.yaml", files)
    published = closed_text(document)
    again = parse_contract(published, "c.yaml")
    assert closed_text(again) == published
    written, read = (load_contract(one, "c.yaml", files) for one in (text, published))
    assert read.rules == written.rules
    assert read.facts == written.facts
    assert (read.limits, read.tools) == (written.limits, written.tools)
    assert diff(written, read).changes == ()
    assert read.digest == hashlib.sha256(published.encode()).hexdigest()


@given(TEXT)
def test_what_is_read_is_valid_for_an_editor(text: str) -> None:
    """Reading takes nothing that the published schema refuses."""
    value, _, _ = read_markup(text, "c.yaml")
    parse_contract(text)
    assert jsonschema_rs.is_valid(json_schema(), value)


# ---------------------------------------------------------------------------------- diff

TURNED = {"added": "removed", "removed": "added", "changed": "changed"}


@settings(max_examples=settings().max_examples // 2)  # two comparisons each
@given(TEXT, TEXT)
def test_a_comparison_is_mirrored(before: str, after: str) -> None:
    """The other way round the same parts differ, and what was added is what was removed."""
    old, new = load_contract(before), load_contract(after)
    there, back = diff(old, new).changes, diff(new, old).changes
    said = {(one.difference.part, one.difference.name): one for one in there}
    other = {(one.difference.part, one.difference.name): one for one in back}
    assert said.keys() == other.keys()
    for key, one in said.items():
        mirrored = other[key].difference
        assert TURNED[one.difference.what] == mirrored.what
        assert (one.difference.before, one.difference.after) == (mirrored.after, mirrored.before)
        assert set(one.difference.rules) == set(mirrored.rules)
        # Which call shows it, and whether the search comes upon one, may depend on the order.


# --------------------------------------------------------------------------------- JUnit

ANY = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)


def quoted(text: str) -> str:
    """A text in YAML, each character by its number: some have no other way to be written."""
    return '"' + "".join(f"\\U{ord(one):08X}" for one in text) + '"'


@given(ANY, ANY, st.booleans())
@example("\x00<&>\"'\n\t\r", "\x85\u2028\ufffe", False)  # noqa: FBT003 - a case
def test_junit_is_read_whatever_things_are_called(one: str, two: str, met: bool) -> None:  # noqa: FBT001
    """Names and values with any character: the XML is read, with the counts and the names."""
    expected = "allow" if met else "deny"
    scenarios = (
        f"  - {{scenario: {quoted('a ' + one)}, given: [begun, looked], when: pay,"
        f" then: {{decision: {expected}}}}}\n"
    )
    if one != two:
        scenarios += (
            f"  - {{scenario: {quoted('b ' + two)}, given: [begun], when: pay,"
            f" then: {{facts: {{paid: {quoted(two)}}}}}}}\n"
        )
    played = scenes.played(scenarios)
    named = replace(scenes.contract(), name=one)
    root = ET.fromstring(junit([(named, played, Exercise((), (), Counter(), {}))]))  # noqa: S314 - written just now
    cases = list(root.iter("testcase"))
    failed = [case for case in cases if case.find("failure") is not None]
    # Situations that no scenario covers are a case of their own.
    assert (root.get("tests"), len(cases)) == (str(len(played) + 1), len(played) + 1)
    assert root.get("failures") == str(len(failed)) == str((not met) + (one != two) + 1)
    kept = [case.get("name", "")[:2] for case in cases[:-1]]
    assert kept == (["a ", "b "] if one != two else ["a "])
