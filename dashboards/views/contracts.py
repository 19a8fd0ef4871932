"""The contracts: which was in force when, how each rule came out, what differs between two."""

import streamlit as st

from dashboards import charts, contracted, queries, session
from dashboards.contracted import RESULTS, Rehearsed, RuleRow, Version
from dashboards.opening import Shown
from dashboards.tables import Tables
from dashboards.views import parts
from dashboards.words import code, count, last_name, one_line, short, when

KEPT = 16


def page() -> None:
    """Show the contracts of the ledger, and one of them in full."""
    visit = session.current()
    if not isinstance(visit.result, Shown):
        parts.broken()
        return
    tables = visit.result.tables
    found = contracted.versions(tables)
    st.title("Contracts", anchor=False)
    if not found:
        st.info(
            "No contract is in force in this ledger. `writ contract publish` and `writ contract "
            "activate` put one in force; then verify again."
        )
        return
    _in_force(tables, found)
    chosen = _chosen(found)
    _version(chosen)
    _rules(contracted.rules(tables, chosen.digest))
    _diff(tables, found, chosen)
    _scenarios(tables, chosen)


def _in_force(tables: Tables, found: tuple[Version, ...]) -> None:
    services = count(len({one.service for one in found}), "service")
    st.markdown(
        f"{count(len(found), 'activation')} of {services}; each record is judged by the version "
        "in force at its place."
    )
    parts.figure(charts.versions_in_force(found, queries.span(tables)[1]))


def _label(one: Version) -> str:
    return f"{one_line(one.title or one.version, 60)} · entry {one.index:,}"


def _chosen(found: tuple[Version, ...]) -> Version:
    """Return the version that the address names; else the last one."""
    by_index = {str(one.index): one for one in found}
    asked = session.parameter("at")
    chosen = by_index.get(asked, found[-1])
    st.session_state["version_at"] = str(chosen.index)
    st.selectbox(
        "Version",
        list(by_index),
        key="version_at",
        format_func=lambda index: _label(by_index[index]),
        on_change=_changed,
        width=520,
    )
    return chosen


def _changed() -> None:
    session.go({"at": [st.session_state["version_at"]]})


def _version(one: Version) -> None:
    satisfied, violated, undecidable, handled = one.results
    told = (
        ("service", one.service),
        ("in force from", when(one.since)),
        ("until", when(one.until) or "the end of the ledger"),
        ("approved by", ", ".join(map(last_name, one.approved_by))),
        ("records judged", f"{one.judged:,}"),
        ("satisfied", f"{satisfied:,}"),
        ("violated", f"{violated:,}"),
        ("undecidable", f"{undecidable:,}"),
        ("handled", f"{handled:,}"),
        ("rules", f"{one.rules:,}, {one.silent:,} of them never asked"),
        ("digest", short(one.digest)),
    )
    with st.container(border=True), st.grid(4, min_column_width=210, gap=("xsmall", "small")):
        for label, value in told:
            parts.named(label, value)
    parts.entry_link("The activation, and its proof", one.index)


def _rules(rows: tuple[RuleRow, ...]) -> None:
    st.header("How each rule came out", anchor=False)
    never = [row.rule for row in rows if not row.asked]
    if never:
        st.caption(
            f"{count(len(never), 'rule was', 'rules were')} never asked of a record here: nothing "
            "in this ledger says whether they work."
        )
    parts.frame(
        [
            {
                "rule": row.rule,
                "clause": row.clause,
                "effect": row.effect,
                **dict(zip(RESULTS, row.results, strict=True)),
                "what it says": one_line(row.says, 160),
            }
            for row in rows
        ],
        f"How {count(len(rows), 'rule')} came out over the whole ledger",
    )


# ------------------------------------------------------------- what differs, and scenarios


@st.cache_data(max_entries=KEPT, show_spinner="Comparing two contracts, with examples")
def _differing(before: str, after: str, _tables: Tables) -> str:
    return contracted.differing(_tables, before, after)


def _diff(tables: Tables, found: tuple[Version, ...], chosen: Version) -> None:
    others = {
        str(one.index): one
        for one in found
        if one.service == chosen.service and one.digest != chosen.digest
    }
    known = [one for one in others.values() if one.digest in tables.contracts]
    if not known or chosen.digest not in tables.contracts:
        return
    st.header("What differs", anchor=False)
    asked = session.parameter("against")
    other = others.get(asked)
    st.session_state["against"] = str(other.index) if other else None
    st.selectbox(
        "Compared with",
        [str(one.index) for one in known],
        key="against",
        format_func=lambda index: _label(others[index]),
        index=None,
        placeholder="choose a version",
        on_change=_compared,
        args=(chosen.index,),
        width=520,
    )
    if other is None:
        return
    old, new = sorted((other, chosen), key=lambda one: one.index)
    st.code(_differing(old.digest, new.digest, tables), language=None, wrap_lines=True)


def _compared(index: int) -> None:
    against = st.session_state["against"]
    session.go({"at": [str(index)], **({"against": [against]} if against else {})})


@st.cache_data(max_entries=KEPT, show_spinner="Playing its scenarios, by guard and verifier")
def _rehearsed(digest: str, _tables: Tables) -> Rehearsed | str:
    return contracted.rehearsed(_tables, digest)


def _scenarios(tables: Tables, chosen: Version) -> None:
    st.header("Scenarios", anchor=False)
    if not contracted.has_scenarios(tables, chosen.digest):
        st.caption(
            "No scenarios come with this contract here. `writ contract test DIR` plays those that "
            "stand beside its file."
        )
        return
    if session.parameter("scenarios") != "play":
        st.button("Play its scenarios", key="play", on_click=_play, args=(chosen.index,))
        return
    found = _rehearsed(chosen.digest, tables)
    if isinstance(found, str):
        st.warning(code(found, 400))
        return
    st.markdown(
        f"**{found.passed:,} of {count(found.played, 'scenario')} passed**, decided by the guard "
        f"and judged again by the verifier. {found.both:,} of {count(found.rules, 'rule')} came "
        "out satisfied in one and violated in another."
    )
    for name, why in found.failed:
        st.error(f"{code(name, 80)}: {code(why, 300)}")
    if found.unexercised:
        st.caption(f"No scenario asks about {', '.join(map(code, found.unexercised))}.")
    if found.missing:
        st.warning(f"Not covered: {', '.join(map(code, found.missing))}.")
    parts.frame(
        [{"situation": name, "scenarios": number} for name, number in found.covered],
        "How many scenarios cover each situation that a contract has to be tried in",
    )


def _play(index: int) -> None:
    session.go({"at": [str(index)], "scenarios": ["play"]})


if __name__ == "__main__":
    page()
