"""Random approvals and random activations, in the words of the vectors."""

from typing import Final

from hypothesis import strategies as st

from tests.reference.random_cases import SERVICES, Choices, Line


def delegated_by(name: str) -> Line:
    """An identity of Dee's that acts on somebody's behalf."""
    window = {"since": "2026-01-01T00:00:00.000000Z", "until": "2027-01-01T00:00:00.000000Z"}
    return {"roles": ["lead"], "owner": "dee", "delegated": {"by": name, **window}}


APPROVERS: Final[tuple[Line, ...]] = (
    {"by": "spiffe://acme.example/kim", "identity": {"roles": ["lead"], "owner": "kim"}},
    {"by": "spiffe://acme.example/lee", "identity": {"roles": ["lead", "head"], "owner": "lee"}},
    {"by": "spiffe://acme.example/cat", "identity": {"roles": ["clerk"], "owner": "cat"}},
    {"by": "spiffe://acme.example/rob", "identity": {"roles": ["lead"], "owner": "rob"}},
    {
        "by": "spiffe://acme.example/bot",
        "identity": {"roles": ["lead"], "owner": "maria@acme.example"},
    },
    {"by": SERVICES[0], "identity": {"roles": ["lead"], "owner": "kim"}},
    {"by": "spiffe://acme.example/del", "identity": delegated_by(SERVICES[0])},
    {"by": "spiffe://acme.example/far", "identity": delegated_by("spiffe://acme.example/kim")},
    {"by": "spiffe://acme.example/old", "identity": {"registered": False}},
)


def approval_case(rules: list[bytes], records: list[bytes]) -> Line:
    """Rules of every effect, and a history of proposals, approvals and resumes."""
    texts = [approval_rule(Choices(raw), number) for number, raw in enumerate(rules)]
    lines: list[Line] = [
        {"opened": "r", "requester": "spiffe://acme.example/rob", "t": 0},
        {"opened": "q", "t": 0},
    ]
    time = 0.0
    for raw in records:
        choices = Choices(raw)
        time += choices.of((1, 0, 0.5, 2, 3))
        actions = [line["action"] for line in lines if "action" in line]
        line: Line = {"action": f"a{len(lines)}", "params": {"n": choices.of((3, 1, 2))}}
        line["in"] = choices.of(("r", "r", "r", "q"))
        if actions and choices.chance(2):
            line = {"approval": f"p{len(lines)}", "of": choices.of(actions[::-1])}
            line |= choices.of((*APPROVERS[:2] * 4, *APPROVERS))
            line["verdict"] = choices.of(("approve", "approve", "approve", "refuse", "withdraw"))
            line |= {"rule": f"r{choices.of((0, 1))}"} if choices.chance(4) else {}
            line |= {"expires_at": time + choices.of((1, 2))} if choices.chance(4) else {}
        elif actions and not choices.chance(3):
            heard = [line["of"] for line in lines if "approval" in line]
            proposed = choices.of(actions[::-1] + heard * 3)
            first = next(one for one in lines if one.get("action") == proposed)
            line = {**first, "action": f"a{len(lines)}", "resumes": proposed}
            line |= {"target": "x"} if choices.chance(6) else {}
            line |= {"params": {"n": 4}} if choices.chance(8) else {}
            behind = choices.of(("spiffe://acme.example/kim", "lee"))
            line |= {"identity": delegated_by(behind)} if choices.chance(6) else {}
        lines.append({**line, "t": time})
    return {"contract": {"rules": texts}, "history": lines}


def approval_rule(choices: Choices, number: int) -> Line:
    """A rule that is often violated, mostly one that asks for an approval."""
    text: Line = {
        "id": f"r{number}",
        "when": choices.of(("params.n > 2", "true", "params.n > 1", "params.m")),
    }
    text["effect"] = choices.of(("approve", "approve", "approve", "warn", "escalate", "deny"))
    if text["effect"] == "approve":
        text["role"] = choices.of(("lead", "lead", "head"))
        text |= {"within": choices.of(("2s", "3s"))} if choices.chance(3) else {}
    return text | choices.of(({}, {}, {"undecidable": "allow"}, {"undecidable": "escalate"}))


def approval_cases() -> st.SearchStrategy[Line]:
    """Random cases of approvals."""
    word = st.binary(min_size=10, max_size=10)
    rules = st.lists(word, min_size=1, max_size=3)
    return st.builds(approval_case, rules, st.lists(word, min_size=3, max_size=14))


def version_case(records: list[bytes]) -> Line:
    """A history of contracts published and activated, and of live and imported actions."""
    lines: list[Line] = [
        {"opened": "r"},
        {"opened": "claimed", "import": "claimed", "at": 0},
        {"opened": "none", "import": "none"},
        {"contract": "1.0.0"},
        {"contract": "2.0.0"},
    ]
    lines = [line | {"t": 0} for line in lines]
    time, claimed = 0.0, 0.0
    for raw in records:
        choices = Choices(raw)
        time += choices.of((0, 1, 0.5, 2))
        kind = choices.of(("action", "activation", "action", "activation", "contract"))
        version = choices.of(("1.0.0", "2.0.0", "1.0.0", "2.0.0", "3.0.0"))
        line: Line = {
            kind: version,
            "t": time,
            "service": choices.of((*SERVICES[:1] * 5, SERVICES[1])),
        }
        if kind == "activation":
            line["effective_at"] = max(0.0, time + choices.of((0, 1, 3, 0.5, 2, -1)))
            line |= {"imported": True} if choices.chance(4) else {}
        if kind == "action":
            run = choices.of(("r", "r", "claimed", "none"))
            claimed += choices.of((0, 1, 3))
            line = {"action": f"a{len(lines)}", "t": time, "in": run}
            line |= {"at": claimed} if run == "claimed" else {}
        lines.append(line)
    return {"history": lines}


def version_cases() -> st.SearchStrategy[Line]:
    """Random cases of versions in force."""
    word = st.binary(min_size=6, max_size=6)
    return st.builds(version_case, st.lists(word, min_size=3, max_size=14))


SELECTORS: Final = (
    'action.tool == "pay"',
    "params.n > 1",
    "!(params.n > 1)",
    'run.attributes.region == "EU"',
    'action.mode == "read"',
    'has(action.channel) && action.channel == "chat"',
    "no condition",
    "true",
    "false",
)


RECOVERIES: Final[tuple[Line, ...]] = (
    {"kill_switch": {"roles": ["lead"]}},
    {"safe_mode": {"allow": ["read", "execute"]}},
    {"kill_switch": {"roles": ["lead", "head"]}, "safe_mode": {"allow": []}},
)


def switch_case(records: list[bytes], roles: bytes) -> Line:
    """A history of switches by those who may and others, of some actions and of all."""
    lines: list[Line] = [
        {"opened": "r", "attributes": {"region": "EU"}},
        {"opened": "q", "attributes": {}},
        {"opened": "other", "service": SERVICES[1]},
    ]
    for raw in records:
        choices, name = Choices(raw), f"e{len(lines)}"
        if choices.chance(2):
            line: Line = {"switch": name, "state": choices.of(("engaged", "engaged", "released"))}
            line |= {"mode": choices.of(("kill", "safe"))}
            line |= {"service": choices.of((*SERVICES[:1] * 4, SERVICES[1]))}
            line |= {"selector": choices.of(SELECTORS)} if not choices.chance(3) else {}
            line |= {"identity": {"roles": choices.of((["commander", "lead"], ["commander"], []))}}
        else:
            line = {"action": name, "tool": choices.of(("pay", "look", "odd"))}
            line |= {"params": choices.of(({"n": 1}, {"n": 2}, {}))}
            line |= {"in": choices.of(("r", "r", "q", "other"))}
            line |= {"channel": choices.of(("chat", "mail"))} if choices.chance(3) else {}
        lines.append(line)
    return {"recovery": Choices(roles).of(RECOVERIES), "history": lines}


def switch_cases() -> st.SearchStrategy[Line]:
    """Random cases of switches."""
    word = st.binary(min_size=8, max_size=8)
    return st.builds(switch_case, st.lists(word, min_size=2, max_size=14), st.binary(max_size=1))
