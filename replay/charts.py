"""Charts as inline SVG: a line with a marked point, bars, and a scatter with a Pareto front.

A chart is a pure function of plain numbers. It loads nothing and carries no style: its classes are
those of `replay.pages`, light and dark. What it shows is said in words too (`title`, `desc`, labels
beside the points), and what is marked differs in shape, never in colour alone.
"""

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from replay.tables import number
from verifier.reports.html_markup import text as escaped

Point = tuple[float, float, str]
"""x, y and a label; the label may be empty."""

WIDTH: Final = 720
HEIGHT: Final = 340
LEFT, RIGHT, TOP, BOTTOM = 78, 24, 24, 52
TICKS: Final = 5
BAR: Final = 26
NAMES: Final = 210
# Letters of a label before it is cut.
LONGEST: Final = 30


@dataclass(frozen=True, slots=True)
class Words:
    """What a chart says: `name` makes its ids, unique on a page; `x` and `y` are the axes."""

    name: str
    title: str
    says: str
    x: str = ""
    y: str = ""


@dataclass(frozen=True, slots=True)
class _Axis:
    """Maps values between `low` and `high` to the pixels from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        step = _nice((self.high - self.low) / TICKS)
        first = math.ceil(self.low / step - 1e-9)
        return [step * i for i in range(first, math.floor(self.high / step + 1e-9) + 1)]


def line(points: Sequence[Point], words: Words, *, marks: Collection[int] = ()) -> str:
    """Return a line through points in their order; those at `marks` are diamonds with labels.

    Args:
        points: At least one; each finite.
        words: What it says.
        marks: Which points stand out, by their place in `points`.

    Raises:
        ValueError: There are no points, or one is not finite.
    """
    x, y = _axes(points)
    path = " ".join(f"{_px(x.at(a))},{_px(y.at(b))}" for a, b, _ in points)
    body = [*_grid(x, y, words), f'<polyline class="line" points="{path}"/>']
    for place in sorted(marks):
        a, b, label = points[place]
        body += _diamond(x.at(a), y.at(b), label)
    return _svg(body, words, HEIGHT)


def scatter(points: Sequence[Point], words: Words, *, front: Collection[int] = ()) -> str:
    """Return points as circles; those of the front as labelled diamonds that a line joins.

    Args:
        points: At least one; each finite.
        words: What it says.
        front: Which are on the Pareto front, by their place in `points`.

    Raises:
        ValueError: There are no points, or one is not finite.
    """
    x, y = _axes(points)
    body = list(_grid(x, y, words))
    best = sorted(set(front), key=lambda place: (points[place][0], points[place][1], place))
    if len(best) > 1:
        path = " ".join(f"{_px(x.at(points[i][0]))},{_px(y.at(points[i][1]))}" for i in best)
        body.append(f'<polyline class="front" points="{path}"/>')
    for place, (a, b, label) in enumerate(points):
        if place not in best:
            body.append(
                f'<circle class="point" cx="{_px(x.at(a))}" cy="{_px(y.at(b))}" r="4">'
                f"<title>{escaped(label)}</title></circle>"
            )
            body.append(_label(x.at(a), y.at(b), label, "soft"))
    for place in best:
        a, b, label = points[place]
        body += _diamond(x.at(a), y.at(b), label)
    return _svg(body, words, HEIGHT)


def bars(items: Sequence[tuple[str, float, str]], words: Words) -> str:
    """Return a horizontal bar an item: its label, its value, and the value in words.

    Raises:
        ValueError: There are no items, or a value is not finite.
    """
    values = [value for _, value, _ in items]
    _finite(values)
    low, high = min(0.0, *values), max(0.0, *values)
    axis = _Axis(low, high if high > low else low + 1.0, NAMES, WIDTH - 130)
    zero = axis.at(0.0)
    body: list[str] = []
    for place, (label, value, said) in enumerate(items):
        top, end = TOP + place * BAR, axis.at(value)
        left, wide = min(zero, end), max(1.0, abs(end - zero))
        middle = top + BAR / 2 + 1
        body += [
            (
                f'<text class="tick" x="{NAMES - 8}" y="{_px(middle)}" text-anchor="end" '
                f'dominant-baseline="middle">{escaped(_cut(label))}<title>{escaped(label)}</title></text>'
            ),
            (
                f'<rect class="bar" x="{_px(left)}" y="{top + 4}" width="{_px(wide)}" '
                f'height="{BAR - 8}"/>'
            ),
            (
                f'<text class="tick" x="{_px(max(zero, end) + 6)}" y="{_px(middle)}" '
                f'dominant-baseline="middle">{escaped(said)}</text>'
            ),
        ]
    bottom = TOP + len(items) * BAR
    body.append(f'<path class="axis" d="M{_px(zero)} {TOP}V{bottom}"/>')
    if words.x:
        body.append(
            f'<text class="name" x="{_px(zero)}" y="{bottom + 22}">{escaped(words.x)}</text>'
        )
    return _svg(body, words, bottom + 34)


# ------------------------------------------------------------------------------ inside


def _finite(values: Sequence[float]) -> None:
    if not values:
        raise ValueError("a chart needs at least one point")
    if not all(math.isfinite(value) for value in values):
        raise ValueError("a chart's points are finite")


def _axes(points: Sequence[Point]) -> tuple[_Axis, _Axis]:
    xs, ys = [a for a, _, _ in points], [b for _, b, _ in points]
    _finite(xs)
    _finite(ys)
    return (
        _Axis(*_span(xs), LEFT, WIDTH - RIGHT),
        _Axis(*_span(ys), HEIGHT - BOTTOM, TOP),
    )


def _span(values: Sequence[float]) -> tuple[float, float]:
    """Return where an axis begins and ends: at zero where it is near, and never of no length."""
    low, high = min(values), max(values)
    if low > 0 and low < high * 0.6:
        low = 0.0
    if high <= low:
        return (low - 1.0, high + 1.0) if low else (0.0, 1.0)
    return low, high


def _nice(step: float) -> float:
    """Return the least of 1, 2, 2.5, 5, 10 times a power of ten that is not below a step."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(each * power for each in (1, 2, 2.5, 5, 10) if each * power >= step * (1 - 1e-9))


def _grid(x: _Axis, y: _Axis, words: Words) -> Iterator[str]:
    foot = HEIGHT - BOTTOM
    for value in y.ticks():
        at = _px(y.at(value))
        yield f'<path class="grid" d="M{LEFT} {at}H{WIDTH - RIGHT}"/>'
        yield (
            f'<text class="tick" x="{LEFT - 8}" y="{at}" text-anchor="end" '
            f'dominant-baseline="middle">{number(_tidy(value))}</text>'
        )
    for value in x.ticks():
        at = _px(x.at(value))
        yield f'<path class="axis" d="M{at} {foot}V{foot + 5}"/>'
        yield (
            f'<text class="tick" x="{at}" y="{foot + 19}" '
            f'text-anchor="middle">{number(_tidy(value))}</text>'
        )
    yield f'<path class="axis" d="M{LEFT} {TOP}V{foot}H{WIDTH - RIGHT}"/>'
    middle = (LEFT + WIDTH - RIGHT) // 2
    yield (
        f'<text class="name" x="{middle}" y="{HEIGHT - 10}" '
        f'text-anchor="middle">{escaped(words.x)}</text>'
    )
    yield f'<text class="name" x="{LEFT - 68}" y="{TOP - 10}">{escaped(words.y)}</text>'


def _tidy(value: float) -> float:
    """Return a tick without what arithmetic added to it; never a negative zero."""
    return round(value, 10) + 0.0


def _diamond(x: float, y: float, label: str) -> list[str]:
    shape = (
        f"M{_px(x)} {_px(y - 7)}L{_px(x + 7)} {_px(y)}L{_px(x)} {_px(y + 7)}L{_px(x - 7)} {_px(y)}Z"
    )
    return [
        f'<path class="mark" d="{shape}"><title>{escaped(label)}</title></path>',
        _label(x, y, label, "name"),
    ]


def _label(x: float, y: float, label: str, name: str) -> str:
    """Return a label beside a point, below it where there is room: a curve's knee is above."""
    if not label:
        return ""
    left = x > WIDTH * 0.6
    anchor, at = ("end", x - 11) if left else ("start", x + 11)
    down = y - 10 if y > HEIGHT - BOTTOM - 26 else y + 20
    return (
        f'<text class="{name}" x="{_px(at)}" y="{_px(down)}" '
        f'text-anchor="{anchor}">{escaped(label)}</text>'
    )


def _cut(label: str) -> str:
    return label if len(label) <= LONGEST else label[: LONGEST - 1] + "…"


def _px(value: float) -> str:
    """Return a place in pixels to a tenth: the same on every machine."""
    return f"{value + 0.0:.1f}".removesuffix(".0")


def _svg(body: Sequence[str], words: Words, height: float) -> str:
    name = escaped(words.name)
    return (
        f'<svg class="chart" xmlns="http://www.w3.org/2000/svg" '
        f'viewBox="0 0 {WIDTH} {_px(height)}" role="img" '
        f'aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escaped(words.title)}</title>'
        f'<desc id="{name}-desc">{escaped(words.says)}</desc>'
        f"{''.join(body)}</svg>"
    )
