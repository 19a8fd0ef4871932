"""`writ init`: a new ledger, or the beginning of one whose root keys others hold."""

from pathlib import Path
from typing import Annotated

import typer

from ledger.passphrase import Passphrase
from writ.asking import new_passphrase
from writ.errors import CommandError, UsageError
from writ.output import data, message
from writ.settings import current

LedgerArgument = Annotated[
    str, typer.Argument(metavar="LEDGER", help="A .db file or a database URL: nothing is there.")
]
KeysOption = Annotated[
    Path | None, typer.Option("--keys", metavar="DIR", help="Folder of the keys [LEDGER.keys].")
]
PlainOption = Annotated[
    bool, typer.Option("--plain", help="Keys under no passphrase: only their mode protects them.")
]


def init(  # noqa: PLR0913, PLR0917  (one parameter for each option)
    ledger: LedgerArgument,
    origin: Annotated[
        str, typer.Option("--origin", metavar="NAME", help="Names it: example.com/ledger.")
    ],
    roots: Annotated[
        int | None,
        typer.Option("--roots", metavar="N", min=1, max=64, help="Root keys to make [1]."),
    ] = None,
    root: Annotated[
        list[str] | None,
        typer.Option("--root", metavar="PUBLIC", help="A root key that somebody else holds."),
    ] = None,
    threshold: Annotated[
        int, typer.Option("--threshold", metavar="M", min=1, help="Root signatures needed.")
    ] = 1,
    roots_dir: Annotated[
        Path | None, typer.Option("--roots-dir", metavar="DIR", help="Folder of new root keys.")
    ] = None,
    owner: Annotated[
        str | None, typer.Option("--owner", metavar="WHO", help="Who answers for its identities.")
    ] = None,
    approver: Annotated[
        str | None, typer.Option("--approver", metavar="WHO", help="Another, who activates.")
    ] = None,
    keys: KeysOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Proposal, with --root.")
    ] = None,
    plain: PlainOption = False,
) -> None:
    """Found a ledger: keys, genesis, and who may write what.

    With --root, given once for each, the root keys stay with who holds them: then this makes all
    other keys and writes a proposal, which they sign with `writ keys sign` and which `writ keys
    apply` makes the ledger.
    """
    people = _people(owner, approver)
    folder = _folder(ledger, keys)
    if root:
        if roots is not None or roots_dir is not None:
            raise UsageError("init.roots", "either --root, or --roots and --roots-dir: not both")
        if out is None:
            raise UsageError("init.out", "the proposal needs a file", do="Name one with --out.")
        _prepare(ledger, folder, origin, people, (root, threshold, out), plain=plain)
        return
    count = roots or 1
    if threshold > count:
        raise UsageError("init.threshold", f"a threshold of {threshold} needs as many root keys")
    _found(ledger, folder, origin, people, (count, threshold, roots_dir), plain=plain)


def _people(owner: str | None, approver: str | None) -> tuple[str, str]:
    settings = current()
    found = settings.get("owner", owner).value, settings.get("approver", approver).value
    if found[0] == found[1]:
        raise UsageError(
            "init.owner",
            f"{found[0]} cannot be both owner and approver: who activates a contract is never "
            "who answers for its author",
        )
    return found


def _folder(ledger: str, keys: Path | None) -> Path:
    from ledger.founding import keys_beside

    if keys is None and "://" in ledger:
        raise UsageError("init.keys", "a ledger at a URL needs a folder for its keys: --keys DIR")
    return keys or keys_beside(ledger)


def _found(
    ledger: str,
    folder: Path,
    origin: str,
    people: tuple[str, str],
    roots: tuple[int, int, Path | None],
    *,
    plain: bool,
) -> None:
    from ledger.founding import Roots, create_ledger, default_founders

    made = Roots(*roots)
    founded = create_ledger(
        ledger,
        origin=origin,
        founders=default_founders(*people),
        keys_dir=folder,
        roots=made,
        passphrase=None if plain else _once(),
    )
    message(f"writ: made the ledger {ledger}, with new keys in {folder} (keep them private)")
    message(
        f"writ: move the root keys ({', '.join(f'{name}.pem' for name in made.names)} in "
        f"{made.folder or folder}) away from this machine: with them anybody is made anything"
    )
    data(f"genesis {founded.genesis}\n")


def _prepare(
    ledger: str,
    folder: Path,
    origin: str,
    people: tuple[str, str],
    signing: tuple[list[str], int, Path],
    *,
    plain: bool,
) -> None:
    from ledger.founding import MEMORY, default_founders, prepare_ledger
    from ledger.keys import parse_public_key
    from ledger.proposal import in_words
    from ledger.site import check_site
    from writ.commands.keys import write_proposal

    roots, threshold, out = signing
    public = [parse_public_key(one) for one in roots]
    if out.exists():
        raise CommandError("output.taken", f"{out}: is there already")
    # A server's database need not be within reach of who only prepares.
    if "://" not in ledger:
        check_site(ledger, folder / MEMORY)
    proposal = prepare_ledger(
        folder,
        origin=origin,
        founders=default_founders(*people),
        roots=public,
        threshold=threshold,
        passphrase=None if plain else _once(),
    )
    write_proposal(out, proposal)
    data(in_words(proposal))
    message(f"writ: {out} is to be signed: writ keys sign {out} --key KEYFILE; then")
    message(f"  writ keys apply LEDGER {out} --keys {folder}")


def _once() -> Passphrase:
    """Return a source that asks once, for all keys that are made together."""
    known: list[bytes] = []

    def ask(path: Path) -> bytes:
        if not known:
            known.append(new_passphrase(path))
        return known[0]

    return ask
