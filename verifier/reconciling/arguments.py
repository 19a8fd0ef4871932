"""Arguments of two sources made comparable: one text for equal values, and where two differ.

Numbers are equal by value (1 and 1.0), a member that is null is no member, and text is never a
number. A table of text has no types: there 120, 120.0 and "120" are the same, and an empty cell is
no member.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final, TypeAlias

from contracts.coercion import Unseen, Value, is_list, is_map
from ledger.encoding import from_base64
from ledger.errors import EncodingError
from ledger.importers.texts import is_raw, read_loosely

Form: TypeAlias = Callable[[Value], Value]

_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?", re.ASCII)
MAX_DEPTH: Final = 128
# A longer number is compared as the text that it is: nobody writes it in two ways.
_LONGEST: Final = 64
_MISSING: Final = object()


def unwrapped(params: Value) -> Value:
    """Return arguments that a record could not hold as JSON, and has as `{"raw": base64}`."""
    if isinstance(params, Unseen) or not is_raw(params):
        return params
    try:
        text = from_base64(params["raw"]).decode("utf-8", "surrogatepass")
    except (EncodingError, UnicodeDecodeError):
        return params
    try:
        value: Value = read_loosely(text)
    except ValueError:
        return text
    return value if shallow(value) else text


def shallow(value: Value, left: int = MAX_DEPTH) -> bool:
    """Return whether a value is nested no deeper than is compared; a record is less deep."""
    if is_map(value):
        return left > 0 and all(shallow(one, left - 1) for one in value.values())
    return not is_list(value) or (left > 0 and all(shallow(one, left - 1) for one in value))


def exact(value: Value) -> Value:
    """Return a value so that equal ones are written alike: numbers by value, and no nulls."""
    if is_map(value) or isinstance(value, Unseen):
        return {name: exact(one) for name, one in value.items() if one is not None}
    if is_list(value):
        return [exact(one) for one in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def as_text(value: Value) -> Value:
    """Return a value as a table of text would hold it: every leaf a text, and none empty."""
    if is_map(value) or isinstance(value, Unseen):
        members = {name: as_text(one) for name, one in value.items()}
        return {name: one for name, one in members.items() if one != ""}
    if is_list(value):
        return [as_text(one) for one in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number(json.dumps(value))
    return _cell(value) if isinstance(value, str) else ""


def _cell(text: str) -> Value:
    """Return a text as it is compared: JSON in a cell is what it says."""
    if text[:1] in {"{", "["}:
        try:
            return as_text(read_loosely(text))
        except ValueError:
            return text
    # The same words that spreadsheets write for the same thing.
    return text.lower() if text in {"TRUE", "FALSE", "True", "False"} else _number(text)


def _number(text: str) -> str:
    if len(text) > _LONGEST or not _NUMBER.fullmatch(text):
        return text
    plain = format(Decimal(text), "f")
    whole = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if whole == "-0" else whole


def written(value: Value) -> str:
    """Return a value as text, in ASCII: the same for equal values.

    Example:
        >>> written(exact({"b": 1.0, "a": None})), written(as_text({"b": "1.0", "a": ""}))
        ('{"b":1}', '{"b":"1"}')
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def digest_of(text: str) -> str:
    """Return a digest of what `written` gave."""
    return sha256(text.encode("ascii")).hexdigest()


def differences(
    recorded: Value, seen: Value, form: Form, hidden: frozenset[str] = frozenset()
) -> Iterator[tuple[str, str, str]]:
    """Yield each place at which two arguments differ: its path, what is recorded, what was seen.

    Args:
        recorded: What the ledger has.
        seen: What the source has.
        form: How they are compared: `exact` or `as_text`.
        hidden: Paths at which the ledger's value is sealed: nothing is known of them.
    """
    yield from _differ(recorded, seen, form, hidden, "params")


def _differ(
    one: Value, other: Value, form: Form, hidden: frozenset[str], path: str
) -> Iterator[tuple[str, str, str]]:
    if path in hidden:
        return
    left, right = _inner(one), _inner(other)
    if is_map(left) and is_map(right):
        for name in sorted({*left, *right}):
            inner = f"{path}.{name}"
            yield from _differ(_member(left, name), _member(right, name), form, hidden, inner)
    elif is_list(left) and is_list(right) and len(left) == len(right):
        for place, (mine, others) in enumerate(zip(left, right, strict=True)):
            yield from _differ(mine, others, form, hidden, f"{path}.{place}")
    elif _compared(left, form) != _compared(right, form):
        yield path, shown(left), shown(right)


def _inner(value: Value) -> Value:
    """Return what stands in a cell that holds JSON."""
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return read_loosely(value)
        except ValueError:
            return value
    return value


def _member(members: Mapping[str, Any], name: str) -> Value:
    value = members.get(name, _MISSING)
    return _MISSING if value is None else value


def _compared(value: Value, form: Form) -> str:
    if value is _MISSING:
        return '""' if form is as_text else ""
    return written(form(value))


def shown(value: Value) -> str:
    """Return a value as a person reads it."""
    return "nothing" if value is _MISSING else json.dumps(value, ensure_ascii=False, sort_keys=True)
