"""Contracts that come with Writ, each with the policy that its rules cite, in words.

`refund-decisioning` is the worked example: 1.0.0, and 1.1.0 after an incident. `access-granting`,
`payment-approval` and `customer-record-update` build on a policy that they share, in `shared/`.
"""

import re
from functools import cache
from importlib.resources import files
from typing import Final

from contracts.reading import closed_text, parse_contract

# A contract's name may be anybody's: only one that can be a folder's here is looked for.
_NAME: Final = re.compile(r"[a-z][a-z-]*")


@cache
def contract_text(name: str, version: str) -> str:
    """Return the text of a contract as it is published: with all that it extends.

    Raises:
        FileNotFoundError: There is no such version of it.

    Example:
        >>> contract_text("refund-decisioning", "1.0.0").splitlines()[3]
        'contract: refund-decisioning'
        >>> "policy: back-office" in contract_text("access-granting", "1.0.0")
        True
    """
    path = f"{name}/{version}.yaml"
    # Bytes and not text: the digest is over what is there, line ends included.
    return closed_text(parse_contract(_bytes(path), path, _bytes))


def policy_text(name: str, version: str) -> bytes:
    """Return the policy, in the version that a contract names as its document.

    Raises:
        FileNotFoundError: There is no such version of it.
    """
    return _bytes(f"{name}/policy-{version}.md")


def scenario_texts(name: str) -> dict[str, bytes]:
    """Return the scenarios that come with a contract, by the names of their files.

    Empty for a contract that does not come with Writ.

    Example:
        >>> "policy.yaml" in scenario_texts("refund-decisioning"), scenario_texts("nobody's")
        (True, {})
    """
    if not _NAME.fullmatch(name) or not (files(__name__) / name / "scenarios").is_dir():
        return {}
    there = (files(__name__) / name / "scenarios").iterdir()
    return {one.name: one.read_bytes() for one in there if one.name.endswith(".yaml")}


def _bytes(path: str) -> bytes:
    return (files(__name__) / path).read_bytes()
