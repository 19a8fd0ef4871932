"""A timeline in every form: the same steps, of a published schema, with nothing as markup."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import jsonschema_rs
import pyarrow.parquet as pq
import pytest

from contracts.coercion import Unseen
from replay.reports.timeline_schema import schemas
from replay.reports.value_schema import REFERENCE, written
from replay.wording import after, brief, flat, some, when
from writ import cli

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def ledger(story_path: Path) -> str:
    """Give the shop's story."""
    return str(story_path)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command, and return exit code, stdout and stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = cli.run(list(arguments))
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_the_schemas_are_published_as_they_are() -> None:
    """Else: python -m replay.reports.timeline_schema."""
    for file, schema in schemas().items():
        assert (REFERENCE / file).read_text("utf-8") == written(schema)


def test_json_is_of_its_published_schema_and_the_same_each_time(ledger: str, run: Run) -> None:
    """All but the envelope follows from the ledger and the question."""
    schema = json.loads((REFERENCE / "timeline.schema.json").read_text("utf-8"))
    first, second = (json.loads(run("replay", ledger, "--format", "json")[1]) for _ in "12")
    jsonschema_rs.validator_for(schema).validate(first)
    del first["envelope"], second["envelope"]
    assert first == second
    assert first["actions"] == {
        "chosen": 14,
        "wrong": 1,
        "flips": 4,
        "undecided": 0,
        "timeless": 0,
    }
    steps = {row["entry"]: row for row in first["tables"]["steps"]}
    assert (steps[44]["recorded"], steps[44]["then"], steps[44]["wrong"]) == (
        "allow",
        "deny",
        "yes",
    )
    assert {row["entry"] for row in first["tables"]["facts"]} == set(steps)


def test_tables_are_joined_by_run_and_entry(ledger: str, run: Run, tmp_path: Path) -> None:
    """CSV and Parquet hold any one of them; the steps unless another is named."""
    path = tmp_path / "rules.parquet"
    arguments = ("--format", "parquet", "--table", "rules", "--out", str(path))
    assert run("replay", ledger, "--run", "R-5", *arguments)[0] == 0
    rows = pq.read_table(io.BytesIO(path.read_bytes())).to_pylist()
    broken = {(row["under"], row["rule"]) for row in rows if row["result"] != "satisfied"}
    assert broken == {
        ("then", "scope.cash"),
        ("then", "tools.payouts.create.timeout"),
        ("now", "scope.cash"),
        ("now", "tools.payouts.create.timeout"),
        ("now", "scope.large"),
        ("now", "policy.serial"),
    }
    code, out, _ = run("replay", ledger, "--run", "R-3", "--format", "csv")
    assert code == 0
    assert out.splitlines()[0].startswith("run,step,entry,time,by,tool")
    assert len(out.splitlines()) == 4


def test_a_page_folds_its_steps_and_loads_nothing(ledger: str, run: Run) -> None:
    """Each step is an element that opens by itself; the ones that differ stand open and marked."""
    page = run("replay", ledger, "--format", "html")[1]
    assert "<script" not in page
    assert page.count("<details") == page.count("</details>") > 14
    assert page.count('<details class="marked" open>') == 5
    assert "≠ 2. payouts.create" in page
    assert "What this does not prove" in page


def test_all_rules_and_facts_are_told_where_all_is_asked_for(ledger: str, run: Run) -> None:
    """Rules that hold, facts that clauses bring along with their meaning, and where they rest."""
    out = run("replay", ledger, "--run", "R-6", "--verbose")[1]
    assert "✓ cost.loop (satisfied)" in out
    assert "_cost_tool_calls = 1: the number of calls" in out
    assert "refunds = 4: the number of outcomes of payouts.create" in out


def test_nothing_chosen_is_said(ledger: str, run: Run) -> None:
    """An empty answer says that it is one."""
    out = run("replay", ledger, "--where", "action.tool == 'moon'")[1]
    assert out.startswith("Replay: no action was chosen\nOf actions with action.tool == 'moon'")


def test_values_are_told_in_a_line() -> None:
    """Amounts in units, long things cut, what is sealed as that, and nothing as nothing."""
    assert flat({"a": True, "b": [1, None], "c": {"d": "x"}}) == "a yes, b [1, –], c (d x)"
    assert flat({"price_micros": 12_500_000}) == "price_micros 12.50"
    assert flat({"secret": Unseen("00", "why")}) == "secret (sealed)"
    assert flat({str(n): n for n in range(10)}).endswith("7 7, and 2 more")
    assert flat(list(range(10))).endswith("7, and 2 more]")
    assert flat("x" * 99).endswith("x…")
    assert (when(None), after(None, 1), after(2, 1), after(0, 1_500_000)) == (
        "–",
        "",
        "",
        "after 1.5s",
    )
    assert brief(3_700_000_000) == "1h 1m"
    assert some([str(n) for n in range(9)]) == "0, 1, 2, 3, 4, 5, 6, 7 and 1 more"
