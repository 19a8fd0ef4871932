"""`writ verify --attest` and `--check-attestation`: files, keys, exit codes and words."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ledger.encoding import digest, from_base64
from ledger.signing import FileKey
from tests.verifier.forge import ORIGIN, Desk, witness_of
from writ.application import answer


@dataclass(frozen=True)
class Place:
    """A folder with a ledger, its trust file, and an auditor's key."""

    folder: Path
    desk: Desk
    public: str

    def path(self, name: str) -> str:
        """Return the path of a file in it."""
        return str(self.folder / name)

    def attest(self, *more: str, ledger: str = "l.db", out: str = "a.json") -> list[str]:
        """Return the command that attests."""
        return [
            *self.verify(ledger),
            *("--attest", self.path("auditor.key")),
            *("--attestation", self.path(out)),
            *more,
        ]

    def check(self, *more: str, ledger: str = "l.db", file: str = "a.json") -> list[str]:
        """Return the command that checks."""
        return [
            *self.verify(ledger),
            *("--check-attestation", self.path(file)),
            *("--attest-key", self.public),
            *more,
        ]

    def verify(self, ledger: str) -> list[str]:
        """Return the command that verifies."""
        return ["verify", self.path(ledger), "--trust", self.path("trust.json")]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A ledger without violations, attested."""
    folder = tmp_path_factory.mktemp("attesting")
    desk = Desk()
    desk.paid()
    desk.sign_head()
    desk.save(folder / "l.db")
    trust = {"v": 1, "origin": ORIGIN, "genesis": desk.genesis, "note": "of a test"}
    (folder / "trust.json").write_text(json.dumps(trust), "utf-8")
    key = FileKey.create(folder / "auditor.key", b"\7" * 32)
    made = Place(folder, desk, key.public_key.hex())
    assert answer(made.attest()) == 0
    return made


def said(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> tuple[int, str, str]:
    """Run a command; return exit code, stdout and stderr."""
    capsys.readouterr()
    code = answer(arguments)
    found = capsys.readouterr()
    return code, found.out, found.err


def test_what_was_attested_is_checked(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """In words, and for a program; and the report is written as ever."""
    code, out, err = said(capsys, place.attest(out="again.json"))
    assert code == 0
    assert out.startswith("Integrity: HOLDS · trust: pinned")
    assert place.public in err
    code, out, _ = said(capsys, place.check())
    assert code == 0
    size = len(place.desk.headers)
    assert out.startswith(f"Attestation: HOLDS · attested at size {size}, no entry since\n")
    assert "is the attested one" in out
    code, out, _ = said(capsys, place.check("--format", "json", "--engine", "rows"))
    body: dict[str, Any] = json.loads(out)
    assert code == 0
    assert (body["schema"], body["holds"], body["code"]) == (
        "writ/attestation-check/v1",
        True,
        "",
    )
    assert (body["keys"], body["since"], body["report_compared"]) == ([place.public], 0, True)
    assert body["attested"]["ledger"]["size"] == size


def test_the_digest_is_of_the_report_that_is_written(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """Anybody makes it of `--format json`, without its envelope."""
    _, out, _ = said(capsys, [*place.verify("l.db"), "--format", "json"])
    body = {name: value for name, value in json.loads(out).items() if name != "envelope"}
    text = json.dumps(body, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    envelope = json.loads(Path(place.path("a.json")).read_bytes())
    predicate = json.loads(from_base64(envelope["payload"]))["predicate"]
    assert predicate["report"]["sha256"] == digest(text.encode())
    trust = Path(place.path("trust.json")).read_bytes()
    assert predicate["trust"]["sha256"] == digest(trust)


def test_a_ledger_that_grew(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """The attested head is still held; what came since was not attested, and is answered for."""
    desk = Desk()
    desk.paid()
    desk.sign_head()
    desk.paid(look=False)
    desk.sign_head()
    desk.save(place.folder / "grown.db")
    code, out, _ = said(capsys, place.check(ledger="grown.db"))
    since = len(desk.headers) - len(place.desk.headers)
    assert f"attested at size {len(place.desk.headers)}, {since} entries since" in out
    assert "was not compared: the ledger has grown" in out
    assert (code, "Answer now: 1" in out) == (1, True)


def test_a_bundle_is_the_ledger_too(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """One that withholds nothing has the same report, and so the same attestation."""
    out = place.path("bundle")
    assert answer(["export", place.path("l.db"), "--out", out, "--tiles"]) == 0
    assert said(capsys, place.check(ledger="bundle"))[0] == 0
    tiles = ["verify", f"{out}/tiles", *place.check()[2:]]
    assert said(capsys, tiles)[0] != 0


def test_what_does_not_hold(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 1, with the code in both forms; 4 where it cannot be read at all."""
    cut = Desk()
    cut.sign_head()
    cut.save(place.folder / "cut.db")
    code, out, _ = said(capsys, place.check(ledger="cut.db"))
    assert (code, out.split(":")[1].strip()) == (1, "DOES NOT HOLD · attestation.truncated")
    code, out, _ = said(capsys, place.check("--format", "json", ledger="cut.db"))
    body = json.loads(out)
    assert (code, body["holds"], body["code"]) == (1, False, "attestation.truncated")
    assert body["attested"]["exit_code"] == 0
    stranger = FileKey.create(place.folder / "stranger.key", b"\6" * 32).public_key.hex()
    code, out, _ = said(capsys, [*place.check()[:-1], stranger])
    assert (code, "attestation.signature" in out) == (1, True)
    code, _, err = said(capsys, place.check(file="missing.json"))
    assert (code, "attestation.unreadable" in err) == (4, True)
    code, _, err = said(capsys, place.check(file="trust.json"))
    assert (code, "attestation.malformed" in err) == (4, True)


def test_integrity_alone(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """It passes where integrity alone is asked for, and there only."""
    assert said(capsys, place.attest("--integrity", out="alone.json"))[0] == 0
    code, out, _ = said(capsys, place.check(file="alone.json"))
    assert (code, "attestation.scope" in out) == (1, True)
    code, out, _ = said(capsys, place.check("--integrity", file="alone.json"))
    assert (code, "NOT JUDGED: integrity alone was attested" in out) == (0, True)
    code, out, _ = said(capsys, place.check("--integrity"))
    assert (code, "no record was decided again now" in out) == (0, True)


def test_several_keys_and_a_passphrase(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each signs the same statement, and each that is named must have."""
    monkeypatch.setenv("WRIT_PASSPHRASE", "correct horse battery")
    second = FileKey.create(
        place.folder / "second.key", b"\5" * 32, lambda _path: b"correct horse battery"
    )
    both = place.attest("--attest", place.path("second.key"), out="both.json")
    assert said(capsys, both)[0] == 0
    named = place.check("--attest-key", second.public_key.hex(), file="both.json")
    code, out, _ = said(capsys, named)
    assert (code, out.count("signed by the key")) == (0, 2)
    code, out, _ = said(capsys, place.check("--attest-key", second.public_key.hex()))
    assert (code, "attestation.signature" in out) == (1, True)
    code, _, err = said(capsys, place.attest("--attest", place.path("auditor.key"), out="x.json"))
    assert (code, "twice" in err) == (2, True)
    monkeypatch.setenv("WRIT_PASSPHRASE", "another one, and wrong")
    code, _, err = said(capsys, both)
    assert (code, "key.passphrase-wrong" in err) == (4, True)


def test_whoever_keeps_the_ledger_cannot_vouch_for_it(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """No key of the ledger's own attests it: none of a writer or a head, and no root key."""
    for name in ("head", "agent", "root"):
        FileKey.create(place.folder / f"{name}.key", digest(name.encode()).encode()[:32])
        arguments = [
            *place.verify("l.db"),
            *("--attest", place.path(f"{name}.key")),
            *("--attestation", place.path("own.json")),
        ]
        code, _, err = said(capsys, arguments)
        assert (code, "attestation.own-key" in err) == (1, True)
        assert not Path(place.path("own.json")).exists()


def test_a_broken_ledger_is_not_attested(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """The report says where it breaks; nothing is signed."""
    broken = Desk()
    broken.paid()
    broken.records[-1] = b"{}"
    broken.save(place.folder / "broken.db")
    code, out, err = said(capsys, place.attest(ledger="broken.db", out="broken.json"))
    assert (code, "Integrity: BROKEN" in out, "attestation.broken" in err) == (1, True, True)
    assert not Path(place.path("broken.json")).exists()
    code, out, _ = said(capsys, place.check(ledger="broken.db"))
    assert (code, "attestation.broken" in out) == (1, True)


def test_how_it_is_asked_for(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """Options that do not go together, and those by which a report would rest on more."""
    verify, key = place.verify("l.db"), place.path("auditor.key")
    pin = place.folder / "pin"
    pin.write_bytes(place.desk.notes[0][1])
    for arguments, code in (
        ([*verify, "--attest", key], "attestation.out"),
        ([*verify, "--attestation", place.path("x.json")], "attestation.out"),
        ([*verify, "--check-attestation", place.path("a.json")], "attestation.key"),
        ([*verify, "--attest-key", place.public], "attestation.key"),
        (place.attest("--check-attestation", place.path("a.json")), "attestation.what"),
        ([*verify[:2], *place.attest()[4:]], "attestation.no-trust"),
        ([*verify[:2], *place.check()[4:]], "attestation.no-trust"),
        (place.attest("--at", "2026-03-01T09:00:00Z"), "attestation.inputs"),
        (place.check("--at", "2026-03-01T09:00:00Z"), "attestation.inputs"),
        (place.attest("--checkpoint", str(pin)), "attestation.inputs"),
        (place.attest("--receipts", str(pin)), "attestation.inputs"),
        (place.attest("--unseal", key), "attestation.inputs"),
        (place.attest("--disclosures", key), "attestation.inputs"),
        ([*place.check()[:-1], "ab"], "attestation.key"),
        ([*place.check()[:-1], "01" + "00" * 31], "attestation.key"),
    ):
        found = said(capsys, arguments)
        assert (found[0], code in found[2]) == (2, True), arguments
    assert not Path(place.path("x.json")).exists()


def test_cosignatures_are_as_old_as_they_were(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was attested with young cosignatures is the same statement when they are old."""
    desk = Desk()
    desk.paid()
    desk.sign_head()
    now = 1_772_000_000
    desk.cosign("w1.example", now - 10)
    desk.save(tmp_path / "l.db")
    trust = {
        "v": 1,
        "origin": ORIGIN,
        "genesis": desk.genesis,
        "note": "",
        "witnesses": [str(witness_of("w1.example"))],
        "max_age": 60,
    }
    (tmp_path / "trust.json").write_text(json.dumps(trust), "utf-8")
    key = FileKey.create(tmp_path / "auditor.key", b"\7" * 32)
    place = Place(tmp_path, desk, key.public_key.hex())
    monkeypatch.setattr("writ.commands.verify.time.time", lambda: float(now))
    assert said(capsys, place.attest())[0] == 0
    monkeypatch.setattr("writ.commands.verify.time.time", lambda: float(now + 10_000))
    assert said(capsys, place.verify("l.db"))[0] == 3
    code, out, _ = said(capsys, place.check())
    assert (code, "is the attested one" in out) == (0, True)
