"""The trust file: what it must say, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.verifier.forge import Desk
from verifier.errors import TrustError
from verifier.load import verify_ledger
from verifier.trust import Trust, parse_trust

GOOD: dict[str, Any] = {"v": 1, "origin": "a.example/b", "genesis": "ab" * 32, "note": "n"}


def test_a_trust_file() -> None:
    """It pins genesis and origin; the rest may be absent."""
    trust = parse_trust(json.dumps(GOOD).encode())
    assert trust == Trust("ab" * 32, "a.example/b", "", 0, "n")
    full = {**GOOD, "checkpoint": "c", "witnesses": ["w"], "quorum": 1}
    assert parse_trust(json.dumps(full).encode()).quorum == 1


@pytest.mark.parametrize(("stated", "asked"), [({}, 2), ({"quorum": 0}, 0), ({"quorum": 1}, 1)])
def test_named_witnesses_are_asked_for(stated: dict[str, int], asked: int) -> None:
    """Without a number all of them are: a trust file's condition is never passed over."""
    raw = json.dumps({**GOOD, "witnesses": ["w", "x"], **stated}).encode()
    assert parse_trust(raw).quorum == asked


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "not a trust file"),
        (b"[]", "not a trust file"),
        (json.dumps({**GOOD, "v": 2}).encode(), "v"),
        (json.dumps({**GOOD, "genesis": "AB"}).encode(), "genesis"),
        (json.dumps({**GOOD, "extra": 1}).encode(), "extra"),
        (json.dumps(GOOD).encode()[:-1] + b', "note": "m"}', "twice"),
    ],
)
def test_what_is_no_trust_file(raw: bytes, words: str) -> None:
    """What cannot be relied on is refused, and the message names the file and the field."""
    with pytest.raises(TrustError, match=words) as caught:
        parse_trust(raw, "my.trust.json")
    assert "my.trust.json" in str(caught.value)


@pytest.mark.parametrize("checkpoint", ["no note", "\ud800"])
def test_a_pinned_checkpoint_that_is_none(checkpoint: str, tmp_path: Path) -> None:
    """A trust file that pins something unreadable pins nothing, and is not passed over."""
    desk = Desk()
    path = desk.save(tmp_path / "desk.db")
    with pytest.raises(TrustError, match="checkpoint"):
        verify_ledger(path, Trust(desk.genesis, desk.trust().origin, checkpoint))


def test_a_pinned_checkpoint_of_another_ledger(tmp_path: Path) -> None:
    """Its origin is the trust file's."""
    desk = Desk()
    note = desk.sign_head().decode().replace("shop.example/ledger", "x.example/y")
    path = desk.save(tmp_path / "desk.db")
    with pytest.raises(TrustError, match="is of x"):
        verify_ledger(path, Trust(desk.genesis, desk.trust().origin, note))
