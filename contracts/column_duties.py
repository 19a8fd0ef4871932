"""What must follow a record, by column: the duties that are met before the chunk ends.

Nearly every duty is met soon, by a record about which there is no doubt. These are found by one
join, and only counted. All others (not met yet, met too late, perhaps met) are for
`contracts.obligations`, which sees them as if there were no columns.
Source: docs/spec/contract-language.md, *Rules*.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Triggers:
    """The records that open a duty.

    Attributes:
        table: Their table.
        opens: The column that says which do.
        scope: The column of the scope.
        keys: SQL of the keys (a list of texts) that something must follow under.
    """

    table: str
    opens: str
    scope: str
    keys: str


@dataclass(frozen=True, slots=True)
class Followers:
    """The records that may be what must follow.

    Attributes:
        table: Their table.
        fits: SQL of whether a record is one, NULL where that cannot be told.
        keys: SQL of its keys (a list of texts).
    """

    table: str
    fits: str
    keys: str


def met_sql(triggers: Triggers, followers: Followers, *, within: int | None, closings: str) -> str:
    """Return the statement whose rows are the triggers (`idx`) that are certainly met in time.

    Args:
        triggers: The records that open a duty.
        followers: The records that may meet it.
        within: The time that there is, in microseconds; None where there is time until the run
            is closed.
        closings: The table of the records that close runs; empty where there are none.
    """
    # One clock for both, or no deadline: live records, whose times never go back.
    live = 'AND NOT imported AND "time" IS NOT NULL' if within is not None else "AND NOT closed"
    opened = (
        f'SELECT idx, "{triggers.scope}" AS scope, {triggers.keys} AS keys, "time", in_run '
        f"FROM {triggers.table} WHERE {triggers.opens} {live}"
    )
    opened = (
        f'SELECT idx, scope, keys[1] AS "key", "time", in_run FROM ({opened}) '
        "WHERE scope IS NOT NULL AND len(keys) = 1"
    )
    following = (
        f'SELECT idx, "{triggers.scope}" AS scope, unnest({followers.keys}) AS "key", "time" '
        f"FROM {followers.table} WHERE ({followers.fits})"
        f"{' AND NOT imported' if within is not None else ''}"
    )
    met = (
        'SELECT opened.idx AS idx, opened."time" AS since, opened.in_run AS in_run, '
        f'follows.idx AS met, follows."time" AS at_time FROM ({opened}) AS opened '
        f"ASOF JOIN ({following}) AS follows ON opened.scope = follows.scope "
        'AND opened."key" = follows."key" AND opened.idx < follows.idx'
    )
    if within is not None:
        return f"SELECT idx FROM ({met}) WHERE at_time <= since + {within}"
    if not closings:
        return f"SELECT idx FROM ({met})"
    return (
        f"SELECT met.idx AS idx FROM ({met}) AS met ASOF LEFT JOIN "
        f"(SELECT idx, in_run FROM {closings}) AS ends "
        "ON met.in_run = ends.in_run AND met.idx < ends.idx "
        "WHERE ends.idx IS NULL OR met.met <= ends.idx"
    )
