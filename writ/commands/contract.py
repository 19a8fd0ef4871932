"""`writ contract lint` and `writ contract explain`: a contract before it binds anybody."""

from pathlib import Path
from typing import Annotated

import typer

from verifier.report import ExitCode
from writ.errors import CommandError, UsageError
from writ.output import data, message

app = typer.Typer(
    help="Read a contract: its problems, and what it expands to.", no_args_is_help=True
)

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A contract, as YAML.")]


def contract_text(path: Path) -> str:
    """Return a contract's text.

    Raises:
        CommandError: The file cannot be read, or is not UTF-8.
    """
    try:
        # Bytes and not text: the digest is over what is there, line ends included.
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise CommandError("contract.unreadable", f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandError(
            "contract.encoding", f"{path}: byte {error.start} is not UTF-8", do="Save it as UTF-8."
        ) from error


def shared_text(name: str) -> bytes:
    """Return the text of a shared policy: its path is relative as the contract's is."""
    return Path(name).read_bytes()


def published_text(path: Path) -> str:
    """Return a contract's text with every shared policy that it extends.

    Raises:
        CommandError: The file cannot be read, or is not UTF-8.
        ContractErrors: It is no contract, or names shared policies that are not there.
    """
    from contracts.reading import closed_text, parse_contract

    return closed_text(parse_contract(contract_text(path), path.as_posix(), shared_text))


@app.command("lint")
def lint(file: FileArgument) -> None:
    """Report what is wrong or risky, one line each: FILE:LINE:COLUMN: severity: code: message.

    Exits 0 when nothing is wrong (warnings are printed all the same), 1 when something is.
    """
    from contracts.linting import Severity
    from contracts.linting import lint as lint_contract

    messages = lint_contract(contract_text(file), file.as_posix(), shared_text)
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
