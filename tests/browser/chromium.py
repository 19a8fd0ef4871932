"""A real Chromium, driven by Playwright: where it is found, how it is started, what it heard."""

import os
import re
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request, sync_playwright

# The same names in the same order as tests/system.sh.
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",  # it is often root who tests, and the pages are our own
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # In a container /dev/shm is small, and a tab that fills it dies without a word.
    "--disable-dev-shm-usage",
    # The same letters in the same places wherever a picture is taken.
    "--font-render-hinting=none",
)
LOOPBACK = frozenset({"127.0.0.1", "localhost"})
# Where an address has a page's name in it, Streamlit's own script first looks for its server below
# that name, does not find it, and then looks at the top: the browser tells of the former.
LOOKING = re.compile(r"/\w+/_stcore/(?:health|host-config)$")


class NoChromiumError(Exception):
    """There is no Chromium here; says what to do."""


def find_chromium() -> str:
    """Return the path of a Chromium: the one in WRIT_CHROMIUM, or the first on PATH.

    Raises:
        NoChromiumError: There is none.
    """
    for name in (os.environ.get("WRIT_CHROMIUM", ""), *NAMES):
        found = shutil.which(name) if name else None
        if found:
            return found
    raise NoChromiumError(
        "there is no Chromium (make system installs it as root; or name one in WRIT_CHROMIUM)"
    )


@contextmanager
def chromium() -> Generator[Browser]:
    """Start Chromium with a new, empty profile, and end it.

    Raises:
        NoChromiumError: There is none.
    """
    path = find_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Heard:
    """What went wrong behind a page that looks fine: to be empty at the end of a test.

    Attributes:
        errors: What the browser and the page's scripts complained of.
        warnings: What they warned of: a chart that makes no sense, a theme that cannot be.
        strangers: Addresses outside of this machine that the page asked for something.
    """

    errors: list[str] = field(default_factory=list[str])
    warnings: list[str] = field(default_factory=list[str])
    strangers: list[str] = field(default_factory=list[str])

    def listen(self, page: Page) -> None:
        """Take down what a page says from now on."""
        page.on("console", self._console)
        page.on("pageerror", self._page_error)
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        where = message.location["url"]
        if message.type == "warning":
            self.warnings.append(message.text)
        elif message.type == "error" and not LOOKING.search(where):
            self.errors.append(f"{message.text} ({where})")

    def _page_error(self, error: Error) -> None:
        self.errors.append(str(error))

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in {"http", "https", "ws", "wss"} and parts.hostname not in LOOPBACK:
            self.strangers.append(request.url)
