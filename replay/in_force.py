"""The contract of each service that is in force at a time, and its counters as of then.

Counting is what costs: so each engine has only the rules that a compensating call can meet, and the
facts behind them. Those say of such a call what the whole contract says.
Source: docs/spec/rollback.md, *The contract in force*.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from contracts.engine import Engine
from contracts.facts import FactMemory
from contracts.lineage import Lineage, Placed
from contracts.model import Contract, Tool
from contracts.versions import Activation, VersionHistory
from replay.history import AsOf

_ALWAYS = 2**62


@dataclass(frozen=True, slots=True)
class Binding:
    """A contract that binds a service, and the version under which it was activated."""

    contract: Contract
    version: str


@dataclass(slots=True)
class InForce:
    """What binds each service at a time, with counters once a history was read.

    Attributes:
        at: As of when.
        bindings: By service; one without a contract is missing.
    """

    at: AsOf
    bindings: Mapping[str, Binding]
    _engines: dict[str, Engine] = field(default_factory=dict[str, Engine])
    _counted: dict[str, Sequence[FactMemory]] = field(
        default_factory=dict[str, Sequence[FactMemory]]
    )
    _ready: bool = False

    @classmethod
    def of(cls, versions: VersionHistory, contracts: Mapping[str, Contract], at: AsOf) -> "InForce":
        """Return what is in force.

        Args:
            versions: What was activated when.
            contracts: The contracts, by digest.
            at: As of when.
        """
        found: dict[str, Binding] = {}
        for service in sorted(versions.kept()[1]):
            one = _chosen(versions, service, at)
            if one is not None and one.digest in contracts:
                found[service] = Binding(contracts[one.digest], one.version)
        return cls(at, found)

    def tool(self, service: str, name: str) -> Tool | None:
        """Return a tool as the service's contract knows it."""
        binding = self.bindings.get(service)
        return None if binding is None else binding.contract.tools.get(name)

    def watch(self, placed: Placed, lineage: Lineage) -> None:
        """Count an entry."""
        if not self._ready:
            self._begin(lineage)
        for service, engine in self._engines.items():
            if placed.event.unseen or any(one.takes(placed) for one in self._counted[service]):
                engine.take(placed, judge=False)

    @property
    def last(self) -> int:
        """When the last live entry that counted was recorded, in microseconds since 1970."""
        return max((engine.last[1] or 0 for engine in self._engines.values()), default=0)

    def _begin(self, lineage: Lineage) -> None:
        self._ready = True
        for service, binding in self.bindings.items():
            contract = compensating(binding.contract)
            if contract is not None:
                engine = self._engines[service] = Engine(contract, lineage=lineage)
                facts = engine.world.facts
                engine.counting = counted(engine)
                self._counted[service] = [facts[name] for name in sorted(engine.counting)]

    def engine(self, service: str) -> Engine | None:
        """Return what decides for a service; None where nothing there is ever taken back."""
        return self._engines.get(service)


def _chosen(versions: VersionHistory, service: str, at: AsOf) -> Activation | None:
    """Return the activation in force; of a ledger that was only imported the last one."""
    time = _ALWAYS if at.time is None else at.time
    known = [
        one for one in versions.activations(service) if at.entry is None or one.index <= at.entry
    ]
    live = [one for one in known if not one.imported and one.effective_at <= time]
    if live:
        return max(live, key=lambda one: (one.effective_at, one.index))
    marked = [one for one in known if one.imported]
    return marked[-1] if marked else None


def counted(engine: Engine) -> frozenset[str]:
    """Return the facts of which history can matter to a call in a run of its own.

    Facts over a run know nothing of other runs, so that a run that begins now finds them empty;
    they count where reference data is in them, and where a wider fact reads them.
    """
    facts = engine.world.facts
    wide = (
        name for name, memory in facts.items() if memory.fact.over != "run" or memory.fact.reference
    )
    return engine.world.behind(wide)


def compensating(contract: Contract) -> Contract | None:
    """Return a contract with only what can matter to the calls that take something back.

    None where no tool names one. What is left decides such calls as the whole does: a rule for
    other tools says nothing of them, and a fact that no rule left reads is not asked.
    """
    tools = frozenset(tool.compensation for tool in contract.tools.values() if tool.compensation)
    if not tools:
        return None
    whole = Engine(contract)
    rules = [
        each
        for each in whole.rules
        if each.rule.expect is None
        and each.rule.subject == "action"
        and (not each.rule.tools or tools.intersection(each.rule.tools))
    ]
    names = whole.world.behind(name for each in rules for name in each.facts)
    return replace(
        contract,
        rules=tuple(each.rule for each in rules),
        facts=tuple(fact for fact in contract.facts if fact.name in names),
    )
