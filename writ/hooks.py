"""Telling people that something waits for them: a webhook, a command, for each held action.

    hooks = Hooks(Webhook("https://ops.example/writ", Path("hook.secret")), about={"shop": "A"})
    guard = Guard(client, store, service, when_held=hooks)

What is told says which action waits and for whom, and nothing of its parameters: who is told reads
them in the ledger. Telling takes place in a thread of its own, so that no decision waits for it; it
may fail, and then it is counted and logged. What waits is never lost by that: it stands in the
ledger, and `writ pending` lists it.
"""

import hashlib
import hmac
import json
import logging
import queue
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Any, Final, Protocol, Self
from urllib.parse import urlsplit

from contracts.answers import Answer
from writ.errors import CommandError

_LOG: Final = logging.getLogger("writ.hooks")
SCHEMA: Final = "writ/held/v1"
SIGNATURE: Final = "Writ-Signature"
TIMESTAMP: Final = "Writ-Timestamp"
_LEAST_SECRET: Final = 16
_MOST_WAITING: Final = 1_000
# What the other side may have said in passing: all else below 500 it will say again.
_PASSING: Final = frozenset({408, 425, 429})
_OK: Final = range(200, 300)
_REFUSED: Final = range(300, 500)


class HookError(Exception):
    """Somebody was not told. The text names no secret, and nothing of an action.

    Attributes:
        again: Whether trying again may help.
    """

    def __init__(self, what: str, *, again: bool = False) -> None:
        super().__init__(what)
        self.again = again


class Hook(Protocol):
    """One way to tell."""

    @property
    def waits(self) -> Sequence[float]:
        """How many seconds to wait before each further attempt."""
        ...

    def tell(self, body: bytes) -> None:
        """Tell it once.

        Raises:
            HookError: Nobody was told.
        """
        ...


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """Return what the header `Writ-Signature` says: HMAC-SHA256 over time, a dot, and the body.

    Args:
        secret: What both sides know.
        timestamp: What the header `Writ-Timestamp` says: seconds since 1970.
        body: The body, as it was sent.
    """
    return (
        "sha256=" + hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    )


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """What is signed for one place is sent to no other."""

    def redirect_request(
        self,
        req: urllib.request.Request,  # noqa: ARG002 - an interface of the standard library
        fp: IO[bytes],  # noqa: ARG002
        code: int,  # noqa: ARG002
        msg: str,  # noqa: ARG002
        headers: HTTPMessage,  # noqa: ARG002
        newurl: str,  # noqa: ARG002
    ) -> None:
        """Follow nothing."""
        return


class Webhook:
    """Posts JSON, signed with a secret that the other side knows too.

    Args:
        url: Where to, by http or https. Only its host is ever logged.
        secret: File with the secret, of 16 bytes or more; a line's end after it is none of it.
        timeout: How many seconds one attempt may take.
        waits: How many seconds to wait before each further attempt.

    Raises:
        CommandError: The address or the secret is none.
    """

    def __init__(
        self,
        url: str,
        secret: Path,
        *,
        timeout: float = 5.0,
        waits: Sequence[float] = (0.5, 1.0, 2.0),
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise CommandError(
                "hook.address", "a webhook's address begins with https:// or http://"
            )
        try:
            self._secret = secret.read_bytes().rstrip(b"\r\n")
        except OSError as error:
            raise CommandError("hook.secret", f"{secret}: {error.strerror}") from error
        if len(self._secret) < _LEAST_SECRET:
            raise CommandError("hook.secret", f"{secret}: has fewer than {_LEAST_SECRET} bytes")
        self._url = url
        self._host = parts.hostname
        self._timeout = timeout
        self.waits = tuple(waits)
        self._opener = urllib.request.build_opener(_NoRedirect)

    def tell(self, body: bytes) -> None:
        """Post it once.

        Raises:
            HookError: The other side did not take it.
        """
        now = str(int(time.time()))
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked
            self._url,
            data=body,
            headers={
                "Content-Type": "application/json",
                TIMESTAMP: now,
                SIGNATURE: signature(self._secret, now, body),
            },
        )
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                status: int = response.status
        except urllib.error.HTTPError as error:
            status = error.code
            error.close()
        except (OSError, HTTPException) as error:
            # Of an error only what kind it is: its text may hold the address.
            raise HookError(f"{self._host}: {type(error).__name__}", again=True) from None
        if status not in _OK:
            again = status not in _REFUSED or status in _PASSING
            raise HookError(f"{self._host}: status {status}", again=again)

    def __repr__(self) -> str:
        return f"Webhook({self._host})"


class CommandHook:
    """Runs a command with the JSON on its stdin. It is run once: it may try again itself.

    Args:
        command: The command and its arguments; no shell reads them.
        timeout: After how many seconds it is ended.
    """

    def __init__(self, command: Sequence[str], *, timeout: float = 10.0) -> None:
        if not command:
            raise CommandError("hook.command", "a hook's command has a name at least")
        self._command = tuple(command)
        self._timeout = timeout
        self.waits: Sequence[float] = ()

    def tell(self, body: bytes) -> None:
        """Run it once.

        Raises:
            HookError: It cannot be started, took too long, or ended with an exit code other than 0.
        """
        name = Path(self._command[0]).name
        try:
            ended = subprocess.run(  # noqa: S603 - whoever configures the hook wants it run
                self._command,
                input=body,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=self._timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise HookError(f"{name}: not done after {self._timeout:g} s") from None
        except OSError as error:
            raise HookError(f"{name}: {error.strerror}") from None
        if ended.returncode:
            raise HookError(f"{name}: exit code {ended.returncode}")

    def __repr__(self) -> str:
        return f"CommandHook({Path(self._command[0]).name})"


@dataclass(frozen=True, slots=True)
class Told:
    """How often who was told.

    Attributes:
        sent: How often a hook took it.
        failed: How often one did not, after all attempts.
        dropped: How much was not tried, because too much waited, or there was no time at the end.
    """

    sent: int = 0
    failed: int = 0
    dropped: int = 0


class Hooks:
    """Tells all hooks of each action that is held or escalated: `Guard(when_held=Hooks(…))`.

    Args:
        *hooks: Who is told. Each is told by itself: one that fails keeps no other from it.
        about: Members that are added to each message, such as which ledger and service.
    """

    def __init__(self, *hooks: Hook, about: Mapping[str, str] | None = None) -> None:
        self._hooks = hooks
        self._about = dict(about or {})
        self._waiting: queue.Queue[tuple[str, bytes] | None] = queue.Queue(_MOST_WAITING)
        self._told = Told()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._over = threading.Event()

    @property
    def told(self) -> Told:
        """How often who was told so far."""
        with self._lock:
            return self._told

    def __call__(self, answer: Answer) -> None:
        """Take up what is to be told. It returns at once."""
        body = json.dumps(message_of(answer, self._about), sort_keys=True).encode()
        with self._lock:
            if self._thread is None and not self._over.is_set():
                self._thread = threading.Thread(target=self._work, name="writ-hooks", daemon=True)
                self._thread.start()
        if self._over.is_set():
            self._drop(answer, "it is over")
            return
        try:
            self._waiting.put_nowait((answer.action, body))
        except queue.Full:
            self._drop(answer, "too much waits to be told")

    def _drop(self, answer: Answer, why: str) -> None:
        self._count(dropped=len(self._hooks))
        _LOG.error("nobody is told of %s: %s", answer.action, why)

    def close(self, seconds: float = 10.0) -> None:
        """Tell what waits, for so long at most. What is told after that is dropped."""
        with self._lock:
            thread = self._thread
        if thread is None:
            self._over.set()
            return
        ends = time.monotonic() + seconds
        try:
            self._waiting.put(None, timeout=seconds)
            thread.join(max(ends - time.monotonic(), 0.0))
        except queue.Full:
            pass
        self._over.set()
        thread.join(0.1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------------------ the thread

    def _work(self) -> None:
        while (one := self._waiting.get()) is not None:
            for hook in self._hooks:
                if self._over.is_set():
                    self._count(dropped=1)
                else:
                    self._tell(hook, *one)

    def _tell(self, hook: Hook, action: str, body: bytes) -> None:
        waits = iter(hook.waits)
        while True:
            try:
                hook.tell(body)
            except HookError as error:
                wait = next(waits, None) if error.again else None
                if wait is None or self._over.wait(wait):
                    self._count(failed=1)
                    _LOG.error("%r was not told of %s: %s", hook, action, error)
                    return
            except Exception as error:  # noqa: BLE001 - a hook's defect must not end the thread
                self._count(failed=1)
                _LOG.error("%r was not told of %s: %s", hook, action, type(error).__name__)
                return
            else:
                self._count(sent=1)
                return

    def _count(self, *, sent: int = 0, failed: int = 0, dropped: int = 0) -> None:
        with self._lock:
            told = self._told
            self._told = replace(
                told,
                sent=told.sent + sent,
                failed=told.failed + failed,
                dropped=told.dropped + dropped,
            )


def message_of(answer: Answer, about: Mapping[str, str]) -> dict[str, Any]:
    """Return what is told of an action that waits: nothing of its parameters, nor of their values.

    Args:
        answer: The decision.
        about: Further members.
    """
    name, version, digest = answer.contract
    return {
        **about,
        "schema": SCHEMA,
        "effect": answer.effect,
        "tool": answer.tool,
        "action": answer.action,
        "index": answer.index,
        "contract": {"name": name, "version": version, "digest": digest},
        "rules": [
            {
                "rule": one.rule,
                "effect": one.effect,
                "role": one.role,
                "says": one.says,
                "cites": one.cites,
            }
            for one in answer.objections
            if one.effect in {"approve", "escalate"}
        ],
    }
