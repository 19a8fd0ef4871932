"""A small OpenID provider: it vouches at once for whoever the test says is there."""

import json
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

CLIENT, SECRET = "writ", "a secret that the provider shares with the app"


@dataclass
class Provider:
    """Where it answers, and for whom it vouches.

    Attributes:
        issuer: Its address.
        claims: What it says of whoever comes.
        asked: How often somebody came to sign in.
    """

    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict[str, Any])
    asked: int = 0
    nonces: dict[str, str] = field(default_factory=dict[str, str])
    key: rsa.RSAPrivateKey = field(
        default_factory=lambda: rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    )

    def metadata(self) -> dict[str, Any]:
        """Return what it is and can."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def keys(self) -> dict[str, Any]:
        """Return the key by which what it says can be checked."""
        public = json.loads(RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**public, "kid": "one", "alg": "RS256", "use": "sig"}]}

    def token(self, code: str) -> dict[str, Any]:
        """Return what it says of whoever came with a code."""
        now = int(time.time())
        said = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 600, **self.claims}
        nonce = self.nonces.pop(code)
        signed = jwt.encode(
            {**said, **({"nonce": nonce} if nonce else {})},
            self.key,
            algorithm="RS256",
            headers={"kid": "one"},
        )
        return {"access_token": "x", "token_type": "Bearer", "expires_in": 600, "id_token": signed}


@contextmanager
def providing() -> Generator[Provider]:
    """Run a provider on this machine, and end it."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        """Answers a browser, and the app."""

        def do_GET(self) -> None:
            """Say what there is, or send whoever signs in back with a code."""
            parts = urlsplit(self.path)
            if parts.path == "/.well-known/openid-configuration":
                self._json(provider.metadata())
            elif parts.path == "/keys":
                self._json(provider.keys())
            elif parts.path == "/authorize":
                asked = parse_qs(parts.query)
                provider.asked += 1
                code = f"code-{provider.asked}"
                provider.nonces[code] = asked.get("nonce", [""])[0]
                back = urlencode({"code": code, "state": asked["state"][0]})
                self.send_response(302)
                self.send_header("Location", f"{asked['redirect_uri'][0]}?{back}")
                self.end_headers()
            else:
                self.send_error(404)

        def do_POST(self) -> None:
            """Give the app a token for a code."""
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            self._json(provider.token(parse_qs(raw.decode())["code"][0]))

        def log_message(self, *_: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
            """Print nothing."""

        def _json(self, value: object) -> None:
            raw = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        # By this name the app's own library takes an address without TLS.
        provider.issuer = f"http://localhost:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()
