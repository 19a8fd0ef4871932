"""The library's contracts name the policies that lie beside them, sentence by sentence."""

import re
from hashlib import sha256
from pathlib import Path
from typing import Final

import pytest

from contracts.library import contract_text, policy_text
from contracts.linting import lint
from contracts.reading import parse_contract
from contracts.remarks import Severity

LIBRARY: Final = Path(__file__).parents[2] / "contracts" / "library"
CONTRACTS: Final = [
    (path.parent.name, path.stem)
    for path in sorted(LIBRARY.glob("*/*.yaml"))
    if path.parent.name != "shared"
]


def sentences_of(policy: bytes) -> set[str]:
    """The ids of a policy's sentences."""
    return set(re.findall(r"^- ([A-Z][0-9]+)\.", policy.decode(), re.MULTILINE))


@pytest.mark.parametrize(("name", "version"), CONTRACTS)
def test_a_contract_says_what_its_policy_says(name: str, version: str) -> None:
    """The digest is the policy's, every sentence cited stands in it, the rest have a comment."""
    text = contract_text(name, version)
    document = parse_contract(text).clauses.policy
    policy = policy_text(name, document.document.version)
    assert document.document.digest == sha256(policy).hexdigest()
    written = sentences_of(policy)
    for shared in LIBRARY.glob("shared/*.md"):
        if sha256(shared.read_bytes()).hexdigest() in policy.decode():
            written |= sentences_of(shared.read_bytes())
    assert set(document.sentences) <= written
    assert {one for one in written if not re.search(rf"\b{one}\b", text)} <= ELSEWHERE


# What the clauses say by themselves: an outcome for each action.
ELSEWHERE: Final = {"R5"}


@pytest.mark.parametrize(("name", "version"), CONTRACTS)
def test_lint_warns_of_the_tool_that_is_out_of_scope_alone(name: str, version: str) -> None:
    """Each contract has one tool that it may not use, so that scope has something to refuse."""
    found = lint(contract_text(name, version))
    assert [one.code for one in found if one.severity is not Severity.NOTE] == ["scope.mode"]
