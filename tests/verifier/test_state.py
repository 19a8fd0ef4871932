"""What is kept of a verification: later ones say the same, and what does not fit is refused."""

import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.encoding import decode, encode
from ledger.store import Store
from tests.verifier.forge import SERVICE, Desk, Forge, witness_of
from tests.verifier.test_ordinary import exact, worked
from verifier import ordinary, spans
from verifier.errors import StateError
from verifier.load import verify_ledger
from verifier.report import IntegrityVerdict, Report
from verifier.span import Span
from verifier.state import State
from verifier.trust import Trust


def held(folder: Path, path: Path, trust: Trust | None) -> tuple[Report, State]:
    """Verify with a state."""
    with State.open(folder, trust) as state:
        report = verify_ledger(path, trust, conformance=False, state=state)
    return report, state


def saved(desk: Forge, path: Path) -> Path:
    """Save the ledger as it is now, in the place of the one before."""
    path.unlink(missing_ok=True)
    return desk.save(path)


class Auditor:
    """A ledger, and whoever verifies it again and again."""

    def __init__(self, root: Path) -> None:
        self.desk = worked()
        self.path = root / "l.db"
        self.folder = root / "state"

    def verify(self) -> tuple[Report, State]:
        """Verify what there is now."""
        return held(self.folder, saved(self.desk, self.path), self.desk.trust())

    def work(self) -> None:
        """Let the ledger grow, under a head."""
        self.desk.paid(7)
        self.desk.sign_head()


@pytest.fixture
def auditor(tmp_path: Path) -> Auditor:
    """One who has verified once."""
    made = Auditor(tmp_path)
    assert made.verify()[1].began == 0
    made.work()
    return made


def test_only_what_is_new_is_read(auditor: Auditor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing before the head that was kept, except its last entry; and the report is the same."""
    read: list[int] = []
    real = spans.read_span

    def noted(store: Store, genesis: str, keys: Mapping[str, bytes], start: int, stop: int) -> Span:
        read.append(start)
        return real(store, genesis, keys, start, stop)

    monkeypatch.setattr(ordinary, "read_span", noted)
    before = auditor.desk.notes[-2][0]
    report, state = auditor.verify()
    assert report == exact(auditor.path, auditor.desk.trust())
    assert (state.began, min(read)) == (before, before)
    assert "were not read again" in state.said()


def test_entries_after_the_last_head_are_read_again(auditor: Auditor) -> None:
    """What no head covers is not kept: it might still be changed."""
    auditor.desk.paid(9)
    report, state = auditor.verify()
    assert state.verified is not None
    assert state.verified.size == auditor.desk.notes[-1][0] < report.ledger.size
    again, later = auditor.verify()
    assert later.began == state.verified.size
    assert again == report == exact(auditor.path, auditor.desk.trust())


def test_a_ledger_without_heads_keeps_nothing(tmp_path: Path) -> None:
    """Neither does one whose head lies within a submission: nothing is complete there."""
    auditor = Auditor(tmp_path)
    notes, auditor.desk.notes = auditor.desk.notes, []
    assert auditor.verify()[1].verified is None
    auditor.desk.sign_head(size=1)
    state = auditor.verify()[1]
    assert (state.verified, state.ordinary) == (None, True)
    assert "nothing is kept" in state.said()
    auditor.desk.notes = notes
    assert auditor.verify()[1].verified is not None


def _lived(desk: Desk, luck: random.Random, runs: list[str]) -> None:
    """Let something happen, which is not always in order."""
    steps: list[Callable[[], object]] = [
        lambda: runs.append(desk.open_run()),
        lambda: desk.end(runs[-1], desk.act(luck.choice(runs), "look", {})),
        lambda: desk.close_run(luck.choice(runs)),
        lambda: desk.publish(f"1.0.{luck.randrange(3)}", text=luck.choice(["a", None])),
        lambda: desk.submit("agent", luck.choice(desk.records[6:])),
        lambda: desk.paid(3),
        lambda: desk.paid(4),
    ]
    luck.choice(steps)()


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32))
def test_increments_say_what_one_reading_says(tmp_path: Path, seed: int) -> None:
    """However a ledger grew in between, and whatever is pinned: one report."""
    luck = random.Random(seed)
    shutil.rmtree(tmp_path / "state", ignore_errors=True)
    auditor = Auditor(tmp_path)
    desk, runs = auditor.desk, [auditor.desk.open_run()]
    for _ in range(luck.randint(1, 4)):
        for _ in range(luck.randint(0, 3)):
            _lived(desk, luck, runs)
        if luck.random() < 0.7 and desk.notes[-1][0] < len(desk.headers):
            desk.sign_head()
        report, _ = auditor.verify()
        assert report == exact(auditor.path, desk.trust())


# ------------------------------------------------------------------ what was changed since


def test_a_change_in_the_new_part_is_found(auditor: Auditor) -> None:
    """As from the start; and nothing of it is kept."""
    auditor.desk.records[-1] = auditor.desk.records[-1].replace(b"done", b"gone")
    before = (auditor.folder / "state").read_bytes()
    report, state = auditor.verify()
    assert report.integrity.verdict is IntegrityVerdict.BROKEN
    assert report == exact(auditor.path, auditor.desk.trust())
    assert not state.ordinary
    assert (auditor.folder / "state").read_bytes() == before


def test_a_rewritten_past_is_found_by_its_link(auditor: Auditor) -> None:
    """Linked and signed anew, it verifies by itself: but not against what was verified."""
    desk = auditor.desk
    value = decode(desk.headers[5])
    desk.headers[5] = encode({**value, "recorded_at": value["recorded_at"].replace("00Z", "01Z")})
    desk.relink()
    desk.notes.clear()
    desk.sign_head()
    report, state = auditor.verify()
    assert not state.ordinary
    assert report.integrity.broken is not None
    assert report.integrity.broken.check == "root"
    assert "verified before" in report.integrity.broken.what


def test_a_ledger_that_was_cut_off_is_found(auditor: Auditor) -> None:
    """With its heads: nothing in it shows that there was more, but what was kept does."""
    desk = auditor.desk
    verified = desk.notes[-2][0]
    del desk.headers[verified - 2 :], desk.records[verified - 2 :], desk.notes[:]
    desk.sign_head()
    report, _ = auditor.verify()
    assert report.integrity.broken is not None
    assert report.integrity.broken.check == "truncated"


def test_old_bytes_are_not_looked_at_again(auditor: Auditor) -> None:
    """What the documentation says of it: a full reading meets them, this one does not."""
    records = auditor.desk.records
    records[6] = records[6].replace(b'"v":1', b'"v":2')
    report, _ = auditor.verify()
    assert report.integrity.verdict is IntegrityVerdict.HOLDS
    whole = exact(auditor.path, auditor.desk.trust())
    assert whole.integrity.verdict is IntegrityVerdict.BROKEN


def test_the_last_verified_entry_is_looked_at(auditor: Auditor) -> None:
    """Its record too."""
    at = auditor.desk.notes[-2][0] - 1
    auditor.desk.records[at] += b" "
    report, state = auditor.verify()
    assert not state.ordinary
    assert report == exact(auditor.path, auditor.desk.trust())


def test_a_key_that_was_compromised_earlier(auditor: Auditor) -> None:
    """A later document reaches back before what was verified: all is read again."""
    desk = auditor.desk
    desk.submit("steward", desk.authority(desk.next_document(revoke="agent", since=8)))
    desk.sign_head()
    report, state = auditor.verify()
    assert report.findings
    assert report == exact(auditor.path, desk.trust())
    assert "all of the ledger was read, exactly" in state.said()


def test_witnesses_who_come_later_count(tmp_path: Path) -> None:
    """Heads are compared anew each time, with the lines that were added under them."""
    auditor = Auditor(tmp_path)
    desk, path = auditor.desk, auditor.path
    trust = desk.trust(witnesses=(witness_of("w"),), quorum=1, at=2_000_000_000)
    report, _ = held(auditor.folder, saved(desk, path), trust)
    assert report.integrity.verdict is IntegrityVerdict.UNDECIDABLE
    desk.cosign("w", 1_800_000_000)
    report, state = held(auditor.folder, saved(desk, path), trust)
    assert (report.integrity.verdict, state.began > 0) == (IntegrityVerdict.HOLDS, True)
    assert report == exact(path, trust)


# ------------------------------------------------------------------ what does not fit


def test_another_trust_is_refused(auditor: Auditor) -> None:
    """Other witnesses, another genesis, or none at all; another pinned head is compared anew."""
    trust = auditor.desk.trust()
    others = [None, replace(trust, genesis="ab" * 32), replace(trust, witnesses=(witness_of("w"),))]
    for other in others:
        with pytest.raises(StateError) as caught, State.open(auditor.folder, other):
            pass
        assert caught.value.code == "state.other"
    path = saved(auditor.desk, auditor.path)
    pinned = auditor.desk.trust(auditor.desk.notes[0][1])
    report, state = held(auditor.folder, path, pinned)
    assert report == exact(path, pinned)
    assert state.ordinary


def test_another_ledger_is_refused(tmp_path: Path) -> None:
    """Without a trust file the state is what names the ledger."""
    auditor = Auditor(tmp_path)
    held(auditor.folder, saved(auditor.desk, auditor.path), None)
    other = worked()
    other.records[0] = other.records[0].replace(b"shop", b"sh0p")
    with pytest.raises(StateError) as caught:
        held(auditor.folder, saved(other, auditor.path), None)
    assert caught.value.code == "state.other"


def test_every_byte_of_it_counts(tmp_path: Path) -> None:
    """A bit that turned in any of its files is an error, and the state is left as it is."""
    forge, folder = Forge(), tmp_path / "state"
    forge.submit("agent", forge.make("run", "agent", phase="opened", service=SERVICE))
    forge.sign_head()
    trust, ledger = forge.trust(), saved(forge, tmp_path / "l.db")
    held(folder, ledger, trust)
    files = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size]
    assert {"state", "leaves"} < {path.name for path in files}
    for path in files:
        raw = path.read_bytes()
        for at in range(len(raw)):
            path.write_bytes(raw[:at] + bytes([raw[at] ^ (1 << at % 8)]) + raw[at + 1 :])
            with pytest.raises(StateError) as caught, State.open(folder, trust):
                pass
            assert caught.value.code in {"state.damaged", "state.other"}
        for spoiled in (raw[:-1], raw + b"\n", b""):
            path.write_bytes(spoiled)
            with pytest.raises(StateError), State.open(folder, trust):
                pass
        path.unlink()
        if path.name != "state":
            with pytest.raises(StateError), State.open(folder, trust):
                pass
        path.write_bytes(raw)
    assert held(folder, ledger, trust)[1].began > 0


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    """Nothing is written where something else lies."""
    (tmp_path / "thesis.txt").write_text("words")
    with pytest.raises(StateError) as caught, State.open(tmp_path, None):
        pass
    assert caught.value.code == "state.other"
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(StateError) as caught, State.open(tmp_path / "thesis.txt", None):
        pass
    assert caught.value.code == "state.unwritable"


# ------------------------------------------------------------------ killed

KILLED = """
import os, signal, sys
from pathlib import Path
from verifier.load import verify_ledger
from verifier.state import State

left, real = int(sys.argv[3]), os.fsync
def counted(descriptor):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    real(descriptor)
os.fsync = counted
with State.open(Path(sys.argv[1]), None) as state:
    verify_ledger(sys.argv[2], conformance=False, state=state)
print(left)
"""


def test_killed_while_writing(tmp_path: Path) -> None:
    """At whichever call to the disk: the old state or the new one is there, and is gone on from."""
    auditor = Auditor(tmp_path)
    desk, path, folder = auditor.desk, auditor.path, auditor.folder
    held(folder, saved(desk, path), None)
    old = (folder / "state").read_bytes()
    shutil.copytree(folder, tmp_path / "old")
    desk.paid(7)
    desk.sign_head()
    saved(desk, path)

    def run(after: int) -> "subprocess.CompletedProcess[str]":
        shutil.rmtree(folder)
        shutil.copytree(tmp_path / "old", folder)
        command = [sys.executable, "-c", KILLED, str(folder), str(path), str(after)]
        return subprocess.run(command, check=False, capture_output=True, text=True)

    whole = run(1000)
    calls = 1000 - int(whole.stdout)
    seen: set[bool] = set()
    for after in (0, calls // 2, calls - 3, calls - 2, calls - 1):
        assert run(after).returncode == -signal.SIGKILL
        is_old = (folder / "state").read_bytes() == old
        seen.add(is_old)
        with State.open(folder, None) as state:
            assert state.began == desk.notes[-2 if is_old else -1][0]
            report = verify_ledger(path, conformance=False, state=state)
        assert report == exact(path, None)
        assert len(list(folder.glob("tables-*"))) == 1
    assert seen == {True, False}
