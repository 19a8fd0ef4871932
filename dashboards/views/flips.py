"""What flips: each decision that a candidate would have made otherwise, one page of them."""

from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from dashboards import markup, queries, session
from dashboards.answers import Stored
from dashboards.filters import PAGE_SIZE
from dashboards.markup import Colour
from dashboards.tables import Tables
from dashboards.views import parts, selecting
from dashboards.views.tabled import table
from dashboards.whatifs import PEOPLE
from dashboards.words import count, money, one_line

KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "decided": ("now <> 'undecidable' AND contingent = ''", "What flips"),
    "undecidable": ("now = 'undecidable' AND contingent = ''", "What cannot be decided"),
    "contingent": ("contingent <> ''", "Contingent"),
}
MEANS: Final = (
    "Decided: the candidate says otherwise. Undecidable: nobody can tell by what history holds, so "
    "it would not be let through. Contingent: later steps of a run that would have gone another "
    "way."
)
COLOURS: Final[Mapping[str, Colour]] = {
    "allow": "green",
    "none": "gray",
    "approve": "orange",
    "escalate": "orange",
    "deny": "red",
    "undecidable": "violet",
}
SIGNS: Final[Mapping[str, str]] = {
    "allow": ":material/check:",
    "none": ":material/remove:",
    "approve": ":material/pan_tool:",
    "escalate": ":material/support_agent:",
    "deny": ":material/block:",
    "undecidable": ":material/question_mark:",
}
MOST_REASONS: Final = 50


def show(tables: Tables, found: Stored, page: int) -> None:
    """Show what a candidate flips.

    Args:
        tables: The ledger.
        found: The answer.
        page: Which page, from 1.
    """
    st.header("What flips", anchor=False)
    names = [str(row["candidate"]) for row in found.all(PEOPLE).records()]
    asked = session.parameter("candidate")
    name = asked if asked in names else _most(found, names)
    st.session_state["candidate"] = name
    kind = session.parameter("kind")
    kind = kind if kind in KINDS else "decided"
    st.session_state["kind"] = kind
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if len(names) > 1:
            st.selectbox(
                "By candidate",
                names,
                key="candidate",
                format_func=lambda one: one_line(one, 80),
                on_change=_changed,
                width=420,
            )
        st.segmented_control(
            "Which",
            list(KINDS),
            key="kind",
            required=True,
            on_change=_changed,
            help=MEANS,
            format_func=lambda one: f"{one} · {_count(found, name, one):,}",
        )
    _page(tables, found, name, kind, page)


def _most(found: Stored, names: list[str]) -> str:
    """Return the candidate that flips most, which a reader wants to see first."""
    rows = found.rows("SELECT candidate FROM flips GROUP BY candidate ORDER BY count(*) DESC")
    return str(rows[0][0]) if rows else names[0]


def _count(found: Stored, name: str, kind: str) -> int:
    where = KINDS[kind][0]
    # The condition is one of this module's own.
    return found.part("flips", f"candidate = ? AND {where}", [name], size=1).total


def _changed() -> None:
    state = st.session_state
    selecting.go(candidate=str(state["candidate"]), kind=str(state["kind"]), page="")


def _page(tables: Tables, found: Stored, name: str, kind: str, page: int) -> None:
    where = KINDS[kind][0]
    part = found.part("flips", f"candidate = ? AND {where}", [name], page=page)
    if not part.total:
        st.success(
            "Nothing: every action that was asked about would have been decided as it was."
            if kind == "decided"
            else "None.",
            icon=":material/check:",
        )
        return
    if kind == "undecidable":
        reasons = found.part("undecidable", "candidate = ?", [name], size=MOST_REASONS)
        table(reasons.table)
    start = (part.page - 1) * PAGE_SIZE
    shown = part.records()
    st.caption(
        f"{count(part.total, 'action')}, {start + 1:,} to {start + len(shown):,} shown, in the "
        "ledger's order"
    )
    runs = queries.runs_of_entries(tables, [int(row["entry"] or 0) for row in shown])
    st.html(markup.listed(_flip(row, runs) for row in shown))
    selecting.pages(part, "page")


def _flip(row: Mapping[str, Any], runs: Mapping[int, str]) -> str:
    wrong = markup.said(f"It went wrong: {row['wrong']}") if row["wrong"] else ""
    says = str(row["says"] or "No rule says more.")
    return markup.item(
        f"flip-{row['entry']}",
        signs=f"{_decision(str(row['then']))} → {_decision(str(row['now']))}",
        body=markup.row((says,), _told(row), wrong),
        ways=parts.at_entry(int(row["entry"]), runs),
    )


def _decision(said: str) -> str:
    return markup.badge(said, SIGNS.get(said, ""), COLOURS.get(said, "gray"))


def _told(row: Mapping[str, Any]) -> list[str]:
    told = [markup.code(str(row["rules"]), 120)] if row["rules"] else []
    told += [f"tool {markup.code(str(row['tool']), 40)}"]
    told += [f"on {markup.code(str(row['target']), 40)}"] if row["target"] else []
    told += [f"channel {markup.code(str(row['channel']), 20)}"] if row["channel"] else []
    told += [f"recorded {markup.text(str(row['recorded'] or 'without a decision'))}"]
    told += [f"outcome {markup.text(str(row['outcome']))}" if row["outcome"] else "never done"]
    if row["value_micros"] is not None:
        told.append(markup.text(money(int(row["value_micros"]), str(row["currency"]))))
    return told
