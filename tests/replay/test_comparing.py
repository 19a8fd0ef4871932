"""Each way in which two decisions on one action can differ is named, with its reason."""

from contracts.decision import Reason
from contracts.model import Effect, Rule, Verdict
from replay.comparing import decided_otherwise, recorded_otherwise
from replay.steps import NOW, RECORDED, Judged, Ruled

DENIED = Reason("scope.x", Verdict.VIOLATED, Effect.DENY)


def ruled(
    rule: str = "scope.x", *, holds: bool = False, when: str = "true", effect: str = "deny"
) -> Ruled:
    """Return a rule's result."""
    made = Rule(rule, "scope", "action", when=when, effect=Effect(effect))
    result = Verdict.SATISFIED if holds else Verdict.VIOLATED
    because = () if holds else ("It is so.",)
    return Ruled(1, made, 1, result, effect="" if holds else effect, because=because)


def judged(version: str, effect: str, *rules: Ruled) -> Judged:
    """Return an action under a contract."""
    reasons = tuple(
        Reason(one.rule.id, one.result, Effect(one.effect)) for one in rules if not one.holds
    )
    return Judged(version, version * 64, effect, reasons, rules, ())


def nothing(_digest: str, _name: str) -> object:
    """Return that no limit is said."""
    return None


def test_a_record_without_a_contract_or_of_another_version_is_named() -> None:
    """What was decided under nothing, and what was decided under something else."""
    (none,) = recorded_otherwise("allow", (), ("", ""), None)
    assert (none.between, none.after) == (RECORDED, "nothing")
    claimed = ("0", "0" * 64)
    (other,) = recorded_otherwise("deny", (DENIED,), claimed, judged("1", "deny", ruled()))
    assert (other.before, other.after) == ("under 0", "under 1")
    assert not list(recorded_otherwise("", (), ("", ""), None))


def test_recorded_reasons_are_held_against_the_right_ones() -> None:
    """A rule that holds, one that there is none of, and an effect that does not follow."""
    holds = judged("1", "allow", ruled(holds=True))
    (one,) = recorded_otherwise("deny", (DENIED,), ("", ""), holds)
    assert (one.before, one.after) == ("violated (deny)", "satisfied")
    assert "it holds" in one.why
    (two,) = recorded_otherwise("deny", (DENIED,), ("", ""), judged("1", "allow"))
    assert "1 has no rule scope.x" in two.why
    (three,) = recorded_otherwise("allow", (DENIED,), ("", ""), judged("1", "deny", ruled()))
    assert (three.rule, three.before, three.after) == ("", "allow", "deny")


def test_what_changed_between_two_contracts_is_named() -> None:
    """A rule that is gone, another condition, another effect, and a contract that is not there."""
    then = judged("1", "deny", ruled())
    (gone,) = decided_otherwise(then, judged("2", "allow"), nothing)
    assert (gone.between, gone.after, gone.why) == (NOW, "satisfied", "2 has no such rule")
    (held,) = decided_otherwise(then, judged("2", "allow", ruled(holds=True)), nothing)
    assert held.why == "Under 2 it holds. (what it reads is another value now)"
    (other,) = decided_otherwise(then, judged("2", "allow", ruled(holds=True, when="x")), nothing)
    assert "its condition is another one in 2" in other.why
    (effect,) = decided_otherwise(then, judged("2", "escalate", ruled(effect="escalate")), nothing)
    assert "its effect was deny, is escalate" in effect.why
    (none,) = decided_otherwise(None, then, nothing)
    assert none.why == "no contract is in force for it then"
    assert not list(decided_otherwise(None, None, nothing))
    assert not list(decided_otherwise(then, then, nothing))


def test_a_limit_is_told_as_people_write_it() -> None:
    """Amounts in units, other values as they are, and that one is not said."""

    def limit(digest: str, name: str) -> object:
        return {"a_micros": int(digest[0]) * 1_000_000, "b": digest[0], "c": None}[name]

    when = "params.x > limits.a_micros && limits.b == '1'"
    then = judged("1", "allow", ruled(holds=True, when=when))
    (one,) = decided_otherwise(then, judged("2", "deny", ruled(when=when)), limit)
    assert "limits.a_micros was 1.00, is 2.00; limits.b was" in one.why
