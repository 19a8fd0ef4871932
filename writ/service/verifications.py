"""Verifications that callers ask for: one at a time, each in a process of its own."""

import json
import secrets
import subprocess
import sys
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

from writ.service.problems import busy

KEPT: Final = 16
_PATIENCE: Final = 3_600.0


@dataclass(slots=True)
class Verification:
    """One of them.

    Attributes:
        id: Its name.
        state: `waiting`, `running`, `done` or `failed`.
        exit_code: What the verifier answered; None before the end.
        report: Its report; None before the end, and where there is none.
    """

    id: str
    state: str = "waiting"
    exit_code: int | None = None
    report: Any = None

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "id": self.id,
            "state": self.state,
            "exit_code": self.exit_code,
            "report": self.report,
        }


class Verifications:
    """Runs the verifier on a ledger.

    Args:
        location: The ledger.
        trust: A trust file; None where there is none.
    """

    def __init__(self, location: str, trust: Path | None = None) -> None:
        self._command = [sys.executable, "-m", "writ", "verify", location, "--format", "json"]
        if trust is not None:
            self._command += ["--trust", str(trust)]
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Verification] = OrderedDict()
        self._wanted: SimpleQueue[Verification | None] = SimpleQueue()
        self._running: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._work, name="verifications", daemon=True)
        self._thread.start()

    def ask(self) -> Verification:
        """Have the ledger verified, once those that were asked for before are.

        Raises:
            ProblemError: As many wait as are kept (`verification.busy`).
        """
        made = Verification(secrets.token_hex(16))
        with self._lock:
            ended = [one.id for one in self._kept.values() if one.state in {"done", "failed"}]
            if len(self._kept) >= KEPT:
                if not ended:
                    raise busy("verification.busy", f"{KEPT} verifications wait", 10, 429)
                del self._kept[ended[0]]
            self._kept[made.id] = made
        self._wanted.put(made)
        return made

    def get(self, id_: str) -> Verification | None:
        """Return one that is kept."""
        with self._lock:
            return self._kept.get(id_)

    def close(self) -> None:
        """End the one that runs, and begin no other."""
        self._wanted.put(None)
        with self._lock:
            for one in self._kept.values():
                one.state = "failed" if one.state == "waiting" else one.state
            if self._running is not None:
                self._running.terminate()
        self._thread.join()

    def _work(self) -> None:
        while (wanted := self._wanted.get()) is not None:
            if wanted.state == "waiting":
                self._verify(wanted)

    def _verify(self, wanted: Verification) -> None:
        with self._lock:
            if wanted.state != "waiting":
                return
            wanted.state = "running"
            process = subprocess.Popen(  # noqa: S603 - our own command, and nothing of a caller's
                self._command,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                stdin=subprocess.DEVNULL,
                text=True,
            )
            self._running = process
        try:
            said, _ = process.communicate(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            said, _ = process.communicate()
        with self._lock:
            self._running = None
            wanted.exit_code = process.returncode
            wanted.report = _read(said)
            wanted.state = "failed" if wanted.report is None else "done"


def _read(said: str) -> Any:  # noqa: ANN401 - any JSON
    try:
        return json.loads(said)
    except ValueError:
        return None
