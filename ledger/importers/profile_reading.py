"""YAML to profile, every error with its file, line and column.

The text is composed to nodes, which know their place, and the nodes are turned into plain data by
hand: nothing is constructed that a profile has no use for, and a repeated key is seen.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ledger.importers.problems import ImporterError
from ledger.importers.profile import Profile, known_keys

MAX_PROFILE = 65_536  # characters
MAX_DEPTH = 64  # open brackets: the parser's time grows with their square

Place: TypeAlias = tuple[int, int]  # line and column, from 1
Keys: TypeAlias = tuple[str | int, ...]

_CODES = {
    "extra_forbidden": "unknown-key",
    "missing": "missing-key",
    "bad-path": "bad-path",
    "bad-pattern": "bad-pattern",
    "model_type": "not-a-mapping",
    "mapping_type": "not-a-mapping",
    "dict_type": "not-a-mapping",
}

_EXPECTED = {
    "service": "expected a SPIFFE id, as spiffe://example.org/desk",
    "currency": "expected the code of a currency, as EUR",
}


@dataclass(frozen=True, slots=True)
class ProfileProblem:
    """One error in a profile.

    Attributes:
        code: Stable name, `profile.what`.
        file: Name of the profile's file.
        line: From 1.
        column: From 1.
        message: What is wrong, and what to do.
    """

    code: str
    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.code}: {self.message}"


class ProfileError(ImporterError):
    """The text is not a profile.

    Attributes:
        problems: All that is wrong with it, in the order of the text.
    """

    code = "profile.refused"

    def __init__(self, problems: tuple[ProfileProblem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)), code=problems[0].code)
        self.problems = problems


def load_profile(path: Path) -> Profile:
    """Read a profile from a file.

    Raises:
        ProfileError: It is not one; every error is named with its place.
        OSError: The file cannot be read.
    """
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        problem = ProfileProblem(
            "profile.syntax", str(path), 1, 1, f"not UTF-8 (byte {error.start}): save it as UTF-8"
        )
        raise ProfileError((problem,)) from error
    return parse_profile(text, str(path))


def parse_profile(text: str, name: str = "<profile>") -> Profile:
    r"""Read a profile.

    Args:
        text: The YAML.
        name: What the file is called in errors.

    Raises:
        ProfileError: It is not one; every error is named with its place.

    >>> parse_profile("profile: desk\nservice: spiffe://example.org/desk\n").profile
    'desk'
    """
    reading = _Reading(name)
    data = reading.document(text)
    if data is None:
        reading.stop_if_wrong()
    try:
        profile = Profile.model_validate(data)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            reading.refuse(detail["type"], detail["loc"], detail["msg"])
        reading.stop_if_wrong()
        raise
    else:
        reading.stop_if_wrong()
        return profile


class _Reading:
    """Reads one text: plain data, and the place of everything in it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._places: dict[Keys, Place] = {(): (1, 1)}
        self._problems: list[ProfileProblem] = []
        self._anchored: set[int] = set()

    def document(self, text: str) -> object:
        """Turn the text into plain data; what is wrong with it is remembered."""
        if len(text) > MAX_PROFILE:
            self._add(
                "too-large", (1, 1), f"longer than {MAX_PROFILE} characters: a profile is short"
            )
            return None
        if _depth(text) > MAX_DEPTH:
            self._add("syntax", (1, 1), f"brackets are open more than {MAX_DEPTH} deep")
            return None
        try:
            node: Any = YAML(pure=True).compose(text)
            if not isinstance(node, MappingNode):
                message = "expected a mapping that begins with `profile:` and `service:`"
                self._add("not-a-mapping", _place(node), message)
                return None
            return self._plain(node, ())
        except MarkedYAMLError as error:
            self._add("syntax", _marked(error), f"not YAML: {error.problem or error.context}")
        except (YAMLError, RecursionError, ValueError) as error:
            # Characters that YAML has no place for, or a nesting that no profile has.
            self._add("syntax", (1, 1), f"not YAML: {str(error).splitlines()[0]}")
        return None

    def stop_if_wrong(self) -> None:
        """Raise if anything was wrong, with all of it in the order of the text."""
        if self._problems:
            once = dict.fromkeys(self._problems)
            raise ProfileError(tuple(sorted(once, key=lambda p: (p.line, p.column))))

    def refuse(self, kind: str, loc: Keys, message: str) -> None:
        """Take an error that the model found at ``loc``."""
        known = loc
        while known not in self._places:
            # A key that is missing, or a step that stands in the model and not in the text.
            known = known[:-1]
        if kind == "missing":
            message = f"`{loc[-1]}` is missing: it must be there"
        elif kind == "extra_forbidden":
            message = f"unknown key `{loc[-1]}`: {_suggestion(str(loc[-1]))}"
        else:
            if kind == "string_pattern_mismatch":
                message = _EXPECTED.get(str(loc[-1]), message)
            message = f"`{'.'.join(map(str, loc))}`: {message}"
        self._add(_CODES.get(kind, "bad-value"), self._places[known], message)

    def _add(self, code: str, place: Place, message: str) -> None:
        self._problems.append(ProfileProblem(f"profile.{code}", self._name, *place, message))

    def _plain(self, node: Node, keys: Keys) -> object:
        self._places.setdefault(keys, _place(node))
        if node.anchor is not None:
            self._add("alias", _place(node), "anchors and aliases are refused: write it out")
            if id(node) in self._anchored:
                # Followed again and again, aliases of aliases grow without bound.
                return None
            self._anchored.add(id(node))
        if isinstance(node, MappingNode):
            return {
                key: self._plain(value, (*keys, key)) for key, value in self._members(node, keys)
            }
        if isinstance(node, SequenceNode):
            return [self._plain(item, (*keys, at)) for at, item in enumerate(_items(node))]
        return self._scalar(node)

    def _members(self, node: MappingNode, keys: Keys) -> Iterator[tuple[str, Node]]:
        """Yield the members of a mapping; a key that stands there already is refused."""
        seen = set[str]()
        for key, value in _items(node):
            if not isinstance(key, ScalarNode):
                self._add("bad-value", _place(key), "a key must be text")
                continue
            name = _text(key)
            if name in seen:
                self._add("duplicate-key", _place(key), f"`{name}` stands here twice: remove one")
            seen.add(name)
            self._places[(*keys, name)] = _place(key)
            yield name, value

    def _scalar(self, node: Any) -> object:  # noqa: ANN401 - the parser's, untyped
        text = _text(node)
        match str(node.tag).rpartition(":")[2]:
            case "str" | "timestamp":
                return text
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int":
                digits = text.replace("_", "")
                # 017 is seventeen in YAML 1.2, and no number at all to Python's base 0.
                return int(digits, 0 if digits.lstrip("+-")[1:2].isalpha() else 10)
            case "float" if text.lstrip("+-").lower() not in {".inf", ".nan"}:
                return float(text.replace("_", ""))
            case _:
                self._add("bad-value", _place(node), f"a profile has no use for `{text[:40]}`")
                return None


def _suggestion(key: str) -> str:
    near = get_close_matches(key, known_keys(), n=1)
    return f"did you mean `{near[0]}`?" if near else "see docs/spec/import-profile.md"


def _depth(text: str) -> int:
    """Return how many brackets are open at once, those in quotes included."""
    depth = deepest = 0
    for bracket in re.findall(r"[\[{\]}]", text):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _text(node: Any) -> str:  # noqa: ANN401 - the parser's, untyped
    return str(node.value)


def _items(node: Any) -> Any:  # noqa: ANN401 - the parser's, untyped
    return node.value


def _place(node: Any) -> Place:  # noqa: ANN401 - the parser's, untyped
    if node is None:
        return (1, 1)
    return (node.start_mark.line + 1, node.start_mark.column + 1)


def _marked(error: Any) -> Place:  # noqa: ANN401 - the parser's, untyped
    mark = error.problem_mark or error.context_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)
