"""A reviewer's acts in a real Chromium: by click and by key, signed in or not, and after a reload.

That the records are what they should be is the verifier's word, on the ledger's file.
"""

import json
import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.browser.chromium import Heard
from tests.browser.ledgers import Sample, keys_of, sample
from tests.browser.provider import CLIENT, SECRET, providing
from tests.browser.serving import free_port, serving
from tests.browser.waiting import acknowledge, settle
from tests.verifier.forge import identity
from verifier.load import open_ledger

LIST = "?view=findings&severity=medium"
OPEN_ENTRY = re.compile(r"^Open entry \d+$")


def recorded(made: Sample) -> list[tuple[str, str, str]]:
    """Return who said what of findings, as a whole verification finds it."""
    with open_ledger(made.ledger, made.pinned) as ledger:
        return [
            (one.record["by"].rpartition("/")[2], one.record["state"], one.record.get("note", ""))
            for one in ledger.events()
            if one.record["kind"] == "review"
        ]


def open_first(page: Page, address: str) -> None:
    """Open the first finding of the list."""
    page.goto(f"{address}/{LIST}")
    settle(page)
    page.get_by_role("link", name=OPEN_ENTRY).first.click()
    expect(page.get_by_role("button", name="Resolve")).to_be_visible()
    settle(page)


@contextmanager
def visiting(browser: Browser) -> Generator[Page]:
    """Give a window of somebody who was never here; nothing may go wrong behind its page."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    context.set_default_timeout(60_000)
    page = context.new_page()
    heard = Heard()
    heard.listen(page)
    yield page
    context.close()
    assert heard.errors == []
    assert heard.strangers == []


def test_acts_by_click_and_by_key(browser: Browser, tmp_path: Path) -> None:
    """Acknowledged by a key, the next one suppressed with a reason; a reload shows the same."""
    made = sample(tmp_path)
    keys = keys_of(made, "reviewer")
    arguments: list[str | Path] = [
        made.ledger,
        "--trust",
        made.trust,
        "--as",
        "reviewer",
        "--keys",
        keys,
    ]
    with serving(arguments) as address, visiting(browser) as page:
        open_first(page, address)
        acknowledge(page)
        page.keyboard.press("j")
        expect(page.get_by_text(re.compile(r"finding 2 of \d+ in the inbox"))).to_be_visible()
        settle(page)
        page.get_by_label("Note").fill("paid by hand on Monday")
        page.get_by_role("button", name="Suppress").click()
        expect(page.get_by_text("Recorded and signed: entry")).to_be_visible()
        expect(page.get_by_text("2 acts recorded since, checked up to entry")).to_be_visible()
        page.reload()
        expect(page.get_by_text("1 act of reviewers")).to_be_visible()
        expect(page.get_by_text("suppressed").first).to_be_visible()
        settle(page)
    assert recorded(made) == [
        ("reviewer", "acknowledged", ""),
        ("reviewer", "suppressed", "paid by hand on Monday"),
    ]


def secrets_for(folder: Path, issuer: str, port: int) -> Path:
    """Write the file by which people sign in."""
    auth = {
        "redirect_uri": f"http://127.0.0.1:{port}/oauth2callback",
        "cookie_secret": "not a secret, for this is a test" * 2,
        "client_id": CLIENT,
        "client_secret": SECRET,
        "server_metadata_url": f"{issuer}/.well-known/openid-configuration",
    }
    path = folder / "secrets.toml"
    path.touch(mode=0o600)
    path.write_text("[auth]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in auth.items()))
    return path


def test_signing_in(browser: Browser, tmp_path: Path) -> None:
    """Before it nothing is shown; after it a reviewer acts as themselves, and a stranger looks."""
    made, port = sample(tmp_path), free_port()
    keys = keys_of(made, "reviewer")
    with providing() as provider:
        secrets = secrets_for(tmp_path, provider.issuer, port)
        given: list[str | Path] = [
            made.ledger,
            "--trust",
            made.trust,
            "--keys",
            keys,
            "--auth",
            secrets,
        ]
        with serving(given, port) as address:
            provider.claims = {"sub": identity("reviewer"), "email": "omar@shop.example"}
            with visiting(browser) as page:
                page.goto(f"{address}/evidence?entry=3")
                expect(page.get_by_role("button", name="Sign in")).to_be_visible()
                assert "desk" not in page.locator("body").inner_text()
                page.get_by_role("button", name="Sign in").click()
                expect(page.get_by_text("Signed in: omar@shop.example, reviewer")).to_be_visible()
                # What was asked for at the door is where one comes in.
                page.wait_for_url(lambda url: url == f"{address}/evidence?entry=3")
                settle(page)
                page.goto(f"{address}/integrity")
                expect(page.get_by_text("Signed in: omar@shop.example, reviewer")).to_be_visible()
                settle(page)
                assert page.url == f"{address}/integrity"
                open_first(page, address)
                page.get_by_role("button", name="Resolve").click()
                expect(page.get_by_text("Recorded and signed: entry")).to_be_visible()
                settle(page)
            provider.claims = {"sub": "77", "email": "eve@shop.example", "email_verified": True}
            with visiting(browser) as page:
                page.goto(f"{address}/{LIST}")
                page.get_by_role("button", name="Sign in").click()
                expect(page.get_by_text("Signed in: eve@shop.example, viewer")).to_be_visible()
                page.wait_for_url(lambda url: url == f"{address}/{LIST}")
                settle(page)
                open_first(page, address)
                expect(page.get_by_role("button", name="Resolve")).to_be_disabled()
                page.get_by_role("button", name="Sign out").click()
                expect(page.get_by_role("button", name="Sign in")).to_be_visible()
                settle(page)
    assert provider.asked == 2
    assert recorded(made) == [("reviewer", "resolved", "")]
