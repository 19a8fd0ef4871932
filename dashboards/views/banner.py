"""The banner on every page: whether what the page shows is proven, and on whose word."""

import streamlit as st

from dashboards import checks, queries, session
from dashboards.opening import Broken, Problem, Shown
from dashboards.words import STATES, code, count
from verifier.report import IntegrityVerdict, Report


def show(visit: session.Visit) -> None:
    """Say what holds, before anything else is shown."""
    result = visit.result
    if isinstance(result, Problem):
        problem(result)
    elif isinstance(result, Broken):
        _broken(visit, result)
    else:
        _verified(visit, result)
    # A broken ledger may be put right again, by its file's last copy for one.
    if not isinstance(result, Problem) and (visit.news or isinstance(result, Broken)):
        with st.container(horizontal=True, vertical_alignment="center"):
            if visit.news:
                st.warning(_escaped(visit.news), icon=":material/update:", width="stretch")
            st.button("Verify again", key="verify_again", on_click=session.ask_again)


def failed(found: Problem) -> None:
    """Say that a page failed, whatever is proven of the ledger."""
    problem(found, "**This page failed.** What the other pages say does not rest on it.")


def problem(
    found: Problem, says: str = "**There is nothing to show: the ledger is not verified.**"
) -> None:
    """Say why there is nothing to show, and what to do about it."""
    st.error(says, icon=":material/block:")
    st.text(f"{found.what[:1].upper()}{found.what[1:]}.")
    st.text(found.do)
    st.caption(f"code {code(found.code)}")
    st.button("Try again", key="try_again", on_click=session.ask_again)


def _broken(visit: session.Visit, result: Broken) -> None:
    broken = result.report.integrity.broken
    where = f" at entry {broken.index}, step {broken.step}" if broken else ""
    st.error(
        f"**This ledger is broken{where}.** It was changed after it was signed, so nothing in it "
        f"can be relied on and nothing of it is shown. Ledger {code(visit.source.name)}.",
        icon=":material/gpp_bad:",
    )
    if broken:
        st.text(f"{broken.what[:1].upper()}{broken.what[1:]}.")


def _verified(visit: session.Visit, result: Shown) -> None:
    report = result.tables.report
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="banner"):
        _verdict(report)
        _trust(report)
        counted = queries.counts(result.tables)
        told = " · ".join(f"{counted[state]:,} {state}" for state in STATES)
        st.caption(
            f"{code(visit.source.name)} · {count(report.ledger.size, 'entry', 'entries')} · "
            f"{told} · verified {result.verified_at:%Y-%m-%d %H:%M} UTC",
            width="content",
        )
    integrity = report.integrity
    if integrity.reasons:
        st.warning(f"**Integrity is undecidable.** {_escaped('; '.join(integrity.reasons))}.")
    if integrity.invalid_submissions or integrity.invalid_records:
        left_out = (
            f"{count(integrity.invalid_submissions, 'submission')} and "
            f"{count(integrity.invalid_records, 'single record')}"
        )
        st.warning(f"Left out of everything shown, because they are invalid: {left_out}.")


def _verdict(report: Report) -> None:
    if report.integrity.verdict is IntegrityVerdict.HOLDS:
        st.badge("ledger holds", icon=":material/verified_user:", color="green", help=_help(report))
    else:
        st.badge("integrity undecidable", icon=":material/help:", color="orange")


def _help(report: Report) -> str:
    return f"{checks.verdict(report)} The Integrity page shows what was checked."


def _trust(report: Report) -> None:
    pinned = report.integrity.trust == "pinned"
    st.badge(
        f"trust: {report.integrity.trust}",
        icon=":material/push_pin:" if pinned else ":material/warning:",
        color="blue" if pinned else "orange",
        help=checks.trust_words(report),
    )


def _escaped(text: str) -> str:
    """Return a text that may quote the ledger as a label shows it: letter by letter."""
    return code(text, 400)
