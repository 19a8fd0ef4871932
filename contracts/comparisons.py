"""A part of a condition as text: what it compares, and what it reads."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from contracts.evaluation import VARIABLES
from contracts.expressions import references, tokens

_SIGNS: Final = ("==", "!=", "<=", ">=", "<", ">")
_MEMBER: Final = re.compile(r"\s*\.\s*([A-Za-z_]\w*)(?!\w*\s*\()")


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left` and `right` with what stands between them; `in` is one too."""

    left: str
    sign: str
    right: str


@lru_cache(maxsize=4096)
def comparison(text: str) -> Comparison | None:
    """Return a part as a comparison, None where it is none.

    Example:
        >>> comparison("params.amount.micros > limits.auto_approve_micros")
        Comparison(left='params.amount.micros', sign='>', right='limits.auto_approve_micros')
    """
    words = [token for token in tokens(text) if token.kind != "space"]
    depth = 0
    for number, word in enumerate(words):
        depth += (word.text in "([{") - (word.text in ")]}")
        if depth or not number:
            continue
        after = words[number + 1].text if number + 1 < len(words) else ""
        pair = word.text + after if word.kind == "sign" else ""
        sign = next((one for one in _SIGNS if one in {pair, word.text}), "")
        if word.kind == "name" and word.text == "in":
            sign = "in"
        if sign:
            end = words[number + (len(sign) == 2 and sign != "in")]  # noqa: PLR2004 - two signs
            right = text[end.offset + len(end.text) :].strip()
            return Comparison(text[: word.offset].strip(), sign, right)
    return None


@lru_cache(maxsize=4096)
def paths(text: str) -> tuple[str, ...]:
    """Return what a part reads of variables, each in its longest form, once, in order.

    Example:
        >>> paths("params.amount.micros > limits.most && evidence.exists(e, e.kind == 'x')")
        ('params.amount.micros', 'limits.most', 'evidence')
    """
    found: dict[str, None] = {}
    for use in references(text):
        if use.root not in VARIABLES:
            continue
        called = text[use.end :].lstrip().startswith("(")
        chain = use.root if called or not use.member else f"{use.root}.{use.member}"
        end = use.end
        while not called and (more := _MEMBER.match(text, end)):
            chain, end = f"{chain}.{more[1]}", more.end()
        found[chain] = None
    return tuple(found)
