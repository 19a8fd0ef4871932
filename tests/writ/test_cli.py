"""The command line: what each command prints, where, and what it answers with."""

import gzip
import json
import os
import re
import stat
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from tests.verifier.forge import Desk
from tests.writ.conftest import Run
from verifier.report import ExitCode
from writ.output import data

SAMPLES = Path(__file__).resolve().parents[2] / "data" / "samples"
CONVERSATIONS = SAMPLES / "conversations.jsonl"
SOURCE = ("--contract", SAMPLES / "contract.yaml", "--profile", SAMPLES / "profile.yaml")


@pytest.fixture
def imported(writ: Run) -> str:
    """A ledger of the samples, and its trust file beside it."""
    code, out, _ = writ("import", "transcripts", CONVERSATIONS, "--ledger", "my.db", *SOURCE)
    assert code == 0, out
    return "my.db"


# ------------------------------------------------------------------------------- import


def test_import_makes_a_ledger_and_its_keys(imported: str, writ: Run) -> None:
    """New keys are the owner's alone, and the trust file says what it is worth."""
    keys = sorted(Path(f"{imported}.keys").glob("*.pem"))
    assert {key.stem for key in keys} >= {"root", "head", "steward", "importer"}
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}
    assert "proves nothing" in json.loads(Path("my.db.trust.json").read_text("utf-8"))["note"]
    assert writ("verify", imported, "--trust", "my.db.trust.json")[0] == ExitCode.VIOLATED


def test_import_again_adds_nothing(imported: str, writ: Run) -> None:
    """The same conversations are recognised, and the contract is not activated again."""
    before = writ("verify", imported, "--format", "json")[1]
    code, out, _ = writ("import", "transcripts", CONVERSATIONS, "--ledger", imported, *SOURCE)
    assert code == 0
    assert "Imported 0 conversations: 0 records" in out
    assert "6 conversations were in the ledger already" in out
    after = writ("verify", imported, "--format", "json")[1]
    kinds = [json.loads(text)["conformance"]["records"] for text in (before, after)]
    assert kinds[0] == kinds[1]


def test_import_of_what_cannot_be_read(writ: Run) -> None:
    """A line that is lost is reported with file and line, and the exit code says so."""
    broken = Path("broken.jsonl")
    broken.write_text('{"messages": []}\nnonsense\n', "utf-8")
    code, out, _ = writ("import", "transcripts", broken, "--ledger", "my.db", *SOURCE)
    assert code == ExitCode.VIOLATED
    assert "broken.jsonl:2: import.not-json" in out


def test_import_says_which_tools_nobody_guards(writ: Run) -> None:
    """Tools that the contract does not know are listed with their calls."""
    call = {"id": "1", "type": "function", "function": {"name": "drop_table", "arguments": "{}"}}
    messages = [{"role": "assistant", "content": None, "tool_calls": [call]}]
    source = Path("one.jsonl")
    source.write_text(json.dumps({"id": "x", "messages": messages}) + "\n", "utf-8")
    code, out, _ = writ("import", "transcripts", source, "--ledger", "my.db", *SOURCE)
    assert code == ExitCode.HOLDS
    assert "drop_table: 1 calls (by its name it may change something)" in out


def test_import_reads_before_it_writes(writ: Run) -> None:
    """A missing file, a bad contract or a profile for another service: no ledger is made."""
    contract, profile = Path("c.yaml"), Path("p.yaml")
    contract.write_text("contract: x\n", "utf-8")
    profile.write_text("profile: x\nservice: spiffe://other.example/x\n", "utf-8")
    files = ("import", "transcripts", CONVERSATIONS, "--ledger", "my.db")
    good = ("--contract", SAMPLES / "contract.yaml"), ("--profile", SAMPLES / "profile.yaml")
    for arguments, code in (
        ((*files, "--contract", contract, *good[1]), "contract.invalid"),
        ((*files, "--contract", "none.yaml", *good[1]), "contract.unreadable"),
        ((*files, *good[0], "--profile", profile), "import.service"),
        ((*files, *good[0], "--profile", "none.yaml"), "file.unusable"),
        (("import", "transcripts", "no.jsonl", *files[3:], *SOURCE), "import.unreadable"),
    ):
        answer, out, err = writ(*arguments)
        assert (answer, out) == (ExitCode.UNREADABLE, "")
        assert f"writ: {code}: " in err
    assert not Path("my.db").exists()


def test_import_never_reuses_a_version(imported: str, writ: Run) -> None:
    """A changed contract under its old version is refused, under a new one it is in force."""
    changed = Path("changed.yaml")
    text = (SAMPLES / "contract.yaml").read_text("utf-8") + "\n# changed\n"
    changed.write_text(text, "utf-8")
    again = ("import", "transcripts", CONVERSATIONS, "--ledger", imported)
    source = ("--contract", changed, "--profile", SAMPLES / "profile.yaml")
    code, _, err = writ(*again, *source)
    assert code == ExitCode.UNREADABLE
    assert "contract.version" in err
    changed.write_text(text.replace("version: 1.0.0", "version: 1.0.1"), "utf-8")
    code, _, err = writ(*again, *source)
    assert code == ExitCode.HOLDS
    assert "1.0.1 is in force" in err


def test_import_keeps_other_trust_files(imported: str, writ: Run) -> None:
    """The trust file of another ledger is never overwritten."""
    other = Path("other.json")
    other.write_text("{}", "utf-8")
    again = ("import", "transcripts", CONVERSATIONS, "--ledger", imported, *SOURCE)
    assert "is no trust file" in writ(*again, "--trust-out", other)[2]
    pinned = json.loads(Path("my.db.trust.json").read_text("utf-8"))
    other.write_text(json.dumps({**pinned, "genesis": "ab" * 32}), "utf-8")
    code, _, err = writ(*again, "--trust-out", other)
    assert code == ExitCode.UNREADABLE
    assert "another ledger" in err


def test_import_to_a_url_wants_a_place_for_keys(writ: Run, tmp_path: Path) -> None:
    """Beside a database there is no folder: keys and trust file have to be named."""
    url = f"sqlite:///{tmp_path}/url.db"
    files = ("import", "transcripts", CONVERSATIONS, "--ledger", url, *SOURCE)
    assert "import.trust" in writ(*files)[2]
    assert "import.keys" in writ(*files, "--trust-out", "trust.json")[2]
    code, _, _ = writ(*files, "--keys", "keys", "--trust-out", "trust.json")
    assert code == ExitCode.HOLDS
    assert writ("verify", url, "--trust", "trust.json")[0] == ExitCode.VIOLATED


def test_owner_and_approver_are_two(writ: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who activates a contract is not who answers for its author."""
    monkeypatch.setenv("WRIT_OWNER", "Mara")
    monkeypatch.setenv("WRIT_APPROVER", "Mara")
    code, _, err = writ("import", "transcripts", CONVERSATIONS, "--ledger", "a.db", *SOURCE)
    assert code == ExitCode.USAGE
    assert "import.owner" in err


def test_import_of_half_a_download(writ: Run) -> None:
    """A gzip file that ends too early has lost conversations, wherever it was cut."""
    whole = gzip.compress(CONVERSATIONS.read_bytes())
    Path("cut.gz").write_bytes(whole[:5])
    code, out, _ = writ("import", "transcripts", "cut.gz", "--ledger", "my.db", *SOURCE)
    assert code == ExitCode.VIOLATED
    assert "import.truncated-gzip: 1" in out


def test_import_of_a_list_that_is_no_json_lines(writ: Run) -> None:
    """What the form has to be is said once, and not only once for each line."""
    Path("list.json").write_text("[\n  {}\n]\n", "utf-8")
    _, out, _ = writ("import", "transcripts", "list.json", "--ledger", "my.db", *SOURCE)
    assert "have to be JSON Lines" in out


def test_import_looks_where_it_will_write(writ: Run) -> None:
    """Where the keys, the ledger or the trust file cannot go, nothing is made at all."""
    given = ("import", "transcripts", CONVERSATIONS, *SOURCE, "--ledger")
    assert "ledger.folder" in writ(*given, "none/my.db")[2]
    assert "trust.folder" in writ(*given, "my.db", "--trust-out", "none/t.json")[2]
    Path("my.db.trust.json").write_text("{}", "utf-8")
    assert "trust.other" in writ(*given, "my.db")[2]
    Path("my.db.trust.json").unlink()
    assert not list(Path().iterdir())
    Path("my.db.keys").mkdir()
    Path("my.db.keys/root.pem").touch()
    assert "ledger.keys" in writ(*given, "my.db")[2]
    assert "is not a file" in writ("import", "transcripts", ".", *given[3:], "my.db")[2]


def test_a_misspelt_profile(writ: Run) -> None:
    """Each error has its place and, where a key is near, a suggestion."""
    text = (SAMPLES / "profile.yaml").read_text("utf-8").replace("\nclock:", "\nclok:")
    Path("profile.yaml").write_text(text, "utf-8")
    given = (
        "--ledger",
        "my.db",
        "--contract",
        SAMPLES / "contract.yaml",
        "--profile",
        "profile.yaml",
    )
    code, _, err = writ("import", "transcripts", CONVERSATIONS, *given)
    assert code == ExitCode.UNREADABLE
    assert re.search(r"profile\.yaml:\d+:1: profile\.unknown-key: .*did you mean `clock`", err)


# ------------------------------------------------------------------------------- verify


def test_verify_as_text_and_as_json(imported: str, writ: Run) -> None:
    """Data goes to stdout or the file, messages to stderr; json is the same for the same bytes."""
    code, out, err = writ("verify", imported)
    assert code == ExitCode.VIOLATED
    assert out.startswith("Integrity: HOLDS · trust: self-asserted")
    assert "no trust file" in err
    code, out, err = writ(
        "verify", imported, "--trust", "my.db.trust.json", "--format", "json", "--out", "r.json"
    )
    assert (out, err) == ("", "")
    report = json.loads(Path("r.json").read_text("utf-8"))
    assert report["envelope"]["ledger"] == imported
    again = json.loads(
        writ("verify", imported, "--trust", "my.db.trust.json", "--format", "json")[1]
    )
    assert report.pop("envelope")
    assert again.pop("envelope")
    assert report == again
    assert len(report["findings"]) >= 3


def test_a_good_ledger_exits_zero(writ: Run) -> None:
    """It holds, and nothing is violated."""
    desk = Desk()
    desk.paid()
    desk.sign_head()
    desk.save(Path("desk.db"))
    assert writ("verify", "desk.db")[0] == ExitCode.HOLDS


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["verify", "none.db"], ExitCode.UNREADABLE, "store.unusable"),
        (["verify", "none.db", "--trust", "none.json"], ExitCode.UNREADABLE, "trust.unreadable"),
        (["verify", "none.db", "--format", "pdf"], ExitCode.USAGE, "format.unknown"),
        (["verify"], ExitCode.USAGE, "usage"),
        (["nonsense"], ExitCode.USAGE, "usage"),
        (["verify", "a.db", "--frmat", "json"], ExitCode.USAGE, "--format"),
        (["proof", "a.db", "x"], ExitCode.USAGE, "INDEX"),
        ([], ExitCode.USAGE, "Usage: writ"),
        (["proof"], ExitCode.USAGE, "proof.what"),
        (["proof", "a.db", "1", "--check", "b"], ExitCode.USAGE, "proof.what"),
        (["proof", "--check", "b"], ExitCode.USAGE, "proof.trust"),
        (["show", "none.db", "1"], ExitCode.UNREADABLE, "store.unusable"),
        (["contract", "lint", "none.yaml"], ExitCode.UNREADABLE, "contract.unreadable"),
    ],
)
def test_what_cannot_be_done_is_said(
    arguments: list[str], code: int, words: str, writ: Run
) -> None:
    """A line with a stable code, on stderr, and never a traceback."""
    answer, out, err = writ(*arguments)
    assert (answer, out) == (code, "")
    assert words in err
    assert "Traceback" not in err


def test_a_trust_file_that_is_none(imported: str, writ: Run) -> None:
    """It is named, with what is wrong with it."""
    Path("bad.json").write_text("{}", "utf-8")
    code, _, err = writ("verify", imported, "--trust", "bad.json")
    assert code == ExitCode.UNREADABLE
    assert "trust.malformed: bad.json" in err


def test_findings_are_listed(imported: str, writ: Run) -> None:
    """One a line, and only those asked for."""
    code, out, _ = writ("findings", imported)
    assert code == ExitCode.VIOLATED
    assert len(out.splitlines()) == 3
    one = writ("findings", imported, "--rule", "policy.agreed")[1]
    assert "policy.agreed" in one
    assert len(one.splitlines()) == 1
    assert writ("findings", imported, "--run", "nobody")[1] == ""


def test_findings_that_were_handled(writ: Run) -> None:
    """They are asked for by a flag of their own, say how, and can be shown."""
    desk = Desk()
    run = desk.open_run()
    reason = {"rule": "policy.looked", "result": "violated", "effect": "deny"}
    denied = {"effect": "deny", "reasons": [reason]}
    desk.act(run, "pay", {"amount": 5}, decision=denied)
    desk.sign_head()
    desk.save(Path("desk.db"))
    for flags in ((), ("--undecidable",)):
        code, out, _ = writ("findings", "desk.db", *flags)
        assert (code, "policy.looked" in out) == (ExitCode.HOLDS, False)
    code, out, _ = writ("findings", "desk.db", "--handled")
    (line,) = out.splitlines()
    assert code == ExitCode.HOLDS
    assert line.endswith("pay  denied by the guard")
    shown = writ("show", "desk.db", line.split()[0])[1]
    assert '"handled": "denied by the guard"' in shown
    assert "--undecidable --handled" in writ("show", "desk.db", "F-0")[2]


# ------------------------------------------------------------------- show, proof, contract


def test_show_an_entry(imported: str, writ: Run) -> None:
    """By index or digest, with documents and contracts written open."""
    assert '"identities": [' in writ("show", imported, "1")[1]
    entry = writ("show", imported, "4")[1]
    found = re.search(r'"record": "([0-9a-f]{64})"', entry)
    assert found is not None
    assert writ("show", imported, found[1])[1] == entry
    assert "show.none" in writ("show", imported, "ab" * 32)[2]
    assert "show.which" in writ("show", imported, "what")[2]
    assert "contract: refund-desk" in "".join(
        writ("show", imported, str(index))[1] for index in range(8)
    )


def test_show_a_finding(imported: str, writ: Run) -> None:
    """With the entries that it rests on."""
    id_ = writ("findings", imported)[1].split()[0]
    code, out, _ = writ("show", imported, id_)
    assert code == ExitCode.HOLDS
    assert f"finding {id_}" in out
    assert '"kind": "action"' in out
    assert "show.none" in writ("show", imported, "F-0")[2]


def test_show_what_is_damaged(writ: Run) -> None:
    """Bytes that are not strict JSON are shown as they are; a missing record is missed."""
    desk = Desk()
    desk.records[2] = b"damaged"
    del desk.records[3]
    desk.save(Path("desk.db"))
    assert "b'damaged'" in writ("show", "desk.db", "2")[1]
    assert "not in this store" in writ("show", "desk.db", "3")[1]


def test_a_proof_is_made_and_checked(imported: str, writ: Run) -> None:
    """It holds with the trust file, and not when a byte of it is changed."""
    check = ("proof", "--check", "p", "--trust", "my.db.trust.json")
    assert writ("proof", imported, "12", "--out", "p")[0] == ExitCode.HOLDS
    code, out, _ = writ(*check)
    assert code == ExitCode.HOLDS
    assert out.startswith("PROVEN: entry 12 of ")
    raw = Path("p").read_bytes()
    Path("p").write_bytes(raw.replace(b"index 12", b"index 13"))
    code, out, _ = writ(*check)
    assert code == ExitCode.VIOLATED
    assert out.startswith("NOT PROVEN")
    Path("p").write_bytes(b"no proof")
    code, _, err = writ(*check)
    assert code == ExitCode.UNREADABLE
    assert "proof.malformed" in err


def test_a_proof_that_withholds_its_record(imported: str, writ: Run) -> None:
    """It holds, and says what it does not show."""
    assert writ("proof", imported, "12", "--withhold", "--out", "p")[0] == ExitCode.HOLDS
    code, out, _ = writ("proof", "--check", "p", "--trust", "my.db.trust.json")
    assert code == ExitCode.HOLDS
    assert "The record is withheld" in out
    assert "nonce" not in out


def test_a_proof_of_what_is_not_there(imported: str, writ: Run) -> None:
    """An entry that does not exist, and one that no head covers, have no proof."""
    assert "proof.index" in writ("proof", imported, "9999")[2]
    desk = Desk()
    desk.save(Path("desk.db"))
    assert "proof.head" in writ("proof", "desk.db", "1")[2]


def test_lint_and_explain(writ: Run) -> None:
    """A good contract has no errors, a bad one is an error with its place, a rule can be picked."""
    assert writ("contract", "lint", SAMPLES / "contract.yaml")[0] == ExitCode.HOLDS
    bad = Path("bad.yaml")
    bad.write_text(
        (SAMPLES / "contract.yaml").read_text("utf-8").replace("version: 1.0.0", "verison: 1.0.0"),
        "utf-8",
    )
    code, out, _ = writ("contract", "lint", bad)
    assert code == ExitCode.VIOLATED
    assert re.search(r"bad\.yaml:\d+:\d+: ", out)
    code, out, _ = writ("contract", "explain", SAMPLES / "contract.yaml", "--rule", "policy.agreed")
    assert code == ExitCode.HOLDS
    assert "policy.agreed" in out
    assert "\n      sql  " in out
    assert "\n      sql  " not in writ("contract", "explain", SAMPLES / "contract.yaml")[1]
    assert "-- an outline" in writ("contract", "explain", SAMPLES / "contract.yaml", "--sql")[1]
    shown = ("contract", "explain", SAMPLES / "contract.yaml", "--rule", "policy.agreed")
    assert "\n      sql  " not in writ(*shown, "--no-sql")[1]
    assert (
        "rule.unknown" in writ("contract", "explain", SAMPLES / "contract.yaml", "--rule", "x")[2]
    )
    bad.write_bytes(b"\xff")
    assert "contract.encoding" in writ("contract", "lint", bad)[2]


def test_a_contract_over_a_shared_policy(writ: Run) -> None:
    """Paths lead from the contract's file; an error is told in the file that it is in."""
    policy = 'policy: base\nrules:\n  - {id: base, for: "*", when: "action.index < 0"}\n'
    Path("shared").mkdir()
    Path("shared", "base.yaml").write_text(policy, "utf-8")
    Path("contracts").mkdir()
    path, text = Path("contracts", "desk.yaml"), (SAMPLES / "contract.yaml").read_text("utf-8")
    named = f"{{policy: ../shared/base.yaml, digest: {sha256(policy.encode()).hexdigest()}}}"
    path.write_text(f"{text}extends: [{named}]\n", "utf-8")
    code, out, _ = writ("contract", "explain", path, "--rule", "policy.base")
    assert code == ExitCode.HOLDS
    assert "(shared/base.yaml:3)" in out
    code, out, _ = writ("contract", "explain", path, "--rule", "policy.agreed")
    assert "(contracts/desk.yaml:" in out
    Path("shared", "base.yaml").write_text(f"{policy}# changed\n", "utf-8")
    code, out, _ = writ("contract", "lint", path)
    assert code == ExitCode.VIOLATED
    assert re.search(r"contracts/desk\.yaml:\d+:\d+: error: extends\.digest: shared/base", out)


# --------------------------------------------------------------------- doctor and settings


def test_doctor(imported: str, writ: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what is installed, what is set and by whom, and how the ledger is."""
    Path("writ.toml").write_text('in_full = 2\nformat = "json"\n', "utf-8")
    monkeypatch.setenv("WRIT_FORMAT", "text")
    code, out, _ = writ("doctor", imported)
    assert code == ExitCode.HOLDS, out
    (Path(f"{imported}.keys") / "root.pem").chmod(0o644)
    code, out, _ = writ("doctor", imported)
    assert code == ExitCode.VIOLATED
    assert "format = text  [WRIT_FORMAT]" in out
    assert re.search(r"in_full = 2  \[.*writ\.toml\]", out)
    assert "last signed head at size" in out
    assert "! root.pem mode 0644; others can read it" in out
    assert "proves nothing" in out
    assert "writ " in writ("version")[1]


def test_doctor_of_a_ledger_that_is_behind(writ: Run) -> None:
    """Entries without a head, a clock that went back and missing keys are warnings."""
    desk = Desk()
    desk.save(Path("none.db"))
    assert "no head was ever signed" in writ("doctor", "none.db")[1]
    desk.sign_head(size=1)
    made = desk.make("stream-close", "agent")
    desk.submit("agent", made, at="2199-01-01T00:00:00.000000Z")
    desk.save(Path("desk.db"))
    out = writ("doctor", "desk.db")[1]
    assert "! 2 entries after it stand under no signed head" in out or "entries after it" in out
    assert "appends will be refused" in out
    assert "no keys beside it" in out


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[", "settings.file"),
        ("nonsense = 1", "settings.unknown"),
        ("in_full = 'x'", "settings.number"),
    ],
)
def test_settings_that_are_none(text: str, code: str, imported: str, writ: Run) -> None:
    """A settings file that cannot be meant is refused, with what there is."""
    Path("writ.toml").write_text(text, "utf-8")
    answer, _, err = writ("verify", imported)
    assert answer == ExitCode.USAGE
    assert code in err


# --------------------------------------------------------------------------- all the rest


def test_a_defect_is_one_line(writ: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody foresaw exits 5 and says how to see more; with WRIT_DEBUG it shows where."""

    def fail() -> str:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("writ.commands.doctor.writ_version", fail)
    code, out, err = writ("version")
    assert (code, out) == (ExitCode.INTERNAL, "")
    assert "ZeroDivisionError: oops" in err
    assert "Traceback" not in err
    monkeypatch.setenv("WRIT_DEBUG", "1")
    assert "Traceback" in writ("version")[2]


def test_an_interruption(writ: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever stops it gets 130, and no traceback."""

    def stop() -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("writ.commands.doctor.writ_version", stop)
    assert writ("version") == (ExitCode.INTERRUPTED, "", "writ: interrupted\n")


def test_an_interruption_while_it_starts(writ: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before there is any command, too."""

    def stop(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("writ.application.answer", stop)
    assert writ("version") == (ExitCode.INTERRUPTED, "", "writ: interrupted\n")


def test_nothing_recorded_speaks_to_the_terminal(
    writ: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """What could hide a verdict is escaped, so that in JSON it means what it meant."""
    del writ
    data(json.dumps({"run": "\x1b[2K \x9b \u202e ü"}, ensure_ascii=False) + "\n")
    out = capsys.readouterr().out
    assert "\\u009b \\u202e ü" in out
    assert json.loads(out) == {"run": "\x1b[2K \x9b \u202e ü"}


def started(imported: str, arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    """Start the command as a shell does."""
    return subprocess.Popen(
        [sys.executable, "-m", "writ", *arguments.split(), imported],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2]), **environment},
    )


def test_files_are_utf8_whatever_the_locale(imported: str) -> None:
    """A report in a pipe is the same bytes everywhere."""
    with started(imported, "verify", PYTHONIOENCODING="latin-1", PYTHONUTF8="0") as process:
        out, _ = process.communicate()
    assert process.returncode == ExitCode.VIOLATED
    assert out.decode("utf-8").startswith("Integrity: HOLDS · trust: self-asserted")


def test_whoever_stops_reading_changes_no_answer(imported: str) -> None:
    """`writ contract explain FILE | head` is no violation, and a violation stays one."""
    for arguments, code in (("verify", ExitCode.VIOLATED), ("doctor", ExitCode.HOLDS)):
        with started(imported, arguments) as process:
            assert process.stdout is not None
            process.stdout.close()
        assert process.returncode == code


def test_the_module_is_the_command(tmp_path: Path) -> None:
    """`python -m writ` does what `writ` does; whoever stops reading is no failure."""
    done = subprocess.run(
        [sys.executable, "-m", "writ", "version"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("writ ")


def test_the_readme_program_runs(writ: Run) -> None:
    """What the README shows of the client is a whole program, and ends as it says."""
    readme = Path(__file__).resolve().parents[2] / "README.md"
    found = re.search(r"^```python\n(.*?)^```", readme.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert found is not None
    environment = {**os.environ, "PYTHONPATH": str(readme.parent)}
    subprocess.run([sys.executable, "-c", found[1]], check=True, env=environment)
    code, out, _ = writ("verify", "agent.db")
    assert code == ExitCode.UNDECIDABLE
    assert "coverage.no-contract" in out
