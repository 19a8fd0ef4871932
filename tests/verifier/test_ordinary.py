"""The quick verification: it proves sound ledgers, and never says more than the exact one."""

import random
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.encoding import decode, digest, encode
from ledger.entry import leaf_hash
from ledger.errors import EncodingError, LedgerError
from ledger.store import Store
from tests.verifier.forge import SERVICE, Desk, identity, key_of, witness_of
from verifier import load, spans, tables
from verifier.load import verify_ledger
from verifier.ordinary import proved
from verifier.report import IntegrityVerdict, Report
from verifier.trust import Trust

SPANS = (1, 2, 5, 100)


def worked(*, imported: bool = False) -> Desk:
    """A ledger with runs, evidence, approvals, reviews and a closed stream."""
    desk = Desk(imported=imported)
    desk.paid(5)
    run = desk.open_run()
    seen = desk.make(
        "observation", desk.who, run=run, what="order", source="s", observer="source", fields={}
    )
    evidence = desk.submit(desk.who, seen)[0]
    action = desk.act(run, "pay", {"amount": 500}, evidence=[evidence])
    desk.submit("lead", desk.make("approval", "lead", action=action, verdict="approve"))
    resumed = desk.act(run, "pay", {"amount": 500}, resumes=action)
    desk.end(run, resumed, leaf=desk.leaves()[-1].hex())
    desk.submit(desk.who, desk.make("message", desk.who, run=run, role="user", turn=0))
    made = [desk.make("review", "reviewer", finding="F", state="open") for _ in range(4)]
    desk.submit("reviewer", *made, desk.make("stream-close", "reviewer"))
    desk.sign_head()
    desk.submit("steward", _switch(desk))
    desk.close_run(run)
    desk.sign_head()
    return desk


def _switch(desk: Desk) -> bytes:
    fields = {"service": SERVICE, "state": "engaged", "mode": "safe", "reason": "why"}
    return desk.make("switch", "steward", **fields)


def _nothing(*_: object, **__: object) -> None:
    """Prove nothing."""


def exact(path: Path | str, trust: Trust | None) -> Report:
    """Verify without the quick way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(load, "proved", _nothing)
        return verify_ledger(path, trust, conformance=False)


def agreed(
    desk: Desk, path: Path | str, trust: Trust | None = None, spans: Sequence[int] = SPANS
) -> bool:
    """Compare the two ways on a saved ledger; return whether the quick one proved it."""
    trust = trust or desk.trust()
    said = exact(path, trust)
    assert verify_ledger(path, trust, conformance=False) == said
    for span in spans:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(load, "proved", partial(proved, span=span))
            assert verify_ledger(path, trust, conformance=False) == said
    with Store.open(path) as store:
        found = {proved(store, trust, span=span) is not None for span in spans}
    if said.integrity.verdict is IntegrityVerdict.BROKEN or said.findings:
        assert found == {False}
    return found == {True}


@pytest.mark.parametrize("imported", [False, True])
def test_a_sound_ledger_is_proved(tmp_path: Path, *, imported: bool) -> None:
    """However it is cut into spans, and whoever wrote it."""
    desk = worked(imported=imported)
    assert agreed(desk, desk.save(tmp_path / "l.db"))


def test_a_leap_day_is_a_day(tmp_path: Path) -> None:
    """A ledger that once lived through 29 February is not read slowly for ever after."""
    desk = Desk()
    for day in ("2028-02-28", "2028-02-29", "2028-03-01"):
        run = desk.make("run", "agent", phase="opened", service=SERVICE)
        desk.submit("agent", run, at=f"{day}T12:00:00.000000Z")
    desk.sign_head()
    assert agreed(desk, desk.save(tmp_path / "l.db"))


def test_other_processes_read_the_same(tmp_path: Path) -> None:
    """Two processes say what one says."""
    desk = worked()
    path = desk.save(tmp_path / "l.db")
    with Store.open(path) as store:
        one = proved(store, desk.trust(), span=9)
        two = proved(store, desk.trust(), span=9, jobs=2)
    assert one is not None
    assert two is not None
    assert (one.size, one.root(), one.submissions) == (two.size, two.root(), two.submissions)
    assert (one.heads.size, one.heads.root) == (two.heads.size, two.heads.root)


@pytest.mark.parametrize("how", ["fork", "spawn"])
def test_processes_are_begun_either_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """As copies where nothing hinders that; anew where there are other threads. All is read."""
    monkeypatch.setattr("verifier.spans.get_all_start_methods", lambda: [how])
    desk = worked()
    path = desk.save(tmp_path / "l.db")
    with Store.open(path) as store:
        found = proved(store, desk.trust(), span=9, jobs=2)
        assert found is not None
        # The store was closed for it, and answers all the same.
        assert found.size == store.size() == len(desk.headers)


@pytest.mark.parametrize("table", ["entries", "records"])
@pytest.mark.parametrize("index", [-1, 1, 1.5, 99, "x", None])
def test_rows_of_no_entry_are_noticed(
    tmp_path: Path, table: str, index: float | str | None
) -> None:
    """Outside, twice, between two, and nowhere, where the tables were made otherwise."""
    desk = worked()
    path = desk.save(tmp_path / "l.db")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE copied AS SELECT * FROM {table}")  # noqa: S608
        connection.execute(f"DROP TABLE {table}")
        connection.execute(f"ALTER TABLE copied RENAME TO {table}")
        connection.execute(f"INSERT INTO {table} VALUES (?, ?)", (index, b"{}"))  # noqa: S608
    assert exact(path, desk.trust()).integrity.verdict is IntegrityVerdict.BROKEN
    assert not agreed(desk, path)


def test_without_a_trust_file_the_reports_agree(tmp_path: Path) -> None:
    """What is not excluded is said by both."""
    desk = worked()
    path = desk.save(tmp_path / "l.db")
    assert verify_ledger(path, conformance=False) == exact(path, None)


def test_a_pinned_head_and_none(tmp_path: Path) -> None:
    """A pinned checkpoint is compared at its size; one of another ledger is noticed."""
    desk = worked()
    note = desk.notes[0][1]
    other = Desk()
    other.paid(7)
    stranger = other.sign_head()
    path = desk.save(tmp_path / "l.db")
    assert agreed(desk, path, desk.trust(note))
    assert not agreed(desk, path, desk.trust(stranger))


def test_the_ledgers_own_keys_are_no_witnesses(tmp_path: Path) -> None:
    """Also not where its documents are read after its heads were begun with."""
    desk = worked()
    for name in ("agent", "w.example"):
        desk.cosign(name, 1_772_366_400)
    path = desk.save(tmp_path / "l.db")
    assert agreed(desk, path, desk.trust(witnesses=(witness_of("w.example"),), quorum=1))
    own = desk.trust(witnesses=(witness_of("agent"),), quorum=1)
    assert exact(path, own).integrity.verdict is IntegrityVerdict.UNDECIDABLE
    assert not agreed(desk, path, own)


def test_what_was_seen_is_read_where_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leaf hashes that were added after one was read are not read in the place of the next."""
    monkeypatch.setattr(tables, "_AT_HAND", 32)
    desk = worked()

    def seen(size: int, leaf: str) -> None:
        switch = desk.make("switch", "steward", service=SERVICE, state="engaged", mode="safe")
        made = encode({**decode(switch), "reason": "why"})
        desk.submit("steward", made, seen_size=size, seen_leaf=leaf)

    if len(desk.headers) % 2:
        desk.submit("steward", _switch(desk))
    seen(4, desk.leaves()[3].hex())
    seen(4, desk.leaves()[3].hex())
    seen(4, desk.leaves()[3].hex())
    seen(5, desk.leaves()[-1].hex())
    desk.sign_head()
    path = desk.save(tmp_path / "l.db")
    assert exact(path, desk.trust()).findings
    assert not agreed(desk, path)


def _stranger(desk: Desk) -> None:
    review = desk.make("review", "reviewer", finding="F", state="open")
    desk.submit("reviewer", review, key=key_of("stranger"))


def _role(desk: Desk) -> None:
    desk.submit("agent", desk.make("review", "agent", finding="F", state="open"))


def _speaks_for_another(desk: Desk) -> None:
    desk.submit("agent", desk.make("review", "reviewer", finding="F", state="open"))


def _again(desk: Desk) -> None:
    desk.submit("agent", desk.records[4])


def _closed_twice(desk: Desk) -> None:
    run = desk.open_run()
    desk.close_run(run)
    desk.close_run(run)


def _names_nothing(desk: Desk) -> None:
    desk.end("ab" * 32, "cd" * 32)


def _other_run(desk: Desk) -> None:
    first, second = desk.open_run(), desk.open_run()
    desk.end(second, desk.act(first, "look", {}))


def _wrong_leaf(desk: Desk) -> None:
    run = desk.open_run()
    desk.end(run, desk.act(run, "look", {}), leaf="ab" * 32)


def _leaf_of_nothing(desk: Desk) -> None:
    run = desk.open_run()
    desk.end(run, desk.act(run, "look", {}), leaf="00" * 32)


def _headers_cut_elsewhere(desk: Desk) -> None:
    """The last header but one goes on into the last, which links to it as it is."""
    made = [desk.make("review", "reviewer", finding="F", state="open") for _ in range(3)]
    desk.submit("reviewer", *made, stream="11" * 16)
    before, last = desk.headers[-2:]
    begun, rest = last[:11], last[11:]
    was, now = leaf_hash(before).hex(), leaf_hash(before + begun).hex()
    desk.headers[-2:] = [before + begun, rest.replace(was.encode(), now.encode())]


def _run_for_an_action(desk: Desk) -> None:
    run = desk.open_run()
    desk.end(run, run)


def _later_evidence(desk: Desk) -> None:
    run = desk.open_run()
    seen = desk.make(
        "observation", "agent", run=run, what="order", source="s", observer="source", fields={}
    )
    desk.act(run, "pay", {"amount": 5}, evidence=[digest(seen)])
    desk.submit("agent", seen)


def _back_in_time(desk: Desk) -> None:
    review = desk.make("review", "reviewer", finding="F", state="open")
    desk.submit("reviewer", review, at="2026-01-01T00:00:00.000000Z", stream="11" * 16)


def _form(desk: Desk) -> None:
    desk.submit("agent", desk.make("message", "agent", run="x", role="user", turn=0))


def _null(desk: Desk) -> None:
    run = desk.open_run()
    desk.submit("agent", desk.make("message", "agent", run=run, role="user", turn=0, cost=None))


def _number(desk: Desk) -> None:
    review = desk.make("review", "steward", finding="F", state="open")
    desk.submit("steward", review, number=0, previous="0" * 64)


def _seen(desk: Desk) -> None:
    desk.submit("steward", _switch(desk), seen_leaf="ab" * 32)


def _exact(desk: Desk) -> None:
    desk.submit("steward", _switch(desk), exact=True, seen_size=3, seen_leaf=desk.leaves()[2].hex())


def _after_close(desk: Desk) -> None:
    desk.submit("reviewer", desk.make("review", "reviewer", finding="F", state="open"))


def _genesis_again(desk: Desk) -> None:
    desk.submit("steward", desk.records[0])


def _own_contract(desk: Desk) -> None:
    desk.publish("1.0.0", text="another")


def _compromised(desk: Desk) -> None:
    desk.submit("steward", desk.authority(desk.next_document(revoke="agent", since=5)))


def _revoked(desk: Desk) -> None:
    desk.submit("steward", desk.authority(desk.next_document(revoke="agent")))
    desk.submit("agent", desk.make("run", "agent", phase="opened", service=SERVICE))


def _forged_document(desk: Desk) -> None:
    document = desk.next_document(revoke="agent")
    desk.submit("steward", desk.authority(document, signer="stranger"))


def _unsigned_head(desk: Desk) -> None:
    desk.sign_head("stranger", len(desk.headers))
    desk.submit("steward", _switch(desk))


BAD: list[Callable[[Desk], None]] = [
    _stranger,
    _role,
    _speaks_for_another,
    _again,
    _closed_twice,
    _names_nothing,
    _other_run,
    _wrong_leaf,
    _leaf_of_nothing,
    _headers_cut_elsewhere,
    _run_for_an_action,
    _later_evidence,
    _back_in_time,
    _form,
    _null,
    _number,
    _seen,
    _exact,
    _after_close,
    _genesis_again,
    _own_contract,
    _compromised,
    _revoked,
    _forged_document,
    _unsigned_head,
]


def spoiled(spoil: Callable[[Desk], None]) -> Desk:
    """Return a ledger with one thing wrong at its end."""
    desk = worked()
    desk.submit("steward", _switch(desk))
    spoil(desk)
    desk.sign_head()
    return desk


@pytest.mark.parametrize("piece", [1, 2, 3, 7])
@pytest.mark.parametrize("imported", [False, True])
def test_pieces_are_of_any_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int, *, imported: bool
) -> None:
    """Submissions that go on in the next piece, and what is named in it, are followed."""
    monkeypatch.setattr(spans, "PIECE", piece)
    desk = worked(imported=imported)
    assert agreed(desk, desk.save(tmp_path / "l.db"))


@pytest.mark.parametrize("spoil", BAD)
def test_what_is_wrong_is_left_to_the_exact_reading(
    spoil: Callable[[Desk], None], tmp_path: Path
) -> None:
    """Each step of the ten: the quick way proves nothing, and the report is the exact one."""
    desk = spoiled(spoil)
    path = desk.save(tmp_path / "l.db")
    said = exact(path, desk.trust())
    assert said.findings, "the test's ledger should have been bad"
    assert not agreed(desk, path)


def test_a_key_that_is_revoked_in_time_hinders_nothing(tmp_path: Path) -> None:
    """Documents that follow each other are the ordinary life of a ledger."""
    desk = worked()
    desk.submit("steward", desk.authority(desk.next_document(revoke="agent")))
    desk.submit("steward", _switch(desk))
    desk.sign_head()
    assert agreed(desk, desk.save(tmp_path / "l.db"))


def _otherwise(luck: random.Random, raw: bytes) -> bytes:
    """Return other bytes: one flipped, or another value somewhere, written strictly."""
    at = luck.randrange(len(raw))
    flipped = raw[:at] + bytes([raw[at] ^ (1 << luck.randrange(8))]) + raw[at + 1 :]
    if luck.random() < 0.5:
        return flipped
    try:
        value: dict[str, Any] = decode(raw)
    except EncodingError:
        # It was changed before.
        return flipped
    name = luck.choice(sorted(value))
    others: list[Any] = [None, 0, 1, True, "", "x", [], {}, identity("lead"), "ab" * 32, 2**60]
    value[name] = luck.choice(others)
    if luck.random() < 0.3:
        del value[name]
    try:
        return encode(value)
    except EncodingError:
        return raw + b" "


def changed(luck: random.Random, desk: Desk, *, links: bool, heads: bool) -> Desk:
    """Change one or two headers or records; link all anew, and sign it anew, where asked to."""
    rows = luck.choice([desk.headers, desk.records])
    for _ in range(luck.randint(1, 2)):
        at = luck.randrange(len(rows))
        rows[at] = _otherwise(luck, rows[at])
    if links:
        try:
            desk.relink()
        except LedgerError:
            heads = False
    if heads:
        desk.notes.clear()
        desk.sign_head()
    return desk


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32), links=st.booleans(), heads=st.booleans())
def test_random_changes_are_judged_alike(
    tmp_path: Path, seed: int, *, links: bool, heads: bool
) -> None:
    """Whatever is changed, linked anew or signed anew: one report."""
    desk = changed(random.Random(seed), worked(), links=links, heads=heads)
    path = tmp_path / f"{seed}-{links}-{heads}.db"
    path.unlink(missing_ok=True)
    agreed(desk, desk.save(path))
