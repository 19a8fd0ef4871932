"""A contract ready to run: read, expanded, and every condition checked against its types."""

from functools import lru_cache
from typing import Final

from contracts.conditions import ConditionProblem, check_contract
from contracts.draft import Draft
from contracts.errors import ContractError, ContractErrors
from contracts.expansion import draft_contract
from contracts.model import Contract
from contracts.reading import parse_contract
from contracts.sharing import ReadText

_KEPT: Final = 32


def load_contract(
    text: str | bytes, name: str = "<contract>", read: ReadText | None = None
) -> Contract:
    """Read, expand and check a contract. The same text gives the same contract, and that at once.

    Args:
        text: The YAML.
        name: What errors call the text, usually its file name.
        read: Gives the text of a shared policy by its path; see `parse_contract`.

    Raises:
        ContractErrors: Every error of the first step that found any. The steps are the markup,
            the document, its expansion, and the conditions.
    """
    if read is None:
        return _loaded(text, name)
    return _made(text, name, read)


# Reading and checking takes longer than a decision by far, and a contract is frozen data: guards,
# verifiers and replays of one ledger share it. What has errors is read again.
@lru_cache(_KEPT)
def _loaded(text: str | bytes, name: str) -> Contract:
    return _made(text, name, None)


def _made(text: str | bytes, name: str, read: ReadText | None) -> Contract:
    draft, contract = draft_contract(parse_contract(text, name, read))
    errors = draft.errors or condition_errors(draft, contract)
    if errors:
        raise ContractErrors(errors)
    return contract


def condition_errors(draft: Draft, contract: Contract) -> list[ContractError]:
    """What the type check says of a contract's conditions, where they were written."""
    return [_as_error(draft, problem) for problem in check_contract(contract)]


def _as_error(draft: Draft, problem: ConditionProblem) -> ContractError:
    place, where = problem.position, f"in `{problem.where}`"
    written = draft.written.get((problem.where, problem.expression))
    if written and written.text == problem.expression:
        place = draft.source.within(written.place, written.text, max(problem.column - 1, 0))
    elif written:
        place, where = written.place, f"{where}, expanded to `{problem.expression}`"
    return draft.source.error("condition.type", f"{where}: {problem.message}", place)
