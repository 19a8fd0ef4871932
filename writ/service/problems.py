"""What the service says when it does not do what it was asked: status, code, what, and what to do.

A code is stable, and the same that the guard, the ledger and the command line use.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from contracts.answers import GuardError
from contracts.errors import ContractsError
from ledger.errors import LedgerError
from writ.errors import CommandError
from writ.service.sequencer import BusyError
from writ.service.signatures import SignatureRefusedError

_AGAIN: Final = "The ledger is away or busy: ask again later."

# By the longest beginning of a code.
_STATUSES: Final[Mapping[str, int]] = {
    "guard.": 409,
    "guard.reference": 422,
    "guard.unknown": 404,
    "guard.ledger-away": 503,
    "guard.outcome-unrecorded": 503,
    "append.": 422,
    "append.stale": 409,
    "append.foreign": 409,
    "append.numbering": 409,
    "append.number-reused": 409,
    "append.not-entitled": 403,
    "append.signature": 403,
    "append.clock": 503,
    "authority.": 403,
    "authority.malformed": 422,
    "store.": 503,
    "head.": 503,
    "queue.": 503,
}


class ProblemError(Exception):
    """A request that is answered with an error.

    Attributes:
        status: Of HTTP.
        code: Stable name.
        do: What the caller can do about it; may be empty.
        headers: Further headers of the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        what: str,
        do: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(what)
        self.status = status
        self.code = code
        self.do = do
        self.headers = dict(headers or {})

    @property
    def body(self) -> dict[str, str]:
        """What is answered."""
        return {"code": self.code, "message": str(self), "do": self.do}


def status_of(code: str) -> int:
    """Return the status that a code is answered with.

    Example:
        >>> status_of("append.stale"), status_of("record.malformed"), status_of("guard.no-contract")
        (409, 422, 409)
    """
    fitting = [begins for begins in _STATUSES if code.startswith(begins)]
    return _STATUSES[max(fitting, key=len)] if fitting else int(HTTPStatus.UNPROCESSABLE_ENTITY)


def busy(code: str, what: str, seconds: float = 1.0, status: int = 503) -> ProblemError:
    """Return the problem of somebody who has to come again."""
    after = str(max(1, round(seconds + 0.5)))
    return ProblemError(status, code, what, "Ask again later.", {"Retry-After": after})


def problem_of(error: Exception) -> ProblemError | None:
    """Return an error as an answer; None where it is a defect."""
    match error:
        case ProblemError():
            return error
        case BusyError():
            return busy("service.busy", str(error))
        case SignatureRefusedError():
            return _unsigned(error)
        case GuardError() | LedgerError() | CommandError():
            return _coded(error.code, str(error))
        case ContractsError():
            return ProblemError(422, "contract.invalid", str(error))
        case _:
            return None


def _coded(code: str, what: str) -> ProblemError:
    status = status_of(code)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return ProblemError(status, code, what, _AGAIN, {"Retry-After": "1"})
    return ProblemError(status, code, what)


def _unsigned(error: SignatureRefusedError) -> ProblemError:
    if error.code == "request.busy":
        return busy(error.code, str(error))
    return ProblemError(
        401,
        error.code,
        str(error),
        "Sign the request with a key that the ledger's authority names.",
        {"WWW-Authenticate": "Signature"},
    )


_SAID: Final[Mapping[int, tuple[str, str]]] = {
    400: ("request.body", "The body is no JSON object, or is nested too deep."),
    401: ("request.signature", "Nobody signed the request whom the ledger's authority names."),
    403: ("request.role", "The caller may not do this."),
    404: ("guard.unknown", "There is none."),
    405: ("request.method", "Not with this method."),
    408: ("request.slow", "The body took too long to arrive."),
    409: ("guard.no-contract", "The ledger's state stands against it."),
    413: ("request.too-large", "The body is too large."),
    422: ("record.malformed", "A field is missing, unknown or of the wrong form."),
    429: ("request.rate", "Too many requests: Retry-After says when."),
    503: ("guard.ledger-away", "The ledger cannot be reached, or too much waits."),
}
_ALWAYS: Final = (400, 401, 403, 408, 413, 422, 429, 503)


def answers(*more: int, always: tuple[int, ...] = _ALWAYS) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of the errors of an endpoint, with an example of each."""
    return {
        status: {
            "description": _SAID[status][1],
            "content": {
                "application/json": {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": {"code": _SAID[status][0], "message": _SAID[status][1], "do": ""},
                }
            },
        }
        for status in sorted({*more, *always})
    }
