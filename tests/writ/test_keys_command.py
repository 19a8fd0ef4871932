"""`writ init` and `writ keys`: authority changed offline, and nothing secret in what is said."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.founding import key_path
from ledger.keys import fingerprint
from ledger.signing import FileKey
from tests.writ.test_cli import SOURCE
from writ import cli

Run = Callable[..., tuple[int, str, str]]
SECRET = "correct horse battery"
SAMPLES = Path(__file__).resolve().parents[2]


@pytest.fixture
def writ(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run a command in an empty folder; whatever it says, none of it may be secret."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("WRIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WRIT_PASSPHRASE", SECRET)
    monkeypatch.setenv("WRIT_DEBUG", "1")

    def run(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        code = cli.run([str(argument) for argument in arguments])
        said = capfd.readouterr()
        for text in (said.out, said.err):
            assert "horse" not in text
            assert "PRIVATE KEY" not in text
        return code, said.out, said.err

    return run


def public(file: Path) -> str:
    """Return the public key of a file."""
    return FileKey.load(file, lambda _path: SECRET.encode()).public_key.hex()


def named(file: Path) -> str:
    """Return the fingerprint of a file's key."""
    return fingerprint(bytes.fromhex(public(file)))


@pytest.fixture
def roots(writ: Run) -> list[Path]:
    """Three root keys, each somebody's own."""
    files = [Path(f"root{number}.pem") for number in range(3)]
    for file in files:
        code, out, _ = writ("keys", "new", "--out", file)
        assert (code, named(file) in out, public(file) in out) == (0, True, True)
    return files


@pytest.fixture
def ledger(writ: Run, roots: list[Path]) -> str:
    """A ledger that was founded by two of three."""
    held = [part for root in roots for part in ("--root", public(root))]
    code, *_ = writ(
        "init", "l.db", "--origin", "example.com/l", *held, "--threshold", 2,
        "--owner", "anna", "--approver", "bob", "--out", "first",
    )  # fmt: skip
    assert code == 0
    assert not Path("l.db").exists()
    signed_and_applied(writ, "first", roots[2], roots[0])
    return "l.db"


def signed_and_applied(writ: Run, file: str, *signers: Path) -> None:
    """Have these sign a proposal, and append it."""
    for signer in signers:
        assert writ("keys", "sign", file, "--key", signer)[0] == 0
    code, out, err = writ("keys", "apply", "l.db", file)
    assert code == 0, out + err


def holds(writ: Run) -> bool:
    """Return whether the ledger verifies."""
    return "Integrity: HOLDS" in writ("verify", "l.db")[1]


def test_two_of_three_found_a_ledger(writ: Run, ledger: str) -> None:
    """Listed as founded; and it verifies."""
    code, out, _ = writ("keys", "list", ledger)
    assert code == 0
    assert "root keys: 2 of 3 sign" in out
    assert "owner bob; roles activator, approver" in out
    assert holds(writ)


def test_one_of_three_is_not_enough(writ: Run, ledger: str, roots: list[Path]) -> None:
    """Nothing is appended, and what is missing is said."""
    assert writ("keys", "propose", ledger, "--out", "p", "--threshold", 3)[0] == 0
    assert writ("keys", "sign", "p", "--key", roots[0])[0] == 0
    before = Path(ledger).read_bytes()
    code, _, err = writ("keys", "apply", ledger, "p")
    assert code == 4
    assert "1 more root signatures are needed" in err
    assert Path(ledger).read_bytes() == before
    code, _, err = writ("keys", "sign", "p", "--key", roots[0])
    assert (code, "proposal.signed" in err) == (4, True)
    stranger = key_path(Path("l.db.keys"), "agent")
    assert "proposal.stranger" in writ("keys", "sign", "p", "--key", stranger)[2]


def test_a_proposal_is_applied_once_and_in_its_turn(
    writ: Run, ledger: str, roots: list[Path]
) -> None:
    """Neither again, nor after another one."""
    for name, who in (("p", "carol"), ("q", "dave")):
        code, out, _ = writ(
            "keys", "propose", ledger, "--out", name, "--add-identity", "clerk",
            "--owner", who, "--role", "agent",
        )  # fmt: skip
        assert (code, f"owner: {who}" in out) == (0, True)
    signed_and_applied(writ, "p", roots[0], roots[1])
    for signer in roots[1:]:
        assert writ("keys", "sign", "q", "--key", signer)[0] == 0
    for again in ("p", "q"):
        code, _, err = writ("keys", "apply", ledger, again)
        assert (code, "authority.sequence" in err) == (4, True)
    assert "owner carol; roles agent" in writ("keys", "list", ledger)[1]
    assert holds(writ)


def test_roots_rotate(writ: Run, ledger: str, roots: list[Path]) -> None:
    """The old ones sign the change, and nothing after it."""
    writ("keys", "new", "--out", "new.pem")
    fresh = Path("new.pem")
    assert writ("keys", "propose", ledger, "--out", "p", "--root", public(fresh),
                "--threshold", 1)[0] == 0  # fmt: skip
    signed_and_applied(writ, "p", roots[0], roots[1])
    assert writ("keys", "propose", ledger, "--out", "q", "--remove", "importer")[0] == 0
    assert "proposal.stranger" in writ("keys", "sign", "q", "--key", roots[0])[2]
    signed_and_applied(writ, "q", fresh)
    assert "importer" not in writ("keys", "list", ledger)[1]
    assert holds(writ)


def test_old_roots_cannot_forge_a_proposal(writ: Run, ledger: str) -> None:
    """A file that claims other roots is refused by the ledger, whoever signed it."""
    writ("keys", "new", "--out", "evil.pem")
    writ("keys", "propose", ledger, "--out", "p", "--remove", "importer")
    value = json.loads(Path("p").read_text("utf-8"))
    value.update(roots=[public(Path("evil.pem"))], threshold=1)
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    Path("p").write_text(text, "utf-8")
    assert writ("keys", "sign", "p", "--key", "evil.pem")[0] == 0
    code, _, err = writ("keys", "apply", ledger, "p")
    assert (code, "authority.signatures" in err) == (4, True)


def test_a_compromised_key(writ: Run, ledger: str, roots: list[Path]) -> None:
    """What it wrote since then is in doubt, and it writes no more."""
    agent = named(key_path(Path("l.db.keys"), "agent"))
    writ("keys", "new", "--out", "next.pem")
    code, out, _ = writ(
        "keys", "propose", ledger, "--out", "p", "--revoke", agent, "--compromised-since", 2,
        "--add-key", f"agent={public(Path('next.pem'))}",
    )  # fmt: skip
    assert (code, "from entry 2 on is in doubt" in out) == (0, True)
    signed_and_applied(writ, "p", roots[0], roots[1])
    out = writ("keys", "list", ledger)[1]
    assert f"{agent}, in doubt since entry 2" in out
    assert f"key {named(Path('next.pem'))} writes, since entry 3" in out
    assert holds(writ)


@pytest.mark.parametrize("name", ["steward", "head"])
def test_the_keys_that_append_rotate_themselves(
    writ: Run, ledger: str, roots: list[Path], name: str
) -> None:
    """The old key appends the change, and signs nothing after it."""
    old = named(key_path(Path("l.db.keys"), name))
    writ("keys", "new", "--out", "next.pem")
    swap = f"{old[:12]}={public(Path('next.pem'))}"
    assert writ("keys", "propose", ledger, "--out", "p", "--rotate", swap)[0] == 0
    signed_and_applied(writ, "p", roots[0], roots[1])
    assert old not in writ("keys", "list", ledger)[1]
    assert holds(writ)


def test_a_new_head_key_takes_over(writ: Run, ledger: str, roots: list[Path]) -> None:
    """With the document, or after it by the same command; heads are signed, and it holds."""
    old = named(key_path(Path("l.db.keys"), "head"))
    for name, signers in (("one", roots[:2]), ("two", roots[1:])):
        writ("keys", "new", "--out", f"{name}.pem")
        swap = f"{old[:12]}={public(Path(f'{name}.pem'))}"
        assert writ("keys", "propose", ledger, "--out", name, "--rotate", swap)[0] == 0
        for signer in signers:
            assert writ("keys", "sign", name, "--key", signer)[0] == 0
        code, _, err = writ("keys", "apply", ledger, name, "--head-key", roots[0])
        assert (code, "authority.head-key" in err) == (4, True)
        if name == "two":
            assert "--head-key" in writ("keys", "apply", ledger, name)[2]
        for _ in range(2):
            code, _, err = writ("keys", "apply", ledger, name, "--head-key", f"{name}.pem")
            assert (code, "signed the head" in err) == (0, True)
        old = named(Path(f"{name}.pem"))
        assert named(key_path(Path("l.db.keys"), "head")) == old
        out = writ("verify", ledger)[1]
        assert "Integrity: HOLDS" in out
    samples = SAMPLES / "data" / "samples" / "conversations.jsonl"
    assert writ("import", "transcripts", samples, "--ledger", "l.db", *SOURCE)[0] == 0
    assert holds(writ)


def test_a_delegation(writ: Run, ledger: str, roots: list[Path]) -> None:
    """Its window is listed; a time without zone is none."""
    window = ("--since", "2026-01-01T01:00:00+01:00", "--until", "2027-01-01T00:00:00Z")
    code, *_ = writ("keys", "propose", ledger, "--out", "p", "--delegate", "agent=anna", *window)
    assert code == 0
    signed_and_applied(writ, "p", roots[0], roots[1])
    told = "acts for anna from 2026-01-01T00:00:00.000000Z to 2027-01-01T00:00:00.000000Z"
    assert told in writ("keys", "list", ledger)[1]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--add-identity", "x"], "propose.identity"),
        (["--owner", "x"], "propose.identity"),
        (["--add-key", "agent"], "propose.pair"),
        (["--compromised-since", "1"], "propose.revoke"),
        (["--since", "2026-01-01"], "propose.window"),
        (["--delegate", "agent=x", "--since", "soon"], "propose.time"),
        (["--delegate", "agent=x", "--since", "2026-01-01"], "propose.time"),
        (["--remove", "nobody"], "authority.amendment"),
        ([], "authority.amendment"),
        (["--threshold", "9"], "proposal.malformed"),
    ],
)
def test_what_cannot_be_proposed(writ: Run, ledger: str, options: list[str], code: str) -> None:
    """Half a wish, and one that cannot be: no file is made."""
    exit_code, _, err = writ("keys", "propose", ledger, "--out", "p", *options)
    assert (exit_code in {2, 4}, f"writ: {code}" in err) == (True, True)
    assert not Path("p").exists()


def test_roots_that_are_made_here(writ: Run) -> None:
    """Several in a folder of their own; an import then goes on with such a ledger."""
    code, out, err = writ(
        "init", "l.db", "--origin", "example.com/l", "--roots", 3, "--threshold", 2,
        "--roots-dir", "safe", "--owner", "anna", "--approver", "bob",
    )  # fmt: skip
    assert (code, out.startswith("genesis ")) == (0, True)
    assert "root-3.pem" in err
    assert len(list(Path("safe").glob("*.pem"))) == 3
    samples = SAMPLES / "data" / "samples" / "conversations.jsonl"
    assert writ("import", "transcripts", samples, "--ledger", "l.db", *SOURCE)[0] == 0
    assert holds(writ)


@pytest.mark.parametrize(
    "options",
    [
        ["--owner", "a", "--approver", "a"],
        ["--owner", "a", "--approver", "b", "--threshold", "2"],
        ["--owner", "a", "--approver", "b", "--root", "00" * 32],
        ["--owner", "a", "--approver", "b", "--root", "00" * 32, "--out", "p", "--roots", "1"],
        ["--owner", "a", "--approver", "b", "--root", "00" * 32, "--out", "p"],
    ],
)
def test_what_cannot_be_founded(writ: Run, options: list[str]) -> None:
    """Neither ledger nor proposal nor keys are there after it."""
    assert writ("init", "l.db", "--origin", "example.com/l", *options)[0] in {2, 4}
    assert not list(Path().iterdir())


def test_another_passphrase(writ: Run, roots: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Changed by the environment; the old one then opens nothing, and is not told."""
    monkeypatch.setenv("WRIT_NEW_PASSPHRASE", "another horse battery")
    assert writ("keys", "passwd", roots[0])[0] == 0
    code, _, err = writ("keys", "public", roots[0])
    assert (code, "key.passphrase-wrong" in err) == (4, True)
    monkeypatch.delenv("WRIT_PASSPHRASE")
    code, _, err = writ("keys", "public", roots[0])
    assert (code, "key.passphrase-missing" in err) == (4, True)
    monkeypatch.setenv("WRIT_PASSPHRASE", "another horse battery")
    assert writ("keys", "passwd", roots[0], "--plain")[0] == 0
    assert b"ENCRYPTED" not in roots[0].read_bytes()
