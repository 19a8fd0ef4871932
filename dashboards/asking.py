"""What replay's pages are asked: values that go into an address and come back out of it.

An answer belongs to a question and a ledger, and a question is what its address says: whoever opens
the same address asks the same. Nothing here reads a ledger.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Self

from contracts.evaluation import ConditionError
from contracts.instants import micros
from contracts.selecting import action_filter
from ledger.encoding import digest
from replay.rates import RateError, Rates, read_rates
from replay.run_choice import Choice
from replay.scopes import Scope
from verifier.report import Report

Parameters = Mapping[str, tuple[str, ...]]
Where = Callable[[Mapping[str, Any]], bool | None]
EDITED: Final = "edited"
MOST_MICROS: Final = 2**62


class AskedError(ValueError):
    """What an address asks for cannot be asked.

    Attributes:
        code: Stable name of what is wrong.
        do: What to do about it.
    """

    def __init__(self, code: str, what: str, do: str = "") -> None:
        # All of them: it comes back out of another process as it went in.
        super().__init__(code, what, do)
        self.code = code
        self.what = what
        self.do = do

    def __str__(self) -> str:
        return self.what


@dataclass(frozen=True, slots=True)
class Over:
    """Which actions, or whose runs, are asked about; what is empty does not narrow.

    Attributes:
        run: A run's digest, or its source's own reference.
        incident: An incident (I-…) or a finding (F-…): the actions that it stands at.
        identity: Who acted.
        service: Whose runs.
        version: Of the contract then in force.
        model: Of the run; `prompt`: the beginning of its prompt's digest.
        channel: Of the action.
        since: Then or later; `until`: before then. A day, or a time, in UTC.
        where: A condition in CEL over `action`.
        inbox: The inbox's filter as an address carries it: only runs with such a finding.
        runs: These, by digest; they are looked up, and stand in no address.
    """

    run: str = ""
    incident: str = ""
    identity: str = ""
    service: str = ""
    version: str = ""
    model: str = ""
    prompt: str = ""
    channel: str = ""
    since: str = ""
    until: str = ""
    where: str = ""
    inbox: str = ""
    runs: frozenset[str] | None = None

    @classmethod
    def of(cls, parameters: Parameters) -> Self:
        """Read the parameters of an address."""
        texts: dict[str, Any] = {name: _last(parameters, name) for name in OVER}
        return cls(**texts)

    def parameters(self) -> dict[str, list[str]]:
        """Return the parameters of an address that asks for the same."""
        return {name: [text] for name in OVER if (text := getattr(self, name))}

    def said(self) -> tuple[str, ...]:
        """Return it in words."""
        named = {name: getattr(self, name) for name in OVER if name not in {"where", "inbox"}}
        told = [f"{name} {what}" for name, what in named.items() if what]
        told += [f"actions with {self.where}"] if self.where else []
        told += ["the runs of the inbox's findings"] if self.runs is not None else []
        return tuple(told)

    def choice(self, report: Report) -> Choice:
        """Return it as replay is asked.

        Args:
            report: The ledger's verification, whose findings it may name.

        Raises:
            AskedError: A time or the condition is none, or there is no such incident.
        """
        return Choice(
            where=self._where(),
            run=self.run,
            identity=self.identity,
            version=self.version,
            since=micros_of("since", self.since),
            until=micros_of("until", self.until),
            entries=_entries(report, self.incident) if self.incident else None,
        )

    def _where(self) -> Where | None:
        tests = [_test(name, wanted) for name in _OF if (wanted := str(getattr(self, name)))]
        try:
            condition = action_filter(self.where) if self.where else None
        except ConditionError as error:
            raise AskedError(
                "ask.where", f"this is no condition over `action`: {error}", WHERE
            ) from error
        runs = self.runs
        if not tests and condition is None and runs is None:
            return None

        def holds(action: Mapping[str, Any]) -> bool | None:
            if runs is not None and action["run"]["digest"] not in runs:
                return False
            if not all(test(action) for test in tests):
                return False
            return True if condition is None else condition(action)

        return holds


OVER: Final = tuple(one.name for one in fields(Over) if one.name != "runs")
"""What narrows, by the names of an address's parameters."""
WHERE: Final = 'Write one such as action.tool == "pay" && action.value.micros > 1000000.'
_OF: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "service": lambda action: str(action["run"]["service"]),
    "model": lambda action: str(action["run"]["model"]),
    "prompt": lambda action: str(action["run"]["prompt"]),
    "channel": lambda action: str(action["channel"]),
}


def _test(name: str, wanted: str) -> Callable[[Mapping[str, Any]], bool]:
    of = _OF[name]
    if name == "prompt":
        return lambda action: of(action).startswith(wanted)
    return lambda action: of(action) == wanted


def micros_of(name: str, text: str) -> int | None:
    """Return a time in microseconds since 1970; a day is its first moment.

    Raises:
        AskedError: It is no time.

    Example:
        >>> micros_of("since", "1970-01-02"), micros_of("since", "")
        (86400000000, None)
    """
    if not text:
        return None
    found = micros(text if "T" in text else f"{text}T00:00:00Z")
    if found is None or abs(found) > MOST_MICROS:
        raise AskedError(
            "ask.time",
            f"{name}: {text!r} is no time in UTC",
            "Write 2026-03-01 or 2026-03-01T09:00:00Z.",
        )
    return found


def _entries(report: Report, incident: str) -> frozenset[int]:
    wanted = {incident}
    for one in report.incidents:
        if one.id == incident:
            wanted = set(one.findings)
    found = frozenset(one.index for one in report.findings if one.id in wanted)
    if not found:
        raise AskedError(
            "ask.incident",
            f"this ledger has no incident or finding {incident!r}",
            "The inbox has the findings of this ledger.",
        )
    return found


@dataclass(frozen=True, slots=True)
class ValueAsked:
    """What runs cost and were worth.

    Attributes:
        over: Whose runs.
        rates: Stated, such as USD=EUR:0.92.
        minute: What a minute of a person costs, such as 0.75EUR; empty: nobody says.
    """

    over: Over = Over()
    rates: tuple[str, ...] = ()
    minute: str = ""

    @classmethod
    def of(cls, parameters: Parameters) -> Self:
        """Read the parameters of an address."""
        rates = tuple(filter(None, parameters.get("rate", ())))
        return cls(Over.of(parameters), rates, _last(parameters, "minute"))

    def parameters(self) -> dict[str, list[str]]:
        """Return the parameters of an address that asks for the same."""
        return _without_empty(
            {**self.over.parameters(), "rate": [*self.rates], "minute": [self.minute]}
        )

    def read(self) -> Rates:
        """Return the rates, read.

        Raises:
            AskedError: One cannot be read.
        """
        try:
            return read_rates(self.rates, self.minute)
        except RateError as error:
            said = str(error).partition(": ")[2]
            raise AskedError(error.code, said or str(error), "Write USD=EUR:0.92.") from error


@dataclass(frozen=True, slots=True)
class WhatIfAsked:
    """What other contracts would have decided.

    Attributes:
        over: Which actions.
        contracts: Candidates: digests of contracts of the ledger, or `name@version` of those that
            come with Writ.
        sets: Changes of the contract in force last, PATH=VALUE; one of them may be a sweep.
        edited: The digest of a text that somebody wrote here; `text` is it, and in no address.
        cascading: Whether what a candidate stops never happened.
        without: Patterns of rules that are left out.
        text: What `edited` is the digest of; empty where this visitor does not have it.
    """

    over: Over = Over()
    contracts: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    edited: str = ""
    cascading: bool = False
    without: tuple[str, ...] = ()
    text: str = ""

    @classmethod
    def of(cls, parameters: Parameters) -> Self:
        """Read the parameters of an address."""
        return cls(
            Over.of(parameters),
            _several(parameters, "contract"),
            _several(parameters, "set"),
            _last(parameters, EDITED),
            _last(parameters, "mode") == "cascading",
            _several(parameters, "without"),
        )

    def parameters(self) -> dict[str, list[str]]:
        """Return the parameters of an address that asks for the same."""
        return _without_empty(
            {
                **self.over.parameters(),
                "contract": [*self.contracts],
                "set": [*self.sets],
                EDITED: [self.edited],
                "mode": ["cascading" if self.cascading else ""],
                "without": [*self.without],
            }
        )

    @property
    def names_any(self) -> bool:
        """Whether there is a candidate."""
        return bool(self.contracts or self.sets or self.edited)

    def with_text(self, text: str) -> Self:
        """Return it with a text that somebody wrote, or without one."""
        return replace(self, text=text, edited=digest(text.encode()) if text else "")


@dataclass(frozen=True, slots=True)
class RollbackAsked:
    """What could be undone.

    Attributes:
        over: Of which actions.
        as_of: A time or an entry, beyond which nothing exists; empty: the ledger's end.
        scope: How far the plan reaches.
        apart: Whether a later change of the same target does not rest on an earlier one.
        params: Parameters of compensating calls that the contract leaves open, NAME=VALUE.
    """

    over: Over = Over()
    as_of: str = ""
    scope: Scope = Scope.CHOSEN
    apart: bool = False
    params: tuple[str, ...] = ()

    @classmethod
    def of(cls, parameters: Parameters) -> Self:
        """Read the parameters of an address; a scope that there is not is the narrowest."""
        scope = _last(parameters, "scope")
        return cls(
            Over.of(parameters),
            _last(parameters, "as_of"),
            Scope(scope) if scope in set(Scope) else Scope.CHOSEN,
            bool(_last(parameters, "apart")),
            _several(parameters, "param"),
        )

    def parameters(self) -> dict[str, list[str]]:
        """Return the parameters of an address that asks for the same."""
        return _without_empty(
            {
                **self.over.parameters(),
                "as_of": [self.as_of],
                "scope": ["" if self.scope is Scope.CHOSEN else self.scope.value],
                "apart": ["yes" if self.apart else ""],
                "param": [*self.params],
            }
        )


@dataclass(frozen=True, slots=True)
class TimelineAsked:
    """How each action is decided on its facts, then and now.

    Attributes:
        over: Of a run.
    """

    over: Over


@dataclass(frozen=True, slots=True)
class ExportAsked:
    """Something to carry away.

    Attributes:
        kind: `bundle` or `html`.
        over: Of a run, or of a finding.
        full: With everything in it; otherwise without what people said and who they are.
    """

    kind: str
    over: Over
    full: bool = False


Asked = ValueAsked | WhatIfAsked | RollbackAsked | TimelineAsked | ExportAsked


def key_of(asked: Asked) -> str:
    """Return what tells a question from every other one."""
    runs = asked.over.runs
    # A set's order is another one in each process.
    plain = replace(asked, over=replace(asked.over, runs=None))
    return digest(f"{plain!r} {'' if runs is None else sorted(runs)}".encode())


def _last(parameters: Parameters, name: str) -> str:
    """Return the last value of a parameter, as whoever appends to an address means it."""
    given = parameters.get(name, ())
    return given[-1].strip() if given else ""


def _several(parameters: Parameters, name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.strip() for text in parameters.get(name, ()) if text.strip()))


def _without_empty(found: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    return {name: list(values) for name, values in found.items() if any(values)}
