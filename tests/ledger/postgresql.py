"""A PostgreSQL server of the tests' own: made for one session of pytest, and gone after it."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

# The user that runs the server where the tests run as root, which the server itself refuses.
SERVANTS = ("postgres", "nobody")
# Nothing is listened to but a socket in the server's own folder, and nothing has to survive a
# power cut: neither is what the tests are about, and both take time.
OPTIONS = (
    "-c listen_addresses='' -c fsync=off -c synchronous_commit=off -c full_page_writes=off "
    "-c shared_buffers=16MB -k "
)


class NoServerError(Exception):
    """There is no server here that could be started; says why."""


def programs() -> Path:
    """Return the folder with initdb and pg_ctl: on PATH, or the newest where Debian puts them.

    Raises:
        NoServerError: They are nowhere.
    """
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    debian = sorted(
        (path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")),
        key=lambda folder: float(folder.parent.name),
    )
    if not debian:
        raise NoServerError("PostgreSQL is not installed (make system installs it as root)")
    return debian[-1]


def _servant() -> str:
    """Return the user to become, or nothing where the tests' own user will do."""
    if os.geteuid() != 0:
        return ""
    known = {entry.pw_name for entry in pwd.getpwall()}
    for name in SERVANTS:
        if name in known and shutil.which("runuser"):
            return name
    raise NoServerError("PostgreSQL refuses to run as root, and there is no user to run it as")


@contextmanager
def throw_away_server() -> Generator[str]:
    """Start a server, give its URL, and take it away with all that is in it.

    Each process of pytest-xdist has its own: they share nothing, and need not wait for each other.

    Raises:
        NoServerError: It cannot be had here.
    """
    own = programs()
    servant = _servant()
    # Not pytest's temporary folder: its path is too long for the name of a socket, and no other
    # user may enter it.
    folder = Path(tempfile.mkdtemp(prefix="writ-pg-"))
    try:
        if servant:
            shutil.chown(folder, servant)
        start = ["runuser", "-u", servant, "--"] if servant else []
        data = ("-D", str(folder / "data"))
        _run(
            [*start, str(own / "initdb"), *data, "-U", "writ", "-A", "trust", "-E", "UTF8"],
            ["--no-sync", "--no-instructions", "--locale=C"],
        )
        control = [*start, str(own / "pg_ctl"), *data]
        log = str(folder / "log")
        _run(control, ["-w", "-t", "60", "-l", log, "-o", OPTIONS + str(folder), "start"])
        try:
            yield f"postgresql://writ@/postgres?host={folder}"
        finally:
            _run(control, ["-w", "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder)


def _run(command: Sequence[str], rest: Sequence[str]) -> None:
    """Run one of the server's programs, in a folder that its user may enter.

    Its output goes nowhere but to a file: the server inherits it, and would hold a pipe open for
    as long as it runs.
    """
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            [*command, *rest], check=False, cwd="/", stdout=output, stderr=subprocess.STDOUT
        )
        output.seek(0)
        assert done.returncode == 0, output.read().decode(errors="replace")
