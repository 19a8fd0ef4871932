"""The switches of a ledger: for each selector of a service, what is engaged and who said so.

Source: docs/spec/contract-language.md, *Switches*.
"""

from collections.abc import Collection
from dataclasses import dataclass

from contracts.history import Event


@dataclass(frozen=True, slots=True)
class Switched:
    """What the switches of one selector come to.

    Attributes:
        selector: The selector; None for the switch of the whole service.
        last: The last switch that is in force; None where none is.
        idle: The switches after it, which are not: who pulled them has none of the roles.
    """

    selector: str | None
    last: Event | None
    idle: tuple[Event, ...] = ()

    @property
    def engaged(self) -> bool:
        """Whether it stops anything."""
        return self.last is not None and self.last.record["state"] == "engaged"

    @property
    def mode(self) -> str:
        """`kill` or `safe` where it is engaged, else empty."""
        return str(self.last.record["mode"]) if self.last is not None and self.engaged else ""


def accepted(switch: Event, roles: Collection[str]) -> bool:
    """Return whether a switch is in force under a contract.

    Args:
        switch: The switch, with who its writer was at its place.
        roles: `kill_switch.roles` of the contract; empty: anybody's is.
    """
    return not roles or not set(roles).isdisjoint(switch.identity.get("roles", ()))


class Switches:
    """The switches of a ledger, entry by entry."""

    def __init__(self) -> None:
        self._pulled: dict[str, dict[str | None, list[Event]]] = {}

    def observe(self, event: Event) -> None:
        """Take in the next valid entry."""
        record = event.record
        if record["kind"] == "switch":
            mine = self._pulled.setdefault(record["service"], {})
            mine.setdefault(record.get("selector"), []).append(event)

    def of(self, service: str, roles: Collection[str]) -> list[Switched]:
        """Return what each selector of a service comes to, in the order in which they came up.

        Args:
            service: The service.
            roles: `kill_switch.roles` of the contract in force.
        """
        return [
            _switched(selector, pulled, roles)
            for selector, pulled in self._pulled.get(service, {}).items()
        ]

    def at(self, service: str, selector: str | None, roles: Collection[str]) -> Switched:
        """Return what one selector of a service comes to."""
        pulled = self._pulled.get(service, {}).get(selector, [])
        return _switched(selector, pulled, roles)


def _switched(selector: str | None, pulled: list[Event], roles: Collection[str]) -> Switched:
    last = next((one for one in reversed(pulled) if accepted(one, roles)), None)
    after = -1 if last is None else last.index
    return Switched(selector, last, tuple(one for one in pulled if one.index > after))
