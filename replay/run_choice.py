"""What is asked about: by a condition over actions, by run, identity, version, time and entry.

Where runs are measured, a run is measured as a whole: it is chosen where one of its actions is.
Where actions are asked about, each is chosen by itself. Source: docs/spec/value.md, *Selection*.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from replay.history import Act, History, Money, Run

Where = Callable[[Mapping[str, Any]], bool | None]


@dataclass(frozen=True, slots=True)
class Choice:
    """What is asked for; what is empty or None does not narrow.

    Attributes:
        where: Over an action as a map (see `described`); None of it is not true.
        run: A run's digest, or its source's own reference.
        identity: Who opened the run, or acted in it: in full, or the last part of it.
        version: Of the contract in force when the run was opened.
        since: Opened then or later, in microseconds since 1970; `until`: before then.
        entries: Only these actions, by their entries or those of their outcomes: what findings or
            an incident stand at.
    """

    where: Where | None = None
    run: str = ""
    identity: str = ""
    version: str = ""
    since: int | None = None
    until: int | None = None
    entries: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """The runs, in index order; how many the condition could not be asked of any action of.

    `timeless` runs have no time that can be compared, and are not chosen where time is asked for.
    """

    runs: tuple[Run, ...]
    undecided: int = 0
    timeless: int = 0


def chosen(history: History, choice: Choice) -> Chosen:
    """Return the runs that are asked for.

    Raises:
        LookupError: There is no such run.
    """
    timed = _timed(history, choice)
    named = [run for run in history.runs.values() if _named(run, run.version, choice)]
    timeless = sum(timed and run.time is None for run in named)
    runs = {run.digest: run for run in named if not timed or _during(run.time, choice)}
    answers = _answers(history, choice, runs)
    if answers is None:
        return Chosen(tuple(runs.values()), 0, timeless)
    kept = tuple(run for run in runs.values() if True in answers.get(run.digest, ()))
    undecided = sum(answers.get(digest) == {None} for digest in runs)
    return Chosen(kept, undecided, timeless)


@dataclass(frozen=True, slots=True)
class ChosenActs:
    """The actions, in index order; of how many the condition had no value.

    `timeless` actions have no time that can be compared, and are not chosen where it is asked for.
    """

    acts: tuple[Act, ...]
    undecided: int = 0
    timeless: int = 0


def chosen_acts(history: History, choice: Choice) -> ChosenActs:
    """Return the actions that are asked for: each by its own identity, version, time and entry.

    Raises:
        LookupError: There is no such run.
    """
    timed = _timed(history, choice)
    acts: list[Act] = []
    undecided = timeless = 0
    for act in history.acts:
        run = history.runs.get(act.run)
        if run is None or not (_named(run, act.version, choice) and _stands(act, choice)):
            continue
        if timed and act.time is None:
            timeless += 1
        elif not timed or _during(act.time, choice):
            holds = _holds(act, run, choice)
            undecided += holds is None
            if holds:
                acts.append(act)
    return ChosenActs(tuple(acts), undecided, timeless)


def _timed(history: History, choice: Choice) -> bool:
    """Return whether a time is asked for, once it is known that the run that is asked for exists.

    Raises:
        LookupError: There is no such run.
    """
    if choice.run and history.find_run(choice.run) is None:
        raise LookupError(f"there is no run {choice.run!r} in this ledger")
    return choice.since is not None or choice.until is not None


def _stands(act: Act, choice: Choice) -> bool:
    """Return whether an action or its outcome is at one of the entries that are asked for."""
    entries = choice.entries
    return entries is None or act.index in entries or act.ended in entries


def _named(run: Run, version: str, choice: Choice) -> bool:
    return choice.run in {"", run.digest, run.said("ref")} and choice.version in {"", version}


def _during(time: int | None, choice: Choice) -> bool:
    if time is None:
        return False
    after = choice.since is None or time >= choice.since
    return after and (choice.until is None or time < choice.until)


def _answers(
    history: History, choice: Choice, runs: Mapping[str, Run]
) -> dict[str, set[bool | None]] | None:
    """Return what holds of the actions of each run; None where nothing is asked of actions."""
    if choice.where is None and not choice.identity and choice.entries is None:
        return None
    found: dict[str, set[bool | None]] = {}
    for act in history.acts:
        if act.run in runs:
            found.setdefault(act.run, set()).add(_holds(act, runs[act.run], choice))
    for digest, run in runs.items():
        if choice.where is None and choice.entries is None and _is(run.said("by"), choice.identity):
            found.setdefault(digest, set()).update({True})
    return found


def _is(identity: str, asked: str) -> bool:
    return identity == asked or identity.endswith(f"/{asked}")


def _holds(act: Act, run: Run, choice: Choice) -> bool | None:
    if choice.identity and not _is(act.by, choice.identity):
        return False
    if not _stands(act, choice):
        return False
    return True if choice.where is None else choice.where(described(act, run))


SAID = ("service", "ref", "channel", "workflow", "domain", "requester", "model")


def described(act: Act, run: Run) -> dict[str, Any]:
    """Return an action as a condition sees it.

    Members that are texts and empty where nothing is known: `tool`, `mode`, `target`, `channel`,
    `by`, `decision`, `status`, `version`. Numbers: `index`, and `cost` and `value` as
    `{micros, currency}`, which are absent where not recorded. `run` has the texts `digest`,
    `outcome`, those of `SAID`, and `prompt`, the digest of its prompt.
    """
    amounts = {"cost": act.cost, "value": act.value}
    return {
        "index": act.index,
        "tool": act.tool,
        "mode": act.mode,
        "target": act.target,
        "channel": act.channel,
        "by": act.by,
        "run": {
            "digest": act.run,
            "outcome": run.outcome,
            **{name: run.said(name) for name in SAID},
            "prompt": run.said("prompt_digest"),
        },
        "decision": act.decision,
        "status": act.status,
        "version": act.version,
        **{name: _money(money) for name, money in amounts.items() if money is not None},
    }


def _money(money: Money) -> dict[str, Any]:
    return {"currency": money.currency, "micros": money.micros}
