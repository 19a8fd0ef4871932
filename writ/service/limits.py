"""What the service takes of one request, and of one caller: all of it in one place."""

from dataclasses import dataclass
from typing import Any, Final, cast

import orjson

from ledger.encoding import MAX_DEPTH, MAX_RECORD
from writ.service.problems import ProblemError


@dataclass(frozen=True, slots=True)
class Limits:
    """What is taken.

    Attributes:
        body: Bytes of a body: those of the largest record, and room for what is around it.
        seconds: How long a body may take to arrive.
        depth: How deep its JSON may be nested.
        a_second: Requests that one identity may make in a second, for long.
        at_once: Requests that it may make at once.
        unnamed: Requests in a second of one address that nobody has signed, for long; twice as
            many at once.
        queue: Requests that wait for one guard.
    """

    body: int = MAX_RECORD + 65_536
    seconds: float = 10.0
    depth: int = MAX_DEPTH
    a_second: float = 200.0
    at_once: int = 400
    unnamed: float = 50.0
    queue: int = 1_024


DEFAULT: Final = Limits()


def check_json(body: bytes, depth: int) -> None:
    """Refuse a body that is no JSON object, or is nested too deep.

    Raises:
        ProblemError: It is (`request.body`, `request.depth`).
    """
    try:
        value: object = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ProblemError(400, "request.body", f"the body is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise ProblemError(400, "request.body", "the body is a JSON object, and this is none")
    level: list[Any] = [cast("object", value)]
    for _ in range(depth):
        level = [inner for one in level for inner in _inside(one)]
        if not level:
            return
    raise ProblemError(400, "request.depth", f"the body is nested deeper than {depth}")


def _inside(value: object) -> list[object]:
    """Return the containers directly in a container."""
    if isinstance(value, dict):
        members: list[object] = list(cast("dict[str, object]", value).values())
    else:
        members = cast("list[object]", value)
    return [one for one in members if isinstance(one, dict | list)]
