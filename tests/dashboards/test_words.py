"""The app's words: recorded text never becomes markup, and amounts are what they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.words import (
    JOINER,
    SHOWN,
    amount,
    code,
    money,
    one_line,
    opened,
    plain,
    seconds,
    title,
)
from tests.dashboards.ledgers import HOSTILE


def _content(span: str) -> str:
    """Return what is inside a code span, as CommonMark takes it apart."""
    fence = len(span) - len(span.lstrip("`"))
    inside = span[fence:-fence]
    assert "`" * fence not in inside.replace("`" * (fence + 1), "")
    assert span.endswith("`" * fence)
    runs = [len(run) for run in "".join(c if c == "`" else " " for c in inside).split()]
    assert fence not in runs  # nothing inside closes it
    return inside.strip().replace(JOINER, "")


@given(st.text(max_size=60))
def test_a_code_span_holds_any_text(text: str) -> None:
    """The text comes out of the span as it went in, on one line."""
    assert _content(code(text)) == (one_line(text, 80) or "-").strip()


def test_hostile_text_stays_text() -> None:
    """All of it stands in the span, what turns the writing round is named instead of done."""
    shown = _content(code(HOSTILE, 400))
    assert "<script>alert(1)</script>" in shown
    assert ":material/home:" in shown
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in shown
    assert "\\u202e" in shown
    assert "\\u202e" in plain(HOSTILE)


def test_long_text_is_cut_and_says_so() -> None:
    """A record may hold a mebibyte: a page does not."""
    assert plain("x" * 10 * SHOWN) == "x" * SHOWN + " …"
    assert len(opened({"a": "x" * 10 * SHOWN})) < SHOWN + 10
    assert plain("a\tb\nc") == "a    b\nc"


@pytest.mark.parametrize(
    ("micros", "written"),
    [(0, "0.00"), (1, "0.000001"), (-12_340_000, "-12.34"), (10**13, "10,000,000.00")],
)
def test_money_is_exact(micros: int, written: str) -> None:
    """Not one millionth is rounded away."""
    assert money(micros, "EUR") == f"{written} EUR"
    assert amount({"micros": micros, "currency": "EUR"}) == f"{written} EUR"


def test_no_amount_is_no_words() -> None:
    """An absent member is not nought."""
    assert amount(None) == ""


def test_a_finding_has_a_title() -> None:
    """The rule's own words, else the code's, else what was asked for."""
    assert title("scope.x", "says so", "a < b") == "Says so."
    assert title("coverage.run-unclosed", "", "x") == "This run was never closed."
    assert title("cost.tokens", "", "a run uses few") == "A run uses few."


def test_durations_are_said() -> None:
    """From milliseconds to days."""
    assert [seconds(value) for value in (0.0123, 59.9, 60, 86_399)] == [
        "0.0123 s",
        "59.9 s",
        "1 min 0 s",
        "23 h 59 min",
    ]
