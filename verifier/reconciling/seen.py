"""A call as a second source shows it."""

from dataclasses import dataclass

from contracts.coercion import Value
from ledger.importers.texts import clean

MAX_NAME = 2_048  # characters: ledger.records, Name


@dataclass(frozen=True, slots=True)
class Seen:
    """One call that a source shows.

    Attributes:
        line: Where it stands in the file, from 1: for people, and for nothing else.
        place: The same in words.
        tool: The tool, by the ledger's name for it.
        run: The run that the source says, by the ledger's reference or digest; None for none.
        call_id: The call's own id, where the source has one.
        key: The idempotency key, where the source has one.
        said: Whether the source says the arguments.
        params: The arguments, where it does.
        at: When, in microseconds since 1970; None where the source does not say.
        failed: Whether it failed; None where the source does not say.
    """

    line: int
    place: str
    tool: str
    run: str | None = None
    call_id: str | None = None
    key: str | None = None
    said: bool = False
    params: Value = None
    at: int | None = None
    failed: bool | None = None


def name_of(value: object) -> str | None:
    """Return a name as a record would hold it: text or a whole number; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return None
    return clean(value)[:MAX_NAME] or None
