"""Whom the service answers: signatures, roles, sizes, rates and slow callers."""

import json
import logging
import socket
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from ledger.admission import read_authority
from ledger.authority import Revocation, document_text, signed_bytes
from ledger.encoding import to_base64
from ledger.keys import fingerprint
from ledger.records import Authority, RootSignature
from ledger.signing import FileKey
from ledger.testing import throwaway_key
from tests.guard.shop import Shop
from tests.service.served import Served, serving
from writ.service.access import FRESH, Caller, Rates
from writ.service.limits import DEFAULT
from writ.service.tokens import Tokens

BODY = orjson.dumps({"goal": "refund"})
OTHERS = ("steward", "author", "lead", "clerk", "commander")
NONE = "0" * 64


def refused(answer: httpx.Response) -> tuple[int, str]:
    """Return status and code of an answer."""
    return answer.status_code, answer.json()["code"]


def send(lasting: Served, headers: dict[str, str], body: bytes = BODY) -> httpx.Response:
    """Post to open a run."""
    return lasting.http.post(f"{lasting.url}/v1/runs", content=body, headers=headers)


def altered(name: str, old: str, new: str) -> Callable[[dict[str, str]], dict[str, str]]:
    """Return what alters a header."""
    return lambda headers: {**headers, name: headers[name].replace(old, new)}


def nothing(_: dict[str, str]) -> dict[str, str]:
    """Sign nothing."""
    return {}


def another(headers: dict[str, str]) -> dict[str, str]:
    """Let it be another signature."""
    return {**headers, "signature": f"writ=:{b64encode(bytes(64)).decode()}:"}


@pytest.mark.parametrize(
    ("alter", "code"),
    [
        (nothing, "request.unsigned"),
        (altered("signature", "writ=", "sig1="), "request.signature-form"),
        (altered("signature-input", '"@query" ', ""), "request.signature-form"),
        (altered("signature-input", "ed25519", "hmac-sha256"), "request.signature-form"),
        (altered("signature-input", "created=1", "created=2"), "request.expired"),
        (altered("content-digest", "=:", ":"), "request.digest"),
        (another, "request.signature"),
    ],
)
def test_a_signature_that_is_another(
    lasting: Served, alter: Callable[[dict[str, str]], dict[str, str]], code: str
) -> None:
    """Each part of it counts, and there is one way to write it."""
    key = lasting.shop.founded.key("agent")
    answer = send(lasting, alter(lasting.headers("POST", "/v1/runs", BODY, key)))
    assert refused(answer) == (401, code)
    assert answer.headers["www-authenticate"] == "Signature"


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("GET", "/v1/runs", BODY, "request.signature"),
        ("POST", "/v1/decisions", BODY, "request.signature"),
        ("POST", "/v1/runs?x=1", BODY, "request.signature"),
        ("POST", "/v1/runs", BODY + b" ", "request.digest"),
    ],
)
def test_a_signature_of_another_request(
    lasting: Served, method: str, path: str, body: bytes, code: str
) -> None:
    """Method, path, query and body are all signed."""
    key = lasting.shop.founded.key("agent")
    assert refused(send(lasting, lasting.headers(method, path, body, key))) == (401, code)


def test_a_request_is_made_once_and_in_its_time(lasting: Served) -> None:
    """The same nonce is refused, and so are yesterday and tomorrow."""
    key, now = lasting.shop.founded.key("agent"), lasting.seconds()
    headers = lasting.headers("POST", "/v1/runs", BODY, key)
    assert send(lasting, headers).status_code == 201
    assert refused(send(lasting, headers)) == (401, "request.replayed")
    for moment in (now - 3_600, now + 3_600):
        late = lasting.headers("POST", "/v1/runs", BODY, key, now=moment)
        assert refused(send(lasting, late)) == (401, "request.expired")


def test_a_header_that_stands_twice(lasting: Served) -> None:
    """Nobody could say which counts."""
    key = lasting.shop.founded.key("agent")
    headers = lasting.headers("POST", "/v1/runs", BODY, key)
    answer = lasting.http.post(
        f"{lasting.url}/v1/runs",
        content=BODY,
        headers=[*headers.items(), ("signature", headers["signature"])],
    )
    assert refused(answer) == (401, "request.signature-form")


@pytest.mark.parametrize("name", ["head", "nobody"])
def test_a_key_that_may_not_write(lasting: Served, name: str) -> None:
    """The head's key signs heads; another is nobody's."""
    key = throwaway_key("x") if name == "nobody" else lasting.shop.founded.key(name)
    answer = send(lasting, lasting.headers("POST", "/v1/runs", BODY, key))
    assert refused(answer) == (401, "request.key")


def test_a_revoked_key_speaks_for_nobody(served: Served) -> None:
    """As soon as the service asks the ledger again."""
    shop = served.shop
    assert served.ask("GET", "/v1/head", name="clerk").status_code == 200
    revoke(shop, "clerk")
    time.sleep(2 * FRESH)
    assert refused(served.ask("GET", "/v1/head", name="clerk")) == (401, "request.key")


def revoke(shop: Shop, name: str) -> None:
    """Let the root revoke somebody's key."""
    authority = read_authority(shop.store)
    last = authority.documents[-1]
    public = shop.founded.key(name).public_key
    document = last.document.model_copy(
        update={
            "number": last.document.number + 1,
            "previous": last.digest,
            "keys": tuple(one for one in last.document.keys if one.key != public.hex()),
            "revoked": (Revocation(key=fingerprint(public)),),
        }
    )
    client = shop.client("steward")
    root = FileKey.load(shop.founded.keys_dir / "root.pem")

    text = document_text(document)
    signature = RootSignature(
        key=root.public_key.hex(), signature=to_base64(root.sign(signed_bytes(text)))
    )
    client.submit([client.make(Authority, document=text, signatures=(signature,))])


# ------------------------------------------------------------------------------- roles

ENDPOINTS: list[tuple[str, str, object, set[str]]] = [
    ("POST", "/v1/runs", {}, {"agent"}),
    ("POST", f"/v1/runs/{NONE}/records", {"kind": "run.closed"}, {"agent"}),
    ("POST", "/v1/decisions", {"run": NONE, "tool": "x", "params": {}}, {"agent"}),
    ("POST", "/v1/decisions/preview", {"run": NONE, "tool": "x", "params": {}}, {"agent"}),
    (
        "POST",
        "/v1/outcomes",
        {"run": NONE, "action": NONE, "status": "ok"},
        {"agent"},
    ),
    ("POST", "/v1/approvals", {}, {"lead", "clerk", "commander"}),
    ("POST", "/v1/switch", {}, {"commander", "steward"}),
    ("POST", "/v1/submissions", {}, {"agent", *OTHERS}),
    ("GET", "/v1/head", None, {"agent", *OTHERS}),
    ("GET", "/v1/contracts", None, {"agent", *OTHERS}),
    ("GET", f"/v1/actions/{NONE}", None, {"agent", *OTHERS}),
    ("GET", f"/v1/actions/{NONE}/compensation", None, {"agent", *OTHERS}),
    ("GET", f"/v1/verifications/{NONE}", None, {"agent", *OTHERS}),
]


@pytest.mark.parametrize(("method", "path", "said", "allowed"), ENDPOINTS)
def test_who_may_ask_for_what(
    lasting: Served, method: str, path: str, said: object, allowed: set[str]
) -> None:
    """Each identity at each endpoint: what it may not is refused before anything is looked at."""
    for name in ("agent", *OTHERS):
        answer = lasting.ask(method, path, said, name)
        is_refused = answer.status_code == 403 and answer.json()["code"] == "request.role"
        assert is_refused is (name not in allowed), (name, answer.text)


def test_a_run_is_its_owners(lasting: Served) -> None:
    """Another owner's agent may not use it; what opened it elsewhere is no run of this service."""
    run = lasting.post("/v1/runs", {"attributes": {"desk": "7"}})["run"]
    service = lasting.service
    caller = replace(_agent(lasting), identity="spiffe://shop.example/ai/other", owner="else@x")
    with pytest.raises(Exception, match="another owner") as found:
        service.usable(caller, run)
    assert getattr(found.value, "code", "") == "run.other"
    same = replace(caller, owner=_agent(lasting).owner)
    assert service.usable(same, run).id == run
    answer = lasting.ask("POST", "/v1/runs", {"attributes": {"caller": "me"}})
    assert refused(answer) == (422, "request.reserved")


def _agent(lasting: Served) -> Caller:

    found = lasting.service.access.owner(lasting.service.config.agent)
    return Caller(lasting.service.config.agent, found, frozenset({"agent"}), "key")


# ------------------------------------------------------------------------------ bodies


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"[]", (400, "request.body")),
        (b"{", (400, "request.body")),
        (b'{"goal":NaN}', (400, "request.body")),
        (b'{"attributes":' + b'{"a":' * 64 + b"1" + b"}" * 65, (400, "request.depth")),
        (b'{"attributes":' + b'{"a":' * 62 + b"1" + b"}" * 63, (201, "")),
        (b'{"goal":"' + b"x" * (DEFAULT.body) + b'"}', (413, "request.too-large")),
        (b'{"goal":"' + b"x" * 1_048_576 + b'"}', (422, "encoding.too-long")),
        (b'{"none":1}', (422, "request.malformed")),
    ],
)
def test_bodies(lasting: Served, body: bytes, expected: tuple[int, str]) -> None:
    """JSON objects, neither too deep nor too large, and nothing that is not asked for."""
    key = lasting.shop.founded.key("agent")
    answer = send(lasting, lasting.headers("POST", "/v1/runs", body, key), body)
    assert (answer.status_code, answer.json().get("code", "")) == expected


def test_a_slow_body_is_cut_off(shop: Shop) -> None:
    """Whoever sends a byte now and then holds nothing for long."""
    with serving(shop, limits=replace(DEFAULT, seconds=0.2)) as served:
        headers = served.headers("POST", "/v1/runs", BODY, shop.founded.key("agent"))
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        host = served.url.partition("//")[2]
        began = time.monotonic()
        with socket.create_connection((host.split(":")[0], int(host.split(":")[1]))) as line:
            line.sendall(
                f"POST /v1/runs HTTP/1.1\r\nHost: {host}\r\n{lines}"
                f"Content-Length: {len(BODY)}\r\n\r\n{{".encode()
            )
            line.settimeout(10)
            assert line.recv(4_096).startswith(b"HTTP/1.1 408")
        assert time.monotonic() - began < 5


def test_who_asks_too_often_waits(shop: Shop) -> None:
    """One identity cannot take what others need, nor an address that signs nothing."""
    limits = replace(DEFAULT, a_second=0.01, at_once=2, unnamed=0.5)
    with serving(shop, limits=limits) as served:
        answers = [served.ask("GET", "/v1/head") for _ in range(3)]
        assert [one.status_code for one in answers] == [200, 200, 429]
        assert int(answers[-1].headers["retry-after"]) > 1
        assert served.ask("GET", "/v1/head", name="lead").status_code == 200
        unnamed = [served.http.get(f"{served.url}/v1/checkpoint") for _ in range(3)]
        assert unnamed[-1].status_code == 429
        assert served.http.get(f"{served.url}/healthz").status_code == 200


def test_a_bucket_fills_with_time() -> None:
    """As many at once as it holds, and then as many as come in."""
    now = [0.0]
    rates = Rates(2.0, 3, lambda: now[0])
    assert [rates.wait("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    now[0] = 0.5
    assert rates.wait("a") == 0.0


def test_another_host(shop: Shop) -> None:
    """What was signed for another service is not taken by this one."""
    with serving(shop, names=frozenset({"guard.example"})) as served:
        assert refused(served.ask("GET", "/v1/head")) == (401, "request.host")


def _lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what the service logged of requests, not what its server did."""
    return [one.getMessage() for one in caplog.records if one.name == "writ.service.requests"]


def test_one_line_for_each_request(lasting: Served, caplog: pytest.LogCaptureFixture) -> None:
    """It says who asked for what and how it went, and nothing of what was in it."""
    with caplog.at_level(logging.INFO, "writ.service.requests"):
        lasting.post("/v1/runs", {"goal": "a secret"})
        lasting.ask("POST", "/v1/runs", {"none": 1})
        ends = time.monotonic() + 5
        while len(lines := _lines(caplog)) < 2 and time.monotonic() < ends:
            time.sleep(0.01)  # a line is written once the answer is on its way
    first, second = (json.loads(one) for one in lines)
    assert set(first) == {"time", "method", "route", "status", "ms", "caller", "code"}
    assert (first["route"], first["status"], first["code"]) == ("/v1/runs", 201, "")
    assert first["caller"].endswith("/agent")
    assert (second["status"], second["code"]) == (422, "request.malformed")
    assert "secret" not in caplog.text


# ------------------------------------------------------------------------------ tokens


def keys_of(one: rsa.RSAPrivateKey, two: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    """Return a key set."""
    first: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(one.public_key()))
    second: dict[str, Any] = json.loads(ECAlgorithm.to_jwk(two.public_key()))
    return {"keys": [{**first, "kid": "0"}, {**second, "kid": "1"}]}


def test_people_come_with_tokens(shop: Shop) -> None:
    """They read as their identities may, and record nothing."""
    keys = rsa.generate_private_key(65_537, 2_048), ec.generate_private_key(ec.SECP256R1())
    tokens = Tokens(keys_of(*keys), "https://id.example", "writ")
    said = {
        "iss": "https://id.example",
        "aud": "writ",
        "exp": int(time.time()) + 60,
        "email": "lea@shop.example",
    }
    with serving(shop, tokens=tokens) as served:

        def ask(method: str, path: str, token: str, body: bytes = b"") -> httpx.Response:
            headers = {"authorization": f"Bearer {token}"}
            return served.http.request(method, served.url + path, headers=headers, content=body)

        good = [
            jwt.encode(said, keys[0], "RS256", headers={"kid": "0"}),
            jwt.encode(said, keys[1], "ES256", headers={"kid": "1"}),
        ]
        assert [ask("GET", "/v1/head", one).status_code for one in good] == [200, 200]
        assert refused(ask("POST", "/v1/runs", good[0], b"{}")) == (403, "request.role")
        assert refused(ask("POST", "/v1/approvals", good[0], b"{}")) == (403, "request.role")
        assert ask("POST", "/v1/verifications", good[0], b"{}").status_code == 202
        bad = [
            jwt.encode({**said, **more}, keys[0], algorithm, headers={"kid": "0"})
            for more, algorithm in (
                ({"exp": int(time.time()) - 60}, "RS256"),
                ({"aud": "else"}, "RS256"),
                ({"iss": "else"}, "RS256"),
                ({"email": "nobody@shop.example"}, "RS256"),
                ({"email_verified": False}, "RS256"),
                ({}, "RS512"),
            )
        ]
        bad += ["x", jwt.encode(said, "k" * 32, "HS256", headers={"kid": "0"})]
        found = {refused(ask("GET", "/v1/head", one)) for one in bad}
        assert found == {(401, "request.token")}
