"""Changes: seen where they are, compared over the right runs, and never over-read."""

import pytest

from replay.change import OTHERS, changes
from replay.change_measures import Changed, Tells, changed, violations
from replay.rates import Rates
from replay.reports.change_words import differences, headline, sentences
from replay.run_choice import Choice, chosen
from replay.worth import worths
from tests.replay.histories import SERVICE, Made, eur
from verifier.findings import Finding, Result, Severity
from verifier.report import Conformance, Integrity, IntegrityVerdict, LedgerFacts, Report


def report(*findings: Finding) -> Report:
    """Return a report that holds, with findings."""
    integrity = Integrity(IntegrityVerdict.HOLDS, "pinned")
    return Report(LedgerFacts(size=1), integrity, Conformance(performed=True), findings)


def finding(run: str, index: int = 0, severity: Severity = Severity.HIGH) -> Finding:
    """Return a violation in a run."""
    code = "scope.forbidden"
    return Finding("F-0", code, "scope", code, Result.VIOLATED, severity, index, run=run)


def compared(made: Made, *findings: Finding) -> Changed:
    """Compare all of a history."""
    history = made.history
    return changed(history, report(*findings), chosen(history, Choice()), rates=Rates())


def runs(made: Made, n: int, *, cost: int = 100, decision: str = "allow", **said: str) -> list[str]:
    """Add closed runs with one action each, whose costs differ a little."""
    names: list[str] = []
    for number in range(n):
        run = made.run(day=0, version="", contract="", **said)
        made.message(run, eur(cost + number % 5))
        made.act(run, status="ok" if decision == "allow" else "", decision=decision)
        made.close(run, eur(1000))
        names.append(run.digest)
    return names


def test_a_change_in_all_channels_is_one_change() -> None:
    """Before and after are the runs of the streams that changed, with their channels."""
    made = Made()
    for model in ("a", "b"):
        for _ in range(3):
            for channel in ("chat", "email"):
                runs(made, 1, model=model, channel=channel)
    runs(made, 2, model="c", channel="portal")
    found, mixed = changes(worths(made.history, Rates()))
    (one,) = found
    assert (one.attribute, one.before, one.after) == ("model", "a", "b")
    assert (one.channels, mixed) == (("chat", "email"), [])
    assert [len(side) for side in one.runs] == [6, 6]
    assert one.index == min(worth.run.index for worth in one.runs[1])


def test_there_and_back_are_two_changes_and_each_is_of_its_own_time() -> None:
    """An incident that ends is seen to end: the runs after are those after it alone."""
    made = Made()
    for prompt, n in (("p1", 4), ("p2", 3), ("p1", 5)):
        runs(made, n, prompt_digest=prompt)
    found, _ = changes(worths(made.history, Rates()))
    assert [(one.before, one.after) for one in found] == [("p1", "p2"), ("p2", "p1")]
    assert [[len(side) for side in one.runs] for one in found] == [[4, 3], [3, 5]]


def test_what_goes_back_and_forth_has_no_before_and_after() -> None:
    """Two models side by side are named as such, and not as hundreds of changes."""
    made = Made()
    for _ in range(6):
        runs(made, 1, model="a")
        runs(made, 1, model="b")
    found = compared(made)
    assert found.effects == ()
    (one,) = found.mixed
    assert (one.attribute, one.turns, one.values) == ("model", 12, ("a", "b"))
    assert any("back and forth" in said for said in sentences(found))


def test_a_new_workflow_is_compared_with_all_before_it() -> None:
    """Workflows run side by side: only that one is new is a change."""
    made = Made()
    for workflow in ("claims", "claims", "recovery", "claims", "recovery"):
        runs(made, 1, workflow=workflow)
    found, mixed = changes(worths(made.history, Rates()))
    (one,) = found
    assert (one.attribute, one.before, one.after) == ("workflow", OTHERS, "recovery")
    assert ([len(side) for side in one.runs], mixed) == ([2, 2], [])


def test_what_changed_within_the_same_runs_is_named() -> None:
    """Whoever reads of one change is told of the other that may be the reason."""
    made = Made()
    runs(made, 2, model="a", prompt_digest="p1")
    runs(made, 2, model="a", prompt_digest="p2")
    runs(made, 2, model="b", prompt_digest="p2")
    prompt, model = changes(worths(made.history, Rates()))[0]
    assert prompt.beside == (f"model a → b at entry {model.index}",)
    assert model.beside == (f"prompt p1 → p2 at entry {prompt.index}",)


def test_a_difference_is_told_where_there_are_enough_runs_to_tell() -> None:
    """Cost rose, and denials did: both are said, with their intervals beside zero."""
    made = Made()
    runs(made, 40, model="a", cost=100)
    runs(made, 40, model="b", cost=200, decision="deny")
    (effect,) = compared(made).effects
    by = {one.measure: one for one in effect.compared}
    assert by["cost a run"].tells is Tells.ROSE
    assert (by["cost a run"].before, by["cost a run"].after) == (102, 202)
    assert by["runs with a denial"].tells is Tells.ROSE
    assert by["value a run"].tells is Tells.NOTHING
    assert by["runs with a violation"].tells is Tells.NOTHING
    assert effect.decisions["deny"] == (0, 40)
    assert any(said.startswith("cost a run rose") for said in differences(effect))


@pytest.mark.parametrize(("n", "tells"), [(9, Tells.TOO_FEW), (12, Tells.ROSE)])
def test_of_nine_runs_nothing_is_said_however_far_apart(n: int, tells: Tells) -> None:
    """Ten on each side are the least."""
    made = Made()
    runs(made, 40, model="a", cost=100)
    runs(made, n, model="b", cost=900)
    (effect,) = compared(made).effects
    assert {one.measure: one.tells for one in effect.compared}["cost a run"] is tells


def test_no_difference_is_only_shown_by_enough_runs() -> None:
    """Between ten and thirty an interval around zero says: too few."""
    made = Made()
    runs(made, 20, model="a")
    runs(made, 20, model="b")
    (effect,) = compared(made).effects
    assert {one.tells for one in effect.compared} == {Tells.TOO_FEW}
    assert "1 change, 0 with" in headline(compared(made))
    assert any("too few runs to tell" in said for said in sentences(compared(made)))


def test_what_one_side_does_not_record_is_not_compared() -> None:
    """Imported runs carry no decisions, and a model without costs is not a cheap one."""
    made = Made()
    for model in ("a", "b"):
        for _ in range(40):
            run = made.run(model=model)
            made.message(run, eur(5) if model == "a" else None)
            made.act(run, decision="")
            made.close(run)
    (effect,) = compared(made).effects
    by = {one.measure: one for one in effect.compared}
    assert "runs with a denial" not in by
    assert by["cost a run"].tells is Tells.UNRECORDED
    assert (by["cost a run"].n, by["cost a run"].after) == ((40, 0), None)


def test_findings_go_to_their_runs_by_digest_or_by_the_sources_reference() -> None:
    """Of runs with one reference it is the last before the finding; advice is no violation."""
    made = Made()
    first = made.run(ref="R-1")
    made.close(first)
    second = made.run(ref="R-1")
    made.close(second)
    found = violations(
        made.history,
        [
            finding(first.digest, 1),
            finding("R-1", 2),
            finding("R-1", 4),
            finding(second.digest, 4, Severity.ADVICE),
        ],
    )
    assert {run: sum(rules.values()) for run, rules in found.items()} == {
        first.digest: 2,
        second.digest: 1,
    }


def test_violations_before_and_after_are_those_of_the_runs() -> None:
    """Two findings in a run are one run with a violation, and two of the rule."""
    made = Made()
    runs(made, 40, model="a")
    after = runs(made, 40, model="b")
    broken = [finding(name) for name in after[:20] for _ in range(2)]
    (effect,) = compared(made, *broken).effects
    rate = effect.compared[0]
    assert (rate.measure, rate.before, rate.after) == ("runs with a violation", 0.0, 0.5)
    assert rate.tells is Tells.ROSE
    assert effect.rules == (("scope.forbidden", 0, 40),)


def test_services_are_never_compared_with_one_another() -> None:
    """Another service's model is no change of this one's."""
    made = Made()
    runs(made, 3, model="a")
    for _ in range(3):
        run = made.run(model="b", service=f"{SERVICE}/other")
        made.close(run)
    assert changes(worths(made.history, Rates())) == ([], [])
