"""The trust file: what it must say, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from ledger.checkpoint import COSIGNATURE, VerifierKey
from ledger.testing import throwaway_key
from tests.verifier.forge import Desk
from verifier.errors import TrustError
from verifier.load import verify_ledger
from verifier.trust import Trust, parse_trust


def vkey(name: str, seed: str) -> str:
    """Return a witness's verifier key."""
    return str(VerifierKey(name, throwaway_key(seed).public_key, COSIGNATURE))


W1, W2 = vkey("w1.example", "w1"), vkey("w2.example", "w2")
GOOD: dict[str, Any] = {"v": 1, "origin": "a.example/b", "genesis": "ab" * 32, "note": "n"}


def test_a_trust_file() -> None:
    """It pins genesis and origin; the rest may be absent."""
    trust = parse_trust(json.dumps(GOOD).encode())
    assert trust == Trust("ab" * 32, "a.example/b", "", 0, "n")
    more = {"witnesses": [W1], "quorum": 1, "max_age": 60, "checkpoints": ["d", "e"]}
    full = parse_trust(json.dumps({**GOOD, "checkpoint": "c", **more}).encode())
    assert (full.quorum, full.max_age, full.at) == (1, 60, None)
    assert [str(witness) for witness in full.witnesses] == [W1]
    assert [pin.note for pin in full.all_pins()] == ["c", "d", "e"]


@pytest.mark.parametrize(("stated", "asked"), [({}, 2), ({"quorum": 0}, 0), ({"quorum": 1}, 1)])
def test_named_witnesses_are_asked_for(stated: dict[str, int], asked: int) -> None:
    """Without a number all of them are: a trust file's condition is never passed over."""
    raw = json.dumps({**GOOD, "witnesses": [W1, W2], **stated}).encode()
    assert parse_trust(raw).quorum == asked


def test_a_key_that_is_named_twice_is_one_witness() -> None:
    """Under one name or two: a quorum of two is never reached by it."""
    for second in (W1, vkey("other.example", "w1")):
        twice = {**GOOD, "witnesses": [W1, second]}
        assert parse_trust(json.dumps(twice).encode()).quorum == 1
        with pytest.raises(TrustError, match="never be reached") as caught:
            parse_trust(json.dumps({**twice, "quorum": 2}).encode())
        assert caught.value.code == "trust.quorum"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"witnesses": ["w"]}, "not a verifier key"),
        ({"witnesses": [W1.replace("+B", "+A")]}, "w1.example"),
        ({"quorum": 1}, "never be reached"),
        ({"max_age": 5}, "none is asked for"),
        ({"witnesses": [W1], "max_age": 0}, "max_age"),
        ({"witnesses": [W1], "quorum": -1}, "quorum"),
    ],
)
def test_conditions_that_cannot_be_met(change: dict[str, Any], words: str) -> None:
    """They are refused when the file is read, and not found out by nobody."""
    with pytest.raises(TrustError, match=words):
        parse_trust(json.dumps({**GOOD, **change}).encode())


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
