"""Untrusted in, verified out: the one place where a ledger becomes a `VerifiedLedger`.

What builds on a ledger (replay, dashboards) takes this type and no other, and only `open_ledger`
makes it, or goes on with one that it made (`taken_over`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, Self

from contracts.history import Event
from contracts.loading import load_contract
from contracts.model import Contract
from contracts.versions import VersionHistory
from contracts.withholding import Mark
from ledger.bundle import Bundle, is_bundle
from ledger.errors import LedgerError, StoreError
from ledger.sealed import Disclosure
from ledger.source import Source
from ledger.store import Store
from verifier.asking import Asking
from verifier.beside import decided_beside
from verifier.concluding import broken, facts, integrity, sound
from verifier.conformance import Judge
from verifier.engines import Engines
from verifier.entries import BrokenLedgerError
from verifier.errors import NotVerifiedError, SourceError
from verifier.founding import Founding
from verifier.handing import hand_over, handed
from verifier.heads import Heads
from verifier.integrity import Progress, Reading
from verifier.onward import Decided, How, decided
from verifier.ordinary import proved
from verifier.places import Places, placed
from verifier.reconciled import reconciled
from verifier.report import Conformance, IntegrityVerdict, Report
from verifier.rereading import Exactly, Proven, Rereading
from verifier.sampling import Samples
from verifier.sealed import Opener, Place, SealedValues
from verifier.state import State
from verifier.tiled import check_tiles
from verifier.tiles_alone import is_tiles, verify_tiles
from verifier.trust import Pin, Trust

if TYPE_CHECKING:
    # The database is loaded by whoever compares.
    from verifier.reconciling.reconciliation import Reconciliation


MANY: Final = 20_000
"""From so many entries on, other processes prove them while this one judges."""
PROOF: Final = 0.15
"""Which part of a verification its proof is, where it comes first."""

_SEAL: Final = object()


@dataclass(frozen=True, slots=True)
class VerifiedLedger:
    """A ledger whose integrity holds, with the report that says so. Only `open_ledger` makes one.

    Attributes:
        report: What the verification found.
        contracts: The contracts that were in force somewhere in it, by digest.
        versions: Which of them when.
        texts: By digest, the contracts that were published, as text.
    """

    report: Report
    contracts: dict[str, Contract]
    versions: VersionHistory
    texts: Mapping[str, str]
    _store: Source
    _reading: Rereading
    _seal: object = field(repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        if self._seal is not _SEAL:
            raise ValueError("a verified ledger comes from verifier.load.open_ledger")

    def events(self, withheld: Callable[[Mark], None] | None = None) -> Iterator[Event]:
        """Yield the valid entries in index order, up to the size that was verified.

        They are read and checked again: nothing is taken from a store on its word.

        Args:
            withheld: Told of each record that a bundle holds back, in order with what is yielded.

        Raises:
            BrokenLedgerError: The store was changed since.
        """
        return self._reading.events(withheld)

    def hand_over(self, folder: Path) -> None:
        """Leave the verification in a folder for `taken_over`; this one is to be closed then.

        Args:
            folder: Empty, and nobody else's to write in: what lies there is believed.

        Raises:
            OSError: It cannot be written.
        """
        hand_over(folder, self.report, self.contracts, self.versions, self.texts, self._reading)

    def close(self) -> None:
        """Close the store, and remove what was kept of its proof."""
        self._reading.close()
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_ledger(
    source: str | Path,
    trust: Trust | None = None,
    *,
    progress: Progress | None = None,
    jobs: int = 1,
) -> VerifiedLedger:
    """Verify a ledger and open it for what builds on verified ones.

    Args:
        source: A store's path or database URL.
        trust: What the verification rests on; None compares the ledger with itself alone.
        progress: Called now and then with how many entries were read, and how many there are.
        jobs: How many processes verify.

    Raises:
        SourceError: There is no ledger.
        NotVerifiedError: It does not hold.
    """
    store = open_source(source)
    try:
        opened = _opened_quickly(store, trust, jobs, progress)
        return opened or _opened_exactly(source, store, trust, progress)
    except BaseException:
        store.close()
        raise


def taken_over(source: str | Path, folder: Path) -> VerifiedLedger:
    """Open a ledger that another process of one's own verified, without verifying it again.

    Args:
        source: The same that was verified.
        folder: Where `VerifiedLedger.hand_over` left the verification.

    Raises:
        OSError: Nothing was left there.
        SourceError: There is no ledger.
        NotVerifiedError: It is another one by now.
    """
    found = handed(folder)
    store = open_source(source)
    try:
        reading = found.reading(store, folder)
    except BrokenLedgerError as error:
        store.close()
        raise NotVerifiedError(f"{source}: {error}") from error
    except BaseException:
        store.close()
        raise
    return VerifiedLedger(
        found.report, found.contracts, found.versions, found.texts, store, reading, _SEAL
    )


def _opened_quickly(
    store: Source, trust: Trust | None, jobs: int, progress: Progress | None
) -> VerifiedLedger | None:
    """Open a ledger whose integrity can be proved; None where it cannot, or nothing says so."""
    if not isinstance(store, Store):
        return None
    with ExitStack() as held:
        folder = TemporaryDirectory(prefix="writ-")
        held.callback(folder.cleanup)
        found = _decided(store, trust, Path(folder.name), jobs, _Asked(), progress)
        if found is None:
            return None
        report, judged = found
        held.pop_all()
        proven = Proven(store, judged.founding, trust, report.ledger.size, folder)
        return VerifiedLedger(
            _judged(report, judged),
            judged.contracts,
            judged.versions,
            judged.founding.texts,
            store,
            proven,
            _SEAL,
        )


def _opened_exactly(
    source: str | Path, store: Source, trust: Trust | None, progress: Progress | None
) -> VerifiedLedger:
    found = _verified(store, trust, progress)
    report = found.report
    if found.founding is None or report.integrity.verdict is IntegrityVerdict.BROKEN:
        broken = report.integrity.broken
        what = f"broken at entry {broken.index}: {broken.what}" if broken else "it is broken"
        raise NotVerifiedError(f"{source}: {what}")
    again = Exactly(store, found.founding, trust, report.ledger.size, found.erasures)
    texts = found.founding.texts
    return VerifiedLedger(report, found.contracts, found.versions, texts, store, again, _SEAL)


def verify_ledger(  # noqa: PLR0913 - each is something that may be asked for
    source: str | Path,
    trust: Trust | None = None,
    *,
    progress: Progress | None = None,
    conformance: bool = True,
    opener: Opener | None = None,
    disclosures: Iterable[Disclosure] = (),
    jobs: int = 1,
    state: State | None = None,
    engines: Engines = Engines.AUTO,
    asking: Asking | None = None,
    samples: Samples | None = None,
    against: "Reconciliation | None" = None,
) -> Report:
    """Verify a ledger: its integrity, and every record in it decided again.

    Args:
        source: A store's path or database URL, a bundle, or a directory of tiles.
        trust: What the verification rests on; None compares the ledger with itself alone.
        conformance: Whether records are decided again; else integrity alone is verified.
        jobs: How many processes verify. With one, integrity is proved first, then records are
            decided again; with more, others prove what this one decides at the same time.
        progress: Called now and then with how many entries were read, and how many there are.
        opener: Opens sealed values: `ledger.sealing.Sealing`, with the sealing key.
        disclosures: Sealed values that were shown to whoever verifies.
        state: What was kept of earlier verifications: it is gone on from.
        engines: Which engine decides again; both say the same.
        asking: Whoever asks CEL what no column says; by default this process alone.
        samples: Is told of every result that is counted. There is no state then.
        against: Second sources that it is compared with.

    Raises:
        SourceError: There is no ledger, or it cannot be read at all, or the sealing key is another;
            or there is a state, and it is no store, or sealed values are to be opened.
        StateError: The state is of another ledger.
        TrustError: The trust file cannot be used.
    """
    if is_tiles(source):
        sealed = opener is not None or bool(tuple(disclosures))
        _refuse_with_tiles(source, state, against, sealed=sealed)
        return verify_tiles(source, trust, conformance=conformance, progress=progress)
    store = open_source(source)
    try:
        shown = (*disclosures, *_carried(store))
        return verify(
            store,
            trust,
            progress=progress,
            conformance=conformance,
            jobs=jobs,
            sealed=SealedValues(store, opener, shown) if shown or opener is not None else None,
            state=state,
            engines=engines,
            asking=asking,
            samples=samples,
            against=against,
        )
    finally:
        store.close()


def _refuse_with_tiles(
    source: str | Path, state: State | None, against: "Reconciliation | None", *, sealed: bool
) -> None:
    if against is not None:
        what = f"{source}: tiles hold no records, and so no calls to compare: ask for a bundle"
        raise SourceError(what, code="against.tiles")
    if state is not None:
        what = f"{source}: what is kept is of a store, and tiles are read whole"
        raise SourceError(what, code="state.source")
    if sealed:
        what = f"{source}: tiles hold no records, and so no sealed values: ask for a bundle"
        raise SourceError(what, code="tiles.sealed")


def verify(  # noqa: PLR0913 - the same
    store: Source,
    trust: Trust | None,
    *,
    progress: Progress | None = None,
    conformance: bool = True,
    jobs: int = 1,
    sealed: SealedValues | None = None,
    state: State | None = None,
    engines: Engines = Engines.AUTO,
    asking: Asking | None = None,
    samples: Samples | None = None,
    against: "Reconciliation | None" = None,
) -> Report:
    """Verify an open store. Arguments and errors are those of `verify_ledger`."""
    pins = () if state is None else tuple(state.pins())
    asked = _Asked(conformance, pins, engines, asking, samples, against)
    # Samples are told of results once: there is no second way after a first one that failed.
    if isinstance(store, Store) and sealed is None and samples is None:
        report = _quickly(store, trust, state, asked, jobs, progress)
        if report is not None:
            return report if against is None else reconciled(store, trust, report, against)
        if state is not None:
            state.ordinary = False
    elif state is not None:
        what = f"{store.location}: what is kept is of a store whose sealed values are not opened"
        raise SourceError(what, code="state.source")
    return _verified(store, trust, progress, asked, sealed).report


def _quickly(
    store: Store,
    trust: Trust | None,
    state: State | None,
    asked: "_Asked",
    jobs: int,
    progress: Progress | None,
) -> Report | None:
    """Return the report on a ledger whose integrity can be proved, and keep what is known of it.

    None where it cannot, or is another ledger by now: the exact reading has to say why.
    """
    if not asked.conformance:
        found = proved(store, trust, jobs=jobs, progress=progress, state=state)
        if found is None:
            return None
        if state is not None and found.kept is not None:
            state.keep(*found.kept)
        return sound(store, found, trust)
    with ExitStack() as held:
        folder = held.enter_context(TemporaryDirectory(prefix="writ-")) if state is None else ""
        tables = Path(folder) if state is None else state.work
        both = _decided(store, trust, tables, jobs, asked, progress, state)
        return None if both is None else _judged(*both)


def _decided(
    store: Store,
    trust: Trust | None,
    tables: Path,
    jobs: int,
    asked: "_Asked",
    progress: Progress | None,
    state: State | None = None,
) -> tuple[Report, Decided] | None:
    """Prove integrity and judge; return what is to be said of both, None where that cannot be."""
    if state is None and jobs > 1 and _many(store):
        how = How(asked.engines, asked.asking, progress)
        return decided_beside(store, trust, jobs, tables, sound, how)
    first, then = _shared(progress)
    found = proved(store, trust, jobs=jobs, progress=first, state=state, folder=tables)
    if found is None:
        return None
    how = How(asked.engines, asked.asking, then)
    judged = decided(store, found, tables, state, how)
    return None if judged is None else (sound(store, found, trust), judged)


def _many(store: Store) -> bool:
    """Return whether there is so much to read that another process is worth its beginning."""
    try:
        return store.size() >= MANY
    except StoreError:
        return False


def _judged(report: Report, judged: Decided) -> Report:
    return replace(report, conformance=judged.conformance, findings=judged.findings)


def _shared(progress: Progress | None) -> tuple[Progress | None, Progress | None]:
    """Return what is told of a proof, and of the judging after it: one bar for both."""
    if progress is None:
        return None, None

    def first(done: int, total: int) -> None:
        progress(round(done * PROOF), total)

    def then(done: int, total: int) -> None:
        progress(round(total * PROOF + done * (1 - PROOF)), total)

    return first, then


def _carried(source: Source) -> Iterator[Disclosure]:
    """Yield what a bundle discloses of its own sealed values."""
    try:
        if isinstance(source, Bundle):
            yield from source.disclosures()
    except LedgerError as error:
        raise SourceError(f"{source.location}: {error}", code=error.code) from error


def open_source(source: str | Path) -> Source:
    """Open a store or a bundle to be read. Nothing in it is verified.

    Raises:
        SourceError: There is none.
    """
    if is_tiles(source):
        what = f"{source}: tiles alone hold no records, and can only be verified: ask for a bundle"
        raise SourceError(what, code="tiles.alone")
    try:
        return Bundle.open(source) if is_bundle(source) else Store.open(source)
    except StoreError as error:
        raise SourceError(str(error), code=error.code) from error


@dataclass(frozen=True, slots=True)
class _Verified:
    """The report, and what a `VerifiedLedger` needs beside it."""

    report: Report
    founding: Founding | None
    contracts: dict[str, Contract] = field(default_factory=dict[str, Contract])
    versions: VersionHistory = field(default_factory=VersionHistory)
    erasures: frozenset[Place] | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked of a verification: whether, and how, records are decided again."""

    conformance: bool = True
    pins: Sequence[Pin] = ()
    engines: Engines = Engines.AUTO
    asking: Asking | None = None
    samples: Samples | None = None
    against: "Reconciliation | None" = None

    def judge(self, founding: Founding, reading: Reading) -> Judge | None:
        """Return what decides again, None where nothing is."""
        if not self.conformance:
            return None
        how = self.engines, self.asking
        return Judge(founding, reading, load_contract, *how, samples=self.samples)


def _verified(
    store: Source,
    trust: Trust | None,
    progress: Progress | None,
    asked: _Asked = _Asked(),
    sealed: SealedValues | None = None,
) -> _Verified:
    founding: Founding | None = None
    reading: Reading | None = None
    try:
        founding = Founding.read(store, trust)
        heads = Heads(store, founding, trust, asked.pins)
        reading = Reading(store, founding, heads, progress, sealed)
        judge = asked.judge(founding, reading)
        listening = None if asked.against is None else asked.against.listen(reading)
        for valid in reading.entries():
            if judge is not None:
                judge.observe(valid)
            if listening is not None:
                listening.observe(valid)
        check_tiles(store)
    except BrokenLedgerError as error:
        ended = broken(error, founding, reading, trust)
        if asked.against is not None:
            ended = replace(ended, against=asked.against.unperformed())
        return _Verified(ended, founding)
    except LedgerError as error:
        raise SourceError(str(error), code=error.code) from error
    again = reading.sealed.again(reading.size)
    if again is not None:
        return _verified(store, trust, progress, asked, again)
    judged, drafts = judge.finish() if judge is not None else (Conformance(performed=False), [])
    compared, apart = ((), []) if asked.against is None else asked.against.finish()
    drafts = [*drafts, *apart]
    places = Places(store, reading)
    counts = reading.sealed.finish(reading.size)
    findings = placed([*reading.drafts, *reading.sealed.drafts, *drafts], founding.genesis, places)
    report = Report(
        ledger=facts(founding, heads, reading),
        integrity=replace(
            integrity(store, heads, reading, trust), sealed=counts if any(counts.values()) else {}
        ),
        conformance=judged,
        findings=findings,
        against=compared,
    )
    contracts = judge.contracts if judge is not None else {}
    versions = judge.versions if judge is not None else VersionHistory()
    return _Verified(report, founding, contracts, versions, reading.sealed.erasures)
