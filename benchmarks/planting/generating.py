"""Makes a ledger of random runs with random planted mistakes, and writes down what must be found.

Everything follows from the seed. Each case is drawn as a correct one; then, or not, mutations are
planted in it. The truth comes from these and from a model of the service, never from a report.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

from benchmarks.planting import others
from benchmarks.planting.acts import IDENTITY, RECOVERY, TOOLS
from benchmarks.planting.apart import APART
from benchmarks.planting.desk import NAME, Desk, Steps
from benchmarks.planting.draws import PAYING_TWICE, SHAPES, WEIGHTS, Draw
from benchmarks.planting.floods import FLOODS
from benchmarks.planting.gates import APPROVALS, DECISIONS
from benchmarks.planting.mutations import Mutation
from benchmarks.planting.people import FOUNDERS, ORIGIN
from benchmarks.planting.reading import EVIDENCE, POLICY, SCOPE
from benchmarks.planting.spending import COST
from benchmarks.planting.steps import Case
from benchmarks.planting.truth import Truth
from contracts.library import contract_text
from ledger.checkpoint import parse_checkpoint, parse_note
from ledger.founding import create_ledger, trust_file
from ledger.testing import seeded_random
from writ.demo.timeline import Timeline

MUTATIONS: Final = (
    *SCOPE,
    *EVIDENCE,
    *POLICY,
    *IDENTITY,
    *TOOLS,
    *COST,
    *RECOVERY,
    *DECISIONS,
    *APART,
    *APPROVALS,
    *FLOODS,
)
START: Final = datetime(2026, 3, 2, 5, tzinfo=UTC)
_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)
# Versions in turn: each comes into force at a time, and the first two before their mandates.
CALENDAR: Final = (
    ("1.0.0", datetime(2026, 3, 2, 5, 20, tzinfo=UTC)),
    ("1.1.0", datetime(2026, 3, 18, 5, 20, tzinfo=UTC)),
    ("1.0.0", datetime(2026, 4, 20, 12, tzinfo=UTC)),
    ("1.1.0", datetime(2026, 5, 10, 12, tzinfo=UTC)),
)
ORDINARY: Final = (datetime(2026, 3, 2, 7, tzinfo=UTC), datetime(2026, 6, 12, tzinfo=UTC))
# While 1.1.0 is in force for two weeks more.
SECOND: Final = (datetime(2026, 5, 11, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC))
LATE: Final = (datetime(2026, 6, 30, 22, tzinfo=UTC), datetime(2026, 7, 4, tzinfo=UTC))
LAST: Final = (datetime(2026, 7, 5, tzinfo=UTC), datetime(2026, 7, 5, 12, tzinfo=UTC))
LEFT_OPEN: Final = frozenset({"agent-trial", "agent-collections"})
Progress = Callable[[int, int], None]


def generate(
    path: Path,
    seed: str,
    runs: int,
    *,
    each: bool = True,
    share: float = 0.55,
    progress: Progress | None = None,
) -> Truth:
    """Make a ledger, and return what must be found in it.

    Args:
        path: Where it is made; nothing is there yet. Its trust file is written beside it.
        seed: What happens follows from it, keys and nonces included: they are worth nothing.
        runs: How many runs there are at least.
        each: Each mutation is planted once by itself, whatever the number of runs.
        share: Of the cases in which something is planted.
        progress: Called with the day, and how many there are.

    Raises:
        LedgerError: The ledger cannot be made or written.
    """
    timeline = Timeline(START)

    def random_of(name: str) -> Callable[[int], bytes]:
        return seeded_random(f"{seed}/{name}")

    founded = create_ledger(
        path,
        origin=ORIGIN,
        founders=FOUNDERS,
        clock=timeline.clock,
        random=random_of("founding"),
    )
    with ExitStack() as stack:
        desk = Desk(stack, founded, timeline.clock, random_of)
        _plan(desk, timeline, Random(f"{seed}/plan"), list(_cases(seed, runs, share, each=each)))
        days = (LAST[1] - START) // _DAY
        for day in range(1, days + 2):
            timeline.run(START + day * _DAY)
            if progress is not None:
                progress(min(day, days), days)
        timeline.run()
        desk.close(LEFT_OPEN)
        note = desk.store.last_checkpoint() or b""
        last = parse_checkpoint(parse_note(note).text).size - 1
        desk.expect_at("undecidable", "coverage.stream-unclosed", last)
        truth = desk.finished()
    path.with_name(f"{path.name}.trust.json").write_text(
        trust_file(founded, checkpoint=note), "utf-8"
    )
    return truth


# ----------------------------------------------------------------------------- the cases


def _cases(seed: str, runs: int, share: float, *, each: bool) -> Iterator[Case]:
    random = Random(f"{seed}/cases")
    draw, count = Draw(random), 0
    for mutation in MUTATIONS if each else ():
        case = draw.case(random.choice(mutation.shapes))
        mutation.plant(draw, case)
        count += case.runs
        yield case
    names = list(SHAPES)
    weights = [WEIGHTS.get(name, 1.0) for name in names]
    while count < runs:
        if random.random() < share:
            case = _planted(draw, random)
        else:
            case = draw.case(random.choices(names, weights)[0])
        count += case.runs
        yield case


def _planted(draw: Draw, random: Random) -> Case:
    """Return a case with one mutation, or with more of them."""
    mutation = random.choices(MUTATIONS, [one.weight for one in MUTATIONS])[0]
    if mutation.alone or random.random() < 0.7:
        case = draw.case(random.choice(mutation.shapes))
        mutation.plant(draw, case)
        return case
    shape = random.choice(mutation.shapes)
    if shape == "refund" and random.random() < 0.4:
        shape = random.choice(PAYING_TWICE)
    case = draw.case(shape)
    # It is asked of two things at once: what they claim by themselves does not hold any more.
    case.certain = False
    fitting = [one for one in MUTATIONS if not one.alone and _fits(one, shape, mutation)]
    for one in (mutation, *random.sample(fitting, min(len(fitting), random.randint(1, 2)))):
        _tried(one, draw, case)
    return case


def _fits(one: Mutation, shape: str, first: Mutation) -> bool:
    alike = "refund" if shape in PAYING_TWICE else shape
    gates = {one.gated, first.gated} - {None}
    return alike in one.shapes and len(gates) < 2 and one is not first


def _tried(mutation: Mutation, draw: Draw, case: Case) -> None:
    """Plant a mutation where those before it have left what it changes."""
    try:
        mutation.plant(draw, case)
    except (LookupError, StopIteration, ValueError):
        case.certain = False


# ---------------------------------------------------------------------------- the calendar


def _plan(desk: Desk, timeline: Timeline, random: Random, cases: list[Case]) -> None:
    for version, at in CALENDAR:
        timeline.begin(at - 10 * _MINUTE, _in_force(desk, version, at))
    for case in cases:
        timeline.begin(_time(case, random), desk.perform(case))
    for number in range(2 + len(cases) // 200):
        at = _between(random, *ORDINARY)
        timeline.begin(at, others.without_contract(desk, closes=number % 2 == 0))
    text = contract_text(NAME, "1.0.0")
    for steps in (
        others.unreadable(desk),
        others.of_another(desk, text),
        others.unregistered(desk),
        others.lossy(desk),
    ):
        timeline.begin(_between(random, *ORDINARY), steps)


def _time(case: Case, random: Random) -> datetime:
    if case.when == "early":
        _, at = random.choice(CALENDAR[:2])
        return _between(random, at + 2 * _MINUTE, at + 30 * _MINUTE)
    spans = {"late": LATE, "last": LAST, "second": SECOND}
    return _between(random, *spans.get(case.when, ORDINARY))


def _between(random: Random, first: datetime, last: datetime) -> datetime:
    return first + timedelta(seconds=random.randrange(int((last - first).total_seconds())))


def _in_force(desk: Desk, version: str, at: datetime) -> Steps:
    """Publish a version where that was not done, and activate it for a time."""
    desk.flush()
    if version not in desk.published:
        desk.publish(version)
    yield _MINUTE
    desk.activate(version, at - desk.now)
