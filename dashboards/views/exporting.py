"""What a reader can take along of a run or a finding: made when it is asked for, redacted first."""

from functools import partial
from pathlib import Path
from typing import Final

import streamlit as st

from dashboards import session
from dashboards.answers import Stored
from dashboards.asking import ExportAsked, Over
from dashboards.exports import BUNDLE, HTML
from dashboards.views import parts, waiting

_KEY: Final = "writ_export"
OFFER: Final = "offer"
SAYS: Final = (
    "The report shows no text that a record brought in. The bundle holds back what was said and "
    "read from sources (messages, observations), and what hangs on that is undecidable for whoever "
    "verifies it; who asked, for what, and the parameters of calls stay in it, because records are "
    "signed whole."
)
IN_FULL: Final = (
    "**With everything in it, personal data too.** Whoever gets the file can read all of it."
)
MIMES: Final = {BUNDLE: "application/zip", HTML: "text/html"}
LABELS: Final = {BUNDLE: "evidence bundle", HTML: "report in one file"}


def of_run(run: str) -> None:
    """Offer a run's bundle and report, and the ways to ask about it.

    Args:
        run: Its digest.
    """
    parts.folded("Ask about this run, or take it along", OFFER, partial(_of_run, run))


def _of_run(run: str) -> None:
    with st.container(horizontal=True):
        for page, label, icon in (
            (session.ROLLBACK, "What could be undone of it", ":material/undo:"),
            (session.WHATIF, "Had another contract been in force", ":material/rule:"),
            (session.VALUE, "What it cost and was worth", ":material/paid:"),
        ):
            parts.way(page, label, icon, {"run": [run]})
    _offer(Over(run=run), (BUNDLE, HTML), run)


def of_finding(finding: str) -> None:
    """Offer the bundle of a finding that stands in no run.

    Args:
        finding: Its id.
    """
    parts.folded(
        "Take it along", OFFER, partial(_offer, Over(incident=finding), (BUNDLE,), finding)
    )


def _offer(over: Over, kinds: tuple[str, ...], name: str) -> None:
    full = st.toggle("with personal data", key="export_full", value=False)
    if full:
        st.warning(IN_FULL, icon=":material/visibility:")
    else:
        st.caption(SAYS)
    with st.container(horizontal=True):
        for kind in kinds:
            asked = ExportAsked(kind, over, full=full)
            st.button(
                f"Make the {LABELS[kind]}",
                key=f"make-{kind}",
                on_click=_make,
                args=(asked,),
                icon=":material/archive:" if kind == BUNDLE else ":material/article:",
            )
    wanted = st.session_state.get(_KEY)
    if isinstance(wanted, ExportAsked) and (wanted.over, wanted.full) == (over, full):
        found = waiting.answer_to(wanted)
        if found is not None:
            _download(found, wanted, name)


def _make(asked: ExportAsked) -> None:
    st.session_state[_KEY] = asked


def _download(found: Stored, asked: ExportAsked, name: str) -> None:
    path = found.folder / found.answer.file
    kept = "" if asked.full else "-redacted"
    st.download_button(
        f"Download the {LABELS[asked.kind]}, {path.stat().st_size / 1000:,.0f} kB",
        # Read when somebody clicks: until then it stays in its file.
        data=path.read_bytes,
        file_name=f"writ-{name[:12]}{kept}{Path(found.answer.file).suffix}",
        mime=MIMES[asked.kind],
        key=f"download-{asked.kind}",
        on_click="ignore",
        icon=":material/download:",
    )
    st.caption(f"{LABELS[asked.kind].capitalize()}: {found.answer.headline}.")
