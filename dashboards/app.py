"""The app's way in, which Streamlit runs for every visitor: pages, the banner, and the page asked.

`writ app` starts it, with the ledger and the trust file as its arguments. Whatever goes wrong in a
page is said in words: no visitor sees a traceback, which would show code and perhaps data.
"""

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import streamlit as st

from dashboards import session
from dashboards.opening import Problem, Source, problem_of
from dashboards.views import banner, keys, look, who

# Of our own: Streamlit fetches the picture of a named icon from elsewhere.
ICON: Final = Path(__file__).with_name("icon.svg")
PAGES: Final = (
    (session.INBOX, "Inbox", ":material/inbox:"),
    (session.RUN, "Run", ":material/timeline:"),
    (session.EVIDENCE, "Evidence", ":material/description:"),
    (session.INTEGRITY, "Integrity", ":material/verified_user:"),
    (session.WHATIF, "What if", ":material/rule:"),
    (session.ROLLBACK, "Rollback", ":material/undo:"),
    (session.VALUE, "Value", ":material/paid:"),
    (session.CONTRACTS, "Contracts", ":material/gavel:"),
)
_LOG = logging.getLogger("writ.app")


def source_of(arguments: Sequence[str]) -> Source:
    """Return what the app was started on: the ledger, then its trust file, then saved views.

    Example:
        >>> source_of(["refunds.db", "trust.json"])
        Source(ledger='refunds.db', trust='trust.json', views='')
    """
    ledger, trust, views = (*arguments, "", "", "")[:3]
    return Source(ledger, trust, views)


def main() -> None:
    """Show the page that the address names, under the banner that says what is proven."""
    st.set_page_config(page_title="Writ", page_icon=str(ICON), layout="wide")
    page = st.navigation(
        [
            st.Page(
                file,
                title=title,
                icon=icon,
                default=file == session.INBOX,
                url_path=None if file == session.INBOX else session.PATHS[file],
            )
            for file, title, icon in PAGES
        ],
        position="top" if who.inside() else "hidden",
    )
    look.apply()
    try:
        if not who.admitted():
            return
        visit = session.visit(source_of(sys.argv[1:]))
        session.keep(visit)
        banner.show(visit)
        who.show(visit)
        if not isinstance(visit.result, Problem):
            page.run()
            keys.listen()
    except Exception as error:  # noqa: BLE001 - the one place where every error of a page ends
        _LOG.exception("a page failed")
        banner.failed(problem_of(error))


if __name__ == "__main__":
    main()
