"""Quick forms: bytes read as a record in one go, where that can be said without doubt.

Strict JSON leaves one way to write a record, so that an expression, made from the model of its
kind, can say all of it: order of fields, texts, numbers. Where free JSON stands, that part alone
is read strictly. It is narrower than the model where an expression cannot say what a call in
Python does, and what does not match is asked of the model.
Source: docs/spec/ledger-format.md, *Record*; docs/adr/0014.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from ledger import records
from ledger.encoding import (
    MAX_DEPTH,
    MAX_INTEGER,
    SEALED_MARK,
    are_strict,
    decode,
    encode_checked,
)
from ledger.errors import RecordError

Schema = Mapping[str, Any]
# What following a record needs of it: its fields of `NAMED`, as bytes and without quotes.
Named = Sequence[bytes | None]
# One such field of many records.
Column = Sequence[bytes | None]

_DAY = (
    r"(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    r"|02-(?:0[1-9]|1[0-9]|2[0-8]))"
)
# A fourth year, unless it is a hundredth that is no four-hundredth.
_LEAP = (
    r"(?:[1-9][0-9](?:0[48]|[2468][048]|[13579][26])"
    r"|(?:[2468][048]|[13579][26])00)"
)
# Every moment that matches there is; the others (years before 1000) are asked.
TIME = (
    rf"(?:[1-9][0-9]{{3}}-{_DAY}|{_LEAP}-02-29)"
    r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z"
)
# No segment begins with a dot, so that none is . or .., and all are no longer than an identity.
_IDENTITY = r"spiffe://[a-z0-9._-]{1,255}(?:/[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}){1,6}"
# A text without escapes has at most as many characters as bytes; of escapes, those of one letter.
_CHARACTER = r'[^"\\\x00-\x1f]'
_TEXT = rf'{_CHARACTER}*+(?:\\["\\bfnrt]{_CHARACTER}*+)*+'
_NATURAL = r"(?:0|[1-9][0-9]{0,14})"

# What a validator in Python does, said in an expression. One without is not guessed at.
_CALLS: Mapping[str, str] = {
    "_real_time": f'"{TIME}"',
    "_no_dot_segments": f'"{_IDENTITY}"',
    "_true": "true",
}
_INTEGERS: Mapping[tuple[int, int], str] = {
    (1, 1): "1",
    (0, MAX_INTEGER): _NATURAL,
    (1, MAX_INTEGER): r"[1-9][0-9]{0,14}",
    (-MAX_INTEGER, MAX_INTEGER): r"(?:0|-?[1-9][0-9]{0,14})",
}
# Kinds that operation is made of, a run's two phases apart. The others are few, and their models
# look at more than form.
QUICK: Mapping[str, type[records.AnyRecord]] = {
    "opened": records.RunOpened,
    "closed": records.RunClosed,
    "message": records.Message,
    "observation": records.Observation,
    "action": records.Action,
    "approval": records.Approval,
    "outcome": records.Outcome,
    "stream-close": records.StreamClose,
    "review": records.Review,
}
# Of each kind, who speaks and what it names.
NAMED: Mapping[str, Sequence[str]] = {
    "opened": ("by", "parent", "import"),
    "closed": ("by", "run"),
    "message": ("by", "run"),
    "observation": ("by", "run", "action"),
    "action": ("by", "run", "resumes", "compensates", "evidence"),
    "approval": ("by", "action"),
    "outcome": ("by", "run", "action", "leaf"),
}
_ALONE = ("by",)
_KIND = b'"kind":"'
# Where free JSON stands there is one such part, and the expression gives it this name.
_FREE = "free"
# So many bytes open and close less than the depth that is allowed.
_LONG = 2 * (MAX_DEPTH - 1)
_LABELS: Mapping[bytes, str] = {
    b"mes": "message",
    b"obs": "observation",
    b"act": "action",
    b"app": "approval",
    b"out": "outcome",
    b"str": "stream-close",
    b"rev": "review",
}


# What a schema may say of itself, by its type: all else might narrow it, and is not known here.
_SAID: Mapping[str, AbstractSet[str]] = {
    "definitions": {"definitions", "schema"},
    "definition-ref": {"schema_ref"},
    "default": {"default", "schema"},
    "nullable": {"schema"},
    "model": {"cls", "config", "custom_init", "ref", "root_model", "schema", "serialization"},
    "literal": {"expected"},
    "int": {"ge", "le"},
    "str": {"max_length", "min_length", "pattern"},
    "any": set(),
    "dict": {"keys_schema", "values_schema"},
    "tuple": {"items_schema", "strict", "variadic_item_index"},
    "union": {"choices"},
    "function-after": {"function", "schema"},
}


class _UnknownError(Exception):
    """A schema holds something that is not known here."""


def label_of(raw: bytes) -> str:
    """Return what kind a record may be (of a run: its phase); whether it is, its form says."""
    at = raw.find(_KIND) + len(_KIND)
    label = _LABELS.get(raw[at : at + 3])
    if label is not None:
        return label
    return "opened" if b'"phase":"opened"' in raw else "closed"


def said(raw: bytes) -> tuple[str, Named]:
    """Read a record: its kind (of a run: its phase), and its fields of `NAMED`.

    Raises:
        LedgerError: It is no record in strict form, or something in it is sealed.
    """
    kind = label_of(raw)
    form = form_of(kind)
    found = None if form is None else form(raw)
    return _asked(raw) if found is None else (kind, found)


def _asked(raw: bytes) -> tuple[str, Named]:
    """Say the same of any record, by its model."""
    if SEALED_MARK in raw:
        raise RecordError("what is sealed is judged by the exact reading")
    value = decode(raw)
    kind = records.read_record(value).kind
    label = cast("str", value["phase"]) if kind == "run" else kind
    names = NAMED.get(label, _ALONE)
    return label, [
        encode_checked(value[name]).strip(b'"') if name in value else None for name in names
    ]


class Form:
    """What reads records of one kind.

    Args:
        expression: What matches such a record.
        names: The fields of it that are to be found again.
    """

    def __init__(self, expression: str, names: Sequence[str]) -> None:
        pattern = re.compile(expression.encode("ascii"))
        # Every group has a name, so that all groups are a row to pick from.
        self._match = pattern.fullmatch
        self._picked = [pattern.groupindex[name] - 1 for name in names]
        self._free = pattern.groupindex.get(_FREE, 0) - 1

    def __call__(self, raw: bytes) -> Named | None:
        """Return a record's fields; None where it has to be read otherwise."""
        columns = self.columns([raw])
        return None if columns is None else [column[0] for column in columns]

    def columns(self, raws: Sequence[bytes]) -> Sequence[Column] | None:
        """Return the fields of records, each as a column; None where one has none.

        Args:
            raws: The records, at least one.
        """
        matches = list(map(self._match, raws))
        if None in matches or not _are_text(raws):
            return None
        found = list(zip(*[match.groups() for match in matches if match], strict=True))
        if self._free >= 0 and not _are_strict([part for part in found[self._free] if part]):
            return None
        return [found[at] for at in self._picked]


@cache
def form_of(kind: str) -> Form | None:
    """Return what reads records of this kind; None where there is no quick way."""
    names = NAMED.get(kind, _ALONE)
    try:
        return Form(_expression(QUICK[kind].__pydantic_core_schema__, {}, names), names)
    except _UnknownError:
        return None


def _are_text(raws: Sequence[bytes]) -> bool:
    """Return whether all are UTF-8. No character goes over the line feed between two."""
    try:
        b"\n".join(raws).decode()
    except UnicodeDecodeError:
        return False
    return True


def _are_strict(parts: Sequence[bytes]) -> bool:
    """Return whether all parts are strict JSON, none deep, with nothing sealed."""
    whole = b"\n".join(parts)
    if SEALED_MARK in whole:
        return False
    # A part that is deep is long.
    if any(part.count(b"{") + part.count(b"[") >= MAX_DEPTH for part in parts if len(part) > _LONG):
        return False
    return are_strict(parts)


# ------------------------------------------------------------------ models as expressions


def _expression(schema: Schema, known: Mapping[str, Schema], names: Sequence[str] = ()) -> str:
    """Return an expression that matches nothing that this schema does not accept.

    Args:
        schema: The core schema of a model, or of a part of one.
        known: Schemas that it may refer to.
        names: The fields of it that are to be found again, by name.

    Raises:
        _UnknownError: It says something that is not known here.
    """
    kind = cast("str", schema["type"])
    if not schema.keys() <= {"type", "metadata", *_SAID.get(kind, ())}:
        raise _UnknownError(kind)
    if kind == "definitions":
        named = {one["ref"]: one for one in schema["definitions"]}
        return _expression(schema["schema"], {**known, **named}, names)
    if kind == "definition-ref":
        return _expression(known[schema["schema_ref"]], known)
    if kind in {"default", "nullable"}:
        return _expression(schema["schema"], known)
    if kind == "model":
        return _object(schema["schema"], known, names)
    return _plain(kind, schema) or _made_of_others(kind, schema, known)


def _plain(kind: str, schema: Schema) -> str:
    if kind == "literal":
        return _either(re.escape(encode_checked(one).decode()) for one in schema["expected"])
    if kind == "int":
        return _known(_INTEGERS, (schema["ge"], schema["le"]))
    if kind == "str":
        return f'"{_text(schema)}"'
    if kind == "dict" and schema["keys_schema"] != {"type": "str"}:
        raise _UnknownError(kind)
    if kind in {"any", "dict"}:
        return rf"(?P<{_FREE}>\{{.*\}})"
    return ""


def _text(schema: Schema) -> str:
    limits = (schema.get("pattern"), schema.get("min_length"), schema.get("max_length"))
    pattern, *lengths = limits
    if isinstance(pattern, str) and lengths == [None, None]:
        # Only what can stand in a text as it is, and means the same to both.
        if not re.fullmatch(r"\^[A-Za-z0-9\[\]{},+/=-]*\$", pattern):
            raise _UnknownError(pattern)
        return pattern[1:-1]
    return _known({(None, None, None): _TEXT, (None, 1, 2048): _CHARACTER + "{1,2048}+"}, limits)


def _made_of_others(kind: str, schema: Schema, known: Mapping[str, Schema]) -> str:
    if kind == "tuple" and schema.get("variadic_item_index") == 0:
        item = _expression(schema["items_schema"][0], known)
        return rf"\[(?:{item}(?:,{item})*)?\]"
    if kind == "union":
        # What is sealed is out of the ordinary.
        plain = [one for one in schema["choices"] if not _is_sealed(one, known)]
        return _either(_expression(one, known) for one in plain)
    if kind == "function-after":
        name = cast("str", getattr(schema["function"]["function"], "__name__", ""))
        return _known(_CALLS, name)
    raise _UnknownError(kind)


def _is_sealed(schema: Schema, known: Mapping[str, Schema]) -> bool:
    named = known.get(schema.get("schema_ref", ""), schema)
    return named.get("cls") is records.SealedValue


def _object(schema: Schema, known: Mapping[str, Schema], names: Sequence[str]) -> str:
    """Return an expression for an object with these fields, in their order, and no others."""
    function = schema.get("function", {}).get("function")
    if schema["type"] != "function-before" or function.__name__ != "_refuse_null":
        # A model of which more is asked after its fields.
        raise _UnknownError(schema["type"])
    fields = schema["schema"]
    if fields["type"] != "model-fields":
        raise _UnknownError(fields["type"])
    members = [
        _Member(name, value, required=_required(field["schema"]), named=name in names)
        for name, field in sorted(
            (field.get("validation_alias", name), field) for name, field in fields["fields"].items()
        )
        for value in [_expression(field["schema"], known)]
    ]
    return rf"\{{{_members(members)}\}}"


@dataclass(frozen=True, slots=True)
class _Member:
    """A member of an object: its name, the expression of its value, and whether it is there."""

    name: str
    value: str
    required: bool
    named: bool

    def __str__(self) -> str:
        value = _captured(self.name, self.value) if self.named else self.value
        return f'"{self.name}":{value}'


def _members(members: Sequence[_Member]) -> str:
    """Return an expression for members in their order, with a comma between two.

    Where one is always there, those before it end with a comma, and those after begin with one.
    """
    last = max((at for at, member in enumerate(members) if member.required), default=None)
    if last is None:
        return "".join(rf'(?:{member}(?:,(?=")|(?=\}})))?+' for member in members)
    pieces = [
        *((f"{member},", member) for member in members[:last]),
        (str(members[last]), members[last]),
        *((f",{member}", member) for member in members[last + 1 :]),
    ]
    return "".join(piece if member.required else _optional(piece) for piece, member in pieces)


def _optional(piece: str) -> str:
    # What is free ends where the rest fits: it may have to be tried again, shorter.
    return f"(?:{piece})?" if f"(?P<{_FREE}>" in piece else f"(?:{piece})?+"


def _captured(name: str, value: str) -> str:
    """Return an expression that finds a value again, without its quotes."""
    if value.startswith('"'):
        return f'"(?P<{name}>{value[1:-1]})"'
    return f"(?P<{name}>{value})"


def _either(expressions: Iterable[str]) -> str:
    return f"(?:{'|'.join(expressions)})"


def _known(known: Mapping[Any, str], name: object) -> str:
    if name not in known:
        raise _UnknownError(name)
    return known[name]


def _required(schema: Schema) -> bool:
    """Return whether a field has to be there; one with a default of its own is, on the wire."""
    return schema["type"] != "default" or schema.get("default") is not None
