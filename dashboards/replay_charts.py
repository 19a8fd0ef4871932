"""The figures of replay's pages: what a success cost, curves of thresholds, calls and time.

As in `dashboards.charts`: each has units on its axes and comes with a sentence that says the same.
Nothing here knows a page, or Streamlit.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import altair as alt
import pyarrow as pa

from dashboards.charts import COLOURS, HEIGHT, MARK_COLOUR, Figure, tips
from dashboards.words import one_line
from replay.tables import MICROS, number

Records = Sequence[Mapping[str, Any]]
BLUE: Final = COLOURS[1]
ORANGE: Final = COLOURS[3]
TEAL: Final = COLOURS[2]
# Height of a line of a chart with names at its left, and of its axis with its title.
BAND: Final = 30
FOOT: Final = 76
NAMES: Final = 40
SAID: Final = 12
"""Values that a sentence tells; a table beside the chart has all."""


def success_costs(rows: Records, by: str, currency: str) -> Figure | None:
    """Return what a success cost by group, with its interval; None for fewer than two groups.

    Args:
        rows: Of a table of groups.
        by: What they are grouped by.
        currency: Of the amounts.
    """
    made = [
        {
            "group": one_line(str(row["key"]), NAMES),
            "cost": float(row["cost_per_success_micros"]) / MICROS,
            "low": _units(row["cost_per_success_low"]),
            "high": _units(row["cost_per_success_high"]),
            "n": row["cost_per_success_n"],
        }
        for row in rows
        if row["currency"] == currency and row["cost_per_success_micros"] is not None
    ]
    if len(made) < 2:  # noqa: PLR2004 - one group is compared with nothing
        return None
    title = f"cost of a successful outcome, {currency} (line: 95 % interval)"
    base = alt.Chart(pa.Table.from_pylist(made)).encode(
        y=alt.Y("group:N", title=by, sort=None, axis=alt.Axis(labelLimit=240)),
        tooltip=tips("group:N", "cost:Q", "low:Q", "high:Q", "n:Q"),
    )
    x = alt.X("cost:Q", title=title, scale=alt.Scale(zero=True))
    lines = (
        base.transform_filter("isValid(datum.low)")
        .mark_rule(color=BLUE, strokeWidth=2)
        .encode(x=alt.X("low:Q", title=title), x2=alt.X2("high:Q"))
    )
    points = base.mark_point(color=BLUE, filled=True, size=70, shape="diamond").encode(x=x)
    said = "; ".join(f"{row['group']} {row['cost']:,.2f} (n = {row['n']:,})" for row in made[:SAID])
    return Figure(
        alt.layer(lines, points).properties(height=BAND * len(made) + FOOT),
        f"What a successful outcome cost by {by}, in {currency}: {said}.",
    )


def marginal(rows: Records, currency: str) -> Figure | None:
    """Return what the k-th call of a run added, in cost and in value; None without any."""
    kinds = (
        ("cost", "cost_per_run_micros", "cost_n"),
        ("value", "value_per_run_micros", "value_n"),
    )
    made = [
        {"k": row["k"], "what": what, "added": row[of] / MICROS, "runs": row[n]}
        for row in rows
        for what, of, n in kinds
        if row["currency"] == currency and row[of] is not None
    ]
    if not made:
        return None
    base = alt.Chart(pa.Table.from_pylist(made)).encode(
        x=alt.X("k:Q", title="k-th call of a run", axis=alt.Axis(tickMinStep=1)),
        y=alt.Y("added:Q", title=f"added by it, {currency} a run"),
        color=_two("what", ("cost", ORANGE), ("value", TEAL)),
        tooltip=tips("what:N", "k:Q", "added:Q", "runs:Q"),
    )
    drawn = alt.layer(
        base.mark_line(strokeWidth=2).encode(strokeDash=_dashes("what", "cost", "value")),
        base.mark_point(filled=True, size=40).encode(
            shape=alt.Shape("what:N", title=None, scale=alt.Scale(domain=["cost", "value"]))
        ),
    )
    said = "; ".join(
        f"call {row['k']} {row['what']} {row['added']:,.4g}" for row in made[: 2 * SAID]
    )
    return Figure(
        drawn.properties(height=HEIGHT),
        f"What the k-th call of a run added, in {currency} a run: {said}.",
    )


def thresholds(rows: Records, currency: str, own: Records = ()) -> Figure | None:
    """Return cost saved against value lost by threshold, with the knee and the contracts' own.

    Args:
        rows: Of the table of thresholds, from the highest to the lowest.
        currency: Of both.
        own: Of the table of the contracts' own thresholds.
    """
    made = [
        {"lost": row["lost_micros"] / MICROS, "saved": row["saved_micros"] / MICROS, **_at(row)}
        for row in rows
        if row["currency"] == currency
    ]
    if len(made) < 2:  # noqa: PLR2004 - a curve has two ends
        return None
    marks = _standing_out(made, [one for one in own if one["currency"] == currency])
    tooltip = tips("threshold:N", "saved:Q", "lost:Q", "stopped:Q")
    base = alt.Chart(pa.Table.from_pylist(made)).encode(
        x=alt.X("lost:Q", title=f"value lost, {currency}"),
        y=alt.Y("saved:Q", title=f"cost saved, {currency}"),
        tooltip=tooltip,
    )
    layers = [
        base.mark_line(color=BLUE, strokeWidth=2, interpolate="linear").encode(
            order=alt.Order("lost:Q")
        ),
        base.mark_point(color=BLUE, filled=True, size=18),
    ]
    if marks:
        over = alt.Chart(pa.Table.from_pylist(marks)).encode(
            x=alt.X("lost:Q"), y=alt.Y("saved:Q"), tooltip=[*tips("mark:N"), *tooltip]
        )
        layers.append(over.mark_point(shape="diamond", size=140, filled=True, color=ORANGE))
        layers.append(
            over.mark_text(align="left", dx=10, dy=12, color=MARK_COLOUR).encode(
                text=alt.Text("mark:N")
            )
        )
    told = [
        f"{one['mark']}, which saves {one['saved']:,.2f} and loses {one['lost']:,.2f} {currency}"
        for one in marks
    ]
    return Figure(
        alt.layer(*layers).properties(height=HEIGHT),
        f"Cost saved against value lost, in {currency}, had runs been stopped at a ratio of cost "
        f"to value. {'; '.join(told) or 'No threshold stands out'}.",
    )


def _standing_out(made: Records, own: Records) -> list[dict[str, Any]]:
    """Return the points with words beside them: the knee, and the contracts' own thresholds."""
    found = [
        {**row, "mark": f"knee: stopped above {row['threshold']}", "side": "knee"}
        for row in made
        if row["knee"]
    ]
    found += [
        {
            "lost": one["lost_micros"] / MICROS,
            "saved": one["saved_micros"] / MICROS,
            **_at({**one, "knee": ""}),
            "mark": f"{one_line(str(one['contract']), NAMES)} {one['version']}: its own",
            "side": "own",
        }
        for one in own
        if one["stopped"]
    ]
    return found


SERIES: Final = (
    ("wrong stopped", "prevented", TEAL),
    ("legitimate stopped", "blocked", ORANGE),
    ("more asked of people", "people", BLUE),
)


def sweep(rows: Records, path: str) -> Figure | None:
    """Return what comes of a parameter, from its lowest value to its highest.

    Args:
        rows: Of the table of candidates; those of the sweep have a parameter.
        path: What was set.
    """
    micros = path.endswith("_micros")
    made = [
        {
            "parameter": row["parameter"] / (MICROS if micros else 1),
            "what": name,
            "actions": _people(row) if column == "people" else row[column],
            "candidate": one_line(str(row["candidate"]), NAMES),
            "front": row["front"],
        }
        for row in rows
        if row["parameter"] is not None
        for name, column, _ in SERIES
    ]
    if not made:
        return None
    names = [name for name, _, _ in SERIES]
    title = f"{one_line(path, NAMES)}{', in units of its currency' if micros else ''}"
    base = alt.Chart(pa.Table.from_pylist(made)).encode(
        x=alt.X("parameter:Q", title=title, scale=alt.Scale(zero=False)),
        y=alt.Y("actions:Q", title="actions", axis=alt.Axis(tickMinStep=1)),
        color=_two("what", *((name, colour) for name, _, colour in SERIES)),
        tooltip=tips("candidate:N", "what:N", "actions:Q"),
    )
    drawn = alt.layer(
        base.mark_line(strokeWidth=2).encode(strokeDash=_dashes("what", *names)),
        base.mark_point(filled=True, size=45).encode(
            shape=alt.Shape("what:N", title=None, scale=alt.Scale(domain=names))
        ),
    )
    said = "; ".join(
        f"{row['candidate']}: {row['actions']:,} {row['what']}" for row in made[: 3 * SAID]
    )
    return Figure(drawn.properties(height=HEIGHT), f"What comes of {title}, in actions. {said}.")


def candidates(rows: Records) -> Figure | None:
    """Return candidates by what they stop that is wrong, and that is not; None for only one."""
    made = [
        {
            "candidate": one_line(str(row["candidate"]), NAMES),
            "blocked": row["blocked"],
            "prevented": row["prevented"],
            "people": _people(row),
            "beaten by": "none" if row["front"] else "another",
        }
        for row in rows
    ]
    if len(made) < 2:  # noqa: PLR2004 - one is compared with nothing
        return None
    best = ["none", "another"]
    base = alt.Chart(pa.Table.from_pylist(made)).encode(
        x=alt.X("blocked:Q", title="legitimate actions stopped", axis=alt.Axis(tickMinStep=1)),
        y=alt.Y("prevented:Q", title="wrong actions stopped", axis=alt.Axis(tickMinStep=1)),
        tooltip=tips("candidate:N", "prevented:Q", "blocked:Q", "people:Q", "beaten by:N"),
    )
    points = base.mark_point(filled=True, size=110).encode(
        color=_two("beaten by", ("none", TEAL), ("another", MARK_COLOUR)),
        shape=alt.Shape(
            "beaten by:N",
            title=None,
            scale=alt.Scale(domain=best, range=["diamond", "circle"]),
        ),
    )
    words = base.mark_text(align="left", dx=9, dy=-8, color=MARK_COLOUR).encode(
        text=alt.Text("candidate:N")
    )
    said = "; ".join(
        f"{row['candidate']}: {row['prevented']:,} wrong and {row['blocked']:,} legitimate "
        f"stopped, beaten by {row['beaten by']}"
        for row in made[:SAID]
    )
    return Figure(
        alt.layer(points, words).properties(height=HEIGHT),
        f"What each candidate stops, in actions. {said}.",
    )


def _people(row: Mapping[str, Any]) -> int:
    """Return how many more actions go to a person, less those that no longer do."""
    more = int(row["approvals_added"]) + int(row["escalations_added"])
    return more - int(row["approvals_removed"]) - int(row["escalations_removed"])


def classes(rows: Records, currency: str) -> Figure | None:
    """Return what becomes of the executed actions, by their value; of no currency, by how many.

    Args:
        rows: Of the table of classes.
        currency: Of the values; empty counts actions.
    """
    of = "value_micros" if currency else "actions"
    made = [
        {
            "class": str(row["class"]),
            "size": row[of] / (MICROS if currency else 1),
            "actions": row["actions"],
            "means": str(row["means"]),
        }
        for row in rows
        if row[of] and (not currency or row["currency"] == currency)
    ]
    if not made:
        return None
    title = f"value, {currency}" if currency else "actions"
    base = alt.Chart(pa.Table.from_pylist(made)).encode(
        y=alt.Y("class:N", title=None, sort=None),
        x=alt.X("size:Q", title=title),
        tooltip=tips("class:N", "size:Q", "actions:Q", "means:N"),
    )
    drawn = alt.layer(
        base.mark_bar(color=BLUE, height=16),
        base.mark_text(align="left", dx=5, color=MARK_COLOUR).encode(
            text=alt.Text("size:Q", format=",.2f" if currency else ",d")
        ),
    )
    said = "; ".join(f"{row['class']} {row['size']:,.2f}" for row in made)
    return Figure(
        drawn.properties(height=BAND * len(made) + FOOT),
        f"What becomes of the executed actions, in {title}: {said}.",
    )


def blast(rows: Records, currency: str, pulled: str) -> Figure | None:
    """Return what had been done by when, with the moment at which all is thought to have stopped.

    Args:
        rows: Of the table of the blast radius.
        currency: Of the values; empty counts actions.
        pulled: The moment, as the ledger writes times; empty.
    """
    made = [
        {
            "time": str(row["time"]),
            "done": row["done_micros"] / MICROS if currency else row["done"],
            "entities": row["entities"],
            "runs": row["runs"],
        }
        for row in rows
        if row["currency"] == currency
    ]
    if not made:
        return None
    title = f"value out by then, {currency}" if currency else "actions done by then"
    times = alt.Scale(type="utc")
    axis = alt.Axis(format="%d %b %H:%M", labelOverlap=True)
    x = alt.X("time:T", title="time, UTC", scale=times, axis=axis)
    base = alt.Chart(pa.Table.from_pylist(made)).encode(
        x=x,
        y=alt.Y("done:Q", title=title),
        tooltip=tips("time:N", "done:Q", "entities:Q", "runs:Q"),
    )
    layers = [
        base.mark_line(color=BLUE, strokeWidth=2, interpolate="step-after"),
        base.mark_point(color=BLUE, filled=True, size=16),
    ]
    if pulled:
        at = alt.Chart(pa.Table.from_pylist([{"time": pulled, "what": "pulled here"}]))
        rule = at.encode(x=x)
        layers.append(rule.mark_rule(color=ORANGE, strokeWidth=2, strokeDash=[5, 3]))
        layers.append(
            rule.mark_text(align="left", dx=6, baseline="top", color=MARK_COLOUR).encode(
                y=alt.value(4), text=alt.Text("what:N")
            )
        )
    last = made[-1]
    said = f"{title}: {made[0]['done']:,.2f} at {made[0]['time'][:19]}"
    return Figure(
        alt.layer(*layers).properties(height=HEIGHT),
        f"Curve of {said}, {last['done']:,.2f} at {last['time'][:19]} UTC.",
    )


def _at(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "threshold": _ratio(row["ratio"]),
        "stopped": f"{row['stopped']:,} of {row['runs']:,} runs",
        "knee": row["knee"],
    }


def _ratio(ratio: float | None) -> str:
    """Return a threshold in words; None stops only runs that are worth nothing."""
    return "no value at all" if ratio is None else f"{number(ratio * 100)} % of value"


def _units(micros: float | None) -> float | None:
    return None if micros is None else micros / MICROS


def _two(field: str, *pairs: tuple[str, str]) -> alt.Color:
    names, colours = [name for name, _ in pairs], [colour for _, colour in pairs]
    # As a legend it is one with the shapes and the dashes, which say the same without colour.
    return alt.Color(f"{field}:N", title=None, scale=alt.Scale(domain=names, range=colours))


def _dashes(field: str, *names: str) -> alt.StrokeDash:
    """Return dashes by what a line is of: it is told apart without its colour."""
    dashes = [[1, 0], [6, 4], [2, 3]][: len(names)]
    return alt.StrokeDash(
        f"{field}:N", title=None, scale=alt.Scale(domain=list(names), range=dashes)
    )
