"""`writ keys`: keys, who holds them, and changing that with the signatures of the root keys."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from writ.applying import applied
from writ.asking import new_passphrase, other_passphrase, passphrase
from writ.commands.init import KeysOption, PlainOption
from writ.errors import CommandError, UsageError
from writ.output import data, message

if TYPE_CHECKING:
    from ledger.proposal import Proposal
    from writ.amending import Asked

app = typer.Typer(help="Keys, and who may write what.", no_args_is_help=True)

LedgerArgument = Annotated[
    str, typer.Argument(metavar="LEDGER", help="A .db file or a database URL.")
]
ProposalArgument = Annotated[
    Path, typer.Argument(metavar="PROPOSAL", help="A file that writ keys propose made.")
]
OutOption = Annotated[Path, typer.Option("--out", metavar="FILE", help="The new file.")]
AddIdentity = Annotated[
    str | None, typer.Option("--add-identity", metavar="ID", help="Needs --owner and --role.")
]
Owner = Annotated[str | None, typer.Option("--owner", metavar="WHO", help="Who answers for it.")]
Role = Annotated[
    list[str] | None, typer.Option("--role", metavar="ROLE", help="May be given again.")
]
AddKey = Annotated[
    list[str] | None,
    typer.Option("--add-key", metavar="ID=PUBLIC", help="With :head behind it, for heads."),
]
Rotate = Annotated[
    list[str] | None,
    typer.Option("--rotate", metavar="FINGERPRINT=PUBLIC", help="One key for another."),
]
Revoke = Annotated[
    list[str] | None,
    typer.Option("--revoke", metavar="FINGERPRINT", help="Refuse a key from now on."),
]
CompromisedSince = Annotated[
    int | None,
    typer.Option("--compromised-since", metavar="INDEX", min=0, help="Of what is revoked."),
]
Remove = Annotated[list[str] | None, typer.Option("--remove", metavar="ID", help="With its keys.")]
Delegate = Annotated[
    str | None, typer.Option("--delegate", metavar="ID=WHO", help="Needs --since and --until.")
]
Since = Annotated[str, typer.Option("--since", metavar="TIME", help="RFC 3339, with a zone.")]
Until = Annotated[str, typer.Option("--until", metavar="TIME", help="RFC 3339, with a zone.")]
Root = Annotated[
    list[str] | None,
    typer.Option("--root", metavar="PUBLIC", help="Root keys from then on: all of them."),
]
Threshold = Annotated[
    int | None,
    typer.Option("--threshold", metavar="M", min=1, help="Root signatures needed then."),
]
KeyFileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A key file.")]


@app.command("new")
def new(
    out: OutOption,
    plain: PlainOption = False,
) -> None:
    """Make a key in a new file, and print its public key and fingerprint."""
    import secrets

    from ledger.signing import FileKey

    key = FileKey.create(out, secrets.token_bytes(32), None if plain else new_passphrase)
    data(_named(key.public_key))


@app.command("public")
def public(file: KeyFileArgument) -> None:
    """Print the public key and fingerprint of a key file."""
    from ledger.external import load_key

    data(_named(load_key(file, passphrase).public_key))


def _named(public_key: bytes) -> str:
    from ledger.keys import fingerprint

    return f"public key  {public_key.hex()}\nfingerprint {fingerprint(public_key)}\n"


@app.command("passwd")
def passwd(file: KeyFileArgument, plain: PlainOption = False) -> None:
    """Put a key file under another passphrase: WRIT_NEW_PASSPHRASE, or a prompt.

    A ledger's sealing key is such a file too.
    """
    from ledger.sealing import is_sealing_key, relock
    from ledger.signing import FileKey

    new = None if plain else other_passphrase
    if is_sealing_key(file):
        relock(file, passphrase, new)
    else:
        FileKey.load(file, passphrase).rewrite(new)
    message(f"writ: {file} is under {'no passphrase' if plain else 'the new passphrase'}")


@app.command("list")
def listed(ledger: LedgerArgument) -> None:
    """List who may write what by the ledger's last authority document, and with which keys.

    It says what the ledger says: `writ verify` checks that.
    """
    from writ.authority_text import authority_text

    data(authority_text(ledger))


@app.command("propose")
def propose(  # noqa: PLR0913, PLR0917  (one parameter for each option)
    ledger: LedgerArgument,
    out: OutOption,
    add_identity: AddIdentity = None,
    owner: Owner = None,
    role: Role = None,
    add_key: AddKey = None,
    rotate: Rotate = None,
    revoke: Revoke = None,
    compromised_since: CompromisedSince = None,
    remove: Remove = None,
    delegate: Delegate = None,
    since: Since = "",
    until: Until = "",
    root: Root = None,
    threshold: Threshold = None,
) -> None:
    """Write a proposal to change who may write what, for the holders of the root keys to sign.

    An ID is an identity's URI, or its last part. What is not named stays as it is.
    """
    from writ.amending import Asked

    if out.exists():
        raise CommandError("output.taken", f"{out}: is there already")
    asked = Asked(
        add_identity=add_identity,
        owner=owner,
        roles=role or (),
        add_keys=add_key or (),
        rotate=rotate or (),
        revoke=revoke or (),
        compromised_since=compromised_since,
        remove=remove or (),
        delegate=delegate,
        window=(since, until),
        roots=root or (),
        threshold=threshold,
    )
    _propose(ledger, out, asked)


def _propose(ledger: str, out: Path, asked: "Asked") -> None:
    from ledger.admission import read_authority
    from ledger.amendment import Amendment
    from ledger.founding import identity_of
    from ledger.proposal import Proposal, in_words, parse_proposal, proposal_text
    from ledger.store import Store
    from writ.authority_text import genesis_of

    with Store.open(ledger) as store:
        genesis, origin = genesis_of(store, ledger)
        authority = read_authority(store)
    before = authority.documents[-1].document
    amendment = Amendment(before)
    asked.apply(amendment, lambda name: name if ":" in name else identity_of(origin, name))
    proposal = Proposal(
        origin=origin,
        genesis=genesis,
        roots=tuple(sorted(authority.roots)),
        threshold=authority.threshold,
        before=before,
        document=amendment.document(),
    )
    proposal = parse_proposal(proposal_text(proposal).encode())
    write_proposal(out, proposal)
    data(in_words(proposal))


def write_proposal(out: Path, proposal: "Proposal") -> None:
    """Write a proposal's file in one step, so that a signature is never half in it.

    Raises:
        CommandError: It cannot be written.
    """
    from ledger.files import replace_file
    from ledger.proposal import proposal_text

    try:
        replace_file(out, proposal_text(proposal).encode())
    except OSError as error:
        raise CommandError("output.unwritable", f"{out}: {error.strerror}") from error


def _read(file: Path) -> "Proposal":
    from ledger.proposal import MAX_BYTES, parse_proposal

    with file.open("rb") as opened:
        return parse_proposal(opened.read(MAX_BYTES + 1))


@app.command("sign")
def sign(
    file: ProposalArgument,
    key: Annotated[Path, typer.Option("--key", metavar="KEYFILE", help="A root key.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask at the terminal.")] = False,
) -> None:
    """Show what a proposal changes, and add a root key's signature to the file.

    It needs no ledger, and no network.
    """
    import sys

    from ledger.external import load_key
    from ledger.proposal import in_words, sign_proposal

    proposal = _read(file)
    data(in_words(proposal))
    if not yes and sys.stdin.isatty():
        typer.confirm("Sign it?", abort=True, err=True)
    signed = sign_proposal(proposal, load_key(key, passphrase))
    write_proposal(file, signed)
    more = f"{signed.missing} more needed" if signed.missing else "enough to apply it"
    message(f"writ: signed: {len(signed.signatures)} signatures, {more}")


@app.command("apply")
def apply(
    ledger: LedgerArgument,
    file: ProposalArgument,
    by: Annotated[
        str, typer.Option("--as", metavar="NAME", help="Who appends it: a steward.")
    ] = "steward",
    keys: KeysOption = None,
    head_key: Annotated[
        Path | None,
        typer.Option("--head-key", metavar="KEYFILE", help="The new head key, if there is one."),
    ] = None,
) -> None:
    """Append a signed proposal to its ledger; one that founds a ledger makes it.

    The ledger checks it again: signatures, threshold, and that nothing came in between. With
    --head-key that key takes over from the head key before, and signs the head; after an
    interruption the same command goes on from where it was.
    """
    proposal = _read(file)
    if proposal.missing:
        raise CommandError(
            "authority.signatures",
            f"{file}: {proposal.missing} more root signatures are needed",
            do=f"writ keys sign {file} --key KEYFILE",
        )
    if proposal.genesis is None:
        _begin(ledger, proposal, keys)
    else:
        _append(ledger, proposal, by, keys, head_key)


def _begin(ledger: str, proposal: "Proposal", keys: Path | None) -> None:
    from ledger.founding import found_proposed

    if keys is None and "://" in ledger:
        raise UsageError("init.keys", "a ledger at a URL needs a folder for its keys: --keys DIR")
    founded = found_proposed(ledger, proposal, keys, passphrase=passphrase)
    message(f"writ: made the ledger {ledger}")
    data(f"genesis {founded.genesis}\n")


def _append(
    ledger: str, proposal: "Proposal", by: str, keys: Path | None, head_key: Path | None
) -> None:
    from ledger.founding import open_founded

    if keys is None and "://" in ledger:
        raise UsageError("apply.keys", "a ledger at a URL has its keys elsewhere: --keys DIR")
    founded = open_founded(ledger, keys, passphrase)
    if founded.genesis != proposal.genesis:
        raise CommandError("proposal.ledger", f"{ledger}: the proposal is for another ledger")
    if by not in founded.identities:
        raise CommandError("ledger.identity", f"{ledger}: has no identity called {by}")
    data(applied(founded, proposal, by, head_key))
