"""Who changed the rules, and whether they could.

A contract is published by an author, then activated by somebody who answers to another person, from
a time that had not passed. What a service may do is never decided by the service itself.
Source: docs/spec/ledger-format.md, *Verification*; docs/spec/contract-language.md, *Version in
force*.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ledger.records import Activation, AnyRecord, ContractText

# The named person who answers for an identity, as the authority says at this place.
OwnerOf = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class _Published:
    version: str
    digest: str
    author: str
    owner: str


class Governance:
    """The versions that were published so far, and by whom."""

    def __init__(self) -> None:
        self._published: dict[tuple[str, str], _Published] = {}

    def refusal(self, record: AnyRecord, recorded_at: str, owner_of: OwnerOf) -> str:
        """Return why a contract or activation is not valid after what was added, else nothing.

        Args:
            record: What is, or is to be, recorded.
            recorded_at: The ledger's clock at that.
            owner_of: Who answers for an identity then.
        """
        if isinstance(record, ContractText):
            return self._publication(record)
        if isinstance(record, Activation):
            return self._activation(recorded_at, record, owner_of)
        return ""

    def add(self, record: AnyRecord, owner_of: OwnerOf) -> None:
        """Remember a valid record."""
        if isinstance(record, ContractText):
            self._published.setdefault(
                (record.service, record.version),
                _Published(record.version, record.digest, record.by, owner_of(record.by)),
            )

    def _publication(self, record: ContractText) -> str:
        known = self._published.get((record.service, record.version))
        if known is not None and known.digest != record.digest:
            return f"version {record.version} was published before with another text"
        return ""

    def _activation(self, recorded_at: str, record: Activation, owner_of: OwnerOf) -> str:
        name = f"version {record.version}"
        published = self._published.get((record.service, record.version))
        if published is None:
            return f"{name} is activated, and was not published before"
        if published.digest != record.digest:
            return f"{name} is activated with a digest that is not the published one"
        if record.by == record.service:
            return "a service activates its own contract"
        approving = {record.by, *record.approved_by}
        if published.owner and published.owner in {owner_of(identity) for identity in approving}:
            return f"{name} is activated by {published.owner}, who answers for its author"
        if record.imported is None and record.effective_at < recorded_at:
            return f"backdated: effective {record.effective_at}, recorded {recorded_at}"
        return ""
