"""A guard behind a service: used like `contracts.guard.Guard`, and raises the same.

    with RemoteGuard("https://guard.example:8470", key, service) as guard:
        with guard.run(goal="refund an order") as run, run.action("payouts.create", params) as act:
            act.ok(fields=pay(**params))

Nothing is done that could not be decided and recorded: where the service does not answer, nobody
knows whether it recorded the action, and it is not done. What cannot be delivered of outcomes is
held, and handed in before the next decision. Source: docs/reference/service.md.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self, cast

import httpx
import orjson
from pydantic import BaseModel

from contracts.answers import (
    Answer,
    GuardError,
    OutcomeUnrecordedError,
    UngovernedError,
    UnrecordedError,
)
from contracts.channel import Recorded
from contracts.guarded import GuardedRun
from contracts.undoing import TakingBack
from ledger.errors import EncodingError, LedgerError, RecordError
from ledger.keys import fingerprint
from ledger.signing import Signer
from writ.service.signatures import Asked, signed_headers
from writ.service.wire import read_answer, read_recorded

_LOG: Final = logging.getLogger("writ.remote")
_PATIENCE: Final = 30.0
_AWAY: Final = 500
_GUARD_ERRORS: Final[Mapping[str, type[GuardError]]] = {
    one.code: one for one in (UngovernedError, UnrecordedError, OutcomeUnrecordedError)
}
_ENDED: Final = frozenset({"outcome.recorded", "outcome.closed"})
_BUSY: Final = frozenset({"request.rate", "request.busy", "service.busy"})


class RemoteGuard:
    """The guard of one service, somewhere else. Safe to share between threads.

    Args:
        url: Where the service is.
        signer: The key of an identity with the role `agent`.
        service: The service whose contract binds.
        client: Sends requests; by default one of its own, which `close` closes.
        clock: Gives seconds since 1970.
    """

    def __init__(
        self,
        url: str,
        signer: Signer,
        service: str,
        *,
        client: httpx.Client | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._url = httpx.URL(url.rstrip("/"))
        self._signer = signer
        self._key = fingerprint(signer.public_key)
        self._service = service
        self._own = client is None
        self._client = client or httpx.Client(timeout=_PATIENCE)
        self._clock = clock
        self._lock = threading.Lock()
        self._unsettled: list[dict[str, Any]] = []

    @property
    def service(self) -> str:
        """The service whose contract binds."""
        return self._service

    def run(self, **fields: object) -> GuardedRun:
        """Open a run, to be closed when the block ends.

        Raises:
            UnrecordedError: It could not be recorded.
            LedgerError: A field is unknown or of the wrong form.
        """
        return GuardedRun(self, self.record("run", {"service": self._service, **fields}).digest)

    def attach(self, run: str, *, turn: int = 0) -> GuardedRun:
        """Return a run that was opened before, here or in another process, to go on with it."""
        return GuardedRun(self, run, turn)

    # ---------------------------------------------------------------------------- recording

    def record(self, kind: str, fields: Mapping[str, Any]) -> Recorded:
        """Record what happened: `run`, `run.closed`, `message`, `observation` or `outcome`.

        Raises:
            ValueError: Another kind, or an observation without a run.
            UnrecordedError: It could not be; for an outcome `OutcomeUnrecordedError`.
            LedgerError: A field is unknown or of the wrong form, or the ledger refuses it.
        """
        said = {name: value for name, value in fields.items() if value is not None}
        if kind == "run":
            opened = self._post("/v1/runs", said)
            return Recorded(opened["run"], opened["index"], opened["leaf"])
        if kind == "outcome":
            return self._outcome(said)
        if kind not in {"run.closed", "message", "observation"} or "run" not in said:
            raise ValueError(f"{kind!r} is none that is recorded in a run through a service")
        if kind == "run.closed":
            self.settle()
        run = said.pop("run")
        return read_recorded(self._post(f"/v1/runs/{run}/records", {"kind": kind, **said}))

    def _outcome(self, said: dict[str, Any]) -> Recorded:
        try:
            return read_recorded(self._post("/v1/outcomes", said))
        except UnrecordedError as error:
            with self._lock:
                self._unsettled.append(said)
            raise OutcomeUnrecordedError(
                f"the outcome of {said['action'][:12]}… is held until the service takes it: {error}"
            ) from error

    def settle(self) -> int:
        """Hand in what could not be recorded of outcomes. It is done before each decision, too.

        Returns:
            How many still wait: 0 once all are recorded.
        """
        with self._lock:
            self._unsettled = [said for said in self._unsettled if not self._is_settled(said)]
            return len(self._unsettled)

    def _is_settled(self, said: Mapping[str, Any]) -> bool:
        try:
            self._post("/v1/outcomes", said)
        except (GuardError, LedgerError) as error:
            # Where the answer was lost, it was recorded the first time.
            if error.code not in _ENDED:
                _LOG.warning("an outcome is not recorded: %s", error)
                return False
        return True

    # ----------------------------------------------------------------------------- deciding

    def decide(self, tool: str, params: Mapping[str, Any], **fields: object) -> Answer:
        """Say what would be decided about an action now. Nothing is recorded, nothing reserved."""
        said = {"tool": tool, "params": dict(params), **fields}
        return read_answer(self._post("/v1/decisions/preview", said))[0]

    def propose(self, fields: Mapping[str, Any]) -> tuple[Answer, Recorded]:
        """Decide about an action, and record it with the decision.

        Raises:
            UngovernedError: No contract binds the service.
            UnrecordedError: It could not be recorded, or nobody knows. Nothing may be done.
            GuardError: What the action names is not in the ledger, or not this caller's.
            LedgerError: A field is unknown or of the wrong form, or the ledger refuses it.
        """
        if self._unsettled:
            self.settle()
        said = {name: value for name, value in fields.items() if value is not None}
        return read_answer(self._post("/v1/decisions", said))

    # -------------------------------------------------------------------- what was recorded

    def proposal(self, action: str) -> Mapping[str, Any]:
        """Return the fields of an action that was proposed, to propose it once more.

        Raises:
            GuardError: There is no such action (`guard.unknown`).
        """
        return self._ask("GET", f"/v1/actions/{action}")

    def taking_back(self, action: str) -> TakingBack:
        """Return the call that takes an action back.

        Raises:
            GuardError: There is none (`guard.unknown`), or it cannot be taken back
                (`guard.irreversible`).
        """
        found = self._ask("GET", f"/v1/actions/{action}/compensation")
        return TakingBack(found["tool"], found["params"], found["attempts"])

    # ------------------------------------------------------------------------------ asking

    def _post(self, path: str, said: Mapping[str, Any]) -> dict[str, Any]:
        try:
            body = orjson.dumps(said, default=_plain)
        except orjson.JSONEncodeError as error:
            raise EncodingError(f"cannot be sent as JSON: {error}", code="encoding.type") from error
        return self._ask("POST", path, body)

    def _ask(self, method: str, path: str, body: bytes = b"") -> dict[str, Any]:
        url = self._url.join(self._url.path.rstrip("/") + path)
        asked = Asked(method, self._authority(url), url.raw_path.decode(), "", body)
        headers = signed_headers(
            asked, self._signer, self._key, secrets.token_hex(16), int(self._clock())
        )
        headers["content-type"] = "application/json"
        try:
            answer = self._client.request(method, url, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise UnrecordedError(f"{self._url.host} does not answer: {error}") from error
        return self._read(answer)

    @staticmethod
    def _authority(url: httpx.URL) -> str:
        return url.netloc.decode().lower()

    @staticmethod
    def _read(answer: httpx.Response) -> dict[str, Any]:
        try:
            said = cast("dict[str, Any]", orjson.loads(answer.content))
            if answer.is_success:
                return said
            code, what = str(said["code"]), str(said["message"])
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise UnrecordedError(
                f"status {answer.status_code}, and no answer of a guard's service"
            ) from error
        raise _error(answer.status_code, code, what)

    # ---------------------------------------------------------------------------------- end

    def close(self) -> None:
        """Hand in what waits.

        Raises:
            OutcomeUnrecordedError: The service still does not take it.
        """
        waiting = self.settle()
        if self._own:
            self._client.close()
        if waiting:
            raise OutcomeUnrecordedError(f"{waiting} outcomes are not recorded")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
            return
        self.settle()
        if self._own:
            self._client.close()


def _plain(value: object) -> object:
    """Return what JSON writes for a record's part."""
    if isinstance(value, BaseModel):
        return value.model_dump(by_alias=True, exclude_none=True)
    raise TypeError(f"{type(value).__name__} has no JSON")


def _error(status: int, code: str, what: str) -> Exception:
    """Return what a guard in this process would raise."""
    if code in _GUARD_ERRORS:
        return _GUARD_ERRORS[code](what)
    if code in _BUSY or status >= _AWAY:
        return UnrecordedError(f"{code}: {what}")
    if code == "request.malformed":
        return RecordError(what)
    known = _ledger_errors(LedgerError)
    beginning = code.partition(".")[0]
    near = [one for one in known if one.code.partition(".")[0] == beginning]
    exact = [one for one in near if one.code == code]
    return (exact or near)[0](what, code=code) if near else GuardError(what, code)


def _ledger_errors(base: type[LedgerError]) -> list[type[LedgerError]]:
    """Return the errors of the ledger, the most general first."""
    return [base, *(one for each in base.__subclasses__() for one in _ledger_errors(each))]
