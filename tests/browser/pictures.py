"""Takes the pictures of the app that the documents show: `make pictures`.

They are of the demonstration's ledger, in a real Chromium: whoever changes a page takes them again
and looks at them.
"""

import argparse
import io
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
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
VERIFIED_SECONDS: Final = 300.0
# What truth.json calls the refunds that were paid although the incident had them stopped.
INCIDENT: Final = "through-the-switch"

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

# How far down the content reaches. Streamlit scrolls inside a section of its own, and leaves room
# below the content that nothing stands in.
REACH = """() => {
  const block = document.querySelector('[data-testid="stMainBlockContainer"]');
  const section = document.querySelector('[data-testid="stMain"]');
  const last = block.firstElementChild.getBoundingClientRect().bottom;
  return Math.ceil(last + section.scrollTop) + 40;
}"""


def take(browser: Browser, address: str) -> bytes:
    """Return a picture of a page, as high as its content, as PNG."""
    context = browser.new_context(
        viewport={"width": WIDTH, "height": LOW},
        device_scale_factor=SCALE,
        color_scheme="light",
        reduced_motion="reduce",
        locale="en-GB",
        timezone_id="UTC",
    )
    page = context.new_page()
    page.goto(address)
    settle(page, VERIFIED_SECONDS)
    _grow(page)
    raw = page.screenshot(animations="disabled", caret="hide")
    context.close()
    return raw


def _grow(page: Page) -> None:
    """Make the window as high as the content, which may change as it grows."""
    for _ in range(5):
        size = page.viewport_size
        wanted = max(LOW, min(int(page.evaluate(REACH)), TALLEST))
        if size is None or size["height"] == wanted:
            return
        page.set_viewport_size({"width": WIDTH, "height": wanted})
        settle(page)


def smaller(raw: bytes) -> bytes:
    """Return the same picture in 256 colours: a page has few, and the file is a third as large."""
    with Image.open(io.BytesIO(raw)) as picture:
        few = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    packed = io.BytesIO()
    few.save(packed, "PNG", optimize=True)
    return packed.getvalue()


def take_all(ledger: Path, trust: Path, pages: Mapping[str, str], folder: Path) -> None:
    """Take a picture of each page.

    Args:
        ledger: The ledger to show.
        trust: Its trust file.
        pages: By the picture's name, the address of the page below the app's own.
        folder: Where the pictures go.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with chromium() as browser, serving([ledger, "--trust", trust]) as address:
        for name, path in pages.items():
            packed = smaller(take(browser, f"{address}/{path}"))
            assert len(packed) <= MOST_BYTES, f"{name}: {len(packed)} bytes"
            (folder / f"{name}.png").write_bytes(packed)
            sys.stdout.write(f"{folder / name}.png: {len(packed) // 1000} kB\n")


def pages_of(demo: Path) -> dict[str, str]:
    """Return the pages to show, by name: of the runs, one that broke one rule, in the incident.

    Args:
        demo: The demonstration's folder.
    """
    expected = read_truth((demo / "truth.json").read_text("utf-8"))
    findings = Counter(one.run for one in expected)
    broke = next(one for one in expected if one.plant == INCIDENT and findings[one.run] == 1)
    at = urlencode({"ref": broke.run, "at": broke.index})
    return {"inbox": "", "run": f"run?{at}", "integrity": "integrity"}


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
            packed = smaller(page.screenshot(animations="disabled"))
            page.close()
            assert len(packed) <= MOST_BYTES, f"{name}: {len(packed)} bytes"
            (folder / f"{name}.png").write_bytes(packed)
            sys.stdout.write(f"{folder / name}.png: {len(packed) // 1000} kB\n")


def main() -> None:
    """Take the pictures of the demonstration's ledger."""
    parser = argparse.ArgumentParser(description="Take pictures of the app.")
    parser.add_argument("--demo", type=Path, default=Path(".cache/demo"), help="its folder")
    parser.add_argument("--to", type=Path, default=Path("docs/pictures"), help="where they go")
    given = parser.parse_args()
    ledger = given.demo / "refunds.db"
    take_all(ledger, Path(f"{ledger}.trust.json"), pages_of(given.demo), given.to)
    take_reports(given.demo, reports_of(given.demo), given.to)


if __name__ == "__main__":
    main()
