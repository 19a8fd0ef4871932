"""Whoever writes a ledger or guards an agent loads no framework, and opens no connection."""

import subprocess
import sys

import pytest

FRAMEWORKS = ("fastapi", "fastmcp", "httpx", "mcp", "starlette", "streamlit", "uvicorn", "duckdb")


@pytest.mark.parametrize("module", ["ledger.client", "contracts.guard", "contracts.tooling"])
def test_importing_pulls_in_no_framework(module: str) -> None:
    """A fresh interpreter that imports it has none of them, and no socket."""
    program = (
        "import socket, sys\n"
        "def refuse(*_, **__): raise SystemExit('a socket was opened')\n"
        "socket.socket.connect = refuse\n"
        f"import {module}\n"
        f"print(*(one for one in {FRAMEWORKS!r} if one in sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
