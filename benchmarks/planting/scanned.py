"""Three ways to the same results: scanning all of history, counting on, and whole columns."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from benchmarks.planting.desk import contracts
from benchmarks.planting.generating import generate
from contracts.history import Event
from contracts.model import Contract, Verdict
from tests.reference.by_column import Answers, by_columns, by_counters
from tests.reference.naive import Naive
from verifier.load import open_ledger

Results = tuple[Counter[str], set[tuple[int, str, str]]]
"""How often each rule holds; every other result: entry, rule, verdict."""

CHUNKS = 3


def scanned(contract: Contract, events: Sequence[Event]) -> Results:
    """Return what the naive reference says of a history."""
    holds: Counter[str] = Counter()
    others: set[tuple[int, str, str]] = set()
    for one in Naive(contract, list(events)).results():
        if one.verdict is Verdict.SATISFIED:
            holds[one.rule] += 1
        else:
            others.add((one.index, one.rule, str(one.verdict)))
    return holds, others


def told(answers: Answers) -> Results:
    """Return what an engine says of it."""
    return answers.satisfied, {(one[0], one[1], one[2]) for one in answers.others}


def differences(folder: Path, seed: str, runs: int) -> tuple[int, list[str]]:
    """Generate a small ledger, and hold the three against each other on it.

    Each version of the contract is asked about every record, in force there or not.

    Args:
        folder: Where the ledger is made.
        seed: What is planted follows from it.
        runs: How many runs there are at least. The time grows with their square.

    Returns:
        How many results were compared, and where they differ.
    """
    path = folder / "scanned.db"
    generate(path, f"{seed}/scanned", runs, each=False, share=0.8)
    with open_ledger(path) as ledger:
        events = list(ledger.events())
    compared, found = 0, list[str]()
    cuts = [len(events) * number // CHUNKS for number in range(CHUNKS + 1)]
    assert all(start < stop for start, stop in pairwise(cuts))
    for version, contract in contracts().items():
        wanted = scanned(contract, events)
        compared += wanted[0].total() + len(wanted[1])
        ways = {
            "counters": by_counters(contract, events),
            "columns": by_columns(contract, events, cuts),
        }
        for name, answers in ways.items():
            holds, others = told(answers)
            if holds != wanted[0]:
                found.append(f"{version}, {name}: rules hold {holds - wanted[0]} times more often")
                found.append(f"{version}, {name}: rules hold {wanted[0] - holds} times less often")
            found += [f"{version}, {name}: {one}" for one in sorted(others ^ wanted[1])]
    return compared, found
