"""On whose word a ledger stands: its witnesses, what it covers, its writers and their keys."""

from collections.abc import Mapping

import streamlit as st

from dashboards import charts, checks, session
from dashboards.covered import Covered, covered
from dashboards.opening import Shown
from dashboards.views import parts
from dashboards.words import REVIEWS, STATES, count, last_name, share, short, when


def witnesses(shown: Shown) -> None:
    """Show who else has seen the ledger's heads, and when."""
    st.header("Witnesses", anchor="witnesses")
    st.text(shown.witnesses.asks)
    if not shown.witnesses.rows:
        st.caption(
            "A witness keeps the largest head that it has seen, and signs none that does not "
            "contain it: `writ witness serve` is one, and `writ witness cosign` asks it."
        )
        return
    parts.frame(
        [
            {
                "witness": one.name,
                "key": short(one.key),
                "counts": "no: it is a key of this ledger" if one.own else "yes",
                "heads cosigned": one.heads,
                "largest, entries": one.size,
                "when": one.last(),
            }
            for one in shown.witnesses.rows
        ],
        "Witnesses: name, key, whether it counts, heads cosigned, the largest of them, when",
    )


def coverage(shown: Shown) -> None:
    """Show how much is there of what should be."""
    st.header("Coverage", anchor="coverage")
    st.caption(
        "What the entries call for, and how much of it is here. What was done and never recorded "
        "is in no such number: `writ verify --against FILE` compares with another source."
    )
    withheld = shown.tables.report.conformance.records.get("withheld", 0)
    if withheld:
        st.info(
            f"{count(withheld, 'record')} of this bundle are withheld. What they would say is in "
            "none of these numbers: ask for the whole ledger."
        )
        return
    rows = covered(shown.tables, shown.streams)
    with st.grid(3, min_column_width=240, gap=("xsmall", "small")):
        for one in rows:
            _covered(one)


def _covered(one: Covered) -> None:
    with st.container(gap=None):
        st.caption(one.what)
        told = f"{one.there:,} of {one.wanted:,}" if one.wanted else "none called for"
        # All but one in a million is not all.
        st.text(told + (f", {share(one.there, one.wanted)}" if one.wanted else ""))
        if one.findings:
            there = {
                "rule": list(one.rules),
                "view": ["findings"],
                "result": list(STATES),
                "review": list(REVIEWS),
            }
            parts.way(session.INBOX, count(one.findings, "finding"), asks=there)


def writers(shown: Shown) -> None:
    """Show who wrote, in which streams, and who held which key from when to when."""
    found = checks.identities(checks.history(shown.tables))
    speaks = {key: one for one in found for key, _ in one.keys}
    st.header("Who wrote", anchor="writers")
    st.caption(
        "A stream is one writer process; its submissions are numbered, so that a missing one shows."
    )
    rows: list[Mapping[str, object]] = [
        {
            "writer": last_name(speaks[stream.key].id) if stream.key in speaks else "unknown",
            "key": short(stream.key),
            "stream": stream.stream[:12],
            "submissions": stream.submissions,
            "missing": stream.missing,
            "records": stream.records,
            "entries": f"{stream.first} to {stream.last}",
            "from": when(stream.began),
            "to": when(stream.ended),
            "closed": "yes" if stream.closed else "no",
        }
        for stream in sorted(shown.streams, key=lambda one: -one.records)
    ]
    parts.frame(rows[:100], "Writers' streams, the largest first")
    if len(rows) > len(rows[:100]):
        st.caption(f"and {count(len(rows) - 100, 'smaller stream')}")
    st.subheader("Identities and keys", anchor=False)
    parts.frame(
        [
            {
                "identity": one.id,
                "person who answers": one.owner,
                "roles": ", ".join(one.roles),
                "keys": one.keys_told,
                "since entry": one.since,
                "until entry": "still" if one.until is None else str(one.until),
            }
            for one in found
        ],
        "Identities: owner, roles, keys, and from which entry to which they held",
    )
    parts.figure(charts.keys_held(found, shown.streams, shown.tables.report.ledger.size))
    st.caption("The band: from which entry to which a key was good. The bar in it: what it wrote.")
