"""Conversations become records in the source's order; what does not fit is kept and reported."""

import base64
import json

import pytest

from ledger.encoding import digest
from ledger.importers.report import ImportReport
from tests.ledger.importers.conftest import MemoryLedger, Take


def call(name: str, arguments: object, call_id: str | None = "c1") -> dict[str, object]:
    """Return a tool call as the format has it; arguments that are not text are written as JSON."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": text}}


def calls(*listed: object, **more: object) -> dict[str, object]:
    """Return an assistant's turn that only calls tools."""
    return {"role": "assistant", "content": None, "tool_calls": list(listed), **more}


def result(content: object, call_id: str | None = "c1", **more: object) -> dict[str, object]:
    """Return a tool's result."""
    return {"role": "tool", "tool_call_id": call_id, "content": content, **more}


def codes(report: ImportReport) -> list[str]:
    """Return the codes of a report's problems, in order."""
    assert all(problem.kept for problem in report.problems)
    return [problem.code.removeprefix("import.") for problem in report.problems]


def unwrapped(params: dict[str, str]) -> str:
    """Return the text of raw parameters."""
    return base64.b64decode(params["raw"]).decode("utf-8", "surrogatepass")


def test_a_conversation_in_order(memory: MemoryLedger, take: Take) -> None:
    """Every turn is a message, every call an action, every result an outcome and observation."""
    order = {"order_id": "A-1", "paid": 12.5, "note": None}
    report = take(
        [
            {"role": "developer", "content": "Be kind."},
            {"role": "user", "content": "Where is A-1?"},
            calls(call("get_order", {"order_id": "A-1"})),
            result(json.dumps(order), name="get_order"),
            {"role": "assistant", "content": "On its way.", "name": "desk"},
        ]
    )
    assert codes(report) == []
    kinds = "run message message message action outcome observation message run"
    assert " ".join(record.kind for record in memory.records) == kinds
    run, action = memory.digests("run")[0], memory.digests("action")[0]
    assert [(m["role"], m["turn"], m.get("content")) for m in memory.of("message")] == [
        ("system", 0, "Be kind."),
        ("user", 1, "Where is A-1?"),
        ("assistant", 2, None),
        ("assistant", 4, "On its way."),
    ]
    assert memory.of("message", turn=4, name="desk", run=run)
    assert memory.of("action", turn=2, tool="get_order", call_id="c1", params={"order_id": "A-1"})
    bytes_digest = digest(json.dumps(order).encode())
    assert memory.of(
        "outcome", status="ok", action=action, fields=order, result_digest=bytes_digest
    )
    assert memory.of("observation", what="order", ref="A-1", source="orders-db", observer="source")
    assert memory.of("observation", action=action, run=run, fields=order, digest=bytes_digest)
    [closed] = memory.of("run", phase="closed", run=run)
    assert "outcome" not in closed
    opened = memory.of("run", phase="opened")[0]
    assert opened["import"]["clock"] == "none"
    assert {"at", "policy", "attributes", "ref", "model"} & set(opened) == set()
    assert (report.runs, report.messages, report.actions, report.outcomes) == (1, 4, 1, 1)
    assert (report.observations, report.records, report.reference) == (1, 9, 0)


def test_the_run_says_what_the_line_says(memory: MemoryLedger, take: Take) -> None:
    """What the profile names is carried; numbers become text where text is asked for."""
    metadata = {"domain": "retail", "policy": "p", "policy_sha256": "a" * 64, "task": {"n": [1]}}
    line: dict[str, object] = {
        "id": 7,
        "model": "m",
        "metadata": metadata | {"ended": "stop"},
        "messages": [],
    }
    report = take(line)
    assert codes(report) == ["no-messages"]
    opened = memory.of("run", phase="opened")[0]
    assert (opened["ref"], opened["model"], opened["domain"]) == ("7", "m", "retail")
    assert opened["policy"] == {"name": "p", "digest": "a" * 64}
    assert opened["attributes"] == {"task": {"n": [1]}}
    assert opened["service"] == "spiffe://shop.example/desk"
    assert memory.of("run", phase="closed", outcome="stop")


def test_what_the_line_says_badly_is_left_out(memory: MemoryLedger, take: Take) -> None:
    """A claimed digest that is none, and a name that is no text, are reported, not guessed at."""
    metadata = {"domain": ["x"], "policy": None, "policy_sha256": "ABC", "ended": True}
    report = take({"id": "", "metadata": metadata, "messages": [{"role": "user", "content": ""}]})
    assert codes(report) == ["not-text", "not-a-digest", "not-text"]
    opened = memory.of("run", phase="opened")[0]
    assert {"domain", "policy", "ref"} & set(opened) == set()
    assert memory.of("message")[0]["content"] == ""


def test_parallel_calls(memory: MemoryLedger, take: Take) -> None:
    """Parallel calls are intents in their order; outcomes come in the order of the results."""
    take(
        [
            calls(call("a", {}, "1"), call("b", {}, "2"), call("c", {}, "3")),
            result("of c", "3"),
            result("of a", "1"),
            result("of b", "2"),
        ]
    )
    actions = memory.digests("action")
    assert [action["tool"] for action in memory.of("action")] == ["a", "b", "c"]
    assert [outcome["fields"] for outcome in memory.of("outcome")] == ["of c", "of a", "of b"]
    found = [outcome["action"] for outcome in memory.of("outcome")]
    assert found == [actions[2], actions[0], actions[1]]


def test_repeated_call_ids_are_paired_in_order(memory: MemoryLedger, take: Take) -> None:
    """An id used twice, in one turn or over turns, still finds its own result."""
    report = take(
        [
            calls(call("get", {"n": 1}), call("get", {"n": 2})),
            result("1"),
            result("2"),
            calls(call("get", {"n": 3})),
            result("3"),
        ]
    )
    assert codes(report) == ["repeated-call-id"]
    params = [action["params"]["n"] for action in memory.of("action")]
    by_digest = dict(zip(memory.digests("action"), params, strict=True))
    assert [by_digest[o["action"]] for o in memory.of("outcome")] == [1, 2, 3]
    assert [o["fields"] for o in memory.of("outcome")] == ["1", "2", "3"]


def test_a_repeated_id_belongs_to_the_latest_turn(memory: MemoryLedger, take: Take) -> None:
    """Where the first use of an id was never answered, its second use still gets its result."""
    report = take([calls(call("get", {"n": 1})), calls(call("get", {"n": 2})), result("2")])
    assert codes(report) == ["call-without-result", "repeated-call-id"]
    assert memory.of("outcome")[0]["action"] == memory.digests("action")[1]


def test_a_call_without_result_is_an_action_without_outcome(
    memory: MemoryLedger, take: Take
) -> None:
    """What was called and never answered stays visible as exactly that."""
    report = take([calls(call("pay", {})), {"role": "user", "content": "Hello?"}])
    assert codes(report) == ["call-without-result"]
    assert (len(memory.of("action")), len(memory.of("outcome"))) == (1, 0)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1]", "5", "null", '{"a":1,"a":2}', '{"n":9007199254740993}', '{"t":"\\u0000"}',
     '{"t":"\\ud800"}', '{"raw":"aGk="}', '{"n":NaN}', "[" * 5000, '{"a":' * 70 + "1" + "}" * 70],
)  # fmt: skip
def test_arguments_that_do_not_fit_are_raw(memory: MemoryLedger, take: Take, text: str) -> None:
    """Arguments that are no object, or that strict JSON cannot hold, are kept to the letter."""
    report = take([calls(call("pay", text)), result("done")])
    assert codes(report) == ["raw-arguments"]
    assert unwrapped(memory.of("action")[0]["params"]) == text
    assert memory.of("outcome", status="ok")


def test_arguments_may_be_an_object(memory: MemoryLedger, take: Take) -> None:
    """Some sources write the object itself where the format has its text."""
    entry = {"id": "c1", "function": {"name": "pay", "arguments": {"n": 1}}}
    assert codes(take([calls(entry), result("done")])) == []
    assert memory.of("action", params={"n": 1})


def test_a_call_that_names_nothing_is_an_action(memory: MemoryLedger, take: Take) -> None:
    """A call that cannot be read is no reason to leave out that there was one."""
    report = take([calls({"id": "c1", "function": {"arguments": "{}"}}, "call"), result("x")])
    assert codes(report) == ["bad-call", "bad-call", "call-without-result"]
    first, second = memory.of("action", tool="unnamed")
    assert json.loads(unwrapped(first["params"]))["id"] == "c1"
    assert unwrapped(second["params"]) == '"call"'


def test_custom_tools_and_lone_calls(memory: MemoryLedger, take: Take) -> None:
    """A custom tool's input is kept as raw text; a call outside a list is a call."""
    custom = {"id": "c1", "type": "custom", "custom": {"name": "sh", "input": "ls"}}
    report = take([{"role": "assistant", "content": "", "tool_calls": custom}, result("x")])
    assert codes(report) == ["raw-arguments"]
    assert unwrapped(memory.of("action", tool="sh")[0]["params"]) == "ls"


def test_legacy_function_calls(memory: MemoryLedger, take: Take) -> None:
    """`function_call` and `function` messages are paired by name."""

    def legacy(name: str) -> dict[str, object]:
        function_call = {"name": name, "arguments": '{"n":1}'}
        return {"role": "assistant", "content": None, "function_call": function_call}

    report = take(
        [
            legacy("look"),
            legacy("pay"),
            {"role": "function", "name": "pay", "content": "paid"},
            {"role": "function", "name": "look", "content": "seen"},
        ]
    )
    assert codes(report) == []
    actions = memory.digests("action")
    assert [o["action"] for o in memory.of("outcome")] == [actions[1], actions[0]]
    assert all("call_id" not in action for action in memory.of("action"))


def test_results_that_answer_nothing_are_observations(memory: MemoryLedger, take: Take) -> None:
    """A result without a call, or a second one for a call, is kept and cannot pass for a first."""
    report = take(
        [
            result("early", "c9", name="get_order"),
            calls(call("get_order", {})),
            result("one"),
            result("two"),
        ]
    )
    assert codes(report) == ["result-without-call", "result-without-call", "no-ref"]
    unmatched = memory.of("observation", what="unmatched-result")
    assert [(o["source"], o["ref"], o["fields"]) for o in unmatched] == [
        ("get_order", "c9", "early"),
        ("unknown", "c1", "two"),
    ]
    assert [outcome["fields"] for outcome in memory.of("outcome")] == ["one"]


def test_results_without_an_id_answer_the_first_open_call(memory: MemoryLedger, take: Take) -> None:
    """Where a result names no call, the latest turn's calls are answered in order."""
    report = take([calls(call("a", {}, "1"), call("b", {}, "2")), result("of a", None)])
    assert codes(report) == ["result-without-id", "call-without-result"]
    assert memory.of("outcome")[0]["action"] == memory.digests("action")[0]


def test_a_result_under_another_tools_name(memory: MemoryLedger, take: Take) -> None:
    """The id decides whose result it is, and the difference is reported."""
    report = take([calls(call("pay", {})), result("x", name="look")])
    assert codes(report) == ["tool-differs"]
    assert len(memory.of("outcome")) == 1


@pytest.mark.parametrize(
    "more",
    [{"error": True}, {"error": "yes"}, {"error": 1}, {"error": {"code": 503}}, {}],
)
def test_errors(memory: MemoryLedger, take: Take, more: dict[str, object]) -> None:
    """A flag, or the beginning of the text, says that a result is an error: it observes nothing."""
    text = "Error: no such order" if not more else "no such order"
    assert codes(take([calls(call("get_order", {})), result(text) | more])) == []
    outcome = memory.of("outcome", status="error")[0]
    assert outcome["error"] == text
    assert "fields" not in outcome
    assert memory.of("observation") == []


@pytest.mark.parametrize(
    "more", [{"error": False}, {"error": None}, {"error": ""}, {"error": 0}, {}]
)
def test_no_errors(memory: MemoryLedger, take: Take, more: dict[str, object]) -> None:
    """A flag that says no, in whatever way, is not an error."""
    take([calls(call("get_order", {})), result("an Error: in the text") | more])
    assert memory.of("outcome", status="ok")


def test_an_error_can_be_observed(memory: MemoryLedger, take: Take) -> None:
    """Where the profile says so, an error is evidence too; a result without text is an outcome."""
    report = take([calls(call("find_user", {})), result(None, error=True)])
    assert codes(report) == ["no-ref"]
    assert memory.of("outcome", status="error", error="")
    observed = memory.of("observation", what="user-id")[0]
    assert {"ref", "fields", "digest"} & set(observed) == set()


def test_one_result_many_observations(memory: MemoryLedger, take: Take) -> None:
    """`each` gives one observation for each value found, under the key it was found at."""
    variants = {"v1": {"price": 5, "colour": "red"}, "v2": {"price": 2**60}}
    product = {"product_id": "p", "variants": variants}
    assert codes(take([calls(call("get_product", {})), result(json.dumps(product))])) == []
    one, two = memory.of("observation", what="variant")
    assert (one["ref"], two["ref"]) == ("v1", "v2")
    assert one["fields"] == {"product": "p", "price": 5, "colour": "red"}
    assert set(two["fields"]) == {"product", "price"}
    assert unwrapped(two["fields"]["price"]) == str(2**60)


@pytest.mark.parametrize(
    "text", ['{"n":9007199254740993}', '["\\u0000"]', '["\\ud800"]', '{"raw":"x"}', "\0"]
)
def test_results_that_do_not_fit_are_raw(memory: MemoryLedger, take: Take, text: str) -> None:
    """A result that strict JSON cannot hold is kept to the letter; the digest is the text's."""
    take([calls(call("look", {})), result(text)])
    outcome = memory.of("outcome")[0]
    assert unwrapped(outcome["fields"]) == text
    assert outcome["result_digest"] == digest(text.encode())


def test_numbers_are_text(memory: MemoryLedger, take: Take) -> None:
    """A result is parsed only if it is an object or list: `1.10` says more than a number."""
    take(
        [calls(call("a", {}, "1"), call("b", {}, "2")), result("1.10", "1"), result("[1.10]", "2")]
    )
    assert [outcome["fields"] for outcome in memory.of("outcome")] == ["1.10", [1.1]]


def test_parts(memory: MemoryLedger, take: Take) -> None:
    """Text parts are joined, others named; a refusal is what the user reads."""
    parts = [{"type": "text", "text": "a"}, {"type": "input_audio"}, {"type": "text", "text": "b"}]
    report = take(
        [
            {"role": "user", "content": parts},
            {"role": "assistant", "content": None, "refusal": "No."},
            calls(call("look", {})),
            result(parts[:1]),
        ]
    )
    assert codes(report) == ["part-not-text"]
    assert [message.get("content") for message in memory.of("message")] == ["ab", "No.", None]
    assert memory.of("outcome", fields="a")


def test_unknown_roles_and_messages(memory: MemoryLedger, take: Take) -> None:
    """Whatever stands in the list is a message: unknown speakers are neither user nor assistant."""
    report = take(
        {
            "messages": [
                {"role": "critic", "content": "Hm."},
                {"content": "?"},
                "text",
                None,
                {"role": 5},
            ]
        }
    )
    unknown, bad = "unknown-role", "bad-message"
    assert codes(report) == [unknown, unknown, bad, bad, unknown]
    found = [(m["role"], m.get("name"), m.get("content")) for m in memory.of("message")]
    assert found == [
        ("system", "critic", "Hm."),
        ("system", "unknown", "?"),
        ("system", "unknown", "text"),
        ("system", "unknown", None),
        ("system", "unknown", None),
    ]


def test_calls_of_others_are_not_the_services(memory: MemoryLedger, take: Take) -> None:
    """A user's own tools are no actions of the service, and are not lost either."""
    user = {"role": "user", "content": "done", "tool_calls": [call("reboot", {"n": 1})]}
    report = take([user, result("ok")])
    assert codes(report) == ["foreign-call", "result-without-call"]
    assert memory.of("action") == []
    foreign = memory.of("observation", what="foreign-call", source="user", ref="c1")[0]
    assert foreign["fields"] == {"tool": "reboot", "params": {"n": 1}}


def test_names_and_texts_are_cleaned(memory: MemoryLedger, take: Take) -> None:
    """NUL and lone surrogates in names and messages are replaced, and that is reported."""
    report = take(
        [
            {"role": "user", "content": "a\0b\ud800"},
            calls(call("t\0", {}, "\ud800")),
            result("", "\ud800"),
        ]
    )
    assert codes(report) == ["unholdable-text"] * 3
    assert memory.of("message", content="a\ufffdb\ufffd")
    assert memory.of("action", tool="t\ufffd", call_id="\ufffd")
    assert len(memory.of("outcome")) == 1


def test_what_is_too_long_is_cut(memory: MemoryLedger, take: Take) -> None:
    """A record holds 1 MiB: longer texts are cut, longer values left out, and all is reported."""
    long = "ü" * 700_000
    report = take(
        [
            {"role": "user", "content": long, "name": "n" * 3_000},
            calls(call("look", {"q": long})),
            result(json.dumps([long])),
            calls(call("look", {}, "c2")),
            result("Error: " + long, "c2"),
        ]
    )
    assert codes(report) == ["too-long"] * 5
    message = memory.of("message")[0]
    assert (message["content"], message["name"]) == (long[:50_000], "n" * 2_048)
    assert unwrapped(memory.of("action")[0]["params"]).startswith('{"q": "\\u00fc')
    ok, error = memory.of("outcome")
    assert "fields" not in ok
    assert ok["result_digest"] == digest(json.dumps([long]).encode())
    assert error["error"] == ("Error: " + long)[:50_000]


def test_times_are_carried(memory: MemoryLedger, take: Take) -> None:
    """A usable clock is claimed, and every record has the time of its message."""
    report = take(
        [
            {"role": "user", "content": "a", "timestamp": "2026-03-01T09:00:00"},
            calls(call("find_user", {}), timestamp="2026-03-01T10:00:05+01:00"),
            result("u-1", timestamp="2026-03-01T09:00:06.5Z"),
        ]
    )
    assert codes(report) == []
    opened, closed = memory.of("run")
    assert opened["import"]["clock"] == "claimed"
    assert (opened["at"], closed["at"]) == (
        "2026-03-01T09:00:00.000000Z",
        "2026-03-01T09:00:06.500000Z",
    )
    assert memory.of("message", turn=1)[0]["at"] == "2026-03-01T09:00:05.000000Z"
    assert memory.of("action")[0]["at"] == "2026-03-01T09:00:05.000000Z"
    assert memory.of("outcome")[0]["at"] == closed["at"]
    observed = memory.of("observation")[0]
    assert (observed["at"], observed["observed_at"]) == (closed["at"], closed["at"])


@pytest.mark.parametrize(
    ("times", "problem"),
    [
        (["2026-03-01T09:00:01", "2026-03-01T09:00:00"], []),
        (["2026-03-01T09:00:00", "2026-03-01T09:00:00"], []),
        (["2026-03-01T09:00:00", None], []),
        (["2026-03-01T09:00:00", "later"], ["bad-time"]),
    ],
)
def test_clocks_that_cannot_be_used(
    memory: MemoryLedger, take: Take, times: list[str | None], problem: list[str]
) -> None:
    """Times that go back, stand still or are missing are carried, and claim no clock."""
    report = take([{"role": "user", "content": "a", "timestamp": time} for time in times])
    assert codes(report) == problem
    opened, closed = memory.of("run")
    assert opened["import"]["clock"] == "none"
    assert "at" not in opened
    assert "at" not in closed
    assert memory.of("message")[0]["at"].startswith("2026-03-01T09:00:0")


def test_costs_and_tokens(memory: MemoryLedger, take: Take) -> None:
    """What the service spent is carried; a simulated user's costs are not the service's."""
    usage = {"prompt_tokens": 400, "completion_tokens": 20}
    report = take(
        [
            {"role": "user", "content": "a", "cost": 0.5, "usage": usage},
            calls(call("look", {}), cost=0.00136675, usage=usage),
            result("x", cost=0.25),
            {"role": "assistant", "content": "b", "cost": 0.0, "usage": {"prompt_tokens": 1}},
        ]
    )
    assert codes(report) == []
    user, first, last = memory.of("message")
    assert {"cost", "tokens"} & set(user) == set()
    assert first["cost"] == {"currency": "USD", "micros": 1367}
    assert first["tokens"] == {"input": 400, "output": 20}
    assert last["cost"] == {"currency": "USD", "micros": 0}
    assert last["tokens"] == {"input": 1}
    assert memory.of("outcome")[0]["cost"] == {"currency": "USD", "micros": 250_000}


def test_zero_costs_throughout_say_nothing(memory: MemoryLedger, take: Take) -> None:
    """Where every cost is zero or missing, none was recorded: a zero would be a lie."""
    take([{"role": "assistant", "content": "a", "cost": cost} for cost in (0, 0.0, None)])
    assert all("cost" not in message for message in memory.of("message"))


def test_bad_measures_are_reported(memory: MemoryLedger, take: Take) -> None:
    """An amount or count that is none is left out."""
    usage = {"prompt_tokens": -1, "completion_tokens": True}
    report = take([{"role": "assistant", "content": "a", "cost": "much", "usage": usage}])
    assert codes(report) == ["bad-cost", "bad-tokens", "bad-tokens"]
    assert {"cost", "tokens"} & set(memory.of("message")[0]) == set()
