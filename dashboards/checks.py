"""What the integrity page shows: the ten steps, who may write, heads, streams, contracts in force.

Everything here is of the report, or of records that the verification found valid. Keys and heads
are opened again with the ledger's own means: a head is shown only if its signature holds.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from dashboards.tables import Tables
from dashboards.words import count, short
from ledger import AuthorityHistory, open_checkpoint
from ledger.encoding import to_base64
from ledger.errors import LedgerError
from ledger.keys import fingerprint
from ledger.records import Authority, Genesis, read_record
from verifier.load import open_source
from verifier.report import IntegrityVerdict, Report

HEADS_SHOWN: Final = 50
# Source: verifier/load.py, what a report says of a head that enough witnesses cosigned.
COMPLETE: Final = "complete as of"


@dataclass(frozen=True, slots=True)
class Check:
    """One step of verification: what it asks for, and by which codes it answers."""

    number: int
    title: str
    asks: str
    checks: tuple[str, ...]
    breaks: bool


# Source: docs/spec/ledger-format.md, *Verification, in this order*; docs/spec/report.md, *Codes*.
CHECKS: Final = (
    Check(
        0,
        "Trust",
        "The trust file pins the first record; its root keys signed each authority document.",
        ("trust", "genesis", "authority"),
        breaks=True,
    ),
    Check(
        1,
        "Signed heads",
        "Every head that was kept is of this ledger, and signed by one of its head keys.",
        ("checkpoint", "cosignature"),
        breaks=True,
    ),
    Check(
        2,
        "Records",
        "Each record's bytes are strict, and are those that its header names.",
        ("unreadable", "record", "record-form"),
        breaks=True,
    ),
    Check(
        3,
        "Chain",
        "Each header is strict and numbered, and links to the one before it.",
        ("header", "index", "missing", "stray", "link"),
        breaks=True,
    ),
    Check(
        4,
        "Roots",
        "The root over all entries is the signed one, at the size of every head.",
        ("root", "tiles", "truncated"),
        breaks=True,
    ),
    Check(
        5,
        "Submissions",
        "What was sent together is whole, signed by its writer, numbered, and after what it saw.",
        ("submission", "signature", "number", "seen"),
        breaks=False,
    ),
    Check(
        6,
        "Writers",
        "The key could speak for this identity, with this kind of record, at this place.",
        ("entitlement", "compromised-key"),
        breaks=False,
    ),
    Check(
        7,
        "Governance",
        "Contracts are published by one and activated by another, and nothing is backdated.",
        ("governance",),
        breaks=False,
    ),
    Check(
        8,
        "Time",
        "The ledger's clock never goes back; claimed times are as their import says.",
        ("time", "clock"),
        breaks=False,
    ),
    Check(
        9,
        "References",
        "Records name earlier, valid ones of the right kind, in the right run; sealed values hold.",
        ("reference", "sealed", "lost", "erased-but-present"),
        breaks=False,
    ),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """How a step came out: `passed`, `failed`, `left out`, `undecidable` or `not reached`."""

    check: Check
    result: str
    words: str


@dataclass(frozen=True, slots=True)
class Head:
    """A signed head whose signature holds."""

    size: int
    root: str
    signer: str
    recorded_at: str


@dataclass(frozen=True, slots=True)
class Identity:
    """An identity as one authority document has it, with its keys.

    Attributes:
        since: Entry of the document that has it so first.
        until: Entry of the document that changed it; None where it still holds.
        keys: Fingerprint and use of each key.
    """

    id: str
    owner: str
    roles: tuple[str, ...]
    since: int
    until: int | None
    keys: tuple[tuple[str, str], ...]

    @property
    def keys_told(self) -> str:
        """Its keys with what each is for, in a line."""
        return ", ".join(f"{short(key)} ({use})" for key, use in self.keys)


@dataclass(frozen=True, slots=True)
class Binding:
    """A contract from an activation on."""

    index: int
    service: str
    version: str
    digest: str
    effective_at: str
    approved_by: tuple[str, ...]
    imported: bool


@dataclass(frozen=True, slots=True)
class SwitchRecord:
    """A switch that was engaged or released."""

    index: int
    recorded_at: str
    service: str
    mode: str
    state: str
    reason: str
    by: str


def answers(report: Report) -> tuple[Answer, ...]:
    """Return each step with its outcome, in their order."""
    return tuple(_answer(check, report) for check in CHECKS)


def _answer(check: Check, report: Report) -> Answer:
    broken = report.integrity.broken
    if broken is not None and check.number == broken.step:
        return Answer(check, "failed", f"at entry {broken.index}: {broken.what}")
    if broken is not None and (check.number > broken.step or not check.breaks):
        return Answer(check, "not reached", "the ledger is broken before this can be relied on")
    codes = {f"integrity.{name}" for name in check.checks}
    found = [one for one in report.findings if one.code in codes]
    if found:
        first = found[0]
        words = (
            f"{count(len(found), 'finding')}, the first at entry {first.index}: {first.recorded}"
        )
        undecidable = all(str(one.result) == "undecidable" for one in found)
        return Answer(check, "undecidable" if undecidable else "left out", words)
    if check.number == 1 and report.ledger.checkpoint_size == 0 and broken is None:
        return Answer(check, "undecidable", "no head of this ledger was ever signed")
    if check.number == 1 and broken is None and report.integrity.reasons:
        return Answer(check, "undecidable", "; ".join(report.integrity.reasons))
    upto = f"up to entry {broken.index}" if broken is not None else ""
    return Answer(check, "passed", upto)


def verdict(report: Report) -> str:
    """Return the verdict on the bytes in a sentence."""
    integrity, ledger = report.integrity, report.ledger
    if integrity.broken is not None:
        return f"Broken at entry {integrity.broken.index}. Nothing in this ledger can be relied on."
    if integrity.verdict is IntegrityVerdict.UNDECIDABLE:
        return f"Undecidable: {'; '.join(integrity.reasons)}."
    bare = ledger.size - ledger.checkpoint_size
    under = (
        f"{count(bare, 'entry', 'entries')} at its end under no signed head"
        if bare > 0
        else "all of them under a signed head"
    )
    return f"Holds: {count(ledger.size, 'entry', 'entries')}, {under}."


def trust_words(report: Report) -> str:
    """Return on whose word the verdict rests."""
    if report.integrity.trust == "pinned":
        return "Pinned: the trust file names this ledger's first record, and so its root keys."
    return (
        "Self-asserted: there was no trust file, so the ledger's own keys vouch for it. Whoever "
        "keeps it could have replaced the whole of it."
    )


def end_words(report: Report) -> str:
    """Return as of when the ledger is complete, by its witnesses; empty where none says so."""
    found = next((one for one in report.integrity.not_excluded if COMPLETE in one), "")
    said = found.partition(COMPLETE)[2]
    return f"Complete as of{said}." if said else ""


# ------------------------------------------------------------------ from valid records


def history(tables: Tables) -> AuthorityHistory:
    """Return who could write what, from the genesis record and the authority documents."""
    rows = tables.rows(
        "SELECT idx, body FROM governance WHERE kind IN ('genesis', 'authority') ORDER BY idx"
    )
    genesis = read_record(json.loads(rows[0][1]))
    if not isinstance(genesis, Genesis):
        raise TypeError("a verified ledger begins with genesis")
    found = AuthorityHistory.of(genesis)
    for index, body in rows[1:]:
        record = read_record(json.loads(body))
        if isinstance(record, Authority):
            found = found.fold(index, record)
    return found


def identities(found: AuthorityHistory) -> tuple[Identity, ...]:
    """Return every identity with its owner, roles and keys, and from where to where it held."""
    done: list[Identity] = []
    current: dict[str, Identity] = {}
    for document in found.documents:
        now = {
            one.id: Identity(
                one.id,
                one.owner,
                one.roles,
                document.index,
                None,
                tuple(
                    sorted(
                        (key, held.use)
                        for key, held in document.keys.items()
                        if held.identity == one.id
                    )
                ),
            )
            for one in document.document.identities
        }
        for name, one in list(current.items()):
            if name not in now or _differs(one, now[name]):
                done.append(_until(one, document.index))
                del current[name]
        for name, one in now.items():
            current.setdefault(name, one)
    return tuple(sorted([*done, *current.values()], key=lambda one: (one.id, one.since)))


def _differs(one: Identity, other: Identity) -> bool:
    return (one.owner, one.roles, one.keys) != (other.owner, other.roles, other.keys)


def _until(one: Identity, index: int) -> Identity:
    return Identity(one.id, one.owner, one.roles, one.since, index, one.keys)


def bindings(tables: Tables) -> tuple[Binding, ...]:
    """Return the valid activations, in the ledger's order."""
    rows = tables.rows("SELECT idx, body FROM governance WHERE kind = 'activation' ORDER BY idx")
    found = ((index, json.loads(body)) for index, body in rows)
    return tuple(
        Binding(
            index,
            record["service"],
            record["version"],
            record["digest"],
            record["effective_at"],
            tuple(record["approved_by"]),
            record.get("imported") is True,
        )
        for index, record in found
    )


def switches(tables: Tables) -> tuple[SwitchRecord, ...]:
    """Return the kill switches and safe modes that were engaged and released, in order."""
    rows = tables.rows(
        "SELECT idx, recorded_at, body FROM governance WHERE kind = 'switch' ORDER BY idx"
    )
    found = ((index, at, json.loads(body)) for index, at, body in rows)
    return tuple(
        SwitchRecord(
            index,
            at,
            record["service"],
            record["mode"],
            record["state"],
            record["reason"],
            record["by"],
        )
        for index, at, record in found
    )


def kinds(report: Report) -> tuple[tuple[str, int], ...]:
    """Return how many valid records there are of each kind, the most first."""
    records: Mapping[str, int] = report.conformance.records
    return tuple(sorted(records.items(), key=lambda item: (-item[1], item[0])))


# ------------------------------------------------------------------ from the store's heads


def heads(source: str, tables: Tables) -> tuple[int, tuple[Head, ...]]:
    """Return how many heads there are of what was verified, and the newest of them.

    Raises:
        LedgerError: The store cannot be read any more.
    """
    size, origin = tables.report.ledger.size, tables.report.ledger.origin
    authority = history(tables)
    with closing(open_source(source)) as store:
        notes = [(at, note) for at, note in store.checkpoints() if at <= size]
    chosen = notes[-HEADS_SHOWN:][::-1]
    return len(notes), tuple(_opened(tables, authority, origin, chosen))


def _opened(
    tables: Tables, authority: AuthorityHistory, origin: str, notes: list[tuple[int, bytes]]
) -> Iterator[Head]:
    for size, note in notes:
        try:
            checkpoint = open_checkpoint(note, origin, authority.head_keys(size))
        except LedgerError:
            continue
        rows = tables.rows("SELECT recorded_at FROM entries WHERE idx = ?", size - 1)
        yield Head(
            size,
            to_base64(checkpoint.checkpoint.root),
            fingerprint(checkpoint.key),
            rows[0][0] if rows else "",
        )
