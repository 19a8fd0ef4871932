"""Which version of a service's contract was in force, from the ledger alone.

Source: docs/spec/contract-language.md, *Version in force*.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts.history import Event
from contracts.instants import micros
from contracts.lineage import Lineage, Remembered


@dataclass(frozen=True, slots=True)
class Activation:
    """A valid activation of a published contract. `effective_at` is in microseconds since 1970."""

    index: int
    version: str
    digest: str
    effective_at: int
    imported: bool


class VersionHistory:
    """The published and activated contracts of every service, entry by entry."""

    def __init__(self, lineage: Lineage | None = None) -> None:
        self._lineage = Lineage() if lineage is None else lineage
        self._alone = lineage is None
        self._published: dict[tuple[str, str], str] = {}
        self._activations: dict[str, list[Activation]] = {}

    def observe(self, event: Event) -> None:
        """Take in the next valid entry."""
        kind = event.record["kind"]
        if kind == "contract":
            self._publish(event)
        elif kind == "activation":
            self._activate(event)
        elif kind == "run" and not (self._alone and _is_live_opening(event)):
            # A run says whether the claimed times of its records can be used; one that is live has
            # none, and there are many.
            self._lineage.remember(self._lineage.place(event))

    def _publish(self, event: Event) -> None:
        """Remember a contract. A version belongs to the text that was first published under it.

        That the digest is the text's is part of the record's form: no valid entry says otherwise.
        """
        key = (event.record["service"], event.record["version"])
        self._published.setdefault(key, event.record["digest"])

    def _activate(self, event: Event) -> None:
        record = event.record
        service, version = record["service"], record["version"]
        effective, recorded = micros(record["effective_at"]), micros(event.recorded_at)
        imported = record.get("imported") is True
        if effective is None or recorded is None:
            return
        if self._published.get((service, version)) != record["digest"]:
            return
        if effective < recorded and not imported:
            return
        found = Activation(event.index, version, record["digest"], effective, imported)
        self._activations.setdefault(service, []).append(found)

    def kept(
        self,
    ) -> tuple[Mapping[tuple[str, str], str], Mapping[str, Sequence[Activation]], Lineage]:
        """Return the published digests, the activations of each service, and the runs."""
        return self._published, self._activations, self._lineage

    def take_up(
        self,
        published: Mapping[tuple[str, str], str],
        activations: Mapping[str, Sequence[Activation]],
        lineage: Remembered,
    ) -> None:
        """Know this, and nothing else."""
        self._published = dict(published)
        self._activations = {service: list(each) for service, each in activations.items()}
        self._lineage.take_up(lineage)

    def activations(self, service: str) -> Sequence[Activation]:
        """Return the service's valid activations so far, by index."""
        return tuple(self._activations.get(service, ()))

    def at(self, service: str, time: int) -> Activation | None:
        """Return the activation by which live actions are decided at a time, as things stand.

        Args:
            service: The service.
            time: In microseconds since 1970.
        """
        return _latest([one for one in self.activations(service) if not one.imported], time)

    def after(self, service: str, time: int) -> Sequence[Activation]:
        """Return what comes into force later than a time, in the order in which it does."""
        later = [
            one for one in self.activations(service) if not one.imported and one.effective_at > time
        ]
        return sorted(later, key=lambda one: (one.effective_at, one.index))

    def in_force(self, service: str, action: Event) -> tuple[str, str] | None:
        """Return version and digest of the contract in force for an action, if there is one.

        Args:
            service: The service of the action's run.
            action: The action's entry; activations at or after its index play no part.
        """
        time = self._time(action)
        chosen = self.in_force_at(service, action.index, time, imported=action.imported)
        return None if chosen is None else (chosen.version, chosen.digest)

    def in_force_at(
        self, service: str, index: int, time: int | None, *, imported: bool
    ) -> Activation | None:
        """Return the activation in force for an action, for whoever placed it already.

        Args:
            service: The service of the action's run.
            index: The action's entry; activations at or after it play no part.
            time: Its event time in microseconds since 1970.
            imported: Whether an importer wrote it.
        """
        before = [one for one in self._activations.get(service, ()) if one.index < index]
        if imported:
            marked = [one for one in before if one.imported]
            if marked:
                return marked[-1]
        return _latest([one for one in before if not one.imported], time)

    def _time(self, action: Event) -> int | None:
        """Return the event time of an action; of a live one it is not asked where it stands."""
        if action.imported:
            return self._lineage.place(action).time
        return micros(action.recorded_at)


def _is_live_opening(event: Event) -> bool:
    return event.record["phase"] == "opened" and "import" not in event.record


def _latest(activations: Sequence[Activation], time: int | None) -> Activation | None:
    """Return the one with the greatest effective time not after `time`; without it the last."""
    if time is None:
        return activations[-1] if activations else None
    effective = [one for one in activations if one.effective_at <= time]
    return max(effective, key=lambda one: (one.effective_at, one.index), default=None)
