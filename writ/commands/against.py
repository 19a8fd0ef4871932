"""`writ verify --against`: the second sources, read before anything is verified."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from writ.commands.times import length
from writ.errors import UsageError

if TYPE_CHECKING:
    from verifier.reconciling.reconciliation import Reconciliation


def compared_with(
    files: Sequence[Path], maps: Sequence[Path], within: str
) -> "Reconciliation | None":
    """Read the files that a ledger is compared with; None where there is none.

    Args:
        files: What `--against` names.
        maps: What `--against-map` names: nothing, one for all files, or one for each in order.
        within: What `--against-within` says.

    Raises:
        UsageError: There are maps without files, or not as many as files; or the time is none.
        AgainstError: A file cannot be used.
    """
    tolerance = length(within, "against.within") // timedelta(microseconds=1)
    if not files:
        if maps:
            raise UsageError(
                "against.map", "--against-map says how a file is read that --against names"
            )
        return None
    if len(maps) not in {0, 1, len(files)}:
        raise UsageError(
            "against.map",
            f"{len(maps)} times --against-map for {len(files)} times --against",
            do="Give one for all files, or one for each in their order.",
        )
    from verifier.reconciling.mapping import Reads, load_map
    from verifier.reconciling.reconciliation import Reconciliation

    reads: list[Reads | None] = [load_map(path) for path in maps]
    if len(reads) != len(files):
        reads = (reads or [None]) * len(files)
    return Reconciliation([*zip(files, reads, strict=True)], tolerance)
