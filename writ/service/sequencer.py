"""One thread for each guard: requests wait in a queue, and are decided in groups.

A ledger takes one writer at a time. Many requests that each wait for its lock hand it over with
every one; one thread that takes what waits keeps it. The queue is bounded: who comes when it is
full is told to come again, at once.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Final

from contracts.answers import Answer
from contracts.channel import Recorded
from contracts.grouped import Given, Wanted
from contracts.guard import Guard

_LOG: Final = logging.getLogger("writ.service")

MOST_TOGETHER: Final = 64
"""How many requests are decided in one group, at most."""
CAPACITY: Final = 1_024
"""How many requests wait for one guard, at most."""

Done = tuple[Answer, Recorded] | Recorded


class BusyError(Exception):
    """The queue is full, or has ended: come again later."""


def grouped(guard: Guard, wanted: Sequence[Wanted]) -> list[Given]:
    """Decide and record a group with one commit, and return in order what came of each."""
    return guard.group(wanted)


class Sequencer:
    """Decides for one guard, in a thread of its own.

    Args:
        guard: The guard.
        capacity: How many requests may wait.
        grouped: Decides a group.
        told: Called with the size of each group.
    """

    def __init__(
        self,
        guard: Guard,
        capacity: int = CAPACITY,
        *,
        grouped: Callable[[Guard, Sequence[Wanted]], list[Given]] = grouped,
        told: Callable[[int], object] = lambda _: None,
    ) -> None:
        self._guard = guard
        self._capacity = capacity
        self._grouped = grouped
        self._told = told
        self._waiting: deque[tuple[Wanted, Future[Done]]] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._work, name=f"guard {guard.service}")
        self._thread.daemon = True
        self._thread.start()

    def count(self) -> float:
        """Return how many requests wait."""
        return float(len(self._waiting))

    def submit(self, wanted: Wanted) -> "Future[Done]":
        """Hand in a request.

        Raises:
            BusyError: The queue is full, or has ended.
        """
        future: Future[Done] = Future()
        with self._changed:
            if self._ended:
                raise BusyError("the service is stopping")
            if len(self._waiting) >= self._capacity:
                raise BusyError(f"{self._capacity} requests wait already")
            self._waiting.append((wanted, future))
            self._changed.notify()
        return future

    def close(self) -> None:
        """Take nothing more, and return once all that waits is done. Twice does nothing."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while group := self._next():
            self._told(len(group))
            self._decide(group)

    def _next(self) -> list[tuple[Wanted, "Future[Done]"]]:
        """Wait for requests, and return the next of them; none at the end."""
        with self._changed:
            while not self._waiting and not self._ended:
                self._changed.wait()
            count = min(MOST_TOGETHER, len(self._waiting))
            taken = [self._waiting.popleft() for _ in range(count)]
        # Who has gone away before it was their turn wants nothing any more.
        left = [one for one in taken if one[1].set_running_or_notify_cancel()]
        return left if left or not taken else self._next()

    def _decide(self, group: Sequence[tuple[Wanted, "Future[Done]"]]) -> None:
        try:
            found = self._grouped(self._guard, [wanted for wanted, _ in group])
        except Exception as error:  # noqa: BLE001 - whoever asked is told
            _LOG.exception("a group could not be decided")
            found = [error] * len(group)
        for (_, future), done in zip(group, found, strict=True):
            if isinstance(done, Exception):
                future.set_exception(done)
            else:
                future.set_result(done)
