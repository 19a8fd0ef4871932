"""How many decisions a second the service takes, against a bare endpoint of the same framework.

The bare one is a FastAPI application whose one endpoint checks one request signature, by the same
code, and answers. Each runs in a process of its own under uvicorn; 32 connections ask each of them
in turn, with requests that were signed beforehand. What the service does beyond it: who may, what
the contract says, the record signed and durable.

    python benchmarks/service.py [--size REQUESTS] [--rounds N] [--json]

It exits with 1 when the target is missed.
"""

import argparse
import asyncio
import json
import platform
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.guard import new_ledger
from ledger.clock import system_clock
from ledger.keys import fingerprint
from ledger.signing import Signer
from tests.guard.shop import SERVICE, opened
from writ.remote import RemoteGuard
from writ.service.signatures import Asked, signed_headers

SIZE: Final = 2_000
ROUNDS: Final = 3
CONNECTIONS: Final = 32
TARGET: Final = 0.5
ROOT: Final = Path(__file__).resolve().parents[1]

BARE: Final = """
import sys, time
import uvicorn
from fastapi import FastAPI, Request
from writ.service.signatures import Asked, check_signature, read_signature

key = bytes.fromhex(sys.argv[1])
app = FastAPI()

@app.post("/v1/decisions")
async def decide(request: Request) -> dict[str, str]:
    body = await request.body()
    headers = request.headers
    asked = Asked("POST", headers["host"], "/v1/decisions", "", body)
    signed = read_signature(headers)
    check_signature(asked, signed, key, headers["content-digest"], int(time.time()))
    return {"effect": "allow"}

uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="error")
"""


def free_port() -> int:
    """Return a port on which nobody listens."""
    import socket  # noqa: PLC0415

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def request(key: Signer, port: int, body: bytes) -> bytes:
    """Return a signed request as it is sent."""
    host = f"127.0.0.1:{port}"
    asked = Asked("POST", host, "/v1/decisions", "", body)
    headers = signed_headers(
        asked, key, fingerprint(key.public_key), secrets.token_hex(16), int(time.time())
    )
    lines = [
        "POST /v1/decisions HTTP/1.1",
        f"host: {host}",
        "content-type: application/json",
        f"content-length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


async def asked(port: int, requests: Sequence[bytes]) -> float:
    """Send requests over 32 connections; return the seconds that all answers took."""
    waiting = list(requests)

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while waiting:
            writer.write(waiting.pop())
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            body = await reader.readexactly(length)
            if not head.startswith(b"HTTP/1.1 200") or b'"allow"' not in body:
                raise SystemExit(f"no decision: {head!r} {body!r}")
        writer.close()

    start = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    return time.perf_counter() - start


def started(command: Sequence[str], port: int) -> subprocess.Popen[bytes]:
    """Start a server, and wait until it listens."""
    import socket  # noqa: PLC0415

    running = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.1)
        else:
            return running
    raise SystemExit("the server does not listen")


def measured(size: int, rounds: int) -> dict[str, Any]:
    """Measure both, turn by turn."""
    with tempfile.TemporaryDirectory() as folder:
        location = new_ledger(Path(folder))
        with opened(location, system_clock) as shop:
            key = shop.founded.key("agent")
        guarded, bare = free_port(), free_port()
        serve = [sys.executable, "-m", "writ", "serve", location, "--as", "agent"]
        serve += ["--listen", f"127.0.0.1:{guarded}", "--rate", "1000000"]
        servers = [
            started(serve, guarded),
            started([sys.executable, "-c", BARE, key.public_key.hex(), str(bare)], bare),
        ]
        try:
            seconds = _rounds(key, guarded, bare, (size, rounds))
        finally:
            for one in servers:
                one.terminate()
                one.wait()
    rates = {name: size / median(values) for name, values in seconds.items()}
    ratio = rates["service"] / rates["bare"]
    return {
        "benchmark": "service",
        "requests": size,
        "connections": CONNECTIONS,
        "a second": rates,
        "ratio": ratio,
        "target": TARGET,
        "missed": [] if ratio >= TARGET else ["throughput"],
        "python": platform.python_version(),
    }


def _rounds(
    key: Signer, guarded: int, bare: int, wanted: tuple[int, int]
) -> dict[str, list[float]]:
    size, rounds = wanted
    seconds: dict[str, list[float]] = {"service": [], "bare": []}
    remote = RemoteGuard(f"http://127.0.0.1:{guarded}", key, SERVICE)
    for number in range(rounds):
        run = remote.run(goal="a round")

        def body(place: int, run: str = run.id, number: int = number) -> bytes:
            params = {"order": f"A-{number}-{place}"}
            return json.dumps({"run": run, "tool": "orders.get", "params": params}).encode()

        for name, port in (("bare", bare), ("service", guarded)):
            requests = [request(key, port, body(place)) for place in range(size)]
            seconds[name].append(asyncio.run(asked(port, requests)))
    return seconds


def told(result: dict[str, Any]) -> None:
    """Print a result for a person."""
    print(f"{result['requests']:,} requests over {result['connections']} connections")
    for name, rate in result["a second"].items():
        print(f"  {name:<10}{rate:9,.0f} a second")
    said = "missed" if result["missed"] else "met"
    print(f"  the service is {result['ratio']:.2f} of the bare one   target {TARGET:g}: {said}")


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Decisions a second over HTTP.")
    parser.add_argument("--size", type=int, default=SIZE, help="requests a round")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", action="store_true", help="the result as one last line of JSON")
    chosen = parser.parse_args()
    result = measured(chosen.size, chosen.rounds)
    told(result)
    if chosen.json:
        print(json.dumps(result, sort_keys=True))
    return int(bool(result["missed"]))


if __name__ == "__main__":
    raise SystemExit(main())
