"""What the review app costs on a long ledger, seen from a real Chromium.

The ledger is one of `benchmarks.refund_ledgers`: a month of the demonstration, over and over. The
app is started as a person starts it, and its pages are opened by their addresses, each in a window
of its own, as from a link that somebody sent. Measured are

    verified     until the first page of all is there, which waits for a verification: no target
    page         until it is interactive: its script is done, and all that it sent is drawn
    action       the same from a key or a click on a page that is open
    received     what came over the websocket meanwhile
    sessions     until the last of five windows is interactive that were opened at once
    memory       of the app's process when all pages were visited, and at its highest

Beside them stands the same of an app with a single line in it, which is what Streamlit and Chromium
take on this machine for nothing. Times are by the clock, medians of a few.

    python -m benchmarks.app [--size RECORDS | --ledger FILE] [--rounds N] [--json]

It exits with 1 when a target is missed. It needs a Chromium (`make system`).
"""

import argparse
import json
import platform
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from playwright.sync_api import Browser, BrowserContext, Page, WebSocket

from benchmarks.refund_ledgers import long_ledger
from tests.browser.chromium import chromium
from tests.browser.serving import HOST, answers, free_port, serving
from tests.browser.waiting import settle

if TYPE_CHECKING:
    from collections.abc import Generator

SIZE: Final = 1_000_000
ROUNDS: Final = 3
SESSIONS: Final = 5
VERIFIED_SECONDS: Final = 7_200.0
PAGE_SECONDS: Final = 120.0
MEGABYTE: Final = 1_000_000

PAGE: Final = "page, s"
RECEIVED: Final = "received, MB"
TOGETHER: Final = f"the last of {SESSIONS} sessions, s"
MEMORY: Final = "memory, MB"
AT_MOST: Final = {PAGE: 2.5, RECEIVED: 0.5, MEMORY: 1_000.0}
"""Source: docs/adr/0035-long-ledgers-in-the-app.md and the design of the app."""

NOTHING: Final = "import streamlit as st\nst.text('Nothing')\n"


@dataclass(slots=True)
class Seen:
    """What was measured of one page or action, once a round: seconds, and bytes received."""

    seconds: list[float] = field(default_factory=list[float])
    received: list[int] = field(default_factory=list[int])

    def row(self) -> dict[str, float]:
        """Return the medians, in seconds and megabytes."""
        return {
            PAGE: statistics.median(self.seconds),
            RECEIVED: statistics.median(self.received) / MEGABYTE,
        }


class Window:
    """A window in which what comes over websockets is counted."""

    def __init__(self, context: BrowserContext) -> None:
        self.page: Page = context.new_page()
        self.received = 0
        self.page.on("websocket", self._listen)

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._count)

    def _count(self, payload: str | bytes) -> None:
        self.received += len(payload.encode() if isinstance(payload, str) else payload)

    def timed(self, act: Callable[[Page], object], patience: float = PAGE_SECONDS) -> float:
        """Do something, and return the seconds until the page is interactive again."""
        start = time.perf_counter()
        act(self.page)
        settle(self.page, patience)
        return time.perf_counter() - start


def opened(browser: Browser, address: str, seen: Seen, patience: float = PAGE_SECONDS) -> None:
    """Open a page in a window of its own, and note what it took."""
    sys.stderr.write(f"{address}\n")
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    # The scripts of the app are some megabytes, which a visitor's browser has from the page before.
    with_scripts = Window(context)
    with_scripts.page.goto(address)
    settle(with_scripts.page, patience)
    with_scripts.page.close()
    window = Window(context)
    seen.seconds.append(window.timed(lambda page: page.goto(address), patience))
    seen.received.append(window.received)
    context.close()


def acted(browser: Browser, address: str, act: Callable[[Page], object], seen: Seen) -> None:
    """Open a page, do something on it, and note what that took."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    window = Window(context)
    window.page.goto(address)
    settle(window.page, PAGE_SECONDS)
    before = window.received
    seen.seconds.append(window.timed(act))
    seen.received.append(window.received - before)
    context.close()


def together(browser: Browser, addresses: Sequence[str]) -> float:
    """Open as many windows at once as there are addresses; return when the last is interactive."""
    contexts = [browser.new_context(locale="en-GB") for _ in addresses]
    windows = [context.new_page() for context in contexts]
    start = time.perf_counter()
    for page, address in zip(windows, addresses, strict=True):
        page.goto(address, wait_until="commit")
    for page in windows:
        settle(page, PAGE_SECONDS)
    took = time.perf_counter() - start
    for context in contexts:
        context.close()
    return took


# ----------------------------------------------------------------------- the process


def server_of(address: str) -> int:
    """Return the process that was started to answer at an address."""
    port = address.rpartition(":")[2].encode()
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            try:
                words = (each / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"app" in words and port in words:
                return int(each.name)
    raise LookupError(f"no process answers at {address}")


def memory(process: int) -> Mapping[str, float]:
    """Return what a process has in memory, and had at its highest, in megabytes."""
    status = Path(f"/proc/{process}/status").read_text("utf-8")
    found = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB", status, re.MULTILINE))
    return {
        MEMORY: int(found["VmRSS"]) * 1024 / MEGABYTE,
        "at its highest, MB": int(found["VmHWM"]) * 1024 / MEGABYTE,
    }


@contextmanager
def with_nothing() -> "Generator[str]":
    """Run an app that shows one line, and give its address."""
    port = free_port()
    with tempfile.NamedTemporaryFile("w", suffix=".py") as script:
        script.write(NOTHING)
        script.flush()
        command = [sys.executable, "-m", "streamlit", "run", script.name, "--server.headless=true"]
        command += [f"--server.address={HOST}", f"--server.port={port}"]
        command += ["--browser.gatherUsageStats=false", "--server.fileWatcherType=none"]
        process = Popen(command, stdout=DEVNULL, stderr=DEVNULL)
        try:
            while not answers(port):
                time.sleep(0.05)
            yield f"http://{HOST}:{port}"
        finally:
            process.terminate()
            process.wait()


# --------------------------------------------------------------------------- measured


def first_link(page: Page, name: str) -> str:
    """Return where the first link of this name on an open page leads, below the app's address."""
    link = page.get_by_role("link", name=re.compile(name)).first
    return (link.get_attribute("href") or "").lstrip("/")


def addresses_of(browser: Browser, address: str) -> tuple[float, dict[str, str]]:
    """Wait for the verification; return its seconds, and the pages to open by their names."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    window = Window(context)
    verified = window.timed(lambda page: page.goto(address), VERIFIED_SECONDS)
    links = window.page.locator('[data-testid="stTopNavLink"]').all()
    # An icon is a word too, in a font of its own; the page's name stands below it.
    pages = {one.inner_text().split("\n")[-1]: one.get_attribute("href") or "" for one in links}
    found = {name: href.rpartition("/")[2] for name, href in pages.items()}
    window.page.goto(f"{address}/?view=findings")
    settle(window.page, PAGE_SECONDS)
    finding = first_link(window.page, r"^Open entry ")
    found |= {"a finding in its run": finding, "the inbox, filtered": "?severity=high&page=3"}
    entry = re.search(r"at=(\d+)", finding)
    if entry is not None:
        found["an entry"] = f"evidence?{urlencode({'entry': entry[1]})}"
    context.close()
    return verified, found


def searched(page: Page) -> None:
    """Search for something."""
    page.get_by_placeholder(re.compile("^words of a rule")).fill("payouts")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("q=payouts"))


def turned(page: Page) -> None:
    """Narrow the list down by a click."""
    page.get_by_test_id("stSidebar").get_by_role("button", name="high").click()
    page.wait_for_url(re.compile("severity=high"))


ACTIONS: Final[Mapping[str, tuple[str, Callable[[Page], object]]]] = {
    "inbox: search": ("", searched),
    "inbox: by severity": ("", turned),
}


def measured(path: Path, rounds: int) -> dict[str, Any]:
    """Measure, and return rows and what was missed."""
    rows: dict[str, Seen] = {}
    with chromium() as browser:
        with with_nothing() as address:
            floor = Seen()
            for _ in range(rounds):
                opened(browser, address, floor)
        with serving([path, "--trust", f"{path}.trust.json"]) as address:
            process = server_of(address)
            verified, pages = addresses_of(browser, address)
            for _ in range(rounds):
                for name, there in pages.items():
                    opened(browser, f"{address}/{there}", rows.setdefault(name, Seen()))
                for name, (there, act) in ACTIONS.items():
                    acted(browser, f"{address}/{there}", act, rows.setdefault(name, Seen()))
            five = [f"{address}/{there}" for there in list(pages.values())[:SESSIONS]]
            last = [together(browser, five) for _ in range(rounds)]
            held = memory(process)
    found = {name: seen.row() for name, seen in rows.items()}
    highest = {word: max(row[word] for row in found.values()) for word in (PAGE, RECEIVED)}
    totals = {**highest, **held, TOGETHER: statistics.median(last)}
    return {
        "benchmark": "app",
        "ledger_bytes": path.stat().st_size,
        "verified": verified,
        "nothing": floor.row(),
        "pages": found,
        "totals": totals,
        "targets": AT_MOST,
        "missed": [word for word, most in AT_MOST.items() if totals[word] > most],
        "python": platform.python_version(),
    }


def told(result: Mapping[str, Any]) -> None:
    """Print a result for a person."""
    print(f"ledger of {result['ledger_bytes'] / MEGABYTE:,.0f} MB, verified in ", end="")
    print(f"{result['verified']:.1f} s\n{'':<28}{PAGE:>10}{RECEIVED:>14}")
    for name, row in {"(an app with one line)": result["nothing"], **result["pages"]}.items():
        print(f"  {name:<26}{row[PAGE]:10.2f}{row[RECEIVED]:14.3f}")
    for word, value in result["totals"].items():
        most = result["targets"].get(word)
        verdict = "missed" if word in result["missed"] else "met"
        beside = "no target" if most is None else f"target {most:g}: {verdict}"
        print(f"  {word:<30}{value:10.2f}   {beside}")


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="The review app on a long ledger.")
    parser.add_argument("--size", type=int, default=SIZE, help="records, at least")
    parser.add_argument("--ledger", type=Path, help="a ledger that there is, to be shown")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", action="store_true", help="the result as one last line of JSON")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = chosen.ledger
        if path is None:
            path = Path(folder) / "bench.db"
            long_ledger(path, chosen.size)
        result = measured(path, chosen.rounds)
    told(result)
    if chosen.json:
        print(json.dumps(result, sort_keys=True))
    return int(bool(result["missed"]))


if __name__ == "__main__":
    raise SystemExit(main())
