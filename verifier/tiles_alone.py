"""Tiles without their ledger: what a log's tiles prove by themselves, and what they cannot.

Tiles hold a checkpoint, the headers and the tree over them, and no record. So the chain, the root
and the order of submissions can be checked, and whether the trust file's witnesses or pinned heads
vouch for the checkpoint. The keys that signed follow from authority records, which are not there:
neither the head's own signature nor any submission's can be checked, nor anything that was said.

0. The checkpoint is of the pinned origin, and entry 0 names the pinned genesis record.
1. Witnesses cosigned it, or it leads to pinned heads.
2. Each header is strict, at its index, linked to the one before, and the leaf of its tile.
3. The tiles above are those of the tiles below, and the root is the checkpoint's.
4. Headers make whole submissions, with the roots of their records, in their streams' order.
Source: C2SP tlog-tiles; docs/spec/ledger-format.md, *Tiles alone*.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from ledger.bundle import MANIFEST
from ledger.checkpoint import Checkpoint, SignedNote, key_id, parse_checkpoint, parse_note
from ledger.encoding import to_base64
from ledger.entry import ZEROS, leaf_hash, parse_header
from ledger.errors import BundleError, EncodingError, HeaderError, LedgerError
from ledger.keys import fingerprint
from ledger.members import Members, open_members, read
from ledger.merkle import HASH_SIZE, Frontier
from ledger.tiles import CHECKPOINT, WIDTH, parse_entry_bundle, parse_tile_path, tile_path, tiles
from verifier.drafts import Draft, integrity_draft
from verifier.entries import BrokenLedgerError, Entry, Group, Problem
from verifier.errors import SourceError
from verifier.findings import Result, Severity
from verifier.grouping import Grouping, Streams
from verifier.heads import pinned_heads
from verifier.places import placed
from verifier.report import Conformance, Integrity, IntegrityVerdict, LedgerFacts, Report
from verifier.trust import Trust
from verifier.witnessed import Witnessed, written

Progress = Callable[[int, int], None]

_NO_RECORDS = "tiles hold no records, and so nothing that was done can be judged: ask for a bundle"
_UNSIGNED = (
    "who signed: the keys follow from authority records, which tiles do not hold, so neither the "
    "checkpoint's own signature nor that of any submission was checked, nor who was entitled to it"
)
_UNSAID = "what any record says: tiles hold the headers, which name records by their digests alone"


def is_tiles(location: str | Path) -> bool:
    """Return whether a path is a directory of tiles, and not of a bundle that has some."""
    path = Path(location)
    return (path / "tile").is_dir() and not (path / MANIFEST).exists()


def verify_tiles(
    location: str | Path,
    trust: Trust | None,
    *,
    conformance: bool = True,
    progress: Progress | None = None,
) -> Report:
    """Verify what tiles can prove.

    Args:
        location: The directory with `checkpoint` and `tile/`.
        trust: What the verification rests on; without it the answer is undecidable.
        conformance: Whether to say that records cannot be judged, which is then undecidable.
        progress: Called now and then with how many entries were read, and how many there are.

    Raises:
        SourceError: The directory cannot be read, or has no checkpoint.
        TrustError: The trust file cannot be used.
    """
    try:
        members = open_members(location)
        note = read(members, CHECKPOINT)
    except BundleError as error:
        code = "tiles.checkpoint" if error.code == "bundle.missing" else error.code
        what = f"{location}: {error}: tiles are verified against the checkpoint that is served"
        raise SourceError(what if code == "tiles.checkpoint" else str(error), code=code) from error
    log = _Log(members, trust)
    try:
        log.open(note)
        log.walk(progress)
        log.close()
    except BrokenLedgerError as error:
        return log.broken(error)
    except BundleError as error:
        raise SourceError(f"{location}: {error}", code=error.code) from error
    return log.report(conformance=conformance)


class _Log:
    """One reading of tiles."""

    def __init__(self, members: Members, trust: Trust | None) -> None:
        self._members = members
        self._trust = trust
        self._note = SignedNote("", ())
        self._head = Checkpoint("", 0, b"")
        self._pins: list[tuple[str, Checkpoint]] = []
        self._frontier = Frontier()
        self._grouping = Grouping()
        self._streams = Streams("")
        self._drafts: list[Draft] = []
        self._writers: set[str] = set()
        self._witnessed: Witnessed | None = None
        self._pinned = 0
        self._latest = ""
        self._submissions = 0
        self._genesis = ""

    # ----------------------------------------------------------------------------- head

    def open(self, raw: bytes) -> None:
        """Take the checkpoint, and compare it with the trust file."""
        try:
            self._note = parse_note(raw)
            self._head = parse_checkpoint(self._note.text)
        except LedgerError as error:
            raise BrokenLedgerError(0, 1, "checkpoint", f"the checkpoint: {error}") from error
        if not self._head.size:
            raise BrokenLedgerError(0, 0, "genesis", "the checkpoint is of no entries")
        trust = self._trust
        if trust is not None and trust.origin != self._head.origin:
            what = f"the checkpoint is of {self._head.origin}, not of {trust.origin}"
            raise BrokenLedgerError(0, 0, "trust", what)
        self._pins = pinned_heads(trust, self._head.origin)
        largest = max((pin.size for _, pin in self._pins), default=0)
        if largest > self._head.size:
            what = f"a head was signed over {largest} entries, and {self._head.size} are there"
            raise BrokenLedgerError(self._head.size, 4, "truncated", what)

    def public_key(self, key: str) -> bytes | None:
        """Return something where a key with this fingerprint is known to be the ledger's own.

        Of its writers the headers name the fingerprints; its head key signed the checkpoint.
        """
        return b"" if key in self._writers else None

    def close(self) -> None:
        """Compare the root, and count who vouches for it."""
        last, head, trust = self._head.size - 1, self._head, self._trust
        for group in self._grouping.finish():
            self._judge(group)
        if self._frontier.root() != head.root:
            what = "the root over these entries is not that of the checkpoint"
            raise BrokenLedgerError(last, 4, "root", what)
        signed = {(line.name, line.key_id) for line in self._note.signatures}
        for witness in trust.witnesses if trust is not None else ():
            if (head.origin, key_id(head.origin, witness.public_key)) in signed:
                self._writers.add(fingerprint(witness.public_key))
        self._witnessed = Witnessed(self, trust)
        root = to_base64(head.root)
        try:
            self._witnessed.confirm(head.size, root, self._note.text, self._note.signatures)
        except LedgerError as error:
            what = f"a cosignature of the checkpoint does not hold: {error}"
            raise BrokenLedgerError(last, 1, "cosignature", what) from error

    # ---------------------------------------------------------------------------- tiles

    def walk(self, progress: Progress | None) -> None:
        """Read all entries, and compare the tiles above with those that they give."""
        size = self._head.size
        for path, content in tiles(self._headers()):
            level, number, width = parse_tile_path(path)
            if level:
                found = self._hashes(level, number, width)
                if found != content:
                    at = _first_other(found, content)
                    index = min((number * WIDTH + at) << (8 * level), size - 1)
                    raise _other(index, path)
            elif level == 0 and progress is not None:
                progress(self._frontier.size, size)

    def _headers(self) -> Iterator[bytes]:
        previous = ZEROS
        for number in range((self._head.size + WIDTH - 1) // WIDTH):
            start = number * WIDTH
            width = min(WIDTH, self._head.size - start)
            headers, hashes = self._entries(number, width), self._hashes(0, number, width)
            for at, raw in enumerate(headers):
                leaf = leaf_hash(raw)
                if leaf != hashes[at * HASH_SIZE : (at + 1) * HASH_SIZE]:
                    raise _other(start + at, tile_path(0, number, width))
                self._take(start + at, raw, leaf, previous)
                previous = leaf.hex()
                yield raw

    def _entries(self, number: int, width: int) -> list[bytes]:
        start, path = number * WIDTH, tile_path("entries", number, width)
        raw = self._file(path, tile_path("entries", number))
        if raw is None:
            raise BrokenLedgerError(start, 3, "missing", f"{path} is missing")
        try:
            headers = parse_entry_bundle(raw)[:width]
        except BundleError as error:
            raise BrokenLedgerError(start, 3, "header", f"{path}: {error}") from error
        if len(headers) < width:
            what = f"{path}: ends after {len(headers)} of {width} entries"
            raise BrokenLedgerError(start + len(headers), 3, "missing", what)
        return headers

    def _hashes(self, level: int, number: int, width: int) -> bytes:
        path = tile_path(level, number, width)
        raw = self._file(path, tile_path(level, number))
        if raw is None:
            index = min((number * WIDTH) << (8 * level), self._head.size - 1)
            raise BrokenLedgerError(index, 4, "tiles", f"{path} is missing")
        return raw[: width * HASH_SIZE]

    def _file(self, path: str, full: str) -> bytes | None:
        """Return a tile; a log may have dropped a partial one once the full one was there."""
        name = next((one for one in (path, full) if one in self._members.sizes), None)
        return None if name is None else read(self._members, name)

    # -------------------------------------------------------------------------- entries

    def _take(self, index: int, raw: bytes, leaf: bytes, previous: str) -> None:
        try:
            header = parse_header(raw)
        except (EncodingError, HeaderError) as error:
            what = f"its header is not strict: {error}"
            raise BrokenLedgerError(index, 3, "header", what) from error
        if header.index != index:
            what = f"its header says that it is entry {header.index}"
            raise BrokenLedgerError(index, 3, "index", what)
        if header.prev != previous:
            what = f"entry {index} does not link to the entry before it as it stands"
            raise BrokenLedgerError(index, 3, "link", what)
        if index == 0:
            self._begin(header.record)
        self._frontier.append(leaf)
        self._streams.leaves += leaf
        self._writers.add(header.key)
        self._check_pins()
        if header.recorded_at < self._latest:
            what = f"recorded at {header.recorded_at}, after an entry of {self._latest}"
            self._refuse(index, Problem(8, "time", what))
        self._latest = max(self._latest, header.recorded_at)
        for group in self._grouping.add(Entry(index, header, leaf, {}, None, withheld=True)):
            self._judge(group)

    def _begin(self, genesis: str) -> None:
        self._genesis = self._streams.genesis = genesis
        if self._trust is not None and self._trust.genesis != genesis:
            what = "entry 0 does not name the genesis record that the trust file pins"
            raise BrokenLedgerError(0, 0, "trust", what)

    def _check_pins(self) -> None:
        size = self._frontier.size
        for name, pin in self._pins:
            if pin.size != size:
                continue
            if pin.root != self._frontier.root():
                what = f"an entry up to {size - 1} is not what it was when {name} was signed"
                raise BrokenLedgerError(size - 1, 4, "root", what)
            self._pinned = size

    def _judge(self, group: Group) -> None:
        """Step 5, as far as no key and no record is needed for it."""
        self._submissions += 1
        first = group.entries[0].index
        read_ = self._streams.read(group)
        if isinstance(read_, Problem):
            self._refuse(first, read_)
            return
        problem = self._streams.order(group, read_)
        if problem is not None:
            self._refuse(first, problem)
            return
        self._streams.take(group, read_)

    def _refuse(self, index: int, problem: Problem) -> None:
        """Take note of what is wrong.

        Numbers and times are compared with those of valid submissions: whether the one before was
        valid is not in the tiles, and so neither is whether this one is.
        """
        certain = problem.check in {"submission", "seen"}
        result = Result.VIOLATED if certain else Result.UNDECIDABLE
        what = problem.what if certain else f"{problem.what}, if that one was valid"
        self._drafts.append(
            integrity_draft(problem.check, index, what, step=problem.step, result=result)
        )

    # --------------------------------------------------------------------------- report

    def broken(self, error: BrokenLedgerError) -> Report:
        """Return the report on tiles that do not hold."""
        where = error.where
        draft = integrity_draft(where.check, where.index, where.what, step=where.step)
        drafts = [*self._drafts, draft]
        return Report(
            ledger=LedgerFacts(self._head.origin, self._genesis, self._frontier.size),
            integrity=Integrity(
                IntegrityVerdict.BROKEN,
                self._said_trust(),
                broken=where,
                submissions=self._submissions,
            ),
            conformance=Conformance(performed=False),
            findings=placed(drafts, self._genesis, None),
        )

    def report(self, *, conformance: bool) -> Report:
        """Return the report on tiles that hold."""
        reasons = tuple(self._reasons())
        accepted = self._witnessed.accepted if self._witnessed else None
        vouched = self._head.size if accepted else self._pinned
        drafts = [*self._drafts, *([_unjudged()] if conformance else [])]
        return Report(
            ledger=LedgerFacts(
                origin=self._head.origin,
                genesis=self._genesis,
                size=self._head.size,
                root=to_base64(self._head.root),
                checkpoint_size=vouched,
                checkpoint_root=to_base64(self._head.root) if vouched == self._head.size else "",
            ),
            integrity=Integrity(
                IntegrityVerdict.UNDECIDABLE if reasons else IntegrityVerdict.HOLDS,
                self._said_trust(),
                reasons=reasons,
                not_excluded=tuple(self._not_excluded(vouched)),
                submissions=self._submissions,
                vouched=self._trust is not None,
            ),
            conformance=Conformance(performed=False, why=_NO_RECORDS),
            findings=placed(drafts, self._genesis, None),
        )

    def _said_trust(self) -> str:
        return "self-asserted" if self._trust is None else "pinned"

    def _reasons(self) -> Iterator[str]:
        if self._trust is None:
            yield (
                "tiles cannot vouch for themselves: get the ledger's trust file from somebody who "
                "does not depend on whoever serves them, and name it with --trust"
            )
            return
        found = tuple(self._witnessed.reasons()) if self._witnessed else ()
        yield from found
        accepted = self._witnessed.accepted if self._witnessed else None
        if not found and accepted is None and not self._pinned:
            yield (
                "nothing vouches for the checkpoint: the key that signed it follows from records "
                "that tiles do not hold, no witness that the trust file names cosigned it, and no "
                "head is pinned: pin one with --checkpoint, or ask for a bundle"
            )

    def _not_excluded(self, vouched: int) -> Iterator[str]:
        yield _UNSIGNED
        yield _UNSAID
        accepted = self._witnessed.accepted if self._witnessed else None
        if accepted is not None:
            yield (
                f"that its end was cut off later: it is complete as of {written(accepted.as_of)}, "
                f"by {accepted.witnesses} witnesses"
            )
        elif 0 < vouched < self._head.size:
            yield (
                f"entries {vouched} to {self._head.size - 1}: they follow the last pinned head, "
                "and whoever serves these tiles could have made them up"
            )


def _unjudged() -> Draft:
    return Draft(
        code="coverage.withheld",
        index=0,
        severity=Severity.HIGH,
        result=Result.UNDECIDABLE,
        expected="the records that the headers name",
        recorded="none of them is there",
        reason=f"withheld: {_NO_RECORDS}",
    )


def _other(index: int, path: str) -> BrokenLedgerError:
    return BrokenLedgerError(index, 4, "tiles", f"{path} is not that of the entries below it")


def _first_other(found: bytes, content: bytes) -> int:
    """Return the first hash of a tile that is not what it should be."""
    spots = range(0, len(content), HASH_SIZE)
    return next(
        (
            at // HASH_SIZE
            for at in spots
            if found[at : at + HASH_SIZE] != content[at : at + HASH_SIZE]
        ),
        0,
    )
