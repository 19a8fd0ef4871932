"""Points in time: RFC 3339 text, microseconds since 1970, and what CEL takes for a timestamp.

Arithmetic on times is done on integers, so that the edge of a window is exact.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from contracts.coercion import Value, is_list, is_map

SECOND = 1_000_000
"""Microseconds in a second."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(text: object) -> int | None:
    """Return the microseconds since 1970 that an RFC 3339 text names, None where it names none."""
    return _micros(text) if isinstance(text, str) else None


# The same few times are asked for by every contract, and by each record of a submission.
@lru_cache(maxsize=1024)
def _micros(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
        return None if moment.tzinfo is None else (moment - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        return None


def moment(at: int) -> datetime:
    """Return microseconds since 1970 as an aware datetime in UTC."""
    return _EPOCH + timedelta(microseconds=at)


def moment_of(text: object) -> datetime | None:
    """Return what an RFC 3339 text names as a datetime in UTC, None where it names nothing."""
    at = micros(text)
    return None if at is None else moment(at)


def written(at: datetime) -> str:
    """Write a datetime as the ledger writes times: UTC, six fractional digits and `Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def stamp(at: int) -> Value:
    """Return microseconds since 1970 as the message that CEL takes."""
    seconds, rest = divmod(at, SECOND)
    return Timestamp(seconds=seconds, nanos=rest * 1000)


def for_cel(value: Value) -> Value:
    """Return a plain value in which every datetime and timedelta is the message that CEL takes."""
    if isinstance(value, datetime):
        stamp = Timestamp()
        stamp.FromDatetime(value)
        return stamp
    if isinstance(value, timedelta):
        span = Duration()
        span.FromTimedelta(value)
        return span
    if is_list(value):
        return [for_cel(item) for item in value]
    if is_map(value):
        return {key: for_cel(item) for key, item in value.items()}
    return value
