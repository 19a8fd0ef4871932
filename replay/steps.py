"""What a timeline consists of: runs, in each what was done and said, and what decided it.

Everything here is what was recorded, or what follows from it; nothing is worded for a form of
output. Source: docs/spec/timeline.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.decision import Reason
from contracts.model import Rule, Verdict
from replay.history import Act, Run

RECORDED = "recorded"
NOW = "now"


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact as of an action.

    Attributes:
        name: Its name in the contract.
        means: What it is, in words.
        value: Its value as people read it; empty where it has none.
        reason: Why it has none; empty where it has one.
        entries: The entries that it rests on, the most recent ones, ascending.
    """

    name: str
    means: str
    value: str
    reason: str = ""
    entries: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Ruled:
    """What one rule says of a record of a step: of the action itself, or of its outcome.

    Attributes:
        index: The record's entry.
        rule: The rule.
        line: Where the contract says it.
        result: Satisfied, violated or undecidable.
        reason: Why it is undecidable; empty otherwise.
        effect: What it did to the decision; empty where it did nothing.
        facts: The names of the facts that it reads.
        because: Why it is not satisfied, in sentences.
        would: What would have satisfied it, each by itself.
        entries: The other entries that it rests on, ascending.
    """

    index: int
    rule: Rule
    line: int
    result: Verdict
    reason: str = ""
    effect: str = ""
    facts: tuple[str, ...] = ()
    because: tuple[str, ...] = ()
    would: tuple[str, ...] = ()
    entries: tuple[int, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether it is satisfied."""
        return self.result is Verdict.SATISFIED


@dataclass(frozen=True, slots=True)
class Judged:
    """One action decided again under one contract, on the facts as of then.

    Attributes:
        version: The contract's version.
        contract: Its digest.
        effect: The decision.
        reasons: What stands behind it, in the contract's order.
        rules: Every rule that was asked, in the contract's order; those of the outcome too.
        facts: Every fact that these rules read, in the contract's order.
        aside: The rules that only say that the contract is not of the action's time: they do
            nothing to the decision.
    """

    version: str
    contract: str
    effect: str
    reasons: tuple[Reason, ...]
    rules: tuple[Ruled, ...]
    facts: tuple[Fact, ...]
    aside: tuple[str, ...] = ()

    def open(self) -> tuple[Ruled, ...]:
        """Return the rules that are not satisfied, without those set aside."""
        return tuple(one for one in self.rules if not one.holds and one.rule.id not in self.aside)


@dataclass(frozen=True, slots=True)
class Cited:
    """An observation that an action cites.

    Attributes:
        index: Its entry.
        what: What kind of thing it shows.
        source: What it was read from.
        observer: Who read it there.
        ref: What it is about; empty where it does not say.
        age: From when it was observed (else recorded) to the action, in microseconds; None where
            these are no two times of one clock.
        observed: Whether the age is counted from when it was observed.
        self_attested: Whether it is the service's own word.
        fields: What it shows.
    """

    index: int
    what: str
    source: str
    observer: str
    ref: str
    age: int | None
    observed: bool
    self_attested: bool
    fields: Any


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two decisions on one action, or their reasons, are not the same.

    Attributes:
        between: `recorded`: what was recorded and what the contract in force then says. `now`: what
            the contract in force then says and what the one in force now says.
        rule: The rule that differs; empty where the contract itself is not there, or not the same.
        before: What the first says.
        after: What the second says.
        why: Why, in a sentence.
    """

    between: str
    rule: str
    before: str
    after: str
    why: str


@dataclass(frozen=True, slots=True)
class Word:
    """Somebody's word on a step: entry, time, who, which, for which rule, and why."""

    index: int
    time: int | None
    by: str
    verdict: str
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Said:
    """What stands between the steps of a run.

    Attributes:
        index: Its entry.
        time: When, in microseconds since 1970; None where nothing says.
        kind: `opened`, `message`, `observation`, `switch`, `activation` or `closed`.
        who: Whose it is: a role, a source, or an identity.
        text: What it says, in full.
        against: The rules for it that are not satisfied, under the contract in force then.
    """

    index: int
    time: int | None
    kind: str
    who: str
    text: str
    against: tuple[Ruled, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One action with all that it was decided on, then and now.

    Attributes:
        act: The action, and what came of it.
        params: Its parameters as recorded; sealed values stay sealed.
        claimed: Version and digest of the contract that its record names; empty where it names
            none.
        reasons: Those that were recorded with the decision.
        evidence: What it cites.
        then: Decided again under the contract in force then; None where none was.
        now: Decided again under the contract in force at the ledger's end; None where none is.
        differences: What differs between these.
        words: What people said of it.
        error: What its outcome says went wrong; empty.
        result: What its outcome shows; None where it shows nothing.
        cost: Of its run, by currency in micro-units, as of its outcome.
        value: The same.
        number: Which action of its run it is, from 1.
        resumes: The entry of the held action that it takes up, -1 where it takes up none.
        undoes: The entry of the action that it takes back, -1 where it takes back none.
    """

    act: Act
    params: Mapping[str, Any]
    claimed: tuple[str, str]
    reasons: tuple[Reason, ...]
    evidence: tuple[Cited, ...]
    then: Judged | None
    now: Judged | None
    differences: tuple[Difference, ...]
    words: tuple[Word, ...] = ()
    error: str = ""
    result: Any = None
    cost: Mapping[str, int] = field(default_factory=dict[str, int])
    value: Mapping[str, int] = field(default_factory=dict[str, int])
    number: int = 0
    resumes: int = -1
    undoes: int = -1

    @property
    def end(self) -> int:
        """The last entry that belongs to it."""
        return max(self.act.index, self.act.ended)

    def differs(self, between: str) -> bool:
        """Return whether something differs there: see `Difference`."""
        return any(one.between == between for one in self.differences)

    @property
    def flips(self) -> bool:
        """Whether it would be decided otherwise now than it would rightly have been then."""
        then, now = self.then, self.now
        return then is not None and now is not None and then.effect != now.effect

    @property
    def wrong(self) -> bool:
        """Whether the recorded decision is not the one that the contract in force then gives."""
        return bool(self.act.decision) and (
            self.then is None or self.act.decision != self.then.effect
        )


@dataclass(frozen=True, slots=True)
class Told:
    """One run with its chosen steps.

    Attributes:
        run: The run.
        steps: Those that were chosen, in order.
        said: What stands between them; only where the run is told whole.
        whole: Whether all of its actions were chosen.
        acts: How many it has.
        cost: Of the whole run, by currency in micro-units.
        value: The same.
    """

    run: Run
    steps: tuple[Step, ...]
    said: tuple[Said, ...]
    whole: bool
    acts: int
    cost: Mapping[str, int]
    value: Mapping[str, int]
