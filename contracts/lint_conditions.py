"""What lint says of conditions, whatever they decide: what they hang on, and how they run."""

from collections.abc import Iterator

from contracts.column_words import ColumnWords
from contracts.lint_facts import uses_of
from contracts.map_order import order_matters
from contracts.model import Fact, Rule
from contracts.remarks import Case, LintMessage, Severity


def map_order(case: Case) -> Iterator[LintMessage]:
    """Conditions that hang on the order of a map."""
    parts: list[Fact | Rule] = [*case.contract.facts, *case.contract.rules]
    for part in parts:
        owner, tools = part.name if isinstance(part, Fact) else part.id, part.tools or ("",)
        for text in uses_of(part) if case.sound else ():
            where = case.draft.written.get((owner, text))
            if where is None or not any(order_matters(case.contract, one, text) for one in tools):
                continue
            message = (
                f"`{owner}` takes what stands in some place of a list that was made from a map, and"
                " a map has no order: the same record may be judged in two ways; name the key"
            )
            yield case.on(Severity.WARNING, "condition.map-order", message, where.place)


def by_row(case: Case) -> Iterator[LintMessage]:
    """Conditions that do not run by column, over the types that the contract says."""
    found: dict[LintMessage, None] = {}
    for asked, reason in ColumnWords(case.contract).by_row() if case.sound else ():
        name = asked.owner.removeprefix("facts.")
        written = case.draft.written.get((name, asked.text))
        message = (
            f"a condition of `{name}` runs record by record, which on long histories takes longer"
            f" than by column: {reason} (docs/reference/columns.md)"
        )
        place = asked.position if written is None else written.place
        found[case.on(Severity.NOTE, "condition.by-row", message, place)] = None
    yield from found
