"""`writ rollback`: what could be undone of what was done, in which order, and what stays."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from writ.commands.choosing import (
    Asked,
    FormatOption,
    IdentityOption,
    IncidentOption,
    OutOption,
    RunOption,
    SinceOption,
    TableOption,
    UntilOption,
    VersionOption,
    WhereOption,
    Writing,
    chosen_actions,
    format_of,
    micros_of,
    opened_ledger,
)
from writ.commands.init import KeysOption
from writ.commands.speaking import AsOption, KeyOption, YesOption
from writ.commands.verify import LedgerArgument, TrustOption
from writ.errors import UsageError
from writ.output import message, progress
from writ.rollback_options import (
    SCOPES,
    ApartOption,
    AsOfOption,
    ParamOption,
    PulledOption,
    RecordOption,
    ScopeOption,
    given_params,
)
from writ.settings import Settings, current

if TYPE_CHECKING:
    from replay.history import AsOf
    from replay.rolled_back import Question, RolledBack


def rollback(  # noqa: PLR0913, PLR0917  (each is a flag of the command)
    ledger: LedgerArgument,
    trust: TrustOption = None,
    where: WhereOption = "",
    run: RunOption = "",
    identity: IdentityOption = "",
    version: VersionOption = "",
    since: SinceOption = "",
    until: UntilOption = "",
    incident: IncidentOption = "",
    as_of: AsOfOption = "",
    scope: ScopeOption = "chosen",
    pulled: PulledOption = "",
    apart: ApartOption = False,
    param: ParamOption = None,
    format_: FormatOption = "text",
    table: TableOption = "",
    out: OutOption = None,
    record: RecordOption = False,
    name: AsOption = "",
    key: KeyOption = None,
    keys: KeysOption = None,
    yes: YesOption = False,
) -> None:
    """Say what could be undone of some actions, in which order, by which calls, and what stays.

    Nothing is executed. Without a selection it is everything. With --record the calls of the plan
    are proposed to the guard, which decides each as of now; `writ compensate` makes them.
    """
    asking = _Asking(
        Asked(where, run, identity, version, since, until),
        incident,
        _as_of(as_of, now=record),
        as_of,
        _scope(scope),
        micros_of("--pulled", pulled),
        given_params(param or ()),
        apart=apart,
    )
    writing = Writing(format_of(format_, out), table, out)
    settings = current()
    proposing = _proposing(asking, name, key) if record else ""
    found = _found(ledger, trust, settings, asking)
    _write(found, writing, ledger, settings.get("trust", str(trust) if trust else None).value)
    if record:
        _propose(ledger, found, _Who(proposing, key, keys, yes=yes))


@dataclass(frozen=True, slots=True)
class _Asking:
    """What is asked, as it was written and read."""

    asked: Asked
    incident: str
    as_of: "AsOf"
    written: str
    scope: str
    pulled: int | None
    given: Mapping[str, Any]
    apart: bool

    def question(self) -> "Question":
        """Return what is asked of what was chosen."""
        from replay.rolled_back import Question
        from replay.scopes import Scope

        said = [*self.asked.said(), *([f"incident {self.incident}"] if self.incident else [])]
        said += ["shared targets left apart"] if self.apart else []
        return Question(
            asked=tuple(said),
            as_of=self.as_of,
            scope=Scope(self.scope),
            pulled=self.pulled,
            by_target=not self.apart,
        )


@dataclass(frozen=True, slots=True)
class _Who:
    """In whose name calls are proposed: an identity, its key, and whether nobody is asked."""

    name: str
    key: Path | None
    keys: Path | None
    yes: bool


def _propose(ledger: str, found: "RolledBack", who: _Who) -> None:
    """Propose a plan's calls to the guard, and say what came of each."""
    from writ.commands.speaking import confirm, opened_keys
    from writ.governing import speaking
    from writ.rolling_back import Proposing

    if not found.plan.steps:
        message("writ: nothing is proposed: the plan has no call")
        return
    with speaking(opened_keys(ledger, who.keys, "rollback.keys"), who.name, who.key) as speaker:
        proposing = Proposing(speaker.store, speaker.client, found)
        if proposing.wanted:
            what = f"Propose {len(proposing.wanted)} of {len(found.plan.steps)} calls"
            confirm(f"{what} as {speaker.client.by}?", yes=who.yes, code="rollback.confirm")
        for line in proposing.all():
            message(f"writ: {line}")


def _as_of(text: str, *, now: bool) -> "AsOf":
    """Return up to where a ledger is read: a time, an entry, or now."""
    from ledger.clock import system_clock
    from replay.history import AsOf

    if now and not text:
        return AsOf(time=int(system_clock().timestamp() * 1_000_000))
    if text.isdecimal():
        return AsOf(entry=int(text))
    return AsOf(time=micros_of("--as-of", text))


def _scope(text: str) -> str:
    if text not in SCOPES:
        raise UsageError(
            "rollback.scope",
            f"--scope: there is no scope {text!r}",
            do=f"The scopes are: {', '.join(SCOPES)}.",
        )
    return text


def _proposing(asking: _Asking, name: str, key: Path | None) -> str:
    """Return who proposes.

    Raises:
        UsageError: Nobody does, or the plan is one of the past.
    """
    from writ.commands.speaking import named

    if asking.written:
        raise UsageError(
            "rollback.record",
            "--record: a plan as of the past is not proposed now",
            do="Leave --as-of out.",
        )
    return named(name, key, "rollback.as")


def _found(ledger: str, trust: Path | None, settings: Settings, asking: _Asking) -> "RolledBack":
    """Verify a ledger, read it, choose, and ask."""
    from replay.rollback_reading import read
    from replay.rolled_back import rolled_back

    choice = asking.asked.choice()
    with opened_ledger(ledger, trust, settings) as opened:
        with progress("reading") as step:
            reading = read(opened, asking.as_of, given=asking.given, step=step)
        chosen = chosen_actions(reading.history, opened.report, choice, asking.incident)
        return rolled_back(reading, opened.report, chosen, asking.question())


def _write(found: "RolledBack", writing: Writing, ledger: str, trust: str) -> None:
    from replay.reports.rollback_forms import rollback_html, rollback_json, rollback_text
    from replay.reports.rollback_tables import tables
    from writ.report_writing import envelope

    writers: dict[str, Callable[[], str]] = {
        "text": lambda: rollback_text(found),
        "json": lambda: rollback_json(found, envelope(ledger, trust)),
        "html": lambda: rollback_html(found),
    }
    writing.write(tables(found), writers, first="plan")
