"""Text to plain values with the place of each: the part of YAML that a contract may use.

A contract is signed by its text, so what a person reads must be all there is. Anchors, aliases,
merge keys and tags make one place of a file change the meaning of another; they are refused, and
with them every bomb that is built of them. Duplicate keys are refused because readers disagree on
which of them counts. Plain scalars mean what YAML 1.2's core schema says (`on` and `yes` are
texts).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any, Final, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from contracts.errors import ContractError, ContractErrors
from contracts.model import Position

MAX_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 64
# The integers that strict JSON and every reader of doubles agree on (docs/spec/ledger-format.md).
MAX_INTEGER: Final = (1 << 53) - 1

Path = tuple[str | int, ...]

_INTEGER: Final = re.compile(r"[-+]?[0-9]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_A_NUMBER: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS: Final[Mapping[str, object]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_LINE_END: Final = re.compile("\r\n|\r|\n")
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Source:
    """A contract's text and where each of its values stands in it.

    Attributes:
        file: The name under which errors are reported.
        text: The whole text.
        values: Place of the value at a path of keys and list positions.
        keys: Place of the key that leads to the value at a path.
        others: Texts of shared policies by the names that places in them carry.
    """

    file: str
    text: str
    values: Mapping[Path, Position] = field(default_factory=dict[Path, Position])
    keys: Mapping[Path, Position] = field(default_factory=dict[Path, Position])
    others: Mapping[str, str] = field(default_factory=dict[str, str])

    def at(self, *path: str | int) -> Position:
        """Where the value at the path begins, or the nearest value around it."""
        for length in range(len(path), -1, -1):
            if (place := self.values.get(path[:length])) is not None:
                return place
        return Position(1, 1)

    def key_at(self, *path: str | int) -> Position:
        """Where the key of the value at the path stands; for a list's item, the item."""
        return self.keys.get(path) or self.at(*path)

    def within(self, place: Position, value: str, offset: int) -> Position:
        """Where a character of a text value stands.

        Where quoting or folding hides it, the value's beginning.
        """
        lines = lines_of(self.others.get(place.file, self.text))
        first = lines[place.line - 1][place.column - 1 :]
        for quote in (0, 1):
            if first[quote:].startswith(value):
                return replace(place, column=place.column + quote + offset)
        return self._within_block(lines, place, value, offset) if first[:1] == "|" else place

    @staticmethod
    def _within_block(lines: list[str], place: Position, value: str, offset: int) -> Position:
        before = value[:offset].split("\n")
        number = place.line + len(before) - 1
        indent = len(lines[place.line]) - len(lines[place.line].lstrip(" "))
        return Position(number + 1, indent + len(before[-1]) + 1, place.file)

    def error(
        self, code: str, message: str, place: Position | None = None, hint: str = ""
    ) -> ContractError:
        """Make an error of this file at a place."""
        line, column = (place.line, place.column) if place else (1, 1)
        file = place.file if place and place.file else self.file
        return ContractError(code, message, file, line, column, hint)


def read_markup(text: str | bytes, file: str) -> tuple[Any, Source, list[ContractError]]:
    """Parse a text into plain dicts, lists, texts, numbers and truth values.

    Returns:
        The value, the places, and the duplicate keys found (of which the first was taken).

    Raises:
        ContractErrors: The text is not the YAML that a contract may use.
    """
    characters = _characters(text, file)
    builder = _Builder(Source(file, characters))
    value = builder.build(_events(characters, file))
    if builder.fatal:
        raise ContractErrors([*builder.fatal, *builder.duplicates])
    return value, Source(file, characters, builder.values, builder.keys), builder.duplicates


def _characters(text: str | bytes, file: str) -> str:
    raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    if len(raw) > MAX_BYTES:
        problem = f"the text is {len(raw)} bytes long; a contract has at most {MAX_BYTES}"
        raise ContractErrors([ContractError("text.size", problem, file, 1, 1)])
    try:
        characters = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8")
        problem = f"byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise ContractErrors([_at_offset("text.encoding", problem, file, before)]) from None
    if found := _FORBIDDEN.search(characters):
        problem = f"the character U+{ord(found[0]):04X} is not allowed in a contract; remove it"
        raise ContractErrors(
            [_at_offset("text.character", problem, file, characters[: found.start()])]
        )
    return characters


def _at_offset(code: str, message: str, file: str, before: str) -> ContractError:
    lines = lines_of(before)
    return ContractError(code, message, file, len(lines), len(lines[-1]) + 1)


def lines_of(text: str) -> list[str]:
    """The lines of a text as YAML 1.2 counts them; a text that ends a line begins another."""
    return _LINE_END.split(text)


def _events(text: str, file: str) -> Iterator[Event]:
    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except MarkedYAMLError as error:
        raise ContractErrors([_marked(error, file)]) from None
    except (YAMLError, ValueError, LookupError, AssertionError, AttributeError, TypeError) as error:
        # The parser's own slips on malformed input (an escape beyond Unicode, say) come as these.
        raise ContractErrors([_syntax(str(error).splitlines()[0], file, 1, 1)]) from None


def _marked(error: Any, file: str) -> ContractError:  # noqa: ANN401 - the parser is not typed
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    said = " ".join(part for part in (error.context, error.problem) if part)
    return _syntax(said, file, line, column)


def _syntax(said: str, file: str, line: int, column: int) -> ContractError:
    message = f"this is not YAML: {said}; check indentation, quotes and brackets here"
    return ContractError("yaml.syntax", message, file, line, column)


# An escape in quotes can name half of a pair, which no text in UTF-8 has.
_SURROGATE = re.compile("[\ud800-\udfff]")


class _Builder:
    """Builds the value from parse events, noting each place on the way."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.values: dict[Path, Position] = {}
        self.keys: dict[Path, Position] = {}
        self.fatal: list[ContractError] = []
        self.duplicates: list[ContractError] = []
        self._documents = 0

    def build(self, events: Iterator[Event]) -> object:
        value: object = None
        for event in events:
            if isinstance(event, DocumentStartEvent):
                self._documents += 1
                self._no_directives(event)
                if self._documents > 1:
                    self._refuse(
                        event, "yaml.documents", "a second document; one file, one contract"
                    )
            elif isinstance(event, NodeEvent):
                node = self._node(event, events, ())
                value = node if self._documents == 1 else value
        return value

    def _no_directives(self, event: Any) -> None:  # noqa: ANN401 - the parser is not typed
        if event.version or event.tags:
            self._refuse(event, "yaml.directive", "a directive; remove the lines before `---`")

    def _refuse(self, event: Event, code: str, message: str) -> None:
        self.fatal.append(self.source.error(code, message, _place(event)))

    def _node(self, event: Event, events: Iterator[Event], path: Path) -> object:
        self.values.setdefault(path, _place(event))
        self._plain_only(event)
        if isinstance(event, ScalarEvent):
            return self._scalar(event)
        if len(path) >= MAX_DEPTH and not isinstance(event, AliasEvent):
            deep = self.source.error(
                "yaml.depth", f"nested deeper than {MAX_DEPTH} levels", _place(event)
            )
            raise ContractErrors([*self.fatal, deep])
        if isinstance(event, MappingStartEvent):
            return self._mapping(events, path)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(events, path)
        return None

    def _plain_only(self, event: Event) -> None:
        if isinstance(event, AliasEvent):
            self._refuse(
                event, "yaml.alias", "an alias; write the value out, or name it in `values`"
            )
        elif getattr(event, "anchor", None):
            self._refuse(
                event, "yaml.anchor", "an anchor; remove it, and write the value where it is used"
            )
        if getattr(event, "tag", None):
            self._refuse(event, "yaml.tag", "a tag; remove it, and quote what is meant as text")
        if isinstance(event, ScalarEvent) and _SURROGATE.search(_text(event)):
            self._refuse(event, "yaml.character", "half a character; write the whole of it")

    def _sequence(self, events: Iterator[Event], path: Path) -> list[object]:
        items: list[object] = []
        while not isinstance(event := next(events), SequenceEndEvent):
            items.append(self._node(event, events, (*path, len(items))))
        return items

    def _mapping(self, events: Iterator[Event], path: Path) -> dict[str, object]:
        members: dict[str, object] = {}
        while not isinstance(event := next(events), MappingEndEvent):
            key = self._key(event)
            value_event = next(events)
            if key in members:
                first = self.keys[*path, key]
                self.duplicates.append(
                    self.source.error(
                        "yaml.duplicate",
                        f"`{key}` was already given in line {first.line}; remove or rename one",
                        _place(event),
                    )
                )
                self._node(value_event, events, (*path, key))
                continue
            self.keys[*path, key] = _place(event)
            members[key] = self._node(value_event, events, (*path, key))
        return members

    def _key(self, event: Event) -> str:
        self._plain_only(event)
        if isinstance(event, ScalarEvent):
            return _text(event)
        # What such a key holds would have to be read past; nothing after it is worth reporting.
        self._refuse(
            event, "yaml.key", "a key that is no text; write a plain word before the colon"
        )
        raise ContractErrors(self.fatal)

    def _scalar(self, event: ScalarEvent) -> object:
        text = _text(event)
        if event.style or event.tag:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _NOT_A_NUMBER.fullmatch(text):
            self._refuse(event, "yaml.number", f"{text} is no number; quote it if it is a text")
        if _INTEGER.fullmatch(text):
            return self._integer(event, text)
        if _FLOAT.fullmatch(text):
            return self._double(event, float(text))
        return text

    def _double(self, event: ScalarEvent, value: float) -> float:
        if not isfinite(value):
            self._refuse(event, "yaml.number", "a number too large; quote it if it is a text")
        return value

    def _integer(self, event: Event, text: str) -> int:
        # The length first: a text of a million digits is not worth converting.
        if len(text) > len(str(MAX_INTEGER)) + 1 or abs(int(text)) > MAX_INTEGER:
            self._refuse(
                event, "yaml.number", f"an integer beyond ±{MAX_INTEGER}; quote it as text"
            )
            return 0
        return int(text)


def _text(event: ScalarEvent) -> str:
    return str(cast("Any", event).value)


def _place(event: Event) -> Position:
    mark = cast("Any", event).start_mark
    return Position(mark.line + 1, mark.column + 1)
