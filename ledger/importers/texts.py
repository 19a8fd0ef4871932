"""JSON from somebody else: read strictly, and held as strict JSON can."""

import base64
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final, NoReturn, TypeAlias

from ledger.encoding import MAX_INTEGER, MAX_RECORD, encode
from ledger.errors import EncodingError
from ledger.importers.paths import json_list, json_object

Raw: TypeAlias = dict[str, str]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO: Final = Decimal(1_000_000)
# A date and a time: a date alone is not a time, though Python would make it midnight.
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
_UNHOLDABLE: Final = re.compile("[\x00\ud800-\udfff]")


class RepeatedKeyError(ValueError):
    """A JSON object holds a key twice: which value is meant, the text does not say."""


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        raise RepeatedKeyError(f"the key {max(names, key=names.count)!r} stands twice in an object")
    return members


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def read_json(text: str) -> object:
    """Read JSON, refusing what parsers disagree on.

    Raises:
        ValueError: It is not JSON, nested too deep, or holds a key twice (`RepeatedKeyError`).
    """
    try:
        value: object = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deep") from None
    return value


def read_loosely(text: str) -> object:
    """Read JSON as most do: NaN is a number, and of a repeated key the last one counts.

    Raises:
        ValueError: It is not JSON, or nested too deep.
    """
    try:
        value: object = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
    return value


def raw(text: str) -> Raw:
    """Wrap text that has no other form: `{"raw": base64}` of its UTF-8 bytes.

    Lone surrogates are written as if UTF-8 had them, so that nothing is lost.
    """
    return {"raw": base64.b64encode(text.encode("utf-8", "surrogatepass")).decode("ascii")}


def is_raw(value: object) -> bool:
    """Whether a value has the shape of a wrapped one."""
    members = json_object(value)
    return members is not None and set(members) == {"raw"} and isinstance(members["raw"], str)


def holdable(value: object) -> bool:
    """Whether a record can hold a value, and it would not be taken for a wrapped one."""
    try:
        # Two levels deeper: a record's field, and a member of it. Length is the record's matter.
        encode([[value]], limit=64 * MAX_RECORD)
    except EncodingError:
        return False
    return not is_raw(value)


def held(value: object) -> object:
    """Return a value as a record can hold it: itself, or wrapped as a whole."""
    if holdable(value):
        return value
    return raw(json.dumps(value, ensure_ascii=True, separators=(",", ":")))


def clean(text: str) -> str:
    """Return text with U+FFFD in the place of what strict JSON cannot hold."""
    return _UNHOLDABLE.sub("\ufffd", text)


def text_of(value: object) -> str | None:
    """Return text, or an integer as text; None for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


@dataclass(frozen=True, slots=True)
class Content:
    """A message's content as text.

    Attributes:
        text: The text; None where there is none.
        left: Kinds of the parts that are not text.
    """

    text: str | None
    left: tuple[str, ...] = ()


def content_of(value: object) -> Content:
    """Read a message's `content`: text, nothing, or a list of parts of which the text is joined."""
    if value is None or isinstance(value, str):
        return Content(value)
    parts = json_list(value)
    if parts is None:
        # Not the format, yet seen: a tool's result as an object instead of its text.
        return Content(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
    texts = list[str]()
    left = list[str]()
    for part in parts:
        members = json_object(part) or {"text": part}
        found = members.get("text", members.get("refusal"))
        if isinstance(found, str):
            texts.append(found)
        else:
            left.append(str(members.get("type", "unknown")))
    return Content("".join(texts) if texts else None, tuple(left))


def moment(value: object, zone: timezone | None) -> datetime:
    """Read a time: ISO 8601 text, or seconds since 1970-01-01T00:00:00Z.

    Raises:
        ValueError: It is not a time, or names no offset where there is no ``zone``.
    """
    try:
        if isinstance(value, str) and _MOMENT.match(value):
            found = datetime.fromisoformat(value)
            if found.tzinfo is None and zone is None:
                raise ValueError(f"{value!r} names no offset, and the profile's clock has no zone")
            return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _EPOCH + timedelta(microseconds=int(Decimal(str(value)) * _MICRO))
    except (OverflowError, ArithmeticError):
        pass
    raise ValueError(f"{value!r} is not a time")


def written(moment: datetime) -> str:
    """Write a time as records have it: UTC, six digits, Z."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def micros(value: object) -> int:
    """Turn an amount in units of a currency into whole micros, half to even.

    Raises:
        ValueError: It is not a number, is negative, or more than a record can hold.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is not an amount")  # noqa: TRY004 - data, not a caller's mistake
    amount = Decimal(str(value))
    if not amount.is_finite() or not 0 <= amount * _MICRO <= MAX_INTEGER:
        raise ValueError(f"{value!r} is not an amount from 0 to {MAX_INTEGER} micros")
    return int((amount * _MICRO).to_integral_value(ROUND_HALF_EVEN))
