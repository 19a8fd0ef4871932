"""What was done, step by step: on which facts, by which rules, and what is decided now.

One pass over the ledger, on running counters, as the guard has them: for each action that is asked
about, every rule of the contract in force then and of the one in force now is asked, on history as
it was before. All other entries only count. Source: docs/spec/timeline.md.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from contracts.decision import Decision
from contracts.engine import Engine
from contracts.history import Event
from contracts.instants import micros
from contracts.lineage import Lineage, Placed
from contracts.model import Contract
from contracts.results import RuleResult
from contracts.withholding import Mark
from replay.comparing import decided_otherwise, recorded_otherwise
from replay.entries import Entries
from replay.history import Act, History
from replay.own_time import set_aside
from replay.run_choice import ChosenActs
from replay.steps import Fact, Judged, Ruled, Said, Step, Told
from replay.telling import (
    Story,
    cited_as,
    facts_of,
    last_entry,
    limits_of,
    reasons_of,
    ruled,
    said_by,
    stories,
    until,
    word_of,
)
from replay.worth import Worth, totals
from verifier.report import Report

OUTSIDE = frozenset({"switch", "activation"})
"""What stands in no run, and matters to those of its service."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """What was asked of which ledger, and what was told.

    Attributes:
        report: The verification that it rests on.
        asked: The selection in words; empty for the whole ledger.
        chosen: The actions that were asked about, and how many could not be asked.
        runs: The runs that they stand in, in index order.
        now: The contracts that `now` means, by service: name and version; empty where a service
            has none in force.
        candidate: Whether these were named by whoever asked.
    """

    report: Report
    asked: tuple[str, ...]
    chosen: ChosenActs
    runs: tuple[Told, ...]
    now: Mapping[str, tuple[str, str]]
    candidate: bool = False

    @property
    def steps(self) -> list[Step]:
        """All steps, in index order."""
        every = [step for told in self.runs for step in told.steps]
        return sorted(every, key=lambda step: step.act.index)


def timeline(
    entries: Entries,
    history: History,
    chosen: ChosenActs,
    *,
    asked: Iterable[str] = (),
    candidate: Contract | None = None,
    step: Callable[[int, int], None] | None = None,
) -> Timeline:
    """Tell what was done in the chosen actions of a verified ledger.

    Args:
        entries: The ledger's entries, which were read once.
        history: The ledger as acts and runs.
        chosen: The actions.
        asked: The selection in words, as the reports repeat it.
        candidate: What `now` means for the contract's service, instead of what is in force.
        step: Called now and then with how many entries were taken, and how many there are.

    Raises:
        BrokenLedgerError: The store was changed since it was verified.
    """
    telling = _Telling(entries, history, chosen, candidate)
    size = entries.ledger.report.ledger.size
    for number, one in enumerate(entries):
        if step is not None and not number % 512:
            step(number, size)
        if not telling.take(one):
            break
    return Timeline(
        report=entries.ledger.report,
        asked=tuple(asked),
        chosen=chosen,
        runs=tuple(telling.told()),
        now=telling.now,
        candidate=candidate is not None,
    )


class _Telling:
    """Takes in entries, one after the other."""

    def __init__(
        self, entries: Entries, history: History, chosen: ChosenActs, candidate: Contract | None
    ) -> None:
        self._history = history
        self._contracts = dict(entries.ledger.contracts)
        self._candidate = candidate
        if candidate is not None:
            self._contracts[candidate.digest] = candidate
        self._end = entries.ledger.report.ledger.size, micros(entries.latest)
        self._lineage = Lineage()
        self._acts = {act.index: act for act in chosen.acts}
        self._by_digest = {act.digest: act for act in chosen.acts}
        self._stories = stories(history, chosen.acts)
        self._stop = max(
            (last_entry(story, self._end[0]) for story in self._stories.values()), default=0
        )
        self._engines = {digest: self._engine(digest) for digest in self._wanted()}
        self._results: dict[tuple[str, int], list[RuleResult]] = {}
        self._under: dict[int, tuple[str, str]] = {}
        self._meaning: dict[str, str] = {}
        self._facts: dict[tuple[str, int], tuple[Fact, ...]] = {}
        self._decisions: dict[tuple[str, int], Decision] = {}
        self._aside: dict[tuple[str, int], frozenset[str]] = {}
        self._limits: dict[tuple[str, int, str], object] = {}

    # ---------------------------------------------------------------------- contracts

    @property
    def now(self) -> dict[str, tuple[str, str]]:
        """The contracts that `now` means, by service."""
        services = dict.fromkeys(story.run.said("service") for story in self._stories.values())
        found = {service: self._now(service, imported=False) for service in services}
        return {
            service: (self._contracts[digest].name, self._contracts[digest].version)
            if digest
            else ("", "")
            for service, digest in found.items()
        }

    def _wanted(self) -> list[str]:
        """Return the contracts that decide anything here, in the order of their digests."""
        found = {act.contract for act in self._acts.values()}
        for story in self._stories.values():
            found.add(story.run.contract)
            for imported in (False, True):
                found.add(self._now(story.run.said("service"), imported=imported))
        # Between the two others may have been in force, for an outcome or a message.
        services = {story.run.said("service") for story in self._stories.values()}
        for service in services:
            found.update(one.digest for one in self._history.versions.activations(service))
        return sorted(found & self._contracts.keys())

    def _engine(self, digest: str) -> Engine:
        engine = Engine(self._contracts[digest], lineage=self._lineage)
        engine.explain()
        return engine

    def _now(self, service: str, *, imported: bool) -> str:
        """Return the digest of the contract in force at the ledger's end; empty where none is."""
        if self._candidate is not None and self._candidate.service == service:
            return self._candidate.digest
        size, time = self._end
        found = self._history.versions.in_force_at(service, size, time, imported=imported)
        return "" if found is None else self._of(service, found.digest)

    def _then(self, placed: Placed) -> str:
        service = "" if placed.run is None else str(placed.run.opened["service"])
        event = placed.event
        found = self._history.versions.in_force_at(
            service, event.index, placed.time, imported=event.imported
        )
        return "" if found is None else self._of(service, found.digest)

    def _of(self, service: str, digest: str) -> str:
        contract = self._contracts.get(digest)
        return digest if contract is not None and contract.service == service else ""

    # ------------------------------------------------------------------------- taking

    def take(self, one: Event | Mark) -> bool:
        """Take in the next entry; return whether more are needed."""
        if isinstance(one, Mark):
            for engine in self._engines.values():
                engine.withheld(one)
            return True
        placed = self._lineage.place(one)
        index = one.index
        asked = self._asked(placed)
        if index in self._acts:
            self._begin(placed, asked)
        cited = self._lineage.cited(one.record) if placed.subject == "action" else None
        for digest, engine in self._engines.items():
            self._keep(digest, engine.take(placed, cited, judge=digest in asked))
        if index in self._acts:
            self._decide(placed, asked)
        self._say(placed)
        self._lineage.remember(placed)
        return index <= self._stop or any(
            engine.obligations.kept() for engine in self._engines.values()
        )

    def _asked(self, placed: Placed) -> frozenset[str]:
        """Return the contracts whose rules are asked of a record: of then, and of now."""
        action, run = placed.its_action, placed.run
        wanted = action is not None and action.event.index in self._acts
        wanted = wanted and placed.subject in {"action", "outcome"}
        if placed.subject in {"message", "run.closed"} and run is not None:
            story = self._stories.get(run.digest)
            wanted = story is not None and story.whole
        if not wanted or run is None:
            return frozenset()
        now = self._now(str(run.opened["service"]), imported=placed.event.imported)
        self._under[placed.event.index] = self._then(placed), now
        return frozenset({*self._under[placed.event.index]} - {""})

    def _keep(self, digest: str, results: Iterable[RuleResult]) -> None:
        for result in results:
            if digest in self._under.get(result.index, ()):
                self._results.setdefault((digest, result.index), []).append(result)

    def _begin(self, placed: Placed, asked: Iterable[str]) -> None:
        """Take note of an action's facts, before it counts among them."""
        index, several = placed.event.index, len(set(asked)) > 1
        for digest in asked:
            engine = self._engines[digest]
            self._facts[digest, index] = tuple(facts_of(engine, placed, self._meaning))
            if several:
                found = limits_of(engine, placed)
                self._limits.update({(digest, index, name): one for name, one in found.items()})

    def _decide(self, placed: Placed, asked: Iterable[str]) -> None:
        event, index = placed.event, placed.event.index
        then = self._under[index][0]
        mine = self._results.get((then, index), ())
        for digest in asked:
            results = self._results.get((digest, index), ())
            aside = frozenset[str]() if digest == then else set_aside(mine, results)
            kept = [one for one in results if one.rule.id not in aside]
            self._decisions[digest, index] = self._engines[digest].decide(event, kept)
            self._aside[digest, index] = aside
        act, record = self._acts[index], event.record
        claimed: Mapping[str, str] = record.get("contract") or {}
        step = Step(
            act=act,
            params=record["params"],
            claimed=(claimed.get("version", ""), claimed.get("digest", "")),
            reasons=reasons_of(record),
            evidence=tuple(cited_as(one, placed) for one in self._lineage.cited(record)),
            then=None,
            now=None,
            differences=(),
        )
        self._stories[act.run].steps[index] = step

    # ------------------------------------------------------------------------- saying

    def _say(self, placed: Placed) -> None:
        """Take note of what stands between the steps, and of what became of them."""
        record, subject = placed.event.record, placed.subject
        if subject in {"approval", "outcome"}:
            act = self._by_digest.get(record["action"])
            if act is not None:
                self._follow(act, placed)
        elif record["kind"] in OUTSIDE:
            self._outside(placed)
        elif placed.run is not None and subject != "action" and "action" not in record:
            story = self._stories.get(placed.run.digest)
            if story is not None and (story.whole or subject.startswith("run.")):
                story.said.append(said_by(placed))

    def _outside(self, placed: Placed) -> None:
        """Tell every run of a service that is open what befell the service."""
        for story in self._stories.values():
            during = story.run.index < placed.event.index <= story.last
            ours = story.run.said("service") == placed.event.record["service"]
            if story.whole and during and ours:
                story.said.append(said_by(placed))

    def _follow(self, act: Act, placed: Placed) -> None:
        """Take note of what was said of an action, and of what came of it."""
        steps, record = self._stories[act.run].steps, placed.event.record
        step = steps[act.index]
        if placed.subject == "approval":
            steps[act.index] = replace(step, words=(*step.words, word_of(placed)))
            return
        error = record.get("error") or ""
        steps[act.index] = replace(
            step, error=error if isinstance(error, str) else "", result=record.get("fields")
        )

    # ------------------------------------------------------------------------- ending

    def told(self) -> list[Told]:
        """Return the runs, once every entry was taken that is needed."""
        for digest, engine in self._engines.items():
            self._keep(digest, engine.finish())
        ordered = sorted(self._stories.values(), key=lambda story: story.run.index)
        return [self._run(story) for story in ordered]

    def _run(self, story: Story) -> Told:
        worth = story.worth
        return Told(
            run=story.run,
            steps=tuple(
                self._step(story.steps[act.index], number, worth)
                for number, act in enumerate(worth.acts, 1)
                if act.index in story.steps
            ),
            said=tuple(self._heard(one) for one in story.said),
            whole=story.whole,
            acts=len(worth.acts),
            cost=totals(worth.costs),
            value=totals(worth.values),
        )

    def _step(self, step: Step, number: int, worth: Worth) -> Step:
        index = step.act.index
        first, second = self._under.get(index, ("", ""))
        then, now = self._judged(step.act, first, 0), self._judged(step.act, second, 1)

        def limit(digest: str, name: str) -> object:
            return self._limits.get((digest, index, name))

        differences = (
            *recorded_otherwise(step.act.decision, step.reasons, step.claimed, then),
            *decided_otherwise(then, now, limit),
        )
        return replace(
            step,
            number=number,
            then=then,
            now=now,
            differences=differences,
            cost=until(worth.costs, step.end),
            value=until(worth.values, step.end),
            resumes=self._entry(step.act.resumes),
            undoes=self._entry(step.act.compensates),
        )

    def _entry(self, digest: str) -> int:
        act = self._history.act(digest) if digest else None
        return -1 if act is None else act.index

    def _judged(self, act: Act, digest: str, which: int) -> Judged | None:
        """Return an action under a contract, with what its outcome says under the one of then."""
        if not digest:
            return None
        decision = self._decisions[digest, act.index]
        effects = {reason.rule: reason.effect.value for reason in decision.reasons}
        rules = self._ruled(digest, act.index, effects)
        if act.ended in self._under:
            rules += self._ruled(self._under[act.ended][which], act.ended, {})
        return Judged(
            version=self._contracts[digest].version,
            contract=digest,
            effect=decision.effect.value,
            reasons=decision.reasons,
            rules=tuple(rules),
            facts=self._facts[digest, act.index],
            aside=tuple(sorted(self._aside[digest, act.index])),
        )

    def _ruled(self, digest: str, index: int, effects: Mapping[str, str]) -> list[Ruled]:
        if not digest:
            return []
        engine = self._engines[digest]
        compiled = {each.rule.id: each for each in engine.rules}
        order = {rule: number for number, rule in enumerate(compiled)}
        found = sorted(
            self._results.get((digest, index), ()), key=lambda result: order[result.rule.id]
        )
        return [ruled(one, compiled[one.rule.id], engine.contract, effects) for one in found]

    def _heard(self, said: Said) -> Said:
        digest, _ = self._under.get(said.index, ("", ""))
        against = [one for one in self._ruled(digest, said.index, {}) if not one.holds]
        return replace(said, against=tuple(against))
