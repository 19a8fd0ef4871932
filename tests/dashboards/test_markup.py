"""What pages show as HTML: whatever a ledger says is text in it, and its own tags are the few."""

import json
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from dashboards import markup
from dashboards.words import one_line, opened, plain

HOSTILE = st.one_of(
    st.text(),
    st.sampled_from(
        [
            "<script>alert(1)</script>",
            "</p><img src=x onerror=alert(1)>",
            '"><svg onload=alert(1)>',
            "&lt;b&gt; &amp;lt; &#60;",
            "<!-- --><style>*{}</style>",
            "\N{RIGHT-TO-LEFT OVERRIDE}txt",
        ]
    ),
)


class _Reader(HTMLParser):
    """Collects tags, their attributes, and the text between them, as a browser would."""

    def __init__(self, said: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(said)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.texts.append(data)


@given(HOSTILE, HOSTILE, HOSTILE)
def test_a_line_is_what_was_said(says: str, more: str, name: str) -> None:
    """Every letter of it, and no tag but the app's own."""
    told = ["2026", f"rule {markup.code(name)}", markup.strong("3 findings"), ""]
    read = _Reader(markup.row((says, more), told))
    assert set(read.tags) <= {"div", "p", "small", "code", "strong"}
    assert read.attributes == [("class", "writ-row")]
    shown = "".join(read.texts)
    for one in (says, more):
        assert one_line(one, 300) in shown
    assert f"2026 · rule {one_line(name, 80) or '-'} · 3 findings" in shown


@given(st.lists(st.tuples(st.sampled_from(["goal", "model"]), HOSTILE), max_size=4))
def test_facts_are_what_was_said(pairs: list[tuple[str, str]]) -> None:
    """Names and values in order; what has no value is left out."""
    read = _Reader(markup.facts(pairs))
    assert read.attributes == [("class", "writ-facts")]
    there = [(name, plain(value)) for name, value in pairs if value]
    assert read.tags == ["dl", *["div", "dt", "dd"] * len(there)]
    assert "".join(read.texts) == "".join(f"{name}{value}" for name, value in there)


def test_a_place_is_a_heading_that_links_lead_to() -> None:
    """By its entry."""
    read = _Reader(markup.place(7, ("+3 s", ""), ("shown",)))
    assert read.tags == ["div", "h3", "small", "em"]
    assert ("id", "entry-7") in read.attributes
    assert read.texts == ["7", "+3 s", "shown"]


@given(HOSTILE)
def test_a_block_is_what_was_said(said: str) -> None:
    """Line by line, in one element."""
    read = _Reader(markup.block(said))
    assert (read.tags, read.attributes) == (["pre"], [("class", "writ-block")])
    assert "".join(read.texts) == (plain(said) or "–")


@given(HOSTILE, HOSTILE, HOSTILE)
def test_a_link_leads_where_it_says(label: str, run: str, means: str) -> None:
    """Whatever a run is called: the address asks for it, and the label is its letters."""
    there = markup.address("run", {"run": [run], "at": ["3"]})
    read = _Reader(markup.link(label, there, ":material/check:", means=means, here=True))
    assert read.tags == ["a", "i", "span"]
    given = dict(read.attributes)
    assert urlsplit(given["href"] or "").path == "run"
    asked = parse_qs(urlsplit(given["href"] or "").query, keep_blank_values=True, errors="strict")
    assert asked == {"run": [run], "at": ["3"]}
    assert given.get("title", "") == means
    assert "".join(read.texts) == f"check{label}"


@given(HOSTILE, HOSTILE, st.booleans())
def test_a_box_says_what_it_is_for(label: str, which: str, checked: bool) -> None:  # noqa: FBT001
    """To whoever does not see it too, and how it is."""
    read = _Reader(markup.check(label, which, "./?marked=1", checked=checked))
    assert read.tags == ["a", "i"]
    given = dict(read.attributes)
    assert (given["role"], given["aria-checked"]) == ("checkbox", str(checked).lower())
    assert (given["aria-label"], given["title"], given["data-mark"]) == (label, label, which)


@given(HOSTILE, HOSTILE)
def test_a_badge_is_a_word(word: str, means: str) -> None:
    """With its sign, and what it means for whoever points at it."""
    read = _Reader(markup.badge(word, ":material/check:", "red", means))
    assert read.tags == ["span", "i"]
    assert dict(read.attributes).get("title", "") == means
    assert "".join(read.texts) == f"check {word}"
    assert _Reader(markup.badge(word, "", "red")).tags == ["span"]


@given(HOSTILE)
def test_what_was_said_and_what_has_a_name(words: str) -> None:
    """Line by line, letter by letter; nothing where there is nothing."""
    assert "".join(_Reader(markup.said(words)).texts) == plain(words)
    read = _Reader(markup.named("because", words))
    assert read.tags == (["dl", "dt", "dd"] if words else [])
    assert "".join(read.texts) == (f"because{plain(words)}" if words else "")


@given(st.dictionaries(HOSTILE, HOSTILE, max_size=3))
def test_data_is_json(value: dict[str, str]) -> None:
    """On one line where it is short, else indented, cut where it is very long."""
    read = _Reader(markup.data(value, 100_000))
    assert set(read.tags) <= {"p", "code", "pre"}
    flat = json.dumps(value, ensure_ascii=False)
    short = len(flat) <= markup.ONE_LINE
    assert "".join(read.texts) == (one_line(flat, 100) if short else opened(value, 100_000))


def test_lists_and_steps_are_named_as_containers_are() -> None:
    """By a class, by which the keyboard and links find them."""
    read = _Reader(markup.listed([markup.item("row-1", signs="s", body="b", ways="w")]))
    assert read.tags == ["ul", "li", "div"]
    assert ("role", "list") in read.attributes
    assert ("class", "writ-item st-key-row-1") in read.attributes
    assert "".join(read.texts) == "sbw"
    both = markup.step("step-1", "x", border=True) + markup.step("", "y")
    read = _Reader(both)
    assert read.attributes == [
        ("class", "writ-step st-key-step-1 writ-bordered"),
        ("class", "writ-step"),
    ]
    read = _Reader(markup.folded("more", markup.line("a", "", "b") + markup.line()))
    assert read.tags == ["details", "summary", "p"]
    assert "".join(read.texts) == "morea · b"
