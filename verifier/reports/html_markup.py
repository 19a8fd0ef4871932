"""Markup of the report for a browser: what is escaped, and the few elements that it is made of.

Everything that was recorded, and every text of a contract, is anybody's: it enters a page through
`text` or `value`, and by no other way.
"""

from html import escape
from typing import Final

from verifier.reports.text import printable

# How much of one text a page shows: a condition of thousands of letters is read elsewhere.
SHOWN: Final = 2_000


def text(words: str) -> str:
    r"""Return a text in which nothing is markup, and nothing steers.

    Controls and changes of writing direction are written as escapes.

    Example:
        >>> text("<b>\u202e")
        '&lt;b&gt;\\u202e'
    """
    cut = words if len(words) <= SHOWN else words[: SHOWN - 1] + "…"
    return escape(printable(cut), quote=True)


def value(words: str, name: str = "value") -> str:
    """Return a recorded text, kept apart: letters that run from right to left turn nothing else."""
    return f'<bdi class="{name}">{text(words)}</bdi>'


def facts(rows: list[tuple[str, str]]) -> str:
    """Return a list of terms and what they are; terms are ours, the rest is markup already."""
    inner = "".join(f"<div><dt>{term}</dt><dd>{shown}</dd></div>" for term, shown in rows if shown)
    return f"<dl>{inner}</dl>" if inner else ""


def listed(items: list[str], name: str = "") -> str:
    """Return a list of what is markup already."""
    if not items:
        return ""
    kind = f' class="{name}"' if name else ""
    return f"<ul{kind}>{''.join(f'<li>{item}</li>' for item in items)}</ul>"


def badge(name: str, words: str, mark: str) -> str:
    """Return a word with a mark before it: what a colour says is said by both."""
    return (
        f'<span class="badge {name}"><span class="mark" aria-hidden="true">{mark}</span> '
        f"{words}</span>"
    )
