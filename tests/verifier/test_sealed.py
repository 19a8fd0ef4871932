"""Sealed values in a verification: five states, told apart, and what each hides from rules."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from ledger.records import Message
from ledger.sealed import Disclosure, Opening, Sealed
from ledger.sealing import Sealing, SealingKey, disclosure_of
from ledger.store import Store
from tests.ledger.secrets_desk import Desk, desk_at
from verifier import integrity
from verifier.errors import SourceError
from verifier.load import open_ledger, verify_ledger
from verifier.report import IntegrityVerdict, Report
from verifier.reports.json import report_body
from verifier.reports.text import text_report

EMAIL_PATH = "/params/customer/email"


@pytest.fixture
def desk(place: str, tmp_path: Path) -> Desk:
    """Give a ledger with four sealed values, on either store."""
    made = desk_at(place, tmp_path)
    made.work()
    return made


@pytest.fixture
def local(tmp_path: Path) -> Desk:
    """Give the same on SQLite alone."""
    made = desk_at(tmp_path / "ledger.db", tmp_path)
    made.work()
    return made


def verified(desk: Desk, *, unseal: bool = False, shown: tuple[Disclosure, ...] = ()) -> Report:
    """Verify the ledger, with the sealing key or without."""
    opener = desk.sealing() if unseal else None
    return verify_ledger(desk.founded.location, opener=opener, disclosures=shown)


def states(report: Report) -> dict[str, int]:
    """Return how many values are in which state, but those that none is in."""
    return {state.value: count for state, count in report.integrity.sealed.items() if count}


def codes(report: Report) -> list[str]:
    """Return the codes of what integrity found."""
    return [one.code for one in report.findings if one.code.startswith("integrity.")]


def change(desk: Desk, *statements: str) -> None:
    """Change the store's tables behind everybody's back."""
    location = desk.founded.location
    url = location if "://" in location else f"sqlite:///{location}"
    engine = create_engine(
        make_url(url).set(drivername="postgresql+psycopg") if "postgres" in url else url
    )
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def erase(desk: Desk, record: str, *paths: str) -> None:
    """Erase values as the ledger's eraser."""
    with (
        Store.open(desk.founded.location, writable=True) as store,
        desk.client("eraser", store) as client,
    ):
        client.erase(record, paths, "asked")


# ------------------------------------------------------------------------------- states


def test_without_a_key_all_is_withheld(desk: Desk) -> None:
    """Nothing that verification needs is in a box: it holds, and says what it did not see."""
    report = verified(desk)
    assert states(report) == {"withheld": 4}
    assert codes(report) == []
    assert report.integrity.verdict is IntegrityVerdict.HOLDS
    assert "sealed values: 4 withheld" in text_report(report)
    assert report_body(report)["integrity"]["sealed"]["withheld"] == 4


def test_with_the_key_all_is_disclosed(desk: Desk) -> None:
    """Every value is opened, and is what was committed to."""
    report = verified(desk, unseal=True)
    assert states(report) == {"disclosed": 4}
    assert codes(report) == []


def test_what_was_shown_is_disclosed(desk: Desk) -> None:
    """Without the key, one value that somebody was shown is checked and counts."""
    with Store.open(desk.founded.location) as store, store.boxes() as boxes:
        shown = disclosure_of(boxes, desk.sealing(), desk.action, [EMAIL_PATH])
    assert states(verified(desk, shown=(shown,))) == {"disclosed": 1, "withheld": 3}
    opening = shown.openings[0]
    forged = Disclosure(shown.record, (Opening(opening.path, opening.salt, b'"other"'),))
    report = verified(desk, shown=(forged,))
    assert codes(report) == ["integrity.sealed"]
    assert states(report) == {"withheld": 4}
    stray = Disclosure("ab" * 32, shown.openings)
    assert codes(verified(desk, shown=(stray,))) == ["integrity.sealed"]


def test_what_was_erased_is_erased(desk: Desk) -> None:
    """A valid erasure names it, and nothing of it is there."""
    erase(desk, desk.action, EMAIL_PATH)
    assert states(verified(desk)) == {"erased": 1, "withheld": 3}
    report = verified(desk, unseal=True)
    assert states(report) == {"erased": 1, "disclosed": 3}
    assert codes(report) == []


def test_what_is_gone_without_an_erasure_is_lost(desk: Desk) -> None:
    """A box that somebody took away is no erasure."""
    change(desk, "DELETE FROM sealed WHERE path = '/params/customer/email'")
    report = verified(desk)
    assert states(report) == {"lost": 1, "withheld": 3}
    assert codes(report) == ["integrity.lost"]
    assert report.exit_code() == 1


def test_a_value_whose_key_is_gone_is_lost(desk: Desk) -> None:
    """A box without its subject's key opens to nobody: that is seen without any key."""
    change(desk, "DELETE FROM subjects WHERE subject = 'customer:42'")
    for unseal, state in ((False, "withheld"), (True, "disclosed")):
        report = verified(desk, unseal=unseal)
        assert codes(report) == ["integrity.lost"]
        assert states(report) == {"lost": 1, state: 3}


def test_what_was_erased_and_is_there_is_named(local: Desk, tmp_path: Path) -> None:
    """Boxes that come back from an old copy, or were never removed, break the promise."""
    old = tmp_path / "old.db"
    shutil.copy(local.founded.location, old)
    erase(local, local.action, EMAIL_PATH)
    change(
        local,
        f"ATTACH DATABASE '{old}' AS old",
        "INSERT INTO sealed SELECT * FROM old.sealed WHERE path = '/params/customer/email'",
    )
    for unseal in (False, True):
        report = verified(local, unseal=unseal)
        assert states(report)["erased-but-present"] == 1
        assert codes(report) == ["integrity.erased-but-present"]
        assert report.exit_code() == 1
    with open_ledger(local.founded.location) as verified_ledger:
        (action,) = [event for event in verified_ledger.events() if event.digest == local.action]
    assert "was erased" in action.record["params"]["customer"]["email"].reason


def test_a_shown_value_that_was_erased_is_there(local: Desk) -> None:
    """Who still holds what was erased shows that it was not."""
    with Store.open(local.founded.location) as store, store.boxes() as boxes:
        shown = disclosure_of(boxes, local.sealing(), local.action, [EMAIL_PATH])
    erase(local, local.action, EMAIL_PATH)
    assert codes(verified(local, shown=(shown,))) == ["integrity.erased-but-present"]


# ------------------------------------------------------------------------------ attacks


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE sealed SET path = '/params/amount' WHERE path = '/params/customer/email'", 1),
        ("UPDATE sealed SET record = 'abab' WHERE path = '/params/customer/email'", 2),
        ("UPDATE sealed SET commitment = 'abab' WHERE path = '/params/customer/email'", 2),
        ("INSERT INTO sealed SELECT 'x', record, path, subject, box FROM sealed", 4),
    ],
)
def test_a_box_in_another_place_is_found_without_a_key(
    local: Desk, statement: str, expected: int
) -> None:
    """A box that is moved, renamed or added belongs to no sealed value, and is named."""
    if statement.startswith("INSERT"):
        statement = statement.replace("'x'", "'x' || commitment")
    change(local, statement)
    report = verified(local)
    assert set(codes(report)) <= {"integrity.sealed", "integrity.lost"}
    assert len(codes(report)) == expected
    assert report.exit_code() == 1


def test_a_changed_box_does_not_open(local: Desk) -> None:
    """With the key, each changed box is told."""
    change(local, "UPDATE sealed SET box = zeroblob(80) WHERE path = '/params/customer/email'")
    assert codes(verified(local)) == []
    report = verified(local, unseal=True)
    assert codes(report) == ["integrity.sealed"]
    assert states(report) == {"disclosed": 3, "withheld": 1}


def test_a_subject_that_was_changed_does_not_open(local: Desk) -> None:
    """A box under another subject's name does not open with that one's key.

    Its own subject's key stands there without a box, which is seen without any key.
    """
    change(local, "UPDATE sealed SET subject = 'customer:41' WHERE subject = 'customer:42'")
    assert codes(verified(local)) == ["integrity.sealed"]
    assert codes(verified(local, unseal=True)) == ["integrity.sealed"] * 2


def test_another_sealing_key_is_refused(local: Desk) -> None:
    """The wrong key is a mistake of who verifies, and not one of the ledger."""
    with pytest.raises(SourceError) as refused:
        verify_ledger(local.founded.location, opener=Sealing(SealingKey(bytes(32))))
    assert refused.value.code == "seal.key"


@pytest.mark.parametrize("table", ["sealed", "subjects"])
def test_tables_that_are_gone_are_named(local: Desk, table: str) -> None:
    """A store that cannot show its sealed values loses none of its records."""
    change(local, f"DROP TABLE {table}")
    report = verified(local, unseal=True)
    assert "integrity.sealed" in codes(report)
    assert report.integrity.verdict is not IntegrityVerdict.BROKEN


def test_rows_of_other_types_are_named(local: Desk) -> None:
    """What is no box is named, whatever stands in its columns."""
    change(local, "UPDATE sealed SET box = 'text' WHERE path = '/params/customer/email'")
    assert "integrity.sealed" in codes(verified(local))


def test_what_is_written_meanwhile_is_no_finding(
    local: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values sealed or erased while a verification reads are no part of it, and break nothing."""
    begun = integrity.Reading.entries

    def entries(reading: integrity.Reading) -> object:
        with Store.open(local.founded.location, writable=True) as store:
            client = local.client("agent", store, local.sealing())
            sealed = Sealed(1, "customer:9")
            made = client.make(Message, run="ab" * 32, role="user", turn=0, content=sealed)
            client.submit([made])
        erase(local, local.message, "/content")
        return begun(reading)

    monkeypatch.setattr(integrity.Reading, "entries", entries)
    assert codes(verified(local)) == []


def test_a_ledger_without_sealed_values_counts_none(tmp_path: Path) -> None:
    """Where nothing is sealed, nothing is said."""
    report = verified(desk_at(tmp_path / "ledger.db", tmp_path))
    assert report.integrity.sealed == {}
    assert "sealed values" not in text_report(report)
