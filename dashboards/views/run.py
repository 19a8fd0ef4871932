"""The run: who asked for what, what was found in it, and every step from its opening to its end."""

from typing import Final

import streamlit as st

from dashboards import charts, markup, queries, runs, session
from dashboards.filters import Filter, number, page_of
from dashboards.opening import Shown
from dashboards.runs import Listed, ListedRun, RunHead, Step
from dashboards.tables import Tables
from dashboards.views import again, exporting, findings, keys, parts, selecting, steps
from dashboards.words import code, count, last_name, seconds, short, sums, when

BACKWARD: Final = ":material/arrow_back:"
STEPS: Final = "steps"
"""Of the address: which page of a long run's steps."""


def page() -> None:
    """Show one run, or the list of them where the address names none."""
    visit = session.current()
    if not isinstance(visit.result, Shown):
        parts.broken()
        return
    tables = visit.result.tables
    which, finding = session.parameter("run"), session.parameter("finding")
    found = queries.finding(tables, finding) if finding else None
    if found is not None and not found.run:
        _without_run(tables, found)
        return
    name = which or session.parameter("ref") or (found.run if found else "")
    if not name:
        _list(tables)
        return
    head = runs.head(tables, name)
    if head is None:
        st.title("Run", anchor=False)
        st.info(
            f"This ledger has no run {code(name)}. The name is a run's digest, or its source's own "
            "id. Choose one from the list."
        )
        parts.way(session.RUN, "All runs", ":material/list:")
        return
    _run(tables, head, found)


# ------------------------------------------------------------------------- one run


def _run(tables: Tables, head: RunHead, found: queries.FindingRow | None) -> None:
    chosen = session.carried()
    _ways(tables, head, found, chosen)
    st.title(f"Run {code(short(head.name))}", anchor=False)
    all_steps = runs.steps(tables, head)
    _head(head, all_steps)
    exporting.of_run(head.digest)
    findings.of_run(tables, head, queries.findings_of_run(tables, head.digest), found)
    _help(found)
    st.header("Timeline", anchor="timeline")
    at = number(session.parameter("at"))
    index = at if at is not None else (found.index if found else None)
    shown, page, pages = _page_of_steps(all_steps, index)
    parts.figure(charts.waterfall(shown))
    judged = again.asked(tables, head.digest)
    if pages > 1:
        # Another page is another widget: what was clicked is not what the address asks for now.
        key = f"steps-{page}"
        st.pagination(pages, default=page, key=key, on_change=_turned, args=(key,))
    steps.show(tables, head, shown, index, judged)


def _ways(tables: Tables, head: RunHead, found: queries.FindingRow | None, chosen: Filter) -> None:
    """Show the ways on: back to the inbox as it was, and to what stands beside this."""
    with st.container(horizontal=True, vertical_alignment="center", key="ways"):
        beside = queries.neighbours(tables, chosen, found.id) if found is not None else None
        st.html(_inbox(chosen, found, beside) + _others(head), width="content")
        if beside is not None:
            _beside(beside, chosen)


def _others(head: RunHead) -> str:
    """Return the links to other runs."""
    ways = [markup.link("All runs", session.address(session.RUN), ":material/list:")]
    for label, run, sign in (
        ("Run before", head.before, ":material/chevron_left:"),
        ("Run after", head.after, ":material/chevron_right:"),
    ):
        if run:
            ways.append(parts.to_run(label, parts.run_address(run) | again.kept(), sign))
    return "".join(ways)


def _inbox(
    chosen: Filter, found: queries.FindingRow | None, beside: queries.Neighbours | None
) -> str:
    """Return the way back to the inbox, to the page where the reader is by now."""
    if beside is not None and beside.number and chosen.of_findings:
        chosen = chosen.at_page(page_of(beside.number))
    there = session.address(
        session.INBOX, session.back(chosen, found.id if found is not None else "")
    )
    # A link, which the key follows too: a page that switches leaves its address behind once more.
    return f'<span class="st-key-{keys.BACK}">{markup.link("Inbox", there, BACKWARD)}</span>'


def _beside(beside: queries.Neighbours, chosen: Filter) -> None:
    if not beside.total:
        return
    st.space("small")
    told = f"finding {beside.number:,} of" if beside.number else "not among the"
    st.caption(f"{told} {beside.total:,} in the inbox", width="content")
    parts.step("Finding before", "K", _there(beside.before, chosen))
    parts.step("Next finding", "J", _there(beside.after, chosen))


def _there(row: queries.FindingRow | None, chosen: Filter) -> dict[str, list[str]] | None:
    return None if row is None else parts.finding_address(row, chosen) | again.kept()


def _help(found: queries.FindingRow | None) -> None:
    """Say which keys there are, and give the finding that was opened the focus."""
    if found is not None:
        st.caption(keys.ONE)
    keys.focus(f"finding-{found.place}" if found is not None else "")


def _head(head: RunHead, all_steps: tuple[Step, ...]) -> None:
    took = runs.seconds_between(head.opened, head.closed) if head.closed else None
    told = (
        ("reference", head.ref),
        ("asked for by", last_name(head.requester)),
        ("channel", head.channel),
        ("goal", head.goal),
        ("service", head.service),
        ("contract in force", ", ".join(head.versions) or "none"),
        ("model", head.model),
        ("prompt", short(head.prompt)),
        ("opened", when(head.opened) + (" (as claimed)" if head.imported else "")),
        ("closed", _closed(head, took)),
        ("outcome", head.outcome),
        ("cost", sums(head.cost)),
        ("value", sums(head.value)),
        ("tokens", _tokens(head.tokens)),
        ("steps", f"{len(all_steps):,}, entries {_range(all_steps)}"),
        ("run", short(head.digest)),
    )
    with st.container(border=True):
        st.html(markup.facts(told))


def _closed(head: RunHead, took: float | None) -> str:
    if took is None:
        return "still open"
    return f"{when(head.closed)}, after {seconds(took)}"


def _tokens(tokens: tuple[int, int]) -> str:
    return f"{tokens[0]:,} read, {tokens[1]:,} written" if any(tokens) else ""


def _range(all_steps: tuple[Step, ...]) -> str:
    own = [step.entry.index for step in all_steps if not step.outside]
    return f"{min(own)} to {max(own)}" if own else ""


def _page_of_steps(
    all_steps: tuple[Step, ...], index: int | None
) -> tuple[tuple[Step, ...], int, int]:
    """Return the steps of a page, which page it is, and of how many: a short run has one.

    The address may name the page. Else it is the one with the step that was asked for.
    """
    pages = max(-(-len(all_steps) // runs.STEPS_SHOWN), 1)
    asked = number(session.parameter(STEPS)) or runs.page_of(all_steps, index)
    page = min(max(asked, 1), pages)
    first = (page - 1) * runs.STEPS_SHOWN
    return all_steps[first : first + runs.STEPS_SHOWN], page, pages


def _turned(key: str) -> None:
    selecting.go(**{STEPS: str(st.session_state[key])})


# ------------------------------------------------------------- no run, or none named


def _without_run(tables: Tables, found: queries.FindingRow) -> None:
    """Show a finding that stands at an entry of no run: governance, a stream, an import's data."""
    chosen = session.carried()
    beside = queries.neighbours(tables, chosen, found.id)
    with st.container(horizontal=True, vertical_alignment="center", key="ways"):
        st.html(_inbox(chosen, found, beside), width="content")
        _beside(beside, chosen)
    st.title(f"Entry {found.index}", anchor=False)
    st.caption("This entry belongs to no run.")
    findings.one(tables, found, linked=False, chosen=True)
    exporting.of_finding(found.id)
    _help(found)
    entry = runs.entry(tables, found.index)
    if entry is None:
        st.info("The entry itself was left out as invalid, so it is not shown.")
        return
    st.header("The entry", anchor=False)
    st.caption(f"{entry.kind}, recorded {when(entry.recorded_at)} by {code(entry.identity)}")
    parts.data(dict(entry.record), limit=20_000)


def _list(tables: Tables) -> None:
    st.title("Runs", anchor=False)
    search, only = session.parameter("q"), bool(session.parameter("violated"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.session_state["runs"], st.session_state["violated"] = search, only
        st.text_input(
            "Search",
            key="runs",
            type="search",
            on_change=_changed,
            placeholder="reference, person, channel, tool, outcome, digest",
            icon=":material/search:",
        )
        st.toggle("only with violations", key="violated", on_change=_changed)
    page = number(session.parameter("page")) or 1
    found = runs.listed(tables, search, found=only, page=page)
    if not found.total:
        st.info(
            "No run fits what is asked for."
            if search or only
            else "There is no run in this ledger yet. Runs appear as soon as an agent records one, "
            "or `writ import` reads some; then verify again."
        )
        return
    _listed(found)
    if found.pages > 1:
        key = f"runs-page-{found.page}"
        st.pagination(found.pages, default=found.page, key=key, on_change=_changed, args=(key,))


def _changed(turned: str = "") -> None:
    """Put what the widgets ask for into the address; what is asked anew begins at page one."""
    state = st.session_state
    asked = {"q": state["runs"], "violated": "yes" if state["violated"] else ""}
    if turned and state[turned] > 1:
        asked["page"] = str(state[turned])
    session.go({name: [value] for name, value in asked.items() if value})


def _listed(found: Listed) -> None:
    st.caption(count(found.total, "run"))
    st.html(markup.listed(_line(row) for row in found.rows))


def _line(row: ListedRun) -> str:
    body = markup.row((short(row.name),), (markup.text(when(row.opened)), *_told(row)))
    there = parts.run_address(row.digest)
    return markup.item(f"run-{row.index}", body=body, ways=parts.to_run("Open run", there))


def _told(row: ListedRun) -> list[str]:
    told = [f"channel {markup.code(row.channel, 20)}"] if row.channel else []
    told += [f"for {markup.code(last_name(row.requester), 30)}"] if row.requester else []
    told += [count(row.actions, "action")]
    told += [markup.strong(f"{row.violated:,} violated")] if row.violated else []
    told += [f"{row.other:,} other findings"] if row.other else []
    told += [f"ended {markup.code(row.outcome, 40)}"] if row.outcome else []
    return told


if __name__ == "__main__":
    page()
