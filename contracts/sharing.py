"""Shared policies: the texts that a contract extends, found, compared with their digests, and read.

A shared policy is named by its path and its digest. The digest says what is meant; the path is
where an author's machine finds it, and what errors and explanations call it. In a ledger there are
no paths: a published contract holds each text under `shared`, by its digest.
Source: docs/spec/contract-language.md, *Shared policies*; docs/adr/0021.
"""

import hashlib
import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from pydantic import BaseModel, ConfigDict, Field

from contracts.errors import ContractError, ContractErrors
from contracts.faults import checked
from contracts.markup import Source, read_markup
from contracts.model import SharedText
from contracts.policies import Extension, SharedPolicy
from contracts.vocabulary import Digest, Text

ReadText = Callable[[str], str | bytes]
"""Gives the text of a shared policy by its path, or raises `OSError`."""

_PATH: Final = re.compile(r"(?!/)[^\\:]+")
# Under a key that stands two columns in, so that a text may begin with spaces of its own.
_INDENT: Final = " " * 4


class Extending(BaseModel):
    """What a contract says of the texts that it extends; all else is read when they are there."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    extends: tuple[Extension, ...] = ()
    shared: dict[Digest, Text] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Layer:
    """One shared policy: what it says, and where.

    Attributes:
        shared: Its names and its digest.
        extends: What it builds on itself.
        document: What it says, as plain values.
        source: Its text, and the place of each value.
    """

    shared: SharedText
    extends: tuple[Extension, ...]
    document: Mapping[str, Any]
    source: Source

    @property
    def digest(self) -> str:
        """The SHA-256 of its text."""
        return self.shared.digest


def gather(
    document: Mapping[str, Any], source: Source, read: ReadText | None
) -> tuple[Sequence[Layer], list[ContractError]]:
    """Find every text that a contract extends, directly or through others.

    Returns:
        One layer for each text, those that others build on first; and what is wrong.
    """
    said = {key: document[key] for key in ("extends", "shared") if key in document}
    extending, errors = checked(Extending, said, source)
    if extending is None or errors:
        return (), errors
    gathering = _Gathering(source, extending, read)
    gathering.follow(extending.extends, source, (source.file,))
    gathering.refuse_unused()
    return tuple(gathering.layers.values()), gathering.errors


def with_shared(text: str, texts: Mapping[str, str]) -> str:
    """Return a contract's text with those that it extends at its end, as they are."""
    parts = [text if text.endswith("\n") else f"{text}\n", "shared:\n"]
    for digest, shared in texts.items():
        kept = "+" if shared.endswith("\n") else "-"
        lines = shared.removesuffix("\n").split("\n")
        parts.append(f'  "{digest}": |2{kept}\n')
        parts += [f"{_INDENT}{line}\n" if line else "\n" for line in lines]
    return "".join(parts)


class _Gathering:
    """The search, text by text."""

    def __init__(self, source: Source, extending: Extending, read: ReadText | None) -> None:
        self.layers: dict[str, Layer] = {}
        self.errors: list[ContractError] = []
        self._source = source
        self._held = extending.shared
        self._read = read
        self._known: set[str] = set()
        self._files: dict[str, str] = {}

    def follow(self, extends: Sequence[Extension], source: Source, chain: tuple[str, ...]) -> None:
        """Add what a text extends; `chain` is how it was come to, itself the last."""
        for number, extension in enumerate(extends):
            place = source.at("extends", number, "policy")
            file = posixpath.normpath(
                posixpath.join(posixpath.dirname(chain[-1]), extension.policy)
            )
            if not _PATH.fullmatch(extension.policy):
                message = "this is no path relative to this file; write one, with `/`"
                self.errors.append(source.error("extends.path", message, place))
            elif file in chain:
                around = " -> ".join([*chain[chain.index(file) :], file])
                message = f"a circle: {around}; nothing can build on itself, remove one of these"
                self.errors.append(source.error("extends.cycle", message, place))
            elif self._files.setdefault(file, extension.digest) != extension.digest:
                message = f"{file} is named before with another digest; one file is one text"
                self.errors.append(source.error("extends.twice", message, place))
            elif extension.digest not in self._known:
                self._known.add(extension.digest)
                self._add(extension, number, source, (*chain, file))

    def refuse_unused(self) -> None:
        """Refuse texts that nothing extends: who signs a contract takes what is in it to count."""
        for digest in self._held:
            if digest not in self._known:
                message = "nothing extends this text; remove it"
                place = self._source.key_at("shared", digest)
                self.errors.append(self._source.error("shared.unused", message, place))

    def _add(
        self, extension: Extension, number: int, source: Source, chain: tuple[str, ...]
    ) -> None:
        file = chain[-1]
        text = self._text(extension, number, source, file)
        if text is None:
            return
        try:
            value, found, errors = read_markup(text, file)
        except ContractErrors as failure:
            self.errors += failure.errors
            return
        if not isinstance(value, dict) or "contract" in value:
            message = f"{file} is no shared policy: such a file begins with `policy:`"
            place = source.at("extends", number, "policy")
            self.errors.append(source.error("extends.kind", message, place))
            return
        document = cast("dict[str, Any]", value)
        policy, more = checked(SharedPolicy, document, found)
        self.errors += [*errors, *more]
        if policy is None:
            return
        self.follow(policy.extends, found, chain)
        shared = SharedText(file, policy.policy, extension.digest, self._line(extension.digest))
        self.layers[extension.digest] = Layer(shared, policy.extends, document, found)

    def _line(self, digest: str) -> int:
        """Return the line before a text's first one, where the contract holds it in lines."""
        if digest not in self._held:
            return 0
        place = self._source.at("shared", digest)
        line = self._source.text.split("\n")[place.line - 1]
        return place.line if line[place.column - 1 :].startswith("|") else 0

    def _text(
        self, extension: Extension, number: int, source: Source, file: str
    ) -> str | bytes | None:
        """Return a text that has the digest under which it is named."""
        place = source.at("extends", number, "policy")
        found = self._found(extension, file)
        if isinstance(found, ContractError):
            self.errors.append(source.error(found.code, found.message, place))
            return None
        raw = found.encode() if isinstance(found, str) else found
        digest = hashlib.sha256(raw).hexdigest()
        if digest != extension.digest:
            message = f"{file} has the digest {digest}, so it is not the text that was meant"
            hint = "see what changed in it, then name this digest"
            place = source.at("extends", number, "digest")
            self.errors.append(source.error("extends.digest", message, place, hint))
            return None
        return found

    def _found(self, extension: Extension, file: str) -> str | bytes | ContractError:
        held = self._held.get(extension.digest)
        if held is not None:
            return held
        if self._held:
            message = f"`shared` does not hold {file} under this digest; publish it anew"
            return ContractError("extends.missing", message, file, 0, 0)
        if self._read is None:
            message = f"{file} is not at hand here: a published contract holds it under `shared`"
            return ContractError("extends.unread", message, file, 0, 0)
        try:
            return self._read(file)
        except FileNotFoundError:
            message = f"there is no file {file}; correct the path"
            return ContractError("extends.missing", message, file, 0, 0)
        except OSError as error:
            message = f"{file} cannot be read ({error.strerror}); correct the path"
            return ContractError("extends.unreadable", message, file, 0, 0)
