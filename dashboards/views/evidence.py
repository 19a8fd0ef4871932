"""One entry: what it says, what it rests on, what rests on it, and the proof that it is there."""

from collections.abc import Sequence

import streamlit as st

from dashboards import evidence, markup, runs, session
from dashboards.evidence import Around, Link, Proven
from dashboards.filters import number
from dashboards.opening import Shown
from dashboards.queries import FindingRow
from dashboards.runs import Entry
from dashboards.tables import Tables
from dashboards.views import parts
from dashboards.words import code, count, last_name, member, opened, short, when

_ASKED = "proof"


def page() -> None:
    """Show one entry, or ask for one where the address names none."""
    visit = session.current()
    if not isinstance(visit.result, Shown):
        parts.broken()
        return
    tables = visit.result.tables
    asked = session.parameter("entry")
    _ask(asked)
    if not asked:
        st.info(
            "Name an entry by its number, or a record by its digest. Every step of a run and every "
            "finding links to its entry here."
        )
        return
    entry = _found(tables, asked)
    if entry is None:
        st.warning(
            f"There is no valid entry {code(asked)} in this ledger. It has the numbers 0 to "
            f"{tables.report.ledger.size - 1:,}; what is invalid is left out, and counted on the "
            "Integrity page."
        )
        return
    _entry(entry)
    around = evidence.around(tables, entry)
    left, right = st.columns(2, gap="large")
    with left:
        _rests_on(around)
    with right:
        _carries(around)
    _findings(around, entry)
    _proof(visit.source.ledger, tables, entry)


def _ask(asked: str) -> None:
    st.session_state["entry"] = asked
    st.text_input(
        "Entry",
        key="entry",
        type="search",
        on_change=_changed,
        placeholder="a number, or a record's digest",
        icon=":material/search:",
        width=520,
    )


def _changed() -> None:
    asked = (st.session_state["entry"] or "").strip()
    session.go({"entry": [asked]} if asked else {})


def _found(tables: Tables, asked: str) -> Entry | None:
    index = number(asked)
    if index is not None:
        return runs.entry(tables, index)
    return runs.entry_named(tables, asked.lower())


def _entry(entry: Entry) -> None:
    what = member(entry.record, "what") or entry.tool or member(entry.record, "phase")
    named = f" {code(what, 60)}" if what else ""
    st.title(f"Entry {entry.index:,} · {entry.kind}{named}", anchor=False)
    told = (
        ("recorded", when(entry.recorded_at)),
        ("claimed", when(entry.moment) if entry.moment != entry.recorded_at else ""),
        ("by", last_name(entry.identity)),
        ("from", entry.source),
        ("contract in force", entry.version),
        ("digest of the record", short(entry.digest)),
    )
    with st.container(border=True):
        st.html(markup.facts(told))
    if entry.run:
        parts.run_link("Open its run", entry.run, at=entry.index)
    st.header("What it says", anchor=False)
    # Here one may want to copy it.
    st.code(opened(dict(entry.record), 20_000), language="json", wrap_lines=True)


def _rests_on(around: Around) -> None:
    st.header("It rests on", anchor=False)
    _listed(around.rests_on)
    if around.missing:
        st.warning(f"It names {count(around.missing, 'record')} that {_are(around.missing)} here.")
    if not around.rests_on and not around.missing:
        st.caption("It names no other record.")


def _are(missing: int) -> str:
    return "is not valid" if missing == 1 else "are not valid"


def _carries(around: Around) -> None:
    st.header("What rests on it", anchor=False)
    _listed(around.carries)
    more = around.carried - len(around.carries)
    if more > 0:
        st.caption(f"and {more:,} more.")
    if not around.carried:
        st.caption("No other record names it.")


def _listed(links: Sequence[Link]) -> None:
    if links:
        st.html(markup.listed(_link(place, one) for place, one in enumerate(links)))


def _link(place: int, one: Link) -> str:
    what = member(one.entry.record, "what") or one.entry.tool
    named = f" {markup.code(what, 40)}" if what else ""
    source = f" from {markup.code(one.entry.source, 40)}" if one.entry.source else ""
    told = f"{markup.text(one.words)} · {markup.text(one.entry.kind)}{named}{source}"
    way = parts.to_entry(f"Entry {one.entry.index:,}", one.entry.index)
    return markup.item(f"link-{place}", signs=way, body=markup.row((), (told,)))


def _findings(around: Around, entry: Entry) -> None:
    if not around.findings:
        return
    st.header("Findings", anchor=False)
    st.html(markup.listed(_finding(row, entry) for row in around.findings))


def _finding(row: FindingRow, entry: Entry) -> str:
    here = "at it" if row.index == entry.index else f"at entry {row.index:,}, resting on it"
    there = parts.finding_address(row)
    return markup.item(
        f"found-{row.place}",
        signs=parts.signs(row),
        body=markup.row((), (markup.code(row.rule), here)),
        ways=parts.to_run(f"Open {row.id}", there),
    )


# ------------------------------------------------------------------------------- proof


def _proof(ledger: str, tables: Tables, entry: Entry) -> None:
    st.header("Proof", anchor=False)
    st.text(
        "A file by which a third party checks, with the trust file alone and without this app, "
        "that the ledger holds this record, who signed it and where it stands."
    )
    if not session.parameter(_ASKED):
        st.button("Make the proof", key="make_proof", on_click=_make, args=(entry.index,))
        return
    found = evidence.proof_of(ledger, tables, entry.index)
    if isinstance(found, str):
        st.warning(code(found, 400))
        return
    _proven(found)


def _make(index: int) -> None:
    session.go({"entry": [str(index)], _ASKED: ["yes"]})


def _proven(found: Proven) -> None:
    st.badge("made, and checked", icon=":material/verified_user:", color="green")
    with st.container(border=True), st.grid(4, min_column_width=210, gap=("xsmall", "small")):
        parts.named("in the tree of", count(found.size, "entry", "entries"))
        parts.named("head signed by key", short(found.head_signer))
        parts.named("record signed by key", short(found.signer))
        parts.named("which spoke for", last_name(found.identity))
        parts.named("by authority document", f"{found.document:,}")
    name = f"entry-{found.index}.tlog-proof"
    st.download_button("Download the proof", found.raw, name, mime="text/plain")
    st.caption(f"Check it with {code(f'writ proof --check {name} --trust TRUST')}.")


if __name__ == "__main__":
    page()
