"""Finding authority documents without reading all records: in what those who may write them wrote.

An authority record is admitted only from a key that the document in force lets write one. So the
next document stands in a submission of such a key, and the cache of streams says where those are.
It is a cache: where it does not account for every entry nothing is concluded from it, and all
records are searched. Verification never asks here.
Source: docs/spec/ledger-format.md, *Authority*, *Store*.
"""

from collections.abc import Iterator

from ledger.authority import AuthorityHistory, kinds_of
from ledger.keys import fingerprint
from ledger.records import Authority, Genesis, parse_record
from ledger.writing import Writer

AUTHORITY_MARK = b'"kind":"authority"'
# Where stewards wrote more than this, all records are searched: one pass is then quicker.
_MOST = 4_096


def authority_by_stewards(
    writer: Writer, size: int, known: tuple[AuthorityHistory, int] | None = None
) -> AuthorityHistory | None:
    """Fold the authority records of a ledger as `read_authority` does, reading few records.

    Args:
        writer: The store, while its lock is held.
        size: Where the ledger ends.
        known: What was folded before, and the index from which to go on.

    Returns:
        The authority; None where the cache cannot tell, or stewards wrote much.

    Raises:
        LedgerError: An authority document is refused, or the store cannot be read.
    """
    # INVARIANT: a submission that the cache has lost is noticed here. An authority document that
    # was overlooked would let a key write that it has revoked.
    if writer.submitted() != size:
        return None
    if known is None:
        known = _founded(writer)
    if known is None or not known[0].documents:
        return None
    authority, at = known
    while True:
        places = _places(writer, authority, at)
        if sum(map(len, places)) > _MOST:
            return None
        found = next(_documents(writer, places), None)
        if found is None:
            return authority
        index, record = found
        # What comes after is for those to write whom this one names.
        authority, at = authority.fold(index, record), index + 1


def _founded(writer: Writer) -> tuple[AuthorityHistory, int] | None:
    """Return what the first two records found."""
    records = [parse_record(raw) for _, raw in writer.records(range(2))]
    match records:
        case [Genesis() as genesis, Authority() as first]:
            return AuthorityHistory.of(genesis).fold(1, first), 2
        case _:
            return None


def _places(writer: Writer, authority: AuthorityHistory, start: int) -> list[range]:
    """Return where those wrote from `start` on who may write a document, in the ledger's order."""
    document = authority.documents[-1].document
    roles = {one.id: one.roles for one in document.identities}
    keys = [
        fingerprint(bytes.fromhex(entry.key))
        for entry in document.keys
        if "authority" in kinds_of(roles[entry.identity])
    ]
    found = [place for key in keys for place in writer.submissions_of(key, start)]
    return sorted((range(max(one.start, start), one.stop) for one in found), key=lambda one: one[0])


def _documents(writer: Writer, places: list[range]) -> Iterator[tuple[int, Authority]]:
    for place in places:
        for index, raw in writer.records(place):
            record = parse_record(raw) if AUTHORITY_MARK in raw else None
            if isinstance(record, Authority):
                yield index, record
