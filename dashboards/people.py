"""Who somebody is in the ledger, and what they may do: by its authority documents alone.

Whoever starts the app acts under an identity of the ledger. Whoever signs in is the identity whose
id their provider says is theirs, or the one reviewer or commander for whom, by the authority
document in force, the owner of their verified address answers. Everybody else is a viewer.
Source: docs/adr/0036; docs/spec/ledger-format.md, *Authority*.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dashboards.words import last_name
from ledger.authority import AuthorityHistory

VIEWER: Final = "viewer"
REVIEWER: Final = "reviewer"
COMMANDER: Final = "commander"
_ROLES: Final = (REVIEWER, COMMANDER)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody before the app.

    Attributes:
        name: What they are called: an address they signed in with, or an identity's last part.
        identity: Who they are in the ledger; empty where it does not know them.
        roles: What the ledger lets them be here; a viewer has none.
    """

    name: str = ""
    identity: str = ""
    roles: tuple[str, ...] = ()

    @property
    def reviews(self) -> bool:
        """Whether the ledger takes their reviews."""
        return REVIEWER in self.roles

    @property
    def role(self) -> str:
        """Their roles in words."""
        return " and ".join(self.roles) or VIEWER


def known(history: AuthorityHistory, size: int, identity: str, name: str = "") -> Person:
    """Return who an identity is for the entry that comes next.

    Args:
        history: The ledger's authority documents.
        size: How many entries there are.
        identity: The identity's id.
        name: What they are called, where that is not the identity's own name.
    """
    held = history.identity_at(size, identity).get("roles")
    if held is None:
        return Person(name or last_name(identity))
    roles = tuple(role for role in _ROLES if role in held)
    return Person(name or last_name(identity), identity, roles)


def signed_in(history: AuthorityHistory, size: int, claims: Mapping[str, Any]) -> Person:
    """Return who somebody is that a provider vouches for.

    Args:
        history: The ledger's authority documents.
        size: How many entries there are.
        claims: What the provider says of them: `sub`, `email`, `email_verified`.
    """
    subject, email = str(claims.get("sub") or ""), str(claims.get("email") or "")
    name = email or subject
    found = history.in_force(size)
    if found is None:
        return Person(name)
    there = found.identities
    if subject in there:
        return known(history, size, subject, name)
    if not email or claims.get("email_verified") is not True:
        return Person(name)
    answering = [
        one.id
        for one in there.values()
        if _same_address(one.owner, email) and not set(_ROLES).isdisjoint(one.roles)
    ]
    # Of two there is none to prefer.
    return known(history, size, answering[0], name) if len(answering) == 1 else Person(name)


def _same_address(one: str, other: str) -> bool:
    """Return whether two addresses are one. Only letters of ASCII have a case that says nothing.

    Example:
        >>> _same_address("Anna@shop.example", "anna@shop.example")
        True
        >>> _same_address(
        ...     "strasse@shop.example", "stra\N{LATIN SMALL LETTER SHARP S}e@shop.example"
        ... )
        False
    """
    return one == other or (one.isascii() and other.isascii() and one.lower() == other.lower())


def reviewers(history: AuthorityHistory, size: int) -> tuple[str, ...]:
    """Return the identities to whom a finding can be given."""
    found = history.in_force(size)
    there = () if found is None else found.identities.values()
    return tuple(sorted(one.id for one in there if not set(_ROLES).isdisjoint(one.roles)))
