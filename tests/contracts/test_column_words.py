"""What is printed as SQL is SQL that runs, over the shapes that the contract says."""

import json
import re
from pathlib import Path
from typing import Any, Final

import duckdb
import pytest

from contracts import load_contract
from contracts.column_shapes import (
    BOOL,
    DOUBLE,
    INT,
    NEVER,
    TEXT,
    TIME,
    ListOf,
    Record,
    Tagged,
    record,
    sql_type,
)
from contracts.column_words import Asked, ColumnWords
from contracts.columns import Column, Fallback
from contracts.declared_shapes import PLAIN, DeclaredShapes
from contracts.evaluation import VARIABLES, shared_evaluator
from contracts.explaining import explain
from contracts.model import Contract
from contracts.scanning import reads
from contracts.sql_layout import laid_out
from verifier.columns import view_table

ROOT: Final = Path(__file__).resolve().parents[2]
LIBRARY: Final = ROOT / "contracts/library"
FILES: Final = (
    *sorted(LIBRARY.glob("*/[0-9]*.yaml")),
    ROOT / "tests/contracts/full.yaml",
    ROOT / "data/samples/contract.yaml",
)


def contract_in(file: Path) -> Contract:
    """The contract in a file, with what it extends."""

    def read(name: str) -> bytes:
        return Path(name).read_bytes()

    return load_contract(file.read_bytes(), str(file), read)


def of_file(file: Path) -> str:
    """A file, as tests are called."""
    return f"{file.parent.name}/{file.name}"


REFUNDS: Final = LIBRARY / "refund-decisioning/1.1.0.yaml"

OPEN: Final = """\
contract: refunds
version: 1.0.0
identity: {service: spiffe://acme.example/ai/refunds, owner: maria@acme.example}
scope: {modes: [read]}
policy: {document: {name: p, version: v}, limits: {by: run.ref, EU: {most: 3},
  default: {most: 1.5}}}
tools:
  pay:
    mode: read
    params:
      type: object
      properties:
        amount: {type: object, properties: {micros: {type: integer}, rate: {type: number}}}
        tags: {type: array, items: {type: string}}
        method: {enum: [a, b]}
  look: {mode: read}
facts:
  paid: {count: true, from: outcome, where: outcome.status == "ok", within: 1h, by: action.tool}
  seen: {last: outcome.time, from: outcome, reference: true}
  kind: {last: observation.fields.kind, from: observation, default: none}
  many: {list: params.amount.rate, from: action of pay, by: params.tags}
rules:
  - {id: r, for: pay, when: CONDITION}
  - {id: told, for: "outcome of pay", expect: {from: "action of pay", where: params.method == "a",
     by: action.call, at: action.call, within: 30m}}
"""


def open_contract(condition: str) -> Contract:
    """A contract with a rule that says this."""
    return load_contract(OPEN.replace("CONDITION", json.dumps(condition)))


def rule_of(contract: Contract) -> Asked:
    """The one condition of its rule."""
    return next(one for one in ColumnWords(contract).conditions() if one.owner == "policy.r")


@pytest.mark.parametrize("file", FILES, ids=of_file)
def test_printed_sql_fits_and_runs(file: Path) -> None:
    """All of a rule's SQL, as `explain` prints it, on an empty table of the shapes.

    A line of it is longer than 100 only where one word is.
    """
    contract = contract_in(file)
    words = ColumnWords(contract)
    told = words.told()
    assert set(told) == {
        *(rule.id for rule in contract.rules),
        *(f"facts.{fact.name}" for fact in contract.facts),
    }
    text = explain(contract, sql=told).splitlines()
    assert [line for line in text if len(line) > 100 and "-- not known" not in line] == []
    printed = [line.strip() for line in text]
    database = duckdb.connect()
    for asked in words.conditions():
        found = words.found(asked)
        assert isinstance(found.column, Column), (asked, found.column)
        columns = ", ".join(f'"{root}" {sql_type(one)}' for root, one in found.seen.shapes.items())
        database.execute(f"CREATE OR REPLACE TABLE views ({columns})")
        lines = laid_out(found.column.sql, 77 if asked.owner.startswith("facts.") else 89).split(
            "\n"
        )
        sql = "\n".join(lines)
        assert database.execute(f"SELECT {sql} FROM views").fetchall() == []  # noqa: S608
        if asked.owner != "policy.limits":
            assert {line.strip() for line in lines[1:]} <= set(printed)
            assert any(line.endswith(lines[0]) for line in printed)


def test_a_layout_changes_nothing_but_space() -> None:
    """What is laid out is the same SQL, in lines that fit; texts stay as they are."""
    text = "x  ((y,   AND 'z' it''s"
    literal = "'" + text.replace("'", "''") + "'"
    made_of = f"list_transform([{literal}], lambda v97: (v97 = {literal}))"
    sql = f"CASE WHEN v41 BETWEEN 1 AND 2 THEN {made_of} END"
    for width in (20, 60, 200):
        made = laid_out(sql, width)
        assert re.sub(r"\s+", "", made) == re.sub(
            r"\s+", "", sql.replace("v41", "v1").replace("v97", "v2")
        )
        assert made.count(literal) == 2
        assert "BETWEEN 1 AND 2" in made
    assert "\n" not in laid_out(sql, 200)
    assert laid_out(sql, 60).startswith("CASE\n  WHEN v1 BETWEEN 1 AND 2\n  THEN list_transform(\n")


def test_layouts_are_the_same_each_time() -> None:
    """The compiler counts its names through; what is printed does not show it."""
    contract = contract_in(REFUNDS)
    assert ColumnWords(contract).told() == ColumnWords(contract).told()


def test_shapes_are_those_of_the_contract() -> None:
    """Records, a tool's schema, limits and facts have the shapes that the contract says."""
    condition = (
        "action.time > facts.seen && params.amount.micros > 1 && params.amount.rate < limits.most"
        " && params.tags.exists(t, t == facts.kind) && facts.paid > 1 && facts.many == [[1.5]]"
        " && evidence.exists(e, e.fields.a.b == 1 && e.kind == run.attributes.x)"
        " && identity.registered"
    )
    asked = rule_of(open_contract(condition))
    seen = DeclaredShapes(open_contract(condition)).seen(
        asked.text, asked.seats, rule=True, level=asked.level
    )
    shapes = seen.shapes
    kept = {name: shape for name, shape in shapes.items() if shape != NEVER}
    assert kept.keys() == {"action", "params", "limits", "facts", "evidence", "run", "identity"}
    assert shapes["params"] == record(
        {
            "amount": record({"micros": INT, "rate": DOUBLE}, whole=False),
            "tags": ListOf(TEXT),
        },
        whole=False,
    )
    assert shapes["limits"] == record({"most": Tagged((INT, DOUBLE))})
    facts = shapes["facts"]
    assert isinstance(facts, Record)
    assert facts.member("paid") == INT
    assert facts.member("seen") == TIME
    assert isinstance(facts.member("kind"), Tagged)
    assert facts.member("many") == ListOf(ListOf(DOUBLE))
    evidence = shapes["evidence"]
    assert isinstance(evidence, ListOf)
    assert isinstance(evidence.item, Record)
    assert evidence.item.member("kind") == TEXT
    assert isinstance(evidence.item.member("fields"), Record)
    assert shapes["identity"] == record({"registered": BOOL}, whole=False)
    assert set(seen.open) == {"evidence[].fields.a.b", "run.attributes.x", "facts.kind"}


@pytest.mark.parametrize(
    "condition",
    [
        'params.method == "a"',
        '"a" in run.attributes.tags',
        'run.attributes["x"] == 1',
        "run.attributes.a.b[0].c > 1",
        "has(run.attributes.x)",
        'evidence.filter(e, e.kind == "p").all(e, e.fields.a.b == 1)',
        "(has(run.attributes.x) ? run.attributes.x : run.attributes.y).z == 1",
        'evidence.map(e, e.fields).exists(f, f.version == "8")',
        "size(run.attributes.list) > 1 || run.attributes.list.exists(x, x.y == 1)",
        "limits == limits",
    ],
)
def test_what_has_no_type_has_any(condition: str) -> None:
    """A condition on what no type is known of has SQL that can be true, false and unknown."""
    contract = open_contract(condition)
    found = ColumnWords(contract).found(rule_of(contract))
    assert isinstance(found.column, Column), found
    assert "CAST(NULL AS BOOLEAN)" not in found.column.sql


def test_a_fallback_is_told_with_its_reason() -> None:
    """A condition without SQL says why, and so does lint's question."""
    contract = open_contract('run.ref.reverse() == "a"')
    told = ColumnWords(contract).told()
    assert told["policy.r"] == "-- by CEL, row by row: `reverse` with 1 operands"
    ((asked, reason),) = ColumnWords(contract).by_row()
    assert (asked.owner, asked.label, reason) == ("policy.r", "when", "`reverse` with 1 operands")


def test_what_may_run_is_no_fallback() -> None:
    """Where it hangs on what has no type beforehand, the reason is told and nothing is certain."""
    contract = open_contract("int(run.attributes.x) == 1")
    found = ColumnWords(contract).found(rule_of(contract))
    assert isinstance(found.column, Fallback)
    assert list(ColumnWords(contract).by_row()) == []
    narrowed = ColumnWords(contract).found(rule_of(contract), (PLAIN[1],))
    assert isinstance(narrowed.column, Column)


def test_a_long_list_is_told() -> None:
    """Rows that CEL may run out of iterations for are named."""
    condition = "params.tags.exists(a, params.tags.exists(b, a == b))"
    told = ColumnWords(open_contract(condition)).told()["policy.r"]
    assert told.startswith("-- rows with a list of more than 99 elements: by CEL\n")


def test_what_must_follow_has_a_part_each() -> None:
    """An expectation's conditions stand under their names."""
    told = ColumnWords(open_contract("true")).told()["policy.told"]
    labels = [line for line in told.splitlines() if line in {"-- where", "-- key", "-- asked for"}]
    assert labels == ["-- where", "-- key", "-- asked for"]


def test_facts_are_told_in_outline() -> None:
    """What is noted, under which key, in which scope and window."""
    contract = open_contract("facts.paid > 1 && facts.seen < action.time")
    told = ColumnWords(contract).told()
    assert (
        told["facts.paid"]
        == """\
-- an outline: what records note, and how it is taken together up to each that asks
from        "outcome"
attempts    allowed
where       (struct_extract("outcome", 'status') = 'ok')
scope       in_run
key         struct_extract("action", 'tool')
asked for   struct_extract("action", 'tool')
order       idx, of those before the record that asks
window      "time" > asking."time" - 3600000000 AND "time" <= asking."time"
gives       how many"""
    )
    assert "\nscope       in_run, or in no run\n" in told["facts.seen"]


ROWS: Final[list[dict[str, Any]]] = [
    {
        "params": {"amount": {"micros": 5, "rate": 2.5}, "tags": ["a", "b"], "method": "a"},
        "run": {"ref": "US", "attributes": {"x": "a", "tags": ["a"], "a": {"b": [{"c": 2}]}}},
        "evidence": [{"kind": "p", "fields": {"a": {"b": 1}, "version": "8"}}],
        "action": {"tool": "pay"},
    },
    {
        "params": {"amount": {"micros": 1}, "tags": [], "method": "c", "more": 1},
        "run": {"ref": "EU", "attributes": {"x": 1, "y": {"z": 1}, "list": [{"y": 1}, {"y": 2}]}},
        "evidence": [{"kind": "p", "fields": {"a": {"b": "1"}}}, {"kind": "q"}],
        "action": {"tool": "pay"},
    },
    {"params": {}, "run": {"ref": "EU"}, "evidence": [], "action": {"tool": "pay"}},
]


@pytest.mark.parametrize(
    "condition",
    [
        "params.amount.micros > 1 && params.amount.rate > 2.0",
        "params.amount.micros == run.attributes.x",
        'params.method == "a"',
        '"a" in run.attributes.tags',
        'run.attributes["x"] == 1',
        "run.attributes.a.b[0].c > 1",
        "has(run.attributes.x) && has(params.amount.rate)",
        "params.tags.exists(t, t == run.attributes.x)",
        'evidence.exists(e, e.fields.a.b == 1 && e.kind == "p")',
        'evidence.filter(e, e.kind == "p").all(e, e.fields.a.b == 1)',
        "(has(run.attributes.y) ? run.attributes.y : run.attributes.a).z == 1",
        'evidence.map(e, e.fields).exists(f, f.version == "8")',
        "size(run.attributes.list) > 1 || run.attributes.list.exists(x, x.y == 1)",
    ],
)
def test_what_is_printed_says_what_cel_says(condition: str) -> None:
    """On records that are as the contract says, the printed SQL has CEL's verdicts."""
    contract = open_contract(condition)
    found = ColumnWords(contract).found(rule_of(contract))
    assert isinstance(found.column, Column)
    program = shared_evaluator().compile(condition)
    by_cel = [program.run(shared_evaluator().bind(row)) for row in ROWS]
    wanted = [one if isinstance(one, bool) else None for one in by_cel]
    read = reads(condition, VARIABLES).members
    kept = [{name: row[name] for name in row if name in read} for row in ROWS]
    database = duckdb.connect()
    database.register("views", view_table(found.seen.shapes, kept))
    sql = laid_out(found.column.sql, 60)
    rows = database.execute(f"SELECT {sql} FROM views").fetchall()  # noqa: S608
    assert [one for (one,) in rows] == wanted
