"""The review app in a real Chromium, as a reviewer uses it: an address, clicks, back, reload.

What the pages' code does without a browser is tested in tests/dashboards; here is what only a
browser does: addresses, history, drawing, and what it complains of. Every page of this file is
closed with no complaint heard and nothing asked of another machine (see `page` in conftest.py).
"""

import re
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.chromium import Heard
from tests.browser.conftest import App
from tests.browser.ledgers import HOSTILE
from tests.browser.serving import HOST
from tests.browser.waiting import settle
from verifier import Finding, verify_ledger
from verifier.findings import Result, Severity

MEDIUM = "severity=medium&view=findings"
# Where Vega draws bars, each is a path of its own in a group of this class.
BARS = ".mark-rect path"
# Streamlit hands a chart its rows after it was drawn, so that Vega sees none of them at first; and
# layers that share a time axis each write its ends in another way, which are the same ends.
OF_EVERY_CHART = ("WARN Infinite extent for field", "WARN Conflicting scale property")


def to_review(app: App) -> Sequence[Finding]:
    """Return what the inbox shows when nothing is chosen, as the verifier says it."""
    report = verify_ledger(app.sample.ledger, app.sample.pinned)
    return [
        finding
        for finding in report.findings
        if finding.result is not Result.HANDLED and finding.severity is not Severity.ADVICE
    ]


def shown(page: Page, text: str) -> Locator:
    """Return the element of the page's content with this text in it."""
    return page.get_by_test_id("stMain").get_by_text(text, exact=False).first


def choose_medium(app: App, page: Page) -> Sequence[Finding]:
    """Open the inbox and keep the findings of medium severity; return them."""
    medium = [one for one in to_review(app) if one.severity is Severity.MEDIUM]
    page.goto(f"{app.address}/?view=findings")
    page.get_by_test_id("stSidebar").get_by_role("button", name="medium").click()
    expect(shown(page, f"{len(medium)} findings")).to_be_visible()
    expect(page).to_have_url(f"{app.address}/?{MEDIUM}")
    # A list that is drawn anew under the mouse, between its two movements, is not clicked.
    settle(page)
    return medium


def test_the_inbox_counts_as_the_verifier_does(app: App, page: Page) -> None:
    """All that has to be reviewed, and no more of it on a page than fits."""
    findings = to_review(app)
    assert 25 < len(findings) < 50
    page.goto(f"{app.address}/?view=findings")
    expect(shown(page, f"{len(findings)} findings, 1 to 25 shown")).to_be_visible()
    expect(shown(page, f"{len(findings)} violations")).to_be_visible()
    expect(page.get_by_role("link", name=re.compile(r"^Open entry \d+$"))).to_have_count(25)


def test_a_choice_stands_in_the_address_and_outlives_a_reload(app: App, page: Page) -> None:
    """What one reviewer chose, another one sees who opens the same address."""
    medium = choose_medium(app, page)
    page.reload()
    expect(shown(page, f"{len(medium)} findings")).to_be_visible()
    expect(page).to_have_url(f"{app.address}/?{MEDIUM}")


def test_a_finding_opens_its_step(app: App, page: Page) -> None:
    """The run, with the finding in words and the step that it is about marked."""
    finding = choose_medium(app, page)[0]
    settle(page)
    page.get_by_role("link", name=f"Open entry {finding.index}", exact=True).click()
    expect(page).to_have_url(re.compile(rf"/run\?.*\bat={finding.index}\b"))
    step = page.locator(f".st-key-step-{finding.index}")
    expect(step.get_by_text("shown")).to_be_visible()
    expect(step.get_by_text(finding.rule).first).to_be_visible()
    expect(shown(page, finding.says)).to_be_visible()


def test_links_of_lists_are_followed_in_place(app: App, page: Page) -> None:
    """The app is not loaded anew; another tab is the browser's affair, and the address is whole."""
    page.goto(f"{app.address}/?view=findings&sort=oldest")
    settle(page)
    page.evaluate("() => { window.same = true; }")
    link = page.get_by_role("link", name=re.compile(r"^Open entry")).first
    href = link.get_attribute("href")
    assert href is not None
    with page.context.expect_page() as opened:
        link.click(modifiers=["ControlOrMeta"])
    other = opened.value
    settle(other)
    assert other.url == f"{app.address}/{href}"
    expect(other.get_by_role("heading", name="Timeline")).to_be_visible()
    other.close()
    assert "/run" not in page.url
    link.click()
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
    settle(page)
    assert page.url == f"{app.address}/{href}"
    assert page.evaluate("() => window.same") is True
    settle(page)
    page.get_by_role("link", name="All runs").click()
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
    settle(page)
    assert page.url == f"{app.address}/run"
    for there in (href, "?view=findings&sort=oldest"):
        page.go_back()
        expect(page).to_have_url(f"{app.address}/{there}")
        settle(page)
    assert page.evaluate("() => window.same") is True


def test_a_link_that_is_drawn_anew_under_the_mouse_is_followed(app: App, page: Page) -> None:
    """Its list is replaced while the mouse is down: by no other one, and not if the mouse moved."""
    page.goto(f"{app.address}/?view=findings&sort=oldest")
    settle(page)
    link = page.get_by_role("link", name=re.compile(r"^Open entry")).nth(1)
    href, box = link.get_attribute("href"), link.bounding_box()
    assert box is not None
    anew = "() => { const at = document.querySelector('.writ-list'); at.outerHTML = at.outerHTML; }"
    for away, there in ((60, "?view=findings&sort=oldest"), (0, href)):
        page.mouse.move(box["x"] + 8, box["y"] + 8)
        page.mouse.down()
        page.evaluate(anew)
        page.mouse.move(box["x"] + 8, box["y"] + 8 + away)
        page.mouse.up()
        settle(page)
        expect(page).to_have_url(f"{app.address}/{there}")
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
    settle(page)


@contextmanager
def framing(address: str) -> Generator[str]:
    """Serve a page elsewhere that has the app in a frame, and give its address."""
    body = f'<!doctype html><title>x</title><iframe src="{address}" width=900 height=700></iframe>'

    class Framed(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
            del format, args

    with ThreadingHTTPServer((HOST, 0), Framed) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://{HOST}:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_it_shows_nothing_in_another_pages_frame(app: App, page: Page) -> None:
    """Where somebody could lay something else over its buttons."""
    with framing(f"{app.address}/?view=findings") as address:
        page.goto(address)
        inside = page.frame_locator("iframe")
        expect(inside.get_by_text("Writ is not shown inside of another page.")).to_be_visible()
        expect(inside.get_by_role("link")).to_have_count(0)
        expect(inside.get_by_role("button")).to_have_count(0)
    page.goto(app.address)


def test_back_leads_to_the_inbox_as_it_was(app: App, page: Page) -> None:
    """By the browser's own button, and by the link on the run's page."""
    medium = choose_medium(app, page)
    settle(page)
    page.get_by_role("link", name=f"Open entry {medium[0].index}", exact=True).click()
    expect(page.locator(f".st-key-step-{medium[0].index}")).to_be_visible()
    page.go_back()
    if page.url.endswith(f"/run?{MEDIUM}"):
        # On a slow machine Streamlit keeps the page and what it shows as two steps of the history.
        page.go_back()
    expect(page).to_have_url(f"{app.address}/?{MEDIUM}", timeout=10_000)
    expect(shown(page, f"{len(medium)} findings")).to_be_visible()

    page.go_forward()
    settle(page)
    if page.url.endswith(f"/run?{MEDIUM}"):
        page.go_forward()
    expect(page.locator(f".st-key-step-{medium[0].index}")).to_be_visible()
    settle(page)
    page.get_by_test_id("stMain").get_by_role("link", name="Inbox").click()
    selected = f"{MEDIUM}&selected={medium[0].id}"
    expect(page).to_have_url(f"{app.address}/?{selected}", timeout=10_000)
    expect(shown(page, f"{len(medium)} findings")).to_be_visible()


def test_a_list_has_pages_and_the_address_names_one(app: App, page: Page) -> None:
    """The second page is another one, and a sent link opens it."""
    total = len(to_review(app))
    page.goto(f"{app.address}/?view=findings&page=2")
    expect(shown(page, f"{total} findings, 26 to {total} shown")).to_be_visible()


def test_what_an_agent_wrote_is_text(app: App, page: Page) -> None:
    """No picture is fetched, no script runs, and no link leads out: it is shown letter by letter.

    That nothing was asked of another machine is seen to where the page is closed.
    """
    for path in (
        "run?" + urlencode({"ref": HOSTILE}),
        "?" + urlencode({"q": "192.0.2.1", "view": "findings"}),
    ):
        page.goto(f"{app.address}/{path}")
        settle(page)
        expect(shown(page, '<img src="http://192.0.2.1/a">')).to_be_visible()
        expect(page.locator("a[href*='//192.0.2.1'], img[src*='//192.0.2.1']")).to_have_count(0)
        expect(page.locator(".katex")).to_have_count(0)


@pytest.mark.parametrize(("name", "status"), [("127.0.0.1", 101), ("rebound.example", 403)])
def test_only_this_machine_is_answered(app: App, name: str, status: int) -> None:
    """A page elsewhere whose name leads here reads nothing, and acts as nobody."""
    port = urlsplit(app.address).port
    with closing(HTTPConnection("127.0.0.1", port or 0, timeout=20)) as connection:
        connection.putrequest("GET", "/_stcore/stream", skip_host=True)
        for header, value in {
            "Host": f"{name}:{port}",
            "Origin": f"http://{name}:{port}",
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        }.items():
            connection.putheader(header, value)
        connection.endheaders()
        assert connection.getresponse().status == status


def test_integrity_says_the_verdict(app: App, page: Page) -> None:
    """In words, with the steps that led to it."""
    page.goto(app.address)
    settle(page)
    page.get_by_role("link", name="Integrity").click()
    expect(page).to_have_url(f"{app.address}/integrity")
    report = verify_ledger(app.sample.ledger, app.sample.pinned)
    expect(shown(page, f"Holds: {report.ledger.size} entries")).to_be_visible()
    settle(page)
    assert page.locator("[class*='st-key-check-']").get_by_text("passed").count() == 10


def test_the_chart_is_drawn(app: App, page: Page) -> None:
    """With bars in it that can be seen, not only with axes."""
    page.goto(app.address)
    settle(page)
    bars = page.get_by_test_id("stVegaLiteChart").locator(BARS).all()
    assert bars
    for bar in bars:
        box = bar.bounding_box()
        assert box is not None
        assert box["width"] >= 1
        assert box["height"] >= 1


def test_a_bar_is_a_time(app: App, page: Page) -> None:
    """Selecting one lists what was found then; the address says so, and back leads back."""
    page.goto(f"{app.address}/?view=findings")
    settle(page)
    total = page.get_by_text(re.compile(r"^\d+ findings, 1 to"))
    before = total.inner_text()
    bar = page.get_by_test_id("stVegaLiteChart").locator(BARS).first
    bar.click()
    expect(page).to_have_url(re.compile(r"since=2026-[^&]+&until=2026-"))
    settle(page)
    assert total.inner_text() != before
    window = page.get_by_role("textbox", name="Since")
    expect(window).not_to_have_value("")
    page.reload()
    settle(page)
    assert total.inner_text() != before
    page.get_by_role("button", name="Clear all").click()
    expect(page).to_have_url(f"{app.address}/")
    page.go_back()
    expect(page).to_have_url(re.compile(r"since=2026-[^&]+&until=2026-"))
    page.go_back()
    settle(page)
    expect(page).to_have_url(f"{app.address}/?view=findings")
    assert total.inner_text() == before


def test_nothing_warns(app: App, page: Page) -> None:
    """No chart asks for what makes no sense, and no setting is one that cannot be."""
    heard = Heard()
    heard.listen(page)
    for path in ("", "integrity", "run"):
        page.goto(f"{app.address}/{path}")
        settle(page)
    page.get_by_role("link", name="Open run").first.click()
    expect(shown(page, "Timeline")).to_be_visible()
    settle(page)
    assert [told for told in heard.warnings if not told.startswith(OF_EVERY_CHART)] == []


@pytest.mark.parametrize("path", ["?severity=high", "run?ref=run-1", "integrity"])
def test_a_broken_ledger_is_announced_on_every_page(broken_app: App, page: Page, path: str) -> None:
    """At the top, in words, whatever was asked for."""
    report = verify_ledger(broken_app.sample.ledger, broken_app.sample.pinned)
    broken = report.integrity.broken
    assert broken is not None
    page.goto(f"{broken_app.address}/{path}")
    told = shown(page, f"This ledger is broken at entry {broken.index}, step {broken.step}")
    expect(told).to_be_visible()
    expect(told).to_be_in_viewport()
    expect(page.get_by_role("link", name=re.compile("Open entry"))).to_have_count(0)


def test_a_row_of_a_table_opens_its_entry(app: App, page: Page) -> None:
    """Of an activation that is selected there is a link to its record, and back is back."""
    page.goto(f"{app.address}/integrity")
    settle(page)
    table = page.locator(".st-key-activations .dvn-scroller")
    table.scroll_into_view_if_needed()
    # The first row's box, under the heads of the columns: a table is drawn, and has no elements.
    table.click(position={"x": 18, "y": 52})
    settle(page)
    page.get_by_role("link", name="Open entry").click()
    expect(page).to_have_url(re.compile(r"/evidence\?entry=\d+$"))
    expect(shown(page, "activation").first).to_be_visible()
    page.go_back()
    settle(page)
    expect(page).to_have_url(f"{app.address}/integrity")
    expect(shown(page, "What was checked")).to_be_visible()
