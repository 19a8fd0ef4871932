"""A review by keyboard alone: no click in this file, and one sees and can send where one is."""

import re
from collections.abc import Generator, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import App
from tests.browser.ledgers import keys_of, sample
from tests.browser.serving import serving
from tests.browser.test_app import shown, to_review
from tests.browser.waiting import acknowledge, settle
from verifier.load import open_ledger

STEPS = 20
FOCUSED = """() => {
  const element = document.activeElement;
  const within = element.closest('[class*="st-key-picked-"], [class*="st-key-finding-"]');
  const look = getComputedStyle(element);
  return {
    key: within === null ? '' : [...within.classList].find((one) => one.startsWith('st-key-')),
    outline: look.outlineStyle !== 'none' && parseFloat(look.outlineWidth) >= 1,
  };
}"""


def asked(page: Page, name: str) -> str:
    """Return a parameter of the address."""
    return parse_qs(urlsplit(page.url).query).get(name, [""])[0]


def expect_focus(page: Page, key: str) -> None:
    """Wait until an element has the focus, and one sees it: drawn anew, it has it a frame later."""
    settle(page)
    held = f"const held = ({FOCUSED})(); return held.key.startsWith('st-key-{key}') && held.outline"
    page.wait_for_function(f"() => {{ {held}; }}")


def press(page: Page, key: str, name: str, before: str) -> str:
    """Press a key, and return what the address's parameter is then, which is something else."""
    page.keyboard.press(key)
    expect(page).to_have_url(re.compile(rf"[?&]{name}=(?!{re.escape(before)}(&|$))."))
    return asked(page, name)


@pytest.fixture
def reviewing(browser: Browser, tmp_path: Path) -> Generator[App]:
    """Give the app on a ledger of its own, in which its reviewer acts."""
    assert browser.is_connected()
    made = sample(tmp_path)
    keys = keys_of(made, "reviewer")
    acts: list[str | Path] = ["--as", "reviewer", "--keys", keys]
    with serving([made.ledger, "--trust", made.trust, *acts]) as address:
        yield App(address, made)


def acknowledged(app: App) -> list[str]:
    """Return the findings that somebody acknowledged, as the ledger says it."""
    with open_ledger(app.sample.ledger, app.sample.pinned) as ledger:
        records = [one.record for one in ledger.events() if one.record["kind"] == "review"]
    assert {one["state"] for one in records} == {"acknowledged"}
    return [one["finding"] for one in records]


def test_twenty_findings_are_reviewed_by_keyboard(reviewing: App, page: Page) -> None:
    """From the list to a finding, acknowledged, to the next, back a step, and back to the list."""
    app = reviewing
    names = [one.id for one in to_review(app)]
    assert len(names) > STEPS
    page.goto(f"{app.address}/?view=findings&sort=oldest")
    settle(page)
    page.keyboard.press("j")
    expect(page).to_have_url(re.compile("selected=F-"))
    expect_focus(page, "picked-row-")
    first = asked(page, "selected")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(rf"/run\?.*finding={first}"))
    seen = [first]
    for number in range(1, STEPS + 1):
        expect(shown(page, f"finding {number} of {len(names)} in the inbox")).to_be_visible()
        expect_focus(page, "finding-")
        acknowledge(page)
        if number < STEPS:
            seen.append(press(page, "j", "finding", seen[-1]))
    assert len(set(seen)) == STEPS
    assert set(seen) <= set(names)
    assert acknowledged(app) == seen

    assert press(page, "k", "finding", seen[-1]) == seen[-2]
    expect_focus(page, "finding-")
    page.keyboard.press("u")
    expect(page).to_have_url(re.compile(rf"/\?.*selected={seen[-2]}"))
    expect_focus(page, "picked-row-")
    listed = page.url
    page.keyboard.press("o")
    expect(page).to_have_url(re.compile(rf"/run\?.*finding={seen[-2]}"))
    settle(page)
    page.go_back()
    expect(page).to_have_url(listed)
    expect_focus(page, "picked-row-")


def test_what_is_marked_by_the_keyboard_is_one_act(reviewing: App, page: Page) -> None:
    """Two lines with x, a third by its box; marks outlive a reload, and one key acts on all."""
    app = reviewing
    page.goto(f"{app.address}/?view=findings&sort=oldest")
    settle(page)
    marked: list[str] = []
    before = ""
    for number in (1, 2):
        before = press(page, "j", "selected", before)
        expect_focus(page, "picked-row-")
        page.keyboard.press("x")
        expect(shown(page, f"{number} finding{'s' * (number > 1)} marked")).to_be_visible()
        settle(page)
        marked.append(before)
    box = page.get_by_role("checkbox", checked=False).nth(1)
    name = box.get_attribute("aria-label") or ""
    box.focus()
    page.keyboard.press(" ")
    expect(shown(page, "3 findings marked")).to_be_visible()
    settle(page)
    # It keeps the focus, and does the opposite.
    expect(page.get_by_role("checkbox", name=name)).to_be_focused()
    page.keyboard.press(" ")
    expect(shown(page, "2 findings marked")).to_be_visible()
    settle(page)
    # Faster than the page is drawn, the one does not forget the other.
    page.evaluate(
        "() => [4, 5].forEach((n) => document.querySelectorAll('.writ-check')[n].click())"
    )
    expect(shown(page, "4 findings marked")).to_be_visible()
    settle(page)
    page.reload()
    settle(page)
    expect(page.get_by_role("checkbox", checked=True)).to_have_count(4)
    acknowledge(page)
    assert set(acknowledged(app)) > set(marked)
    assert len(acknowledged(app)) == 4
    page.get_by_role("button", name="Unmark all").press("Enter")
    expect(shown(page, "findings marked")).to_have_count(0)
    settle(page)


def test_what_was_asked_for_outlives_a_reload_and_a_copied_link(app: App, page: Page) -> None:
    """Filter, page and the line selected; the browser's back button undoes a step."""
    start = f"{app.address}/?view=findings&sort=newest&page=2"
    page.goto(start)
    settle(page)
    page.keyboard.press("j")
    expect(page).to_have_url(re.compile("page=2.*selected=F-"))
    expect_focus(page, "picked-row-")
    there, line = page.url, page.evaluate(FOCUSED)["key"]
    page.reload()
    expect_focus(page, line.removeprefix("st-key-"))
    expect(shown(page, "26 to")).to_be_visible()

    other = page.context.new_page()
    other.goto(there)
    expect_focus(other, line.removeprefix("st-key-"))
    other.close()

    # At once and more than once: the page of a step that is undone may not have been drawn.
    for _ in range(6):
        page.keyboard.press("j")
        expect(page).not_to_have_url(there)
        page.go_back()
        expect(page).to_have_url(there)
        expect_focus(page, line.removeprefix("st-key-"))


def test_slash_leads_to_the_search_and_letters_stay_letters(app: App, page: Page) -> None:
    """In a field a key is a letter; elsewhere it is a command, on every page that has a search."""
    for path, first in (("?view=findings", True), ("run", False)):
        page.goto(f"{app.address}/{path}")
        settle(page)
        field = search(page)
        slash(page, field)
        expect(field).to_be_focused()
        page.keyboard.type("j/k")
        expect(field).to_have_value("j/k")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(r"q=j%2Fk"))
        assert not asked(page, "selected")
        if first:
            expect(shown(page, "No finding fits")).to_be_visible()


def slash(page: Page, field: Locator) -> None:
    """Press the key, and again as long as the page does not listen yet: its script comes last."""
    for _ in range(40):
        page.keyboard.press("/")
        if field.evaluate("(field) => field === document.activeElement"):
            return
        page.wait_for_timeout(250)


def search(page: Page) -> Locator:
    """Return the page's search."""
    return page.get_by_test_id("stMain").locator("input[type=search]")


def test_incidents_are_gone_through_by_keyboard(app: App, page: Page) -> None:
    """Open one of many findings, go into it, and leave it for the list where it stands."""
    page.goto(f"{app.address}/?sort=largest")
    settle(page)
    page.keyboard.press("j")
    expect_focus(page, "picked-incident-")
    which = asked(page, "selected")
    page.keyboard.press("o")
    expect(page).to_have_url(re.compile(rf"\?.*incident={which}"))
    expect(shown(page, "All incidents")).to_be_visible()
    settle(page)
    page.keyboard.press("u")
    expect(page).to_have_url(re.compile(rf"sort=largest.*selected={which}"))
    expect_focus(page, "picked-incident-")


def test_the_keys_are_told(app: App, page: Page) -> None:
    """Where they can be pressed, in words."""
    for told in keys_told(app, page):
        expect(told).to_be_visible()


def keys_told(app: App, page: Page) -> Iterator[Locator]:
    """Yield where the list tells its keys, and where a finding does."""
    page.goto(f"{app.address}/?view=findings")
    yield shown(page, "Keys:")
    settle(page)
    page.keyboard.press("j")
    expect_focus(page, "picked-row-")
    page.keyboard.press("o")
    yield shown(page, "next finding")
