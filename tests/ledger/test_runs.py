"""A run as code lives it: recorded before it is done, and ended however it ends."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from ledger import Store
from ledger.client import LedgerClient
from ledger.encoding import encode
from ledger.entry import parse_header
from ledger.errors import EncodingError, RecordError, StoreError
from ledger.records import Action, Message, Money, Observation, Outcome, RunClosed, parse_record
from ledger.testing import SERVICE, BuiltLedger
from tests.ledger.walk import walk


@pytest.fixture
def client(founded: BuiltLedger, store: Store) -> LedgerClient:
    """Give the agent's client."""
    return founded.client("agent", store, checkpoint_every=0)


def records(store: Store) -> list[Any]:
    """Return what was recorded after the founding."""
    return [parse_record(row.record or b"") for row in store.rows(3)]


def test_a_whole_run(client: LedgerClient, store: Store) -> None:
    """Messages are counted, evidence is cited, outcomes name their action and its entry."""
    eur = Money(currency="EUR", micros=5)
    with client.run(SERVICE, goal="refund") as run:
        run.message("user", "hello")
        run.message("assistant", "hi", turn=5, cost=eur)
        run.message("user")
        order = run.observe("order", "orders", fields={"total": 2**60})
        with run.action("refund", {"id": 1}, evidence=[order], mode="execute") as act:
            assert store.size() == act.receipt.index + 1
            act.ok(fields={"done": True}, cost=eur)
        run.close("refunded", value=eur)
    opened, first, second, third, seen, action, outcome, closed = records(store)
    assert [first.turn, second.turn, third.turn] == [0, 5, 6]
    assert isinstance(seen, Observation)
    assert set(cast("dict[str, str]", seen.fields)) == {"raw"}
    assert isinstance(action, Action)
    assert action.evidence == (order.record,)
    assert isinstance(outcome, Outcome)
    assert (outcome.action, outcome.leaf) == (act.receipt.record, act.receipt.leaf)
    assert outcome.fields == {"done": True}
    assert closed == RunClosed(
        nonce=closed.nonce, by=client.by, run=run.id, outcome="refunded", value=eur
    )
    assert opened.goal == "refund"
    assert walk(store) == store.size()


def test_action_and_outcome_are_two_submissions(client: LedgerClient, store: Store) -> None:
    """In one submission they would prove no order."""
    with client.run(SERVICE) as run, run.action("t", {}) as act:
        pass
    assert act.outcome is not None
    header = parse_header(store.row(act.outcome.index).header)
    assert (header.position, header.count) == (0, 1)
    assert [record.kind for record in records(store)] == ["run", "action", "outcome", "run"]


def test_a_block_that_says_nothing_ended_well(client: LedgerClient, store: Store) -> None:
    """Silence is success: what failed raises."""
    with client.run(SERVICE) as run, run.action("t", {}):
        pass
    outcome, closed = records(store)[-2:]
    assert (outcome.status, outcome.error, closed.outcome) == ("ok", None, "completed")


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (ValueError("no such order"), "error", "ValueError: no such order"),
        (TimeoutError("30 s"), "timeout", "TimeoutError: 30 s"),
        (KeyboardInterrupt(), "abandoned", "KeyboardInterrupt: "),
        (ValueError("\0\ud800"), "error", "ValueError: \ufffd?"),
        (ValueError("x" * 2000), "error", "ValueError: " + "x" * 988),
    ],
)
def test_a_block_that_raises_is_recorded(
    client: LedgerClient, store: Store, error: BaseException, status: str, text: str
) -> None:
    """The outcome says what was raised, in text that a record can hold; the exception goes on."""
    with pytest.raises(type(error)):
        act_and_raise(client, error)
    outcome, closed = records(store)[-2:]
    assert (outcome.status, outcome.error, closed.outcome) == (status, text, "error")
    assert walk(store) == store.size()


def act_and_raise(client: LedgerClient, error: BaseException) -> None:
    """Raise in an action's block."""
    with client.run(SERVICE) as run, run.action("t", {}):
        raise error


def end_and_raise(client: LedgerClient) -> None:
    """Raise after having said how the action ended, and after having closed the run."""
    with client.run(SERVICE) as run, run.action("t", {}) as act:
        act.end("skipped")
        run.close("early")
        raise ValueError("late")


def test_what_was_said_stands(client: LedgerClient, store: Store) -> None:
    """An outcome or an end that was recorded is not recorded again."""
    with pytest.raises(ValueError, match="late"):
        end_and_raise(client)
    kinds = [record.kind for record in records(store)]
    assert kinds == ["run", "action", "outcome", "run"]
    assert records(store)[2].status == "skipped"


def test_there_is_one_outcome_and_one_end(client: LedgerClient) -> None:
    """Saying it twice is a mistake."""
    with client.run(SERVICE) as run:
        with run.action("t", {}) as act:
            act.ok()
            with pytest.raises(ValueError, match="one outcome"):
                act.ok()
        run.close()
        with pytest.raises(ValueError, match="closed already"):
            run.close()


def test_what_cannot_be_recorded_is_not_done(client: LedgerClient, store: Store) -> None:
    """The block is not entered when the action could not be recorded."""
    with pytest.raises(RecordError):
        act_wrongly(client)
    assert [record.kind for record in records(store)] == ["run", "run"]


def act_wrongly(client: LedgerClient) -> None:
    """Ask for an action with a field that there is not."""
    with client.run(SERVICE) as run, run.action("t", {}, colour="red"):
        pytest.fail("the block was entered")


def test_params_that_do_not_fit_are_wrapped(client: LedgerClient, store: Store) -> None:
    """A tool's call is recorded whatever a model put into it."""
    with client.run(SERVICE) as run, run.action("t", {"id": 2**80, "note": "\0"}):
        pass
    action = records(store)[1]
    assert list(action.params) == ["raw"]
    assert encode(action.params)


def test_a_message_that_does_not_fit_is_refused(client: LedgerClient, store: Store) -> None:
    """A text is not changed silently: who records it decides."""
    with client.run(SERVICE) as run:
        with pytest.raises(EncodingError):
            run.message("user", "\0")
        run.message("user", "fine")
    said = [record for record in records(store) if isinstance(record, Message)]
    assert [(record.turn, record.content) for record in said] == [(0, "fine")]


# ------------------------------------------------------------------------------- batches


def counts(store: Store) -> list[int]:
    """Return the number of records of each submission after the founding."""
    headers = [parse_header(row.header) for row in store.rows(3)]
    return [header.count for header in headers if header.position == 0]


def test_what_is_collected_is_one_submission(client: LedgerClient, store: Store) -> None:
    """The opening with the first records, an action by itself, the end with the last ones."""
    with client.run(SERVICE, with_first=True, goal="refund") as run:
        assert not run.is_recorded
        with run.batch() as first:
            first.message("user", "hello")
            order = first.observe("order", "orders", fields={"total": 2**60})
        assert run.receipt.record == run.id
        with run.action("refund", {}, evidence=[order]) as act:
            assert store.size() == act.receipt.index + 1
        with run.batch() as last:
            last.message("assistant", "done")
            last.close("refunded")
        assert run.closed is not None
        assert run.closed.index == store.size() - 1
    assert counts(store) == [3, 1, 1, 2]
    opened, hello, seen, action, outcome, done, closed = records(store)
    assert {record.run for record in (hello, seen, action, outcome, done, closed)} == {run.id}
    assert (hello.turn, done.turn, closed.outcome) == (0, 1, "refunded")
    assert set(seen.fields) == {"raw"}
    assert (opened.goal, action.evidence) == ("refund", (order,))
    assert walk(store) == store.size()


@pytest.mark.parametrize("first", ["message", "observe", "action", "close", "nothing", "batch"])
def test_the_opening_goes_in_with_what_is_first(
    client: LedgerClient, store: Store, first: str
) -> None:
    """Whatever it is; and a run in which nothing happened is opened and closed at once."""
    with client.run(SERVICE, with_first=True) as run:
        with pytest.raises(ValueError, match="there are none"):
            _ = run.receipt
        if first == "message":
            run.message("user")
        elif first == "observe":
            run.observe("order", "orders")
        elif first == "action":
            with run.action("t", {}):
                pass
        elif first == "close":
            run.close()
        elif first == "batch":
            with run.batch():
                pass
            assert not run.is_recorded
    assert counts(store)[0] == 2
    assert [record.kind for record in records(store)].count("run") == 2
    assert walk(store) == store.size()


def test_a_run_names_its_model(client: LedgerClient, store: Store) -> None:
    """Every field of a run's record can be given, `model` too: `make` keeps no name to itself."""
    with client.run(SERVICE, model="atlas-4.1"):
        pass
    assert records(store)[0].model == "atlas-4.1"


def test_a_run_can_be_opened_by_itself(client: LedgerClient, store: Store) -> None:
    """Once."""
    with client.run(SERVICE, with_first=True) as run:
        run.open()
        run.open()
        run.message("user")
    assert counts(store) == [1, 1, 1]


def fail_in_batch(client: LedgerClient, *, with_first: bool) -> None:
    """Collect a message, and raise."""
    with client.run(SERVICE, with_first=with_first) as run, run.batch() as batch:
        batch.message("user", "hello")
        raise ZeroDivisionError


@pytest.mark.parametrize("with_first", [True, False])
def test_nothing_of_a_failed_batch_is_recorded(
    client: LedgerClient, store: Store, *, with_first: bool
) -> None:
    """And where the opening waited for it, there was no run."""
    with pytest.raises(ZeroDivisionError):
        fail_in_batch(client, with_first=with_first)
    assert [record.kind for record in records(store)] == ([] if with_first else ["run", "run"])


def test_a_batch_refuses_where_it_is_said(client: LedgerClient, store: Store) -> None:
    """What cannot be recorded, what comes after the end, and a second end."""
    with client.run(SERVICE) as run:
        with run.batch() as batch:
            with pytest.raises(EncodingError):
                batch.message("user", "\0")
            with pytest.raises(RecordError):
                batch.observe("order", "orders", colour="red")
            batch.message("user", "fine")
            batch.close()
            with pytest.raises(ValueError, match="last record"):
                batch.message("user")
        with pytest.raises(ValueError, match="closed already"), run.batch() as late:
            late.close()
    assert [getattr(record, "turn", None) for record in records(store)] == [None, 0, None]
    assert walk(store) == store.size()


@pytest.mark.parametrize("written", [True, False])
def test_an_opening_whose_answer_was_lost_is_not_repeated(
    client: LedgerClient, store: Store, monkeypatch: pytest.MonkeyPatch, *, written: bool
) -> None:
    """The client's retry settles it, and the run goes on."""
    with client.run(SERVICE, with_first=True) as run:
        lose_the_answer(store, monkeypatch, written=written)
        with pytest.raises(StoreError):
            run.message("user", "hello")
        assert len(client.retry()) == 2
        run.message("user", "again")
    assert [record.kind for record in records(store)] == ["run", "message", "message", "run"]
    assert walk(store) == store.size()


def test_a_run_that_may_not_have_been_opened_is_not_closed(
    client: LedgerClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its end would name an opening that nobody knows."""
    with pytest.raises(StoreError):
        open_and_lose(client, store, monkeypatch)
    assert records(store) == []


def open_and_lose(client: LedgerClient, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the first records of a run fail."""
    with client.run(SERVICE, with_first=True) as run:
        lose_the_answer(store, monkeypatch, written=False)
        run.message("user", "hello")


def lose_the_answer(store: Store, monkeypatch: pytest.MonkeyPatch, *, written: bool) -> None:
    """Let the next transaction end in an error: after it was written, or instead."""
    real = store.writing

    @contextmanager
    def losing() -> Generator[object]:
        monkeypatch.undo()
        with real() as writer:
            yield writer
            if not written:
                break_off()
        break_off()

    monkeypatch.setattr(store, "writing", losing)


def break_off() -> None:
    """Lose the connection."""
    raise StoreError("the connection is gone")
