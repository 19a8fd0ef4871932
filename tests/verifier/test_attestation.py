"""Attestations: who signed what of which ledger, and how one could be made to say more."""

import base64
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ledger.encoding import from_base64, to_base64
from ledger.errors import KeyFormatError
from ledger.keys import fingerprint
from ledger.merkle import root as merkle_root
from tests.verifier.forge import Desk, key_of
from verifier.attestation import (
    PAYLOAD_TYPE,
    PREDICATE,
    STATEMENT,
    AttestationError,
    Predicate,
    RefusedAttestationError,
    check_after,
    check_before,
    heads_of,
    open_attestation,
    predicate_of,
    report_digest,
    statement_bytes,
)
from verifier.dsse import (
    MAX_ENVELOPE,
    MAX_SIGNATURES,
    EnvelopeError,
    envelope_text,
    pae,
    parse_envelope,
    signers,
)
from verifier.load import open_source, verify_ledger
from verifier.report import Report
from verifier.splitting import contained
from verifier.trust import Trust

AUDITOR = key_of("auditor")
OTHER = key_of("somebody else")
TRUST = b"{}"
AT = 1_772_000_000


@dataclass(frozen=True)
class Scene:
    """A ledger that was verified, and what an auditor signed of it."""

    desk: Desk
    trust: Trust
    report: Report
    predicate: Predicate
    text: str


def desk(payments: int = 2) -> Desk:
    """Return a ledger with payments, one of them against a rule, and a head."""
    made = Desk()
    for _ in range(payments):
        made.paid()
    made.paid(look=False)
    made.sign_head()
    return made


def signed(payload: bytes, kind: str = PAYLOAD_TYPE) -> str:
    """Return an envelope that the auditor signed."""
    return envelope_text(kind, payload, [(AUDITOR.public_key, AUDITOR.sign)])


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A ledger and its attestation."""
    made = desk()
    trust = made.trust()
    report = verify_ledger(made.save(tmp_path_factory.mktemp("attested") / "l.db"), trust)
    predicate = predicate_of(report, TRUST, AT, "1.2.3")
    return Scene(made, trust, report, predicate, signed(statement_bytes(predicate)))


def checked(scene: Scene, path: Path, trust: Trust | None = None) -> int:
    """Compare the scene's attestation with another ledger; return the entries since."""
    report = verify_ledger(path, trust or scene.trust)
    source = open_source(path)
    try:
        found = contained(source, heads_of(scene.predicate, report))
    finally:
        source.close()
    return check_after(scene.predicate, report, TRUST, found).since


def code_of(raw: str | bytes, *keys: bytes) -> str:
    """Return the code with which an attestation is refused."""
    raw = raw.encode() if isinstance(raw, str) else raw
    with pytest.raises((AttestationError, RefusedAttestationError, EnvelopeError)) as caught:
        open_attestation(raw, keys or (AUDITOR.public_key,))
    return caught.value.code


# -------------------------------------------------------------------------- statements


def test_it_says_what_was_verified(scene: Scene) -> None:
    """Totals, contracts and limits are the report's; the subjects are the root and the genesis."""
    said = json.loads(statement_bytes(scene.predicate))
    assert (said["_type"], said["predicateType"]) == (STATEMENT, PREDICATE)
    root = merkle_root(scene.desk.leaves()).hex()
    assert said["subject"] == [
        {
            "name": "shop.example/ledger",
            "digest": {"sha256": root},
            "annotations": {"size": len(scene.desk.headers)},
        },
        {"name": "shop.example/ledger#genesis", "digest": {"sha256": scene.desk.genesis}},
    ]
    predicate = said["predicate"]
    assert predicate["scope"] == "integrity and conformance"
    assert predicate["conformance"]["total"]["violated"] == 1
    assert predicate["conformance"]["contracts"][0]["name"] == "desk"
    assert predicate["exit_code"] == 1
    assert predicate["report"]["sha256"] == report_digest(scene.report)
    assert predicate["verified_at"] == "2026-02-25T06:13:20.000000Z"
    assert len(predicate["not_proven"]) > 4


def test_the_same_ledger_has_the_same_statement(scene: Scene, tmp_path: Path) -> None:
    """Only the time of verification differs between two that are made at two times."""
    again = verify_ledger(desk().save(tmp_path / "l.db"), scene.trust)
    later = predicate_of(again, TRUST, AT + 60, "1.2.3")
    assert statement_bytes(predicate_of(again, TRUST, AT, "1.2.3")) == statement_bytes(
        scene.predicate
    )
    assert later.model_copy(update={"verified_at": scene.predicate.verified_at}) == scene.predicate


def test_entries_under_no_head_are_named(tmp_path: Path) -> None:
    """The signed head is a subject of its own where it is not over all that was read."""
    made = desk()
    head = len(made.headers)
    made.paid()
    report = verify_ledger(made.save(tmp_path / "l.db"), made.trust())
    said = json.loads(statement_bytes(predicate_of(report, TRUST, AT, "1")))
    assert [one.get("annotations", {}).get("size") for one in said["subject"]] == [
        len(made.headers),
        head,
        None,
    ]


def test_nothing_is_attested_of_what_is_broken_or_unvouched(tmp_path: Path, scene: Scene) -> None:
    """A broken ledger has no root; without a trust file nothing says which ledger it is."""
    with pytest.raises(RefusedAttestationError) as caught:
        predicate_of(verify_ledger(desk().save(tmp_path / "l.db")), TRUST, AT, "1")
    assert caught.value.code == "attestation.trust"
    other = replace(scene.trust, genesis="11" * 32)
    with pytest.raises(RefusedAttestationError) as caught:
        predicate_of(verify_ledger(tmp_path / "l.db", other), TRUST, AT, "1")
    assert caught.value.code == "attestation.broken"


# --------------------------------------------------------------------------- envelopes


def test_the_signed_bytes_are_those_of_the_format() -> None:
    """The example of the format itself."""
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_another_implementation_verifies_ours(scene: Scene) -> None:
    """Its envelope and its key take what we wrote, and say no to another key."""
    dsse = pytest.importorskip("securesystemslib.dsse", reason="the extra kms is not installed")
    library = pytest.importorskip("securesystemslib.signer")
    errors = pytest.importorskip("securesystemslib.exceptions")
    found = dsse.Envelope.from_dict(json.loads(scene.text))
    keys = [
        library.SSlibKey(fingerprint(AUDITOR.public_key), "ed25519", "ed25519", {"public": public})
        for public in (AUDITOR.public_key.hex(), OTHER.public_key.hex())
    ]
    assert found.verify(keys[:1], 1)
    assert found.payload == statement_bytes(scene.predicate)
    with pytest.raises(errors.VerificationError):
        found.verify(keys[1:], 1)


def test_we_verify_another_implementations(scene: Scene) -> None:
    """Also where its JSON is written with blanks, and its key has an id of its own."""
    dsse = pytest.importorskip("securesystemslib.dsse", reason="the extra kms is not installed")
    library = pytest.importorskip("securesystemslib.signer")
    signer = library.CryptoSigner.generate_ed25519()
    payload = json.dumps(json.loads(statement_bytes(scene.predicate)), indent=2).encode()
    made = dsse.Envelope(payload, PAYLOAD_TYPE, {})
    made.sign(signer)
    raw = json.dumps(made.to_dict(), indent=4).encode()
    public = bytes.fromhex(signer.public_key.keyval["public"])
    assert open_attestation(raw, [public]).predicate == scene.predicate
    assert code_of(raw) == "attestation.signature"


def test_whoever_checks_names_the_key(scene: Scene) -> None:
    """Names of keys are hints: they admit nobody and keep nobody out."""
    envelope = json.loads(scene.text)
    ours = envelope["signatures"][0]
    for keyid in (fingerprint(OTHER.public_key), "", "x"):
        envelope["signatures"] = [{**ours, "keyid": keyid}]
        raw = json.dumps(envelope)
        assert open_attestation(raw.encode(), [AUDITOR.public_key]).predicate == scene.predicate
        assert code_of(raw, OTHER.public_key) == "attestation.signature"
    envelope["signatures"] = [{"sig": ours["sig"]}]
    assert open_attestation(json.dumps(envelope).encode(), [AUDITOR.public_key]).keys


def test_signatures_are_stripped_and_added(scene: Scene) -> None:
    """Others' signatures change nothing; each key that is asked for has to be there."""
    envelope = json.loads(scene.text)
    ours = envelope["signatures"][0]
    theirs = to_base64(OTHER.sign(pae(PAYLOAD_TYPE, statement_bytes(scene.predicate))))
    stale = {**ours, "sig": to_base64(bytes(64))}
    both = (AUDITOR.public_key, OTHER.public_key)

    def with_(*signatures: dict[str, str]) -> bytes:
        return json.dumps({**envelope, "signatures": list(signatures)}).encode()

    assert code_of(with_()) == "attestation.signature"
    assert code_of(with_(stale)) == "attestation.signature"
    assert code_of(with_({"sig": theirs})) == "attestation.signature"
    assert open_attestation(with_(stale, {"sig": theirs}, ours), both).keys == set(both)
    assert code_of(with_(ours), *both) == "attestation.signature"
    assert code_of(with_(ours, ours), *both) == "attestation.signature"
    assert open_attestation(with_({"sig": ""}, ours), both[:1]).keys
    assert code_of(with_(*[ours] * (MAX_SIGNATURES + 1))) == "attestation.malformed"


def test_a_key_that_fits_every_signature_is_refused(scene: Scene) -> None:
    """A point of small order would verify what nobody signed."""
    with pytest.raises(KeyFormatError):
        open_attestation(scene.text.encode(), [bytes([1]) + bytes(31)])
    with pytest.raises(ValueError, match="keys that must have signed"):
        open_attestation(scene.text.encode(), [])


def test_unknown_members_of_an_envelope_say_nothing(scene: Scene) -> None:
    """As the format demands they are passed over: also those that bring a key along."""
    envelope = json.loads(scene.text)
    envelope |= {"publicKey": OTHER.public_key.hex(), "cert": "x"}
    envelope["signatures"][0] |= {"public": OTHER.public_key.hex()}
    raw = json.dumps(envelope)
    assert open_attestation(raw.encode(), [AUDITOR.public_key]).predicate == scene.predicate
    assert code_of(raw, OTHER.public_key) == "attestation.signature"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{", '{"payload":"e30=",'),
        ('"keyid"', '"sig":"","keyid"'),
        ('"payloadType"', '"payload_type"'),
        ('"signatures":[', '"signatures":[[],'),
        ('"signatures":[', '"signatures":[{"sig":1},'),
        ('"signatures":[', '"signatures":[{"keyid":1,"sig":""},'),
        ('"signatures":[', '"signatures":[{"keyid":""},'),
        ('"signatures":', '"signature":{},"signatures":3,"x":'),
        ("application/", "\\ud800"),
        ("{", '{"x":1.5,'),
        ("{", '{"x":NaN,'),
        ("{", '{"x":' + "[" * 40 + "]" * 40 + ","),
        ("{", '{"x":' + "9" * 5000 + ","),
        ("}", "} {}"),
        ("{", "["),
    ],
)
def test_envelopes_have_one_meaning(scene: Scene, old: str, new: str) -> None:
    """What two readers could take in two ways is refused before any signature is looked at."""
    assert code_of(scene.text.replace(old, new, 1)) == "attestation.malformed"


def test_envelopes_that_are_no_json(scene: Scene) -> None:
    """Other bytes, too many of them, another value, and brackets without end."""
    for raw in (b"", b"\xff{}", b"[]", b"3", b"[" * 100_000, b" " * (MAX_ENVELOPE + 1)):
        assert code_of(raw) == "attestation.malformed"
    assert code_of(b"\xef\xbb\xbf" + scene.text.encode()) == "attestation.malformed"


def _in_both_alphabets(scene: Scene) -> tuple[bytes, dict[str, Any]]:
    """Return a payload, and its envelope, whose digits the two alphabets write differently."""
    for at in range(AT, AT + 500):
        payload = statement_bytes(predicate_of(scene.report, TRUST, at, "1.2.3\u00ff\u00fe~?"))
        envelope: dict[str, Any] = json.loads(signed(payload))
        digits = envelope["payload"]
        if "/" in digits and digits.endswith("=") and {"+", "/"} <= {*_sig(envelope)}:
            return payload, envelope
    raise AssertionError("no time has such an envelope")


def _sig(envelope: dict[str, Any]) -> str:
    return str(envelope["signatures"][0]["sig"])


def test_base64_has_one_writing(scene: Scene) -> None:
    """Both alphabets, each for itself, padded, without blanks and stray bits."""
    payload, envelope = _in_both_alphabets(scene)
    standard: str = envelope["payload"]
    sig = _sig(envelope)
    safe = base64.urlsafe_b64encode(payload).decode()
    assert safe != standard
    bits = standard.rstrip("=")
    stray = bits[:-1] + chr(ord(bits[-1]) + 1) + "=" * standard.count("=")
    tried: list[tuple[str, bool]] = [
        (standard, True),
        (safe, True),
        (standard.rstrip("="), False),
        (standard + "=", False),
        (standard[:8] + "\n" + standard[8:], False),
        (standard + " ", False),
        (stray, False),
        (safe + standard, False),
    ]
    for text, fine in tried:
        raw = json.dumps({**envelope, "payload": text})
        if fine:
            assert open_attestation(raw.encode(), [AUDITOR.public_key]).keys
        else:
            assert code_of(raw) == "attestation.malformed"
    envelope["signatures"][0]["sig"] = sig.replace("+", "-", 1)
    assert code_of(json.dumps(envelope)) == "attestation.malformed"
    envelope["signatures"][0]["sig"] = sig.replace("+", "-").replace("/", "_")
    assert open_attestation(json.dumps(envelope).encode(), [AUDITOR.public_key]).keys


def test_the_type_is_signed_too(scene: Scene) -> None:
    """Another type: not signed where it was changed, refused where it was signed."""
    other = scene.text.replace(PAYLOAD_TYPE, "text/plain")
    assert code_of(other) == "attestation.signature"
    payload = statement_bytes(scene.predicate)
    assert code_of(signed(payload, "application/json")) == "attestation.payload-type"
    bare = json.loads(scene.text)
    bare["signatures"] = [{"sig": to_base64(AUDITOR.sign(payload))}]
    assert code_of(json.dumps(bare)) == "attestation.signature"
    # Parts that are put together otherwise are other bytes.
    assert pae("a", b"b 1 c") != pae("a 5 b", b"c")


def test_a_payload_that_was_changed(scene: Scene) -> None:
    """One byte of what was signed."""
    envelope = json.loads(scene.text)
    payload = from_base64(envelope["payload"]).replace(b'"violated":1', b'"violated":0')
    envelope["payload"] = to_base64(payload)
    assert code_of(json.dumps(envelope)) == "attestation.signature"
    assert signers(parse_envelope(scene.text.encode()), [AUDITOR.public_key]) == {
        AUDITOR.public_key
    }


# --------------------------------------------------------------------- strict statements


GONE = object()
TOTAL = "predicate.conformance.total.violated"


def edited(said: dict[str, Any], path: str, value: object) -> str:
    """Return a statement with one member set, or taken away."""
    *way, last = path.split(".")
    at: Any = said
    for step in way:
        at = at[int(step) if step.isdigit() else step]
    if value is GONE:
        del at[last]
    else:
        at[last] = value
    return json.dumps(said)


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("predicateType", f"{PREDICATE}0", "attestation.predicate-type"),
        ("predicateType", GONE, "attestation.predicate-type"),
        ("_type", "https://in-toto.io/Statement/v0.1", ""),
        ("extra", 1, ""),
        ("predicate", GONE, ""),
        ("predicate", [], ""),
        ("predicate.waived", "findings of entry 7", ""),
        ("predicate.ledger.note", "", ""),
        ("predicate.not_proven", GONE, ""),
        (TOTAL, True, ""),
        (TOTAL, "1", ""),
        (TOTAL, -1, ""),
        ("predicate.scope", "integrity", ""),
        ("predicate.conformance.performed", False, ""),
        ("predicate.integrity.verdict", "broken", ""),
        ("predicate.verified_at", "2026-02-25", ""),
        ("predicate.verified_at", "2026-02-25T06:13:20.500000Z", ""),
        ("predicate.report.sha256", "AB" * 32, ""),
        ("predicate.ledger.root", "AAAA", ""),
        ("predicate.ledger.root", "?", ""),
        ("predicate.ledger.checkpoint.size", 0, ""),
        ("subject", [], ""),
        ("subject.0.name", "other.example/ledger", ""),
        ("subject.0.digest", {"sha256": "11" * 32}, ""),
        ("subject.0.digest", {"md5": "11" * 16}, ""),
        ("subject.0.annotations", {"size": 7}, ""),
        ("subject.0.uri", "https://other.example", ""),
    ],
)
def test_statements_are_strict(scene: Scene, path: str, value: object, code: str) -> None:
    """Signed by the right key, and yet not taken: unknown, missing and contradicting members."""
    said = edited(json.loads(statement_bytes(scene.predicate)), path, value)
    assert code_of(signed(said.encode())) == (code or "attestation.statement")


def test_a_member_that_stands_twice(scene: Scene) -> None:
    """Inside the payload too."""
    payload = statement_bytes(scene.predicate)
    for twice in (
        payload.replace(b'"exit_code":1', b'"exit_code":0,"exit_code":1'),
        payload.replace(b'{"_type"', b'{"predicate":{},"_type"'),
        payload[:-1],
        b"hello",
    ):
        assert twice != payload
        assert code_of(signed(twice)) == "attestation.statement"


# ------------------------------------------------------------------ against the ledger


def refused(scene: Scene, path: Path, trust: Trust | None = None) -> str:
    """Return the code with which the scene's attestation is refused for a ledger."""
    with pytest.raises(RefusedAttestationError) as caught:
        checked(scene, path, trust)
    return caught.value.code


def test_it_holds_for_its_ledger_and_for_what_that_grew_to(scene: Scene, tmp_path: Path) -> None:
    """The report is compared where nothing came since."""
    same = desk().save(tmp_path / "same.db")
    report = verify_ledger(same, scene.trust)
    held = check_after(scene.predicate, report, TRUST, [True])
    assert (held.since, held.compared) == (0, True)
    assert checked(scene, same) == 0
    grown = desk()
    grown.paid()
    assert checked(scene, grown.save(tmp_path / "grown.db")) == len(grown.headers) - len(
        scene.desk.headers
    )


def test_another_ledger(scene: Scene, tmp_path: Path) -> None:
    """Another genesis under the same origin."""
    other = Desk(roles={**scene.desk.roles, "guest": ("agent",)})
    other.paid()
    predicate = scene.predicate
    ledger = predicate.ledger.model_copy(update={"genesis": "22" * 32})
    moved = replace(scene, predicate=predicate.model_copy(update={"ledger": ledger}))
    path = other.save(tmp_path / "l.db")
    assert refused(moved, path, other.trust()) == "attestation.ledger"


def test_a_ledger_that_was_cut_off(scene: Scene, tmp_path: Path) -> None:
    """Shorter, with a head of its own."""
    cut = Desk()
    cut.paid()
    cut.sign_head()
    assert refused(scene, cut.save(tmp_path / "l.db")) == "attestation.truncated"


def test_a_ledger_that_was_cut_back_and_went_on_otherwise(scene: Scene, tmp_path: Path) -> None:
    """As long as it was, or longer, in the right form and signed: with other entries."""
    for extra in (0, 3):
        other = Desk()
        other.paid()
        other.paid(6)
        for _ in range(1 + extra):
            other.paid(look=False)
        other.sign_head()
        path = other.save(tmp_path / f"{extra}.db")
        assert verify_ledger(path, scene.trust).integrity.verdict == "holds"
        assert len(other.headers) >= len(scene.desk.headers)
        assert refused(scene, path) == "attestation.root"


def test_entries_after_the_head_are_attested_too(tmp_path: Path, scene: Scene) -> None:
    """Whoever keeps the ledger can still write them anew: not past an attestation."""
    ledgers: list[Path] = []
    for amount in (7, 8):
        made = desk()
        made.paid(amount)
        ledgers.append(made.save(tmp_path / f"{amount}.db"))
    predicate = predicate_of(verify_ledger(ledgers[0], scene.trust), TRUST, AT, "1.2.3")
    tail = replace(scene, predicate=predicate)
    assert checked(tail, ledgers[0]) == 0
    assert refused(tail, ledgers[1]) == "attestation.root"


def test_another_ledger_between_two_readings(scene: Scene, tmp_path: Path) -> None:
    """The entries that lead to the attested head have to be those that were verified."""
    other = Desk()
    other.paid(9)
    for _ in range(4):
        other.paid()
    other.sign_head()
    report = verify_ledger(other.save(tmp_path / "other.db"), scene.trust)
    source = open_source(desk().save(tmp_path / "l.db"))
    found = contained(source, heads_of(scene.predicate, report))
    source.close()
    assert found == [True, False, True]
    with pytest.raises(RefusedAttestationError) as caught:
        check_after(scene.predicate, report, TRUST, found)
    assert caught.value.code == "attestation.root"


def test_a_broken_ledger(scene: Scene, tmp_path: Path) -> None:
    """It is said where."""
    broken = desk()
    broken.records[-3] = broken.records[-3].replace(b"09", b"08").replace(b"done", b"none")
    broken.headers[5] = broken.headers[5][:-2] + b"0}"
    assert refused(scene, broken.save(tmp_path / "l.db")) == "attestation.broken"


def test_what_it_rests_on_and_how_much_it_says(scene: Scene) -> None:
    """Another trust file, and integrity where conformance is asked for."""
    check_before(scene.predicate, TRUST, conformance=True)
    with pytest.raises(RefusedAttestationError) as caught:
        check_before(scene.predicate, TRUST + b"\n", conformance=True)
    assert caught.value.code == "attestation.trust"


def test_integrity_alone_does_not_pass_for_conformance(scene: Scene, tmp_path: Path) -> None:
    """It is said in the statement, and is not enough where records were to be decided again."""
    path = desk().save(tmp_path / "l.db")
    alone = predicate_of(verify_ledger(path, scene.trust, conformance=False), TRUST, AT, "1")
    assert (alone.scope, alone.conformance.performed, alone.exit_code) == ("integrity", False, 0)
    check_before(alone, TRUST, conformance=False)
    with pytest.raises(RefusedAttestationError) as caught:
        check_before(alone, TRUST, conformance=True)
    assert caught.value.code == "attestation.scope"
    # The other way round less is compared, and that is said.
    report = verify_ledger(path, scene.trust, conformance=False)
    assert not check_after(scene.predicate, report, TRUST, [True]).compared


def test_a_report_that_is_another(scene: Scene) -> None:
    """A digest of another report; and the right one beside numbers that are not in it."""
    total = scene.predicate.conformance.total.model_copy(update={"violated": 0})
    lies: dict[str, dict[str, object]] = {
        "attestation.report": {
            "report": scene.predicate.report.model_copy(update={"sha256": "33" * 32})
        },
        "attestation.summary": {
            "conformance": scene.predicate.conformance.model_copy(update={"total": total})
        },
    }
    for code, lie in lies.items():
        with pytest.raises(RefusedAttestationError) as caught:
            check_after(scene.predicate.model_copy(update=lie), scene.report, TRUST, [True])
        assert caught.value.code == code
    words = scene.predicate.model_copy(update={"limits": ()})
    assert check_after(words, scene.report, TRUST, [True]).compared
