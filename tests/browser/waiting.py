"""When a page of the app is done: never after a while, always on a condition."""

import re

from playwright.sync_api import Page, expect

# Streamlit tells whether its script runs, marks what is left over from the run before, and shows
# skeletons for what it is still loading. A chart is done when Vega has put a drawing into it.
DONE = """() => {
  const app = document.querySelector('[data-testid="stApp"]');
  const all = (selector) => [...document.querySelectorAll(selector)];
  return app !== null
    && app.dataset.testConnectionState === 'CONNECTED'
    && app.dataset.testScriptState === 'notRunning'
    && all('[data-testid="stMainBlockContainer"] [data-testid]').length > 0
    && all('[data-stale="true"], [data-testid="stSkeleton"], [data-testid="stSpinner"]')
      .length === 0
    && all('[data-testid="stVegaLiteChart"]')
      .every((chart) => [...chart.querySelectorAll('canvas, svg.marks')]
        .some((drawing) => drawing.getBoundingClientRect().height > 0))
    && document.fonts.status === 'loaded';
}"""
# Two frames: what the condition saw is then painted too. And until the browser has nothing to do:
# what is painted listens to keys only after that, on a machine that tests other things much later.
PAINTED = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(
  () => requestIdleCallback(done, { timeout: 5000 }))))"""


def settle(page: Page, seconds: float = 60.0) -> None:
    """Wait until the app has run its script and everything that it sent is drawn."""
    page.wait_for_function(DONE, timeout=seconds * 1000)
    page.evaluate(PAINTED)


def acknowledge(page: Page) -> None:
    """Press the key that acknowledges, and see that it is recorded.

    More than once where nothing is said: a button that is drawn listens to its key a little later,
    which no person notices. It changes nothing to acknowledge twice.
    """
    said = page.get_by_text(re.compile("^(Recorded and signed: entr|Nothing to record)"))
    for _ in range(20):
        page.keyboard.press("a")
        try:
            expect(said).to_be_visible(timeout=3_000)
        except AssertionError:
            continue
        break
    expect(said).to_be_visible()
    settle(page)
