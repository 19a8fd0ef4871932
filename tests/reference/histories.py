"""From the compact form of a vector to the data that a meaning is computed from.

A history is a list of records, one a line. The first member says the kind and gives the record a
name, by which others refer to it; `of` names the action that a record belongs to, `in` its run
(`r` where nothing is said). Times are seconds after the base: `t` is the ledger's clock (default:
the position in the list), `at` what an imported record claims.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from contracts.history import Event
from contracts.model import Contract, Effect, Expectation, Fact, Level, Limits, Rule, Tool
from tests.reference.views import Value, is_list, is_map

BASE: Final = datetime(2026, 3, 1, 9, tzinfo=UTC)
SERVICE: Final = "spiffe://acme.example/ai/desk"
OWNER: Final = "maria@acme.example"
AGGREGATES: Final = ("count", "seen", "sum", "min", "max", "last", "list")
UNITS: Final = {"ms": 1_000, "s": 10**6, "m": 60 * 10**6, "h": 3600 * 10**6, "d": 86400 * 10**6}
TIMES: Final = ("at", "observed_at", "expires_at", "effective_at")


def digest_of(name: str) -> str:
    """The digest that stands for a named record."""
    return hashlib.sha256(name.encode()).hexdigest()


def written(seconds: float | str) -> str:
    """Seconds after the base as the ledger writes times."""
    moment = BASE + timedelta(microseconds=round(float(seconds) * 10**6))
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def micros(duration: str | None) -> int | None:
    """A duration in microseconds."""
    if duration is None:
        return None
    unit = duration.lstrip("0123456789")
    return int(duration.removesuffix(unit)) * UNITS[unit]


def events_of(lines: Sequence[Mapping[str, Value]]) -> list[Event]:
    """The history that a vector writes in short; `repeat` writes a line so often."""
    every: list[Mapping[str, Value]] = []
    for line in lines:
        rest = dict(line)
        many = int(rest.pop("repeat", 0))
        kind = kind_of(line)
        every += [{**rest, kind: f"{line[kind]}{number}"} for number in range(many)] or [line]
    imports = {digest_of(line["opened"]) for line in every if "import" in line}
    return [event_of(index, line, imports) for index, line in enumerate(every)]


def kind_of(line: Mapping[str, Value]) -> str:
    """The first member of a line."""
    return next(iter(line))


def event_of(index: int, line: Mapping[str, Value], imports: set[str]) -> Event:
    """One line of a history."""
    kind, name = kind_of(line), str(line[kind_of(line)])
    record = {"v": 1, "by": SERVICE, **placed(kind, name), **DEFAULTS.get(kind, {})}
    for member, value in line.items():
        if member not in {kind, "t", "identity"}:
            record |= member_of(kind, member, value)
    if kind in {"message", "action", "outcome", "observation"}:
        record.setdefault("run", digest_of("r"))
    identity = {"registered": True, "id": record["by"], "owner": OWNER, "roles": ["agent"]}
    identity |= {"permissions": [], **line.get("identity", {})}
    imported = digest_of(name) in imports or record.get("run") in imports
    imported = imported if kind == "activation" else bool(line.get("imported", imported))
    digest = digest_of(f"{name}.closed" if kind == "closed" else name)
    record = {member: value for member, value in record.items() if value is not None}
    return Event(index, digest, record, written(line.get("t", index)), identity, imported)


def placed(kind: str, name: str) -> dict[str, Value]:
    """What the kind and the name of a line say of its record."""
    if kind == "opened":
        return {"kind": "run", "phase": kind}
    if kind == "closed":
        return {"kind": "run", "phase": kind, "run": digest_of(name)}
    if kind in {"contract", "activation"}:
        text = f"text of {name}"
        published = {"text": text} if kind == "contract" else {}
        return {"kind": kind, "version": name, "digest": digest_of(text), **published}
    return {"kind": kind}


def member_of(kind: str, member: str, value: Value) -> dict[str, Value]:
    """One member of a line as a member of its record."""
    if member == "in":
        return {"run": None if value is None else digest_of(value)}
    if member == "of":
        return {"action": digest_of(value)}
    if member in {"resumes", "compensates"}:
        return {member: digest_of(value)}
    if member == "evidence":
        return {member: [digest_of(one) for one in value]}
    if member in TIMES:
        return {member: written(value)}
    if member == "decision":
        return {member: {"effect": value, "reasons": []}}
    if member == "import":
        return {member: {"source": "file", "digest": "0" * 64, "line": 1, "clock": value}}
    return {} if member == "imported" and kind != "activation" else {member: unpacked(value)}


def unpacked(value: Value) -> Value:
    """A value in which `["repeat", 3, x]` is `[x, x, x]`."""
    if is_map(value):
        return {name: unpacked(member) for name, member in value.items()}
    if is_list(value) and value[:1] == ["repeat"]:
        return [value[2]] * value[1]
    return [unpacked(member) for member in value] if is_list(value) else value


DEFAULTS: Final[Mapping[str, Mapping[str, Value]]] = {
    "opened": {"service": SERVICE},
    "closed": {"outcome": "done"},
    "message": {"role": "user", "turn": 0},
    "observation": {"what": "note", "source": "desk", "observer": SERVICE},
    "action": {"tool": "pay", "params": {}},
    "outcome": {"status": "ok"},
    "approval": {"verdict": "approve"},
    "switch": {"service": SERVICE, "state": "engaged", "mode": "kill", "reason": "test"},
    "contract": {"service": SERVICE},
    "activation": {"service": SERVICE, "approved_by": []},
}


def sources(text: str) -> tuple[str, tuple[str, ...]]:
    """`outcome of pay, refund` as a kind and tools."""
    kind, _, tools = text.partition(" of ")
    return kind, tuple(tool.strip() for tool in tools.split(",") if tool)


def fact_of(name: str, text: Mapping[str, Value]) -> Fact:
    """One fact from the words of the contract language."""
    members = dict(text)
    aggregate = next(one for one in AGGREGATES if one in members)
    value = members.pop(aggregate)
    source, tools = sources(members.pop("from"))
    within = micros(members.pop("within", None))
    return Fact(
        name=name,
        aggregate=aggregate,
        source=source,
        tools=tools,
        value="" if value is True else str(value),
        within=within,
        **members,
    )


def rule_of(text: Mapping[str, Value], tools: Mapping[str, Tool]) -> Rule:
    """One rule from the words of the contract language."""
    subject, chosen = subject_of(text.get("for", "*"), tools)
    effect, expect = text.get("effect", "deny"), text.get("expect")
    members: dict[str, Value] = {"id": text["id"], "clause": "policy"}
    members |= {word: text[word] for word in ("when", "unless", "role") if word in text}
    return Rule(
        **members,
        subject=subject,
        tools=chosen,
        effect=Effect(effect),
        undecidable=Effect(text.get("undecidable", "warn" if effect == "warn" else "deny")),
        within=micros(text.get("within")),
        expect=expectation_of(expect) if expect else None,
    )


def subject_of(asked: str | list[str], tools: Mapping[str, Tool]) -> tuple[str, tuple[str, ...]]:
    """What a rule is `for`: a kind of record, and its tools."""
    names = [asked] if isinstance(asked, str) else asked
    if names[0] in {"message", "run.closed"} or names[0].startswith("outcome"):
        return sources(names[0])
    if names == ["*"]:
        return "action", ()
    if names[0].startswith("mode:"):
        mode = names[0].removeprefix("mode:")
        return "action", tuple(name for name, tool in tools.items() if tool.mode == mode)
    return "action", tuple(names)


def expectation_of(text: Mapping[str, Value]) -> Expectation:
    """What must follow, from the words of the contract language."""
    members = dict(text)
    source, tools = sources(members.pop("from"))
    within = micros(members.pop("within", None))
    return Expectation(source=source, tools=tools, within=within, **members)


def contract_of(text: Mapping[str, Value]) -> Contract:
    """A contract of facts and rules from the words of the contract language."""
    tools = {"pay": {"mode": "execute"}, **text.get("tools", {})}
    models = {name: tool_of(name, tool) for name, tool in tools.items()}
    return Contract(
        name="desk",
        version="1.0.0",
        digest=digest_of("text of 1.0.0"),
        service=SERVICE,
        owner=OWNER,
        permissions=(),
        modes=("read", "draft", "recommend", "execute"),
        tools=models,
        limits=limits_of(text.get("limits", {})),
        facts=tuple(fact_of(name, fact) for name, fact in text.get("facts", {}).items()),
        rules=tuple(rule_of(rule, models) for rule in text.get("rules", [])),
    )


def limits_of(text: Mapping[str, Value]) -> Limits:
    """Limits from the words of the contract language."""
    one = {name: value for name, value in text.items() if name != "default"}
    levels = text.get("levels", [one] if "by" in text else [])
    if not levels:
        return Limits(plain=text)
    cases = [{name: case for name, case in level.items() if name != "by"} for level in levels]
    return Limits(
        levels=tuple(Level(level["by"], own) for level, own in zip(levels, cases, strict=True)),
        default=text.get("default"),
    )


def tool_of(name: str, text: Mapping[str, Value]) -> Tool:
    """One tool from the words of the contract language."""
    estimate = text.get("estimate", {})
    return Tool(
        name=name,
        mode=text["mode"],
        permission=text.get("permission", ""),
        schema=text.get("params"),
        target=text.get("target", ""),
        estimate_cost=str(estimate.get("cost", "")),
        estimate_value=str(estimate.get("value", "")),
        currency=estimate.get("currency", ""),
    )


def document_of(text: Mapping[str, Value]) -> dict[str, Value]:
    """The same as a whole document; tools that are only named are added to it."""
    contract = contract_of(text)
    expects = [rule.expect for rule in contract.rules if rule.expect]
    parts: list[Fact | Rule | Expectation] = [*contract.facts, *contract.rules, *expects]
    named = {tool: {"mode": "draft"} for part in parts for tool in part.tools}
    limits = {"limits": text["limits"]} if "limits" in text else {}
    return {
        "contract": contract.name,
        "version": contract.version,
        "identity": {"service": SERVICE, "owner": OWNER},
        "scope": {"modes": list(contract.modes)},
        "policy": {"document": {"name": "desk", "version": "1"}, **limits},
        "tools": {**named, "pay": {"mode": "execute"}, **text.get("tools", {})},
        "facts": text.get("facts", {}),
        "rules": [{"for": "*", **rule} for rule in text.get("rules", [])],
    }
