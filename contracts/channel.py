"""What a guarded run needs of a guard, whether that is in this process or behind a service.

Everything that passes is plain data, so that a guard in the agent's process and a client of the
service are used in the same way, and answer the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from contracts.answers import Answer
from contracts.undoing import TakingBack


@dataclass(frozen=True, slots=True)
class Recorded:
    """Where a record stands.

    Attributes:
        digest: The record's digest: its name.
        index: Its entry; -1 where it waits to be recorded.
        leaf: Leaf hash of its entry, hex; empty where it waits.
    """

    digest: str
    index: int = -1
    leaf: str = ""


class Channel(Protocol):
    """A guard, as runs and actions see it."""

    @property
    def service(self) -> str:
        """The service whose runs are opened."""
        ...

    def record(self, kind: str, fields: Mapping[str, Any]) -> Recorded:
        """Record what happened: `run`, `run.closed`, `message`, `observation` or `outcome`.

        Raises:
            UnrecordedError: The ledger could not; for an outcome `OutcomeUnrecordedError`.
            LedgerError: A field is unknown or of the wrong form.
        """
        ...

    def propose(self, fields: Mapping[str, Any]) -> tuple[Answer, Recorded]:
        """Decide about an action, and record it with the decision.

        Raises:
            UngovernedError: No contract binds the service.
            UnrecordedError: The ledger could not record it.
            LedgerError: A field is unknown or of the wrong form.
        """
        ...

    def proposal(self, action: str) -> Mapping[str, Any]:
        """Return the fields of an action that was proposed, to propose it once more.

        Raises:
            GuardError: There is no such action (`guard.unknown`).
        """
        ...

    def taking_back(self, action: str) -> TakingBack:
        """Return the call that takes an action back.

        Raises:
            GuardError: It cannot be taken back, or not any more (`guard.irreversible`).
        """
        ...
