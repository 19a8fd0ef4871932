"""`writ doctor` and `writ version`: what is installed, what is set, and how a ledger is."""

import json
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from verifier.report import ExitCode
from writ.losing import mark_of, memory_of
from writ.output import data
from writ.report_writing import without_password
from writ.settings import KNOWN, current, writ_version

if TYPE_CHECKING:
    from ledger.health import Remark

PARTS = (
    "cel-expr-python",
    "cryptography",
    "duckdb",
    "orjson",
    "protobuf",
    "pydantic",
    "SQLAlchemy",
)


def version() -> None:
    """Print the version."""
    data(f"writ {writ_version()}\n")


def doctor(
    ledger: Annotated[
        str | None,
        typer.Argument(metavar="[LEDGER]", help="A ledger: a .db file or a database URL."),
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option("--keys", metavar="DIR", help="Folder of the ledger's keys, if not beside."),
    ] = None,
    spool: Annotated[
        Path | None,
        typer.Option("--spool", metavar="DIR", help="Folder where records wait for the ledger."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write it as JSON.")] = False,
) -> None:
    """Show versions, settings and where each came from, and how a ledger is.

    It changes nothing and verifies nothing. Exits 1 when something is wrong: each problem has a
    code and says what to do.
    """
    remarks = [] if ledger is None else list(_ledger(ledger, keys))
    if spool is not None:
        remarks += _spool(spool)
    data(_json(ledger, remarks) if as_json else _text(ledger, remarks))
    if any(remark.code for remark in remarks):
        raise typer.Exit(int(ExitCode.VIOLATED))


def _text(ledger: str | None, remarks: Sequence["Remark"]) -> str:
    lines = [*_versions(), *_settings()]
    if ledger is not None:
        lines.append(f"Ledger {without_password(ledger)}")
    elif remarks:
        lines.append("Without a ledger")
    topic = ""
    for remark in remarks:
        if remark.topic != topic:
            topic = remark.topic
            lines.append(f"  {topic}")
        lines.append(f"    {'! ' if remark.code else ''}{remark.text}")
        if remark.code:
            lines.append(f"      {remark.code}: {remark.do}")
    return "\n".join(lines) + "\n"


def _json(ledger: str | None, remarks: Sequence["Remark"]) -> str:
    said = {
        "v": 1,
        "writ": writ_version(),
        "settings": {
            setting.name: {"value": setting.value, "origin": setting.origin}
            for setting in current().all()
        },
        "ledger": None if ledger is None else without_password(ledger),
        "problems": sum(bool(remark.code) for remark in remarks),
        "remarks": [asdict(remark) for remark in remarks],
    }
    return json.dumps(said, indent=2, ensure_ascii=False) + "\n"


def _versions() -> Iterator[str]:
    yield "Versions"
    yield f"  writ {writ_version()}"
    yield f"  Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    for part in PARTS:
        yield f"  {part} {metadata.version(part)}"


def _settings() -> Iterator[str]:
    yield "Settings (flags, then WRIT_*, then writ.toml)"
    for setting in current().all():
        value = setting.value or "(none)"
        yield f"  {setting.name} = {value}  [{setting.origin}]  {KNOWN[setting.name].meaning}"


def _ledger(ledger: str, keys: Path | None) -> Iterator["Remark"]:
    from ledger.clock import system_clock
    from ledger.errors import LedgerError
    from ledger.founding import keys_beside
    from ledger.health import Remark, head_health, store_health
    from ledger.writers import writer_health

    folder = keys if keys is not None or "://" in ledger else keys_beside(ledger)
    yield from store_health(ledger)
    try:
        yield from head_health(ledger, memory_of(ledger, keys), system_clock())
        yield from writer_health(ledger, folder, system_clock())
    except LedgerError as error:
        do = "Ask writ verify what is damaged, and restore a copy."
        yield Remark("ledger", str(error), error.code, do)
    yield from _trust(ledger)
    yield from _loss(ledger, keys)


def _spool(folder: Path) -> Iterator["Remark"]:
    from ledger.spool_health import spool_health

    yield from spool_health(folder)


def _trust(ledger: str) -> Iterator["Remark"]:
    from ledger.health import Remark

    beside = Path(f"{ledger}.trust.json")
    if "://" not in ledger and beside.is_file():
        yield Remark(
            "trust",
            f"trust file {beside}: kept beside the ledger, "
            "it proves nothing to anybody but whoever keeps both",
        )


def _loss(ledger: str, keys: Path | None) -> Iterator["Remark"]:
    from ledger.health import Remark

    path = mark_of(ledger, keys)
    if path is not None and path.is_file():
        yield Remark(
            "loss",
            f"{path.name} says that entries were lost when it was restored",
            "ledger.lost",
            "Read it, add nothing here, and go on in a ledger that succeeds it.",
        )
