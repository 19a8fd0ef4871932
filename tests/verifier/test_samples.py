"""Samples of controls: whom they are drawn from, that they are fair, and what a pack shows."""

import csv
import io
import json
import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jsonschema_rs
import pytest

from ledger.encoding import digest
from ledger.proof import check_proof, make_proof
from tests.verifier.forge import Desk
from verifier.engines import Engines
from verifier.errors import SourceError
from verifier.load import open_source, verify_ledger
from verifier.pack_checking import RefusedPackError, check_pack
from verifier.pack_forms import (
    CHECKPOINT,
    INDEX,
    README,
    TABLE,
    Control,
    Item,
    Page,
    Population,
    harmless_cell,
    table,
)
from verifier.pack_making import Sampled, pack
from verifier.published import SCHEMAS, json_schema, schema_text
from verifier.report import Report
from verifier.reports import json_report
from verifier.sampling import Draw, SampleError, Samples
from verifier.trust import Trust

TRUST = b"{}"
DOCS = Path(__file__).resolve().parents[2] / "docs" / "reference"
Files = dict[str, bytes]


def desk() -> Desk:
    """Return a ledger in which rules hold, are broken, cannot be decided, and are handled."""
    made = Desk()
    for number in range(12):
        made.paid(number)
    made.sign_head()
    made.paid(look=False)
    made.paid(2000)
    run = made.open_run()
    made.end(run, made.act(run, "pay", {}))
    denied: dict[str, Any] = {"effect": "deny", "reasons": []}
    made.end(run, made.act(run, "pay", {"amount": 2}, decision=denied), "abandoned")
    made.close_run(run)
    made.sign_head()
    return made


@dataclass(frozen=True)
class Scene:
    """A ledger, what was drawn from it, and the pack of that."""

    path: Path
    desk: Desk
    trust: Trust
    report: Report
    samples: Samples
    files: Files

    def pack(self, samples: Samples, report: Report | None = None) -> Files:
        """Return the pack of samples."""
        source = open_source(self.path)
        try:
            sampled = Sampled(report or self.report, samples, TRUST)
            return dict(pack(sampled, source, self.desk.notes[-1][1]))
        finally:
            source.close()


def drawn_from(path: Path, trust: Trust, number: int, seed: str = "s") -> tuple[Report, Samples]:
    """Verify a ledger and draw."""
    samples = Samples(number, seed, trust.genesis)
    return verify_ledger(path, trust, samples=samples), samples


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Five items of every control."""
    made = desk()
    path = made.save(tmp_path_factory.mktemp("sampled") / "l.db")
    trust = made.trust()
    report, samples = drawn_from(path, trust, 5)
    bare = Scene(path, made, trust, report, samples, {})
    return replace(bare, files=bare.pack(samples))


# ------------------------------------------------------------------------- populations


def test_populations_are_what_the_report_counts(scene: Scene) -> None:
    """Each result once, whichever engine made the report."""
    results: Counter[str] = Counter()
    for count in scene.report.conformance.counts:
        found = scene.samples.population(count.contract, count.rule)
        tally = count.tally
        said = {
            "satisfied": tally.satisfied,
            "violated": tally.violated,
            "undecidable": tally.undecidable,
            "handled": tally.handled,
        }
        assert {name: found[name] for name in said} == said, count.rule
        results += found
    assert min(results[name] for name in ("satisfied", "violated", "undecidable", "handled")) > 0
    for engines in Engines:
        again = verify_ledger(scene.path, scene.trust, engines=engines)
        assert json_report(again) == json_report(scene.report)


def test_an_obligation_is_drawn_where_it_began(scene: Scene) -> None:
    """Also one that was met later, by another record."""
    contract = scene.report.conformance.contracts[0].digest
    population = scene.samples.population(contract, "recovery.outcome")
    assert population["satisfied"] > 5
    for one in scene.samples.drawn(contract, "recovery.outcome"):
        assert json.loads(scene.desk.records[one.index])["kind"] == "action"
        assert one.rests_on


def test_a_verification_begins_anew(scene: Scene) -> None:
    """Samples that were used before hold nothing of that."""
    samples = Samples(5, "s", scene.trust.genesis)
    verify_ledger(scene.path, scene.trust, samples=samples)
    report = verify_ledger(scene.path, scene.trust, samples=samples)
    assert scene.pack(samples, report) == scene.files


# ------------------------------------------------------------------------------ draws


def test_the_smallest_numbers_are_drawn(scene: Scene) -> None:
    """Against sorting them all; whatever the order they come in."""
    draw = Draw("x", "00" * 32, "11" * 32, "a.rule")
    indexes = list(range(3, 2000, 7))
    smallest = sorted(indexes, key=draw.number)[:20]
    for seed in range(5):
        random.Random(seed).shuffle(indexes)
        samples = Samples(20, "x", "00" * 32)
        for index in indexes:
            samples.note("11" * 32, "a.rule", index, "satisfied")
        assert [one.index for one in samples.drawn("11" * 32, "a.rule")] == smallest
    assert scene.samples.drawn("11" * 32, "a.rule") == ()


def test_a_sample_is_the_beginning_of_a_larger_one(scene: Scene) -> None:
    """Whoever wants more keeps what there is."""
    _, more = drawn_from(scene.path, scene.trust, 6)
    for count in scene.report.conformance.counts:
        key = count.contract, count.rule
        assert scene.samples.drawn(*key) == more.drawn(*key)[:5]


def test_everything_takes_part_in_a_number() -> None:
    """Seed, ledger, contract, rule and index; and none can pass for a part of its neighbour."""
    base = ("s", "00" * 32, "11" * 32, "a.rule")
    numbers = {Draw(*base).number(1), Draw(*base).number(2)}
    for place, other in enumerate(("t", "22" * 32, "33" * 32, "b.rule")):
        changed = [*base]
        changed[place] = other
        numbers.add(Draw(*changed).number(1))
    assert len(numbers) == 6


def test_the_draw_is_uniform() -> None:
    """Chi-square over many seeds: each of 20 entries is drawn as often as any other.

    Without replacement the statistic is smaller by (N - n) / (N - 1): with 19 degrees of freedom it
    is under 43.82 in 999 of 1000 cases, and over 5.41 in 999 of 1000.
    """
    size, number, seeds = 20, 5, 2_000
    counts: Counter[int] = Counter()
    for seed in range(seeds):
        samples = Samples(number, f"seed {seed}", "00" * 32)
        for index in range(size):
            samples.note("11" * 32, "a.rule", index, "satisfied")
        counts.update(one.index for one in samples.drawn("11" * 32, "a.rule"))
    expected = seeds * number / size
    statistic = sum((counts[index] - expected) ** 2 / expected for index in range(size))
    statistic *= (size - 1) / (size - number)
    assert 5.41 < statistic < 43.82


@pytest.mark.parametrize(
    ("number", "seed", "code"),
    [
        (0, "s", "sample.number"),
        (-1, "s", "sample.number"),
        (100_001, "s", "sample.number"),
        (1, "", "sample.seed"),
        (1, "a\nb", "sample.seed"),
        (1, "x" * 201, "sample.seed"),
    ],
)
def test_what_cannot_be_drawn(number: int, seed: str, code: str) -> None:
    """No number, or no seed: a line break would let a seed speak for the ledger."""
    with pytest.raises(SampleError) as caught:
        Samples(number, seed, "00" * 32)
    assert caught.value.code == code


# ------------------------------------------------------------------------------ packs


def test_a_pack_is_the_same_bytes(scene: Scene, tmp_path: Path) -> None:
    """From the same ledger in another file, and from a bundle of it."""
    assert scene.pack(scene.samples) == scene.files
    other = desk().save(tmp_path / "other.db")
    report, samples = drawn_from(other, scene.trust, 5)
    assert replace(scene, path=other).pack(samples, report) == scene.files
    assert list(scene.files)[-1] == INDEX


def test_a_pack_has_its_published_form(scene: Scene) -> None:
    """Index and pages fit the schemas, and these are those of the code."""
    index = json.loads(scene.files[INDEX])
    for name in SCHEMAS:
        why = f"{name} is another: run python -m verifier.published"
        assert (DOCS / name).read_text("utf-8") == schema_text(name), why
    validator = jsonschema_rs.validator_for(json_schema("sample.schema.json"))
    validator.validate(index)
    pages = jsonschema_rs.validator_for(json_schema("sample-control.schema.json"))
    for control in index["controls"]:
        pages.validate(json.loads(scene.files[control["file"]]))
    assert not validator.is_valid({**index, "more": 1})


def test_a_pack_shows_its_evidence(scene: Scene) -> None:
    """Each item: the record as recorded, a proof that stands alone, and what it rests on."""
    index = json.loads(scene.files[INDEX])
    assert index["files"] == {
        name: digest(raw) for name, raw in scene.files.items() if name != INDEX
    }
    broken: list[str] = []
    page: dict[str, Any]
    for control in index["controls"]:
        broken += [one["finding"] for one in control["exceptions"]]
        page = json.loads(scene.files[control["file"]])
        assert len(page["items"]) == min(5, control["population"]["size"])
        for item in page["items"]:
            for at in (item["index"], *item["rests_on"]):
                raw = scene.files[f"entries/{at}.record.json"]
                assert raw == scene.desk.records[at]
                proof = check_proof(scene.files[f"entries/{at}.tlog-proof"], scene.trust.genesis)
                assert proof.digest == digest(raw)
            said = json.loads(scene.desk.records[int(item["index"])])
            assert (item["identity"], item["kind"]) == (said["by"], said["kind"])
    assert sorted(broken) == sorted(
        one.id
        for one in scene.report.findings
        if one.contract and one.result != "handled" and one.code.split(".")[0] != "decision"
    )
    checked = check_pack(frozenset(scene.files), scene.files.__getitem__, scene.trust)
    assert checked.items == sum(one["drawn"] for one in index["controls"])
    assert checked.index.unproven == ()


def test_entries_under_no_head_are_said_to_be(tmp_path: Path, scene: Scene) -> None:
    """They are drawn like others, and have no proof."""
    made = desk()
    made.paid()
    path = made.save(tmp_path / "l.db")
    report, samples = drawn_from(path, scene.trust, 50)
    files = replace(scene, path=path).pack(samples, report)
    checked = check_pack(frozenset(files), files.__getitem__, scene.trust)
    head = made.notes[-1][0]
    assert checked.index.unproven
    assert min(checked.index.unproven) >= head
    for at in checked.index.unproven:
        assert f"entries/{at}.tlog-proof" not in files
        assert f"entries/{at}.record.json" in files


def test_what_is_not_drawn_from(tmp_path: Path, scene: Scene) -> None:
    """Integrity alone, samples of another verification, and a ledger that changed meanwhile."""
    alone = verify_ledger(scene.path, scene.trust, conformance=False)
    for samples, report, code in (
        (scene.samples, alone, "sample.undecided"),
        (Samples(5, "s", scene.trust.genesis), scene.report, "sample.population"),
    ):
        with pytest.raises(SampleError) as caught:
            scene.pack(samples, report)
        assert caught.value.code == code
    other = Desk()
    for _ in range(20):
        other.paid()
    other.sign_head()
    moved = replace(scene, path=other.save(tmp_path / "other.db"))
    with pytest.raises((SampleError, SourceError)) as refused:
        moved.pack(scene.samples)
    assert refused.value.code == "sample.changed"


# ----------------------------------------------------------------------------- tables

HOSTILE = (
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\uff1d1",
    ' "=1',
    "a;=1",
    'a";"=1',
    "a\t@x",
    "a\n-x",
    "a|+x",
    "a,=x",
    ";;=x",
    "\t\t",
)


# What is before the sign may be blanks and quotes, which some programs take away.
BEGINS = re.compile(r"""[\s"]*[=+\-@\uff1d\uff0b\uff0d\uff20]""")


def test_no_cell_begins_a_formula() -> None:
    """However a spreadsheet splits the lines: at commas, semicolons, tabs or bars."""
    population = Population(size=1, satisfied=1, violated=0, undecidable=0, handled=0)
    for text in HOSTILE:
        item = Item(
            number="00" * 32,
            index=1,
            result="satisfied",
            recorded_at="",
            kind="action",
            run=text,
            identity=text,
            tool=text,
            record="00" * 32,
            rests_on=(),
            finding="",
            expected=text,
            recorded=text,
            reason=text,
            handled=text,
        )
        control = Control(
            file="",
            contract="11" * 32,
            name=text,
            version=text,
            rule=text,
            clause="",
            effect="",
            line=0,
            says="",
            population=population,
            drawn=1,
            cut="",
            exceptions=(),
        )
        page = Page(schema_="writ/sample-control/v1", contract="11" * 32, rule=text, items=(item,))
        raw = table([(control, page)], frozenset()).decode("utf-8-sig")
        (_, row) = csv.reader(io.StringIO(raw, newline=""))
        assert len(row) == 20
        for separator in ",;\t|":
            rows = csv.reader(io.StringIO(raw, newline=""), delimiter=separator)
            for cell in (cell for line in rows for cell in line):
                assert not BEGINS.match(cell), (text, separator, cell)
    assert harmless_cell("spiffe://shop.example/desk-1 = 2+2") == (
        "spiffe://shop.example/desk-1 = 2+2"
    )


def test_the_table_has_every_item(scene: Scene) -> None:
    """One row each, in UTF-8 that a spreadsheet takes for it."""
    raw = scene.files[TABLE]
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"))))
    index = json.loads(scene.files[INDEX])
    assert len(rows) == sum(one["drawn"] for one in index["controls"])
    pages = [json.loads(scene.files[one["file"]])["items"] for one in index["controls"]]
    drawn = [(item["result"], str(item["index"])) for items in pages for item in items]
    assert [(row["result"], row["entry"]) for row in rows] == drawn
    assert {"satisfied", "violated"} <= {result for result, _ in drawn}
    assert all(row["record file"] in scene.files for row in rows)


# ----------------------------------------------------------------------------- attacks

Edit = Callable[[dict[str, Any], Files], None]


def _control(index: dict[str, Any], rule: str = "policy.looked") -> dict[str, Any]:
    return next(one for one in index["controls"] if one["rule"] == rule)


def _on_page(edit: Callable[[list[dict[str, Any]]], object]) -> Edit:
    """Return an edit of the items of one control."""

    def change(index: dict[str, Any], files: Files) -> None:
        name = _control(index)["file"]
        page = json.loads(files[name])
        edit(page["items"])
        files[name] = json.dumps(page).encode()

    return change


def _other_seed(index: dict[str, Any], _files: Files) -> None:
    index["draw"]["seed"] = "another"


def _fewer(index: dict[str, Any], _files: Files) -> None:
    index["draw"]["number"] = 4


def _population(index: dict[str, Any], _files: Files) -> None:
    population = _control(index)["population"]
    population["size"] += 1
    population["satisfied"] += 1
    population["size"] -= 1


def _hidden(index: dict[str, Any], files: Files) -> None:
    """Leave a violated item out of the page, and draw the next one instead."""
    control = _control(index)
    page = json.loads(files[control["file"]])
    broken = {one["index"] for one in control["exceptions"]}
    page["items"] = [one for one in page["items"] if one["index"] not in broken]
    control["drawn"] = len(page["items"])
    files[control["file"]] = json.dumps(page).encode()


def _all_hidden(index: dict[str, Any], files: Files) -> None:
    """Draw five that hold, and say truly which were broken."""
    control = _control(index)
    other = json.loads(files[_control(index, "tools.allowed")["file"]])["items"]
    page = json.loads(files[control["file"]])
    broken = {one["index"] for one in control["exceptions"]}
    page["items"] = [one for one in page["items"] if one["index"] not in broken]
    for one in other:
        draw = Draw("s", index["ledger"]["genesis"], control["contract"], control["rule"])
        if len(page["items"]) < 5 and one["index"] not in broken:
            page["items"].append({**one, "number": draw.number(one["index"])})
    unique = {one["index"]: one for one in page["items"]}
    page["items"] = sorted(unique.values(), key=lambda one: one["number"])
    control["drawn"] = len(page["items"])
    control["cut"] = page["items"][-1]["number"]
    files[control["file"]] = json.dumps(page).encode()


def _no_exceptions(index: dict[str, Any], _files: Files) -> None:
    _control(index)["exceptions"] = []


def _other_exception(index: dict[str, Any], _files: Files) -> None:
    _control(index)["exceptions"][0]["index"] += 1


def _record(_index: dict[str, Any], files: Files) -> None:
    name = next(name for name in files if name.endswith(".record.json"))
    files[name] = files[name].replace(b"spiffe", b"spIffe")


def _proof_of_another(_index: dict[str, Any], files: Files) -> None:
    one, other = [name for name in files if name.endswith(".tlog-proof")][:2]
    files[one] = files[other]


def _cut(index: dict[str, Any], _files: Files) -> None:
    _control(index, "tools.allowed")["cut"] = "ff" * 32


def _older_head(_index: dict[str, Any], files: Files) -> None:
    """A proof that holds, under another head of the same ledger."""
    made = desk()
    name = min(name for name in files if name.endswith(".tlog-proof"))
    at = int(name.split("/")[1].split(".")[0])
    with TemporaryDirectory() as folder:
        source = open_source(made.save(Path(folder) / "l.db"))
        files[name] = make_proof(source, at, made.notes[0][1])
        source.close()


def _swapped(items: list[dict[str, Any]]) -> None:
    items[0], items[1] = items[1], items[0]


def _proof_gone(index: dict[str, Any], files: Files) -> None:
    name = next(name for name in files if name.endswith(".tlog-proof"))
    del files[name], index["files"][name]


def _said_unproven(index: dict[str, Any], files: Files) -> None:
    name = next(name for name in files if name.endswith(".tlog-proof"))
    index["unproven"] = [int(name.split("/")[1].split(".")[0])]


def _extra(_index: dict[str, Any], files: Files) -> None:
    files["entries/more.txt"] = b"more"


def _table(_index: dict[str, Any], files: Files) -> None:
    files[TABLE] = files[TABLE].replace(b"violated", b"handled ")


def _readme(_index: dict[str, Any], files: Files) -> None:
    files[README] += b"All is well.\n"


def _head(index: dict[str, Any], _files: Files) -> None:
    index["head"]["size"] -= 1


def _other_ledger(index: dict[str, Any], _files: Files) -> None:
    index["ledger"]["genesis"] = "11" * 32


def _renamed(index: dict[str, Any], files: Files) -> None:
    control = _control(index)
    files["other.json"] = files.pop(control["file"])
    del index["files"][control["file"]]
    control["file"] = "other.json"


def _unknown(index: dict[str, Any], _files: Files) -> None:
    index["approved"] = True


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (_other_seed, "sample.draw"),
        (_fewer, "sample.population"),
        (_population, "sample.population"),
        (_hidden, "sample.population"),
        (_all_hidden, "sample.draw"),
        (_no_exceptions, "sample.population"),
        (_other_exception, "sample.finding"),
        (_record, "sample.record"),
        (_proof_of_another, "sample.proof"),
        (_proof_gone, "sample.proof"),
        (_said_unproven, "sample.unproven"),
        (_extra, "sample.file"),
        (_table, "sample.table"),
        (_readme, "sample.readme"),
        (_head, "sample.head"),
        (_other_ledger, "sample.ledger"),
        (_renamed, "sample.control"),
        (_unknown, "sample.malformed"),
        (_cut, "sample.draw"),
        (_older_head, "sample.proof"),
        (_on_page(_swapped), "sample.draw"),
        (_on_page(lambda items: items.pop()), "sample.file"),
        (_on_page(lambda items: items[0].update(index=items[1]["index"])), "sample.draw"),
        (_on_page(lambda items: items[0].update(tool="look up")), "sample.item"),
        (_on_page(lambda items: items[0].update(identity="somebody")), "sample.item"),
        (_on_page(lambda items: items[0].update(recorded_at="2020")), "sample.item"),
        (_on_page(lambda items: items[0].update(run="")), "sample.item"),
        (_on_page(lambda items: items[0].update(finding="F-00")), "sample.finding"),
        (_on_page(lambda items: items[0].update(rests_on=[1, 2, 3])), "sample.proof"),
    ],
)
def test_a_pack_that_was_changed(scene: Scene, edit: Edit, code: str) -> None:
    """Whoever changes a pack writes its index anew: each file is the one that it names."""
    files = dict(scene.files)
    index = json.loads(files.pop(INDEX))
    edit(index, files)
    index["files"] = {name: digest(raw) for name, raw in files.items()}
    files[INDEX] = json.dumps(index).encode()
    with pytest.raises(SampleError) as caught:
        check_pack(frozenset(files), files.__getitem__, scene.trust)
    assert caught.value.code == code
    assert isinstance(caught.value, RefusedPackError) is (code != "sample.malformed")


def test_a_result_that_was_whitewashed(scene: Scene) -> None:
    """A violated item said to be satisfied: the index lists it, and it would have to be there."""
    files = dict(scene.files)
    index = json.loads(files[INDEX])
    changed = False
    for control in index["controls"]:
        page = json.loads(files[control["file"]])
        for item in page["items"]:
            if item["result"] == "violated":
                item.update(result="satisfied", finding="")
                changed = True
        files[control["file"]] = json.dumps(page).encode()
    assert changed
    index["files"] = {name: digest(raw) for name, raw in files.items() if name != INDEX}
    files[INDEX] = json.dumps(index).encode()
    with pytest.raises(RefusedPackError) as caught:
        check_pack(frozenset(files), files.__getitem__, scene.trust)
    assert caught.value.code == "sample.draw"


def test_a_pack_is_of_one_trust(scene: Scene) -> None:
    """Another ledger's trust file, and one that asks for witnesses."""

    def code(trust: Trust, files: Files) -> str:
        with pytest.raises(SampleError) as caught:
            check_pack(frozenset(files), files.__getitem__, trust)
        return caught.value.code

    assert code(replace(scene.trust, genesis="11" * 32), scene.files) == "sample.ledger"
    assert code(replace(scene.trust, origin="a.example"), scene.files) == "sample.ledger"
    assert code(replace(scene.trust, quorum=1), scene.files) == "sample.proof"
    assert code(scene.trust, {}) == "sample.malformed"
    assert code(scene.trust, {INDEX: b"{"}) == "sample.malformed"
    gone = {name: raw for name, raw in scene.files.items() if name != CHECKPOINT}
    assert code(scene.trust, gone) == "sample.file"
    changed = {**scene.files, CHECKPOINT: scene.files[CHECKPOINT] + b"\n"}
    assert code(scene.trust, changed) == "sample.file"
