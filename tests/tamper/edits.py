"""Random edits of bytes: what a careless or a careful hand does to them."""

import random
from collections.abc import Callable

Edit = Callable[[random.Random, bytes], bytes]


def _flip(luck: random.Random, raw: bytes) -> bytes:
    at = luck.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ (1 << luck.randrange(8))]) + raw[at + 1 :]


def _set(luck: random.Random, raw: bytes) -> bytes:
    at = luck.randrange(len(raw))
    return raw[:at] + bytes([luck.randrange(256)]) + raw[at + 1 :]


def _digit(luck: random.Random, raw: bytes) -> bytes:
    """Change a digit: an amount, a time, an index, part of a hash."""
    places = [at for at, byte in enumerate(raw) if 0x30 <= byte <= 0x39]
    if not places:
        return _flip(luck, raw)
    at = luck.choice(places)
    return raw[:at] + str(luck.randrange(10)).encode() + raw[at + 1 :]


def _delete(luck: random.Random, raw: bytes) -> bytes:
    at = luck.randrange(len(raw))
    return raw[:at] + raw[at + luck.choice((1, 2, 8)) :]


def _insert(luck: random.Random, raw: bytes) -> bytes:
    at = luck.randrange(len(raw) + 1)
    return raw[:at] + luck.choice((b" ", b"\n", b"\0", b"0", b",", b"\xff", b'"')) + raw[at:]


def _swap(luck: random.Random, raw: bytes) -> bytes:
    at = luck.randrange(max(len(raw) - 1, 1))
    return raw[:at] + raw[at : at + 2][::-1] + raw[at + 2 :]


def _cut(luck: random.Random, raw: bytes) -> bytes:
    return raw[: luck.randrange(len(raw))]


def _repeat(luck: random.Random, raw: bytes) -> bytes:
    start = luck.randrange(len(raw))
    stop = min(len(raw), start + luck.randrange(1, 40))
    return raw[:stop] + raw[start:stop] + raw[stop:]


def _zero(luck: random.Random, raw: bytes) -> bytes:
    at = luck.randrange(len(raw))
    hole = raw[at : at + 16]
    return raw[:at] + b"\0" * len(hole) + raw[at + 16 :]


EDITS: tuple[Edit, ...] = (
    _flip,
    _set,
    _digit,
    _delete,
    _insert,
    _swap,
    _cut,
    _repeat,
    _zero,
)


def edited(luck: random.Random, raw: bytes) -> bytes:
    """Return bytes that are not these, by one random edit."""
    while True:
        changed = luck.choice(EDITS)(luck, raw)
        if changed != raw:
            return changed
