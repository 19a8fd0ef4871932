"""What became of a case, and whether its mutation breaks what it says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from benchmarks.planting.known import Act
from benchmarks.planting.model import Said
from benchmarks.planting.steps import EVERY, Case

# What a rule says of a case that hangs on what else the service does at that time.
SHARED: Final = frozenset(
    {
        "cost.throttle.1",
        "recovery.containment",
        "recovery.kill-switch",
        "tools.payouts.create.breaker",
        "tools.policies.search.rate",
    }
)


@dataclass(slots=True)
class Performed:
    """What became of a case so far.

    Attributes:
        digests: By label, the digest of a run, call or observation.
        channels: By label of a run, where its customer came in.
        done: Labels of the calls that were carried out.
        made: Labels of all calls that were recorded.
        said: What stands in the case by its own records.
        version: Of the contract that was in force when it began.
    """

    case: Case
    ref: str
    digests: dict[str, str] = field(default_factory=dict[str, str])
    runs: dict[str, str] = field(default_factory=dict[str, str])
    channels: dict[str, str] = field(default_factory=dict[str, str])
    done: set[str] = field(default_factory=set[str])
    made: list[str] = field(default_factory=list[str])
    labels: set[str] = field(default_factory=set[str])
    version: str = ""
    ended: str = ""

    def channel(self, run: str) -> str:
        """Return where the customer of a run came in."""
        return self.channels.get(run, self.case.channel)


def contradiction(done: Performed, said: Sequence[Said], acts: Mapping[str, Act]) -> str:
    """Return where a mutation by itself does not break what it says; empty where it does.

    Args:
        done: A case in which nothing was planted, or one mutation.
        said: What the model says of it.
        acts: The calls that were recorded, by digest.
    """
    case, rules = done.case, {one.rule for one in said}
    if len(case.planted) > 1 or not case.certain or done.version != done.ended:
        return ""
    if rules & SHARED or (not case.when and "identity.delegation" in rules):
        # Others made the service stop: what came after it is not as it was drawn.
        return ""
    found = {(one.label, _raw(one, acts), one.rule) for one in said}
    claimed = {
        (label, result, rule)
        for at, result, rule in case.claims
        for label in (done.made if at == EVERY else [at])
        if label.removesuffix(".end") in done.labels
    }
    if found == claimed:
        return ""
    what = ", ".join(case.planted) or case.shape
    return (
        f"{done.ref} ({what}, {case.shape}, {done.version}): "
        f"claims {sorted(claimed - found)}, and the model says {sorted(found - claimed)}"
    )


def _raw(said: Said, acts: Mapping[str, Act]) -> str:
    """Return what a rule says of a call, whatever became of that."""
    act = acts.get(said.at)
    known = {} if act is None else dict(act.raw)
    return known.get(said.rule, said.result)
