"""Records are decided again once: later verifications say what one from the start says."""

import hashlib
import json
import random
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import pytest

from contracts.errors import SnapshotError
from contracts.results import Explanation
from ledger.authority import IdentityEntry
from ledger.boxes import Box
from ledger.encoding import digest
from ledger.sealed import Opening
from tests.verifier.forge import SERVICE, identity
from tests.verifier.test_people import STRANGER, Peopled
from verifier import conformance, kept_judging, onward
from verifier.conformance import Judge
from verifier.drafts import Draft
from verifier.engines import Engines
from verifier.entries import ValidEntry
from verifier.errors import SourceError, StateError
from verifier.findings import Severity
from verifier.kept_drafts import TEXTS, DraftReader, DraftWriter
from verifier.load import verify_ledger
from verifier.report import IntegrityVerdict, Report
from verifier.reports.json import json_report
from verifier.reports.text import text_report
from verifier.state import FORMAT, State

CONTRACT: Final = """\
contract: desk
version: VERSION
identity:
  service: spiffe://shop.example/desk
  owner: Mara
  permissions: []
  duties: {build: [Ada]}
scope:
  modes: [read, execute]
  approve:
    - {id: large, for: pay, when: params.amount > 100, role: refunds-lead, within: 40s, says: Ask.}
  escalate:
    - {id: odd, for: pay, when: params.amount == 77, says: Odd.}
evidence:
  - {id: order, for: pay, from: [shop], fresh: 30s}
policy:
  document: {name: desk policy, version: "1"}
tools:
  look: {mode: read, rate: 4/12s}
  pay: {mode: execute, irreversible: money is gone, idempotency: params.who}
cost:
  per_run: {tool_calls: 6}
  loop: {same_call: 2}
  throttle: [{over: identity, calls: 7, within: 20s}]
recovery:
  kill_switch: {roles: [commander]}
  on_failure: {retry: 1, within: 20s}
facts:
  looked: {seen: true, from: outcome of look, where: outcome.status == "ok"}
  recent: {sum: params.amount, from: action of pay, over: ledger, within: 25s}
  open: {count: true, from: outcome of pay, over: identity, reserve: 1, within: 30s}
  before: {last: params.amount, from: action of pay, over: service, default: 0}
  often: {count: true, from: action of pay, over: ledger, by: params.who, within: 50s}
rules:
  - {id: looked, for: pay, unless: facts.looked, says: Look first., cites: P1}
  - {id: recent, for: pay, when: facts.recent > 300, effect: warn}
  - {id: open, for: pay, when: facts.open > 3, effect: warn}
  - {id: rising, for: pay, when: facts.before > params.amount, effect: warn}
  - {id: often, for: pay, when: facts.often > 2}
  - {id: told, for: pay, expect: {from: message, where: 'message.role == "assistant"', within: 12s}}
  - {id: noted, for: pay, expect: {from: observation, until: run.closed}}
  - {id: answered, for: message, when: message.turn > 2, effect: warn}
"""
EFFECTS: Final = ("allow", "allow", "allow", "deny", "approve", "escalate")


def text_of(version: str) -> str:
    """The contract's text in a version."""
    return CONTRACT.replace("VERSION", version)


class Town(Peopled):
    """A ledger in which everything goes wrong that a record can say, and nothing in its bytes."""

    def __init__(self, seed: int) -> None:
        roles = ("importer", "agent")
        super().__init__(IdentityEntry(id=identity("importer"), owner="Mara", roles=roles))
        self.files: list[str] = []
        self.luck = random.Random(seed)
        self.publish("2.0.0", text=text_of("2.0.0"))
        self.runs: list[str] = [self.open_run()]
        self.closed: set[str] = set()
        self.acts: list[tuple[str, str, dict[str, Any]]] = []
        self.seen: list[str] = []
        self.steps: tuple[Callable[[], object], ...] = (
            *(self.pay,) * 6,
            *(self.look,) * 3,
            *(self.outcome,) * 4,
            *(self.approve,) * 3,
            *(self.resume,) * 3,
            self.run,
            self.run,
            self.foreign,
            self.message,
            self.message,
            self.observe,
            self.observe,
            self.switch,
            self.close,
            self.gap,
            self.end_stream,
            self.imported,
        )

    def live(self, steps: int) -> None:
        """Let so many things happen."""
        for _ in range(steps):
            self.luck.choice(self.steps)()

    def head(self) -> None:
        """Sign the head, where it is a new one."""
        if not self.notes or self.notes[-1][0] < len(self.headers):
            self.sign_head()

    def run(self) -> None:
        """Somebody opens a run, who may not speak for the service."""
        name = self.luck.choice(("agent", "agent", STRANGER))
        made = self.make("run", name, phase="opened", service=SERVICE)
        self.runs += self.submit(name, made)

    def foreign(self) -> None:
        """A run of a service without a contract."""
        made = self.make("run", "agent", phase="opened", service="spiffe://shop.example/other")
        run = self.submit("agent", made)[0]
        self.act(run, "pay", {"amount": 5, "who": "ann"})

    def decision(self) -> dict[str, Any]:
        """What a guard says, rightly or not."""
        effect = self.luck.choice(EFFECTS)
        reasons = [{"rule": "policy.looked", "result": "violated", "effect": effect}]
        return {"effect": effect, "reasons": [] if effect == "allow" else reasons}

    def pay(self) -> None:
        """A payment, with evidence or without."""
        params = {
            "amount": self.luck.choice((1, 4, 5, 77, 150)),
            "who": self.luck.choice(("ann", "bob", "cyd")),
        }
        more: dict[str, Any] = {"decision": self.decision()} if self.luck.random() < 0.8 else {}
        if self.seen and self.luck.random() < 0.5:
            more["evidence"] = [self.luck.choice(self.seen)]
        run = self.luck.choice(self.runs)
        self.acts.append((run, self.act(run, "pay", params, **more), params))

    def look(self) -> None:
        """A look, with its outcome at once."""
        run = self.luck.choice(self.runs)
        more: dict[str, Any] = {"decision": self.decision()} if self.luck.random() < 0.5 else {}
        self.end(run, self.act(run, "look", {}, **more), self.luck.choice(("ok", "error")))

    def outcome(self) -> None:
        """What came of some action, perhaps once more."""
        if self.acts:
            run, action, _ = self.luck.choice(self.acts[-6:])
            self.end(run, action, self.luck.choice(("ok", "ok", "error", "skipped")))

    def approve(self) -> None:
        """Somebody speaks on an action."""
        if self.acts:
            action = self.luck.choice(self.acts[-4:])[1]
            verdict = self.luck.choice(("approve", "approve", "refuse"))
            self.submit("lead", self.make("approval", "lead", action=action, verdict=verdict))

    def resume(self) -> None:
        """An action is resumed, with other parameters perhaps."""
        if self.acts:
            run, action, params = self.luck.choice(self.acts[-5:])
            changed = params if self.luck.random() < 0.7 else {**params, "amount": 6}
            decision: dict[str, Any] = {"effect": "allow", "reasons": []}
            made = self.act(run, "pay", changed, resumes=action, decision=decision)
            self.acts.append((run, made, changed))

    def message(self) -> None:
        """Somebody says something."""
        role, run = self.luck.choice(("assistant", "user")), self.luck.choice(self.runs)
        turn = self.luck.randrange(5)
        self.submit("agent", self.make("message", "agent", run=run, role=role, turn=turn))

    def observe(self) -> None:
        """Something is seen, in a run or as reference data."""
        source: dict[str, Any] = {
            "source": self.luck.choice(("shop", "web")),
            "observer": "source",
            "fields": {},
        }
        where = {"run": self.luck.choice(self.runs)} if self.luck.random() < 0.6 else {}
        if self.acts and self.luck.random() < 0.3:
            run, action, _ = self.luck.choice(self.acts)
            where = {"run": run, "action": action}
        made = self.make("observation", "agent", what="order", **source, **where)
        self.seen += self.submit("agent", made)

    def switch(self) -> None:
        """A switch, in force or not: the steward has the role."""
        state = self.luck.choice(("engaged", "released", "released"))
        fields = {"service": SERVICE, "state": state, "mode": "safe", "reason": "why"}
        self.submit("steward", self.make("switch", "steward", **fields))

    def close(self) -> None:
        """A run is closed, once."""
        run = self.luck.choice(self.runs)
        if run not in self.closed:
            self.closed.add(run)
            self.close_run(run)

    def gap(self) -> None:
        """A submission is missing before this one."""
        made = self.make("message", "agent", run=self.runs[0], role="user", turn=0)
        stream = f"{self.luck.randrange(1, 4):032x}"
        if self.luck.random() < 0.5:
            self.submit("agent", made, stream=stream, number=self.second + 9, previous="ab" * 32)
        else:
            self.submit("agent", made, stream=f"{self.second:032x}")

    def end_stream(self) -> None:
        """A writer ends its stream."""
        made = self.make("stream-close", "reviewer")
        self.submit("reviewer", made, stream=f"{self.second:032x}")

    def imported(self) -> None:
        """A run from a file, or of somebody who also imports; perhaps one of before."""
        source = {"source": "a.jsonl", "digest": "11" * 32, "line": self.second, "clock": "none"}
        fields: dict[str, Any] = {"import": source, "ref": f"run-{self.second}"}
        fields = fields if self.luck.random() < 0.6 else {}
        made = self.make("run", "importer", phase="opened", service=SERVICE, **fields)
        if not self.files or self.luck.random() < 0.5:
            self.files += self.submit("importer", made)
        run = self.luck.choice(self.files)
        pay = self.make(
            "action", "importer", run=run, tool="pay", params={"amount": 150, "who": "ann"}
        )
        action = self.submit("importer", pay)[0]
        if self.luck.random() < 0.5:
            done = self.make("outcome", "importer", run=run, action=action, status="ok")
            self.submit("importer", done)


class Auditor:
    """Whoever verifies a town again and again."""

    def __init__(self, root: Path, seed: int, engines: Engines = Engines.ROWS) -> None:
        self.town = Town(seed)
        self.path = root / "l.db"
        self.folder = root / "state"
        self.engines = engines
        self.said = ""

    def save(self) -> None:
        """Write the ledger as it is now."""
        self.path.unlink(missing_ok=True)
        self.town.save(self.path)

    def verify(self, *, conformance: bool = True) -> Report:
        """Verify what there is, and keep what is known of it."""
        with State.open(self.folder, self.town.trust()) as state:
            report = verify_ledger(
                self.path,
                self.town.trust(),
                conformance=conformance,
                state=state,
                engines=self.engines,
            )
            self.said = state.said()
        return report

    def whole(self) -> Report:
        """Verify all of it, on counters and without a state."""
        return verify_ledger(self.path, self.town.trust(), engines=Engines.ROWS)

    def agrees(self) -> Report:
        """Verify both ways, and hold every byte of the reports against each other."""
        self.save()
        found, whole = self.verify(), self.whole()
        assert json.loads(json_report(found, {})) == json.loads(json_report(whole, {}))
        assert json_report(found, {}) == json_report(whole, {})
        assert text_report(found, 10_000) == text_report(whole, 10_000)
        assert found == whole
        return found

    def table(self) -> Path:
        """The file that holds what is known of conformance."""
        (found,) = self.folder.glob("tables-*/judged")
        return found

    def rewrite(self, body: bytes) -> None:
        """Put something else in its place, with the digests that go with it."""
        self.table().write_bytes(body)
        path = self.folder / "state"
        kept = json.loads(path.read_bytes().split(b"\n", 2)[2])
        kept["files"]["judged"] = [len(body), hashlib.sha256(body).hexdigest()]
        raw = json.dumps(kept).encode()
        path.write_bytes(f"{FORMAT}\n{digest(raw)}\n".encode() + raw)


# ------------------------------------------------------------------ one report, however often


@pytest.mark.parametrize("seed", range(5))
def test_increments_say_what_one_reading_says(tmp_path: Path, seed: int) -> None:
    """Wherever a ledger is cut, between a held action and its approval, a duty and its end."""
    auditor = Auditor(tmp_path, seed)
    town = auditor.town
    for turn in range(7):
        town.live(town.luck.choice((1, 3, 15, 30)))
        if town.luck.random() < 0.8 or not turn:
            town.head()
            town.live(town.luck.choice((0, 0, 2)))
        auditor.agrees()
        assert "were decided again" in auditor.said
        assert ("from entry" in auditor.said) == bool(turn)


def test_an_action_that_is_held_approved_and_resumed(tmp_path: Path) -> None:
    """With a verification after each step: what lifted it is known to the last."""
    auditor = Auditor(tmp_path, 14)
    town, made = auditor.town, dict[str, str]()
    run, params = town.runs[0], {"amount": 150, "who": "ann"}
    held: dict[str, Any] = {"effect": "approve", "reasons": []}
    steps: tuple[Callable[[], object], ...] = (
        lambda: town.end(run, town.act(run, "look", {})),
        lambda: made.update(held=town.act(run, "pay", params, decision=held)),
        lambda: town.submit(
            "lead", town.make("approval", "lead", action=made["held"], verdict="approve")
        ),
        lambda: made.update(
            again=town.act(
                run, "pay", params, resumes=made["held"], decision={**held, "effect": "allow"}
            )
        ),
        lambda: town.end(run, made["again"]),
        lambda: town.close_run(run),
    )
    large: list[str] = []
    for step in steps:
        step()
        town.head()
        report = auditor.agrees()
        large = [one.handled for one in report.findings if one.rule == "scope.large"]
    assert len(large) == 2
    assert all("approved" in one for one in large)


def test_these_ledgers_have_findings_of_every_kind(tmp_path: Path) -> None:
    """Else that two reports agree says little."""
    found: set[str] = set()
    results: set[str] = set()
    for seed in range(4):
        town = Town(seed)
        town.live(140)
        town.head()
        path = town.save(tmp_path / f"{seed}.db")
        report = verify_ledger(path, town.trust(), engines=Engines.ROWS)
        found |= {one.code for one in report.findings}
        results |= {one.result for one in report.findings}
    assert results == {"violated", "undecidable", "handled"}
    clauses = "cost coverage decision evidence identity policy recovery scope tools"
    assert {name.partition(".")[0] for name in found} >= set(clauses.split())
    assert {
        "coverage.gap-in-submissions",
        "coverage.no-contract",
        "coverage.outcome-missing",
        "coverage.run-unclosed",
        "coverage.stream-unclosed",
        "decision.approval-mismatch",
        "decision.executed-despite-deny",
        "decision.executed-without-approval",
        "decision.false-allow",
        "decision.false-deny",
        "decision.reasons-differ",
        "identity.duties",
        "identity.service",
    } <= found


@pytest.mark.parametrize("seed", [21, 22])
def test_columns_hand_over_what_they_know(tmp_path: Path, seed: int) -> None:
    """The first part by column, what follows on counters."""
    auditor = Auditor(tmp_path, seed, Engines.COLUMNS)
    for turn in range(3):
        auditor.town.live(40)
        auditor.town.head()
        auditor.town.live(5)
        auditor.agrees()
        assert ("from entry" in auditor.said) == bool(turn)


@pytest.mark.parametrize("seed", [31])
def test_what_lies_on_disk_is_kept_too(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a long ledger closed runs are written to disk, before a state is kept and after."""
    monkeypatch.setattr(conformance, "LONG", 1)
    monkeypatch.setattr(conformance, "CHUNK", 15)
    auditor = Auditor(tmp_path, seed, Engines.AUTO)
    auditor.town.steps += (auditor.town.close,) * 6
    for turn in range(3):
        auditor.town.live(30)
        auditor.town.head()
        auditor.town.live(5)
        auditor.agrees()
        assert ("from entry" in auditor.said) == bool(turn)


def test_only_new_records_are_decided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And those after the last head, which are not kept."""
    auditor = Auditor(tmp_path, 3)
    auditor.town.live(60)
    auditor.town.head()
    head = len(auditor.town.headers)
    auditor.town.live(3)
    auditor.agrees()
    auditor.town.live(3)
    auditor.save()
    seen: list[int] = []
    real = Judge.observe

    def observe(judge: Judge, valid: ValidEntry) -> None:
        seen.append(valid.event.index)
        real(judge, valid)

    monkeypatch.setattr(Judge, "observe", observe)
    auditor.verify()
    assert seen == list(range(head, len(auditor.town.headers)))
    assert f"from entry {head} on" in auditor.said


def test_a_report_without_anything_new(tmp_path: Path) -> None:
    """The state stays as it is."""
    auditor = Auditor(tmp_path, 4)
    auditor.town.live(40)
    auditor.town.head()
    auditor.agrees()
    before = (auditor.folder / "state").read_bytes()
    auditor.agrees()
    assert (auditor.folder / "state").read_bytes() == before


def test_integrity_alone_in_between(tmp_path: Path) -> None:
    """The head goes on, and what is known of conformance stays: it is of an earlier one."""
    auditor = Auditor(tmp_path, 5)
    town = auditor.town
    for judging in (False, True, False, False, True):
        town.live(15)
        town.head()
        auditor.save()
        if judging:
            auditor.agrees()
        else:
            auditor.verify(conformance=False)
            assert "decided again" not in auditor.said
    assert "from entry" in auditor.said


def test_what_was_verified_and_not_yet_decided_on(tmp_path: Path) -> None:
    """It is held against what was verified when it is read for that."""
    auditor = Auditor(tmp_path, 12)
    town = auditor.town
    heads: list[int] = []
    for judging in (True, False):
        town.live(15)
        town.head()
        heads.append(len(town.headers))
        auditor.save()
        auditor.verify(conformance=judging)
    auditor.agrees()
    assert f"the first {heads[0]} were not read again" in auditor.said


@pytest.mark.parametrize("part", ["headers", "records"])
def test_what_changed_before_it_was_decided_on(tmp_path: Path, part: str) -> None:
    """No head covers what is read now, but its leaf hashes are those that were verified."""
    auditor = Auditor(tmp_path, 12)
    town = auditor.town
    town.live(15)
    # No finding names what comes long after: nothing waits for it any more.
    town.second += 100
    review = town.make("review", "reviewer", finding="F-0", state="open")
    town.submit("reviewer", review)
    town.head()
    auditor.agrees()
    start = len(town.headers)
    for _ in range(5):
        town.submit("reviewer", town.make("review", "reviewer", finding="F-0", state="open"))
    town.head()
    auditor.save()
    auditor.verify(conformance=False)
    changed = {"headers": (b"000000Z", b"000001Z"), "records": (b'"F-0"', b'"F-1"')}
    bodies: list[bytes] = getattr(town, part)
    for at in range(start, start + 5):
        before, bodies[at] = bodies[at], bodies[at].replace(*changed[part])
        auditor.save()
        report = auditor.verify()
        assert report.integrity.broken is not None
        assert report.integrity.broken.index == at
        bodies[at] = before


# ------------------------------------------------------------------ from the start


def test_a_contract_that_is_activated_later(tmp_path: Path) -> None:
    """Its facts are over all of history: all is judged again, and that is said."""
    auditor = Auditor(tmp_path, 6)
    town = auditor.town
    for version in ("3.0.0", "4.0.0"):
        town.live(30)
        town.head()
        auditor.agrees()
        text = text_of(version).replace("facts.often > 2", "facts.often > 1")
        town.publish(version, text=text if version == "3.0.0" else "no contract")
        town.live(15)
        town.head()
        auditor.agrees()
        assert "all records were decided again: another contract was activated" in auditor.said
        auditor.agrees()
        assert "from entry" in auditor.said


def test_another_writ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another version judged is not gone on from."""
    auditor = Auditor(tmp_path, 7)
    auditor.town.live(20)
    auditor.town.head()
    auditor.agrees()
    monkeypatch.setattr(kept_judging, "FORMAT", "writ/judged/v0")
    auditor.town.live(20)
    auditor.agrees()
    assert "another version of Writ" in auditor.said
    auditor.agrees()
    assert "from entry" in auditor.said


def test_what_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not kept, and that is said; what is known of integrity is kept."""

    def refused(*_: object) -> bytes:
        raise SnapshotError("a value", "snapshot.value")

    auditor = Auditor(tmp_path, 13)
    auditor.town.live(20)
    auditor.town.head()
    auditor.agrees()
    auditor.town.live(5)
    auditor.town.head()
    with monkeypatch.context() as patch:
        patch.setattr(onward, "written", refused)
        auditor.agrees()
    assert "nothing can be kept of that: snapshot.value: a value" in auditor.said
    assert not list(auditor.folder.glob("tables-*/judged"))
    auditor.agrees()
    assert "all of the ledger was read; all records were decided again" in auditor.said


def test_out_of_the_ordinary(tmp_path: Path) -> None:
    """Where integrity has findings all is read exactly, and what was kept stays."""
    auditor = Auditor(tmp_path, 8)
    town = auditor.town
    town.live(20)
    town.head()
    auditor.agrees()
    before = (auditor.folder / "state").read_bytes()
    town.end(town.runs[0], "ab" * 32)
    town.head()
    report = auditor.agrees()
    assert report.integrity.invalid_records == 1
    assert "all of the ledger was read, exactly" in auditor.said
    assert (auditor.folder / "state").read_bytes() == before


def test_an_old_entry_that_a_finding_names(tmp_path: Path) -> None:
    """It is read again for the report, and held against what was verified."""
    auditor = Auditor(tmp_path, 9)
    town = auditor.town
    town.live(40)
    town.head()
    report = auditor.agrees()
    index = min(one.index for one in report.findings if one.code == "policy.looked")
    town.records[index] = town.records[index].replace(b'"pay"', b'"bay"')
    auditor.save()
    report = auditor.verify()
    assert report.integrity.verdict is IntegrityVerdict.BROKEN
    assert report == auditor.whole()
    assert "all of the ledger was read, exactly" in auditor.said


def test_a_ledger_without_heads_keeps_nothing(tmp_path: Path) -> None:
    """It is judged all the same."""
    auditor = Auditor(tmp_path, 10)
    auditor.town.live(20)
    auditor.agrees()
    assert "nothing is kept" in auditor.said
    assert not list(auditor.folder.glob("tables-*/judged"))


# ------------------------------------------------------------------ what does not fit


@pytest.fixture
def kept(tmp_path: Path) -> Auditor:
    """One who has verified once, and will again."""
    auditor = Auditor(tmp_path, 11)
    auditor.town.live(50)
    auditor.town.head()
    auditor.agrees()
    return auditor


def test_a_byte_of_it_that_changed(kept: Auditor) -> None:
    """Wherever it is: an error, and the state is left as it is."""
    path = kept.table()
    raw, luck = path.read_bytes(), random.Random(0)
    places = [0, len(raw) - 1, *(luck.randrange(len(raw)) for _ in range(60))]
    spoiled = [
        raw[:at] + bytes([raw[at] ^ 1 << luck.randrange(8)]) + raw[at + 1 :] for at in places
    ]
    for body in (*spoiled, raw[:-1], raw + b" ", b""):
        path.write_bytes(body)
        with pytest.raises(StateError) as caught:
            kept.verify()
        assert caught.value.code == "state.damaged"
    path.unlink()
    with pytest.raises(StateError):
        kept.verify()
    path.write_bytes(raw)
    kept.agrees()


def test_what_is_no_such_table(kept: Auditor) -> None:
    """Its digest may be right: what is missing in it is found all the same."""
    whole = json.loads(kept.table().read_bytes())
    spoiled: list[Any] = [[], {}, {**whole, "size": 10**6}, {**whole, "size": 0}]
    for name in ("tables", "judged", "reading"):
        spoiled.append({key: value for key, value in whole.items() if key != name})
        for inner in whole[name]:
            rest = {key: value for key, value in whole[name].items() if key != inner}
            spoiled.append({**whole, name: rest})
    judged = whole["judged"]
    spoiled.extend(
        {**whole, "judged": {**judged, name: value}}
        for name, value in (("contracts", []), ("texts", []), ("drafts", [[1]]), ("kinds", 3))
    )
    for value in (*spoiled, None):
        kept.rewrite(b"{" if value is None else json.dumps(value).encode())
        with pytest.raises(StateError) as caught:
            kept.verify()
        assert caught.value.code == "state.damaged", value
    kept.rewrite(json.dumps(whole).encode())
    kept.agrees()


class NoKey:
    """Whoever has a sealing key, and uses it for nothing."""

    def open(self, box: Box, wrapped: bytes | None) -> Opening:
        """Open nothing."""
        raise NotImplementedError


def test_sealed_values_that_are_opened(kept: Auditor) -> None:
    """What they say is known to whoever has the key, and is not kept."""
    trust = kept.town.trust()
    with pytest.raises(SourceError) as caught, State.open(kept.folder, trust) as state:
        verify_ledger(kept.path, trust, state=state, opener=NoKey())
    assert caught.value.code == "state.source"


def test_every_member_of_a_draft_is_kept() -> None:
    """Whoever adds one to a draft adds it to its row."""
    others = {"index", "contract_line", "rests_on", "explanation"}
    assert {one.name for one in fields(Draft)} == {*TEXTS, *others}


def test_a_draft_is_read_back_with_why_it_is_one() -> None:
    """Each member of an explanation, and each text once."""
    why = Explanation(("a is 2.", "b is 2."), (("a", "2"), ("b", "2")), (3, 4), ("a at most 1",))
    draft = Draft("cost.loop", 4, Severity.HIGH, rule="cost.loop", explanation=why, detail="x")
    bare = Draft("cost.loop", 5, Severity.HIGH)
    writer = DraftWriter()
    rows = [writer.row(one) for one in (draft, bare)]
    reader = DraftReader(json.loads(json.dumps(writer.texts())))
    assert [reader.draft(json.loads(json.dumps(row))) for row in rows] == [draft, bare]
    assert len(set(writer.texts())) == len(writer.texts())
