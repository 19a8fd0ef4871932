"""What of the tests is not counted in the coverage, because counting makes it several times longer.

What only prepares a test, such as a ledger that many read, is made by code that has tests of its
own. Of a property's many random examples the first few are counted: the others are there for what
they find, and not for the lines that they reach. So less is counted than is run, and never more.
"""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, Final

import pytest

FILES: Final = (
    # They break code on purpose, or hold engines against each other over long histories.
    "tests/benchmarks/",
    "tests/contracts/test_column_fact_mistakes.py",
    "tests/contracts/test_columns_conformance.py",
    "tests/contracts/test_columns_fuzz.py",
    "tests/contracts/test_columns_mistakes.py",
    "tests/contracts/test_columns_overloads.py",
    "tests/contracts/test_library.py",
    "tests/contracts/test_library_scenarios.py",
    "tests/contracts/test_pairs.py",
    "tests/ledger/importers/test_tau.py",
    "tests/reference/",
)
"""What they reach is tested apart; counted, it takes two to three times as long."""
COUNTED: Final = 5
"""So many examples of a property are counted."""
_WHOLE: Final[dict[Callable[..., Any], Callable[..., Any]]] = {}


@contextmanager
def uncounted() -> Generator[None]:
    """Count nothing of a block; what it calls must be tested elsewhere."""
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(tracer)


def count_few(item: pytest.Item) -> None:
    """Have the first examples of a property counted, and no others."""
    handle = getattr(getattr(item, "obj", None), "hypothesis", None)
    inner: Callable[..., Any] | None = getattr(handle, "inner_test", None)
    if handle is None or inner is None or sys.gettrace() is None or iscoroutinefunction(inner):
        return
    # A test with several parameters comes here once for each.
    whole = _WHOLE.get(inner, inner)
    tried = 0

    @wraps(whole)
    def few(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - those of any test
        nonlocal tried
        tried += 1
        if tried <= COUNTED:
            return whole(*given, **named)
        with uncounted():
            return whole(*given, **named)

    _WHOLE[few] = whole
    handle.inner_test = few
