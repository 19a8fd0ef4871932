"""The quick verification of an ordinary ledger: spans read side by side, then put together.

It proves one thing: that the exact reading (`verifier.integrity`) would find nothing. Where it
cannot, it says no more than that, and the exact reading is to be done: so that what a report says
never depends on which way was taken, nor on how many processes took it.
Source: docs/spec/ledger-format.md, *Verification*; docs/adr/0014.
"""

import gc
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from contracts.governance import Governance
from ledger.authority import Standing
from ledger.encoding import digest, from_base64, to_base64
from ledger.entry import ZEROS, leaf_hash, parse_header
from ledger.errors import LedgerError
from ledger.keys import fingerprint
from ledger.merkle import HASH_SIZE, Frontier
from ledger.records import AnyRecord, parse_record
from ledger.store import Store
from verifier.entries import Entry
from verifier.errors import StateError, UnusualError, VerifierError
from verifier.founding import Founding
from verifier.governance import governance_problem
from verifier.grouping import Streams
from verifier.heads import Heads
from verifier.sealed import BOXED_SINCE
from verifier.span import Span, check_signed
from verifier.spans import PIECE, begin, how_begun, read_elsewhere, read_span
from verifier.state import State, Verified
from verifier.tables import Tables
from verifier.trust import Trust

Progress = Callable[[int, int], None]
_Document = tuple[int, bytes, bytes]
# Entries of a span: enough that what is done once for each does not count, few enough to hold.
SPAN = 8_192
# Spans that each of several processes reads at least, where there are enough entries.
_EACH = 6
# So many spans are read by one process: the first has to be there before the others.
_ALONE = 2
# Spans that are read ahead of those that were put together, for each process.
_AHEAD = 2


@dataclass(frozen=True, slots=True)
class Proved:
    """A ledger of which the exact reading would find nothing wrong: what it would say of it.

    Attributes:
        kept: What can be kept of it, with the tables' lengths: up to the last head, if one is newer
            than what was kept before.
    """

    founding: Founding
    heads: Heads
    size: int
    head: bytes
    submissions: int
    kept: tuple[Verified, dict[str, int]] | None = None
    invalid_submissions: int = 0
    invalid_records: int = 0
    withheld: int = 0

    def root(self) -> bytes:
        """Return the root over what was read."""
        return self.head


class _FiledStreams(Streams):
    """Streams whose leaves lie in a file."""

    def __init__(self, genesis: str, tables: Tables) -> None:
        super().__init__(genesis)
        self._tables = tables

    def leaf(self, index: int) -> str:
        """Return the leaf hash at `index` in hex; 64 zeros before the first."""
        return ZEROS if index < 0 else self._tables.leaf(index).hex()


def proved(
    store: Store,
    trust: Trust | None,
    *,
    jobs: int = 1,
    span: int = SPAN,
    progress: Progress | None = None,
    state: State | None = None,
    folder: Path | None = None,
) -> Proved | None:
    """Verify a ledger in the quick way.

    Args:
        store: What is read.
        trust: What the verification rests on.
        jobs: How many processes read.
        span: How many entries are read as one.
        progress: Called now and then with how many entries were read, and how many there are.
        state: What was kept of earlier verifications: it is gone on from. Its tables are added to;
            whoever asked replaces it by what is `kept`.
        folder: Where leaf hashes and references are put, for who reads on; by default nowhere.

    Returns:
        What was proved; None where the exact reading has to be done.

    Raises:
        StateError: The state is of another ledger.
    """
    with uncollected(), _folder(state, folder) as there:
        try:
            with Tables(there) as tables:
                reading = _Reading(store, trust, tables, state)
                with _spans(store, reading, jobs, span) as spans:
                    for found in spans:
                        reading.take(found)
                        if progress is not None:
                            progress(reading.size, reading.total)
                ended = reading.finish()
                tables.end()
                return ended
        except StateError:
            raise
        except (UnusualError, VerifierError, LedgerError, BrokenProcessPool):
            return None


@contextmanager
def uncollected() -> Generator[None]:
    """Keep Python from looking for cycles among all that is read: it is made of none.

    It would look each time that so many were made, and take a quarter of all the time for it.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def _folder(state: State | None, given: Path | None) -> Generator[Path]:
    """Give a folder for tables: a state's, one that is given, or one for the time being."""
    known = given if state is None else state.work
    if known is not None:
        yield known
        return
    with TemporaryDirectory(prefix="writ-") as folder:
        yield Path(folder)


class _Reading:
    """Puts spans together, in their order."""

    def __init__(
        self, store: Store, trust: Trust | None, tables: Tables, state: State | None
    ) -> None:
        self._store = store
        self._trust = trust
        self._tables = tables
        self.founding = Founding.begun(store, trust)
        if state is not None:
            state.check_ledger(self.founding.genesis, self.founding.origin)
        self._heads = Heads(store, self.founding, trust, state.pins() if state else ())
        self._streams = _FiledStreams(self.founding.genesis, tables)
        self._governance = Governance()
        self._frontier = Frontier()
        self._previous = ZEROS
        self._latest = ""
        self._spoke: dict[str, int] = {}
        self._submissions = 0
        self._documents: list[_Document] = []
        self._kept: tuple[Verified, dict[str, int]] | None = None
        self.total = self.founding.size or 0
        self.size = 0
        self.cut, self._note = _last_head(store, self.total) if state else (0, "")
        if state is not None and state.verified is not None:
            self._take_up(state.verified)
        self._began = self.size

    def _take_up(self, before: Verified) -> None:
        """Go on from what was verified up to a head: it is still there, and all heads hold.

        Raises:
            UnusualError: The entry before that head is another one.
            BrokenLedgerError: A head does not hold.
            LedgerError: That entry cannot be read.
        """
        last = self._store.row(before.size - 1)
        named = parse_header(last.header).record
        leaf = leaf_hash(last.header)
        if leaf != self._tables.leaf(before.size - 1) or digest(last.record or b"") != named:
            raise UnusualError
        self._documents = [
            (index, from_base64(header), from_base64(raw))
            for index, header, raw in before.governance
        ]
        documents = self._folded(self._documents)
        for leaves in self._tables.leaves():
            self._grow(leaves)
        for index, header, record in documents:
            self._govern(index, header, record)
        self._streams.take_up(before.streams)
        self._spoke = dict(before.spoke)
        self._submissions = before.submissions
        self._previous, self._latest = leaf.hex(), before.latest
        self.size = before.size

    def _keep(self) -> None:
        """Note what is known, where the last head is: later entries might still be changed."""
        if self.size != self.cut or self._heads.size != self.size:
            return
        verified = Verified(
            genesis=self.founding.genesis,
            origin=self.founding.origin,
            note=self._note,
            size=self.size,
            submissions=self._submissions,
            latest=self._latest,
            streams=self._streams.kept(),
            spoke=dict(self._spoke),
            governance=tuple(
                (index, to_base64(header), to_base64(raw)) for index, header, raw in self._documents
            ),
        )
        head = verified.head()
        if (head.size, head.root) != (self.size, self._frontier.root()):
            raise UnusualError
        self._kept = verified, self._tables.lengths()

    def _folded(self, found: Sequence[_Document]) -> list[tuple[int, bytes, AnyRecord]]:
        """Step 0, for these governance records."""
        documents = [(index, header, parse_record(raw)) for index, header, raw in found]
        for index, _, record in documents:
            self.founding.fold(index, record)
        return documents

    def keys(self) -> Mapping[str, bytes]:
        """Return the public keys that are known so far, by fingerprint."""
        documents = self.founding.history.documents
        return {
            name: bytes.fromhex(entry.key)
            for found in documents
            for name, entry in found.keys.items()
        }

    def take(self, span: Span) -> None:
        """Take in the next span.

        Raises:
            UnusualError: It does not follow what was taken in before, or only the exact reading
                can judge it.
            BrokenLedgerError: A head does not hold.
            LedgerError: A governance record does not.
        """
        if not span.leaves:
            return
        if span.start != self.size or span.prev != self._previous:
            raise UnusualError
        if span.earliest < self._latest:
            raise UnusualError
        documents = self._folded(span.governance)
        self._documents.extend(span.governance)
        self._grow(span.leaves)
        self._tables.add(span.leaves, span.known, span.pending)
        self._order(span)
        self._entitle(span)
        for index, header, record in documents:
            self._govern(index, header, record)
        self._previous, self._latest = span.leaves[-HASH_SIZE:].hex(), span.latest
        self.size = span.stop
        self._keep()

    def finish(self) -> Proved:
        """Check what can only be checked at the end.

        Raises:
            UnusualError: Something is left that only the exact reading can judge.
            BrokenLedgerError: Entries were cut off.
            LedgerError: There are rows that belong to no entry.
        """
        if self.size != self.total or not self.founding.history.documents:
            raise UnusualError
        self._heads.finish(self.size)
        self._compromised()
        self._no_own_witness()
        self._no_boxes()
        self._tables.check()
        if not self._store.ends_at(self.size, self._began):
            # More may have been appended; rows that belong to no entry are named there.
            for _ in self._store.rows(self.size, self.size):
                raise UnusualError
        return Proved(
            self.founding,
            self._heads,
            self.size,
            self._frontier.root(),
            self._submissions,
            self._kept,
        )

    def _grow(self, leaves: bytes) -> None:
        """Steps 1 and 4: the root at each size that a head is of."""
        nodes = [leaves[at : at + HASH_SIZE] for at in range(0, len(leaves), HASH_SIZE)]
        at = 0
        while at < len(nodes):
            size = self._frontier.size
            due = self._heads.upcoming(size)
            stop = len(nodes) if due is None else min(len(nodes), at + due - size)
            self._frontier.extend(nodes[at:stop])
            self._heads.check(self._frontier.size, self._frontier)
            at = stop

    def _order(self, span: Span) -> None:
        """Step 5, as far as it needs what came before."""
        for signed in span.signed:
            if signed.unchecked is not None:
                public = self.founding.public_key(signed.key)
                if public is None:
                    raise UnusualError
                check_signed(public, *signed.unchecked)
            if self._streams.order_at(signed.first, signed) is not None:
                raise UnusualError
            self._streams.take_at(signed.first, signed, signed.text, closed=signed.closed)
        self._submissions += len(span.signed)

    def _entitle(self, span: Span) -> None:
        """Step 6, once for all records of a span that it looks at in the same way."""
        history = self.founding.history
        turns = [found.index + 1 for found in history.documents]
        for (key, *_), spoke in span.spoke.items():
            record = parse_record(spoke.record)
            between = {turn for turn in turns if spoke.first < turn <= spoke.last}
            for index in {spoke.first, spoke.last, *between}:
                # What was delegated is so from a time to a time: at both ends, so in between too.
                for at in {spoke.since, spoke.until}:
                    answer = history.entitled(index, key, record, at)
                    if answer.standing is not Standing.ENTITLED:
                        raise UnusualError
            self._spoke[key] = max(spoke.last, self._spoke.get(key, 0))

    def _govern(self, index: int, header: bytes, record: AnyRecord) -> None:
        """Step 7."""

        def owner(identity: str) -> str:
            return self.founding.owner(identity, index)

        entry = Entry(index, parse_header(header), b"", {}, record)
        if governance_problem(self._governance, entry, record, owner) is not None:
            raise UnusualError
        self._governance.add(record, owner)

    def _no_boxes(self) -> None:
        """Sealed values are judged by the exact reading; no record here has any."""
        if self._store.version >= BOXED_SINCE:
            with self._store.boxes() as boxes:
                if any(True for _ in boxes.each()):
                    raise UnusualError

    def _no_own_witness(self) -> None:
        """A key of the ledger itself is no witness, and its documents came after the heads."""
        for witness in self._trust.witnesses if self._trust is not None else ():
            if self.founding.public_key(fingerprint(witness.public_key)) is not None:
                raise UnusualError

    def _compromised(self) -> None:
        """A document can say that a key was in other hands earlier: what it signed is judged anew.

        Heads were signed by such a key, or records were from that entry on: exactly, then.
        """
        history = self.founding.history
        heads = {
            name
            for found in history.documents
            for name, entry in found.keys.items()
            if entry.use == "head"
        }
        for key, since in history.compromised.items():
            if key in heads or self._spoke.get(key, -1) >= since:
                raise UnusualError


# ------------------------------------------------------------------------ reading spans


@contextmanager
def _spans(store: Store, reading: _Reading, jobs: int, span: int) -> Generator[Iterator[Span]]:
    """Read spans, here or in other processes, and give them in their order."""
    genesis = reading.founding.genesis
    # Where there is little to read, in smaller pieces, so that none waits long for another.
    left = (reading.total - reading.size) // (jobs * _EACH)
    places = _places(reading, span if jobs == 1 else min(span, max(PIECE, left)))
    if jobs == 1 or len(places) <= _ALONE:
        yield (read_span(store, genesis, reading.keys(), *place) for place in places)
        return
    with ExitStack() as ended:
        pool = ProcessPoolExecutor(
            jobs, get_context(how_begun(store)), initializer=begin, initargs=(store.location,)
        )
        ended.callback(pool.shutdown, cancel_futures=True)
        yield _from(pool, reading, jobs, places)


def _places(reading: _Reading, span: int) -> list[tuple[int, int]]:
    """Return from where to where spans are read; one ends at the last head, to be kept there.

    The first is short: the keys that are known after it check the signatures of all others.
    """
    first = min(PIECE, span, reading.total) if reading.size == 0 else 0
    ends = sorted({first, reading.cut, reading.total} - {0})
    found: list[tuple[int, int]] = []
    start = reading.size
    for end in ends:
        found.extend((at, min(at + span, end)) for at in range(start, end, span))
        start = max(start, end)
    return found


def _last_head(store: Store, total: int) -> tuple[int, str]:
    """Return size and note of the last head over what is read; 0 where there is none."""
    found = [(size, note) for size, note in store.checkpoints() if size <= total]
    if not found:
        return 0, ""
    try:
        return found[-1][0], found[-1][1].decode()
    except UnicodeDecodeError as error:
        raise UnusualError from error


def _from(
    pool: ProcessPoolExecutor, reading: _Reading, jobs: int, places: Sequence[tuple[int, int]]
) -> Iterator[Span]:
    waiting: deque[Future[Span]] = deque()
    for start, stop in places:
        waiting.append(
            pool.submit(read_elsewhere, reading.founding.genesis, reading.keys(), start, stop)
        )
        # The first documents are in the first span: those after it are read with their keys.
        if start == 0 or len(waiting) > jobs * _AHEAD:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
