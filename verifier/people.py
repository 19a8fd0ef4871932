"""Who may: the duties at an activation, the roles behind a switch, who speaks for a service.

No rule is for these records, because no decision is taken on them; and who stands behind an
identity is known to the ledger's authority and not to a contract.
Source: docs/spec/contract-language.md, *Switches*, *People*.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from contracts.coercion import Value
from contracts.history import Event
from contracts.lineage import Lineage
from contracts.model import Contract, Position
from ledger.records import Activation, ContractText, Switch
from verifier.drafts import Draft
from verifier.entries import ValidEntry
from verifier.findings import Severity

DUTIES = "identity.duties"
GRANT = "identity.grant"
SERVICE = "identity.service"
SWITCH_ROLE = "recovery.switch-role"
# Kinds of records that are few, and read by their models.
_FEW = frozenset({"contract", "activation", "switch"})

_DOES = {"build": "builds", "approve": "approves", "run": "runs"}


def governed(record: Mapping[str, Any]) -> str:
    """Return the service whose contract in force this record is held against; empty for none."""
    held = record["kind"] == "switch" or record.get("phase") == "opened"
    return str(record["service"]) if held else ""


class Owners(Protocol):
    """Who answers for whom."""

    def owner(self, identity: str, index: int) -> str:
        """Return the human owner of an identity at an index; empty where there is none."""
        ...


class People:
    """Holds records that are about people against what the authority and a contract say of them.

    Args:
        founding: Who answers for whom.
        contracts: The contracts at work, by digest.
        lineage: The runs of the history.
    """

    def __init__(
        self, founding: Owners, contracts: Mapping[str, Contract], lineage: Lineage
    ) -> None:
        self._founding = founding
        self._contracts = contracts
        self._lineage = lineage
        self._authors: dict[tuple[str, str], str] = {}
        # By run, the tools that its parent was granted, where it says nothing of its own.
        self._grants: dict[str, tuple[str, ...]] = {}

    def kept(self) -> dict[str, Value]:
        """Return who published which version, and what runs were granted."""
        return {
            "authors": [[*version, author] for version, author in self._authors.items()],
            "grants": {run: list(tools) for run, tools in self._grants.items()},
        }

    def take_up(self, rows: Mapping[str, Any]) -> None:
        """Know of these authors and grants, and of no others."""
        self._authors = {(service, version): author for service, version, author in rows["authors"]}
        self._grants = {run: tuple(tools) for run, tools in rows["grants"].items()}

    def observe(self, valid: ValidEntry, current: Contract | None) -> list[Draft]:
        """Return what is found at the next valid entry.

        Args:
            valid: The entry.
            current: The contract in force here for the service that `governed` names; for an
                action the one that judges it.
        """
        kind, index = valid.event.record["kind"], valid.event.index
        if kind == "action":
            return list(self._beyond_grant(valid.event, current))
        if valid.event.record.get("phase") == "opened":
            return [*self._speaks(valid.event, current), *self._granted(valid.event, current)]
        record = valid.record if kind in _FEW else None
        if isinstance(record, ContractText):
            author = self._person(record.by, index)
            self._authors.setdefault((record.service, record.version), author)
        elif isinstance(record, Activation):
            return list(self._duties(record, index))
        elif isinstance(record, Switch):
            return list(_switch_role(valid, record, current))
        return []

    def _grant(self, run: str | None) -> Sequence[str] | None:
        """Return the tools that a run was granted; None where it was granted none in particular."""
        if run is None:
            return None
        known = self._lineage.run(run)
        stated = None if known is None else known.opened.get("grant")
        return self._grants.get(run) if stated is None else stated

    def _granted(self, event: Event, current: Contract | None) -> Iterator[Draft]:
        """Hold what a run is granted against what its parent was."""
        wider, grant = self._grant(event.record.get("parent")), event.record.get("grant")
        if wider is None:
            return
        if grant is None:
            self._grants[event.digest] = tuple(wider)
        beyond = sorted({*(grant or ())} - {*wider})
        if grant is None or beyond:
            expected = f"a grant within that of its parent: {', '.join(wider) or 'nothing'}"
            found = f"also {', '.join(beyond)}" if beyond else "no grant is stated"
            yield _draft(GRANT, event.index, current, expected, found)

    def _beyond_grant(self, event: Event, current: Contract | None) -> Iterator[Draft]:
        """Hold the tool of a live action against what its run was granted."""
        granted, tool = self._grant(event.record["run"]), event.record["tool"]
        if granted is not None and tool not in granted and not event.imported:
            expected = f"a tool that the run was granted: {', '.join(granted) or 'none'}"
            yield _draft(GRANT, event.index, current, expected, tool)

    def _person(self, name: str, index: int) -> str:
        """Return who answers for an identity; of what is none it is a person's own name."""
        return self._founding.owner(name, index) or name

    def _duties(self, record: Activation, index: int) -> Iterator[Draft]:
        contract = self._contracts.get(record.digest)
        if contract is None or not contract.duties or record.imported:
            return
        author = self._authors.get((record.service, record.version), "")
        involved: dict[str, Iterable[str]] = {
            "build": (author,) if author else (),
            "approve": (record.by, *record.approved_by),
            "run": (contract.owner, contract.service),
        }
        under = {
            duty: {self._person(name, index) for name in (*contract.duties.get(duty, ()), *others)}
            for duty, others in involved.items()
        }
        people = sorted(set[str]().union(*under.values()))
        held = {person: [duty for duty in under if person in under[duty]] for person in people}
        double = [
            f"{person} {' and '.join(_DOES[duty] for duty in duties)}"
            for person, duties in held.items()
            if len(duties) > 1
        ]
        if double:
            expected = "nobody has two of the duties build, approve and run"
            yield _draft(DUTIES, index, contract, expected, "; ".join(double))

    def _speaks(self, event: Event, current: Contract | None) -> Iterator[Draft]:
        """Hold whoever opens a live run against the service that it names."""
        speaker, service = event.record["by"], event.record["service"]
        if "import" in event.record or speaker == service:
            return
        owners = {self._founding.owner(service, event.index)}
        owners |= {current.owner} if current is not None else set()
        owners -= {""}
        identity = event.identity
        by = identity.get("delegated", {}).get("by")
        if not owners or identity.get("owner") in owners or by in {*owners, service}:
            return
        answers = " or ".join(sorted(owners))
        expected = f"an identity of {service} or of {answers}, or delegated by one of them"
        delegated = f", delegated by {by}" if by else ""
        found = f"{speaker}, for which {identity.get('owner')} answers{delegated}"
        yield _draft(SERVICE, event.index, current, expected, found)


def _switch_role(valid: ValidEntry, record: Switch, current: Contract | None) -> Iterator[Draft]:
    roles = current.kill_switch_roles if current is not None else ()
    held: tuple[str, ...] = tuple(valid.event.identity.get("roles", ()))
    if roles and not set(roles) & set(held):
        expected = f"a switch by somebody with the role {' or '.join(roles)}"
        found = f"{record.by} has {', '.join(held)}; the switch is not in force"
        yield _draft(SWITCH_ROLE, valid.event.index, current, expected, found)


_PLACE_OF = {DUTIES: "identity.duties", SWITCH_ROLE: "recovery.kill_switch"}


def _draft(code: str, index: int, contract: Contract | None, expected: str, recorded: str) -> Draft:
    line = 0
    if contract is not None and code in _PLACE_OF:
        line = contract.line_of(contract.places.get(_PLACE_OF[code], Position()))
    return Draft(
        code=code,
        index=index,
        severity=Severity.HIGH,
        contract="" if contract is None else contract.digest,
        contract_line=line,
        expected=expected,
        recorded=recorded,
    )
