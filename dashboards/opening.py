"""From a ledger's name to what pages may show: verified tables, a report of what broke, or why not.

A verification takes its time, and a page must not wait for it in silence: it runs in a thread of
its own, and says how far it is. What comes out is one of three: `Shown`, `Broken` or `Problem`.
"""

import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final, Generic, TypeVar

from dashboards import checks
from dashboards.preparing import MANY, Asked, Tell, prepared, prepared_apart
from dashboards.since import Since
from dashboards.streams import Stream
from dashboards.tables import Tables, Temporary
from dashboards.witnesses import Witnesses
from ledger import leaf_hash
from ledger.clock import system_clock
from ledger.encoding import digest
from ledger.errors import LedgerError
from verifier.errors import TrustError, VerifierError
from verifier.load import open_source
from verifier.report import Report
from verifier.trust import Trust, parse_trust


@dataclass(frozen=True, slots=True)
class Source:
    """What the app was started on.

    Attributes:
        ledger: A file or a database URL.
        trust: The trust file; empty where there is none.
        views: A file of saved views; empty where there is none.
    """

    ledger: str
    trust: str = ""
    views: str = ""

    @property
    def name(self) -> str:
        """What pages call it: the file's name, or a URL without its account."""
        scheme, separator, rest = self.ledger.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}" if separator else Path(self.ledger).name


@dataclass(frozen=True, slots=True)
class End:
    """Where a ledger ends: its size, the leaf hash of its last entry, and when it was written.

    `written` is what the file system says of the file; empty of a database elsewhere. It is no
    proof of anything: a file that was written to may be the same, and is worth another look.
    """

    size: int
    leaf: str
    written: tuple[int, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Shown:
    """A verified ledger, ready to be shown.

    Attributes:
        tables: Its entries and findings.
        since: What was appended since, as far as it is checked.
        streams: Its writers' streams.
        heads: The newest of its signed heads.
        head_count: How many signed heads there are.
        witnesses: Who else cosigned them.
        verified_at: When its verification began; the ages of cosignatures are as of then.
    """

    tables: Tables
    since: Since
    streams: tuple[Stream, ...]
    heads: tuple[checks.Head, ...]
    head_count: int
    witnesses: Witnesses
    verified_at: datetime


@dataclass(frozen=True, slots=True)
class Broken:
    """A ledger that does not hold: only the report of where and why may be shown."""

    report: Report
    verified_at: datetime


@dataclass(frozen=True, slots=True)
class Problem:
    """Why there is nothing to show: a stable code, what is wrong, and what to do about it."""

    code: str
    what: str
    do: str


_ADVICE: Final = "See that the file is where it was when the app was started, then try again."

Result = Shown | Broken | Problem
Out = TypeVar("Out")


class Later(Generic[Out]):
    """Something under way in a thread of its own, for which a page need not wait in silence.

    Args:
        work: What to do. What it raises becomes a `Problem`.
    """

    def __init__(self, work: Callable[[], Out]) -> None:
        self._work = work
        self._finished = threading.Event()
        self._result: Out | Problem | None = None
        # A daemon: whoever ends the app does not wait for it.
        threading.Thread(target=self._run, name="writ-later", daemon=True).start()

    def wait(self, seconds: float) -> Out | Problem | None:
        """Return what came out; None if it is still not done after so many seconds."""
        self._finished.wait(seconds)
        return self._result

    def _run(self) -> None:
        try:
            self._result = self._work()
        except Exception as error:  # noqa: BLE001 - a thread that dies in silence is never done
            self._result = problem_of(error)
        finally:
            self._finished.set()


class Opening(Later[Result]):
    """A verification under way, which says how far it is.

    Args:
        source: What to verify.
        trust: The trust file's content.
        work: What to do; another one in tests.

    Attributes:
        part: What it is at.
        share: How much of the whole is done, from 0 to 1.
    """

    def __init__(
        self,
        source: Source,
        trust: Trust | None,
        work: Callable[[Source, Trust | None, Tell], Result] | None = None,
    ) -> None:
        self.part = "waiting"
        self.share = 0.0
        do = work or opened
        super().__init__(lambda: do(source, trust, self._tell))

    def _tell(self, part: str, share: float) -> None:
        self.part, self.share = part, min(share, 1.0)


def opened(source: Source, trust: Trust | None, tell: Tell) -> Result:
    """Verify a ledger and read it into tables.

    Raises:
        VerifierError: There is no ledger to verify, or it changed meanwhile.
        LedgerError: Its store cannot be read.
    """
    at = system_clock()
    # A trust file may limit the age of cosignatures: they are as old as they are when one looks.
    dated = replace(trust, at=int(at.timestamp())) if trust is not None else None
    asked = Asked(source.ledger, dated)
    folder = Temporary()
    try:
        apart = end_of(source).size >= MANY
        found = (prepared_apart if apart else prepared)(asked, Path(folder.name), tell)
        if isinstance(found, Report):
            folder.cleanup()
            return Broken(found, at)
        tables = Tables(found.report, found.contracts, folder)
        since = Since(source.ledger, tables, found.edge)
    except BaseException:
        folder.cleanup()
        raise
    return Shown(tables, since, found.streams, found.heads, found.head_count, found.witnesses, at)


def end_of(source: Source) -> End:
    """Return where a ledger ends now.

    Raises:
        LedgerError: It cannot be read.
    """
    with closing(open_source(source.ledger)) as store:
        size = store.size()
        leaf = leaf_hash(store.row(size - 1).header).hex() if size else ""
    # When it is closed again: whoever closes a store last may put its journal into its file.
    return End(size, leaf, _written(source))


def _written(source: Source) -> tuple[int, ...]:
    if "://" in source.ledger:
        return ()
    try:
        told = Path(source.ledger).stat()
    except OSError:
        return ()
    return told.st_mtime_ns, told.st_size


def continues(source: Source, before: End) -> bool:
    """Return whether the ledger still has the entry that was its last one.

    Raises:
        LedgerError: It cannot be read.
    """
    with closing(open_source(source.ledger)) as store:
        last = before.size - 1
        return last < 0 or leaf_hash(store.row(last).header).hex() == before.leaf


def read_trust(source: Source) -> tuple[Trust | None, str]:
    """Return the trust file's content and its digest; None and empty where none was named.

    Raises:
        OSError: It cannot be read.
        TrustError: It is no trust file.
    """
    if not source.trust:
        return None, ""
    raw = Path(source.trust).read_bytes()
    return parse_trust(raw, Path(source.trust).name), digest(raw)


def trust_problem(error: OSError | TrustError) -> Problem:
    """Return what is wrong with the trust file in the words of a page."""
    if isinstance(error, TrustError):
        return problem_of(error)
    return Problem(
        "trust.unreadable",
        f"the trust file cannot be read: {error.strerror or error}",
        "Start the app again with the trust file's right name, or without one.",
    )


def problem_of(error: Exception) -> Problem:
    """Return an error in the words of a page."""
    if isinstance(error, VerifierError | LedgerError):
        return Problem(error.code, str(error), _advice(error))
    return Problem(
        "internal",
        f"{type(error).__name__}: {error}",
        "This is a defect of Writ: please report it, with what the terminal shows.",
    )


def busy(source: Source) -> Problem:
    """Return that another program does not let this one read."""
    return Problem(
        "store.busy",
        f"{source.name}: another program holds the ledger, and does not let go",
        "Wait until it is done, then try again.",
    )


def _advice(error: VerifierError | LedgerError) -> str:
    said = str(error)
    if error.code.startswith("trust."):
        return "Ask whoever audits this ledger for its trust file."
    if "locked" in said:
        return "Another program holds the file. Wait until it is done, then try again."
    if "not a ledger" in said or "not a database" in said:
        return "Start the app with the name of a ledger: a .db file that Writ made."
    return _ADVICE
