"""Takes the pictures of the app that the documents show: `make pictures`.

They are of the demonstration's ledger, in a real Chromium: whoever changes a page takes them again
and looks at them.
"""

import argparse
import io
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal
from urllib.parse import urlencode

from PIL import Image
from playwright.sync_api import Browser, Page

from tests.browser.chromium import chromium
from tests.browser.serving import serving
from tests.browser.waiting import settle
from writ.demo.truth import read_truth

WIDTH: Final = 1280
TALLEST: Final = 1800
SCALE: Final = 1.5
# More would be slow to load for whoever reads the README, and heavy in every clone for ever.
MOST_BYTES: Final = 400_000
# Lower than any page: what it then needs more than this is its content's own height.
LOW: Final = 400
# The first page of all waits for a verification of the whole ledger.
PATIENCE_SECONDS: Final = 600.0
# Where the links of the guided visit lead.
GUIDED: Final = {
    "evidence": "See the record",
    "incident": "Open the incident",
    "run": "Follow it step by step",
    "integrity": "See what was checked",
}
# What is asked on the pages of replay: the version that came after the incident; what the
# incident's prompt had paid a minute before the switch; what all runs cost.
ASKED: Final = {
    "contracts": "contracts",
    "whatif": f"whatif?{urlencode({'contract': 'refund-decisioning@1.1.0', 'ask': 'yes'})}",
    "rollback": "rollback?"
    + urlencode(
        {
            "prompt": "4ade1770",
            "where": 'action.tool == "payouts.create"',
            "as_of": "2026-03-16T16:44:00Z",
            "param": "reason=paid under the new prompt",
            "ask": "yes",
        }
    ),
    "value": "value?ask=yes",
}
REVIEWER: Final = "reviewer"
RESOLVED_WITH: Final = "Refunds called back; 1.1.0 stops serial refunds."
Scheme = Literal["light", "dark"]

# What the incident's prompt had paid a minute before the kill switch was pulled, which is when it
# would have been asked. Source: writ/demo/incident.py.
BURST: Final = (
    "--where",
    'action.tool == "payouts.create" && action.run.prompt.startsWith("4ade1770")',
    "--as-of",
    "2026-03-16T16:44:00Z",
    "--param",
    "reason=paid under the new prompt",
)
REPORT_HEIGHT: Final = 1_150
# The first step of all that was let through and should not have been.
FALSE_ALLOW: Final = "decision.false-allow"

# No question of the page is under way.
WORKED_OUT: Final = """() => document.querySelector('[class*="st-key-progress-"]') === null"""
# How far down the content reaches. Streamlit scrolls inside a section of its own, and leaves room
# below the content that nothing stands in.
REACH = """() => {
  const block = document.querySelector('[data-testid="stMainBlockContainer"]');
  const section = document.querySelector('[data-testid="stMain"]');
  const last = block.firstElementChild.getBoundingClientRect().bottom;
  return Math.ceil(last + section.scrollTop) + 40;
}"""


@dataclass(frozen=True, slots=True)
class Way:
    """One of the ways in which each page is shown: its width, light or dark, and how sharp."""

    width: int
    scheme: Scheme
    scale: float = 1.0

    @property
    def name(self) -> str:
        """What a picture's name ends with."""
        return f"{self.scheme}-{self.width}"


# The first is the one that the documents show; the others stand beside it.
WAYS: Final = (
    Way(1280, "light", SCALE),
    Way(1280, "dark"),
    Way(1920, "light"),
    Way(1920, "dark"),
)


def opened(browser: Browser, way: Way) -> Page:
    """Return a window that shows pages in a way."""
    context = browser.new_context(
        viewport={"width": way.width, "height": LOW},
        device_scale_factor=way.scale,
        color_scheme=way.scheme,
        reduced_motion="reduce",
        locale="en-GB",
        timezone_id="UTC",
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_SECONDS * 1000)
    return page


def settled(page: Page) -> None:
    """Wait until a page is done, and so is what it has computed in the background."""
    settle(page, PATIENCE_SECONDS)
    page.wait_for_function(WORKED_OUT)
    settle(page, PATIENCE_SECONDS)


def take(page: Page) -> bytes:
    """Return a picture of an open page, as high as its content, as PNG."""
    settled(page)
    _grow(page)
    # A page that has given something the focus has scrolled there.
    page.evaluate("""() => document.querySelector('[data-testid="stMain"]').scrollTo(0, 0)""")
    return page.screenshot(animations="disabled", caret="hide")


def _grow(page: Page) -> None:
    """Make the window as high as the content, which may change as it grows."""
    for _ in range(5):
        size = page.viewport_size
        wanted = max(LOW, min(int(page.evaluate(REACH)), TALLEST))
        if size is None or size["height"] == wanted:
            return
        page.set_viewport_size({"width": size["width"], "height": wanted})
        settle(page)


def smaller(raw: bytes) -> bytes:
    """Return the same picture in 256 colours: a page has few, and the file is a third as large."""
    with Image.open(io.BytesIO(raw)) as picture:
        few = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    packed = io.BytesIO()
    few.save(packed, "PNG", optimize=True)
    return packed.getvalue()


def save(raw: bytes, file: Path) -> None:
    """Save a picture, small."""
    packed = smaller(raw)
    assert len(packed) <= MOST_BYTES, f"{file.name}: {len(packed)} bytes"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(packed)
    sys.stdout.write(f"{file}: {len(packed) // 1000} kB\n")


def take_app(demo: Path, folder: Path) -> None:
    """Take the pictures of the app's pages in each way, then those of what a reviewer does.

    A copy of the ledger is shown: what is recorded is recorded there.

    Args:
        demo: The demonstration's folder.
        folder: Where the pictures go.
    """
    with TemporaryDirectory() as there:
        copy = Path(there) / "demo"
        shutil.copytree(demo, copy)
        ledger = copy / "refunds.db"
        trust = f"{ledger}.trust.json"
        with (
            chromium() as browser,
            serving([ledger, "--trust", trust, "--as", REVIEWER]) as address,
        ):
            pages = pages_of(browser, address)
            for way in WAYS:
                page = opened(browser, way)
                for name, path in pages.items():
                    page.set_viewport_size({"width": way.width, "height": LOW})
                    page.goto(f"{address}/{path}")
                    save(take(page), folder / f"{name}-{way.name}.png")
                page.context.close()
            _step(opened(browser, WAYS[0]), f"{address}/{pages['run']}", folder)
            _review(opened(browser, WAYS[0]), f"{address}/{pages['incident']}", folder)


def _step(page: Page, run: str, folder: Path) -> None:
    """Take a picture of the step that a run's page was opened for, with all it was decided on."""
    page.set_viewport_size({"width": WIDTH, "height": TALLEST})
    page.goto(run)
    settled(page)
    step = page.locator('[class*="st-key-step-"]').filter(has_text="shown").first
    step.get_by_text("as of then").click()
    settled(page)
    raw = step.screenshot(animations="disabled", caret="hide")
    save(raw, folder / f"step-{WAYS[0].name}.png")
    page.context.close()


def _review(page: Page, incident: str, folder: Path) -> None:
    """Resolve an incident as its reviewer, and take pictures of what is there then."""
    page.goto(incident)
    settled(page)
    page.get_by_role("textbox", name="Note").first.fill(RESOLVED_WITH)
    page.get_by_role("button", name="Resolve", exact=True).first.click()
    page.get_by_text("Recorded and signed").first.wait_for()
    save(take(page), folder / f"resolved-{WAYS[0].name}.png")
    page.context.close()


def pages_of(browser: Browser, address: str) -> dict[str, str]:
    """Return the pages to show, by name: where the guided visit leads, and what replay answers.

    Args:
        browser: A Chromium.
        address: The app's, on the demonstration's ledger.
    """
    page = opened(browser, WAYS[0])
    page.goto(address)
    settled(page)
    found = {"inbox": ""}
    for name, label in GUIDED.items():
        link = page.get_by_role("link", name=label).first
        found[name] = (link.get_attribute("href") or "").rpartition("/")[2]
    page.context.close()
    # Decided again, which is asked for by a key.
    return {**found, "run": f"{found['run']}&again=yes", **ASKED}


def reports_of(demo: Path) -> dict[str, list[str]]:
    """Return the answers of replay to show, by name: each as the command is called.

    Args:
        demo: The demonstration's folder.
    """
    expected = read_truth((demo / "truth.json").read_text("utf-8"))
    broke = next(one for one in expected if one.rule == FALSE_ALLOW)
    return {
        "whatif": ["whatif", "--contract", "refund-decisioning@1.1.0"],
        "rollback": ["rollback", *BURST],
        "value": ["value"],
        "replay": ["replay", "--run", broke.run],
    }


def take_reports(demo: Path, called: Mapping[str, Sequence[str]], folder: Path) -> None:
    """Take a picture of the head of each answer's page.

    Args:
        demo: The demonstration's folder.
        called: By the picture's name, the command with its options.
        folder: Where the pictures go.
    """
    ledger = demo / "refunds.db"
    with chromium() as browser, TemporaryDirectory() as there:
        for name, (command, *options) in called.items():
            written = Path(there) / f"{name}.html"
            of = [str(ledger), "--trust", f"{ledger}.trust.json"]
            to = ["--format", "html", "--out", str(written)]
            # It exits 1 where something is to be looked at, which is no failure here.
            writ = [sys.executable, "-m", "writ", command, *of, *options, *to]
            subprocess.run(writ, check=False)
            page = browser.new_page(
                viewport={"width": WIDTH, "height": REPORT_HEIGHT}, device_scale_factor=SCALE
            )
            page.goto(written.as_uri())
            save(page.screenshot(animations="disabled"), folder / f"{name}.png")
            page.close()


def main() -> None:
    """Take the pictures of the demonstration's ledger."""
    parser = argparse.ArgumentParser(description="Take pictures of the app.")
    parser.add_argument("--demo", type=Path, default=Path(".cache/demo"), help="its folder")
    parser.add_argument("--to", type=Path, default=Path("docs/pictures"), help="where they go")
    given = parser.parse_args()
    take_app(given.demo, given.to / "app")
    take_reports(given.demo, reports_of(given.demo), given.to)


if __name__ == "__main__":
    main()
