"""When a page of the app is done: never after a while, always on a condition."""

from playwright.sync_api import Page

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
# Two frames: what the condition saw is then painted too.
PAINTED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def settle(page: Page, seconds: float = 60.0) -> None:
    """Wait until the app has run its script and everything that it sent is drawn."""
    page.wait_for_function(DONE, timeout=seconds * 1000)
    page.evaluate(PAINTED)
