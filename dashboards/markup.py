"""A few things as HTML: what pages show dozens of, as one element each.

Each element that Streamlit is given costs the browser milliseconds, whatever is in it, and a list
or a timeline has hundreds of small texts. Here they are put together. Whatever comes out of a
ledger is escaped by the function that it is given to: no letter of it is markup. What a function
takes as HTML, it says.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Final, Literal
from urllib.parse import urlencode

from dashboards.words import one_line, opened, plain

BETWEEN: Final = " · "
LINK: Final = "writ-link"
"""The class of links to pages of the app, which `dashboards.views.keys` follows in place."""
# Short records are read faster on one line.
ONE_LINE: Final = 100

Colour = Literal["red", "orange", "yellow", "blue", "green", "violet", "gray"]


def text(said: str, limit: int = 2_000) -> str:
    """Return recorded text as HTML that shows it letter by letter, on one line.

    Example:
        >>> text('<b>1 & "2"</b>')
        '&lt;b&gt;1 &amp; &quot;2&quot;&lt;/b&gt;'
    """
    return escape(one_line(said, limit))


def code(said: str, limit: int = 80) -> str:
    """Return recorded text as HTML in the type of code, as `words.code` is in Markdown."""
    return f"<code>{escape(one_line(said, limit)) or '-'}</code>"


def strong(said: str) -> str:
    """Return a number or a word that stands out."""
    return f"<strong>{escape(said)}</strong>"


def icon(name: str) -> str:
    """Return a picture of the type's own, which says nothing that no word beside it says.

    Args:
        name: As Streamlit names it.

    Example:
        >>> icon(":material/check:")
        '<i class="writ-icon" aria-hidden="true" translate="no">check</i>'
    """
    drawn = name.removeprefix(":material/").removesuffix(":")
    return f'<i class="writ-icon" aria-hidden="true" translate="no">{escape(drawn)}</i>'


def badge(word: str, sign: str, colour: Colour, means: str = "") -> str:
    """Return a word that stands out by a sign and a colour, either of which it can do without."""
    title = f' title="{escape(means)}"' if means else ""
    drawn = f"{icon(sign)} {escape(word)}" if sign else escape(word)
    return f'<span class="writ-badge writ-{colour}"{title}>{drawn}</span>'


def address(path: str, asks: Mapping[str, Sequence[str]]) -> str:
    """Return the address of a page of the app, as seen from any other of its pages.

    Example:
        >>> address("run", {"run": ["a b"], "at": ["3"]})
        'run?run=a+b&at=3'
    """
    return f"{path}?{urlencode(asks, doseq=True)}" if asks else path


def link(label: str, there: str, sign: str = "", *, means: str = "", here: bool = False) -> str:
    """Return a link to a page of the app.

    Args:
        label: What it is called.
        there: Where it leads, from `address`.
        sign: The icon before it; empty for none.
        means: More about it, for whoever points at it.
        here: Whether it is where the reader is.
    """
    more = (f' title="{escape(means)}"' if means else "") + ' aria-current="true"' * here
    drawn = f"{icon(sign) if sign else ''}<span>{escape(label)}</span>"
    return f'<a class="{LINK}" href="{escape(there)}"{more}>{drawn}</a>'


def check(label: str, which: str, there: str, *, checked: bool) -> str:
    """Return a box by which a finding is marked: a link to the address where it is the other way.

    Args:
        label: What it is for, said to whoever does not see it.
        which: What is marked: clicks that follow each other fast go by it, and not by the address.
        there: Where it leads, from `address`.
        checked: How it is.
    """
    sign = icon("check_box" if checked else "check_box_outline_blank")
    return (
        f'<a class="{LINK} writ-check" role="checkbox" aria-checked="{str(checked).lower()}" '
        f'aria-label="{escape(label)}" title="{escape(label)}" data-mark="{escape(which)}" '
        f'href="{escape(there)}">{sign}</a>'
    )


def to_entry(index: int, label: str) -> str:
    """Return a link to where an entry stands on the same page."""
    return f'<a href="#entry-{index}">{escape(label)}</a>'


def line(*parts: str) -> str:
    """Return a line of parts, each HTML; empty ones are left out."""
    told = BETWEEN.join(filter(None, parts))
    return f"<p>{told}</p>" if told else ""


def small(*parts: str) -> str:
    """Return small print of parts, each HTML; empty ones are left out."""
    told = BETWEEN.join(filter(None, parts))
    return f"<small>{told}</small>" if told else ""


def said(words: str) -> str:
    """Return recorded text of several lines as it was said; nothing where there is none."""
    return f'<p class="writ-said">{escape(plain(words))}</p>' if words else ""


def named(name: str, value: str) -> str:
    """Return a value under its name, which is the app's own word; nothing where there is none."""
    if not value:
        return ""
    told = f"<dt>{escape(name)}</dt><dd>{escape(plain(value))}</dd>"
    return f'<dl class="writ-named">{told}</dl>'


def data(value: object, limit: int = 2_000) -> str:
    """Return recorded data as JSON, letter by letter."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) <= ONE_LINE:
        return f"<p>{code(flat, ONE_LINE)}</p>"
    return block(opened(value, limit), limit + ONE_LINE)


def folded(label: str, body: str) -> str:
    """Return what opens under a line; both are HTML."""
    return f"<details><summary>{label}</summary>{body}</details>"


def item(key: str, *, signs: str = "", body: str = "", ways: str = "") -> str:
    """Return a line of a list: signs, what it says, and a link.

    Args:
        key: Its name on the page, as a container's key is one.
        signs: Badges.
        body: From `row`.
        ways: From `link`.
    """
    drawn = f'<div class="writ-signs">{signs}</div>' if signs else ""
    return f'<li class="writ-item st-key-{escape(key)}">{drawn}{body}{ways}</li>'


def listed(items: Iterable[str]) -> str:
    """Return a list of items, as one element."""
    # Said to be one: where a style takes its dots away, some readers no longer call it a list.
    return f'<ul class="writ-list" role="list">{"".join(items)}</ul>'


def row(says: Iterable[str], told: Iterable[str], more: str = "") -> str:
    """Return a line of a list: sentences, and under them the small print.

    Args:
        says: Sentences, as recorded.
        told: Parts of the small print, as HTML; empty ones are left out.
        more: What stands under that, as HTML.
    """
    sentences = "".join(f"<p>{text(one, 300)}</p>" for one in says if one)
    return f'<div class="writ-row">{sentences}{small(*told)}{more}</div>'


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


def step(key: str, drawn: str, *, border: bool = False) -> str:
    """Return a step of a run.

    Args:
        key: Its name on the page; empty where a container has it.
        drawn: Where it stands, from `place`, and what it says.
        border: Whether it stands out from the others.
    """
    named = f" st-key-{escape(key)}" if key else ""
    return f'<div class="writ-step{named}{" writ-bordered" * border}">{drawn}</div>'
