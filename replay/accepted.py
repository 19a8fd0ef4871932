"""Flips that somebody read and accepted: a list that is kept beside a contract, for CI.

One flip a line: its name, what it is, and the reason, with ` | ` between them. Lines that begin
with `#` say nothing. A flip's name is the record's digest, cut, and from what to what: it is the
same flip however the contract is written that makes it. Source: docs/spec/whatif.md, *Gate*.
"""

import re
from collections.abc import Iterable, Mapping

from replay.flips import Flip

HEAD = (
    "# Flips of `writ whatif` that somebody read and accepts: FLIP | what it is | reason.\n"
    "# A line without a reason is an error: write one, or change the contract.\n"
)
_NAME = re.compile(r"[0-9a-f]{16} [a-z]+>[a-z]+")
_PARTS = 3


class AcceptedError(ValueError):
    """A list of accepted flips cannot be read.

    Attributes:
        code: Stable name of what is wrong, `accepted.what`.
    """

    def __init__(self, code: str, what: str) -> None:
        super().__init__(what)
        self.code = f"accepted.{code}"


def read_accepted(text: str, name: str) -> dict[str, str]:
    """Return the reasons by flip.

    Args:
        text: The list.
        name: What errors call it.

    Raises:
        AcceptedError: A line is no flip, or has no reason.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = [part.strip() for part in line.split("|", _PARTS - 1)]
        if len(parts) != _PARTS or not _NAME.fullmatch(parts[0]):
            raise AcceptedError("form", f"{name}:{number}: this is not `FLIP | what | reason`")
        if not parts[2]:
            raise AcceptedError("reason", f"{name}:{number}: the flip {parts[0]} has no reason")
        found[parts[0]] = parts[2]
    return found


def unaccepted(flips: Iterable[Flip], accepted: Mapping[str, str]) -> list[Flip]:
    """Return the flips that nobody accepted, each once, in their order."""
    found = {flip.name: flip for flip in flips if flip.name not in accepted}
    return list(found.values())


def written(flips: Iterable[Flip]) -> str:
    """Return flips as a list to be given reasons."""
    return HEAD + "".join(f"{flip.name} | {told(flip)} | \n" for flip in flips)


def told(flip: Flip) -> str:
    """Return what a flip is, on one line."""
    rules = ", ".join(flip.rules) or "no rule"
    words = f"{flip.act.tool}, entry {flip.act.index}, by {rules}"
    return " ".join(words.replace("|", "/").split())
