"""`writ verify` and `writ findings`: what holds, what was broken, and where."""

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from verifier.engines import Engines
from verifier.errors import TrustError
from verifier.report import ExitCode, Report
from verifier.trust import Pin, Trust, parse_trust
from writ.attesting import (
    AttestationOption,
    Attesting,
    AttestKeyOption,
    AttestOption,
    CheckAttestationOption,
    attest,
    check,
    check_text,
)
from writ.commands.against import compared_with
from writ.errors import CommandError, UsageError
from writ.opening import Opened, opened
from writ.output import data, message, progress
from writ.report_writing import called_as, written
from writ.sampling import SampleOption, Sampling, SeedOption, write_pack
from writ.settings import Settings, current, writ_version
from writ.verify_options import (
    FORMATS,
    AgainstMapOption,
    AgainstOption,
    AgainstWithinOption,
    DisclosuresOption,
    EngineOption,
    FormatOption,
    IntegrityOption,
    JobsOption,
    OutOption,
    ReceiptsOption,
    SourceArgument,
    StateOption,
    UnsealOption,
)

if TYPE_CHECKING:
    from ledger.signing import Signer
    from verifier.reconciling.reconciliation import Reconciliation
    from verifier.sampling import Samples

LedgerArgument = Annotated[
    str, typer.Argument(metavar="LEDGER", help="A ledger: a .db file or a database URL.")
]
AtOption = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="TIME",
        help="What ages are measured against, such as 2026-03-01T09:00:00Z; default: now.",
    ),
]
CheckpointOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--checkpoint", metavar="FILE", help="A signed head that the ledger must still contain."
    ),
]
TrustOption = Annotated[
    Path | None,
    typer.Option("--trust", metavar="FILE", help="The trust file, obtained out of band."),
]


def verify(  # noqa: PLR0913, PLR0917  (each is a flag of the command)
    ledger: SourceArgument,
    trust: TrustOption = None,
    format_: FormatOption = None,
    out: OutOption = None,
    integrity: IntegrityOption = False,
    jobs: JobsOption = None,
    state: StateOption = None,
    engine: EngineOption = Engines.AUTO,
    at: AtOption = None,
    checkpoint: CheckpointOption = None,
    receipts: ReceiptsOption = None,
    unseal: UnsealOption = None,
    disclosures: DisclosuresOption = None,
    attest_: AttestOption = None,
    attestation: AttestationOption = None,
    check_attestation: CheckAttestationOption = None,
    attest_key: AttestKeyOption = None,
    sample: SampleOption = None,
    seed: SeedOption = None,
    against: AgainstOption = None,
    against_map: AgainstMapOption = None,
    against_within: AgainstWithinOption = "5m",
) -> None:
    """Check every byte of a ledger and decide every record in it again.

    Exits 0 when it holds and breaks no rule, 1 when it is broken or violated, 3 when that cannot be
    decided, 4 when it cannot be read.
    """
    chosen = _format(settings := current(), format_)
    named = trust_file(trust, settings)
    pinned = with_time(None if named is None else named[0], at, checkpoint or ())
    attesting = Attesting(attest_ or (), attestation, check_attestation, attest_key or ())
    others: dict[str, object] = {"unseal": unseal, "disclosures": disclosures, "against": against}
    attesting.refuse(named, at=at, checkpoint=checkpoint, receipts=receipts, **others)
    others |= {"state": state, "check-attestation": check_attestation, "integrity": integrity}
    samples = Sampling(sample, seed, out).samples(pinned, engine, **others)
    signing = (attesting.signers(), attesting.out)
    verify_under = partial(
        verified,
        ledger,
        conformance=not integrity,
        jobs=jobs or processors(),
        sealed=opened(unseal, disclosures),
        state=state,
        engines=engine,
        samples=samples,
        against=compared_with(against or (), against_map or (), against_within),
    )
    if attesting.check is not None and named is not None:
        found = check(attesting, ledger, named, verify_under, conformance=not integrity)
        data(check_text(found, chosen), out)
        raise typer.Exit(found[2])
    report = verify_under(pinned)
    files = (checkpoint, unseal, disclosures, against, against_map, against and against_within)
    trusted = settings.get("trust", str(trust) if trust else None).value
    called = called_as(ledger, trusted, pinned, at=at, integrity=integrity, files=files)
    data(written(report, chosen, settings, called), None if samples else out)
    _write_beside(report, ledger, named, (samples, out), signing)
    raise typer.Exit(_answered(report, ledger, pinned, receipts, heads=bool(checkpoint)))


def _answered(
    report: Report, ledger: str, pinned: Trust | None, receipts: Path | None, *, heads: bool
) -> int:
    """Say what stands beside the report, and return the command's answer."""
    if pinned is not None and heads and report.integrity.verdict == "broken":
        _say_contained(ledger, pinned)
    dropped = 0 if receipts is None else _dropped(ledger, receipts)
    return int(ExitCode.VIOLATED if dropped else report.exit_code())


def _write_beside(
    report: Report,
    ledger: str,
    trust: tuple[Trust, bytes] | None,
    drawn: "tuple[Samples | None, Path | None]",
    signing: "tuple[list[Signer], Path | None]",
) -> None:
    """Write what was drawn and what is attested, each where it was asked for."""
    (samples, folder), (keys, out) = drawn, signing
    if trust is None:
        return
    if samples is not None and folder is not None:
        write_pack(samples, report, ledger, trust, folder)
    if out is not None:
        attest(report, ledger, trust, out, keys, version=writ_version())


def _format(settings: Settings, flag: str | None) -> str:
    """Return how the report is written.

    Raises:
        UsageError: There is no such format.
    """
    chosen = settings.get("format", flag)
    if chosen.value not in FORMATS:
        raise UsageError(
            "format.unknown",
            f"{chosen.origin}: there is no format {chosen.value!r}",
            do=f"The formats are: {', '.join(FORMATS)}.",
        )
    return chosen.value


def processors() -> int:
    """Return how many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def _dropped(ledger: str, receipts: Path) -> int:
    """Say which acknowledged entries the ledger does not show, and return how many."""
    from ledger.receipts import missed
    from ledger.store import Store

    count = 0
    with Store.open(ledger) as store:
        for one in missed(store, receipts):
            count += 1
            message(
                f"writ: receipts.{one.why}: {receipts}, line {one.line}: entry "
                f"{one.receipt.index} was acknowledged with record {one.receipt.record}, and "
                + ("there is none" if one.why == "missing" else "another one stands there")
            )
    if not count:
        message(f"writ: every receipt in {receipts} is of an entry that this ledger shows")
    return count


def findings(
    ledger: LedgerArgument,
    trust: TrustOption = None,
    rule: Annotated[
        str, typer.Option("--rule", metavar="ID", help="Only this rule, or this code.")
    ] = "",
    run: Annotated[str, typer.Option("--run", metavar="ID", help="Only this run.")] = "",
    undecidable: Annotated[
        bool, typer.Option("--undecidable", help="Also what could not be decided, and advice.")
    ] = False,
    handled: Annotated[
        bool, typer.Option("--handled", help="Also what was denied, held or approved, and how.")
    ] = False,
) -> None:
    """List findings, one a line: id, result, rule, entry, run, tool. Exits as `verify` does.

    Without a flag only what was violated.
    """
    from verifier.reports.text import place

    report = verified(ledger, trust_of(trust, current()))
    asked = {"violated": True, "undecidable": undecidable, "handled": handled}
    for found in report.findings:
        if rule not in {"", found.rule, found.code} or run not in {"", found.run}:
            continue
        if asked[found.result]:
            how = f"  {found.handled}" if found.handled else ""
            data(f"{found.id}  {found.result}  {found.code}  {place(found)}{how}\n")
    raise typer.Exit(int(report.exit_code()))


def with_time(
    trust: Trust | None, at: str | None, checkpoints: Sequence[Path] = ()
) -> Trust | None:
    """Return the trust with what the command line adds: a time, and heads to be contained.

    Raises:
        UsageError: It is no time; or there are heads, and no trust file that says whose.
    """
    from ledger.clock import parse_time

    if trust is None:
        if checkpoints:
            raise UsageError(
                "verify.checkpoint", "--checkpoint pins a head of the ledger that --trust names"
            )
        return None
    pins = tuple(Pin(str(path), _note(path)) for path in checkpoints)
    trust = replace(trust, pins=(*trust.pins, *pins))
    if at is None:
        return trust
    whole = at if "." in at else at.replace("Z", ".000000Z")
    try:
        return replace(trust, at=int(parse_time(whole).timestamp()))
    except ValueError as error:
        raise UsageError("verify.at", f"--at: {at!r} is no time in UTC, RFC 3339") from error


def _note(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise CommandError("trust.checkpoint", f"{path}: no checkpoint: not in UTF-8") from error


def _say_contained(ledger: str, trust: Trust) -> None:
    """Say of each pinned head whether the entries lead to it: a report names the first break."""
    from ledger.checkpoint import parse_checkpoint, parse_note
    from ledger.errors import StoreError
    from ledger.store import Store
    from verifier.splitting import contained

    pins = trust.all_pins()
    heads = [parse_checkpoint(parse_note(pin.note.encode()).text) for pin in pins]
    try:
        with Store.open(ledger) as store:
            found = contained(store, heads)
    except StoreError as error:
        message(f"writ: which heads it contains cannot be said: {error}")
        return
    for pin, head, holds in zip(pins, heads, found, strict=True):
        how = "in the ledger" if holds else "NOT in the ledger"
        message(f"writ: {pin.name}, of {head.size:,} entries: {how}")


def verified(  # noqa: PLR0913 - each is something that may be asked for
    ledger: str,
    pinned: Trust | None,
    *,
    conformance: bool = True,
    jobs: int = 1,
    sealed: Opened | None = None,
    state: Path | None = None,
    engines: Engines = Engines.AUTO,
    samples: "Samples | None" = None,
    against: "Reconciliation | None" = None,
) -> Report:
    """Verify a ledger, with a progress bar where somebody is watching.

    With a state only what is new is read, and what was done is said.

    Raises:
        CommandError: The ledger or the trust file cannot be read.
        StateError: The state cannot be used.
    """
    from verifier.asking import Asking
    from verifier.load import verify_ledger
    from verifier.state import State

    asking = Asking(jobs)
    with ExitStack() as held:
        held.callback(asking.close)
        kept = None if state is None else held.enter_context(State.open(state, pinned))
        report = verify_ledger(
            ledger,
            pinned,
            progress=held.enter_context(progress("verifying")),
            conformance=conformance,
            jobs=jobs,
            opener=sealed.sealing if sealed else None,
            disclosures=sealed.disclosures if sealed else (),
            state=kept,
            engines=engines,
            asking=asking,
            samples=samples,
            against=against,
        )
    if kept is not None:
        message(f"writ: {kept.said()}")
    for said in asking.said():
        message(f"writ: {said}")
    return report


def trust_of(flag: Path | None, settings: Settings) -> Trust | None:
    """Return the trust file that the command or the settings name; None where neither does.

    Raises:
        CommandError: It cannot be read, or is not a trust file.
    """
    found = trust_file(flag, settings)
    return None if found is None else found[0]


def trust_file(flag: Path | None, settings: Settings) -> tuple[Trust, bytes] | None:
    """Return the trust file that the command or the settings name, and its bytes.

    Raises:
        CommandError: It cannot be read, or is not a trust file.
    """
    setting = settings.get("trust", None if flag is None else str(flag))
    if not setting.value:
        return None
    path = Path(setting.value)
    try:
        raw = path.read_bytes()
        # Where no time is given the age of cosignatures is measured against now.
        return replace(parse_trust(raw, str(path)), at=int(time.time())), raw
    except OSError as error:
        raise CommandError(
            "trust.unreadable",
            f"{path}: {error.strerror} (named by {setting.origin})",
            do="Ask whoever audits this ledger for its trust file.",
        ) from error
    except TrustError as error:
        raise CommandError(error.code, str(error)) from error
