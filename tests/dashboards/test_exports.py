"""What is carried away of a run: redacted unless somebody asks for all, and verifiable."""

import json
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import pytest

from dashboards import session
from dashboards.answering import answer
from dashboards.asking import AskedError, ExportAsked, Over
from dashboards.exports import BUNDLE, HTML
from dashboards.preparing import Asked as Opening
from dashboards.replaying import Desk
from dashboards.tables import Temporary
from dashboards.views.exporting import OFFER
from tests.dashboards.ledgers import HOSTILE, hostile
from tests.dashboards.replay_visits import the_till
from tests.dashboards.visits import Visitor, fine, links, saved, words
from tests.verifier.forge import SERVICE
from tests.verifier.forge import Desk as Forge
from verifier.load import open_source, verify_ledger
from verifier.report import IntegrityVerdict

pytestmark = pytest.mark.usefixtures("forgotten_at_last", "patient")

RUN = "till-3"
PERSONAL = ("customer-3@example.com", "pay customer 3", "I pay customer-3.", "C-3", "P-3")


@pytest.fixture(scope="module")
def desk(till_files: tuple[Path, Path]) -> Generator[Desk]:
    """The till, opened for questions."""
    opened = Desk(Opening(str(till_files[0]), the_till().trust()))
    yield opened
    opened.close()


def written(desk: Desk, asked: ExportAsked) -> Path:
    """Return the file that an export wrote."""
    folder = Temporary()
    found = answer(desk, asked, Path(folder.name), lambda _part, _share: None)
    kept = Path(desk.asked.ledger).parent / f"{asked.kind}-{asked.full}-{found.file}"
    kept.write_bytes((Path(folder.name) / found.file).read_bytes())
    return kept


def kinds(path: Path) -> dict[str, int]:
    """Return how many records a bundle has, by kind."""
    found: dict[str, int] = {}
    for record in records(path).values():
        kind = str(json.loads(record)["kind"])
        found[kind] = found.get(kind, 0) + 1
    return found


def records(path: Path) -> dict[int, bytes]:
    """Return the records that a bundle has, by entry."""
    with closing(open_source(path)) as source:
        rows = source.rows(stop=source.size())
        return {row.idx: row.record for row in rows if row.record is not None}


def test_a_bundle_is_redacted_unless_all_is_asked_for(desk: Desk) -> None:
    """Both can be verified; what was said is in one alone, and no other run in either."""
    small = written(desk, ExportAsked(BUNDLE, Over(run=RUN)))
    whole = written(desk, ExportAsked(BUNDLE, Over(run=RUN), full=True))
    assert "message" not in kinds(small)
    assert kinds(whole)["message"] == 1
    assert kinds(small)["action"] == kinds(whole)["action"] == 1
    for path in (small, whole):
        report = verify_ledger(path, the_till().trust())
        assert report.integrity.verdict is IntegrityVerdict.HOLDS
        assert report.conformance.records["action"] == 1


def test_a_report_is_redacted_unless_all_is_asked_for(desk: Desk) -> None:
    """No text that a record brought in is left; decisions, rules and numbers are."""
    small = written(desk, ExportAsked(HTML, Over(run=RUN))).read_text()
    whole = written(desk, ExportAsked(HTML, Over(run=RUN), full=True)).read_text()
    for text in PERSONAL:
        assert text not in small
    for text in (PERSONAL[2], PERSONAL[3]):
        assert text in whole
    for kept in ("redacted", "withheld", "pay", "61", "allow"):
        assert kept in small


def test_a_hostile_run_leaves_nothing_in_a_redacted_report(tmp_path: Path) -> None:
    """Whatever an agent wrote wherever it could: only the name of the tool remains."""
    path, _ = saved(hostile(), tmp_path)
    mine = Desk(Opening(str(path), hostile().trust()))
    small = written(mine, ExportAsked(HTML, Over(run=HOSTILE))).read_text()
    assert "<script>alert" not in small
    mine.close()


def test_nothing_that_somebody_wrote_is_in_a_redacted_report(tmp_path: Path) -> None:
    """Neither what a run is called, nor how it ended, nor why a switch was pulled meanwhile."""
    forge = Forge()
    run = forge.open_run(ref="order of Anna", goal="repay Anna")
    forge.submit(
        "steward",
        forge.make(
            "switch",
            "steward",
            service=SERVICE,
            mode="kill",
            state="engaged",
            reason="Anna called",
        ),
    )
    forge.end(run, forge.act(run, "pay", {"amount": 5}, target="Anna"))
    forge.close_run(run, outcome="refunded Anna")
    forge.sign_head()
    path, _ = saved(forge, tmp_path)
    mine = Desk(Opening(str(path), forge.trust()))
    whole = written(mine, ExportAsked(HTML, Over(run=run), full=True)).read_text()
    small = written(mine, ExportAsked(HTML, Over(run="order of Anna"))).read_text()
    assert "refunded Anna" in whole
    assert "Anna called" in whole
    assert "Anna" not in small
    mine.close()


@pytest.mark.parametrize(
    "asked",
    [
        ExportAsked(BUNDLE, Over(run="none")),
        ExportAsked(HTML, Over(run="none")),
        ExportAsked(BUNDLE, Over(incident="F-none")),
    ],
)
def test_what_is_not_there_is_not_exported(desk: Desk, asked: ExportAsked) -> None:
    """It is said, and no empty file is handed out."""
    with pytest.raises(AskedError, match="no "):
        written(desk, asked)


def test_a_finding_has_a_bundle_of_its_own(desk: Desk) -> None:
    """With its entry, what that rests on, and all governance."""
    ledger = desk.ledger(lambda _part, _share: None)
    finding = ledger.report.findings[0]
    there = records(written(desk, ExportAsked(BUNDLE, Over(incident=finding.id))))
    assert finding.index in there
    assert len(there) < ledger.report.ledger.size


def test_the_run_page_makes_what_is_asked_for(at_the_till: Visitor) -> None:
    """Nothing before, redacted first, and all of it only after a word of warning."""
    app = fine(at_the_till.opens(session.RUN, run=RUN))
    assert not [link for link in links(app) if link.label == "What could be undone of it"]
    app.session_state[OFFER] = True
    fine(app.run())
    labels = [link.label for link in links(app)]
    assert "What could be undone of it" in labels
    assert not app.get("download_button")
    app.button(key=f"make-{HTML}").click().run()
    assert len(fine(app).get("download_button")) == 1
    app.toggle(key="export_full").set_value(True).run()
    assert not fine(app).get("download_button")
    assert "With everything in it, personal data too." in words(app)
    app.button(key=f"make-{BUNDLE}").click().run()
    assert "records; the others are withheld" in words(fine(app))
    assert len(app.get("download_button")) == 1
