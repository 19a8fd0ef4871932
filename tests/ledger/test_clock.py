"""Time has one writing."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.clock import format_time, parse_time, system_clock


@given(st.datetimes(timezones=st.just(UTC)))
def test_writing_and_reading_return_the_moment(moment: datetime) -> None:
    """A moment comes back, and its text is as long as any other."""
    text = format_time(moment)
    assert parse_time(text) == moment
    assert len(text) == 27


def test_another_zone_is_written_in_utc() -> None:
    """The moment is kept, not the hour on somebody's wall."""
    moment = datetime(2026, 3, 1, 10, tzinfo=timezone(timedelta(hours=1)))
    assert format_time(moment) == "2026-03-01T09:00:00.000000Z"


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01T09:00:00Z",
        "2026-03-01 09:00:00.000000Z",
        "2026-03-01T09:00:00.000000+00:00",
        "2026-02-30T09:00:00.000000Z",
        "2026-03-01T24:00:00.000000Z",
        "\uff12026-03-01T09:00:00.000000Z",
        "2026-03-01T09:00:00.000000Z\n",
        "",
    ],
)
def test_other_writings_are_refused(text: str) -> None:
    """One form, and only days and hours that exist."""
    with pytest.raises(ValueError, match=r"."):
        parse_time(text)


def test_a_time_without_zone_is_refused() -> None:
    """Local time is nobody's time."""
    with pytest.raises(ValueError, match="without a time zone"):
        format_time(datetime(2026, 3, 1))  # noqa: DTZ001  (that is what is refused)


def test_the_machine_clock_is_in_utc() -> None:
    """The default clock can be written as it is."""
    assert format_time(system_clock()) > "2020"
