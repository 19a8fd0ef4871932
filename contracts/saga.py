"""Steps that belong together: where one fails, those that were done are taken back, last first.

    with guard.run(goal="move a booking") as run, saga(run) as steps:
        steps.do(book, "seats.book", {"seat": "12A"}, undo=give_back)
        steps.do(pay, "payouts.create", params, undo=reverse, evidence=[order])

Each step is decided and recorded like any other call, and so is what takes it back, by the tool and
the parameters that the contract names for that. A compensation that fails keeps none of the others
from being tried: all that failed is raised together with what went wrong first.
"""

import logging
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from contracts.answers import OutcomeUnrecordedError, Repeated, ToolTimeoutError, refusal_error
from contracts.calling import outcome_fields
from contracts.guarded import GuardedRun
from contracts.performing import GuardedAction, Says

T = TypeVar("T")

_LOG: Final = logging.getLogger("writ.guard")


@dataclass(frozen=True, slots=True)
class Step:
    """What was done.

    Attributes:
        action: Digest of its action.
        tool: Its tool.
        undo: Calls the tool that takes it back; None where nothing does.
        fields: What the compensation's action is proposed with, such as `evidence`.
    """

    action: str
    tool: str
    undo: Callable[..., Any] | None
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Saga:
    """The steps of one saga, within a run.

    Attributes:
        done: The steps that were done, in order.
        left: What is left as it is when the others are taken back, in words.
        undone: The steps that were taken back, in the order in which they were.
    """

    def __init__(self, run: GuardedRun) -> None:
        self._run = run
        self.done: list[Step] = []
        self.left: list[str] = []
        self.undone: list[Step] = []

    def do(
        self,
        function: Callable[..., T],
        tool: str,
        params: Mapping[str, Any],
        *,
        undo: Callable[..., Any] | None,
        says: Says = outcome_fields,
        undo_fields: Mapping[str, Any] | None = None,
        **fields: Any,  # noqa: ANN401 - those of `propose`
    ) -> T | Any:  # noqa: ANN401 - as `GuardedRun.call`
        """Do a step, as `GuardedRun.call` does.

        Args:
            function: Calls the tool, with the parameters by name.
            tool: The tool's name.
            params: Its parameters.
            undo: Calls the tool that takes the step back, with that tool's parameters by name. None
                says that nothing is to be taken back.
            says: What the outcome records of the result.
            undo_fields: What the compensation's action is proposed with, such as `evidence`.
            **fields: Those of `propose`.

        Raises:
            ActionRefusedError: It is not allowed.
            ToolTimeoutError: It did not answer in time: whether it was done is not known, and it is
                not taken back.
            BaseException: What the function raises.
        """
        found = self._run.propose(tool, params, **fields)
        if isinstance(found, Repeated) and found.outcome is not None:
            self.left.append(f"{tool} was done before this saga ({found.earlier[:12]}…)")
            return found.outcome.get("fields")
        if not isinstance(found, GuardedAction):
            raise refusal_error(found)
        step = Step(found.id, tool, undo, dict(undo_fields or {}))
        try:
            result = found.perform(lambda: function(**params), says)
        except OutcomeUnrecordedError:
            self.done.append(step)
            raise
        except ToolTimeoutError:
            self.left.append(
                f"{tool} did not answer in time, and may have been done: {step.action}"
            )
            raise
        self.done.append(step)
        return result

    def take_back(self) -> list[Exception]:
        """Take back what was done, last first, and return what failed at that.

        A step is taken back once, however often this is called; one that failed is tried again.
        """
        failures: list[Exception] = []
        for step in reversed(self.done):
            if step in self.undone:
                continue
            if step.undo is None:
                self.left.append(f"{step.tool} has nothing that takes it back: {step.action}")
                continue
            try:
                self._run.compensate(step.action, step.undo, **step.fields)
            except Exception as error:  # noqa: BLE001 - it is raised with the others
                error.add_note(f"{step.tool} was not taken back: {step.action}")
                failures.append(error)
            else:
                self.undone.append(step)
        return failures


@contextmanager
def saga(run: GuardedRun) -> Generator[Saga]:
    """Take back what was done of a block's steps, where the block raises.

    Args:
        run: The run, which is still open when the block ends.

    Yields:
        The steps.

    Raises:
        BaseException: What the block raised, once all is taken back; notes say what is left.
        BaseExceptionGroup: That, and what failed at taking back. An `ExceptionGroup` where all of
            them are exceptions.
    """
    steps = Saga(run)
    try:
        yield steps
    except BaseException as error:
        failures = steps.take_back()
        for left in steps.left:
            error.add_note(f"left as it is: {left}")
            _LOG.warning("saga of run %s: left as it is: %s", run.id, left)
        if not failures:
            raise
        done = f"{len(failures)} of {len(steps.done)} steps were not taken back"
        raise BaseExceptionGroup(done, [error, *failures]) from error
