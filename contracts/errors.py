"""What is wrong with a contract's text: each error with its place, its code and what to do."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


class ContractsError(Exception):
    """The base of every exception that this package raises on purpose."""


class SnapshotError(ContractsError):
    """A snapshot of counters cannot be made, or cannot be used.

    Attributes:
        code: Stable name of what went wrong, such as `snapshot.damaged`.
    """

    def __init__(self, message: str, code: str) -> None:
        self.code = code
        super().__init__(f"{code}: {message}")


@dataclass(frozen=True, slots=True)
class ContractError:
    """One thing that keeps a contract from being read.

    Attributes:
        code: Stable name of the kind of error, such as `key.unknown`.
        message: What is wrong, and what to do about it.
        file: The name under which the text was read.
        line: From 1.
        column: From 1, in characters.
        hint: A suggestion (`did you mean ...`), or nothing.
    """

    code: str
    message: str
    file: str
    line: int
    column: int
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}"
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}: {self.code}: {self.message}{hint}"


class ContractErrors(ContractsError):  # noqa: N818 - it carries them all, hence the plural
    """Every error that one step of reading found, in the order of the file.

    Attributes:
        errors: At least one, sorted by place.
    """

    def __init__(self, errors: Iterable[ContractError]) -> None:
        self.errors = tuple(sorted(set(errors), key=_place))
        super().__init__("\n".join(str(error) for error in self.errors))


def _place(error: ContractError) -> tuple[str, int, int, str, str]:
    return error.file, error.line, error.column, error.code, error.message


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A suggestion in words for a name that is not known; empty where none is near."""
    near = get_close_matches(word, sorted(set(known)), n=2, cutoff=0.6)
    return "did you mean " + " or ".join(f"`{name}`" for name in near) + "?" if near else ""
