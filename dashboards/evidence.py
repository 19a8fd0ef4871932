"""One entry: its record, what it rests on, what rests on it, and the proof that it is there.

What is shown of an entry was verified; its proof is made of the store as it is now and checked at
once with nothing but the genesis record, as whoever is given it would check it.
"""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from dashboards import queries, runs
from dashboards.filling import named
from dashboards.queries import FindingRow
from dashboards.runs import Entry
from dashboards.tables import Tables
from ledger.errors import LedgerError
from ledger.keys import fingerprint
from ledger.proof import check_proof, make_proof
from ledger.proof_head import choose_head
from verifier.errors import VerifierError
from verifier.load import open_source

SHOWN: Final = 25
"""How many of what rests on an entry are shown; of a customer's record there may be many."""
HOW: Final[Mapping[str, tuple[str, str]]] = {
    "evidence": ("cites as evidence", "cites it as evidence"),
    "action": ("is about the action", "is about it"),
    "resumes": ("takes up", "takes it up"),
    "compensates": ("takes back", "takes it back"),
    "parent": ("was opened by", "was opened by it"),
}
"""By how a record names another: in words from the one, and from the other."""


@dataclass(frozen=True, slots=True)
class Link:
    """Another entry, and what it has to do with this one, in words."""

    entry: Entry
    words: str


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around an entry.

    Attributes:
        run: The run that it belongs to, its digest; empty where it belongs to none.
        rests_on: What its record names.
        missing: How many it names that are not valid here.
        carries: What names it, the first ones; `carried` how many there are.
        findings: Findings at it, or that rest on it.
    """

    run: str
    rests_on: tuple[Link, ...]
    missing: int
    carries: tuple[Link, ...]
    carried: int
    findings: tuple[FindingRow, ...]


@dataclass(frozen=True, slots=True)
class Proven:
    """A proof that was made and checked.

    Attributes:
        raw: The file, in the C2SP tlog-proof format.
        index: The entry.
        size: The size of the tree that it is in.
        head_signer: Fingerprint of the key that signed that tree's head.
        signer: Fingerprint of the writer's key.
        identity: Whom that key spoke for.
        document: By which authority document.
    """

    raw: bytes
    index: int
    size: int
    head_signer: str
    signer: str
    identity: str
    document: int


def around(tables: Tables, entry: Entry) -> Around:
    """Return what stands around an entry."""
    names = tuple(named(entry.record))
    found = runs.named_by(tables, [entry.index])
    rests_on = tuple(Link(found[digest], HOW[how][0]) for how, digest in names if digest in found)
    carried = tables.number("SELECT count(*) FROM links WHERE target = ?", entry.index)
    rows = tables.rows(
        "SELECT source, how FROM links WHERE target = ? ORDER BY source LIMIT ?",
        entry.index,
        SHOWN,
    )
    carries = ((runs.entry(tables, source), HOW[how][1]) for source, how in rows)
    return Around(
        run=entry.run,
        rests_on=rests_on,
        missing=len(names) - len(rests_on),
        carries=tuple(Link(one, words) for one, words in carries if one is not None),
        carried=carried,
        findings=queries.findings_on(tables, entry.index),
    )


def proof_of(ledger: str, tables: Tables, index: int) -> Proven | str:
    """Return the proof of an entry under the newest head over it; in words why there is none.

    Args:
        ledger: The ledger's name.
        tables: What was verified of it: the proof is held against that.
        index: The entry.
    """
    try:
        with closing(open_source(ledger)) as store:
            head = choose_head(store, index, None)
            if head is None:
                return "No signed head covers this entry yet: one is signed as the ledger goes on."
            raw = make_proof(store, index, head.note)
        proven = check_proof(raw, tables.report.ledger.genesis)
    except (LedgerError, VerifierError) as error:
        return f"No proof could be made of the ledger as it is now: {error}."
    verified = runs.entry(tables, index)
    if verified is None or proven.digest != verified.digest:
        return "The ledger has another record here by now than the one that was verified."
    return Proven(
        raw=raw,
        index=index,
        size=head.size,
        head_signer=fingerprint(proven.checkpoint.key),
        signer=fingerprint(proven.signer),
        identity=proven.identity,
        document=proven.document,
    )
