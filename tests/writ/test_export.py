"""`writ export`: what goes along, what stays, and what is refused."""

from pathlib import Path

import pytest

from ledger.bundle import Bundle
from tests.verifier.forge import Desk, witness_of
from tests.writ.conftest import Run
from verifier.findings import Result
from verifier.load import verify_ledger
from verifier.report import ExitCode


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A ledger with two runs, at `ledger.db`, and its trust file."""
    desk = Desk()
    desk.paid()
    desk.paid(500)
    desk.sign_head()
    desk.save(tmp_path / "ledger.db")
    text = f'{{"v":1,"origin":"shop.example/ledger","genesis":"{desk.genesis}","note":"a test"}}'
    (tmp_path / "trust.json").write_text(text)
    return desk


def kept(path: Path) -> list[int]:
    """Return the entries whose records are in a bundle."""
    with Bundle.open(path) as bundle:
        return [row.idx for row in bundle.rows() if row.record is not None]


@pytest.mark.parametrize("name", ["out", "out.zip"])
def test_everything_is_exported_and_verifies_alike(
    writ: Run, desk: Desk, tmp_path: Path, name: str
) -> None:
    """Without a selection nothing is withheld, and the answer is the ledger's."""
    code, said, _ = writ("export", "ledger.db", "--out", name, "--trust", "trust.json")
    assert code == ExitCode.HOLDS
    assert "16 entries" in said
    assert kept(tmp_path / name) == list(range(len(desk.headers)))
    answer = writ("verify", "ledger.db", "--trust", "trust.json")[0]
    assert writ("verify", name, "--trust", "trust.json")[0] == answer
    assert answer == ExitCode.VIOLATED
    # A violation in what nobody vouches for is none yet.
    assert writ("verify", name)[0] == ExitCode.UNDECIDABLE


def test_tiles_alone_are_verified_for_what_they_prove(
    writ: Run, desk: Desk, tmp_path: Path
) -> None:
    """Nobody vouches for them without a pinned head, and none of it says that rules were kept."""
    writ("export", "ledger.db", "--out", "out", "--tiles", "--trust", "trust.json")
    (tmp_path / "out" / "tiles").rename(tmp_path / "tiles")
    (tmp_path / "head").write_bytes(desk.notes[-1][1])
    trust, pinned = ("--trust", "trust.json"), ("--checkpoint", "head")
    assert writ("verify", "tiles")[0] == ExitCode.UNDECIDABLE
    assert writ("verify", "tiles", *trust, "--integrity")[0] == ExitCode.UNDECIDABLE
    assert writ("verify", "tiles", *trust, *pinned)[0] == ExitCode.UNDECIDABLE
    code, said, _ = writ("verify", "tiles", *trust, *pinned, "--integrity")
    assert (code, "was checked, nor who was entitled" in said) == (ExitCode.HOLDS, True)
    (tmp_path / "tiles" / "tile" / "0" / "000.p" / "16").write_bytes(b"x" * 512)
    code, said, _ = writ("verify", "tiles", *trust, *pinned)
    assert (code, "BROKEN at entry 0" in said) == (ExitCode.VIOLATED, True)
    for refused in (("--state", "seen", "--integrity"), ("--receipts", "head")):
        assert writ("verify", "tiles", *trust, *refused)[0] == ExitCode.UNREADABLE, refused
    assert writ("proof", "tiles", 3)[0] == ExitCode.UNREADABLE


def test_a_proof_is_under_the_head_that_witnesses_cosigned(
    writ: Run, desk: Desk, tmp_path: Path
) -> None:
    """Which head was taken is said; without a trust file it is the newest, and then refused."""
    desk.cosign("w1.example", 1_700_000_000)
    desk.submit("reviewer", desk.make("review", "reviewer", finding="F", state="open"))
    desk.sign_head()
    desk.save(tmp_path / "later.db")
    witness = str(witness_of("w1.example"))
    asks = (
        f'{{"v":1,"origin":"shop.example/ledger","genesis":"{desk.genesis}","note":"a test",'
        f'"witnesses":["{witness}"]}}'
    )
    (tmp_path / "witnessed.json").write_text(asks)
    (tmp_path / "other.json").write_text(asks.replace(desk.genesis, "ab" * 32))
    check = ("proof", "--trust", "witnessed.json", "--check")
    code, _, told = writ("proof", "later.db", 5, "--trust", "witnessed.json", "--out", "p")
    assert (code, "head of 16 entries, cosigned by 1" in told) == (ExitCode.HOLDS, True)
    assert "the newest, of 17, is not yet" in told
    assert writ(*check, "p")[0] == ExitCode.HOLDS
    assert "head of 17 entries, the newest" in writ("proof", "later.db", 5, "--out", "q")[2]
    assert writ(*check, "q")[0] == ExitCode.VIOLATED
    told = writ("proof", "later.db", 16, "--trust", "witnessed.json", "--out", "r")[2]
    assert "will refuse this proof" in told
    assert "proof.trust" in writ("proof", "later.db", 5, "--trust", "other.json")[2]


@pytest.mark.usefixtures("desk")
def test_one_run_goes_with_all_that_is_of_it(writ: Run, tmp_path: Path, desk: Desk) -> None:
    """Governance and the run's own records are there, and the rest is withheld and said to be."""
    from ledger.encoding import digest  # noqa: PLC0415 - the run's name, here alone

    run = digest(desk.records[10])
    code, said, _ = writ("export", "ledger.db", "--out", "one", "--runs", run)
    assert code == ExitCode.HOLDS
    assert kept(tmp_path / "one") == [0, 1, 2, 3, *range(10, 16)]
    assert "6 records are withheld" in said
    report = verify_ledger(tmp_path / "one", desk.trust())
    # The first run is over before this one begins: nothing in it can matter.
    assert not any("withheld" in found.reason for found in report.findings)


def test_what_is_withheld_is_shown_as_such_and_proved(writ: Run, desk: Desk) -> None:
    """Of a bundle entries and findings are shown, and of what it withholds place and signer."""
    from ledger.encoding import digest  # noqa: PLC0415 - the run's name, here alone

    trust = ("--trust", "trust.json")
    writ("export", "ledger.db", "--out", "one.zip", "--runs", digest(desk.records[10]))
    assert '"kind": "run"' in writ("show", "one.zip", 10)[1]
    code, said, _ = writ("show", "one.zip", 5)
    assert (code, "\n  withheld\n" in said) == (ExitCode.HOLDS, True)
    found = writ("findings", "one.zip", *trust)[1].split()[0]
    assert "entry 1" in writ("show", "one.zip", found, *trust)[1]
    code, _, told = writ("proof", "one.zip", 5, "--out", "p")
    assert (code, "withholds the record" in told) == (ExitCode.HOLDS, True)
    code, said, _ = writ("proof", "--check", "p", *trust)
    assert (code, "The record is withheld" in said) == (ExitCode.HOLDS, True)


@pytest.mark.usefixtures("desk")
def test_a_condition_chooses_records_and_what_they_name(writ: Run, tmp_path: Path) -> None:
    """A payment brings along its run; what the condition cannot answer is left out, and said."""
    condition = 'record.tool == "pay" && record.params.amount > 100.0'
    code, _, told = writ("export", "ledger.db", "--out", "some", "--where", condition)
    assert code == ExitCode.HOLDS
    assert kept(tmp_path / "some") == [0, 1, 2, 3, 10, 13]
    assert "no answer for" in told


@pytest.mark.usefixtures("desk")
def test_what_cannot_be_exported_is_said(writ: Run, tmp_path: Path) -> None:
    """A condition that is none, a run that is none, a place that is taken."""
    assert writ("export", "ledger.db", "--out", "x", "--where", "record.")[0] == ExitCode.USAGE
    code, _, told = writ("export", "ledger.db", "--out", "x", "--runs", "none")
    assert (code, "export.no-run" in told) == (ExitCode.UNREADABLE, True)
    (tmp_path / "taken").mkdir()
    code, _, told = writ("export", "ledger.db", "--out", "taken")
    assert (code, "bundle.exists" in told) == (ExitCode.UNREADABLE, True)
    assert sorted(path.name for path in tmp_path.iterdir() if "part" in path.name) == []


def test_a_broken_ledger_is_exported_only_as_what_it_is(writ: Run, tmp_path: Path) -> None:
    """It takes a flag, and the bundle is as broken as the ledger."""
    desk = Desk()
    desk.paid()
    desk.sign_head()
    desk.records[8] = desk.records[8].replace(b"ok", b"no")
    desk.save(tmp_path / "ledger.db")
    code, _, told = writ("export", "ledger.db", "--out", "b")
    assert (code, "broken at entry 8" in told) == (ExitCode.UNREADABLE, True)
    assert writ("export", "ledger.db", "--out", "b", "--unverified")[0] == ExitCode.HOLDS
    report = verify_ledger(tmp_path / "b", desk.trust())
    assert report.integrity.broken is not None
    assert report.integrity.broken.index == 8


def test_a_payment_that_broke_a_rule_still_does_in_its_bundle(
    writ: Run, desk: Desk, tmp_path: Path
) -> None:
    """A violation of an action's own fields is not lost by leaving the rest behind."""
    desk.notes.clear()
    run = desk.open_run()
    pay = desk.act(run, "pay", {"amount": 5000})
    desk.sign_head()
    (tmp_path / "ledger.db").unlink()
    for left in tmp_path.glob("ledger.db-*"):
        left.unlink()
    desk.save(tmp_path / "ledger.db")
    assert pay
    assert writ("export", "ledger.db", "--out", "v.zip", "--runs", run)[0] == ExitCode.HOLDS
    report = verify_ledger(tmp_path / "v.zip", desk.trust())
    small = [found for found in report.findings if found.rule == "policy.small"]
    assert [found.result for found in small] == [Result.VIOLATED]
    assert writ("verify", "v.zip", "--trust", "trust.json")[0] == ExitCode.VIOLATED
