"""A small verifier, apart from the real one: enough to say that a store is whole."""

from collections.abc import Mapping

from ledger import Store
from ledger.admission import read_authority
from ledger.authority import Standing
from ledger.checkpoint import open_checkpoint
from ledger.encoding import digest, from_base64
from ledger.entry import ZEROS, Header, leaf_hash, parse_header
from ledger.keys import verify_signature
from ledger.merkle import root
from ledger.records import Genesis, parse_record
from ledger.submission import Submission, signed_text, submission_of, submission_root

Streams = Mapping[tuple[str, str], Submission]


def walk(store: Store) -> int:
    """Check every byte of a store that a hash or signature covers. Return its number of entries."""
    authority = read_authority(store)
    headers: list[Header] = []
    leaves: list[bytes] = []
    genesis, origin = "", ""
    for row in store.rows():
        header = parse_header(row.header)
        assert row.record is not None
        record = parse_record(row.record)
        if isinstance(record, Genesis):
            genesis, origin = digest(row.record), record.origin
        assert header.index == row.idx == len(headers)
        assert header.prev == (leaves[-1].hex() if leaves else ZEROS)
        assert header.record == digest(row.record)
        assert not headers or headers[-1].recorded_at <= header.recorded_at
        answer = authority.entitled(row.idx, header.key, record, header.recorded_at)
        assert answer.standing is Standing.ENTITLED
        headers.append(header)
        leaves.append(leaf_hash(row.header))
    for header in headers:
        if header.position == 0:
            group = headers[header.index : header.index + header.count]
            check_submission(group, genesis, leaves, authority.public_key(header.key) or b"")
    check_streams(headers, genesis)
    for size, note in store.checkpoints():
        opened = open_checkpoint(note, origin, authority.head_keys(size)).checkpoint
        assert (opened.size, opened.root) == (size, root(leaves[:size]))
    return len(headers)


def check_submission(
    group: list[Header], genesis: str, leaves: list[bytes], public_key: bytes
) -> None:
    """Check the entries of one submission against what its first one carries."""
    first = group[0]
    submission = submission_of(first, genesis)
    assert len(group) == first.count
    assert [header.position for header in group] == list(range(first.count))
    assert {(header.key, header.stream, header.number) for header in group} == {
        (first.key, first.stream, first.number)
    }
    assert submission.root == submission_root([header.record for header in group])
    assert submission.seen_size <= first.index
    assert not submission.exact or submission.seen_size == first.index
    if submission.seen_size:
        assert submission.seen_leaf == leaves[submission.seen_size - 1].hex()
    verify_signature(public_key, signed_text(submission), from_base64(first.signature or ""))


def check_streams(headers: list[Header], genesis: str) -> None:
    """Check that each stream is numbered from 0 and linked."""
    last: dict[tuple[str, str], Submission] = {}
    for header in headers:
        if header.position == 0:
            name = header.key, header.stream
            before = last.get(name)
            submission = submission_of(header, genesis)
            assert submission.number == (before.number + 1 if before else 0)
            assert submission.previous == (digest(signed_text(before)) if before else ZEROS)
            last[name] = submission
