"""Several contracts of one service as one: each fact, limit and condition once, however many ask.

Candidates mostly say the same: they differ in a limit or in a rule. To judge each by itself would
ask every record the same questions as often as there are candidates. Merged, what is the same is
asked once, and what differs stands beside it under a name of its own. What each contract decides is
then put together from the verdicts on its own conditions.

Not everything can be merged: tools that are seen otherwise, another way to tell cases apart, or a
condition that reads `limits` as a whole. Such contracts stay apart. Source: docs/spec/whatif.md.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from contracts.evaluation import VARIABLES
from contracts.expressions import cel_string, references
from contracts.model import Contract, Fact, Level, Limits, Position, Rule, Tool
from contracts.scanning import Reads, reads

ACTION: Final = "action"
_PLAIN: Final = -1
_DEFAULT: Final = -2
_NOWHERE: Final = "?"
_Asked = tuple[frozenset[str], str, str]
"""Of a rule: its tools, `when` and `unless`."""
_TEXTS: Final = ("value", "where", "by", "at", "reserve")
"""The members of a fact that are conditions."""


@dataclass(frozen=True, slots=True)
class Share:
    """One of the merged contracts.

    Attributes:
        number: Its place among those that were given.
        contract: The contract.
        rules: Its rules that decide on actions, in its order, each with the number of the merged
            rule that has its condition.
        names: Its own names of facts and limits, by those that they have in the merged contract,
            where these differ.
    """

    number: int
    contract: Contract
    rules: tuple[tuple[Rule, int], ...]
    names: Mapping[str, str]

    def own_words(self, text: str) -> str:
        """Return a reason as the contract would give it by itself."""
        if not self.names:
            return text
        pattern = r"\b(" + "|".join(map(re.escape, self.names)) + r")\b"
        return re.sub(pattern, lambda found: self.names[found[0]], text)


@dataclass(frozen=True, slots=True)
class Merged:
    """What is judged once, and of whom.

    Attributes:
        contract: What is judged.
        shares: The contracts.
        cases: The cases of the limits, each with the number of the rule that is violated there;
            empty where nobody asked, or there is one case.
    """

    contract: Contract
    shares: tuple[Share, ...]
    cases: tuple[tuple[str, int], ...] = ()


def decisive(contract: Contract) -> list[Rule]:
    """Return the rules that take part in decisions on actions, in order."""
    return [rule for rule in contract.rules if rule.subject == ACTION and rule.expect is None]


def merged(contracts: Iterable[Contract], *, cases: bool = False) -> list[Merged]:
    """Merge contracts as far as that goes; each comes back in one share.

    Args:
        contracts: The contracts.
        cases: Whether it is asked which case of the limits each action is.
    """
    groups: list[_Merging] = []
    for number, contract in enumerate(contracts):
        parts = _parts(contract)
        group = next((one for one in groups if one.takes(contract, parts)), None)
        if group is None:
            group = _Merging(contract, alone=parts is None)
            groups.append(group)
        group.add(number, contract)
    return [group.made(cases=cases) for group in groups]


def apart(contracts: Iterable[Contract]) -> list[Merged]:
    """Return each contract by itself, with only what decides on actions."""
    found: list[Merged] = []
    for number, contract in enumerate(contracts):
        group = _Merging(contract, alone=True)
        group.add(number, contract)
        found.append(group.made())
    return found


# --------------------------------------------------------------------- what can be merged


def _parts(contract: Contract) -> Mapping[str, str] | None:
    """Return the texts of its conditions by place; None where names in them cannot be changed."""
    known = {fact.name for fact in contract.facts}
    limits = _limit_names(contract.limits)
    by_facts = {name for by in contract.limits.by for name in _reads(by).facts}
    order = [fact.name for fact in contract.facts]
    level = max((order.index(name) + 1 for name in by_facts if name in known), default=0)
    texts: dict[str, str] = {}
    for number, fact in enumerate(contract.facts):
        for member in _TEXTS:
            text = getattr(fact, member)
            if "limits" in _reads(text).members and number < level:
                # It would see other limits beside other facts.
                return None
            texts[f"{number}.{member}"] = text
    for rule in decisive(contract):
        texts[rule.id] = f"{rule.when}\n{rule.unless}"
    texts |= {f"by.{number}": by for number, by in enumerate(contract.limits.by)}
    if all(_renamable(_reads(text), known, limits) for text in texts.values()):
        return texts
    return None


def _renamable(read: Reads, facts: set[str], limits: set[str]) -> bool:
    """Return whether each fact and limit that a condition reads is one that there is, by name."""
    if read.whole_facts or not read.facts <= facts:
        return False
    members = read.members.get("limits", frozenset())
    return members is not None and members <= limits


def _reads(text: str) -> Reads:
    return reads(text, VARIABLES)


def _limit_names(limits: Limits) -> set[str]:
    cases = [case for level in limits.levels for case in level.cases.values()]
    return {name for values in (limits.plain, limits.default or {}, *cases) for name in values}


def _form(limits: Limits) -> object:
    """Return what limits must have in common to be merged, but for the texts of `by`."""
    levels = [sorted(level.cases) for level in limits.levels]
    return levels, limits.default is None


def _seen(tools: Mapping[str, Tool]) -> object:
    """Return what a record's view shows of tools."""
    return {
        name: (
            tool.mode,
            tool.permission,
            json.dumps(tool.schema, sort_keys=True),
            tool.target,
            tool.estimate_cost,
            tool.estimate_value,
            tool.currency,
        )
        for name, tool in tools.items()
    }


# ------------------------------------------------------------------------------- merging


@dataclass(slots=True)
class _Merging:
    """A merged contract that grows."""

    first: Contract
    alone: bool = False
    _facts: dict[str, Fact] = field(default_factory=dict[str, Fact])
    _defined: dict[Fact, str] = field(default_factory=dict[Fact, str])
    _rules: dict[_Asked, int] = field(default_factory=dict["_Asked", int])
    _profiles: dict[str, dict[tuple[int, str], Any]] = field(
        default_factory=dict[str, dict[tuple[int, str], Any]]
    )
    _spelt: dict[str, str] = field(default_factory=dict[str, str])
    _by: tuple[str, ...] | None = None
    _shares: list[Share] = field(default_factory=list[Share])

    def takes(self, contract: Contract, parts: Mapping[str, str] | None) -> bool:
        """Return whether a contract can be merged with those that are in it."""
        first = self.first
        if self.alone or parts is None or contract.service != first.service:
            return False
        if _seen(contract.tools) != _seen(first.tools):
            return False
        if _form(contract.limits) != _form(first.limits):
            return False
        # What cases are told apart by has to be the same facts: it is tried on what there is.
        return self._by is None or self._by == self._tried(contract)

    def _tried(self, contract: Contract) -> tuple[str, ...]:
        """Return what `by` would be; a fact that is not there yet has no name in it."""
        names: dict[str, str] = {}
        for fact in contract.facts:
            mine = self._renamed(fact, names, {})
            names[fact.name] = self._defined.get(mine, _NOWHERE)
        return tuple(_rewritten(by, names, {}) for by in contract.limits.by)

    def add(self, number: int, contract: Contract) -> None:
        """Take a contract in."""
        limits = self._limits(contract.limits)
        facts: dict[str, str] = {}
        for fact in contract.facts:
            facts[fact.name] = self._fact(fact, facts, limits)
        if self._by is None:
            self._by = tuple(_rewritten(by, facts, limits) for by in contract.limits.by)
        rules = tuple((rule, self._rule(rule, facts, limits)) for rule in decisive(contract))
        names = {new: old for old, new in (*facts.items(), *limits.items()) if new != old}
        self._shares.append(Share(number, contract, rules, names))

    def _renamed(self, fact: Fact, facts: Mapping[str, str], limits: Mapping[str, str]) -> Fact:
        def own(text: str) -> str:
            return _rewritten(text, facts, limits)

        return replace(
            fact,
            name="",
            position=Position(),
            default=_key(fact.default),
            value=own(fact.value),
            where=own(fact.where),
            by=own(fact.by),
            at=own(fact.at),
            reserve=own(fact.reserve),
        )

    def _fact(self, fact: Fact, facts: Mapping[str, str], limits: Mapping[str, str]) -> str:
        """Return the name of a fact in the merged contract, where it is once for all."""
        if self.alone:
            self._facts[fact.name] = fact
            return fact.name
        mine = self._renamed(fact, facts, limits)
        found = self._defined.get(mine)
        if found is None:
            found = _fresh(fact.name, self._facts.__contains__)
            self._defined[mine] = found
            self._facts[found] = replace(mine, name=found, default=fact.default)
        return found

    def _rule(self, rule: Rule, facts: Mapping[str, str], limits: Mapping[str, str]) -> int:
        when, unless = (_rewritten(text, facts, limits) for text in (rule.when, rule.unless))
        key = (frozenset(rule.tools), when, unless)
        return self._rules.setdefault(key, len(self._rules))

    def _limits(self, limits: Limits) -> dict[str, str]:
        """Return the names of limits in the merged contract: another value is another limit."""
        found: dict[str, str] = {}
        for name in sorted(_limit_names(limits)):
            profile = _profile(limits, name)
            spelt = f"{name} {json.dumps(sorted(map(repr, profile.items())))}"
            known = self._spelt.get(spelt)
            if known is None:
                known = _fresh(name, self._profiles.__contains__)
                self._spelt[spelt] = known
                self._profiles[known] = profile
            found[name] = known
        return found

    def _case_rules(self) -> list[tuple[str, int]]:
        """Ask of which case an action is, by what tells cases apart first."""
        levels = self.first.limits.levels
        if not (levels and self._by):
            return []
        made: list[tuple[str, int]] = []
        for case in levels[0].cases:
            key = (frozenset[str](), f"({self._by[0]}) == {cel_string(case)}", "")
            made.append((case, self._rules.setdefault(key, len(self._rules))))
        return made

    def made(self, *, cases: bool = False) -> Merged:
        """Return what came of it: only what some rule asks for, on whatever way."""
        told = tuple(self._case_rules()) if cases else ()
        rules = tuple(
            Rule(f"merged.{number}", "policy", ACTION, tuple(sorted(tools)), when, unless)
            for (tools, when, unless), number in self._rules.items()
        )
        first = self.first
        contract = Contract(
            name=first.name,
            version="merged",
            digest="",
            service=first.service,
            owner=first.owner,
            permissions=(),
            modes=(),
            tools=first.tools,
            limits=self._whole_limits(),
            facts=self._asked_for(rules),
            rules=rules,
        )
        return Merged(contract, tuple(self._shares), told)

    def _whole_limits(self) -> Limits:
        first = self.first.limits
        by = self._by or ()

        def values(place: int, case: str) -> dict[str, Any]:
            key = (place, case)
            return {
                name: profile[key] for name, profile in self._profiles.items() if key in profile
            }

        levels = tuple(
            Level(by[place], {case: values(place, case) for case in level.cases})
            for place, level in enumerate(first.levels)
        )
        default = None if first.default is None else values(_DEFAULT, "")
        return Limits(values(_PLAIN, ""), levels, default)

    def _asked_for(self, rules: Sequence[Rule]) -> tuple[Fact, ...]:
        """Return the facts that rules read, directly, through others and through the limits."""
        found: set[str] = set()
        left = [text for rule in rules for text in (rule.when, rule.unless)]
        left += self._by or ()
        while left:
            for name in _reads(left.pop()).facts:
                fact = self._facts.get(name)
                if fact is not None and name not in found:
                    found.add(name)
                    left += [getattr(fact, member) for member in _TEXTS]
        return tuple(fact for name, fact in self._facts.items() if name in found)


def _profile(limits: Limits, name: str) -> dict[tuple[int, str], Any]:
    """Return a limit's values by where they stand."""
    found: dict[tuple[int, str], Any] = {}
    if name in limits.plain:
        found[_PLAIN, ""] = limits.plain[name]
    if limits.default is not None and name in limits.default:
        found[_DEFAULT, ""] = limits.default[name]
    for place, level in enumerate(limits.levels):
        for case, values in level.cases.items():
            if name in values:
                found[place, case] = values[name]
    return found


def _key(value: Any) -> Any:  # noqa: ANN401 - any literal
    """Return a literal so that 1, 1.0 and true are three, and lists can be compared."""
    return None if value is None else repr(value)


def _fresh(name: str, taken: Callable[[str], bool]) -> str:
    found, number = name, 1
    while taken(found):
        number += 1
        found = f"{name}__{number}"
    return found


def _rewritten(text: str, facts: Mapping[str, str], limits: Mapping[str, str]) -> str:
    """Return a condition with the names that facts and limits have in the merged contract."""
    parts: list[str] = []
    done = 0
    for use in references(text):
        names = {"facts": facts, "limits": limits}.get(use.root)
        new = None if names is None else names.get(use.member)
        if new is not None and new != use.member:
            parts += [text[done : use.start], f"{use.root}.{new}"]
            done = use.end
    return "".join([*parts, text[done:]])
