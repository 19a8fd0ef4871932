"""Makes a pack of samples: every item with its record, and a proof of it under one signed head."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ledger.checkpoint import Checkpoint, parse_checkpoint, parse_note
from ledger.encoding import digest, from_base64, to_base64
from ledger.entry import Header, leaf_hash, parse_header
from ledger.errors import LedgerError
from ledger.proof import Proofs
from ledger.records import AnyRecord, parse_record
from ledger.source import Source
from ledger.tiles import TiledTree, tiles
from verifier.attestation import report_digest
from verifier.findings import Finding
from verifier.pack_forms import (
    CHECKPOINT,
    INDEX,
    LIMITS,
    README,
    TABLE,
    Basis,
    BrokenResult,
    Control,
    Drawing,
    Head,
    Index,
    Item,
    Page,
    Population,
    SampledLedger,
    page_path,
    proof_path,
    readme,
    record_path,
    table,
    written,
)
from verifier.report import Report, RuleCount
from verifier.sampling import Drawn, SampleError, Samples
from verifier.splitting import contained

Key = tuple[str, str, int]
Broken = Mapping[tuple[str, str], Sequence[BrokenResult]]


@dataclass(frozen=True, slots=True)
class Sampled:
    """A verification that drew samples: its report, the samples, and what it rested on.

    Attributes:
        report: What was found.
        samples: What was drawn.
        trust: The trust file's bytes.
    """

    report: Report
    samples: Samples
    trust: bytes


@dataclass(frozen=True, slots=True)
class _Entry:
    header: Header
    record: AnyRecord
    raw: bytes


class _Entries:
    """Entries of a source, each under its leaf hash as the proved tree has it."""

    def __init__(self, source: Source, note: bytes, report: Report) -> None:
        self._source = source
        head = parse_checkpoint(parse_note(note).text)
        self.head = head
        headers = (row.header for row in source.rows(0, head.size))
        kept = {path: raw for path, raw in tiles(headers) if not path.startswith("tile/entries")}
        self.tree = TiledTree(kept.get, head.size)
        whole = Checkpoint(head.origin, report.ledger.size, from_base64(report.ledger.root))
        if not all(contained(source, (head, whole))) or self.tree.root() != head.root:
            raise _changed(source)
        self.of = lru_cache(maxsize=65_536)(self._read)

    def _read(self, index: int) -> _Entry:
        row = self._source.row(index)
        if index < self.head.size and leaf_hash(row.header) != self.tree.leaf(index):
            raise _changed(self._source)
        header, raw = parse_header(row.header), row.record or b""
        if header.record != digest(raw):
            raise _changed(self._source)
        return _Entry(header, parse_record(raw), raw)


def _changed(source: Source) -> SampleError:
    what = f"{source.location}: changed while it was being verified"
    return SampleError(what, code="sample.changed")


def pack(sampled: Sampled, source: Source, note: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield path and bytes of each file of a pack; the index comes last.

    Args:
        sampled: The verification.
        source: The ledger.
        note: The signed head that the proofs are made under.

    Raises:
        SampleError: Records were not decided again, or their counts are not those of the samples,
            or the ledger changed meanwhile.
        LedgerError: The ledger cannot be read.
    """
    report = sampled.report
    if not report.conformance.performed:
        what = "nothing was decided again, so that there is nothing to draw from"
        raise SampleError(what, code="sample.undecided")
    entries = _Entries(source, note, report)
    making = _Making(sampled, entries, _by_place(report), _exceptions(report))
    files: dict[str, str] = {}
    controls: list[tuple[Control, Page]] = []
    shown: set[int] = set()
    for position, count in enumerate(report.conformance.counts, 1):
        control, page = _control(making, position, count)
        controls.append((control, page))
        for item in page.items:
            shown |= {item.index, *item.rests_on}
        yield _noted(files, control.file, written(page))
    for path, raw in _evidence(sorted(shown), source, note, entries):
        yield _noted(files, path, raw)
    unproven = tuple(index for index in sorted(shown) if index >= entries.head.size)
    yield _noted(files, TABLE, table(controls, frozenset(unproven)))
    yield _noted(files, CHECKPOINT, note)
    index = _index(sampled, entries.head, [one for one, _ in controls], unproven)
    yield _noted(files, README, readme(index))
    yield INDEX, written(index.model_copy(update={"files": dict(sorted(files.items()))}))


def _noted(files: dict[str, str], path: str, raw: bytes) -> tuple[str, bytes]:
    files[path] = digest(raw)
    return path, raw


def _by_place(report: Report) -> Mapping[Key, Finding]:
    return {(one.contract, one.rule, one.index): one for one in report.findings}


@dataclass(frozen=True, slots=True)
class _Making:
    sampled: Sampled
    entries: _Entries
    findings: Mapping[Key, Finding]
    broken: Broken


def _control(making: _Making, position: int, count: RuleCount) -> tuple[Control, Page]:
    """Return a control, and the page of its sample."""
    sampled = making.sampled
    contract, rule = count.contract, count.rule
    known = next(one for one in sampled.report.conformance.contracts if one.digest == contract)
    drawn = sampled.samples.drawn(contract, rule)
    population = _population(sampled, count)
    items = tuple(_item(making, one, contract, rule) for one in drawn)
    control = Control(
        file=page_path(position, rule),
        contract=contract,
        name=known.name,
        version=known.version,
        rule=rule,
        clause=count.clause,
        effect=count.effect,
        line=count.line,
        says=count.says,
        population=population,
        drawn=len(drawn),
        cut=drawn[-1].number if len(drawn) < population.size else "",
        exceptions=tuple(making.broken.get((contract, rule), ())),
    )
    page = Page(schema_="writ/sample-control/v1", contract=contract, rule=rule, items=items)
    return control, page


def _population(sampled: Sampled, count: RuleCount) -> Population:
    """Return a population, which the report and the samples must have counted alike."""
    tally = count.tally
    found = sampled.samples.population(count.contract, count.rule)
    population = Population(
        size=found.total(),
        satisfied=tally.satisfied,
        violated=tally.violated,
        undecidable=tally.undecidable,
        handled=tally.handled,
    )
    said = population.model_dump(exclude={"size"})
    if any(found[result] != number for result, number in said.items()) or found.total() != sum(
        said.values()
    ):
        what = f"{count.rule}: {said} were counted, and {dict(found)} were there to be drawn from"
        raise SampleError(what, code="sample.population")
    return population


def _exceptions(report: Report) -> Broken:
    """Return what was violated or undecidable, by contract and rule."""
    found: defaultdict[tuple[str, str], list[BrokenResult]] = defaultdict(list)
    for one in report.findings:
        if one.result.value in {"violated", "undecidable"}:
            said = BrokenResult.model_validate(
                {"finding": one.id, "index": one.index, "result": one.result.value}
            )
            found[one.contract, one.rule].append(said)
    return found


def _item(making: _Making, drawn: Drawn, contract: str, rule: str) -> Item:
    entry = making.entries.of(drawn.index)
    held = drawn.result == "satisfied"
    found = None if held else making.findings[contract, rule, drawn.index]
    return Item.model_validate(
        {
            "number": drawn.number,
            "index": drawn.index,
            "result": drawn.result,
            **facts_of(entry.header, entry.record),
            "rests_on": drawn.rests_on,
            "finding": found.id if found else "",
            "expected": found.expected if found else "",
            "recorded": found.recorded if found else "",
            "reason": found.reason if found else "",
            "handled": found.handled if found else "",
        }
    )


def facts_of(header: Header, record: AnyRecord) -> dict[str, str]:
    """Return what a record and its header say of time, kind, run, speaker and tool."""
    return {
        "recorded_at": header.recorded_at,
        "kind": record.kind,
        "run": str(getattr(record, "run", "") or ""),
        "identity": record.by,
        "tool": str(getattr(record, "tool", "") or ""),
        "record": header.record,
    }


def _evidence(
    shown: list[int], source: Source, note: bytes, entries: _Entries
) -> Iterator[tuple[str, bytes]]:
    proofs = Proofs(source, note, entries.tree)
    for index in shown:
        try:
            if not source.withheld(index):
                yield record_path(index), entries.of(index).raw
            if index < entries.head.size:
                yield proof_path(index), proofs.of(index)
        except LedgerError as error:
            raise SampleError(f"entry {index}: {error}", code="sample.evidence") from error


def _index(
    sampled: Sampled, head: Checkpoint, controls: list[Control], unproven: tuple[int, ...]
) -> Index:
    ledger = sampled.report.ledger
    basis = {
        "trust": digest(sampled.trust),
        "report": report_digest(sampled.report),
        "exit_code": int(sampled.report.exit_code()),
    }
    return Index(
        schema_="writ/sample/v1",
        ledger=SampledLedger(
            origin=ledger.origin, genesis=ledger.genesis, size=ledger.size, root=ledger.root
        ),
        head=Head(size=head.size, root=to_base64(head.root)),
        basis=Basis.model_validate(basis),
        draw=Drawing(number=sampled.samples.number, seed=sampled.samples.seed),
        controls=tuple(controls),
        unproven=unproven,
        limits=LIMITS,
        files={},
    )
