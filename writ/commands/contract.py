"""`writ contract lint`, `explain`, `test` and `diff`: a contract before it binds anybody."""

import json
from dataclasses import asdict
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

JsonOption = Annotated[bool, typer.Option("--json", help="As JSON, for a program.")]
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A contract, as YAML.")]


app.command("test")(scenarios.play)


@app.command("lint")
def lint(file: FileArgument, as_json: JsonOption = False) -> None:
    """Report what is wrong or risky, one line each: FILE:LINE:COLUMN: severity: code: message.

    Where scenarios lie beside the contract, a rule that none of them exercises is noted. Exits 0
    when nothing is wrong (warnings are printed all the same), 1 when something is.
    """
    from contracts.linting import lint as lint_contract
    from contracts.remarks import Severity

    beside = scenarios.suites_beside(file)
    messages = lint_contract(contract_text(file), file.as_posix(), shared_text, beside)
    if as_json:
        remarks = [asdict(found) for found in messages]
        data(as_json_text({"schema": "writ/contract-lint/v1", "remarks": remarks}))
    else:
        data("".join(f"{found}\n" for found in messages))
    wrong = sum(found.severity is Severity.ERROR for found in messages)
    message(f"writ: {wrong} errors, {len(messages) - wrong} other remarks")
    raise typer.Exit(int(ExitCode.VIOLATED if wrong else ExitCode.HOLDS))


@app.command("explain")
def explain(
    file: FileArgument,
    rule: Annotated[str, typer.Option("--rule", metavar="ID", help="Only this rule.")] = "",
    sql: Annotated[
        bool | None,
        typer.Option(
            "--sql/--no-sql",
            help="Also as SQL, as whole columns are judged. Default: only with --rule.",
        ),
    ] = None,
) -> None:
    """Print the facts and rules that a contract expands to, in words and as conditions.

    With --sql each condition also as the SQL that judges many records at once, or why CEL judges it
    row by row; each fact in outline (docs/reference/columns.md).
    """
    from contracts import load_contract
    from contracts.column_words import ColumnWords
    from contracts.explaining import explain as explain_contract

    contract = load_contract(contract_text(file), file.as_posix(), shared_text)
    known = [declared.id for declared in contract.rules]
    if rule and rule not in known:
        raise UsageError(
            "rule.unknown",
            f"{file}: there is no rule {rule!r}",
            do=f"The rules are: {', '.join(known)}.",
        )
    with_sql = bool(rule) if sql is None else sql
    told = ColumnWords(contract).told() if with_sql else {}
    data(explain_contract(contract, rule or None, file=file.as_posix(), sql=told))


@app.command("diff")
def diff(
    before: Annotated[Path, typer.Argument(metavar="A", help="The contract before, as YAML.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="The contract after it, as YAML.")],
    as_json: JsonOption = False,
) -> None:
    """Say what B decides otherwise than A, each with an example that both really decided.

    Newly allowed, denied, held for an approval or for a person; for whatever no example is given,
    why not (docs/spec/contract-diff.md). Exits 0 without a difference, 1 with one, 4 where a
    contract cannot be read.
    """
    from contracts import load_contract
    from contracts.diff_words import diff_json, diff_text
    from contracts.diffing import diff as compare

    old, new = (
        load_contract(contract_text(file), file.as_posix(), shared_text) for file in (before, after)
    )
    found = compare(old, new)
    data(as_json_text(diff_json(found)) if as_json else diff_text(found))
    raise typer.Exit(int(ExitCode.VIOLATED if found.changes else ExitCode.HOLDS))


def as_json_text(value: object) -> str:
    """Return JSON with sorted keys, ended by a newline."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
