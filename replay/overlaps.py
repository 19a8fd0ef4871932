"""Whether groups of runs are of the same time: what two contract versions can be compared over.

Source: docs/spec/value.md, *The same time*.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

from replay.history import Run


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two groups of runs, and the time that they have in common.

    Attributes:
        first: The one whose first run is earlier.
        second: The other one.
        since: When the later of their first runs was opened, in microseconds since 1970.
        until: When the earlier of their last runs was opened. Before `since` they have none in
            common.
        runs: How many of each were opened in that time, both ends included.
    """

    first: str
    second: str
    since: int
    until: int
    runs: tuple[int, int]

    @property
    def is_some(self) -> bool:
        """Whether there is a time in which both have runs: one may be around the other."""
        return all(self.runs)


def overlaps(runs: Iterable[Run], key: Callable[[Run], str]) -> Iterator[Overlap]:
    """Yield what each two groups have in common, in the order of their first runs.

    Runs without a time, and those with an empty key, take no part.
    """
    times: dict[str, list[int]] = {}
    for run in runs:
        if run.time is not None and key(run):
            times.setdefault(key(run), []).append(run.time)
    ordered = sorted(times.items(), key=lambda one: (min(one[1]), one[0]))
    for (first, one), (second, two) in combinations(ordered, 2):
        since, until = max(min(one), min(two)), min(max(one), max(two))
        within = [sum(since <= time <= until for time in each) for each in (one, two)]
        yield Overlap(first, second, since, until, (within[0], within[1]))
