"""Candidate contracts: read from a text, or the one in force with something changed.

A change names a place in the document, as its keys stand there, and a value of the same kind. It is
made before the document is expanded, so that it means what it would mean had an author written it.
Source: docs/spec/whatif.md, *Candidates*.
"""

import json
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, cast

from contracts.errors import ContractErrors, did_you_mean
from contracts.layering import laid
from contracts.loading import load_contract
from contracts.markup import read_markup
from contracts.model import Contract
from contracts.sharing import gather
from replay.history import Governed

MOST: Final = 200
"""Candidates of one sweep."""


class CandidateError(ValueError):
    """A candidate cannot be made.

    Attributes:
        code: Stable name of what is wrong, `candidate.what`.
        do: What to do about it; may be empty.
    """

    def __init__(self, code: str, what: str, do: str = "") -> None:
        super().__init__(what)
        self.code = f"candidate.{code}"
        self.do = do


@dataclass(frozen=True, slots=True)
class Candidate:
    """A contract that might have been in force.

    Attributes:
        name: What it is called in the answer.
        contract: The contract.
        parameter: Of a sweep, the value that it stands for.
        path: Of a sweep, what was set.
    """

    name: str
    contract: Contract
    parameter: float | None = None
    path: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a document: where, and to what; as it was written."""

    path: str
    value: str


@dataclass(frozen=True, slots=True)
class Sweep:
    """The same change with several values between two."""

    path: str
    low: float
    high: float
    count: int

    def changes(self) -> list[Change]:
        """Return the changes, from the first value to the last; whole where the ends are."""
        step = (self.high - self.low) / max(self.count - 1, 1)
        values = [self.low + step * place for place in range(self.count - 1)]
        # The end as it was asked for: sums of steps come near it.
        values.append(self.high if self.count > 1 else self.low)
        if self.low.is_integer() and self.high.is_integer():
            whole = [round(value) for value in values]
            if len(set(whole)) == len(whole):
                return [Change(self.path, str(value)) for value in whole]
        return [Change(self.path, repr(value)) for value in values]


def read_set(text: str) -> Change | Sweep:
    """Read `PATH=VALUE`, or a sweep `PATH=A..B:N`.

    Raises:
        CandidateError: It is neither.

    Example:
        >>> read_set("policy.limits.EU.auto_approve_micros=50e6..150e6:3").changes()[1].value
        '100000000'
    """
    path, equals, value = text.partition("=")
    if not (path.strip() and equals and value.strip()):
        raise CandidateError(
            "form", f"{text!r} changes nothing", "Write PATH=VALUE, or PATH=A..B:N for a sweep."
        )
    ends, colon, count = value.rpartition(":")
    low, dots, high = ends.partition("..")
    if not (colon and dots):
        return Change(path.strip(), value.strip())
    try:
        found = Sweep(path.strip(), float(low), float(high), int(count))
    except ValueError as error:
        raise CandidateError("sweep", f"{value!r} is no sweep", "Write A..B:N.") from error
    if not 2 <= found.count <= MOST:  # noqa: PLR2004 - the two ends
        raise CandidateError("sweep", f"a sweep has 2 to {MOST} values, and not {found.count}")
    return found


def in_force_last(governed: Governed, service: str) -> str:
    """Return the digest of the contract that a service was under last; empty without one."""
    every = governed.versions.activations(service)
    live = [one for one in every if not one.imported]
    if live:
        return max(live, key=lambda one: (one.effective_at, one.index)).digest
    return every[-1].digest if every else ""


def changed(text: str, changes: Sequence[Change], name: str) -> Contract:
    """Return the contract that a text means once it is changed.

    Args:
        text: A contract's text, with all that it extends.
        changes: What is changed, in order.
        name: What errors call it.

    Raises:
        CandidateError: A place is not there, a value does not fit, or what comes of it is no
            contract.
    """
    document = deepcopy(_document(text, name))
    for change in changes:
        _apply(document, change)
    try:
        return load_contract(json.dumps(document, ensure_ascii=False), name)
    except ContractErrors as errors:
        raise CandidateError("invalid", f"{name}: {errors.errors[0]}") from errors


# A sweep changes one text over and over, and to read it takes as long as to expand it.
@lru_cache(maxsize=4)
def _document(text: str, name: str) -> dict[str, Any]:
    """Return the document with what it extends laid under it, as if one author had written all."""
    value, source, _ = read_markup(text, name)
    document = cast("dict[str, Any]", value)
    if "extends" in document or "shared" in document:
        layers, _ = gather(document, source, None)
        document, _, _ = laid(document, source, layers)
    return {key: part for key, part in document.items() if key not in {"extends", "shared"}}


def _apply(document: dict[str, Any], change: Change) -> None:
    holder, key = _place(document, change.path)
    old = holder[key]
    if isinstance(old, dict | list):
        inner = [str(key) for key in cast("dict[str, Any]", old)] if isinstance(old, dict) else []
        told = f"It holds {', '.join(inner)}." if inner else ""
        raise CandidateError("value", f"--set {change.path}: this is no single value", told)
    holder[key] = _fitting(old, change)


def _place(document: dict[str, Any], path: str) -> tuple[Any, Any]:
    """Return what holds the value at a path, and its key there.

    A key may hold dots, as the names of tools do; items of a list are named by their `id`, or by
    their place from 0.
    """
    steps = path.split(".")
    holder: Any = None
    key: Any = None
    value: Any = document
    while steps:
        keys = _keys(value)
        sizes = range(len(steps), 0, -1)
        size = next((one for one in sizes if ".".join(steps[:one]) in keys), 0)
        if not size:
            word = steps[0]
            done = path[: len(path) - len(".".join(steps))].rstrip(".") or "the contract"
            hint = did_you_mean(word, keys)
            known = f"There are: {', '.join(keys)}." if keys else ""
            raise CandidateError(
                "path", f"--set {path}: there is no {word!r} in {done}", hint or known
            )
        holder, key = value, keys[".".join(steps[:size])]
        value, steps = holder[key], steps[size:]
    return holder, key


def _keys(value: object) -> dict[str, Any]:
    """Return what can be named in a value, by how it is named."""
    if isinstance(value, dict):
        return {str(key): key for key in cast("dict[str, Any]", value)}
    if isinstance(value, list):
        found: dict[str, Any] = {}
        for place, item in enumerate(cast("list[object]", value)):
            found[str(place)] = place
            if isinstance(item, dict) and "id" in item:
                found[str(cast("dict[str, object]", item)["id"])] = place
        return found
    return {}


def _fitting(old: object, change: Change) -> object:
    """Return the new value, of the kind that stands there."""
    new = _scalar(change.value)
    if isinstance(old, bool) or isinstance(new, bool):
        fits = isinstance(old, bool) and isinstance(new, bool)
    elif isinstance(old, int):
        fits = isinstance(new, int | float) and float(new).is_integer()
        new = int(new) if fits and isinstance(new, float) else new
    elif isinstance(old, float):
        fits = isinstance(new, int | float)
    else:
        fits, new = True, change.value
    if not fits:
        whole = "a whole number" if isinstance(old, int) else "a number"
        kind = "true or false" if isinstance(old, bool) else whole
        raise CandidateError(
            "value", f"--set {change.path}: {change.value!r} is not {kind}", f"It is {old} now."
        )
    return new


def _scalar(text: str) -> object:
    """Return a value as YAML reads it; a text where it is none."""
    if text in {"true", "false"}:
        return text == "true"
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text
