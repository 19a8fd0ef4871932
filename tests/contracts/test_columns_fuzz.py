"""Random conditions on adversarial views: by column and by CEL, verdict by verdict."""

import os
from pathlib import Path
from random import SystemRandom

import pytest
from hypothesis import settings

from tests.contracts.column_fuzz import VARIABLES, adversarial_rows, conditions
from tests.contracts.columnwise import Compared, Sides

ROUND = 500
"""Conditions on one set of rows; then come others."""


def wanted() -> tuple[int, int]:
    """How many expressions, and the first seed: the profile of the property tests says it."""
    profile = os.environ.get("HYPOTHESIS_PROFILE", "dev")
    if profile == "fuzz":
        return 20 * settings().max_examples, SystemRandom().randrange(2**32)
    return (2_500 if profile == "ci" else 1_000), 0


@pytest.mark.hypothesis
def test_random_conditions_mean_the_same_in_both_engines(tmp_path: Path) -> None:
    """No random condition has another verdict by column than by CEL, in SELECT and in WHERE."""
    most, seed = wanted()
    told = Compared()
    while told.expressions < most:
        sides = Sides(adversarial_rows(seed), VARIABLES)
        if seed % 2:
            sides.on_parquet(tmp_path)
        sides.compare(conditions(seed, ROUND), told)
        assert told.differences == [], f"seed {seed}"
        seed += 1
    refused = sum(told.refused.values())
    print(  # noqa: T201 - how far it went is what this test is asked for
        f"{told.expressions} expressions, {refused} refused, {told.verdicts} verdicts: "
        f"{told.true} true, {told.undecidable} undecidable; {told.left_to_cel} left to CEL"
    )
    assert refused < told.expressions // 10
    assert told.true > told.verdicts // 10
    assert told.verdicts - told.true - told.undecidable > told.verdicts // 20
