"""The answer of `writ change` in sentences."""

from replay.change_measures import Changed, Effect, Tells
from replay.reports.change_tables import figure

CHANCE = 0.05


def headline(found: Changed) -> str:
    """Return the answer in a line."""
    n = len(found.effects)
    if not n:
        return "nothing changed between the runs that were chosen"
    shown = sum(bool(differences(each)) for each in found.effects)
    return f"{n:,} change{'' if n == 1 else 's'}, {shown:,} with a difference that can be told"


def differences(effect: Effect) -> list[str]:
    """Return what rose and what fell, in words."""
    return [
        f"{one.measure} {one.tells.value} from {figure(one, one.before)} to "
        f"{figure(one, one.after)}"
        for one in effect.compared
        if one.tells in {Tells.ROSE, Tells.FELL}
    ]


def summary(effect: Effect) -> str:
    """Return one change's answer in a sentence."""
    told = differences(effect)
    few = sum(one.tells in {Tells.TOO_FEW, Tells.UNRECORDED} for one in effect.compared)
    if told:
        return f"{effect.change.name}: {'; '.join(told)}."
    if few == len(effect.compared):
        return f"{effect.change.name}: too few runs to tell."
    return f"{effect.change.name}: no difference shown."


def sentences(found: Changed) -> list[str]:
    """Return what was found, change by change, and how to take it."""
    said = [summary(each) for each in found.effects]
    said += [
        f"{one.attribute} of {one.service} by {one.channel or '(no channel)'} goes back and forth "
        f"({one.turns:,} turns between {len(one.values):,} values): no before and after."
        for one in found.mixed
    ]
    if found.comparisons:
        chance = found.comparisons * CHANCE
        said.append(
            f"{found.comparisons:,} comparisons at 95 %: by chance alone about {chance:.0f} would "
            "show a difference."
        )
    if found.rates.stated:
        said.append(f"Converted at stated rates: {'; '.join(found.rates.stated)}.")
    return said


def limits(found: Changed) -> list[str]:
    """Return what the result does not prove."""
    said = [
        (
            "That a change is the cause: before and after differ in time, in what was asked, and "
            "in whatever else changed then; what the ledger knows of that is named at each change."
        ),
        "That the recorded model, prompt and tools are those that ran: they are what the run says.",
        "That costs and values are true: they are what was recorded; what was not takes no part.",
    ]
    if any(change.change.time is None for change in found.effects):
        said.append("The order of imported runs without a clock: it is that of their files.")
    if found.report.integrity.trust != "pinned":
        said.append("That this is the ledger that it says it is: there was no trust file.")
    return said
