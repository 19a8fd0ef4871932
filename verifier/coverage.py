"""What should be in the ledger and is not: silence is reported, because silence is not a pass."""

from collections.abc import Iterable, Sequence
from typing import Any

from contracts.coercion import Value
from contracts.lineage import Run
from verifier.drafts import Draft
from verifier.findings import Result, Severity


class Coverage:
    """Runs that are not closed, and actions waiting for their outcome, by run."""

    def __init__(self) -> None:
        self._open: dict[str, int] = {}
        self._waiting: dict[str, dict[str, int]] = {}

    def kept(self) -> list[Value]:
        """Return what waits, run by run."""
        return [
            [run, [[digest, index] for digest, index in each.items()]]
            for run, each in self._waiting.items()
            if each
        ]

    def take_up(self, rows: Sequence[Any], runs: Iterable[Run]) -> None:
        """Wait for this, and nothing else.

        Args:
            rows: What `kept` returned.
            runs: The runs of the history.
        """
        self._open = {run.digest: run.index for run in runs if run.closed is None}
        self._waiting = {run: dict(each) for run, each in rows}

    def opened(self, run: str, index: int) -> None:
        """A run begins."""
        self._open[run] = index

    def action(self, run: str, digest: str, index: int) -> None:
        """An allowed action (or one without a decision) wants an outcome."""
        self._waiting.setdefault(run, {})[digest] = index

    def outcome(self, run: str, action: str) -> None:
        """An outcome came."""
        waiting = self._waiting.get(run)
        if waiting is not None:
            waiting.pop(action, None)

    def closed(self, run: str, index: int) -> list[Draft]:
        """A run closed: return the actions in it whose outcome nobody recorded."""
        self._open.pop(run, None)
        return [
            Draft(
                code="coverage.outcome-missing",
                index=action,
                severity=Severity.MEDIUM,
                expected="an outcome before the run closes",
                recorded=f"the run closed at entry {index} without one",
                rests_on=(index,),
            )
            for action in self._waiting.pop(run, {}).values()
        ]

    def finish(self) -> list[Draft]:
        """Return the runs that were never closed, and what waits for an outcome in them."""
        drafts = [
            Draft(
                code="coverage.run-unclosed",
                index=index,
                severity=Severity.ADVICE,
                result=Result.UNDECIDABLE,
                expected="a record that closes the run",
                recorded="none until the end of the ledger",
                reason="the run may still be going on, or its end was not recorded",
            )
            for index in self._open.values()
        ]
        waiting = sorted(index for run in self._waiting.values() for index in run.values())
        drafts.extend(
            Draft(
                code="coverage.outcome-missing",
                index=index,
                severity=Severity.ADVICE,
                result=Result.UNDECIDABLE,
                expected="an outcome",
                recorded="none until the end of the ledger",
                reason="the run is not closed: the outcome may still come",
            )
            for index in waiting
        )
        return drafts


def gaps(found: Iterable[tuple[int, int, int]]) -> list[Draft]:
    """Return a draft for each hole in a writer's numbering: (index, number due, number there)."""
    return [
        Draft(
            code="coverage.gap-in-submissions",
            index=index,
            severity=Severity.HIGH,
            expected=f"submission {due} of this writer's stream",
            recorded=f"submission {there}: {there - due} signed before it, not in the ledger",
        )
        for index, due, there in found
    ]


def unclosed(streams: Iterable[tuple[str, str, int]], size: int) -> list[Draft]:
    """Return advice for streams without an end: what their writers sent last cannot be known."""
    count = sum(1 for _ in streams)
    if not count:
        return []
    return [
        Draft(
            code="coverage.stream-unclosed",
            index=size - 1,
            severity=Severity.ADVICE,
            result=Result.UNDECIDABLE,
            expected="every writer closes its stream when it ends",
            recorded=f"{count} streams without an end",
            reason="what these writers signed after their last submission here is not known",
        )
    ]
