"""`writ value` and `writ change` on a real ledger, in every format."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema_rs
import pyarrow.parquet as pq
import pytest

from ledger.records import Money, Tokens
from ledger.store import Store
from ledger.testing import SERVICE, found_ledger
from replay.reports.value_schema import REFERENCE, schemas, written
from writ import cli

HOSTILE = "=cmd()<script>\x1b[2J"
Run = Callable[..., tuple[int, str, str]]


def eur(micros: int) -> Money:
    """Return an amount as records have it."""
    return Money(currency="EUR", micros=micros)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Make a ledger of 24 runs by two models, one of which costs more; one run says no cost."""
    built = found_ledger(tmp_path_factory.mktemp("value"))
    with Store.open(built.path, writable=True) as store, built.client("agent", store) as client:
        for number in range(24):
            model = "m1" if number < 12 else "m2"
            channel = HOSTILE if number == 0 else "chat"
            with client.run(SERVICE, model=model, channel=channel) as run:
                if number:
                    cost = eur((1 if model == "m1" else 3) * 100_000 + number)
                    run.message("assistant", "…", cost=cost, tokens=Tokens(input=5, output=2))
                with run.action("refund", {"order": number}, mode="execute") as act:
                    act.ok(cost=eur(20_000) if number else None, value=eur(900_000))
                if number == 3:
                    fields = {"minutes": 4}
                    run.observe("human-time", "desk", fields=fields)
    return str(built.path)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command, and return exit code, stdout and stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = cli.run(list(arguments))
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_the_text_begins_with_the_answer(ledger: str, run: Run) -> None:
    """Cost per success first, then what is not recorded, then what is not proven.

    11 runs of 0.12 EUR and a micro each, 12 of 0.32, four minutes of half a euro: 7.160276 / 23.
    """
    code, out, err = run("value", ledger, "--by", "model", "--minute", "0.5EUR")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("Value: 0.3113 EUR per successful outcome, by the 23 of 24 runs")
    assert "recorded in full for 23 of 24 runs, not at all for 1." in out
    assert "a minute of a person: 0.5EUR" in out
    assert "What this does not prove" in out
    assert "no trust file" in err
    assert run("value", ledger, "--by", "model", "--minute", "0.5EUR")[1] == out


def test_json_is_of_its_published_schema(ledger: str, run: Run) -> None:
    """Both answers; without their envelope they are the same each time."""
    for command in ("value", "change"):
        first, second = (json.loads(run(command, ledger, "--format", "json")[1]) for _ in "12")
        schema = json.loads((REFERENCE / f"{command}.schema.json").read_text("utf-8"))
        jsonschema_rs.validator_for(schema).validate(first)
        del first["envelope"], second["envelope"]
        assert first == second
    assert first["tables"]["changes"][0]["after"] == "m2"


def test_the_schemas_are_published_as_they_are() -> None:
    """Else: python -m replay.reports.value_schema."""
    for file, schema in schemas().items():
        assert (REFERENCE / file).read_text("utf-8") == written(schema)


def test_csv_and_parquet_hold_a_table_with_the_same_rows(
    ledger: str, run: Run, tmp_path: Path
) -> None:
    """The first grouping unless another table is named; no cell of it runs."""
    code, out, _ = run("value", ledger, "--by", "channel", "--format", "csv")
    assert code == 0
    assert "'=cmd()" in out
    assert "\x1b" not in out
    path = tmp_path / "value.parquet"
    arguments = ("--by", "channel", "--format", "parquet", "--out", str(path))
    assert run("value", ledger, *arguments)[0] == 0
    rows = pq.read_table(io.BytesIO(path.read_bytes())).to_pylist()
    assert [row["runs"] for row in rows] == [1, 23]
    assert (rows[0]["cost_micros"], rows[0]["value_micros"]) == (None, 900_000)
    assert run("change", ledger, "--format", "csv", "--table", "rules")[0] == 0


def test_a_page_shows_its_charts_and_nothing_recorded_as_markup(ledger: str, run: Run) -> None:
    """Each chart is well-formed, ids are unique, and the page loads nothing."""
    for command in ("value", "change"):
        page = run(command, ledger, "--format", "html")[1]
        assert "<script" not in page
        charts = [f"<svg{part.split('</svg>')[0]}</svg>" for part in page.split("<svg")[1:]]
        assert charts
        ids = [
            one.get("id")
            for chart in charts
            for one in ET.fromstring(chart).iter()  # noqa: S314 - our own
            if one.get("id")
        ]
        assert len(ids) == len(set(ids))
        assert "What this does not prove" in page


def test_change_says_that_the_new_model_costs_more(ledger: str, run: Run) -> None:
    """Twelve runs before and twelve after are enough for a difference as large as this."""
    code, out, _ = run("change", ledger, "--minute", "0.01EUR")
    assert code == 0
    assert out.startswith("Change: 1 change, 1 with a difference")
    assert "model m1 → m2: cost a run rose" in out


def test_what_is_chosen_is_said_and_nothing_else_is_measured(ledger: str, run: Run) -> None:
    """A condition over actions chooses runs."""
    _, out, _ = run("value", ledger, "--where", "action.channel == 'chat' && action.index > 50")
    assert "Of actions with action.channel == 'chat' && action.index > 50" in out
    assert "24 runs" not in out.splitlines()[3]
    assert run("value", ledger, "--until", "2000-01-01")[1].startswith("Value: No run was chosen")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--by", "moon"), "value.by"),
        (("--rate", "USD"), "rate.form"),
        (("--minute", "x"), "rate.minute"),
        (("--format", "pdf"), "format.unknown"),
        (("--format", "parquet"), "format.binary"),
        (("--since", "yesterday"), "value.time"),
        (("--where", "action.tool =="), "value.where"),
        (("--run", "R-0"), "run.unknown"),
        (("--format", "csv", "--table", "moon"), "value.table"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(
    ledger: str, run: Run, arguments: tuple[str, ...], said: str
) -> None:
    """Exit 2, a stable code, and no answer."""
    code, out, err = run("value", ledger, *arguments)
    assert (code, out) == (2, "")
    assert said in err
