"""Somebody who opens pages of the app, and what is to be read on them."""

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from streamlit.testing.v1 import AppTest

import dashboards
from dashboards import session
from tests.verifier.forge import ORIGIN, Desk

APP = Path(dashboards.__file__).with_name("app.py")
SECONDS = 60.0
# What an icon is called in the page's text is not shown.
ICON = r'<i class="writ-icon"[^>]*>[^<]*</i>'
WAY = re.compile(
    rf'<a class="writ-link" href="([^"]*)"(?: title="[^"]*")?( aria-current="true")?>'
    rf"(?:{ICON})?<span>([^<]*)</span></a>"
)


class Visitor:
    """Somebody who opens pages of an app that was started on a ledger."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def starts(self, *arguments: str | Path) -> None:
        """Start the app."""
        self._monkeypatch.setattr(sys, "argv", [str(APP), *map(str, arguments)])

    def opens(self, page: str = session.INBOX, /, **parameters: str | list[str]) -> AppTest:
        """Open an address, as a link or a reload does."""
        app = AppTest.from_file(APP, default_timeout=SECONDS)
        if page != session.INBOX:
            app.run()
            app.switch_page(page)
        for name, value in parameters.items():
            app.query_params[name] = value
        return app.run()


def saved(forge: Desk, folder: Path) -> tuple[Path, Path]:
    """Save a ledger and its trust file."""
    path, trust = folder / "desk.db", folder / "trust.json"
    forge.save(path)
    given = {"v": 1, "origin": ORIGIN, "genesis": forge.genesis, "note": "from the auditor"}
    trust.write_text(json.dumps(given))
    return path, trust


def words(app: AppTest) -> str:
    """Return everything that stands on a page as words, from its banner to its end."""
    kinds = (
        *(app.error, app.warning, app.success, app.info, app.markdown, app.caption),
        *(app.text, app.code, app.title, app.header, app.subheader),
    )
    found = [str(one.value) for kind in kinds for one in kind]
    return "\n".join([*found, *markup(app)])


def markup(app: AppTest) -> list[str]:
    """Return what a browser shows of a page's HTML, element by element; style is not shown."""
    shown = (re.sub(rf"{ICON}|</(p|div|dt|li|small)>", " ", body) for body in _bodies(app))
    return [unescape(re.sub(r"<[^>]*>", "", one)) for one in shown]


def _bodies(app: AppTest) -> list[str]:
    bodies = [str(one.proto.body) for one in app.get("html")]
    return [body for body in bodies if "<style>" not in body]


# All that the app's own HTML is made of; whatever else there is somebody else wrote.
TAGS = frozenset(
    {"a", "br", "code", "dd", "details", "div", "dl", "dt", "em", "h3", "i", "li", "p", "pre"}
    | {"small", "span", "strong", "summary", "ul"}
)
ATTRIBUTES = frozenset(
    {"aria-checked", "aria-current", "aria-hidden", "aria-label", "class", "data-mark", "href"}
    | {"id", "role", "title", "translate"}
)
HREF = re.compile(rf"#entry-\d+|({'|'.join(map(re.escape, session.PATHS.values()))})(\?.*)?")


class _Tags(HTMLParser):
    """Notes what in HTML is not the app's own."""

    def __init__(self) -> None:
        super().__init__()
        self.strange: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag, an attribute or an address that is none of the app's."""
        self.strange += [tag] * (tag not in TAGS)
        self.strange += [name for name, _ in attrs if name not in ATTRIBUTES]
        self.strange += [
            str(value)
            for name, value in attrs
            if name == "href" and not HREF.fullmatch(value or "")
        ]


def strange(app: AppTest) -> list[str]:
    """Return tags, attributes and addresses of a page's HTML that are none of the app's own."""
    reader = _Tags()
    for body in _bodies(app):
        reader.feed(body)
    return reader.strange


@dataclass(frozen=True, slots=True)
class Linked:
    """A link to a page of the app.

    Attributes:
        label: What it is called.
        asks: What its address asks for.
        here: Whether it leads to where one is.
    """

    label: str
    asks: Mapping[str, list[str]]
    here: bool


def links(app: AppTest) -> list[Linked]:
    """Return the links to pages of the app, in order."""
    found = (WAY.findall(body) for body in _bodies(app))
    return [
        Linked(unescape(label), _asks(unescape(href)), bool(here))
        for ways in found
        for href, here, label in ways
    ]


def _asks(address: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(address).query, keep_blank_values=True)


def fine(app: AppTest) -> AppTest:
    """Check that no page failed: neither by Streamlit's own means nor by ours."""
    assert not app.exception
    assert "defect of Writ" not in words(app)
    return app


def follows(app: AppTest, label: str, page: str) -> AppTest:
    """Follow the first link that begins with this label, to a page of the app."""
    link = next(one for one in links(app) if one.label.startswith(label))
    app.switch_page(page)
    app.query_params.clear()
    for name, values in link.asks.items():
        app.query_params[name] = values
    return app.run()


def rows(app: AppTest) -> list[str]:
    """Return the labels of the links to entries, in order."""
    return [link.label for link in links(app) if link.label.startswith("Open")]
