"""What all cases of the simulation share: channels, people, tools, and what is true just now."""

from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from ledger.client import LedgerClient
from ledger.founding import Founded
from ledger.head_signer import HeadSigner
from ledger.records import ContractText, Switch
from ledger.store import Store
from writ.demo.bounds import Bounds
from writ.demo.gate import Gate
from writ.demo.likeness import Likeness
from writ.demo.people import CHANNELS, LEADS, SERVICE
from writ.demo.services import Services
from writ.demo.timeline import Timeline
from writ.demo.truth import OWN_CODES, Expected, Truth
from writ.demo.world import World

NO_CONTRACT: Final = ""


@dataclass(slots=True)
class Channel:
    """Where customers come in.

    Attributes:
        name: `chat`, `portal`, `email`, or the `trial` beside it.
        client: Writes as its agent.
        gate: Decides before its tools are called; None where nothing decides yet.
        model: The model that its agent runs on.
        prompt: Digest of its agent's prompt.
    """

    name: str
    client: LedgerClient
    gate: Gate | None
    model: str = "atlas-4.1"
    prompt: str = ""


@dataclass(slots=True)
class Desk:
    """The refund desk: four channels, one ledger, and what is true just now.

    Attributes:
        version: Of the contract in force.
        current: Its digest.
        earlier: Version and digest of the one before it.
        claimed: The policy that runs say they work under.
        bounds: What bounds the service as a whole.
        likeness: The decisions so far, side by side.
    """

    timeline: Timeline
    world: World
    services: Services
    truth: Truth
    channels: dict[str, Channel]
    people: dict[str, LedgerClient]
    version: str = NO_CONTRACT
    current: str = ""
    earlier: tuple[str, str] = ("", "")
    claimed: dict[str, Any] = field(default_factory=dict[str, Any])
    bounds: Bounds = field(default_factory=Bounds)
    likeness: Likeness = field(default_factory=Likeness)
    runs: int = 0

    @property
    def now(self) -> datetime:
        """The simulated time."""
        return self.timeline.now

    def ref(self) -> str:
        """Return the reference of the next run."""
        self.runs += 1
        return f"R-{self.runs:05}"

    def expect(self, result: str, rule: str, index: int, run: str, plant: str) -> None:
        """Note that something must be found."""
        version = "" if rule.startswith(OWN_CODES) else self.version
        self.truth.expected.append(Expected(result, rule, index, version, run, plant))

    def flip(self, state: str, mode: str, reason: str) -> int:
        """Let the commander engage or release the switch; return the entry."""
        client = self.people["commander"]
        record = client.make(Switch, service=SERVICE, state=state, mode=mode, reason=reason)
        self.bounds.switch = mode if state == "engaged" else "released"
        return client.submit([record])[0].index

    def publish(self, version: str, text: str, digest: str) -> int:
        """Let the author publish a version of the contract; return the entry."""
        client = self.people["author"]
        record = client.make(
            ContractText, service=SERVICE, version=version, digest=digest, text=text
        )
        return client.submit([record])[0].index


def open_desk(
    stack: ExitStack,
    founded: Founded,
    timeline: Timeline,
    desk_of: tuple[World, Services],
    random_of: Callable[[str], Callable[[int], bytes]],
) -> Desk:
    """Open a founded ledger for everybody who writes in it.

    Args:
        stack: Closes the store; the writers are closed by whoever ends the simulation.
        founded: The ledger.
        timeline: Its clock.
        desk_of: The world, and the tools over it.
        random_of: Gives each writer, by name, its source of nonces.
    """
    store = stack.enter_context(Store.open(founded.location, writable=True))
    gate = Gate(store, SERVICE, timeline.clock)

    def client(name: str, head_signer: HeadSigner | None = None) -> LedgerClient:
        return LedgerClient(
            store,
            founded.key(name),
            founded.identities[name],
            clock=timeline.clock,
            random=random_of(name),
            head_signer=head_signer,
            checkpoint_every=0,
        )

    channels = {
        name: Channel(name, client(f"agent-{name}"), gate if name in {"chat", "portal"} else None)
        for name in CHANNELS
    }
    agents = ("agent-addresses", "agent-collections")
    others = ("author", "activator", "deputy", "commander", "night-shift", *agents, *LEADS)
    people = {name: client(name) for name in others}
    # One writer has the head signed, at the end of each day.
    people["steward"] = client("steward", head_signer=founded.head_signer())
    world, services = desk_of
    return Desk(timeline, world, services, Truth(), channels, people)


def closing(desk: Desk, left_open: Collection[str]) -> None:
    """Close every writer's stream but those left open, the head signer last."""
    for channel in desk.channels.values():
        if channel.name not in left_open:
            channel.client.close()
    for name in sorted(desk.people, key=lambda one: (one == "steward", one)):
        if name not in left_open:
            desk.people[name].close()
