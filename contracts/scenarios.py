"""Scenarios: what a contract decides of a history, against what its author expects.

Each scenario is played before the guard (`contracts.rehearsal`), and every other engine that is
given judges the history that it leaves. A scenario fails where an expectation is not met, and
where two engines do not say the same.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from contracts.branches import PREFIX, Branch, branches_of
from contracts.engine import Engine
from contracts.errors import ContractError, ContractErrors
from contracts.expectations import FACT, Expecting, Failure, unknown_names
from contracts.lineage import RUN_CLOSED, RUN_OPENED
from contracts.markup import Path
from contracts.model import Contract, Position, Rule, Verdict
from contracts.rehearsal import HANDLED, Judge, Performance, differing, perform
from contracts.results import RuleResult
from contracts.shrinking import TRIES, Shrinking
from contracts.staging import Ledger, Script, script_of
from contracts.steps import ScenarioText, ThenText
from contracts.suites import Suite

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Played:
    """How one scenario went.

    Attributes:
        name: The scenario.
        suite: Its suite.
        number: Which of the suite's scenarios it is, from 0.
        failures: Why it failed; none where it passed.
        smallest: Of one that failed the smallest history found that fails the same way.
        reached: Rules and their results at the records that it asks about.
        branches: Branches and whether they were true, at these records.
        seconds: How long it took, without making it smaller.
    """

    name: str
    suite: Suite
    number: int
    failures: tuple[Failure, ...]
    smallest: Script | None = None
    reached: frozenset[tuple[str, str]] = frozenset()
    branches: frozenset[tuple[str, bool]] = frozenset()
    seconds: float = 0.0

    @property
    def text(self) -> ScenarioText:
        """The scenario as written."""
        return self.suite.text.scenarios[self.number]

    @property
    def place(self) -> Position:
        """Where it stands."""
        return self.suite.source.at("scenarios", self.number)


class Stage:
    """Plays the scenarios of one contract.

    Args:
        contract: The contract.
        text: Its text.
        judges: The engines that judge each history again.
        clock: Seconds, to say how long a scenario took.
        tries: How often a failing scenario may be played to make it smaller; 0: not at all.
        branches: Whether to find out which branches are reached.
    """

    def __init__(
        self,
        contract: Contract,
        text: str,
        judges: Sequence[Judge] = (),
        *,
        clock: Clock = lambda: 0.0,
        tries: int = TRIES,
        branches: bool = True,
    ) -> None:
        self.contract = contract
        self.branches: list[Branch] = branches_of(contract) if branches else []
        self._text = text
        self._judges = judges
        self._clock = clock
        self._tries = tries

    def play(self, suites: Iterable[Suite], name: str = "") -> list[Played]:
        """Play the scenarios of suites that are for this contract and version.

        Args:
            suites: The suites, those of other contracts among them.
            name: Only the scenario with this name.

        Raises:
            ContractErrors: Scenarios that say what cannot be: every error of every suite.
        """
        chosen = [
            (suite, number)
            for suite in suites
            if suite.text.contract == self.contract.name
            for number, scenario in suite.chosen(self.contract.version)
            if name in {"", scenario.scenario}
        ]
        errors: list[ContractError] = []
        scripts: list[tuple[Suite, int, Script]] = []
        for suite, number in chosen:
            try:
                script = script_of(suite, number)
            except ContractErrors as failure:
                errors += failure.errors
            else:
                errors += unknown_names(self.contract, suite, number, script)
                scripts.append((suite, number, script))
        played: list[Played] = []
        for each in [] if errors else scripts:
            try:
                played.append(self._played(*each))
            except ContractErrors as failure:
                errors += failure.errors
        if errors:
            raise ContractErrors(errors)
        return played

    def _played(self, suite: Suite, number: int, script: Script) -> Played:
        began = self._clock()
        scenario = suite.text.scenarios[number]
        performance = self._perform(suite, scenario, script)
        probed = self._probed(performance, scenario.then)
        failures = tuple(self._failures(suite, number, performance, probed))
        took = self._clock() - began
        asked = _asked(performance, scenario.then)
        results = performance.judgement.results
        played = Played(
            scenario.scenario,
            suite,
            number,
            failures,
            reached=frozenset((rule, word) for (at, rule), word in results.items() if at in asked),
            branches=frozenset(
                (each.rule.id, each.verdict is Verdict.VIOLATED)
                for each in probed
                if each.index in asked
                and each.rule.id.startswith(PREFIX)
                and each.verdict is not Verdict.UNDECIDABLE
            ),
            seconds=took,
        )
        if not failures or not self._tries:
            return played
        fails = self._fails_like(suite, number, frozenset(failures))
        return replace(played, smallest=Shrinking(script, fails, self._tries).smallest())

    def _perform(self, suite: Suite, scenario: ScenarioText, script: Script) -> Performance:
        ledger = Ledger(self.contract, self._text, suite, scenario.now or "")
        return perform(self.contract, ledger, script)

    def _fails_like(
        self, suite: Suite, number: int, failures: frozenset[Failure]
    ) -> Callable[[Script], bool]:
        scenario = suite.text.scenarios[number]

        def fails(script: Script) -> bool:
            try:
                performance = self._perform(suite, scenario, script)
                probed = self._probed(performance, scenario.then, branches=False)
                found = self._failures(suite, number, performance, probed)
                return frozenset(found) == failures
            except ContractErrors:
                return False  # no ledger would hold it

        return fails

    def _probed(
        self, performance: Performance, then: ThenText, *, branches: bool = True
    ) -> list[RuleResult]:
        """Return what rules say that only ask for facts and branches."""
        when = performance.events[performance.when].record
        subject = str(when["kind"])
        if subject == "run":
            subject = RUN_OPENED if when["phase"] == "opened" else RUN_CLOSED
        rules = [
            Rule(f"{FACT}{name}", "policy", subject, unless=f"facts.{name} == facts.{name}")
            for name in then.facts
        ]
        rules += [branch.asked() for branch in self.branches] if branches else []
        if not rules:
            return []
        engine = Engine(replace(self.contract, rules=tuple(rules)))
        return [found for event in performance.events for found in engine.observe(event)]

    # ---------------------------------------------------------------------- expectations

    def _failures(
        self,
        suite: Suite,
        number: int,
        performance: Performance,
        probed: Sequence[RuleResult],
    ) -> Iterator[Failure]:
        then = suite.text.scenarios[number].then
        at: Path = ("scenarios", number, "then")
        guard = performance.judgement
        doubts = [
            Failure("the guard", "the same before and after", one) for one in performance.slips
        ]
        handled: dict[tuple[int, str], str] = {}
        knows_handled = False
        for judge in self._judges:
            judgement = judge.judge(self.contract, performance.events)
            knows_handled = knows_handled or judgement.tells_handled
            handled |= {at: word for at, word in judgement.results.items() if word == HANDLED}
            doubts += [
                Failure(f"engine {judge.name}", "the same as the guard", said)
                for said in differing(guard, judgement)
            ]
        expecting = Expecting(suite, at, performance, knows_handled)
        yield from expecting.decision(then)
        yield from expecting.facts(then, probed)
        yield from expecting.findings(then, {**guard.results, **handled})
        for doubt in doubts:
            yield replace(doubt, place=suite.source.at(*at))


def _asked(performance: Performance, then: ThenText) -> set[int]:
    """Return the indexes of the records that a scenario asks about."""
    named = {performance.indexes[name] for name in then.at if name in performance.indexes}
    return named | {performance.when}
