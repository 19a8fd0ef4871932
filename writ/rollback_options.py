"""What `writ rollback` may be told, beside what every command of replay may be.

Parameters of compensating calls are given to `writ compensate` in the same way.
"""

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from writ.errors import UsageError

# As replay.scopes has them, which is not imported before it is needed; a test compares.
SCOPES = ("chosen", "dependents", "runs", "identity", "version", "since")

AsOfOption = Annotated[
    str,
    typer.Option(
        "--as-of",
        metavar="TIME|ENTRY",
        help="As of then: nothing later exists. Default: the ledger's last entry.",
    ),
]
PulledOption = Annotated[
    str,
    typer.Option(
        "--pulled", metavar="TIME", help="What had been prevented, had all been stopped then."
    ),
]
ScopeOption = Annotated[
    str, typer.Option("--scope", metavar="|".join(SCOPES), help="How far the plan reaches.")
]
ApartOption = Annotated[
    bool,
    typer.Option(
        "--apart", help="A later change of the same target does not rest on an earlier one."
    ),
]
ParamOption = Annotated[
    list[str] | None,
    typer.Option(
        "--param",
        metavar="NAME=VALUE",
        help="A parameter of compensating calls that the contract leaves open. Repeatable.",
    ),
]
RecordOption = Annotated[
    bool,
    typer.Option(
        "--record", help="Propose the plan's calls to the guard, in the name of --as or --key."
    ),
]


def given_params(given: Sequence[str]) -> dict[str, Any]:
    """Return parameters as they were given: JSON where it is that, else the text itself.

    Raises:
        UsageError: One is not NAME=VALUE.
    """
    found: dict[str, Any] = {}
    for one in given:
        name, equals, text = one.partition("=")
        if not (name and equals):
            raise UsageError(
                "rollback.param", f"--param: {one!r} is not NAME=VALUE", do="Write reason=TEXT."
            )
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found
