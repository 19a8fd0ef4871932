"""A desk that works in its books through a real guard, over a real ledger.

It asks the guard for everything, does in the books what that lets through, and writes down what was
really done, whatever it tells the ledger of it.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from contracts.answers import (
    ActionRefusedError,
    ApprovalNeeded,
    ApprovalNeededError,
    GuardError,
    Refusal,
)
from contracts.calling import ToolFailedError
from contracts.channel import Recorded
from contracts.guarded import GuardedRun
from contracts.performing import GuardedAction
from ledger.founding import create_ledger
from tests.guard.shop import Hands, Shop, founders, opened
from tests.replay.guarded_books import CUSTOMERS, Books, Done, RefusedError

_WORTH: Final = frozenset({"payouts.create", "transfers.make"})


def found(folder: Path, contract: str) -> Path:
    """Found a desk's ledger in a folder, and bring a contract into force."""
    clock, location = Hands(), folder / "ledger.db"
    create_ledger(location, origin="shop.example/ai", founders=founders(), clock=clock)
    with opened(str(location), clock) as shop:
        shop.activate(contract)
    return folder


@dataclass(frozen=True)
class Waiting:
    """What waits for people."""

    proposal: str
    run: GuardedRun
    params: Mapping[str, Any]
    undoes: str = ""


@dataclass(frozen=True)
class Ending:
    """How a call is to end.

    Attributes:
        status: The status that is recorded; empty for none. Of an error nothing is done.
        real: Where nobody knows the end, whether it is done all the same.
        undoes: The action that it takes back.
    """

    status: str
    real: bool
    undoes: str = ""


class Desk:
    """Works in the books through a guard.

    Attributes:
        books: The books.
        done: What was done, or may have been.
        refusals: What the guard refused, by the kind of its answer.
    """

    def __init__(self, shop: Shop) -> None:
        self.books = Books()
        self.done: list[Done] = []
        self.refusals: list[str] = []
        self._shop = shop
        self._guard = shop.guard()
        self._run = self._guard.run()
        self._waiting: list[Waiting] = []
        self._seen: dict[str, tuple[Recorded, int]] = {}

    # ------------------------------------------------------------------- steps of a history

    def step(self, what: str, who: int, size: int, ending: Ending) -> None:
        """Do one thing.

        Args:
            what: What.
            who: For which customer.
            size: How much, or which from the end.
            ending: How it ends.
        """
        customer = CUSTOMERS[who]
        if what == "run":
            self._run = self._guard.run()
        elif what == "word":
            self._word(size, ending)
        elif what == "undo":
            self._undo(size, ending)
        elif what == "read":
            self._read(customer, fails=ending.status == "error")
        else:
            wanted = self._wanted(what, customer, size)
            if wanted is not None:
                tool, params, cited = wanted
                found = self._run.propose(tool, params, evidence=cited)
                if isinstance(found, GuardedAction):
                    self._perform(found, params, ending)
                else:
                    self._refused(found, params)

    def _wanted(
        self, what: str, customer: str, size: int
    ) -> tuple[str, dict[str, Any], list[Recorded]] | None:
        """Return the call that is asked for; None where there is nothing to ask it for."""
        seen = self._seen.get(customer)
        cited = [seen[0]] if seen else []
        if what == "case":
            return ("cases.open", {"statement": seen[1]}, cited) if seen else None
        if what == "letter":
            cases = list(self.books.cases)[-size:]
            return ("letters.send", {"case": cases[0]}, []) if cases else None
        if what == "reverse":
            paid = list(self.books.payouts.items())[-size:]
            if not paid:
                return None
            name, (_, micros) = paid[0]
            return "payouts.reverse", {"payout": name, "micros": micros}, []
        to = CUSTOMERS[(CUSTOMERS.index(customer) + 1) % len(CUSTOMERS)]
        calls: dict[str, tuple[str, dict[str, Any], list[Recorded]]] = {
            "pay": ("payouts.create", {"customer": customer, "micros": size}, cited),
            "move": ("transfers.make", {"source": customer, "to": to, "micros": size}, []),
            "limit": ("limits.set", {"customer": customer, "to": size}, []),
            "code": ("codes.issue", {"customer": customer}, []),
        }
        return calls[what]

    def _read(self, customer: str, *, fails: bool) -> None:
        act = self._run.propose("accounts.read", {"customer": customer})
        assert isinstance(act, GuardedAction)
        if fails:
            act.end("error")
            return
        said = self.books.call("accounts.read", {"customer": customer})
        seen = act.observe("account", "books", ref=customer, fields=said)
        act.ok(fields=said)
        self._seen[customer] = seen, said["statement"]

    def _refused(self, found: Refusal, params: Mapping[str, Any], undoes: str = "") -> None:
        self.refusals.append(type(found).__name__)
        if isinstance(found, ApprovalNeeded):
            self._waiting.append(Waiting(found.action, self._run, params, undoes))

    def _word(self, size: int, ending: Ending) -> None:
        """Let a lead say a word on what waits, and go on with it."""
        if size > len(self._waiting):
            return
        held = self._waiting.pop(-size)
        agreed = ending.real or ending.status == "ok"
        self._shop.approve(held.proposal, verdict="approve" if agreed else "refuse")
        found = held.run.resume(held.proposal)
        if isinstance(found, GuardedAction):
            ending = Ending(ending.status, ending.real, held.undoes)
            self._perform(found, held.params, ending)
        else:
            self.refusals.append(type(found).__name__)

    def _undo(self, size: int, ending: Ending) -> None:
        """Take one of the last things back by hand, in no order."""
        standing = [one for one in self.done if one.said and not one.undoes and not one.undone]
        if size > len(standing):
            return
        what, run = standing[-size], self._run
        # A call that fails is made again, as the contract lets it be.
        endings = [Ending(ending.status or "timeout", ending.real, what.digest)]
        endings.append(Ending("ok", real=True, undoes=what.digest))

        def called(**params: Any) -> Mapping[str, Any]:  # noqa: ANN401 - those of the tool
            return self._called(run.actions[-1], params, endings.pop(0))

        try:
            run.compensate(what.digest, called)
        except ActionRefusedError as error:
            params = self._guard.taking_back(what.digest).params
            self._refused(error.answer, params, what.digest)
        except (GuardError, ToolFailedError, TimeoutError) as error:
            self.refusals.append(type(error).__name__)

    # ----------------------------------------------------------------------- what is done

    def _perform(self, act: GuardedAction, params: Mapping[str, Any], ending: Ending) -> None:
        if ending.status in {"", "abandoned"}:
            # Whoever was at it is gone: it may have been done, and nobody says so.
            with suppress(RefusedError):
                self._write(act, params, ending)
            if ending.status:
                act.end(ending.status)
            return
        with suppress(ToolFailedError, TimeoutError):
            act.perform(
                lambda: self._called(act, params, ending),
                lambda said: _outcome(act.tool, params, said),
            )

    def _called(
        self, act: GuardedAction, params: Mapping[str, Any], ending: Ending
    ) -> Mapping[str, Any]:
        if ending.status == "error":
            raise ToolFailedError("the books are away")
        done = self._write(act, params, ending)
        if ending.status != "ok":
            raise TimeoutError
        return done.said

    def _write(self, act: GuardedAction, params: Mapping[str, Any], ending: Ending) -> Done:
        """Do something in the books, if it is done at all, and write down that it was."""
        real = ending.real or ending.status == "ok"
        said = self.books.call(act.tool, params) if real else {}
        done = Done(act.id, act.tool, params, ending.status, real, ending.undoes, said)
        for one in self.done if real else ():
            reversed_ = act.tool == "payouts.reverse" and one.said.get("payout") == params["payout"]
            one.undone |= reversed_ or one.digest == ending.undoes
        self.done.append(done)
        return done

    def sign(self) -> None:
        """Sign the ledger's head, so that it can be verified."""
        self._shop.sign()

    # ------------------------------------------------------------------ what a plan says

    def take_back(self, action: str, tool: str, params: Mapping[str, Any]) -> str:
        """Take an action back through the guard, people agreeing to it.

        Args:
            action: The action.
            tool: The tool that is called, as the plan says.
            params: With what.

        Returns:
            What the guard decided; it was done where that is `allow` or `approve`.
        """
        undo = self._guard.taking_back(action)
        assert (undo.tool, undo.params) == (tool, params)
        ending = Ending("ok", real=True, undoes=action)
        with self._guard.run(goal="roll back") as run:

            def called(**given: Any) -> Mapping[str, Any]:  # noqa: ANN401 - those of the tool
                return self._called(run.actions[-1], given, ending)

            try:
                run.compensate(action, called)
            except ApprovalNeededError as error:
                held = error.answer.action
                self._shop.approve(held)
                found = run.resume(held)
                assert isinstance(found, GuardedAction), found
                found.perform(lambda: called(**params))
                return "approve"
            except ActionRefusedError as error:
                return error.answer.effect
        return "allow"


def _outcome(tool: str, params: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"fields": said}
    if tool in _WORTH:
        found["value"] = {"currency": "EUR", "micros": params["micros"]}
    return found
