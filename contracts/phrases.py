"""Facts, rules and durations in words, for whoever owns the policy."""

from collections.abc import Iterator
from typing import Final

from contracts.expressions import MICROSECONDS
from contracts.model import Effect, Expectation, Fact, Rule

# A key longer than this stands by itself, below the sentence.
INLINE: Final = 48

_AGGREGATES: Final = {
    "count": "How many {what} there were",
    "seen": "Whether there was one of the {what}",
    "sum": "The sum of a value over the {what}",
    "min": "The least value of the {what}",
    "max": "The greatest value of the {what}",
    "last": "The value of the last of the {what}",
    "list": "The values, in order and at most 256, of the {what}",
}
_SOURCES: Final = {
    "action": "calls",
    "outcome": "outcomes",
    "observation": "observations",
    "approval": "approvals",
    "message": "messages",
    "run.opened": "openings of runs",
    "run.closed": "closings of runs",
    "switch": "switches",
}
_SCOPES: Final = {
    "run": "in the same run",
    "identity": "by the same identity",
    "service": "of the same service",
    "workflow": "in the same workflow",
    "domain": "in the same domain",
    "ledger": "in the whole ledger",
}
_SUBJECTS: Final = {
    "action": "every call",
    "outcome": "every outcome",
    "message": "every message",
    "run.closed": "every closing of a run",
}
_REPORTED: Final = {
    Effect.DENY: "reported as a grave violation; it is done and cannot be refused.",
    Effect.APPROVE: "reported; it is done and cannot wait for an approval.",
    Effect.ESCALATE: "reported; it is done and a person can only look at it.",
    Effect.WARN: "reported, as a warning.",
    Effect.ALLOW: "reported.",
}
_CHECKS: Final = {
    "missing": "This check: nothing of the kind is cited.",
    "source": "This check: it is cited, and from no allowed source.",
    "stale": "This check: it is from an allowed source, and too old.",
    "incomplete": "This check: it is fresh, and not all that is needed is there.",
    "conflicting": "This check: two of them say different things of one subject.",
}
_DECIDED: Final = {
    Effect.DENY: "the call is refused.",
    Effect.ESCALATE: "a person decides.",
    Effect.WARN: "a warning, and the call goes on.",
    Effect.ALLOW: "the call goes on.",
}


def sentence(text: str) -> str:
    """A text with a capital at its beginning, if it begins with a word, and a full stop."""
    first = text.partition(" ")[0]
    begun = text if set("._/:") & set(first[:-1]) else text[:1].upper() + text[1:]
    return begun if begun[-1:] in {"", ".", "!", "?"} else f"{begun}."


def subject_words(rule: Rule) -> str:
    """What a rule is for."""
    if not rule.tools:
        return f"For {_SUBJECTS[rule.subject]}."
    of = "calls of" if rule.subject == "action" else f"{rule.subject}s of"
    return f"For {of} {', '.join(rule.tools)}."


def check_words(rule: Rule) -> str:
    """Which of the checks of one piece of evidence a rule is; they share what they say."""
    known = _CHECKS.get(rule.id.rpartition(".")[2], "")
    return known if rule.clause == "evidence" and rule.id.count(".") > 1 else ""


def consequences(rule: Rule) -> Iterator[str]:
    """What follows where a rule is broken, and where nobody can tell."""
    broken, open_ = if_broken(rule), if_undecided(rule)
    if broken == open_:
        yield f"If broken, or if nobody can tell: {broken}"
    else:
        yield f"If broken: {broken}"
        yield f"If nobody can tell: {open_}"


def if_broken(rule: Rule) -> str:
    """What happens where a rule is violated."""
    if rule.subject != "action":
        return _REPORTED[rule.effect]
    if rule.effect is not Effect.APPROVE:
        return _DECIDED[rule.effect]
    lasting = f", for {duration_words(rule.within)}" if rule.within is not None else ""
    return f"somebody with the role {rule.role} approves first{lasting}."


def if_undecided(rule: Rule) -> str:
    """What happens where nobody can tell."""
    if rule.subject != "action":
        return "reported as undecidable."
    return _DECIDED[rule.undecidable]


def expected_words(rule: Rule, expect: Expectation) -> str:
    """What has to follow a record, and by when."""
    what = _SOURCES[expect.source]
    what += f" of {', '.join(expect.tools)}" if expect.tools else ""
    until = (
        "before the run closes"
        if expect.within is None
        else f"within {duration_words(expect.within)}"
    )
    began = "Where the condition below holds, one" if rule.when else "One"
    place = _SCOPES[expect.over]
    missing = "Nothing is refused for it; what is missing is reported"
    return f"{began} of these must follow {place} {until}: {what}. {missing}."


# ------------------------------------------------------------------------------- facts


def records_words(fact: Fact) -> str:
    """Which records a fact is taken from."""
    return _SOURCES[fact.source] + (f" of {', '.join(fact.tools)}" if fact.tools else "")


def fact_words(fact: Fact) -> str:
    """What a fact is."""
    what = records_words(fact)
    words = [_AGGREGATES[fact.aggregate].format(what=what), _SCOPES[fact.over]]
    words += [_key_words(fact)] if fact.by else []
    words += [f"in the last {duration_words(fact.within)}"] if fact.within is not None else []
    return ". ".join([" ".join(words), *_notes(fact)]) + "."


def _key_words(fact: Fact) -> str:
    by, at = fact.by, fact.at or fact.by
    if len(by) + len(at) > INLINE or "\n" in by + at:
        return "with the same key" if by == at else "with the key asked for"
    return f"with the same {by}" if by == at else f"whose {by} is {at}"


def _notes(fact: Fact) -> Iterator[str]:
    if fact.attempts == "all":
        yield "Refused and held attempts count too"
    if fact.reference:
        yield "Reference data count too"
    if fact.reserve:
        yield "A call without an outcome counts with its reserve"
    if fact.default is not None:
        yield f"Where there is none: {fact.default!r}"
    if fact.unknown == "skip":
        yield "Records that cannot be read are left out"


def duration_words(microseconds: int) -> str:
    """A duration as a contract writes it, in the largest unit that fits."""
    units = sorted(MICROSECONDS.items(), key=lambda unit: -unit[1])
    for unit, length in units:
        if microseconds and microseconds % length == 0:
            return f"{microseconds // length}{unit}"
    return f"{microseconds} microseconds"
