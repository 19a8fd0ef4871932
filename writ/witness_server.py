"""A witness on the network: C2SP tlog-witness over HTTP, for whoever asks.

Nobody is believed: requests are small, a few at a time, slow ones are cut off, and who asks too
often waits. What is signed decides `ledger.witness`.
Source: C2SP tlog-witness, *HTTP Interface*.
"""

import socket
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast

from ledger.errors import LedgerError
from ledger.witness import MAX_REQUEST, SIZE_TYPE, Witness, WitnessRefusalError

# Seconds that one read or write of a connection may take.
PATIENCE = 10.0
# Connections that are answered at a time; the others wait to be accepted.
AT_ONCE = 32
# Requests that one address may make at once, and a second after that.
BURST, RATE = 60.0, 20.0
_REMEMBERED = 4096

# What the base classes call a request: a connection.
Request = socket.socket | tuple[bytes, socket.socket]

_ADD = "/add-checkpoint"
_CHECKPOINT = "/checkpoint"


class Rate:
    """How often each address may ask: a bucket that fills with time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._left: dict[str, tuple[float, float]] = {}

    def allows(self, address: str) -> bool:
        """Take one request out of an address's bucket, if there is one."""
        now = self._clock()
        with self._lock:
            if len(self._left) > _REMEMBERED:
                self._left.clear()
            left, since = self._left.get(address, (BURST, now))
            left = min(BURST, left + (now - since) * RATE)
            self._left[address] = (max(left - 1, 0), now)
            return left >= 1


class WitnessServer(ThreadingHTTPServer):
    """Answers for one witness."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], witness: Witness) -> None:
        self.witness = witness
        self.rate = Rate()
        self._places = threading.BoundedSemaphore(AT_ONCE)
        super().__init__(address, Handler)

    def process_request(self, request: Request, client_address: tuple[str, int]) -> None:
        """Answer in a thread of its own, once there is a place for it."""
        self._places.acquire()
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._places.release()
            raise

    def process_request_thread(self, request: Request, client_address: tuple[str, int]) -> None:
        """Answer, and give the place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Request, client_address: tuple[str, int]) -> None:
        """Say nothing of a connection that broke: whoever asked has gone."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "writ-witness"
    sys_version = ""
    timeout = PATIENCE

    @property
    def _served(self) -> WitnessServer:
        return cast("WitnessServer", self.server)

    def do_POST(self) -> None:
        """Answer `add-checkpoint`."""
        body = self._body()
        if body is None:
            return
        if self.path != _ADD:
            self._answer(HTTPStatus.NOT_FOUND, b"no such path\n")
            return
        try:
            line = self._served.witness.add_checkpoint(body)
        except WitnessRefusalError as error:
            self._refused(error)
        except (LedgerError, OSError) as error:
            # What is wrong here is for the witness's operator, not for whoever asks.
            self.log_error("%s", error)
            self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, b"the witness cannot sign now\n")
        else:
            self._answer(HTTPStatus.OK, line)

    def do_GET(self) -> None:
        """Answer with the last head that was cosigned for a log."""
        if not self._allowed():
            return
        name = self.path.removeprefix("/").removesuffix(_CHECKPOINT)
        found = self._served.witness.checkpoint(name) if self.path.endswith(_CHECKPOINT) else None
        if found is None:
            self._answer(HTTPStatus.NOT_FOUND, b"nothing was cosigned under this path\n")
        else:
            self._answer(HTTPStatus.OK, found)

    def _allowed(self) -> bool:
        if self._served.rate.allows(str(self.client_address[0])):
            return True
        self.close_connection = True
        self._answer(HTTPStatus.TOO_MANY_REQUESTS, b"asked too often\n", Retry_After="1")
        return False

    def _body(self) -> bytes | None:
        if not self._allowed():
            return None
        stated = self.headers.get("Content-Length", "")
        if not (stated.isascii() and stated.isdigit()):
            self.close_connection = True
            self._answer(HTTPStatus.LENGTH_REQUIRED, b"a body has a length\n")
            return None
        if len(stated) > len(str(MAX_REQUEST)) or int(stated) > MAX_REQUEST:
            self.close_connection = True
            self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b"the request is too large\n")
            return None
        body = self.rfile.read(int(stated))
        return body if len(body) == int(stated) else None

    def _refused(self, error: WitnessRefusalError) -> None:
        if error.size is not None:
            self._answer(error.status, f"{error.size}\n".encode(), Content_Type=SIZE_TYPE)
        else:
            self._answer(error.status, f"{error}\n".encode())

    def _answer(self, status: HTTPStatus, body: bytes, **headers: str) -> None:
        given = {"Content_Type": "text/plain; charset=utf-8", **headers}
        self.send_response(status)
        for name, value in given.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class SixServer(WitnessServer):
    """The same, at an IPv6 address."""

    address_family = socket.AF_INET6
