"""A shop's guard behind a real server on loopback."""

import secrets
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import httpx
import orjson
import uvicorn

from contracts.guard import Guard
from ledger.client import LedgerClient
from ledger.keys import fingerprint
from ledger.signing import Signer
from tests.guard.shop import SERVICE, Shop
from writ.remote import RemoteGuard
from writ.service.app import create_app
from writ.service.serving import Config, Service
from writ.service.signatures import Asked, signed_headers

PATIENCE: Final = 20.0


def config_of(shop: Shop, **more: Any) -> Config:  # noqa: ANN401 - those of `Config`
    """Return what the service of a shop is given."""
    client = shop.client()
    keeper = LedgerClient(
        shop.store,
        shop.founded.key("agent"),
        client.by,
        clock=shop.clock,
        head_signer=shop.founded.head_signer(),
        checkpoint_every=0,
    )
    made = Config(
        shop.store,
        client.by,
        {SERVICE: Guard(client, shop.store, SERVICE, clock=shop.clock)},
        (client,),
        keeper,
        shop.clock,
        head_every=0.05,
    )
    return replace(made, **more)


@dataclass
class Served:
    """A server, and the shop that it serves.

    Attributes:
        shop: The shop.
        url: Where it is.
        http: Asks it.
        service: What it serves.
    """

    shop: Shop
    url: str
    http: httpx.Client
    service: Service

    def seconds(self) -> int:
        """Return the shop's time, in seconds since 1970."""
        return int(self.shop.clock().timestamp())

    def guard(self, name: str = "agent") -> RemoteGuard:
        """Return a guard of the shop's service, behind the server."""
        return RemoteGuard(
            self.url, self.shop.founded.key(name), SERVICE, client=self.http, clock=self.seconds
        )

    def headers(
        self,
        method: str,
        path: str,
        body: bytes,
        key: Signer,
        *,
        nonce: str = "",
        now: int = 0,
    ) -> dict[str, str]:
        """Sign a request."""
        plain, _, query = path.partition("?")
        asked = Asked(method, self.url.partition("//")[2], plain, query, body)
        name = fingerprint(key.public_key)
        return signed_headers(
            asked, key, name, nonce or secrets.token_hex(16), now or self.seconds()
        )

    def ask(
        self, method: str, path: str, said: object = None, name: str = "agent"
    ) -> httpx.Response:
        """Make a signed request."""
        body = b"" if said is None else orjson.dumps(said)
        headers = self.headers(method, path, body, self.shop.founded.key(name))
        headers["content-type"] = "application/json"
        return self.http.request(method, self.url + path, content=body, headers=headers)

    def post(self, path: str, said: Mapping[str, Any], name: str = "agent") -> dict[str, Any]:
        """Make a signed request that is done."""
        answer = self.ask("POST", path, said, name)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def get(self, path: str, name: str = "agent") -> dict[str, Any]:
        """Ask for something that is there."""
        answer = self.ask("GET", path, None, name)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found


@contextmanager
def serving(shop: Shop, **more: Any) -> Generator[Served]:  # noqa: ANN401 - as above
    """Serve a shop on loopback."""
    app = create_app(config_of(shop, **more))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="on"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        ends = time.monotonic() + PATIENCE
        while not server.started and thread.is_alive() and time.monotonic() < ends:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(timeout=PATIENCE) as http:
            yield Served(shop, f"http://127.0.0.1:{port}", http, app.state.service)
    finally:
        server.should_exit = True
        thread.join()
