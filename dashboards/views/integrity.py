"""Integrity: what was checked, on whose word it rests, and what it leaves open."""

from collections.abc import Mapping
from typing import Final

import streamlit as st

from dashboards import checks, markup, session
from dashboards.markup import Colour
from dashboards.opening import Broken, Shown
from dashboards.tables import Tables
from dashboards.views import parts, standing
from dashboards.words import code, count, last_name, one_line, plain, short, when
from verifier.report import Report
from verifier.reports.limits import not_proven

COLOURS: Final[Mapping[str, Colour]] = {
    "passed": "green",
    "failed": "red",
    "left out": "orange",
    "undecidable": "violet",
    "not reached": "gray",
}
SIGNS: Final[Mapping[str, str]] = {
    "passed": ":material/check:",
    "failed": ":material/close:",
    "left out": ":material/remove:",
    "undecidable": ":material/question_mark:",
    "not reached": ":material/block:",
}

SHOWN: Final = 200
"""Findings that are listed: of a ledger that was written over there is one for each entry."""


def page() -> None:
    """Show what the verification did."""
    result = session.current().result
    st.title("Integrity", anchor=False)
    if isinstance(result, Broken):
        _verdict(result.report, result)
        _checks(result.report)
        _found(result.report)
        _open(result.report)
    elif isinstance(result, Shown):
        report = result.tables.report
        _verdict(report, result)
        _checks(report)
        _found(report)
        _bytes(result)
        standing.witnesses(result)
        standing.coverage(result)
        standing.writers(result)
        _governance(result.tables)
        _open(report)
    st.button(
        "Verify again", key="verify", icon=":material/refresh:", on_click=session.verify_again
    )


def _verdict(report: Report, result: Broken | Shown) -> None:
    st.text(checks.verdict(report))
    st.text(checks.trust_words(report))
    end = checks.end_words(report)
    if end:
        st.text(f"{end} Ages of cosignatures are of {result.verified_at:%Y-%m-%d %H:%M:%S} UTC.")


def _checks(report: Report) -> None:
    st.header("What was checked, in this order", anchor="checks")
    st.html(markup.listed(_check(answer) for answer in checks.answers(report)))
    st.caption(
        "Steps 0 to 4 break a ledger: nothing after the break can be relied on. Steps 5 to 9 leave "
        "a submission or a record out of everything that is judged and shown."
    )


def _check(answer: checks.Answer) -> str:
    told = markup.strong(one_line(answer.words, 300)) if answer.words else ""
    return markup.item(
        f"check-{answer.check.number}",
        signs=markup.badge(answer.result, SIGNS[answer.result], COLOURS[answer.result]),
        body=markup.row(
            (f"{answer.check.number} · {answer.check.title}",), (answer.check.asks, told)
        ),
    )


def _found(report: Report) -> None:
    found = [one for one in report.findings if one.code.startswith("integrity.")]
    if not found:
        return
    st.header(f"{count(len(found), 'integrity finding')}", anchor="integrity-findings")
    parts.frame(
        [
            {
                "entry": one.index,
                "check": one.code,
                "asks for": one.expected,
                "was there": one.recorded,
                "id": one.id,
            }
            for one in found[:SHOWN]
        ],
        "Integrity findings: entry, check, what it asks for, what was there, id",
    )
    if len(found) > SHOWN:
        st.caption(f"These are the first {SHOWN}; `writ verify --format jsonl` lists all.")


def _bytes(shown: Shown) -> None:
    report, ledger = shown.tables.report, shown.tables.report.ledger
    st.header("The ledger", anchor="ledger")
    told = (
        ("origin", ledger.origin),
        ("entries", f"{ledger.size:,}"),
        ("under a signed head", f"{ledger.checkpoint_size:,}"),
        ("submissions", f"{report.integrity.submissions:,}"),
        ("left out, submissions", f"{report.integrity.invalid_submissions:,}"),
        ("left out, single records", f"{report.integrity.invalid_records:,}"),
        ("signed heads kept", f"{shown.head_count:,}"),
        ("writers' streams", f"{len(shown.streams):,}"),
    )
    st.html(markup.facts(told))
    parts.named("genesis", ledger.genesis)
    parts.named(f"root over all {ledger.size:,} entries", ledger.root)
    kinds, heads = st.columns([1, 2])
    with kinds:
        st.subheader("Records by kind", anchor=False)
        parts.frame(
            [{"kind": kind, "valid records": number} for kind, number in checks.kinds(report)],
            "Number of valid records by kind",
        )
    with heads:
        _heads(shown)


def _heads(shown: Shown) -> None:
    st.subheader("Signed heads, newest first", anchor=False)
    if not shown.heads:
        st.info("No head of this ledger was signed: its entries can be compared with nothing.")
        return
    parts.frame(
        [
            {
                "size": head.size,
                "last entry recorded": when(head.recorded_at),
                "root": head.root,
                "key": short(head.signer),
            }
            for head in shown.heads[:10]
        ],
        "Signed heads: size, time of their last entry, root, key",
    )
    if shown.head_count > len(shown.heads[:10]):
        st.caption(f"and {count(shown.head_count - len(shown.heads[:10]), 'earlier one')}")


def _governance(tables: Tables) -> None:
    st.header("Contracts in force", anchor="contracts")
    judged = {one.digest: one for one in tables.report.conformance.contracts}
    bindings = checks.bindings(tables)
    if not bindings:
        st.info("No contract was ever activated in this ledger.")
    else:
        parts.opening(
            [
                {
                    "contract": judged[one.digest].name if one.digest in judged else "",
                    "version": one.version,
                    "service": one.service,
                    "effective": when(one.effective_at),
                    "entry": one.index,
                    "approved by": ", ".join(map(last_name, one.approved_by)),
                    "records judged": judged[one.digest].judged if one.digest in judged else 0,
                    "for": "imported runs" if one.imported else "live runs",
                }
                for one in bindings
            ],
            "Contracts by activation: version, service, when, who approved, records judged",
            key="activations",
        )
    switched = checks.switches(tables)
    if len(switched) > SHOWN:
        st.caption(f"{len(switched):,} records of switches; these are the last {SHOWN}.")
    for one in switched[-SHOWN:]:
        name = "Kill switch" if one.mode == "kill" else "Safe mode"
        st.markdown(
            f"**{name} {one.state}** at {when(one.recorded_at)}, entry {one.index}, by "
            f"{code(last_name(one.by))} for {code(one.service)}"
        )
        st.text(plain(one.reason))


def _open(report: Report) -> None:
    st.header("What this does not prove", anchor="limits")
    for limit in not_proven(report):
        st.text(f"– {limit}")


if __name__ == "__main__":
    page()
