"""What happens to a ledger's file while somebody looks: said in words on every page, and got over.

The file is another's: it is removed, held and damaged from outside of the app, as another program
or a failing disk would. No page shows a traceback (see `page` in conftest.py), none waits longer
than its patience, and when the file is back the app shows it without being started again.
"""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboards.session import PATIENCE_SECONDS
from tests.browser.conftest import App
from tests.browser.ledgers import sample
from tests.browser.serving import serving
from tests.browser.test_app import shown
from tests.browser.waiting import settle

# Every page of the app, with something of the ledger in it.
PAGES = ("", "?view=findings&q=look", "run", "evidence?entry=5", "integrity", "contracts")
# Those that ask replay, with a question: another process reads the file for the answer.
ASKING = ("whatif?contract=refund-decisioning@1.0.0&ask=yes", "rollback?ask=yes", "value?ask=yes")
# What a page may take beside its patience with the file, on a machine that tests other things.
ROOM_SECONDS = 40.0
GONE = "can no longer be read"
WRITTEN = "was written to since this was verified"
BROKEN = "This ledger is broken at entry"
NOTHING = "There is nothing to show"
HOLDS = "ledger holds"
# Holds a ledger as a program does that is in the middle of writing, until its input ends.
HOLDER = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("PRAGMA locking_mode = EXCLUSIVE")
held.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def app(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Generator[App]:
    """Give the app on a ledger of its own, which these tests spoil."""
    assert browser.is_connected()
    made = sample(tmp_path_factory.mktemp("spoiled"))
    with serving([made.ledger, "--trust", made.trust]) as address:
        yield App(address, made)


@pytest.fixture
def whole(app: App, page: Page) -> Iterator[bytes]:
    """Give the ledger's file as it is; what a test did to it is undone, and the app sees it."""
    path = app.sample.ledger
    content = path.read_bytes()
    see(app, page, "", HOLDS)
    yield content
    restore(path, content)
    again(page)
    expect(shown(page, HOLDS)).to_be_visible()


def restore(path: Path, content: bytes) -> None:
    """Put a ledger's file back, without what a database keeps beside it."""
    for beside in ("-wal", "-shm", "-journal"):
        Path(f"{path}{beside}").unlink(missing_ok=True)
    path.write_bytes(content)


def see(app: App, page: Page, path: str, told: str) -> None:
    """Open a page, and see that it says something where one looks first, before long."""
    began = time.monotonic()
    page.goto(f"{app.address}/{path}")
    settle(page)
    expect(shown(page, told)).to_be_visible()
    expect(shown(page, told)).to_be_in_viewport()
    assert time.monotonic() - began < PATIENCE_SECONDS + ROOM_SECONDS


def again(page: Page) -> None:
    """Ask for another look at the file, as the page offers it."""
    # The sidebar of the pages that ask has a button to choose all again.
    page.get_by_test_id("stMain").get_by_role("button", name="again").first.click()
    settle(page)


def test_a_removed_file_is_said_and_what_was_read_stays(app: App, page: Page, whole: bytes) -> None:
    """What was verified was read; asked for another look, there is nothing, and why is said."""
    assert whole
    app.sample.ledger.unlink()
    for path in (*PAGES, *ASKING):
        see(app, page, path, GONE)
        expect(shown(page, HOLDS)).to_be_visible()
    again(page)
    expect(shown(page, NOTHING)).to_be_visible()
    for path in PAGES[::3]:
        see(app, page, path, NOTHING)
        expect(page.get_by_role("link", name="Open")).to_have_count(0)


@contextmanager
def held(path: Path) -> Generator[None]:
    """Hold a ledger from another process."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield
        holder.communicate()


def test_a_held_file_is_waited_for_and_no_longer(app: App, page: Page, whole: bytes) -> None:
    """Another process is in the middle of writing, and does not let go."""
    assert whole
    with held(app.sample.ledger):
        for path in PAGES[:2]:
            see(app, page, path, GONE)
        again(page)
        expect(shown(page, NOTHING)).to_be_visible()
        expect(shown(page, "Wait until it is done")).to_be_visible()


def place_of(path: Path, content: bytes) -> int:
    """Return where in a ledger's file a record stands that can be altered in place."""
    with closing(sqlite3.connect(path)) as connection:
        (body,) = connection.execute(
            """SELECT body FROM records WHERE instr(body, CAST('"amount":500' AS BLOB)) > 0"""
        ).fetchone()
    place = content.index(body)
    return content.index(b'"amount":500', place) + len(b'"amount":')


def test_altered_bytes_are_noticed_and_told_on_every_page(
    app: App, page: Page, whole: bytes
) -> None:
    """One digit of one record, with the file's size and its end as they were."""
    place = place_of(app.sample.ledger, whole)
    restore(app.sample.ledger, whole[:place] + b"7" + whole[place + 1 :])
    for path in PAGES:
        see(app, page, path, WRITTEN)
    again(page)
    expect(shown(page, BROKEN)).to_be_visible()
    for path in (*PAGES, *ASKING):
        see(app, page, path, BROKEN)
        expect(page.get_by_role("link", name="Open entry")).to_have_count(0)


@pytest.mark.parametrize("spoiled", ["the first page", "every page", "cut short"])
def test_a_file_that_is_no_database_any_more_is_said(
    app: App, page: Page, whole: bytes, spoiled: str
) -> None:
    """As a failing disk leaves it: from its first byte, throughout, or only half of it."""
    half = len(whole) // 2
    content = {
        "the first page": bytes(4096) + whole[4096:],
        "every page": bytes(byte ^ 0xFF for byte in whole),
        "cut short": whole[:half],
    }[spoiled]
    restore(app.sample.ledger, content)
    see(app, page, "", GONE)
    again(page)
    expect(shown(page, NOTHING).or_(shown(page, BROKEN)).first).to_be_visible()
