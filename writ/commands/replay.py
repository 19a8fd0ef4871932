"""`writ replay`: what was done, step by step, and whether the guard would do it again."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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
    opened_ledger,
)
from writ.commands.verify import LedgerArgument, TrustOption
from writ.errors import UsageError
from writ.output import progress
from writ.report_writing import envelope
from writ.settings import current

if TYPE_CHECKING:
    from contracts.model import Contract
    from replay.run_choice import ChosenActs
    from replay.timeline import Timeline
    from verifier.load import VerifiedLedger


def replay(  # noqa: PLR0913, PLR0917  (each is a flag of the command)
    ledger: LedgerArgument,
    trust: TrustOption = None,
    run: RunOption = "",
    incident: IncidentOption = "",
    where: WhereOption = "",
    identity: IdentityOption = "",
    version: VersionOption = "",
    since: SinceOption = "",
    until: UntilOption = "",
    contract: Annotated[
        str,
        typer.Option(
            "--contract",
            metavar="FILE|NAME@VERSION",
            help="What `now` is: a contract's file, or a version of the ledger. By default what "
            "is in force at its end.",
        ),
    ] = "",
    through_guard: Annotated[
        bool,
        typer.Option(
            "--through-guard",
            help="Put the run (--run) before the real guard again, its tools returning what was "
            "recorded, and name the first step that differs (exit 1).",
        ),
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Also tell rules that hold, and every fact.")
    ] = False,
    format_: FormatOption = "text",
    table: TableOption = "",
    out: OutOption = None,
) -> None:
    """Tell what was done step by step: facts, evidence, rules, the decision then and now.

    Without a selection all actions are told. With --through-guard: 0 the same, 1 it differs.
    """
    asked = Asked(where, run, identity, version, since, until)
    writing = Writing(format_of(format_, out), table, out)
    choice = asked.choice()
    if through_guard and (not run or incident or asked.said() != (f"run {run}",)):
        raise UsageError(
            "replay.run",
            "--through-guard replays one run, and nothing else chooses",
            do="Name it: --run ID. `writ replay` without --through-guard tells any selection.",
        )
    settings = current()
    pinned = settings.get("trust", str(trust) if trust else None).value
    with opened_ledger(ledger, trust, settings) as opened:
        asking = _Asking(ledger, pinned, opened, writing, verbose=verbose)
        candidate = candidate_of(contract, opened) if contract else None
        chosen = chosen_actions(asking.history, opened.report, choice, incident)
        said = (*((f"incident {incident}",) if incident else ()), *asked.said())
        if through_guard:
            raise typer.Exit(asking.rehearsed(run, candidate))
        asking.tell(chosen, said, candidate)


class _Asking:
    """What both kinds of replay are asked of, and how they answer."""

    def __init__(
        self,
        ledger: str,
        trust: str,
        opened: "VerifiedLedger",
        writing: Writing,
        *,
        verbose: bool,
    ) -> None:
        from replay.entries import Entries

        self._ledger = ledger
        self._trust = trust
        self._opened = opened
        self._writing = writing
        self._verbose = verbose
        self._entries = Entries(opened)
        with progress("reading") as step:
            self.history = self._entries.history(step)

    def _timeline(
        self, chosen: "ChosenActs", said: Sequence[str], candidate: "Contract | None"
    ) -> "Timeline":
        from replay.timeline import timeline

        with progress("replaying") as step:
            return timeline(
                self._entries, self.history, chosen, asked=said, candidate=candidate, step=step
            )

    def tell(self, chosen: "ChosenActs", said: Sequence[str], candidate: "Contract | None") -> None:
        """Tell what was chosen, step by step."""
        from replay.reports.timeline_html import timeline_html
        from replay.reports.timeline_json import timeline_json
        from replay.reports.timeline_tables import tables
        from replay.reports.timeline_text import timeline_text

        found = self._timeline(chosen, said, candidate)
        beside = envelope(self._ledger, self._trust)
        self._writing.write(
            tables(found),
            {
                "text": lambda: timeline_text(found, verbose=self._verbose),
                "json": lambda: timeline_json(found, beside),
                "html": lambda: timeline_html(found),
            },
            first="steps",
        )

    def rehearsed(self, name: str, candidate: "Contract | None") -> int:
        """Put a run before the guard again; return the exit code.

        Raises:
            UsageError: No guard decided in the run, or the ledger is not whole.
        """
        from dataclasses import replace

        from replay.reports.reheard_forms import reheard_html, reheard_json, reheard_text, tables
        from replay.run_choice import Choice, chosen_acts
        from verifier.load import open_source
        from verifier.report import ExitCode
        from writ.rehearing import rehearse

        run = self.history.find_run(name)
        if run is None or "import" in run.opened:
            raise UsageError(
                "replay.imported",
                f"--through-guard: {name} was imported: no guard decided in it, and its times are "
                "claims",
                do="`writ replay` without --through-guard judges it by its contract.",
            )
        with closing(open_source(self._ledger)) as source:
            if source.partial:
                raise UsageError(
                    "replay.partial",
                    "--through-guard: this bundle holds records back, and a guard counts all",
                    do="Ask the ledger itself, or a whole bundle.",
                )
            found = rehearse(source, self._opened.report, self.history, run, candidate)
        first, step = found.divergence, None
        if first is not None:
            choice = replace(Choice(), entries=frozenset({first.index}))
            told = self._timeline(chosen_acts(self.history, choice), (), candidate)
            step = told.steps[0]
        beside = envelope(self._ledger, self._trust)
        self._writing.write(
            tables(found),
            {
                "text": lambda: reheard_text(found, step),
                "json": lambda: reheard_json(found, beside),
                "html": lambda: reheard_html(found),
            },
            first="rehearsal",
        )
        return ExitCode.HOLDS if first is None else ExitCode.VIOLATED


def candidate_of(named: str, opened: "VerifiedLedger") -> "Contract":
    """Return a contract from a file, or one of the ledger's by `NAME@VERSION`.

    Raises:
        UsageError: The ledger has no such version, or several contracts of that name and version.
        CommandError: The file cannot be read.
        ContractErrors: It is no contract.
    """
    from contracts.loading import load_contract
    from writ.commands.reading import contract_text, shared_text

    path = Path(named)
    if path.is_file():
        return load_contract(contract_text(path), path.as_posix(), shared_text)
    known = opened.contracts.values()
    found = [one for one in known if f"{one.name}@{one.version}" == named]
    if len(found) != 1:
        there = ", ".join(sorted({f"{one.name}@{one.version}" for one in known}))
        raise UsageError(
            "replay.contract",
            f"--contract: there is no file, and no contract in this ledger, {named!r}"
            if not found
            else f"--contract: this ledger has {len(found)} contracts {named!r}",
            do=f"Name a file, or one of: {there}.",
        )
    return found[0]
