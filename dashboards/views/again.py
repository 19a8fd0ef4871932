"""How an action is decided again: on which facts, by which rules, then and under what is in force.

All of it is derived from the ledger's entries by replay; none of it was recorded.
"""

from functools import partial
from typing import Final

import streamlit as st

from dashboards import markup, session, working
from dashboards.answers import Stored
from dashboards.asking import Over, TimelineAsked
from dashboards.tables import Tables
from dashboards.timelines import PARTS, Decided, Open, part_of
from dashboards.views import parts, selecting, tabled, waiting
from dashboards.words import EFFECT_WORDS, code, count, plain

AGAIN: Final = "again"
"""Of the address: whether a run's steps are decided again. On the way to the next run it stays."""
FEW: Final = 8
"""So many rows are shown at once; of more one scrolls through a table of `TALL` pixels."""
TALL: Final = 320
NAMES: Final = {"facts": ("fact", "facts"), "rules": ("rule", "rules")}


def asked(tables: Tables, run: str) -> Stored | None:
    """Decide a run's steps again, or offer to; None where there is no answer yet.

    Args:
        tables: The tables.
        run: The run's digest.
    """
    if tables.report.ledger.size >= working.APART and not session.parameter(AGAIN):
        st.button(
            "Decide each step again",
            key="decide_again",
            icon=":material/replay:",
            shortcut="D",
            on_click=selecting.go,
            kwargs={AGAIN: "yes"},
            help="On the facts as of then: under the contract of then, and the one in force now.",
        )
        return None
    found = waiting.answer_to(TimelineAsked(Over(run=run)))
    if found is not None:
        _whole(found)
    return found


def kept() -> dict[str, list[str]]:
    """Return what the address of another run keeps of this one's."""
    there = session.parameter(AGAIN)
    return {AGAIN: [there]} if there else {}


def _whole(found: Stored) -> None:
    answer = found.answer
    with st.expander(f"Decided again: {code(answer.headline, 200)}", type="compact"):
        for one in answer.sentences:
            st.text(plain(one))
        for one in answer.limits:
            st.caption(plain(f"· {one}"))


def step(found: Stored, one: Decided) -> None:
    """Show what an action was decided on, and what it comes to."""
    flips = f" {markup.badge('otherwise now', ':material/swap_horiz:', 'orange')}"
    wrong = f" {markup.badge('recorded wrongly', ':material/close:', 'red')}"
    signs = wrong * one.wrong + flips * one.flips
    sign = markup.icon(":material/replay:")
    told = [f"<p>{sign} {markup.strong('Decided again:')} {_says(one)}{signs}</p>"]
    told += [_open(rule) for rule in one.open]
    told += [markup.said(text) for text in one.differences]
    with st.container(key=f"again-{one.entry}", gap="xsmall"):
        st.html(f'<div class="writ-told">{"".join(told)}</div>')
        _parts(found, one)


def _says(one: Decided) -> str:
    """Return what is right then and now, beside what was recorded, as HTML."""
    if one.then:
        told = f"{_effect(one.then)} under {markup.code(one.then_version)}"
        told += _beside(one)
    else:
        told = "no contract was in force"
    if (one.now, one.now_version) == (one.then, one.then_version):
        return told
    if not one.now:
        return f"{told} · no contract is in force now"
    return f"{told} · {_effect(one.now)} under {markup.code(one.now_version)}, in force now"


def _beside(one: Decided) -> str:
    if not one.recorded:
        return ", had the guard been asked"
    if one.recorded == one.then:
        return ", as recorded"
    return f", and recorded as {markup.text(EFFECT_WORDS.get(one.recorded, one.recorded))}"


def _effect(effect: str) -> str:
    return markup.strong(EFFECT_WORDS.get(effect, effect))


def _open(rule: Open) -> str:
    did = f", {markup.text(rule.effect)}" if rule.effect else ""
    aside = ", set aside: it only says that this was before its time" * rule.aside
    named = f"{markup.code(rule.rule)} under {markup.code(rule.version)}{did}{aside}"
    told = f"<p>{parts.state_of(rule.result)} {named}</p>"
    if rule.aside:
        return told
    why = markup.named("because", rule.because)
    return told + why + markup.named("it would have been satisfied by", rule.would)


def _parts(found: Stored, one: Decided) -> None:
    """Show facts, rules and evidence once somebody opens them: a page of steps has very many."""
    told = [count(one.counts[name], *NAMES[name]) for name in NAMES]
    cited = one.counts["evidence"]
    told += [f"{cited:,} {'piece' if cited == 1 else 'pieces'} of evidence"] if cited else []
    whose = "as of then" if one.then else "under the contract now in force"
    label = f"{', '.join(told[:-1])} and {told[-1]}, {whose}"
    parts.folded(label, f"parts-{one.entry}", partial(_tables, found, one))


def _tables(found: Stored, one: Decided) -> None:
    for name in PARTS:
        if one.counts[name]:
            made = part_of(found, name, one.entry)
            st.caption(f"**{made.title}**")
            tabled.table(made, TALL if len(made.rows) > FEW else None)
