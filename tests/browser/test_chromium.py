"""The ears of the browser tests: what goes wrong behind a page is heard, or they prove nothing."""

from playwright.sync_api import Browser

from tests.browser.chromium import Heard

COMPLAINS = """
<script>
  console.error("the console");
  setTimeout(() => { throw new Error("a script"); });
  fetch("http://192.0.2.1/elsewhere").catch(() => {});
</script>
"""


def test_what_goes_wrong_behind_a_page_is_heard(browser: Browser) -> None:
    """Complaints of the console and of scripts, and requests to other machines."""
    page = browser.new_page()
    # Nothing leaves this machine: the request is answered before it is made.
    page.route("http://192.0.2.1/**", lambda route: route.fulfill(status=204))
    heard = Heard()
    heard.listen(page)
    with page.expect_event("pageerror"), page.expect_request("**/elsewhere"):
        page.set_content(COMPLAINS)
    page.close()
    for complaint in ("the console", "a script"):
        assert any(complaint in text for text in heard.errors), complaint
    assert heard.strangers == ["http://192.0.2.1/elsewhere"]
