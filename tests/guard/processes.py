"""Agents in processes of their own, begun at once, and a tool that counts its calls."""

import json
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from typing import Any

from tests.guard.worker import Order, main

# One process has everything imported, and each agent's is forked from it: they share nothing that
# was opened, and begin at once.
CONTEXT = get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.guard.worker"])
PATIENCE = 60


class Agent:
    """A process that carries out an order once it is told to.

    Args:
        order: What it is asked for.
    """

    def __init__(self, order: Order) -> None:
        self._pipe, theirs = CONTEXT.Pipe()
        self.process = CONTEXT.Process(target=main, args=(order, theirs), daemon=True)
        self.process.start()
        theirs.close()

    def hears(self) -> dict[str, Any]:
        """Return what it says next."""
        assert self._pipe.poll(PATIENCE)
        said: dict[str, Any] = self._pipe.recv()
        return said

    def go(self) -> None:
        """Let it begin."""
        assert self.hears() == {"ready": True}
        self._pipe.send("go")

    def rest(self) -> list[dict[str, Any]]:
        """Return what it says until its end."""
        said: list[dict[str, Any]] = []
        with suppress(EOFError):
            while True:
                said.append(self.hears())
        self.process.join(PATIENCE)
        return said

    def kill(self) -> None:
        """End it without a warning."""
        self.process.kill()
        self.process.join(PATIENCE)


def together(orders: Sequence[Order]) -> list[list[dict[str, Any]]]:
    """Have orders carried out at once, a process each; return what each of them said."""
    agents = [Agent(order) for order in orders]
    for agent in agents:
        agent.go()
    said = [agent.rest() for agent in agents]
    assert [agent.process.exitcode for agent in agents] == [0] * len(agents)
    return said


@dataclass
class Tool:
    """A tool server on loopback.

    Attributes:
        url: Where it is called.
        calls: The bodies that it was called with.
        answers: While it is clear, calls are not answered.
    """

    url: str
    calls: list[bytes] = field(default_factory=list[bytes])
    answers: threading.Event = field(default_factory=threading.Event)


@contextmanager
def tool_server() -> Generator[Tool]:
    """Start a tool server, and stop it."""
    tool = Tool("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            tool.calls.append(self.rfile.read(int(self.headers["Content-Length"] or 0)))
            tool.answers.wait(10)
            failed = self.path == "/fails"
            body = b"{}" if failed else json.dumps({"payout": f"P-{len(tool.calls)}"}).encode()
            self.send_response(500 if failed else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    tool.url = f"http://127.0.0.1:{server.server_address[1]}"
    tool.answers.set()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield tool
    finally:
        tool.answers.set()
        server.shutdown()
        server.server_close()
        thread.join()
