"""One HTML page for a result of replay: it opens without this tool and without a network.

It holds no script, and its policy lets it load nothing. All that was recorded enters by `escaped`
or by `replay.tables` and `replay.charts`, which escape it.
"""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from replay.tables import Table, as_html
from verifier.reports.html_markup import text as escaped

STYLE: Final = """
:root { color-scheme: light dark; --paper: #fbfaf7; --sheet: #fff; --ink: #1d1c1a; --soft: #5d5a54;
  --line: #dedad2; --first: #0b57a4; --second: #a8201a; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #16171a; --sheet: #1e2024; --ink: #ebe9e4; --soft: #aaa69e; --line: #383b42;
    --first: #8cbcf5; --second: #ff8d85; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem clamp(1rem, 4vw, 3rem) 4rem; max-width: 76rem;
  background: var(--paper); color: var(--ink); overflow-wrap: anywhere;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
h1 { margin: 0.15rem 0 0.4rem; font-size: clamp(1.6rem, 3.5vw, 2.2rem); line-height: 1.25; }
h2 { margin: 2.5rem 0 0.6rem; font-size: 1.35rem; line-height: 1.25; }
p { margin: 0.4rem 0; max-width: 62rem; }
bdi, td, th, li { unicode-bidi: isolate; }
header { padding: 1.4rem 1.7rem; background: var(--sheet); border: 1px solid var(--line);
  border-left: 8px solid var(--first); border-radius: 8px; }
.what, .note { color: var(--soft); font-size: 0.9rem; }
.wide { overflow-x: auto; margin: 0.8rem 0; }
table { border-collapse: collapse; font-size: 0.92rem; }
caption { padding: 0 0 0.4rem; font-weight: 600; text-align: left; }
th, td { padding: 0.3rem 0.8rem 0.3rem 0; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; overflow-wrap: normal; }
th { color: var(--soft); font-weight: 600; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 0.86rem; }
.chart { display: block; width: 100%; max-width: 56rem; margin: 0.8rem 0; background: var(--sheet);
  border: 1px solid var(--line); border-radius: 8px; }
.chart text { fill: var(--ink); font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; }
.chart .tick, .chart .soft { fill: var(--soft); font-size: 12px; }
.chart .name { font-weight: 600; paint-order: stroke; stroke: var(--sheet); stroke-width: 4; }
.chart .grid { stroke: var(--line); fill: none; }
.chart .axis { stroke: var(--soft); fill: none; }
.chart .line { stroke: var(--first); stroke-width: 2.5; fill: none; }
.chart .front { stroke: var(--second); stroke-width: 2; stroke-dasharray: 5 4; fill: none; }
.chart .bar { fill: var(--first); }
.chart .point { fill: none; stroke: var(--first); stroke-width: 2; }
.chart .mark { fill: var(--second); stroke: var(--sheet); stroke-width: 1.5; }
details { margin: 0.5rem 0; padding: 0.5rem 0.9rem; background: var(--sheet);
  border: 1px solid var(--line); border-left: 5px solid var(--line); border-radius: 6px; }
details.marked { border-left-color: var(--second); }
summary { cursor: pointer; }
summary b { font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.15rem 1rem; margin: 0.6rem 0; }
dt { color: var(--soft); font-size: 0.9rem; }
dd { margin: 0; min-width: 0; }
.aside { margin: 0.2rem 0 0.2rem 1rem; color: var(--soft); font-size: 0.92rem; }
@media print { body { max-width: none; } }
"""


@dataclass(frozen=True, slots=True)
class Chart:
    """An element that `replay.charts` made."""

    svg: str


@dataclass(frozen=True, slots=True)
class Aside:
    """A line of plain words that stands back."""

    words: str


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms, each with one or more lines of plain words."""

    rows: Sequence[tuple[str, Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Fold:
    """What can be folded up, under a line that stays.

    Attributes:
        name: What stands first in that line, and stands out.
        says: The rest of that line.
        parts: What is folded up.
        marked: Whether it is marked at its side; the line says why in words.
        unfolded: Whether it is open at first.
    """

    name: str
    says: str
    parts: "Sequence[Part]"
    marked: bool = False
    unfolded: bool = False


Part = str | Table | Chart | Aside | Terms | Fold
"""A paragraph of plain words, a table, a chart, or what is named above."""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, and what stands below it in order."""

    heading: str
    parts: Sequence[Part]


def page(
    title: str,
    sections: Sequence[Section],
    *,
    asked: str,
    lead: Sequence[str] = (),
    limits: Sequence[str] = (),
) -> str:
    """Return one page, ended by a newline.

    Args:
        title: What was found, in a line.
        sections: What it holds.
        asked: What was asked: the command, or the question in words.
        lead: Sentences below the title: the answer first.
        limits: What the result does not prove; a section of its own at the end.
    """
    body = "".join(_section(section) for section in sections)
    said = "".join(f"<p>{escaped(each)}</p>" for each in lead)
    closing = "".join(f"<li>{escaped(each)}</li>" for each in limits)
    proof = (
        f"<section><h2>What this does not prove</h2><ul>{closing}</ul></section>" if limits else ""
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy()}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escaped(title)}</title>\n<style>{STYLE}</style></head><body>\n"
        f'<header><p class="what">Writ · replay of a verified ledger</p><h1>{escaped(title)}</h1>'
        f"{said}<p><code>{escaped(asked)}</code></p></header>\n<main>\n{body}{proof}</main>\n"
        "</body></html>\n"
    )


def _policy() -> str:
    """Return the Content-Security-Policy: nothing is loaded, and the one style is this one."""
    digest = b64encode(sha256(STYLE.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _section(section: Section) -> str:
    inner = "".join(_part(part) for part in section.parts)
    return f"<section><h2>{escaped(section.heading)}</h2>{inner}</section>\n"


def _part(part: Part) -> str:
    if isinstance(part, Table):
        return as_html(part)
    if isinstance(part, Chart):
        return part.svg
    if isinstance(part, Aside):
        return f'<p class="aside">{escaped(part.words)}</p>'
    if isinstance(part, Terms):
        return _terms(part)
    if isinstance(part, Fold):
        return _fold(part)
    return f"<p>{escaped(part)}</p>"


def _terms(terms: Terms) -> str:
    inner = "".join(
        f"<dt>{escaped(term)}</dt><dd>{'<br>'.join(f'<bdi>{escaped(one)}</bdi>' for one in lines)}"
        "</dd>"
        for term, lines in terms.rows
        if lines
    )
    return f"<dl>{inner}</dl>" if inner else ""


def _fold(fold: Fold) -> str:
    name = ' class="marked"' if fold.marked else ""
    inner = "".join(_part(part) for part in fold.parts)
    return (
        f"<details{name}{' open' if fold.unfolded else ''}>"
        f"<summary><b>{escaped(fold.name)}</b> {escaped(fold.says)}</summary>{inner}</details>\n"
    )
