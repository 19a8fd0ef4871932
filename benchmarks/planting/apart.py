"""Mutations of channels: like cases, of which one is decided otherwise because of where it came."""

from datetime import timedelta
from typing import Final

from benchmarks.planting.draws import ABOVE, CHANNELS, READS, Draw
from benchmarks.planting.mutations import Edit, Mutation, seen, violated
from benchmarks.planting.steps import Case, Forged, Wait

_RUN: Final = "elsewhere"
_NO: Final = "policy.eligible"
_FALSE_DENY: Final = "decision.false-deny"


def _elsewhere(draw: Draw, case: Case, forged: Forged) -> None:
    """Let another purchase be asked about in another channel, whose gate is broken."""
    # Nobody is paid three times by chance.
    draw.forget(case.customer)
    channel = draw.random.choice([one for one in CHANNELS if one != case.channel])
    end = f".{_RUN}"
    other = draw.purchase(case)
    pay = draw.payout(other, f"pay{end}", cites=[f"{one}{end}" for one in READS])
    pay.run, pay.forged = _RUN, forged
    case.steps += [
        Wait(time=timedelta(hours=draw.random.randint(1, 200))),
        draw.opened(case, run=_RUN, channel=channel),
        *draw.reads(other, _RUN, end),
        pay,
        draw.said(f"told{end}", step={"run": _RUN}),
        draw.closed("answered", _RUN),
    ]


def _broken(forged: Forged) -> Edit:
    def edit(draw: Draw, case: Case) -> None:
        _elsewhere(draw, case, forged)

    return edit


def _let_through(draw: Draw, case: Case) -> None:
    """Let both be cases that the policy does not allow, and the other channel pay."""
    _elsewhere(draw, case, Forged("allow"))
    for label in ("eligibility", f"eligibility.{_RUN}"):
        seen(case, label)["fields"]["verdict"] = "no"


APART: Final = (
    *(
        Mutation(
            f"another channel {name}",
            ("refund",),
            _broken(forged),
            violated(f"pay.{_RUN}", _FALSE_DENY),
            gated=True,
        )
        for name, forged in (
            ("denies", Forged("deny", (_NO,))),
            ("holds", Forged("approve", (ABOVE,))),
            ("escalates", Forged("escalate", ("scope.risk",))),
        )
    ),
    Mutation(
        "another channel allows",
        ("refund",),
        _let_through,
        violated("pay", _NO) | violated(f"pay.{_RUN}", _NO, "decision.false-allow"),
        gated=True,
    ),
)
