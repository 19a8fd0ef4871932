"""Attestations on the command line: signed once a ledger was verified, and checked against it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from writ.errors import CommandError, UsageError
from writ.output import data, message

if TYPE_CHECKING:
    from ledger.signing import Signer
    from verifier.attestation import Attestation, Held
    from verifier.report import Report
    from verifier.trust import Trust

CHECK_SCHEMA = "writ/attestation-check/v1"

AttestOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--attest", metavar="KEYFILE", help="Sign what was found with this key. May be repeated."
    ),
]
AttestationOption = Annotated[
    Path | None,
    typer.Option("--attestation", metavar="FILE", help="With --attest: where it is written."),
]
CheckAttestationOption = Annotated[
    Path | None,
    typer.Option(
        "--check-attestation", metavar="FILE", help="Verify, and compare with what was attested."
    ),
]
AttestKeyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--attest-key",
        metavar="PUBLIC",
        help="With --check-attestation: the public key that must have signed. May be repeated.",
    ),
]
Verify = Callable[["Trust"], "Report"]


@dataclass(frozen=True, slots=True)
class Attesting:
    """What the command line asks for.

    Attributes:
        keys: Key files to sign with.
        out: Where the attestation is written.
        check: The attestation to check.
        public: The keys that must have signed it.
    """

    keys: Sequence[Path] = ()
    out: Path | None = None
    check: Path | None = None
    public: Sequence[str] = ()

    def refuse(self, trust: "tuple[Trust, bytes] | None", **others: object) -> None:
        """Refuse what does not go together, where an attestation is asked for.

        Args:
            trust: The trust file and its bytes, if there is one.
            others: Options by which a report would rest on more than ledger and trust file.

        Raises:
            UsageError: It does not.
        """
        if not (self.keys or self.out or self.check or self.public):
            return
        if self.keys and self.check:
            raise UsageError(
                "attestation.what", "either --attest, or --check-attestation: not both"
            )
        if bool(self.keys) != bool(self.out):
            raise UsageError(
                "attestation.out",
                "--attest KEYFILE and --attestation FILE go together",
                do="writ verify LEDGER --trust FILE --attest KEYFILE --attestation FILE",
            )
        if bool(self.check) != bool(self.public):
            raise UsageError(
                "attestation.key",
                "an attestation is checked against the key of whoever signed it, obtained from "
                "them: --check-attestation FILE --attest-key PUBLIC",
                do="writ keys public KEYFILE prints a key's public part.",
            )
        if trust is None:
            raise UsageError(
                "attestation.no-trust",
                "an attestation rests on a trust file, and none is named",
                do="Name the ledger's trust file with --trust.",
            )
        asked = [name for name, value in others.items() if value]
        if asked:
            raise UsageError(
                "attestation.inputs",
                f"an attestation rests on the ledger and the trust file: not on --{asked[0]}",
            )

    def signers(self) -> "list[Signer]":
        """Load the keys to sign with. They are asked for before a long verification begins.

        Raises:
            LedgerError: One cannot be used.
            CommandError: One is there twice.
        """
        from ledger.external import load_key
        from writ.asking import passphrase

        found = [load_key(path, passphrase) for path in self.keys]
        if len({one.public_key for one in found}) != len(found):
            raise UsageError("attestation.key", "--attest names the same key twice")
        return found

    def public_keys(self) -> list[bytes]:
        """Return the keys that must have signed.

        Raises:
            UsageError: One is no public key.
        """
        from ledger.errors import KeyFormatError
        from ledger.keys import parse_public_key

        try:
            return [parse_public_key(text) for text in self.public]
        except KeyFormatError as error:
            raise UsageError("attestation.key", f"--attest-key: {error}") from error


def attest(
    report: "Report",
    ledger: str,
    trust: "tuple[Trust, bytes]",
    out: Path,
    keys: "list[Signer]",
    *,
    version: str,
) -> None:
    """Sign what a verification found, and write it. `version` is this tool's.

    Raises:
        CommandError: It cannot be attested, or not with one of these keys, or not written.
    """
    from verifier.attestation import (
        PAYLOAD_TYPE,
        RefusedAttestationError,
        predicate_of,
        statement_bytes,
    )
    from verifier.dsse import envelope_text
    from verifier.report import ExitCode

    pinned, raw = trust
    try:
        predicate = predicate_of(report, raw, pinned.at or 0, version)
        refuse_own(ledger, [one.public_key for one in keys])
    except RefusedAttestationError as error:
        raise CommandError(
            error.code, f"{ledger}: not attested: {error}", exit_code=ExitCode.VIOLATED
        ) from error
    signing = [(one.public_key, one.sign) for one in keys]
    data(envelope_text(PAYLOAD_TYPE, statement_bytes(predicate), signing), out)
    for one in keys:
        message(f"writ: attested in {out}, signed by the key {one.public_key.hex()}")


def refuse_own(ledger: str, keys: Sequence[bytes]) -> None:
    """Refuse keys of the ledger itself: whoever keeps it cannot vouch for it.

    Raises:
        RefusedAttestationError: One is (`attestation.own-key`).
    """
    from ledger.admission import read_authority
    from ledger.keys import fingerprint
    from verifier.attestation import RefusedAttestationError
    from verifier.load import open_source

    source = open_source(ledger)
    try:
        authority = read_authority(source)
    finally:
        source.close()
    for key in keys:
        known = authority.public_key(fingerprint(key)) is not None
        if known or key.hex() in authority.roots:
            what = f"{key.hex()} is a key of the ledger's own: whoever keeps it cannot vouch for it"
            raise RefusedAttestationError(what, code="attestation.own-key")


def check(
    asked: Attesting,
    ledger: str,
    trust: "tuple[Trust, bytes]",
    verify: Verify,
    *,
    conformance: bool,
) -> tuple[str, dict[str, Any], int]:
    """Check an attestation: verify the ledger again, and compare.

    Args:
        asked: What is checked, and against which keys.
        ledger: The ledger.
        trust: The trust file, and its bytes.
        verify: Verifies the ledger under a trust file.
        conformance: Whether records are decided again.

    Returns:
        What is said to a person, the same for a program, and the exit code.

    Raises:
        CommandError: It cannot be read.
        VerifierError: It is no attestation; or the ledger cannot be read.
    """
    from verifier.attestation import RefusedAttestationError, open_attestation
    from verifier.report import ExitCode
    from verifier.reports.text import printable

    keys = asked.public_keys()
    attested: Attestation | None = None
    try:
        attested = open_attestation(_read(asked.check or Path()), keys)
        held, report = _compared(attested, ledger, trust, verify, conformance=conformance)
    except RefusedAttestationError as error:
        code = int(ExitCode.VIOLATED)
        body = _body(attested, code, failed=(error.code, str(error)))
        said = printable(f"Attestation: DOES NOT HOLD · {error.code}: {error}")
        return f"{said}\n", body, code
    code = int(report.exit_code())
    return _said(attested, held, code), _body(attested, code, held=held), code


def check_text(found: tuple[str, dict[str, Any], int], format_: str) -> str:
    """Return what a check found, for a person or for a program."""
    text, body, _ = found
    if format_ == "text":
        return text
    return json.dumps(body, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _read(path: Path) -> bytes:
    from verifier.dsse import MAX_ENVELOPE

    try:
        with path.open("rb") as file:
            return file.read(MAX_ENVELOPE + 1)
    except OSError as error:
        raise CommandError("attestation.unreadable", f"{path}: {error.strerror}") from error


def _compared(
    attested: "Attestation",
    ledger: str,
    trust: "tuple[Trust, bytes]",
    verify: Verify,
    *,
    conformance: bool,
) -> "tuple[Held, Report]":
    from verifier.attestation import check_after, check_before, heads_of
    from verifier.load import open_source
    from verifier.splitting import contained

    said, (pinned, raw) = attested.predicate, trust
    check_before(said, raw, conformance=conformance)
    # Ages are measured against when it was attested: else the same ledger would have another
    # report every day.
    report = verify(replace(pinned, at=said.at))
    heads = heads_of(said, report)
    source = open_source(ledger)
    try:
        found = contained(source, heads)
    finally:
        source.close()
    refuse_own(ledger, sorted(attested.keys))
    return check_after(said, report, raw, found), report


def _said(attested: "Attestation", held: "Held", code: int) -> str:
    from verifier.reports.text import printable

    said = attested.predicate
    total = said.conformance.total
    since = f"{held.since:,} entries since" if held.since else "no entry since"
    decided = (
        f"{total.violated:,} violated · {total.undecidable:,} undecidable · "
        f"{total.handled:,} handled · {total.satisfied:,} satisfied"
        if said.conformance.performed
        else "NOT JUDGED: integrity alone was attested"
    )
    again = (
        "was made again from the ledger, and is the attested one"
        if held.compared
        else "was not compared: the ledger has grown, and what came since is in it"
        if held.since
        else "was not compared: no record was decided again now"
    )
    lines = [
        f"Attestation: HOLDS · attested at size {said.ledger.size:,}, {since}",
        f"  ledger {said.ledger.origin}, genesis {said.ledger.genesis}",
        *(f"  signed by the key {key.hex()}" for key in sorted(attested.keys)),
        f"  at {said.verified_at}, by {said.verifier.name} {said.verifier.version}",
        f"  integrity {said.integrity.verdict} · {decided} · answer {said.exit_code}",
        f"  report {said.report.sha256}",
        f"    {again}",
        f"Answer now: {code}",
        "What this does not prove",
        *(f"  - {limit}" for limit in (*said.not_proven, *said.limits)),
    ]
    return "\n".join(printable(line) for line in lines) + "\n"


def _body(
    attested: "Attestation | None",
    code: int,
    *,
    held: "Held | None" = None,
    failed: tuple[str, str] = ("", ""),
) -> dict[str, Any]:
    said = None
    if attested is not None:
        said = attested.predicate.model_dump(mode="json", by_alias=True)
    return {
        "schema": CHECK_SCHEMA,
        "holds": held is not None,
        "code": failed[0],
        "what": failed[1],
        "since": 0 if held is None else held.since,
        "report_compared": held is not None and held.compared,
        "keys": [] if attested is None else sorted(key.hex() for key in attested.keys),
        "attested": said,
        "exit_code": code,
    }
