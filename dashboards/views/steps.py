"""The steps of a run, one under the other: what was said, seen, decided and done."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import streamlit as st

from dashboards import markup, runs
from dashboards.answers import Stored
from dashboards.runs import Entry, RunHead, Step
from dashboards.tables import Tables
from dashboards.timelines import decided
from dashboards.views import again, parts
from dashboards.words import (
    EFFECT_WORDS,
    STATUS_WORDS,
    amount,
    code,
    last_name,
    member,
    one_line,
    plain,
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

# Pixels.
PLACE_WIDE: Final = 130


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
    for step in steps:
        chosen = step.entry.index == marked
        border = chosen or bool(step.findings)
        key = f"step-{step.entry.index}"
        with st.container(border=border, key=key, horizontal=True, gap="small"):
            st.html(_place(head, step, chosen=chosen), width=PLACE_WIDE)
            with st.container(gap="xsmall"):
                for row in step.findings:
                    st.markdown(f"{parts.signed(row)} {code(row.rule)}")
                _content(tables, step)
                # Under the record: this is derived, and nobody recorded it.
                if found is not None and step.entry.index in judged:
                    again.step(found, judged[step.entry.index])


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


def _content(tables: Tables, step: Step) -> None:
    kind = step.entry.kind
    if kind == "run":
        kind = f"run.{member(step.entry.record, 'phase')}"
    shown = _KINDS.get(kind)
    if shown is None:
        st.markdown(f"**{kind}**")
        parts.data(dict(step.entry.record), limit=8_000)
        parts.entry_link(RECORD, step.entry.index)
    else:
        shown(tables, step)


def _line(*told: str) -> None:
    st.markdown(" · ".join(part for part in told if part))


def _named(label: str, value: str, limit: int = 60) -> str:
    return f"{label} {code(value, limit)}" if value else ""


def _opened(_: Tables, step: Step) -> None:
    record = step.entry.record
    _line(
        "**Run opened**",
        _named("by", last_name(member(record, "by"))),
        _named("on", member(record, "channel")),
    )
    if member(record, "goal"):
        st.text(plain(member(record, "goal")))
    parts.entry_link(RECORD, step.entry.index)


def _closed(_: Tables, step: Step) -> None:
    record = step.entry.record
    _line("**Run closed**", _named("worth", amount(record.get("value"))))
    if member(record, "outcome"):
        st.text(plain(member(record, "outcome")))


def _message(_: Tables, step: Step) -> None:
    record = step.entry.record
    role = member(record, "role")
    tokens: Mapping[str, int] = record.get("tokens", {})
    _line(
        f"**{ROLES.get(role, 'Somebody says')}**",
        f"turn {member(record, 'turn')}",
        _named("name", member(record, "name")),
        _named("cost", amount(record.get("cost"))),
        f"{tokens.get('input', 0):,} tokens read, {tokens.get('output', 0):,} written"
        if tokens
        else "",
    )
    text = member(record, "content")
    if text:
        st.text(plain(text))
    else:
        st.caption("no text")


def _observation(_: Tables, step: Step) -> None:
    record = step.entry.record
    observer = member(record, "observer")
    _line(
        f"**Evidence** {code(member(record, 'what'))}",
        _named("from", member(record, "source")),
        _named("ref", member(record, "ref")),
        _named("observed by", last_name(observer)) if observer != "source" else "",
        "**self-attested**" if record.get("self_attested") else "",
    )
    if "fields" in record:
        parts.data(record["fields"])
    if member(record, "digest"):
        st.caption(f"digest of what was seen: {code(short(member(record, 'digest')))}")


def _action(tables: Tables, step: Step) -> None:
    record = step.entry.record
    estimate: Mapping[str, Any] = record.get("estimate", {})
    _line(
        f"**Action** {code(step.entry.tool)}",
        _named("mode", member(record, "mode")),
        _named("target", member(record, "target")),
        _named("estimate", amount(estimate.get("cost"))),
        _named("worth", amount(estimate.get("value"))),
        _decided(step),
    )
    parts.data(record["params"])
    _reasons(tables, step)
    _links(step)
    parts.entry_link(RECORD, step.entry.index)


def _decided(step: Step) -> str:
    """Return what the guard decided, and under which contract, for the action's own line."""
    record = step.entry.record
    version = member(record, "contract", "version") or step.entry.version
    under = f" under {code(version)}" if version else ""
    if "decision" in record:
        effect = str(record["decision"]["effect"])
        return f"**{EFFECT_WORDS.get(effect, effect)}**{under}"
    why = "it was imported" if step.entry.imported else "none was recorded"
    return f"no guard's decision, {why}" + (f"; in force was {code(version)}" if version else "")


def _reasons(tables: Tables, step: Step) -> None:
    record = step.entry.record
    decision: Mapping[str, Any] = record.get("decision", {})
    for reason in decision.get("reasons", ()):
        name, effect = str(reason["rule"]), str(reason["effect"])
        rule = runs.rule_named(tables, record.get("contract"), name)
        result = f"{code(name)} is {reason['result']}"
        _line(f"- {result}, so the action is {EFFECT_WORDS.get(effect, effect)}")
        if rule is not None and rule.says:
            st.text(one_line(rule.says, 240))


def _links(step: Step) -> None:
    """Show the records that an action names: evidence, and what it resumes or undoes."""
    record = step.entry.record
    for digest in record.get("evidence", ()):
        _link("cites", str(digest), step)
    for name, words in (("resumes", "resumes"), ("compensates", "undoes")):
        if member(record, name):
            _link(words, member(record, name), step)


def _link(words: str, digest: str, step: Step) -> None:
    entry = step.links.get(digest)
    if entry is None:
        st.caption(f"{words} a record that is not valid here, {code(short(digest))}")
        return
    what = member(entry.record, "what") or entry.tool
    told = f"{words} entry {entry.index}, {entry.kind} {code(what, 40)}"
    told += f" from {code(entry.source, 40)}" if entry.source else ""
    if entry.run == step.entry.run:
        st.caption(f"{told} · [show](#entry-{entry.index})")
    else:
        with st.expander(told, type="compact"):
            parts.data(dict(entry.record), limit=8_000)


def _approval(_: Tables, step: Step) -> None:
    record = step.entry.record
    words = {"approve": "approved", "refuse": "refused", "withdraw": "withdrawn"}
    verdict = member(record, "verdict")
    _line(
        f"**Approval: {words.get(verdict, verdict)}** by {code(last_name(step.entry.identity))}",
        _named("for rule", member(record, "rule")),
        f"until {when(member(record, 'expires_at'))}" if member(record, "expires_at") else "",
    )
    if member(record, "reason"):
        st.text(plain(member(record, "reason")))
    _link("is about", member(record, "action"), step)


def _outcome(_: Tables, step: Step) -> None:
    record = step.entry.record
    status = member(record, "status")
    action = step.links.get(step.entry.action)
    ends = f", [entry {action.index}](#entry-{action.index})" if action is not None else ""
    _line(
        f"**Outcome: {STATUS_WORDS.get(status, status)}** of {code(step.entry.tool)}{ends}",
        f"after {seconds(step.after)}" if step.after is not None else "",
        _named("cost", amount(record.get("cost"))),
        _named("value", amount(record.get("value"))),
    )
    if member(record, "error"):
        st.text(plain(member(record, "error")))
    if "fields" in record:
        parts.data(record["fields"])


def _switch(_: Tables, step: Step) -> None:
    record = step.entry.record
    mode = "Kill switch" if member(record, "mode") == "kill" else "Safe mode"
    _line(
        f"**{mode} {member(record, 'state')}** by {code(last_name(step.entry.identity))}",
        _named("for", member(record, "selector"), 120),
    )
    st.text(plain(member(record, "reason")))


def _governance(words: str) -> Callable[[Tables, Step], None]:
    def shown(_: Tables, step: Step) -> None:
        record: Mapping[str, Any] = step.entry.record
        _line(
            f"**{words}** {code(member(record, 'version') or step.entry.kind)}",
            f"by {code(last_name(step.entry.identity))}",
        )

    return shown


_KINDS: Final[Mapping[str, Callable[[Tables, Step], None]]] = {
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
