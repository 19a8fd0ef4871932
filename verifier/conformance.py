"""Conformance: every record decided again, under the contract in force at its place.

One engine for each contract that was ever activated sees all valid entries, because a contract's
facts are over all history. Its results count for the records that it was in force for.
Source: docs/spec/contract-language.md, *Version in force*, *Rules*, *Decision*.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

from contracts.coercion import Value
from contracts.errors import ContractErrors
from contracts.lineage import Remembered
from contracts.loading import load_contract
from contracts.model import Contract, Effect, Verdict
from contracts.placed_rows import PlacedReader, PlacedWriter
from contracts.references import References
from contracts.results import RuleResult
from contracts.snapshots import meaning, take_up_versions, versions_rows
from contracts.versions import VersionHistory
from contracts.withholding import Hidden, Mark, Withholding
from ledger.records import Action, Approval, Message, Outcome, RunClosed
from verifier.asking import Asking
from verifier.coverage import Coverage, gaps, unclosed
from verifier.decisions import Decisions, Derived, reasoned, weaker
from verifier.disparity import Disparities, Grounds
from verifier.drafts import Draft
from verifier.engines import Engines
from verifier.entries import ValidEntry
from verifier.findings import Result, shortened
from verifier.grouping import Streams
from verifier.handling import Handling, doubtful
from verifier.judging import CHUNK, LONG, ON_COUNTERS, Judging
from verifier.kept_drafts import DraftReader, DraftWriter
from verifier.people import Owners, People, governed
from verifier.privileges import Privileges
from verifier.report import Conformance, JudgedContract, RuleCount
from verifier.rows import Chunk, Clocks, Judged
from verifier.rule_drafts import no_contract, undecided, unreadable
from verifier.sampling import Samples
from verifier.spilling import SpillingLineage

# Records that a contract has rules for.
JUDGED = (Action, Message, Outcome, RunClosed)
# The rule that says what `coverage.outcome-missing` says, where a contract has it.
OUTCOME_RULE = "recovery.outcome"
# Findings on a decision that hang on what it was derived from.
DOUBTED = frozenset(
    f"decision.{what}"
    for what in ("false-allow", "false-deny", "reasons-differ", "executed-without-approval")
)
# Findings on a decision that hang on the values that rules read.
OVER_SEALED = frozenset(
    f"decision.{what}" for what in ("false-allow", "false-deny", "reasons-differ")
)


class Published(Owners, Protocol):
    """The contracts of a ledger: their texts, and where each was first activated, by digest.

    And who answers for whom in it.
    """

    @property
    def texts(self) -> Mapping[str, str]:
        """Texts by digest."""
        ...

    @property
    def activated(self) -> Mapping[str, int]:
        """Indexes of the first activations by digest."""
        ...


class Read(Protocol):
    """The reading whose entries are judged: its runs, its streams, and what it left out."""

    size: int
    references: References
    streams: Streams
    when_withheld: Callable[[Mark], None]


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An entry that waits for its chunk: the contract in force for it, and for what it governs."""

    valid: ValidEntry
    current: Judging | None
    governing: Contract | None


class Judge:
    """Judges the valid entries of one reading.

    Args:
        founding: The contracts that were published and activated.
        reading: The reading whose entries are judged: its runs, streams and what it left out.
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
        self._waiting: list[_Waiting] = []
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
        self._handling = Handling()
        self._coverage = Coverage()
        self._disparities = Disparities()
        self._privileges = Privileges()
        self._people = People(founding, self.contracts)
        self._kinds: Counter[str] = Counter()
        self._withholding = Withholding()
        reading.when_withheld = self.withheld

    @property
    def contracts(self) -> dict[str, Contract]:
        """The contracts at work, by digest."""
        return {digest: judging.contract for digest, judging in self._judging.items()}

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
        event, record = valid.event, valid.record
        self._kinds[record.kind] += 1
        self._versions.observe(event)
        current = self._in_force(valid)
        self._under.extend([0] * (event.index + 1 - len(self._under)))
        self._under[event.index] = current.number if current else 0
        if current:
            current.judged += 1
        self._waiting.append(_Waiting(valid, current, self._governing(valid)))
        if len(self._waiting) == (ON_COUNTERS if self._engines is Engines.ROWS else CHUNK):
            self._judge_waiting()

    def _judge_waiting(self) -> None:
        """Judge the entries that wait, all of them, and follow what was done, one by one."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        chunk = Chunk()
        self._lineage.expect(one.valid.event for one in waiting)
        for one in waiting:
            chunk.add(one.valid.event, self._lineage, self._clocks)
        # What was imported has clocks of its own and large observations: the counters are quicker.
        live = sum(not one.valid.event.imported for one in waiting)
        self._long = self._long or live >= LONG
        found: dict[int, Judged] = {}
        for judging in self._judging.values():
            # A contract that is not in force here has nothing to say of this record: it counts it.
            judged = [one.current is judging for one in waiting]
            found[judging.number] = judging.judge(chunk, judged, long=self._long)
        for position, one in enumerate(waiting):
            self._judged(
                one, {number: each.results.get(position, []) for number, each in found.items()}
            )
        if self._long:
            self._lineage.spill()

    def _judged(self, one: _Waiting, results: Mapping[int, list[RuleResult]]) -> None:
        """Take what came out of an entry, and follow what was done."""
        valid, current, index = one.valid, one.current, one.valid.event.index
        against: list[RuleResult] = []
        for judging in self._judging.values():
            mine = results[judging.number]
            if judging is current and _decision_counts(valid):
                against = [result for result in mine if _stands_against(result, index)]
                mine = [result for result in mine if not _stands_against(result, index)]
            if mine:
                self._take(judging, mine)
        self._follow(valid, current, against)
        self._drafts.extend(self._people.observe(valid, one.governing))

    def withheld(self, mark: Mark) -> None:
        """Take note of an entry whose record is held back."""
        self._judge_waiting()
        self._kinds["withheld"] += 1
        self._withholding.add(mark)
        for judging in self._judging.values():
            judging.engine.withheld(mark)

    def finish(self) -> tuple[Conformance, list[Draft]]:
        """Return what was counted and found, once every entry was observed."""
        self._judge_waiting()
        for judging in self._judging.values():
            self._take(judging, judging.engine.finish())
        self._settle(self._handling.finish(self._may_have_outcome))
        streams = self._reading.streams
        self._drafts.extend(self._disparities.finish())
        activated = {one: (each.activated, each.contract) for one, each in self._judging.items()}
        self._drafts.extend(self._privileges.finish(activated))
        self._drafts.extend(self._coverage.finish(self._reading.references.runs))
        self._drafts.extend(gaps(streams.gaps))
        self._drafts.extend(unclosed(streams.unclosed(), self._reading.size))
        judged = [judging for judging in self._judging.values() if judging.judged]
        conformance = Conformance(
            performed=True,
            contracts=tuple(_named(judging) for judging in judged),
            counts=tuple(count for judging in judged for count in _counted(judging)),
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
        take_up_versions(self._versions, rows["versions"], lineage)
        for judging, row in zip(self._judging.values(), rows["contracts"], strict=True):
            judging.take_up(row, reader)
        self._under = array("H", bytes(2 * size))
        for index, number in rows["under"]:
            self._under[index] = number
        self._kinds = Counter(dict(rows["kinds"]))
        self._decisions.take_up(rows["decisions"])
        self._handling.take_up(rows["handling"], drafts, lineage)
        for judging in self._judging.values():
            # Every engine has heard the same approvals.
            self._handling.take_up_approvals(*judging.engine.approvals.kept())
        self._coverage.take_up(rows["coverage"])
        self._disparities.take_up(rows["disparities"])
        self._privileges.take_up(rows["privileges"])
        self._people.take_up(rows["people"])
        self._drafts = [drafts.draft(row) for row in rows["drafts"]]
        return lineage

    def _in_force(self, valid: ValidEntry) -> Judging | None:
        """Return the contract in force for a record that contracts judge."""
        record, event = valid.record, valid.event
        if not isinstance(record, JUDGED):
            return None
        run = self._reading.references.runs.get(record.run)
        found = self._versions.in_force(run.service, event) if run else None
        if found is None:
            if isinstance(record, Action):
                self._drafts.append(no_contract(event.index, run.service if run else "?"))
            return None
        judging = self._judging.get(found[1])
        if judging and run and judging.contract.service != run.service:
            # None of its rules would apply, and silence is not a pass.
            if isinstance(record, Action):
                other = f"the one in force is the contract of {judging.contract.service}"
                self._drafts.append(no_contract(event.index, run.service, other))
            return None
        return judging

    def _governing(self, valid: ValidEntry) -> Contract | None:
        """Return the contract in force for the service that a run or a switch is about."""
        service = governed(valid.record)
        found = self._versions.in_force(service, valid.event) if service else None
        judging = self._judging.get(found[1]) if found else None
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
        self, valid: ValidEntry, current: Judging | None, against: list[RuleResult]
    ) -> None:
        """Compare decisions with what was done, and watch for what is missing."""
        record, event = valid.record, valid.event
        self._settle(self._handling.follow(valid))
        if isinstance(record, Action):
            self._decided(valid, record, current, against)
            allowed = record.decision is None or record.decision.effect == "allow"
            if allowed and not (current and OUTCOME_RULE in current.counts):
                self._coverage.action(record.run, event.digest, event.index)
        elif isinstance(record, Approval):
            self._decisions.approval(valid, record)
        elif isinstance(record, Outcome):
            self._drafts.extend(self._decisions.outcome(valid, record))
            self._coverage.outcome(record.run, record.action)
        elif isinstance(record, RunClosed):
            missing = self._coverage.closed(record.run, event.index)
            self._drafts.extend(
                doubtful(one) if self._may_have_outcome(one.index) else one for one in missing
            )

    def _decided(
        self,
        valid: ValidEntry,
        action: Action,
        current: Judging | None,
        against: list[RuleResult],
    ) -> None:
        """Decide an action with a decision again, and settle what stands against it."""
        derived: Derived | None = None
        drafts: list[Draft] = []
        if current is not None and _decision_counts(valid):
            contract = current.contract
            derived = _derived(valid, current, against)
            drafts = [current.draft(result) for result in against]
            lifted = self._handling.lifted(valid, contract, derived.decision)
            if self._approvals_doubted(action):
                by_approval = {one.id for one in contract.rules if one.effect is Effect.APPROVE}
                drafts = [doubtful(one) if one.rule in by_approval else one for one in drafts]
                lifted = {}
            self._settle(self._handling.decided(valid, action, drafts, lifted))
        found = [reasoned(one, drafts) for one in self._decisions.action(valid, action, derived)]
        if self._approvals_doubted(action) or self._rests_on_withheld(against):
            found = [doubtful(one) if one.code in DOUBTED else one for one in found]
        if current is not None:
            self._privileges.action(valid, action, current.contract)
        if current is not None and derived is not None:
            found = _over_sealed(found, valid, current, against)
            if not any(one.hidden for one in against):
                self._compare(valid, action, derived)
        self._drafts.extend(undecided(one) if one.hidden is Hidden.SEALED else one for one in found)

    def _compare(self, valid: ValidEntry, action: Action, derived: Derived) -> None:
        """Take note of a decision and its grounds, to be compared with those in other channels."""
        if action.decision is None:
            return
        run = self._lineage.place(valid.event).run if action.channel is None else None
        channel = action.channel or (run.opened.get("channel", "") if run else "")
        effect = derived.effect.value
        grounds = Grounds(derived.contract, action.tool, effect, derived.reasons)
        self._disparities.decided(valid.event.index, channel, grounds, action.decision.effect)

    def _may_have_outcome(self, index: int) -> bool:
        """Return whether what is held back may be the outcome of the action at `index`."""
        return self._withholding.since({"outcome"}, index) is not None

    def _approvals_doubted(self, action: Action) -> bool:
        """Return whether what is held back may approve what an action resumes, or use that up."""
        if not self._withholding or action.resumes is None:
            return False
        proposed = self._reading.references.index_of(action.resumes)
        return self._withholding.since({"approval", "action"}, proposed or 0) is not None

    def _rests_on_withheld(self, against: list[RuleResult]) -> bool:
        return bool(self._withholding) and any(one.hidden is Hidden.WITHHELD for one in against)


def _over_sealed(
    found: list[Draft], valid: ValidEntry, current: Judging, against: list[RuleResult]
) -> list[Draft]:
    """Mark what hangs on sealed values that a rule reads, and on nothing else.

    Whoever acts chooses what is sealed: what stands against an action without the rules over sealed
    values stands, and an action that it should not have been allowed by is wrong for certain.
    """
    plain = [result for result in against if result.hidden is not Hidden.SEALED]
    action = valid.record
    if len(plain) == len(against) or not isinstance(action, Action) or action.decision is None:
        return found
    least = current.engine.decide(valid.event, plain).effect
    sure = "decision.false-allow" if weaker(action.decision.effect, least) else ""
    return [
        replace(one, hidden=Hidden.SEALED) if one.code in OVER_SEALED - {sure} else one
        for one in found
    ]


def _decision_counts(valid: ValidEntry) -> bool:
    """Return whether this is a live action with a decision: others were decided elsewhere."""
    record = valid.record
    return isinstance(record, Action) and record.decision is not None and not valid.event.imported


def _stands_against(result: RuleResult, index: int) -> bool:
    """Return whether a result takes part in the decision on the action at `index`."""
    return (
        result.index == index
        and result.rule.expect is None
        and result.verdict is not Verdict.SATISFIED
    )


def _derived(valid: ValidEntry, current: Judging, against: list[RuleResult]) -> Derived:
    """Return the decision on a live action, derived again."""
    rests_on = {index for result in against for index in result.rests_on}
    contract = current.contract
    decision = current.engine.decide(valid.event, against)
    return Derived(decision, contract.version, contract.digest, tuple(sorted(rests_on)))


def _named(judging: Judging) -> JudgedContract:
    contract = judging.contract
    return JudgedContract(
        name=contract.name,
        version=contract.version,
        digest=contract.digest,
        service=contract.service,
        judged=judging.judged,
    )


def _counted(judging: Judging) -> list[RuleCount]:
    return [
        RuleCount(
            contract=judging.contract.digest,
            rule=rule.id,
            clause=rule.clause,
            effect=rule.effect.value,
            line=judging.contract.line_of(rule.position),
            says=rule.says,
            tally=judging.counts[rule.id].tally(),
            cites=rule.cites,
        )
        for rule in judging.contract.rules
    ]
