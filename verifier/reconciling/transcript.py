"""Recorded conversations as a second source: read as `writ import transcripts` reads them.

A conversation that cannot be read is refused here, because the calls in it would be missed.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from contracts.instants import micros, written
from ledger.importers.conversation import Conversation, Result, read_conversation
from ledger.importers.measures import Measures
from ledger.importers.narration import says_error
from ledger.importers.paths import ABSENT, look
from ledger.importers.problems import Problems, Reporter
from ledger.importers.profile import Profile
from ledger.importers.source import Line
from ledger.importers.texts import text_of as name_in
from verifier.reconciling.arguments import unwrapped
from verifier.reconciling.lines import Limits, read_lines
from verifier.reconciling.problems import refused
from verifier.reconciling.seen import Seen, name_of

_BOM: Final = b"\xef\xbb\xbf"


class Transcript:
    """A file of conversations.

    Attributes:
        textual: Never: arguments are JSON.
        runs: The references of all conversations, also of those in which nothing was called.
    """

    textual = False

    def __init__(self, path: Path, profile: Profile, limits: Limits) -> None:
        self._path = path
        self._profile = profile
        self._limits = limits
        self.runs: list[str] = []

    def calls(self) -> Iterator[Seen]:
        """Yield the calls in the file's order; a line that is there twice is one conversation.

        Raises:
            AgainstError: A line is no conversation.
        """
        known: set[bytes] = set()
        number = 0
        for number, raw in read_lines(self._path, self._limits):
            content = raw.rstrip(b"\r\n")
            name = sha256(content).digest()
            if content.strip(_BOM + b" \t") and name not in known:
                known.add(name)
                yield from self._line(Line(number, content))
        if not number:
            raise refused("empty", str(self._path), "the file is empty")

    def _line(self, line: Line) -> Iterator[Seen]:
        problems = Problems()
        report = Reporter(problems, self._path.name, line.number)
        conversation = read_conversation(line, report)
        if conversation is None:
            what = problems.listed[-1].message if problems.listed else "no conversation"
            raise refused("transcript", f"{self._path}:{line.number}", what)
        where = self._profile.run.ref
        found = ABSENT if where is None else look(where, conversation.line)
        run = None if found is ABSENT else name_of(name_in(found))
        if run is not None:
            self.runs.append(run)
        clock = Measures(conversation, self._profile, report).clock
        results = _results(conversation)
        for at, call in enumerate(conversation.calls):
            result = results.get(at)
            yield Seen(
                line=line.number,
                place=f"line {line.number}, message {call.turn}",
                tool=name_of(call.tool) or call.tool,
                run=run,
                call_id=name_of(call.call_id),
                said=True,
                params=unwrapped(call.params),
                at=_micros(clock.at(call.turn)),
                failed=None if result is None else says_error(result, self._profile.errors),
            )


def _results(conversation: Conversation) -> dict[int, Result]:
    found = [item for item in conversation.items if isinstance(item, Result)]
    return {result.call: result for result in found if result.call is not None}


def _micros(time: datetime | None) -> int | None:
    return None if time is None else micros(written(time.astimezone(UTC)))
