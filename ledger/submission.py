"""What a writer signs: one text for up to 1,024 records.

The text binds the records to one ledger (its genesis), to one key and stream, to their number in
that stream and to the submission before, and to what the writer had seen of the ledger. A record
can so neither be moved, nor repeated, nor dropped between two others unnoticed.
Source: docs/spec/ledger-format.md, *Submission*.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ledger import merkle
from ledger.encoding import MAX_INTEGER, digest
from ledger.entry import MAX_SUBMISSION, ZEROS, Header
from ledger.errors import SubmissionError

_FIRST_LINE = "writ/submission/v1"
_FORM = re.compile(
    r"writ/submission/v1\n"
    r"(?P<genesis>[0-9a-f]{64})\n"
    r"(?P<key>[0-9a-f]{64})\n"
    r"(?P<stream>[0-9a-f]{32})\n"
    r"(?P<number>0|[1-9][0-9]{0,15})\n"
    r"(?P<previous>[0-9a-f]{64})\n"
    r"(?P<seen_size>0|[1-9][0-9]{0,15}) (?P<seen_leaf>[0-9a-f]{64})\n"
    r"(?P<exact>true|false)\n"
    r"(?P<count>[1-9][0-9]{0,3})\n"
    r"(?P<root>[0-9a-f]{64})\n"
)


@dataclass(frozen=True, slots=True)
class Submission:
    """The fields of a submission's signed text. Hashes are hex.

    Attributes:
        genesis: Digest of the genesis record: which ledger this is for.
        key: Fingerprint of the writer's key.
        stream: 32 hex digits, one writer process.
        number: 0, 1, 2 … within (key, stream).
        previous: Hash of the signed text before in this stream; 64 zeros at number 0.
        seen_size: Size of the ledger that the writer had seen.
        seen_leaf: Leaf hash of its last entry; 64 zeros when it was empty.
        exact: Whether the first entry must stand at `seen_size`.
        count: Number of records, 1 to 1,024.
        root: RFC 6962 root over the record digests.
    """

    genesis: str
    key: str
    stream: str
    number: int
    previous: str
    seen_size: int
    seen_leaf: str
    exact: bool
    count: int
    root: str


def signed_text(submission: Submission) -> bytes:
    """Write the text that is signed.

    Raises:
        SubmissionError: A field does not have its form, so the text could not be read back.
    """
    raw = _write(submission)
    if parse_signed_text(raw) != submission:  # pragma: no cover  (a form that reads as another)
        raise SubmissionError("the text reads back as another submission")
    return raw


def _write(submission: Submission) -> bytes:
    lines = (
        _FIRST_LINE,
        submission.genesis,
        submission.key,
        submission.stream,
        str(submission.number),
        submission.previous,
        f"{submission.seen_size} {submission.seen_leaf}",
        "true" if submission.exact else "false",
        str(submission.count),
        submission.root,
    )
    return "".join(line + "\n" for line in lines).encode()


def parse_signed_text(raw: bytes) -> Submission:
    """Read a signed text.

    Raises:
        SubmissionError: The bytes are not a submission's signed text.
    """
    try:
        found = _FORM.fullmatch(raw.decode("ascii"))
    except UnicodeDecodeError:
        found = None
    if found is None:
        raise SubmissionError("not the signed text of a submission: ten lines of fixed form")
    part = found.groupdict()
    submission = Submission(
        genesis=part["genesis"],
        key=part["key"],
        stream=part["stream"],
        number=int(part["number"]),
        previous=part["previous"],
        seen_size=int(part["seen_size"]),
        seen_leaf=part["seen_leaf"],
        exact=part["exact"] == "true",
        count=int(part["count"]),
        root=part["root"],
    )
    _check(submission)
    return submission


def _check(submission: Submission) -> None:
    if submission.count > MAX_SUBMISSION:
        raise SubmissionError(f"{submission.count} records, and at most {MAX_SUBMISSION} go in one")
    if max(submission.number, submission.seen_size) > MAX_INTEGER:
        raise SubmissionError("a number is beyond 2^53 - 1")
    if (submission.seen_size == 0) != (submission.seen_leaf == ZEROS):
        raise SubmissionError("64 zeros stand for the last leaf of an empty ledger, and no other")
    if (submission.number == 0) != (submission.previous == ZEROS):
        raise SubmissionError("64 zeros stand for the text before number 0, and no other")


def submission_root(digests: Sequence[str]) -> str:
    """Return the root over the records of a submission, given by their digests in order (hex)."""
    return _root(tuple(digests))


@lru_cache(maxsize=16)
def _root(digests: tuple[str, ...]) -> str:
    # Writer and gate ask one after the other, and often in one process.
    return merkle.root(_leaves(digests)).hex()


def submission_path(digests: Sequence[str], position: int) -> list[str]:
    """Return the inclusion path (hex) from the record at `position` to the submission's root."""
    return [node.hex() for node in merkle.inclusion_proof(_leaves(digests), position)]


def check_submission_path(
    submission: Submission, digest: str, position: int, path: Sequence[str]
) -> None:
    """Check that the record with this digest stands at `position` in the submission.

    Raises:
        MerkleProofError: The path does not lead to the submission's root.
    """
    leaf = merkle.leaf_hash(bytes.fromhex(digest))
    nodes = [bytes.fromhex(node) for node in path]
    merkle.check_inclusion(leaf, position, submission.count, nodes, bytes.fromhex(submission.root))


def _leaves(digests: Sequence[str]) -> list[bytes]:
    return merkle.leaf_hashes(map(bytes.fromhex, digests))


def submission_of(header: Header, genesis: str) -> Submission:
    """Return the submission that a header at position 0 opens, in the ledger of this genesis.

    Raises:
        ValueError: The header does not stand at position 0.
        SubmissionError: The header's fields contradict each other.
    """
    if (
        header.previous is None
        or header.seen is None
        or header.exact is None
        or header.root is None
    ):
        raise ValueError(f"entry {header.index} does not open a submission")
    submission = Submission(
        genesis=genesis,
        key=header.key,
        stream=header.stream,
        number=header.number,
        previous=header.previous,
        seen_size=header.seen.size,
        seen_leaf=header.seen.leaf,
        exact=header.exact,
        count=header.count,
        root=header.root,
    )
    _check(submission)
    return submission


def text_digest(submission: Submission) -> str:
    """Return the hash of the signed text: what the stream's next submission names as `previous`."""
    return digest(signed_text(submission))
