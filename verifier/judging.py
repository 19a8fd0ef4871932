"""One contract at work on chunks of a ledger, by column or on counters, and how its rules came out.

Both give the same results; which one is used is a matter of time. To plan the columns costs about a
second whatever there is to judge, so that a short ledger is judged on counters.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from contracts.coercion import Value
from contracts.engine import Engine
from contracts.lineage import Lineage
from contracts.model import Contract, Rule
from contracts.placed_rows import PlacedReader, PlacedWriter
from contracts.results import RuleResult
from contracts.snapshots import engine_rows, take_up_engine
from verifier.asking import Asking
from verifier.drafts import Draft
from verifier.engines import Engines
from verifier.report import JudgedContract, RuleCount, Tally
from verifier.rows import Chunk, Judged, judged_by_rows
from verifier.rule_drafts import broken_rule

if TYPE_CHECKING:
    from verifier.by_column import ColumnEngine

LONG: Final = 15_000
"""From so many entries on, columns are worth their planning."""
CHUNK: Final = 100_000
"""How many entries are judged at a time, by column: each of them is held in memory till then."""
ON_COUNTERS: Final = 1_000
"""How many are, where only counters judge."""


@dataclass(slots=True)
class Counts:
    """The results of one rule so far."""

    rule: Rule
    results: Counter[str] = field(default_factory=Counter[str])
    reasons: Counter[str] = field(default_factory=Counter[str])

    def tally(self) -> Tally:
        """Return them as the report says them."""
        return Tally(
            satisfied=self.results["satisfied"],
            violated=self.results["violated"],
            undecidable=self.results["undecidable"],
            handled=self.results["handled"],
            reasons=dict(sorted(self.reasons.items())),
        )


class Judging:
    """One contract at work.

    Attributes:
        number: Its number among the ledger's contracts, from 1.
        activated: Where it was first activated.
        contract: The contract.
        engine: Its engine on counters.
        counts: By rule, how it came out.
        judged: How many records it was in force for.
        noting: Is told of each rule that held for a record; on counters alone.
    """

    def __init__(
        self,
        number: int,
        activated: int,
        contract: Contract,
        lineage: Lineage,
        engines: Engines,
        asking: Asking,
    ) -> None:
        self.number = number
        self.activated = activated
        self.contract = contract
        self.engine = Engine(contract, lineage=lineage)
        self.engine.explain()
        self.counts = {rule.id: Counts(rule) for rule in contract.rules}
        self.judged = 0
        self.noting: Callable[[RuleResult], None] | None = None
        self._engines = engines
        self._asking = asking
        self._begun = False
        self._columns: ColumnEngine | None = None

    def draft(self, result: RuleResult) -> Draft:
        """Return a result that is not satisfied as a finding under this contract."""
        return broken_rule(result, self.contract, self.activated)

    def kept(self, writer: PlacedWriter) -> dict[str, Value]:
        """Return what was counted, and what the counters hold; columns hand it to them first.

        Args:
            writer: What the lineage was written with.

        Raises:
            SnapshotError: A value can not be written.
        """
        if self._columns is not None:
            self._columns.hand_over()
        counts = [
            [one.rule.id, list(one.results.items()), list(one.reasons.items())]
            for one in self.counts.values()
        ]
        return {"judged": self.judged, "counts": counts, "engine": engine_rows(self.engine, writer)}

    def take_up(self, rows: Mapping[str, Any], reader: PlacedReader) -> None:
        """Go on from what `kept` returned, on counters: columns do not begin in the middle."""
        self._begun = True
        self.judged = rows["judged"]
        take_up_engine(self.engine, rows["engine"], reader)
        for rule, results, reasons in rows["counts"]:
            counts = self.counts[rule]
            counts.results, counts.reasons = Counter(dict(results)), Counter(dict(reasons))

    def judge(self, chunk: Chunk, judged: Sequence[bool], *, long: bool) -> Judged:
        """Judge a chunk, and let it count.

        Args:
            chunk: The next entries.
            judged: Of each whether this contract is in force for it.
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
            found = judged_by_rows(self.engine, chunk, judged, self.noting)
        else:
            found = self._columns.judge(chunk, judged)
        for number, count in found.satisfied.items():
            self.counts[self.contract.rules[number].id].results["satisfied"] += count
        return found

    def named(self) -> JudgedContract:
        """Return the contract, as a report names it."""
        contract = self.contract
        return JudgedContract(
            name=contract.name,
            version=contract.version,
            digest=contract.digest,
            service=contract.service,
            judged=self.judged,
        )

    def counted(self) -> list[RuleCount]:
        """Return how each rule came out."""
        return [
            RuleCount(
                contract=self.contract.digest,
                rule=rule.id,
                clause=rule.clause,
                effect=rule.effect.value,
                line=self.contract.line_of(rule.position),
                says=rule.says,
                tally=self.counts[rule.id].tally(),
                cites=rule.cites,
            )
            for rule in self.contract.rules
        ]
