"""Charts and pages: well-formed, said in words too, and nothing recorded gets out of its text."""

import math
from xml.etree import ElementTree as ET

import pytest

from replay.charts import Words, bars, line, scatter
from replay.pages import Chart, Section, page
from replay.tables import Column, Table

WORDS = Words("c", "Saved <b>&", "It rises.", "lost", "saved")
POINTS = [(0.0, 0.0, "never"), (5.0, 40.0, 'knee "<x>'), (50.0, 60.0, "always")]
SVG = "{http://www.w3.org/2000/svg}"


def parsed(svg: str) -> ET.Element:
    """Read a chart as XML, which is stricter than a browser."""
    return ET.fromstring(svg)  # noqa: S314 - our own


@pytest.mark.parametrize(
    "svg",
    [
        line(POINTS, WORDS, marks=[1]),
        scatter(POINTS, WORDS, front=[0, 1]),
        bars([("a<b", 3.0, "3 €"), ("b", -1.0, "−1")], WORDS),
        line([(1.0, 2.0, "")], WORDS),
        bars([("zero", 0.0, "0")], WORDS),
    ],
)
def test_a_chart_is_xml_that_says_what_it_shows(svg: str) -> None:
    """Title and description are there, and named by the element; nothing is loaded or run."""
    root = parsed(svg)
    ids = {one.get("id"): one.text for one in root if one.tag in {SVG + "title", SVG + "desc"}}
    assert root.get("role") == "img"
    assert (root.get("aria-labelledby") or "").split() == list(ids)
    assert list(ids.values()) == ["Saved <b>&", "It rises."]
    names = {name for one in root.iter() for name in one.attrib}
    assert not names & {"href", "style", "onload"}
    assert not {one.tag for one in root.iter()} & {SVG + "script", SVG + "image", SVG + "use"}


def test_what_is_marked_differs_in_shape_and_is_labelled() -> None:
    """Who sees no colour finds the marked point: it is a diamond with its label beside it."""
    root = parsed(line(POINTS, WORDS, marks=[1]))
    assert len(root.findall(f"{SVG}path[@class='mark']")) == 1
    assert 'knee "<x>' in [one.text for one in root.findall(f"{SVG}text[@class='name']")]
    found = parsed(scatter(POINTS, WORDS, front=[0, 1]))
    assert len(found.findall(f"{SVG}circle")) == 1
    assert len(found.findall(f"{SVG}path[@class='mark']")) == 2
    assert len(found.findall(f"{SVG}polyline[@class='front']")) == 1


def test_points_lie_where_their_numbers_say() -> None:
    """More is further right and higher up, in proportion."""
    root = parsed(line(POINTS, WORDS))
    path = root.find(f"{SVG}polyline")
    assert path is not None
    drawn = [tuple(map(float, pair.split(","))) for pair in (path.get("points") or "").split()]
    (x0, y0), (x1, y1), (x2, y2) = drawn
    assert (x1 - x0) / (x2 - x0) == pytest.approx(0.1, abs=0.001)
    assert (y0 - y1) / (y0 - y2) == pytest.approx(2 / 3, abs=0.001)


def test_bars_are_as_long_as_their_values_from_zero() -> None:
    """A negative value goes to the other side of zero."""
    root = parsed(bars([("a", 4.0, "4"), ("b", 2.0, "2"), ("c", -2.0, "-2")], WORDS))
    wide = [float(one.get("width") or 0) for one in root.findall(f"{SVG}rect")]
    left = [float(one.get("x") or 0) for one in root.findall(f"{SVG}rect")]
    assert wide[0] == pytest.approx(2 * wide[1], abs=0.2)
    assert wide[1] == pytest.approx(wide[2], abs=0.2)
    assert left[2] == pytest.approx(left[0] - wide[2], abs=0.2)


@pytest.mark.parametrize("points", [[], [(math.inf, 1.0, "")], [(1.0, math.nan, "")]])
def test_what_cannot_be_drawn_is_refused(points: list[tuple[float, float, str]]) -> None:
    """A chart of nothing, or of what has no place, would mislead."""
    with pytest.raises(ValueError, match="chart"):
        line(points, WORDS)


def test_a_page_loads_nothing_and_holds_recorded_texts_as_text() -> None:
    """The policy allows its one style; what was recorded is escaped in each place."""
    evil = "<script>alert(1)</script>"
    table = Table("t", evil, (Column("a", evil),), ((evil,),), evil)
    made = page(
        evil,
        [Section(evil, [evil, table, Chart(line(POINTS, WORDS))])],
        asked=evil,
        lead=[evil],
        limits=[evil],
    )
    assert "<script" not in made
    assert "default-src 'none'; style-src 'sha256-" in made
    assert 'src="' not in made
    assert "href=" not in made
    assert made.count("What this does not prove") == 1
    assert made == page(
        evil,
        [Section(evil, [evil, table, Chart(line(POINTS, WORDS))])],
        asked=evil,
        lead=[evil],
        limits=[evil],
    )
