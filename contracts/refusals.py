"""What the models of a document refuse, as errors with file, line, column and what to do.

Shared by everything that is read from YAML: contracts, and the scenarios beside them.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from contracts.errors import ContractError, did_you_mean
from contracts.markup import Path, Source
from contracts.model import Position

# Characters of a wrong value that an error quotes.
SHOWN: Final = 60
NEEDED: Final = {
    "string_type": "a text is needed here",
    "int_type": "a whole number is needed here",
    "int_from_float": "a whole number is needed here",
    "float_type": "a number is needed here",
    "bool_type": "true or false is needed here",
    "tuple_type": "a list is needed here",
    "dict_type": "keys with values are needed here",
    "model_type": "keys with values are needed here",
    "scalar": "a text, a number, true or false is needed here",
    "string_too_short": "a text is needed here, not an empty one",
    "too_short": "at least one item is needed here",
    "condition_empty": "an expression is needed here, not an empty text",
}


@dataclass(frozen=True, slots=True)
class Form:
    """What a document, or a part of one, must look like.

    Attributes:
        model: The model of the whole.
        name: What an error calls such a whole, with its article.
        this: What it calls this very one.
        patterns: For a pattern what it asks for, in words.
        path: Where the part stands in its file; empty for a whole document.
    """

    model: type[BaseModel]
    name: str
    this: str
    patterns: Mapping[str, str]
    path: Path = ()


def nulls(value: object, path: Path = ()) -> Iterator[Path]:
    """Paths of nulls; in a tool's parameter schema they are meant, anywhere else forgotten."""
    if value is None:
        yield path
    elif isinstance(value, dict) and not (path[:1] == ("tools",) and path[2:] == ("params",)):
        for key, member in cast("dict[str, object]", value).items():
            yield from nulls(member, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(cast("list[object]", value)):
            yield from nulls(item, (*path, number))


def no_value(source: Source, path: Path) -> ContractError:
    """Return the error of a key without a value."""
    subject = f"`{path[-1]}` has no value" if isinstance(path[-1], str) else "an empty item"
    return source.error("value.empty", f"{subject}; give one, or remove it", source.key_at(*path))


@dataclass(frozen=True, slots=True)
class Refusing:
    """Says what is wrong with a document.

    Attributes:
        source: The text with its places.
        document: What was validated: plain data.
        form: What it was validated against.
    """

    source: Source
    document: object
    form: Form

    def errors(
        self, found: Sequence[ErrorDetails], nothing: Collection[Path] = ()
    ) -> Iterator[ContractError]:
        """Return the model's errors with their places, but for nulls: these are said already."""
        paths = {detail["loc"] for detail in found}
        for detail in found:
            loc = tuple(detail["loc"])
            inner = any(len(path) > len(loc) and path[: len(loc)] == loc for path in paths)
            # A list whose every item is wrong is not also too short.
            if loc in nothing or (detail["type"] == "too_short" and inner):
                continue
            yield self._error(loc, detail)

    def _error(self, loc: Path, detail: ErrorDetails) -> ContractError:
        kind = detail["type"]
        if kind == "missing":
            return self._missing(loc)
        if kind == "extra_forbidden":
            return self._unknown_key(loc)
        if loc and loc[-1] == "[key]":
            message = f"`{loc[-2]}` must be {self._form(detail)}"
            return self.source.error("key.form", message, self._key_at(*loc[:-1]))
        if kind == "literal_error":
            return self._wrong_word(loc, detail)
        if kind == "string_pattern_mismatch":
            message = f"{_shown(detail['input'])} is not {self._form(detail)}"
            return self.source.error("value.form", message, self._at(*loc))
        return self._wrong_type(loc, detail)

    def _at(self, *loc: str | int) -> Position:
        return self.source.at(*self.form.path, *loc)

    def _key_at(self, *loc: str | int) -> Position:
        return self.source.key_at(*self.form.path, *loc)

    def _form(self, detail: ErrorDetails) -> str:
        pattern = detail.get("ctx", {}).get("pattern", "")
        return self.form.patterns.get(pattern, "a text that is not empty")

    def _missing(self, loc: Path) -> ContractError:
        key, parent = loc[-1], loc[:-1]
        where = f"in `{_dotted(parent)}`" if parent else f"in {self.form.this}"
        present: list[str] = list(_member(self.document, parent))
        return self.source.error(
            "key.missing",
            f"`{key}` is missing {where}; add it",
            self._key_at(*parent),
            did_you_mean(str(key), present).replace("did you mean", "is it misspelt as"),
        )

    def _unknown_key(self, loc: Path) -> ContractError:
        known = _keys_of(self.form.model, loc[:-1])
        where = f"in `{_dotted(loc[:-1])}`" if loc[:-1] else f"in {self.form.name}"
        hint = did_you_mean(str(loc[-1]), known) or f"known here: {', '.join(known)}"
        return self.source.error(
            "key.unknown",
            f"`{loc[-1]}` is not known {where}; correct or remove it",
            self._key_at(*loc),
            hint,
        )

    def _wrong_word(self, loc: Path, detail: ErrorDetails) -> ContractError:
        expected = str(detail.get("ctx", {}).get("expected", "")).replace("'", "`")
        words = [word for word in expected.split("`") if word.strip() not in {"", ",", "or"}]
        given = detail["input"]
        said = expected.replace("True", "`true`")
        message = f"{_shown(given)} cannot stand here; write {said}"
        hint = did_you_mean(given, words) if isinstance(given, str) else ""
        return self.source.error("value.word", message, self._at(*loc), hint)

    def _wrong_type(self, loc: Path, detail: ErrorDetails) -> ContractError:
        given, kind = detail["input"], detail["type"]
        needed = NEEDED.get(kind) or f"{detail['msg'][:1].lower()}{detail['msg'][1:]}"
        number = isinstance(given, bool | int | float)
        hint = "put it in quotes" if kind == "string_type" and number else ""
        subject = f"`{_dotted(loc)}`" if loc else self.form.this
        message = f"{subject} is {_shown(given)}: {needed}"
        return self.source.error("value.type", message, self._at(*loc), hint)


def _member(value: Any, path: Path) -> Any:  # noqa: ANN401 - any part of a YAML document
    for step in path:
        value = value[step]
    return value


def _keys_of(model: type[BaseModel], path: Path) -> list[str]:
    """The keys that the models know at a path of the document."""
    within = False
    for step in path:
        if within:  # a list's position, or a key that the author chose
            within = False
            continue
        known = {info.alias or name: info.annotation for name, info in model.model_fields.items()}
        model = next(_models_in(known[str(step)]), model)
        within = get_origin(known[str(step)]) in {dict, tuple}
    return [info.alias or name for name, info in model.model_fields.items()]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - typing's own objects
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in getattr(cast("Any", annotation), "__args__", ()):
        yield from _models_in(part)


def _dotted(path: Path) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(steps).lstrip(".")


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    text = json.dumps(value, ensure_ascii=False)
    return f"`{text if len(text) <= SHOWN else text[:SHOWN] + '...'}`"
