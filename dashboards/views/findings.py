"""A finding in words: what the rule says, what was there, and what that rests on."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from dashboards import markup, runs, session
from dashboards.filters import Filter
from dashboards.queries import FindingRow
from dashboards.runs import Entry, RunHead
from dashboards.tables import Tables
from dashboards.views import acts, again, parts
from dashboards.words import code, count, last_name
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
        label = f"{len(rest) - SHOWN:,} more findings of this run, in the inbox"
        marked = session.carried().marked
        asks = Filter.of({"view": ["findings"], "q": [head.name], "marked": marked}).parameters()
        parts.way(session.INBOX, label, ":material/inbox:", asks)


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
    way = "" if chosen else _way(row)
    drawn = [_head(row, linked=linked), markup.said(row.says), way, _why(found), _body(found)]
    with st.container(border=True, key=f"finding-{row.place}"):
        st.html(f'<div class="writ-told">{"".join(drawn)}{_small(row, found)}</div>')
        if chosen:
            acts.of_finding(tables, row)
        _rests_on(tables, found, row.place, run)


def _head(row: FindingRow, *, linked: bool) -> str:
    where = f"entry {row.index}"
    told = markup.line(
        markup.code(row.rule),
        markup.code(row.tool, 40) if row.tool else "",
        markup.to_entry(row.index, where) if linked else where,
    )
    return f'<div class="writ-head">{parts.signs(row)} {acts.state(row)} {_whose(row)}{told}</div>'


def _whose(row: FindingRow) -> str:
    whose = markup.code(last_name(row.assignee), 40)
    return markup.small(f"assigned to {whose}") if row.assignee else ""


def _way(row: FindingRow) -> str:
    """Return the link to the page on which a reviewer acts on this one."""
    there = parts.finding_address(row, session.carried()) | again.kept()
    return f"<p>{parts.to_run('Review this one', there, ':material/rate_review:')}</p>"


def _why(found: Finding) -> str:
    """Say the least that decides it, and what would have satisfied it."""
    because, would = found.explanation.because, found.explanation.would
    why = markup.named("because", "\n".join(because))
    return why + markup.named("it would have been satisfied by", "\n".join(would))


def _body(found: Finding) -> str:
    both = (("the rule asks for", found.expected), ("the ledger shows", found.recorded))
    told = (f"<div>{markup.small(name)}{markup.block(said)}</div>" for name, said in both)
    more = markup.named("why it is undecidable, or more about it", found.reason)
    done = markup.named("what was done about it", found.handled)
    return f'<div class="writ-both">{"".join(told)}</div>{more}{done}'


def _small(row: FindingRow, found: Finding) -> str:
    return markup.small(
        markup.code(row.id),
        f"cites {markup.code(found.cites, 200)}" if found.cites else "",
        f"contract {markup.code(row.version)}" if row.version else "",
        f"line {found.contract_line} of it" if found.contract_line else "",
        f"by {markup.code(found.identity)}" if found.identity else "",
        "rests on reference data, which may be stale" if found.uses_snapshot else "",
    )


def _rests_on(tables: Tables, found: Finding, place: int, run: str) -> None:
    for entry in runs.bases(tables, found):
        key = f"basis-{place}-{entry.index}"
        parts.folded(f"rests on {_named(entry)}", key, partial(_basis, entry, run))


def _named(entry: Entry) -> str:
    source = f" from {code(entry.source, 40)}" if entry.source else ""
    tool = f" of {code(entry.tool, 40)}" if entry.tool else ""
    return f"entry {entry.index}, {entry.kind}{tool}{source}"


def _basis(entry: Entry, run: str) -> None:
    proof = parts.to_entry("Its evidence and proof", entry.index)
    if entry.run and entry.run == run:
        where = markup.to_entry(entry.index, "Show it in the timeline")
    elif entry.run:
        where = parts.to_run("Open its run", parts.run_address(entry.run, at=entry.index))
    else:
        where = "It stands in no run."
    told = markup.data(dict(entry.record), 8_000)
    st.html(f'<div class="writ-told">{told}{markup.line(proof, where)}</div>')
