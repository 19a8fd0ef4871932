"""Arguments of two sources: what is equal, and at which paths two differ."""

from pathlib import Path
from typing import Any

import pytest

from ledger.importers.texts import raw
from tests.verifier.shown import Call, as_otlp, found, record
from verifier.reconciling.arguments import as_text, differences, exact, unwrapped, written
from verifier.reconciling.problems import AgainstError
from verifier.reconciling.reconciliation import Reconciliation


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": 1.0}),
        ({"a": 0.0, "b": None}, {"a": -0.0}),
        ({"a": [1.0, {"b": 2.50}]}, {"a": [1, {"b": 2.5, "c": None}]}),
        (raw("[" * 900 + "]" * 900), "[" * 900 + "]" * 900),
        (raw("not json"), "not json"),
        ({"raw": "%"}, {"raw": "%"}),
        (raw('{"a": 12345678901234567890}'), {"a": 12345678901234567890}),
    ],
)
def test_equal_values_are_written_alike(one: Any, other: Any) -> None:  # noqa: ANN401
    """Numbers by value, nulls as nothing, and what a record had to wrap as what it was."""
    assert written(exact(unwrapped(one))) == written(exact(unwrapped(other)))


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (1, "1.0"),
        (1.5, "1.50"),
        (1e3, "1000"),
        (True, "TRUE"),
        (False, "false"),
        ("007", "007"),
        ([1, "x"], '[1.0, "x"]'),
        ({"b": 2}, '{"b": 2}'),
        ("{not", "{not"),
        (10**80, str(10**80)),
    ],
)
def test_a_cell_is_what_it_shows(value: Any, cell: str) -> None:  # noqa: ANN401
    """A table of text has no types: each value is what it is as text, however it is written."""
    assert written(as_text({"a": value})) == written(as_text({"a": cell}))
    assert not list(differences({"a": value}, {"a": cell}, as_text))


@pytest.mark.parametrize(("value", "cell"), [("007", "7"), (1, "10"), ("x", "X"), (True, "1")])
def test_other_cells_are_other_values(value: Any, cell: str) -> None:  # noqa: ANN401
    """Leading zeros are no number, and truth is none either."""
    assert written(as_text({"a": value})) != written(as_text({"a": cell}))


def test_each_place_is_named() -> None:
    """Members, items of lists, what is on one side alone, and not what is sealed."""
    one = {"a": {"b": [1, 2]}, "c": 1, "s": {"sealed": "00"}, "l": [1]}
    other = {"a": {"b": [1, 3]}, "d": "x", "s": 5, "l": [1, 2]}
    assert list(differences(one, other, exact, frozenset({"params.s"}))) == [
        ("params.a.b.1", "2", "3"),
        ("params.c", "1", "nothing"),
        ("params.d", "nothing", '"x"'),
        ("params.l", "[1]", "[1, 2]"),
    ]
    assert list(differences("text", {}, exact)) == [("params", '"text"', "{}")]


def test_many_places_and_other_tools(tmp_path: Path) -> None:
    """The first five are told, and how many more; another tool is a difference too."""
    here = {f"p{n}": n for n in range(8)}
    made = record(tmp_path / "l.db", [Call(here, 0, call_id="c"), Call({}, 5, call_id="d")])
    seen = [Call({}, 0, call_id="c"), Call({}, 5, call_id="d", tool="look")]
    report = made.report(as_otlp(tmp_path / "log.json", seen))
    told = [one.recorded for one in report.findings if "arguments" in one.code]
    assert "params.p4: 4 in the ledger, nothing in otlp; and 3 more (" in told[0]
    assert told[1].startswith("tool: pay in the ledger, look in otlp")
    assert found(report) == [("arguments-differ", "violated", one) for one in made.entries]


@pytest.mark.parametrize("depth", [100, 400, 5_000, 200_000])
def test_arguments_nested_too_deep(tmp_path: Path, depth: int) -> None:
    """They are refused by name, or compared: nothing falls over."""
    path = tmp_path / "log.csv"
    deep = "[" * depth + "]" * depth
    path.write_text('tool,params\npay,"{""a"": ' + deep + '}"\n', encoding="utf-8")
    if depth < 128:
        Reconciliation([(path, None)])
        return
    with pytest.raises(AgainstError, match=r"nested too deep") as refused:
        Reconciliation([(path, None)])
    assert refused.value.code in {"against.deep", "against.params"}
