"""`writ seal`, `erase`, `disclose`, and what `writ verify` is shown."""

import json
import stat
from pathlib import Path

import pytest

from ledger.bundle_writing import write_bundle
from ledger.founding import keys_beside
from ledger.sealed import write_disclosure
from ledger.sealing import KEY_FILE, disclosure_of
from ledger.store import Store
from tests.ledger.secrets_desk import EMAIL, IBAN, SUBJECT, Desk, desk_at
from writ.application import answer

PASSPHRASE = "correct battery staple"
EMAIL_PATH = "/params/customer/email"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Give a ledger with four sealed values, its head at the system's clock."""
    made = desk_at(tmp_path / "ledger.db", tmp_path)
    made.work()
    return made


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Run one command, and return its answer and what it wrote."""
    capsys.readouterr()
    code = answer([str(one) for one in arguments])
    written = capsys.readouterr()
    return code, written.out, written.err


def sealed(capsys: pytest.CaptureFixture[str], desk: Desk, *more: object) -> dict[str, int]:
    """Return the states that a verification counts."""
    _, out, _ = run(capsys, "verify", desk.founded.location, "--format", "json", *more)
    counts: dict[str, int] = json.loads(out)["integrity"]["sealed"]
    return {state: count for state, count in counts.items() if count}


def test_a_sealing_key_is_made_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It lies beside the other keys, for its owner alone, and is not made again."""
    ledger = tmp_path / "ledger.db"
    keys_beside(ledger).mkdir()
    assert run(capsys, "seal", ledger, "--plain")[0] == 0
    path = keys_beside(ledger) / KEY_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    key = path.read_bytes()
    code, _, err = run(capsys, "seal", ledger, "--plain")
    assert (code, "seal.key" in err, path.read_bytes()) == (4, True, key)
    assert run(capsys, "seal", "postgresql://host/db")[0] == 2


def test_a_sealing_key_lies_under_a_passphrase(
    desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given by the environment, changed by `keys passwd`, and asked for by whatever opens boxes."""
    location, key = desk.founded.location, desk.sealing_key
    raw = key.read_bytes()
    monkeypatch.setenv("WRIT_NEW_PASSPHRASE", PASSPHRASE)
    assert run(capsys, "keys", "passwd", key)[0] == 0
    assert raw not in key.read_bytes()
    monkeypatch.setenv("WRIT_PASSPHRASE", PASSPHRASE)
    assert sealed(capsys, desk, "--unseal", key) == {"disclosed": 4}
    assert run(capsys, "disclose", location, desk.action, "--keys", key.parent)[0] == 0
    for secret, expected in (("wrong horse battery", "wrong"), (None, "missing")):
        monkeypatch.delenv("WRIT_PASSPHRASE")
        if secret is not None:
            monkeypatch.setenv("WRIT_PASSPHRASE", secret)
        for command in (
            ("verify", location, "--unseal", key),
            ("disclose", location, desk.action, "--keys", key.parent),
            ("keys", "passwd", key),
        ):
            code, out, err = run(capsys, *command)
            assert (code, f"key.passphrase-{expected}" in err) == (4, True), command
            assert not any(word in out + err for word in ("horse", PASSPHRASE, raw.hex()))
        monkeypatch.setenv("WRIT_PASSPHRASE", PASSPHRASE)
    assert run(capsys, "keys", "passwd", key, "--plain")[0] == 0
    assert key.read_bytes() == raw
    key.unlink()
    assert run(capsys, "seal", location, "--keys", key.parent)[0] == 0
    assert b"ENCRYPTED" in key.read_bytes()


def test_values_are_shown_and_checked(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who is shown a value checks it against the ledger, and needs no key for that."""
    location, keys = desk.founded.location, desk.sealing_key.parent
    out = tmp_path / "shown" / "email.json"
    out.parent.mkdir()
    shown = run(capsys, "disclose", location, desk.action, EMAIL_PATH, "--keys", keys, "--out", out)
    assert shown[0] == 0
    assert EMAIL in out.read_text("utf-8")
    assert IBAN not in out.read_text("utf-8")
    assert sealed(capsys, desk) == {"withheld": 4}
    for where in (out, out.parent):
        assert sealed(capsys, desk, "--disclosures", where) == {"disclosed": 1, "withheld": 3}
    assert sealed(capsys, desk, "--unseal", desk.sealing_key) == {"disclosed": 4}
    out.write_text(out.read_text("utf-8").replace(EMAIL, "b" + EMAIL[1:]), "utf-8")
    code, text, _ = run(capsys, "verify", location, "--disclosures", out)
    assert code == 1
    assert "integrity.sealed" in text


def test_values_are_erased_by_path_and_by_subject(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is erased is gone and named; the reason stands in the ledger."""
    location, keys = desk.founded.location, desk.sealing_key.parent
    own = ("--keys", keys, "--reason", "asked")
    assert run(capsys, "erase", location, desk.action, EMAIL_PATH, *own)[0] == 0
    assert sealed(capsys, desk) == {"erased": 1, "withheld": 3}
    code, out, _ = run(capsys, "erase", location, "--subject", SUBJECT, *own)
    assert (code, out.count("erased: entry")) == (0, 2)
    assert sealed(capsys, desk) == {"erased": 3, "withheld": 1}
    code, out, _ = run(capsys, "erase", location, "--subject", SUBJECT, *own)
    assert (code, "nothing to erase" in out) == (0, True)
    assert run(capsys, "disclose", location, desk.action, EMAIL_PATH, "--keys", keys)[0] == 4


def test_mistakes_are_named(desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is erased where it is not said what and why, or by whom it may be."""
    location, keys = desk.founded.location, desk.sealing_key.parent
    why = ("--keys", keys, "--reason", "asked")
    assert run(capsys, "erase", location, desk.action, EMAIL_PATH, "--keys", keys)[0] == 2
    assert run(capsys, "erase", location, *why)[0] == 2
    assert run(capsys, "erase", location, desk.action, EMAIL_PATH, "--subject", "x", *why)[0] == 2
    code, _, err = run(capsys, "erase", location, desk.action, EMAIL_PATH, "--as", "cousin", *why)
    assert (code, "append.erasure" in err) == (4, True)
    other = tmp_path / "other.key"
    other.write_bytes(bytes(32))
    other.chmod(0o600)
    code, _, err = run(capsys, "verify", location, "--unseal", other)
    assert (code, "seal.key" in err) == (4, True)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert run(capsys, "verify", location, "--disclosures", empty)[0] == 4
    (empty / "x.json").write_text("{}")
    assert run(capsys, "verify", location, "--disclosures", empty)[0] == 4
    assert sealed(capsys, desk) == {"withheld": 4}


@pytest.mark.parametrize("name", ["bundle", "bundle.zip"])
def test_a_bundle_discloses_what_goes_with_it(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Who is handed a bundle with disclosures needs no flag to see that they are true."""
    location, keys = desk.founded.location, desk.sealing_key.parent
    out, bundle = tmp_path / "email.json", tmp_path / name
    shown = ("--keys", keys, "--out", out)
    assert run(capsys, "disclose", location, desk.action, EMAIL_PATH, *shown)[0] == 0
    exported = run(capsys, "export", location, "--out", bundle, "--disclose", out)
    assert exported[0] == 0, exported
    _, text, _ = run(capsys, "verify", bundle, "--format", "json")
    counts = json.loads(text)["integrity"]["sealed"]
    assert (counts["disclosed"], counts["withheld"], counts["lost"]) == (1, 3, 0)


@pytest.mark.parametrize(
    ("old", "new", "expected"), [(EMAIL, "b" + EMAIL[1:], 3), ('"v":1', '"v":2', 4)]
)
def test_a_bundle_with_a_false_disclosure_is_named(
    desk: Desk,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    old: str,
    new: str,
    expected: int,
) -> None:
    """A value that goes along and is another one is named; what is no disclosure is refused."""
    with Store.open(desk.founded.location) as store:
        with store.boxes() as boxes:
            raw = write_disclosure(disclosure_of(boxes, desk.sealing(), desk.action, [EMAIL_PATH]))
        files = {f"{desk.action}.json": raw.replace(old.encode(), new.encode())}
        write_bundle(store, tmp_path / "bundle.zip", disclosures=files)
    code, out, err = run(capsys, "verify", tmp_path / "bundle.zip")
    assert code == expected
    assert "integrity.sealed" in out or "disclosure" in err


def test_an_entry_is_shown_with_what_is_kept_of_its_sealed_values(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kept and erased are told apart for each path; nothing else is said where nothing is."""
    location, keys = desk.founded.location, desk.sealing_key.parent
    own = ("--keys", keys, "--reason", "asked")
    assert run(capsys, "erase", location, desk.action, EMAIL_PATH, *own)[0] == 0
    _, out, _ = run(capsys, "show", location, desk.action)
    assert f"  {EMAIL_PATH}: erased\n" in out
    assert "  /params/customer/lines/0: withheld" in out
    assert "sealed values" not in run(capsys, "show", location, "0")[1]
