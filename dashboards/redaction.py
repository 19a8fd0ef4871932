"""A timeline without what people said and who they are, for whoever only has to see the decisions.

Kept are times, tools, identities of the services' own people, decisions, rules and their results,
numbers and flags. Withheld is every other text that a record brought in: what was said, asked for,
read from a source, or given to a tool. Nobody can tell a name from another word, so none is kept.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, cast

from replay.steps import Cited, Fact, Judged, Ruled, Said, Step, Told
from replay.timeline import Timeline

WITHHELD: Final = "withheld"
SAYS: Final = (
    "redacted: what people said and who they are, texts given to tools and read from sources"
)
# What a run was opened with that may be about a person.
_OPENED: Final = frozenset({"requester", "goal"})
# Of what stands between the steps, only this says nothing that somebody wrote.
_UNSPOKEN: Final = frozenset({"activation"})
# A number, an amount, a length of time, a flag: no fact's value that is one of these names anybody.
_PLAIN: Final = re.compile(r"[-+]?\d[\d.,: ]*(%|[A-Z]{3}|[a-z]{1,3})?|true|false|none|")


def redacted(found: Timeline) -> Timeline:
    """Return a timeline without personal data, which says so in place of what was asked for."""
    return replace(found, runs=tuple(_told(one) for one in found.runs), asked=(SAYS,))


def _told(told: Told) -> Told:
    opened = {
        name: WITHHELD if name in _OPENED else value
        for name, value in told.run.opened.items()
        # What the source calls it may be anything; it is then called by its digest.
        if name != "ref"
    }
    return replace(
        told,
        run=replace(told.run, opened=opened, outcome=_text(told.run.outcome)),
        steps=tuple(_step(step) for step in told.steps),
        said=tuple(_said(one) for one in told.said),
    )


def _said(one: Said) -> Said:
    text = one.text if one.kind in _UNSPOKEN else _text(one.text)
    return replace(one, text=text, against=tuple(_ruled(rule) for rule in one.against))


def _step(step: Step) -> Step:
    return replace(
        step,
        act=replace(step.act, target=_text(step.act.target)),
        params=cast("Mapping[str, Any]", without_texts(step.params)),
        evidence=tuple(_cited(one) for one in step.evidence),
        then=_judged(step.then),
        now=_judged(step.now),
        differences=tuple(replace(one, why=_text(one.why)) for one in step.differences),
        words=tuple(replace(one, reason=_text(one.reason)) for one in step.words),
        error=_text(step.error),
        result=without_texts(step.result),
    )


def _cited(one: Cited) -> Cited:
    return replace(one, ref=_text(one.ref), fields=without_texts(one.fields))


def _judged(judged: Judged | None) -> Judged | None:
    if judged is None:
        return None
    return replace(
        judged,
        rules=tuple(_ruled(one) for one in judged.rules),
        facts=tuple(_fact(one) for one in judged.facts),
    )


def _ruled(one: Ruled) -> Ruled:
    # Why a rule came out so is told with the values that it read.
    return replace(one, because=(), would=(), reason=_text(one.reason))


def _fact(one: Fact) -> Fact:
    value = one.value if _PLAIN.fullmatch(one.value) else WITHHELD
    return replace(one, value=value, reason=_text(one.reason))


def _text(text: str) -> str:
    return WITHHELD if text else ""


def without_texts(value: object) -> object:
    """Return recorded data with its numbers and flags, and no text; names of members stay.

    Example:
        >>> without_texts({"amount": 5, "to": ["Anna", True]})
        {'amount': 5, 'to': ['withheld', True]}
    """
    if isinstance(value, Mapping):
        parts = cast("Mapping[str, object]", value)
        return {name: without_texts(part) for name, part in parts.items()}
    if isinstance(value, list | tuple):
        return [without_texts(part) for part in cast("list[object]", value)]
    return WITHHELD if isinstance(value, str) and value else value
