"""A ledger against what another source saw: what differs is found, and nothing else."""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.bundle_writing import write_bundle
from ledger.encoding import encode
from ledger.sealed import Opening
from ledger.store import Store
from ledger.testing import build_ledger
from tests.verifier.shown import (
    RUN,
    Call,
    Recorded,
    as_csv,
    as_otlp,
    as_parquet,
    found,
    mapped,
    record,
)
from verifier.engines import Engines
from verifier.errors import SourceError
from verifier.findings import finding_id
from verifier.load import verify_ledger
from verifier.reconciling.reconciliation import Reconciliation
from verifier.report import IntegrityVerdict
from verifier.reports.json import json_report, report_body
from verifier.reports.text import text_report
from verifier.state import State

Writer = Callable[[Path, Sequence[Call]], Path]
WRITERS: dict[str, Writer] = {"csv": as_csv, "otlp": as_otlp, "parquet": as_parquet}

CALLS = [
    Call({"amount": 5}, 0, call_id="c-0"),
    Call({"amount": 6}, 10, call_id="c-1"),
    Call({"amount": 7}, 20, call_id="c-2", status="error"),
    Call({"amount": 8}, 30, call_id="c-3"),
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Return a ledger with the calls above."""
    return record(tmp_path_factory.mktemp("shop") / "l.db", CALLS)


@pytest.mark.parametrize("kind", WRITERS)
def test_the_same_calls_are_all_matched(shop: Recorded, tmp_path: Path, kind: str) -> None:
    """Nothing is found where both say the same, and the report says what was compared."""
    report = shop.report(WRITERS[kind](tmp_path / "log", CALLS))
    assert found(report) == []
    (one,) = report.against
    assert (one.kind, one.calls, one.matched, one.missed, one.runs) == (kind, 4, 4, 0, True)
    assert one.first == "2026-03-01T09:10:00.000000Z"
    assert report.findings == shop.report().findings


@pytest.mark.parametrize("kind", WRITERS)
def test_each_difference_is_found(shop: Recorded, tmp_path: Path, kind: str) -> None:
    """One call missing, one more, one with other arguments, one that ended otherwise."""
    seen = [
        CALLS[0],
        replace(CALLS[2], status="ok"),
        replace(CALLS[3], params={"amount": 80}),
        Call({"amount": 9}, 15, call_id="c-9"),
    ]
    report = shop.report(WRITERS[kind](tmp_path / "log", seen))
    first, second, third, fourth = shop.entries
    assert found(report) == [
        ("acted-not-recorded", "violated", first - 1),
        ("recorded-not-acted", "violated", second),
        ("outcome-differs", "violated", third),
        ("arguments-differ", "violated", fourth),
    ]
    told = {one.code: one for one in report.findings}
    differ = told["coverage.arguments-differ"].recorded
    assert differ.startswith("params.amount: 8 in the ledger, ")
    assert "80" in differ
    acted = told["coverage.acted-not-recorded"]
    assert (acted.run, acted.action, acted.identity) == (RUN, "pay", "")
    assert "c-9" in acted.recorded
    assert report.exit_code() == 1


def test_other_findings_and_ids_are_what_they_were(shop: Recorded, tmp_path: Path) -> None:
    """A comparison adds; it changes no finding, and no id of one."""
    log = as_csv(tmp_path / "log.csv", [Call({"amount": 99}, 3)])
    plain, compared = shop.report(), shop.report(log)
    assert set(plain.findings) < set(compared.findings)
    assert plain.conformance == compared.conformance
    assert report_body(plain)["against"] == []
    body = report_body(replace(compared, against=(), findings=plain.findings))
    assert body == report_body(plain)
    assert finding_id("00" * 32, "tools.allowed", "tools.allowed", 7) == "F-48f0e91d88cb94cc"


def test_every_way_of_verifying_compares_alike(shop: Recorded, tmp_path: Path) -> None:
    """With a state, on either engine, with jobs, and integrity alone: the same is found."""
    log = as_csv(tmp_path / "log.csv", [CALLS[0], Call({"amount": 99}, 3, call_id="c-9")])
    expected = json_report(shop.report(log))
    for engine in Engines:
        assert json_report(shop.report(log, engines=engine)) == expected
    for _ in range(2):
        with State.open(tmp_path / "state", None) as state:
            assert json_report(shop.report(log, state=state)) == expected
    alone = shop.report(log, conformance=False, jobs=2)
    assert found(alone) == found(shop.report(log))
    assert alone.against == shop.report(log).against


@pytest.mark.parametrize(("second", "left"), [(58, 0), (2, 1)])
def test_a_call_without_ids_is_matched_by_time(tmp_path: Path, second: int, left: int) -> None:
    """Of equal calls the nearest is meant; beyond the tolerance it is another call."""
    made = record(tmp_path / "l.db", [Call({"amount": 5}, at) for at in (0, 60, 600)])
    log = as_csv(tmp_path / "log.csv", [Call({"amount": 5}, second), Call({"amount": 5}, 1000)])
    covers = mapped(covers={"from": "2026-03-01T09:00:00Z", "to": "2026-03-01T10:00:00Z"})
    report = made.report((log, covers))
    assert found(report) == [
        ("acted-not-recorded", "violated", made.entries[0] - 1),
        ("recorded-not-acted", "violated", made.entries[left]),
        ("recorded-not-acted", "violated", made.entries[2]),
    ]


@pytest.mark.parametrize(("here", "there"), [(2, 3), (3, 2), (3, 3)])
def test_equal_calls_are_counted(tmp_path: Path, here: int, there: int) -> None:
    """Where neither id nor time says which is which, their number says how many are missing."""
    made = record(tmp_path / "l.db", [Call({"amount": 5}, one) for one in range(here)])
    log = tmp_path / "log.csv"
    log.write_text("tool,run,amount\n" + f"pay,{RUN},5\n" * there)
    codes = [code for code, _, _ in found(made.report(log))]
    assert codes == ["acted-not-recorded"] * (there - here) + ["recorded-not-acted"] * (
        here - there
    )


def test_an_idempotency_key_says_which_call_it_is(tmp_path: Path) -> None:
    """Where ids are others, the key of the effect is what both sides know."""
    calls = [Call({"amount": 5}, 0, key="k-1"), Call({"amount": 5}, 9, key="k-2")]
    made = record(tmp_path / "l.db", calls)
    seen = [replace(calls[0], call_id="req-1", params={"amount": 6}), replace(calls[1], second=400)]
    assert found(made.report(as_csv(tmp_path / "log.csv", seen))) == [
        ("arguments-differ", "violated", made.entries[0])
    ]


def test_a_log_with_ids_of_its_own_is_matched_by_arguments(shop: Recorded, tmp_path: Path) -> None:
    """The ids that a tool gives are not those of the model: no two are the same then."""
    seen = [replace(call, call_id=f"req-{at}") for at, call in enumerate(CALLS)]
    assert found(shop.report(as_csv(tmp_path / "log.csv", seen))) == []


def test_two_ids_that_differ_are_two_calls(shop: Recorded, tmp_path: Path) -> None:
    """Once ids are common, the same arguments under another id are another call."""
    seen = [replace(CALLS[0], call_id="c-9"), *CALLS[1:]]
    assert found(shop.report(as_csv(tmp_path / "log.csv", seen))) == [
        ("acted-not-recorded", "violated", shop.entries[0] - 1),
        ("recorded-not-acted", "violated", shop.entries[0]),
    ]


def test_numbers_are_equal_by_value_and_text_is_none(tmp_path: Path) -> None:
    """1 is 1.0, and "1" is neither; a table of text cannot tell, and is read as what it shows."""
    calls = [
        Call({"amount": 1, "note": None}, 0),
        Call({"amount": "1"}, 9),
        Call({"amount": 1.5}, 12),
    ]
    made = record(tmp_path / "l.db", calls)
    same = [Call({"amount": 1.0}, 0), Call({"amount": "1"}, 9), Call({"amount": 1.50}, 12)]
    assert found(made.report(as_otlp(tmp_path / "one.json", same))) == []
    other = [Call({"amount": "1"}, 0), *same[1:]]
    codes = [code for code, _, _ in found(made.report(as_otlp(tmp_path / "two.json", other)))]
    assert codes == ["acted-not-recorded", "recorded-not-acted"]
    cells = [
        Call({"amount": cell}, call.second)
        for cell, call in zip(("1.0", "1", "1.50"), calls, strict=True)
    ]
    assert found(made.report(as_csv(tmp_path / "log.csv", cells))) == []


@pytest.mark.parametrize("order", range(3))
def test_which_of_two_is_not_known(tmp_path: Path, order: int) -> None:
    """Two calls of one id, with other arguments on each side: undecidable, and how many."""
    made = record(tmp_path / "l.db", [Call({"amount": n}, n, call_id="c") for n in (1, 2)])
    seen = [Call({"amount": n}, 1, call_id="c") for n in (3, 4)]
    random.Random(order).shuffle(seen)
    report = made.report(as_csv(tmp_path / "log.csv", seen))
    assert found(report) == [("arguments-differ", "undecidable", one) for one in made.entries]
    reasons = {one.reason for one in report.findings if one.code == "coverage.arguments-differ"}
    assert reasons == {"2 calls are equally good matches: which is which is not known"}


def test_what_was_denied_and_seen_is_said(tmp_path: Path) -> None:
    """An action that came to nothing in the ledger, and that the tool's log shows as done."""
    calls = [Call({"amount": n}, n, call_id=f"c-{n}", status="skipped") for n in range(3)]
    made = record(tmp_path / "l.db", calls)
    statuses = ("ok", "error", None)
    seen = [replace(call, status=said) for call, said in zip(calls, statuses, strict=True)]
    report = made.report(as_csv(tmp_path / "log.csv", seen))
    assert found(report) == [
        ("outcome-differs", "violated", made.entries[0]),
        ("outcome-differs", "undecidable", made.entries[2]),
    ]
    assert {one.severity.value for one in report.findings if "outcome" in one.code} == {"high"}


def test_what_a_log_does_not_cover_is_undecidable(tmp_path: Path) -> None:
    """Another tool, another time: one finding each, and none where the map says so."""
    calls = [Call({"amount": 5}, 60), Call({"amount": 6}, 70), Call({"amount": 5}, 0)]
    looks = [Call({}, second, tool="look") for second in (62, 64)]
    made = record(tmp_path / "l.db", [*calls, *looks])
    log = as_csv(tmp_path / "log.csv", calls[:2])
    report = made.report(log)
    assert found(report) == [
        ("recorded-not-acted", "undecidable", made.entries[0]),
        ("recorded-not-acted", "undecidable", made.entries[2]),
    ]
    assert any("2 recorded calls of look" in one.recorded for one in report.findings)
    assert report.against[0].uncovered == 3
    covers = {"tools": ["pay"], "from": "2026-03-01T09:10:30Z"}
    said = made.report((log, mapped(covers=covers)))
    assert found(said) == []
    assert said.against[0].outside == 3


def test_a_source_without_arguments(shop: Recorded, tmp_path: Path) -> None:
    """Where it never says them that is said once, as advice; where it says some, of each."""
    bare = [replace(call, said=False) for call in CALLS]
    report = shop.report(as_parquet(tmp_path / "one", bare))
    assert found(report) == [("arguments-differ", "undecidable", 0)]
    assert report.exit_code() == shop.report().exit_code()
    some = [*CALLS[:3], bare[3]]
    report = shop.report(as_parquet(tmp_path / "two", some))
    assert found(report) == [("arguments-differ", "undecidable", shop.entries[3])]


def test_two_sources_have_findings_of_their_own(shop: Recorded, tmp_path: Path) -> None:
    """What both do not show is found twice, under two ids, in whatever order they are named."""
    one = as_csv(tmp_path / "one.csv", [CALLS[0], *CALLS[2:]])
    two = as_csv(tmp_path / "two.csv", [CALLS[3], CALLS[2], CALLS[0]])
    report, again = shop.report(one, two), shop.report(two, one)
    assert found(report) == [("recorded-not-acted", "violated", shop.entries[1])] * 2
    assert len({each.id for each in report.findings}) == len(report.findings)
    assert json_report(report) == json_report(again)


def test_a_run_that_is_not_in_the_ledger(shop: Recorded, tmp_path: Path) -> None:
    """What names another run is no call of this one; where no run is known, names are others."""
    log = as_csv(tmp_path / "one.csv", [*CALLS, replace(CALLS[0], run="run-8")])
    report = shop.report(log)
    assert found(report) == [("acted-not-recorded", "violated", 0)]
    bare = [replace(call, call_id=None) for call in CALLS]
    moved = as_csv(tmp_path / "moved.csv", [bare[0], replace(bare[1], run="run-8"), *bare[2:]])
    assert found(shop.report(moved)) == [
        ("acted-not-recorded", "violated", 0),
        ("recorded-not-acted", "violated", shop.entries[1]),
    ]
    others = as_csv(tmp_path / "two.csv", [replace(call, run="trace-1") for call in CALLS])
    report = shop.report(others)
    assert found(report) == []
    assert not report.against[0].runs


def test_a_broken_ledger_is_compared_with_nothing(tmp_path: Path) -> None:
    """The file is named all the same, and that nothing was compared."""
    desk = record(tmp_path / "l.db", CALLS).desk
    desk.records[5] = desk.records[4]
    path = desk.save(tmp_path / "broken.db")
    log = as_csv(tmp_path / "log.csv", CALLS)
    report = verify_ledger(path, against=Reconciliation([(log, None)]))
    assert report.integrity.verdict is IntegrityVerdict.BROKEN
    assert [(one.performed, one.calls, one.matched) for one in report.against] == [(False, 4, 0)]
    assert "NOT COMPARED" in text_report(report)


# ------------------------------------------------------------------------------ generated

EDITS = ("keep", "keep", "remove", "change", "fail")


@given(
    edits=st.lists(st.sampled_from(EDITS), min_size=1, max_size=7),
    added=st.integers(0, 3),
    ids=st.integers(0, 1),
    kind=st.sampled_from(sorted(WRITERS)),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=8, deadline=None)
def test_edits_are_what_is_found(
    edits: list[str],
    added: int,
    ids: int,
    kind: str,
    seed: int,
) -> None:
    """Whatever is removed, added or changed in a copy is found; the order of rows is nothing."""
    calls = [
        Call({"amount": at % 3, "who": f"u{at}"}, at * 2, call_id=f"c-{at}" if ids else None)
        for at in range(len(edits))
    ]
    seen: list[Call] = []
    expected: list[tuple[str, int]] = []
    for at, (call, edit) in enumerate(zip(calls, edits, strict=True)):
        if edit != "remove":
            changed: dict[str, dict[str, Any]] = {
                "change": {"params": {**call.params, "who": "x"}},
                "fail": {"status": "error"},
            }
            seen.append(replace(call, **changed.get(edit, {})))
        codes = {
            "keep": [],
            "remove": ["recorded-not-acted"],
            "change": ["arguments-differ"] if ids else ["recorded-not-acted", "acted-not-recorded"],
            "fail": ["outcome-differs"],
        }
        expected += [(code, -1 if "acted-not-" in code else at) for code in codes[edit]]
    seen += [
        Call({"amount": 50 + at}, 1, call_id=f"n-{at}" if ids else None) for at in range(added)
    ]
    expected += [("acted-not-recorded", -1)] * added
    # What is not covered is another matter: the map says that all of it is.
    covers = {
        "from": "2026-03-01T09:00:00Z",
        "to": "2026-03-01T10:00:00Z",
        "tools": ["pay"],
    }
    with TemporaryDirectory() as folder:
        made = record(Path(folder) / "l.db", calls)
        ids_of: list[set[str]] = []
        for turn in range(2):
            random.Random(seed + turn).shuffle(seen)
            log = WRITERS[kind](Path(folder) / f"log-{turn}", seen)
            reads = mapped(covers=covers, format=kind)
            report = made.report((log, reads), conformance=False)
            place = {entry: at for at, entry in enumerate(made.entries)}
            assert sorted((code, place.get(at, -1)) for code, _, at in found(report)) == sorted(
                expected
            )
            assert {result for _, result, _ in found(report)} <= {"violated"}
            ids_of.append({one.id for one in report.findings})
        assert ids_of[0] == ids_of[1]


def test_the_report_has_the_member(tmp_path: Path) -> None:
    """It is a list, and empty where nothing was compared."""
    built = build_ledger(tmp_path)
    assert json.loads(json_report(verify_ledger(built.path)))["against"] == []


# --------------------------------------------------------------------- what cannot be seen


def test_a_sealed_value_is_not_compared(tmp_path: Path) -> None:
    """What is sealed is undecidable, what is not is compared, and what is shown is too."""
    opening = Opening("/params/amount", bytes(range(32)), encode(5))
    sealed = {"amount": {"sealed": opening.commitment}, "who": "u"}
    calls = [Call(sealed, 0, call_id="c-0"), Call(sealed, 20)]
    made = record(tmp_path / "l.db", calls)
    seen = [
        Call({"amount": 6, "who": "u"}, at, call_id=one) for at, one in ((0, "c-0"), (20, None))
    ]
    report = made.report(as_otlp(tmp_path / "one", seen))
    assert found(report) == [("arguments-differ", "undecidable", one) for one in made.entries]
    assert {one.reason for one in report.findings if "arguments" in one.code} == {
        "params.amount is sealed, and is lost"
    }
    other = [seen[0], Call({"amount": 6, "who": "v"}, 20)]
    assert sorted(found(made.report(as_otlp(tmp_path / "two", other)))) == [
        ("acted-not-recorded", "violated", made.entries[0] - 1),
        ("arguments-differ", "undecidable", made.entries[0]),
        ("recorded-not-acted", "violated", made.entries[1]),
    ]


def test_a_bundle_that_withholds(shop: Recorded, tmp_path: Path) -> None:
    """What is withheld may be the call: then nobody can say that it was not recorded."""
    missing = shop.entries[1]
    out = tmp_path / "bundle"
    with Store.open(shop.path) as store:
        write_bundle(store, out, lambda index: index not in {missing, missing + 1})
    log = as_csv(tmp_path / "log.csv", CALLS)
    report = verify_ledger(out, shop.desk.trust(), against=Reconciliation([(log, None)]))
    assert found(report) == [("acted-not-recorded", "undecidable", shop.entries[0] - 1)]
    (one,) = [each for each in report.findings if each.code == "coverage.acted-not-recorded"]
    assert one.reason.startswith("withheld: ")


def test_tiles_have_nothing_to_compare(tmp_path: Path) -> None:
    """Tiles hold no records."""
    (tmp_path / "tile").mkdir()
    log = as_csv(tmp_path / "log.csv", CALLS)
    with pytest.raises(SourceError) as refused:
        verify_ledger(tmp_path, against=Reconciliation([(log, None)]))
    assert refused.value.code == "against.tiles"
