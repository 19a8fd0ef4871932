"""Each page held against the rules of accessibility that axe-core knows, in light and in dark."""

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import App
from tests.browser.waiting import settle

AXE: Final = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
# What keeps somebody from using a page, or makes it hard.
GRAVE: Final = frozenset({"serious", "critical"})
TAGS: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
# Markup of Streamlit's that no page of ours can change: by rule, what its nodes' markup has.
NOT_OURS: Final[Mapping[str, re.Pattern[str]]] = {}

RUN = """(tags) => axe.run(document, {
  runOnly: { type: 'tag', values: tags }, resultTypes: ['violations'],
})"""


@pytest.fixture(scope="module", params=["light", "dark"])
def looked_at(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """Give a window in one of the two schemes."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, locale="en-GB", color_scheme=request.param
    )
    yield context.new_page()
    context.close()


def pages_of(app: App, page: Page) -> list[str]:
    """Return the addresses of the app's pages, and of one finding and one entry."""
    page.goto(f"{app.address}/?view=findings")
    settle(page)
    links = page.locator('[data-testid="stTopNavLink"]').all()
    named = [(one.get_attribute("href") or "").rpartition("/")[2] for one in links]
    finding = page.get_by_role("link", name=re.compile("^Open entry ")).first
    there = (finding.get_attribute("href") or "").rpartition("/")[2]
    at = re.search(r"at=(\d+)", there)
    assert at is not None
    return [*named, "?view=findings", there, f"evidence?entry={at[1]}"]


def grave(page: Page) -> list[str]:
    """Return what is seriously wrong with an open page, one line for each node."""
    page.evaluate(AXE)
    found: dict[str, Any] = page.evaluate(RUN, TAGS)
    return [
        f"{one['id']}: {one['help']}: {node['html'][:200]}"
        for one in found["violations"]
        if one["impact"] in GRAVE
        for node in one["nodes"]
        if not (one["id"] in NOT_OURS and NOT_OURS[one["id"]].search(node["html"]))
    ]


def test_no_page_keeps_anybody_out(app: App, looked_at: Page) -> None:
    """Names, roles, contrast, headings: nothing serious is wrong with any page of the app."""
    pages = pages_of(app, looked_at)
    assert len(pages) > 7
    wrong: dict[str, list[str]] = {}
    for there in pages:
        looked_at.goto(f"{app.address}/{there}")
        settle(looked_at)
        found = grave(looked_at)
        if found:
            wrong[there] = found
    assert wrong == {}


def test_the_rules_bite(app: App, looked_at: Page) -> None:
    """A picture without a name and a text that nobody can read are found."""
    looked_at.goto(app.address)
    settle(looked_at)
    looked_at.evaluate(
        """() => document.querySelector('[data-testid="stMainBlockContainer"]').insertAdjacentHTML(
          'afterbegin',
          '<img src="data:,"><p style="color:#777;background:#888">Who can read this?</p>')"""
    )
    rules = {line.partition(":")[0] for line in grave(looked_at)}
    assert {"image-alt", "color-contrast"} <= rules
