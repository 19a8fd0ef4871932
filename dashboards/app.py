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
            st.Page(session.INBOX, title="Inbox", icon=":material/inbox:", default=True),
            st.Page(session.RUN, title="Run", icon=":material/timeline:", url_path="run"),
            st.Page(
                session.EVIDENCE,
                title="Evidence",
                icon=":material/description:",
                url_path="evidence",
            ),
            st.Page(
                session.INTEGRITY,
                title="Integrity",
                icon=":material/verified_user:",
                url_path="integrity",
            ),
            st.Page(session.WHATIF, title="What if", icon=":material/rule:", url_path="whatif"),
            st.Page(
                session.ROLLBACK, title="Rollback", icon=":material/undo:", url_path="rollback"
            ),
            st.Page(session.VALUE, title="Value", icon=":material/paid:", url_path="value"),
            st.Page(
                session.CONTRACTS,
                title="Contracts",
                icon=":material/gavel:",
                url_path="contracts",
            ),
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
    # Last, when the browser knows the page: else it would keep an address of neither page.
    session.say_address()


if __name__ == "__main__":
    main()
