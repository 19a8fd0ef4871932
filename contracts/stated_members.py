"""Which members of a variable are a field of the record, so that a column may be made of the field.

`contracts.view` and `contracts.run_views` say so where they say what a member is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Stated:
    """A field of a record; of the record that closed a run where it says `closed`.

    `open`: it may be any JSON; `instant`: it is a time.
    """

    name: str
    open: bool = False
    instant: bool = False
    closed: bool = False


STATED: Final[dict[Callable[..., Any], Stated]] = {}
"""The fields of those members that are one."""
