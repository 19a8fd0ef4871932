"""How `writ whatif` finds its answer: candidates made, history judged again, and the gate."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from verifier.report import ExitCode
from writ.commands.choosing import Asked, Writing, chosen_actions, history_of, opened_ledger
from writ.commands.reading import published_text
from writ.errors import CommandError, UsageError
from writ.output import data, message, progress
from writ.settings import Settings

if TYPE_CHECKING:
    from contracts.model import Contract
    from replay.candidates import Candidate, Change, Sweep
    from replay.cascade import Cascaded
    from replay.decided_again import DecidedAgain
    from replay.history import Governed, History
    from replay.whatif import WhatIf
    from verifier.load import VerifiedLedger

SOME = 5
"""Flips that a failing gate names."""
DELEGATION = "identity.delegation"


@dataclass(frozen=True, slots=True)
class Candidates:
    """The candidates as they were named; `own` has them judged by their own delegations."""

    contracts: tuple[str, ...]
    sets: tuple[str, ...]
    service: str
    own: bool


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether flips that are not accepted fail the command, and where they are written."""

    on: bool
    accepted: Mapping[str, str]
    out: Path | None


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked."""

    candidates: Candidates
    cascading: bool
    asked: Asked
    incident: str
    by: tuple[str, ...]
    without: tuple[str, ...]
    gate: Gate
    writing: Writing
    listed: bool

    def said(self) -> tuple[str, ...]:
        """Return the selection in words."""
        incident = [f"incident {self.incident}"] if self.incident else []
        return *self.asked.said(), *incident, *(f"without {one}" for one in self.without)


def answer(ledger: str, trust: Path | None, settings: Settings, question: Question) -> None:
    """Write the answer; exit 1 where the gate is on and a flip is not accepted.

    Raises:
        UsageError: A candidate cannot be made, or something that is asked for is not there.
        CommandError: The ledger holds records back.
    """
    from replay.as_recorded import judged_while_read
    from replay.supposed import without
    from replay.whatif import CASE, what_if

    choice = question.asked.choice()
    with opened_ledger(ledger, trust, settings) as opened:
        _refuse_withheld(opened)
        candidates = _made(opened, question.candidates)
        contracts = [one.contract for one in candidates]
        with progress("judging") as step:
            history, judged = judged_while_read(
                opened,
                contracts,
                cases=CASE in question.by,
                left_out=question.without,
                step=step,
            )
        _refuse_strangers(history, candidates)
        chosen = chosen_actions(history, opened.report, choice, question.incident)
        cascades = (
            [
                _cascaded(opened, history, without(contract, question.without), again)
                for contract, again in zip(contracts, judged.candidates, strict=True)
            ]
            if question.cascading
            else []
        )
        found = what_if(
            history,
            opened.report,
            judged,
            candidates,
            chosen,
            cascades=cascades,
            by=question.by,
            asked=question.said(),
        )
    _write(found, question, _envelope(ledger, trust, settings))
    _pass_gate(found, question.gate)


def explain(
    ledger: str, trust: Path | None, settings: Settings, question: Question, index: int
) -> None:
    """Write in full what each candidate, and the contract in force, say of one action.

    Raises:
        UsageError: There is no such action, or a candidate cannot be made.
    """
    from replay.explained import as_words, explained

    with opened_ledger(ledger, trust, settings) as opened:
        history = history_of(opened)
        act = next((one for one in history.acts if one.index == index), None)
        if act is None:
            raise UsageError(
                "whatif.explain",
                f"--explain: entry {index} is no action",
                do="`--flips` lists the entries of those that flip.",
            )
        candidates = _made(opened, question.candidates)
        _refuse_strangers(history, candidates)
        named: list[tuple[str, Contract]] = [(one.name, one.contract) for one in candidates]
        in_force = history.contracts.get(act.contract)
        if in_force is not None:
            named.insert(0, (f"in force, {in_force.version}", in_force))
        found = explained(opened.events(), index, named)
    head = f"Entry {index:,}: {act.tool}, recorded as {act.decision or 'not decided'}"
    data("\n".join([head, *as_words(found, {})]) + "\n", question.writing.out)


def groupings(by: Sequence[str] | None) -> tuple[str, ...]:
    """Return what is grouped by.

    Raises:
        UsageError: There is no such grouping.
    """
    from replay.whatif import GROUPINGS, USUAL

    chosen = tuple(dict.fromkeys(by or USUAL))
    for each in chosen:
        if each not in GROUPINGS:
            raise UsageError(
                "whatif.by",
                f"--by: there is no grouping {each!r}",
                do=f"The groupings are: {', '.join(GROUPINGS)}.",
            )
    return chosen


def accepted(path: Path | None) -> Mapping[str, str]:
    """Return the accepted flips with their reasons.

    Raises:
        CommandError: The list cannot be read.
    """
    from replay.accepted import AcceptedError, read_accepted

    if path is None:
        return {}
    try:
        return read_accepted(path.read_text("utf-8"), str(path))
    except OSError as error:
        raise CommandError("accepted.unreadable", f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandError("accepted.encoding", f"{path}: it is not UTF-8") from error
    except AcceptedError as error:
        raise CommandError(error.code, str(error), do="Write `FLIP | what | reason`.") from error


# ---------------------------------------------------------------------------- candidates


def _made(governed: "Governed", asked: Candidates) -> "list[Candidate]":
    """Make the candidates.

    Raises:
        UsageError: There is none, or one cannot be made.
        CommandError: A file cannot be read.
        ContractErrors: A file is no contract.
    """
    from dataclasses import replace

    from replay.candidates import Candidate, CandidateError
    from replay.supposed import supposed

    try:
        found = [Candidate(*_contract(name, asked.service)) for name in asked.contracts]
        found += _changed(governed, asked)
    except CandidateError as error:
        raise UsageError(error.code, str(error), do=error.do) from error
    if not found:
        raise UsageError(
            "whatif.candidates",
            "there is no candidate",
            do="Name one with --contract, or change the one in force with --set PATH=VALUE.",
        )
    own = asked.own or any(one.startswith(DELEGATION) for one in asked.sets)
    if own:
        return found
    return [replace(one, contract=supposed(one.contract, governed)) for one in found]


def _contract(name: str, service: str) -> "tuple[str, Contract]":
    """Return a candidate's name and contract, as one of the service that is named.

    Raises:
        UsageError: There is none of that name.
        CandidateError: It cannot be one of that service.
    """
    from contracts import load_contract
    from replay.candidates import Change, changed

    text, told = _text(name)
    contract = load_contract(text, told)
    shown = f"{contract.name}@{contract.version}"
    if not service or contract.service == service:
        return shown, contract
    return shown, changed(text, [Change("identity.service", service)], told)


def _text(name: str) -> tuple[str, str]:
    """Return a contract's published text, and what errors call it."""
    from contracts.library import contract_text as library_text

    path = Path(name)
    if path.exists() or "@" not in name:
        return published_text(path), path.as_posix()
    kind, _, version = name.rpartition("@")
    try:
        return library_text(kind, version), name
    except FileNotFoundError as error:
        raise UsageError(
            "candidate.unknown",
            f"--contract: no contract {name!r} comes with Writ, and there is no such file",
        ) from error


def _refuse_strangers(history: "History", candidates: "Sequence[Candidate]") -> None:
    """Refuse the contract of a service that did nothing.

    Raises:
        UsageError: One is.
    """
    services = {run.said("service") for run in history.runs.values()}
    for one in candidates:
        if one.contract.service not in services:
            raise UsageError(
                "candidate.service",
                f"{one.name} is a contract of {one.contract.service}, which has no run here",
                do=f"The services are: {', '.join(sorted(services)) or 'none'}.",
            )


def _changed(governed: "Governed", asked: Candidates) -> "Iterator[Candidate]":
    """Yield the candidates of `--set`: one of all single changes, or one for each of a sweep."""
    from replay.candidates import Candidate, CandidateError, Change, changed, read_set

    read = [read_set(text) for text in asked.sets]
    if not read:
        return
    single = [one for one in read if isinstance(one, Change)]
    sweeps: list[Sweep] = [one for one in read if not isinstance(one, Change)]
    if len(sweeps) > 1:
        raise CandidateError("sweep", "--set: one sweep at a time")
    text = _text_in_force(governed, asked.service)
    name = ", ".join(_short(one) for one in single)
    if not sweeps:
        yield Candidate(name, changed(text, single, name))
        return
    for one in sweeps[0].changes():
        each = ", ".join([_short(one), *([name] if name else [])])
        contract = changed(text, [*single, one], each)
        yield Candidate(each, contract, float(one.value), one.path)


def _short(change: "Change") -> str:
    return f"{change.path.removeprefix('policy.limits.')}={change.value}"


def _text_in_force(governed: "Governed", service: str) -> str:
    """Return the text of the contract that a service was under last.

    Raises:
        UsageError: It cannot be told which.
    """
    from replay.candidates import in_force_last

    services = sorted({contract.service for contract in governed.contracts.values()})
    if not service and len(services) == 1:
        service = services[0]
    digest = in_force_last(governed, service) if service in services else ""
    if digest not in governed.texts:
        raise UsageError(
            "whatif.service",
            "--set: it cannot be told whose contract is changed",
            do=f"Name one with --service: {', '.join(services) or 'none has a contract here'}.",
        )
    return governed.texts[digest]


# -------------------------------------------------------------------------------- judging


def _cascaded(
    opened: "VerifiedLedger", history: "History", contract: "Contract", again: "DecidedAgain"
) -> "Cascaded":
    from replay.cascade import cascade

    with progress("cascading") as step:
        return cascade(opened, history, contract, again, step=step)


def _refuse_withheld(opened: "VerifiedLedger") -> None:
    """Refuse a bundle that holds records back: what they count for is not known.

    Raises:
        CommandError: It does.
    """
    held = opened.report.conformance.records.get("withheld", 0)
    if held:
        raise CommandError(
            "whatif.withheld",
            f"{held:,} records are held back, and history cannot be judged again without them",
            do="Ask for the whole ledger, or for a bundle that holds nothing back.",
        )


# -------------------------------------------------------------------------------- writing


def _envelope(ledger: str, trust: Path | None, settings: Settings) -> dict[str, str]:
    from writ.report_writing import envelope

    return envelope(ledger, settings.get("trust", str(trust) if trust else None).value)


def _write(found: "WhatIf", question: Question, beside: Mapping[str, str]) -> None:
    from replay.reports.whatif_html import whatif_html
    from replay.reports.whatif_json import whatif_json
    from replay.reports.whatif_tables import tables
    from replay.reports.whatif_text import whatif_text

    question.writing.write(
        tables(found),
        {
            "text": lambda: whatif_text(found, listed=question.listed),
            "json": lambda: whatif_json(found, beside),
            "html": lambda: whatif_html(found),
        },
        first="candidates",
    )


def _pass_gate(found: "WhatIf", gate: Gate) -> None:
    """Say which flips are not accepted; with the gate on, exit 1 where there are any."""
    from replay.accepted import told, unaccepted, written

    every = (flip for one in found.compared for flip in (*one.flips, *one.contingent_flips))
    missing = unaccepted(every, gate.accepted)
    if gate.out is not None:
        data(written(missing), gate.out)
    if not gate.on:
        return
    for flip in missing[:SOME]:
        message(f"writ: not accepted: {flip.kind}: {told(flip)}")
    message(f"writ: {len(missing):,} flips are not accepted")
    raise typer.Exit(int(ExitCode.VIOLATED if missing else ExitCode.HOLDS))
