"""A finding in words: what the rule says, what was there, and what that rests on."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from dashboards import markup, runs, session
from dashboards.queries import FindingRow
from dashboards.runs import Entry, RunHead
from dashboards.tables import Tables
from dashboards.views import acts, again, parts
from dashboards.words import code, count, plain
from verifier.findings import Finding

# Findings that are laid open; a run with more of them shows the rest folded.
OPEN = 3
# Of a run that has more, the inbox has the pages.
SHOWN = 25


def of_run(
    tables: Tables, head: RunHead, rows: Sequence[FindingRow], chosen: FindingRow | None
) -> None:
    """Show what was found in a run: what the reader came for, then the rest, the worst first."""
    if not rows:
        st.success(
            "Nothing was found in this run: every rule that was asked is satisfied.",
            icon=":material/check:",
        )
        return
    st.header(count(len(rows), "finding"), anchor="findings")
    rest = [row for row in rows if chosen is None or row.place != chosen.place]
    if chosen is not None:
        one(tables, chosen, run=head.digest, chosen=True)
    unfolded = OPEN - (chosen is not None)
    for place, row in enumerate(rest[:SHOWN]):
        if place < unfolded and len(rows) <= OPEN:
            one(tables, row, run=head.digest)
        else:
            label = f"**{row.state}** · {code(row.rule)} · entry {row.index}"
            parts.folded(label, f"folded-{row.place}", partial(one, tables, row, run=head.digest))
    if len(rest) > SHOWN:
        st.page_link(
            session.INBOX,
            label=f"{len(rest) - SHOWN:,} more findings of this run, in the inbox",
            icon=":material/inbox:",
            query_params={"view": ["findings"], "q": [head.name]},
        )


def one(
    tables: Tables, row: FindingRow, *, run: str = "", linked: bool = True, chosen: bool = False
) -> None:
    """Show one finding in full, with what people made of it.

    Args:
        tables: The tables.
        row: The finding.
        run: The run that the page shows.
        linked: Whether its step stands on the same page.
        chosen: Whether it is the one that the page was opened for, on which a reviewer acts.
    """
    found = runs.full_finding(tables, row)
    with st.container(border=True, key=f"finding-{row.place}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            parts.signs(row)
            acts.badge(row)
            st.markdown(_title(row, linked=linked), width="content")
        st.text(plain(row.says))
        if not chosen:
            parts.run_link(
                "Review this one",
                row.run,
                at=row.index,
                finding=row.id,
                chosen=session.carried(),
                icon=":material/rate_review:",
                more=again.kept(),
            )
        _why(found)
        _body(found)
        _small(row, found)
        if chosen:
            acts.of_finding(tables, row)
        _rests_on(tables, found, row.place, run)


def _title(row: FindingRow, *, linked: bool) -> str:
    where = f"[entry {row.index}](#entry-{row.index})" if linked else f"entry {row.index}"
    tool = f" · {code(row.tool, 40)}" if row.tool else ""
    return f"{code(row.rule)}{tool} · {where}"


def _why(found: Finding) -> None:
    """Say the least that decides it, and what would have satisfied it."""
    for label, sentences in (
        ("because", found.explanation.because),
        ("it would have been satisfied by", found.explanation.would),
    ):
        if sentences:
            parts.named(label, "\n".join(sentences))


def _body(found: Finding) -> None:
    wanted, there = st.columns(2)
    with wanted, st.container(gap="xxsmall"):
        st.caption("the rule asks for")
        st.html(markup.block(found.expected))
    with there, st.container(gap="xxsmall"):
        st.caption("the ledger shows")
        st.html(markup.block(found.recorded))
    for label, said in (
        ("why it is undecidable, or more about it", found.reason),
        ("what was done about it", found.handled),
    ):
        if said:
            parts.named(label, said)


def _small(row: FindingRow, found: Finding) -> None:
    told = [code(row.id)]
    told += [f"cites {code(found.cites, 200)}"] if found.cites else []
    told += [f"contract {code(row.version)}"] if row.version else []
    told += [f"line {found.contract_line} of it"] if found.contract_line else []
    told += [f"by {code(found.identity)}"] if found.identity else []
    told += ["rests on reference data, which may be stale"] if found.uses_snapshot else []
    st.caption(" · ".join(told))


def _rests_on(tables: Tables, found: Finding, place: int, run: str) -> None:
    for entry in runs.bases(tables, found):
        key = f"basis-{place}-{entry.index}"
        parts.folded(f"rests on {_named(entry)}", key, partial(_basis, entry, run))


def _named(entry: Entry) -> str:
    source = f" from {code(entry.source, 40)}" if entry.source else ""
    tool = f" of {code(entry.tool, 40)}" if entry.tool else ""
    return f"entry {entry.index}, {entry.kind}{tool}{source}"


def _basis(entry: Entry, run: str) -> None:
    parts.data(dict(entry.record), limit=8_000)
    parts.entry_link("Its evidence and proof", entry.index)
    if entry.run and entry.run == run:
        st.markdown(f"[Show it in the timeline](#entry-{entry.index})")
    elif entry.run:
        parts.run_link("Open its run", entry.run, at=entry.index)
    else:
        st.caption("It stands in no run.")
