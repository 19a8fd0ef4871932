"""The pages of one entry and of the contracts, run as Streamlit runs them."""

from pathlib import Path

import pytest

from dashboards import session
from tests.dashboards.ledgers import broken, desk, empty, hostile
from tests.dashboards.visits import Visitor, fine, links, saved, words

pytestmark = pytest.mark.usefixtures("forgotten")


def test_an_entry_is_shown_with_what_is_around_it(visitor: Visitor, tmp_path: Path) -> None:
    """Its record, its evidence, its findings; by number and by digest."""
    visitor.starts(*saved(desk(), tmp_path))
    app = fine(visitor.opens(session.EVIDENCE, entry="5"))
    shown = words(app)
    assert "Entry 5 · action" in shown
    assert "It rests on" in shown
    assert "is about it" in shown
    assert any(link.label.startswith("Open F-") for link in links(app))
    assert "no valid entry" in words(fine(visitor.opens(session.EVIDENCE, entry="4000")))
    assert "no valid entry" in words(fine(visitor.opens(session.EVIDENCE, entry="' OR 1=1 --")))
    assert "Name an entry" in words(fine(visitor.opens(session.EVIDENCE)))


def test_a_proof_is_made_on_request(visitor: Visitor, tmp_path: Path) -> None:
    """The address says that it was asked for, so that a reload shows it again."""
    visitor.starts(*saved(desk(), tmp_path))
    app = fine(visitor.opens(session.EVIDENCE, entry="5"))
    app.button(key="make_proof").click().run()
    assert app.query_params["proof"] == "yes"
    assert "writ proof --check entry-5.tlog-proof" in words(fine(app))


def test_contracts_are_shown_with_their_rules(visitor: Visitor, tmp_path: Path) -> None:
    """The one in force, and that no scenarios come with it; none is said to be none."""
    visitor.starts(*saved(desk(), tmp_path))
    shown = words(fine(visitor.opens(session.CONTRACTS)))
    assert "1 activation of 1 service" in shown
    assert "No scenarios come with this contract" in shown


@pytest.mark.parametrize("page", [session.EVIDENCE, session.CONTRACTS])
def test_a_broken_ledger_shows_nothing_else(page: str, visitor: Visitor, tmp_path: Path) -> None:
    """Only where and why."""
    visitor.starts(broken(tmp_path / "b.db"))
    app = fine(visitor.opens(page, entry="5"))
    assert "This ledger is broken" in words(app)
    assert not app.title


def test_what_an_agent_wrote_is_no_markup(visitor: Visitor, tmp_path: Path) -> None:
    """Every entry of a hostile ledger can be looked at."""
    visitor.starts(*saved(hostile(), tmp_path))
    for index in range(4, 12):
        fine(visitor.opens(session.EVIDENCE, entry=str(index)))


def test_an_empty_ledger_has_entries_and_a_contract(visitor: Visitor, tmp_path: Path) -> None:
    """Genesis rests on nothing, and the contract was never asked."""
    visitor.starts(*saved(empty(), tmp_path))
    assert "It names no other record." in words(fine(visitor.opens(session.EVIDENCE, entry="0")))
    assert "never asked of a record" in words(fine(visitor.opens(session.CONTRACTS)))
