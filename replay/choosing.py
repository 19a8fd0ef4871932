"""Which acts are meant: by a condition, a run, an identity, a version, a time, a finding.

Source: docs/spec/rollback.md, *Selection*.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from contracts.lineage import Placed
from replay.compensations import InForce
from replay.history import EXECUTED, Act, History
from verifier.findings import Finding
from verifier.incidents import incidents_of


class NotFoundError(LookupError):
    """What was named is not there: a run, a finding, an incident."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an act has to be; all of it, and empty is anything.

    Attributes:
        where: CEL over the act's outcome, with the variables of a contract that rest on no fact:
            `action`, `params`, `run`, `outcome`, `identity`.
        run: The run's digest, or its source's own reference.
        identity: Who acted, in full or the last part of it.
        version: Of the contract in force when it was proposed.
        since: When it was done at the earliest, in microseconds since 1970.
        until: When it was done at the latest.
        entries: It is at one of these entries, or its outcome is; None is anywhere.
        runs: It is in one of these runs; None is anywhere. With `entries` either is enough.
    """

    where: str = ""
    run: str = ""
    identity: str = ""
    version: str = ""
    since: int | None = None
    until: int | None = None
    entries: frozenset[int] | None = None
    runs: frozenset[str] | None = None


@dataclass(slots=True)
class Choosing:
    """Chooses acts; hand it to `replay.compensations.read` as one who watches.

    Attributes:
        undecided: Of how many executed acts the condition has no value; they are not chosen.
    """

    wanted: Wanted
    undecided: int = 0
    _holds: dict[str, bool | None] = field(default_factory=dict[str, bool | None])

    def watch(self, placed: Placed, in_force: InForce) -> None:
        """Ask the condition of an outcome."""
        if not self.wanted.where or placed.subject != "outcome" or placed.action is None:
            return
        if placed.record["status"] not in EXECUTED:
            return
        run = placed.run
        engine = None if run is None else in_force.engine(run.opened.get("service", ""))
        value = None if engine is None else engine.value(placed.event, self.wanted.where)
        self._holds[placed.action.event.digest] = value if isinstance(value, bool) else None

    def chosen(self, history: History) -> frozenset[int]:
        """Return the places of the chosen acts that were executed.

        Raises:
            NotFoundError: There is no such run.
        """
        wanted = self.wanted
        run = ""
        if wanted.run:
            known = history.find_run(wanted.run)
            if known is None:
                raise NotFoundError(f"there is no run {wanted.run}")
            run = known.digest
        found: set[int] = set()
        for number, act in enumerate(history.acts):
            if act.executed and run in {"", act.run} and self._fits(act):
                found.add(number)
        return frozenset(found)

    def _fits(self, act: Act) -> bool:
        wanted = self.wanted
        if wanted.identity not in {"", act.by, act.by.rpartition("/")[2]}:
            return False
        if wanted.version not in {"", act.version}:
            return False
        return self._in_time(act) and self._placed(act) and self._asked(act)

    def _in_time(self, act: Act) -> bool:
        since, until = self.wanted.since, self.wanted.until
        if since is None and until is None:
            return True
        when = act.time if act.ended_at is None else act.ended_at
        if when is None:
            return False
        return (since is None or when >= since) and (until is None or when <= until)

    def _placed(self, act: Act) -> bool:
        entries, runs = self.wanted.entries, self.wanted.runs
        if entries is None and runs is None:
            return True
        return bool({act.index, act.ended} & (entries or frozenset())) or act.run in (
            runs or frozenset()
        )

    def _asked(self, act: Act) -> bool:
        if not self.wanted.where:
            return True
        holds = self._holds.get(act.digest)
        self.undecided += holds is None
        return holds is True


def entries_of(
    findings: Sequence[Finding], incidents: Iterable[str], named: Iterable[str]
) -> frozenset[int]:
    """Return the entries at which findings stand.

    Args:
        findings: Those of the report.
        incidents: Incidents, by id.
        named: Findings, by id.

    Raises:
        NotFoundError: There is none of that id.
    """
    wanted = set(named)
    known = {one.id: one for one in incidents_of(findings)} if incidents else {}
    for name in incidents:
        if name not in known:
            raise NotFoundError(f"there is no incident {name}")
        wanted.update(known[name].findings)
    entries = {one.id: one.index for one in findings}
    for name in sorted(wanted):
        if name not in entries:
            raise NotFoundError(f"there is no finding {name}")
    return frozenset(entries[name] for name in wanted)
