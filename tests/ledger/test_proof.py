"""Record proofs: what they show to somebody who has only the genesis digest."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ledger import LedgerError, Store, check_proof, make_proof
from ledger.authority import parse_document
from ledger.encoding import digest, encode, to_base64
from ledger.errors import ProofFormatError, StoreError, UnprovenRecordError
from ledger.founding import authority_record
from ledger.keys import fingerprint
from ledger.proof import Extra, Proof, parse_proof, proof_bytes
from ledger.records import Authority, Message, StreamClose, parse_record
from ledger.testing import BuiltLedger, build_ledger, found_ledger, mangle


@pytest.fixture
def reading(built: BuiltLedger) -> Iterator[Store]:
    """Give the built ledger's store, to read."""
    with Store.open(built.path) as store:
        yield store


def last_note(store: Store) -> bytes:
    """Return the largest checkpoint's note."""
    return list(store.checkpoints())[-1][1]


def test_every_record_can_be_proved(built: BuiltLedger, reading: Store) -> None:
    """Under every checkpoint that covers it, each record's proof shows that record."""
    for size, note in reading.checkpoints():
        for row in reading.rows():
            if row.idx < size:
                proven = check_proof(make_proof(reading, row.idx, note), built.founded.genesis)
                assert proven.record == parse_record(row.record or b"")
                assert (proven.index, proven.document) == (row.idx, 1)
                assert proven.checkpoint.checkpoint.size == size


def test_reading_and_writing_return_the_proof(reading: Store) -> None:
    """A proof's bytes come back from its parts."""
    raw = make_proof(reading, 4, last_note(reading))
    assert proof_bytes(parse_proof(raw)) == raw
    assert raw.startswith(b"c2sp.org/tlog-proof@v1\nextra ")
    assert raw.endswith(last_note(reading))


def test_every_byte_counts(built: BuiltLedger, reading: Store) -> None:
    """Whatever byte of the file is changed, it proves nothing any more."""
    raw = make_proof(reading, 1, last_note(reading))
    for _, spoiled in mangle(raw, bits=(0,)):
        with pytest.raises((ProofFormatError, UnprovenRecordError)):
            check_proof(spoiled, built.founded.genesis)


def test_records_of_a_full_submission(tmp_path: Path) -> None:
    """Each position of a large submission has its own path."""
    built = found_ledger(tmp_path)
    with Store.open(built.path, writable=True) as store, built.client("agent", store) as client:
        said = [client.make(Message, run="ab" * 32, role="user", turn=turn) for turn in range(37)]
        receipts = client.submit(said)
    with Store.open(built.path) as store:
        for receipt in receipts[::6]:
            raw = make_proof(store, receipt.index, last_note(store))
            assert check_proof(raw, built.founded.genesis).digest == receipt.record


def with_extra(proof: Proof, **changes: Any) -> Proof:  # noqa: ANN401  (any field)
    """Return a proof with fields of its extra data changed."""
    return replace(proof, extra=proof.extra.model_copy(update=changes))


def with_part_of(proof: Proof, donor: Proof, name: str) -> Proof:
    """Return a proof with one part, of the file or of its extra data, taken from another one."""
    if name in Extra.model_fields and name != "path":
        return with_extra(proof, **{name: getattr(donor.extra, name)})
    changes: dict[str, Any] = {name: getattr(donor, name)}
    return replace(proof, **changes)


@pytest.fixture
def another(tmp_path: Path) -> Proof:
    """Give the proof of the same entry in another ledger of the same origin."""
    (tmp_path / "other").mkdir()
    other = build_ledger(tmp_path / "other", seed="another")
    with Store.open(other.path) as store:
        return parse_proof(make_proof(store, 4, last_note(store)))


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("genesis", 2),
        ("authority", 2),
        ("checkpoint", 3),
        ("index", 4),
        ("path", 4),
        ("header", 4),
        ("record", 5),
        ("submission", 6),
        ("signature", 6),
    ],
)
def test_no_part_may_come_from_another_entry_or_ledger(
    built: BuiltLedger, reading: Store, another: Proof, name: str, step: int
) -> None:
    """Each part is noticed at the step that is about it, whether its donor is near or far."""
    own, near = (parse_proof(make_proof(reading, at, last_note(reading))) for at in (4, 5))
    for donor in (near, another):
        spoiled = with_part_of(own, donor, name)
        if spoiled != own:
            with pytest.raises(UnprovenRecordError, match=f"step {step}"):
                check_proof(proof_bytes(spoiled), built.founded.genesis)


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ({"authority": ()}, 3),
        ({"path": ("ab" * 32,)}, 6),
    ],
)
def test_what_is_missing_or_too_much_is_noticed(
    built: BuiltLedger, reading: Store, changes: dict[str, Any], step: int
) -> None:
    """Without authority nobody signs heads, and a path has the length that its place demands."""
    own = parse_proof(make_proof(reading, 4, last_note(reading)))
    with pytest.raises(UnprovenRecordError, match=f"step {step}"):
        check_proof(proof_bytes(with_extra(own, **changes)), built.founded.genesis)


def test_an_authority_record_has_its_own_header(built: BuiltLedger, reading: Store) -> None:
    """Where an authority record stands decides whom it entitles: its entry is proved too."""
    own = parse_proof(make_proof(reading, 4, last_note(reading)))
    part = own.extra.authority[0]
    moved = part.model_copy(update={"path": own.extra.authority[0].path[::-1]})
    other = part.model_copy(update={"header": own.extra.header})
    for spoiled, step in ((moved, 4), (other, 2)):
        with pytest.raises(UnprovenRecordError, match=f"step {step}"):
            check_proof(proof_bytes(with_extra(own, authority=(spoiled,))), built.founded.genesis)


def test_another_genesis_is_not_ours(reading: Store) -> None:
    """A proof proves under the trust that one has, not under the one that it brings."""
    raw = make_proof(reading, 4, last_note(reading))
    with pytest.raises(UnprovenRecordError, match="step 2"):
        check_proof(raw, "ab" * 32)


def test_a_genesis_digest_is_of_genesis(reading: Store) -> None:
    """The digest of another record is no trust."""
    proof = parse_proof(make_proof(reading, 4, last_note(reading)))
    spoiled = with_extra(proof, genesis=proof.extra.record)
    with pytest.raises(UnprovenRecordError, match="not of a genesis record"):
        check_proof(proof_bytes(spoiled), digest((proof.extra.record or "").encode()))


def grown(tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> tuple[BuiltLedger, bytes]:
    """Return a ledger whose second document is changed, and the proof of a record from before."""
    built = build_ledger(tmp_path)
    with Store.open(built.path, writable=True) as store, built.client("steward", store) as client:
        first = parse_record(store.row(1).record or b"")
        assert isinstance(first, Authority)
        document = parse_document(first.document)
        value = document.model_dump()
        value |= {"number": 2, "previous": digest(first.document.encode())}
        change(value)
        second = parse_document(encode(value).decode())
        client.submit([authority_record(client, second, [built.founded.key("root")])])
        return built, make_proof(store, 4, client.checkpoint())


def without(name: str, **revocation: object) -> Callable[[dict[str, Any]], object]:
    """Return a change that takes an identity's key out of a document, and revokes it."""

    def change(value: dict[str, Any]) -> None:
        gone = [entry for entry in value["keys"] if entry["identity"].endswith(name)]
        value["keys"] = [entry for entry in value["keys"] if entry not in gone]
        key = fingerprint(bytes.fromhex(gone[0]["key"]))
        value["revoked"] = [{"key": key, **revocation}]

    return change


def test_a_key_revoked_later_still_wrote_before(tmp_path: Path) -> None:
    """The proof says under which document the key wrote, and does not speak of later ones."""
    built, raw = grown(tmp_path, without("/agent"))
    assert check_proof(raw, built.founded.genesis).document == 1


def test_a_compromised_key_proves_nothing_since(tmp_path: Path) -> None:
    """What a key wrote since it was compromised is not its identity's word."""
    built, raw = grown(tmp_path, without("/agent", compromised_since=3))
    with pytest.raises(UnprovenRecordError, match="step 8"):
        check_proof(raw, built.founded.genesis)


def hidden(raw: bytes) -> bytes:
    """Return a proof without its record."""
    return proof_bytes(with_extra(parse_proof(raw), record=None))


def test_a_withheld_record_is_of_a_key_that_could_write(tmp_path: Path) -> None:
    """What a revocation does to a record, it does to one that is not shown."""
    for name in ("revoked", "compromised"):
        (tmp_path / name).mkdir()
    built, raw = grown(tmp_path / "revoked", without("/agent"))
    assert check_proof(hidden(raw), built.founded.genesis).record is None
    built, raw = grown(tmp_path / "compromised", without("/agent", compromised_since=3))
    with pytest.raises(UnprovenRecordError, match=r"step 8: .*compromised"):
        check_proof(hidden(raw), built.founded.genesis)


def test_a_withheld_record_after_the_end_of_a_delegation(tmp_path: Path) -> None:
    """It can only be what ends a stream, and that is not to be seen."""

    def ended(value: dict[str, Any]) -> None:
        agent = next(one for one in value["identities"] if one["id"].endswith("/agent"))
        window = {"since": "2020-01-01T00:00:00.000000Z", "until": "2020-01-02T00:00:00.000000Z"}
        agent["delegated"] = {"by": "anna@example.com", **window}

    built, _ = grown(tmp_path, ended)
    with Store.open(built.path, writable=True) as store:
        client = built.client("agent", store)
        receipt = client.submit([client.make(StreamClose)])[0]
        raw = make_proof(store, receipt.index, client.checkpoint())
    assert check_proof(raw, built.founded.genesis).index == receipt.index
    with pytest.raises(UnprovenRecordError, match=r"step 8: .*whether it ends a stream"):
        check_proof(hidden(raw), built.founded.genesis)


def test_the_document_at_the_index_decides(tmp_path: Path) -> None:
    """Later documents may be left out, but none may change its place."""
    built, raw = grown(tmp_path, without("/agent"))
    early = parse_proof(raw)
    with Store.open(built.path) as store:
        shorter = with_extra(early, authority=early.extra.authority[:1])
        assert check_proof(proof_bytes(shorter), built.founded.genesis).document == 1
        proof = make_proof(store, store.size() - 1, last_note(store))
        assert check_proof(proof, built.founded.genesis).document == 2
    unordered = with_extra(early, authority=early.extra.authority[::-1])
    with pytest.raises(UnprovenRecordError, match="step 2"):
        check_proof(proof_bytes(unordered), built.founded.genesis)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"c2sp.org/tlog-proof@v2\n",
        b"c2sp.org/tlog-proof@v1\nindex 0\n\n",
        b"c2sp.org/tlog-proof@v1\nextra e30=\nindex 00\n\n",
        b"c2sp.org/tlog-proof@v1\nextra e30=\nindex 0\n\n",
        b"c2sp.org/tlog-proof@v1\nextra e30\nindex 0\n\n",
        b"c2sp.org/tlog-proof@v1\nextra W10=\nindex 0\n\n",
        b"c2sp.org/tlog-proof@v1\nextra e30=\nindex 0\nAAAA\n\n",
        b"x" * (32 * 1_048_576 + 1),
    ],
)
def test_other_bytes_are_no_proof(raw: bytes) -> None:
    """Without extra data, with others, or in another form."""
    with pytest.raises(ProofFormatError):
        parse_proof(raw)


def test_too_long_a_note_is_no_proof(reading: Store) -> None:
    """What follows the path is one note."""
    raw = make_proof(reading, 4, last_note(reading))
    with pytest.raises(ProofFormatError, match="too much follows"):
        parse_proof(raw + b"x" * 65_536)


def test_extra_data_say_their_version(reading: Store) -> None:
    """The version is not taken for granted."""
    proof = parse_proof(make_proof(reading, 4, last_note(reading)))
    raw = proof_bytes(proof)
    value = proof.extra.model_dump()
    del value["v"]
    extra = raw.split(b"\n")[1]
    with pytest.raises(ProofFormatError, match="no v"):
        parse_proof(raw.replace(extra, b"extra " + to_base64(encode(value)).encode()))


def test_a_checkpoint_must_cover_the_entry(reading: Store) -> None:
    """There is no proof under an older head."""
    size, note = next(reading.checkpoints())
    with pytest.raises(ValueError, match="does not cover"):
        make_proof(reading, size, note)


def test_without_its_record_there_is_no_proof(reading: Store, monkeypatch: Any) -> None:  # noqa: ANN401
    """A record that the store does not have cannot be shown."""
    row = reading.row

    def withheld(idx: int) -> object:
        return replace(row(idx), record=None)

    monkeypatch.setattr(reading, "row", withheld)
    with pytest.raises(StoreError, match="does not have its record"):
        make_proof(reading, 4, last_note(reading))


def test_errors_are_the_ledgers() -> None:
    """A caller that expects one kind of error gets it."""
    assert issubclass(UnprovenRecordError, LedgerError)
