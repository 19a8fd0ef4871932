"""The pages of replay in a real Chromium: they render the sample's numbers and stay in the address.

What they say is compared with the engine in tests/dashboards; here is that a browser shows it.
"""

from urllib.parse import urlencode

from playwright.sync_api import Page, expect

from replay.history import History
from replay.rates import read_rates
from replay.reports.rollback_words import headline as undone
from replay.reports.value_words import headline as worth
from replay.rollback_reading import read
from replay.rolled_back import Question, rolled_back
from replay.run_choice import Choice, chosen, chosen_acts
from replay.valued import valued
from tests.browser.conftest import App
from tests.browser.test_app import choose_medium, shown
from tests.browser.waiting import settle
from verifier.load import open_ledger

# The sample pays 1 to 60 once each, looked first or not: what is over 5 would flip or does.
LIMIT = "rules.small.when=params.amount > 5"


def test_the_pages_of_replay_show_the_numbers_of_the_engine(app: App, page: Page) -> None:
    """Value, rollback and what if, each at an address that somebody could have sent."""
    with open_ledger(app.sample.ledger, app.sample.pinned) as ledger:
        history = History.of(ledger)
        runs = chosen(history, Choice())
        value = worth(valued(history, ledger.report, runs, rates=read_rates()))
        reading = read(ledger)
        acts = chosen_acts(reading.history, Choice())
        plan = undone(rolled_back(reading, ledger.report, acts, Question()))

    page.goto(f"{app.address}/value")
    expect(shown(page, value[1:])).to_be_visible()
    settle(page)

    page.goto(f"{app.address}/rollback?ask=yes")
    expect(shown(page, plan[1:])).to_be_visible()
    expect(page.get_by_role("heading", name="To propose it")).to_be_visible()
    settle(page)

    page.goto(f"{app.address}/whatif?{urlencode({'set': LIMIT, 'ask': 'yes'})}")
    expect(shown(page, "actions, 1 to 25 shown")).to_be_visible()
    expect(page.get_by_role("link", name="Open entry")).to_have_count(25)
    page.reload()
    expect(page.get_by_role("link", name="Open entry")).to_have_count(25)
    settle(page)
    assert page.get_by_test_id("stVegaLiteChart").count() == 0
    settle(page)
    page.get_by_role("link", name="Open entry").first.click()
    expect(shown(page, "Timeline")).to_be_visible()


def test_a_run_can_be_taken_along(app: App, page: Page) -> None:
    """Its report comes down as a file, redacted, once it was asked for."""
    page.goto(f"{app.address}/run")
    settle(page)
    page.get_by_role("link", name="Open run").first.click()
    page.get_by_text("Ask about this run, or take it along").click()
    page.get_by_role("button", name="Make the report in one file").click()
    with page.expect_download() as got:
        page.get_by_role("button", name="Download the report in one file").click()
    assert got.value.suggested_filename.endswith("-redacted.html")
    assert "redacted" in got.value.path().read_text("utf-8")


def test_a_run_is_decided_again_step_by_step(app: App, page: Page) -> None:
    """Under each action what it is decided on, its facts and rules in tables that one opens."""
    choose_medium(app, page)
    settle(page)
    page.get_by_role("link", name="Open entry").first.click()
    expect(shown(page, "Decided again:").first).to_be_visible()
    assert page.get_by_test_id("stDataFrame").count() == 0
    page.locator("[class*='st-key-parts-'] summary").last.click()
    expect(page.get_by_test_id("stDataFrame").first).to_be_visible()
    settle(page)
    page.keyboard.press("j")
    expect(shown(page, "Decided again:").first).to_be_visible()
    settle(page)
