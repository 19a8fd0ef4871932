"""Passphrases that are asked for at a terminal: a real one, on which nothing of them is shown."""

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

SECRET, OTHER, WRONG = "correct battery staple", "another horse battery", "never heard of it"
# The child makes its standard input its terminal, as a login does: prompts open that.
PROGRAM = """
import fcntl, runpy, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
sys.argv[0] = "writ"
runpy.run_module("writ", run_name="__main__")
"""
PATIENCE = 60
ROOT = Path(__file__).parents[2]


def typed(arguments: Sequence[object], answers: Sequence[tuple[str, str]]) -> tuple[int, str]:
    """Run a command at a terminal, and answer what it asks.

    Args:
        arguments: Of the command.
        answers: What it asks, in its order, and what is typed then.

    Returns:
        Its exit code, and all that stood on the screen.
    """
    master, slave = pty.openpty()
    environment = {name: at for name, at in os.environ.items() if not name.startswith("WRIT_")}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        stdin=slave, stdout=slave, stderr=slave, cwd=ROOT, env=environment, start_new_session=True,
    ) as child:  # fmt: skip
        os.close(slave)
        screen = ""
        for prompt, answer in answers:
            screen += until(master, prompt)
            os.write(master, answer.encode() + b"\n")
        screen += until(master, None)
        child.wait(PATIENCE)
    os.close(master)
    return child.returncode, screen


def until(master: int, prompt: str | None) -> str:
    """Read the screen up to a prompt, or to the end."""
    seen, end = "", time.monotonic() + PATIENCE
    while prompt is None or prompt not in seen:
        assert select.select([master], [], [], max(0, end - time.monotonic()))[0], seen
        try:
            read = os.read(master, 4096)
        except OSError:
            # Linux says so when nobody has the other end any more.
            read = b""
        if not read:
            assert prompt is None, f"it never asked {prompt!r}: {seen}"
            break
        seen += read.decode()
    return seen


def unseen(screen: str) -> bool:
    """Return whether nothing that was typed stands on the screen."""
    return not any(secret in screen for secret in (SECRET, OTHER, WRONG, "tiny"))


def test_a_passphrase_is_asked_for_at_a_terminal(tmp_path: Path) -> None:
    """Twice where it is new, once where it is known; a slip and a wrong one change nothing."""
    key = tmp_path / "key.pem"
    new, again, known = "New passphrase for key.pem: ", "once more: ", "Passphrase of key.pem: "
    for first, second, says in (
        (SECRET, OTHER, "the two passphrases are not the same"),
        ("tiny", "tiny", "a passphrase has 12 to 1000 bytes"),
    ):
        code, screen = typed(["keys", "new", "--out", key], [(new, first), (again, second)])
        assert (code, says in screen, unseen(screen)) == (4, True, True), screen
        assert not key.exists()
    code, screen = typed(["keys", "new", "--out", key], [(new, SECRET), (again, SECRET)])
    assert (code, "fingerprint" in screen, unseen(screen)) == (0, True, True), screen
    code, screen = typed(["keys", "public", key], [(known, SECRET)])
    assert (code, "fingerprint" in screen, unseen(screen)) == (0, True, True), screen
    code, screen = typed(["keys", "public", key], [(known, WRONG)])
    assert (code, "key.passphrase-wrong" in screen, unseen(screen)) == (4, True, True), screen


def test_the_sealing_keys_passphrase_is_asked_for_too(tmp_path: Path) -> None:
    """When it is made, and when it is changed: the old one once, the new one twice."""
    key = tmp_path / "sealing.key"
    old, new, again = "Passphrase of sealing.key: ", "New passphrase for sealing.key: ", "more: "
    made = ["seal", tmp_path / "l.db", "--keys", tmp_path]
    code, screen = typed(made, [(new, SECRET), (again, SECRET)])
    assert (code, unseen(screen)) == (0, True), screen
    first = key.read_bytes()
    change = ["keys", "passwd", key]
    code, screen = typed(change, [(old, WRONG)])
    assert (code, "key.passphrase-wrong" in screen, unseen(screen)) == (4, True, True), screen
    code, screen = typed(change, [(old, SECRET), (new, OTHER), (again, WRONG)])
    assert (code, "not the same" in screen, unseen(screen)) == (4, True, True), screen
    assert key.read_bytes() == first
    code, screen = typed(change, [(old, SECRET), (new, OTHER), (again, OTHER)])
    assert (code, unseen(screen)) == (0, True), screen
    code, screen = typed([*change, "--plain"], [(old, OTHER)])
    assert (code, len(key.read_bytes()), unseen(screen)) == (0, 32, True), screen
