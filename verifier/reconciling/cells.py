"""What single values of a source mean: times, and how a call ended."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from contracts.instants import SECOND
from verifier.reconciling.mapping import Clock, Statuses
from verifier.reconciling.problems import refused

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PER_SECOND: Final[dict[Clock, int]] = {
    "seconds": 1,
    "milliseconds": 1_000,
    "microseconds": SECOND,
    "nanoseconds": 1_000_000_000,
}
# The last instant that RFC 3339 can write.
_LAST: Final = 253_402_300_800 * SECOND
_OK: Final = frozenset({"ok", "success", "succeeded", "successful", "completed", "done", "true"})
_FAILED: Final = frozenset({"error", "failed", "failure", "fail", "timeout", "timed_out", "false"})


def time_of(value: object, clock: Clock, place: str) -> int | None:
    """Return a time in microseconds since 1970; None where the cell is empty.

    Raises:
        AgainstError: It is no time as the map says that times are written, or names no zone.
    """
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise _no_zone(value.isoformat(), place)
        return (value - _EPOCH) // timedelta(microseconds=1)
    if clock == "rfc3339":
        return _rfc3339(value, place)
    return _number(value, clock, place)


def _rfc3339(value: object, place: str) -> int:
    try:
        found = datetime.fromisoformat(str(value)) if isinstance(value, str) else None
    except ValueError:
        found = None
    # A date alone is not a time, though it would be read as midnight.
    if found is None or len(str(value)) <= len("2026-03-01"):
        what = (
            f"{str(value)[:40]!r} is no time such as 2026-03-01T09:00:00Z; where times are numbers "
            "the map says which, as `clock: milliseconds`"
        )
        raise refused("time", place, what)
    if found.tzinfo is None:
        raise _no_zone(str(value), place)
    return (found - _EPOCH) // timedelta(microseconds=1)


def _no_zone(text: str, place: str) -> Exception:
    what = f"the time {text[:40]!r} names no zone: have it written in UTC, with Z"
    return refused("zone", place, what)


def _number(value: object, clock: Clock, place: str) -> int:
    try:
        found = Decimal(str(value)) * SECOND / _PER_SECOND[clock]
    except ArithmeticError:
        found = Decimal(-1)
    # What is no number compares with nothing, and one with a long exponent is never written out.
    if isinstance(value, bool) or not found.is_finite() or not 0 <= found < _LAST:
        what = f"{str(value)[:40]!r} is no time in {clock} since 1970; see `clock` of the map"
        raise refused("time", place, what)
    return int(found)


def status_of(value: object, statuses: Statuses | None, place: str) -> bool | str | None:
    """Return whether a call failed; None where nothing says so, `none` where there was no call.

    Raises:
        AgainstError: The word means nothing.
    """
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return not value
    word = str(value).strip().casefold()
    if statuses is None:
        known = {**dict.fromkeys(_OK, False), **dict.fromkeys(_FAILED, True)}
        found: bool | str | None = known.get(word, _http(word))
    else:
        said: dict[str, bool | str] = {}
        for words, means in ((statuses.ok, False), (statuses.failed, True)):
            said |= dict.fromkeys((one.casefold() for one in words), means)
        said |= dict.fromkeys((one.casefold() for one in statuses.none), "none")
        found = said.get(word)
    if found is None:
        what = (
            f"what the status {str(value)[:40]!r} means is not known: say it in the map under "
            "`statuses`, as ok, failed or none"
        )
        raise refused("status", place, what)
    return found


def _http(word: str) -> bool | None:
    if len(word) != len("200") or not (word.isascii() and word.isdigit()):
        return None
    return {"2": False, "4": True, "5": True}.get(word[0])
