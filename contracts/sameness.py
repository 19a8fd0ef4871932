"""Which facts of two contracts are the same: by what they mean, not by what they are called.

A fact is the same in both where its whole definition is, with that of every fact and limit that it
reads. Two contracts can then be asked about one action with one value for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from contracts.expressions import references
from contracts.lint_facts import uses_of
from contracts.model import Contract, Fact, Rule
from ledger.encoding import digest

Labels = Mapping[str, str]


@dataclass(frozen=True)
class Pairing:
    """Two contracts, and one name for each fact that either has.

    Attributes:
        before: The one contract.
        after: The other.
    """

    before: Contract
    after: Contract

    @cached_property
    def _definitions(self) -> tuple[dict[str, str], dict[str, str]]:
        return definitions(self.before), definitions(self.after)

    @cached_property
    def labels(self) -> tuple[Labels, Labels]:
        """For each of the two, the common name of each fact by its own."""
        old, new = self._definitions
        by_definition = {text: name for name, text in reversed(new.items())}
        mine: dict[str, str] = {}
        for name, text in old.items():
            mine[name] = name if new.get(name) == text else by_definition.get(text, name)
        return mine, {name: name for name in new}

    @cached_property
    def changed(self) -> frozenset[str]:
        """Names under which the two contracts have different facts."""
        old, new = self._definitions
        mine = self.labels[0]
        return frozenset(
            label for name, label in mine.items() if label in new and new[label] != old[name]
        )

    def facts(self) -> dict[str, Fact]:
        """Each fact under its common name; of one that changed, the later."""
        found = {self.labels[0][fact.name]: fact for fact in self.before.facts}
        return found | {fact.name: fact for fact in self.after.facts}


def relabelled(text: str, labels: Labels) -> str:
    """Return an expression that calls facts by their common names."""
    parts: list[str] = []
    done = 0
    for use in references(text):
        if use.root == "facts" and use.member in labels:
            parts += [text[done : use.start], f"facts.{labels[use.member]}"]
            done = use.end
    return " ".join("".join([*parts, text[done:]]).split())


def definitions(contract: Contract) -> dict[str, str]:
    """Return what each fact means, as text without names of facts."""
    found: dict[str, str] = {}
    for fact in contract.facts:
        texts = uses_of(fact)
        meant = [relabelled(text, _inner(found)) for text in texts]
        parts: list[object] = [meant, fact.aggregate, fact.source, fact.tools, fact.over]
        parts += [fact.within, fact.attempts, fact.unknown, fact.default, fact.reference]
        read = {use.root for text in texts for use in references(text)}
        if "limits" in read:
            parts.append(contract.limits)
        members = {use.member for text in texts for use in references(text) if use.root == "action"}
        parts += [_of_tools(contract, fact.tools, members)]
        found[fact.name] = digest(repr(parts).encode())
    return found


def _inner(found: Mapping[str, str]) -> Labels:
    return {name: f"<{text}>" for name, text in found.items()}


_MADE = {
    "mode": ("mode",),
    "permission": ("permission",),
    "target": ("target",),
    "estimate": ("estimate_cost", "estimate_value", "currency"),
    "conforms": ("schema",),
    "known": ("name",),
}


def _of_tools(contract: Contract, names: tuple[str, ...], members: set[str]) -> object:
    """Return what a contract makes of an action, as far as a fact reads it."""
    keys = [key for member in sorted(members) for key in _MADE.get(member, ())]
    chosen = [contract.tools[name] for name in names or contract.tools if name in contract.tools]
    return [(one.name, *(getattr(one, key) for key in keys)) for one in chosen] if keys else []


def rule_text(rule: Rule, labels: Labels) -> tuple[object, ...]:
    """Return what a rule means, with common names of facts; where it stands is no part of it."""
    expect = rule.expect
    texts = tuple(relabelled(text, labels) for text in uses_of(rule))
    rest = (expect.source, expect.tools, expect.over, expect.until, expect.within) if expect else ()
    return (
        texts,
        rule.subject,
        rule.tools,
        rule.effect,
        rule.undecidable,
        rule.role,
        rule.within,
        *rest,
    )
