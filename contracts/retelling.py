"""Items written as steps again, one line each: what a report shows of a history made smaller."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from contracts.staging import AGENT, Item, Script
from contracts.steps import SPAN, UNITS
from ledger.encoding import digest

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.\-/]*( [A-Za-z0-9_.\-/]+)*")
_WORDS: Final = frozenset({"true", "false", "null", "True", "False", "Null", "yes", "no"})
_AUTOMATIC: Final = re.compile(r"(?:run|message|action|outcome|observation|approval|switch) \d+")

# For a kind of record the key of its step, and the field or reference that stands under it.
_KEYS: Final[Mapping[str, tuple[str, str]]] = {
    "message": ("message", "role"),
    "action": ("action", "tool"),
    "outcome": ("outcome", "action"),
    "observation": ("observation", "what"),
    "approval": ("approval", "action"),
    "switch": ("switch", "state"),
}


def retold(script: Script) -> list[str]:
    """Return a script in the words of a suite, a line for each step."""
    lines = [f"given: {_count(script.given)}", *_steps(script.given)]
    lines += ["when:", *_steps([script.when])]
    return [*lines, "after:", *_steps(script.after)] if script.after else lines


def _count(items: Iterable[Item]) -> str:
    return "" if list(items) else "[]"


def _steps(items: Iterable[Item]) -> list[str]:
    return [f"  - {step_of(item)}" for item in items]


def step_of(item: Item) -> str:
    """Return an item as a step, such as `{message: user, in: case, ago: 5m}`."""
    step = _named(item)
    step |= {
        name: value
        for name, value in item.fields.items()
        if name not in {"kind", "phase", "decision", "digest", *step} and value not in (None, {})
        if name != _KEYS.get(item.kind, ("", ""))[1]
    }
    if "decision" in item.fields:
        step["decision"] = item.fields["decision"]["effect"]
    if item.kind == "observation":
        step |= _digest(item)
    step |= _references(item)
    step |= _times(item)
    if item.by not in {"", AGENT}:
        step["by"] = item.by
    return flow(step)


def _named(item: Item) -> dict[str, Any]:
    if item.kind == "run":
        opened = item.fields["phase"] == "opened"
        return {"run": item.name} if opened else {"close": item.references["run"][0]}
    key, field_name = _KEYS[item.kind]
    value = item.fields.get(field_name) or item.references.get(field_name, ("",))[0]
    named: dict[str, Any] = {key: value}
    is_default = item.kind == "observation" and item.name == value
    if not _AUTOMATIC.fullmatch(item.name) and not is_default:
        named["as"] = item.name
    return named


def _digest(item: Item) -> dict[str, Any]:
    made_up = digest(f"{item.fields.get('what')} {item.fields.get('ref')}".encode())
    found = item.fields.get("digest", False)
    return {} if found == made_up else {"digest": found}


def _references(item: Item) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for name, names in item.references.items():
        if name == "run" and item.kind in {"message", "action", "observation"}:
            said["in"] = names[0]
        elif name == "action" and item.kind == "observation":
            said["of"] = names[0]
        elif name == "evidence":
            said[name] = list(names)
        elif name not in {"run", "action"}:
            said[name] = names[0]
    return said


def _times(item: Item) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if item.offset:
        said["ago" if item.offset < 0 else "later"] = length(abs(item.offset))
    if "observed_at" in item.moments:
        said["seen"] = length(-item.moments["observed_at"])
    if "expires_at" in item.moments:
        expires = item.moments["expires_at"]
        said["expires"] = ("-" if expires < 0 else "") + length(abs(expires))
    return said


def length(micros: int) -> str:
    """Return a length of time as a suite writes it.

    Example:
        >>> length(3_599_999_999), length(0)
        ('59m59s999ms999us', '0s')
    """
    text = ""
    for unit in ("d", "h", "m", "s", "ms", "us"):
        many, micros = divmod(micros, UNITS[unit])
        text += f"{many}{unit}" if many else ""
    return text or "0s"


def flow(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Return a value as YAML in one line."""
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value).items()
        return "{" + ", ".join(f"{_word(key)}: {flow(one)}" for key, one in members) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow(one) for one in cast("Iterable[Any]", value)) + "]"
    return _word(value) if isinstance(value, str) else json.dumps(value)


def _word(text: str) -> str:
    plain = (_PLAIN.fullmatch(text) and text not in _WORDS) or re.fullmatch(SPAN, text)
    return text if plain else json.dumps(text, ensure_ascii=False)
