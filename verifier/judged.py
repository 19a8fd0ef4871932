"""What a judge is given: the contracts of a ledger, and the reading of its entries."""

from collections.abc import Callable, Mapping
from typing import Protocol

from contracts.withholding import Mark
from verifier.grouping import Streams
from verifier.people import Owners


class Published(Owners, Protocol):
    """The contracts of a ledger: their texts, and where each was first activated, by digest.

    And who answers for whom in it.
    """

    @property
    def texts(self) -> Mapping[str, str]:
        """Texts by digest."""
        ...

    @property
    def activated(self) -> Mapping[str, int]:
        """Indexes of the first activations by digest."""
        ...


class Read(Protocol):
    """The reading whose entries are judged: its streams, and what it left out."""

    size: int
    streams: Streams
    when_withheld: Callable[[Mark], None]
