"""A comparison of two contracts as text for a policy's owner, and as JSON for a program."""

import textwrap
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from contracts.coercion import Value, is_list, is_map
from contracts.differences import amount, lasts
from contracts.diffing import Change, Diff, Newly
from contracts.instants import written
from contracts.model import Contract, Effect, Position
from contracts.phrases import fact_words
from contracts.samples import Path
from contracts.searching import Span, Witness
from contracts.stated import Ago, Outcome, Situation

SCHEMA: Final = "writ/contract-diff/v1"
WIDTH: Final = 100
_SHOWN: Final = 60
_MOST_SHOWN: Final = 12

_HEADS: Final = {
    Newly.ALLOWED: "NEWLY ALLOWED",
    Newly.DENIED: "NEWLY DENIED",
    Newly.APPROVAL: "NEWLY NEEDS AN APPROVAL",
    Newly.ESCALATED: "NEWLY GOES TO A PERSON (escalated)",
    Newly.SIGNERS: "ANOTHER SIGN-OFF",
    Newly.NOTHING: "CHANGED, WITHOUT AN EXAMPLE",
}
_ONLY_TEXTS: Final = (
    "The texts differ in what decides no action and is not compared: words for readers, the\n"
    "number of a version, a fallback, or what a compensation is given."
)
_CLOSING: Final = (
    "Each example was decided by both contracts. It states what facts and evidence say, and not how"
    " a history came to say it; what it leaves out is in order. Examples are looked for at the"
    " edges of conditions: that none was found does not prove that there is none."
)


def diff_text(found: Diff) -> str:
    """Return a comparison as text of at most 100 columns, ended by a newline."""
    old, new = found.before, found.after
    title = f"{old.name} {old.version} -> {new.name} {new.version}"
    if old.name == new.name:
        title = f"{old.name} {old.version} -> {new.version}"
    if not found.changes:
        same = "" if old.digest == new.digest else f"\n{_ONLY_TEXTS}\n"
        return f"{title}\n\nNo difference: every action is decided alike.\n{same}"
    lines = [title]
    number = 0
    for newly, head in _HEADS.items():
        mine = [one for one in found.changes if one.newly is newly]
        lines += ["", head] if mine else []
        for change in mine:
            number += 1
            lines += _change(found, change, number)
    if any(change.example for change in found.changes):
        lines += ["", *textwrap.wrap(_CLOSING, WIDTH)]
    return "\n".join(lines) + "\n"


def _change(found: Diff, change: Change, number: int) -> Iterator[str]:
    difference = change.difference
    head = f"{number:>3}. {difference.part} {difference.name} {difference.what}"
    if difference.part != "limit" or not difference.words:
        yield head + _lines(difference.before, difference.after)
        words = difference.words
    else:
        yield f"{head}: {difference.words[0]}"
        words = difference.words[1:]
    for one in words:
        yield from _wrapped(one, "     ")
    if difference.part == "rule":
        says = _says(found.after, difference.name) or _says(found.before, difference.name)
        told = " ".join(words)
        yield from (line for line in says if line.strip() not in told)
    if change.example is None:
        yield from _wrapped(f"No example: {change.why}.", "     ")
    else:
        yield from _example(found, change.example)


def _lines(before: Position, after: Position) -> str:
    lines = [str(one.line) for one in (before, after) if one.line]
    return f" (line {' -> '.join(lines)})" if lines else ""


def _says(contract: Contract, name: str) -> list[str]:
    for rule in contract.rules:
        if rule.id == name and rule.says:
            cited = f" [{rule.cites}]" if rule.cites else ""
            return list(_wrapped(f"{rule.says}{cited}", "     "))
    return []


def _example(found: Diff, example: Witness) -> Iterator[str]:
    yield f"     Example: a call of {example.situation.tool}"
    spans = {span.place: span for span in example.spans}
    for place, value in example.reads[:_MOST_SHOWN]:
        text = f"{_named(found, place)} = {shown_value(place, value)}"
        text += _span(spans[place]) if place in spans else ""
        yield from _wrapped(text, "         ")
    versions = _names(found)
    for version, outcome, reasons, contract in zip(
        versions, example.outcomes, example.reasons, (found.before, found.after), strict=True
    ):
        because = f": {', '.join(reasons)}" if reasons else ""
        yield from _wrapped(f"{version}  {outcome_words(outcome)}{because}", "       ")
        if outcome.effect is not Effect.ALLOW:
            yield from ("       " + line for one in reasons[:1] for line in _says(contract, one))


def _named(found: Diff, place: Path) -> str:
    """Return a place as a reader knows it: a clause's own fact by what it counts."""
    if place[0] == "facts" and place[1].startswith("_"):
        known = [*found.after.facts, *found.before.facts]
        fact = next((one for one in known if one.name == place[1]), None)
        if fact is not None:
            return f"({fact_words(fact).partition('. ')[0].removesuffix('.')})"
    return shown_place(place)


def _names(found: Diff) -> tuple[str, str]:
    if found.before.version != found.after.version:
        width = max(len(found.before.version), len(found.after.version))
        return found.before.version.ljust(width), found.after.version.ljust(width)
    return "before", "after "


def shown_place(place: Path) -> str:
    """Return a place as a condition writes it; evidence by its kind."""
    if place[0] == "evidence":
        return f"evidence {place[1]}: {'.'.join(place[2:])}"
    return ".".join(place)


def shown_value(place: Path, value: Value) -> str:
    """Return a value as text for a person."""
    if isinstance(value, Ago):
        return f"{lasts(value.micros)} before the action"
    if isinstance(value, datetime):
        return written(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if is_list(value):
        return f"{len(value)} values" if len(value) > 3 else str(value)  # noqa: PLR2004 - a few
    if isinstance(value, str) and len(value) > _SHOWN:
        return f"a text of {len(value)} characters"
    return amount(place[-1], value)


def _span(span: Span) -> str:
    if span.opens and span.most == span.least:
        return ", and more"
    if span.most == span.least:
        return ""
    most = shown_value(span.place, span.most)
    return ", and more" if span.opens else f", and up to {most}"


def outcome_words(outcome: Outcome) -> str:
    """Return what becomes of an action, in words."""
    if outcome.effect is not Effect.APPROVE:
        return outcome.effect.value
    signers = [
        role + ("" if within is None else f", good for {lasts(within)}")
        for role, within in outcome.signers
    ]
    return f"approval by {' and '.join(signers)}" if signers else "approval"


def _wrapped(text: str, indent: str) -> Iterator[str]:
    yield from textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent + "  ",
        break_on_hyphens=False, break_long_words=False,
    )  # fmt: skip


# ------------------------------------------------------------------------------- JSON


def diff_json(found: Diff) -> dict[str, Any]:
    """Return a comparison as JSON: docs/spec/contract-diff.md."""
    return {
        "schema": SCHEMA,
        "before": _contract(found.before),
        "after": _contract(found.after),
        "changes": [_change_json(change) for change in found.changes],
    }


def _contract(contract: Contract) -> dict[str, str]:
    return {
        "name": contract.name,
        "version": contract.version,
        "digest": contract.digest,
        "service": contract.service,
    }


def _change_json(change: Change) -> dict[str, Any]:
    difference = change.difference
    return {
        "part": difference.part.value,
        "name": difference.name,
        "what": difference.what,
        "words": list(difference.words),
        "case": difference.case,
        "rules": list(difference.rules),
        "lines": [difference.before.line, difference.after.line],
        "newly": change.newly.value,
        "example": None if change.example is None else _example_json(change.example),
        "why": change.why,
    }


def _example_json(example: Witness) -> dict[str, Any]:
    before, after = (
        {
            "effect": outcome.effect.value,
            "signers": [
                {"role": role, "within_micros": within} for role, within in outcome.signers
            ],
            "rules": list(reasons),
        }
        for outcome, reasons in zip(example.outcomes, example.reasons, strict=True)
    )
    return {
        "action": _situation(example.situation),
        "before": before,
        "after": after,
        "shown_by": [
            {"place": shown_place(place), "value": _json(value)} for place, value in example.reads
        ],
        "spans": [
            {
                "place": shown_place(span.place),
                "least": _json(span.least),
                "most": _json(span.most),
                "opens": span.opens,
            }
            for span in example.spans
        ],
    }


def _situation(situation: Situation) -> dict[str, Any]:
    return {
        "tool": situation.tool,
        "params": _json(dict(situation.params)),
        "time_micros": situation.time,
        "facts": _json(dict(situation.facts)),
        "evidence": [_json(dict(one)) for one in situation.evidence],
        "run": _json(dict(situation.run)),
        "identity": _json(dict(situation.identity)),
        "more": _json(dict(situation.more)),
    }


def _json(value: Value) -> Value:
    """Return a value as JSON has it: times as text, ages as `{"ago_micros": n}`."""
    if isinstance(value, Ago):
        return {"ago_micros": value.micros}
    if isinstance(value, datetime):
        return written(value)
    if is_map(value):
        return {name: _json(item) for name, item in value.items()}
    if is_list(value):
        return [_json(item) for item in value]
    return value if isinstance(value, str | int | float | bool) else None
