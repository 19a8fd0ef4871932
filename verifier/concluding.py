"""What a report says of the bytes: what holds, why that cannot be told, and what it leaves open."""

from collections.abc import Iterator

from ledger.bundle import Bundle
from ledger.encoding import to_base64
from ledger.source import Source
from verifier.drafts import Draft, integrity_draft
from verifier.entries import BrokenLedgerError
from verifier.findings import Finding
from verifier.founding import Founding
from verifier.heads import Heads
from verifier.integrity import Reading
from verifier.ordinary import Proved
from verifier.places import placed
from verifier.report import Conformance, Integrity, IntegrityVerdict, LedgerFacts, Report
from verifier.trust import Trust
from verifier.witnessed import written

PINNED = "pinned"
SELF_ASSERTED = "self-asserted"


def sound(store: Source, found: Proved, trust: Trust | None) -> Report:
    """Return what the exact reading would say of a ledger in which it would find nothing."""
    return Report(
        ledger=facts(found.founding, found.heads, found),
        integrity=integrity(store, found.heads, found, trust),
        conformance=Conformance(performed=False),
        findings=(),
    )


def facts(founding: Founding, heads: Heads, reading: Reading | Proved) -> LedgerFacts:
    """Return what was verified."""
    return LedgerFacts(
        origin=founding.origin,
        genesis=founding.genesis,
        size=reading.size,
        root=to_base64(reading.root()),
        checkpoint_size=heads.counted[0],
        checkpoint_root=heads.counted[1],
    )


def integrity(
    store: Source, heads: Heads, reading: Reading | Proved, trust: Trust | None
) -> Integrity:
    """Return what is to be said of a ledger that did not break."""
    reasons = tuple(_reasons(store, heads, trust))
    undecidable = IntegrityVerdict.UNDECIDABLE
    return Integrity(
        verdict=undecidable if reasons else IntegrityVerdict.HOLDS,
        trust=SELF_ASSERTED if trust is None else PINNED,
        reasons=reasons,
        not_excluded=tuple(_not_excluded(heads, reading, trust)),
        submissions=reading.submissions,
        invalid_submissions=reading.invalid_submissions,
        invalid_records=reading.invalid_records,
        vouched=trust is not None or not isinstance(store, Bundle),
    )


def _reasons(store: Source, heads: Heads, trust: Trust | None) -> Iterator[str]:
    if trust is None and isinstance(store, Bundle):
        yield (
            "a bundle cannot vouch for itself: get the ledger's trust file from somebody who does "
            "not depend on whoever made the bundle, and name it with --trust"
        )
    if heads.size == 0 and heads.doubtful:
        yield (
            "every head of this ledger was signed by a key that may have been in other hands: "
            "have a new one signed by the key that followed"
        )
    elif heads.size == 0:
        yield "no head of this ledger was ever signed: its entries can be compared with nothing"
    yield from heads.witnessed.reasons()


def _not_excluded(heads: Heads, reading: Reading | Proved, trust: Trust | None) -> Iterator[str]:
    if trust is None:
        yield (
            "that this is the ledger that it says it is: there was no trust file, so its keys "
            "vouch for themselves (trust: self-asserted)"
        )
    accepted = heads.witnessed.accepted
    if accepted is not None:
        yield (
            f"that its end was cut off later: it is complete as of {written(accepted.as_of)}, by "
            f"{accepted.witnesses} of {heads.witnessed.count} witnesses"
        )
    elif trust is None or not trust.all_pins():
        yield (
            "that its end was not cut off: no witness and no pinned checkpoint says "
            "how long it once was"
        )
    if reading.withheld:
        yield (
            f"what is in {reading.withheld} records of {reading.size}, which the bundle withholds: "
            "whether each is a record, and its writer was entitled to it; where it is not, what "
            "was submitted with it would not count either"
        )
    counted = heads.counted[0]
    if 0 < counted < reading.size:
        signed = "signed" if accepted is None else "cosigned"
        yield (
            f"entries {counted} to {reading.size - 1}: they follow the last {signed} head, "
            "and whoever keeps the ledger could still change them"
        )


def broken(
    error: BrokenLedgerError,
    founding: Founding | None,
    reading: Reading | None,
    trust: Trust | None,
) -> Report:
    """Return the report on a ledger that breaks: nothing in it is judged."""
    where = error.where
    genesis = founding.genesis if founding else ""
    drafts: list[Draft] = list(reading.drafts) if reading else []
    drafts.append(integrity_draft(where.check, where.index, where.what, step=where.step))
    findings: tuple[Finding, ...] = placed(drafts, genesis, None)
    return Report(
        ledger=LedgerFacts(
            origin=founding.origin if founding else "",
            genesis=genesis,
            size=reading.size if reading else 0,
        ),
        integrity=Integrity(
            verdict=IntegrityVerdict.BROKEN,
            trust=SELF_ASSERTED if trust is None else PINNED,
            broken=where,
            submissions=reading.submissions if reading else 0,
            invalid_submissions=reading.invalid_submissions if reading else 0,
            invalid_records=reading.invalid_records if reading else 0,
        ),
        conformance=Conformance(performed=False),
        findings=findings,
    )
