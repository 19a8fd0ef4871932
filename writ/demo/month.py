"""Four weeks of a refund desk: what happens when, and the ledger that it leaves.

Everything follows from the seed: the world, who comes when with what, what goes wrong. Keys and
nonces are secret unless the ledger is asked to be reproducible.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

from contracts.library import contract_text, policy_text
from ledger.checkpoint import parse_checkpoint, parse_note
from ledger.client import LedgerClient
from ledger.clock import format_time
from ledger.encoding import digest
from ledger.errors import RefusedError
from ledger.founding import Founded, create_ledger, trust_file
from ledger.records import Activation, RunOpened
from ledger.signing import MemoryKey
from ledger.store import Store
from ledger.testing import seeded_random
from writ.demo import agent
from writ.demo.desk import Channel, Desk, closing, open_desk
from writ.demo.incident import (
    RING,
    Incident,
    claimed_again,
    claims,
    released,
    response,
    serial_claim,
    taking_back,
)
from writ.demo.people import ORIGIN, SERVICE, founders
from writ.demo.planted import acts, cost, coverage, decisions, people, recovery
from writ.demo.planted.refunds import MISTAKES, SLIPS
from writ.demo.services import Services
from writ.demo.session import prompt_digest
from writ.demo.timeline import Steps, Timeline
from writ.demo.truth import UNDECIDABLE
from writ.demo.world import Customer, World

NAME: Final = "refund-decisioning"
START: Final = datetime(2026, 3, 2, tzinfo=UTC)
"""A Monday."""
DAYS: Final = 28
RUNS: Final = 1_500
"""Ordinary cases; what goes wrong, the incident and its repair come on top."""
_DAY, _HOUR, _MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
# Monday of the third week.
KILLED: Final = START + 14 * _DAY + 16 * _HOUR + 45 * _MINUTE
RELEASED: Final = START + 16 * _DAY + 7 * _HOUR
_VERSIONS: Final = (("1.0.0", "7", START), ("1.1.0", "8", START + 16 * _DAY))

Plant = Callable[[Desk, Channel, Random], Steps]

_BY_DAY: Final[tuple[Plant, ...]] = (
    acts.not_permitted,
    acts.drafted,
    acts.unknown_tool,
    acts.malformed,
    acts.slow_reads,
    acts.paid_twice,
    acts.other_transaction,
    acts.serial_refund,
    acts.card_number,
    acts.not_paid,
    cost.dear,
    cost.wordy,
    cost.busy,
    cost.wandering,
    cost.searching,
    cost.stubborn,
    cost.looping,
    cost.lasting,
    cost.worthless,
    cost.uncounted,
    cost.unpriced,
    recovery.no_outcome,
    recovery.retried,
    recovery.reversed_twice,
    recovery.reversed_late,
)
# Bounds on the whole service are passed where nobody else runs into them.
_BY_NIGHT: Final[tuple[Plant, ...]] = (
    acts.searches,
    cost.flooding,
    recovery.outage,
    recovery.flood_of_payouts,
)
_BROKEN_GATE: Final[tuple[Plant, ...]] = (
    decisions.false_allow,
    decisions.false_deny,
    decisions.despite_deny,
    decisions.without_approval,
    decisions.resumed_unapproved,
    decisions.another_amount,
    decisions.approval_reused,
    decisions.wrong_version,
    decisions.other_reasons,
    decisions.loose_basis,
    coverage.left_open,
)


@dataclass(frozen=True)
class Month:
    """Four weeks that have happened.

    Attributes:
        founded: The ledger, with its keys.
        desk: The desk as it stands at the end; its `truth` is what must be found.
        incident: What happened in the incident.
        trust: Text of the trust file, with the last signed head.
    """

    founded: Founded
    desk: Desk
    incident: Incident
    trust: str


def live(
    location: Path,
    seed: str,
    *,
    runs: int = RUNS,
    reproducible: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Month:
    """Let four weeks happen in a new ledger.

    Args:
        location: Where the ledger is made; nothing is there yet.
        seed: What happens follows from it.
        runs: How many ordinary cases there are.
        reproducible: Keys and nonces follow from the seed too. Such keys are worth nothing.
        progress: Called at the end of each day with the day, and how many there are.

    Raises:
        LedgerError: The ledger cannot be made or written.
    """
    timeline = Timeline(START + 5 * _HOUR)

    def random_of(name: str) -> Callable[[int], bytes]:
        return seeded_random(f"{seed}/{name}") if reproducible else secrets.token_bytes

    founded = create_ledger(
        location,
        origin=ORIGIN,
        founders=founders(),
        clock=timeline.clock,
        random=random_of("founding"),
    )
    world = World(seed)
    services = Services(world, ("7", policy_text(NAME, "7")), seed)
    with ExitStack() as stack:
        desk = open_desk(stack, founded, timeline, (world, services), random_of)
        happening = Incident(ring=_ring(world))
        _plan(desk, happening, Random(f"{seed}/plan"), runs)  # noqa: S311 - a simulation
        timeline.begin(START + 3 * _DAY, _refused(desk, founded))
        for day in range(1, DAYS + 1):
            timeline.run(START + day * _DAY)
            desk.people["steward"].checkpoint()
            if progress is not None:
                progress(day, DAYS)
        timeline.run()
        note = _ended(desk)
    return Month(founded, desk, happening, trust_file(founded, checkpoint=note))


def _ring(world: World) -> list[Customer]:
    """Return the customers of the incident; between them are others, who never write."""
    found: list[Customer] = []
    for number in range(RING):
        _ = [world.customer() for _ in range(7 + 5 * (number % 4))]
        found.append(world.customer("EU"))
    return found


def _ended(desk: Desk) -> bytes:
    """Close every stream but one, and return the last head."""
    # The process of the channel on trial was killed.
    closing(desk, ("trial",))
    note = desk.people["steward"].checkpoint()
    last = parse_checkpoint(parse_note(note).text).size - 1
    desk.expect(UNDECIDABLE, "coverage.stream-unclosed", last, "", "stream-left-open")
    desk.truth.expected.extend(desk.likeness.expected())
    return note


# ---------------------------------------------------------------------------- the plan


def _plan(desk: Desk, happening: Incident, random: Random, runs: int) -> None:
    begin = desk.timeline.begin
    for channel in desk.channels.values():
        channel.prompt = prompt_digest("1")
    for version, policy, day in _VERSIONS:
        begin(day + 5 * _HOUR + 10 * _MINUTE, _in_force(desk, version, policy))
    _plan_ordinary(desk, random, runs)
    _plan_planted(desk, random)
    _plan_incident(desk, happening, random)
    begin(START + 19 * _DAY, _new_model(desk, "atlas-4.2"))
    begin(START + 4 * _DAY + 11 * _HOUR, coverage.without_contract(desk))


def _in_force(desk: Desk, version: str, policy: str) -> Steps:
    """Publish and activate a version; from its time on runs name its policy."""
    text = contract_text(NAME, version)
    contract = digest(text.encode())
    desk.publish(version, text, contract)
    yield 10 * _MINUTE
    client, at = desk.people["activator"], desk.now + 10 * _MINUTE
    (receipt,) = client.submit(
        [
            client.make(
                Activation,
                service=SERVICE,
                version=version,
                digest=contract,
                effective_at=format_time(at),
                approved_by=(client.by,),
            )
        ]
    )
    desk.likeness.activated[version] = receipt.index
    yield 10 * _MINUTE
    desk.earlier = desk.version, desk.current
    desk.version, desk.current = version, contract
    said = policy_text(NAME, policy)
    desk.services.policy = policy, said
    desk.claimed = {"name": "refund-policy", "version": policy, "digest": digest(said)}


def _new_model(desk: Desk, model: str) -> Steps:
    for channel in desk.channels.values():
        channel.model = model
    yield timedelta(0)


def _refused(desk: Desk, founded: Founded) -> Steps:
    """Let somebody write whom nobody registered: the ledger takes nothing from them."""
    ghost = f"spiffe://{founded.origin}/agent-ghost"
    with Store.open(founded.location, writable=True) as store:
        client = LedgerClient(
            store, MemoryKey.from_seed(b"g" * 32), ghost, clock=desk.timeline.clock
        )
        try:
            client.submit([client.make(RunOpened, service=SERVICE)])
        except RefusedError as error:
            desk.truth.refused["identity.registered"] = error.code
    yield timedelta(0)


# ------------------------------------------------------------------------ ordinary days

_KINDS: Final = {
    "refund": 27,
    "approved": 6,
    "status": 26,
    "question": 17,
    "late": 14,
    "people": 10,
}
_HOURS: Final = {
    **dict.fromkeys(range(7, 22), 3),
    **dict.fromkeys((10, 11, 12, 18, 19, 20), 6),
}
# The share of cases of somebody who came before.
_RETURNING = 0.12
_CHANNELS: Final = {"chat": 45, "portal": 35, "email": 20}


def _plan_ordinary(desk: Desk, random: Random, runs: int) -> None:
    regulars = [desk.world.customer() for _ in range(max(runs, 300))]
    random.shuffle(regulars)
    refunds: Counter[str] = Counter()
    for number in range(runs):
        day = random.choices(range(DAYS), [6 if one % 7 >= 5 else 10 for one in range(DAYS)])[0]  # noqa: PLR2004
        hour = random.choices(list(_HOURS), list(_HOURS.values()))[0]
        at = START + day * _DAY + hour * _HOUR + timedelta(seconds=random.randrange(3600))
        name = random.choices(list(_CHANNELS), list(_CHANNELS.values()))[0]
        if name == "email" and KILLED - 10 * _MINUTE < at < RELEASED + 5 * _MINUTE:
            # Nothing decides there: people stopped the queue by hand, and two cases slip through
            # all the same (`_plan_switch`).
            name = "chat"
        kind = random.choices(list(_KINDS), list(_KINDS.values()))[0]
        customer = regulars[number]
        if random.random() < _RETURNING and number:
            customer = regulars[random.randrange(number)]
        if kind in {"refund", "approved"}:
            # Nobody but the ring is paid three times: that would be something to be found.
            customer = customer if refunds[customer.id] < 2 else regulars[number]  # noqa: PLR2004
            refunds[customer.id] += 1
        # Each has a source of chance of its own: one case more does not change the others.
        steps = _ordinary(desk, desk.channels[name], kind, customer, random.getrandbits(64))
        desk.timeline.begin(at, steps)


def _ordinary(desk: Desk, channel: Channel, kind: str, customer: Customer, seed: int) -> Steps:
    random = Random(seed)  # noqa: S311 - a simulation, not a secret
    gated = channel.gate is not None
    leads_work = desk.now.weekday() < 5 and 8 <= desk.now.hour < 16  # noqa: PLR2004
    if kind == "approved" and not (gated and leads_work):
        kind = "people"
    slip = _mistake(random, kind, gated=gated)
    who = None if slip.customer or slip.params else customer
    units = _above(desk.version, customer.region, random) if kind == "approved" else 0.0
    days = random.randint(61, 300) if kind == "late" else 0
    if units or days:
        slip = agent.Slip(slip.name, units=units, days=days)
    case = agent.case_of(desk, slip, random, who)
    if kind == "refund":
        yield from agent.refund(desk, channel, case, slip)
    elif kind == "status":
        fault = random.choices(("", "error", "timeout"), (96, 2, 2))[0]
        yield from agent.status_question(desk, channel, case, fault=fault)
    else:
        flows = {
            "approved": agent.approved_refund,
            "question": agent.policy_question,
            "late": agent.late_claim,
            "people": agent.case_for_people,
        }
        yield from flows[kind](desk, channel, case)


def _mistake(random: Random, kind: str, *, gated: bool) -> agent.Slip:
    if kind == "refund" and gated and random.random() < 0.05:  # noqa: PLR2004
        return random.choice(MISTAKES)
    return agent.PLAIN


def _above(version: str, region: str, random: Random) -> float:
    limit = agent.limit_units(version, region)
    return random.uniform(limit + 2, limit + 90)


# --------------------------------------------------------------------- what goes wrong


def _times(
    random: Random, plants: Sequence[Plant], day: int, days: int, hours: tuple[int, int]
) -> Iterable[tuple[datetime, Plant]]:
    """Spread plants over days, each at some time between two hours."""
    for number, plant in enumerate(plants):
        at = START + (day + number % days) * _DAY + hours[0] * _HOUR
        yield at + timedelta(seconds=random.randrange((hours[1] - hours[0]) * 3600)), plant


def _slipping(slip: agent.Slip) -> Plant:
    def plant(desk: Desk, channel: Channel, random: Random) -> Steps:
        yield from agent.refund(desk, channel, agent.case_of(desk, slip, random), slip)

    return plant


def _plan_planted(desk: Desk, random: Random) -> None:
    email, gated = desk.channels["email"], (desk.channels["portal"], desk.channels["chat"])
    slips = [_slipping(slip) for slip in SLIPS]
    for first, days, nights in ((1, 9, 1), (18, 8, 17)):
        for at, plant in _times(random, [*_BY_DAY, *slips], first, days, (7, 20)):
            # Four refunds and one that lasts three days need their time before the window ends.
            early = plant in {recovery.reversed_late, acts.serial_refund}
            when = START + first * _DAY + 9 * _HOUR if early else at
            desk.timeline.begin(when, plant(desk, email, _chance(random)))
        for number, (at, plant) in enumerate(_times(random, _BROKEN_GATE, first, days, (8, 15))):
            desk.timeline.begin(at, plant(desk, gated[number % 2], _chance(random)))
        for number, plant in enumerate(_BY_NIGHT):
            at = START + (nights + 1 + number) * _DAY + 3 * _HOUR
            desk.timeline.begin(at, plant(desk, email, _chance(random)))
    for _, _, day in _VERSIONS:
        # In force, and before the mandate begins.
        for minute, channel in ((40, email), (45, gated[0])):
            at = day + 5 * _HOUR + minute * _MINUTE
            desk.timeline.begin(at, acts.outside_mandate(desk, channel, _chance(random)))
    _plan_switch(desk, random, email)
    _plan_people(desk)


def _plan_people(desk: Desk) -> None:
    """Under each version, on a quiet weekend, people do what they may not."""
    for day in (5, 26):
        begin = START + day * _DAY + 2 * _HOUR
        desk.timeline.begin(begin, people.activated_by_its_runner(desk))
        desk.timeline.begin(begin + _HOUR, people.stopped_without_the_role(desk))
        desk.timeline.begin(begin + 3 * _HOUR, people.opened_by_a_stranger(desk))


def _plan_switch(desk: Desk, random: Random, email: Channel) -> None:
    """In the channel that nothing decides for, somebody goes on while the service is stopped."""
    begin = desk.timeline.begin
    for at in (KILLED + 20 * _MINUTE, KILLED + 18 * _HOUR):
        begin(at, recovery.through_the_switch(desk, email, _chance(random)))
    begin(START + 23 * _DAY + 2 * _HOUR, recovery.drill(desk, email, _chance(random)))
    begin(START + 24 * _DAY + 2 * _HOUR, recovery.drill_in_safe_mode(desk, email, _chance(random)))


def _chance(random: Random) -> Random:
    return Random(random.getrandbits(64))  # noqa: S311 - a simulation, not a secret


# ------------------------------------------------------------------------- the incident


def _plan_incident(desk: Desk, happening: Incident, random: Random) -> None:
    begin, portal = desk.timeline.begin, desk.channels["portal"]
    begin(START + 11 * _DAY + 17 * _HOUR, _new_prompt(desk, happening))
    for at, number in claims(happening, START, random):
        begin(at, serial_claim(desk, portal, happening, number))
    begin(START + 11 * _DAY + 17 * _HOUR, response(desk, KILLED))
    begin(RELEASED, _release(desk, happening, _chance(random)))
    for number in range(0, RING, 2):
        at = RELEASED + (26 + 7 * number) * _HOUR
        begin(at, claimed_again(desk, portal, happening, number))


def _new_prompt(desk: Desk, happening: Incident) -> Steps:
    """Give the portal a new prompt, which no longer asks to look at earlier refunds."""
    desk.channels["portal"].prompt = happening.prompt = prompt_digest("2")
    yield timedelta(0)


def _release(desk: Desk, happening: Incident, random: Random) -> Steps:
    released(desk)
    yield 10 * _MINUTE
    yield from taking_back(desk, desk.channels["portal"], happening, random)
