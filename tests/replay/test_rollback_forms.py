"""What `writ rollback` says, in every form, of a small history in a world."""

import json
from xml.etree import ElementTree as ET

import jsonschema_rs
import pytest

from replay.blast_radius import POINTS, blast
from replay.exposure import Amount
from replay.history import Act, AsOf, Money
from replay.pacing import paced
from replay.reports.rollback_forms import SHOWN, rollback_html, rollback_json, rollback_text
from replay.reports.rollback_schema import FILE, schema
from replay.reports.rollback_tables import tables
from replay.reports.rollback_words import count, headline, sentences, share, tolerated
from replay.reports.value_schema import REFERENCE, written
from replay.rollback_classes import Class
from replay.rollback_reading import read
from replay.rolled_back import Question, RolledBack, rolled_back
from replay.run_choice import Choice, ChosenActs, chosen_acts
from replay.scopes import Scope
from replay.tables import as_csv, as_parquet
from tests.replay.shop_world import CONTRACT, WINDOW, Done, Told
from verifier.report import Conformance, Integrity, IntegrityVerdict, LedgerFacts, Report

_PLAIN = Question()
_ALL = Choice()
HOSTILE = "=cmd()<script>\x1b[2J"
BOUND = "recovery: {containment: {over: service, within: 1h, calls: 9}}\n"


def report(size: int = 0) -> Report:
    """Return the report on a ledger that holds."""
    return Report(
        LedgerFacts(size=size),
        Integrity(IntegrityVerdict.HOLDS, "pinned"),
        Conformance(performed=True),
        (),
    )


def asked(told: Told, question: Question = _PLAIN, choice: Choice = _ALL) -> RolledBack:
    """Return the whole answer over what was told."""
    reading = read(told.ledger(), question.as_of)
    chosen = chosen_acts(reading.history, choice)
    return rolled_back(reading, report(len(told.events)), chosen, question)


def paid(told: Told, micros: int = 1_000_000, customer: str = "C-1001") -> Done:
    """Pay somebody."""
    return told.do("pay", {"customer": customer, "currency": "EUR", "micros": micros})


@pytest.fixture
def busy() -> Told:
    """Return a history with an act of nearly every class."""
    told = Told()
    paid(told, 2_000_000)
    told.wait(WINDOW)
    told.opened(ref=HOSTILE)
    paid(told, 5_000_000, "C-1002")
    told.undo(paid(told, 3_000_000, "C-1002"))
    first = told.do("order", {})
    told.do("order", {"after": first.said["order_id"]})
    told.do("mail", {"order": told.do("order", {}).said["order_id"]})
    told.do("limit", {"customer": "C-shut", "to": 3})
    told.do("key", {"customer": HOSTILE})
    paid(told, 1_500_000)
    told.do("look", {"customer": "C-1001"})
    told.do("pay", {"customer": "C-1002", "currency": "USD", "micros": 1}, ends="timeout")
    told.do("pay", {"customer": "C-1002", "currency": "USD", "micros": 1}, ends="error")
    return told


def test_the_first_lines_are_what_had_no_undo_and_the_answer(busy: Told) -> None:
    """What a manager reads first, and all amounts in their own currency."""
    found = asked(busy)
    lines = rollback_text(found).splitlines()
    assert lines[0].startswith("Tolerated, not governed: 2 of 11 executed actions (18.2 %)")
    assert "1 that the contract calls irreversible, 1 of which it says nothing." in lines[0]
    assert lines[1] == (
        "Rollback: 11 executed actions could be undone to 39.1 % of 11.50 EUR, with a residual of "
        "7.00 EUR and 5 actions without a recorded value; needs no approval"
    )
    assert "shared target alone" in "\n".join(lines)
    assert "Had the kill" not in "\n".join(lines)
    assert "\x1b" not in rollback_text(found)


def test_it_says_how_many_approvals_it_needs() -> None:
    """By role, in the headline."""
    told = Told()
    paid(told, 5_000_000)
    assert headline(asked(told)).endswith("needs 1 approval (1 by refunds-lead)")


def test_nothing_chosen_is_nothing_to_undo() -> None:
    """An empty selection has an answer, in every form."""
    found = asked(Told())
    assert headline(found) == "there is nothing to undo"
    assert "nothing that was chosen was executed" in tolerated(found)
    assert "there is nothing to undo" in rollback_text(found)
    assert "Nothing was executed at a time" in rollback_html(found)
    json.loads(rollback_json(found))


def test_what_passes_refuses_for_now_only() -> None:
    """A bound on a window stands against every undo as well, and is said to pass."""
    told = Told(CONTRACT.replace("facts:\n", BOUND + "facts:\n"))
    for _ in range(9):
        paid(told)
    found = asked(told)
    said = " ".join(sentences(found))
    assert found.plan.amounts[Class.REFUSED].acts == 9
    assert "Refused for now only: 9 actions, 9.00 EUR" in said
    assert "recovery.containment" in said
    assert "no call can be made" in headline(found)


def test_a_plan_made_all_at_once_meets_the_bounds() -> None:
    """Each call is allowed alone; together they are more than the contract lets through."""
    told = Told(CONTRACT.replace("facts:\n", BOUND + "facts:\n"))
    for _ in range(6):
        paid(told)
    found = asked(told)
    assert len(found.plan.steps) == 6
    assert (found.pace.tried, found.pace.allowed) == (6, 3)
    assert dict(found.pace.against) == {"recovery.containment": 3}
    assert "Made all at once, 3 of 6 calls would be allowed" in " ".join(sentences(found))
    assert [fate.number for fate in found.through] == [5, 4, 3]


def test_only_a_call_can_be_paced(busy: Told) -> None:
    """A plan whose step has no call is none."""
    reading = read(busy.ledger())
    plan = reading.rollback().plan([])
    assert paced(plan, reading.compensations).tried == 0


def test_json_is_of_its_published_schema(busy: Told) -> None:
    """And the schema is published as it is: else python -m replay.reports.rollback_schema."""
    assert (REFERENCE / FILE).read_text("utf-8") == written(schema())
    body = json.loads(rollback_json(asked(busy), {"made": "now"}))
    jsonschema_rs.validator_for(schema()).validate(body)
    assert body["tolerated"] == {"actions": 2, "of": 11, "unsaid": 1, "value_micros": {}}
    classes = {row["class"]: row["actions"] for row in body["tables"]["classes"]}
    assert classes["taken back"] == 1
    assert classes["no effect"] == 1


def test_the_parts_of_a_plan_add_up(busy: Told) -> None:
    """By scope: recovered, already back and residual are what was executed."""
    body = json.loads(rollback_json(asked(busy)))
    for row in body["tables"]["scopes"]:
        whole = row["recovered_micros"] + row["taken_back_micros"] + row["residual_micros"]
        assert row["currency"] != "EUR" or whole == body["executed_micros"]["EUR"]
    tools = sum(row["actions"] for row in body["tables"]["tools"])
    assert tools == body["tolerated"]["of"]


def test_the_page_is_well_formed_and_runs_nothing(busy: Told) -> None:
    """It opens anywhere; what was recorded is escaped, and its charts have words."""
    found = asked(busy, Question(pulled=read(busy.ledger()).at))
    page = rollback_html(found)
    for chart in page.split("<svg")[1:]:
        ET.fromstring("<svg" + chart.split("</svg>")[0] + "</svg>")  # noqa: S314 - our own
    assert "<script" not in page
    assert "\x1b" not in page
    assert page.count("<svg") >= 4
    assert "pulled here" in page


def test_every_table_can_be_csv_and_parquet(busy: Told) -> None:
    """No cell is of another kind than its column says."""
    for table in tables(asked(busy)):
        lines = as_csv(table).splitlines()
        assert lines[0].split(",") == [column.name for column in table.columns]
        assert as_parquet(table)[:4] == b"PAR1"


def test_long_tables_are_cut_in_a_text_and_say_so() -> None:
    """The other forms have all."""
    told = Told()
    for _ in range(SHOWN + 3):
        told.do("order", {})
    text = rollback_text(asked(told))
    assert "3 more rows: --format csv --table plan has all." in text


def test_each_scope_reaches_as_far_as_it_says() -> None:
    """Runs, identities, versions and everything since the first chosen act; what is wider costs."""
    told = Told()
    told.do("order", {})
    told.opened()
    first = told.do("order", {})
    told.do("order", {"after": first.said["order_id"]})
    told.opened()
    told.do("order", {})
    entry = told.events[-1].index
    choice = Choice(entries=frozenset({_entry(told, first.digest)}))
    found = asked(told, Question(scope=Scope.DEPENDENTS), choice)
    sizes = {one.scope: (len(one.plan.steps), one.collateral.acts) for one in found.scopes}
    assert sizes == {
        Scope.CHOSEN: (0, 0),
        Scope.DEPENDENTS: (2, 1),
        Scope.RUNS: (2, 1),
        Scope.IDENTITY: (3, 2),
        Scope.VERSION: (3, 2),
        Scope.SINCE: (3, 2),
    }
    assert len(found.plan.steps) == 2
    assert "the scope is wider" in " ".join(sentences(found))
    alone = asked(told, Question(as_of=AsOf(entry=entry)), choice)
    assert "A wider scope, with all that depends on them" in " ".join(sentences(alone))
    assert f"as of entry {entry}" in rollback_text(alone)


def _entry(told: Told, digest: str) -> int:
    return next(event.index for event in told.events if event.digest == digest)


def test_what_could_not_be_asked_is_counted() -> None:
    """Of an action without an answer, and of one without a time, nothing is said."""
    reading = read(Told().ledger())
    found = rolled_back(reading, report(), ChosenActs((), 2, 1), Question())
    said = " ".join(sentences(found))
    assert "2 actions left out: the condition has no answer there." in said
    assert "1 action left out: no time that can be compared." in said


def act(index: int, time: int | None, micros: int | None, target: str = "") -> Act:
    """Return an act for a curve."""
    value = None if micros is None else Money("EUR", micros)
    return Act(
        index=index,
        digest=f"{index:064x}",
        run=f"run {index % 3}",
        by="agent",
        tool="pay",
        mode="execute",
        target=target,
        channel="",
        time=time,
        decision="allow",
        version="",
        contract="",
        status="ok",
        value=value,
    )


def test_a_switch_prevents_what_came_after_it() -> None:
    """What is done at the very moment is done; both parts add up at each point."""
    acts = [act(1, 10, 5, "a"), act(2, 20, 7, "b"), act(3, 20, None, "b"), act(4, None, 9)]
    found = blast(acts, pulled=10)
    assert found.untimed == 1
    assert [(one.at, one.done.acts, one.prevented.acts) for one in found.curve] == [
        (10, 1, 2),
        (20, 3, 0),
    ]
    assert found.pulled is not None
    assert (found.pulled.entities, found.pulled.runs) == (1, 1)
    assert found.pulled.prevented.micros == {"EUR": 7}
    before = blast(acts, pulled=9).pulled
    assert before is not None
    assert (before.done.acts, before.prevented.acts, before.entry) == (0, 3, -1)


@pytest.mark.parametrize("many", [1, POINTS - 1, POINTS, POINTS + 1, 5 * POINTS + 3])
def test_a_curve_has_its_end_and_not_too_many_points(many: int) -> None:
    """The last point has everything."""
    found = blast([act(number, number // 2, 1) for number in range(many)])
    assert len(found.curve) <= POINTS
    assert found.curve[-1].done.acts == many
    assert found.curve[-1].prevented.acts == 0
    times = [one.at for one in found.curve]
    assert times == sorted(set(times))


def test_amounts_of_two_currencies_stay_apart() -> None:
    """They are added each by itself, and taken away each by itself."""
    one, two = Amount(1, {"EUR": 5}), Amount(2, {"EUR": 1, "USD": 3}, 1, {"EUR": 4})
    whole = Amount.sum([one, two])
    assert whole == Amount(3, {"EUR": 6, "USD": 3}, 1, {"EUR": 4})
    assert whole.less(one) == two


def test_words_are_in_number() -> None:
    """One call, two calls, two entities; a part of nothing is nothing."""
    assert [count(1, "call"), count(2, "call"), count(2, "entity", "entities")] == [
        "1 call",
        "2 calls",
        "2 entities",
    ]
    assert share(1, 0) == "0.0 %"
