"""The branches of a condition: the operands of its `&&`, `||` and `? :`, each a condition itself.

A rule can be satisfied and violated in scenarios without every part of its condition having
mattered. Each operand is asked by a rule of its own, so that any engine can answer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from contracts.expressions import Token, tokens
from contracts.model import Contract, Effect, Rule

PREFIX: Final = "branch "
"""Begins the ids of rules that ask for a branch: no rule of a contract has such an id."""

_OPEN: Final = frozenset("([{")
_CLOSE: Final = frozenset(")]}")


@dataclass(frozen=True, slots=True)
class Branch:
    """One operand of a rule's condition."""

    rule: Rule
    number: int
    text: str

    @property
    def id(self) -> str:
        """The id of the rule that asks for it."""
        return f"{PREFIX}{self.rule.id} {self.number}"

    def asked(self) -> Rule:
        """Return the rule that asks for it: violated where it is true."""
        return Rule(
            self.id,
            self.rule.clause,
            self.rule.subject,
            self.rule.tools,
            when=self.text,
            effect=Effect.WARN,
            undecidable=Effect.WARN,
            position=self.rule.position,
        )


def branches_of(contract: Contract) -> list[Branch]:
    """Return the branches of a contract's rules, of those conditions that have any."""
    found: list[Branch] = []
    for rule in contract.rules:
        texts = [list(operands(text)) for text in (rule.when, rule.unless) if text]
        inner = [each for each in texts if len(each) > 1 or len(texts) > 1]
        named = dict.fromkeys(chain.from_iterable(inner))
        found += [Branch(rule, number, text) for number, text in enumerate(named, start=1)]
    return found


def operands(text: str) -> Iterator[str]:
    """Yield the operands of a condition that are none of `&&`, `||`, `!` and `? :` themselves.

    What stands within a macro or a function is left out: it has variables of its own.

    Example:
        >>> list(operands("!(a.x || b.y) && (c.z ? 1 : 2) > 1"))
        ['a.x', 'b.y', 'c.z', '(c.z ? 1 : 2) > 1']
    """
    yield from _operands([token for token in tokens(text) if token.kind != "space"], text)


def _operands(words: Sequence[Token], text: str) -> Iterator[str]:
    for sign in ("?", "||", "&&"):
        parts = split(words, sign)
        if len(parts) > 1:
            for part in parts:
                yield from _operands(part, text)
            return
    if words and words[0].text == "!" and is_group(words[1:]):
        yield from _operands(words[2:-1], text)
    elif is_group(words):
        yield from _operands(words[1:-1], text)
    else:
        yield from _conditions_within(words, text)
        yield text_of(words, text)


def _conditions_within(words: Sequence[Token], text: str) -> Iterator[str]:
    """Yield what decides between the values of a `? :` in parentheses within a comparison."""
    start = 0
    while start < len(words):
        end = start
        if words[start].text == "(":
            end = _closing(words, start)
            inside = words[start + 1 : end]
            called = start > 0 and words[start - 1].kind in {"name", "quoted"}
            parts = split(inside, "?")
            if not called and len(parts) > 1:
                yield from _operands(parts[0], text)
            elif not called:
                yield from _conditions_within(inside, text)
        start = end + 1


def split(words: Sequence[Token], sign: str) -> list[Sequence[Token]]:
    """Cut words at an operator outside of brackets; `? :` into its three parts."""
    parts: list[Sequence[Token]] = []
    depth, start, number, questions = 0, 0, 0, 0
    while number < len(words):
        word = words[number].text
        depth += (word in _OPEN) - (word in _CLOSE)
        width = len(sign)
        here = "".join(each.text for each in words[number : number + width])
        if sign == "?" and depth == 0:
            # The first `?` and its own `:`; a further `? :` stays whole within the last part.
            is_cut = (word == "?" and not questions) or (word == ":" and questions == 1)
            questions += (word == "?") - (word == ":")
            is_cut = is_cut and len(parts) < 2  # noqa: PLR2004 - one cut before each of two values
        else:
            is_cut = sign != "?" and depth == 0 and here == sign
        if is_cut:
            parts.append(words[start:number])
            number += width
            start = number
            continue
        number += 1
    return [*parts, words[start:]]


def is_group(words: Sequence[Token]) -> bool:
    """Return whether parentheses are around all of these words."""
    return bool(words) and words[0].text == "(" and _closing(words, 0) == len(words) - 1


def _closing(words: Sequence[Token], start: int) -> int:
    depth = 0
    for number in range(start, len(words)):
        depth += (words[number].text in _OPEN) - (words[number].text in _CLOSE)
        if depth == 0:
            return number
    return len(words) - 1


def text_of(words: Sequence[Token], text: str) -> str:
    """Return the part of a text that words stand in."""
    return text[words[0].offset : words[-1].offset + len(words[-1].text)] if words else ""
