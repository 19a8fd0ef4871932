"""The life of a ledger from the command line: copied, put back, upgraded; what is lost is said."""

import json
import shutil
from pathlib import Path

import pytest

from ledger.founding import open_founded, trust_file
from ledger.spool import Spool
from ledger.store import Store
from ledger.testing import BuiltLedger, build_ledger
from tests.ledger.copies import fill_beside, make_old, rows, write
from tests.writ.conftest import Run
from verifier.report import ExitCode


@pytest.fixture
def built(writ: Run, tmp_path: Path) -> BuiltLedger:
    """Give a ledger in the working folder, and a copy of it as it was before it grew."""
    made = build_ledger(tmp_path)
    assert writ("backup", "ledger.db", "--out", "old.backup")[0] == ExitCode.HOLDS
    write(made.founded, 2)
    return made


# ------------------------------------------------------------------------------- backup


def test_a_backup_is_verified(built: BuiltLedger, writ: Run) -> None:
    """It says what it holds, is a ledger like any other, and overwrites nothing."""
    code, out, _ = writ("backup", "ledger.db", "--out", "new.backup")
    assert code == ExitCode.HOLDS
    assert out.startswith("Backup new.backup: ")
    assert "integrity holds" in out
    assert "sealed" not in out
    assert rows("new.backup") == rows(built.path)
    code, _, err = writ("backup", "ledger.db", "--out", "new.backup")
    assert code == ExitCode.UNREADABLE
    assert "backup.exists" in err


def test_a_backup_says_that_it_can_be_read(built: BuiltLedger, writ: Run) -> None:
    """Whoever keeps a copy learns that it holds sealed values and their keys."""
    fill_beside(built.path)
    _, out, _ = writ("backup", "ledger.db", "--out", "new.backup")
    assert "1 sealed values and the keys that open them" in out
    assert "stays in it until it is destroyed" in out


def test_a_broken_ledger_is_not_backed_up(built: BuiltLedger, writ: Run) -> None:
    """There is no copy that would be taken for a good one."""
    raw = built.path.read_bytes()
    built.path.write_bytes(raw.replace(b'"goal":"refund"', b'"goal":"REFUND"'))
    code, out, err = writ("backup", "ledger.db", "--out", "new.backup")
    assert (code, out) == (ExitCode.VIOLATED, "")
    assert "ledger.broken" in err
    assert not Path("new.backup").exists()


# ------------------------------------------------------------------------------ restore


def test_the_newest_copy_is_restored(built: BuiltLedger, writ: Run) -> None:
    """Over the ledger, which is kept, and written to again after."""
    writ("backup", "ledger.db", "--out", "new.backup")
    code, _, err = writ("restore", "new.backup", "--to", "ledger.db")
    assert code == ExitCode.USAGE
    assert "restore.exists" in err
    code, out, _ = writ("restore", "new.backup", "--to", "ledger.db", "--replace")
    assert code == ExitCode.HOLDS
    assert "what was there is now ledger.db.replaced-" in out
    [aside] = [path for path in Path().glob("ledger.db.replaced-*Z") if path.is_file()]
    assert rows(aside) == rows("ledger.db")
    write(built.founded)


def test_an_older_copy_is_refused(built: BuiltLedger, writ: Run) -> None:
    """The head signer's memory knows what is missing, with and without the ledger there."""
    before = rows(built.path)
    for arguments in (("--replace",), ()):
        code, out, err = writ("restore", "old.backup", "--to", "ledger.db", *arguments)
        assert (code, out) == (ExitCode.VIOLATED, "")
        assert "restore.behind" in err
        assert "--accept-loss" in err
        if arguments:
            assert rows(built.path) == before
            built.path.unlink()
    assert not built.path.exists()


def test_a_trust_file_knows_what_is_missing(built: BuiltLedger, writ: Run) -> None:
    """Where the keys are gone too, the pinned checkpoint tells; where nothing does, it is said."""
    with Store.open(built.path) as store:
        note = list(store.checkpoints())[-1][1]
    Path("trust.json").write_text(trust_file(built.founded, checkpoint=note), "utf-8")
    code, _, err = writ("restore", "old.backup", "--to", "other.db", "--trust", "trust.json")
    assert code == ExitCode.VIOLATED
    assert "restore.behind" in err
    shutil.copy("trust.json", "other.db.trust.json")
    assert "restore.behind" in writ("restore", "old.backup", "--to", "other.db")[2]
    code, _, err = writ("restore", "old.backup", "--to", "third.db")
    assert code == ExitCode.HOLDS
    assert "whether the copy is its newest cannot be told" in err


def test_a_loss_that_is_accepted_leaves_a_mark(built: BuiltLedger, writ: Run) -> None:
    """The ledger is there to be read, says what it lacks, and takes nothing under its head key."""
    accepted = ("--replace", "--accept-loss", "disk broke")
    with Store.open(built.path) as store:
        store.size()
        assert "restore.busy" in writ("restore", "old.backup", "--to", "ledger.db", *accepted)[2]
    assert not Path("ledger.db.loss.json").exists()
    code, out, _ = writ("restore", "old.backup", "--to", "ledger.db", *accepted)
    assert code == ExitCode.HOLDS
    assert "are lost, and a head was signed over them" in out
    mark = json.loads(Path("ledger.db.loss.json").read_text("utf-8"))
    assert mark["reason"] == "disk broke"
    assert mark["restored"]["size"] < mark["signed"]["size"]
    assert rows("ledger.db") == rows("old.backup")
    with pytest.raises(Exception, match="old backup"):
        write(built.founded)
    assert rows("ledger.db") == rows("old.backup")


def test_another_ledgers_copy_is_refused(built: BuiltLedger, writ: Run, tmp_path: Path) -> None:
    """Not even an accepted loss puts another history under this ledger's name."""
    (tmp_path / "other").mkdir()
    build_ledger(tmp_path / "other", seed="other", runs=5)
    writ("backup", "other/ledger.db", "--out", "other.backup")
    code, _, err = writ(
        "restore", "other.backup", "--to", "ledger.db", "--replace", "--accept-loss", "none"
    )
    assert code == ExitCode.VIOLATED
    assert "restore.other" in err
    assert open_founded(built.path).genesis == built.founded.genesis


def test_a_broken_copy_is_refused(built: BuiltLedger, writ: Run) -> None:
    """A copy that rotted is not put in a ledger's place."""
    rotten = Path("old.backup").read_bytes().replace(b'"goal":"refund"', b'"goal":"REFUND"')
    Path("old.backup").write_bytes(rotten)
    before = rows(built.path)
    code, _, err = writ("restore", "old.backup", "--to", "ledger.db", "--replace")
    assert code == ExitCode.VIOLATED
    assert "ledger.broken" in err
    assert rows(built.path) == before


def test_a_ledger_goes_to_a_server_and_back(built: BuiltLedger, writ: Run, location: str) -> None:
    """Through one file format; a database with something in it is left alone."""
    keys = ("--keys", built.founded.keys_dir)
    writ("backup", "ledger.db", "--out", "new.backup")
    code, out, _ = writ("restore", "new.backup", "--to", location, *keys)
    assert code == ExitCode.HOLDS, out
    assert rows(location) == rows(built.path)
    assert "restore.exists" in writ("restore", "new.backup", "--to", location, *keys)[2]
    assert "restore.replace" in writ("restore", "new.backup", "--to", location, "--replace")[2]
    assert writ("backup", location, "--out", "again.backup")[0] == ExitCode.HOLDS
    assert rows("again.backup") == rows(built.path)


# ------------------------------------------------------------------------------ upgrade


def test_an_upgrade_is_verified_and_copied(built: BuiltLedger, writ: Run) -> None:
    """Before and after; the second time there is nothing to do."""
    make_old(built.path)
    before = rows(built.path)
    code, out, _ = writ("upgrade", "ledger.db")
    assert code == ExitCode.HOLDS
    assert "upgraded from version 1 to 2" in out
    [copy] = [path for path in Path().glob("ledger.db.v1-*Z") if path.is_file()]
    assert rows(copy) == before
    after = rows(built.path)
    assert {name: after[name] for name in before} == before
    assert "the newest" in writ("upgrade", "ledger.db")[1]
    write(built.founded)


def test_an_upgrade_without_a_copy(built: BuiltLedger, writ: Run, location: str) -> None:
    """Somebody has one; at a URL somebody has to say where one goes."""
    make_old(built.path)
    assert writ("upgrade", "ledger.db", "--no-backup")[0] == ExitCode.HOLDS
    assert list(Path().glob("ledger.db.v1-*")) == []
    writ("backup", "ledger.db", "--out", "new.backup")
    writ("restore", "new.backup", "--to", location)
    make_old(location)
    code, _, err = writ("upgrade", location)
    assert code == ExitCode.USAGE
    assert "upgrade.backup" in err
    assert writ("upgrade", location, "--backup", "server.backup")[0] == ExitCode.HOLDS
    assert rows("server.backup")["entries"] == rows(location)["entries"]


def test_a_broken_ledger_is_not_upgraded(built: BuiltLedger, writ: Run) -> None:
    """It stays as it is, and no copy is made of it."""
    make_old(built.path)
    raw = built.path.read_bytes()
    built.path.write_bytes(raw.replace(b'"goal":"refund"', b'"goal":"REFUND"'))
    code, _, err = writ("upgrade", "ledger.db")
    assert code == ExitCode.VIOLATED
    assert "ledger.broken" in err
    with Store.open(built.path) as store:
        assert store.version == 1
    assert list(Path().glob("ledger.db.v1-*")) == []


# ------------------------------------------------------------------------------- doctor


def test_the_doctor_speaks_json(built: BuiltLedger, writ: Run) -> None:
    """Each problem has a code and what to do; the exit code says whether there are any."""
    code, out, _ = writ("doctor", built.path, "--json")
    said = json.loads(out)
    assert (code, said["problems"]) == (ExitCode.HOLDS, 0)
    writ("restore", "old.backup", "--to", "ledger.db", "--replace", "--accept-loss", "disk broke")
    code, out, _ = writ("doctor", "ledger.db", "--json")
    said = json.loads(out)
    assert code == ExitCode.VIOLATED
    found = {remark["code"]: remark["do"] for remark in said["remarks"] if remark["code"]}
    assert set(found) == {"head.behind", "ledger.lost"}
    assert all(found.values())
    assert said["problems"] == 2
    code, out, _ = writ("doctor", "--json")
    assert (code, json.loads(out)["remarks"]) == (ExitCode.HOLDS, [])


def test_the_doctor_of_a_damaged_ledger(built: BuiltLedger, writ: Run) -> None:
    """What cannot be read is a problem with the code of what is wrong, not a failure."""
    raw = built.path.read_bytes()
    built.path.write_bytes(raw.replace(b'"kind":"genesis"', b'"kind":"GENESIS"'))
    code, out, _ = writ("doctor", "ledger.db")
    assert code == ExitCode.VIOLATED
    assert "record.unknown-kind: Ask writ verify what is damaged" in out


def test_the_doctor_looks_at_a_spool(built: BuiltLedger, writ: Run, tmp_path: Path) -> None:
    """With a ledger or without one; what a process left behind is a problem with a code."""
    folder = tmp_path / "waiting"
    code, out, _ = writ("doctor", built.path, "--spool", folder)
    assert (code, "nothing was ever spooled" in out) == (0, True)
    Spool.create(folder, "spiffe://example.com/agent").leave()
    (folder / "x.spool").write_bytes(b"no spool")
    code, out, _ = writ("doctor", "--spool", folder)
    assert code == 1
    assert "spool.left: Start a writer of this identity" in out
