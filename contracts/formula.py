"""A condition as a formula over its parts, and the least of it that decides.

A part is what `&&`, `||`, `!` and `? :` join: a comparison, a macro, a member that is true or
false. CEL evaluates the parts; here it is asked which of them a result hangs on, and which would
have to be otherwise for another one. Values are three: true, false, and None where CEL has none.
Like CEL's own, `&&` and `||` need no value of a part where the others decide.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Final, TypeAlias, TypeVar

from contracts.branches import is_group, split, text_of
from contracts.expressions import Token, tokens

MOST: Final = 64
"""So many sets are compared at a time; of more the smallest are kept."""

T = TypeVar("T")

Known: TypeAlias = Mapping[str, bool | None]
"""The value of each part, by its text."""


@dataclass(frozen=True, slots=True)
class Part:
    """A condition that is none of `&&`, `||`, `!` and `? :`, as its text."""

    text: str


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    inner: "Formula"


@dataclass(frozen=True, slots=True)
class Every:
    """All of them."""

    inner: tuple["Formula", ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one of them."""

    inner: tuple["Formula", ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of two, by a test."""

    test: "Formula"
    yes: "Formula"
    no: "Formula"


Formula: TypeAlias = Part | Not | Every | Some | Choice


@lru_cache(maxsize=4096)
def formula(text: str) -> Formula:
    """Return a condition as a formula.

    Example:
        >>> formula("a.x && !(b.y || c.z > 1)").inner[1].inner
        Some(inner=(Part(text='b.y'), Part(text='c.z > 1')))
    """
    return _made([token for token in tokens(text) if token.kind != "space"], text)


def _made(words: Sequence[Token], text: str) -> Formula:
    cut = split(words, "?")
    if len(cut) > 1:
        test, yes, no = (_made(part, text) for part in cut)
        return Choice(test, yes, no)
    for sign, joined in (("||", Some), ("&&", Every)):
        parts = split(words, sign)
        if len(parts) > 1:
            return joined(tuple(_made(part, text) for part in parts))
    if is_group(words):
        return _made(words[1:-1], text)
    if words and words[0].text == "!" and _is_one(words[1:]):
        return Not(_made(words[1:], text))
    return Part(text_of(words, text))


def _is_one(words: Sequence[Token]) -> bool:
    """Return whether `!` before these words is of all of them: nothing in them is an operator."""
    depth = 0
    for word in words:
        depth += (word.text in "([{") - (word.text in ")]}")
        if depth == 0 and (word.text == "in" or (word.kind == "sign" and word.text in "=<>!+-*/%")):
            return False
    return bool(words)


def parts(asked: Formula) -> Iterator[str]:
    """Yield the texts of its parts, each as often as it stands there, in order."""
    if isinstance(asked, Part):
        yield asked.text
    elif isinstance(asked, Not):
        yield from parts(asked.inner)
    elif isinstance(asked, Choice):
        for one in (asked.test, asked.yes, asked.no):
            yield from parts(one)
    else:
        for one in asked.inner:
            yield from parts(one)


def value(asked: Formula, known: Known) -> bool | None:
    """Return what a formula is; None where these values do not say it."""
    if isinstance(asked, Part):
        return known.get(asked.text)
    if isinstance(asked, Not):
        inner = value(asked.inner, known)
        return None if inner is None else not inner
    if isinstance(asked, Choice):
        test = value(asked.test, known)
        return None if test is None else value(asked.yes if test else asked.no, known)
    absorbing = isinstance(asked, Some)
    found = [value(one, known) for one in asked.inner]
    if absorbing in found:
        return absorbing
    return None if None in found else not absorbing


# --------------------------------------------------------------------------- what decides


Chosen: TypeAlias = frozenset[str]


def deciding(asked: Formula, known: Known, wanted: bool) -> list[Chosen]:  # noqa: FBT001
    """Return sets of parts that decide: whatever the others were, the formula would be `wanted`.

    None of them holds another. Empty where it is not `wanted`.
    """
    if isinstance(asked, Part):
        return [frozenset({asked.text})] if known.get(asked.text) is wanted else []
    if isinstance(asked, Not):
        return deciding(asked.inner, known, not wanted)
    if isinstance(asked, Choice):
        test = value(asked.test, known)
        if test is None:
            return []
        taken = asked.yes if test else asked.no
        return _joined([deciding(asked.test, known, test), deciding(taken, known, wanted)])
    each = [deciding(one, known, wanted) for one in asked.inner]
    if wanted is isinstance(asked, Some):
        return _least(chosen for found in each for chosen in found)
    return _joined(each)


def undecided(asked: Formula, known: Known) -> Iterator[str]:
    """Yield the parts without a value for which a formula has none, in order."""
    if value(asked, known) is not None:
        return
    if isinstance(asked, Part):
        yield asked.text
    elif isinstance(asked, Not):
        yield from undecided(asked.inner, known)
    elif isinstance(asked, Choice):
        test = value(asked.test, known)
        inner = asked.test if test is None else asked.yes if test else asked.no
        yield from undecided(inner, known)
    else:
        for one in asked.inner:
            yield from undecided(one, known)


def _joined(each: Sequence[list[Chosen]]) -> list[Chosen]:
    """Return the unions of one set of each."""
    found: list[Chosen] = [frozenset()]
    for sets in each:
        found = _least(one | other for one, other in product(found, sets))
    return found


def _least(sets: Iterable[frozenset[T]]) -> list[frozenset[T]]:
    """Return the sets that hold no other, the smallest first, at most `MOST` of them."""
    kept: list[frozenset[T]] = []
    for chosen in sorted(dict.fromkeys(sets), key=len):
        if len(kept) == MOST:
            break
        if not any(one <= chosen for one in kept):
            kept.append(chosen)
    return kept


# ----------------------------------------------------------------- what would have to change


Change: TypeAlias = frozenset[tuple[str, bool]]


def changes(asked: Formula, known: Known, wanted: bool) -> list[Change]:  # noqa: FBT001
    """Return the fewest parts that would have to be otherwise for the formula to be `wanted`.

    Each is a set of parts with the values that they would have; all others stay as they are. The
    smallest come first, and none of them holds another.
    """
    # A part that stands in two places changes in both.
    found = _changes(asked, known, wanted)
    return [one for one in found if value(asked, {**known, **dict(one)}) is wanted]


def _changes(asked: Formula, known: Known, wanted: bool) -> list[Change]:  # noqa: FBT001
    if isinstance(asked, Part):
        same = known.get(asked.text) is wanted
        return [frozenset() if same else frozenset({(asked.text, wanted)})]
    if isinstance(asked, Not):
        return _changes(asked.inner, known, not wanted)
    if isinstance(asked, Choice):
        return _least(
            change
            for test, taken in ((True, asked.yes), (False, asked.no))
            for change in _both([_changes(asked.test, known, test), _changes(taken, known, wanted)])
        )
    each = [_changes(one, known, wanted) for one in asked.inner]
    if wanted is isinstance(asked, Some):
        return _least(change for found in each for change in found)
    return _both(each)


def _both(each: Sequence[list[Change]]) -> list[Change]:
    found: list[Change] = [frozenset()]
    for sets in each:
        joined = (one | other for one, other in product(found, sets))
        found = _least(one for one in joined if _agree(one))
    return found


def _agree(change: Change) -> bool:
    """Return whether no part is to be both."""
    return len({text for text, _ in change}) == len(change)


def best(sets: Sequence[Chosen], weight: Callable[[Chosen], int]) -> Chosen:
    """Return the lightest of some sets, the first of equals; an empty one where there is none."""
    return min(sets, key=weight) if sets else frozenset()
