"""Submissions: the text that a writer signs."""

import contextlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.entry import Header
from ledger.errors import MerkleProofError, SubmissionError
from ledger.submission import (
    Submission,
    check_submission_path,
    parse_signed_text,
    signed_text,
    submission_of,
    submission_path,
    submission_root,
    text_digest,
)
from ledger.testing import mangle
from tests.ledger.strategies import digests, headers, submissions


@given(submissions())
def test_writing_and_reading_return_the_submission(submission: Submission) -> None:
    """The signed text says every field, and says it once."""
    raw = signed_text(submission)
    assert parse_signed_text(raw) == submission
    assert raw.count(b"\n") == 10
    assert raw.startswith(b"writ/submission/v1\n")
    assert len(text_digest(submission)) == 64


@given(submissions())
def test_no_other_text_says_the_same(submission: Submission) -> None:
    """Whatever byte is changed, the text is refused or says something else."""
    for _, raw in mangle(signed_text(submission)):
        with contextlib.suppress(SubmissionError):
            assert parse_signed_text(raw) != submission


@given(headers(), digests)
def test_a_header_opens_its_submission(header: Header, genesis: str) -> None:
    """What is signed follows from the header at position 0, and from no other."""
    if header.position:
        with pytest.raises(ValueError, match="does not open"):
            submission_of(header, genesis)
    else:
        submission = submission_of(header, genesis)
        assert (submission.genesis, submission.root) == (genesis, header.root)


PLAIN = Submission(
    genesis="aa" * 32,
    key="bb" * 32,
    stream="cc" * 16,
    number=1,
    previous="dd" * 32,
    seen_size=1,
    seen_leaf="ee" * 32,
    exact=False,
    count=1,
    root="ff" * 32,
)


@pytest.mark.parametrize(
    "changes",
    [
        {"count": 1025},
        {"count": 0},
        {"number": 2**53},
        {"number": -1},
        {"seen_size": 2**53},
        {"seen_leaf": "0" * 64},
        {"seen_size": 0},
        {"number": 0},
        {"previous": "0" * 64},
        {"root": "FF" * 32},
        {"key": "bb" * 32 + "\n"},
    ],
)
def test_fields_that_contradict_are_refused(changes: dict[str, Any]) -> None:
    """Neither written nor read: limits, and zeros that stand for nothing."""
    assert parse_signed_text(signed_text(PLAIN)) == PLAIN
    with pytest.raises(SubmissionError):
        signed_text(replace(PLAIN, **changes))


@pytest.mark.parametrize("raw", [b"", b"writ/submission/v2\n", b"\xff", "é".encode()])
def test_another_text_is_refused(raw: bytes) -> None:
    """A text of another form is not read as far as it goes."""
    with pytest.raises(SubmissionError):
        parse_signed_text(raw)


def test_nothing_may_follow() -> None:
    """The text ends where it ends."""
    with pytest.raises(SubmissionError):
        parse_signed_text(signed_text(PLAIN) + b"\n")


@given(st.lists(digests, min_size=1, max_size=20), st.data())
def test_each_record_leads_to_the_root(records: list[str], data: st.DataObject) -> None:
    """Path and root are a pair, and a path proves its own position only."""
    position = data.draw(st.integers(0, len(records) - 1))
    made = replace(PLAIN, count=len(records), root=submission_root(records))
    path = submission_path(records, position)
    check_submission_path(made, records[position], position, path)
    with pytest.raises(MerkleProofError):
        check_submission_path(made, "01" * 31 + "fe", position, path)
    with pytest.raises(MerkleProofError):
        check_submission_path(made, records[position], position + len(records), path)
