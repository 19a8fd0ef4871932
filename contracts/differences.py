"""What two contracts say differently, part by part: rules, limits, tools, facts, and the rest."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from contracts.coercion import Value, is_map
from contracts.expressions import references, tokens
from contracts.lint_facts import facts_behind, uses_of
from contracts.model import Contract, Effect, Level, Limits, Position, Rule, Tool
from contracts.sameness import Labels, Pairing, relabelled, rule_text

DEFAULT = "default"
NOWHERE = Position()
_BRIEF = 120


class Part(StrEnum):
    """Which part of a contract a difference is in."""

    RULE = "rule"
    LIMIT = "limit"
    TOOL = "tool"
    FACT = "fact"
    CONTRACT = "contract"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that two contracts say differently.

    Attributes:
        part: What kind of thing.
        name: The rule's id, `CASE.NAME` of a limit, the tool, the fact, or the contract's member.
        what: `added`, `removed` or `changed`.
        words: What exactly, one line each.
        rules: Rules that can decide differently by it.
        tools: Tools whose calls it can matter to; none: all.
        case: For a limit, the case in which it stands; empty for all.
        before: Where it stands in the one contract.
        after: Where in the other.
        silent: Why no decision on an action can differ by it; empty where one can.
    """

    part: Part
    name: str
    what: str
    words: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    case: str = ""
    before: Position = NOWHERE
    after: Position = NOWHERE
    silent: str = ""


def differences(pairing: Pairing) -> list[Difference]:
    """Return every difference, in the order rules, limits, tools, facts, the rest."""
    found = [*_limits(pairing), *_tools(pairing), *_rules(pairing), *_facts(pairing)]
    return [*found, *_rest(pairing)]


# ------------------------------------------------------------------------------ rules

_AFTERWARDS = "it judges what happened afterwards and decides no action"
_WARNS = "it only warns"


def _rules(pairing: Pairing) -> Iterator[Difference]:
    old = {rule.id: rule for rule in pairing.before.rules}
    new = {rule.id: rule for rule in pairing.after.rules}
    for name in dict.fromkeys([*old, *new]):
        before, after = old.get(name), new.get(name)
        if before is None or after is None:
            rule = before or after
            if rule is not None and not _with_its_tool(pairing, rule):
                yield _whole_rule(rule, "added" if before is None else "removed")
            continue
        mine, other = rule_text(before, pairing.labels[0]), rule_text(after, pairing.labels[1])
        if mine != other and not _said_elsewhere(pairing, before, after):
            words = tuple(_rule_words(before, after, pairing.labels))
            yield Difference(
                Part.RULE, name, "changed", words, (name,), _either(before, after),
                before=before.position, after=after.position, silent=_silent(before, after),
            )  # fmt: skip


def _whole_rule(rule: Rule, what: str) -> Difference:
    words = [f"when {_told(rule.when)}"] if rule.when else []
    words += [f"unless {_told(rule.unless)}"] if rule.unless else []
    words += [f"then {_effect(rule)}"]
    places = (Position(), rule.position) if what == "added" else (rule.position, Position())
    return Difference(
        Part.RULE, rule.id, what, tuple(words), (rule.id,), rule.tools,
        before=places[0], after=places[1], silent=_silent(rule, rule),
    )  # fmt: skip


def _silent(before: Rule, after: Rule) -> str:
    if before.subject != "action" and after.subject != "action":
        return _AFTERWARDS
    if before.expect and after.expect:
        return _AFTERWARDS
    return _WARNS if {before.effect, after.effect} == {Effect.WARN} else ""


def _either(before: Rule, after: Rule) -> tuple[str, ...]:
    """Return the tools that either version is for; none where one of them is for all."""
    if not before.tools or not after.tools:
        return ()
    return tuple(dict.fromkeys([*after.tools, *before.tools]))


def _with_its_tool(pairing: Pairing, rule: Rule) -> bool:
    """Return whether a rule that a clause made comes or goes with its tool alone."""
    own = rule.clause == "tools" and rule.id.startswith("tools.")
    changed = pairing.before.tools.keys() ^ pairing.after.tools.keys()
    return own and bool(rule.tools) and set(rule.tools) <= changed


def _said_elsewhere(pairing: Pairing, before: Rule, after: Rule) -> bool:
    """Return whether all that a clause's own rule says differently is said of another part."""
    if before.id == "policy.document":
        return True  # the document is compared as such, and the rule only warns
    if before.id not in {"tools.schema", "identity.permission"}:
        return False
    texts = [
        tuple(relabelled(text, labels) for text in uses_of(rule))
        for rule, labels in zip((before, after), pairing.labels, strict=True)
    ]
    return texts[0] == texts[1]


def _rule_words(before: Rule, after: Rule, labels: tuple[Labels, Labels]) -> Iterator[str]:
    for key in ("when", "unless"):
        old = relabelled(getattr(before, key), labels[0])
        new = relabelled(getattr(after, key), labels[1])
        if old != new and "facts._" in new and before.says != after.says:
            # A clause's own fact has no name that a reader knows, but the rule says what it asks.
            yield f"{before.says} -> {after.says}"
        elif old != new:
            yield f"{key}: {_apart(_told(old), _told(new))}"
    if _effect(before) != _effect(after):
        yield f"effect: {_effect(before)} -> {_effect(after)}"
    if before.undecidable != after.undecidable:
        yield f"if undecidable: {before.undecidable} -> {after.undecidable}"
    if (before.subject, before.tools) != (after.subject, after.tools):
        yield f"for: {_subject(before)} -> {_subject(after)}"
    if before.expect != after.expect:
        yield "what has to follow changed"


def _apart(old: str, new: str) -> str:
    """Return two conditions, and of long ones the words in which they differ."""
    if not old or not new or len(old) + len(new) <= _BRIEF:
        return f"{old or 'nothing'} -> {new or 'nothing'}"
    mine, other = ([one.text for one in tokens(text)] for text in (old, new))
    same = next(
        (at for at, (one, two) in enumerate(zip(mine, other, strict=False)) if one != two),
        min(len(mine), len(other)),
    )
    most = min(len(mine), len(other)) - same
    ends = next((at for at in range(most) if mine[-1 - at] != other[-1 - at]), most)
    parts = ["".join(words[same : len(words) - ends]).strip() for words in (mine, other)]
    shown = [textwrap.shorten(one, _BRIEF, placeholder=" …") or "nothing" for one in parts]
    return f"… {shown[0]} … -> … {shown[1]} …"


def _effect(rule: Rule) -> str:
    if rule.effect is not Effect.APPROVE:
        return rule.effect.value
    lasting = "" if rule.within is None else f", good for {lasts(rule.within)}"
    return f"approval by {rule.role}{lasting}"


def lasts(microseconds: int) -> str:
    """Return a length of time in words: `90s`, `2h`, `3d`."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        if microseconds and microseconds % (length * 1_000_000) == 0:
            return f"{microseconds // (length * 1_000_000)}{unit}"
    return f"{microseconds / 1_000_000:.6f}s"


def _subject(rule: Rule) -> str:
    if rule.tools:
        return f"{rule.subject}s of {', '.join(rule.tools)}"
    return f"every {rule.subject}"


def _told(expression: str) -> str:
    return " ".join(expression.split())


# ----------------------------------------------------------------------------- limits


def _limits(pairing: Pairing) -> Iterator[Difference]:
    old, new = pairing.before.limits, pairing.after.limits
    if old.by != new.by:
        names = {name for case in [*_cases(old).values(), *_cases(new).values()] for name in case}
        words = (f"{_by(old)} -> {_by(new)}",)
        yield _limit(pairing, "by", "changed", words, "", names)
        return
    before, after = _cases(old), _cases(new)
    for case in dict.fromkeys([*before, *after]):
        mine, other = before.get(case, {}), after.get(case, {})
        for name in dict.fromkeys([*mine, *other]):
            if mine.get(name) != other.get(name) or (name in mine) != (name in other):
                what = "changed" if name in mine and name in other else "added"
                what = "removed" if name not in other else what
                words = (f"{_value(mine, name)} -> {_value(other, name)}",)
                label = f"{case}.{name}" if case else name
                yield _limit(pairing, label, what, words, case, {name})
        if (
            not mine
            and not other
            and _is_told_apart(old, new, case, (case in before, case in after))
        ):
            what = "added" if case in after else "removed"
            names = {name for values in (*before.values(), *after.values()) for name in values}
            yield _limit(pairing, case, what, ("listed, without a value",), "", names)


def _is_told_apart(old: Limits, new: Limits, case: str, listed: tuple[bool, bool]) -> bool:
    """Return whether a case has limits only because it is listed, none of them with a value."""
    without = old.default is None or new.default is None
    return listed[0] != listed[1] and bool(case) and without


def _cases(limits: Limits) -> dict[str, Mapping[str, Any]]:
    if not limits.levels:
        return {"": limits.plain}
    more = {} if limits.default is None else {DEFAULT: limits.default}
    named = {
        case_label(limits, level, case): values
        for level in limits.levels
        for case, values in level.cases.items()
    }
    return {**named, **more}


def _by(limits: Limits) -> str:
    return ", then ".join(limits.by) or "one for all"


def case_label(limits: Limits, level: Level, case: str) -> str:
    """Return what tells a case of the limits from those of every level."""
    return case if len(limits.levels) == 1 else f"{level.by} = {case}"


def _value(case: Mapping[str, Any], name: str) -> str:
    return amount(name, case[name]) if name in case else "nothing"


def amount(name: str, value: object) -> str:
    """Return a value as text; one in micro-units also in whole ones.

    Example:
        >>> amount("auto_approve_micros", 60000001)
        '60000001 (60.000001)'
    """
    if name.endswith("micros") and isinstance(value, int) and not isinstance(value, bool):
        whole, rest = divmod(abs(value), 1_000_000)
        sign = "-" if value < 0 else ""
        cents = f"{rest:06d}".rstrip("0").ljust(2, "0")
        return f"{value} ({sign}{whole}.{cents})"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _limit(
    pairing: Pairing, label: str, what: str, words: tuple[str, ...], case: str, names: set[str]
) -> Difference:
    readers = [
        rule
        for contract in (pairing.after, pairing.before)
        for rule in contract.rules
        if any(_reads_limit(contract, text, names) for text in uses_of(rule))
    ]
    rules = tuple(dict.fromkeys(rule.id for rule in readers if not _silent(rule, rule)))
    tools = tuple(dict.fromkeys(tool for rule in readers for tool in rule.tools))
    silent = "" if rules else "no rule that decides actions reads it"
    whole = any(not rule.tools for rule in readers)
    return Difference(
        Part.LIMIT, label, what, words, rules, () if whole else tools, case, silent=silent
    )


def _reads_limit(contract: Contract, text: str, names: Iterable[str]) -> bool:
    behind = facts_behind(contract, text)
    texts = [
        text,
        *(use for fact in contract.facts if fact.name in behind for use in uses_of(fact)),
    ]
    wanted = {*names, ""}
    return any(
        use.root == "limits" and use.member in wanted for one in texts for use in references(one)
    )


# ------------------------------------------------------------------------------ tools


def _tools(pairing: Pairing) -> Iterator[Difference]:
    old, new = pairing.before.tools, pairing.after.tools
    for name in dict.fromkeys([*old, *new]):
        before, after = old.get(name), new.get(name)
        if before is None or after is None:
            tool = before or after
            what = "added" if before is None else "removed"
            yield Difference(
                Part.TOOL, name, what, (f"mode {tool.mode if tool else ''}",),
                ("tools.allowed",), (name,),
                before=before.position if before else Position(),
                after=after.position if after else Position(),
            )  # fmt: skip
        elif words := tuple(_tool_words(before, after)):
            rules = tuple(_readers(pairing, name, before, after))
            silent = "" if rules else "no rule that decides actions reads what changed"
            yield Difference(
                Part.TOOL, name, "changed", words, rules, (name,),
                before=before.position, after=after.position, silent=silent,
            )  # fmt: skip


_READ_AS = {
    "mode": "mode",
    "permission": "permission",
    "schema": "conforms",
    "target": "target",
    "estimate_cost": "estimate",
    "estimate_value": "estimate",
    "currency": "estimate",
}


def _tool_words(before: Tool, after: Tool) -> Iterator[str]:
    for key in (*_READ_AS, "compensation", "irreversible"):
        old, new = getattr(before, key), getattr(after, key)
        if key == "schema" and old != new:
            yield f"parameters: {_schemas(old, new)}"
        elif old != new:
            yield f"{key.replace('_', ' ')}: {old or 'none'} -> {new or 'none'}"


def _schemas(old: object, new: object, path: str = "") -> str:
    """Say where two schemas differ, by the places within them."""
    if is_map(old) and is_map(new):
        keys = [key for key in dict.fromkeys([*old, *new]) if old.get(key) != new.get(key)]
        return "; ".join(
            _schemas(old.get(key), new.get(key), f"{path}.{key}" if path else str(key))
            for key in keys
        )
    shown = ["none" if one is None else str(one) for one in (old, new)]
    return f"{path} {shown[0]} -> {shown[1]}".strip()


def _readers(pairing: Pairing, name: str, before: Tool, after: Tool) -> Iterator[str]:
    """Yield the rules for a tool that read a member of the action which it gives."""
    changed = {
        member for key, member in _READ_AS.items() if getattr(before, key) != getattr(after, key)
    }
    for rule in pairing.after.rules:
        if rule.subject != "action" or rule.expect or (rule.tools and name not in rule.tools):
            continue
        read = {
            use.member for text in uses_of(rule) for use in references(text) if use.root == "action"
        }
        if read & changed or ("schema" in changed and rule.id == "tools.schema"):
            yield rule.id


# ------------------------------------------------------------------------- facts, rest


def _facts(pairing: Pairing) -> Iterator[Difference]:
    mine, other = pairing.labels
    old = {mine[fact.name]: fact for fact in pairing.before.facts}
    new = {other[fact.name]: fact for fact in pairing.after.facts}
    for name in dict.fromkeys([*old, *new]):
        # A clause's own fact that came or went is told by the clause's rule.
        whole = (name in old) != (name in new) and not name.startswith("_")
        if not whole and name not in pairing.changed:
            continue
        what = "changed" if name in old and name in new else "added" if name in new else "removed"
        readers = tuple(
            rule.id
            for rule in pairing.after.rules
            if name in facts_behind(pairing.after, *uses_of(rule))
        )
        words = (f"read by {', '.join(readers)}",) if readers else ()
        if what == "changed":
            words = (*_fact_words(old[name], new[name]), *words)
        yield Difference(
            Part.FACT, name, what, words,
            before=old[name].position if name in old else Position(),
            after=new[name].position if name in new else Position(),
            silent=(
                "it rests on history: an example would need records that the two count differently"
                if what == "changed"
                else "a fact decides nothing by itself; see the rules that read it"
            ),
        )  # fmt: skip


def _fact_words(before: object, after: object) -> Iterator[str]:
    for key in ("aggregate", "source", "tools", "value", "where", "over", "by", "at", "within",
                "attempts", "unknown", "reserve", "default", "reference"):  # fmt: skip
        old, new = getattr(before, key), getattr(after, key)
        if old != new:
            shown = [lasts(one) if key == "within" and one else one or "none" for one in (old, new)]
            yield f"{key}: {shown[0]} -> {shown[1]}"


_MEMBERS = {
    "name": "contract",
    "service": "identity.service",
    "owner": "identity.owner",
    "duties": "identity.duties",
    "policy": "policy.document",
    "kill_switch_roles": "recovery.kill_switch.roles",
}


def _rest(pairing: Pairing) -> Iterator[Difference]:
    for key, name in _MEMBERS.items():
        old, new = getattr(pairing.before, key), getattr(pairing.after, key)
        if old != new:
            words = (f"{_plainly(old)} -> {_plainly(new)}",)
            yield Difference(
                Part.CONTRACT,
                name,
                "changed",
                words,
                silent="no rule that decides actions reads it",
            )


def _plainly(value: Value) -> str:
    if is_map(value):
        shown = [
            (key, one if isinstance(one, str) else ", ".join(map(str, one)))
            for key, one in value.items()
        ]
        return " ".join(f"{key} {one[:12] + '…' if key == 'digest' else one}" for key, one in shown)
    return str(value) if isinstance(value, str) else ", ".join(value)
