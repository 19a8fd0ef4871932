"""How a report is written, and what stands beside it: when, with what, and how to make it again."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from verifier.report import Report
from verifier.trust import Trust
from writ.output import message
from writ.settings import Settings, writ_version
from writ.verify_options import REPEATED

if TYPE_CHECKING:
    from verifier.reports import Called


def written(report: Report, format_: str, settings: Settings, called: "Named") -> str:
    """Return a report in a format, with what the command knows beside it."""
    from verifier.reports import FORMATS as WRITERS
    from verifier.reports import Beside

    if format_ == "text" and report.integrity.trust == "self-asserted":
        message(
            "writ: no trust file: the ledger is compared with itself alone. Name one with --trust."
        )
    built_in = settings.get("in_full").origin == "built in"
    beside = Beside(
        in_full=None if built_in else settings.number("in_full"),
        envelope=envelope(called.ledger, called.trust),
        called=called.quoted(),
    )
    return WRITERS[format_](report, beside)


@dataclass(frozen=True, slots=True)
class Named:
    """What the command was given that a report hangs on, as it was given."""

    ledger: str
    trust: str
    more: tuple[str, ...]

    def quoted(self) -> "Called":
        """Return it as a shell takes it."""
        from verifier.reports import Called

        return Called(
            ledger=shlex.quote(without_password(self.ledger)),
            trust=shlex.join(("--trust", self.trust)) if self.trust else "",
            more=shlex.join(self.more),
        )


def called_as(
    ledger: str,
    trust: str,
    pinned: Trust | None,
    *,
    at: str | None,
    integrity: bool,
    files: Sequence[str | Path | list[Path] | None],
) -> Named:
    """Return how this report is made again."""
    from ledger.clock import format_time

    more = ["--integrity"] if integrity else []
    # Ages of cosignatures are measured against now, unless somebody says against when.
    if at is None and pinned is not None and pinned.witnesses and pinned.at is not None:
        at = format_time(datetime.fromtimestamp(pinned.at, UTC))
    if at is not None:
        more += ["--at", at]
    for option, given in zip(REPEATED, files, strict=True):
        for path in given if isinstance(given, list) else [given]:
            if path is not None:
                more += [option, str(path)]
    return Named(ledger, trust, tuple(more))


def envelope(ledger: str, trust: str) -> dict[str, str]:
    """Return what does not follow from the ledger: when, with what and of which files."""
    from ledger.clock import format_time, system_clock

    return {
        "verified_at": format_time(system_clock()),
        "writ": writ_version(),
        "ledger": without_password(ledger),
        "trust": trust,
    }


def without_password(url: str) -> str:
    """Return a ledger's name as it may be shown: a database URL without its password.

    Example:
        >>> without_password("postgresql://user:secret@host/db")
        'postgresql://user:***@host/db'
    """
    scheme, separator, rest = url.partition("://")
    account, at, place = rest.rpartition("@")
    if not (separator and at):
        return url
    user, colon, _ = account.partition(":")
    return f"{scheme}://{user}{':***' if colon else ''}@{place}"
