"""`writ contract lint`, `explain` and `test`: a contract before it binds anybody."""

from pathlib import Path
from typing import Annotated

import typer

from verifier.report import ExitCode
from writ.commands import scenarios
from writ.commands.reading import contract_text, shared_text
from writ.errors import UsageError
from writ.output import data, message

app = typer.Typer(
    help="Read a contract: its problems, what it expands to, and whether its scenarios hold.",
    no_args_is_help=True,
)

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A contract, as YAML.")]


app.command("test")(scenarios.play)


@app.command("lint")
def lint(file: FileArgument) -> None:
    """Report what is wrong or risky, one line each: FILE:LINE:COLUMN: severity: code: message.

    Where scenarios lie beside the contract, a rule that none of them exercises is noted. Exits 0
    when nothing is wrong (warnings are printed all the same), 1 when something is.
    """
    from contracts.linting import Severity
    from contracts.linting import lint as lint_contract

    beside = scenarios.suites_beside(file)
    messages = lint_contract(contract_text(file), file.as_posix(), shared_text, beside)
    for found in messages:
        data(f"{found}\n")
    wrong = sum(found.severity is Severity.ERROR for found in messages)
    message(f"writ: {wrong} errors, {len(messages) - wrong} other remarks")
    raise typer.Exit(int(ExitCode.VIOLATED if wrong else ExitCode.HOLDS))


@app.command("explain")
def explain(
    file: FileArgument,
    rule: Annotated[str, typer.Option("--rule", metavar="ID", help="Only this rule.")] = "",
) -> None:
    """Print the facts and rules that a contract expands to, in words and as conditions."""
    from contracts import load_contract
    from contracts.explaining import explain as explain_contract

    contract = load_contract(contract_text(file), file.as_posix(), shared_text)
    known = [declared.id for declared in contract.rules]
    if rule and rule not in known:
        raise UsageError(
            "rule.unknown",
            f"{file}: there is no rule {rule!r}",
            do=f"The rules are: {', '.join(known)}.",
        )
    data(explain_contract(contract, rule or None, file=file.as_posix()))
