"""A plain function as a tool under contract: what calls it need not know.

@tool("payouts.create")
def pay(transaction_id: str, customer: str, amount: dict[str, object]) -> dict[str, object]: ...

with guard.run(goal="refund an order"):
pay("T-100001", customer="C-10001", amount={"micros": 12_500_000, "currency": "EUR"})
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from contracts.calling import outcome_fields
from contracts.guarded import Fallback, current_run
from contracts.performing import Says

F = TypeVar("F", bound=Callable[..., Any])

Evidence = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def tool(
    name: str,
    *,
    says: Says = outcome_fields,
    fallback: Fallback | None = None,
    fields: Evidence | None = None,
) -> Callable[[F], F]:
    """Put a function, or a coroutine function, under contract.

    It is called in the block of a run, and its arguments by name are the action's parameters. What
    it gives back and raises is what `GuardedRun.call` does.

    Args:
        name: The tool's name in the contract.
        says: What the outcome records of its result.
        fallback: Called instead where it is denied or fails, if the contract names another tool;
            for a coroutine function a coroutine function too.
        fields: Further fields of the action, such as `evidence`, given its parameters.

    Raises:
        TypeError: An argument of the function cannot be given by name.
    """

    def made(function: F) -> F:
        signature = inspect.signature(function)
        unnamed = [
            one.name
            for one in signature.parameters.values()
            if one.kind in {one.POSITIONAL_ONLY, one.VAR_POSITIONAL}
        ]
        if unnamed:
            raise TypeError(f"{name}: a tool's arguments are given by name, and not {unnamed[0]!r}")

        def bound(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
            found = signature.bind(*args, **kwargs)
            found.apply_defaults()
            named = dict(found.arguments)
            for one in signature.parameters.values():
                if one.kind is one.VAR_KEYWORD:
                    named.update(named.pop(one.name))
            return named

        @functools.wraps(function)
        def plain(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the function's own
            params = bound(args, kwargs)
            more = dict(fields(params)) if fields else dict[str, Any]()
            return current_run().call(function, name, params, says=says, fallback=fallback, **more)

        @functools.wraps(function)
        async def awaited(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the function's own
            params = bound(args, kwargs)
            more = dict(fields(params)) if fields else dict[str, Any]()
            return await current_run().acall(
                function, name, params, says=says, fallback=fallback, **more
            )

        return cast("F", awaited if inspect.iscoroutinefunction(function) else plain)

    return made
