"""What `writ keys propose` was asked for, made changes of an authority document."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ledger.amendment import Amendment
from ledger.clock import format_time
from writ.errors import UsageError

HEAD = ":head"


@dataclass(frozen=True, slots=True)
class Asked:
    """The options, as they were given."""

    add_identity: str | None
    owner: str | None
    roles: Sequence[str]
    add_keys: Sequence[str]
    rotate: Sequence[str]
    revoke: Sequence[str]
    compromised_since: int | None
    remove: Sequence[str]
    delegate: str | None
    window: tuple[str, str]
    roots: Sequence[str]
    threshold: int | None

    def apply(self, amendment: Amendment, full: Callable[[str], str]) -> None:
        """Make the changes; `full` gives an identity's URI for its short name.

        Raises:
            UsageError: An option lacks its other half.
            LedgerError: The document has not what is to be changed, or a key is refused.
        """
        for one in self.remove:
            amendment.remove(full(one))
        self._identity(amendment, full)
        self._keys(amendment, full)
        amendment.rule(self.roots, self.threshold)

    def _identity(self, amendment: Amendment, full: Callable[[str], str]) -> None:
        if self.add_identity is not None:
            if self.owner is None or not self.roles:
                raise UsageError("propose.identity", "an identity has an --owner and a --role")
            amendment.add_identity(full(self.add_identity), self.owner, self.roles)
        elif self.owner is not None or self.roles:
            raise UsageError("propose.identity", "--owner and --role are of an --add-identity")
        if self.delegate is not None:
            name, by = _pair(self.delegate)
            since, until = map(_time, self.window)
            amendment.delegate(full(name), by, since, until)
        elif any(self.window):
            raise UsageError("propose.window", "--since and --until are of a --delegate")

    def _keys(self, amendment: Amendment, full: Callable[[str], str]) -> None:
        for name, key in map(_pair, self.add_keys):
            use = "head" if key.endswith(HEAD) else "write"
            amendment.add_key(full(name), key.removesuffix(HEAD), use)
        for old, key in map(_pair, self.rotate):
            amendment.rotate(old, key)
        if self.compromised_since is not None and not self.revoke:
            raise UsageError("propose.revoke", "--compromised-since is said of a key: --revoke it")
        for old in self.revoke:
            amendment.revoke(old, self.compromised_since)


def _pair(text: str) -> tuple[str, str]:
    first, equals, second = text.partition("=")
    if not equals or not first or not second:
        raise UsageError("propose.pair", f"{text!r}: it has to be two things with = in between")
    return first, second


def _time(text: str) -> str:
    """Write a time as the ledger does, given with or without fractions of a second."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        what = f"{text!r}: not a time such as 2026-03-01T09:00:00Z"
        raise UsageError("propose.time", what) from error
    if found.tzinfo is None:
        raise UsageError("propose.time", f"{text!r}: has no time zone: put Z behind it")
    return format_time(found.astimezone(UTC))
