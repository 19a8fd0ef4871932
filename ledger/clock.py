"""Time as the ledger writes it: UTC, RFC 3339, always six fractional digits and `Z`.

Text in this one form sorts as the times do, so it is compared without being parsed.
Source: docs/spec/ledger-format.md.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]

_FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)


def system_clock() -> datetime:
    """Return the machine's time, in UTC."""
    return datetime.now(UTC)


def format_time(moment: datetime) -> str:
    """Write a moment in the ledger's form.

    Raises:
        ValueError: The moment has no time zone, so it names no moment.
    """
    if moment.tzinfo is None:
        raise ValueError("a time without a time zone names no moment: give it one, best UTC")
    # strftime would write the year 999 with three digits.
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_time(text: str) -> datetime:
    """Read a moment in the ledger's form, and in no other.

    Raises:
        ValueError: Another form, or no such day or hour.
    """
    if not _FORM.fullmatch(text):
        raise ValueError(f"{text!r} is not a time like 2026-03-01T09:00:00.000000Z")
    return datetime.fromisoformat(text)
