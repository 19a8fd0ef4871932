"""Incidents as lines of the inbox: held against a recomputation from findings and records alone."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from dashboards import filling, incidents, queries
from dashboards.filters import INCIDENT_SORTS, PAGE_SIZE, Filter
from dashboards.queries import FindingRow
from dashboards.tables import Tables
from tests.dashboards.ledgers import empty, many, tables
from tests.verifier.forge import Desk
from verifier.incidents import incidents_of

CHOICES: tuple[dict[str, list[str]], ...] = (
    {},
    {"result": [""]},
    {"result": ["handled"]},
    {"severity": ["high"]},
    {"severity": ["medium", "low"], "channel": ["chat"]},
    {"q": ["look 1"]},
    {"channel": ["portal"], "rule": ["evidence.looked", "scope.large"]},
)


def worth() -> Desk:
    """Return a desk with incidents of several sizes, and money in two currencies."""
    forge = Desk()
    for number in range(12):
        run = forge.open_run(ref=f"run-{number}", channel="chat" if number % 2 else "portal")
        amount = 500 if number % 3 == 0 else 5
        estimate = {"value": {"currency": "EUR", "micros": 700_000 + number}}
        action = forge.act(run, "pay", {"amount": amount}, estimate=estimate)
        if number % 4 == 1:
            # Its outcome says nothing: the estimate stands for it.
            forge.end(run, action, "error", error="no")
        elif number % 4 != 2:
            currency = "USD" if number % 4 else "EUR"
            forge.end(run, action, value={"currency": currency, "micros": 1_000_000 * number})
        if number == 4:
            # What was said last counts.
            forge.end(run, action, value={"currency": "EUR", "micros": 3})
        forge.close_run(run)
    forge.paid(5)
    forge.sign_head()
    return forge


@pytest.fixture(scope="module")
def of_worth(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """The tables of the desk above."""
    return tables(worth(), tmp_path_factory.mktemp("worth"))


@dataclass(frozen=True)
class Told:
    """What a naive reading says of an incident."""

    size: int
    violated: int
    runs: int
    fits: int
    began: str
    ended: str
    stake: tuple[tuple[str, int], ...]


def every(of: Tables, chosen: Filter) -> Iterator[FindingRow]:
    """Yield the findings of a choice, page by page."""
    pages = queries.findings(of, chosen).pages
    for page in range(1, pages + 1):
        yield from queries.findings(of, chosen.at_page(page)).rows


def naive(of: Tables, chosen: Filter) -> dict[str, Told]:
    """Return the incidents of a choice, computed from findings and records in plain Python."""
    rows = {row.id: row for row in every(of, Filter({}))}
    fitting = {row.id for row in every(of, chosen)}
    full = [of.finding(place) for place in range(len(rows))]
    found = {
        one.id: [rows[which] for which in one.findings]
        for one in incidents_of(full)
        if fitting & set(one.findings)
    }
    return {
        name: Told(
            len(members),
            sum(one.state == "violated" for one in members),
            len({one.run for one in members if one.run}),
            sum(one.id in fitting for one in members),
            min(one.moment for one in members),
            max(one.moment for one in members),
            stake(of, members),
        )
        for name, members in found.items()
    }


def stake(of: Tables, members: Sequence[FindingRow]) -> tuple[tuple[str, int], ...]:
    """Return what the actions of findings were worth: last outcomes, else estimates."""
    records = {index: (digest, json.loads(body)) for index, digest, body in entries(of)}
    standing = (records[one.index] for one in members)
    touched = {
        digest if record["kind"] == "action" else record.get("action", "")
        for digest, record in standing
    }
    said: dict[str, dict[str, int]] = defaultdict(dict)
    estimated: dict[str, dict[str, int]] = defaultdict(dict)
    for _, (digest, record) in sorted(records.items()):
        if record["kind"] == "outcome" and "value" in record:
            said[record["action"]][record["value"]["currency"]] = record["value"]["micros"]
        if record["kind"] == "action" and "estimate" in record:
            value = record["estimate"]["value"]
            estimated[digest][value["currency"]] = value["micros"]
    worth_of = [said.get(action) or estimated.get(action, {}) for action in touched]
    sums: dict[str, int] = defaultdict(int)
    for currency, micros in (pair for one in worth_of for pair in one.items()):
        sums[currency] += micros
    return tuple(sorted(sums.items()))


def entries(of: Tables) -> list[tuple[int, str, str]]:
    """Return index, digest and record of every entry."""
    return [(row[0], row[1], row[2]) for row in of.rows("SELECT idx, digest, body FROM entries")]


@pytest.mark.parametrize("asked", CHOICES)
def test_incidents_are_those_of_the_findings(of_worth: Tables, asked: dict[str, list[str]]) -> None:
    """Which they are, how many findings fit, when, in how many runs, and what was at stake."""
    chosen = Filter.of(asked)
    found = incidents.grouped(of_worth, chosen)
    told = {
        row.id: Told(row.size, row.violated, row.runs, row.fits, row.began, row.ended, row.stake)
        for row in found.rows
    }
    assert told == naive(of_worth, chosen)
    assert found.total == len(told)
    assert found.findings == sum(one.fits for one in told.values())


def test_there_is_something_to_tell_apart(of_worth: Tables) -> None:
    """Both currencies, an incident of many runs, one of one: else the tests above show little."""
    rows = incidents.grouped(of_worth, Filter.of({})).rows
    assert {currency for row in rows for currency, _ in row.stake} == {"EUR", "USD"}
    assert max(row.runs for row in rows) > 2
    assert max(row.size for row in rows) > min(row.size for row in rows)


@pytest.mark.parametrize("sort", INCIDENT_SORTS)
def test_every_order_numbers_its_lines(of_worth: Tables, sort: str) -> None:
    """From one on, and of what is not in the choice it has no number."""
    chosen = Filter.of({"sort": [sort]})
    rows = incidents.grouped(of_worth, chosen).rows
    numbers = [incidents.number_of(of_worth, chosen, row.id) for row in rows]
    assert numbers == list(range(1, len(rows) + 1))
    assert incidents.number_of(of_worth, Filter.of({"q": ["nothing"]}), rows[0].id) == 0


def test_orders_are_what_they_are_called(of_worth: Tables) -> None:
    """Gravest, newest, largest first."""

    def ranked(sort: str) -> list[incidents.IncidentRow]:
        return list(incidents.grouped(of_worth, Filter.of({"sort": [sort]})).rows)

    grave = ["critical", "high", "medium", "low"]
    ranks = [grave.index(row.severity) for row in ranked("severity")]
    assert ranks == sorted(ranks)
    ended = [row.ended for row in ranked("newest")]
    assert ended == sorted(ended, reverse=True)
    sizes = [row.size for row in ranked("largest")]
    assert sizes == sorted(sizes, reverse=True)


def test_an_incident_opens_to_its_findings(of_worth: Tables) -> None:
    """The facet keeps its findings alone, and they follow each other."""
    one = incidents.grouped(of_worth, Filter.of({"sort": ["largest"]})).rows[0]
    within = Filter.of({}).within(one.id)
    assert Filter.of(within.parameters()) == within
    assert within.of_findings
    assert within.incident == one.id
    found = queries.findings(of_worth, within)
    assert found.total == one.size
    assert found.rows[0].id == one.finding
    beside = queries.neighbours(of_worth, within, found.rows[1].id)
    assert (beside.number, beside.total) == (2, one.size)
    assert (beside.before, beside.after) == (found.rows[0], found.rows[2])
    assert incidents.incident(of_worth, one.id) == one
    assert incidents.incident(of_worth, "I-0") is None


def test_leaving_an_incident_keeps_the_rest_of_the_choice() -> None:
    """And what is in no incident is not left asked for alone."""
    inside = Filter.of({"channel": ["chat"], "incident": ["I-1"], "page": ["3"]})
    assert inside.outside().parameters() == {"channel": ["chat"]}
    handled = Filter.of({"result": ["handled"]})
    assert handled.of_findings
    assert not handled.outside().of_findings


def test_an_empty_ledger_has_no_incident(tmp_path: Path) -> None:
    """And says so without an error."""
    nothing = tables(empty(), tmp_path)
    assert incidents.grouped(nothing, Filter.of({})) == incidents.Grouped((), 0, 0, 1, 1)


def test_findings_are_filled_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However small the parts, the tables are the same: with very many, no part is all of them."""
    whole = tables(many(7), tmp_path)
    asked = "SELECT * FROM findings ORDER BY place"
    expected = whole.rows(asked)
    monkeypatch.setattr(filling, "CHUNK", 3)
    (tmp_path / "again").mkdir()
    assert tables(many(7), tmp_path / "again").rows(asked) == expected
    assert len(expected) > PAGE_SIZE // 5
