"""The little of the look that Streamlit has no setting for: room, lists, badges and links."""

from typing import Final

import streamlit as st
from streamlit.components.v2 import component

# Colours, type and borders are settings, which `writ app` passes to Streamlit. Here they are only
# brought back to what can be read: words that it draws faint, and white on the dark theme's blue.
STYLE: Final = """
<style>
.stMainBlockContainer { padding-top: 4.5rem; padding-bottom: 3rem; max-width: 100rem; }
.stMainBlockContainer a:focus-visible { outline: 2px solid currentColor; outline-offset: 2px; }
[data-testid="stSidebar"] a:focus-visible { outline: 2px solid currentColor; }
.st-key-guide { display: none; }
[data-writ-guide="shown"] .st-key-guide { display: flex; }
[class*="st-key-picked-"] { border-color: currentColor; box-shadow: inset 3px 0 0 currentColor; }
[class*="st-key-picked-"], [class*="st-key-finding-"] { scroll-margin-block: 5rem; }
[class*="st-key-finding-"]:focus { outline: 2px solid currentColor; outline-offset: 2px; }
[data-testid="stCaptionContainer"] { opacity: 0.85; }
[data-testid="stExpander"] summary { opacity: 0.85; }
[data-testid="stWidgetLabel"] { color: light-dark(#1b2330, #e6eaf1) !important; }
[data-testid="stBaseButton-primary"], [data-testid="stBaseButton-primary"] * {
  color: light-dark(#ffffff, #12161d); }
[data-baseweb="tag"] * { color: light-dark(#ffffff, #12161d); }
[data-testid="stCode"] .token { color: inherit !important; }
[data-testid="stCaptionContainer"] code { font-size: 0.92em; }
.stHtml :is(p, ul, dl) { margin: 0; padding: 0; }
.stHtml small { opacity: 0.85; font-size: 0.875rem; }
.stHtml code { font-family: monospace; font-size: 0.92em; color: inherit; padding: 0.1em 0.25em;
  border-radius: 0.25rem; background: light-dark(#f3f5f8, #1b212b); overflow-wrap: anywhere; }
.stHtml summary { cursor: pointer; font-size: 0.875rem; opacity: 0.85; }
.stHtml a { color: light-dark(#1f5fbf, #8fbcff); }
.stHtml a.writ-link { color: inherit; }
.stHtml a.writ-link:not(:hover) { text-decoration: none; }
.stHtml a.writ-link { display: inline-flex; align-items: center; gap: 0.3rem; font-weight: 500; }
.stHtml .writ-list .writ-link { white-space: nowrap; }
.stHtml .writ-views { list-style: none; display: grid; gap: 0.1rem; margin-left: 0.5rem; }
.stHtml .writ-views li { margin: 0; }
.stHtml .writ-views a.writ-link { font-weight: 400; font-size: 0.875rem; }
.stHtml .writ-views a[aria-current] { font-weight: 650; }
.st-key-way-back { display: inline-flex; }
.st-key-ways .stHtml { display: flex; flex-wrap: wrap; gap: 0.5rem 1.5rem; }
.writ-guide { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(165px, 1fr)); }
.stHtml .writ-guide p { margin: 0.25rem 0 0.5rem; }
.writ-icon { font-family: "Material Symbols Rounded"; font-style: normal; font-weight: 400;
  line-height: 1; vertical-align: -0.14em; white-space: nowrap; user-select: none; }
.writ-link .writ-icon { font-size: 1.15rem; }
.writ-check .writ-icon { font-size: 1.35rem; }
.writ-badge { display: inline-block; padding: 0 0.25rem; border-radius: 0.2rem; line-height: 1.6;
  font-size: 0.875rem; white-space: nowrap; }
.writ-red { color: light-dark(#9e303b, #f2919a); background: light-dark(#fff1f2, #412023); }
.writ-orange { color: light-dark(#85470d, #f3b177); background: light-dark(#fff4e8, #3d2a16); }
.writ-yellow { color: light-dark(#6b5200, #e6ca66); background: light-dark(#fff9df, #352d12); }
.writ-green { color: light-dark(#0c5a44, #7ed5b0); background: light-dark(#f1fbf6, #0e2f24); }
.writ-blue { color: light-dark(#244fb4, #85b8f8); background: light-dark(#edf5ff, #1e2a3d); }
.writ-violet { color: light-dark(#5a37a6, #c3abf7); background: light-dark(#f5f0ff, #2d2444); }
.writ-gray { color: light-dark(#465060, #b6bfcd); background: light-dark(#f3f5f8, #232a35); }
.stHtml ul.writ-list { list-style: none; display: grid; gap: 1rem; }
.stHtml li.writ-item { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem 1rem;
  margin: 0; padding: 0.95rem;
  border: 1px solid light-dark(#d5dbe4, #333c4a); border-radius: 0.4rem; font-size: 1rem; }
.stHtml li.writ-item[class*="st-key-picked-"] { border-color: currentColor; }
.writ-item:is([class*="-check-"], [class*="-link-"], [class*="-found-"]) { border: 0 !important;
  padding: 0 !important; }
.writ-signs { flex: 0 0 9.4rem; }
.writ-row { flex: 1 1 20rem; min-width: 0; overflow-wrap: anywhere; }
.writ-row code { display: inline-block; max-width: 100%; }
[class*="st-key-check-"] .writ-signs { flex-basis: 7.5rem; }
[class*="st-key-check-"] .writ-row { display: flex; align-items: baseline; gap: 1rem; }
[class*="st-key-check-"] .writ-row p { font-weight: 600; flex: 0 0 10rem; }
.writ-told { display: grid; align-content: start; gap: 0.5rem; min-width: 0; }
.writ-told > * { min-width: 0; overflow-wrap: anywhere; }
.writ-told > a { justify-self: start; }
.stHtml .writ-told li { margin-left: 1.2rem; }
p.writ-said { white-space: pre-wrap; }
.writ-head { display: flex; flex-wrap: wrap; align-items: center; gap: 0.25rem 0.5rem; }
.writ-said-of { display: grid; gap: 0.25rem; }
.writ-both { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); }
.writ-step { display: flex; gap: 1rem; margin-bottom: 1rem; }
.writ-step:last-child { margin-bottom: 0; }
.writ-step > .writ-place { flex: 0 0 8.1rem; }
.writ-step > .writ-told { flex: 1 1 20rem; }
.writ-bordered { padding: 0.95rem; border: 1px solid light-dark(#d5dbe4, #333c4a);
  border-radius: 0.4rem; }
[class*="st-key-again-"] { padding-left: 9.1rem; }
.stHtml dl.writ-named dt { opacity: 0.85; font-size: 0.875rem; font-weight: 400; }
.stHtml dl.writ-named dd { margin: 0; padding: 0; white-space: pre-wrap; }
.stHtml dl.writ-facts { display: grid; gap: 0.5rem 1rem; margin: 0; padding: 0;
  grid-template-columns: repeat(auto-fill, minmax(210px, 1fr)); }
.writ-facts dt { opacity: 0.85; font-size: 0.875rem; font-weight: 400; }
.writ-facts dd { margin: 0; padding: 0; overflow-wrap: anywhere; white-space: pre-wrap; }
.stHtml pre.writ-block { margin: 0; padding: 0.75rem 1rem; font-family: monospace;
  font-size: 0.82rem; line-height: 1.5; white-space: pre-wrap; overflow-wrap: anywhere;
  color: inherit; border-radius: 0.4rem; background: light-dark(#f3f5f8, #1b212b); }
.writ-place h3 { padding: 0; margin: 0; font-size: 1.05rem; font-weight: 600;
  scroll-margin-block: 5rem; }
.writ-place small { display: block; }
.writ-place em { display: inline-block; margin-top: 0.3rem; padding: 0 0.4rem; font-style: normal;
  font-size: 0.875rem; border-radius: 0.25rem; border: 1px solid currentColor; }
.st-key-headline [data-testid="stText"] { font-size: 1.15rem; font-weight: 600; }
.st-key-basis [data-testid="stText"] { font-size: 0.875rem; opacity: 0.75; }
</style>
"""


# A page elsewhere that has this one in a frame could lay something else over its buttons, and have
# a reviewer sign what they do not see. Streamlit can be told to send no header against it.
ALONE: Final = """
export default function () {
  if (window.top === window.self) return;
  document.body.textContent = "Writ is not shown inside of another page. Open it by itself.";
}
"""
_alone = component("writ_alone", js=ALONE)


def apply() -> None:
    """Put the style into the page, and see that it stands in no other's frame.

    Nothing of either comes from a ledger.
    """
    st.html(STYLE)
    _alone(key="alone", height=0)
