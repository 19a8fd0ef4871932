"""Sealed values alone: commitments, places, disclosures, boxes."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.boxes import Box
from ledger.encoding import decode, digest, encode, representable
from ledger.errors import (
    EncodingError,
    KeyFileError,
    SealedFormatError,
    UnsealedError,
)
from ledger.sealed import (
    Disclosure,
    Opening,
    Sealed,
    check_opening,
    commit,
    escaped,
    read_disclosure,
    recordable,
    replaced,
    seal,
    seal_paths,
    sealed_in,
    steps,
    write_disclosure,
)
from ledger.sealing import SealingKey, decrypt, encrypt
from ledger.testing import mangle, seeded_random
from tests.ledger.strategies import objects, texts, values

SALT = bytes(range(32))
RECORD = "ab" * 32
paths = st.lists(texts, min_size=1, max_size=4).map(
    lambda names: "".join(f"/{escaped(name)}" for name in names)
)
salts = st.binary(min_size=32, max_size=32)
openings = st.builds(Opening, paths, salts, values.map(encode))
keys = st.binary(min_size=32, max_size=32)


def box_of(opening: Opening, key: bytes, record: str = RECORD) -> Box:
    """Put an opening in a box."""
    nonce = digest(opening.salt).encode()[:12]
    box = encrypt(opening, key, record, nonce)
    return Box(opening.commitment, record, opening.path, "customer:41", box)


# -------------------------------------------------------------------------- commitments


def test_a_commitment_is_the_hash_that_the_page_says() -> None:
    """Salt, length of the path, path and value, after the prefix: written out once by hand."""
    path = b"/params/email"
    text = b"writ/sealed/v1" + SALT + b"\0\0\0\0\0\0\0\x0d" + path + b'"a@b.c"'
    assert commit("/params/email", SALT, b'"a@b.c"') == digest(text)


@given(paths, values)
def test_what_is_sealed_opens_as_itself(path: str, value: object) -> None:
    """Sealing and checking are a pair, and the value comes out as it was."""
    opening = seal(path, value, seeded_random("seal"))
    check_opening(opening, opening.commitment)
    assert encode(opening.read()) == encode(value)


@given(openings, openings)
def test_an_opening_opens_its_own_commitment_only(one: Opening, other: Opening) -> None:
    """Another path, salt or value gives another commitment."""
    if one != other:
        with pytest.raises(UnsealedError, match="not the one"):
            check_opening(one, other.commitment)


def test_what_could_be_guessed_cannot_be_tried() -> None:
    """The same small value sealed twice has two commitments: without the salt none can be tried."""
    random = seeded_random("guess")
    made = {seal("/params/approved", 1, random).commitment for _ in range(32)}
    assert len(made) == 32


def test_the_page_has_an_example_that_holds() -> None:
    """Whoever writes another reader finds on the page what to compare with."""
    page = Path(__file__).parents[2] / "docs/spec/ledger-format.md"
    assert commit("/params/customer/email", SALT, b'"carol@example.com"') in page.read_text("utf-8")


def test_a_path_moves_no_byte_into_the_value() -> None:
    """The path's length stands before it: what is cut elsewhere is another commitment."""
    assert commit("/a", SALT, b"11") != commit("/a1", SALT, b"1")


def test_a_short_salt_opens_nothing() -> None:
    """Whoever leaves bytes of the salt to the path makes no second reading of one commitment."""
    opening = Opening("/a", SALT[:31], b"1")
    with pytest.raises(UnsealedError):
        check_opening(opening, opening.commitment)


def test_neither_opening_nor_sealed_value_shows_itself() -> None:
    """What is printed by mistake holds neither value nor salt."""
    opening = Opening("/params/email", SALT, b'"anna@example.com"')
    shown = repr(
        [
            opening,
            Sealed("anna@example.com", "anna"),
            Disclosure(RECORD, (opening,)),
            box_of(opening, SALT),
        ]
    )
    assert "anna@" not in shown
    assert SALT.hex() not in shown


# ------------------------------------------------------------------------------- places


@given(objects, paths)
def test_a_value_is_found_where_it_was_sealed(value: dict[str, object], path: str) -> None:
    """A pointer written for a place leads to that place, whatever the names in it are."""
    names = steps(path)
    commitment = "cd" * 32
    inner: object = {"sealed": commitment}
    for name in reversed(names[1:]):
        inner = {name: inner}
    record = {**value, names[0]: inner}
    assert (path, commitment) in list(sealed_in(record))
    again = replaced(record, path, lambda found: (found, "changed"))
    assert path not in dict(sealed_in(again))
    assert dict(sealed_in(record))[path] == commitment


@pytest.mark.parametrize("path", ["", "params", "/a~", "/a~2b", "#/a"])
def test_a_path_is_a_pointer(path: str) -> None:
    """What is no JSON pointer into a record is refused."""
    with pytest.raises(SealedFormatError):
        steps(path)


@pytest.mark.parametrize("path", ["/b", "/a/2", "/a/01", "/a/-", "/a/0/x"])
def test_nothing_is_replaced_where_nothing_stands(path: str) -> None:
    """Only a place that is there is changed."""
    with pytest.raises(SealedFormatError, match="nothing at this path"):
        replaced({"a": [1, 2]}, path, lambda found: found)


@pytest.mark.parametrize(
    "value",
    [
        {"sealed": "ab" * 32, "more": 1},
        {"sealed": "AB" * 32},
        {"sealed": "ab" * 31},
        {"sealed": ["ab" * 32]},
        {"sealed": "ab" * 32 + "\n"},
        ["sealed", "ab" * 32],
    ],
)
def test_what_only_resembles_a_sealed_value_is_none(value: object) -> None:
    """A sealed value is exactly one member of exactly 64 digits."""
    assert list(sealed_in(value)) == []


@given(values)
def test_what_looks_sealed_is_recorded_as_raw(value: object) -> None:
    """No parameter that came from outside can pass for a sealed value."""
    looks = {"note": value, "given": [{"sealed": "ab" * 32}]}
    for one in (looks, [looks], {"sealed": "ab" * 32}):
        recorded = representable(one)
        assert list(sealed_in(recorded)) == []
        assert encode(recorded).startswith(b'{"raw":"')


def test_paths_of_a_value_are_marked_to_be_sealed() -> None:
    """What a configuration names is sealed, and what is not there is passed over."""
    value = {"customer": {"email": "a@b.c", "id": 41}, "lines": [{"iban": "x"}, {"iban": "y"}]}
    marked = seal_paths(value, ["/customer/email", "/lines/1/iban", "/lines/9/iban"], "41")
    assert marked == {
        "customer": {"email": Sealed("a@b.c", "41"), "id": 41},
        "lines": [{"iban": "x"}, {"iban": Sealed("y", "41")}],
    }
    assert value["customer"] == {"email": "a@b.c", "id": 41}


def test_what_cannot_be_written_is_refused_where_it_is_said() -> None:
    """Around a value to be sealed and in it, only JSON is taken."""
    assert recordable({"a": Sealed([1], "s")}) == {"a": Sealed([1], "s")}
    for wrong in (
        {"a": Sealed({1}, "s")},
        {"a": Sealed(1, "s"), "b": {1}},
        Sealed(Sealed(1, "s"), "s"),
    ):
        with pytest.raises(EncodingError):
            recordable(wrong)
    assert recordable({"a": 2**60}) == representable({"a": 2**60})


def test_a_path_has_an_end() -> None:
    """A path beyond what every reader takes is refused."""
    with pytest.raises(SealedFormatError, match="2048"):
        seal("/" + "a" * 2048, 1, seeded_random("x"))


# ------------------------------------------------------------------------- disclosures


@given(st.lists(openings, min_size=1, max_size=4, unique_by=lambda one: one.path))
def test_a_disclosure_is_read_as_it_was_written(given_: list[Opening]) -> None:
    """Writing and reading are a pair, byte for byte."""
    disclosure = Disclosure(RECORD, tuple(given_))
    raw = write_disclosure(disclosure)
    assert read_disclosure(raw) == disclosure
    assert write_disclosure(read_disclosure(raw)) == raw


def test_no_changed_byte_of_a_disclosure_opens_its_commitment() -> None:
    """Each byte counts: a changed one is unreadable, of another record, or opens nothing."""
    opening = Opening("/params/email", SALT, b'"a@b.c"')
    raw = write_disclosure(Disclosure(RECORD, (opening,)))
    for offset, changed in mangle(raw, bits=(0, 1, 6)):
        try:
            found = read_disclosure(changed)
        except SealedFormatError:
            continue
        if found.record == RECORD:
            with pytest.raises(UnsealedError):
                check_opening(found.openings[0], opening.commitment)
            assert found.openings[0] != opening, offset


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"1",
        b"{}",
        encode({"v": True, "record": RECORD, "values": []}),
        encode({"v": 1, "record": RECORD, "values": []}),
        encode({"v": 1, "record": "x", "values": [{"path": "/a", "salt": "", "value": "1"}]}),
        encode({"v": 1, "record": RECORD, "values": [{"path": "/a", "salt": "ab", "value": "1"}]}),
        encode({"v": 1, "record": RECORD, "values": [{"path": "/a", "salt": SALT.hex()}]}),
        encode(
            {
                "v": 1,
                "record": RECORD,
                "values": [{"path": "a", "salt": SALT.hex(), "value": "1"}],
            }
        ),
        encode(
            {
                "v": 1,
                "record": RECORD,
                "values": [{"path": "/a", "salt": SALT.hex(), "value": "1 "}],
            }
        ),
        encode(
            {
                "v": 1,
                "record": RECORD,
                "values": [{"path": "/a", "salt": SALT.hex(), "value": "1"}] * 2,
            }
        ),
    ],
)
def test_what_is_no_disclosure_is_refused(raw: bytes) -> None:
    """Wrong members, salts, paths, values and repetitions are told apart from a disclosure."""
    with pytest.raises(SealedFormatError):
        read_disclosure(raw)


# -------------------------------------------------------------------------------- boxes


@given(openings, keys)
def test_a_box_opens_in_its_place_with_its_key(opening: Opening, key: bytes) -> None:
    """Encrypting and decrypting are a pair."""
    assert decrypt(box_of(opening, key), key) == opening


@given(openings, openings, keys)
def test_a_box_opens_nowhere_else(one: Opening, other: Opening, key: bytes) -> None:
    """A box moved to another record, path or commitment, or under another key, stays shut."""
    box = box_of(one, key)
    moved = [
        replace(box, record="cd" * 32),
        replace(box, path=box.path + "x"),
        replace(box, commitment="cd" * 32),
    ]
    if other.commitment != one.commitment:
        moved.append(replace(box, commitment=other.commitment, path=other.path))
    for changed in moved:
        with pytest.raises(UnsealedError):
            decrypt(changed, key)
    with pytest.raises(UnsealedError):
        decrypt(box, bytes(32) if key != bytes(32) else SALT)


def test_no_changed_byte_of_a_box_opens() -> None:
    """Each byte of a box is authenticated, and so is its length."""
    box = box_of(Opening("/params/email", SALT, b'"a@b.c"'), SALT)
    for _, changed in mangle(box.box):
        with pytest.raises(UnsealedError):
            decrypt(replace(box, box=changed), SALT)
    for cut in range(len(box.box)):
        with pytest.raises(UnsealedError):
            decrypt(replace(box, box=box.box[:cut]), SALT)


@given(keys, texts, texts)
def test_a_subjects_key_is_wrapped_for_that_subject(key: bytes, one: str, other: str) -> None:
    """Wrapping and unwrapping are a pair, for one subject and one sealing key."""
    sealing, another = SealingKey(SALT), SealingKey(bytes(32))
    wrapped = sealing.wrap(key, one)
    assert sealing.unwrap(wrapped, one) == key
    assert key not in wrapped
    if one != other:
        with pytest.raises(UnsealedError):
            sealing.unwrap(wrapped, other)
    with pytest.raises(UnsealedError) as refused:
        another.unwrap(wrapped, one)
    assert refused.value.code == "seal.key"


def test_a_sealing_key_is_its_owners_alone(tmp_path: Path) -> None:
    """The file is made once, for one user, and is read for nobody else."""
    path = tmp_path / "sealing.key"
    made = SealingKey.create(path, SALT)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert SealingKey.load(path).unwrap(made.wrap(SALT, "s"), "s") == SALT
    with pytest.raises(KeyFileError, match="cannot write"):
        SealingKey.create(path, SALT)
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        SealingKey.load(path)
    path.chmod(0o600)
    path.write_bytes(SALT[:31])
    with pytest.raises(KeyFileError, match="32 bytes"):
        SealingKey.load(path)
    with pytest.raises(KeyFileError, match="cannot read"):
        SealingKey.load(tmp_path / "none")


def test_a_value_of_a_box_is_what_was_sealed() -> None:
    """What a box holds is the value's bytes as they were committed to."""
    opening = Opening("/params/email", SALT, b'"a@b.c"')
    assert decode(decrypt(box_of(opening, SALT), SALT).value) == "a@b.c"
