"""What an import did, in numbers and words."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ledger.importers.problems import ImportProblem, Problems
from ledger.records import AnyRecord, Observation

# Verbs of reading. What a name says is a guess, and is called one wherever it is shown.
_READS = re.compile(
    r"calc|check|comput|count|describe|fetch|find|get|has|is|list|look|peek|preview|query|read"
    r"|retrieve|search|show|status|think|validate|verify|view"
)


@dataclass(frozen=True, slots=True)
class UnguardedTool:
    """A tool that was called and that the contract does not know.

    Attributes:
        tool: Its name.
        calls: How often it was called.
        looks_like_write: Whether its name does not begin with a verb of reading: a guess.
    """

    tool: str
    calls: int
    looks_like_write: bool


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did. The counts are of what is new in the ledger.

    Attributes:
        files: Names of the files, in order.
        runs: Conversations.
        actions: Tool calls.
        outcomes: Tool results.
        observations: Of tool results and of reference data.
        messages: Turns.
        reference: Observations of reference data, also in `observations`.
        records: All records.
        runs_present: Conversations that were in the ledger already.
        records_present: Records that were in the ledger already.
        problems: What did not fit, the first ones word by word.
        problem_counts: How often each code occurred.
        tool_calls: How often each tool was called, in all conversations read, new or not.
        known_calls: Of tools that the contract knows: calls by mode.
        unguarded_tools: Tools that the contract does not know, most called first.
    """

    files: tuple[str, ...]
    runs: int
    actions: int
    outcomes: int
    observations: int
    messages: int
    reference: int
    records: int
    runs_present: int
    records_present: int
    problems: tuple[ImportProblem, ...]
    problem_counts: Mapping[str, int]
    tool_calls: Mapping[str, int]
    known_calls: Mapping[str, int]
    unguarded_tools: tuple[UnguardedTool, ...]

    @property
    def nothing_new(self) -> bool:
        """Whether all that was read was in the ledger already."""
        return self.records == 0


@dataclass(slots=True)
class Tally:
    """Counts while an import goes on."""

    kinds: Counter[str] = field(default_factory=Counter[str])
    tools: Counter[str] = field(default_factory=Counter[str])
    reference: int = 0
    runs_present: int = 0
    records_present: int = 0

    def add(self, record: AnyRecord) -> None:
        """Count a record that was written."""
        name = record.kind if record.kind != "run" else f"run.{record.phase}"
        self.kinds[name] += 1
        if isinstance(record, Observation) and record.run is None:
            self.reference += 1

    def report(
        self, files: tuple[str, ...], problems: Problems, known: Mapping[str, str] | None
    ) -> ImportReport:
        """Sum it up."""
        known = known or {}
        modes = Counter[str]()
        for tool, calls in self.tools.items():
            if tool in known:
                modes[known[tool]] += calls
        return ImportReport(
            files=files,
            runs=self.kinds["run.opened"],
            actions=self.kinds["action"],
            outcomes=self.kinds["outcome"],
            observations=self.kinds["observation"],
            messages=self.kinds["message"],
            reference=self.reference,
            records=self.kinds.total(),
            runs_present=self.runs_present,
            records_present=self.records_present,
            problems=tuple(problems.listed),
            problem_counts=problems.counts,
            tool_calls=dict(self.tools.most_common()),
            known_calls=dict(modes),
            unguarded_tools=tuple(
                UnguardedTool(tool, calls, looks_like_write(tool))
                for tool, calls in self.tools.most_common()
                if tool not in known
            ),
        )


def looks_like_write(tool: str) -> bool:
    """Whether a tool's name does not begin with a verb of reading.

    >>> looks_like_write("get_order"), looks_like_write("refundOrder")
    (False, True)
    """
    verb = re.match(r"[^A-Za-z]*([A-Z]?[a-z]+|[A-Z]+)", tool)
    return verb is None or _READS.match(verb[1].lower()) is None
