"""`writ witness`: cosignatures, on both sides, and what two heads show of one ledger."""

import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from verifier.report import ExitCode
from writ.commands.verify import TrustOption, trust_of
from writ.errors import CommandError, UsageError
from writ.output import data, message
from writ.settings import current

if TYPE_CHECKING:
    from ledger.checkpoint import VerifierKey
    from ledger.head_signer import HeadSigner
    from ledger.store import Store
    from ledger.witness import Witness
    from ledger.witnessing import HttpWitness
    from verifier.trust import Trust

KEY, NAME, LOGS = "witness.pem", "witness.vkey", "logs"

app = typer.Typer(
    name="witness", help="Be a witness, ask witnesses, compare heads.", no_args_is_help=True
)

DirOption = Annotated[
    Path, typer.Option("--dir", metavar="DIR", help="The witness's folder: key and memory.")
]
LogOption = Annotated[
    list[str] | None,
    typer.Option("--log", metavar="VKEY", help="A log to cosign, besides those in DIR/logs."),
]
LedgerArgument = Annotated[
    str, typer.Argument(metavar="LEDGER", help="A ledger: a .db file or a database URL.")
]
KeysOption = Annotated[
    Path | None,
    typer.Option("--keys", metavar="DIR", help="Folder of the keys; default: beside the file."),
]
WitnessOption = Annotated[
    list[str],
    typer.Option("--witness", metavar="URL=VKEY", help="A witness: where it is, and its key."),
]


# ------------------------------------------------------------------ the witness's side


@app.command("new")
def new(
    folder: DirOption,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Such as witness.example/w1.")
    ],
) -> None:
    """Make a witness's key, and print its verifier key for trust files and logs."""
    from ledger.checkpoint import COSIGNATURE, VerifierKey, check_origin
    from ledger.files import make_private_folder, replace_file
    from ledger.signing import FileKey

    check_origin(name)
    make_private_folder(folder)
    key = FileKey.create(folder / KEY, secrets.token_bytes(32))
    vkey = VerifierKey(name, key.public_key, COSIGNATURE)
    replace_file(folder / NAME, f"{vkey}\n".encode())
    data(f"{vkey}\n")


@app.command("serve")
def serve(
    folder: DirOption,
    listen: Annotated[str, typer.Option("--listen", metavar="HOST:PORT")] = "127.0.0.1:7380",
    log: LogOption = None,
) -> None:
    """Cosign logs over HTTP (C2SP tlog-witness), until interrupted."""
    from writ.witness_server import SixServer, WitnessServer

    host, _, port = listen.rpartition(":")
    if not port.isdigit() or not host or int(port) > 65_535:  # noqa: PLR2004 - the last port
        raise UsageError("witness.listen", f"--listen: {listen!r} is not HOST:PORT")
    address = (host.strip("[]"), int(port))
    witness = _witness(folder, log)
    with (SixServer if ":" in address[0] else WitnessServer)(address, witness) as server:
        at = f"{listen.rpartition(':')[0]}:{server.server_address[1]}"
        message(f"writ: {witness.key.name} listens at http://{at}")
        server.serve_forever()


@app.command("answer")
def answer(
    request: Annotated[Path, typer.Argument(metavar="REQUEST", help="What `request` wrote.")],
    folder: DirOption,
    log: LogOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the line to a file.")
    ] = None,
) -> None:
    """Cosign one head from a file: a witness without a network. Exits 1 where it refuses."""
    from ledger.witness import WitnessRefusalError

    try:
        line = _witness(folder, log).add_checkpoint(request.read_bytes())
    except WitnessRefusalError as error:
        data(f"REFUSED ({int(error.status)}): {error}\n")
        raise typer.Exit(int(ExitCode.VIOLATED)) from error
    data(line.decode(), out)


def _witness(folder: Path, logs: Sequence[str] | None) -> "Witness":
    from ledger.signing import FileKey
    from ledger.witness import Witness, parse_log

    key = FileKey.load(folder / KEY)
    name = (folder / NAME).read_text("utf-8").partition("+")[0]
    kept = (folder / LOGS).read_text("utf-8").split() if (folder / LOGS).exists() else []
    known = [parse_log(text) for text in (*kept, *(logs or ()))]
    if not known:
        raise UsageError(
            "witness.logs",
            "no log to cosign",
            do=f"Name one with --log VKEY, or a line in {folder / LOGS}. A ledger's is printed by "
            "writ witness log-key LEDGER.",
        )
    return Witness(name, key, folder, known, lambda: int(time.time()))


# ----------------------------------------------------------------- the operator's side


@app.command("log-key")
def log_key(ledger: LedgerArgument, keys: KeysOption = None) -> None:
    """Print the verifier key of a ledger's heads, for its witnesses."""
    from ledger.checkpoint import VerifierKey

    signer, origin = _head_signer(ledger, keys)
    data(f"{VerifierKey(origin, signer.public_key)}\n")


@app.command("cosign")
def cosign(
    ledger: LedgerArgument,
    witness: WitnessOption,
    keys: KeysOption = None,
    every: Annotated[
        float | None,
        typer.Option("--every", metavar="SECONDS", min=0.1, help="Again and again, until stopped."),
    ] = None,
) -> None:
    """Have witnesses cosign the newest signed head, and keep their lines in the ledger.

    Exits 0 when all did, 1 when one is ahead of the ledger, 3 when one did not answer or refused.
    """
    from ledger.store import Store

    links = _links(witness)
    signer, _ = _head_signer(ledger, keys)
    while True:
        with Store.open(ledger, writable=True) as store:
            code = _asked(store, signer, links)
        if every is None or code is ExitCode.VIOLATED:
            raise typer.Exit(int(code))
        time.sleep(every)


def _asked(store: "Store", signer: "HeadSigner", links: "Sequence[HttpWitness]") -> ExitCode:
    from ledger.witnessing import Word, ask_witnesses

    words: set[Word] = set()
    for told in ask_witnesses(store, signer, links):
        words.add(told.word)
        data(f"{told.name}: {told.word} at {told.size:,} entries{_because(told.what)}\n")
    if Word.AHEAD in words:
        message("writ: head.witness-ahead: appends to this ledger are stopped")
        message("  Restore the store that the witness has seen, then: writ witness resolve")
        return ExitCode.VIOLATED
    return ExitCode.HOLDS if words <= {Word.COSIGNED} else ExitCode.UNDECIDABLE


def _because(what: str) -> str:
    return f": {what}" if what else ""


@app.command("request")
def request(
    ledger: LedgerArgument,
    old: Annotated[
        int, typer.Option("--old", min=0, help="The size that the witness cosigned last.")
    ] = 0,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write it to a file.")
    ] = None,
) -> None:
    """Write what a witness without a network is asked: the newest head, and its proof."""
    from ledger.store import Store
    from ledger.witness import request_bytes
    from ledger.witnessing import request_for

    with Store.open(ledger) as store:
        data(request_bytes(request_for(store, old)).decode(), out)


@app.command("keep")
def keep(
    ledger: LedgerArgument,
    line: Annotated[Path, typer.Argument(metavar="LINE", help="What the witness answered.")],
    key: Annotated[str, typer.Option("--key", metavar="VKEY", help="The witness's key.")],
) -> None:
    """Check a witness's line from a file, and keep it in the ledger."""
    from ledger.store import Store
    from ledger.witnessing import keep_lines

    with Store.open(ledger, writable=True) as store:
        size = keep_lines(store, line.read_bytes(), _witness_key(key))
    data(f"kept under the head of {size:,} entries\n")


@app.command("resolve")
def resolve(
    ledger: LedgerArgument,
    witness: Annotated[
        list[str] | None,
        typer.Option("--witness", metavar="URL=VKEY", help="A witness: where it is, and its key."),
    ] = None,
    keys: KeysOption = None,
    override: Annotated[
        str | None,
        typer.Option(
            "--override",
            metavar="REASON",
            help="The witness is wrong, and why. What it said is kept; doctor goes on saying so.",
        ),
    ] = None,
) -> None:
    """Let appends go on after a witness was ahead, if the right store is back.

    It is when the witnesses named cosign its head, and it contains the head that one showed. Where
    a witness is wrong, --override lets them go on; not over a head that this ledger's key signed.
    """
    from ledger.store import Store

    if bool(witness) is (override is not None):
        raise UsageError(
            "witness.resolve", "name the witnesses to ask, or --override with a reason"
        )
    signer, _ = _head_signer(ledger, keys)
    stopped = signer.stop.said()
    if stopped is None:
        data("appends are not stopped\n")
        return
    with Store.open(ledger, writable=True) as store:
        code = _missing(store, stopped[1])
        if code is ExitCode.HOLDS and witness:
            code = _asked(store, signer, _links(witness))
    if code is not ExitCode.HOLDS:
        raise CommandError(
            "head.witness-ahead",
            f"{stopped[0]}, and this store still lacks it",
            do="Restore the store that the witness has seen. If the witness is wrong: --override.",
            exit_code=code,
        )
    if override is not None:
        _overridden(signer, override)
        return
    signer.stop.resolve()
    data("the store contains what the witnesses have seen: appends go on\n")


def _missing(store: "Store", shown: bytes) -> ExitCode:
    """Tell whether a store lacks the head that a witness showed, signed by the ledger's own key."""
    from ledger.checkpoint import parse_checkpoint, parse_note
    from ledger.witnessing import contains

    lacks = shown and not contains(store, parse_checkpoint(parse_note(shown).text))
    return ExitCode.VIOLATED if lacks else ExitCode.HOLDS


def _overridden(signer: "HeadSigner", reason: str) -> None:
    from ledger.clock import system_clock

    if not reason.strip():
        raise UsageError("witness.resolve", "--override: a reason is needed")
    kept = signer.stop.override(reason, system_clock())
    data(f"appends go on; what the witness said, and the reason, are kept in {kept}\n")
    message("  Ask that witness no more: it would stop them again. Tell whoever counts on it.")


def _links(given: Sequence[str]) -> "list[HttpWitness]":
    from ledger.witnessing import HttpWitness

    links: list[HttpWitness] = []
    for text in given:
        url, equals, key = text.partition("=")
        if not equals:
            raise UsageError("witness.unknown", f"--witness: {text!r} is not URL=VKEY")
        links.append(HttpWitness(url, _witness_key(key)))
    return links


def _witness_key(text: str) -> "VerifierKey":
    from ledger.checkpoint import COSIGNATURE, parse_verifier_key

    return parse_verifier_key(text, COSIGNATURE)


def _head_signer(ledger: str, keys: Path | None) -> "tuple[HeadSigner, str]":
    from ledger.founding import keys_beside, open_founded

    if keys is None and "://" in ledger:
        raise UsageError(
            "witness.keys", "a ledger at a URL has no keys beside it", do="Name them: --keys DIR."
        )
    founded = open_founded(ledger, keys or keys_beside(ledger))
    return founded.head_signer(), founded.origin


# ------------------------------------------------------------------- the auditor's side


@app.command("compare")
def compare(
    first: Annotated[Path, typer.Argument(metavar="CHECKPOINT_A")],
    second: Annotated[Path, typer.Argument(metavar="CHECKPOINT_B")],
    trust: TrustOption = None,
    ledger: Annotated[
        str | None, typer.Option("--ledger", metavar="LEDGER", help="Has the entries of both.")
    ] = None,
    proof: Annotated[
        Path | None,
        typer.Option("--proof", metavar="FILE", help="Consistency proof, a base64 hash a line."),
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option("--log", metavar="VKEY", help="The log's key, where no ledger shows it."),
    ] = None,
) -> None:
    """Tell whether two signed heads are of one history, or prove that two were signed.

    Exits 0 when they are consistent, 1 when the ledger's key signed two histories (both notes are
    printed: whoever knows the key can check them), 3 when that takes a proof that is not there.
    """
    from verifier.splitting import Verdict, compared, compared_in, proof_from

    notes = [first.read_bytes(), second.read_bytes()]
    origin, keys = _log_keys(notes, ledger, key, trust_of(trust, current()))
    found = compared(notes, origin, keys, proof_from(proof.read_bytes()) if proof else None)
    if found.verdict is Verdict.UNPROVEN and ledger is not None:
        from ledger.store import Store

        with Store.open(ledger) as store:
            found = compared_in(store, found.heads)
    data(f"{found.verdict.upper()}: {found.what}\n")
    if found.verdict is Verdict.SPLIT:
        data("".join(f"\n{note.decode()}" for note in notes))
    codes = {Verdict.SAME: ExitCode.HOLDS, Verdict.SPLIT: ExitCode.VIOLATED}
    raise typer.Exit(int(codes.get(found.verdict, ExitCode.UNDECIDABLE)))


def _log_keys(
    notes: Sequence[bytes], ledger: str | None, given: Sequence[str] | None, trust: "Trust | None"
) -> tuple[str, tuple[bytes, ...]]:
    """Return the origin, and the keys that may sign its heads: as given, or as a ledger has them.

    Raises:
        UsageError: Nothing names them.
    """
    from ledger.checkpoint import parse_checkpoint, parse_note
    from ledger.store import Store
    from ledger.witness import parse_log
    from verifier.founding import Founding

    if given:
        logs = [parse_log(text) for text in given]
        return logs[0].name, tuple(log.public_key for log in logs if log.name == logs[0].name)
    if ledger is None or trust is None:
        raise UsageError(
            "witness.log",
            "nothing says which key signs this ledger's heads",
            do="Name it with --log VKEY, or the ledger and its trust file: --ledger and --trust.",
        )
    with Store.open(ledger) as store:
        founding = Founding.read(store, trust)
    sizes = {parse_checkpoint(parse_note(note).text).size for note in notes}
    return founding.origin, tuple({key for size in sizes for key in founding.head_keys(size)})
