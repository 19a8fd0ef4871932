"""A few things as HTML: what pages show dozens of, as one element each.

Each element that Streamlit is given costs the browser milliseconds, whatever is in it, and a list
or a timeline has hundreds of small texts. Here they are put together. Whatever comes out of a
ledger goes through `text` or `code`, which escape it: no letter of it is markup.
"""

from collections.abc import Iterable
from html import escape
from typing import Final

from dashboards.words import one_line, plain

BETWEEN: Final = " · "


def text(said: str, limit: int = 2_000) -> str:
    """Return recorded text as HTML that shows it letter by letter, on one line.

    Example:
        >>> text('<b>1 & "2"</b>')
        '&lt;b&gt;1 &amp; &quot;2&quot;&lt;/b&gt;'
    """
    return escape(one_line(said, limit))


def code(said: str, limit: int = 80) -> str:
    """Return recorded text as HTML in the type of code, as `words.code` is in Markdown."""
    return f"<code>{escape(one_line(said, limit))}</code>"


def strong(said: str) -> str:
    """Return a number or a word that stands out."""
    return f"<strong>{escape(said)}</strong>"


def row(says: Iterable[str], told: Iterable[str]) -> str:
    """Return a line of a list: sentences, and under them the small print.

    Args:
        says: Sentences, as recorded.
        told: Parts of the small print, as HTML; empty ones are left out.
    """
    sentences = "".join(f"<p>{text(one, 240)}</p>" for one in says if one)
    return (
        f'<div class="writ-row">{sentences}<small>{BETWEEN.join(filter(None, told))}</small></div>'
    )


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Return names with their values, as a list of definitions; what has no value is left out.

    Args:
        pairs: A name, which is the app's own word, and the value, which is anybody's text.
    """
    told = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(plain(value))}</dd></div>"
        for name, value in pairs
        if value
    )
    return f'<dl class="writ-facts">{told}</dl>'


def block(said: str, limit: int = 2_000) -> str:
    """Return recorded text of several lines as HTML, each letter and line as it is."""
    return f'<pre class="writ-block">{escape(plain(said, limit)) or "–"}</pre>'


def place(index: int, lines: Iterable[str], marks: Iterable[str] = ()) -> str:
    """Return where a step stands: its entry as a heading that links lead to, and times under it.

    Args:
        index: The entry.
        lines: Times and the like.
        marks: Words that stand out, such as that this is the step which was asked for.
    """
    small = "".join(f"<small>{text(line)}</small>" for line in lines if line)
    signs = "".join(f"<em>{escape(mark)}</em>" for mark in marks)
    return f'<div class="writ-place"><h3 id="entry-{index}">{index}</h3>{small}{signs}</div>'
