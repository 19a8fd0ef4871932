"""A case as it is drawn: what happens in it, step by step, before anything is recorded.

A case is data. A mutation edits it, and says what that breaks; who records it comes later.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, TypeAlias, TypeVar

Value: TypeAlias = Any
"""What a record holds: JSON, whose type is known only where it is drawn."""
Fields = dict[str, Value]

VIOLATED: Final = "violated"
UNDECIDABLE: Final = "undecidable"
EVERY: Final = "*"
"""In a claim: at every call of the case that is made."""

Claim = tuple[str, str, str]
"""Label of the step that it stands at, result, rule or code."""


@dataclass(frozen=True, slots=True)
class Forged:
    """What a broken gate records in place of its decision. Empty: what it decided.

    Attributes:
        effect: The effect.
        rules: The rules that it names, each as violated.
        contract: Version and digest of the contract that it names.
        turned: The reasons that it had, in the other order.
    """

    effect: str = ""
    rules: tuple[str, ...] = ()
    contract: tuple[str, str] = ("", "")
    turned: bool = False


@dataclass(slots=True, kw_only=True)
class Step:
    """One thing that happens.

    Attributes:
        label: Its name in the case.
        run: Label of the run that it belongs to.
        after: It happens only where the call of this label was carried out.
        instead: It happens only where the call of this label was not.
    """

    label: str = ""
    run: str = "main"
    after: str = ""
    instead: str = ""


@dataclass(slots=True, kw_only=True)
class Open(Step):
    """A run begins; `by` is who opens it, if not the channel's agent."""

    by: str = ""
    parent: str = ""
    fields: Fields = field(default_factory=Fields)


@dataclass(slots=True, kw_only=True)
class Say(Step):
    """Somebody says something. A field that is None is left out."""

    fields: Fields


@dataclass(slots=True, kw_only=True)
class Call(Step):
    """A tool is called, if the gate lets it.

    Attributes:
        tool: The tool.
        params: Its parameters.
        cites: Labels of the calls, or of reference data, whose observations it cites.
        resumes: Label of the call that it takes up.
        compensates: Label of the call that it takes back.
        status: Of its outcome; empty where none is recorded.
        seconds: How long it takes.
        ended: What differs in its outcome.
        seen: The observation that it makes, None for none.
        forged: What a broken gate records.
        despite: It is carried out whatever was decided.
        loose: It is recorded without holding the ledger to the history that was decided on.
        observed: Its observation is recorded although it was not carried out.
        by: Who makes it, if not the channel's agent.
    """

    tool: str
    params: Fields
    cites: list[str] = field(default_factory=list[str])
    resumes: str = ""
    compensates: str = ""
    status: str = "ok"
    seconds: float = 0.0
    ended: Fields = field(default_factory=Fields)
    seen: Fields | None = None
    forged: Forged | None = None
    despite: bool = False
    loose: bool = False
    observed: bool = False
    by: str = ""


@dataclass(slots=True, kw_only=True)
class Approve(Step):
    """Somebody says a word on a call that is held."""

    of: str
    who: str
    verdict: str = "approve"
    fields: Fields = field(default_factory=Fields)
    ends: timedelta | None = None


@dataclass(slots=True, kw_only=True)
class Wait(Step):
    """Time passes."""

    time: timedelta


@dataclass(slots=True, kw_only=True)
class Look(Step):
    """An observer records reference data, which stands in no run."""

    seen: Fields


@dataclass(slots=True, kw_only=True)
class Flip(Step):
    """Somebody engages or releases a switch."""

    who: str = "commander"
    state: str
    mode: str
    selector: str | None = None


@dataclass(slots=True, kw_only=True)
class Activate(Step):
    """Somebody activates the version in force once more."""

    who: str
    approved_by: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Close(Step):
    """A run ends. A field that is None is left out."""

    outcome: str
    value: Fields | None


S = TypeVar("S", bound=Step)


@dataclass(slots=True)
class Case:
    """Something that a customer comes with.

    Attributes:
        shape: The kind of case that it was drawn as.
        channel: Where the customer came in.
        gated: A gate decides before each call.
        whole: It is recorded in as few submissions as time lets it be.
        customer: Who.
        region: Where they live.
        micros: What the purchase cost.
        transaction: Which purchase.
        steps: What happens.
        planted: The mutations in it.
        claims: What these say that they break, and what its shape does.
        when: Empty; `early` or `late` for outside of the mandate, `last` for the end of the ledger,
            `second` for while the second version is in force.
        certain: What breaks follows from the case alone, and not from what else the service does.
    """

    shape: str
    channel: str
    gated: bool
    whole: bool
    customer: str
    region: str
    micros: int
    transaction: str
    steps: list[Step] = field(default_factory=list[Step])
    planted: list[str] = field(default_factory=list[str])
    claims: set[Claim] = field(default_factory=set[Claim])
    when: str = ""
    certain: bool = True

    @property
    def currency(self) -> str:
        """What the customer pays in."""
        return {"EU": "EUR", "US": "USD"}[self.region]

    @property
    def runs(self) -> int:
        """How many runs it has."""
        return sum(isinstance(step, Open) for step in self.steps)

    def step(self, label: str, kind: type[S]) -> S:
        """Return the step of this label.

        Raises:
            LookupError: There is none of the kind.
        """
        for one in self.steps:
            if one.label == label and isinstance(one, kind):
                return one
        raise LookupError(f"{self.shape} has no {kind.__name__} {label}")

    def call(self, label: str) -> Call:
        """Return the call of this label."""
        return self.step(label, Call)

    def has(self, label: str) -> bool:
        """Return whether there is a step of this label."""
        return any(one.label == label for one in self.steps)

    def before(self, label: str, *steps: Step) -> None:
        """Let steps happen before the one of this label."""
        self._insert(self._place(label), steps)

    def behind(self, label: str, *steps: Step) -> None:
        """Let steps happen right after the one of this label."""
        self._insert(self._place(label) + 1, steps)

    def remove(self, label: str) -> None:
        """Let the step of this label not happen, and nobody cite it."""
        del self.steps[self._place(label)]
        for one in self.steps:
            if isinstance(one, Call) and label in one.cites:
                one.cites.remove(label)

    def _place(self, label: str) -> int:
        return next(number for number, one in enumerate(self.steps) if one.label == label)

    def _insert(self, place: int, steps: tuple[Step, ...]) -> None:
        self.steps[place:place] = steps
