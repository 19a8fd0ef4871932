"""A reviewer's desk for tests: a ledger in a file, its keys, and somebody who acts."""

import itertools
from collections.abc import Sequence
from pathlib import Path

from dashboards import acting, people
from dashboards.acting import Asked, Desk, Done, What
from dashboards.opening import Shown
from dashboards.people import Person
from ledger.head_signer import HeadSigner
from tests.verifier.forge import ORIGIN, ROLES, identity, key_of

PEOPLE = {**ROLES, "second": ("reviewer",), "boss": ("commander",)}
"""The identities of a ledger with two reviewers, and somebody who commands and reviews nothing."""
_NUMBERS = itertools.count()


def desk_at(
    path: Path, me: str = "reviewer", keys: Sequence[str] = ("reviewer",), *, head: bool = True
) -> Desk:
    """Return what an app acts with that somebody started under an identity.

    Args:
        path: The ledger.
        me: The identity's short name; empty where nobody acts.
        keys: Whose keys it has.
        head: Whether it signs the ledger's heads too.
    """
    signer = None
    if head:
        memory = path.with_name(f"head.memory-{next(_NUMBERS)}")
        signer = HeadSigner.create(key_of("head"), ORIGIN, memory)
    return Desk(
        str(path),
        {identity(name): key_of(name) for name in keys},
        (lambda: signer) if signer is not None else None,
        identity(me) if me else "",
    )


def person(shown: Shown, name: str = "reviewer") -> Person:
    """Return who a short name is in a ledger."""
    return people.known(shown.since.history, shown.since.size, identity(name))


def do(
    shown: Shown,
    what: What,
    findings: Sequence[str],
    note: str = "",
    *,
    who: str = "reviewer",
    assignee: str = "",
    seen: int | None = None,
) -> Done:
    """Act as somebody who sees all that was said so far, and take in what is new."""
    known = shown.since.size if seen is None else seen
    asked = Asked(tuple(findings), what, known, note, assignee)
    try:
        return acting.act(person(shown, who), shown, asked)
    finally:
        if seen is None:
            shown.since.read_on()
