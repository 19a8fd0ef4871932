"""Attacks on a whole ledger: by its keeper, who can rewrite all of it but lacks others' keys."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.encoding import decode, encode
from ledger.records import Review
from tests.verifier.forge import Desk, identity, key_of
from writ.cli import run

TARGET = 9


def _review(desk: Desk) -> bytes:
    return desk.make("review", "reviewer", finding="F", state="open")


@pytest.fixture
def desk() -> Desk:
    """A ledger of a good run and a few submissions of several records."""
    desk = Desk()
    desk.paid()
    for _ in range(3):
        desk.submit("reviewer", _review(desk), _review(desk))
    return desk


def _swap(rows: list[bytes], left: int, right: int) -> None:
    rows[left], rows[right] = rows[right], rows[left]


def _swap_records(desk: Desk) -> None:
    _swap(desk.records, TARGET, TARGET + 1)


def _swap_headers(desk: Desk) -> None:
    _swap(desk.headers, TARGET, TARGET + 1)


def _swap_both(desk: Desk) -> None:
    _swap_records(desk)
    _swap_headers(desk)


def _delete_record(desk: Desk) -> None:
    del desk.records[TARGET]
    desk.records.append(_review(desk))


def _delete_entry(desk: Desk) -> None:
    del desk.headers[TARGET], desk.records[TARGET]


def _delete_submission(desk: Desk) -> None:
    del desk.headers[10:12], desk.records[10:12]


def _insert(desk: Desk) -> None:
    desk.headers.insert(TARGET, desk.headers[TARGET])
    desk.records.insert(TARGET, _review(desk))


def _repeat(desk: Desk) -> None:
    desk.headers.insert(TARGET, desk.headers[TARGET])
    desk.records.insert(TARGET, desk.records[TARGET])


def _strip_signature(desk: Desk) -> None:
    header = decode(desk.headers[TARGET])
    del header["signature"]
    desk.headers[TARGET] = encode(header)


def _other_signature(desk: Desk) -> None:
    header = decode(desk.headers[TARGET])
    header["signature"] = decode(desk.headers[2])["signature"]
    desk.headers[TARGET] = encode(header)


def _rename_writer(desk: Desk) -> None:
    header = decode(desk.headers[TARGET])
    header["key"] = decode(desk.headers[2])["key"]
    desk.headers[TARGET] = encode(header)


ATTACKS = [
    _swap_records,
    _swap_headers,
    _swap_both,
    _delete_record,
    _delete_entry,
    _delete_submission,
    _insert,
    _repeat,
    _strip_signature,
    _other_signature,
    _rename_writer,
]


def _verify(
    desk: Desk, note: bytes, folder: Path, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    path, trust = desk.save(folder / "desk.db"), folder / "trust.json"
    pinned = {"v": 1, "origin": desk.trust().origin, "genesis": desk.genesis, "note": ""}
    trust.write_text(json.dumps({**pinned, "checkpoint": note.decode()}), "utf-8")
    code = run(["verify", str(path), "--trust", str(trust)])
    return code, capsys.readouterr().out


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_clumsy_attack_is_named(
    attack: Callable[[Desk], None], desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever changes the store alone is found at the entry that was changed."""
    note = desk.sign_head()
    attack(desk)
    code, said = _verify(desk, note, tmp_path, capsys)
    assert code == 1
    named = re.search(r"BROKEN at entry (\d+) ", said)
    assert named is not None
    # Of a repeated entry the second is the one that does not belong; submissions begin at 10.
    later = attack in {_repeat, _delete_submission}
    assert int(named[1]) == (TARGET + 1 if later else TARGET), said


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_that_links_everything_anew(
    attack: Callable[[Desk], None], desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever makes all links new again meets the pinned head: that root cannot be made."""
    note = desk.sign_head()
    attack(desk)
    desk.relink()
    code, said = _verify(desk, note, tmp_path, capsys)
    assert code == 1
    assert "BROKEN at entry" in said


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_with_the_head_key(
    attack: Callable[[Desk], None], desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A keeper who signs a new head still cannot sign for the writers: their entries are named."""
    attack(desk)
    desk.relink()
    code, said = _verify(desk, desk.sign_head(), tmp_path, capsys)
    assert code == 1
    assert re.search(r"BROKEN at entry|integrity\.[a-z]+ · ", said), said


def test_a_submission_signed_again_by_a_stranger(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A keeper who signs with a key of their own is told that nobody knows it."""
    index = len(desk.headers)
    review = Review(nonce="ab" * 16, by=identity("reviewer"), finding="F", state="resolved")
    desk.submit("reviewer", review, key=key_of("stranger"))
    code, said = _verify(desk, desk.sign_head(), tmp_path, capsys)
    assert code == 1
    assert f"entry {index}" in said
    assert "integrity.entitlement" in said


def test_a_tail_that_was_cut_off(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shorter ledger with a good head is not the one that the trust file remembers."""
    note = desk.sign_head()
    desk.headers, desk.records, desk.notes = desk.headers[:-2], desk.records[:-2], []
    desk.sign_head()
    code, said = _verify(desk, note, tmp_path, capsys)
    assert code == 1
    assert f"BROKEN at entry {len(desk.headers)} " in said
    assert "truncated" in said


def test_a_ledger_that_was_replaced(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another ledger of the same origin, well made with other keys, is another ledger."""
    note = desk.sign_head()
    other = Desk()
    other.paid()
    other.paid()
    other.sign_head()
    other.records[0] = encode({**decode(other.records[0]), "seed": "ab" * 32})
    other.genesis = desk.genesis
    code, said = _verify(other, note, tmp_path, capsys)
    assert code == 1
    assert "BROKEN at entry 0 " in said
    assert "trust" in said
