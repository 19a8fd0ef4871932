"""Histories for tests of replay, made as data: entries are numbered as they are added."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from replay.history import Act, History, Money, Run, Spent

DAY = 86_400_000_000
SERVICE = "spiffe://acme.example/ai/refunds"


@dataclass
class Made:
    """A history that grows."""

    history: History = field(default_factory=History)
    index: int = 0

    def next(self) -> int:
        """Return the next entry's index."""
        self.index += 1
        return self.index

    def run(
        self, *, day: int | None = 0, version: str = "", contract: str = "", **said: str | None
    ) -> Run:
        """Open a run."""
        index = self.next()
        opened: dict[str, Any] = {"service": SERVICE, "by": f"{SERVICE}/agent", **said}
        time = None if day is None else day * DAY + index
        run = Run(f"{index:064x}", index, opened, time, version=version, contract=contract)
        self.history.runs[run.digest] = run
        return run

    def message(self, run: Run, cost: Money | None, turn: int = 0) -> None:
        """Record an assistant's message."""
        index = self.next()
        run.messages += 1
        if cost is None:
            run.unpriced += 1
            return
        run.costs[cost.currency] = run.costs.get(cost.currency, 0) + cost.micros
        run.spent.append(Spent(index, cost, turn))

    def people(self, run: Run, minutes: float, cost: Money | None) -> None:
        """Record people's time."""
        index = self.next()
        run.minutes += minutes
        if cost is None:
            run.unpaid.append((index, minutes))
        else:
            run.spent.append(Spent(index, cost))

    def act(self, run: Run, tool: str = "pay", status: str = "ok", **more: object) -> Act:
        """Record an action, and its outcome where it has a status."""
        index = self.next()
        ended = self.next() if status else -1
        given: dict[str, Any] = {
            "mode": "execute",
            "decision": "allow",
            "call": f"c{index}",
            **more,
        }
        act = Act(
            index=index,
            digest=f"a{index:063x}",
            run=run.digest,
            by=str(run.opened["by"]),
            tool=tool,
            target="",
            channel=run.said("channel"),
            time=run.time,
            version=run.version,
            contract=run.contract,
            status=status,
            ended=ended,
            **given,
        )
        self.history.add(act)
        return act

    def close(self, run: Run, value: Money | None = None) -> None:
        """Close a run."""
        run.closed, run.value = self.next(), value


def eur(micros: int) -> Money:
    """Return an amount in euros."""
    return Money("EUR", micros)


AMOUNTS = st.builds(Money, st.sampled_from(("EUR", "USD")), st.integers(0, 5_000_000))
MAYBE = st.none() | AMOUNTS


@st.composite
def histories(draw: st.DrawFn, amounts: st.SearchStrategy[Money | None] = MAYBE) -> History:
    """Draw a history of a few runs in which anything may be missing."""
    made = Made()
    for _ in range(draw(st.integers(0, 6))):
        run = made.run(
            day=draw(st.none() | st.integers(0, 2)),
            version=draw(st.sampled_from(("", "1", "2"))),
            channel=draw(st.sampled_from((None, "chat", "email"))),
            model=draw(st.sampled_from(("a", "b"))),
        )
        for turn in range(draw(st.integers(0, 3))):
            if draw(st.booleans()):
                made.message(run, draw(amounts), turn)
            for _ in range(draw(st.integers(0, 2))):
                made.act(
                    run,
                    draw(st.sampled_from(("pay", "read"))),
                    draw(st.sampled_from(("", "ok", "error", "timeout"))),
                    decision=draw(st.sampled_from(("", "allow", "deny", "approve", "escalate"))),
                    cost=draw(amounts),
                    value=draw(amounts),
                    call=draw(st.sampled_from(("", "x", "y"))),
                    turn=draw(st.sampled_from((-1, turn))),
                )
        if draw(st.booleans()):
            made.people(run, draw(st.integers(1, 30)), draw(amounts))
        if draw(st.booleans()):
            made.close(run, draw(amounts))
    made.history.size = made.index + 1
    return made.history
