"""An answer that takes its time: a line that says how far it is, while the page can be used."""

from functools import partial
from typing import Final

import streamlit as st

from dashboards import session
from dashboards.answers import IN_A_FILE, Stored
from dashboards.asking import Asked, TimelineAsked, key_of
from dashboards.opening import Problem, Shown, read_trust
from dashboards.preparing import Asked as Opening
from dashboards.words import code, plain
from dashboards.working import Bench, Question
from verifier.rereading import Folder

# Answers of short ledgers are there before anybody would read a line about them.
AT_ONCE_SECONDS: Final = 0.5
TICK_SECONDS: Final = 1.0
LEDGERS: Final = 2
ANSWERS: Final = 8


@st.cache_resource(max_entries=LEDGERS, show_spinner=False, on_release=Bench.close)
def _bench(verified: str, size: int, _opening: Opening, _left: Folder) -> Bench:
    """Begin to answer questions about a ledger as it was verified, for all who ask."""
    del verified
    return Bench(_opening, size, _left)


@st.cache_resource(max_entries=ANSWERS, show_spinner=False, on_release=Question.stop)
def _question(verified: str, key: str, _bench: Bench, _asked: Asked) -> Question:
    """Ask a question, once for all who want to know."""
    del verified, key
    return Question(_bench, _asked)


@st.cache_resource(max_entries=ANSWERS, show_spinner=False, on_release=Question.stop)
def _passing(verified: str, key: str, _bench: Bench, _asked: Asked) -> Question:
    """Ask what whoever goes from run to run asks: it puts no answer out that took minutes."""
    del verified, key
    return Question(_bench, _asked)


def answer_to(asked: Asked) -> Stored | None:
    """Return the answer to a question; None where there is none yet, which the page then says."""
    question = _asked(asked)
    found = question.wait(AT_ONCE_SECONDS)
    if found is None:
        _progress(asked)
        return None
    if isinstance(found, Problem):
        _problem(asked, found)
        return None
    return found


def _asked(asked: Asked) -> Question:
    kept = _passing if isinstance(asked, TimelineAsked) else _question
    return kept(*_where(asked))


def _where(asked: Asked) -> tuple[str, str, Bench, Asked]:
    """Return what a question is kept by: the verification that is shown, and what is asked."""
    visit = session.current()
    if not isinstance(visit.result, Shown):
        raise TypeError("only of a ledger that holds is anything asked")
    trust, _ = read_trust(visit.source)
    ledger, tables = visit.source.ledger, visit.result.tables
    # Each verification has a folder of its own, of whatever ledger and by whatever trust file.
    verified, size = tables.folder.name, tables.report.ledger.size
    bench = _bench(verified, size, Opening(ledger, trust), tables.folder)
    return verified, key_of(asked), bench, asked


@st.fragment(run_every=TICK_SECONDS)
def _progress(asked: Asked) -> None:
    """Say how far it is, again and again, and show the answer once it is there."""
    question = _asked(asked)
    if question.wait(0) is not None:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center", key=f"progress-{_kind(asked)}"):
        # The part's words are this project's own.
        st.progress(question.share, text=f"{question.part} · {question.share:.0%}")
        st.button(
            "Stop",
            key=f"stop-{_kind(asked)}",
            on_click=question.stop,
            icon=":material/stop_circle:",
        )
    st.caption(
        "This is worked out in the background, of the entries that were verified. Every page can "
        "be used meanwhile, and this address shows the answer once it is there."
    )


def _kind(asked: Asked) -> str:
    """Return what tells apart the questions that one page asks at the same time."""
    return type(asked).__name__


def _problem(asked: Asked, found: Problem) -> None:
    st.warning("**There is no answer.**", icon=":material/help:")
    st.text(plain(f"{found.what[:1].upper()}{found.what[1:]}"))
    if found.do:
        st.text(plain(found.do))
    st.caption(f"code {code(found.code)}")
    st.button("Ask again", key=f"ask_again-{_kind(asked)}", on_click=_forget, args=(asked,))


def _forget(asked: Asked) -> None:
    """Ask this anew, and leave what others have asked as it is."""
    kept = _passing if isinstance(asked, TimelineAsked) else _question
    kept.clear(*_where(asked))


def head(found: Stored) -> None:
    """Show the answer in a line, and what was asked of what: as text, for names stand in it."""
    with st.container(key="headline"):
        st.text(plain(found.answer.headline[:1].upper() + found.answer.headline[1:]))
    with st.container(key="basis"):
        st.text(plain(found.answer.basis))


def sentences(found: Stored) -> None:
    """Show the answer in sentences, letter by letter: there are names of the ledger in them."""
    st.header("In words", anchor=False)
    with st.container(gap="xxsmall"):
        for one in found.answer.sentences:
            st.text(plain(one))


def limits(found: Stored) -> None:
    """Show what the answer does not prove."""
    with st.expander("What this does not prove", type="compact"):
        for one in found.answer.limits:
            st.text(plain(f"· {one}"))


def _cut(found: Stored, table: str) -> str:
    """Say where a file ends before its table does."""
    total = found.all(table, 1).total if table in found.answer.tables else 0
    return f", the first {IN_A_FILE:,} of {total:,} rows" if total > IN_A_FILE else ""


def download(found: Stored, tables: dict[str, str], name: str) -> None:
    """Offer tables as CSV, each made when it is asked for."""
    with st.container(horizontal=True):
        for table, label in tables.items():
            st.download_button(
                f"{label} as CSV{_cut(found, table)}",
                data=partial(found.csv, table),
                file_name=f"{name}-{table}.csv",
                mime="text/csv",
                key=f"csv-{table}",
                on_click="ignore",
                icon=":material/download:",
                type="tertiary",
            )
