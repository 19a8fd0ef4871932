"""HTML: what stands on the page, what is left out of it, and that nobody's text is markup."""

import re
import time
from collections.abc import Mapping
from html.parser import HTMLParser

import pytest

from tests.reports.samples import many
from verifier.report import Report
from verifier.reports.html import html_report
from verifier.reports.html_findings import Called
from verifier.reports.html_markup import SHOWN, text

# Elements that end themselves.
VOID = {"meta", "input"}
# All that the page is made of: nothing that runs, loads, frames or sends.
ELEMENTS = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "section", "nav"),
    *("h1", "h2", "h3", "h4", "h5", "p", "ul", "li", "dl", "div", "dt", "dd", "a", "b", "small"),
    *("form", "fieldset", "legend", "label", "input", "details", "summary", "article", "span"),
    *("bdi", "time", "pre", "code", "table", "caption", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {
    *("lang", "charset", "http-equiv", "content", "name", "class", "id", "aria-labelledby"),
    *("aria-label", "aria-hidden", "role", "tabindex", "scope", "href", "type", "checked", "open"),
    "datetime",
}


class Page(HTMLParser):
    """What a parser sees: elements, attributes, texts; it fails where tags do not match."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    # The names are those of the standard library.
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take down an element and its attributes."""
        self.elements.append(tag)
        self.attributes.extend((name, value or "") for name, value in attrs)
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Hold an end against the beginning."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Take down a text."""
        self.texts.append(data)

    def words(self) -> str:
        """Return all texts."""
        return " ".join(self.texts)


def test_only_these_elements(reports: Mapping[str, Report]) -> None:
    """Whatever was recorded: no element and no attribute but the page's own."""
    for report in reports.values():
        page = Page(html_report(report, envelope={"ledger": "</table>", "trust": ""}))
        assert set(page.elements) <= ELEMENTS
        assert {name for name, _ in page.attributes} <= ATTRIBUTES
        assert page.elements.count("style") == 1


def test_links_stay_on_the_page(reports: Mapping[str, Report]) -> None:
    """Each leads to a place that is there, and no place is there twice."""
    for name, report in reports.items():
        page = Page(html_report(report))
        ids = [value for key, value in page.attributes if key == "id"]
        assert len(ids) == len(set(ids)), name
        for key, value in page.attributes:
            if key in {"href", "aria-labelledby"}:
                assert value.removeprefix("#") in ids


def test_nothing_that_steers_is_left(reports: Mapping[str, Report]) -> None:
    """Controls and changes of writing direction are written out."""
    page = html_report(reports["hostile"])
    assert all(letter.isprintable() or letter == "\n" for letter in page)
    assert "\\u202e" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_the_policy_lets_nothing_in(reports: Mapping[str, Report]) -> None:
    """It names the one style by its digest; that Chromium takes it is tried in a browser."""
    page = Page(html_report(reports["everything"]))
    policies = [value for _, value in page.attributes if "default-src" in value]
    assert len(policies) == 1
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; base-uri 'none'; "
        r"form-action 'none'",
        policies[0],
    )
    assert "url(" not in html_report(reports["everything"])
    assert "@import" not in html_report(reports["everything"])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("everything", "Violated"),
        ("made broken", "Broken at entry 3"),
        ("undecidable", "Undecidable"),
    ],
)
def test_the_verdict_comes_first(reports: Mapping[str, Report], name: str, words: str) -> None:
    """In the title, and in the first heading."""
    page = html_report(reports[name])
    assert f"<title>{words} – " in page
    assert words in page[page.index("<h1>") : page.index("</h1>")]


def test_a_finding_says_everything(reports: Mapping[str, Report]) -> None:
    """Id, entry, time, run, tool, who, what was expected and recorded, and what it rests on."""
    page = Page(html_report(reports["everything"])).words()
    for words in (
        "F-0000000000000002",
        "2026-03-02T05:40:08.895000Z",
        "R-1",
        "payouts.create",
        "spiffe://shop.example/agent",
        "amount <= 5",
        'params.amount = {"micros": 6}',
        "entry 1: observation from crm, reference data that stands in no run",
        "desk@1.0.0",
        ", line 7",
        "Too much.",
        "S1",
        "denied by the guard",
        "no price",
        "no recorded decision is weaker than the one that the ledger gives",
    ):
        assert words in page


def test_counts_limits_and_the_command(reports: Mapping[str, Report]) -> None:
    """Each rule's counts, what is not proven, and how to repeat it."""
    called = Called("my.db", "--trust t.json", "--integrity")
    envelope = {"verified_at": "2026-03-02T05:40:08.895000Z", "writ": "1.2"}
    page = Page(html_report(reports["everything"], 5, envelope, called)).words()
    assert "writ verify my.db --trust t.json --integrity --format html" in page
    assert "that the ledger's clock was right" in page
    assert "entries 10 to 10" in page
    assert "undecidable 2×: sealed" in page
    assert "verified at" in page
    assert "1.2" in page


def test_it_is_the_same_bytes_without_envelope(reports: Mapping[str, Report]) -> None:
    """Only the last part says when, and with what."""
    report = reports["everything"]
    plain = html_report(report)
    told = html_report(report, envelope={"verified_at": "now"})
    assert plain == html_report(report)
    assert told.startswith(plain[: plain.index('<section aria-labelledby="again">')])


def test_explanations_and_incidents(reports: Mapping[str, Report]) -> None:
    """Where a report has them: why and by what, what would have been well, what goes together."""
    page = html_report(reports["explained"])
    for words in (
        "the limit is 100.00 EUR",
        "an approval by refunds-lead before it",
        "limits.auto = ",
        reports["explained"].incidents[0].id,
        '<a href="#F-0000000000000002">',
    ):
        assert words in page


def test_long_reports_say_what_they_leave_out() -> None:
    """How many are not shown, and which command shows them."""
    page = html_report(many(3_000), 2, None, Called("my.db", "--trust t.json"))
    words = Page(page).words()
    assert words.count("998 more of this rule are not shown here") == 3
    assert "writ findings my.db --trust t.json --rule policy.q" in words
    assert len(page) < 60_000


def test_long_reports_take_their_time_and_no_more() -> None:
    """Four times as many findings take about four times as long, however many are shown."""

    def seconds(count: int) -> float:
        report = many(count)
        started = time.process_time()
        html_report(report, count)
        return time.process_time() - started

    seconds(500)
    assert seconds(8_000) < 12 * max(seconds(2_000), 0.01)


def test_long_texts_are_cut() -> None:
    """A page shows where something was cut."""
    assert len(text("x" * (SHOWN + 9))) == SHOWN
    assert text("x" * (SHOWN + 9)).endswith("…")
