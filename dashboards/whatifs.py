"""What other contracts would have decided, as the page asks it: candidates made, history judged.

Candidates are contracts that the ledger has, that come with Writ, or that somebody wrote: the one
in force last with something changed, or edited as a whole. Source: docs/spec/whatif.md.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, cast

from contracts.errors import ContractErrors
from contracts.library import contract_text
from contracts.loading import load_contract
from contracts.markup import read_markup
from contracts.model import Contract
from dashboards.answers import Answer, Writing
from dashboards.asking import AskedError, WhatIfAsked
from dashboards.preparing import Tell
from dashboards.replaying import READ, Desk, chosen, step_of, whose
from dashboards.tables import Tables
from replay.as_recorded import as_recorded
from replay.candidates import (
    Candidate,
    CandidateError,
    Change,
    Sweep,
    changed,
    in_force_last,
    read_set,
)
from replay.cascade import Cascaded, cascade
from replay.history import History
from replay.reports.whatif_tables import (
    FLIPS,
    candidate_table,
    cascade_table,
    flip_row,
    kind_table,
    money_table,
    people_table,
    undecidable_table,
)
from replay.reports.whatif_words import headline, limits, sentences
from replay.supposed import supposed, without
from replay.tables import Cell, Table
from replay.whatif import WhatIf, what_if
from verifier.load import VerifiedLedger

JUDGING: Final = "judging history again"
CASCADING: Final = "taking out what never happened"
JUDGED: Final = 0.85
PEOPLE: Final = "shown"
"""The name of the table of candidates that people compare."""
EDITED_NAME: Final = "edited"
DELEGATION: Final = "identity.delegation"
_LIMITS: Final = "policy.limits."


@dataclass(frozen=True, slots=True)
class Published:
    """A contract of the ledger: where it was published, and which it is."""

    index: int
    digest: str
    version: str
    service: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number that stands in a contract: its path as a change names it, and what it is now."""

    path: str
    value: float


def published(tables: Tables) -> tuple[Published, ...]:
    """Return the contracts that were published in a ledger, in order."""
    rows = tables.rows(
        "SELECT min(idx), body ->> '$.digest', any_value(body ->> '$.version'), "
        "any_value(body ->> '$.service') FROM governance WHERE kind = 'contract' "
        "GROUP BY body ->> '$.digest' ORDER BY min(idx)"
    )
    return tuple(Published(*row) for row in rows)


def library() -> tuple[str, ...]:
    """Return the contracts that come with Writ, each as `name@version`.

    Example:
        >>> "refund-decisioning@1.1.0" in library()
        True
    """
    found: list[str] = []
    for folder in files("contracts.library").iterdir():
        if folder.is_dir():
            names = (one.name for one in folder.iterdir() if one.name.endswith(".yaml"))
            found += [f"{folder.name}@{name.removesuffix('.yaml')}" for name in names]
    return tuple(sorted(one for one in found if not one.startswith("shared@")))


def text_in_force(tables: Tables, service: str = "") -> str:
    """Return the text of the contract that a service was under last; empty where none is told."""
    rows = tables.rows(
        "SELECT c.body ->> '$.text' FROM governance a JOIN governance c ON c.kind = 'contract' "
        "AND c.body ->> '$.digest' = a.body ->> '$.digest' WHERE a.kind = 'activation' "
        "AND (? = '' OR a.body ->> '$.service' = ?) ORDER BY a.imported, "
        "a.body ->> '$.effective_at' DESC, a.idx DESC LIMIT 1",
        service,
        service,
    )
    return str(rows[0][0]) if rows else ""


def parameters(text: str) -> tuple[Parameter, ...]:
    """Return the numbers that stand in a contract's text; empty where it cannot be read."""
    try:
        value, _, _ = read_markup(text, EDITED_NAME)
    except ContractErrors:
        return ()
    return tuple(_numbers(value, ""))


def _numbers(value: object, path: str) -> Iterator[Parameter]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield Parameter(path, float(value))
    elif isinstance(value, dict):
        for key, part in cast("dict[str, object]", value).items():
            yield from _numbers(part, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for place, part in enumerate(cast("list[object]", value)):
            yield from _numbers(part, f"{path}.{_name(part, place)}")


def _name(part: object, place: int) -> str:
    """Return what an item of a list is called: its `id`, or its place."""
    if not isinstance(part, dict):
        return str(place)
    return str(cast("Mapping[str, Any]", part).get("id", place))


def answer_whatif(desk: Desk, asked: WhatIfAsked, folder: Path, tell: Tell) -> Answer:
    """Answer what candidates would have decided.

    Raises:
        AskedError: A candidate cannot be made, or something that is asked for is not there.
    """
    ledger = desk.ledger(tell)
    held = ledger.report.conformance.records.get("withheld", 0)
    if held:
        raise AskedError(
            "whatif.withheld",
            f"{held:,} records are held back, and history cannot be judged again without them",
            "Ask for the whole ledger, or for a bundle that holds nothing back.",
        )
    history = desk.history(tell)
    candidates = made(history, asked)
    found = _weighed(ledger, history, candidates, asked, tell)
    with closing(Writing(folder)) as writing:
        writing.write([_for_people(found), candidate_table(found)])
        writing.write([kind_table(found), money_table(found), undecidable_table(found)])
        writing.write([cascade_table(found)])
        writing.stream(Table("flips", "What flips", FLIPS, ()), _flips(found))
    said = (*asked.over.said(), *(f"without {one}" for one in asked.without), found.mode)
    return Answer(
        size=ledger.report.ledger.size,
        root=ledger.report.ledger.root,
        headline=headline(found),
        sentences=tuple(sentences(found)),
        limits=tuple(limits(found)),
        basis=whose(ledger, said),
        tables=writing.tables,
    )


def _weighed(
    ledger: VerifiedLedger,
    history: History,
    candidates: list[Candidate],
    asked: WhatIfAsked,
    tell: Tell,
) -> WhatIf:
    acts = chosen(history, ledger, asked.over)
    contracts = [one.contract for one in candidates]
    end = JUDGED if asked.cascading else 1.0
    step = step_of(tell, JUDGING, READ, end)
    judged = as_recorded(ledger, history, contracts, left_out=asked.without, step=step)
    cascades: list[Cascaded] = []
    share = (1.0 - JUDGED) / max(len(contracts), 1)
    for number, contract in enumerate(contracts if asked.cascading else ()):
        low = JUDGED + number * share
        going = step_of(tell, CASCADING, low, low + share)
        again = judged.candidates[number]
        left = without(contract, asked.without)
        cascades.append(cascade(ledger, history, left, again, step=going))
    said = asked.over.said()
    return what_if(history, ledger.report, judged, candidates, acts, cascades=cascades, asked=said)


def _for_people(found: WhatIf) -> Table:
    """Return the candidates as people compare them, with the best marked beside their names."""
    table = people_table(found)
    order = list(range(len(table.columns)))
    if table.columns[-1].name == "front":
        order.insert(1, order.pop())
    return replace(
        table,
        name=PEOPLE,
        columns=tuple(table.columns[at] for at in order),
        rows=tuple(tuple(row[at] for at in order) for row in table.rows),
    )


def _flips(found: WhatIf) -> Iterator[tuple[Cell, ...]]:
    for one in found.compared:
        for flip in (*one.flips, *one.contingent_flips):
            yield one.candidate.name, *flip_row(found, one, flip)


# ---------------------------------------------------------------------------- candidates


def made(history: History, asked: WhatIfAsked) -> list[Candidate]:
    """Make the candidates.

    Raises:
        AskedError: There is none, or one cannot be made.
    """
    try:
        found = [*_named(history, asked), *_changed(history, asked), *_edited(asked)]
    except CandidateError as error:
        raise AskedError(error.code, _plainly(str(error)), error.do) from error
    except ContractErrors as error:
        raise AskedError("candidate.invalid", str(error.errors[0])) from error
    if not found:
        raise AskedError("whatif.candidates", "there is no candidate", "Choose or change one.")
    for one in found:
        _refuse_stranger(history, one)
    if any(one.startswith(DELEGATION) for one in asked.sets):
        return found
    return [replace(one, contract=supposed(one.contract, history)) for one in found]


def _plainly(text: str) -> str:
    """Return what a command says of its option in the words of a page."""
    return text.removeprefix("--set ").removeprefix("--set: ")


def _named(history: History, asked: WhatIfAsked) -> Iterator[Candidate]:
    for name in asked.contracts:
        kind, at, version = name.partition("@")
        if not at:
            yield Candidate(*_of_ledger(history, name))
            continue
        try:
            text = contract_text(kind, version)
        except FileNotFoundError as error:
            raise AskedError(
                "candidate.unknown", f"no contract {name!r} comes with Writ"
            ) from error
        yield Candidate(name, _for_service(text, name, _service(history, asked)))


def _of_ledger(history: History, name: str) -> tuple[str, Contract]:
    text = history.texts.get(name)
    if text is None:
        raise AskedError(
            "candidate.unknown",
            f"no contract {name[:12]!r} was published in this ledger",
            "The page lists those that were.",
        )
    contract = load_contract(text, name[:12])
    return f"{contract.name}@{contract.version}", contract


def _for_service(text: str, name: str, service: str) -> Contract:
    contract = load_contract(text, name)
    if contract.service == service:
        return contract
    return changed(text, [Change("identity.service", service)], name)


def _changed(history: History, asked: WhatIfAsked) -> Iterator[Candidate]:
    """Yield the candidates of changes: one of all single ones, or one for each of a sweep."""
    read = [read_set(text) for text in asked.sets]
    single = [one for one in read if isinstance(one, Change)]
    sweeps = [one for one in read if isinstance(one, Sweep)]
    if not read:
        return
    if len(sweeps) > 1:
        raise AskedError("candidate.sweep", "one sweep at a time", "Take one of them out.")
    text = _in_force(history, asked)
    name = ", ".join(map(_short, single))
    if not sweeps:
        yield Candidate(name, changed(text, single, name))
        return
    for one in sweeps[0].changes():
        each = ", ".join([_short(one), *([name] if name else [])])
        yield Candidate(each, changed(text, [*single, one], each), float(one.value), one.path)


def _short(change: Change) -> str:
    return f"{change.path.removeprefix(_LIMITS)}={change.value}"


def _edited(asked: WhatIfAsked) -> Iterator[Candidate]:
    if not asked.edited:
        return
    if not asked.text:
        raise AskedError(
            "whatif.edited",
            "an edited contract is kept by whoever edited it, and this visit does not have it",
            "Edit it again, or ask for its text: an address has only its digest.",
        )
    contract = load_contract(asked.text, EDITED_NAME)
    yield Candidate(f"{contract.name}@{contract.version}, edited", contract)


def _service(history: History, asked: WhatIfAsked) -> str:
    """Return whose contract is changed.

    Raises:
        AskedError: It cannot be told.
    """
    services = sorted({contract.service for contract in history.contracts.values()})
    if asked.over.service:
        return asked.over.service
    if len(services) != 1:
        raise AskedError(
            "whatif.service",
            "it cannot be told whose contract is changed",
            f"Choose a service: {', '.join(services) or 'none has a contract here'}.",
        )
    return services[0]


def _in_force(history: History, asked: WhatIfAsked) -> str:
    digest = in_force_last(history, _service(history, asked))
    if digest not in history.texts:
        raise AskedError(
            "whatif.service", "this service has no contract in force", "Choose another one."
        )
    return history.texts[digest]


def _refuse_stranger(history: History, one: Candidate) -> None:
    services = {run.said("service") for run in history.runs.values()}
    if one.contract.service not in services:
        raise AskedError(
            "candidate.service",
            f"{one.name} is a contract of {one.contract.service}, which has no run here",
            f"The services are: {', '.join(sorted(services)) or 'none'}.",
        )
