"""Why a rule came out as it did, in words: the least that decides it, and what would have helped.

Of all that a rule reads only some decides. Which parts of its condition do is a question of its
form alone (`contracts.formula`); here they are put in words, with the values that they had.
Nothing is read for it that the rule itself does not read: what an engine knows of a fact that no
rule asks for is not history.
Source: docs/spec/report.md, *Explanations*.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from contracts.approvals import ApprovalBook, Lacking
from contracts.case import Case, World
from contracts.coercion import Value
from contracts.comparisons import Comparison, comparison, paths
from contracts.evaluation import Condition, ConditionError, Undecidable, condition
from contracts.expressions import MICROSECONDS
from contracts.formula import Change, Every, Formula, Not, best, changes, deciding, formula, parts
from contracts.formula import undecided as without_value
from contracts.instants import micros, written
from contracts.lineage import Placed
from contracts.model import Effect, Fact, Rule, Verdict
from contracts.phrases import INLINE, duration_words, fact_words, records_words, sentence
from contracts.results import Explanation

SHOWN: Final = 120
"""How many characters of one value are shown."""
MOST: Final = 4
"""How many ways out are told, the shortest ones."""
FEW: Final = 2
"""So many facts of a text are told, and units of a length of time."""
WHERE: Final = 64
"""How many characters of a fact's own condition are shown."""
CITED: Final = 4
"""How many of the cited observations are named."""

_OPPOSITE: Final = {
    "==": "!=",
    "!=": "==",
    "<": ">=",
    ">=": "<",
    ">": "<=",
    "<=": ">",
    "in": "!in",
}
_IS: Final = {
    "==": "",
    "!=": "not ",
    "<": "less than ",
    "<=": "at most ",
    ">": "more than ",
    ">=": "at least ",
    "in": "one of ",
    "!in": "none of ",
}
_TIME: Final = re.compile(r"\btimestamp\(([A-Za-z_][\w.]*)\)")
_AGE: Final = r"timestamp\(action\.time\) - timestamp\(NAME\.{}\) < duration\(\"([^\"]*)\"\)"
# What clauses ask of observations, and how that is said.
_OF_EVIDENCE: Final = (
    (r'NAME\.kind == ("[^"]*")', "of kind {}"),
    (r"NAME\.source in \[([^\]]*)\]", "from {}"),
    (_AGE.format("time"), "recorded less than {} before"),
    (r"has\(NAME\.observed_at\)\|\|" + _AGE.format("observed_at"), "observed less than {} before"),
    (r"has\(NAME\.fields\)", ""),
    (r"has\(NAME\.fields\.([^)]*)\)", "with {}"),
    (r"has\(NAME\.digest\)", "with its digest"),
    (r"NAME\.self_attested", "not on the service's own word"),
)
_COUNT: Final = re.compile(r"^how many (.*?) there were")
_EXISTS: Final = re.compile(r"evidence\.exists\(\s*([A-Za-z_]\w*)\s*,\s*(.*)\)\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A rule's conditions as one formula that is true where the rule is violated."""

    broken: Formula
    texts: tuple[str, ...]


class Explainer:
    """Explains the results of one contract's rules.

    Args:
        world: What the records of its engine share.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._facts: dict[str, Fact] = {fact.name: fact for fact in world.contract.facts}
        # The same object for the same text: a record's variables are kept by condition.
        self._conditions: dict[str, Condition | None] = {}
        self._asked: dict[str, _Asked] = {}

    def explain(
        self, rule: Rule, case: Case, said: Verdict, approvals: ApprovalBook
    ) -> Explanation:
        """Return why a rule is violated or undecidable for a record.

        Args:
            rule: The rule. Obligations are explained by what did not follow.
            case: The record at its place in history.
            said: How the rule came out.
            approvals: What people said so far.
        """
        asked = self._of(rule)
        known = {text: self._truth(text, case) for text in asked.texts}
        if said is Verdict.UNDECIDABLE:
            chosen = tuple(dict.fromkeys(without_value(asked.broken, known)))
            because = [self._unknown(text, case) for text in chosen]
        else:
            sets = deciding(asked.broken, known, wanted=True)
            least = best(sets, lambda one: len({path for text in one for path in paths(text)}))
            chosen = tuple(text for text in asked.texts if text in least)
            because = [sentence(self._held(text, known[text] is True, case)) for text in chosen]
        entries = self._entries(chosen, case)
        ways = sensible(changes(asked.broken, known, wanted=False))
        would = [self._way(asked, dict(change), case) for change in ways[:MOST]]
        if rule.effect is Effect.APPROVE and rule.subject == "action":
            lacking = self._lacking(rule, case, approvals)
            because += [sentence(lacking.what)] if lacking.what else []
            entries.update(lacking.entries)
            lasting = f", at most {duration_words(rule.within)} before" if rule.within else ""
            would.append(f"held, and approved by somebody with the role {rule.role}{lasting}")
        return Explanation(
            because=tuple(because),
            facts=tuple(self._values(chosen, case)),
            entries=tuple(sorted(entries)),
            would=tuple(dict.fromkeys(one for one in would if one)),
        )

    def _lacking(self, rule: Rule, case: Case, approvals: ApprovalBook) -> Lacking:
        world = self._world
        return approvals.lacking(world.contract, rule, case.placed, world.lineage)

    def _of(self, rule: Rule) -> _Asked:
        found = self._asked.get(rule.id)
        if found is None:
            held = [formula(rule.when)] if rule.when else []
            held += [Not(formula(rule.unless))] if rule.unless else []
            broken = held[0] if len(held) == 1 else Every(tuple(held))
            found = self._asked[rule.id] = _Asked(broken, tuple(dict.fromkeys(parts(broken))))
        return found

    # ------------------------------------------------------------------------- values

    def _value(self, text: str, case: Case) -> Value:
        """Return what a part of a rule's condition is of the record, or `Undecidable`."""
        if text not in self._conditions:
            self._conditions[text] = self._compiled(text)
        asked = self._conditions[text]
        return Undecidable("it can not be asked by itself") if asked is None else case.ask(asked)

    def _compiled(self, text: str) -> Condition | None:
        try:
            return condition(self._world.evaluator, text, self._world.top)
        except ConditionError:
            return None

    def _truth(self, text: str, case: Case) -> bool | None:
        found = self._value(text, case)
        return found if isinstance(found, bool) else None

    def _values(self, chosen: Iterable[str], case: Case) -> Iterator[tuple[str, str]]:
        """Yield what was read: each path once, with its value."""
        for path in dict.fromkeys(path for text in chosen for path in paths(text)):
            found = self._value(path, case)
            if path == "evidence":
                continue
            if isinstance(found, Undecidable):
                yield path, f"none ({found.reason})"
            else:
                yield path, self._written(path, found, case)

    def _entries(self, chosen: Iterable[str], case: Case) -> set[int]:
        """Return the entries that the chosen parts rest on, the record's own among them."""
        placed = case.placed
        found = {placed.event.index, *self._shown(chosen, case)}
        read = {path for text in chosen for path in paths(text)}
        if any(path.startswith("limits") for path in read):
            read.update(path for by in self._world.contract.limits.by for path in paths(by))
        for path in read:
            root, _, rest = path.partition(".")
            if root == "facts":
                found.update(case.fact(rest.partition(".")[0]).rests_on)
            elif root == "run" and placed.run is not None:
                found.add(placed.run.index)
            elif root in {"action", "params"} and placed.its_action is not None:
                found.add(placed.its_action.event.index)
        return found

    def _shown(self, chosen: Iterable[str], case: Case) -> Iterator[int]:
        """Yield the cited observations that the chosen parts are about."""
        for text in chosen:
            if "evidence" in paths(text):
                exists = _EXISTS.fullmatch(text)
                cited = case.cited()
                yield from (one.event.index for one in (like(exists, cited) if exists else cited))

    # -------------------------------------------------------------------------- words

    def _held(self, text: str, true: bool, case: Case) -> str:  # noqa: FBT001
        """Return what a part says of the record, with the values that it had."""
        compared = comparison(text)
        if compared is not None:
            return self._compared(compared, true=true, case=case)
        exists = _EXISTS.fullmatch(text)
        if exists is not None:
            which = "an observation is cited" if true else "no observation is cited"
            return f"{which} {described(exists[1], exists[2])} ({self._cited(exists, case)})"
        name, meaning = self._name(text)
        return f"{name} is {'true' if true else 'false'}{meaning}"

    def _compared(self, compared: Comparison, *, true: bool, case: Case) -> str:
        sign = compared.sign if true else _OPPOSITE[compared.sign]
        left, right = self._value(compared.left, case), self._value(compared.right, case)
        # What is asked of a value that stands in the rule itself is said of the other side.
        plain = not paths(compared.left)
        name, meaning = self._name(compared.right if plain else compared.left)
        if plain and not isinstance(right, Undecidable):
            bound = self._bound(compared, right, case)
            return f"{_flat(compared.left)} is {_IS[sign]}{bound}{meaning}"
        if isinstance(left, Undecidable) or isinstance(right, Undecidable):
            return f"{name} {sign} {_flat(compared.right)}"
        at = self._written(compared.left, left, case)
        bound = self._bound(compared, right, case)
        said = f"{name} is {at}" if sign == "==" else f"{name} is {at}, {_IS[sign]}{bound}"
        return f"{said}{meaning}"

    def _bound(self, compared: Comparison, right: Value, case: Case) -> str:
        """Return what something was compared with: its value, and its name where it has one."""
        like = compared.left if not paths(compared.right) else compared.right
        shown = self._written(like, right, case)
        if not paths(compared.right):
            return shown
        return f"{_flat(compared.right)}{self._which_limit(compared.right, case)}, {shown}"

    def _which_limit(self, text: str, case: Case) -> str:
        """Return for which case of the policy's values a limit is, where it is for one."""
        limits = self._world.contract.limits
        name = text.removeprefix("limits.")
        if not limits.levels or name == text:
            return ""
        for level in limits.levels:
            found = self._value(level.by, case)
            if isinstance(found, str) and name in level.cases.get(found, {}):
                return f" for {found}"
        return " by default"

    def _unknown(self, text: str, case: Case) -> str:
        found = self._value(text, case)
        why = found.reason if isinstance(found, Undecidable) else "it is not true or false"
        return sentence(f"nobody can tell whether {_flat(text)}: {why}")

    def _way(self, asked: _Asked, change: Mapping[str, bool], case: Case) -> str:
        """Return what would have satisfied the rule: parts that would be otherwise."""
        texts = [text for text in asked.texts if text in change]
        told: list[str] = []
        for text in texts:
            # What another part would change is not what it was.
            moved = {path for one in texts if one != text for path in paths(one)}
            told.append(self._wanted(text, change[text], case, moved))
        return " and ".join(told)

    def _wanted(self, text: str, true: bool, case: Case, moved: Collection[str]) -> str:  # noqa: FBT001
        compared = comparison(text)
        if compared is not None:
            sign = compared.sign if true else _OPPOSITE[compared.sign]
            right, text = self._value(compared.right, case), _flat(compared.right)
            if isinstance(right, Undecidable):
                return f"{_flat(compared.left)} {sign} {text}"
            same = not any(path in moved for path in paths(compared.right))
            bound = self._bound(compared, right, case) if same else text
            return f"{self._name(compared.left)[0]} {_IS[sign] or 'exactly '}{bound}"
        exists = _EXISTS.fullmatch(text)
        if exists is not None:
            which = "an observation cited" if true else "no observation cited"
            return f"{which} {described(exists[1], exists[2])}"
        return f"{self._name(text)[0]} {'true' if true else 'false'}"

    def _name(self, text: str) -> tuple[str, str]:
        """Return how a text is called, and after its value what the facts in it are.

        A fact that a clause brings along has no name that anybody gave: it is called what it is.
        """
        names = [path.split(".")[1] for path in paths(text) if path.startswith("facts.")]
        known = [self._facts[name] for name in names if name in self._facts]
        if not known or len(known) > FEW:
            return _flat(text), ""
        told = [called(fact) for fact in known]
        if text == f"facts.{known[0].name}" and known[0].name.startswith("_"):
            return told[0], ""
        return _flat(text), f" ({'; '.join(told)})"

    def _cited(self, exists: re.Match[str], case: Case) -> str:
        cited = like(exists, case.cited())
        if not cited:
            return "nothing is cited"
        told = [self._told(one, case.placed) for one in cited[:CITED]]
        more = f" and {len(cited) - CITED} more" if len(cited) > CITED else ""
        return f"cited: {', '.join(told)}{more}"

    def _told(self, cited: Placed, placed: Placed) -> str:
        what, source = cited.record.get("what"), cited.record.get("source")
        told = f"{what} from {source} at entry {cited.event.index}"
        observed = cited.record.get("observed_at")
        at = cited.time if observed is None else micros(observed)
        if at is None or placed.time is None or at > placed.time:
            return told
        how = "recorded" if observed is None else "observed"
        return f"{told}, {how} {lasting(placed.time - at)} before"

    def _written(self, text: str, found: Value, case: Case) -> str:
        """Return a value for a reviewer: amounts in whole units, with their currency if known."""
        last = (paths(text) or ("",))[-1]
        if last.endswith("micros") and isinstance(found, int) and not isinstance(found, bool):
            return f"{money(found)}{self._currency(last, case)}"
        return shown(found)

    def _currency(self, path: str, case: Case) -> str:
        """Return the currency that stands beside an amount; of facts no other is asked."""
        holder, _, name = path.rpartition(".")
        if name != "micros" or path.startswith(("facts.", "limits.")):
            return ""
        found = self._value(f"{holder}.currency", case)
        return f" {found}" if isinstance(found, str) else ""


def sensible(ways: Sequence[Change]) -> Sequence[Change]:
    """Return the ways that lack nothing for it, where there are such.

    A rule on what is cited would hold too if nothing were cited: that helps nobody.
    """
    kept = [way for way in ways if not any(_takes_away(text) and not true for text, true in way)]
    return kept or ways


def _takes_away(text: str) -> bool:
    return text == "action.known" or text.startswith("has(") or bool(_EXISTS.fullmatch(text))


def like(exists: re.Match[str], cited: Sequence[Placed]) -> Sequence[Placed]:
    """Return the observations of the kind that is asked for; all, where there is none of it."""
    kind = re.search(rf"\b{exists[1]}\.kind == (\"[^\"]*\")", exists[2])
    if kind is None:
        return cited
    wanted = json.loads(kind[1])
    return [one for one in cited if one.record.get("what") == wanted] or cited


def described(name: str, asked: str) -> str:
    """Return in words which observation is asked for.

    Args:
        name: The variable that stands for it.
        asked: The condition on it.

    Example:
        >>> described("e", 'e.kind == "order" && e.source in ["shop"] && has(e.digest)')
        'of kind "order", from "shop", with its digest'
    """
    asked_of = formula(asked)
    each = asked_of.inner if isinstance(asked_of, Every) else (asked_of,)
    told: list[str] = []
    for one in each:
        text = "||".join(parts(one))
        for form, words in _OF_EVIDENCE:
            found = re.fullmatch(form.replace("NAME", name), text)
            if found is not None:
                told.append(words.format(*(_plain(group) for group in found.groups())))
                break
        else:
            told.append(f"for which {_flat(text)}")
    kept = [one for one in dict.fromkeys(told) if one]
    return ", ".join(kept) or "at all"


def _plain(text: str) -> str:
    if re.fullmatch(r"[0-9.]+(?:ms|s)", text):
        unit = 1_000 if text.endswith("ms") else 1_000_000
        return lasting(round(float(text.rstrip("ms")) * unit))
    return text.replace(", ", " or ")


def lasting(micros: int) -> str:
    """Return a length of time by its two largest units.

    Example:
        >>> lasting(7_502_494_000), lasting(90_000_000_000), lasting(1)
        ('2h 5m', '1d 1h', '0.000001s')
    """
    found: list[str] = []
    rest = micros
    for unit in ("d", "h", "m"):
        many, rest = divmod(rest, MICROSECONDS[unit])
        found += [f"{many}{unit}"] if many else []
    if rest and len(found) < FEW:
        seconds = f"{rest / 1_000_000:.6f}".rstrip("0").rstrip(".")
        found.append(f"{seconds}s")
    return " ".join(found[:FEW]) or "0s"


def called(fact: Fact) -> str:
    """Return what a fact is, as a name for its value."""
    # What more there is to say of it stands in the contract's explanation.
    words = fact_words(fact).partition(". ")[0].rstrip(".")
    words = _COUNT.sub(r"the number of \1", words[:1].lower() + words[1:])
    if fact.where:
        what = records_words(fact)
        asked = _flat(fact.where)
        which = f"where {asked}" if len(asked) <= WHERE else "that its condition selects"
        words = words.replace(what, f"{what} {which}", 1)
    if fact.value and len(fact.value) <= INLINE:
        words = words.replace(" a value ", f" {_flat(fact.value)} ", 1)
        words = words.replace("the value of", f"{_flat(fact.value)} of", 1)
    return words


def money(micros: int) -> str:
    """Return micro-units in whole ones, with cents at least.

    Example:
        >>> money(120_000_000), money(-1), money(1_234_567_890_000)
        ('120.00', '-0.000001', '1,234,567.89')
    """
    whole, rest = divmod(abs(micros), 1_000_000)
    cents = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"{'-' if micros < 0 else ''}{whole:,}.{cents}"


def shown(value: Value) -> str:
    """Return a value as text, cut where it is long."""
    if isinstance(value, datetime):
        return written(value)
    if isinstance(value, timedelta):
        return lasting(value // timedelta(microseconds=1))
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, default=_spelt)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _spelt(value: Value) -> str:
    return written(value) if isinstance(value, datetime) else str(value)


def _flat(text: str) -> str:
    """Return a condition on one line, times by their names."""
    return _TIME.sub(r"\1", " ".join(text.split()))
