"""What a condition reads, found in its text: variables, their members, and facts.

This is not a parser: CEL's own parser judges the text. It only answers which parts of a view a condition may touch, so that no more
than these are made; where it can not tell (a variable named as a whole, or hidden by one of a macro's), it answers with more.
"""

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

FACTS = "facts"

_TOKEN = re.compile(
    r"""
    (?P<skip>\s+|//[^\n]*)
  | (?P<text>(?:[rR][bB]?|[bB][rR]?)?
        (?:\"{3}(?:\\.|[^\\])*?\"{3} | '{3}(?:\\.|[^\\])*?'{3}
         | \"(?:\\.|[^\"\\])*\" | '(?:\\.|[^'\\])*'))
  | (?P<quoted>`[^`]*`)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<number>\d[\w.]*)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Reads:
    """What one or more conditions read.

    Attributes:
        members: For each variable its members that are read; None where the variable is named as a whole.
        facts: The names of facts.
        whole_facts: True where `facts` stands without `.NAME`, which nothing can answer.
        tests_facts: True where `has(facts.…)` stands, which a contract may not say.
    """

    members: Mapping[str, frozenset[str] | None]
    facts: frozenset[str] = frozenset()
    whole_facts: bool = False
    tests_facts: bool = False

    def __or__(self, other: "Reads") -> "Reads":
        merged = dict(self.members)
        for name, members in other.members.items():
            known = merged.get(name, frozenset())
            merged[name] = None if known is None or members is None else known | members
        return Reads(
            merged,
            self.facts | other.facts,
            self.whole_facts or other.whole_facts,
            self.tests_facts or other.tests_facts,
        )


NOTHING = Reads({})


def tokens(text: str) -> Iterator[str]:
    """Yield the condition's tokens without white space and comments; literal texts as `""`."""
    for found in _TOKEN.finditer(text):
        if found.lastgroup == "text":
            yield '""'
        elif found.lastgroup != "skip":
            yield found.group().strip("`") if found.lastgroup == "quoted" else found.group()


def reads(text: str, variables: Container[str]) -> Reads:
    """Return what the condition reads of these variables."""
    words = ["", "", *tokens(text), "", ""]
    members: dict[str, frozenset[str] | None] = {}
    facts: set[str] = set()
    whole = tested = False
    for place in range(2, len(words) - 2):
        name = words[place]
        if name not in variables or not _is_variable(words, place):
            continue
        member = words[place + 2] if words[place + 1] == "." else ""
        if name == FACTS:
            whole = whole or not member
            tested = tested or words[place - 2 : place] == ["has", "("]
            facts.update({member} if member else ())
        elif member and words[place + 3 : place + 4] != ["("]:
            known = members.get(name, frozenset())
            members[name] = None if known is None else known | {member}
        else:
            members[name] = None
    return Reads(members, frozenset(facts), whole, tested)


def _is_variable(words: list[str], place: int) -> bool:
    word = words[place]
    return (
        (word[:1].isalpha() or word[:1] == "_")
        and words[place - 1] != "."
        and words[place + 1] != "("
    )


def chains(text: str) -> Iterator[str]:
    """Yield each selection in the condition as written, `params.amount.micros`, the longest form only."""
    words = [*tokens(text), ""]
    chain = ""
    for place, word in enumerate(words):
        is_name = word[:1].isalpha() or word[:1] == "_"
        if chain.endswith(".") and is_name:
            chain += word
        elif chain and word == "." and not chain.endswith("."):
            chain += "."
        else:
            if "." in chain.strip("."):
                yield chain
            starts = is_name and (place == 0 or words[place - 1] != ".")
            chain = word if starts else ""
