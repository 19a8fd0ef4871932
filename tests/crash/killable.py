"""A program that does an operation in a process that can be stopped at any point of it.

Started with the shim loaded before the C library, it waits with everything imported, and gives each
order to a fork of itself: one JSON object a line, answered by one.
"""

import ctypes
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from tests.crash.catalogue import OPERATIONS
from tests.crash.operations import CARELESS
from tests.crash.served import SERVED

# No other exit code is 70 by accident.
FAILED = 70


def main() -> None:
    """Answer orders until there are none."""
    shim = ctypes.CDLL(os.environ["LD_PRELOAD"])
    for line in sys.stdin:
        order = json.loads(line)
        sys.stdout.write(json.dumps(_done(shim, order)) + "\n")
        sys.stdout.flush()


def _done(shim: ctypes.CDLL, order: dict[str, Any]) -> dict[str, object]:
    """Carry out an order in a fork, and return how that ended and what it said before."""
    hears, speaks = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(hears)
        _act(shim, order, speaks)
    os.close(speaks)
    with os.fdopen(hears, encoding="utf-8") as heard:
        said = heard.read().split("\n")
    _, status = os.waitpid(child, 0)
    # What the last line lacks, nobody has heard.
    return {"code": os.waitstatus_to_exitcode(status), "said": said[:-1]}


def _act(shim: ctypes.CDLL, order: dict[str, Any], speaks: int) -> None:
    """Do the operation with the shim armed, and never return."""
    code = 0
    folder = Path(order["folder"])
    operation = {**OPERATIONS, **CARELESS, **SERVED}[order["operation"]]

    def say(text: str) -> None:
        # With how many points it had passed then.
        os.write(speaks, f"{shim.writ_count()} {text}\n".encode())

    log = os.open(str(order["log"]), os.O_WRONLY | os.O_CREAT, 0o600) if order["log"] else -1
    shim.writ_arm(
        os.fsencode(order["watch"]),
        ctypes.c_long(order["at"]),
        order["error"],
        order["lasting"],
        log,
    )
    try:
        operation.act(folder, say)
    except Exception as error:  # noqa: BLE001  (a fork has nobody else to tell)
        say(f"! {getattr(error, 'code', '')} {type(error).__name__}: {error}".replace("\n", " "))
        if os.environ.get("WRIT_DEBUG"):
            traceback.print_exc()
        code = FAILED
    shim.writ_disarm()
    say("#")
    os._exit(code)


if __name__ == "__main__":
    main()
