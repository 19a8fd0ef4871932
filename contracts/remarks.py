"""What lint reports, and what each of its checks looks at."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from contracts.document import Clauses
from contracts.draft import Draft
from contracts.model import Contract, Position


class Severity(StrEnum):
    """How much a finding matters."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class LintMessage:
    """One finding.

    Attributes:
        severity: Error, warning or note.
        code: Stable name of the kind of finding.
        line: From 1.
        column: From 1.
        message: What is wrong or risky, and what to do.
        file: The name under which the contract was read.
    """

    severity: Severity
    code: str
    line: int
    column: int
    message: str
    file: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}"
        return f"{place}: {self.severity}: {self.code}: {self.message}"


@dataclass(frozen=True, slots=True)
class Case:
    """What every check looks at, and how it reports.

    Attributes:
        draft: The document, and where its parts were written.
        contract: What it expands to.
        sound: Whether its conditions can be asked: the type check found nothing.
    """

    draft: Draft
    contract: Contract
    sound: bool

    @property
    def clauses(self) -> Clauses:
        """Return the document's clauses."""
        return self.draft.clauses

    def at(self, severity: Severity, code: str, message: str, *path: str | int) -> LintMessage:
        """Report something at a key of the document."""
        return self.on(severity, code, message, self.draft.source.key_at(*path))

    def on(self, severity: Severity, code: str, message: str, place: Position) -> LintMessage:
        """Report something at a place."""
        file = place.file or self.draft.source.file
        return LintMessage(severity, code, place.line, place.column, message, file)


Check = Callable[[Case], Iterator[LintMessage]]
