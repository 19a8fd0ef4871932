"""Simulated time: many cases at once, each a generator that says how long it waits."""

import heapq
from collections.abc import Generator
from datetime import datetime, timedelta

Steps = Generator[timedelta, None, None]
"""What happens, with the waiting in between."""


class Timeline:
    """A queue of things that happen; time jumps from one to the next.

    Attributes:
        now: The simulated time, with a time zone.
    """

    def __init__(self, start: datetime) -> None:
        self.now = start
        self._queue: list[tuple[datetime, int, Steps]] = []
        self._count = 0

    def clock(self) -> datetime:
        """Return the simulated time, as a ledger's clock."""
        return self.now

    def begin(self, at: datetime, steps: Steps) -> None:
        """Let something begin at a time."""
        # The count decides between things of one time: the same plan is the same history.
        heapq.heappush(self._queue, (at, self._count, steps))
        self._count += 1

    def run(self, until: datetime | None = None) -> None:
        """Let everything happen that begins or goes on until then; all of it without `until`."""
        while self._queue and (until is None or self._queue[0][0] < until):
            at, _, steps = heapq.heappop(self._queue)
            self.now = max(self.now, at)
            wait = next(steps, None)
            if wait is not None:
                self.begin(self.now + wait, steps)
