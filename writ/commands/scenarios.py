"""`writ contract test`: a contract against the scenarios beside it."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from verifier.report import ExitCode
from writ.commands.reading import published_text
from writ.errors import CommandError, UsageError
from writ.output import data

if TYPE_CHECKING:
    from contracts.model import Contract
    from contracts.scenario_reports import Group
    from contracts.suites import Suite

FOLDER = "scenarios"
SUFFIXES = frozenset({".yaml", ".yml"})
TRIES = 400

PlaceArgument = Annotated[
    Path,
    typer.Argument(
        metavar="DIR",
        help="A folder with contracts and their scenarios in scenarios/, or one contract in it.",
    ),
]


def play(
    place: PlaceArgument,
    scenario: Annotated[
        str, typer.Option("--scenario", metavar="NAME", help="Only the scenario with this name.")
    ] = "",
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit's XML as well.")
    ] = None,
    shrink: Annotated[
        int,
        typer.Option(
            "--shrink",
            min=0,
            max=100_000,
            metavar="N",
            help="Make the history of a failing scenario smaller, in at most N tries; 0: do not.",
        ),
    ] = TRIES,
    columns: Annotated[
        bool,
        typer.Option(
            "--columns", help="Let the verifier judge by column: a second longer for each scenario."
        ),
    ] = False,
) -> None:
    """Play the scenarios of contracts, and say which rules and branches none of them exercises.

    Each is decided by the guard's engine and judged again by the verifier; where they differ the
    scenario fails. Exits 0 when all pass and every required situation is covered, 1 otherwise.
    """
    from contracts.scenario_reports import failure_lines, summary_lines
    from contracts.scenario_reports import junit as written_as_junit

    groups = _played(place, scenario, shrink, columns=columns)
    failed = [each for _, played, _ in groups for each in played if each.failures]
    lines = [line for each in failed for line in [*failure_lines(each), ""]]
    lines += [line for group in groups for line in summary_lines(group)]
    if junit is not None:
        data(written_as_junit(groups), junit)
    data("\n".join(lines) + "\n")
    missing = any(exercise and exercise.missing for _, _, exercise in groups)
    raise typer.Exit(int(ExitCode.VIOLATED if failed or missing else ExitCode.HOLDS))


def _played(place: Path, scenario: str, tries: int, *, columns: bool) -> "list[Group]":
    """Play the scenarios of every contract at a place.

    Raises:
        ContractErrors: A contract or a suite is none.
        CommandError: There is nothing to play, or a file cannot be read.
    """
    from contracts import load_contract
    from contracts.exercise import exercise_of
    from contracts.scenarios import Stage
    from verifier.engines import Engines
    from verifier.rehearsal import Verifying

    files, suites = contract_files(place), suites_beside(place)
    if not suites:
        raise CommandError(
            "suite.none",
            f"{place}: there are no scenarios in its folder {FOLDER}/",
            do="docs/how-to/test-a-contract.md says how to write some.",
        )
    texts = {str(file): published_text(file) for file in files}
    contracts = {name: load_contract(text, name) for name, text in texts.items()}
    if not place.is_file():
        _check_versions(suites, list(contracts.values()))
    _check_name(scenario, suites)
    verifying = Verifying(Engines.COLUMNS if columns else Engines.ROWS)
    groups: list[Group] = []
    for name, contract in contracts.items():
        stage = Stage(contract, texts[name], [verifying], clock=time.perf_counter, tries=tries)
        played = stage.play(suites, scenario)
        if played:
            groups.append((contract, played, None if scenario else exercise_of(stage, played)))
    if not groups:
        raise CommandError(
            "suite.other", f"{place}: its scenarios are for other contracts than those beside them"
        )
    return groups


def contract_files(place: Path) -> list[Path]:
    """Return the contracts at a place: itself, or those in its folder.

    Raises:
        CommandError: There is none.
    """
    if place.is_file():
        return [place]
    found = _yaml(place)
    if not found:
        raise CommandError(
            "contract.none",
            f"{place}: there is no contract here",
            do="Name a folder with contracts (.yaml) and their scenarios in scenarios/.",
        )
    return found


def suites_beside(place: Path) -> "list[Suite]":
    """Return the suites in the folder `scenarios` beside a contract.

    Raises:
        ContractErrors: What is there are no suites.
        CommandError: A file cannot be read.
    """
    from contracts.suites import parse_suites

    folder = (place.parent if place.is_file() else place) / FOLDER
    return parse_suites({str(file): _bytes(file) for file in _yaml(folder)})


def _yaml(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(file for file in folder.iterdir() if file.suffix in SUFFIXES and file.is_file())


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CommandError("contract.unreadable", f"{file}: {error.strerror}") from error


def _check_versions(suites: "Sequence[Suite]", contracts: "Sequence[Contract]") -> None:
    """See that a suite is for contracts that are there: a misspelt version would test nothing."""
    from contracts.errors import ContractErrors, did_you_mean

    known = {(each.name, each.version) for each in contracts}
    errors = [
        suite.source.error(
            "suite.version",
            f"there is no {suite.text.contract} {version} beside these scenarios; correct it",
            suite.source.at("versions", number),
            did_you_mean(version, [each for _, each in known]),
        )
        for suite in suites
        for number, version in enumerate(suite.text.versions)
        if (suite.text.contract, version) not in known
    ]
    if errors:
        raise ContractErrors(errors)


def _check_name(scenario: str, suites: "Sequence[Suite]") -> None:
    from contracts.errors import did_you_mean

    names = [each.scenario for suite in suites for each in suite.text.scenarios]
    if scenario and scenario not in names:
        raise UsageError(
            "scenario.unknown",
            f"there is no scenario {scenario!r}",
            do=did_you_mean(scenario, names) or f"There are {len(names)} others.",
        )
