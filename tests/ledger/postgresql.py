"""A PostgreSQL server of the tests' own: made for one session of pytest, and gone after it."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# The user that runs the server where the tests run as root, which the server itself refuses.
SERVANTS = ("postgres", "nobody")
# Nothing is listened to but a socket in the server's own folder, and nothing has to survive a
# power cut: neither is what the tests are about, and both take time.
OPTIONS = tuple(
    f"--{setting}"
    for setting in (
        "listen_addresses=",
        "fsync=off",
        "synchronous_commit=off",
        "full_page_writes=off",
        "shared_buffers=16MB",
    )
)
# What a server is by itself, and what a measurement of appends has to be of.
DURABLE = ("--fsync=on", "--synchronous_commit=on", "--full_page_writes=on")
START_SECONDS = 60.0
# It runs the server until nobody holds the other end of its input, and then removes the server's
# folder: a process of tests that is killed ends its server too, as it could not by itself. A line
# has it run the server again, which was stopped.
KEEPER = """
folder=$1; shift
serve() { "$@" >>"$folder/log" 2>&1 </dev/null & }
serve "$@"
while read -r _; do serve "$@"; done
kill -QUIT $!
wait $!
rm -rf "$folder"
"""


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


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs.

    Attributes:
        url: Of its database, by the socket in its folder.
        folder: All that is its own.
        keeper: The process that runs it.
        become: What a command begins with that is run as the server's user.
    """

    url: str
    folder: Path
    keeper: subprocess.Popen[bytes]
    become: Sequence[str]

    def stop_at_once(self) -> None:
        """Stop it in the middle of what it does, so that it recovers when it is started again."""
        stop = [
            str(programs() / "pg_ctl"),
            "stop",
            "-m",
            "immediate",
            "-D",
            str(self.folder / "data"),
        ]
        subprocess.run([*self.become, *stop], check=True, cwd="/", stdout=subprocess.DEVNULL)

    def start(self) -> None:
        """Start it again, and wait until it takes connections."""
        assert self.keeper.stdin is not None
        self.keeper.stdin.write(b"\n")
        self.keeper.stdin.flush()
        _await(self.folder, self.keeper)


@contextmanager
def kept_server(
    options: Sequence[str] = (), within: Sequence[str] = (), net: str = ""
) -> Generator[Server]:
    """Start a server, and take it away with all that is in it.

    Args:
        options: What it is started with, after the tests' own options.
        within: What its command begins with, such as what enters a network namespace.
        net: From where it also takes connections by TCP, if anywhere.

    Raises:
        NoServerError: It cannot be had here.
    """
    own = programs()
    servant = _servant()
    become = ["runuser", "-u", servant, "--"] if servant else []
    # Not pytest's temporary folder: its path is too long for the name of a socket, and no other
    # user may enter it.
    folder = Path(tempfile.mkdtemp(prefix="writ-pg-"))
    if servant:
        shutil.chown(folder, servant)
    data = str(folder / "data")
    made = [str(own / "initdb"), "-D", data, "-U", "writ", "-A", "trust", "-E", "UTF8"]
    served = [str(own / "postgres"), "-D", data, "-k", str(folder), *OPTIONS, *options]
    try:
        done = subprocess.run(
            [*become, *made, "--no-sync", "--locale=C"], check=False, cwd="/", capture_output=True
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        if net:
            with (folder / "data" / "pg_hba.conf").open("a") as access:
                access.write(f"host all all {net} trust\n")
        keeper = subprocess.Popen(
            [*within, *become, "sh", "-c", KEEPER, "keeper", str(folder), *served],
            cwd="/",
            stdin=subprocess.PIPE,
        )
        try:
            _await(folder, keeper)
            url = f"postgresql://writ@/postgres?host={folder}"
            yield Server(url, folder, keeper, become)
        finally:
            keeper.communicate()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def throw_away_server(*, durable: bool = False) -> Generator[str]:
    """Start a server, give its URL, and take it away with all that is in it.

    Each process of pytest-xdist has its own: they share nothing, and need not wait for each other.

    Args:
        durable: Whether it syncs what it commits, as servers do and tests can do without.

    Raises:
        NoServerError: It cannot be had here.
    """
    with kept_server(DURABLE if durable else ()) as server:
        yield server.url


def _await(folder: Path, keeper: subprocess.Popen[bytes]) -> None:
    """Wait until the server takes connections."""
    deadline = time.monotonic() + START_SECONDS
    ask = [str(programs() / "pg_isready"), "-q", "-h", str(folder)]
    while subprocess.run(ask, check=False).returncode != 0:
        said = (folder / "log").read_text("utf-8") if (folder / "log").exists() else ""
        assert keeper.poll() is None, said
        assert time.monotonic() < deadline, said
        time.sleep(0.05)
