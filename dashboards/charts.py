"""The app's figures, as Altair charts. Nothing here knows a page, or Streamlit.

Colours are chosen to be told apart in light and in dark, and no figure is read by colour alone:
bars have tool tips, marks have words beside them, and every chart comes with a sentence that says
the same (`alt`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import altair as alt
import pyarrow as pa

from dashboards.checks import Identity
from dashboards.contracted import Version
from dashboards.queries import Bar, Mark
from dashboards.runs import Step, seconds_between, worst
from dashboards.streams import Stream
from dashboards.words import CLAUSES, STATUS_WORDS, count, last_name, one_line, seconds, when

MARK_COLOUR: Final = "#8a8f98"
PICKED: Final = "picked"
"""What a bar that somebody selected is called."""
HEIGHT: Final = 250
# Words of marks: height of a line, how many lines, and from where on they end at their mark.
LINE: Final = 14
LINES: Final = 5
LATE: Final = 0.8
# How much of the narrowest chart's width a letter of them takes, on the safe side.
LETTER: Final = 0.009
_WORDS: Final[Mapping[str, Any]] = {
    "color": MARK_COLOUR,
    "baseline": "top",
    "fontSize": 11,
}
ROW: Final = 24
# Nobody reads more lines of one chart.
MOST_LINES: Final = 40
MOST_BARS: Final = 200
ROOM: Final = 1.35
# What an axis with its title takes, which a chart's height includes.
AXIS: Final = 48
# Ten colours that differ in lightness as well, in the order of CLAUSES.
COLOURS: Final = (
    "#7c5cff",
    "#2f80ed",
    "#0fa3b1",
    "#e8590c",
    "#d6336c",
    "#b08900",
    "#2b8a3e",
    "#c92a2a",
    "#868e96",
    "#495057",
)
_COLOUR_OF: Final = dict(zip(CLAUSES, COLOURS, strict=True))
RESULT_COLOURS: Final[Mapping[str, str]] = {
    "done": "#2f80ed",
    "failed": "#e8590c",
    "timed out": "#b08900",
    "not called": "#868e96",
    "abandoned": "#868e96",
    "no outcome": "#c92a2a",
}
_TIME_FORMATS: Final[Mapping[str, str]] = {
    "month": "%b %Y",
    "week": "%d %b %Y",
    "day": "%d %b",
    "hour": "%d %b %H:00",
    "minute": "%H:%M",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart, and a sentence that says what is to be seen in it."""

    chart: alt.LayerChart | alt.FacetChart
    alt: str


def findings_by_time(
    bars: Sequence[Bar],
    marks: Sequence[Mark],
    width: str,
    span: tuple[str, str] = ("", ""),
    window: tuple[str, str] = ("", ""),
) -> Figure:
    """Return the findings by time and clause, with what changed the rules marked.

    A bar can be selected, by the name `PICKED`: what is selected has its `start` and `end`.

    Args:
        bars: How many there are; at least one.
        marks: What happened meanwhile.
        width: How wide a bar is: `month`, `week`, `day`, `hour` or `minute`.
        span: The first and the last time of any run: a time without findings is shown as one.
        window: From when to when the list below is; empty where it is open.
    """
    times = [*(bar.start for bar in bars), *(bar.end for bar in bars), *(one.at for one in marks)]
    times += [time for time in span if time]
    # Vega would show the reader's own time, and every other time here is UTC.
    scale = alt.Scale(type="utc", domain=[_moment(min(times)), _moment(max(times))])
    axis = alt.Axis(format=_TIME_FORMATS[width], labelOverlap=True, grid=False)
    present = _present(bars)
    colours = [_COLOUR_OF.get(clause, COLOURS[-1]) for clause in present]
    drawn = (
        alt.Chart(pa.Table.from_pylist(_stacked(bars, present)))
        .mark_rect(stroke=None)
        .encode(
            x=alt.X("start:T", title=None, scale=scale, axis=axis),
            x2=alt.X2("end:T"),
            y=alt.Y(
                "low:Q",
                title=f"findings a {width}",
                scale=alt.Scale(range=[{"expr": "height"}, LINE * LINES if marks else 0]),
                axis=alt.Axis(tickMinStep=1),
            ),
            y2=alt.Y2("high:Q"),
            color=alt.Color(
                "clause:N",
                title="clause",
                scale=alt.Scale(domain=present, range=colours),
            ),
            tooltip=tips("when:N", "clause:N", "findings:Q"),
        )
    )
    drawn = drawn.add_params(
        alt.selection_point(name=PICKED, fields=["start", "end"], on="click", empty=True)
    )
    layers = [drawn, *(_marked(marks, scale, times) if marks else ())]
    if any(window):
        layers = [_window(window, scale, times), *layers]
    said = _said(bars, marks, width)
    return Figure(alt.layer(*layers).properties(height=HEIGHT), said)


def _window(window: tuple[str, str], scale: alt.Scale, times: Sequence[str]) -> alt.Chart:
    """Return the time that the list is narrowed to, as a band behind the bars."""
    # What lies outside of the chart would be drawn over its axes.
    since = min(max(window[0], min(times)), max(times))
    until = min(window[1] or max(times), max(times))
    drawn: alt.Chart = (
        alt.Chart(pa.Table.from_pylist([{"since": since, "until": until}]))
        .mark_rect(color=MARK_COLOUR, opacity=0.25)
        .encode(x=alt.X("since:T", scale=scale), x2=alt.X2("until:T"))
    )
    return drawn


def _stacked(bars: Sequence[Bar], present: Sequence[str]) -> list[dict[str, Any]]:
    """Return the bars of a time one on the other, in the clauses' order."""
    height: dict[str, int] = {}
    rows: list[dict[str, Any]] = []
    for bar in sorted(bars, key=lambda one: (one.start, present.index(one.clause))):
        low = height.get(bar.start, 0)
        height[bar.start] = low + bar.findings
        rows.append(
            {
                "start": bar.start,
                "end": bar.end,
                "when": when(bar.start),
                "clause": bar.clause,
                "findings": bar.findings,
                "low": low,
                "high": low + bar.findings,
            }
        )
    return rows


def _marked(marks: Sequence[Mark], scale: alt.Scale, times: Sequence[str]) -> list[alt.Chart]:
    """Return a line and words for each mark. The words stand above the bars, in a few lines."""
    begin, end = _moment(min(times)), _moment(max(times))
    places = [(_moment(mark.at) - begin) / max(end - begin, 1) for mark in marks]
    rows = [
        {
            "at": mark.at,
            "when": when(mark.at),
            "what": mark.what,
            "entry": mark.index,
            "line": LINE * max(line, 0),
            # Words over other words are read by nobody; the tooltip has them all the same.
            "shown": mark.what if line >= 0 else "",
            # Words that begin near the right edge would end beyond it.
            "late": place > LATE,
        }
        for mark, place, line in zip(marks, places, _lines(marks, places), strict=True)
    ]
    base = alt.Chart(pa.Table.from_pylist(rows)).encode(
        x=alt.X("at:T", scale=scale), tooltip=tips("what:N", "when:N", "entry:Q")
    )
    y = alt.Y("line:Q", scale=None, axis=None)
    early = base.transform_filter("!datum.late").mark_text(align="left", dx=4, **_WORDS)
    late = base.transform_filter("datum.late").mark_text(align="right", dx=-4, **_WORDS)
    words = [text.encode(text=alt.Text("shown:N"), y=y) for text in (early, late)]
    return [base.mark_rule(color=MARK_COLOUR, strokeDash=[4, 3], strokeWidth=1.5), *words]


def _lines(marks: Sequence[Mark], places: Sequence[float]) -> Iterator[int]:
    """Yield the line of each mark's words: the first that is free, -1 where none is.

    Args:
        marks: The marks, in order.
        places: Where each stands, as a share of the chart's width.
    """
    taken: list[list[tuple[float, float]]] = [[] for _ in range(LINES)]
    for mark, place in zip(marks, places, strict=True):
        wide = LETTER * (len(mark.what) + 1)
        left = place - wide if place > LATE else place
        free = next(
            (
                number
                for number, line in enumerate(taken)
                if all(left >= end or left + wide <= begin for begin, end in line)
            ),
            -1,
        )
        if free >= 0:
            taken[free].append((left, left + wide))
        yield free


def _moment(time: str) -> int:
    """Return a time as the milliseconds that a chart counts in."""
    return round(datetime.fromisoformat(time).timestamp() * 1_000)


def tips(*fields: str) -> list[alt.Tooltip]:
    """Return what a tool tip tells, as objects: of names alone Altair would try all it knows."""
    return [alt.Tooltip(field) for field in fields]


def _present(bars: Sequence[Bar]) -> list[str]:
    here = {bar.clause for bar in bars}
    return [clause for clause in CLAUSES if clause in here] + sorted(here - set(CLAUSES))


def _said(bars: Sequence[Bar], marks: Sequence[Mark], width: str) -> str:
    by_clause: dict[str, int] = {}
    for bar in bars:
        by_clause[bar.clause] = by_clause.get(bar.clause, 0) + bar.findings
    parts = ", ".join(f"{clause} {by_clause[clause]}" for clause in _present(bars))
    told = "; ".join(f"{mark.what} at {when(mark.at)}" for mark in marks)
    marked = f" Marked: {told}." if told else ""
    total = count(sum(by_clause.values()), "finding")
    return f"Bar chart: {total} by {width} and clause ({parts}).{marked}"


def waterfall(steps: Sequence[Step]) -> Figure | None:
    """Return a run's actions from their record to their outcome; None where there are none.

    Where all times of a run are one, as in an import without a clock, steps stand in their order.
    """
    rows, timed = _spans(steps)
    if not rows:
        return None
    unit = "seconds since the run was opened" if timed else "order in the run (all at one time)"
    names = [row["label"] for row in rows]
    base = alt.Chart(pa.Table.from_pylist(rows)).encode(
        y=alt.Y(
            "label:N", title=None, sort=names, axis=alt.Axis(labelLimit=260, labelOverlap=False)
        ),
        tooltip=[
            alt.Tooltip("label:N", title="action"),
            alt.Tooltip("result:N", title="outcome"),
            alt.Tooltip("took:N", title="took"),
            alt.Tooltip("finding:N", title="findings"),
        ],
    )
    present = [name for name in RESULT_COLOURS if any(row["result"] == name for row in rows)]
    colour = alt.Color(
        "result:N",
        title="outcome",
        scale=alt.Scale(domain=present, range=[RESULT_COLOURS[name] for name in present]),
    )
    bars = base.mark_bar(height=12, minBandSize=2).encode(
        x=alt.X(
            "start:Q",
            title=unit,
            # Room at the right for the words beside the last bar.
            scale=alt.Scale(domain=[0, ROOM * max(row["end"] for row in rows)], nice=False),
            axis=alt.Axis(grid=True),
        ),
        x2=alt.X2("end:Q"),
        color=colour,
    )
    found = base.transform_filter("datum.finding != ''").mark_text(
        align="left", dx=6, color=MARK_COLOUR, fontSize=11, limit=220
    )
    chart = alt.layer(bars, found.encode(x="end:Q", text=alt.Text("finding:N")))
    said = "; ".join(f"{row['label']}: {row['result']}, {row['took']}" for row in rows[:12])
    return Figure(
        chart.properties(height=ROW * len(rows) + AXIS),
        f"Bar chart of {count(len(rows), 'action')} by {unit}. {said}",
    )


def _spans(steps: Sequence[Step]) -> tuple[list[dict[str, Any]], bool]:
    """Return a row for each action of the run, and whether they stand at their times."""
    own = [step for step in steps if not step.outside]
    if not own:
        return [], False
    opened = own[0].entry.moment
    ends = {step.entry.action: step for step in own if step.entry.kind == "outcome"}
    actions = [step for step in own if step.entry.kind == "action"]
    timed = any(step.entry.moment != opened for step in own)
    order = {step.entry.index: place for place, step in enumerate(own)}
    rows: list[dict[str, Any]] = []
    for step in actions:
        end = ends.get(step.entry.digest)
        start = seconds_between(opened, step.entry.moment) if timed else order[step.entry.index]
        after = (end.after if end else None) or 0.0
        last = start + after if timed else (order[end.entry.index] if end else start + 1)
        rows.append(
            {
                "label": f"{step.entry.index} {one_line(step.entry.tool, 40)}",
                "start": float(start),
                # A bar of no length is no bar: what took no time is drawn as a tick.
                "end": float(last),
                "result": _result(end),
                "took": seconds(after) if end and timed else "",
                "finding": _found(step, end),
            }
        )
    longest = max((row["end"] for row in rows), default=0.0)
    for row in rows:
        row["end"] = max(row["end"], row["start"] + longest / 200)
    return rows, timed


def _result(end: Step | None) -> str:
    return STATUS_WORDS.get(str(end.entry.record["status"]), "done") if end else "no outcome"


def _found(step: Step, end: Step | None) -> str:
    both = (*step.findings, *(end.findings if end else ()))
    first = worst(both)
    if first is None:
        return ""
    more = f" and {len(both) - 1} more" if len(both) > 1 else ""
    return f"{first.state}: {one_line(first.rule, 40)}{more}"


def keys_held(found: Sequence[Identity], streams: Sequence[Stream], size: int) -> Figure | None:
    """Return who held keys from which entry to which, and wrote with them: a line for each.

    Args:
        found: The identities, by name and first entry; none without keys is drawn.
        streams: The writers' streams.
        size: How many entries the ledger has, where those that still hold end here.
    """
    having = [one for one in found if one.keys]
    drawn = having[:MOST_LINES]
    if not drawn:
        return None
    names = _unlike(one.id for one in having)
    lines = len({one.id for one in drawn})
    x = alt.X("since:Q", title="entry", scale=alt.Scale(domain=[0, max(size, 1)]))
    y = alt.Y("identity:N", title=None, axis=alt.Axis(labelLimit=220))
    held = (
        alt.Chart(pa.Table.from_pylist([_held(one, names, size) for one in drawn]))
        .mark_bar(height=14, stroke="white", minBandSize=3, color=COLOURS[1], opacity=0.35)
        .encode(x=x, x2="until:Q", y=y, tooltip=tips("identity:N", "keys:N", "roles:N", "span:N"))
    )
    layers = [held]
    wrote = list(_wrote(drawn, names, streams))
    if wrote:
        layers.append(
            alt.Chart(pa.Table.from_pylist(wrote))
            .mark_bar(height=5, minBandSize=3, color=COLOURS[1])
            .encode(x=x, x2="until:Q", y=y, tooltip=tips("identity:N", "records:Q", "span:N"))
        )
    # The first document is entry 1: what it says and nobody changed needs no words.
    changed = [one for one in drawn if one.until is not None or one.since > 1]
    said = "; ".join(
        f"{last_name(one.id)} from entry {one.since} to {one.until or 'the end'}"
        for one in changed[:12]
    )
    more = len({one.id for one in having}) - lines
    left = f", without {count(more, 'identity', 'identities')} more" if more else ""
    return Figure(
        alt.layer(*layers).properties(height=ROW * lines + AXIS),
        f"Which of {count(lines, 'identity', 'identities')} held keys from which entry to which, "
        f"and wrote with them{left}. {said or 'None changed since the ledger was founded'}.",
    )


def _unlike(ids: Iterable[str]) -> dict[str, str]:
    """Return what a chart calls identities: by the last part of their names, where one has it."""
    whole = set(ids)
    shared = Counter(last_name(one) for one in whole)
    return {
        one: one_line(last_name(one) if shared[last_name(one)] == 1 else one, 60) for one in whole
    }


def _held(one: Identity, names: Mapping[str, str], size: int) -> dict[str, Any]:
    return {
        "identity": names[one.id],
        "keys": one.keys_told,
        "roles": one_line(", ".join(one.roles), 120) or "none",
        "since": one.since,
        "until": size if one.until is None else one.until,
        "span": f"entry {one.since:,} to {'the end' if one.until is None else one.until}",
    }


def _wrote(
    drawn: Sequence[Identity], names: Mapping[str, str], streams: Sequence[Stream]
) -> Iterator[dict[str, Any]]:
    whose = {key: names[one.id] for one in drawn for key, _ in one.keys}
    # Of very many streams the largest: nobody sees more bars.
    for stream in sorted(streams, key=lambda one: -one.records)[:MOST_BARS]:
        if stream.key in whose:
            yield {
                "identity": whose[stream.key],
                "records": stream.records,
                "since": stream.first,
                "until": stream.last + 1,
                "span": f"entry {stream.first:,} to {stream.last:,}",
            }


def versions_in_force(found: Sequence[Version], end: str) -> Figure | None:
    """Return which contract was in force when, a line for each service; None without any.

    Args:
        found: The versions, by service and time.
        end: The last time of the ledger, where those that are still in force end here.
    """
    rows = [
        {
            "service": one_line(last_name(one.service), 40),
            "version": one_line(one.version, 20),
            "name": one_line(one.title, 60),
            "since": one.since,
            "until": one.until or max(end, one.since),
            "span": f"{when(one.since)} to {when(one.until) or 'the end of the ledger'}",
            "what": f"{one.results[1]:,} violated, {one.results[2]:,} undecidable",
        }
        for one in found
    ]
    if not rows:
        return None
    lines = len({row["service"] for row in rows})
    base = alt.Chart(pa.Table.from_pylist(rows)).encode(
        x=alt.X(
            "since:T", title=None, scale=alt.Scale(type="utc"), axis=alt.Axis(labelOverlap=True)
        ),
        y=alt.Y("service:N", title=None, axis=alt.Axis(labelLimit=220)),
        tooltip=tips("name:N", "span:N", "what:N"),
    )
    bars = base.mark_bar(height=16, stroke="white", minBandSize=3).encode(
        x2=alt.X2("until:T"),
        color=alt.Color("version:N", title="version", scale=alt.Scale(range=COLOURS)),
    )
    words = base.mark_text(align="left", baseline="middle", dx=5, fontSize=11, color="white")
    chart = alt.layer(bars, words.encode(text=alt.Text("version:N")))
    said = "; ".join(f"{row['name']} from {row['span']}: {row['what']}" for row in rows[:12])
    return Figure(
        chart.properties(height=2 * ROW * lines + AXIS),
        f"Which of {count(len(rows), 'contract')} was in force when. {said}",
    )
