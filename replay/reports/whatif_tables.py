"""The tables of `writ whatif`: for programs in full, for people what fits a page."""

from collections import Counter
from collections.abc import Iterator

from replay.flips import Flip, Said
from replay.tables import Cell, Column, Kind, Table
from replay.weighing import Sums, Tally
from replay.whatif import RULE, Compared, WhatIf
from replay.wrong import Wrong

NAME = Column("candidate", "Candidate")
PEOPLE = (
    NAME,
    Column("flips", "Flips", Kind.COUNT),
    Column("prevented", "Wrong stopped", Kind.COUNT),
    Column("prevented_worth", "worth"),
    Column("blocked", "Legitimate stopped", Kind.COUNT),
    Column("blocked_held", "of these held", Kind.COUNT),
    Column("approvals", "Approvals +/−"),
    Column("escalations", "Handed over +/−"),
    Column("undecidable", "Undecidable", Kind.COUNT),
    Column("front", "Beaten by none"),
)
CANDIDATES = (
    NAME,
    Column("version", "Version"),
    Column("digest", "Digest"),
    Column("parameter", "Parameter", Kind.NUMBER),
    Column("front", "Beaten by none"),
    Column("undecided", "Undecidable then and now", Kind.COUNT),
)
COUNTS = (
    Column("actions", "Actions", Kind.COUNT),
    Column("flips", "Flips", Kind.COUNT),
    Column("prevented", "Wrong stopped", Kind.COUNT),
    Column("prevented_held", "of these held", Kind.COUNT),
    Column("broke", "had broken a rule", Kind.COUNT),
    Column("undone", "were taken back", Kind.COUNT),
    Column("blocked", "Legitimate stopped", Kind.COUNT),
    Column("blocked_held", "of these held", Kind.COUNT),
    Column("approvals_added", "Approvals added", Kind.COUNT),
    Column("approvals_removed", "Approvals removed", Kind.COUNT),
    Column("approvals_refused", "of these refused", Kind.COUNT),
    Column("escalations_added", "Handed over, added", Kind.COUNT),
    Column("escalations_removed", "Handed over, removed", Kind.COUNT),
    Column("undecidable", "Undecidable", Kind.COUNT),
    Column("admitted", "Let through, done anyway", Kind.COUNT),
    Column("admitted_wrong", "of these wrong", Kind.COUNT),
    Column("newly", "Let through, never done", Kind.COUNT),
)
GROUPED = (
    "actions",
    "flips",
    "prevented",
    "blocked",
    "approvals_added",
    "escalations_added",
    "undecidable",
)
"""Which of the counts people see by group."""


def tables(found: WhatIf) -> list[Table]:
    """Return the tables that CSV, Parquet and JSON hold."""
    return [
        candidate_table(found),
        kind_table(found),
        money_table(found),
        group_table(found),
        flip_table(found),
        undecidable_table(found),
        cascade_table(found),
    ]


def counts(tally: Tally) -> tuple[Cell, ...]:
    """Return a tally's counts in the order of `COUNTS`."""
    return (
        tally.actions,
        tally.flips,
        tally.prevented.count,
        tally.prevented.held,
        tally.broke,
        tally.undone,
        tally.blocked.count,
        tally.blocked.held,
        *tally.approvals,
        *tally.escalations,
        tally.undecidable,
        tally.admitted.count,
        tally.admitted_wrong,
        tally.newly,
    )


def candidate_table(found: WhatIf) -> Table:
    """Return the candidates with all that is counted."""
    rows = tuple(
        (
            one.candidate.name,
            one.candidate.contract.version,
            one.candidate.contract.digest,
            one.candidate.parameter,
            "yes" if one.front else "",
            one.undecided,
            *counts(one.tally),
        )
        for one in found.compared
    )
    return Table("candidates", "Candidates", (*CANDIDATES, *COUNTS), rows)


def people_table(found: WhatIf) -> Table:
    """Return the candidates as people compare them."""
    from replay.reports.whatif_words import money  # noqa: PLC0415 - words read tables' neighbours

    def row(one: Compared) -> tuple[Cell, ...]:
        tally = one.tally
        added, removed, _ = tally.approvals
        more, fewer = tally.escalations
        return (
            one.candidate.name,
            tally.flips,
            tally.prevented.count,
            money(tally.prevented.values),
            tally.blocked.count,
            tally.blocked.held,
            f"+{added:,} −{removed:,}",
            f"+{more:,} −{fewer:,}",
            tally.undecidable,
            "yes" if one.front else "",
        )

    many = len(found.compared) > 1
    note = (
        "Beaten by none: no other candidate stops as much that is wrong, as little that is not, "
        "and asks as little of people."
    )
    # One candidate alone is beaten by none, which says nothing.
    shown = len(PEOPLE) if many else len(PEOPLE) - 1
    rows = tuple(row(one)[:shown] for one in found.compared)
    return Table("candidates", "Candidates", PEOPLE[:shown], rows, note if many else "")


def kind_table(found: WhatIf) -> Table:
    """Return how many flips there are of each kind."""
    columns = (
        NAME,
        Column("then", "Then"),
        Column("now", "Now"),
        Column("flips", "Flips", Kind.COUNT),
    )
    rows = tuple(
        (one.candidate.name, str(then), str(now), many)
        for one in found.compared
        for (then, now), many in sorted(one.tally.kinds.items())
    )
    return Table("kinds", "Flips by kind", columns, rows)


def money_table(found: WhatIf) -> Table:
    """Return value and cost of what is affected, by currency."""
    columns = (
        NAME,
        Column("what", "What"),
        Column("currency", "in"),
        Column("value_micros", "Value", Kind.MICROS),
        Column("cost_micros", "Cost", Kind.MICROS),
    )
    rows = tuple(row for one in found.compared for row in _money_rows(one))
    note = "Of what was carried out; `newly` is what the contract estimates of what was not."
    return Table("money", "Value and cost affected", columns, rows, note)


def _money_rows(one: Compared) -> Iterator[tuple[Cell, ...]]:
    tally = one.tally
    named = {"prevented": tally.prevented, "blocked": tally.blocked, "admitted": tally.admitted}
    for what, sums in (*named.items(), ("newly", Sums(values=tally.asked_value))):
        for currency in sorted({*sums.values, *sums.costs}):
            value, cost = sums.values.get(currency), sums.costs.get(currency)
            yield one.candidate.name, what, currency, value, cost


def group_table(found: WhatIf) -> Table:
    """Return what is counted by group."""
    columns = (NAME, Column("by", "By"), Column("key", "Group"), *COUNTS)
    rows = tuple(
        (one.candidate.name, by, key, *counts(tally))
        for one in found.compared
        for by, groups in one.groups.items()
        for key, tally in groups.items()
    )
    return Table("groups", "By group", columns, rows)


def grouped_tables(one: Compared) -> Iterator[Table]:
    """Yield the groups of a candidate in which something flips, as people read them."""
    for by, groups in one.groups.items():
        # Actions that do not flip stand under no rule.
        names = GROUPED[1:] if by == RULE else GROUPED
        places = [place for place, column in enumerate(COUNTS) if column.name in names]
        columns = tuple(COUNTS[place] for place in places)
        rows = tuple(
            (key, *(counts(tally)[place] for place in places))
            for key, tally in groups.items()
            if tally.flips
        )
        if rows:
            yield Table(by, f"By {by}", (Column("key", by.capitalize()), *columns), rows)


FLIPS = (
    NAME,
    Column("flip", "Flip"),
    Column("entry", "Entry", Kind.COUNT),
    Column("run", "Run"),
    Column("tool", "Tool"),
    Column("target", "Target"),
    Column("channel", "Channel"),
    Column("recorded", "Recorded"),
    Column("then", "Then"),
    Column("now", "Now"),
    Column("rules", "Rules"),
    Column("says", "What they say"),
    Column("outcome", "Outcome"),
    Column("wrong", "Wrong"),
    Column("currency", "in"),
    Column("value_micros", "Value", Kind.MICROS),
    Column("contingent", "Contingent"),
)


def flip_table(found: WhatIf) -> Table:
    """Return every flip."""
    rows = tuple(
        (one.candidate.name, *flip_row(found, one, flip))
        for one in found.compared
        for flip in (*one.flips, *one.contingent_flips)
    )
    return Table("flips", "Flips", FLIPS, rows)


def flip_row(found: WhatIf, one: Compared, flip: Flip) -> tuple[Cell, ...]:
    """Return a flip in the order of `FLIPS`, without the candidate."""
    act = flip.act
    run = found.history.runs.get(act.run)
    contingent = one.cascade is not None and act.index in one.cascade.contingent
    return (
        flip.name,
        act.index,
        run.name if run else act.run,
        act.tool,
        act.target,
        act.channel,
        act.decision,
        str(flip.then),
        str(flip.now),
        ", ".join(flip.rules),
        " ".join(_says(found, one, flip)),
        act.status,
        wrong_words(found.wrong.get(act.index)),
        act.value.currency if act.value else "",
        act.value.micros if act.value else None,
        "yes" if contingent else "",
    )


def _says(found: WhatIf, one: Compared, flip: Flip) -> Iterator[str]:
    """Yield what the rules say that made a flip, and why one cannot be decided."""
    then = found.history.contracts.get(flip.act.contract)
    contract = one.candidate.contract if not flip.now.lets_through else then
    known = {rule.id: rule for rule in contract.rules} if contract else {}
    why = dict(flip.again.why) if flip.now is Said.UNDECIDABLE else {}
    for name in flip.rules:
        if name in known and known[name].says:
            yield known[name].says
        if name in why:
            yield f"(cannot be decided: {why[name]})"


def wrong_words(wrong: Wrong | None) -> str:
    """Return why an action was wrong; empty where nothing says so."""
    if wrong is None:
        return ""
    said = [f"broke {', '.join(wrong.broke)}"] if wrong.broke else []
    entries = ", ".join(f"{index:,}" for index in wrong.undone)
    said += [f"taken back, or to be, at {entries}"] if wrong.undone else []
    return "; ".join(said)


def undecidable_table(found: WhatIf) -> Table:
    """Return why flips are undecidable."""
    columns = (
        NAME,
        Column("rule", "Rule"),
        Column("reason", "Why"),
        Column("flips", "Flips", Kind.COUNT),
    )
    rows: list[tuple[Cell, ...]] = []
    for one in found.compared:
        counted = Counter(
            why for flip in one.flips if flip.now is Said.UNDECIDABLE for why in flip.again.why
        )
        rows += [(one.candidate.name, *why, many) for why, many in counted.most_common()]
    return Table("undecidable", "Why it cannot be decided", columns, tuple(rows))


def cascade_table(found: WhatIf) -> Table:
    """Return what cascading took out and decided again; no rows as recorded."""
    columns = (
        NAME,
        Column("decided", "Actions", Kind.COUNT),
        Column("asked_again", "Decided again", Kind.COUNT),
        Column("share", "Share", Kind.SHARE),
        Column("affected", "Fact keys affected", Kind.COUNT),
        Column("never_happened", "Never happened", Kind.COUNT),
        Column("moot", "Nobody would have asked", Kind.COUNT),
        Column("unknown_outcomes", "Outcome unknown", Kind.COUNT),
        Column("unsure", "Undecidable for that", Kind.COUNT),
        Column("contingent_flips", "Contingent flips", Kind.COUNT),
        Column("contingent_prevented", "of these wrong", Kind.COUNT),
        Column("contingent_blocked", "of these not known to be", Kind.COUNT),
    )
    rows = tuple(
        (
            one.candidate.name,
            one.cascade.decided,
            one.cascade.asked_again,
            one.cascade.share,
            one.cascade.affected,
            len(one.cascade.never_happened),
            len(one.cascade.moot),
            len(one.cascade.unknown_outcomes),
            len(one.cascade.unsure),
            one.contingent.flips,
            one.contingent.prevented.count,
            one.contingent.blocked.count,
        )
        for one in found.compared
        if one.cascade is not None
    )
    return Table("cascade", "Cascading", columns, rows)
