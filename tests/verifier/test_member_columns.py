"""Members of many records at once are those of each record."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.coercion import Unseen, Value, holds_long_list, holds_raw, plain
from contracts.history import Event
from contracts.instants import moment
from contracts.lineage import Placed, Run
from contracts.member_columns import Actions, Many, Records, Runs
from contracts.view import Absent, Views
from tests.reference.histories import contract_of

TOOLS: dict[str, Any] = {
    "bare": {"mode": "search"},
    "paid": {
        "mode": "execute",
        "target": "params.a",
        "permission": "pay",
        "currency": "EUR",
        "estimate": {"cost": "params.n * 2", "value": "params.a"},
        "params": {
            "type": "object",
            "properties": {"n": {"type": "integer"}, "d": {"type": "number"}},
            "required": ["n"],
        },
    },
}
SCALARS = (
    st.none()
    | st.booleans()
    | st.sampled_from(["", "a", "größe", "2026-03-01T09:00:00Z", "2026-13-01"])
    | st.sampled_from([0, 1, 7, -(2**53) + 1, 0.0, -0.0, 1.0, 0.5, 1e300])
)
NAMES = st.sampled_from(["n", "d", "a", "raw", "effect", "version", "micros"])
JSON = st.recursive(
    SCALARS | st.just([0] * 257) | st.just({"raw": "YQ=="}),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=5,
)
MONEY = st.fixed_dictionaries({"micros": st.integers(0, 9)})
ESTIMATE = st.fixed_dictionaries({}, optional={"cost": MONEY, "value": st.none() | MONEY})
TIMES = st.none() | st.integers(0, 10**15)


def actions() -> st.SearchStrategy[dict[str, Any]]:
    """Records of actions, with anything that may stand in them, and more."""
    texts = ("channel", "turn", "call_id", "idempotency_key", "resumes", "compensates", "target")
    maps = st.none() | st.dictionaries(NAMES, SCALARS, max_size=2)
    return st.fixed_dictionaries(
        {
            "kind": st.just("action"),
            "by": st.sampled_from(["x", "y"]),
            "tool": st.sampled_from(["bare", "paid", "unknown"]),
            "params": JSON,
        },
        optional={
            **dict.fromkeys(texts, SCALARS),
            "estimate": ESTIMATE,
            "decision": maps,
            "contract": maps,
        },
    )


@st.composite
def placed(draw: st.DrawFn, records: st.SearchStrategy[dict[str, Any]], kind: str) -> Placed:
    """A record at a place of its own; one may be sealed in it."""
    record = draw(records)
    sealed = kind == "action" and draw(st.integers(0, 9)) == 0
    if sealed:
        record["params"] = {"n": Unseen("ab" * 32, "is sealed, and nobody said what it is")}
    event = Event(
        draw(st.integers(0, 9)),
        "ab" * 32,
        record,
        "2026-03-01T09:00:00Z",
        imported=draw(st.booleans()),
        unseen=sealed,
    )
    return Placed(event, kind, draw(TIMES), None, None)


def seen(many: Many) -> list[str]:
    """Return what conditions see of values that were found at once."""
    found: list[Value] = []
    for one in many.values:
        hidden = (many.hides_raw and holds_raw(one)) or (many.hides_long and holds_long_list(one))
        shown = moment(one) if many.instants and one is not None else one
        shown = plain(shown) if many.recorded else shown
        found.append("absent" if hidden or (one is None and not many.nulls) else shown)
    return [repr(one) for one in found]


def alone(values: Sequence[Value]) -> list[str]:
    """Return what they see of values that were found one by one."""
    return [repr("absent" if isinstance(one, Absent) else one) for one in values]


@settings(max_examples=150, deadline=None)
@given(st.lists(placed(actions(), "action"), min_size=1, max_size=4))
def test_actions(every: list[Placed]) -> None:
    """Of tools that the contract knows and does not know, with what it computes of them."""
    views = Views(contract_of({"tools": TOOLS}))
    many = Actions(every)
    for name in (*views.members_of("action"), "none"):
        assert seen(many.many(views, name)) == alone(many.one_by_one(views, name)), name
    assert seen(many.many_params(views)) == alone([views.params(one) for one in every])
    assert many.allowed == [one.counts_as_allowed for one in every]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        placed(st.dictionaries(st.sampled_from(["fields", "what", "observed_at"]), JSON), "o"),
        min_size=1,
        max_size=3,
    )
)
def test_observations(every: list[Placed]) -> None:
    """What they hold may be any JSON."""
    views = Views(contract_of({"tools": TOOLS}))
    many = Records(every, "observation")
    for name in (*views.members_of("observation"), "none"):
        assert seen(many.many(views, name)) == alone(many.one_by_one(views, name)), name


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["ref", "policy", "attributes", "service"]), JSON),
    st.none() | st.dictionaries(st.sampled_from(["outcome", "value"]), JSON),
    TIMES,
)
def test_runs(opened: dict[str, Any], closed: dict[str, Any] | None, time: int | None) -> None:
    """A run that is not closed has no outcome yet."""
    views = Views(contract_of({"tools": TOOLS}))
    many = Runs([Run("ab" * 32, opened, time, closed, 1), Run("cd" * 32, {"import": {}})])
    for name in (*views.members_of("run"), "none"):
        assert seen(many.many(views, name)) == alone(many.one_by_one(views, name)), name
