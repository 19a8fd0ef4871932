"""Somebody who opens pages of the app, and what is to be read on them."""

import json
import re
import sys
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from streamlit.testing.v1 import AppTest

import dashboards
from dashboards import session
from tests.verifier.forge import ORIGIN, Desk

APP = Path(dashboards.__file__).with_name("app.py")
SECONDS = 60.0


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
    bodies = [str(one.proto.body) for one in app.get("html")]
    shown = (body for body in bodies if "<style>" not in body)
    return [unescape(re.sub(r"<[^>]*>", "", re.sub(r"</(p|div|dt)>", " ", one))) for one in shown]


def fine(app: AppTest) -> AppTest:
    """Check that no page failed: neither by Streamlit's own means nor by ours."""
    assert not app.exception
    assert "defect of Writ" not in words(app)
    return app


def follows(app: AppTest, label: str, page: str) -> AppTest:
    """Follow the first link that begins with this label, to a page of the app."""
    link = next(one for one in app.page_link if one.label.startswith(label))
    app.switch_page(page)
    app.query_params.clear()
    for name, values in parse_qs(link.proto.query_string, keep_blank_values=True).items():
        app.query_params[name] = values
    return app.run()


def rows(app: AppTest) -> list[str]:
    """Return the labels of the links to entries, in order."""
    return [link.label for link in app.page_link if link.label.startswith("Open")]
