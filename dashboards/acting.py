"""What a reviewer does with findings: the one place of the app that writes.

An act is one signed submission under the reviewer's own identity: a `review` for each finding, and
the end of its stream. It is decided while the ledger's lock is held: what changes nothing is not
recorded again, and what somebody else changed since the reviewer looked is not passed over.
Source: docs/adr/0036; docs/spec/ledger-format.md, *Record*.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from dashboards import reviews
from dashboards.opening import Later, Problem, Shown, problem_of
from dashboards.people import Person, reviewers
from dashboards.tables import Said, Tables
from dashboards.words import ACKNOWLEDGED, OPEN, RESOLVED, SUPPRESSED, count, last_name
from ledger.client import LedgerClient
from ledger.entry import MAX_SUBMISSION
from ledger.errors import LedgerError
from ledger.head_signer import HeadSigner
from ledger.keys import fingerprint
from ledger.records import AnyRecord, Review, StreamClose
from ledger.rows import Head
from ledger.signing import Signer
from ledger.store import Store

What = Literal["acknowledge", "assign", "suppress", "resolve", "reopen"]
STATES: Final[Mapping[What, str]] = {
    "acknowledge": ACKNOWLEDGED,
    "suppress": SUPPRESSED,
    "resolve": RESOLVED,
    "reopen": OPEN,
}
NOTE: Final = 4_000
"""How long a note may be, in characters."""
PATIENCE_SECONDS: Final = 10.0
# One record of a submission ends its stream.
_AT_ONCE: Final = MAX_SUBMISSION - 1
_REVIEW: Final = b'"kind":"review"'
_AGAIN: Final = "Nothing is lost: do it again. What was recorded already is not recorded twice."
_ONE: Final = threading.Lock()


class ActError(Exception):
    """An act is refused, or failed.

    Attributes:
        code: Stable name, `subject.what`.
        do: What to do about it.
    """

    def __init__(self, code: str, what: str, do: str) -> None:
        super().__init__(what)
        self.code = code
        self.do = do


@dataclass(frozen=True, slots=True)
class Desk:
    """What the app acts with.

    Attributes:
        ledger: The ledger's name.
        signers: By identity, the key with which it signs.
        head: Gives what signs the ledger's heads; None where somebody else does.
        me: Under which identity everybody here acts; empty where nobody does, or people sign in.
        signs_in: Whether people sign in, so that nobody sees anything before.
    """

    ledger: str = ""
    signers: Mapping[str, Signer] = field(default_factory=dict[str, Signer], repr=False)
    head: Callable[[], HeadSigner] | None = None
    me: str = ""
    signs_in: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """An act as somebody wants it.

    Attributes:
        findings: The findings' ids.
        what: What to do with them.
        seen: Up to which entry the reviewer saw what had been said of them.
        note: Why, in their words.
        assignee: Whose they are to be; empty for nobody's. Only to `assign`.
    """

    findings: tuple[str, ...]
    what: What
    seen: int
    note: str = ""
    assignee: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of an act: the entries of its reviews, and for how many it changed nothing."""

    entries: tuple[int, ...]
    unchanged: int

    @property
    def words(self) -> str:
        """What to tell the reviewer."""
        if not self.entries:
            return "Nothing to record: it is so already."
        first, last = self.entries[0], self.entries[-1]
        where = f"entry {first:,}" if first == last else f"entries {first:,} to {last:,}"
        so = f" {count(self.unchanged, 'finding was', 'findings were')} so already."
        return f"Recorded and signed: {where}.{so if self.unchanged else ''}"


_desks: list[Desk] = []


def begin(desk: Desk) -> None:
    """Hand over what this process acts with. Whoever starts the app does, once."""
    _desks[:] = [desk]


def desk() -> Desk:
    """Return what this process acts with: with nothing, unless somebody handed it over."""
    return _desks[0] if _desks else Desk()


def why_not(person: Person) -> str:
    """Return why somebody may not act, in words; empty where they may."""
    held = desk()
    if not held.signs_in and not held.me:
        return "The app was started for reading only. Start it with --as IDENTITY to act."
    if not person.identity:
        return f"{person.name} is nobody whom this ledger knows, and so a viewer."
    if not person.reviews:
        return f"{last_name(person.identity)} is a {person.role}: only a reviewer may do this."
    if person.identity not in held.signers:
        return f"The app has no key of {last_name(person.identity)} to sign with."
    return ""


def act(person: Person, shown: Shown, asked: Asked) -> Done:
    """Record an act, and return once it is durable.

    Args:
        person: Who acts.
        shown: The verified ledger that they look at.
        asked: What they want.

    Raises:
        ActError: It is refused, or the ledger cannot be written: its code and text say which.
    """
    _refuse(person, shown, asked)

    def work() -> Done | ActError:
        try:
            with _ONE:
                return _Act(person.identity, shown.tables, asked).recorded()
        except ActError as error:
            return error
        except (LedgerError, OSError) as error:
            return _failed(error)

    found = Later(work).wait(PATIENCE_SECONDS)
    if found is None:
        raise ActError(
            "act.waiting",
            "another program holds the ledger, and does not let go",
            "It is recorded as soon as that lets go, within a minute, or not at all: the history "
            "of the finding will say so. Nothing is recorded twice if you do it again.",
        )
    if isinstance(found, Problem):
        raise ActError(found.code, found.what, found.do)
    if isinstance(found, ActError):
        raise found
    return found


def _refuse(person: Person, shown: Shown, asked: Asked) -> None:
    """Refuse what needs no lock to be seen: whoever may not act, and what makes no sense."""
    said = why_not(person)
    if said:
        code = "act.role" if desk().me or desk().signs_in else "act.reading-only"
        raise ActError(code, said, "Ask a reviewer, or whoever starts the app.")
    _refuse_key(person, shown)
    if not asked.findings:
        raise ActError("act.nothing", "no finding is selected", "Select one first.")
    if asked.what == "suppress" and not asked.note.strip():
        raise ActError(
            "act.reason",
            "a finding is suppressed for a reason, and none is given",
            "Write in the note why nothing needs to be done.",
        )
    if len(asked.note) > NOTE:
        raise ActError("act.note", f"the note has more than {NOTE:,} characters", "Shorten it.")
    if asked.assignee and asked.assignee not in reviewers(shown.since.history, shown.since.size):
        raise ActError(
            "act.assignee",
            f"{last_name(asked.assignee)} is no reviewer or commander of this ledger",
            "Assign it to one who is.",
        )
    unknown = reviews.unknown(shown.tables, asked.findings)
    if unknown:
        raise ActError(
            "act.unknown-finding",
            f"this ledger has no finding {unknown}",
            "Open the finding from the inbox: another version of Writ may name it differently.",
        )


def _refuse_key(person: Person, shown: Shown) -> None:
    """Refuse a key that the ledger does not know as this identity's; its own word comes later."""
    found = shown.since.history.in_force(shown.since.size)
    key = fingerprint(desk().signers[person.identity].public_key)
    entry = None if found is None else found.keys.get(key)
    if entry is None or entry.identity != person.identity:
        raise ActError(
            "act.key",
            f"the key that the app has for {last_name(person.identity)} is not theirs by now",
            "Start the app with their key: `writ keys list LEDGER` shows whose is which.",
        )


def _failed(error: LedgerError | OSError) -> ActError:
    said = str(error)
    if "full" in said or "No space" in said:
        return ActError("act.full", said, f"Make room on the disk. {_AGAIN}")
    if "locked" in said or "busy" in said:
        return ActError("act.busy", said, f"Wait until the other program is done. {_AGAIN}")
    if isinstance(error, OSError):
        return ActError("act.unwritable", said, _AGAIN)
    if error.code.startswith("store."):
        return ActError(error.code, said, f"See that the ledger can be written. {_AGAIN}")
    if error.code == "append.not-entitled":
        return ActError(error.code, said, "The ledger's authority has changed: verify again.")
    known = problem_of(error)
    return ActError(known.code, known.what, _AGAIN)


class _Act:
    """One act on its way into the ledger."""

    def __init__(self, identity: str, tables: Tables, asked: Asked) -> None:
        self._identity = identity
        self._tables = tables
        self._asked = asked
        self._unchanged = 0
        self._closed = False

    def recorded(self) -> Done:
        """Write it, in as few submissions as it fits in."""
        held = desk()
        entries: list[int] = []
        with Store.open(held.ledger, writable=True) as store:
            client = LedgerClient(
                store,
                held.signers[self._identity],
                self._identity,
                head_signer=held.head() if held.head is not None else None,
            )
            findings = tuple(dict.fromkeys(self._asked.findings))
            try:
                for first in range(0, len(findings), _AT_ONCE):
                    part = findings[first : first + _AT_ONCE]
                    last = first + _AT_ONCE >= len(findings)
                    receipts = client.append(self._prepare(store, client, part, last=last))
                    entries += [one.index for one in receipts[: len(receipts) - self._closed]]
            except ActError as error:
                if not entries:
                    raise
                done = Done(tuple(entries), self._unchanged)
                raise ActError("act.part", f"{done.words} Then: {error}", error.do) from error
            finally:
                # A stream that is not closed would be a finding of its own.
                if entries and not self._closed:
                    client.close()
        return Done(tuple(entries), self._unchanged)

    def _prepare(
        self, store: Store, client: LedgerClient, part: Sequence[str], *, last: bool
    ) -> Callable[[Head, str], list[AnyRecord]]:
        def prepare(head: Head, now: str) -> list[AnyRecord]:
            del now
            said = self._said(store, head.size, part)
            made: list[AnyRecord] = []
            for finding in part:
                changed = self._changed(said.get(finding))
                if changed is None:
                    self._unchanged += 1
                    continue
                state, assignee = changed
                made.append(
                    client.make(
                        Review,
                        finding=finding,
                        state=state,
                        assignee=assignee or None,
                        note=self._asked.note.strip() or None,
                    )
                )
            if made and last:
                self._closed = True
                made.append(client.make(StreamClose))
            return made

        return prepare

    def _changed(self, before: Said | None) -> tuple[str, str] | None:
        """Return state and assignee as they become; None where nothing changes.

        Raises:
            ActError: Somebody else said something else since the reviewer looked.
        """
        asked = self._asked
        state = before.state if before else OPEN
        assignee = before.assignee if before else ""
        become = STATES.get(asked.what, state), assignee
        if asked.what == "assign":
            become = state, asked.assignee
        if asked.what == "acknowledge" and state != OPEN:
            return None
        note = asked.note.strip()
        same_note = not note or (before is not None and before.note == note)
        if become == (state, assignee) and same_note:
            return None
        if before is not None and before.idx >= asked.seen:
            raise ActError(
                "act.changed",
                f"{last_name(before.identity)} said of {before.finding} in the meantime: "
                f"{before.state}",
                "Look at what they said, then do what is still to be done.",
            )
        return become

    def _said(self, store: Store, size: int, part: Sequence[str]) -> Mapping[str, Said]:
        """Return the last review of each finding, up to the ledger's end.

        What came after those that the reviewer saw checked is taken as it is: whoever wrote it held
        the lock before us, and nothing but whether to write rests on it. Of what they saw, the
        tables have all that is valid; what is not must not decide what is signed.
        """
        found = reviews.last(self._tables, part)
        start = max(reviews.reached(self._tables), self._asked.seen)
        for one in _later(store, start, size):
            if one.finding in part:
                found[one.finding] = one
        return found


def _later(store: Store, start: int, size: int) -> Iterator[Said]:
    for index, raw in store.records_containing(_REVIEW, start):
        record = json.loads(raw)
        if index < size and record.get("kind") == "review":
            yield Said.of(index, record, "")
