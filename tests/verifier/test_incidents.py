"""Findings that belong together are one incident, whatever came between them."""

from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from verifier.findings import Finding, Result, Severity, finding_id, in_order
from verifier.incidents import WINDOW, incidents_of

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


def found(
    index: int,
    rule: str = "cost.loop",
    *,
    run: str = "",
    by: str = "agent",
    hours: float = 0,
    result: Result = Result.VIOLATED,
    severity: Severity = Severity.HIGH,
) -> Finding:
    """A finding some hours after the beginning."""
    at = (BEGIN + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return Finding(
        id=finding_id("00" * 32, rule, rule, index),
        code=rule,
        clause=rule.partition(".")[0],
        rule=rule,
        result=result,
        severity=severity,
        index=index,
        run=run or f"run-{index}",
        identity=by,
        at=at,
    )


def grouped(*findings: Finding) -> list[list[int]]:
    """The entries of each incident."""
    index = {one.id: one.index for one in findings}
    made = incidents_of(in_order(findings))
    return [[index[one] for one in each.findings] for each in made]


def test_one_run_is_one_incident_however_long_it_takes() -> None:
    """By the run, whoever spoke."""
    assert grouped(
        found(1, run="r", by="a"), found(2, run="s", by="b"), found(9, run="r", by="c", hours=99)
    ) == [[1, 9], [2]]


def test_one_identity_is_one_incident_as_long_as_it_goes_on() -> None:
    """By who spoke, within the window after the last."""
    hours = WINDOW / timedelta(hours=1)
    assert grouped(found(1), found(2, hours=hours), found(3, hours=2 * hours)) == [[1, 2, 3]]
    assert grouped(found(1), found(2, hours=hours + 0.01)) == [[1], [2]]


def test_what_joins_two_makes_them_one() -> None:
    """By the run it belongs to one, by the identity to the other."""
    assert grouped(
        found(1, run="r", by="a"), found(2, run="s", by="b"), found(3, run="r", by="b")
    ) == [[1, 2, 3]]


def test_rules_stand_apart_and_what_was_handled_is_none() -> None:
    """Another rule is another incident."""
    assert grouped(
        found(1),
        found(2, "cost.tokens"),
        found(3, result=Result.HANDLED, severity=Severity.ADVICE),
        found(4, severity=Severity.ADVICE, result=Result.UNDECIDABLE),
    ) == [[1], [2]]


def test_an_incident_says_what_it_is() -> None:
    """Its members are those of its findings."""
    (one,) = incidents_of([found(4, run="r"), found(7, run="r", severity=Severity.CRITICAL)])
    assert (one.run, one.identity, one.first, one.last) == ("r", "agent", 4, 7)
    assert one.severity is Severity.CRITICAL
    assert one.since == one.until == "2026-03-01T00:00:00.000000Z"
    # It keeps its name when more is found.
    assert one.id == incidents_of([found(4, run="r")])[0].id


FINDINGS = st.lists(
    st.builds(
        found,
        st.integers(0, 40),
        st.sampled_from(["cost.loop", "cost.tokens"]),
        run=st.sampled_from(["r", "s", "t", ""]),
        by=st.sampled_from(["a", "b"]),
        hours=st.integers(0, 100),
    ),
    max_size=12,
    unique_by=lambda one: one.id,
)


@given(FINDINGS, st.randoms(use_true_random=False))
def test_each_finding_is_in_one_incident_and_their_order_does_not_matter(
    findings: list[Finding], random: Random
) -> None:
    """Whatever the order in which they were found."""
    made = incidents_of(in_order(findings))
    assert sorted(one for each in made for one in each.findings) == sorted(
        one.id for one in findings
    )
    shuffled = list(findings)
    random.shuffle(shuffled)
    assert incidents_of(in_order(shuffled)) == made
