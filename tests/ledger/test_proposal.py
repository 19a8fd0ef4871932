"""Proposals: strict files that say what changes, signed by one root key after the other."""

import json
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.amendment import Amendment, changes
from ledger.authority import Document
from ledger.errors import AuthorityError, KeyFileError, LedgerError
from ledger.founding import (
    Founded,
    Roots,
    create_ledger,
    default_founders,
    found_proposed,
    prepare_ledger,
)
from ledger.keys import fingerprint
from ledger.proposal import MAX_BYTES, Proposal, in_words, parse_proposal, proposal_text
from ledger.proposal import sign_proposal as signed
from ledger.store import Store
from ledger.testing import ORIGIN, fixed_clock, seeded_random, throwaway_key
from verifier.load import verify_ledger

ROOTS = [throwaway_key(f"root {number}") for number in range(3)]
PEOPLE = default_founders("anna@example.com", "bob@example.com")
OTHER = throwaway_key("other")
AGENT = f"spiffe://{ORIGIN}/agent"


@pytest.fixture
def proposal(tmp_path: Path) -> Proposal:
    """Give the proposal to found a ledger whose three roots others hold, of whom two sign."""
    return prepare_ledger(
        tmp_path / "keys",
        origin=ORIGIN,
        founders=PEOPLE,
        roots=[root.public_key for root in ROOTS],
        threshold=2,
        random=seeded_random("proposal"),
    )


def raw(proposal: Proposal) -> bytes:
    """Return a proposal's file."""
    return proposal_text(proposal).encode()


def second(first: Document) -> Proposal:
    """Return a proposal that follows a first document."""
    amendment = Amendment(first)
    amendment.add_identity(AGENT, "carol@example.com", ["agent", "reviewer"])
    return Proposal(
        origin=ORIGIN,
        genesis="ab" * 32,
        roots=tuple(sorted(root.public_key.hex() for root in ROOTS)),
        threshold=2,
        before=first,
        document=amendment.document(),
    )


def test_a_proposal_comes_back_from_its_file(proposal: Proposal) -> None:
    """With and without a document before, and with each signature."""
    for one in (proposal, second(proposal.document)):
        assert parse_proposal(raw(one)) == one
        both = signed(signed(one, ROOTS[2]), ROOTS[0])
        assert parse_proposal(raw(both)) == both
        assert (one.missing, both.missing) == (2, 0)


def test_signers_come_in_any_order(proposal: Proposal) -> None:
    """The file that all have signed is the same one."""
    texts = {
        proposal_text(signed(signed(signed(proposal, a), b), c)) for a, b, c in permutations(ROOTS)
    }
    assert len(texts) == 1


def test_nobody_signs_twice_and_no_stranger(proposal: Proposal) -> None:
    """A signature counts once, and only a root's."""
    once = signed(proposal, ROOTS[0])
    for signer, code in ((ROOTS[0], "proposal.signed"), (OTHER, "proposal.stranger")):
        with pytest.raises(AuthorityError) as caught:
            signed(once, signer)
        assert caught.value.code == code


def test_any_byte_changed_is_noticed(proposal: Proposal) -> None:
    """It is refused, or it is another proposal whose signatures are gone with it."""
    good = raw(signed(second(proposal.document), ROOTS[0]))
    for offset in range(0, len(good), 5):
        changed = good[:offset] + bytes([good[offset] ^ 1]) + good[offset + 1 :]
        document = refused_or_document(changed)
        assert document in {None, json.dumps(json.loads(good)["document"])}


def refused_or_document(changed: bytes) -> str | None:
    """Return the document that a signature stands under, or None where the file is refused."""
    try:
        found = parse_proposal(changed)
    except AuthorityError:
        return None
    return json.dumps(json.loads(proposal_text(found))["document"])


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_what_is_no_proposal_is_refused(content: bytes) -> None:
    """Whatever it is, with a code and without a crash."""
    with pytest.raises(AuthorityError):
        parse_proposal(content)


def edited(one: Proposal, edit: Callable[[Any], object]) -> bytes:
    """Return a proposal's file after a change of its JSON, written as proposals are."""
    value = json.loads(proposal_text(one))
    edit(value)
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


EDITS: list[Callable[[Any], object]] = [
    lambda value: value.update(extra=1),
    lambda value: value.update(genesis=None),
    lambda value: value.pop("genesis"),
    lambda value: value.pop("before"),
    lambda value: value.update(threshold=4),
    lambda value: value.update(threshold=0),
    lambda value: value.update(threshold=1.5),
    lambda value: value.update(v=True),
    lambda value: value.update(roots=value["roots"][::-1]),
    lambda value: value.update(roots=value["roots"] * 2),
    lambda value: value.update(roots=["00" * 32]),
    lambda value: value["document"].update(number=3),
    lambda value: value["document"].update(previous="00" * 32),
    lambda value: value["document"].update(roots=[OTHER.public_key.hex()], threshold=2),
    lambda value: value["document"]["keys"][0].update(key=value["roots"][0]),
    lambda value: value["before"]["identities"][0].update(owner="mallory@example.com"),
    lambda value: value["signatures"].append(value["signatures"][0]),
    lambda value: value["signatures"][0].update(key=OTHER.public_key.hex()),
    lambda value: value["document"]["identities"][0].update(owner="mallory@example.com"),
]


@pytest.mark.parametrize("edit", EDITS)
def test_a_hostile_proposal_is_refused(proposal: Proposal, edit: Callable[[Any], object]) -> None:
    """Changed with care, so that it is well formed: it still does not fit together."""
    good = signed(second(proposal.document), ROOTS[0])
    assert parse_proposal(edited(good, lambda value: value)) == good
    with pytest.raises(AuthorityError):
        parse_proposal(edited(good, edit))


def test_a_file_is_refused_for_its_form(proposal: Proposal) -> None:
    """Too long, nested too deep, a key twice, other white space, a huge number."""
    text = proposal_text(proposal)
    for content in (
        b" " * (MAX_BYTES + 1),
        b"[" * 100_000,
        text.replace('"v": 1', '"v": 1,\n  "v": 1').encode(),
        text.replace("  ", " ").encode(),
        b'{"v": ' + b"9" * 5000 + b"}",
        text.replace(ORIGIN, "\\ud800").encode(),
        b"\xff",
    ):
        with pytest.raises(AuthorityError) as caught:
            parse_proposal(content)
        assert caught.value.code == "proposal.malformed"


def test_a_proposal_is_told_in_words(proposal: Proposal) -> None:
    """What changes, from what, and who has signed."""
    told = in_words(signed(second(proposal.document), ROOTS[0]))
    assert "roles: agent, reviewer (was: agent)" in told
    assert "owner: carol@example.com (was: anna@example.com)" in told
    assert "steward" not in told
    assert f"{fingerprint(ROOTS[0].public_key)} signed" in told
    assert "to found a ledger" in in_words(proposal)


def test_every_kind_of_change_is_told(proposal: Proposal) -> None:
    """No change is without words: a signer would not see it."""
    first = proposal.document
    keys = {entry.identity.rpartition("/")[2]: bytes.fromhex(entry.key) for entry in first.keys}
    amendment = Amendment(first)
    amendment.remove(f"spiffe://{ORIGIN}/importer")
    amendment.delegate(AGENT, "boss", "2026-01-01T00:00:00.000000Z", "2027-01-01T00:00:00.000000Z")
    amendment.add_key(AGENT, OTHER.public_key.hex(), "write")
    amendment.rotate(fingerprint(keys["author"])[:8], throwaway_key("new").public_key.hex())
    amendment.revoke(fingerprint(keys["agent"]), 4)
    amendment.revoke("cd" * 32, None)
    amendment.rule([throwaway_key("root 9").public_key.hex()], 1)
    lines = changes(first, amendment.document())
    for part in (
        "removes the identity",
        "delegated: by boss",
        "adds the key",
        "takes out the key",
        "is in doubt",
        f"revokes the key {'cd' * 32}",
        "1 root keys",
        "need 1 root signatures",
    ):
        assert any(part in line for line in lines), part
    back = changes(amendment.document(), first)
    assert any("no longer lists" in line for line in back)


def test_an_amendment_is_of_what_there_is(proposal: Proposal) -> None:
    """Unknown identities and keys, a key twice, and nothing at all."""
    first = proposal.document
    key = first.keys[0].key
    attempts: list[Callable[[Amendment], object]] = [
        lambda amendment: amendment.remove("spiffe://x/y"),
        lambda amendment: amendment.add_key("spiffe://x/y", OTHER.public_key.hex(), "write"),
        lambda amendment: amendment.add_key(AGENT, key, "write"),
        lambda amendment: amendment.rotate("ab", OTHER.public_key.hex()),
        lambda amendment: amendment.revoke("0" * 8, None),
        lambda amendment: amendment.add_key(AGENT, "00" * 32, "write"),
        lambda amendment: amendment.add_identity("no uri", "o", ["agent"]),
        lambda amendment: amendment.document(),
    ]
    for attempt in attempts:
        amendment = Amendment(first)
        with pytest.raises(LedgerError):
            _ = attempt(amendment), amendment.document()


def test_a_ledger_is_founded_by_roots_that_others_hold(proposal: Proposal, tmp_path: Path) -> None:
    """With too few signatures nothing is made; with enough the ledger verifies."""
    place = tmp_path / "ledger.db"
    one = signed(proposal, ROOTS[1])
    with pytest.raises(AuthorityError, match="1 more"):
        found_proposed(place, one, tmp_path / "keys")
    assert not place.exists()
    founded = found_proposed(place, signed(one, ROOTS[0]), tmp_path / "keys", clock=fixed_clock())
    assert set(founded.identities) == {founder.name for founder in PEOPLE}
    assert verify_ledger(place).integrity.verdict == "holds"
    with pytest.raises(AuthorityError) as caught:
        found_proposed(tmp_path / "b.db", second(proposal.document), tmp_path / "keys")
    assert caught.value.code == "proposal.ledger"


def test_the_keys_have_to_be_the_proposed_ones(proposal: Proposal, tmp_path: Path) -> None:
    """A folder of other keys founds nothing."""
    both = signed(signed(proposal, ROOTS[0]), ROOTS[1])
    prepare_ledger(
        tmp_path / "others",
        origin=ORIGIN,
        founders=PEOPLE,
        roots=[ROOTS[0].public_key],
        threshold=1,
    )
    with pytest.raises(KeyFileError) as caught:
        found_proposed(tmp_path / "ledger.db", both, tmp_path / "others")
    assert caught.value.code == "key.other"
    assert not (tmp_path / "ledger.db").exists()


@pytest.mark.parametrize("threshold", [0, 3])
def test_a_threshold_can_be_met(tmp_path: Path, threshold: int) -> None:
    """Neither none, nor more than there are roots."""
    roots = [root.public_key for root in ROOTS[:2]]
    with pytest.raises(AuthorityError):
        prepare_ledger(tmp_path, origin=ORIGIN, founders=PEOPLE, roots=roots, threshold=threshold)
    with pytest.raises(ValueError, match="threshold"):
        create_ledger(tmp_path / "l.db", origin=ORIGIN, founders=PEOPLE, roots=Roots(2, threshold))


def test_several_roots_are_made_apart(tmp_path: Path) -> None:
    """Three keys under a passphrase in a folder of their own; two signed."""
    founded: Founded = create_ledger(
        tmp_path / "l.db",
        origin=ORIGIN,
        founders=PEOPLE,
        roots=Roots(3, 2, tmp_path / "safe"),
        passphrase=lambda _path: b"correct horse battery",
    )
    names = sorted(path.name for path in (tmp_path / "safe").iterdir())
    assert names == ["root-1.pem", "root-2.pem", "root-3.pem"]
    everything = [*(tmp_path / "safe").iterdir(), *founded.keys_dir.glob("*.pem")]
    assert all(b"ENCRYPTED" in path.read_bytes() for path in everything)
    with Store.open(founded.location) as store:
        assert b"battery" not in b"".join(row.record or b"" for row in store.rows())
    assert verify_ledger(founded.location).integrity.verdict == "holds"
