"""The guided first visit on the demonstration's ledger, above the inbox.

Whether it was dismissed is for the browser to know: the app keeps nothing. So its own script shows
it, unless this browser was told not to, and nothing of it is seen before that.
"""

from collections.abc import Mapping
from typing import Final

import streamlit as st
from streamlit.components.v2 import component

from dashboards import guide, markup, session
from dashboards.guide import Place, Step
from dashboards.tables import Tables
from dashboards.views import parts

PAGES: Final[Mapping[Place, str]] = {
    Place.INBOX: session.INBOX,
    Place.RUN: session.RUN,
    Place.EVIDENCE: session.EVIDENCE,
    Place.INTEGRITY: session.INTEGRITY,
}
HTML: Final = '<button type="button"></button>'
CSS: Final = """
button {
  font: inherit; font-size: 0.875rem; color: var(--st-link-color); background: none; border: none;
  padding: 0.25rem 0; cursor: pointer;
}
button:hover { text-decoration: underline; }
button:focus-visible { outline: 2px solid currentColor; outline-offset: 2px; }
"""
# A browser may keep nothing at all: then the guide comes again with the next visit.
SCRIPT: Final = """
const NAME = "writ-guide";
const kept = () => { try { return localStorage.getItem(NAME); } catch { return null; } };
const keep = (word) => { try { localStorage.setItem(NAME, word); } catch { /* it comes again */ } };

export default function ({ parentElement }) {
  const button = parentElement.querySelector("button");
  const show = (shown) => {
    document.documentElement.dataset.writGuide = shown ? "shown" : "dismissed";
    button.textContent = shown ? "Dismiss this guide" : "Show the guide to this ledger";
  };
  show(kept() !== "dismissed");
  button.onclick = () => {
    const shown = document.documentElement.dataset.writGuide !== "shown";
    keep(shown ? "shown" : "dismissed");
    show(shown);
  };
}
"""
_switch = component("writ_guide", html=HTML, css=CSS, js=SCRIPT)


def show(tables: Tables) -> None:
    """Show the guide, on the demonstration's ledger, to whoever did not dismiss it."""
    steps = guide.steps(tables)
    if not steps:
        return
    with st.container(border=True, key="guide"):
        st.markdown(
            "**New here? This is the demonstration: an AI refund service, for four weeks.**"
        )
        told = (_step(number, step) for number, step in enumerate(steps, 1))
        st.html(f'<div class="writ-guide">{"".join(told)}</div>')
    _switch(key="guide-switch", height="content")


def _step(number: int, step: Step) -> str:
    way = markup.link(step.label, session.address(PAGES[step.place], step.asks), parts.FORWARD)
    return f"<div>{markup.small(f'Step {number}')}<p>{markup.text(step.says, 400)}</p>{way}</div>"
