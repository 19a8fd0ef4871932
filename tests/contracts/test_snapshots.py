"""Snapshots: an engine goes on from one as if it had never stopped, or does not begin."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.coercion import Unseen, is_list, is_map
from contracts.engine import Engine, OrderError
from contracts.errors import ContractsError, SnapshotError
from contracts.history import Event
from contracts.lineage import Lineage
from contracts.model import Contract
from contracts.packing import packed, unpacked, written_out
from contracts.results import RuleResult
from contracts.snapshots import (
    Head,
    opened,
    restored,
    restored_versions,
    resumed,
    snapshot,
    versions_snapshot,
)
from contracts.versions import VersionHistory
from contracts.withholding import Mark
from tests.reference.histories import SERVICE, contract_of, events_of
from tests.reference.random_cases import FOCUSES, Line, cases
from tests.reference.random_governance import approval_cases, switch_cases, version_cases

KINDS = ("action", "outcome", "observation", "approval", "message", "switch", "run")
Entries = Sequence[Event | Mark]


def fed(engine: Engine, entries: Entries) -> list[str]:
    """All that an engine says of some entries: decisions, results, and the values in them."""
    said: list[str] = []
    for entry in entries:
        if isinstance(entry, Mark):
            engine.withheld(entry)
            continue
        if entry.record["kind"] == "action":
            said.append(repr(engine.decided(entry)))
        results = engine.observe(entry)
        if entry.record["kind"] == "action":
            said.append(repr(engine.decide(entry, results)))
        said += [told(one) for one in results]
    return said


def told(result: RuleResult) -> str:
    """A result with all that it says, whatever the order of its facts."""
    return repr(replace(result, facts=dict(sorted(result.facts.items()))))


def assert_goes_on(contract: Contract, entries: Entries, cut: int) -> None:
    """With a cut there are the same results, decisions and snapshot as without."""
    whole, begun = Engine(contract), Engine(contract)
    before = fed(whole, entries[:cut])
    assert fed(begun, entries[:cut]) == before
    text = snapshot(begun, Head(cut, "ab" * 32))
    again = restored(contract, text)
    assert snapshot(again, Head(cut, "ab" * 32)) == text
    assert fed(again, entries[cut:]) == fed(whole, entries[cut:])
    assert [told(one) for one in again.finish()] == [told(one) for one in whole.finish()]
    assert snapshot(again) == snapshot(whole)
    assert_resumes(contract, entries, cut)


def assert_resumes(contract: Contract, entries: Entries, cut: int) -> None:
    """What only counts leaves the same as what was judged, but for duties."""
    if contract.rules and any(rule.expect for rule in contract.rules):
        return
    if any(isinstance(entry, Mark) for entry in entries):
        return
    events = [entry for entry in entries if isinstance(entry, Event)]
    one, other = Engine(contract), Engine(contract)
    fed(one, events)
    fed(other, events[:cut])
    assert snapshot(resumed(contract, snapshot(other), events[cut:])) == snapshot(one)


def varied(data: st.DataObject, events: list[Event]) -> list[Event | Mark]:
    """A history in which some values are sealed, and some entries held back."""
    entries: list[Event | Mark] = []
    seals, holds = data.draw(st.booleans()), data.draw(st.booleans())
    for event in events:
        params = event.record.get("params")
        made = replace(event, index=2 * event.index)
        if seals and is_map(params) and params and data.draw(st.integers(0, 3)) == 0:
            name = data.draw(st.sampled_from(sorted(params)))
            hidden = Unseen("ab" * 32, f"params.{name} is sealed, and was erased")
            record = {**event.record, "params": {**params, name: hidden}}
            made = replace(made, record=record, unseen=True)
        entries.append(made)
        if holds and data.draw(st.integers(0, 7)) == 0:
            kinds = data.draw(st.frozensets(st.sampled_from(KINDS), min_size=1, max_size=2))
            time = data.draw(st.sampled_from((None, 1_772_355_600_000_000)))
            entries.append(Mark(made.index + 1, kinds, SERVICE, time))
    return entries


@pytest.mark.parametrize("focus", FOCUSES)
@settings(max_examples=2 * settings().max_examples)
@given(data=st.data())
def test_whoever_goes_on_says_the_same(focus: str, data: st.DataObject) -> None:
    """Cut anywhere, any history goes on as if it had not been cut."""
    case = data.draw(cases(focus, longest=30))
    entries = varied(data, events_of(case["history"]))
    assert_goes_on(contract_of(case["contract"]), entries, data.draw(st.integers(0, len(entries))))


@pytest.mark.parametrize("focus", FOCUSES)
@settings(max_examples=max(10, settings().max_examples // 5))
@given(data=st.data())
def test_one_may_stop_after_every_entry(focus: str, data: st.DataObject) -> None:
    """However often a history is cut, nothing of it is lost."""
    case = data.draw(cases(focus))
    contract, events = contract_of(case["contract"]), events_of(case["history"])
    whole, cut = Engine(contract), Engine(contract)
    for event in events:
        assert fed(cut, [event]) == fed(whole, [event])
        cut = restored(contract, snapshot(cut))
    assert snapshot(cut) == snapshot(whole)


@settings(max_examples=2 * settings().max_examples)
@given(case=approval_cases(), data=st.data())
def test_approvals_and_resumes_are_kept(case: Line, data: st.DataObject) -> None:
    """What was held can be resumed after a cut, once."""
    entries = varied(data, events_of(case["history"]))
    assert_goes_on(contract_of(case["contract"]), entries, data.draw(st.integers(0, len(entries))))


@given(case=switch_cases(), data=st.data())
def test_switches_and_selectors_are_kept(case: Line, data: st.DataObject) -> None:
    """A switch stops after a cut what it stopped before."""
    facts = {"f0": {"list": "action.selected", "from": "action", "over": "ledger"}}
    rules = [{"id": "r", "for": "*", "unless": "facts.f0 == [] && action.selected == []"}]
    events = events_of(case["history"])
    cut = data.draw(st.integers(0, len(events)))
    assert_goes_on(contract_of({"facts": facts, "rules": rules}), events, cut)


@given(case=version_cases(), data=st.data())
def test_versions_are_kept(case: Line, data: st.DataObject) -> None:
    """After a cut the same version is in force for each action."""
    events = events_of(case["history"])
    cut = data.draw(st.integers(0, len(events)))
    whole, begun = VersionHistory(), VersionHistory()
    for event in events[:cut]:
        whole.observe(event)
        begun.observe(event)
    text = versions_snapshot(begun, Head(cut, "root"))
    again = restored_versions(text)
    assert versions_snapshot(again, opened(text).head) == text
    for event in events[cut:]:
        if event.record["kind"] == "action":
            assert again.in_force(SERVICE, event) == whole.in_force(SERVICE, event)
        again.observe(event)
        whole.observe(event)
    assert versions_snapshot(again) == versions_snapshot(whole)


def test_a_duty_that_is_half_met_is_kept() -> None:
    """What it waits for, what was met, and what its trigger read and rests on."""
    expect = {"from": "observation", "by": "observation.ref", "at": "params.tags"}
    rule = {"id": "r", "for": "pay", "when": "facts.f > 0"}
    ended = {**rule, "expect": {**expect, "until": "run.closed"}}
    timed = {**rule, "id": "t", "expect": {**expect, "within": "9s"}}
    facts = {"f": {"count": True, "from": "message"}}
    contract = contract_of({"facts": facts, "rules": [ended, timed]})
    events = events_of(
        [
            {"opened": "r"},
            {"message": "m"},
            {"action": "a", "params": {"tags": ["x", "y"]}},
            {"observation": "one", "ref": "x"},
            {"observation": "two", "ref": "y"},
            {"closed": "r"},
        ]
    )
    for cut in range(len(events) + 1):
        assert_goes_on(contract, events, cut)
    engine = Engine(contract)
    fed(engine, events[:4])
    found = restored(contract, snapshot(engine)).observe(events[4])
    assert [(one.facts, one.rests_on) for one in found] == [({"f": 1}, (1, 3, 4))] * 2


# ----------------------------------------------------------------------------------- values

PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    st.binary(max_size=4),
    st.datetimes(timezones=st.just(UTC)).map(lambda at: at.replace(fold=0)),
    st.timedeltas(),
    st.builds(Unseen, st.just("ab" * 32), st.text(max_size=3)),
)
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from(("a", "b", "$", "of")), inner, max_size=3),
        st.dictionaries(st.one_of(st.integers(), st.text(max_size=2)), inner, max_size=3),
    ),
    max_leaves=8,
)


def typed(value: Any) -> Any:  # noqa: ANN401 - any value
    """A value in which types can be compared, and zeros told apart."""
    if isinstance(value, Unseen):
        return "unseen", dict(value), value.reason
    if is_map(value):
        return {(type(name).__name__, name): typed(item) for name, item in value.items()}
    if is_list(value):
        return [typed(item) for item in value]
    if isinstance(value, tuple):
        return "tuple", [typed(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return type(value).__name__, repr(value)


@settings(max_examples=10 * settings().max_examples)
@given(value=VALUES)
def test_a_value_comes_back_as_it_was(value: Any) -> None:  # noqa: ANN401 - any value
    """Of the same type, to the last bit, at any depth."""
    raw = written_out(packed(value))
    back = unpacked(json.loads(raw))
    assert typed(back) == typed(value)
    assert written_out(packed(back)) == raw


@pytest.mark.parametrize("value", [float("inf"), -0.0, 0.0, 2**53, -(2**64), 10**4000, 1e-320])
def test_a_number_at_an_edge_comes_back(value: float) -> None:
    """Infinities, both zeros, and integers beyond what readers of JSON keep."""
    assert typed(unpacked(json.loads(written_out(packed(value))))) == typed(value)
    assert unpacked(packed(float("nan"))) != unpacked(packed(float("nan")))


@pytest.mark.parametrize("value", [object(), {1, 2}, [frozenset[int]()], "\ud800"])
def test_a_value_that_nothing_has_is_refused(value: object) -> None:
    """What cannot be written exactly is not written at all."""
    with pytest.raises(SnapshotError) as caught:
        written_out(packed(value))
    assert caught.value.code == "snapshot.value"


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ('timestamp("2026-03-01T09:00:00.5Z")', datetime(2026, 3, 1, 9, 0, 0, 500_000, UTC)),
        ("action.time", datetime(2026, 3, 1, 9, 0, 1, tzinfo=UTC)),
        ('duration("1500ms")', timedelta(milliseconds=1500)),
        ('b"ab"', b"ab"),
        ("1.0 / 0.0", float("inf")),
        ("-1.0 * 0.0", -0.0),
        ("9223372036854775807", 2**63 - 1),
        ("{1: [2.0], 3: [4.0]}", {1: [2.0], 3: [4.0]}),
        ('{"$": "int", "of": "5"}', {"$": "int", "of": "5"}),
        ("[null, true, 'x']", [None, True, "x"]),
    ],
)
def test_a_fact_keeps_whatever_a_condition_answers(expression: str, value: object) -> None:
    """A fact's value is the same after a cut, of the same type."""
    facts = {"f": {"last": expression, "from": "action"}}
    contract = contract_of({"facts": facts, "rules": [{"id": "r", "unless": "has(facts.f)"}]})
    engine = Engine(contract)
    first, second = events_of([{"opened": "r"}, {"action": "a"}, {"action": "b"}])[::2]
    for event in events_of([{"opened": "r"}, {"action": "a"}]):
        engine.observe(event)
    del first
    (found,) = restored(contract, snapshot(engine)).preview(second)
    assert typed(found.facts["f"]) == typed(value)
    assert found.facts == engine.preview(second)[0].facts


def test_a_sum_beyond_64_bits_is_kept() -> None:
    """It is undecidable, until what is taken away brings it back."""
    facts = {"f": {"sum": "params.n", "from": "action"}}
    contract = contract_of({"facts": facts, "rules": [{"id": "r", "unless": "facts.f > 0"}]})
    huge = [{"action": f"a{one}", "params": {"n": 2**62}} for one in range(5)]
    back = [{"action": f"b{one}", "params": {"n": -(2**62)}} for one in range(4)]
    events = events_of([{"opened": "r"}, *huge, *back, {"action": "end", "params": {"n": 0}}])
    assert_goes_on(contract, events, 6)
    engine = Engine(contract)
    fed(engine, events[:6])
    assert engine.preview(events[6])[0].reason == "fact f: a sum beyond 64 bits"


# ---------------------------------------------------------------------------------- refusals

HISTORY: list[Line] = [
    {"opened": "r", "workflow": "w", "attributes": {"region": "EU"}},
    {"action": "a", "params": {"n": 1, "k": "x"}, "target": "x"},
    {"outcome": "o", "of": "a", "cost": {"currency": "EUR", "micros": 3}},
    {"action": "b", "params": {"n": 2, "k": "y"}, "decision": "approve"},
    {"approval": "p", "of": "b", "in": None},
    {"observation": "s", "ref": "x", "fields": {"n": 2.0}},
    {"closed": "r", "outcome": "won"},
]
FACTS = {
    "paid": {
        "sum": "params.n",
        "from": "action",
        "over": "ledger",
        "by": "params.k",
        "within": "1h",
    },
    "held": {"count": True, "from": "outcome", "reserve": "1", "over": "service"},
    "last": {"last": "observation.fields", "from": "observation"},
}
RULES = [
    {"id": "few", "for": "*", "unless": "facts.paid < 3 && facts.held < 9 && has(facts.last)"},
    {
        "id": "seen",
        "for": "*",
        "expect": {"from": "outcome", "by": "action.digest", "within": "1h"},
    },
]


def desk(**more: Any) -> Contract:  # noqa: ANN401 - parts of a contract
    """A contract that keeps something of everything."""
    return contract_of({"facts": FACTS, "rules": RULES, **more})


def text_of_desk() -> str:
    """A snapshot of it."""
    engine = Engine(desk())
    fed(engine, events_of(HISTORY))
    engine.withheld(Mark(99, frozenset({"outcome"}), SERVICE, None))
    return snapshot(engine, Head(7, "cd" * 32))


TEXT = text_of_desk()


def code_of(contract: Contract, text: str) -> str:
    """With which code a snapshot is refused; nothing where it is taken."""
    try:
        restored(contract, text)
    except SnapshotError as error:
        return error.code
    return ""


def resealed(text: str, **changed: Any) -> str:  # noqa: ANN401 - members of a snapshot
    """The snapshot with other members, and the digest of these."""
    body = written_out(json.loads(text)["snapshot"] | changed).decode()
    return f'{{"digest":"{sha256(body.encode()).hexdigest()}","snapshot":{body}}}'


def test_a_snapshot_names_its_head_contract_and_format() -> None:
    """Whoever reads it can hold the ledger against it before it is used."""
    found = opened(TEXT)
    assert found.head == Head(7, "cd" * 32)
    assert (found.contract, found.format) == (desk().digest, "writ/contract-snapshot/v1")
    assert opened(snapshot(Engine(desk()))).head is None
    assert snapshot(restored(desk(), found), found.head) == TEXT
    assert resealed(TEXT) == TEXT
    assert (
        json.loads(TEXT)["digest"]
        == sha256(TEXT.partition('"snapshot":')[2][:-1].encode()).hexdigest()
    )


def test_a_snapshot_of_something_else_is_refused() -> None:
    """Another contract, another expansion of it, another version, something else."""
    assert code_of(desk(), TEXT) == ""
    assert code_of(replace(desk(), digest="0" * 64), TEXT) == "snapshot.contract"
    assert code_of(desk(rules=RULES[:1]), TEXT) == "snapshot.version"
    assert code_of(desk(), resealed(TEXT, format="writ/contract-snapshot/v0")) == "snapshot.version"
    assert code_of(desk(), versions_snapshot(VersionHistory())) == "snapshot.version"
    with pytest.raises(SnapshotError, match=r"snapshot\.version"):
        restored_versions(TEXT)
    assert issubclass(SnapshotError, ContractsError)
    assert str(SnapshotError("why", "snapshot.damaged")) == "snapshot.damaged: why"


@pytest.mark.parametrize("text", ["", "{}", "null", TEXT[:-1], TEXT + "\n", TEXT[1:], "\ud800"])
def test_what_is_no_snapshot_is_refused(text: str) -> None:
    """A part of one, more than one, none."""
    assert code_of(desk(), text) == "snapshot.damaged"


@settings(max_examples=10 * settings().max_examples)
@given(place=st.integers(0, len(TEXT) - 1), other=st.characters(), how=st.sampled_from("rid"))
def test_a_changed_character_is_refused(place: int, other: str, how: str) -> None:
    """Replaced, added or removed: never half a state."""
    changed = TEXT[:place] + ("" if how == "d" else other) + TEXT[place + (how != "i") :]
    assert changed == TEXT or code_of(desk(), changed) == "snapshot.damaged"


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401 - JSON
    """The paths to all members of a value, and to the value."""
    items: list[tuple[Any, Any]] = []
    if is_map(value) or is_list(value):
        items = list(value.items() if is_map(value) else enumerate(value))
    return [path, *(one for name, item in items for one in leaves(item, (*path, name)))]


@settings(max_examples=10 * settings().max_examples)
@given(data=st.data())
def test_a_state_of_another_form_is_refused(data: st.DataObject) -> None:
    """With a fitting digest too, there is an engine or an error that says what is wrong."""
    state = json.loads(TEXT)["snapshot"]["state"]
    *path, name = data.draw(st.sampled_from(leaves(state)[1:]))
    holder = state
    for step in path:
        holder = holder[step]
    odd: tuple[Any, ...] = (None, -2, 99, "x", [], {}, [None], {"$": "int"}, {"$": "none", "of": 1})
    holder[name] = data.draw(st.sampled_from(odd))
    assert code_of(desk(), resealed(TEXT, state=state)) in {"", "snapshot.damaged"}


@pytest.mark.parametrize("missing", ["contract", "format", "head", "meaning", "state"])
def test_a_snapshot_without_a_member_is_refused(missing: str) -> None:
    """All of it is there, or it is none."""
    members = {name: one for name, one in json.loads(TEXT)["snapshot"].items() if name != missing}
    body = written_out(members).decode()
    text = f'{{"digest":"{sha256(body.encode()).hexdigest()}","snapshot":{body}}}'
    assert code_of(desk(), text) == "snapshot.damaged"


def test_versions_of_another_form_are_refused() -> None:
    """As an engine's."""
    text = resealed(versions_snapshot(VersionHistory()), state={"published": []})
    with pytest.raises(SnapshotError, match=r"snapshot\.damaged"):
        restored_versions(text)


def test_an_engine_behind_its_lineage_is_refused() -> None:
    """What is shared and further would show it later entries."""
    lineage = Lineage()
    engine, events = Engine(desk(), lineage=lineage), events_of(HISTORY)
    for event in events[:2]:
        engine.observe(event)
    lineage.remember(lineage.place(events[3]))
    with pytest.raises(SnapshotError, match=r"snapshot\.ahead"):
        snapshot(engine)


def test_entries_of_before_are_refused() -> None:
    """What was counted cannot count again."""
    with pytest.raises(OrderError):
        resumed(desk(), TEXT, events_of(HISTORY)[-1:])


def test_what_no_window_sees_is_not_kept() -> None:
    """A snapshot is as large as what later records can see."""
    lines: list[Line] = [{"outcome": f"o{n}", "of": "a", "t": 10 + 2 * n} for n in range(4_000)]
    facts = {
        "f": {
            "count": True,
            "from": "outcome",
            "by": "outcome.index",
            "over": "ledger",
            "within": "10s",
            "at": "1",
        }
    }
    contract = contract_of({"facts": facts})
    engine, sizes = Engine(contract), set[int]()
    for event in events_of([{"opened": "r", "t": 0}, {"action": "a", "t": 1}, *lines]):
        engine.observe(event)
        if event.index > 3_000:
            sizes.add(len(snapshot(engine)))
    assert max(sizes) < 2_000
