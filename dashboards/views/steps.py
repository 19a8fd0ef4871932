"""The steps of a run, one under the other: what was said, seen, decided and done."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import streamlit as st

from dashboards import markup, runs
from dashboards.answers import Stored
from dashboards.markup import code, data, line, said, small, strong
from dashboards.runs import Entry, RunHead, Step
from dashboards.tables import Tables
from dashboards.timelines import decided
from dashboards.views import again, parts
from dashboards.words import (
    EFFECT_WORDS,
    STATUS_WORDS,
    amount,
    last_name,
    member,
    seconds,
    short,
    when,
)

ROLES: Final[Mapping[str, str]] = {
    "user": "The customer says",
    "assistant": "The agent says",
    "system": "The system says",
    "human": "A colleague says",
}

# On a page of its own: a run of fifty steps would send each record twice.
RECORD: Final = "The whole record, its evidence and proof"


def show(
    tables: Tables,
    head: RunHead,
    steps: Sequence[Step],
    marked: int | None,
    found: Stored | None = None,
) -> None:
    """Show steps in the ledger's order, the ones with findings marked.

    Args:
        tables: The tables.
        head: Whose steps they are.
        steps: These.
        marked: The entry that the address names.
        found: How they are decided again; None where nobody has asked.
    """
    judged = decided(found, [step.entry.index for step in steps]) if found is not None else {}
    waiting: list[str] = []
    for step in steps:
        chosen = step.entry.index == marked
        border = chosen or bool(step.findings)
        key = f"step-{step.entry.index}"
        drawn = _place(head, step, chosen=chosen) + _told(tables, step)
        if found is None or step.entry.index not in judged:
            # Each element costs the browser milliseconds: steps in a row are one.
            waiting.append(markup.step(key, drawn, border=border))
            continue
        _flush(waiting)
        with st.container(border=border, key=key, gap="xsmall"):
            st.html(markup.step("", drawn))
            # Under the record: this is derived, and nobody recorded it.
            again.step(found, judged[step.entry.index])
    _flush(waiting)


def _flush(waiting: list[str]) -> None:
    if waiting:
        st.html("".join(waiting))
        waiting.clear()


def _told(tables: Tables, step: Step) -> str:
    """Return what a step says, and what was found at it, as HTML."""
    found = [f"<p>{parts.signs(row)} {code(row.rule)}</p>" for row in step.findings]
    return f'<div class="writ-told">{"".join(found)}{_content(tables, step)}</div>'


def _place(head: RunHead, step: Step, *, chosen: bool) -> str:
    """Return where a step stands, as HTML: its entry, when, and whether it was asked for."""
    entry = step.entry
    after = runs.seconds_between(head.opened, entry.moment)
    told = f"+{seconds(after)}" if after > 0 else ("" if step.outside else "opened")
    told = told if after or entry.index == head.index else "same time"
    # A step outside belongs to no run.
    marks = ["shown"] * chosen + ["outside the run"] * step.outside
    return markup.place(entry.index, (told, _times(entry)), marks)


def _times(entry: Entry) -> str:
    """Return the time of day of a step, and when it was recorded where that is another time."""
    if entry.moment != entry.recorded_at:
        return f"claimed {when(entry.moment)}, recorded {when(entry.recorded_at)}"
    # The day stands at the head of the run.
    return when(entry.moment)[11:]


# --------------------------------------------------------------------- by kind of record


def _content(tables: Tables, step: Step) -> str:
    kind = step.entry.kind
    if kind == "run":
        kind = f"run.{member(step.entry.record, 'phase')}"
    shown = _KINDS.get(kind)
    if shown is not None:
        return shown(tables, step)
    return f"<p>{strong(kind)}</p>{data(dict(step.entry.record), 8_000)}{_whole(step)}"


def _whole(step: Step) -> str:
    """Return the link to the record as it stands."""
    return parts.to_entry(RECORD, step.entry.index)


def _named(label: str, value: str, limit: int = 60) -> str:
    return f"{label} {code(value, limit)}" if value else ""


def _opened(_: Tables, step: Step) -> str:
    record = step.entry.record
    head = line(
        strong("Run opened"),
        _named("by", last_name(member(record, "by"))),
        _named("on", member(record, "channel")),
    )
    return head + said(member(record, "goal")) + _whole(step)


def _closed(_: Tables, step: Step) -> str:
    record = step.entry.record
    head = line(strong("Run closed"), _named("worth", amount(record.get("value"))))
    return head + said(member(record, "outcome"))


def _message(_: Tables, step: Step) -> str:
    record = step.entry.record
    tokens: Mapping[str, int] = record.get("tokens", {})
    head = line(
        strong(ROLES.get(member(record, "role"), "Somebody says")),
        f"turn {markup.text(member(record, 'turn'))}",
        _named("name", member(record, "name")),
        _named("cost", amount(record.get("cost"))),
        f"{tokens.get('input', 0):,} tokens read, {tokens.get('output', 0):,} written"
        if tokens
        else "",
    )
    return head + (said(member(record, "content")) or small("no text"))


def _observation(_: Tables, step: Step) -> str:
    record = step.entry.record
    observer = member(record, "observer")
    head = line(
        f"{strong('Evidence')} {code(member(record, 'what'))}",
        _named("from", member(record, "source")),
        _named("ref", member(record, "ref")),
        _named("observed by", last_name(observer)) if observer != "source" else "",
        strong("self-attested") if record.get("self_attested") else "",
    )
    fields = data(record["fields"]) if "fields" in record else ""
    return (
        head + fields + small(_named("digest of what was seen:", short(member(record, "digest"))))
    )


def _action(tables: Tables, step: Step) -> str:
    record = step.entry.record
    estimate: Mapping[str, Any] = record.get("estimate", {})
    head = line(
        f"{strong('Action')} {code(step.entry.tool)}",
        _named("mode", member(record, "mode")),
        _named("target", member(record, "target")),
        _named("estimate", amount(estimate.get("cost"))),
        _named("worth", amount(estimate.get("value"))),
        _decided(step),
    )
    return "".join(
        [head, data(record["params"]), _reasons(tables, step), _links(step), _whole(step)]
    )


def _decided(step: Step) -> str:
    """Return what the guard decided, and under which contract, for the action's own line."""
    record = step.entry.record
    version = member(record, "contract", "version") or step.entry.version
    under = f" under {code(version)}" if version else ""
    if "decision" in record:
        effect = str(record["decision"]["effect"])
        return f"{strong(EFFECT_WORDS.get(effect, effect))}{under}"
    why = "it was imported" if step.entry.imported else "none was recorded"
    return f"no guard's decision, {why}" + (f"; in force was {code(version)}" if version else "")


def _reasons(tables: Tables, step: Step) -> str:
    record = step.entry.record
    decision: Mapping[str, Any] = record.get("decision", {})
    told: list[str] = []
    for reason in decision.get("reasons", ()):
        name, effect = str(reason["rule"]), str(reason["effect"])
        rule = runs.rule_named(tables, record.get("contract"), name)
        result = f"{code(name)} is {markup.text(str(reason['result']))}"
        did = f"so the action is {markup.text(EFFECT_WORDS.get(effect, effect))}"
        says = f"<br>{markup.text(rule.says, 240)}" if rule is not None and rule.says else ""
        told.append(f"<li>{result}, {did}{says}</li>")
    return f"<ul>{''.join(told)}</ul>" if told else ""


def _links(step: Step) -> str:
    """Return the records that an action names: evidence, and what it resumes or undoes."""
    record = step.entry.record
    told = [_link("cites", str(digest), step) for digest in record.get("evidence", ())]
    for name, words in (("resumes", "resumes"), ("compensates", "undoes")):
        if member(record, name):
            told.append(_link(words, member(record, name), step))
    return "".join(told)


def _link(words: str, digest: str, step: Step) -> str:
    entry = step.links.get(digest)
    if entry is None:
        return small(f"{words} a record that is not valid here, {code(short(digest))}")
    what = member(entry.record, "what") or entry.tool
    told = f"{words} entry {entry.index}, {markup.text(entry.kind)} {code(what, 40)}"
    told += f" from {code(entry.source, 40)}" if entry.source else ""
    if entry.run == step.entry.run:
        return small(told, markup.to_entry(entry.index, "show"))
    return markup.folded(told, data(dict(entry.record), 8_000))


def _approval(_: Tables, step: Step) -> str:
    record = step.entry.record
    words = {"approve": "approved", "refuse": "refused", "withdraw": "withdrawn"}
    verdict = member(record, "verdict")
    by, expires = code(last_name(step.entry.identity)), when(member(record, "expires_at"))
    head = line(
        f"{strong(f'Approval: {words.get(verdict, verdict)}')} by {by}",
        _named("for rule", member(record, "rule")),
        markup.text(f"until {expires}") if expires else "",
    )
    return head + said(member(record, "reason")) + _link("is about", member(record, "action"), step)


def _outcome(_: Tables, step: Step) -> str:
    record = step.entry.record
    status = member(record, "status")
    action = step.links.get(step.entry.action)
    ends = f", {markup.to_entry(action.index, f'entry {action.index}')}" if action else ""
    ended = strong(f"Outcome: {STATUS_WORDS.get(status, status)}")
    head = line(
        f"{ended} of {code(step.entry.tool)}{ends}",
        f"after {seconds(step.after)}" if step.after is not None else "",
        _named("cost", amount(record.get("cost"))),
        _named("value", amount(record.get("value"))),
    )
    fields = data(record["fields"]) if "fields" in record else ""
    return head + said(member(record, "error")) + fields


def _switch(_: Tables, step: Step) -> str:
    record = step.entry.record
    mode = "Kill switch" if member(record, "mode") == "kill" else "Safe mode"
    words = f"{mode} {member(record, 'state')}"
    by = code(last_name(step.entry.identity))
    head = line(
        f"{strong(words)} by {by}",
        _named("for", member(record, "selector"), 120),
    )
    return head + said(member(record, "reason"))


def _governance(words: str) -> Callable[[Tables, Step], str]:
    def shown(_: Tables, step: Step) -> str:
        named = member(step.entry.record, "version") or step.entry.kind
        by = code(last_name(step.entry.identity))
        return line(f"{strong(words)} {code(named)}", f"by {by}")

    return shown


_KINDS: Final[Mapping[str, Callable[[Tables, Step], str]]] = {
    "run.opened": _opened,
    "run.closed": _closed,
    "message": _message,
    "observation": _observation,
    "action": _action,
    "approval": _approval,
    "outcome": _outcome,
    "switch": _switch,
    "activation": _governance("Contract activated:"),
    "contract": _governance("Contract published:"),
    "authority": _governance("Identities and keys changed:"),
}
