"""Mutations of what a gate decides, and of who agrees to what it holds."""

from datetime import timedelta
from typing import Final

from benchmarks.planting.draws import ABOVE, UNIT, Draw
from benchmarks.planting.mutations import Edit, Mutation, changed, priced, seen, violated
from benchmarks.planting.steps import VIOLATED, Approve, Case, Close, Forged, Wait

_ONE: Final = ("refund", "returning")

# --------------------------------------------------------------------------- decisions

_NO = "policy.eligible"


def _refused_by(_: Draw, case: Case) -> None:
    seen(case, "eligibility")["fields"]["verdict"] = "no"


def _forging(forged: Forged, *before: Edit, despite: bool = False) -> Edit:
    def edit(draw: Draw, case: Case) -> None:
        for one in before:
            one(draw, case)
        case.call("pay").forged = forged
        case.call("pay").despite = despite

    return edit


def _despite(draw: Draw, case: Case, before: Edit) -> None:
    before(draw, case)
    case.call("pay").despite = True
    # What was denied is no payout: the case cannot be closed as one that was made.
    case.step("main.close", Close).outcome = "declined"


def _dear(draw: Draw, case: Case) -> None:
    priced(case, draw.random.randrange(151 * UNIT, 900 * UNIT, 10_000))


def _two_reasons(draw: Draw, case: Case) -> None:
    _refused_by(draw, case)
    case.call("pay").params["method"] = "gift-card"


_MADE: Final = Forged("allow")
_DENIED: Final = Forged("deny", (_NO,))

DECISIONS: Final = (
    Mutation(
        "false-allow",
        _ONE,
        _forging(_MADE, _refused_by),
        violated("pay", _NO, "decision.false-allow"),
        gated=True,
    ),
    Mutation(
        "held in place of denied",
        _ONE,
        _forging(Forged("approve", (ABOVE,)), _refused_by),
        violated("pay", _NO, "decision.false-allow"),
        gated=True,
    ),
    Mutation(
        "false-deny", _ONE, _forging(_DENIED), violated("pay", "decision.false-deny"), gated=True
    ),
    Mutation(
        "escalated in place of held",
        _ONE,
        _forging(Forged("escalate", ("scope.risk",)), _dear),
        violated("pay", ABOVE, "decision.false-deny"),
        gated=True,
    ),
    Mutation(
        "other reasons",
        _ONE,
        _forging(Forged("deny", ("policy.amount",)), _refused_by),
        violated("pay", _NO, "decision.reasons-differ"),
        gated=True,
    ),
    Mutation(
        "a warning that nobody had",
        _ONE,
        _forging(Forged("allow", ("policy.document",))),
        violated("pay", "decision.reasons-differ"),
        gated=True,
    ),
    Mutation(
        "reasons out of order",
        _ONE,
        _forging(Forged(turned=True), _two_reasons),
        violated("pay", _NO, "scope.original-method", "decision.reasons-differ"),
        gated=True,
    ),
    Mutation(
        "carried out though denied",
        _ONE,
        lambda draw, case: _despite(draw, case, _refused_by),
        violated("pay", _NO) | violated("pay.end", "decision.executed-despite-deny"),
        gated=True,
    ),
    Mutation(
        "carried out though held",
        _ONE,
        lambda draw, case: _despite(draw, case, _dear),
        violated("pay", ABOVE) | violated("pay.end", "decision.executed-without-approval"),
        gated=True,
    ),
    Mutation(
        "a version that is not in force",
        _ONE,
        _forging(Forged(contract=("0.9.0", "0" * 64))),
        violated("pay", "decision.wrong-version"),
        gated=True,
    ),
    Mutation(
        "decided on another history",
        _ONE,
        changed("pay", loose=True),
        violated("pay", "decision.stale-basis"),
        gated=True,
    ),
    Mutation(
        "takes up what was not held",
        _ONE,
        changed("pay", resumes="transaction"),
        violated("pay", "decision.approval-mismatch"),
        gated=True,
    ),
)


# --------------------------------------------------------------------------- approvals


def _unsaid(*edits: Edit, forged: bool) -> Edit:
    """Change who agrees, or to what; the gate is broken or not."""

    def edit(draw: Draw, case: Case) -> None:
        for one in edits:
            one(draw, case)
        if forged:
            case.call("paid").forged = _MADE

    return edit


def _word(**changes: object) -> Edit:
    def edit(_: Draw, case: Case) -> None:
        for name, value in changes.items():
            setattr(case.step("word", Approve), name, value)

    return edit


def _no_word(_: Draw, case: Case) -> None:
    case.remove("word")


def _later(draw: Draw, case: Case) -> None:
    """Come back when an approval has run out, and read again what is old by then."""
    case.step("think", Wait).time = timedelta(minutes=2)
    case.behind(
        "word", Wait(time=timedelta(hours=2) + timedelta(minutes=draw.random.randint(0, 90)))
    )
    for label, rule in (("paid", "cost.seconds"), ("escalate", "cost.seconds")):
        case.claims.add((label, VIOLATED, rule))
    case.claims.add(("paid", VIOLATED, "evidence.eligibility.stale"))


def _soon_over(draw: Draw, case: Case) -> None:
    case.step("think", Wait).time = timedelta(minutes=2)
    case.step("word", Approve).ends = timedelta(seconds=draw.random.randint(1, 90))
    case.behind("word", Wait(time=timedelta(seconds=90)))


def _withdrawn(draw: Draw, case: Case) -> None:
    who = case.step("word", Approve).who
    verdict = draw.random.choice(("withdraw", "refuse"))
    case.behind("word", Approve(label="word.last", of="pay", who=who, verdict=verdict))


def _another_says_no(_: Draw, case: Case) -> None:
    who = "lead-james" if case.step("word", Approve).who == "lead-anna" else "lead-anna"
    case.before("word", Approve(label="word.first", of="pay", who=who, verdict="refuse"))


def _less(_: Draw, case: Case) -> None:
    case.call("paid").params["amount"]["micros"] -= 1
    case.call("paid").ended["value"]["micros"] -= 1


def _reused(draw: Draw, case: Case) -> None:
    """Make what was agreed to once a second time."""
    again = draw.payout(case, "paid.again", resumes="pay", forged=_MADE)
    # The run may call the tool twice: the held one does not count.
    case.behind("paid", again)


def _another_says_no_later(_: Draw, case: Case) -> None:
    """Of what one approver said the last word holds, and another's is another's."""
    who = "lead-james" if case.step("word", Approve).who == "lead-anna" else "lead-anna"
    case.behind("word", Approve(label="word.last", of="pay", who=who, verdict="refuse"))


_UNSAID = "decision.executed-without-approval"


def _approvals() -> tuple[Mutation, ...]:
    """Return what can be wrong with an approval, each with a gate that sees it, and with none."""
    wrong: tuple[tuple[str, Edit, str], ...] = (
        ("nobody agreed", _no_word, _UNSAID),
        ("agreed to by a clerk", _word(who="clerk"), "decision.false-allow"),
        ("agreed to by the owner's lead", _word(who="lead-own"), "decision.false-allow"),
        (
            "agreed to for another rule",
            _word(fields={"rule": "scope.risk"}),
            "decision.false-allow",
        ),
        ("agreed to for a time that is over", _soon_over, "decision.false-allow"),
        ("agreed to, and withdrawn", _withdrawn, _UNSAID),
        ("another amount than was agreed to", _less, "decision.approval-mismatch"),
    )
    return tuple(
        Mutation(
            f"{name}{', and paid' if forged else ''}",
            ("approved",),
            _unsaid(edit, forged=forged),
            violated("paid", code) if forged else frozenset(),
            gated=True,
        )
        for name, edit, code in wrong
        for forged in (False, True)
    )


APPROVALS: Final = (
    *_approvals(),
    Mutation("agreed to, and over", ("approved",), _later, gated=True),
    Mutation("one agrees, another says no", ("approved",), _another_says_no_later, gated=True),
    Mutation("one says no, another agrees", ("approved",), _another_says_no, gated=True),
    Mutation(
        "an approval used twice",
        ("approved",),
        _reused,
        violated(
            "paid.again", ABOVE, "tools.payouts.create.idempotency", "decision.approval-reused"
        ),
        gated=True,
        alone=True,
    ),
)
