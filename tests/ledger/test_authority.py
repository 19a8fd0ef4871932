"""Authority: who may write what, at each index."""

from collections.abc import Sequence
from typing import Any

import pytest

from ledger.authority import (
    ROLE_KINDS,
    AuthorityHistory,
    Document,
    Standing,
    document_text,
    parse_document,
    signed_bytes,
)
from ledger.encoding import decode, digest, encode, to_base64
from ledger.entry import ZEROS
from ledger.errors import AuthorityError
from ledger.keys import fingerprint
from ledger.records import KINDS, Authority, Genesis, RootSignature, read_record
from ledger.signing import MemoryKey
from ledger.testing import throwaway_key

NONCE = "0" * 32
NOW = "2026-03-01T09:00:00.000000Z"
STEWARD = "spiffe://example.com/steward"
AGENT = "spiffe://example.com/agent"
ROOTS = sorted((throwaway_key(f"root {number}") for number in range(3)), key=lambda k: k.public_key)
WRITER, HEAD, OTHER = throwaway_key("writer"), throwaway_key("head"), throwaway_key("other")


def history(threshold: int = 2) -> AuthorityHistory:
    """Return a history that begins with three roots."""
    genesis = Genesis(
        nonce=NONCE,
        by=STEWARD,
        origin="example.com/ledger",
        seed="ab" * 32,
        roots=tuple(root.public_key.hex() for root in ROOTS),
        threshold=threshold,
    )
    return AuthorityHistory.of(genesis)


def document(number: int = 1, previous: str = ZEROS, **changes: Any) -> Document:  # noqa: ANN401
    """Return a document with a writing key of the agent and a head key, with changes."""
    fields: dict[str, object] = {
        "v": 1,
        "number": number,
        "previous": previous,
        "identities": [identity(AGENT, "agent"), identity(STEWARD, "steward")],
        "keys": [key(WRITER, AGENT), key(HEAD, STEWARD, "head")],
        "revoked": [],
    }
    return parse_document(encode({**fields, **changes}).decode())


def identity(name: str, *roles: str, **more: object) -> dict[str, object]:
    """Return an identity's entry."""
    return {"id": name, "owner": "anna@example.com", "roles": list(roles), **more}


def key(signer: MemoryKey, name: str, use: str = "write") -> dict[str, object]:
    """Return a key's entry."""
    return {"key": signer.public_key.hex(), "identity": name, "use": use}


def record(found: Document, signers: Sequence[MemoryKey] = ROOTS[:2]) -> Authority:
    """Return the record that carries a document."""
    text = document_text(found)
    return Authority(
        nonce=NONCE,
        by=STEWARD,
        document=text,
        signatures=tuple(
            RootSignature(
                key=signer.public_key.hex(), signature=to_base64(signer.sign(signed_bytes(text)))
            )
            for signer in signers
        ),
    )


def after(first: Document) -> str:
    """Return what the next document names as previous."""
    return digest(document_text(first).encode())


def written(kind: str, by: str = AGENT, **fields: Any) -> Any:  # noqa: ANN401  (any record)
    """Return a record of a kind, with as little in it as there can be."""
    least: dict[str, dict[str, Any]] = {
        "run": {"phase": "opened", "service": "s"},
        "message": {"run": ZEROS, "role": "user", "turn": 0},
        "observation": {"what": "w", "source": "s", "observer": "source"},
        "action": {"run": ZEROS, "tool": "t", "params": {}},
        "outcome": {"run": ZEROS, "action": ZEROS, "status": "ok"},
        "approval": {"action": ZEROS, "verdict": "approve"},
        "contract": {"service": "s", "version": "1", "digest": digest(b""), "text": ""},
        "activation": {
            "service": "s",
            "version": "1",
            "digest": ZEROS,
            "effective_at": "2026-03-01T09:00:00.000000Z",
            "approved_by": [],
        },
        "switch": {"service": "s", "state": "engaged", "mode": "kill", "reason": ""},
        "review": {"finding": "f", "state": "open"},
        "erasure": {"record": ZEROS, "paths": [], "reason": ""},
        "genesis": {"origin": "o", "seed": ZEROS, "roots": [ZEROS], "threshold": 1},
        "authority": {"document": "", "signatures": []},
        "stream-close": {},
    }
    every = {"v": 1, "kind": kind, "nonce": NONCE, "by": by}
    return read_record({**every, **least[kind], **fields})


def test_a_document_is_its_text() -> None:
    """Reading and writing return the text that was signed."""
    text = document_text(document())
    assert document_text(parse_document(text)) == text


def test_documents_hold_from_the_next_entry_on() -> None:
    """At its own entry the one before still holds; the first holds for the founding too."""
    first = document()
    second = document(2, after(first), keys=[key(HEAD, STEWARD, "head")])
    folded = history().fold(1, record(first)).fold(7, record(second))
    writer = fingerprint(WRITER.public_key)
    numbers = [found and found.document.number for found in map(folded.in_force, (0, 1, 2, 7, 8))]
    assert numbers == [1, 1, 1, 1, 2]
    assert folded.entitled(7, writer, written("message"), NOW).standing is Standing.ENTITLED
    assert folded.entitled(8, writer, written("message"), NOW).code == "authority.unknown-key"
    assert folded.public_key(writer) == WRITER.public_key
    assert folded.public_key(ZEROS) is None


def test_without_a_document_nobody_is_entitled() -> None:
    """Roots sign documents, and nothing else."""
    empty = history()
    answer = empty.entitled(5, fingerprint(WRITER.public_key), written("message"), NOW)
    assert (answer.standing, answer.code) == (Standing.REFUSED, "authority.none")
    assert empty.head_keys(5) == ()
    assert empty.identity_at(5, AGENT) == {"registered": False}


def test_an_identity_is_told_as_the_document_says() -> None:
    """What contracts see of an identity is what the roots signed, at that index."""
    delegated = {
        "by": "boss@example.com",
        "since": "2026-01-01T00:00:00.000000Z",
        "until": "2027-01-01T00:00:00.000000Z",
    }
    agent = identity(AGENT, "agent", permissions=["p"], delegated=delegated)
    folded = history().fold(1, record(document(identities=[agent, identity(STEWARD, "steward")])))
    assert folded.identity_at(2, AGENT) == {
        "registered": True,
        "id": AGENT,
        "owner": "anna@example.com",
        "roles": ["agent"],
        "permissions": ["p"],
        "delegated": delegated,
    }
    assert folded.identity_at(2, "spiffe://example.com/nobody") == {"registered": False}


@pytest.mark.parametrize("role", [*ROLE_KINDS, "refunds-lead"])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_role_writes_its_kinds(role: str, kind: str) -> None:
    """The table of roles and kinds, cell by cell."""
    allowed = ROLE_KINDS.get(role, frozenset({"approval"})) | {"stream-close"}
    imports: dict[str, Any] = {
        "import": {"source": "f", "digest": ZEROS, "line": 1, "clock": "none"}
    }
    fields = imports if kind == "run" and role == "importer" else {}
    agent = [identity(AGENT, role), identity(STEWARD, "steward")]
    folded = history().fold(1, record(document(identities=agent)))
    answer = folded.entitled(2, fingerprint(WRITER.public_key), written(kind, **fields), NOW)
    expected = Standing.ENTITLED if kind in allowed else Standing.REFUSED
    assert answer.standing is expected
    assert answer.code == ("" if kind in allowed else "authority.role")


def test_only_importers_import_and_they_only_import() -> None:
    """What an importer says of a clock is believed: nobody else says it, and it says it always."""
    source: dict[str, Any] = {
        "import": {"source": "f", "digest": ZEROS, "line": 1, "clock": "claimed"}
    }
    writer = fingerprint(WRITER.public_key)
    standings: list[Standing] = []
    for role in ("agent", "importer"):
        agent = [identity(AGENT, role), identity(STEWARD, "steward")]
        folded = history().fold(1, record(document(identities=agent)))
        runs = written("run"), written("run", **source)
        standings += [folded.entitled(2, writer, run, NOW).standing for run in runs]
    assert standings == [
        Standing.ENTITLED,
        Standing.REFUSED,
        Standing.REFUSED,
        Standing.ENTITLED,
    ]


def test_a_key_speaks_for_its_identity_only() -> None:
    """The right role is not enough, nor is a key of another use."""
    folded = history().fold(1, record(document()))
    writer, head = fingerprint(WRITER.public_key), fingerprint(HEAD.public_key)
    assert folded.entitled(2, writer, written("message", STEWARD), NOW).code == "authority.identity"
    assert folded.entitled(2, head, written("switch", STEWARD), NOW).code == "authority.key-use"
    assert folded.entitled(2, ZEROS, written("message"), NOW).code == "authority.unknown-key"


def test_a_revoked_key_is_refused_from_then_on() -> None:
    """Without a time of compromise, what it wrote before stays as it was."""
    first = document()
    revoked = [{"key": fingerprint(WRITER.public_key)}]
    second = document(2, after(first), keys=[key(HEAD, STEWARD, "head")], revoked=revoked)
    folded = history().fold(1, record(first)).fold(7, record(second))
    writer = fingerprint(WRITER.public_key)
    assert folded.entitled(7, writer, written("message"), NOW).standing is Standing.ENTITLED
    assert folded.entitled(8, writer, written("message"), NOW).code == "authority.revoked-key"


def test_a_compromised_key_leaves_what_it_wrote_undecidable() -> None:
    """From the index named on, even before it was known; and no later document takes it back."""
    first = document()
    since = {"key": fingerprint(WRITER.public_key), "compromised_since": 4}
    head = {"key": fingerprint(HEAD.public_key), "compromised_since": 5}
    second = document(2, after(first), keys=[], revoked=[since, head])
    third = document(3, after(second))
    folded = history().fold(1, record(first)).fold(7, record(second)).fold(9, record(third))
    writer = fingerprint(WRITER.public_key)
    standings = [
        folded.entitled(at, writer, written("message"), NOW).standing for at in (3, 4, 7, 8)
    ]
    undecidable = Standing.UNDECIDABLE
    assert standings == [Standing.ENTITLED, undecidable, undecidable, Standing.REFUSED]
    assert folded.entitled(10, writer, written("message"), NOW).standing is undecidable
    assert folded.head_keys(4) == (HEAD.public_key,)
    assert folded.head_keys(5) == ()


def test_roots_rotate_by_the_old_threshold() -> None:
    """New roots sign the document after the one that names them."""
    new = [throwaway_key("new root")]
    roots = [root.public_key.hex() for root in new]
    first = document(roots=roots, threshold=1)
    second = document(2, after(first))
    folded = history().fold(1, record(first))
    assert folded.fold(5, record(second, new)).documents[-1].document.number == 2
    with pytest.raises(AuthorityError) as caught:
        folded.fold(5, record(second))
    assert (caught.value.code, caught.value.index) == ("authority.signatures", 5)


def spoiled_signature(found: Document) -> Authority:
    """Return a document's record with a signature over another text."""
    good = record(found)
    bad = RootSignature(
        key=good.signatures[0].key, signature=to_base64(ROOTS[0].sign(b"something else"))
    )
    return good.model_copy(update={"signatures": (bad, good.signatures[1])})


@pytest.mark.parametrize(
    "carried",
    [
        record(document(), ROOTS[:1]),
        record(document(), [ROOTS[0], ROOTS[0]]),
        record(document(), [ROOTS[0], OTHER]),
        record(document(), []),
        spoiled_signature(document()),
    ],
    ids=["too few", "one twice", "a stranger", "none", "another text"],
)
def test_enough_distinct_roots_must_sign(carried: Authority) -> None:
    """One signature that does not count spoils the record, however many do."""
    with pytest.raises(AuthorityError) as caught:
        history().fold(1, carried)
    assert caught.value.code == "authority.signatures"


@pytest.mark.parametrize(("number", "previous"), [(2, ZEROS), (1, "ab" * 32), (3, "ab" * 32)])
def test_documents_follow_each_other(number: int, previous: str) -> None:
    """Neither number nor link may be wrong."""
    with pytest.raises(AuthorityError) as caught:
        history().fold(1, record(document(number, previous)))
    assert caught.value.code == "authority.sequence"


@pytest.mark.parametrize(
    "changes",
    [
        {"number": 0},
        {"v": 2},
        {"extra": 1},
        {"roots": None},
        {"keys": [key(WRITER, "spiffe://example.com/nobody")]},
        {"keys": [key(WRITER, AGENT), key(WRITER, AGENT, "head")]},
        {"keys": [{**key(WRITER, AGENT), "key": "01" + "00" * 31}]},
        {"identities": [identity(AGENT, "agent")] * 2},
        {"roots": [WRITER.public_key.hex()]},
        {"roots": [ROOTS[1].public_key.hex(), ROOTS[0].public_key.hex()]},
        {"roots": ["00" * 32]},
        {"revoked": [{"key": fingerprint(WRITER.public_key)}]},
        {"revoked": [{"key": ZEROS}, {"key": ZEROS}]},
    ],
)
def test_a_malformed_document_is_refused(changes: dict[str, Any]) -> None:
    """Unknown fields, keys without owner, one key in two uses, keys that are none."""
    with pytest.raises(AuthorityError) as caught:
        document(**changes)
    assert caught.value.code == "authority.malformed"


@pytest.mark.parametrize("text", ["", "[]", "{}", "{ }", "\ud800"])
def test_what_is_no_document_is_refused(text: str) -> None:
    """Other texts, other JSON, and text that is none."""
    with pytest.raises(AuthorityError):
        parse_document(text)


def test_a_document_says_its_version() -> None:
    """The version is not taken for granted."""
    value = decode(document_text(document()).encode())
    with pytest.raises(AuthorityError, match="has no v"):
        parse_document(encode({name: value[name] for name in value if name != "v"}).decode())


@pytest.mark.parametrize(
    "changes",
    [
        {"threshold": 4},
        {"roots": [OTHER.public_key.hex()]},
        {"keys": [key(ROOTS[0], AGENT)]},
    ],
    ids=["threshold over the roots", "fewer roots than the threshold", "a root that writes"],
)
def test_a_document_fits_the_roots(changes: dict[str, Any]) -> None:
    """The threshold can be met, and a root key has no other use."""
    with pytest.raises(AuthorityError) as caught:
        history().fold(1, record(document(**changes)))
    assert caught.value.code == "authority.malformed"


def test_a_refused_root_key_is_named() -> None:
    """Genesis cannot bring in a key that no document could."""
    genesis = written("genesis", STEWARD, roots=["01" + "00" * 31])
    with pytest.raises(AuthorityError, match="root key 01") as caught:
        AuthorityHistory.of(genesis)
    assert caught.value.index == 0


WINDOW = {
    "by": "boss@example.com",
    "since": "2026-03-01T09:00:00.000000Z",
    "until": "2026-03-02T09:00:00.000000Z",
}


@pytest.mark.parametrize(
    ("when", "code", "says"),
    [
        ("2026-03-01T08:59:59.999999Z", "authority.delegation", "has not begun"),
        ("2026-03-01T09:00:00.000000Z", "", ""),
        ("2026-03-02T08:59:59.999999Z", "", ""),
        ("2026-03-02T09:00:00.000000Z", "authority.delegation", "has ended"),
    ],
)
def test_what_is_delegated_is_so_for_a_time(when: str, code: str, says: str) -> None:
    """From since on, and no more at until; a stream may be ended at any time."""
    agent = identity(AGENT, "agent", delegated=WINDOW)
    folded = history().fold(1, record(document(identities=[agent, identity(STEWARD, "steward")])))
    writer = fingerprint(WRITER.public_key)
    answer = folded.entitled(2, writer, written("message"), when)
    assert answer.code == code
    assert says in answer.why
    assert folded.entitled(2, writer, written("stream-close"), when).code == ""


def test_a_delegation_has_a_length() -> None:
    """One that ends when it begins delegates nothing."""
    agent = identity(AGENT, "agent", delegated={**WINDOW, "until": WINDOW["since"]})
    with pytest.raises(AuthorityError, match="ends after it begins"):
        document(identities=[agent, identity(STEWARD, "steward")])
