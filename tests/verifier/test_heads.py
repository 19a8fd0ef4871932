"""Witnesses and pinned heads: quorum, ages, and what is complete as of when."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.authority import KeyEntry
from ledger.checkpoint import Checkpoint, VerifierKey, parse_note
from ledger.cosignature import with_lines
from ledger.signing import sign_checkpoint
from ledger.testing import mangle
from tests.verifier.forge import Desk, identity, key_of, witness_of
from verifier.load import verify_ledger
from verifier.report import ExitCode, IntegrityVerdict, Report
from verifier.trust import Pin

NOON = 1_772_366_400
W1, W2, W3 = (witness_of(f"w{number}.example") for number in (1, 2, 3))


@pytest.fixture
def desk() -> Desk:
    """A ledger with a signed head."""
    made = Desk()
    made.paid()
    made.sign_head()
    return made


def judged(
    desk: Desk,
    folder: Path,
    *witnesses: VerifierKey,
    quorum: int = 0,
    max_age: int | None = None,
    at: int | None = NOON,
    pins: Sequence[Pin] = (),
) -> Report:
    """Verify a forged ledger with witnesses."""
    trust = replace(
        desk.trust(),
        witnesses=witnesses,
        quorum=quorum or len({witness.public_key for witness in witnesses}),
        max_age=max_age,
        at=at,
        pins=tuple(pins),
    )
    path = folder / "desk.db"
    path.unlink(missing_ok=True)
    return verify_ledger(desk.save(path), trust)


def test_enough_witnesses(desk: Desk, tmp_path: Path) -> None:
    """It holds, and the report says until when it is complete: since when enough had signed."""
    desk.cosign("w1.example", NOON - 30)
    desk.cosign("w2.example", NOON - 10)
    desk.cosign("w3.example", NOON - 20)
    report = judged(desk, tmp_path, W1, W2, W3, quorum=2)
    assert report.integrity.verdict is IntegrityVerdict.HOLDS
    said = " ".join(report.integrity.not_excluded)
    assert "complete as of 2026-03-01 11:59:40 UTC, by 3 of 3 witnesses" in said
    assert report.ledger.checkpoint_size == report.ledger.size


@pytest.mark.parametrize(
    ("lines", "most"),
    [
        ([], 0),
        ([("w1.example", "")], 1),
        ([("w1.example", ""), ("w1.example", "")], 1),
        ([("w1.example", ""), ("stranger.example", "")], 1),
        ([("w1.example", ""), ("second.example", "w1.example")], 1),
    ],
)
def test_too_few_witnesses(
    lines: list[tuple[str, str]], most: int, desk: Desk, tmp_path: Path
) -> None:
    """One that signs twice, or under two names, or that nobody knows, is not a second one."""
    for second, (name, key) in enumerate(lines):
        desk.cosign(name, NOON - second, key=key)
    also = witness_of("second.example", "w1.example")
    report = judged(desk, tmp_path, W1, W2, also, quorum=2)
    assert report.exit_code() is ExitCode.UNDECIDABLE
    assert report.integrity.reasons[0].startswith("too few witnesses: the trust file asks for 2 of")
    assert f"more than {most}" in report.integrity.reasons[0]


def test_the_ledgers_own_keys_are_no_witnesses(desk: Desk, tmp_path: Path) -> None:
    """Neither the head's nor a writer's: who keeps the ledger would vouch for itself."""
    for name in ("head", "agent"):
        desk.cosign(f"{name}.example", NOON, key=name)
    own = [witness_of(f"{name}.example", name) for name in ("head", "agent")]
    report = judged(desk, tmp_path, *own, quorum=1)
    assert report.integrity.verdict is IntegrityVerdict.UNDECIDABLE
    assert "agent.example, head.example" in report.integrity.reasons[-1]


@pytest.mark.parametrize(
    ("age", "limit", "verdict"),
    [
        (60, None, IntegrityVerdict.HOLDS),
        (60, 60, IntegrityVerdict.HOLDS),
        (61, 60, IntegrityVerdict.UNDECIDABLE),
        (-300, 60, IntegrityVerdict.HOLDS),
        (-301, 60, IntegrityVerdict.UNDECIDABLE),
        (-301, None, IntegrityVerdict.UNDECIDABLE),
    ],
)
def test_the_age_of_cosignatures(
    age: int, limit: int | None, verdict: IntegrityVerdict, desk: Desk, tmp_path: Path
) -> None:
    """The limit itself still counts; a time after now that no clock's error explains does not."""
    desk.cosign("w1.example", NOON - age)
    assert judged(desk, tmp_path, W1, max_age=limit).integrity.verdict is verdict


def test_too_old_is_told_from_too_few(desk: Desk, tmp_path: Path) -> None:
    """The reason says when it was signed and when it is now; without a now, that none was given."""
    desk.cosign("w1.example", NOON - 7200)
    old = judged(desk, tmp_path, W1, max_age=3600).integrity.reasons[0]
    assert old.startswith("cosignatures too old")
    assert "2026-03-01 10:00:00 UTC" in old
    assert "3600 seconds before 2026-03-01 12:00:00 UTC" in old
    timeless = judged(desk, tmp_path, W1, max_age=3600, at=None).integrity.reasons[0]
    assert "no time was given" in timeless


def test_a_witness_that_signs_again(desk: Desk, tmp_path: Path) -> None:
    """Its newest line counts: a ledger that rests stays complete."""
    for at in (NOON - 7200, NOON - 5, NOON - 3600):
        desk.cosign("w1.example", at)
    report = judged(desk, tmp_path, W1, max_age=60)
    assert report.integrity.verdict is IntegrityVerdict.HOLDS
    assert "11:59:55" in " ".join(report.integrity.not_excluded)


def test_the_newest_acceptable_head_counts(desk: Desk, tmp_path: Path) -> None:
    """A head that too few cosigned is passed over for an older one; what follows is named."""
    cosigned = desk.notes[-1][0]
    desk.cosign("w1.example", NOON - 9)
    desk.cosign("w2.example", NOON - 9)
    desk.paid()
    desk.sign_head()
    desk.cosign("w1.example", NOON)
    report = judged(desk, tmp_path, W1, W2)
    assert report.integrity.verdict is IntegrityVerdict.HOLDS
    assert report.ledger.checkpoint_size == cosigned < report.ledger.size
    said = report.integrity.not_excluded[-1]
    assert said.startswith(f"entries {cosigned} to {report.ledger.size - 1}: they follow the last")
    assert "cosigned head" in said


def test_lines_in_the_note_itself(desk: Desk, tmp_path: Path) -> None:
    """A note that was cosigned elsewhere and then kept counts as lines beside it do."""
    line = desk.cosign("w1.example", NOON)
    desk.cosignatures.clear()
    size, note = desk.notes.pop()
    desk.notes.append((size, with_lines(note, [line])))
    assert judged(desk, tmp_path, W1).integrity.verdict is IntegrityVerdict.HOLDS


def test_every_byte_of_a_line_counts(desk: Desk, tmp_path: Path) -> None:
    """Flipped, it breaks the ledger at that head, or is no word of that witness any more."""
    line = desk.cosign("w1.example", NOON)
    path = desk.save(tmp_path / "mangled.db")
    trust = replace(desk.trust(), witnesses=(W1,), quorum=1, at=NOON)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TRIGGER cosignatures_no_update")
        for _, spoiled in mangle(line, bits=(0, 3)):
            with connection:
                connection.execute("UPDATE cosignatures SET line = ?", (spoiled,))
            integrity = verify_ledger(path, trust).integrity
            if integrity.broken is not None:
                assert (integrity.broken.step, integrity.broken.check) == (1, "cosignature")
            else:
                assert integrity.verdict is IntegrityVerdict.UNDECIDABLE


def test_a_line_whose_head_is_gone(desk: Desk, tmp_path: Path) -> None:
    """Whoever took the head away forgot what witnessed it."""
    desk.cosign("w1.example", NOON)
    desk.paid()
    desk.sign_head()
    gone, _ = desk.notes.pop(0)
    broken = judged(desk, tmp_path, W1).integrity.broken
    assert broken is not None
    assert (broken.check, broken.index) == ("cosignature", gone)


def test_a_line_under_another_head(desk: Desk, tmp_path: Path) -> None:
    """A cosignature is of one text."""
    desk.cosign("w1.example", NOON)
    desk.paid()
    desk.sign_head()
    _, name, key_id, at, line = desk.cosignatures.pop()
    desk.cosignatures.append((desk.notes[-1][0], name, key_id, at, line))
    broken = judged(desk, tmp_path, W1).integrity.broken
    assert broken is not None
    assert (broken.step, broken.check) == (1, "cosignature")


def test_several_pinned_heads(desk: Desk, tmp_path: Path) -> None:
    """Each must be in the ledger; the one that is not is called by its name."""
    first = desk.notes[-1][1].decode()
    other = Desk()
    other.paid(7)
    strange = other.sign_head().decode()
    desk.paid()
    desk.sign_head()
    second = desk.notes[-1][1].decode()
    good = [Pin("a.note", first), Pin("b.note", second)]
    assert judged(desk, tmp_path, pins=good).integrity.verdict is IntegrityVerdict.HOLDS
    broken = judged(desk, tmp_path, pins=[*good, Pin("c.note", strange)]).integrity.broken
    assert broken is not None
    assert (broken.step, broken.check) == (4, "root")
    assert "c.note" in broken.what


def test_a_ledger_cut_back_to_an_older_cosigned_head(desk: Desk, tmp_path: Path) -> None:
    """It verifies as far as it goes, and only as of then: with a limit on age, not at all."""
    desk.cosign("w1.example", NOON - 7200)
    assert judged(desk, tmp_path, W1).integrity.verdict is IntegrityVerdict.HOLDS
    said = " ".join(judged(desk, tmp_path, W1).integrity.not_excluded)
    assert "complete as of 2026-03-01 10:00:00 UTC" in said
    aged = judged(desk, tmp_path, W1, max_age=3600)
    assert aged.integrity.verdict is IntegrityVerdict.UNDECIDABLE


def test_a_time_beyond_the_calendar(desk: Desk, tmp_path: Path) -> None:
    """Without a now nothing is too late; it is written as it can be."""
    desk.cosign("w1.example", 2**62)
    said = " ".join(judged(desk, tmp_path, W1, at=None).integrity.not_excluded)
    assert f"{2**62} seconds after 1970" in said


def _stolen_head_key(desk: Desk, since: int) -> None:
    """Replace the head key, and say since when somebody else may have had it."""
    document = desk.next_document(revoke="head", since=since)
    new = KeyEntry(key=key_of("new head").public_key.hex(), identity=identity("head"), use="head")
    document = document.model_copy(update={"keys": (*document.keys, new)})
    desk.submit("steward", desk.authority(document))


def test_heads_of_a_stolen_key_are_passed_over(desk: Desk, tmp_path: Path) -> None:
    """They were right when they were made: the next key's head covers what they covered."""
    _stolen_head_key(desk, 4)
    desk.sign_head("new head")
    report = judged(desk, tmp_path)
    assert report.integrity.verdict is IntegrityVerdict.HOLDS
    assert report.ledger.checkpoint_size == len(desk.headers)


def test_a_ledger_whose_heads_are_all_of_a_stolen_key(desk: Desk, tmp_path: Path) -> None:
    """Nothing vouches for it, and that is said."""
    _stolen_head_key(desk, 4)
    report = judged(desk, tmp_path)
    assert report.integrity.verdict is IntegrityVerdict.UNDECIDABLE
    assert any("other hands" in reason for reason in report.integrity.reasons)


def test_another_history_under_a_stolen_key_breaks(desk: Desk, tmp_path: Path) -> None:
    """A kept head that is not of these entries is never passed over."""
    size, note = desk.notes[-1]
    _stolen_head_key(desk, 4)
    other = Checkpoint(parse_note(note).text.split("\n")[0], size, b"\0" * 32)
    desk.notes[-1] = size, sign_checkpoint(other, key_of("head"))
    desk.sign_head("new head")
    broken = judged(desk, tmp_path).integrity.broken
    assert broken is not None
    assert (broken.index, broken.check) == (size - 1, "root")
