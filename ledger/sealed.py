"""Sealed values: a commitment in the record, and what opens it kept or shown elsewhere.

A record says `{"sealed": commitment}` where the value would stand. The commitment is a hash over a
random salt, the value's place in the record and the value: it tells nothing of a value that could
be guessed, and fits no other value and no other place. So a value can be shown to one person and
not to another, or destroyed, and the record stays what was signed.
Source: docs/spec/ledger-format.md, *Sealed values*.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from ledger.encoding import MAX_RECORD, commitment_in, decode, encode, representable
from ledger.errors import EncodingError, SealedFormatError, UnsealedError

PREFIX = b"writ/sealed/v1"
SALT_SIZE = 32
MAX_PATH = 2_048
MAX_DISCLOSURE = 64 * MAX_RECORD

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_PLACE = re.compile(r"0|[1-9][0-9]*", re.ASCII)
_ESCAPES = re.compile(r"~(?![01])")


@dataclass(frozen=True, slots=True)
class Sealed:
    """A value that is to be sealed, where it stands in the fields of a record to be made.

    Attributes:
        value: Any JSON.
        subject: Whom it is about: with their key all values about them can be destroyed.
    """

    value: Any = field(repr=False)
    subject: str


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens one commitment.

    Attributes:
        path: Where the value stands in the record: a JSON pointer.
        salt: 32 random bytes.
        value: The value's strict JSON.
    """

    path: str
    salt: bytes = field(repr=False)
    value: bytes = field(repr=False)

    @property
    def commitment(self) -> str:
        """What stands in the record."""
        return commit(self.path, self.salt, self.value)

    def read(self) -> Any:  # noqa: ANN401  (any JSON value)
        """Return the value.

        Raises:
            EncodingError: It is not strict JSON.
        """
        return decode(self.value)


@dataclass(frozen=True, slots=True)
class Disclosure:
    """Openings of values of one record, to be shown to somebody."""

    record: str
    openings: tuple[Opening, ...]


# -------------------------------------------------------------------------- commitments


def commit(path: str, salt: bytes, value: bytes) -> str:
    """Return the commitment to a value's strict JSON at a path."""
    where = path.encode()
    text = b"".join((PREFIX, salt, len(where).to_bytes(8, "big"), where, value))
    return hashlib.sha256(text).hexdigest()


def seal(path: str, value: object, random: Callable[[int], bytes]) -> Opening:
    """Return the opening of a new commitment to this value at this path.

    Raises:
        EncodingError: The value has no strict JSON.
        SealedFormatError: The path is longer than 2,048 bytes.
    """
    if len(path.encode()) > MAX_PATH:
        raise SealedFormatError(f"a sealed value's path has at most {MAX_PATH} bytes")
    return Opening(path, random(SALT_SIZE), encode(value))


def check_opening(opening: Opening, commitment: str) -> None:
    """Check that an opening opens a commitment.

    Raises:
        UnsealedError: It does not.
    """
    if len(opening.salt) != SALT_SIZE or opening.commitment != commitment:
        raise UnsealedError(f"{opening.path}: the value is not the one that was committed to")


# ------------------------------------------------------------------------------- places


def sealed_in(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield path and commitment of each sealed value within a record's JSON, in its order."""
    commitment = commitment_in(value)
    if commitment is not None:
        yield path, commitment
        return
    for step, item in _items(value):
        yield from sealed_in(item, f"{path}/{escaped(step)}")


def _items(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        yield from cast("Mapping[str, object]", value).items()
    elif isinstance(value, list | tuple):
        for place, item in enumerate(cast("Sequence[object]", value)):
            yield str(place), item


def escaped(step: str) -> str:
    """Write one step of a JSON pointer (RFC 6901)."""
    return step.replace("~", "~0").replace("/", "~1")


def steps(path: str) -> tuple[str, ...]:
    """Read a JSON pointer that names something within a record.

    Raises:
        SealedFormatError: It is none, or names the whole.
    """
    if not path.startswith("/") or _ESCAPES.search(path):
        raise SealedFormatError(f"{path!r} is no JSON pointer such as /params/customer/email")
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in path[1:].split("/"))


def replaced(value: object, path: str, change: Callable[[object], object]) -> object:
    """Return a copy of `value` with another one at a path; what is beside it is not copied.

    Raises:
        SealedFormatError: There is nothing at the path.
    """
    return _replaced(value, steps(path), path, change)


def _replaced(
    value: object, left: Sequence[str], path: str, change: Callable[[object], object]
) -> object:
    if not left:
        return change(value)
    step = left[0]
    if isinstance(value, dict) and step in value:
        members = cast("dict[str, object]", value)
        return {**members, step: _replaced(members[step], left[1:], path, change)}
    if isinstance(value, list | tuple) and _PLACE.fullmatch(step):
        items = list(cast("Sequence[object]", value))
        if int(step) < len(items):
            items[int(step)] = _replaced(items[int(step)], left[1:], path, change)
            return items
    raise SealedFormatError(f"{path}: there is nothing at this path")


# ------------------------------------------------------------------------------ sealing


def seal_paths(value: object, paths: Sequence[str], subject: str) -> Any:  # noqa: ANN401 - any JSON
    """Return `value` with what stands at these paths to be sealed, as `Sealed` would say it.

    Args:
        value: What a field of a record will hold, such as an action's parameters.
        paths: JSON pointers within `value`; where nothing stands there, nothing is sealed.
        subject: Whom the values are about.

    Raises:
        SealedFormatError: A path is no JSON pointer.

    Example:
        >>> seal_paths({"customer": {"email": "a@b.c", "id": 41}}, ["/customer/email"], "41")
        {'customer': {'email': Sealed(subject='41'), 'id': 41}}
    """
    for path in paths:
        where = steps(path)
        if _is_there(value, where):
            value = _replaced(value, where, path, lambda found: Sealed(found, subject))
    return value


def _is_there(value: object, where: Sequence[str]) -> bool:
    for step in where:
        found = dict(_items(value))
        if step not in found:
            return False
        value = found[step]
    return True


def is_to_be_sealed(value: object) -> bool:
    """Tell whether a value is, or holds, one that is to be sealed."""
    return isinstance(value, Sealed) or any(is_to_be_sealed(item) for _, item in _items(value))


def recordable(value: object) -> object:
    """Return what `representable` makes of a value; one to be sealed in it stays, and all with it.

    Raises:
        EncodingError: Strict JSON cannot hold what stands around or in a sealed value.
    """
    if not is_to_be_sealed(value):
        return representable(value)
    encode(_blank(value))
    return value


def _blank(value: object) -> object:
    if isinstance(value, Sealed):
        encode(value.value)
        return None
    if isinstance(value, dict):
        return {name: _blank(item) for name, item in cast("dict[str, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_blank(item) for item in cast("Sequence[object]", value)]
    return value


# ------------------------------------------------------------------------- disclosures


def write_disclosure(disclosure: Disclosure) -> bytes:
    """Write openings of one record as strict JSON, to be handed to somebody.

    Raises:
        EncodingError: They are longer than 64 MiB.
    """
    values = [
        {"path": one.path, "salt": one.salt.hex(), "value": one.value.decode()}
        for one in disclosure.openings
    ]
    return encode({"v": 1, "record": disclosure.record, "values": values}, MAX_DISCLOSURE)


def read_disclosure(raw: bytes) -> Disclosure:
    """Read what `write_disclosure` wrote. Whether it opens anything is for `check_opening`.

    Raises:
        SealedFormatError: It is not written so.
    """
    try:
        value = decode(raw, MAX_DISCLOSURE)
        if set(value) != {"v", "record", "values"} or value["v"] != 1 or value["v"] is True:
            raise SealedFormatError("a disclosure has the members record, v (1) and values")
        if not _DIGEST.fullmatch(value["record"]):
            raise SealedFormatError("a disclosure names its record by a digest")
        openings = tuple(_opening(one) for one in value["values"])
    except (EncodingError, TypeError, KeyError, ValueError, AttributeError) as error:
        raise SealedFormatError(f"not a disclosure ({type(error).__name__})") from error
    if not openings or len({one.path for one in openings}) != len(openings):
        raise SealedFormatError("a disclosure shows at least one value, and none twice")
    return Disclosure(value["record"], openings)


def _opening(written: dict[str, str]) -> Opening:
    if set(written) != {"path", "salt", "value"}:
        raise SealedFormatError("a disclosed value has the members path, salt and value")
    salt = bytes.fromhex(written["salt"])
    if salt.hex() != written["salt"] or len(salt) != SALT_SIZE:
        raise SealedFormatError("a salt is 64 lowercase hexadecimal digits")
    value = written["value"].encode()
    decode(value)
    steps(written["path"])
    return Opening(written["path"], salt, value)
