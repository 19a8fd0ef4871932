"""Rollback: what could be undone, in which order, what stays, and had it been stopped when."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import streamlit as st

from dashboards import markup, queries, replay_charts, rollbacks, session
from dashboards.answers import Part, Stored
from dashboards.asking import RollbackAsked
from dashboards.filters import number
from dashboards.markup import Colour
from dashboards.tables import Tables
from dashboards.views import blast, parts, selecting, waiting
from dashboards.views.tabled import first, table
from dashboards.words import count, money, seconds
from replay.scopes import SAYS, Scope
from replay.tables import amount

CLASS_COLOURS: Final[Mapping[str, Colour]] = {"reversible": "green", "compensable": "blue"}


def page() -> None:
    """Show what could be undone."""
    tables = session.tables()
    if tables is None:
        parts.broken()
        return
    over = selecting.over(tables, what="actions")
    st.title("Rollback", anchor=False)
    if not tables.number("SELECT count(*) FROM entries WHERE kind = 'action'"):
        st.info("Nothing was done in this ledger yet: there is nothing to undo.")
        return
    asked = replace(RollbackAsked.of(session.parameters()), over=over)
    _how(asked)
    if not session.parameter("ask"):
        st.info(
            "Choose at the left what is to be undone: a run, an incident, a model or a prompt, a "
            "time. Without a choice it is everything. Then plan it: nothing is executed or "
            "recorded here."
        )
        return
    found = waiting.answer_to(asked)
    if found is not None:
        _answer(tables, asked, found)


# ------------------------------------------------------------------- what is asked for


def _how(asked: RollbackAsked) -> None:
    state = st.session_state
    state["as_of"], state["scope"], state["apart"] = asked.as_of, asked.scope.value, asked.apart
    state["params"] = list(asked.params)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            "As of",
            key="as_of",
            placeholder="the ledger's end, a time or an entry",
            on_change=_changed,
            width=260,
            help="Nothing later exists. Empty: the ledger's end.",
        )
        st.selectbox(
            "How far to reach",
            [scope.value for scope in Scope],
            key="scope",
            format_func=lambda scope: SAYS[Scope(scope)],
            on_change=_changed,
            width=300,
        )
        st.button(
            "Plan it", key="ask", type="primary", on_click=selecting.ask, icon=":material/undo:"
        )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.multiselect(
            "Parameters that the contract leaves open",
            list(asked.params),
            key="params",
            accept_new_options=True,
            placeholder="NAME=VALUE, such as reason=paid twice",
            on_change=_changed,
        )
        st.toggle(
            "Shared targets apart",
            key="apart",
            on_change=_changed,
            help="A later change of the same target does not rest on an earlier one.",
        )


def _changed() -> None:
    state = st.session_state
    scope = str(state["scope"])
    selecting.anew(
        as_of=str(state["as_of"]).strip(),
        scope="" if scope == Scope.CHOSEN.value else scope,
        apart="yes" if state["apart"] else "",
        param=list(state["params"]),
    )


# ----------------------------------------------------------------------- the answer


def _answer(tables: Tables, asked: RollbackAsked, found: Stored) -> None:
    waiting.head(found)
    with st.container(key="tolerated"):
        st.text(found.answer.sentences[0])
    scopes = found.all("scopes")
    _numbers([row for row in scopes.records() if row["scope"] == asked.scope.value])
    _classes(found)
    blast.show(found)
    _plan(tables, found)
    _stays(found)
    st.header("How far to reach", anchor=False)
    first(scopes)
    waiting.sentences(found)
    _command(asked)
    waiting.limits(found)
    names = {"plan": "The plan", "actions": "The actions", "residual": "What stays"}
    waiting.download(found, names, "rollback")


def _numbers(rows: list[dict[str, Any]]) -> None:
    """Show what the scope comes to, by currency: no two of them are added."""
    for number_, row in enumerate(rows):
        of = f", {row['currency']}" if row["currency"] else ""
        with st.grid(4, min_column_width=170):
            st.metric(f"taken back{of}", amount(row["recovered_micros"]), border=True)
            st.metric(
                f"stays{of}",
                amount(row["residual_micros"]),
                border=True,
                help=f"{row['residual']:,} actions stay; not all of them need have a value.",
            )
            if not number_:
                st.metric("executed actions", f"{row['executed']:,}", border=True)
                st.metric(
                    "calls",
                    f"{row['steps']:,}",
                    border=True,
                    help=f"They need {count(row['approvals'], 'approval')}.",
                )


def _classes(found: Stored) -> None:
    st.header("What becomes of the actions", anchor=False)
    rows = found.all("classes")
    currencies = sorted({str(row["currency"]) for row in rows.records() if row["currency"]})
    for currency in currencies or [""]:
        parts.figure(replay_charts.classes(rows.records(), currency))
    kept = tuple(row for row in rows.table.rows if row[1])
    table(replace(rows.table, rows=kept))


def _plan(tables: Tables, found: Stored) -> None:
    st.header("The plan, in order", anchor=False)
    part = found.part("plan", page=number(session.parameter("page")) or 1)
    if not part.total:
        st.info("There is no call that could be made.")
        return
    shown = part.records()
    st.caption(
        f"{count(part.total, 'call')}, {shown[0]['step']:,} to {shown[-1]['step']:,} shown. "
        "Nothing goes before what depends on it; each is decided under the contract in force as "
        "if it alone were proposed."
    )
    runs = queries.runs_of_entries(tables, [int(row["entry"] or 0) for row in shown])
    st.html(markup.listed(_step(row, runs) for row in shown))
    selecting.pages(part, "page")


def _step(row: Mapping[str, Any], runs: Mapping[int, str]) -> str:
    allowed = row["decision"] == "allow"
    sign = ":material/check:" if allowed else ":material/pan_tool:"
    means = "What the contract in force decides of the call."
    decision = markup.badge(str(row["decision"]), sign, "green" if allowed else "orange", means)
    number = f"{row['step']:,} · {row['class']}"
    named = f"<strong>{markup.code(str(row['call']), 60)}</strong>"
    call = f"<p>{named} {markup.code(str(row['params']), 160)}</p>"
    return markup.item(
        f"call-{row['step']}",
        signs=f"{markup.badge(number, '', _colour(row))} {decision}",
        body=f'<div class="writ-row">{call}{markup.small(*_told(row))}</div>',
        ways=parts.at_entry(int(row["entry"]), runs),
    )


def _colour(row: Mapping[str, Any]) -> Colour:
    return CLASS_COLOURS.get(str(row["class"]), "gray")


def _told(row: Mapping[str, Any]) -> list[str]:
    told = [f"takes back {markup.code(str(row['tool']), 40)}"]
    told += [f"on {markup.code(str(row['target']), 40)}"] if row["target"] else []
    if row["value_micros"] is not None:
        told.append(markup.text(money(int(row["value_micros"]), str(row["currency"]))))
    told += [f"needs {markup.code(str(row['approvals']), 120)}"] if row["approvals"] else []
    if row["cost_micros"] is not None:
        cost = money(int(row["cost_micros"]), str(row["cost_currency"]))
        told.append(f"costs {markup.text(cost)}")
    if row["window_seconds"] is not None:
        told.append(f"its window ends in {seconds(float(row['window_seconds']))}")
    told += [f"after that of entry {row['after']}"] if row["after"] else []
    told += [f"proposed at entry {row['proposed']:,}"] if row["proposed"] is not None else []
    return told


def _stays(found: Stored) -> None:
    st.header("What stays", anchor=False)
    residual = found.part("residual", page=number(session.parameter("residual")) or 1)
    if not residual.total:
        st.success("Nothing stays of what was chosen.", icon=":material/check:")
    else:
        _paged(residual, "residual", "entity", "entities")
    conflicts = found.part("conflicts", page=number(session.parameter("conflicts")) or 1)
    if conflicts.total:
        st.subheader("Conflicts", anchor=False)
        _paged(conflicts, "conflicts", "conflict", "conflicts")


def _paged(part: Part, name: str, one: str, more: str) -> None:
    table(part.table)
    if part.pages > 1:
        st.caption(f"{count(part.total, f'row of {one}', f'rows of {more}')}, page {part.page:,}")
    selecting.pages(part, name)


def _command(asked: RollbackAsked) -> None:
    st.header("To propose it", anchor=False)
    source = session.current().source
    st.caption(
        "Nothing is recorded from here. This command proposes the calls to the guard, which "
        "decides each as of now, in the name of whoever runs it; `writ compensate` then makes them."
    )
    if asked.over.inbox:
        st.warning(
            "The inbox's filter cannot be said to the command, so it is left out of it: choose by "
            "an incident, a run or a condition.",
            icon=":material/warning:",
        )
    if asked.as_of:
        st.caption("A plan as of the past is not proposed: the command plans as of now.")
    trust = "TRUST.json" if source.trust else ""
    st.code(rollbacks.command(asked, source.name, trust), language="shell", wrap_lines=True)


if __name__ == "__main__":
    page()
