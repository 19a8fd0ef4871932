"""Integrity: each of the steps, with a ledger that passes it and one for each way not to."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ledger.encoding import decode, digest, encode
from ledger.store import Store
from tests.verifier.forge import SERVICE, Desk, Forge, contract_text, identity, key_of
from verifier.founding import Founding
from verifier.load import verify_ledger
from verifier.report import ExitCode, IntegrityVerdict, Report
from verifier.trust import Trust


@pytest.fixture
def desk() -> Desk:
    """A ledger with one good run."""
    desk = Desk()
    desk.paid()
    return desk


def judged(forge: Forge, folder: Path, trust: Trust | None = None, *, head: bool = True) -> Report:
    """Sign the head, save, verify."""
    if head:
        forge.sign_head()
    return verify_ledger(forge.save(folder / "ledger.db"), trust or forge.trust())


def broken_at(report: Report) -> tuple[int, int, str]:
    """Return index, step and check of a break."""
    assert report.integrity.verdict is IntegrityVerdict.BROKEN
    assert report.exit_code() is ExitCode.VIOLATED
    assert report.integrity.broken is not None
    broken = report.integrity.broken
    assert f"integrity.{broken.check}" in {found.code for found in report.findings}
    assert not report.conformance.performed
    return broken.index, broken.step, broken.check


def invalid(report: Report) -> list[tuple[int, str, str]]:
    """Return index, code and what of the integrity findings of a ledger that holds."""
    assert report.integrity.verdict is IntegrityVerdict.HOLDS
    return [
        (found.index, found.code.removeprefix("integrity."), found.recorded)
        for found in report.findings
        if found.clause == "integrity"
    ]


def test_a_good_ledger_holds(desk: Desk, tmp_path: Path) -> None:
    """Nothing is found in a ledger in which nothing is wrong but streams that are still open."""
    report = judged(desk, tmp_path)
    assert report.integrity.verdict is IntegrityVerdict.HOLDS
    assert report.integrity.trust == "pinned"
    assert report.exit_code() is ExitCode.HOLDS
    assert {found.code for found in report.findings} == {"coverage.stream-unclosed"}
    assert report.ledger.size == len(desk.headers) == report.ledger.checkpoint_size
    assert report.ledger.root == report.ledger.checkpoint_root


def test_reading_tells_how_far_it_is(tmp_path: Path) -> None:
    """Whoever watches is told now and then, of the proof first and then of what is judged."""
    forge = Forge()
    for _ in range(3):
        reviews = [forge.make("review", "reviewer", finding="F", state="open") for _ in range(300)]
        forge.submit("reviewer", *reviews)
    forge.sign_head()
    told: list[tuple[int, int]] = []

    def step(done: int, total: int) -> None:
        told.append((done, total))

    verify_ledger(forge.save(tmp_path / "l.db"), progress=step)
    assert told == [(135, 902), (902, 902)]


# ------------------------------------------------------------------------------- step 0


def test_another_ledger_is_not_the_pinned_one(desk: Desk, tmp_path: Path) -> None:
    """A whole ledger that was replaced breaks at entry 0, however well it is made."""
    report = judged(desk, tmp_path, desk.trust(genesis="ab" * 32))
    assert broken_at(report) == (0, 0, "trust")


def test_the_origin_is_pinned(desk: Desk, tmp_path: Path) -> None:
    """A trust file for another origin does not fit."""
    assert broken_at(judged(desk, tmp_path, desk.trust(origin="x.example/y"))) == (0, 0, "trust")


def test_without_a_trust_file_a_ledger_vouches_for_itself(desk: Desk, tmp_path: Path) -> None:
    """It can hold, and the report says on whose word, and what that leaves open."""
    desk.sign_head()
    report = verify_ledger(desk.save(tmp_path / "ledger.db"))
    assert report.integrity.verdict is IntegrityVerdict.HOLDS
    assert report.integrity.trust == "self-asserted"
    assert any("self-asserted" in left for left in report.integrity.not_excluded)
    assert any("cut off" in left for left in report.integrity.not_excluded)


def test_an_empty_store_has_no_genesis(tmp_path: Path) -> None:
    """Nothing cannot be verified."""
    forge = Forge()
    forge.headers, forge.records = [], []
    path = forge.save(tmp_path / "ledger.db")
    assert broken_at(verify_ledger(path)) == (0, 0, "genesis")


@pytest.mark.parametrize("change", [{"kind": "review"}, {"origin": 5}, {"threshold": 9}])
def test_it_begins_with_genesis(change: dict[str, Any], tmp_path: Path) -> None:
    """What stands at entry 0 is a genesis record, or the ledger is none."""
    forge = Forge()
    record = {**decode(forge.records[0]), **change}
    if change.get("kind") == "review":
        record = decode(forge.make("review", "reviewer", finding="F", state="open"))
    forge.records[0] = encode(record)
    path = forge.save(tmp_path / "ledger.db")
    assert broken_at(verify_ledger(path)) == (0, 0, "genesis")


def test_root_keys_sign_authority(tmp_path: Path) -> None:
    """An authority document that somebody else signed breaks the ledger where it stands."""
    forge = Forge()
    document = forge.next_document(revoke="agent")
    forge.submit("steward", forge.authority(document, signer="agent"))
    assert broken_at(judged(forge, tmp_path)) == (2, 0, "authority")


def test_authority_documents_have_their_form(tmp_path: Path) -> None:
    """So does an authority record that is none."""
    forge = Forge()
    forge.submit("steward", forge.make("authority", "steward", document=5, signatures=[]))
    assert broken_at(judged(forge, tmp_path)) == (2, 0, "authority")


def test_a_ledger_has_an_authority_document(tmp_path: Path) -> None:
    """Without one nobody may write, and nothing can be judged."""
    forge = Forge()
    forge.headers, forge.records = forge.headers[:1], forge.records[:1]
    assert broken_at(judged(forge, tmp_path)) == (1, 0, "authority")


def test_a_weak_root_key_is_refused(tmp_path: Path) -> None:
    """Genesis cannot name a key of small order: it would fit signatures of others."""
    forge = Forge()
    forge.records[0] = encode({**decode(forge.records[0]), "roots": ["00" * 32]})
    path = forge.save(tmp_path / "ledger.db")
    assert broken_at(verify_ledger(path)) == (0, 0, "authority")


# ------------------------------------------------------------------- steps 1 to 4: breaks


def test_a_head_of_nobody_known(desk: Desk, tmp_path: Path) -> None:
    """A checkpoint that no head key signed breaks the ledger."""
    desk.sign_head(signer="agent")
    index = len(desk.headers) - 1
    assert broken_at(judged(desk, tmp_path, head=False)) == (index, 1, "checkpoint")


def test_a_head_kept_under_another_size(desk: Desk, tmp_path: Path) -> None:
    """A checkpoint stands at the size that it speaks of."""
    note = desk.sign_head()
    desk.notes = [(len(desk.headers) - 1, note)]
    index = len(desk.headers) - 2
    assert broken_at(judged(desk, tmp_path, head=False)) == (index, 1, "checkpoint")


def test_a_ledger_whose_head_nobody_signed(desk: Desk, tmp_path: Path) -> None:
    """Without any checkpoint the entries can be compared with nothing: undecidable."""
    report = judged(desk, tmp_path, head=False)
    assert report.integrity.verdict is IntegrityVerdict.UNDECIDABLE
    assert report.exit_code() is ExitCode.UNDECIDABLE


def test_witnesses_that_are_asked_for(desk: Desk, tmp_path: Path) -> None:
    """A quorum that is not checked is never passed over."""
    report = judged(desk, tmp_path, desk.trust(quorum=2))
    assert report.integrity.verdict is IntegrityVerdict.UNDECIDABLE
    assert "asks for 2" in report.integrity.reasons[0]


def test_entries_after_the_last_head(desk: Desk, tmp_path: Path) -> None:
    """They are judged, and the report says that nobody signed for them yet."""
    size = len(desk.headers)
    desk.sign_head()
    desk.paid()
    report = judged(desk, tmp_path, head=False)
    assert report.integrity.verdict is IntegrityVerdict.HOLDS
    assert any(left.startswith(f"entries {size} to ") for left in report.integrity.not_excluded)


def test_a_tail_that_was_cut_off(desk: Desk, tmp_path: Path) -> None:
    """The pinned checkpoint remembers how long the ledger was, though the store's own are gone."""
    note = desk.sign_head()
    trust = desk.trust(note)
    desk.headers, desk.records, desk.notes = desk.headers[:-2], desk.records[:-2], []
    size = len(desk.headers)
    assert broken_at(judged(desk, tmp_path, trust)) == (size, 4, "truncated")


def test_a_store_that_knows_it_was_longer(desk: Desk, tmp_path: Path) -> None:
    """A checkpoint that was left behind says so as well."""
    desk.sign_head()
    desk.headers, desk.records = desk.headers[:-2], desk.records[:-2]
    size = len(desk.headers)
    assert broken_at(judged(desk, tmp_path, head=False)) == (size, 4, "truncated")


def test_a_history_rewritten_under_a_pinned_head(desk: Desk, tmp_path: Path) -> None:
    """Links, signatures and heads made anew do not help: the pinned root differs."""
    trust = desk.trust(desk.sign_head())
    size = len(desk.headers)
    other = Desk()
    other.paid(look=False)
    other.paid(look=False)
    assert broken_at(judged(other, tmp_path, trust)) == (size - 1, 4, "root")


@pytest.mark.parametrize("index", [0, 1, 4, 6, 8])
def test_a_record_that_was_changed(index: int, desk: Desk, tmp_path: Path) -> None:
    """The entry of a changed record is named."""
    desk.sign_head()
    desk.records[index] = desk.records[index].replace(b'"v":1', b'"v":2')
    found = broken_at(judged(desk, tmp_path, head=False))
    assert found == ((0, 0, "trust") if index == 0 else (index, 2, "record"))


@pytest.mark.parametrize("raw", [b'{"v": 1}', b"[", b"\xff"])
def test_a_record_that_is_not_strict(raw: bytes, desk: Desk, tmp_path: Path) -> None:
    """Bytes that another parser might read differently are refused, also when they are signed."""
    index = len(desk.headers)
    desk.submit("agent", raw)
    assert broken_at(judged(desk, tmp_path)) == (index, 2, "record")


@pytest.mark.parametrize("index", range(2, 10))
@pytest.mark.parametrize("heads", ["one", "all", "none after"])
def test_a_header_that_was_changed(index: int, heads: str, desk: Desk, tmp_path: Path) -> None:
    """The very entry is named whose header was changed, whatever heads there are to help."""
    if heads == "all":
        for size in range(2, len(desk.headers)):
            desk.sign_head(size=size)
    if heads != "none after":
        desk.sign_head()
    last = len(desk.headers) - 1
    desk.headers[index] = desk.headers[index].replace(b"2026-03-01T09", b"2026-03-01T08")
    report = judged(desk, tmp_path, head=False)
    if heads == "none after" and index == last:
        # Nothing covers the last entry but a head, and there is none: undecidable, and said so.
        assert report.integrity.verdict is IntegrityVerdict.UNDECIDABLE
    else:
        assert broken_at(report)[0] == index


@pytest.mark.parametrize("index", [2, 5, 9])
def test_a_link_that_was_changed(index: int, desk: Desk, tmp_path: Path) -> None:
    """An entry whose link was bent is the one to blame, and not the one before it."""
    desk.sign_head()
    header = decode(desk.headers[index])
    desk.headers[index] = encode({**header, "prev": "ee" * 32})
    assert broken_at(judged(desk, tmp_path, head=False)) == (index, 3, "link")


def test_the_last_header_but_one(desk: Desk, tmp_path: Path) -> None:
    """Where only a head follows, it decides which of the last two entries was changed."""
    desk.sign_head()
    last = len(desk.headers) - 1
    desk.headers[last - 1] = desk.headers[last - 1].replace(b"T09:", b"T08:")
    assert broken_at(judged(desk, tmp_path, head=False)) == (last - 1, 3, "link")


@pytest.mark.parametrize("raw", [b"{}", b'{"v":1}', b"nonsense", b'{"index":1}'])
def test_a_header_that_is_none(raw: bytes, desk: Desk, tmp_path: Path) -> None:
    """A header that cannot be read is named."""
    desk.sign_head()
    desk.headers[7] = raw
    assert broken_at(judged(desk, tmp_path, head=False)) == (7, 3, "header")


def test_two_headers_that_changed_places(desk: Desk, tmp_path: Path) -> None:
    """The first of them is named: it says that it belongs elsewhere."""
    desk.sign_head()
    desk.headers[7], desk.headers[8] = desk.headers[8], desk.headers[7]
    assert broken_at(judged(desk, tmp_path, head=False)) == (7, 3, "index")


def test_two_records_that_changed_places(desk: Desk, tmp_path: Path) -> None:
    """The first of them is named: it is not the record that its header means."""
    desk.sign_head()
    desk.records[7], desk.records[8] = desk.records[8], desk.records[7]
    assert broken_at(judged(desk, tmp_path, head=False)) == (7, 2, "record")


def _delete(desk: Desk, index: int) -> None:
    del desk.headers[index], desk.records[index]


def _repeat(desk: Desk, index: int) -> None:
    desk.headers.insert(index, desk.headers[index])
    desk.records.insert(index, desk.records[index])


@pytest.mark.parametrize("change", [_delete, _repeat])
def test_entries_that_come_or_go(
    change: Callable[[Desk, int], None], desk: Desk, tmp_path: Path
) -> None:
    """A deletion and a repetition are named where they happen, also when all is linked anew."""
    desk.sign_head()
    change(desk, 7)
    desk.relink(7)
    index, step, _ = broken_at(judged(desk, tmp_path, head=False))
    assert step in {1, 4}
    assert index >= 7


# -------------------------------------------------------------- steps 5 to 9: invalidates


def test_a_signature_over_something_else(desk: Desk, tmp_path: Path) -> None:
    """A submission whose signature does not hold is left out, and named."""
    index = len(desk.headers)
    desk.submit("reviewer", desk.make("review", "reviewer", finding="F", state="open"))
    header = decode(desk.headers[index])
    signature = decode(desk.headers[2])["signature"]
    desk.headers[index] = encode({**header, "signature": signature})
    report = judged(desk, tmp_path)
    assert [(at, code) for at, code, _ in invalid(report)] == [(index, "signature")]
    assert report.integrity.invalid_submissions == 1
    assert report.exit_code() is ExitCode.VIOLATED


@pytest.mark.parametrize(
    ("signed", "code", "words"),
    [
        ({"number": 50, "previous": "ab" * 32}, None, ""),
        ({"number": 0, "previous": "00" * 32}, "number", "repeats"),
        ({"previous": "ab" * 32}, "number", "does not name"),
        ({"seen_size": 99, "seen_leaf": "ab" * 32}, "seen", "had seen 99"),
        ({"seen_leaf": "ab" * 32}, "seen", "is not this ledger's"),
        ({"seen_size": 2, "exact": True}, "seen", "immediately"),
        ({"root": "ab" * 32}, "submission", "root"),
    ],
)
def test_a_submission_that_does_not_fit(
    signed: dict[str, Any], code: str | None, words: str, desk: Desk, tmp_path: Path
) -> None:
    """Number, link, what was seen and the root are as they have to be, or it is left out."""
    if "seen_size" in signed and signed["seen_size"] == 2:
        signed = {**signed, "seen_leaf": desk.leaves()[1].hex()}
    index = len(desk.headers)
    desk.submit("agent", desk.make("stream-close", "agent"), **signed)
    report = judged(desk, tmp_path)
    if code is None:
        assert invalid(report) == []
        assert "coverage.gap-in-submissions" in {found.code for found in report.findings}
        return
    ((at, found, what),) = invalid(report)
    assert (at, found) == (index, code)
    assert words in what


def test_a_stream_ends_once(desk: Desk, tmp_path: Path) -> None:
    """After its closing a stream says nothing more."""
    desk.submit("agent", desk.make("stream-close", "agent"))
    index = len(desk.headers)
    desk.submit("agent", desk.make("stream-close", "agent"))
    ((at, code, what),) = invalid(judged(desk, tmp_path))
    assert (at, code) == (index, "number")
    assert "closed" in what


def test_a_submission_that_is_cut_short(desk: Desk, tmp_path: Path) -> None:
    """Of a submission all records are there, or none counts."""
    reviews = [desk.make("review", "reviewer", finding="F", state="open") for _ in range(3)]
    first = len(desk.headers)
    desk.submit("reviewer", *reviews)
    del desk.headers[first + 1], desk.records[first + 1]
    desk.submit("agent", desk.make("stream-close", "agent"))
    desk.relink(first + 1)
    header = decode(desk.headers[-1])
    found = invalid(judged(desk, tmp_path))
    assert [(at, code) for at, code, _ in found][:2] == [
        (first, "submission"),
        (first + 1, "submission"),
    ]
    assert header["position"] == 0


def test_a_submission_that_the_end_cuts_short(desk: Desk, tmp_path: Path) -> None:
    """The same at the end of the ledger."""
    reviews = [desk.make("review", "reviewer", finding="F", state="open") for _ in range(3)]
    first = len(desk.headers)
    desk.submit("reviewer", *reviews)
    del desk.headers[-1], desk.records[-1]
    ((at, code, what),) = invalid(judged(desk, tmp_path))
    assert (at, code, what) == (first, "submission", "ends after 2 of 3 records")


def test_headers_that_contradict_each_other(desk: Desk, tmp_path: Path) -> None:
    """A first submission that names one before it is no submission."""
    index = len(desk.headers)
    desk.submit("reviewer", desk.make("review", "reviewer", finding="F", state="open"))
    header = {**decode(desk.headers[index]), "previous": "ab" * 32}
    desk.headers[index] = encode(header)
    ((at, code, _),) = invalid(judged(desk, tmp_path))
    assert (at, code) == (index, "submission")


def test_a_key_that_nobody_knows(desk: Desk, tmp_path: Path) -> None:
    """What was signed again by an unknown key is left out."""
    index = len(desk.headers)
    made = desk.make("review", "reviewer", finding="F", state="open")
    desk.submit("reviewer", made, key=key_of("stranger"))
    ((at, code, what),) = invalid(judged(desk, tmp_path))
    assert (at, code) == (index, "entitlement")
    assert "no authority document" in what


@pytest.mark.parametrize(
    ("signer", "speaker", "kind", "fields"),
    [
        ("agent", "reviewer", "review", {"finding": "F", "state": "open"}),
        ("agent", "agent", "review", {"finding": "F", "state": "open"}),
        ("head", "head", "stream-close", {}),
        (
            "agent",
            "agent",
            "switch",
            {"service": SERVICE, "state": "engaged", "mode": "kill", "reason": "x"},
        ),
    ],
)
def test_who_may_say_what(
    signer: str, speaker: str, kind: str, fields: dict[str, Any], desk: Desk, tmp_path: Path
) -> None:
    """A key speaks for its identity, within its roles and for its one use."""
    index = len(desk.headers)
    desk.submit(signer, desk.make(kind, speaker, **fields))
    ((at, code, _),) = invalid(judged(desk, tmp_path))
    assert (at, code) == (index, "entitlement")


def test_a_revoked_key_is_refused_from_then_on(desk: Desk, tmp_path: Path) -> None:
    """What it wrote before counts, what it writes after does not."""
    desk.submit("steward", desk.authority(desk.next_document(revoke="reviewer")))
    index = len(desk.headers)
    desk.submit("reviewer", desk.make("review", "reviewer", finding="F", state="open"))
    ((at, code, what),) = invalid(judged(desk, tmp_path))
    assert (at, code) == (index, "entitlement")
    assert "revoked" in what


def test_a_compromised_key_is_in_doubt_from_back_then(desk: Desk, tmp_path: Path) -> None:
    """A revocation reaches back: what was written since is undecidable, and no fact rests on it."""
    since = len(desk.headers)
    desk.paid()
    after = len(desk.headers)
    desk.submit("steward", desk.authority(desk.next_document(revoke="agent", since=since)))
    report = judged(desk, tmp_path)
    found = [one for one in report.findings if one.code == "integrity.compromised-key"]
    assert [one.index for one in found] == list(range(since, after))
    assert {one.result for one in found} == {"undecidable"}
    assert report.exit_code() is ExitCode.UNDECIDABLE
    assert report.conformance.records["action"] == 2


def _publication(desk: Desk, **changes: object) -> bytes:
    text = contract_text("2.0.0")
    of = {"service": SERVICE, "version": "2.0.0", "digest": digest(text.encode())}
    return desk.make("contract", "author", **{**of, "text": text, **changes})


def _activation(desk: Desk, **changes: object) -> bytes:
    of: dict[str, Any] = {
        "service": SERVICE,
        "version": "1.0.0",
        "digest": digest(contract_text().encode()),
        "effective_at": "2026-03-02T00:00:00.000000Z",
        "approved_by": [identity("activator")],
    }
    return desk.make("activation", "activator", **{**of, **changes})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": "3.0.0"}, "not published"),
        ({"digest": "ab" * 32}, "not the published one"),
        ({"approved_by": [identity("author")]}, "answers for its author"),
        ({"effective_at": "2026-02-01T00:00:00.000000Z"}, "backdated"),
    ],
)
def test_who_may_activate_what(
    changes: dict[str, Any], words: str, desk: Desk, tmp_path: Path
) -> None:
    """An activation is of what was published, by another person, from now on."""
    index = len(desk.headers)
    desk.submit("activator", _activation(desk, **changes))
    ((at, code, what),) = invalid(judged(desk, tmp_path))
    assert (at, code) == (index, "governance")
    assert words in what


def test_a_service_does_not_change_its_own_scope(tmp_path: Path) -> None:
    """An activation by the service itself is refused and reported, whatever roles it has."""
    forge = Forge({"steward": ("steward",), "desk": ("author", "activator")})
    text = contract_text()
    of = {"service": SERVICE, "version": "1.0.0", "digest": digest(text.encode())}
    forge.submit("desk", forge.make("contract", "desk", text=text, **of))
    effective = "2026-03-02T00:00:00.000000Z"
    forge.submit(
        "desk", forge.make("activation", "desk", effective_at=effective, approved_by=[], **of)
    )
    ((at, code, what),) = invalid(judged(forge, tmp_path))
    assert (at, code) == (3, "governance")
    assert "its own" in what


def test_a_version_is_never_used_for_another_text(desk: Desk, tmp_path: Path) -> None:
    """Publishing the same again is fine, another text under its version is not."""
    desk.submit("author", _publication(desk))
    desk.submit("author", _publication(desk))
    index = len(desk.headers)
    text = contract_text("2.0.0") + "\n"
    changed = {"text": text, "digest": digest(text.encode())}
    desk.submit("author", _publication(desk, **changed))
    ((at, code, what),) = invalid(judged(desk, tmp_path))
    assert (at, code) == (index, "governance")
    assert "another text" in what


def test_a_ledger_begins_once(tmp_path: Path) -> None:
    """A second genesis is left out."""
    forge = Forge()
    forge.submit("steward", forge.records[0])
    ((at, code, _),) = invalid(judged(forge, tmp_path))
    assert (at, code) == (2, "governance")


def test_time_never_goes_back(desk: Desk, tmp_path: Path) -> None:
    """An entry recorded before the one before it is left out."""
    index = len(desk.headers)
    made = desk.make("review", "reviewer", finding="F", state="open")
    desk.submit("reviewer", made, at="2026-02-01T00:00:00.000000Z")
    report = judged(desk, tmp_path)
    ((at, code, _),) = invalid(report)
    assert (at, code) == (index, "time")
    assert report.integrity.invalid_records == 1


CLOCK = {"source": "a.jsonl", "digest": "11" * 32, "line": 1, "clock": "claimed"}


def _at(second: int) -> str:
    return f"2025-01-01T00:00:{second:02}.000000Z"


@pytest.mark.parametrize(
    ("first", "second", "closing", "words"),
    [
        (_at(1), _at(1), _at(2), None),
        (_at(1), _at(0), _at(2), "never goes back"),
        (_at(1), None, _at(2), "a time on every message"),
        (_at(1), _at(1), _at(1), "all its times are the same"),
        (_at(1), _at(1), None, "all its times are the same"),
        (_at(1), _at(2), None, None),
    ],
)
def test_a_claimed_clock_is_what_it_claims(
    first: str, second: str | None, closing: str | None, words: str | None, tmp_path: Path
) -> None:
    """A run whose source's clock is claimed has times, which never go back and differ."""
    desk = Desk(imported=True)
    run = desk.open_run(**{"import": CLOCK, "at": first})
    message = {"run": run, "role": "user", "turn": 0}
    desk.submit("importer", desk.make("message", "importer", **message, at=first))
    timed = {} if second is None else {"at": second}
    desk.submit("importer", desk.make("message", "importer", **message, **timed))
    desk.close_run(run, **({} if closing is None else {"at": closing}))
    found = invalid(judged(desk, tmp_path))
    assert [code for _, code, _ in found] == ([] if words is None else ["clock"])
    assert words is None or words in found[0][2]


def _refer(desk: Desk, **fields: object) -> bytes:
    return desk.make("action", "agent", tool="look", params={}, **fields)


def test_references_name_what_is_there(desk: Desk, tmp_path: Path) -> None:
    """Each reference names an earlier valid record of the right kind."""
    run = desk.open_run()
    action = desk.act(run, "look", {})
    note = {"what": "order", "source": "db", "observer": "source"}
    seen = desk.submit("agent", desk.make("observation", "agent", run=run, **note))[0]
    elsewhere = desk.open_run(parent=run)
    good = len(desk.headers)
    wrong = [
        _refer(desk, run="ab" * 32),
        _refer(desk, run=action),
        _refer(desk, run=run, evidence=[action]),
        _refer(desk, run=run, resumes=run),
        _refer(desk, run=run, compensates=seen),
        desk.make("outcome", "agent", run=elsewhere, action=action, status="ok"),
        desk.make("outcome", "agent", run=run, action=action, status="ok", leaf="ab" * 32),
        desk.make("observation", "agent", run=elsewhere, action=action, **note),
        desk.make("run", "agent", phase="opened", service=SERVICE, parent=action),
    ]
    desk.submit("agent", *wrong)
    desk.submit("reviewer", desk.make("erasure", "reviewer", record="ab" * 32, paths=[], reason=""))
    found = invalid(judged(desk, tmp_path))
    assert [(at, code) for at, code, _ in found] == [
        (good + at, "reference") for at in range(len(wrong) + 1)
    ]


def test_references_that_are_fine(desk: Desk, tmp_path: Path) -> None:
    """Evidence, resumption, compensation, leaf, approval and erasure find what they name."""
    run = desk.open_run()
    action = desk.act(run, "look", {})
    leaf = desk.leaves()[-1].hex()
    outcome = desk.end(run, action, leaf=leaf)
    note = {"what": "order", "source": "db", "observer": "source", "action": action}
    seen = desk.submit("agent", desk.make("observation", "agent", **note))[0]
    again = _refer(desk, run=run, evidence=[seen], resumes=action, compensates=action)
    desk.submit("agent", again)
    approval = desk.make("approval", "activator", action=action, verdict="approve")
    desk.submit("activator", approval)
    for record in (outcome, seen):
        erasure = desk.make("erasure", "reviewer", record=record, paths=["a"], reason="asked")
        desk.submit("reviewer", erasure)
    assert invalid(judged(desk, tmp_path)) == []


def test_nothing_happens_twice_by_the_same_bytes(desk: Desk, tmp_path: Path) -> None:
    """A run that is opened again would begin anew; an action would be two under one name."""
    opened = desk.make("run", "agent", phase="opened", service=SERVICE)
    run = desk.submit("agent", opened)[0]
    action = _refer(desk, run=run)
    desk.submit("agent", action)
    index = len(desk.headers)
    desk.submit("agent", opened, action)
    found = invalid(judged(desk, tmp_path))
    assert [(at, code) for at, code, _ in found] == [(index, "reference"), (index + 1, "reference")]


def test_a_run_ends_once(desk: Desk, tmp_path: Path) -> None:
    """Its second end is left out."""
    run = desk.open_run()
    desk.close_run(run)
    index = len(desk.headers)
    desk.close_run(run)
    ((at, code, _),) = invalid(judged(desk, tmp_path))
    assert (at, code) == (index, "reference")


@pytest.mark.parametrize(
    "raw",
    [
        b'"text"',
        b'{"kind":"dream","v":1}',
        b'{"kind":"review","v":1}',
        b'{"kind":"review","more":{"kind":"authority"},"v":1}',
        b'["x",{"kind":"authority"}]',
    ],
)
def test_records_of_no_kind(raw: bytes, desk: Desk, tmp_path: Path) -> None:
    """What is strict but no record is reported and left out, never dropped in silence."""
    index = len(desk.headers)
    desk.submit("agent", raw)
    ((at, code, _),) = invalid(judged(desk, tmp_path))
    assert (at, code) == (index, "record-form")


LOOSE = (
    "CREATE TABLE entries (idx, header)",
    "CREATE TABLE records (idx, body)",
    "CREATE TABLE checkpoints (size, note)",
)


def loose(forge: Forge, path: Path, *more: tuple[str, object, bytes]) -> Path:
    """Save a ledger in tables that refuse nothing, with more rows than belong there."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for table in LOOSE:
            connection.execute(table)
        connection.executemany("INSERT INTO entries VALUES (?, ?)", enumerate(forge.headers))
        connection.executemany("INSERT INTO records VALUES (?, ?)", enumerate(forge.records))
        connection.executemany("INSERT INTO checkpoints VALUES (?, ?)", forge.notes)
        for table, idx, raw in more:
            connection.execute(f"INSERT INTO {table} VALUES (?, ?)", (idx, raw))  # noqa: S608
    return path


@pytest.mark.parametrize(
    ("table", "idx", "raw", "check"),
    [
        ("entries", 5, b"x", "stray"),
        ("entries", None, b"x", "stray"),
        ("entries", 2.5, b"x", "stray"),
        ("records", 5, b"x", "stray"),
        ("records", "zz", b'{"kind":"authority"}', "stray"),
        ("checkpoints", "zz", b"x", "checkpoint"),
        ("checkpoints", None, b"x", "checkpoint"),
    ],
)
def test_tables_that_refuse_nothing(
    table: str, idx: object, raw: bytes, check: str, desk: Desk, tmp_path: Path
) -> None:
    """Whoever makes the tables anew without keys gains no room for a row."""
    desk.sign_head()
    path = loose(desk, tmp_path / "loose.db", (table, idx, raw))
    assert broken_at(verify_ledger(path, desk.trust()))[2] == check


@pytest.mark.parametrize("idx", [4, 10])
def test_a_revocation_cannot_be_hidden(idx: int, desk: Desk, tmp_path: Path) -> None:
    """A second row that turns the search for governance away is noticed at the first it missed."""
    index = len(desk.headers)
    desk.submit("steward", desk.authority(desk.next_document(revoke="agent", since=3)))
    desk.sign_head()
    path = loose(desk, tmp_path / "loose.db", ("records", idx, b'{"kind":"authority"}'))
    assert broken_at(verify_ledger(path, desk.trust())) == (index, 2, "unreadable")


def test_what_is_appended_meanwhile(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries that come while a ledger is verified, and their head, are no part of it."""
    size = len(desk.headers)
    desk.sign_head()
    path = desk.save(tmp_path / "desk.db")
    read = Founding.read

    def slow(store: Store, trust: Trust | None) -> Founding:
        founding = read(store, trust)
        desk.submit("steward", desk.authority(desk.next_document(revoke="importer")))
        desk.sign_head()
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("INSERT INTO entries VALUES (?, ?)", (size, desk.headers[size]))
            connection.execute("INSERT INTO records VALUES (?, ?)", (size, desk.records[size]))
            connection.execute("INSERT INTO checkpoints VALUES (?, ?)", desk.notes[-1])
        return founding

    monkeypatch.setattr(Founding, "read", slow)
    report = verify_ledger(path, desk.trust())
    assert invalid(report) == []
    assert report.ledger.size == report.ledger.checkpoint_size == size
