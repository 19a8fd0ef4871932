"""Permissions that were granted and never used: advice to whoever grants them.

A permission that nobody needs is one that can only be misused.
Source: docs/spec/report.md, *Codes*.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.coercion import Value
from contracts.history import Event
from contracts.model import Contract
from contracts.results import Explanation
from verifier.drafts import Draft
from verifier.findings import Result, Severity

CODE = "identity.unused-permission"


@dataclass(slots=True)
class _Use:
    """What somebody used. `first` is the entry of their first call."""

    first: int
    calls: int = 0
    granted: tuple[str, ...] = ()
    used: set[str] = field(default_factory=set[str])


class Privileges:
    """What each identity, and each contract, was granted and used so far."""

    def __init__(self) -> None:
        self._by: dict[str, _Use] = {}
        self._under: dict[str, _Use] = {}

    def action(self, event: Event, contract: Contract) -> None:
        """Take note of a call; one that was not allowed uses nothing."""
        index, record = event.index, event.record
        mine = self._by.setdefault(record["by"], _Use(index))
        mine.granted = tuple(event.identity.get("permissions") or ())
        tool = contract.tools.get(record["tool"])
        decision = record.get("decision")
        for use in (mine, self._under.setdefault(contract.digest, _Use(index))):
            use.calls += 1
            if tool and (decision is None or decision["effect"] == "allow"):
                use.used.add(tool.permission)

    def finish(self, contracts: Mapping[str, tuple[int, Contract]]) -> list[Draft]:
        """Return what was never used.

        Args:
            contracts: By digest, each with the entry that first put it in force.
        """
        drafts = [
            _unused(use, f"{by} was granted", use.first)
            for by, use in self._by.items()
            if set(use.granted) - use.used
        ]
        for digest, use in self._under.items():
            activated, contract = contracts[digest]
            use.granted = contract.permissions
            if set(use.granted) - use.used:
                who = f"{contract.name} {contract.version} grants"
                drafts.append(_unused(use, who, activated, digest))
        return drafts

    def kept(self) -> list[Value]:
        """Return what is known, for `take_up`."""
        return [
            [
                [name, use.first, use.calls, list(use.granted), sorted(use.used)]
                for name, use in each.items()
            ]
            for each in (self._by, self._under)
        ]

    def take_up(self, rows: Iterable[Any]) -> None:
        """Know this, and nothing else."""
        self._by, self._under = (
            {
                name: _Use(first, calls, tuple(granted), set(used))
                for name, first, calls, granted, used in each
            }
            for each in rows
        )


def _unused(use: _Use, who: str, index: int, contract: str = "") -> Draft:
    names = ", ".join(name for name in use.granted if name not in use.used)
    return Draft(
        code=CODE,
        index=index,
        severity=Severity.ADVICE,
        result=Result.UNDECIDABLE,
        contract=contract,
        expected="no permission that is not needed",
        recorded=f"never used in {use.calls:,} calls: {names}",
        reason="what was not needed so far may be needed yet",
        explanation=Explanation(
            because=(f"{who} {names}, and none of {use.calls:,} calls used it.",),
            entries=(index,),
            would=(f"without {names}",),
        ),
    )
