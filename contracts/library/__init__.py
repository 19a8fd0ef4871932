"""Contracts that come with Writ, each with the policy that its rules cite, in words.

`refund-decisioning` is the worked example: 1.0.0, and 1.1.0 after an incident.
"""

from importlib.resources import files


def contract_text(name: str, version: str) -> str:
    """Return the text of a contract.

    Raises:
        FileNotFoundError: There is no such version of it.

    Example:
        >>> contract_text("refund-decisioning", "1.0.0").splitlines()[3]
        'contract: refund-decisioning'
    """
    # Bytes and not text: the digest is over what is there, line ends included.
    return (files(__name__) / name / f"{version}.yaml").read_bytes().decode("utf-8")


def policy_text(name: str, version: str) -> bytes:
    """Return the policy, in the version that a contract names as its document.

    Raises:
        FileNotFoundError: There is no such version of it.
    """
    return (files(__name__) / name / f"policy-{version}.md").read_bytes()
