"""Who may: the duties at an activation, the roles behind a switch, who speaks for a service.

No rule is for these records, because no decision is taken on them; and who stands behind an
identity is known to the ledger's authority and not to a contract.
Source: docs/spec/contract-language.md, *Switches*, *People*.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from contracts.coercion import Value
from contracts.model import Contract, Position
from ledger.records import Action, Activation, AnyRecord, ContractText, RunOpened, Switch
from verifier.drafts import Draft
from verifier.entries import ValidEntry
from verifier.findings import Severity

DUTIES = "identity.duties"
GRANT = "identity.grant"
SERVICE = "identity.service"
SWITCH_ROLE = "recovery.switch-role"

_DOES = {"build": "builds", "approve": "approves", "run": "runs"}


def governed(record: AnyRecord) -> str:
    """Return the service whose contract in force this record is held against; empty for none."""
    return record.service if isinstance(record, RunOpened | Switch) else ""


class Owners(Protocol):
    """Who answers for whom."""

    def owner(self, identity: str, index: int) -> str:
        """Return the human owner of an identity at an index; empty where there is none."""
        ...


class People:
    """Holds records that are about people against what the authority and a contract say of them."""

    def __init__(self, founding: Owners, contracts: Mapping[str, Contract]) -> None:
        self._founding = founding
        self._contracts = contracts
        self._authors: dict[tuple[str, str], str] = {}
        # By run, the tools that it was granted; runs that were granted none in particular are not
        # here.
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
            current: The contract in force here for the service that `governed` names.
        """
        record, index = valid.record, valid.event.index
        if isinstance(record, ContractText):
            author = self._person(record.by, index)
            self._authors.setdefault((record.service, record.version), author)
        elif isinstance(record, Activation):
            return list(self._duties(record, index))
        elif isinstance(record, Switch):
            return list(_switch_role(valid, record, current))
        elif isinstance(record, RunOpened):
            return [*self._speaks(valid, record, current), *self._granted(valid, record, current)]
        elif isinstance(record, Action):
            return list(self._beyond_grant(valid, record))
        return []

    def _granted(
        self, valid: ValidEntry, record: RunOpened, current: Contract | None
    ) -> Iterator[Draft]:
        """Hold what a run is granted against what its parent was."""
        wider = self._grants.get(record.parent or "")
        if record.grant is not None:
            self._grants[valid.event.digest] = record.grant
        elif wider is not None:
            self._grants[valid.event.digest] = wider
        beyond = sorted({*(record.grant or ())} - {*wider}) if wider is not None else []
        if wider is not None and (record.grant is None or beyond):
            expected = f"a grant within that of its parent: {', '.join(wider) or 'nothing'}"
            found = f"also {', '.join(beyond)}" if beyond else "no grant is stated"
            yield _draft(GRANT, valid.event.index, current, expected, found)

    def _beyond_grant(self, valid: ValidEntry, record: Action) -> Iterator[Draft]:
        """Hold the tool of a live action against what its run was granted."""
        granted = self._grants.get(record.run)
        if granted is not None and record.tool not in granted and not valid.event.imported:
            expected = f"a tool that the run was granted: {', '.join(granted) or 'none'}"
            yield _draft(GRANT, valid.event.index, None, expected, record.tool)

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

    def _speaks(
        self, valid: ValidEntry, record: RunOpened, current: Contract | None
    ) -> Iterator[Draft]:
        """Hold whoever opens a live run against the service that it names."""
        if record.import_ is not None or record.by == record.service:
            return
        owners = {self._founding.owner(record.service, valid.event.index)}
        owners |= {current.owner} if current is not None else set()
        owners -= {""}
        identity = valid.event.identity
        by = identity.get("delegated", {}).get("by")
        if not owners or identity.get("owner") in owners or by in {*owners, record.service}:
            return
        answers = " or ".join(sorted(owners))
        expected = f"an identity of {record.service} or of {answers}, or delegated by one of them"
        delegated = f", delegated by {by}" if by else ""
        found = f"{record.by}, for which {identity.get('owner')} answers{delegated}"
        yield _draft(SERVICE, valid.event.index, current, expected, found)


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
