"""What bounds the service as a whole, kept by hand: whoever calls a tool may run into it.

Plain bookkeeping over all channels, written from the sentences of the policy (C3, R1, R2, T3, T5)
and not from the contract: it shares nothing with the engines that it is compared with.
"""

from collections import defaultdict, deque
from datetime import datetime, timedelta
from typing import Final

from writ.demo.services import MODES

MINUTE: Final = timedelta(minutes=1)
_MOVING: Final = "execute"
_PAYING: Final = "payouts.create"
_SEARCH: Final = "policies.search"


class Bounds:
    """The bounds on the service and its channels.

    Attributes:
        switch: `released`, `kill` or `safe`.
    """

    def __init__(self) -> None:
        self.switch = "released"
        self._moved: deque[tuple[datetime, str]] = deque()
        self._searched: deque[datetime] = deque()
        self._called: defaultdict[str, deque[datetime]] = defaultdict(deque)
        self._failed: deque[datetime] = deque()
        self._tripped: datetime | None = None

    def against(self, channel: str, tool: str, target: str, now: datetime) -> list[str]:
        """Return the rules that a call would break now, whatever it says."""
        mode = MODES.get(tool, "")
        checks = {
            "cost.throttle.1": _since(self._called[channel], now, 15 * MINUTE) >= 60,  # noqa: PLR2004
            "recovery.containment": mode == _MOVING and self._contained(target, now),
            "recovery.kill-switch": self._stopped(mode),
            "tools.payouts.create.breaker": tool == _PAYING and self._open(now),
            "tools.policies.search.rate": tool == _SEARCH
            and _since(self._searched, now, MINUTE) >= 10,  # noqa: PLR2004
        }
        return [rule for rule, broken in checks.items() if broken]

    def allowed(self, channel: str, tool: str, target: str, now: datetime) -> None:
        """Count a call that was allowed, or that nobody decided about."""
        self._called[channel].append(now)
        if tool == _SEARCH:
            self._searched.append(now)
        if MODES.get(tool) == _MOVING:
            self._moved.append((now, target))

    def failed(self, tool: str, now: datetime) -> None:
        """Count a call that failed."""
        if tool != _PAYING:
            return
        if _since(self._failed, now, 10 * MINUTE) >= 2:  # noqa: PLR2004 - and this is the third
            self._tripped = now
        self._failed.append(now)

    def _stopped(self, mode: str) -> bool:
        safe = self.switch == "safe" and mode not in {"read", "recommend"}
        return self.switch == "kill" or safe

    def _open(self, now: datetime) -> bool:
        return self._tripped is not None and self._tripped > now - 30 * MINUTE

    def _contained(self, target: str, now: datetime) -> bool:
        while self._moved and self._moved[0][0] <= now - 60 * MINUTE:
            self._moved.popleft()
        entities = {before for _, before in self._moved} | {target}
        return len(self._moved) >= 20 or len(entities) > 16  # noqa: PLR2004 - as R2 says


def _since(times: deque[datetime], now: datetime, window: timedelta) -> int:
    """Drop what lies before the window, and return how many are left."""
    while times and times[0] <= now - window:
        times.popleft()
    return len(times)
