"""Stopping a service, or some of what it does, and letting it go on.

What would stop nothing is refused before it is written, and asked again under the ledger's lock.
"""

from dataclasses import dataclass
from typing import Final, Literal

from contracts.conditions import selector_problems
from contracts.errors import ContractErrors
from contracts.follower import Follower
from contracts.instants import micros
from contracts.loading import load_contract
from contracts.model import Contract
from contracts.switches import Switched, Switches
from contracts.versions import VersionHistory
from ledger.admission import read_authority
from ledger.authority import Standing
from ledger.clock import format_time, system_clock
from ledger.records import AnyRecord
from ledger.records import Switch as SwitchRecord
from ledger.rows import Head
from ledger.store import Store
from writ.errors import CommandError, UsageError
from writ.governing import Governed, Speaker, named_service

_MOST_SAID: Final = 1_000


@dataclass(frozen=True, slots=True)
class Pull:
    """A switch as somebody wants it. `selector` is None for the whole service."""

    service: str
    state: Literal["engaged", "released"]
    reason: str
    mode: Literal["kill", "safe"] = "kill"
    selector: str | None = None


class Panel:
    """The switches of one service as they stand, and the contract that says whose count.

    Args:
        store: The ledger. Its integrity is not checked: `writ verify` does that.
        service: The service, by its identity or the last part of it.

    Raises:
        CommandError: No contract of such a service was published.
    """

    def __init__(self, store: Store, service: str) -> None:
        self.service = named_service(Governed(store), service)
        self._follower = Follower(store)
        self._switches = Switches()
        self._versions = VersionHistory()
        self._texts: dict[str, str] = {}
        self._read: dict[str, Contract | None] = {}
        self.read_on(store.size())

    def read_on(self, size: int) -> None:
        """Read the ledger on, up to a size."""
        for event in self._follower.read_on(size):
            self._switches.observe(event)
            self._versions.observe(event)
            if event.record["kind"] == "contract":
                self._texts.setdefault(event.record["digest"], event.record["text"])

    @property
    def contract(self) -> Contract | None:
        """The contract in force now; None where there is none that can be read."""
        now = micros(max(format_time(system_clock()), self._follower.latest)) or 0
        found = self._versions.at(self.service, now)
        if found is not None and found.digest not in self._read:
            try:
                made = load_contract(self._texts[found.digest], f"{found.version} in the ledger")
            except ContractErrors:
                made = None
            self._read[found.digest] = made
        return None if found is None else self._read[found.digest]

    @property
    def roles(self) -> tuple[str, ...]:
        """Who may pull a switch of the service, as the contract says; empty: anybody."""
        return () if self.contract is None else self.contract.kill_switch_roles

    def all(self) -> list[Switched]:
        """Return what each selector comes to; that of the whole service first."""
        found = self._switches.of(self.service, self.roles)
        return sorted(found, key=lambda one: one.selector is not None)

    def at(self, selector: str | None) -> Switched:
        """Return what one selector comes to."""
        return self._switches.at(self.service, selector, self.roles)

    def check(self, selector: str) -> None:
        """Refuse a selector that is no condition: it would stop everything.

        Raises:
            UsageError: It is none.
            CommandError: There is no contract in force to check it by.
        """
        contract = self.contract
        if contract is None:
            raise CommandError(
                "switch.contract",
                f"no contract is in force for {self.service} by which --where could be checked",
                do="Without --where the whole service is stopped.",
            )
        if problems := selector_problems(contract, selector):
            raise UsageError(
                "switch.selector",
                f"{selector}: {'; '.join(problems)}",
                do="It is a condition over action, params and run.",
            )

    def refuse(self, speaker: Speaker, record: SwitchRecord, size: int, now: str) -> None:
        """Refuse a switch that the ledger or the contract in force does not accept.

        Raises:
            CommandError: It would be no switch, or one that stops nothing.
        """
        authority = read_authority(speaker.store)
        found = authority.entitled(size, speaker.key, record, now)
        if found.standing is not Standing.ENTITLED:
            raise CommandError(
                "append.not-entitled",
                f"{record.by}: {found.why} ({found.code})",
                do="Name who may with --as or --key; `writ keys list LEDGER` shows who.",
            )
        held = authority.identity_at(size, record.by).get("roles", ())
        roles = self.roles
        if roles and set(roles).isdisjoint(held):
            raise CommandError(
                "switch.role",
                f"{record.by} has {', '.join(held)}, and the contract in force accepts "
                f"a switch of {' or '.join(roles)} only: it would stop nothing",
                do="Name who may with --as or --key; `writ keys list LEDGER` shows who.",
            )


def check(speaker: Speaker, panel: Panel, pull: Pull) -> None:
    """Refuse a switch before anybody is asked; the same is asked again under the ledger's lock.

    Raises:
        CommandError: It is refused.
    """
    head, _ = speaker.store.head()
    panel.refuse(speaker, _made(speaker, pull), head.size, format_time(speaker.now(head)))


def _made(speaker: Speaker, pull: Pull) -> SwitchRecord:
    """Return the record of a switch."""
    return speaker.client.make(
        SwitchRecord,
        service=pull.service,
        state=pull.state,
        mode=pull.mode,
        selector=pull.selector,
        reason=pull.reason[:_MOST_SAID],
    )


def pull_it(speaker: Speaker, panel: Panel, pull: Pull) -> int:
    """Append a switch under the ledger's lock, and return its entry.

    Raises:
        CommandError: It is refused.
    """
    record = _made(speaker, pull)
    panel.read_on(speaker.store.size())

    def prepare(head: Head, now: str) -> list[AnyRecord]:
        panel.refuse(speaker, record, head.size, now)
        return [record]

    return speaker.client.append(prepare)[0].index
