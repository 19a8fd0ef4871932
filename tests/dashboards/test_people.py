"""Who somebody is: by the ledger's authority, and by nothing that they say of themselves."""

import pytest

from dashboards.people import Person, known, reviewers, signed_in
from ledger.authority import AuthorityHistory
from ledger.records import Authority, Genesis, parse_record
from tests.dashboards.reviewing import PEOPLE
from tests.verifier.forge import Desk, identity


@pytest.fixture
def history() -> AuthorityHistory:
    """Who may write in a ledger whose reviewers answer for themselves."""
    forge = Desk(roles=PEOPLE)
    genesis, document = parse_record(forge.records[0]), parse_record(forge.records[1])
    assert isinstance(genesis, Genesis)
    assert isinstance(document, Authority)
    owners = {"second": "lin@shop.example", "lead": "ada@shop.example", "agent": "ada@shop.example"}
    first = forge.first_document()
    entries = tuple(
        one.model_copy(update={"owner": owners.get(one.id.rpartition("/")[2], one.owner)})
        for one in first.identities
    )
    record = parse_record(forge.authority(first.model_copy(update={"identities": entries})))
    assert isinstance(record, Authority)
    return AuthorityHistory.of(genesis).fold(1, record)


def test_roles_are_those_of_the_ledger(history: AuthorityHistory) -> None:
    """A reviewer reviews; a commander commands and looks; everybody else looks."""
    assert known(history, 9, identity("reviewer")).reviews
    boss = known(history, 9, identity("boss"))
    assert (boss.role, boss.reviews) == ("commander", False)
    assert known(history, 9, identity("agent")).role == "viewer"
    assert known(history, 9, "spiffe://elsewhere/reviewer") == Person("reviewer")
    assert reviewers(history, 9) == tuple(
        sorted(identity(name) for name in ("boss", "reviewer", "second", "steward"))
    )


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"sub": identity("reviewer")}, "reviewer"),
        ({"sub": "123", "email": "lin@shop.example", "email_verified": True}, "second"),
        ({"sub": "123", "email": "LIN@shop.example", "email_verified": True}, "second"),
        ({"sub": "123", "email": "lin@shop.example"}, ""),
        ({"sub": "123", "email": "lin@shop.example", "email_verified": "yes"}, ""),
        ({"sub": "123", "email": "lin@evil.example", "email_verified": True}, ""),
        ({"sub": "123", "email": "ada@shop.example", "email_verified": True}, ""),
        ({"sub": "123", "email": "Mara", "email_verified": True}, ""),
        ({}, ""),
    ],
)
def test_who_signed_in_is_whom_the_ledger_knows(
    history: AuthorityHistory, claims: dict[str, object], expected: str
) -> None:
    """By an identity's id, or by the verified address of the one who answers for one reviewer.

    Nobody is taken for an agent, and nobody for one of several.
    """
    found = signed_in(history, 9, claims)
    assert found.identity == (identity(expected) if expected else "")
    assert found.reviews == bool(expected)
