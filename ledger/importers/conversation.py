"""One line to one conversation: turns, calls and results, each with its place, nothing dropped.

This knows the Chat Completions format and its older and looser relatives. It knows neither the
profile nor records: `ledger.importers.narration` makes those.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from ledger.importers.paths import ABSENT, json_list, json_object
from ledger.importers.problems import Reporter
from ledger.importers.source import Line
from ledger.importers.texts import (
    Content,
    RepeatedKeyError,
    content_of,
    holdable,
    raw,
    read_json,
    read_loosely,
)

UNNAMED = "unnamed"  # a tool whose name cannot be read: no contract knows it

Role: TypeAlias = Literal["user", "assistant", "system"]
_ROLES: Mapping[str, Role] = {
    "user": "user",
    "assistant": "assistant",
    "system": "system",
    "developer": "system",
}
_RESULTS = frozenset({"tool", "function"})


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call.

    Attributes:
        tool: Name of the tool.
        params: Its arguments, or `{"raw": base64}` of their text.
        call_id: The source's id, where it has one.
        turn: Position of the message that made it.
    """

    tool: str
    params: Mapping[str, object]
    call_id: str | None
    turn: int


@dataclass(frozen=True, slots=True)
class Turn:
    """A message that is not a tool's result.

    Attributes:
        position: Place in the list of messages, from 0.
        role: Who speaks.
        content: The text, where there is one.
        name: The speaker's name, where the source has one.
        calls: What it calls: places in `Conversation.calls`.
        foreign: Calls that somebody other than the assistant makes: not the service's.
        message: The message as the source has it.
    """

    position: int
    role: Role
    content: str | None
    name: str | None
    calls: Sequence[int]
    foreign: Sequence[Call]
    message: object


@dataclass(frozen=True, slots=True)
class Result:
    """A tool's result.

    Attributes:
        position: Place in the list of messages, from 0.
        text: What the tool gave.
        call: The call that it answers, a place in `Conversation.calls`; None where there is none.
        call_id: The id that it names.
        tool: The tool that it names.
        message: The message as the source has it.
    """

    position: int
    text: str | None
    call: int | None
    call_id: str | None
    tool: str | None
    message: object


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation, in the source's order."""

    line: object
    items: Sequence[Turn | Result]
    calls: Sequence[Call]


def read_conversation(line: Line, report: Reporter) -> Conversation | None:
    """Read one line; None, with the reason reported, where it is no conversation."""
    value = _value(line, report)
    if value is ABSENT:
        return None
    messages = json_list(value)
    if messages is not None and not (messages and all(json_object(one) for one in messages)):
        messages = None
    if (members := json_object(value)) is not None:
        messages = json_list(members.get("messages"))
    if messages is None:
        report(
            "not-a-conversation",
            "neither an object with a list `messages` nor a list of messages",
            "nothing",
        )
        return None
    if not messages:
        report("no-messages", "the conversation has no messages", "the run")
    reading = _Reading(report)
    for position, message in enumerate(messages):
        reading.take(position, message)
    reading.finish()
    return Conversation(value, reading.items, reading.calls)


def _value(line: Line, report: Reporter) -> object:
    """Read the JSON of a line; `ABSENT` where there is none."""
    torn = ": the file ends within it" if line.torn else ""
    try:
        text = line.raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        report("not-utf8", f"byte {error.start + 1} of the line is not UTF-8{torn}", "nothing")
        return ABSENT
    try:
        return read_json(text)
    except RepeatedKeyError as error:
        report("repeated-key", str(error), "the last of its values")
    except ValueError:
        pass  # what many write is wider than JSON; whether it is none at all is seen next
    try:
        return read_loosely(text)
    except ValueError as error:
        report("not-json", f"not JSON ({error}){torn}", "nothing")
        return ABSENT


class _Reading:
    """Reads messages one after the other, and pairs results with calls."""

    def __init__(self, report: Reporter) -> None:
        self.items: list[Turn | Result] = []
        self.calls: list[Call] = []
        self._open: dict[int, None] = {}  # calls without a result yet, oldest first
        self._report = report

    def take(self, position: int, message: object) -> None:
        """Take the message at ``position``."""
        members = json_object(message)
        if members is None:
            found = type(message).__name__
            kept = "its JSON as a system message"
            self._report("bad-message", f"message {position} is no object ({found})", kept)
            text = content_of(message).text
            self.items.append(Turn(position, "system", text, "unknown", (), (), message))
        elif members.get("role") in _RESULTS:
            self._result(position, members)
        else:
            self._turn(position, members)

    def finish(self) -> None:
        """Report what only the whole conversation shows."""
        for at in self._open:
            call = self.calls[at]
            message = (
                f"call {call.call_id or ''} of {call.tool} (message {call.turn}) has no result"
            )
            self._report("call-without-result", message, "the action, without an outcome")
        counted = Counter(call.call_id for call in self.calls if call.call_id is not None)
        repeated = [name for name, times in counted.items() if times > 1]
        if repeated:
            message = f"call ids used more than once: {', '.join(repeated[:5])}"
            self._report("repeated-call-id", message, "all; paired in order of occurrence")

    def _turn(self, position: int, members: Mapping[str, object]) -> None:
        given = members.get("role")
        role = _ROLES.get(given) if isinstance(given, str) else None
        name = _text(members.get("name"))
        if role is None:
            role, name = "system", given if isinstance(given, str) else "unknown"
            message = f"message {position} has the unknown role {given!r}"
            self._report("unknown-role", message, f"as a system message named {name!r}")
        calls = list(self._calls(position, members))
        mine = calls if role == "assistant" else []
        if calls and not mine:
            message = f"message {position} of {given!r} calls {len(calls)} tools: not the service's"
            self._report("foreign-call", message, "an observation for each")
        first = len(self.calls)
        self.calls += mine
        places = range(first, len(self.calls))
        self._open |= dict.fromkeys(places)
        content = self._content(position, members)
        foreign = () if mine else calls
        self.items.append(Turn(position, role, content, name, places, foreign, members))

    def _content(self, position: int, members: Mapping[str, object]) -> str | None:
        content = content_of(members.get("content"))
        if content.text is None and isinstance(members.get("refusal"), str):
            content = replace(content, text=_text(members["refusal"]))
        self._parts(position, content)
        return content.text

    def _parts(self, position: int, content: Content) -> None:
        if content.left:
            message = f"message {position} has parts that are not text: {', '.join(content.left)}"
            self._report("part-not-text", message, "its text")

    def _calls(self, position: int, members: Mapping[str, object]) -> Iterator[Call]:
        given = members.get("tool_calls")
        listed = json_list(given)
        if listed is None:
            listed = () if given is None else (given,)
        for entry in listed:
            yield self._call(position, entry)
        if members.get("function_call") is not None:
            yield self._call(position, {"function": members["function_call"]})

    def _call(self, position: int, entry: object) -> Call:
        outer = json_object(entry) or {}
        inner = json_object(outer.get("function")) or json_object(outer.get("custom")) or {}
        tool = _text(inner.get("name"))
        if not tool:
            self._report(
                "bad-call",
                f"message {position} has a call that names no function",
                f"an action of the tool {UNNAMED!r}, the call as raw parameters",
            )
            text = json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
            return Call(UNNAMED, raw(text), _text(outer.get("id")), position)
        given = inner.get("arguments", inner.get("input"))
        params = self._params(position, tool, given)
        return Call(tool, params, _text(outer.get("id")), position)

    def _params(self, position: int, tool: str, given: object) -> Mapping[str, object]:
        text = content_of(given).text or ""
        try:
            value = read_json(text)
        except ValueError as error:
            why = f"not JSON ({error})"
        else:
            params = json_object(value)
            if params is not None and holdable(params):
                return params
            why = "more than strict JSON can hold" if params is not None else "not an object"
        message = f"the arguments of {tool} (message {position}) are {why}"
        self._report("raw-arguments", message, "their text, as raw parameters")
        return raw(text)

    def _result(self, position: int, members: Mapping[str, object]) -> None:
        content = content_of(members.get("content"))
        self._parts(position, content)
        call_id = _text(members.get("tool_call_id"))
        tool = _text(members.get("name"))
        call = self._answered(position, call_id, tool, legacy=members["role"] == "function")
        if call is not None:
            del self._open[call]
        self.items.append(Result(position, content.text, call, call_id, tool, members))

    def _answered(
        self, position: int, call_id: str | None, tool: str | None, *, legacy: bool
    ) -> int | None:
        """Find the call that a result answers: of its latest turn, the first still open."""
        if call_id is None and not legacy:
            message = f"the result in message {position} names no call"
            self._report("result-without-id", message, "as the result of the first open call")
        wanted = [at for at in self._open if _answers(self.calls[at], call_id, tool)]
        if not wanted:
            message = f"the result in message {position} answers no call ({call_id or tool})"
            self._report("result-without-call", message, "an observation of kind unmatched-result")
            return None
        latest = self.calls[wanted[-1]].turn
        found = next(at for at in wanted if self.calls[at].turn == latest)
        if tool not in {None, self.calls[found].tool}:
            called = self.calls[found].tool
            message = f"the result in message {position} is of {tool}, its call of {called}"
            self._report("tool-differs", message, "as the result of that call")
        return found


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _answers(call: Call, call_id: str | None, tool: str | None) -> bool:
    """Whether a result could be this call's: by its id, or, where it names none, by the tool."""
    if call_id is not None:
        return call.call_id == call_id
    return tool in {None, call.tool}
