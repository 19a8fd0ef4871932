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
[class*="st-key-step-"] h3 { padding: 0; }
.st-key-headline [data-testid="stText"] { font-size: 1.15rem; font-weight: 600; }
.st-key-basis [data-testid="stText"] { font-size: 0.875rem; opacity: 0.75; }
</style>
"""


def apply() -> None:
    """Put the style into the page. Nothing of it comes from a ledger."""
    st.html(STYLE)
