"""A merged contract at work on chunks of history, by column or on counters.

What is wanted of the rules is their verdicts, and of those that cannot be decided the reason.
Columns give the verdicts of a whole chunk at once; the counters are asked for reasons alone.
Source: docs/spec/whatif.md.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from contracts.engine import Engine
from contracts.lineage import Lineage
from contracts.model import Verdict
from replay.merging import ACTION, Merged
from verifier.asking import Asking
from verifier.engines import Engines
from verifier.rows import Chunk, Judged, judged_by_rows

if TYPE_CHECKING:
    from verifier.by_column import ColumnEngine

Codes = npt.NDArray[np.int8]
"""Of each action, and of each merged rule, what it says; 0 where it is not asked or holds."""
BROKEN: Final = 2
UNKNOWN: Final = 3
_CODES: Final = {Verdict.VIOLATED: BROKEN, Verdict.UNDECIDABLE: UNKNOWN}

Wanting = Callable[["Verdicts"], Iterable[tuple[int, int]]]
"""Says of which actions and rules the reason is wanted, by their places in `codes`."""


@dataclass(slots=True)
class Verdicts:
    """What the rules say of a chunk's actions.

    Attributes:
        positions: The actions' positions in the chunk, ascending.
        codes: What the rules say of them.
        reasons: Why a rule is undecidable, by the places of action and rule, where it was wanted.
    """

    positions: Sequence[int]
    codes: Codes
    reasons: dict[tuple[int, int], str]


class MergedJudging:
    """A merged contract at work.

    Attributes:
        merged: The contract.
        engine: Its engine on counters.
    """

    def __init__(self, merged: Merged, lineage: Lineage, engines: Engines, asking: Asking) -> None:
        self.merged = merged
        self.engine = Engine(merged.contract, lineage=lineage)
        self._engines = engines
        self._asking = asking
        self._begun = False
        self._columns: ColumnEngine | None = None
        self._numbers = {rule.id: number for number, rule in enumerate(merged.contract.rules)}

    def judge(
        self, chunk: Chunk, judged: Sequence[bool], wanting: Wanting, *, long: bool
    ) -> Verdicts:
        """Judge a chunk, and let it count.

        Args:
            chunk: The next entries.
            judged: Of each whether it is asked about.
            wanting: Of which actions and rules the reason is wanted.
            long: Whether the ledger is a long one.
        """
        if not self._begun and (
            self._engines is Engines.COLUMNS or (long and self._engines is Engines.AUTO)
        ):
            # The database is not worth loading for a short ledger.
            from verifier.by_column import ColumnEngine  # noqa: PLC0415

            self._columns = ColumnEngine(self.engine, asking=self._asking)
        self._begun = True
        if self._columns is None:
            return self._by_rows(chunk, judged_by_rows(self.engine, chunk, judged))
        made: list[Verdicts] = []

        def choose(
            positions: Sequence[int], codes: Mapping[int, npt.NDArray[np.int8]]
        ) -> Iterable[tuple[int, int]]:
            made.append(self._by_columns(positions, codes))
            return wanting(made[-1])

        found = self._columns.judge(chunk, judged, choose)
        if self._columns.on_counters or not made:
            return self._by_rows(chunk, found)
        places = {position: place for place, position in enumerate(made[-1].positions)}
        self._take_reasons(made[-1], found, places)
        return made[-1]

    def _by_columns(
        self, positions: Sequence[int], codes: Mapping[int, npt.NDArray[np.int8]]
    ) -> Verdicts:
        whole = np.zeros((len(positions), len(self._numbers)), np.int8)
        for number, mine in codes.items():
            whole[:, number] = np.where(mine >= BROKEN, mine, 0)
        return Verdicts(positions, whole, {})

    def _by_rows(self, chunk: Chunk, found: Judged) -> Verdicts:
        positions = chunk.positions[ACTION]
        places = {position: place for place, position in enumerate(positions)}
        verdicts = Verdicts(positions, np.zeros((len(positions), len(self._numbers)), np.int8), {})
        for position, results in found.results.items():
            for one in results:
                number = self._numbers[one.rule.id]
                verdicts.codes[places[position], number] = _CODES[one.verdict]
        self._take_reasons(verdicts, found, places)
        return verdicts

    def _take_reasons(self, verdicts: Verdicts, found: Judged, places: Mapping[int, int]) -> None:
        for position, results in found.results.items():
            for one in results:
                if one.verdict is Verdict.UNDECIDABLE:
                    verdicts.reasons[places[position], self._numbers[one.rule.id]] = one.reason
