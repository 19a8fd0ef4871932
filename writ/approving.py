"""People's words on actions that wait for them: what waits, who may, and saying it.

What would lift nothing is refused before it is written, by the rule that decides when the action is
resumed, and asked again while the ledger's lock is held.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from contracts.approvals import Obstacle
from contracts.follower import Follower
from contracts.history import Event
from contracts.holds import ESCALATED, Hold, Holds
from ledger.admission import read_authority
from ledger.authority import Standing
from ledger.clock import format_time, parse_time, system_clock
from ledger.encoding import digest
from ledger.entry import parse_header
from ledger.records import AnyRecord, Approval, record_bytes
from ledger.rows import Head
from ledger.store import Store
from verifier.findings import finding_id
from writ.errors import CommandError
from writ.governing import Speaker

_CLOSE: Final = 8
"""How many actions of a name that several have are shown."""


class Desk:
    """What waits for people in a ledger, read as far as it was.

    Its integrity is not checked: `writ verify` does that.
    """

    def __init__(self, store: Store) -> None:
        genesis = parse_header(store.row(0).header).record
        self.follower = Follower(store)
        self.holds = Holds(partial(_finding, genesis))
        self.read_on(store.size())

    def read_on(self, size: int) -> None:
        """Read the ledger on, up to a size."""
        for event in self.follower.read_on(size):
            self.holds.observe(event)

    @property
    def now(self) -> str:
        """The least time that the next entry can have."""
        return max(format_time(system_clock()), self.follower.latest)

    def action(self, name: str) -> Event:
        """Return the action that a digest, the beginning of one, or an entry names.

        Raises:
            CommandError: None is called so, or several are.
        """
        found = self.holds.named(name)
        if len(found) == 1:
            return found[0]
        if not found:
            raise CommandError(
                "approval.unknown",
                f"{name}: no live action in this ledger is called so",
                do="`writ pending LEDGER` lists what waits. Name it by digest, or by its entry.",
            )
        some = ", ".join(f"{one.digest[:16]} (entry {one.index})" for one in found[:_CLOSE])
        raise CommandError("approval.ambiguous", f"{name}: {len(found)} actions: {some}")

    def hold(self, action: Event) -> Hold:
        """Return what waits for an approval.

        Raises:
            CommandError: It does not, or not any more.
        """
        found = self.holds.hold(action.digest, self.now)
        if isinstance(found, str):
            raise CommandError("approval.not-held", f"entry {action.index}: {found}")
        if found.state == ESCALATED:
            raise CommandError(
                "approval.not-held",
                f"entry {action.index}: it was escalated, and no approval lifts that",
                do="What becomes of it is decided outside: by who it was handed to.",
            )
        return found


def _finding(genesis: str, rule: str, index: int, contract: str) -> str:
    return finding_id(genesis, rule, rule, index, contract)


@dataclass(frozen=True, slots=True)
class Opinion:
    """What somebody wants to say of an action.

    Attributes:
        action: The action's entry.
        verdict: `approve`, `refuse` or `withdraw`.
        rule: The one rule that it is about; empty for all.
        expires: When it runs out, or how long after it is said; None: as the rule says.
        reason: Why, in words.
    """

    action: Event
    verdict: str = "approve"
    rule: str = ""
    expires: datetime | timedelta | None = None
    reason: str = ""

    def record(self, speaker: Speaker, now: str) -> Approval:
        """Return the record, as it would be at a time."""
        ends = self.expires
        if isinstance(ends, timedelta):
            ends = parse_time(now) + ends
        return speaker.client.make(
            Approval,
            action=self.action.digest,
            verdict=self.verdict,
            rule=self.rule or None,
            expires_at=None if ends is None else format_time(ends),
            reason=self.reason or None,
        )


def lifts(speaker: Speaker, desk: Desk, opinion: Opinion, now: str) -> Sequence[str]:
    """Return the rules that an opinion would lift, or give back; refuse what does nothing.

    Args:
        speaker: Who says it.
        desk: What waits, read to the end.
        opinion: What they say.
        now: When.

    Raises:
        CommandError: It would lift nothing, or its key is not entitled to it.
    """
    hold = desk.hold(opinion.action)
    record = opinion.record(speaker, now)
    _refuse_unentitled(speaker, record, desk.follower.size, now)
    rules = [ask.rule for ask in hold.asks if opinion.rule in {"", ask.rule}]
    if not rules:
        known = ", ".join(ask.rule for ask in hold.asks)
        raise CommandError(
            "approval.rule", f"{opinion.rule}: the action does not wait for it", do=f"For: {known}."
        )
    if opinion.verdict == "withdraw":
        return _given(hold, record)
    if opinion.verdict == "refuse":
        return rules
    raw = record_bytes(record)
    said = desk.follower.event(desk.follower.size, digest(raw), raw, now)
    found = desk.holds.obstacles(hold, said, now)
    _refuse_idle(found)
    return [rule for rule, each in found.items() if each is None]


def _refuse_unentitled(speaker: Speaker, record: AnyRecord, size: int, now: str) -> None:
    found = read_authority(speaker.store).entitled(size, speaker.key, record, now)
    if found.standing is not Standing.ENTITLED:
        raise CommandError(
            "append.not-entitled",
            f"{record.by}: {found.why} ({found.code})",
            do="Name who may with --as or --key; `writ keys list LEDGER` shows who.",
        )


def _given(hold: Hold, record: Approval) -> Sequence[str]:
    """Return the rules for which somebody's approval stands that they take back."""
    found = [
        ask.rule
        for ask in hold.asks
        if record.rule in {None, ask.rule}
        and any(word.event.record["by"] == record.by and word.stands for word in ask.words)
    ]
    if not found:
        raise CommandError(
            "approval.nothing-given", f"no approval by {record.by} stands that could be withdrawn"
        )
    return found


def _refuse_idle(found: Mapping[str, Obstacle | None]) -> None:
    against = [each for each in found.values() if each is not None]
    if len(against) == len(found):
        raise CommandError(
            against[0].code,
            "; ".join(dict.fromkeys(each.what for each in against)) + ": it would lift nothing",
            do="`writ pending LEDGER` says which role each rule asks for.",
        )


def say(speaker: Speaker, desk: Desk, opinion: Opinion) -> tuple[int, Approval]:
    """Append an opinion under the ledger's lock, and return its entry and the record.

    Raises:
        CommandError: It would lift nothing now.
    """
    made: list[Approval] = []
    desk.read_on(speaker.store.size())

    def prepare(head: Head, now: str) -> list[AnyRecord]:
        desk.read_on(head.size)
        lifts(speaker, desk, opinion, now)
        made.append(opinion.record(speaker, now))
        return [made[-1]]

    index = speaker.client.append(prepare)[0].index
    return index, made[-1]
