"""Like cases that two channels decided differently, and permissions that nobody used."""

from pathlib import Path
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from tests.verifier.forge import Desk
from verifier.disparity import Disparities, Grounds
from verifier.findings import Finding, Result, Severity
from verifier.load import verify_ledger

ALLOW: dict[str, Any] = {"effect": "allow", "reasons": []}
LOOKED = {"effect": "deny", "result": "violated", "rule": "policy.looked"}
DENY: dict[str, Any] = {"effect": "deny", "reasons": [LOOKED]}
DISPARITY = "policy.channel-disparity"


def decided(desk: Desk, channel: str, decision: dict[str, Any], *, look: bool) -> None:
    """Record a payment by a channel, decided so; it is made where it was allowed."""
    run = desk.open_run(channel=channel)
    if look:
        desk.end(run, desk.act(run, "look", {}, decision=ALLOW))
    action = desk.act(run, "pay", {"amount": 5}, decision=decision)
    if decision is ALLOW:
        desk.end(run, action)
    desk.close_run(run)


def found(desk: Desk, folder: Path, code: str = DISPARITY) -> list[Finding]:
    """The findings of a code."""
    desk.sign_head()
    report = verify_ledger(desk.save(folder / "desk.db"), desk.trust())
    return [one for one in report.findings if one.code == code]


def test_a_channel_that_lets_pass_what_another_stops(tmp_path: Path) -> None:
    """The finding stands at the first wrong decision, and names one that was right."""
    desk = Desk()
    decided(desk, "chat", DENY, look=False)
    decided(desk, "mail", ALLOW, look=False)
    decided(desk, "mail", ALLOW, look=False)
    (one,) = found(desk, tmp_path)
    assert (one.result, one.severity, one.rule) == (Result.VIOLATED, Severity.MEDIUM, DISPARITY)
    assert one.recorded == "mail decided allow, 2 times; chat decided deny"
    assert [basis.kind for basis in one.rests_on] == ["action"]
    assert one.explanation.because == (
        "Here mail decided allow on a call of pay, 2 times.",
        (
            f"At entry {one.rests_on[0].index} chat decided deny on the same grounds: "
            "policy.looked violated."
        ),
        "The contract gives deny.",
    )


def test_other_grounds_are_another_case(tmp_path: Path) -> None:
    """One had been looked at: nothing stands against it."""
    desk = Desk()
    decided(desk, "chat", DENY, look=False)
    decided(desk, "mail", ALLOW, look=True)
    assert found(desk, tmp_path) == []


def test_one_channel_alone_has_no_other_to_differ_from(tmp_path: Path) -> None:
    """A wrong decision alone is no disparity."""
    desk = Desk()
    decided(desk, "chat", DENY, look=False)
    decided(desk, "chat", ALLOW, look=False)
    assert found(desk, tmp_path) == []


DECISIONS = st.lists(
    st.tuples(
        st.sampled_from(["chat", "mail", "desk", ""]),
        st.sampled_from(["allow", "deny", "approve"]),
        st.sampled_from(["allow", "deny"]),
    ),
    max_size=12,
)


@given(DECISIONS, st.integers(0, 12))
def test_every_pair_is_seen_and_what_is_kept_goes_on(
    decisions: list[tuple[str, str, str]], cut: int
) -> None:
    """Against a look at all pairs; and in two halves with what was kept between them."""
    whole, half = Disparities(), Disparities()
    for index, (channel, said, right) in enumerate(decisions):
        grounds = Grounds("c", "pay", right, ())
        whole.decided(index, channel, grounds, said)
        if index == cut:
            kept = half.kept()
            half = Disparities()
            half.take_up(cast("list[list[Any]]", kept))
        half.decided(index, channel, grounds, said)
    assert half.finish() == whole.finish()
    wrong = {
        (channel, said, right)
        for channel, said, right in decisions
        for other, else_, same in decisions
        if said != right and same == right and channel != other and else_ != said
        if channel and other
    }
    first = sorted(decisions.index(one) for one in wrong)
    assert sorted(one.index for one in whole.finish()) == first


def test_permissions_that_were_never_used(tmp_path: Path) -> None:
    """Advice on what a contract grants, with what was not needed so far."""
    text = """\
contract: desk
version: 1.0.0
identity:
  service: spiffe://shop.example/desk
  owner: Mara
  permissions: [orders.read, money.write]
scope: {modes: [read, execute]}
policy: {document: {name: desk policy, version: "1"}}
tools:
  look: {mode: read, permission: orders.read}
  pay: {mode: execute, permission: money.write, irreversible: money is gone}
"""
    desk = Desk()
    desk.publish("2.0.0", text=text)
    run = desk.open_run()
    desk.end(run, desk.act(run, "look", {}))
    desk.act(run, "pay", {}, decision={"effect": "deny", "reasons": []})
    desk.close_run(run)
    (one,) = found(desk, tmp_path, "identity.unused-permission")
    assert (one.severity, one.result) == (Severity.ADVICE, Result.UNDECIDABLE)
    assert one.recorded == "never used in 2 calls: money.write"
    assert one.explanation.would == ("without money.write",)
