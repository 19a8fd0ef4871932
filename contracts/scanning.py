"""What a condition reads, found in its text: variables, their members, and facts.

This is not a parser: CEL's own parser judges the text. It only answers which parts of a view a
condition may touch, so that no more than these are made; where it can not tell (a variable named
as a whole, or hidden by one of a macro's), it answers with more.
"""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

from contracts.expressions import references, tokens

FACTS = "facts"


@dataclass(frozen=True, slots=True)
class Reads:
    """What one or more conditions read.

    Attributes:
        members: For each variable its members that are read; None where the variable is named as
            a whole.
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


def reads(text: str, variables: Container[str]) -> Reads:
    """Return what the condition reads of these variables."""
    members: dict[str, frozenset[str] | None] = {}
    facts: set[str] = set()
    whole = tested = False
    for found in references(text):
        if found.root not in variables:
            continue
        if found.root == FACTS:
            whole = whole or not found.member
            tested = tested or found.in_has
            facts.update({found.member} if found.member else ())
        elif found.member and not text[found.end :].lstrip().startswith("("):
            known = members.get(found.root, frozenset())
            members[found.root] = None if known is None else known | {found.member}
        else:
            members[found.root] = None
    return Reads(members, frozenset(facts), whole, tested)


def chains(text: str) -> Iterator[str]:
    """Yield each selection in the condition in its longest form: `params.amount.micros`."""
    spoken = (one for one in tokens(text) if one.kind != "space")
    words = ["" if one.kind == "string" else one.text.strip("`") for one in spoken]
    words.append("")
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
