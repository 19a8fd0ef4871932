"""The little of the look that Streamlit has no setting for: room, and links that are no tabs."""

from typing import Final

import streamlit as st

# Colours, type and borders are settings, which `writ app` passes to Streamlit. Here they are only
# brought back to what can be read: words that it draws faint, and white on the dark theme's blue.
STYLE: Final = """
<style>
.stMainBlockContainer { padding-top: 4.5rem; padding-bottom: 3rem; max-width: 100rem; }
.stMainBlockContainer a[data-testid="stPageLink-NavLink"] { background: none; font-weight: 400; }
.stMainBlockContainer a[data-testid="stPageLink-NavLink"]:hover { text-decoration: underline; }
.stMainBlockContainer a[data-testid="stPageLink-NavLink"] p { font-weight: 500; }
.stMainBlockContainer a:focus-visible { outline: 2px solid currentColor; outline-offset: 2px; }
.st-key-views a[data-testid="stPageLink-NavLink"] { background: none; }
.st-key-views a[data-testid="stPageLink-NavLink"] p { font-weight: 400; }
.st-key-views a[data-testid="stPageLink-NavLink"]:hover { text-decoration: underline; }
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
.writ-row p { margin: 0; }
[class*="st-key-check-"] .writ-row { display: flex; align-items: baseline; gap: 1rem; }
[class*="st-key-check-"] .writ-row p { font-weight: 600; flex: 0 0 10rem; }
[data-testid="stElementContainer"]:has(.writ-row) { flex: 1 1 20rem; min-width: 0; width: auto; }
.writ-row small, .writ-place small { opacity: 0.85; font-size: 0.875rem; }
.writ-row code { font-family: monospace; font-size: 0.92em; color: inherit; padding: 0.1em 0.25em;
  border-radius: 0.25rem; background: light-dark(#f3f5f8, #1b212b); overflow-wrap: anywhere; }
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


def apply() -> None:
    """Put the style into the page. Nothing of it comes from a ledger."""
    st.html(STYLE)
