"""Checks a pack of samples without its ledger: what was recorded, where, and that it was drawn.

Source: docs/how-to/sample-evidence.md, *Check a pack*.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from pydantic import ValidationError

from ledger.checkpoint import parse_checkpoint, parse_note
from ledger.encoding import digest, to_base64
from ledger.errors import LedgerError
from ledger.proof import ProvenRecord, check_proof
from verifier.dsse import EnvelopeError, parse_object
from verifier.findings import finding_id
from verifier.pack_forms import (
    CHECKPOINT,
    INDEX,
    README,
    TABLE,
    Control,
    Index,
    Item,
    Page,
    Part,
    page_path,
    proof_path,
    readme,
    record_path,
    table,
)
from verifier.pack_making import facts_of
from verifier.sampling import Draw, SampleError
from verifier.trust import Trust

MAX_FILE: Final = 64 * 1_048_576

Read = Callable[[str], bytes]
Form = TypeVar("Form", bound=Part)


class RefusedPackError(SampleError):
    """A pack does not hold: `code` says of what, `sample.…`."""

    code = "sample.refused"


@dataclass(frozen=True, slots=True)
class Checked:
    """What a pack that holds shows.

    Attributes:
        index: What it is of.
        items: How many items were drawn, over all controls.
        proven: How many entries are proven.
    """

    index: Index
    items: int
    proven: int


def check_pack(names: frozenset[str], read: Read, trust: Trust) -> Checked:
    """Check a pack under a trust file.

    1. The index and the pages have their form, and each file is the one that the index names.

    2. It is of the ledger that the trust file pins.

    3. Each entry has a proof that holds under the trust file, all of them under one signed head;
       its record is the proven one.

    4. Each item says what its record and header say; its number is the one that it has, and numbers
       ascend. No violated or undecidable result with a smaller number is left out.

    5. Populations are the sums of their results; findings have their ids. The table and the README
       are those of the index.

    Args:
        names: The paths of the files.
        read: Gives a file's bytes by its path.
        trust: The trust file, with the time that ages are measured against.

    Raises:
        SampleError: It is no pack (`sample.malformed`).
        RefusedPackError: It does not hold.
    """
    if INDEX not in names:
        raise SampleError(f"there is no {INDEX}: not a pack of samples", code="sample.malformed")
    index = _form(Index, read(INDEX), INDEX)
    _check_files(index, names, read)
    if (index.ledger.origin, index.ledger.genesis) != (trust.origin, trust.genesis):
        raise RefusedPackError("it is of another ledger", code="sample.ledger")
    note = read(CHECKPOINT)
    _check_head(index, note)
    pages = [_page(position, one, read) for position, one in enumerate(index.controls, 1)]
    shown = {at for page in pages for item in page.items for at in (item.index, *item.rests_on)}
    proven = dict(_proven(sorted(shown), index, note, read, trust))
    expected = set(_evidence(shown, index, names))
    others = {INDEX, TABLE, README, CHECKPOINT, *(one.file for one in index.controls)}
    if stray := sorted(names - expected - others):
        raise RefusedPackError(f"{stray[0]}: no item has it", code="sample.file")
    for control, page in zip(index.controls, pages, strict=True):
        _check_control(index, control, page, proven)
    _check_words(index, list(zip(index.controls, pages, strict=True)), read)
    return Checked(index, sum(len(page.items) for page in pages), len(proven))


def _form(form: type[Form], raw: bytes, name: str) -> Form:
    try:
        return form.model_validate(parse_object(raw, MAX_FILE))
    except EnvelopeError as error:
        raise SampleError(f"{name}: {error}", code="sample.malformed") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise SampleError(f"{name}: {where}: {first['msg']}", code="sample.malformed") from error


def _check_files(index: Index, names: frozenset[str], read: Read) -> None:
    named = {INDEX, *index.files}
    if differing := names ^ named:
        name = min(differing)
        what = "the index does not name it" if name in names else "is named and not there"
        raise RefusedPackError(f"{name}: {what}", code="sample.file")
    for name, said in index.files.items():
        if digest(read(name)) != said:
            raise RefusedPackError(f"{name}: its bytes were changed", code="sample.file")


def _check_head(index: Index, note: bytes) -> None:
    try:
        head = parse_checkpoint(parse_note(note).text)
    except LedgerError as error:
        raise RefusedPackError(f"{CHECKPOINT}: {error}", code="sample.head") from error
    said = index.ledger.origin, index.head.size, index.head.root
    if (head.origin, head.size, to_base64(head.root)) != said or head.size > index.ledger.size:
        raise RefusedPackError("its head is not the one in its index", code="sample.head")


def _page(position: int, control: Control, read: Read) -> Page:
    if control.file != page_path(position, control.rule):
        what = f"{control.file}: the page of {control.rule} is called otherwise"
        raise RefusedPackError(what, code="sample.control")
    page = _form(Page, read(control.file), control.file)
    if (page.contract, page.rule) != (control.contract, control.rule):
        raise RefusedPackError(f"{control.file}: of another control", code="sample.control")
    return page


def _evidence(shown: set[int], index: Index, names: frozenset[str]) -> Iterator[str]:
    for at in shown:
        if record_path(at) in names:
            yield record_path(at)
        if at not in index.unproven:
            yield proof_path(at)


def _proven(
    shown: list[int], index: Index, note: bytes, read: Read, trust: Trust
) -> Iterator[tuple[int, ProvenRecord]]:
    if list(index.unproven) != [one for one in shown if one >= index.head.size]:
        what = "what has no proof is not what no head covers"
        raise RefusedPackError(what, code="sample.unproven")
    check = partial(check_proof, max_age=trust.max_age, at=trust.at)
    for at in shown:
        if at >= index.head.size:
            continue
        if proof_path(at) not in index.files:
            raise RefusedPackError(f"entry {at}: has no proof", code="sample.proof")
        try:
            found = check(read(proof_path(at)), trust.genesis, trust.witnesses, trust.quorum)
        except LedgerError as error:
            raise RefusedPackError(f"{proof_path(at)}: {error}", code="sample.proof") from error
        shown_record = record_path(at) in index.files
        if found.index != at or found.checkpoint.note != note:
            what = f"{proof_path(at)}: of another entry, or under another head"
            raise RefusedPackError(what, code="sample.proof")
        if shown_record and digest(read(record_path(at))) != found.digest:
            what = f"{record_path(at)}: not the record that was recorded"
            raise RefusedPackError(what, code="sample.record")
        yield at, found


def _check_control(
    index: Index, control: Control, page: Page, proven: Mapping[int, ProvenRecord]
) -> None:
    population = control.population
    parts = population.model_dump(exclude={"size"}).values()
    size = min(index.draw.number, population.size)
    if sum(parts) != population.size or (control.drawn, len(page.items)) != (size, size):
        raise _wrong(control, "its numbers do not add up", "sample.population")
    draw = Draw(index.draw.seed, index.ledger.genesis, control.contract, control.rule)
    numbers = [draw.number(item.index) for item in page.items]
    if numbers != [item.number for item in page.items] or numbers != sorted({*numbers}):
        raise _wrong(control, "items have other numbers than these", "sample.draw")
    if control.cut != (numbers[-1] if size < population.size else ""):
        raise _wrong(control, "its cut is not the last number drawn", "sample.draw")
    if any(item.index >= index.ledger.size for item in page.items):
        raise _wrong(control, "an item is past the end of the ledger", "sample.draw")
    for item in page.items:
        _check_item(control, item, proven.get(item.index))
    _check_exceptions(index, control, page, draw)


def _check_item(control: Control, item: Item, found: ProvenRecord | None) -> None:
    if found is None:
        return
    if found.record is None:
        raise _wrong(control, f"entry {item.index}: its record is withheld", "sample.record")
    if any(
        getattr(item, name) != said for name, said in facts_of(found.header, found.record).items()
    ):
        raise _wrong(control, f"entry {item.index} was recorded otherwise", "sample.item")


def _check_exceptions(index: Index, control: Control, page: Page, draw: Draw) -> None:
    genesis = index.ledger.genesis
    said = {one.index: one for one in control.exceptions}
    results = [one.result for one in said.values()]
    counted = results.count("violated"), results.count("undecidable")
    if len(said) != len(control.exceptions) or counted != (
        control.population.violated,
        control.population.undecidable,
    ):
        raise _wrong(control, "its exceptions are not as many as counted", "sample.population")
    for one in said.values():
        if one.finding != finding_id(
            genesis, control.rule, control.rule, one.index, control.contract
        ):
            raise _wrong(control, f"{one.finding} is not of entry {one.index}", "sample.finding")
    # Whoever leaves out what was broken has to leave it out of the list as well.
    due = {one.index: one.result for one in said.values() if _is_due(draw, one.index, control.cut)}
    broken = {"violated", "undecidable"}
    there = {item.index: item.result for item in page.items if item.result in broken}
    if due != there:
        raise _wrong(control, "its exceptions and its items do not fit", "sample.draw")
    for item in page.items:
        ids = (
            ""
            if item.result == "satisfied"
            else finding_id(genesis, control.rule, control.rule, item.index, control.contract)
        )
        if item.finding != ids:
            raise _wrong(control, f"entry {item.index} has another finding", "sample.finding")


def _is_due(draw: Draw, index: int, cut: str) -> bool:
    return not cut or draw.number(index) <= cut


def _check_words(index: Index, controls: list[tuple[Control, Page]], read: Read) -> None:
    if read(TABLE) != table(controls, frozenset(index.unproven)):
        raise RefusedPackError(f"{TABLE}: says other things than the pages", code="sample.table")
    if read(README) != readme(index):
        raise RefusedPackError(f"{README}: says other things than the index", code="sample.readme")


def _wrong(control: Control, what: str, code: str) -> RefusedPackError:
    return RefusedPackError(f"{control.file}: {what}", code=code)
