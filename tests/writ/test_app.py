"""`writ app`: a real process that answers on loopback, and says in a line what is in its way."""

import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest
from streamlit import config

from ledger.testing import build_ledger
from tests.browser.serving import HOST, answers, free_port
from writ import cli
from writ.commands import app

SECONDS = 90.0


@contextmanager
def started(*arguments: str | Path, folder: Path) -> Generator[subprocess.Popen[str]]:
    """Start the app in a folder that is also its user's home, and end it in any case."""
    kept = ("PATH", "VIRTUAL_ENV", "LANG")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    process = subprocess.Popen(
        [sys.executable, "-m", "writ", "app", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env={**environment, "HOME": str(folder), "PYTHONPATH": str(Path(cli.__file__).parents[1])},
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def wait_for(port: int, process: subprocess.Popen[str]) -> None:
    """Wait until the app answers."""
    until = time.monotonic() + SECONDS
    while not answers(port):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < until, "it does not answer"
        time.sleep(0.1)


def get(port: int, path: str, host: str = HOST) -> tuple[int, str]:
    """Ask the app for a path."""
    connection = HTTPConnection(HOST, port, timeout=10)
    try:
        connection.request("GET", path, headers={"Host": f"{host}:{port}"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    finally:
        connection.close()


def test_the_app_answers_on_loopback_and_ends_on_ctrl_c(tmp_path: Path) -> None:
    """It prints where it is, serves its page, leaves no file behind, and ends when told to."""
    built = build_ledger(tmp_path)
    home = tmp_path / "home"
    home.mkdir()
    port = free_port()
    with started(built.path, "--port", str(port), folder=home) as process:
        wait_for(port, process)
        status, page = get(port, "/")
        assert status == 200
        assert "<title>" in page
        status, host = get(port, "/_stcore/host-config")
        assert (status, json.loads(host)["allowedOrigins"]) == (200, []), "others may steer it"
        assert not reachable_elsewhere(port)
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    assert printed.startswith(f"{built.path}: http://{HOST}:{port}\nCtrl-C ends it.\n")
    assert len(printed.splitlines()) <= 3, printed  # Streamlit may say that it stops
    assert list(home.iterdir()) == []


def reachable_elsewhere(port: int) -> bool:
    """Tell whether the port answers under an address of this machine that others can reach."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent: this only asks which address would be used.
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return False
        address = probe.getsockname()[0]
    if address.startswith("127."):
        return False
    connection = HTTPConnection(address, port, timeout=2)
    try:
        connection.request("GET", "/_stcore/health")
        connection.getresponse()
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
    return True


def test_nothing_leaves_this_machine() -> None:
    """No statistics, no mail prompt, no watcher, no details of errors, and loopback alone."""
    assert app.OPTIONS["server.address"] == "127.0.0.1"
    assert app.OPTIONS["browser.gatherUsageStats"] is False
    assert app.OPTIONS["server.fileWatcherType"] == "none"
    assert app.OPTIONS["client.showErrorDetails"] == "none"
    assert not any("http" in str(value) for value in app.OPTIONS.values())


def test_every_option_is_one_of_streamlits() -> None:
    """A name that it does not know would be passed over in silence."""
    known = set(config.get_config_options())
    assert set(app.OPTIONS) <= known


Served = list[tuple[list[str], dict[str, Any]]]
Run = Callable[..., tuple[int, str, str, Served]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run the command in an empty folder, without serving."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WRIT_TRUST", raising=False)
    served: Served = []

    def serve(arguments: list[str], options: dict[str, Any]) -> None:
        served.append((arguments, options))

    monkeypatch.setattr(app, "_serve", serve)

    def runs(*arguments: str) -> tuple[int, str, str, Served]:
        code = cli.run(["app", *arguments])
        out, err = capsys.readouterr()
        return code, out, err, served

    return runs


def test_what_is_served_is_named_wherever_the_app_runs(run: Run, tmp_path: Path) -> None:
    """Ledger and trust file by their full names; a browser only if asked for."""
    build_ledger(tmp_path)
    code, out, _, served = run("ledger.db", "--open", "--port", str(free_port()))
    assert code == 0
    assert re.search(r"^ledger\.db: http://127\.0\.0\.1:\d+$", out, re.MULTILINE)
    ((arguments, options),) = served
    assert arguments == [str(tmp_path / "ledger.db"), "", ""]
    assert options["server.headless"] is False


def test_a_missing_ledger_is_said(run: Run) -> None:
    """Before a browser is sent there."""
    code, out, err, served = run("none.db")
    assert (code, out, served) == (4, "", [])
    assert err.startswith("writ: store.unusable: none.db")


def test_a_missing_trust_file_is_said(run: Run, tmp_path: Path) -> None:
    """It is not as if none had been named."""
    build_ledger(tmp_path)
    code, _, err, served = run("ledger.db", "--trust", "none.json")
    assert (code, served) == (4, [])
    assert err.startswith("writ: trust.unreadable: none.json")


def test_a_file_of_views_is_read_before_a_browser_is_sent_there(run: Run, tmp_path: Path) -> None:
    """One that is as it is meant goes along by its full name; of any other it is said why not."""
    build_ledger(tmp_path)
    views = tmp_path / "views.toml"
    views.write_text("[[view]]\nname = 'Chat'\nquery = 'channel=chat'\n")
    code, _, _, served = run("ledger.db", "--views", "views.toml", "--port", str(free_port()))
    assert (code, served[0][0][2]) == (0, str(views))
    views.write_text("[[view]]\nname = 'Chat'\nquery = 'colour=red'\n")
    code, _, err, served = run("ledger.db", "--views", "views.toml")
    assert (code, len(served)) == (4, 1)
    assert err.startswith("writ: views.malformed: views.toml, view 1: the query names 'colour'")
    code, _, err, _ = run("ledger.db", "--views", "none.toml")
    assert code == 4
    assert err.startswith("writ: views.unreadable: none.toml")


def test_a_taken_port_is_said_and_another_is_found(run: Run, tmp_path: Path) -> None:
    """The one that was asked for, and no other; without asking, the next that is free."""
    build_ledger(tmp_path)
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code, _, err, served = run("ledger.db", "--port", port)
        assert (code, served) == (4, [])
        assert err.startswith(f"writ: app.port-taken: port {port} is taken")
    with socket.socket() as default:
        default.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            default.bind((HOST, app.PORT))
            default.listen()
        except OSError:
            pass  # somebody else has it: as good
        code, out, _, served = run("ledger.db")
    assert code == 0
    assert f":{app.PORT}\n" not in out
    assert len(served) == 1


def test_an_app_that_is_not_installed_is_said(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With how to install it."""
    build_ledger(tmp_path)

    def nothing(_name: str) -> None:
        return None

    monkeypatch.setattr(importlib.util, "find_spec", nothing)
    code, _, err, served = run("ledger.db")
    assert (code, served) == (4, [])
    assert err.startswith("writ: app.not-installed: ")
    assert "make app" in err
