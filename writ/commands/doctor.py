"""`writ doctor` and `writ version`: what is installed, what is set, and how a ledger is."""

import platform
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from writ.commands.verify import without_password
from writ.output import data
from writ.settings import KNOWN, current

PARTS = (
    "cel-expr-python",
    "cryptography",
    "duckdb",
    "orjson",
    "protobuf",
    "pydantic",
    "SQLAlchemy",
)
# What the ledger itself would clamp; beyond it an append is refused.
TOLERANCE = timedelta(seconds=1)


def writ_version() -> str:
    """Return the version of this installation."""
    try:
        return metadata.version("writ")
    except metadata.PackageNotFoundError:
        return "not installed (run from its folder)"


def version() -> None:
    """Print the version."""
    data(f"writ {writ_version()}\n")


def doctor(
    ledger: Annotated[
        str | None,
        typer.Argument(metavar="[LEDGER]", help="A ledger: a .db file or a database URL."),
    ] = None,
) -> None:
    """Show versions, settings and where each came from, and how a ledger is."""
    lines = [*_versions(), *_settings()]
    if ledger is not None:
        lines.extend(_ledger(ledger))
    data("\n".join(lines) + "\n")


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


def _ledger(ledger: str) -> Iterator[str]:
    from ledger.store import Store

    yield f"Ledger {without_password(ledger)}"
    with Store.open(ledger) as store:
        size = store.size()
        last = max((at for at, _ in store.checkpoints()), default=0)
        yield f"  {size:,} entries"
        yield _checkpoint(size, last)
        if size:
            yield from _clock(store.row(size - 1).header)
    yield from _keys(ledger)
    yield from _trust(ledger)


def _checkpoint(size: int, last: int) -> str:
    if last == 0:
        return "  ! no head was ever signed: nothing could be verified against it"
    behind = size - last
    late = f"; ! {behind:,} entries after it stand under no signed head" if behind > 0 else ""
    return f"  last signed head at size {last:,}{late}"


def _clock(header: bytes) -> Iterator[str]:
    from ledger.clock import parse_time, system_clock
    from ledger.entry import parse_header

    recorded, now = parse_time(parse_header(header).recorded_at), system_clock()
    yield f"  last entry recorded {recorded:%Y-%m-%d %H:%M:%S} UTC{_ahead(recorded, now)}"


def _ahead(recorded: datetime, now: datetime) -> str:
    """Return a warning where this machine's clock is behind what is already recorded."""
    if recorded - now <= TOLERANCE:
        return ", before this machine's clock, as it should be"
    return f"; ! this machine's clock is {recorded - now} behind it: appends will be refused"


def _keys(ledger: str) -> Iterator[str]:
    folder = Path(f"{ledger}.keys")
    if "://" in ledger or not folder.is_dir():
        yield "  no keys beside it: it can be verified, and not added to from here"
        return
    yield f"  keys in {folder}"
    for key in sorted(folder.rglob("*.pem")):
        mode = stat.S_IMODE(key.stat().st_mode)
        warning = "; ! others can read it: chmod 600" if mode & 0o077 else ""
        yield f"    {key.relative_to(folder)} mode {mode:04o}{warning}"


def _trust(ledger: str) -> Iterator[str]:
    beside = Path(f"{ledger}.trust.json")
    if "://" not in ledger and beside.is_file():
        yield (
            f"  trust file {beside}: kept beside the ledger, "
            "it proves nothing to anybody but whoever keeps both"
        )
