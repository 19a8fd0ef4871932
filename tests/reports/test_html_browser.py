"""The page in a real Chromium: nothing fails, nothing is asked for, filters need no script."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.chromium import Heard, NoChromiumError, chromium
from verifier.report import Report
from verifier.reports.html import html_report


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give a Chromium with nothing in it."""
    try:
        with chromium() as started:
            yield started
    except NoChromiumError as error:
        pytest.skip(str(error))


def shown(browser: Browser, path: Path, report: Report) -> tuple[Page, Heard, list[str]]:
    """Open a report, with what the browser says of it and asks for."""
    path.write_text(html_report(report), "utf-8")
    page = browser.new_page()
    heard, asked = Heard(), list[str]()
    heard.listen(page)
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: heard.errors.append(dialog.message))
    page.goto(path.as_uri())
    return page, heard, asked


def test_nothing_fails_and_nothing_is_asked_for(
    browser: Browser, tmp_path: Path, reports: Mapping[str, Report]
) -> None:
    """Not of a hostile report either; the policy blocks no style of the page's own."""
    for name, report in reports.items():
        page, heard, asked = shown(browser, tmp_path / "report.html", report)
        assert (heard.errors, heard.warnings, len(asked)) == ([], [], 1), name
        assert page.locator("h1").evaluate("one => getComputedStyle(one).color") != "rgb(0, 0, 0)"
        assert page.evaluate("document.scripts.length") == 0
        page.close()


def test_the_policy_stops_what_is_put_in(
    browser: Browser, tmp_path: Path, reports: Mapping[str, Report]
) -> None:
    """Were something let through all the same, it would not run, load or be styled."""
    path = tmp_path / "report.html"
    page, heard, _ = shown(browser, path, reports["everything"])
    page.close()
    refused: dict[str, str | None] = {}
    spoiled = path.read_text("utf-8").replace(
        "<main>",
        '<main><script>document.title = "ran"</script><img src="https://evil.example/x.png">'
        '<p id="styled" style="color: rgb(1, 2, 3)">x</p>',
    )
    path.write_text(spoiled, "utf-8")
    page = browser.new_page()
    page.on("requestfailed", lambda request: refused.update({request.url: request.failure}))
    heard.listen(page)
    page.goto(path.as_uri())
    assert page.title() != "ran"
    assert page.locator("#styled").evaluate("one => getComputedStyle(one).color") != "rgb(1, 2, 3)"
    assert refused == {"https://evil.example/x.png": "csp"}
    assert len(heard.errors) >= 3  # each of them was refused, and it was said
    page.close()


def test_filters_follow_their_boxes(
    browser: Browser, tmp_path: Path, reports: Mapping[str, Report]
) -> None:
    """By result and by clause; a rule unfolds, and its finding can be reached by its id."""
    page, heard, _ = shown(browser, tmp_path / "report.html", reports["everything"])
    assert page.locator(".is-handled").is_visible()
    page.get_by_label("handled", exact=True).uncheck()
    assert not page.locator(".is-handled").is_visible()
    assert page.locator(".is-violated").is_visible()
    cost = page.locator(".in-cost")
    assert cost.is_visible()
    page.get_by_label("cost", exact=True).uncheck()
    assert not cost.is_visible()
    rule = page.locator(".is-violated .in-policy").first
    finding = rule.locator(".finding")
    was = finding.is_visible()
    rule.locator("summary").click()
    assert finding.is_visible() != was
    assert heard.errors == []
    page.close()


def test_headings_and_tables_can_be_heard(
    browser: Browser, tmp_path: Path, reports: Mapping[str, Report]
) -> None:
    """One first heading, no level left out, a caption and headers for each table of counts."""
    page, _, _ = shown(browser, tmp_path / "report.html", reports["everything"])
    levels = page.locator("h1, h2, h3, h4, h5").evaluate_all(
        "all => all.map(one => +one.tagName[1])"
    )
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    for table in page.locator("table.counts").all():
        assert table.locator("caption").count() == 1
        assert table.locator("thead th[scope=col]").count() == 7
        rows = table.locator("tbody tr").count()
        assert table.locator("tbody th[scope=row]").count() == rows > 0
    page.close()


def test_narrow_dark_and_printed(
    browser: Browser, tmp_path: Path, reports: Mapping[str, Report]
) -> None:
    """Nothing sticks out of a telephone; dark is dark; what is folded is printed."""
    page, heard, _ = shown(browser, tmp_path / "report.html", reports["hostile"])
    page.set_viewport_size({"width": 400, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    colours = list[str]()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        colours.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert colours == ["rgb(251, 250, 247)", "rgb(22, 23, 26)"]
    page.locator("details[open]").evaluate_all("all => all.forEach(one => one.open = false)")
    assert page.locator(".finding").first.evaluate("one => one.checkVisibility()") is False
    page.emulate_media(media="print")
    visible = "one => one.checkVisibility({contentVisibilityAuto: true})"
    assert page.locator(".finding").first.evaluate(visible) is True
    assert heard.errors == []
    page.close()
