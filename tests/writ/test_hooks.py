"""Hooks: people are told that something waits, and no decision waits for that."""

import hmac
import json
import logging
import sys
import threading
import time
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, cast

import pytest

from contracts.answers import ApprovalNeeded, Objection
from tests.guard.shop import Hands, found, opened, order_of, payout
from writ.errors import CommandError
from writ.hooks import CommandHook, HookError, Hooks, Told, Webhook, signature

SECRET = b"0123456789abcdef0123456789abcdef"


class Ops(HTTPServer):
    """A server of our own on loopback, which answers as it is told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.statuses: list[int] = []
        self.heard: list[tuple[dict[str, str], bytes]] = []
        self.delay = 0.0

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}/hook?token=hush"


class Handler(BaseHTTPRequestHandler):
    """Answers a POST."""

    def do_POST(self) -> None:
        """Keep it, and answer."""
        ops = cast("Ops", self.server)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        ops.heard.append((dict(self.headers), body))
        time.sleep(ops.delay)
        self.send_response(ops.statuses.pop(0) if ops.statuses else 204)
        self.send_header("Location", "http://127.0.0.1:1/")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Be silent."""


@pytest.fixture
def ops() -> Generator[Ops]:
    """The server, served."""
    server = Ops()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file with the secret."""
    path = tmp_path / "hook.secret"
    path.write_bytes(SECRET + b"\n")
    return path


def held(tool: str = "payouts.create") -> ApprovalNeeded:
    """An answer that waits for people, with a value that nobody is to be told."""
    objection = Objection(
        rule="scope.large",
        clause="scope",
        result="violated",
        effect="approve",
        says="large payouts",
        cites="",
        expected="",
        recorded="params.iban = DE00SECRET",
        reason="",
        role="lead",
        within=None,
        line=1,
        rests_on=(),
    )
    return ApprovalNeeded(tool, ("refunds", "1.0.0", "ab"), "approve", (objection,), "cd" * 32, 7)


def test_a_server_that_fails_twice_is_told(
    ops: Ops, secret: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Signed with the shared secret each time, and without the parameters."""
    ops.statuses = [500, 503]
    with Hooks(Webhook(ops.url, secret, waits=(0.01, 0.02, 0.03)), about={"ledger": "l"}) as hooks:
        hooks(held())
    assert hooks.told == Told(sent=1)
    assert len(ops.heard) == 3
    headers, body = ops.heard[-1]
    good = signature(SECRET, headers["Writ-Timestamp"], body)
    assert hmac.compare_digest(headers["Writ-Signature"], good)
    said = json.loads(body)
    assert (said["schema"], said["ledger"], said["index"]) == ("writ/held/v1", "l", 7)
    assert [one["role"] for one in said["rules"]] == ["lead"]
    assert b"SECRET" not in body
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("statuses", "asked"), [([500] * 9, 4), ([403], 1), ([302], 1), ([429, 400], 2)]
)
def test_what_fails_is_counted_and_logged_without_secrets(
    ops: Ops, secret: Path, caplog: pytest.LogCaptureFixture, statuses: list[int], asked: int
) -> None:
    """Three more attempts where that may help; the address, the secret and values stay unsaid."""
    ops.statuses = statuses
    with Hooks(Webhook(ops.url, secret, waits=(0.01, 0.01, 0.01))) as hooks:
        hooks(held())
    assert (hooks.told, len(ops.heard)) == (Told(failed=1), asked)
    assert "127.0.0.1: status" in caplog.text
    for hush in ("hush", SECRET.decode(), "SECRET"):
        assert hush not in caplog.text


def test_nobody_is_there(secret: Path, caplog: pytest.LogCaptureFixture) -> None:
    """No server, and one that does not answer in time."""
    with Hooks(Webhook("http://127.0.0.1:1/hush", secret, waits=(0.01,))) as hooks:
        hooks(held())
    assert hooks.told == Told(failed=1)
    assert "hush" not in caplog.text


def test_no_decision_waits(tmp_path: Path, ops: Ops, secret: Path) -> None:
    """The guard answers while the other side still thinks, and the hook hears of both kinds."""
    ops.delay = 0.3
    location = str(tmp_path / "shop.db")
    found(location, Hands())
    hooks = Hooks(Webhook(ops.url, secret))
    with opened(location, Hands("2026-03-02T09:01:00.000000Z")) as shop:
        with shop.guard(when_held=hooks) as guard, guard.run() as run:
            seen = order_of(run)
            began = time.monotonic()
            run.propose("payouts.create", payout(micros=150_000_000), evidence=[seen])
            run.propose("payouts.create", payout("VIP-1"), evidence=[seen])
            took = time.monotonic() - began
        hooks.close()
    assert took < 0.3
    assert [json.loads(body)["effect"] for _, body in ops.heard] == ["approve", "escalate"]
    assert hooks.told == Told(sent=2)


def test_a_command_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """On stdin; one that fails, hangs or is not there is counted, and keeps no other from it."""
    out = tmp_path / "out"
    tool = [sys.executable, "-c", f"import sys; open({str(out)!r}, 'w').write(sys.stdin.read())"]
    bad = [sys.executable, "-c", "raise SystemExit(3)"]
    slow = [sys.executable, "-c", "import time; time.sleep(30)"]
    hooks = Hooks(
        CommandHook(bad), CommandHook(slow, timeout=0.3), CommandHook(["./none"]), CommandHook(tool)
    )
    with hooks:
        hooks(held())
    assert hooks.told == Told(sent=1, failed=3)
    said: dict[str, Any] = json.loads(out.read_text("utf-8"))
    assert said["tool"] == "payouts.create"
    assert "exit code 3" in caplog.text
    assert "not done after 0.3 s" in caplog.text


def test_a_hook_with_a_defect_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """What it raises is not shown, as nobody knows what it says."""

    class Broken:
        waits = ()

        def tell(self, body: bytes) -> None:
            raise ValueError(body.decode())

    with Hooks(Broken()) as hooks:
        hooks(held())
        hooks(held())
    assert hooks.told == Told(failed=2)
    assert "payouts.create" not in caplog.text


def test_what_comes_too_late_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    """After the end, and behind a hook that takes all the time."""
    caplog.set_level(logging.ERROR)
    going = threading.Event()

    class Slow:
        waits = (60.0,)

        def tell(self, body: bytes) -> None:
            going.set()
            raise HookError(f"{len(body)}", again=True)

    hooks = Hooks(Slow())
    hooks(held())
    hooks(held())
    assert going.wait(5)
    hooks.close(0.05)
    hooks(held())
    assert hooks.told == Told(failed=1, dropped=2)
    Hooks().close()


@pytest.mark.parametrize("url", ["ftp://x/", "hook", "http:///x"])
def test_an_address_that_is_none(secret: Path, url: str) -> None:
    """Said when it is set up."""
    with pytest.raises(CommandError, match="begins with https"):
        Webhook(url, secret)


def test_a_secret_that_is_none(tmp_path: Path) -> None:
    """Missing, or too short to be one; a command without a name is none either."""
    with pytest.raises(CommandError, match="No such file"):
        Webhook("https://x/", tmp_path / "none")
    (tmp_path / "short").write_text("hush\n", "utf-8")
    with pytest.raises(CommandError, match="16 bytes"):
        Webhook("https://x/", tmp_path / "short")
    with pytest.raises(CommandError, match="a name at least"):
        CommandHook([])
