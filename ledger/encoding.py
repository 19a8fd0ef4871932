"""Strict JSON: one value, one sequence of bytes.

Parsers differ on what JSON leaves open: of two equal keys one takes the first, another the last;
one reads a large integer exactly, another rounds it. Whoever can choose the parser could then
choose the meaning. So bytes are accepted only if parsing and writing them again gives the
identical bytes, and that is checked before anything reads them.
Source: docs/spec/ledger-format.md, *Strict JSON*.
"""

import base64
import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import orjson

from ledger.errors import EncodingError

# Limits: docs/spec/ledger-format.md, *Strict JSON*.
MAX_RECORD = 1_048_576
MAX_HEADER = 65_535
MAX_DEPTH = 64
MAX_INTEGER = 2**53 - 1

# INVARIANT: with these options the library writes exactly the specified form; the vectors and a
# property test hold it to that.
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
_NUL = b"\\u0000"
# There is one way to write a member: where these bytes are not, nothing is sealed.
SEALED_MARK = b'{"sealed":"'
_COMMITMENT = re.compile(r"[0-9a-f]{64}", re.ASCII)


def digest(raw: bytes) -> str:
    """Return the SHA-256 of `raw` as 64 lowercase hexadecimal digits."""
    return hashlib.sha256(raw).hexdigest()


def encode(value: object, limit: int = MAX_RECORD) -> bytes:
    """Write `value` as strict JSON.

    Args:
        value: None, bool, int, float, str, list or tuple, or dict with text keys, of these at any
            depth.
        limit: Most bytes that the result may have.

    Raises:
        EncodingError: The value has no strict JSON (`encoding.type`, `encoding.number`,
            `encoding.nul`, `encoding.surrogate`, `encoding.depth`), or it is too long
            (`encoding.too-long`).
    """
    _check(value, 0)
    return encode_checked(value, limit)


def check_inner(value: object) -> None:
    """Raise, as `encode` does, unless `value` can stand directly in an object that is encoded."""
    _check(value, 1)


def encode_checked(value: object, limit: int = MAX_RECORD) -> bytes:
    """Write a value of which all parts were checked, or are plain texts and small numbers.

    Raises:
        EncodingError: As `encode`, for what its texts hold and for its length.
    """
    try:
        # The library writes into a large buffer and gives that back shortened. Where many are kept,
        # each would come from fresh memory, which costs five times the writing: so it is copied.
        raw = b"%b" % orjson.dumps(value, option=_OPTIONS)
    except orjson.JSONEncodeError as error:
        _check(value, 0)
        # What is left after the check: text that is not Unicode.
        raise EncodingError(
            f"text holds a lone surrogate, which UTF-8 cannot carry ({error})",
            code="encoding.surrogate",
        ) from error
    # Most records have no escape at all, and one byte is found sooner than six.
    if b"\\" in raw and _NUL in raw:
        _check_texts(value)
    if len(raw) > limit:
        raise _too_long(len(raw), limit)
    return raw


def decode(raw: bytes, limit: int = MAX_RECORD) -> Any:  # noqa: ANN401  (any JSON value)
    """Read strict JSON.

    Args:
        raw: The bytes, exactly as stored or received.
        limit: Most bytes that are read.

    Raises:
        EncodingError: The bytes are not JSON (`encoding.not-json`), or are JSON but not its
            strict writing (`encoding.not-strict`, with the offset of the first difference), or
            exceed a limit.
    """
    if len(raw) > limit:
        raise _too_long(len(raw), limit)
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise EncodingError(
            f"not JSON: {error.msg} at character {error.pos}", code="encoding.not-json"
        ) from error
    _check_quickly(value, raw)
    try:
        again = orjson.dumps(value, option=_OPTIONS)
    except orjson.JSONEncodeError as error:
        raise EncodingError(
            f"a number is beyond ±(2^53 - 1) ({error})", code="encoding.number"
        ) from error
    if again != raw:
        at = _first_difference(raw, again)
        raise EncodingError(
            f"byte {at}: not in strict form (order or repetition of keys, white space, escapes, "
            f"numbers); expected {again[at : at + 16]!r}, found {raw[at : at + 16]!r}",
            offset=at,
        )
    return value


def are_strict(raws: Sequence[bytes]) -> bool:
    """Return whether all of these are strict JSON as far as `decode` takes them quickly.

    It is what `decode` does to each, done to all at once: False says that one of them has to be
    asked for, not that it is wrong. None is deeper than what is allowed: that is the caller's.
    """
    if any(_NUL in raw for raw in raws):
        return False
    try:
        return [orjson.dumps(orjson.loads(raw), None, _OPTIONS) for raw in raws] == list(raws)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return False


def call_digest(tool: str, params: object) -> str:
    """Return what makes two calls the same: the digest of tool and parameters as recorded."""
    return digest(encode({"params": params, "tool": tool}))


def call_digest_checked(tool: str, params: object) -> str:
    """Return the same of a call all parts of which were checked, or that was read."""
    return digest(encode_checked({"params": params, "tool": tool}))


def representable(value: object) -> object:
    """Return `value` if strict JSON can hold it, else `{"raw": base64}` of its JSON text.

    A value that already has the shape `{"raw": text}` is wrapped as well, and one that holds what
    looks like a sealed value, so that these can always be told from plain ones.

    Raises:
        EncodingError: The value is not JSON at all (`encoding.type`), or too long even when
            wrapped.
    """
    if not _looks_wrapped(value):
        try:
            raw = encode(value)
        except EncodingError as error:
            if error.code in {"encoding.type", "encoding.too-long"}:
                raise
        else:
            if SEALED_MARK not in raw or not _holds_commitment(value):
                return value
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    wrapped = {"raw": to_base64(text.encode("ascii"))}
    encode(wrapped)
    return wrapped


def commitment_in(value: object) -> str | None:
    """Return the commitment where a value is a sealed one: `{"sealed": 64 hex digits}`."""
    if not isinstance(value, dict):
        return None
    members = cast("dict[str, object]", value)
    found = members.get("sealed") if len(members) == 1 else None
    return found if isinstance(found, str) and _COMMITMENT.fullmatch(found) else None


def _holds_commitment(value: object) -> bool:
    if isinstance(value, dict):
        items = cast("Mapping[str, object]", value).values()
        return commitment_in(cast("object", value)) is not None or any(
            map(_holds_commitment, items)
        )
    return isinstance(value, list | tuple) and any(
        map(_holds_commitment, cast("Sequence[object]", value))
    )


def _looks_wrapped(value: object) -> bool:
    if not isinstance(value, dict) or set(cast("dict[object, object]", value)) != {"raw"}:
        return False
    return isinstance(cast("dict[str, object]", value)["raw"], str)


def _too_long(length: int, limit: int) -> EncodingError:
    return EncodingError(
        f"{length} bytes, and at most {limit} are accepted", code="encoding.too-long"
    )


def _first_difference(left: bytes, right: bytes) -> int:
    for at, (one, other) in enumerate(zip(left, right, strict=False)):
        if one != other:
            return at
    return min(len(left), len(right))


def _check_quickly(value: object, raw: bytes) -> None:
    """Raise where what the parser lets pass is not strict JSON: U+0000, and nesting too deep."""
    # Both only ever send too much to the exact check: an escape may itself be escaped, and brackets
    # inside strings count too.
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH:
        _check(value, 0)
    if _NUL in raw:
        _check_texts(value)


def _check_texts(value: object) -> None:
    """Raise where a text in `value`, which is known not to be too deep, holds U+0000."""
    if isinstance(value, str):
        if "\0" in value:
            raise EncodingError("text holds U+0000", code="encoding.nul")
    elif isinstance(value, dict):
        for key, item in cast("Mapping[object, object]", value).items():
            _check_texts(key)
            _check_texts(item)
    elif isinstance(value, list | tuple):
        for item in cast("Sequence[object]", value):
            _check_texts(item)


def _check(value: Any, depth: int) -> None:  # noqa: ANN401  (to cast it takes as long as to check)
    """Raise unless strict JSON has what `value` is made of. What its texts hold is seen after."""
    kind = type(value)  # pyright: ignore[reportUnknownVariableType]
    if kind is dict:
        for key in value:
            if type(key) is not str:
                raise EncodingError(f"the key {key!r} is not text", code="encoding.type")
        _check_items(value.values(), depth + 1)
    elif kind is list or kind is tuple:
        _check_items(value, depth + 1)
    elif kind is not str:
        _check_scalar(value)


def _check_items(items: Iterable[Any], depth: int) -> None:
    if depth > MAX_DEPTH:
        raise EncodingError(f"nested deeper than {MAX_DEPTH}", code="encoding.depth")
    for item in items:
        # Most values are texts and small numbers: they are passed over here rather than in a call
        # for each.
        kind = type(item)  # pyright: ignore[reportUnknownVariableType]
        if (
            kind is str
            or (kind is int and -MAX_INTEGER <= item <= MAX_INTEGER)
            or item is None
            or kind is bool
        ):
            continue
        _check(item, depth)


def _check_scalar(value: object) -> None:
    kind = type(value)
    if kind is int:
        if abs(cast("int", value)) > MAX_INTEGER:
            raise EncodingError(f"{value} is beyond ±(2^53 - 1)", code="encoding.number")
    elif kind is float:
        if not math.isfinite(cast("float", value)):
            raise EncodingError(f"{value} is not a number JSON has", code="encoding.number")
    elif value is not None and kind is not bool:
        # A subclass of a plain type is refused too: what it means is in code that the bytes would
        # not carry.
        raise EncodingError(f"JSON has no {kind.__name__}", code="encoding.type")


def to_base64(raw: bytes) -> str:
    """Write bytes in standard base64 with padding."""
    return base64.b64encode(raw).decode("ascii")


def from_base64(text: str) -> bytes:
    """Read standard base64, and only the one way of writing it: padded, with no stray bits.

    Raises:
        EncodingError: Another text (`encoding.base64`).
    """
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise EncodingError(f"not base64: {error}", code="encoding.base64") from error
    if to_base64(raw) != text:
        raise EncodingError("base64 with stray bits in its last digit", code="encoding.base64")
    return raw
