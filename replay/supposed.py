"""A candidate as if it had been in force all along: delegated whenever what was in force was.

A contract says from when to when its service is delegated. That is when it was given, and not what
it allows: by its own dates a new contract would deny all of history before it. So who may act and
when is taken from the contracts that were in force. Source: docs/spec/whatif.md, *Candidates*.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Final

from contracts.expressions import cel_string
from contracts.model import Contract
from contracts.versions import Activation
from replay.history import Governed

DELEGATION: Final = "identity.delegation"
_SECOND: Final = 1_000_000


def supposed(contract: Contract, governed: Governed) -> Contract:
    """Return a candidate with the delegations of what was in force, at their times."""
    made = _delegations(governed, governed.versions.activations(contract.service))
    if not made:
        return contract
    rules = tuple(
        replace(rule, when=made) if rule.id == DELEGATION else rule for rule in contract.rules
    )
    return replace(contract, rules=rules)


def without(contract: Contract, patterns: Sequence[str]) -> Contract:
    """Return a contract without the rules whose ids fit a pattern such as `cost.*`."""
    if not patterns:
        return contract
    rules = tuple(
        rule
        for rule in contract.rules
        if not any(fnmatchcase(rule.id, pattern) for pattern in patterns)
    )
    return replace(contract, rules=rules)


def _delegations(governed: Governed, activations: Sequence[Activation]) -> str:
    """Return when an action stands outside of the delegation of the contract then in force."""
    texts = {
        digest: rule.when
        for digest, contract in governed.contracts.items()
        for rule in contract.rules
        if rule.id == DELEGATION
    }
    known = [one for one in activations if one.digest in texts]
    live = [one for one in known if not one.imported]
    if not live:
        return texts[known[-1].digest] if known else ""
    parts: list[tuple[int, str]] = []
    for one in sorted(live, key=lambda one: (one.effective_at, one.index)):
        text = texts[one.digest]
        if parts and parts[-1][0] == one.effective_at:
            parts.pop()
        if not parts or parts[-1][1] != text:
            parts.append((one.effective_at, text))
    if len(parts) == 1:
        return parts[0][1]
    ends = [f"timestamp(action.time) < {_time(begin)}" for begin, _ in parts[1:]]
    begins = [f"timestamp(action.time) >= {_time(begin)}" for begin, _ in parts[1:]]
    during = zip(["", *begins], [*ends, ""], parts, strict=True)
    return " || ".join(
        "(" + " && ".join([*filter(None, (begin, end)), f"({text})"]) + ")"
        for begin, end, (_, text) in during
    )


def _time(micros: int) -> str:
    whole, part = divmod(micros, _SECOND)
    moment = datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"timestamp({cel_string(f'{moment}.{part:06}Z')})"
