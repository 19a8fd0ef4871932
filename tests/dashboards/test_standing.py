"""On whose word a ledger stands: witnesses, what it covers, and keys over time."""

import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dashboards import charts, checks, session
from dashboards.covered import Covered, covered
from dashboards.filters import Filter
from dashboards.opening import Shown, Source, opened
from dashboards.witnesses import Witness, witnesses
from dashboards.words import REVIEWS
from ledger.bundle_writing import write_bundle
from tests.dashboards.ledgers import desk, shown
from tests.dashboards.visits import Visitor, fine, links, saved, words
from tests.verifier.forge import Desk, witness_of
from verifier.load import open_source, verify_ledger

W1, W2 = witness_of("w1.example"), witness_of("w2.example")
OWN = witness_of("own.example", "head")
NOON = 1_772_366_400


@pytest.fixture
def cosigned(tmp_path: Path) -> tuple[Desk, Path]:
    """A ledger of two heads: one witness signed both, another the first one, twice."""
    forge = Desk()
    forge.paid()
    forge.sign_head()
    for name, at in (("w1.example", 100), ("w2.example", 90), ("w2.example", 95)):
        forge.cosign(name, NOON + at)
    forge.paid()
    forge.sign_head()
    forge.cosign("w1.example", NOON + 200)
    forge.cosign("own.example", NOON + 200, key="head")
    return forge, forge.save(tmp_path / "cosigned.db")


def test_each_witness_is_listed_with_what_it_said(cosigned: tuple[Desk, Path]) -> None:
    """How many heads, the largest, and when; a key of the ledger is said to be one."""
    forge, path = cosigned
    first, last = (size for size, _ in forge.notes)
    trust = replace(forge.trust(), witnesses=(W1, W2, OWN), quorum=1, max_age=3_600, at=NOON + 300)
    authority = checks.history(shown(forge, path.parent).tables)
    found = witnesses(str(path), trust, authority, last)
    told = {
        (row.name, row.own, row.heads, row.size, row.at and row.at - NOON) for row in found.rows
    }
    assert told == {
        ("w1.example", False, 2, last, 200),
        ("w2.example", False, 1, first, 95),
        ("own.example", True, 0, 0, 0),
    }
    assert found.asks == (
        "The trust file names 3 witnesses; 1 of them must have cosigned a head, within 1 h 0 min."
    )
    earlier = witnesses(str(path), trust, authority, first).rows
    assert {row.size for row in earlier} == {first, 0}
    early = replace(trust, at=NOON - 200)
    assert [row.heads for row in witnesses(str(path), early, authority, last).rows] == [1, 1, 0]
    assert Witness("w", "k").last() == "never"
    assert Witness("w", "k", at=NOON).last() == "2026-03-01 12:00:00 UTC"
    assert Witness("w", "k", at=2**62).last() == f"{2**62} seconds after 1970"


def test_a_line_that_was_changed_since_counts_for_nothing(cosigned: tuple[Desk, Path]) -> None:
    """The verification would have broken there: it is no word of that witness, and others' are."""
    forge, path = cosigned
    (size, name, key_id, at, raw), *others = forge.cosignatures
    forge.cosignatures = [(size, name, key_id, at, raw.replace(raw[-40:-36], b"AAAA")), *others]
    path.unlink()
    forge.save(path)
    trust = replace(forge.trust(), witnesses=(W1, W2))
    authority = checks.history(shown(desk(), path.parent).tables)
    rows = witnesses(str(path), trust, authority, 100).rows
    assert [row.heads for row in rows] == [1, 1]


def test_no_trust_file_and_no_witness_are_told_apart(tmp_path: Path) -> None:
    """Both leave something unnoticed, and not the same."""
    forge = Desk()
    authority = checks.history(shown(forge, tmp_path).tables)
    none, unwitnessed = (
        witnesses("nowhere", trust, authority, 1).asks for trust in (None, forge.trust())
    )
    assert "no trust file" in none
    assert "names no witness" in unwitnessed


def test_a_pages_witnesses(visitor: Visitor, cosigned: tuple[Desk, Path]) -> None:
    """A table of them, or what to do without any."""
    forge, path = cosigned
    trust = path.with_name("witnesses.json")
    _, plain = saved(forge, path.parent)
    text = plain.read_text("utf-8").rstrip().rstrip("}")
    trust.write_text(f'{text}, "witnesses": ["{W1}", "{W2}"], "quorum": 2}}', "utf-8")
    visitor.starts(path, trust)
    app = fine(visitor.opens(session.INTEGRITY))
    assert "2 of them must have cosigned a head" in words(app)
    (table,) = (one.value for one in app.dataframe if "heads cosigned" in one.value.columns)
    assert list(table["heads cosigned"]) == [2, 1]
    visitor.starts(path, plain)
    assert "names no witness" in words(fine(visitor.opens(session.INTEGRITY)))


def test_coverage_counts_what_is_missing(tmp_path: Path) -> None:
    """A run without an end, an action without an outcome, entries under no head."""
    forge = Desk()
    forge.paid()
    run = forge.open_run(ref="without an outcome")
    forge.act(run, "look", {})
    forge.close_run(run)
    forge.open_run(ref="left")
    forge.sign_head()
    late = forge.open_run(ref="late")
    forge.close_run(late)
    there = shown(forge, tmp_path)
    found = {one.what: one for one in covered(there.tables, there.streams)}
    report = there.tables.report
    runs = found["runs that were closed"]
    assert (runs.there, runs.wanted, runs.findings) == (3, 4, 1)
    outcomes = found["outcomes of what was let through"]
    assert (outcomes.wanted - outcomes.there, outcomes.findings) == (1, 1)
    actions = found["actions under a contract in force"]
    assert actions.there == actions.wanted == report.conformance.records["action"]
    heads = found["entries under a signed head"]
    assert (heads.there, heads.wanted) == (report.ledger.checkpoint_size, report.ledger.size)
    streams = found["writers' streams that were ended"]
    assert streams.there == 0 < streams.wanted
    assert Covered("nothing", 0, 0).share is None
    assert runs.share == pytest.approx(3 / 4)


def test_what_coverage_counts_the_verifier_found(visitor: Visitor, tmp_path: Path) -> None:
    """The page's numbers are the report's, and each leads to its findings."""
    path, trust = saved(desk(), tmp_path)
    visitor.starts(path, trust)
    app = fine(visitor.opens(session.INTEGRITY))
    report = verify_ledger(path)
    codes = [one.code for one in report.findings if one.code.startswith("coverage.")]
    asked = [one.asks for one in links(app) if "rule" in one.asks]
    assert codes
    assert {rule for one in asked for rule in one["rule"]} >= set(codes)
    for one in asked:
        chosen = Filter.of({name: tuple(values) for name, values in one.items()})
        assert chosen.of_findings
        assert chosen.chosen["review"] == REVIEWS


def test_what_a_bundle_withholds_is_not_missing(visitor: Visitor, tmp_path: Path) -> None:
    """Nobody can count what was kept back: it is said, and no share is shown."""
    path, trust = saved(desk(), tmp_path)
    bundle = tmp_path / "some.zip"
    with closing(open_source(path)) as store:
        kinds = [json.loads(row.record or b"{}")["kind"] for row in store.rows(stop=store.size())]
        write_bundle(store, bundle, lambda index: kinds[index] != "outcome")
    visitor.starts(bundle, trust)
    shown = words(fine(visitor.opens(session.INTEGRITY)))
    assert "of this bundle are withheld" in shown
    assert "outcomes of what was let through" not in shown


def test_keys_over_time(tmp_path: Path) -> None:
    """Who was entitled, and who wrote; a key that was taken away ends there."""
    forge = Desk()
    forge.paid()
    document = forge.next_document(revoke="lead")
    forge.submit("steward", forge.authority(document))
    forge.paid()
    forge.sign_head()
    result = opened(Source(str(forge.save(tmp_path / "keys.db"))), None, lambda _part, _share: None)
    assert isinstance(result, Shown)
    found = checks.identities(checks.history(result.tables))
    figure = charts.keys_held(found, result.streams, result.tables.report.ledger.size)
    assert figure is not None
    spec = figure.chart.to_dict()
    held, wrote = (list(rows) for rows in _rows(spec))
    assert {row["identity"] for row in wrote} <= {row["identity"] for row in held}
    assert any(int(str(row["until"])) < result.tables.report.ledger.size for row in held)
    assert "lead from entry 1 to" in figure.alt
    assert charts.keys_held((), result.streams, 5) is None
    one, *_ = found
    alike = (one, replace(one, id=f"spiffe://elsewhere.example/{one.id.rpartition('/')[2]}"))
    both = charts.keys_held(alike, (), 5)
    assert both is not None
    ((held, *_),) = [_rows(both.chart.to_dict())]
    assert {row["identity"] for row in held} == {each.id for each in alike}
    many = [replace(one, id=f"spiffe://shop.example/{number}") for number in range(50)]
    cut = charts.keys_held(many, (), 5)
    assert cut is not None
    assert "without 10 identities more" in cut.alt


def _rows(spec: Mapping[str, Any]) -> list[list[dict[str, Any]]]:
    """Return what each layer of a chart draws."""
    shared = spec.get("data", {})
    return [spec["datasets"][layer.get("data", shared)["name"]] for layer in spec["layer"]]
