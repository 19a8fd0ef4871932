"""The profile: where in a source's lines the things stand that a contract speaks of.

Its meaning is fixed in ``docs/spec/import-profile.md``; how it is read, with the place of every
error, in `ledger.importers.profile_reading`.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import PurePosixPath, PureWindowsPath
from typing import Annotated, Any, Literal, TypeAlias, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from ledger.encoding import digest, encode
from ledger.errors import EncodingError
from ledger.importers.paths import Const, Path, PathError, Where, json_list, json_object, parse_path
from ledger.records import Identity

MAX_PATTERN = 500  # characters: a pattern is a short thing, and a long one a mistake

_OFFSET = re.compile(r"([+-])([01]\d|2[0-3]):([0-5]\d)")
_RESULT_ROOTS = frozenset({"result", "params"})
_DATA_ROOTS = frozenset({"data"})
_FOUND_ROOTS = frozenset({"item", "key", "keys"})  # what `each` found


def _path(value: object, *, star: bool = False) -> Path:
    if not isinstance(value, str):
        raise PydanticCustomError("bad-path", "expected a path (text), as metadata.domain")
    try:
        return parse_path(value, star=star)
    except PathError as error:
        raise PydanticCustomError("bad-path", "{why}", {"why": str(error)}) from None


def _where(value: object) -> Where:
    members = json_object(value)
    if members is None:
        return _path(value)
    if set(members) != {"const"}:
        raise PydanticCustomError("bad-path", "expected a path, or {{const: VALUE}}")
    try:
        encode(members["const"])
    except EncodingError as error:
        raise PydanticCustomError("bad-value", "{why}", {"why": str(error)}) from None
    return Const(members["const"])


def _rooted(where: Where, roots: frozenset[str]) -> None:
    if isinstance(where, Path) and where.keys[0] not in roots:
        raise PydanticCustomError(
            "bad-path",
            "`{path}` must start with one of {roots}",
            {"path": str(where), "roots": ", ".join(sorted(roots))},
        )


def _ref(value: object) -> tuple[Where, ...]:
    """Read `ref`: one place, or several that are joined."""
    parts = json_list(value)
    if parts is None:
        return (_where(value),)
    if not parts:
        raise PydanticCustomError("bad-value", "expected at least one path")
    return tuple(_where(part) for part in parts)


def _each(value: object) -> Path:
    return _path(value, star=True)


def _written(where: Where) -> object:
    return str(where) if isinstance(where, Path) else {"const": where.value}


def _ref_written(ref: tuple[Where, ...]) -> list[object]:
    return [_written(part) for part in ref]


def _pattern(text: str) -> str:
    if len(text) > MAX_PATTERN:
        raise PydanticCustomError(
            "bad-pattern", "longer than {limit} characters", {"limit": MAX_PATTERN}
        )
    try:
        re.compile(text)
    except re.error as error:
        raise PydanticCustomError("bad-pattern", "{why}", {"why": str(error)}) from None
    return text


def _zone(text: str) -> str:
    if _OFFSET.fullmatch(text) is None:
        raise PydanticCustomError("bad-value", 'expected an offset from UTC, as "+01:00"')
    return text


def _file(text: str) -> str:
    """Refuse a file outside the snapshot folder: a profile may come from anybody."""
    inside = all(
        not form.is_absolute() and not form.anchor and ".." not in form.parts and form.parts
        for form in (PurePosixPath(text), PureWindowsPath(text))
    )
    if not inside:
        raise PydanticCustomError("bad-value", "expected the name of a file in the snapshot folder")
    return text


def _utc(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise PydanticCustomError("bad-value", 'expected a time, as "2026-03-01T09:00:00Z"')
    return text


def _tools(value: object) -> object:
    return [value] if isinstance(value, str) else value


Text: TypeAlias = Annotated[str, Field(min_length=1, max_length=2048, pattern=r"^[^\x00]*$")]
PathField: TypeAlias = Annotated[Path, PlainValidator(_path), PlainSerializer(_written)]
EachField: TypeAlias = Annotated[Path, PlainValidator(_each), PlainSerializer(_written)]
WhereField: TypeAlias = Annotated[Path | Const, PlainValidator(_where), PlainSerializer(_written)]
RefField: TypeAlias = Annotated[
    tuple[Path | Const, ...], PlainValidator(_ref), PlainSerializer(_ref_written)
]
Role: TypeAlias = Literal["user", "assistant", "system", "tool"]
SERVICE_ROLES: tuple[Role, ...] = ("assistant", "tool")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Policy(_Part):
    """Where the line says which policy was followed."""

    name: WhereField | None = None
    version: WhereField | None = None
    digest: WhereField | None = None


class RunPaths(_Part):
    """Where the line says what the run was."""

    ref: WhereField | None = None
    goal: WhereField | None = None
    channel: WhereField | None = None
    workflow: WhereField | None = None
    domain: WhereField | None = None
    requester: WhereField | None = None
    model: WhereField | None = None
    outcome: WhereField | None = None
    policy: Policy = Policy()
    attributes: Mapping[Text, WhereField] = {}


class Clock(_Part):
    """Where a message says when it was."""

    key: PathField
    zone: Annotated[str, AfterValidator(_zone)] | None = None

    @property
    def offset(self) -> timezone | None:
        """The zone of times that name none, if the profile says it."""
        found = _OFFSET.fullmatch(self.zone or "")
        if found is None:
            return None
        away = timedelta(hours=int(found[2]), minutes=int(found[3]))
        return timezone(-away if found[1] == "-" else away)


class Cost(_Part):
    """Where a message says what it cost, in units of a currency."""

    key: PathField
    currency: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{2,11}$")]
    zero: Literal["recorded", "not-recorded"] = "recorded"
    roles: tuple[Role, ...] = SERVICE_ROLES


class Tokens(_Part):
    """Where a message says how many tokens it took."""

    input: PathField | None = None
    output: PathField | None = None
    roles: tuple[Role, ...] = SERVICE_ROLES


class Errors(_Part):
    """Which tool results are errors."""

    key: PathField | None = None
    patterns: tuple[Annotated[Text, AfterValidator(_pattern)], ...] = ()


class Observes(_Part):
    """Which records a tool's result observes.

    ``each`` is declared first: the check of the others looks at it.
    """

    each: EachField | None = None
    tool: Annotated[tuple[Text, ...], Field(min_length=1)]
    kind: Text
    ref: RefField
    source: Text
    fields: Mapping[Text, WhereField] | None = None
    when_error: Literal["skip", "observe"] = "skip"

    _one_tool = field_validator("tool", mode="before")(_tools)

    @field_validator("each", "ref", "fields")
    @classmethod
    def _starts(cls, value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401 - any of three fields
        return _check_roots(value, info, _RESULT_ROOTS)


class Snapshot(_Part):
    """Reference data: records that stood before any run."""

    each: EachField = parse_path("data.*", star=True)
    file: Annotated[str, AfterValidator(_file)]
    kind: Text
    ref: RefField
    source: Text
    fields: Mapping[Text, WhereField] | None = None
    observed_at: Annotated[str, AfterValidator(_utc)] | None = None

    @field_validator("each", "ref", "fields")
    @classmethod
    def _starts(cls, value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401 - any of three fields
        return _check_roots(value, info, _DATA_ROOTS)


def _check_roots(value: object, info: ValidationInfo, roots: frozenset[str]) -> object:
    """Refuse a path that begins with something that will not be there."""
    # Where `each` is wrong itself it is not in the data, and what it would have found is allowed.
    if info.field_name != "each" and info.data.get("each", "wrong") is not None:
        roots |= _FOUND_ROOTS
    for where in _places(value):
        _rooted(where, roots)
    return value


def _places(value: object) -> tuple[Where, ...]:
    """Return the places that a field of an observation names."""
    if isinstance(value, Path | Const):
        return (value,)
    if isinstance(value, tuple):
        return cast("tuple[Where, ...]", value)
    return cast("tuple[Where, ...]", tuple((json_object(value) or {}).values()))


class Profile(_Part):
    """A source of conversations, in a contract's terms."""

    profile: Text
    service: Identity
    run: RunPaths = RunPaths()
    clock: Clock | None = None
    cost: Cost | None = None
    tokens: Tokens = Tokens()
    errors: Errors = Errors()
    observations: tuple[Observes, ...] = ()
    snapshot: tuple[Snapshot, ...] = ()

    @property
    def digest(self) -> str:
        """Hash of the content as strict JSON, defaults written out.

        Comments and layout do not count, so that a remark added to a profile does not import
        every conversation again.
        """
        return digest(encode(self.model_dump(mode="json")))


def known_keys() -> tuple[str, ...]:
    """Return every key that stands in a profile somewhere."""
    parts = _Part.__subclasses__()
    return tuple(sorted({name for part in parts for name in part.model_fields}))
