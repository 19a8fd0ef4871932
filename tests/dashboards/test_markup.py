"""What pages show as HTML: whatever a ledger says is text in it, and its own tags are the few."""

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from dashboards import markup
from dashboards.words import one_line, plain

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
        assert one_line(one, 240) in shown
    assert f"2026 · rule {one_line(name, 80)} · 3 findings" in shown


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
