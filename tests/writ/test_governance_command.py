"""`writ contract publish`, `activate` and `services`: who may bind a service to what, and when."""

import hashlib
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from contracts import parse_contract
from contracts.history import Event
from contracts.instants import micros, moment, written
from contracts.versions import VersionHistory
from ledger.clock import format_time, system_clock
from ledger.founding import Founded, Founder, create_ledger, default_founders, open_founded
from ledger.records import Activation
from ledger.signing import FileKey
from ledger.store import Store
from tests.writ.conftest import Run
from verifier.load import verify_ledger
from verifier.report import ExitCode
from writ.errors import CommandError
from writ.governing import Governed, Wanted, activate, replaced, speaking

LEDGER = "l.db"
SERVICE = "spiffe://acme.example/l/desk"
DIGEST = "ab" * 32
TEXT = f"""\
contract: refunds
version: 1.0.0
identity: {{service: {SERVICE}, owner: maria@acme.example}}
scope: {{modes: [read]}}
policy: {{document: {{name: refund-policy, version: "7", digest: "{DIGEST}"}}}}
tools: {{orders.get: {{mode: read}}}}
"""


def written_contract(version: str = "1.0.0", old: str = "", new: str = "") -> Path:
    """A contract's file."""
    path = Path(f"{version}.yaml")
    path.write_text(TEXT.replace("1.0.0", version).replace(old, new), "utf-8")
    return path


@pytest.fixture
def founded(writ: Run) -> Founded:  # noqa: ARG001  (it makes the folder)
    """A ledger whose author and activator answer to different people."""
    desk = Founder("desk", ("agent", "activator"), "carol")
    founders = (*default_founders("anna", "bob"), desk, Founder("other", ("activator",), "anna"))
    return create_ledger(LEDGER, origin="acme.example/l", founders=founders)


def published(writ: Run, version: str = "1.0.0") -> None:
    """Have the author publish a version."""
    code, _, err = writ("contract", "publish", LEDGER, written_contract(version), "--yes")
    assert code == 0, err


def activated(writ: Run, version: str, *more: object) -> tuple[int, str, str]:
    """Ask for an activation."""
    wanted = ("--service", "desk", "--version", version, "--yes")
    return writ("contract", "activate", LEDGER, *wanted, *more)


def ahead(**length: int) -> str:
    """A time from now."""
    return format_time(system_clock() + timedelta(**length))


def states(writ: Run) -> dict[str, str]:
    """The state of each version."""
    code, out, _ = writ("contract", "services", LEDGER, "--json")
    assert code == 0
    return {one["version"]: one["state"] for one in json.loads(out)["versions"]}


def size() -> int:
    """How many entries the ledger has."""
    with Store.open(LEDGER) as store:
        return store.size()


@pytest.mark.usefixtures("founded")
def test_published_activated_and_verified(writ: Run) -> None:
    """Both records stand, the ledger holds, and doing it again changes nothing."""
    published(writ)
    assert states(writ) == {"1.0.0": "published"}
    code, out, _ = activated(writ, "1.0.0")
    assert (code, "is in force from" in out) == (0, True)
    report = verify_ledger(LEDGER)
    assert (report.exit_code(), report.integrity.invalid_records) == (ExitCode.HOLDS, 0)
    before = size()
    assert "is published: entry 3" in writ("contract", "publish", LEDGER, "1.0.0.yaml")[1]
    assert size() == before


@pytest.mark.usefixtures("founded")
def test_what_changes_is_shown(writ: Run) -> None:
    """Against the version that it takes over from."""
    published(writ)
    assert activated(writ, "1.0.0", "--effective-at", ahead(hours=1))[0] == 0
    changed = written_contract("1.1.0", "modes: [read]", "modes: [draft]")
    assert writ("contract", "publish", LEDGER, changed, "--yes")[0] == 0
    code, out, err = activated(writ, "1.1.0", "--effective-at", ahead(hours=2))
    assert (code, "NEWLY DENIED" in out, "scope.mode" in out) == (0, True, True), err
    assert states(writ) == {"1.0.0": "scheduled", "1.1.0": "scheduled"}
    _, _, err = activated(writ, "1.1.0", "--effective-at", ahead(minutes=90))
    assert "it lasts until" in err


@pytest.mark.usefixtures("founded")
def test_nothing_is_done_unasked(writ: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a terminal --yes is needed; at one, no is no."""
    before = size()
    code, _, err = writ("contract", "publish", LEDGER, written_contract())
    assert (code, "contract.confirm" in err, size()) == (2, True, before)

    def no(*_: object, **__: object) -> None:
        raise typer.Abort

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(typer, "confirm", no)
    assert writ("contract", "publish", LEDGER, "1.0.0.yaml")[0] == 130
    assert size() == before


@pytest.mark.usefixtures("founded")
def test_a_version_is_never_another_text(writ: Run) -> None:
    """Refused before anything is written, and said what to do."""
    published(writ)
    before = size()
    changed = written_contract("1.0.0", "maria@", "mario@")
    code, _, err = writ("contract", "publish", LEDGER, changed, "--yes")
    assert (code, "governance.refused" in err, "another `version`" in err) == (4, True, True)
    assert size() == before


@pytest.mark.parametrize(
    ("more", "code", "exit_code"),
    [
        (("--as", "author"), "append.not-entitled", 4),
        (("--as", "other"), "governance.refused", 4),
        (("--as", "desk"), "governance.refused", 4),
        (("--as", "nobody"), "ledger.identity", 4),
        (("--effective-at", "2020-01-01T00:00:00Z"), "activation.backdated", 4),
        (("--effective-at", "2020-01-01T00:00:00"), "activation.time", 2),
        (("--effective-at", "tomorrow"), "activation.time", 2),
        (("--version", "9.9.9"), "contract.unknown", 4),
        (("--service", "nothing"), "contract.service", 4),
    ],
)
@pytest.mark.usefixtures("founded")
def test_refused(writ: Run, more: tuple[str, ...], code: str, exit_code: int) -> None:
    """Role, the author's own owner, the service itself, past times, and what is not there."""
    published(writ)
    before = size()
    answer, _, err = activated(writ, "1.0.0", *more)
    assert (answer, f"writ: {code}: " in err) == (exit_code, True), err
    assert size() == before


@pytest.mark.usefixtures("founded")
def test_who_may_not_publish(writ: Run) -> None:
    """An activator is no author, and a text that is no contract is none."""
    more = ("--as", "activator", "--yes")
    code, _, err = writ("contract", "publish", LEDGER, written_contract(), *more)
    assert (code, "append.not-entitled" in err) == (4, True)
    Path("bad.yaml").write_text("contract: 1\n", "utf-8")
    code, _, err = writ("contract", "publish", LEDGER, "bad.yaml", "--yes")
    assert (code, "bad.yaml:1:" in err) == (4, True)


def test_a_key_of_ones_own(writ: Run, founded: Founded) -> None:
    """A key file says who speaks; a name beside it has to be the same one's, and known."""
    key = Path("mine.pem")
    (founded.keys_dir / "author.pem").rename(key)
    code, _, err = writ("contract", "publish", LEDGER, written_contract(), "--key", key, "--yes")
    assert code == 0, err
    (founded.keys_dir / "activator.pem").rename("bobs.pem")
    assert activated(writ, "1.0.0", "--key", "bobs.pem", "--as", "author")[0] == 2
    FileKey.create(Path("stranger.pem"), b"s" * 32)
    assert "key.stranger" in activated(writ, "1.0.0", "--key", "stranger.pem")[2]
    assert activated(writ, "1.0.0", "--key", "bobs.pem")[0] == 0


def test_a_ledger_whose_head_key_is_elsewhere(writ: Run, founded: Founded) -> None:
    """The record is written, and that no head was signed is said."""
    for name in ("head.pem", "head.memory"):
        (founded.keys_dir / name).rename(Path(name))
    code, _, err = writ("contract", "publish", LEDGER, written_contract(), "--yes")
    assert (code, "no head was signed" in err) == (0, True)


@pytest.mark.usefixtures("founded")
def test_of_two_at_one_time_the_later_entry_holds(writ: Run) -> None:
    """As the language says, also for what is shown as replaced."""
    at = ahead(hours=1)
    for version in ("1.0.0", "1.1.0"):
        published(writ, version)
        assert activated(writ, version, "--effective-at", at)[0] == 0
    with Store.open(LEDGER) as store:
        governed = Governed(store)
        wanted = Wanted(governed.published[SERVICE, "1.0.0"], system_clock() + timedelta(hours=2))
        found = replaced(governed, wanted, system_clock())
    assert found is not None
    assert found.version == "1.1.0"


def test_of_two_at_once_one_is_asked_again(writ: Run, founded: Founded) -> None:
    """Both saw the same version in force; whoever comes second is told that it is no longer."""
    for version in ("1.0.0", "1.1.0"):
        published(writ, version)

    def ask(name: str, version: str) -> str:
        with speaking(open_founded(LEDGER), name, None) as speaker:
            wanted = Wanted(Governed(speaker.store).published[SERVICE, version], None)
            try:
                activate(speaker, wanted, None)
            except CommandError as error:
                return error.code
        return "done"

    for name in ("head.pem", "head.memory"):
        (founded.keys_dir / name).rename(Path(name))
    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(ask, ("activator", "activator"), ("1.0.0", "1.1.0")))
    assert sorted(said) == ["activation.changed", "done"]


def test_a_backdated_one_that_was_recorded_all_the_same(writ: Run, founded: Founded) -> None:
    """The gate takes what a program hands in; it never holds, here as for the verifier."""
    published(writ)
    with speaking(founded, "activator", None) as speaker:
        record = Governed(speaker.store).published[SERVICE, "1.0.0"].record
        of = {"service": SERVICE, "version": "1.0.0", "digest": record.digest}
        at = "2020-01-01T00:00:00.000000Z"
        made = speaker.client.make(Activation, **of, effective_at=at, approved_by=())
        speaker.client.submit([made])
    assert states(writ) == {"1.0.0": "published"}
    assert verify_ledger(LEDGER).integrity.invalid_submissions == 1


SHARED = """\
policy: payments
document: {name: refund-policy, version: "7", digest: "%s"}
rules: [{id: %s, for: orders.get, when: 'params.id == "x"'}]
"""


def extending(version: str, rule: str = "no-x", *, at: str = "policies/shared.yaml") -> Path:
    """A contract that extends a shared policy, and the policy beside it."""
    shared = Path(at)
    shared.parent.mkdir(parents=True, exist_ok=True)
    shared.write_text(SHARED % (DIGEST, rule), "utf-8")
    named = hashlib.sha256(shared.read_bytes()).hexdigest()
    own = f'policy: {{document: {{name: refund-policy, version: "7", digest: "{DIGEST}"}}}}'
    return written_contract(version, own, f"extends: [{{policy: {at}, digest: {named}}}]")


@pytest.mark.usefixtures("founded")
def test_a_contract_that_extends(writ: Run) -> None:
    """What is published holds the shared text, and means the same where the file is not."""
    code, _, err = writ("contract", "publish", LEDGER, extending("1.0.0"), "--yes")
    assert code == 0, err
    assert activated(writ, "1.0.0")[0] == 0
    with Store.open(LEDGER) as store:
        found = Governed(store).published[SERVICE, "1.0.0"]
    shared = Path("policies/shared.yaml").read_text("utf-8")
    assert shared in parse_contract(found.record.text).clauses.shared.values()
    assert found.record.digest == hashlib.sha256(found.record.text.encode()).hexdigest()
    Path("policies/shared.yaml").unlink()
    contract = found.contract()
    assert contract is not None
    assert "policy.no-x" in {rule.id for rule in contract.rules}
    assert verify_ledger(LEDGER).exit_code() is ExitCode.HOLDS
    code, out, _ = writ("contract", "services", LEDGER, "--policy", DIGEST)
    assert (code, SERVICE in out) == (0, True)


@pytest.mark.usefixtures("founded")
def test_a_contract_that_extends_is_published_once(writ: Run) -> None:
    """Again: the same. A changed policy needs its new digest, and the contract a new version."""
    path = extending("1.0.0")
    assert writ("contract", "publish", LEDGER, path, "--yes")[0] == 0
    before = size()
    code, out, _ = writ("contract", "publish", LEDGER, path, "--yes")
    assert (code, "is published: entry" in out, size()) == (0, True, before)
    Path("policies/shared.yaml").write_text(SHARED % (DIGEST, "no-y"), "utf-8")
    code, _, err = writ("contract", "publish", LEDGER, path, "--yes")
    assert (code, "1.0.0.yaml:5:" in err, size()) == (4, True, before), err
    code, _, err = writ("contract", "publish", LEDGER, extending("1.0.0", "no-y"), "--yes")
    assert (code, "governance.refused" in err, size()) == (4, True, before), err
    code, out, err = writ("contract", "publish", LEDGER, extending("1.1.0", "no-y"), "--yes")
    assert (code, size() > before) == (0, True), err


@pytest.mark.usefixtures("founded")
def test_what_a_shared_policy_changes_is_shown(writ: Run) -> None:
    """A version that differs by its policy alone is told against the one in force."""
    assert writ("contract", "publish", LEDGER, extending("1.0.0"), "--yes")[0] == 0
    assert activated(writ, "1.0.0", "--effective-at", ahead(hours=1))[0] == 0
    assert writ("contract", "publish", LEDGER, extending("1.1.0", "no-y"), "--yes")[0] == 0
    code, out, err = activated(writ, "1.1.0", "--effective-at", ahead(hours=2))
    assert (code, "policy.no-x" in out, "policy.no-y" in out) == (0, True, True), err


@pytest.mark.usefixtures("founded")
def test_a_shared_policy_that_is_not_there(writ: Run) -> None:
    """Refused with the place that names it; nothing is written."""
    path, before = extending("1.0.0"), size()
    Path("policies/shared.yaml").unlink()
    code, _, err = writ("contract", "publish", LEDGER, path, "--yes")
    assert (code, "1.0.0.yaml:5:" in err, size()) == (4, True, before), err


@pytest.mark.usefixtures("founded")
def test_services_under_a_policy(writ: Run) -> None:
    """By digest, or by the document itself; what is under another is left out."""
    published(writ)
    assert writ("contract", "publish", LEDGER,
                written_contract("1.1.0", DIGEST, "cd" * 32), "--yes")[0] == 0  # fmt: skip
    code, out, _ = writ("contract", "services", LEDGER, "--policy", DIGEST)
    assert (code, SERVICE in out, "1.0.0" in out, "1.1.0" in out) == (0, True, True, False)
    Path("policy.md").write_text("other", "utf-8")
    code, out, _ = writ("contract", "services", LEDGER, "--policy", "policy.md")
    assert (code, out) == (0, "no version is under this policy document\n")
    assert writ("contract", "services", LEDGER, "--policy", "7")[0] == 2


START = micros("2026-03-01T09:00:00Z") or 0
LINE = st.tuples(st.integers(-3, 6), st.booleans())


@given(st.lists(LINE, max_size=8), st.integers(0, 12))
def test_what_is_in_force_at_a_time(lines: list[tuple[int, bool]], asked: int) -> None:
    """The greatest time not later, ties by index; backdated and imported ones never."""
    history = VersionHistory()
    at = written(moment(START))
    text = {"kind": "contract", "service": "s", "version": "1", "digest": DIGEST}
    history.observe(Event(0, "c", text, at))
    expected: list[tuple[int, int]] = []
    for index, (offset, imported) in enumerate(lines, start=1):
        recorded, effective = START + index, START + index + offset
        record: dict[str, object] = {**text, "kind": "activation"}
        record["effective_at"] = written(moment(effective))
        record |= {"imported": True} if imported else {}
        history.observe(Event(index, f"{index}", record, written(moment(recorded))))
        if offset >= 0 and not imported and effective <= START + asked:
            expected.append((effective, index))
    found = history.at("s", START + asked)
    assert (found and (found.effective_at, found.index)) == (max(expected) if expected else None)
    later = [one.effective_at for one in history.after("s", START + asked)]
    assert later == sorted(later)
    assert all(one > START + asked for one in later)
