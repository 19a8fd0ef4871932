"""Packs of samples on the command line: drawn while a ledger is verified, written as a folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from verifier.engines import Engines
from writ.errors import CommandError, UsageError
from writ.output import message

if TYPE_CHECKING:
    from verifier.pack_checking import Checked
    from verifier.report import Report
    from verifier.sampling import Samples
    from verifier.trust import Trust

SampleOption = Annotated[
    int | None,
    typer.Option(
        "--sample", metavar="N", help="Draw N items of every control; --out is a new folder then."
    ),
]
SeedOption = Annotated[
    str | None,
    typer.Option("--seed", metavar="TEXT", help="With --sample: chosen by whoever draws."),
]


@dataclass(frozen=True, slots=True)
class Sampling:
    """What the command line asks for.

    Attributes:
        number: How many are drawn of each control; None: there is no sample.
        seed: By what they are drawn.
        out: The new folder.
    """

    number: int | None = None
    seed: str | None = None
    out: Path | None = None

    def samples(self, trust: "Trust | None", engine: Engines, **others: object) -> "Samples | None":
        """Return what draws while records are decided again; None where no sample is asked for.

        Args:
            trust: The trust file.
            engine: Which engine is asked for.
            others: Options that do not go with a sample.

        Raises:
            UsageError: It is not said what to draw, from what and where to.
        """
        from verifier.sampling import SampleError, Samples

        if self.number is None and self.seed is None:
            return None
        if self.number is None or self.seed is None or self.out is None or trust is None:
            raise UsageError(
                "sample.what",
                "a sample takes a number, a seed, a trust file and a new folder",
                do="writ verify LEDGER --trust FILE --sample N --seed TEXT --out DIR",
            )
        asked = [name for name, value in others.items() if value]
        if engine is Engines.COLUMNS:
            asked.append("engine columns")
        if asked:
            what = (
                f"a sample is drawn as every record is decided, one by one: not with --{asked[0]}"
            )
            raise UsageError("sample.inputs", what)
        if self.out.exists() and not (self.out.is_dir() and not any(self.out.iterdir())):
            raise CommandError("sample.exists", f"{self.out}: is there already")
        try:
            return Samples(self.number, self.seed, trust.genesis)
        except SampleError as error:
            raise UsageError(error.code, str(error)) from error


def write_pack(
    samples: "Samples", report: "Report", ledger: str, trust: "tuple[Trust, bytes]", out: Path
) -> None:
    """Write the pack of what was drawn into a new folder, its index last.

    Raises:
        CommandError: The ledger is broken, no signed head covers it, or nothing can be written.
        SampleError: Records were not decided again, or the ledger changed meanwhile.
    """
    from ledger.files import make_folder, sync_tree
    from ledger.proof_head import Asked, choose_head
    from verifier.load import open_source
    from verifier.pack_making import Sampled, pack
    from verifier.report import ExitCode, IntegrityVerdict

    pinned, raw = trust
    if report.integrity.verdict is IntegrityVerdict.BROKEN:
        what = f"{ledger}: is broken: nothing is drawn from it"
        raise CommandError("sample.broken", what, exit_code=ExitCode.VIOLATED)
    source = open_source(ledger)
    try:
        asked = Asked(pinned.witnesses, pinned.quorum, pinned.max_age, pinned.at)
        head = choose_head(source, 0, asked)
        if head is None:
            raise CommandError(
                "sample.head",
                f"no head of {ledger} was ever signed: no item could be proven",
                do="A head is signed when whoever writes the ledger closes it.",
            )
        if not head.enough:
            message("writ: no head has the cosignatures that the trust file asks for")
        for name, content in pack(Sampled(report, samples, raw), source, head.note):
            path = out / name
            make_folder(path.parent)
            path.write_bytes(content)
    except OSError as error:
        raise CommandError("output.unwritable", f"{out}: {error.strerror}") from error
    finally:
        source.close()
    sync_tree(out)
    message(f"writ: {samples.number} of each control, seed {samples.seed}, in {out}")
    message(f"writ: writ sample --check {out} --trust FILE   checks it without the ledger")


def check_folder(folder: Path, trust: "Trust") -> "Checked":
    """Check a pack in a folder. Errors are those of `verifier.pack_checking.check_pack`.

    Raises:
        CommandError: It is no folder, or holds what is no plain file.
    """
    from verifier.pack_checking import MAX_FILE, check_pack

    if not folder.is_dir():
        raise CommandError("sample.malformed", f"{folder}: is no folder")
    names: set[str] = set()
    for path in folder.rglob("*"):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise CommandError("sample.malformed", f"{path}: is no plain file")
        if path.is_file():
            names.add(path.relative_to(folder).as_posix())

    def read(name: str) -> bytes:
        with (folder / name).open("rb") as file:
            return file.read(MAX_FILE + 1)

    return check_pack(frozenset(names), read, trust)
