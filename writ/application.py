"""The application: which commands there are, and what every one of them answers with.

Exit codes: 0 holds and no violation · 1 violated or broken · 2 usage · 3 undecidable ·
4 unreadable input · 5 internal error · 130 interrupted. Source: docs/spec/report.md.
"""

import os
import traceback
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from verifier.report import ExitCode
from writ.commands import app as app_command
from writ.commands import (
    approve,
    backup,
    compensate,
    contract,
    demo,
    doctor,
    export,
    governance,
    importing,
    init,
    keys,
    proof,
    record,
    replay,
    rollback,
    sample,
    seal,
    serve,
    show,
    switch,
    upgrade,
    value,
    verify,
    whatif,
    witness,
)
from writ.errors import CommandError
from writ.output import message

app = typer.Typer(
    name="writ",
    help="Contracts for AI services, and the evidence that they were kept.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.add_typer(importing.app, name="import")
app.command("init")(init.init)
app.add_typer(keys.app, name="keys")
app.command("verify")(verify.verify)
app.command("findings")(verify.findings)
app.command("replay")(replay.replay)
app.command("value")(value.value)
app.command("change")(value.change)
app.command("whatif")(whatif.whatif)
app.command("rollback")(rollback.rollback)
app.command("show")(show.show)
app.command("proof")(proof.proof)
app.command("sample")(sample.sample)
contract.app.command("publish")(governance.publish)
contract.app.command("activate")(governance.activate)
contract.app.command("services")(governance.services)
app.add_typer(contract.app, name="contract")
app.add_typer(witness.app, name="witness")
app.command("pending")(approve.pending)
app.command("approve")(approve.approve)
app.command("compensate")(compensate.compensate)
app.add_typer(switch.app, name="switch")
app.command("app")(app_command.app)
app.command("serve")(serve.serve)
app.command("record")(record.record)
app.command("export")(export.export)
app.command("seal")(seal.seal)
app.command("erase")(seal.erase)
app.command("disclose")(seal.disclose)
app.command("doctor")(doctor.doctor)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("upgrade")(upgrade.upgrade)
app.command("version")(doctor.version)


def answer(arguments: Sequence[str]) -> int:
    """Run one command.

    Args:
        arguments: What stands after `writ` on the command line.

    Returns:
        The exit code. Whatever goes wrong is said on stderr in a line or two: never a traceback,
        unless `WRIT_DEBUG` is set.
    """
    command = typer.main.get_command(app)
    try:
        code = command.main(args=list(arguments), prog_name="writ", standalone_mode=False)
    except SystemExit:
        # Whoever read the help has seen enough.
        return ExitCode.HOLDS
    except Exception as error:  # noqa: BLE001 - the one place where every error ends
        return _explained(error)
    if code == ExitCode.INTERRUPTED:
        message("writ: interrupted")
    return int(code or ExitCode.HOLDS)


def _explained(error: Exception) -> int:
    """Say what went wrong, and return the exit code for it."""
    if os.environ.get("WRIT_DEBUG"):
        message(traceback.format_exc().rstrip("\n"))
    if isinstance(error, typer.Abort):
        message("writ: interrupted")
        return ExitCode.INTERRUPTED
    if isinstance(error, TyperException):
        said = error.format_message()
        if said.startswith("Usage:"):
            # No command was named: what there is to choose from.
            message(said)
        else:
            message(f"writ: usage: {said}")
            message("  Ask a command for its --help.")
        return ExitCode.USAGE
    known = _known(error)
    message(f"writ: {known.code}: {known}")
    if known.do:
        message(f"  {known.do}")
    return known.exit_code


def _known(error: Exception) -> CommandError:
    """Return the error in the command line's own terms."""
    from contracts.answers import GuardError
    from contracts.errors import ContractErrors
    from ledger.errors import LedgerError
    from ledger.importers.profile_reading import ProfileError
    from verifier.errors import VerifierError

    if isinstance(error, CommandError):
        return error
    if isinstance(error, ProfileError):
        return CommandError("profile.invalid", str(error))
    if isinstance(error, LedgerError | VerifierError):
        return CommandError(error.code, str(error))
    if isinstance(error, GuardError):
        return CommandError(error.code, str(error))
    if isinstance(error, ContractErrors):
        return CommandError("contract.invalid", str(error))
    if isinstance(error, OSError):
        name = f"{error.filename}: " if error.filename else ""
        return CommandError("file.unusable", f"{name}{error.strerror or error}")
    return CommandError(
        "internal",
        f"{type(error).__name__}: {error}",
        do="This is a defect of Writ. WRIT_DEBUG=1 prints where it happened; please report it.",
        exit_code=ExitCode.INTERNAL,
    )
