"""What an entry says of earlier entries is so: else its record is invalid, and part of no history.

Verifier and guard ask the same here, so that both decide on the same valid entries. Only what a
record can point at is remembered: runs, actions and observations, and of a run the little that its
records are compared with. Source: docs/spec/ledger-format.md, *Verification*, steps 8 and 9.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from ledger.records import (
    Action,
    AnyRecord,
    Approval,
    Erasure,
    Message,
    Observation,
    Outcome,
    RunClosed,
    RunOpened,
)

_LIVE = frozenset({"agent", "observer"})


def imports(roles: Collection[str]) -> bool | None:
    """Return whether what an identity with these roles writes is claimed by another's source.

    None where that depends on the run: it also writes what is not imported.
    """
    if "importer" not in roles:
        return False
    return True if _LIVE.isdisjoint(roles) else None


@dataclass(slots=True)
class KnownRun:
    """What is remembered of a run.

    Attributes:
        index: Entry at which it was opened.
        service: Whose run it is.
        ref: The source's own id, or empty.
        imported: An importer wrote it.
        claimed: Its source's clock is claimed to be one.
        last: The latest claimed time in it, or empty.
        varied: Not all its claimed times are the same.
        closed: It was closed.
    """

    index: int
    service: str
    ref: str
    imported: bool
    claimed: bool
    last: str = ""
    varied: bool = False
    closed: bool = False


@dataclass(frozen=True, slots=True)
class _Known:
    index: int
    kind: str
    run: str


class References:
    """What earlier valid entries there are to point at.

    Args:
        leaf_of: Gives the leaf hash of an entry, in hex.
    """

    def __init__(self, leaf_of: Callable[[int], str]) -> None:
        self._leaf_of = leaf_of
        self._known: dict[bytes, _Known] = {}
        self._others: set[bytes] = set()
        self._withheld: set[bytes] = set()
        self._knows_all = True
        self.runs: dict[str, KnownRun] = {}

    def go_on_with(
        self, runs: Mapping[str, KnownRun], others: Iterable[tuple[str, str, int, str]]
    ) -> None:
        """Know of these runs, actions and observations, and of no other record.

        Args:
            runs: The runs by digest.
            others: Kind, digest, index and run of each action and observation.
        """
        self.runs = dict(runs)
        self._known = {
            bytes.fromhex(digest): _Known(run.index, "run", digest) for digest, run in runs.items()
        }
        for kind, digest, index, run in others:
            self._known[bytes.fromhex(digest)] = _Known(index, kind, run)
        # Only an erasure names any other record; contracts see none.
        self._knows_all = False

    def imported(self, record: AnyRecord, *, imports: bool | None) -> bool:
        """Return whether an importer wrote a record; of one who is also an agent, its run says it.

        Args:
            record: The record.
            imports: Whether whoever wrote it imports, None where that depends on the run.
        """
        if imports is not None:
            return imports
        if isinstance(record, RunOpened):
            return record.import_ is not None
        run = self.runs.get(self.run_of(record))
        return run is not None and run.imported

    def run_of(self, record: AnyRecord) -> str:
        """Return the digest of the run that a record stands in, or empty."""
        if isinstance(record, Message | Action | Outcome | RunClosed):
            return record.run
        if isinstance(record, Observation):
            return record.run or self.run_of_action(record.action)
        if isinstance(record, Approval):
            return self.run_of_action(record.action)
        return ""

    def expect(self, runs: Iterable[str], actions: Iterable[str]) -> None:
        """Know of all runs and actions already."""

    def index_of(self, digest: str) -> int | None:
        """Return where the run, action or observation with this digest stands."""
        known = self._known.get(bytes.fromhex(digest))
        return known.index if known else None

    def action_at(self, action: str) -> int | None:
        """Return where the action with this digest stands."""
        return self.index_of(action)

    def run_at(self, run: str) -> int | None:
        """Return where the run with this digest was opened."""
        known = self.runs.get(run)
        return known.index if known else None

    def withhold(self, digest: str) -> None:
        """Remember a record that is held back: it may be what a later one names."""
        self._withheld.add(bytes.fromhex(digest))

    def rests_on_withheld(self, record: AnyRecord, digest: str) -> bool:
        """Return whether a record names one that is held back, or is such a one once more."""
        named = [digest, *(named for _, _, named in references_of(record))]
        return not self._withheld.isdisjoint(map(bytes.fromhex, named))

    def problem(self, record: AnyRecord, digest: str) -> str:
        """Return what is wrong with the references of a record, or to it; else nothing."""
        if isinstance(record, RunOpened | Action) and bytes.fromhex(digest) in self._known:
            # A run would begin anew, and what names the action would name both.
            return "this very record is in the ledger already"
        for field, kind, named in references_of(record):
            known = self._known.get(bytes.fromhex(named))
            if known is None or known.kind != kind:
                return f"{field} names no valid {kind} before it ({named[:12]}…)"
        return self._whole(record) or self._same_run(record)

    def clock_problem(self, record: AnyRecord) -> str:
        """Return where a claimed clock is not what its run claims; else nothing."""
        run = self.runs.get(self.run_of(record))
        if run is None or not run.claimed:
            return ""
        all_known = not self._withheld
        if (
            isinstance(record, RunClosed)
            and all_known
            and not run.varied
            and record.at in {None, run.last}
        ):
            return "its run claims a clock, and all its times are the same"
        if record.at is None:
            missing = isinstance(record, Message)
            what = "its run claims a time on every message, and this one has none"
            return what if missing else ""
        if record.at < run.last:
            return f"its run claims that time never goes back, and {record.at} is before {run.last}"
        return ""

    def add(self, index: int, digest: str, record: AnyRecord, *, imported: bool) -> None:
        """Remember a valid entry."""
        if isinstance(record, RunOpened):
            self._open(index, digest, record, imported=imported)
        elif isinstance(record, Action | Observation):
            known = _Known(index, record.kind, self.run_of(record))
            self._known[bytes.fromhex(digest)] = known
        else:
            self._others.add(bytes.fromhex(digest)[:16])
        run = self.runs.get(self.run_of(record))
        if run is not None:
            _advance(run, record, imported=imported)

    def _open(self, index: int, digest: str, record: RunOpened, *, imported: bool) -> None:
        claimed = record.import_ is not None and record.import_.clock == "claimed"
        self._known[bytes.fromhex(digest)] = _Known(index, "run", digest)
        self.runs[digest] = KnownRun(
            index=index,
            service=record.service,
            ref=record.ref or "",
            imported=imported,
            claimed=claimed,
            last=record.at or "" if claimed else "",
        )

    def run_of_action(self, action: str | None) -> str:
        """Return the digest of the run that an action stands in, or empty."""
        known = self._known.get(bytes.fromhex(action)) if action else None
        return known.run if known else ""

    def _whole(self, record: AnyRecord) -> str:
        """An erasure may name a record of any kind, so that any digest has to be remembered."""
        if isinstance(record, Erasure) and self._knows_all:
            digest = bytes.fromhex(record.record)
            known = digest in self._known or digest[:16] in self._others
            if not known and digest not in self._withheld:
                return "it names no valid record before it"
        return ""

    def _same_run(self, record: AnyRecord) -> str:
        """What belongs to an action stands in its run, and names its own entry."""
        if isinstance(record, Outcome):
            known = self._known[bytes.fromhex(record.action)]
            if known.run != record.run:
                return "its action stands in another run"
            if record.leaf is not None and record.leaf != self._leaf_of(known.index):
                return "its leaf is not that of its action's entry"
        if isinstance(record, Observation) and record.run and record.action:
            known = self._known[bytes.fromhex(record.action)]
            if known.run != record.run:
                return "its action stands in another run"
        run = self.runs.get(self.run_of(record))
        if isinstance(record, RunClosed) and run is not None and run.closed:
            return "its run is closed already"
        return ""


def references_of(record: AnyRecord) -> list[tuple[str, str, str]]:
    """Return (field, kind that it has to name, digest) for each reference of a record."""
    found: list[tuple[str, str, str | None]] = []
    if isinstance(record, Message | Action | Outcome | RunClosed | Observation):
        found.append(("run", "run", record.run))
    if isinstance(record, Outcome | Approval | Observation):
        found.append(("action", "action", record.action))
    if isinstance(record, RunOpened):
        found.append(("parent", "run", record.parent))
    if isinstance(record, Action):
        found.append(("resumes", "action", record.resumes))
        found.append(("compensates", "action", record.compensates))
        found.extend(("evidence", "observation", digest) for digest in record.evidence or ())
    return [(field, kind, digest) for field, kind, digest in found if digest is not None]


def _advance(run: KnownRun, record: AnyRecord, *, imported: bool) -> None:
    if isinstance(record, RunClosed):
        run.closed = True
    if imported and run.claimed and record.at is not None:
        run.varied = run.varied or run.last not in {"", record.at}
        run.last = record.at
