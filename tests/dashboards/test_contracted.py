"""Contracts: which was in force when, how each rule came out, what its scenarios exercise."""

from pathlib import Path

import pytest

from contracts.library import contract_text, scenario_texts
from dashboards import charts, contracted, queries
from dashboards.contracted import Rehearsed
from dashboards.tables import Tables
from ledger.encoding import digest
from tests.dashboards.ledgers import desk, empty, tables


@pytest.fixture(scope="module")
def at_desk(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """A ledger with one contract."""
    return tables(desk(), tmp_path_factory.mktemp("desk"))


def test_the_version_in_force_has_its_results(at_desk: Tables) -> None:
    """They are the report's, and so are those of each rule."""
    (one,) = contracted.versions(at_desk)
    assert (one.title, one.until) == ("desk 1.0.0", "")
    total = at_desk.report.conformance.total()
    assert one.results == (total.satisfied, total.violated, total.undecidable, total.handled)
    rows = contracted.rules(at_desk, one.digest)
    assert len(rows) == one.rules
    assert sum(not row.asked for row in rows) == one.silent
    assert sum(row.results[1] for row in rows) == total.violated


def test_the_chart_says_what_was_in_force(at_desk: Tables) -> None:
    """In words too; without a contract there is no chart."""
    found = contracted.versions(at_desk)
    figure = charts.versions_in_force(found, queries.span(at_desk)[1])
    assert figure is not None
    assert "desk 1.0.0 from 2026" in figure.alt
    assert "the end of the ledger" in figure.alt
    assert charts.versions_in_force((), "") is None


def test_a_ledger_without_runs_has_its_contract(tmp_path: Path) -> None:
    """No rule of it was ever asked, which is said and is no pass."""
    found = tables(empty(), tmp_path)
    (one,) = contracted.versions(found)
    assert one.judged == 0
    assert one.silent == len(contracted.rules(found, one.digest))


def test_a_contract_is_compared_with_itself(at_desk: Tables) -> None:
    """Nothing differs; what is not there cannot be compared."""
    (one,) = contracted.versions(at_desk)
    assert "No difference" in contracted.differing(at_desk, one.digest, one.digest)
    with pytest.raises(LookupError):
        contracted.differing(at_desk, one.digest, "ab" * 32)


def test_scenarios_come_with_the_contracts_of_the_library(
    at_desk: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are played; another contract has none."""
    (one,) = contracted.versions(at_desk)
    assert not contracted.has_scenarios(at_desk, one.digest)
    text = contract_text("access-granting", "1.0.0")
    few = {
        name: raw
        for name, raw in scenario_texts("access-granting").items()
        if name in {"setting.yaml", "tools.yaml"}
    }
    texts = {digest(text.encode()): text, one.digest: "not: [a contract"}

    def text_of(_: Tables, which: str) -> str:
        return texts[which]

    def scenarios_of(_: str) -> dict[str, bytes]:
        return few

    monkeypatch.setattr(contracted, "text_of", text_of)
    monkeypatch.setattr(contracted, "scenario_texts", scenarios_of)
    found = contracted.rehearsed(at_desk, digest(text.encode()))
    assert isinstance(found, Rehearsed)
    assert found.failed == ()
    assert found.passed == found.played > 0
    assert found.missing != ()
    assert found.unexercised != ()
    assert isinstance(contracted.rehearsed(at_desk, one.digest), str)
