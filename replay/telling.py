"""What of an entry a timeline tells: facts, evidence and rules of an action, and what was said.

Source: docs/spec/timeline.md.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from contracts.case import Case, Groups
from contracts.comparisons import paths
from contracts.decision import Reason
from contracts.engine import CompiledRule, Engine
from contracts.evaluation import Undecidable, condition
from contracts.instants import micros
from contracts.lineage import Placed
from contracts.model import Contract, Effect, Verdict
from contracts.reasons import called, money, shown
from contracts.results import RuleResult
from replay.history import Act, History, Run
from replay.rates import Rates
from replay.steps import Cited, Fact, Ruled, Said, Step, Word
from replay.wording import flat
from replay.worth import Item, Worth, totals, worths


@dataclass(slots=True)
class Story:
    """A run while it is told.

    Attributes:
        run: The run.
        worth: What it cost and was worth.
        whole: Whether all of its actions were chosen.
        last: The last entry that can stand in it.
        steps: Its chosen actions so far, by entry.
        said: What stands between them so far.
    """

    run: Run
    worth: Worth
    whole: bool
    last: int
    steps: dict[int, Step] = field(default_factory=dict[int, Step])
    said: list[Said] = field(default_factory=list[Said])


def stories(history: History, acts: Iterable[Act]) -> dict[str, Story]:
    """Return the runs in which actions stand, by digest, with nothing told of them yet."""
    counts: dict[str, int] = {}
    for act in acts:
        counts[act.run] = counts.get(act.run, 0) + 1
    runs = [history.runs[digest] for digest in counts]
    return {
        worth.run.digest: Story(
            worth.run,
            worth,
            whole=counts[worth.run.digest] == len(worth.acts),
            last=worth.run.closed if worth.run.closed >= 0 else history.size,
        )
        for worth in worths(history, Rates(), runs)
    }


def last_entry(story: Story, size: int) -> int:
    """Return the last entry that anything is told of, as far as the history says."""
    if story.whole and story.run.closed < 0:
        return size
    ends = [max(act.index, act.ended) for act in story.worth.acts]
    heard = [word.index for act in story.worth.acts for word in act.approvals]
    return max((*ends, *heard, story.run.closed), default=size)


def reasons_of(record: Mapping[str, Any]) -> tuple[Reason, ...]:
    """Return the reasons that an action's record gives for its decision."""
    decision: Mapping[str, Any] = record.get("decision") or {}
    return tuple(
        Reason(one["rule"], Verdict(one["result"]), Effect(one["effect"]))
        for one in decision.get("reasons", ())
    )


def until(items: Iterable[Item], index: int) -> dict[str, int]:
    """Return the sums by currency of what counts up to an entry."""
    return totals(item for item in items if item.index <= index)


def limit_names(contract: Contract) -> list[str]:
    """Return the limits that a contract's rules read, in order."""
    texts = [text for rule in contract.rules for text in (rule.when, rule.unless) if text]
    read = (path.split(".") for text in texts for path in paths(text))
    return sorted({parts[1] for parts in read if parts[0] == "limits" and len(parts) > 1})


def facts_of(engine: Engine, placed: Placed, meaning: dict[str, str]) -> list[Fact]:
    """Return the facts that the rules for an action read, as of it, in the contract's order.

    Args:
        engine: The contract's engine, before the action counts.
        placed: The action.
        meaning: What facts are in words, once worked out, by contract and name.
    """
    world = engine.world
    case = Case(world, placed, Groups((), (), world.top))
    rules = [
        each
        for each in engine.rules
        if each.rule.subject == "action" and (not each.rule.tools or placed.tool in each.rule.tools)
    ]
    names = {name for each in rules for name in each.facts}
    found: list[Fact] = []
    for name in sorted(names, key=world.level):
        fact, known = world.facts[name].fact, case.fact(name)
        text = "" if known.reason else _value(fact.value, known.value)
        key = f"{engine.contract.digest}/{name}"
        means = meaning.get(key) or meaning.setdefault(key, called(fact))
        found.append(Fact(name, means, text, known.reason, known.rests_on))
    return found


def limits_of(engine: Engine, placed: Placed) -> dict[str, object]:
    """Return the limits that a contract's rules read, for an action; None for what is not said."""
    world = engine.world
    case = Case(world, placed, Groups((), (), world.top))
    found: dict[str, object] = {}
    for name in limit_names(engine.contract):
        value = case.ask(condition(world.evaluator, f"limits.{name}", world.top))
        found[name] = None if isinstance(value, Undecidable) else value
    return found


def _value(expression: str, value: Any) -> str:  # noqa: ANN401 - whatever a fact is of
    """Return a fact's value; amounts in whole units."""
    last = (paths(expression) if expression else ("",))[-1:]
    is_amount = bool(last) and last[0].endswith("micros")
    if is_amount and isinstance(value, int) and not isinstance(value, bool):
        return money(value)
    return shown(value)


def ruled(
    result: RuleResult, compiled: CompiledRule, contract: Contract, effects: Mapping[str, str]
) -> Ruled:
    """Return a rule's result with what it did to the decision.

    Args:
        result: The result.
        compiled: The rule with what it reads.
        contract: The contract that it is of.
        effects: By rule, what those did that are reasons of the decision.
    """
    rule, why = result.rule, result.explanation
    effect = effects.get(rule.id, "") if rule.expect is None else ""
    return Ruled(
        index=result.index,
        rule=rule,
        line=contract.line_of(rule.position),
        result=result.verdict,
        reason=result.reason,
        effect=effect,
        facts=compiled.facts,
        because=() if why is None else why.because,
        would=() if why is None else why.would,
        entries=result.rests_on,
    )


def word_of(placed: Placed) -> Word:
    """Return an approval as somebody's word on an action."""
    record = placed.event.record
    return Word(
        placed.event.index,
        placed.time,
        record["by"],
        record["verdict"],
        record.get("rule") or "",
        record.get("reason") or "",
    )


def cited_as(cited: Placed, placed: Placed) -> Cited:
    """Return an observation as an action cites it."""
    record = cited.record
    observed = micros(record.get("observed_at"))
    at = cited.time if observed is None else observed
    one_clock = cited.event.imported is placed.event.imported
    age = None
    if one_clock and at is not None and placed.time is not None:
        age = placed.time - at
    return Cited(
        index=cited.event.index,
        what=record["what"],
        source=record["source"],
        observer=record["observer"],
        ref=record.get("ref") or "",
        age=age,
        observed=observed is not None,
        self_attested=record.get("self_attested") is True,
        fields=record.get("fields"),
    )


def said_by(placed: Placed) -> Said:
    """Return what stands between the steps."""
    record, subject = placed.event.record, placed.subject
    kind = subject.removeprefix("run.") or record["kind"]
    who, text = _SAYS[kind](record)
    return Said(placed.event.index, placed.time, kind, who, text)


def _message(record: Mapping[str, Any]) -> tuple[str, str]:
    content = record.get("content") or ""
    return record["role"], content if isinstance(content, str) else flat(content)


def _switch(record: Mapping[str, Any]) -> tuple[str, str]:
    where = f" where {record['selector']}" if "selector" in record else ""
    return record["by"], f"{record['mode']} switch {record['state']}{where}: {record['reason']}"


_SAYS: Final[Mapping[str, Callable[[Mapping[str, Any]], tuple[str, str]]]] = {
    "opened": lambda record: (record["by"], record.get("goal") or ""),
    "closed": lambda record: (record["by"], record.get("outcome") or ""),
    "message": _message,
    "observation": lambda record: (
        record["source"],
        f"{record['what']}: {flat(record.get('fields'))}",
    ),
    "switch": _switch,
    "activation": lambda record: (
        record["by"],
        f"version {record['version']} is activated, from {record['effective_at']} on",
    ),
}
