"""Which records go along in a bundle, so that what is carried away can still be judged.

Beside the chosen ones these always go: all governance; all that a key wrote which may write
governance (a bundle could hold back a revocation, and nobody could tell); what cannot be read as a
record; and whatever a chosen record names, so that nothing in a bundle hangs in the air.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.references import references_of
from ledger.encoding import decode
from ledger.entry import Header, parse_header
from ledger.errors import LedgerError
from ledger.records import Action, AnyRecord, RunOpened, read_record
from ledger.rows import Row
from ledger.source import Source
from verifier.founding import Founding
from verifier.integrity import GOVERNING
from verifier.trust import Trust

ALWAYS = frozenset({*GOVERNING, "switch", "erasure"})

Chooses = Callable[[Mapping[str, Any]], bool | None]


@dataclass(slots=True)
class Selection:
    """The records that go along.

    Attributes:
        chosen: One byte an entry, 1 where its record goes along.
        asked: How many were asked for.
        governing: How many go along because of what they are, or who wrote them.
        undecided: How many records the condition had no answer for; they were not asked for.
        runs: The runs that were asked for and found, as they were named.
    """

    chosen: bytearray = field(default_factory=bytearray)
    asked: int = 0
    governing: int = 0
    undecided: int = 0
    runs: set[str] = field(default_factory=set[str])

    def __contains__(self, index: object) -> bool:
        return isinstance(index, int) and index < len(self.chosen) and bool(self.chosen[index])


def select(
    source: Source,
    trust: Trust | None,
    runs: Sequence[str] = (),
    where: Chooses | None = None,
) -> Selection:
    """Choose the records of some runs, or those that a condition holds of, in one reading.

    Args:
        source: The ledger. Nothing but its authority documents is checked.
        trust: The trust file.
        runs: Digests of opened runs, or the references that their sources have for them.
        where: Says of a record whether it is asked for; None where it cannot say.

    Raises:
        BrokenLedgerError: The authority documents do not hold.
        StoreError: The source cannot be read.
    """
    return _Choosing(Founding.read(source, trust), runs, where).read(source)


class _Choosing:
    def __init__(self, founding: Founding, runs: Sequence[str], where: Chooses | None) -> None:
        self._founding = founding
        self._named = frozenset(runs)
        self._where = where
        self._wanted: set[str] = set()
        self._run_of: dict[str, str] = {}
        # Of each record its place, and what it names: what is chosen brings that along.
        self._known: dict[str, tuple[int, tuple[str, ...]]] = {}
        self._found = Selection()

    def read(self, source: Source) -> Selection:
        for row in source.rows(stop=source.size()):
            self._found.chosen.append(0)
            self._take(row)
        return self._found

    def _take(self, row: Row) -> None:
        try:
            header = parse_header(row.header)
            value = decode(row.record or b"")
            record = read_record(value)
        except LedgerError:
            self._found.chosen[row.idx] = 1
            return
        names = tuple(named for _, _, named in references_of(record))
        self._known[header.record] = row.idx, names
        run = self._run(header, record)
        if self._governs(row.idx, header, record):
            self._found.governing += 1
            self._choose(row.idx, names)
        elif self._asked(run, value):
            self._found.asked += 1
            self._choose(row.idx, names)

    def _governs(self, index: int, header: Header, record: AnyRecord) -> bool:
        return record.kind in ALWAYS or bool(
            self._founding.writer(header.key, index)[1] & GOVERNING
        )

    def _run(self, header: Header, record: AnyRecord) -> str:
        """Return the run that a record stands in; empty for none."""
        if isinstance(record, RunOpened):
            for name in {header.record, record.ref or ""} & self._named:
                self._found.runs.add(name)
                self._wanted.add(header.record)
            return header.record
        run: str = getattr(record, "run", None) or ""
        if isinstance(record, Action):
            self._run_of[header.record] = run
        return run or self._run_of.get(getattr(record, "action", None) or "", "")

    def _asked(self, run: str, value: Mapping[str, Any]) -> bool:
        if run in self._wanted:
            return True
        if self._where is None:
            return False
        answer = self._where(value)
        self._found.undecided += answer is None
        return answer is True

    def _choose(self, index: int, names: Sequence[str]) -> None:
        """Take a record along, and all that it names, and what that names."""
        self._found.chosen[index] = 1
        left = list(names)
        while left:
            at, named = self._known.get(left.pop(), (index, ()))
            if not self._found.chosen[at]:
                self._found.chosen[at] = 1
                left.extend(named)
