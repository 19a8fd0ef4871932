"""What a test in a real browser needs: a Chromium, ledgers to look at, and pages of the app."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.chromium import Heard, NoChromiumError, chromium
from tests.browser.ledgers import Sample, broken_sample, sample
from tests.browser.serving import serving
from tests.browser.waiting import settle

# The first page of an app waits for its imports and for a verification, on a machine that tests
# other things meanwhile.
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)


@dataclass(frozen=True, slots=True)
class App:
    """The app, running on a ledger.

    Attributes:
        address: Where it answers.
        sample: The ledger that it shows.
    """

    address: str
    sample: Sample


# A module's, not the session's: while Playwright runs, its event loop counts as running in this
# thread, and a test of another module that starts one of its own would be refused.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give a Chromium with nothing in it."""
    try:
        with chromium() as started:
            yield started
    except NoChromiumError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def app(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Generator[App]:
    """Give the app on a ledger with findings."""
    assert browser.is_connected()  # without a browser there is nothing to start an app for
    made = sample(tmp_path_factory.mktemp("ledger"))
    with serving([made.ledger, "--trust", made.trust]) as address:
        yield App(address, made)


@pytest.fixture(scope="module")
def broken_app(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Generator[App]:
    """Give the app on a ledger in which somebody changed a record."""
    assert browser.is_connected()
    made = broken_sample(tmp_path_factory.mktemp("broken"))
    with serving([made.ledger, "--trust", made.trust]) as address:
        yield App(address, made)


# The windows of a module share a cache: the app's scripts are some megabytes.
@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Give what windows share: their size, language, patience and cache."""
    made = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    made.set_default_timeout(PATIENCE_MS)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """Give a window; when the test is over, nothing may have gone wrong behind its page."""
    opened = context.new_page()
    heard = Heard()
    heard.listen(opened)
    yield opened
    settle(opened)
    shown = opened.locator("body").inner_text()
    opened.close()
    assert heard.errors == []
    assert heard.strangers == []
    assert "Traceback" not in shown
