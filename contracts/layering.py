"""A contract laid over the shared policies that it extends: one document, one meaning.

The result is what an author could have written in one file: what is shared first, in order, then
the contract's own. Each part keeps the place that it came from, in its own file.
Source: docs/spec/contract-language.md, *Shared policies*.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from contracts.errors import ContractError, did_you_mean
from contracts.faults import checked
from contracts.markup import Path, Source
from contracts.model import Position
from contracts.policies import Extension
from contracts.sharing import Extending, Layer

LIMITS: Final = "limits"
# Prefixes of paths that may be moved: `rules, 3`, `policy, sentences, 2`.
_LONGEST: Final = 3


@dataclass(frozen=True, slots=True)
class _Text:
    """A text to be laid: the contract's own (`file` is empty), or a shared one."""

    file: str
    extends: tuple[Extension, ...]
    document: Mapping[str, Any]
    source: Source

    @property
    def policy(self) -> Path:
        """Where the policy's own keys stand in it."""
        return () if self.file else ("policy",)

    def part(self, *path: str) -> object:
        """Return what stands at a path of keys; None where there is nothing."""
        value: object = self.document
        for step in path:
            value = cast("dict[str, object]", value).get(step) if isinstance(value, dict) else None
        return value


@dataclass(frozen=True, slots=True)
class _Part:
    """One thing that a text declares: a rule, a fact, a value, a limit, the document."""

    text: _Text
    path: Path
    value: object

    @property
    def place(self) -> Position:
        """Where it stands, in whichever file."""
        return replace(self.text.source.key_at(*self.path), file=self.text.file)

    @property
    def told(self) -> str:
        """The same for a person."""
        return f"{self.text.source.file}:{self.place.line}"


def laid(
    document: Mapping[str, Any], source: Source, layers: Sequence[Layer]
) -> tuple[dict[str, Any], Source, list[ContractError]]:
    """Lay a contract over what it extends.

    Returns:
        The document, the place of each of its values, and what is declared twice.
    """
    extending, _ = checked(Extending, {"extends": document.get("extends", [])}, source)
    extends = extending.extends if extending else ()
    own = _Text("", extends, document, source)
    laying = _Laying(
        {
            layer.digest: _Text(layer.shared.file, layer.extends, layer.document, layer.source)
            for layer in layers
        }
    )
    laying.lay(own, frozenset())
    whole, moved = _assembled(own, laying)
    others = {layer.shared.file: layer.source.text for layer in layers}
    return whole, _places(own, laying, moved, others), laying.errors


class _Laying:
    """What was declared so far, by its name, in order."""

    def __init__(self, texts: Mapping[str, _Text]) -> None:
        self.texts = texts
        self.parts: dict[str, _Part] = {}
        self.sentences: dict[str, _Part] = {}
        self.errors: list[ContractError] = []
        self._laid: set[str] = set()

    def lay(self, text: _Text, waived: frozenset[str]) -> None:
        """Lay what a text extends, then the text.

        Args:
            text: The text.
            waived: What a text over this one says anew: two under it need not agree on that.
        """
        anew = frozenset(name for extension in text.extends for name in extension.override)
        for extension in text.extends:
            below = self.texts.get(extension.digest)
            if below is not None and extension.digest not in self._laid:
                self._laid.add(extension.digest)
                self.lay(below, waived | anew)
        replaced = {name for name, part in _parts(text) if self._put(name, part, anew, waived)}
        for number, extension in enumerate(text.extends):
            for item, name in enumerate(extension.override):
                if name not in replaced:
                    self._refuse_override(text, name, ("extends", number, "override", item))
        for path, sentence in _sentences(text):
            self.sentences.setdefault(sentence, _Part(text, path, sentence))

    def _put(self, name: str, part: _Part, anew: frozenset[str], waived: frozenset[str]) -> str:
        """Add a part; return the name that it overrides, if it does."""
        clashing = [one for one in self._clashing(name) if self.parts[one].text is not part.text]
        if not clashing:
            taken = name in self.parts  # twice in one text: the expansion says so
            self.parts[f"{name} again {len(self.parts)}" if taken else name] = part
            return ""
        asked = name if clashing == [name] else LIMITS
        if asked in anew:
            for one in clashing:
                if one != name:
                    del self.parts[one]
            self.parts[name] = part
            return name
        if asked not in waived:
            message = (
                f"`{asked}` stands in {self.parts[clashing[0]].told} too; rename one of the two, or"
                f" add `{asked}` to `override` in `extends`"
            )
            self.errors.append(part.text.source.error("extends.conflict", message, part.place))
        return ""

    def _clashing(self, name: str) -> list[str]:
        """Return the parts that cannot stand beside one of this name."""
        root, _, member = name.partition(".")
        if root == LIMITS and member:
            return [one for one in (name, LIMITS) if one in self.parts]
        if name == LIMITS:
            return [one for one in self.parts if one.partition(".")[0] == LIMITS]
        return [name] if name in self.parts else []

    def _refuse_override(self, text: _Text, name: str, path: Path) -> None:
        here = name in dict(_parts(text))
        message = (
            f"`{name}` is in nothing that this text extends; correct it or remove it"
            if here
            else f"`{name}` is to be overridden, and is not said anew here; say it, or remove this"
        )
        hint = did_you_mean(name, self.parts)
        place = replace(text.source.at(*path), file=text.file)
        self.errors.append(text.source.error("extends.override", message, place, hint))


# ------------------------------------------------------------------ what a text declares


def _parts(text: _Text) -> Iterator[tuple[str, _Part]]:
    document = text.part(*map(str, text.policy), "document")
    if document is not None:
        yield "policy.document", _Part(text, (*text.policy, "document"), document)
    yield from _limits(text)
    for section in ("facts", "values"):
        declared = text.part(section)
        for name, value in _mapping(declared).items():
            yield f"{section}.{name}", _Part(text, (section, name), value)
    rules = text.part("rules")
    for number, rule in enumerate(cast("list[object]", rules) if isinstance(rules, list) else ()):
        named = _mapping(rule)
        name = f"{named.get('clause', 'policy')}.{named.get('id', number)}"
        yield name, _Part(text, ("rules", number), rule)


def _limits(text: _Text) -> Iterator[tuple[str, _Part]]:
    path = (*text.policy, LIMITS)
    limits = text.part(*map(str, path))
    if by_case(limits):
        yield LIMITS, _Part(text, path, limits)
        return
    for name, value in _mapping(limits).items():
        yield f"{LIMITS}.{name}", _Part(text, (*path, name), value)


def by_case(limits: object) -> bool:
    """Whether limits go by case, so that they are one thing and not a value for each name."""
    members = _mapping(limits)
    return "by" in members or isinstance(members.get("levels"), list)


def _sentences(text: _Text) -> Iterator[tuple[Path, str]]:
    path = (*text.policy, "sentences")
    sentences = text.part(*map(str, path))
    if isinstance(sentences, list):
        for number, sentence in enumerate(cast("list[object]", sentences)):
            if isinstance(sentence, str):
                yield (*path, number), sentence


def _mapping(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


# --------------------------------------------------------------------- the one document

Moved = dict[tuple[str, Path], Path]


def _assembled(own: _Text, laying: _Laying) -> tuple[dict[str, Any], Moved]:
    """Return the document, and where each part of each text stands in it."""
    moved = Moved()
    found: dict[str, Any] = {"facts": {}, "values": {}, "rules": [], "policy": {}}
    for part in laying.parts.values():
        target = _home(part)
        if target[0] == "rules":
            target = ("rules", len(found["rules"]))
            found["rules"].append(part.value)
        elif target[:2] == ("policy", LIMITS) and len(target) == _LONGEST:
            found["policy"].setdefault(LIMITS, {})[target[2]] = part.value
        else:
            found[str(target[0])][target[1]] = part.value
        moved[part.text.file, part.path] = target
    for number, part in enumerate(laying.sentences.values()):
        moved[part.text.file, part.path] = ("policy", "sentences", number)
    if laying.sentences:
        found["policy"]["sentences"] = list(laying.sentences)
    found["policy"] = {**_mapping(own.part("policy")), **found["policy"]}
    # What is of another type than it should be stays, for the models to refuse.
    fits = {key: value for key, value in found.items() if value and _fits(own.part(key), value)}
    return {**own.document, **fits}, moved


def _fits(written: object, found: object) -> bool:
    return written is None or isinstance(written, type(found))


def _home(part: _Part) -> Path:
    """Return where a part stands in a contract."""
    path = part.path
    return path if path[0] in {"policy", "rules", "facts", "values"} else ("policy", *path)


def _places(own: _Text, laying: _Laying, moved: Moved, others: Mapping[str, str]) -> Source:
    values: dict[Path, Position] = {}
    keys: dict[Path, Position] = {}
    for text in (*laying.texts.values(), own):
        for found, places in ((values, text.source.values), (keys, text.source.keys)):
            for path, place in places.items():
                target = _target(text, path, moved)
                if target is not None:
                    found[target] = replace(place, file=text.file)
    return Source(own.source.file, own.source.text, values, keys, others)


def _target(text: _Text, path: Path, moved: Moved) -> Path | None:
    """Return where a path of a text is in the document; what was overridden is nowhere."""
    for length in range(min(_LONGEST, len(path)), 0, -1):
        prefix = moved.get((text.file, path[:length]))
        if prefix is not None:
            return (*prefix, *path[length:])
    return path if not text.file else None
