"""What is known of conformance at an entry, as bytes, and back.

It is of the place before the end is judged: what is still open there is decided anew at each end.
Source: docs/adr/0025-records-are-judged-once.md.
"""

from collections.abc import Mapping
from importlib import metadata
from typing import Any, Final

import orjson

from contracts import snapshots
from contracts.packing import written_out
from contracts.placed_rows import PlacedReader, PlacedWriter
from verifier.conformance import Judge
from verifier.proven import ProvenReading

# The version says what is kept, and what was found: whoever changes what is judged, or any word of
# a finding, raises it.
FORMAT: Final = "writ/judged/v2"
_ERRORS: Final = (LookupError, TypeError, ValueError, AttributeError)


class KeptError(ValueError):
    """These bytes are nothing that is kept of conformance."""


def written(judge: Judge, reading: ProvenReading) -> bytes:
    """Return what is known where a reading stands.

    Raises:
        SnapshotError: A value in it can not be written.
    """
    writer = PlacedWriter()
    judged = judge.kept(writer)
    return written_out(
        {
            **_made_by(),
            "contracts": judge.meanings(),
            "size": reading.at,
            "judged": judged,
            "tables": writer.tables(),
            "reading": reading.kept(),
        }
    )


def parsed(raw: bytes) -> Mapping[str, Any]:
    """Read what `written` returned.

    Raises:
        KeptError: It is something else.
    """
    try:
        found: dict[str, Any] = {**orjson.loads(raw)}
    except (orjson.JSONDecodeError, TypeError) as error:
        raise KeptError from error
    if not isinstance(found.get("size"), int):
        raise KeptError
    return found


def hindrance(kept: Mapping[str, Any], judge: Judge) -> str:
    """Return why a judge cannot go on from what is kept; empty where it can."""
    if any(kept.get(name) != value for name, value in _made_by().items()):
        return "what is kept was judged by another version of Writ"
    if kept.get("contracts") != [list(one) for one in judge.meanings()]:
        return "another contract was activated since, and its facts are over all history"
    return ""


def take_up(kept: Mapping[str, Any], judge: Judge, reading: ProvenReading) -> None:
    """Give both what is kept, which nothing hinders.

    Raises:
        KeptError: It is not what `written` returned.
    """
    try:
        reader = PlacedReader(kept["tables"])
        lineage = judge.take_up(kept["size"], kept["judged"], reader)
        reading.take_up(kept["size"], kept["reading"], lineage)
    except _ERRORS as error:
        raise KeptError from error


def _made_by() -> dict[str, str]:
    """Return what has to be the same, so that what was judged is what would be judged now."""
    try:
        version = metadata.version("writ")
    except metadata.PackageNotFoundError:
        version = ""
    counters, versions = snapshots.FORMAT, snapshots.VERSIONS
    return {"format": FORMAT, "counters": counters, "versions": versions, "writ": version}
