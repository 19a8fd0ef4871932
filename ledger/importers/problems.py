"""What an importer reports: nothing that it reads is dropped in silence."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ledger.errors import LedgerError

MAX_LISTED = 10_000  # problems kept word by word; all are counted, so a ruined file costs no memory


class ImporterError(LedgerError):
    """An import cannot begin, or must stop; what was written before stays and is recognised."""

    code = "import.refused"


@dataclass(frozen=True, slots=True)
class ImportProblem:
    """Something in a source that did not fit.

    Attributes:
        code: Stable name, `import.what`.
        file: Name of the source file.
        line: Line in it, from 1; 0 for the file as a whole.
        message: What was wrong.
        kept: What is in the ledger of it all the same.
    """

    code: str
    file: str
    line: int
    message: str
    kept: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.code}: {self.message}; kept: {self.kept}"


@dataclass(slots=True)
class Problems:
    """Collects problems: the first ones word by word, all by number."""

    limit: int = MAX_LISTED
    listed: list[ImportProblem] = field(default_factory=list[ImportProblem])
    _counted: Counter[str] = field(default_factory=Counter[str])

    def add(self, problem: ImportProblem) -> None:
        """Take one problem."""
        self._counted[problem.code] += 1
        if len(self.listed) < self.limit:
            self.listed.append(problem)

    @property
    def counts(self) -> Mapping[str, int]:
        """How often each code occurred, most often first."""
        return dict(self._counted.most_common())


@dataclass(frozen=True, slots=True)
class Reporter:
    """Reports problems of one line of one file."""

    problems: Problems
    file: str
    line: int

    def __call__(self, code: str, message: str, kept: str) -> None:
        """Report that ``message`` was wrong, and what was ``kept`` nevertheless."""
        self.problems.add(ImportProblem(f"import.{code}", self.file, self.line, message, kept))
