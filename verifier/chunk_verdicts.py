"""What rules say of the records of a table, once their conditions are its columns.

Of each record a code: a byte each is what counts, compares and selects fastest. Here and not in the
database: a statement over so many rules takes longer to plan than this takes to answer.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contracts.column_plan import RuleAsked
from verifier.columns import Places

HOLDS, BROKEN, UNKNOWN = 1, 2, 3
CODES: Final = UNKNOWN + 1
"""How many codes a verdict has: 0 not asked, holds, broken, cannot be told."""


def among(table: pa.Table, tools: Iterable[str]) -> Places:
    """Return which records belong to an action of one of these tools."""
    wanted = pa.array(sorted(tools), pa.string())
    found: Places = pc.is_in(table["tool"], value_set=wanted).to_numpy(zero_copy_only=False)
    return found


def verdicts(table: pa.Table, rules: Sequence[RuleAsked]) -> dict[int, Places]:
    """Return the codes of rules' verdicts, by their numbers, in the order of their table."""
    judged = table["judged"].to_numpy(zero_copy_only=False)
    asked = {
        tools: judged & among(table, tools) if tools else judged
        for tools in {frozenset(one.rule.rule.tools) for one in rules}
    }
    return {one.number: asked[frozenset(one.rule.rule.tools)] * _codes(table, one) for one in rules}


def _codes(table: pa.Table, one: RuleAsked) -> Places:
    """Return what a rule says of every record, whether it is asked or not.

    It holds where its `when` is false or its `unless` true, whatever the other says; it is broken
    where neither can be, and what has neither is broken.
    """
    said = [HOLDS + _numbers(table, one.when, UNKNOWN - HOLDS)] if one.when else []
    if one.unless:
        said.append(BROKEN - _numbers(table, one.unless, BROKEN - UNKNOWN))
    if not said:
        return np.full(table.num_rows, BROKEN, np.int8)
    codes = said[0]
    for other in said[1:]:
        codes = np.where((codes == HOLDS) | (other == HOLDS), HOLDS, np.maximum(codes, other))
    return codes


def _numbers(table: pa.Table, name: str, error: int) -> Places:
    """Return a condition's answers: 0 false, 1 true, and a number of its own for an error."""
    numbers = table[name].cast(pa.int8())
    return numbers.fill_null(pa.scalar(error, pa.int8())).to_numpy()
