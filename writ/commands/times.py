"""Times and lengths of time, as they are typed on a command line."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from writ.errors import UsageError

_LENGTH: Final = re.compile(r"([1-9][0-9]{0,8})([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def moment(text: str, code: str) -> datetime:
    """Return a time, in UTC.

    Raises:
        UsageError: It is none, or has no zone.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise UsageError(
            code, f"{text!r} is no time with a zone", do="Write it as 2026-03-18T05:30:00Z."
        )
    return found.astimezone(UTC)


def length(text: str, code: str) -> timedelta:
    """Return a length of time such as `90s`, `15m`, `2h` or `3d`.

    Raises:
        UsageError: It is none.

    Example:
        >>> length("2h", "approve.expiry")
        datetime.timedelta(seconds=7200)
    """
    found = _LENGTH.fullmatch(text)
    if found is None:
        raise UsageError(code, f"{text!r} is no length of time", do="Write it as 90s, 15m, 2h, 3d.")
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])
