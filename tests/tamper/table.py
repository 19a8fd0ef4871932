"""The table of attacks, each with what must be said of it: the check, and the entry.

An attack is a function on a `Scene`. Attackers of three strengths: somebody who changes the store's
bytes; its keeper, who also links everything anew and signs heads; and an entitled writer who cheats
with a good key. Where the honest answer is that nobody can tell, that answer is expected.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tests.tamper.scene import Scene

Attack = Callable[[Scene], None]


@dataclass(frozen=True, slots=True)
class Broken:
    """The ledger is broken: at this entry, by this step's check."""

    index: int
    step: int
    check: str


@dataclass(frozen=True, slots=True)
class Found:
    """A finding with this code at this entry; the rest of the ledger holds."""

    index: int
    code: str


@dataclass(frozen=True, slots=True)
class Undecidable:
    """Nobody can tell, and the report says so in these words."""

    words: str


@dataclass(frozen=True, slots=True)
class NotExcluded:
    """It holds, and the report says that it could not have noticed this."""

    words: str


Answer = Broken | Found | Undecidable | NotExcluded
ATTACKS: dict[str, tuple[Attack, Answer]] = {}
BUNDLED: dict[str, Answer] = {}


def attack(answer: Answer, *, bundle: Answer | None = None) -> Callable[[Attack], Attack]:
    """Enter an attack in the table under its name, with the answer to it.

    Args:
        answer: What is said of the ledger.
        bundle: What is said of a bundle of it, where that is something else.
    """

    def enter(function: Attack) -> Attack:
        name = function.__name__.strip("_").replace("_", " ")
        assert name not in ATTACKS
        ATTACKS[name] = function, answer
        BUNDLED[name] = bundle or answer
        return function

    return enter
