"""Conformance: every record decided again, under the contract in force at its place.

One engine for each contract that was ever activated sees all valid entries, because a contract's
facts are over all history. Its results count for the records that it was in force for.
Source: docs/spec/contract-language.md, *Version in force*, *Rules*, *Decision*.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

from contracts.coercion import Value
from contracts.errors import ContractErrors
from contracts.lineage import RUN_CLOSED, Placed, Remembered
from contracts.loading import load_contract
from contracts.model import Contract, Effect, Verdict
from contracts.placed_rows import PlacedReader, PlacedWriter
from contracts.results import RuleResult
from contracts.snapshots import meaning, take_up_versions, versions_rows
from contracts.versions import VersionHistory
from contracts.withholding import Hidden, Mark, Withholding
from verifier.asking import Asking
from verifier.coverage import Coverage, gaps, unclosed
from verifier.decisions import Decisions, Derived, reasoned
from verifier.deriving import decision_counts, derive, over_sealed, stands_against
from verifier.disparity import Disparities, Grounds
from verifier.drafts import Draft
from verifier.engines import Engines
from verifier.entries import ValidEntry
from verifier.findings import Result, shortened
from verifier.handling import Handling, doubtful
from verifier.judged import Published, Read
from verifier.judging import CHUNK, LONG, ON_COUNTERS, Judging
from verifier.kept_drafts import DraftReader, DraftWriter
from verifier.people import People, governed
from verifier.privileges import Privileges
from verifier.report import Conformance
from verifier.rows import Chunk, Clocks, Judged
from verifier.rule_drafts import no_contract, undecided, unreadable
from verifier.sampling import Samples
from verifier.spilling import SpillingLineage

# Records that a contract has rules for.
JUDGED = frozenset({"action", "message", "outcome", RUN_CLOSED})
# Records of which nothing is followed beside what rules say of them; a switch is about people.
PASSED_OVER = frozenset({"message"})
# Records that say which version is in force.
VERSIONED = frozenset({"contract", "activation"})
# The rule that says what `coverage.outcome-missing` says, where a contract has it.
OUTCOME_RULE = "recovery.outcome"
# Findings on a decision that hang on what it was derived from.
DOUBTED = frozenset(
    f"decision.{what}"
    for what in ("false-allow", "false-deny", "reasons-differ", "executed-without-approval")
)

_Results: TypeAlias = tuple[Judging, list[RuleResult]]
"""What a contract says of an entry."""


class Judge:
    """Judges the valid entries of one reading.

    Args:
        founding: The contracts that were published and activated.
        reading: The reading whose entries are judged: its streams, and what it left out.
        load: Makes a contract of its text and a name for its errors; it may remember.
        engines: Which engine decides again.
        asking: Whoever asks CEL what no column says; by default this process alone.
        samples: Is told of every result that is counted; counters alone say them one by one.
    """

    def __init__(
        self,
        founding: Published,
        reading: Read,
        load: Callable[[str, str], Contract] = load_contract,
        engines: Engines = Engines.AUTO,
        asking: Asking | None = None,
        *,
        samples: Samples | None = None,
    ) -> None:
        self._reading = reading
        self._engines = engines if samples is None else Engines.ROWS
        self._samples = samples
        if samples is not None:
            samples.begin()
        self._asking = Asking() if asking is None else asking
        self._lineage = SpillingLineage()
        self._clocks = Clocks()
        self._waiting: list[ValidEntry] = []
        self._long = False
        self._read_contract = load
        self._versions = VersionHistory()
        self._drafts: list[Draft] = []
        self._judging: dict[str, Judging] = {}
        self._unreadable: dict[str, str] = {}
        self._meanings: list[tuple[str, str]] = []
        self._load(founding)
        # For each entry the number of the contract in force there; 0 for none. Obligations are
        # settled later, and count under the contract of the record that they stand at.
        self._under = array("H")
        self._decisions = Decisions()
        self._handling = Handling(self._lineage)
        self._coverage = Coverage()
        self._disparities = Disparities()
        self._privileges = Privileges()
        self._people = People(founding, self.contracts, self._lineage)
        self._kinds: Counter[str] = Counter()
        self._withholding = Withholding()
        reading.when_withheld = self.withheld

    @property
    def contracts(self) -> dict[str, Contract]:
        """The contracts at work, by digest."""
        return {digest: judging.contract for digest, judging in self._judging.items()}

    @property
    def versions(self) -> VersionHistory:
        """Which of them was activated when, as far as was read."""
        return self._versions

    def _load(self, founding: Published) -> None:
        for digest, index in sorted(founding.activated.items(), key=lambda item: item[1]):
            if digest not in founding.texts:
                continue
            try:
                contract = self._read_contract(founding.texts[digest], f"contract {digest[:12]}")
            except ContractErrors as errors:
                self._unreadable[digest] = str(errors.errors[0])
                self._meanings.append((digest, ""))
                self._drafts.append(unreadable(digest, index, self._unreadable[digest]))
            else:
                number = len(self._judging) + 1
                self._meanings.append((digest, meaning(contract)))
                self._judging[digest] = Judging(
                    number, index, contract, self._lineage, self._engines, self._asking
                )
                if self._samples is not None:
                    self._judging[digest].noting = partial(self._samples.held, digest)

    def observe(self, valid: ValidEntry) -> None:
        """Judge the next valid entry, and let it count; this may wait until there are more."""
        kind = valid.event.record["kind"]
        self._kinds[kind] += 1
        if kind in VERSIONED:
            self._versions.observe(valid.event)
        self._waiting.append(valid)
        if len(self._waiting) == (ON_COUNTERS if self._engines is Engines.ROWS else CHUNK):
            self._judge_waiting()

    def _judge_waiting(self, *, last: bool = False) -> None:
        """Judge the entries that wait, all of them, and follow what was done, one by one.

        Args:
            last: There are no more of them: nothing needs to be kept for later ones.
        """
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        chunk, current = self._placed(waiting)
        # What was imported has clocks of its own and large observations: the counters are quicker.
        live = sum(not valid.event.imported for valid in waiting)
        self._long = self._long or live >= LONG
        found: list[tuple[Judging, Judged]] = []
        for judging in self._judging.values():
            # A contract that is not in force here has nothing to say of this record: it counts it.
            judged = [one is judging for one in current]
            judging.judged += sum(judged)
            found.append((judging, judging.judge(chunk, judged, long=self._long)))
        for position, valid in enumerate(waiting):
            placed = chunk.rows[position].placed
            results = [
                (one, each.results[position]) for one, each in found if position in each.results
            ]
            if results or placed.subject not in PASSED_OVER:
                self._judged(valid, placed, current[position], results)
        if self._long and not last:
            self._lineage.spill()

    def _placed(self, waiting: Sequence[ValidEntry]) -> tuple[Chunk, Sequence[Judging | None]]:
        """Return entries at their places, with the contract in force for each; note that too."""
        chunk, current = Chunk(), list[Judging | None]()
        self._lineage.expect(valid.event for valid in waiting)
        for valid in waiting:
            placed = chunk.add(valid.event, self._lineage, self._clocks).placed
            current.append(self._in_force(placed))
        self._under.frombytes(bytes(2 * (waiting[-1].event.index + 1 - len(self._under))))
        for valid, judging in zip(waiting, current, strict=True):
            if judging is not None:
                self._under[valid.event.index] = judging.number
        return chunk, current

    def _judged(
        self,
        valid: ValidEntry,
        placed: Placed,
        current: Judging | None,
        results: Iterable[_Results],
    ) -> None:
        """Take what came out of an entry, and follow what was done."""
        index = valid.event.index
        against: list[RuleResult] = []
        for judging, mine in results:
            if judging is current and decision_counts(valid):
                against = [result for result in mine if stands_against(result, index)]
                self._take(judging, [one for one in mine if not stands_against(one, index)])
            else:
                self._take(judging, mine)
        self._follow(valid, placed, current, against)
        self._drafts.extend(self._people.observe(valid, self._governing(placed, current)))

    def withheld(self, mark: Mark) -> None:
        """Take note of an entry whose record is held back."""
        self._judge_waiting()
        self._kinds["withheld"] += 1
        self._withholding.add(mark)
        for judging in self._judging.values():
            judging.engine.withheld(mark)

    def finish(self) -> tuple[Conformance, list[Draft]]:
        """Return what was counted and found, once every entry was observed."""
        self._judge_waiting(last=True)
        for judging in self._judging.values():
            self._take(judging, judging.engine.finish())
        self._settle(self._handling.finish(self._may_have_outcome))
        streams = self._reading.streams
        self._drafts.extend(self._disparities.finish())
        activated = {one: (each.activated, each.contract) for one, each in self._judging.items()}
        self._drafts.extend(self._privileges.finish(activated))
        self._drafts.extend(self._coverage.finish())
        self._drafts.extend(gaps(streams.gaps))
        self._drafts.extend(unclosed(streams.unclosed(), self._reading.size))
        judged = [judging for judging in self._judging.values() if judging.judged]
        conformance = Conformance(
            performed=True,
            contracts=tuple(judging.named() for judging in judged),
            counts=tuple(count for judging in judged for count in judging.counted()),
            records=dict(sorted(self._kinds.items())),
        )
        return conformance, self._drafts

    def meanings(self) -> list[tuple[str, str]]:
        """Return the contracts that were activated, in order, and what each is expanded to.

        What was judged under these says nothing of what others would have said.
        """
        return self._meanings

    def kept(self, writer: PlacedWriter) -> dict[str, Value]:
        """Return all that is known before `finish`, for `take_up` of another judge.

        Args:
            writer: Writes entries at their places.

        Raises:
            SnapshotError: A value can not be written.
        """
        self._judge_waiting()
        duties = [one for each in self._judging.values() for one in each.engine.obligations.kept()]
        standing = sorted({duty.placed.event.index for duty in duties})
        drafts = DraftWriter()
        rows: dict[str, Value] = {
            "lineage": writer.lineage(self._lineage.kept()),
            "versions": versions_rows(self._versions),
            "contracts": [each.kept(writer) for each in self._judging.values()],
            "under": [[index, self._under[index]] for index in standing],
            "kinds": list(self._kinds.items()),
            "decisions": self._decisions.kept(),
            "handling": self._handling.kept(drafts),
            "coverage": self._coverage.kept(),
            "disparities": self._disparities.kept(),
            "privileges": self._privileges.kept(),
            "people": self._people.kept(),
            "drafts": [drafts.row(one) for one in self._drafts],
        }
        return {**rows, "texts": drafts.texts()}

    def take_up(self, size: int, rows: Mapping[str, Any], reader: PlacedReader) -> Remembered:
        """Go on from what `kept` returned, before any entry is observed.

        Args:
            size: How many entries were observed.
            rows: What was kept. Nothing in it was held back, and the contracts are the same.
            reader: Reads entries at their places.

        Returns:
            The runs, actions and observations that are remembered.

        Raises:
            LookupError, TypeError, ValueError or AttributeError: It is no such state.
        """
        lineage = reader.lineage(rows["lineage"])
        drafts = DraftReader(rows["texts"])
        self._lineage.take_up(lineage)
        # Records are placed before it is asked what was in force for them: it needs no runs.
        take_up_versions(self._versions, rows["versions"], Remembered((), (), (), {}))
        for judging, row in zip(self._judging.values(), rows["contracts"], strict=True):
            judging.take_up(row, reader)
        self._under = array("H", bytes(2 * size))
        for index, number in rows["under"]:
            self._under[index] = number
        self._kinds = Counter(dict(rows["kinds"]))
        self._decisions.take_up(rows["decisions"])
        self._handling.take_up(rows["handling"], drafts)
        for judging in self._judging.values():
            # Every engine has heard the same approvals.
            self._handling.take_up_approvals(*judging.engine.approvals.kept())
        self._coverage.take_up(rows["coverage"], lineage.runs)
        self._disparities.take_up(rows["disparities"])
        self._privileges.take_up(rows["privileges"])
        self._people.take_up(rows["people"])
        self._drafts = [drafts.draft(row) for row in rows["drafts"]]
        return lineage

    def _in_force(self, placed: Placed) -> Judging | None:
        """Return the contract in force for a record that contracts judge."""
        if placed.subject not in JUDGED:
            return None
        service = "" if placed.run is None else placed.run.opened["service"]
        found = self._activated(service, placed)
        if found is None:
            if placed.subject == "action":
                self._drafts.append(no_contract(placed.event.index, service or "?"))
            return None
        judging = self._judging.get(found)
        if judging and judging.contract.service != service:
            # None of its rules would apply, and silence is not a pass.
            if placed.subject == "action":
                other = f"the one in force is the contract of {judging.contract.service}"
                self._drafts.append(no_contract(placed.event.index, service, other))
            return None
        return judging

    def _activated(self, service: str, placed: Placed) -> str | None:
        """Return the digest of the contract of a service that is in force for a record."""
        event = placed.event
        found = self._versions.in_force_at(
            service, event.index, placed.time, imported=event.imported
        )
        return None if found is None else found.digest

    def _governing(self, placed: Placed, current: Judging | None) -> Contract | None:
        """Return the contract in force for the service that a run, switch or action is about."""
        if placed.subject == "action":
            return None if current is None else current.contract
        service = governed(placed.event.record)
        found = self._activated(service, placed) if service else None
        judging = self._judging.get(found) if found else None
        return judging.contract if judging else None

    def _take(self, judging: Judging, results: Iterable[RuleResult]) -> None:
        """Count results at the entries that this contract was in force for."""
        for result in results:
            if self._under[result.index] != judging.number:
                continue
            if result.verdict is Verdict.SATISFIED:
                judging.counts[result.rule.id].results["satisfied"] += 1
                if judging.noting is not None:
                    judging.noting(result)
            else:
                self._settle([judging.draft(result)])

    def _settle(self, drafts: Iterable[Draft]) -> None:
        """Count results that are not satisfied, now that it is known what each of them is."""
        for draft in drafts:
            counts = self._judging[draft.contract].counts[draft.rule]
            counts.results[draft.result.value] += 1
            if self._samples is not None:
                result = draft.contract, draft.rule, draft.index, draft.result.value
                self._samples.note(*result, draft.rests_on)
            if draft.result is Result.UNDECIDABLE:
                counts.reasons[shortened(draft.reason)] += 1
            self._drafts.append(draft)

    def _follow(
        self,
        valid: ValidEntry,
        placed: Placed,
        current: Judging | None,
        against: list[RuleResult],
    ) -> None:
        """Compare decisions with what was done, and watch for what is missing."""
        event, record = valid.event, valid.event.record
        self._settle(self._handling.follow(placed))
        match placed.subject:
            case "action":
                self._decided(valid, placed, current, against)
                if placed.counts_as_allowed and not (current and OUTCOME_RULE in current.counts):
                    self._coverage.action(record["run"], event.digest, event.index)
            case "approval":
                self._decisions.approval(event)
            case "outcome":
                self._drafts.extend(self._decisions.outcome(event))
                self._coverage.outcome(record["run"], record["action"])
            case "run.opened":
                self._coverage.opened(event.digest, event.index)
            case "run.closed":
                missing = self._coverage.closed(record["run"], event.index)
                self._drafts.extend(
                    doubtful(one) if self._may_have_outcome(one.index) else one for one in missing
                )
            case _:
                pass

    def _decided(
        self,
        valid: ValidEntry,
        placed: Placed,
        current: Judging | None,
        against: list[RuleResult],
    ) -> None:
        """Decide an action with a decision again, and settle what stands against it."""
        derived: Derived | None = None
        drafts: list[Draft] = []
        if current is not None and decision_counts(valid):
            contract = current.contract
            derived = derive(valid, current, against)
            drafts = [current.draft(result) for result in against]
            lifted = self._handling.lifted(placed, contract, derived.decision)
            if self._approvals_doubted(placed):
                by_approval = {one.id for one in contract.rules if one.effect is Effect.APPROVE}
                drafts = [doubtful(one) if one.rule in by_approval else one for one in drafts]
                lifted = {}
            self._settle(self._handling.decided(valid.event, drafts, lifted))
        found = [reasoned(one, drafts) for one in self._decisions.action(valid, derived)]
        if self._approvals_doubted(placed) or self._rests_on_withheld(against):
            found = [doubtful(one) if one.code in DOUBTED else one for one in found]
        if current is not None:
            self._privileges.action(valid.event, current.contract)
        if current is not None and derived is not None:
            found = over_sealed(found, valid, current, against)
            if not any(one.hidden for one in against):
                self._compare(placed, derived)
        self._drafts.extend(undecided(one) if one.hidden is Hidden.SEALED else one for one in found)

    def _compare(self, placed: Placed, derived: Derived) -> None:
        """Take note of a decision and its grounds, to be compared with those in other channels."""
        record, run = placed.event.record, placed.run
        channel = record.get("channel") or (run.opened.get("channel") if run else "") or ""
        grounds = Grounds(derived.contract, placed.tool, derived.effect.value, derived.reasons)
        self._disparities.decided(
            placed.event.index, channel, grounds, record["decision"]["effect"]
        )

    def _may_have_outcome(self, index: int) -> bool:
        """Return whether what is held back may be the outcome of the action at `index`."""
        return self._withholding.since({"outcome"}, index) is not None

    def _approvals_doubted(self, placed: Placed) -> bool:
        """Return whether what is held back may approve what an action resumes, or use that up."""
        resumes = placed.event.record.get("resumes")
        if not self._withholding or resumes is None:
            return False
        proposed = self._lineage.action(resumes)
        since = 0 if proposed is None else proposed.event.index
        return self._withholding.since({"approval", "action"}, since) is not None

    def _rests_on_withheld(self, against: list[RuleResult]) -> bool:
        return bool(self._withholding) and any(one.hidden is Hidden.WITHHELD for one in against)
