"""The app as a person starts it: `writ app` as a process of its own, asked over HTTP."""

import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

HOST = "127.0.0.1"
START_SECONDS = 60.0
STOP_SECONDS = 20.0


def free_port() -> int:
    """Return a port on which nobody listens now."""
    with socket.socket() as found:
        found.bind((HOST, 0))
        port = found.getsockname()[1]
    assert isinstance(port, int)
    return port


def answers(port: int) -> bool:
    """Tell whether an app is up behind a port."""
    connection = HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/_stcore/health")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def serving(arguments: Sequence[str | Path], port: int | None = None) -> Generator[str]:
    """Run `writ app` with these arguments and a port of its own, give its address, and end it.

    What it printed goes to a file and not to a pipe, which would stop it when full.

    Raises:
        AssertionError: It ended too early, did not answer in time, or printed a traceback.
    """
    port = free_port() if port is None else port
    command = [sys.executable, "-m", "writ", "app", *map(str, arguments), "--port", str(port)]
    with tempfile.NamedTemporaryFile() as output:
        printed = Path(output.name)
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + START_SECONDS
            while not answers(port):
                assert process.poll() is None, f"it ended: {_text(printed)}"
                assert time.monotonic() < deadline, f"it does not answer: {_text(printed)}"
                time.sleep(0.05)
            yield f"http://{HOST}:{port}"
        finally:
            _end(process)
        assert "Traceback" not in _text(printed), _text(printed)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process as Ctrl-C does, or by force where it does not listen."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


def _text(printed: Path) -> str:
    return printed.read_text("utf-8", errors="replace")
