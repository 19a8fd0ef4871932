"""What a pack of samples is made of: its index, a page for each control, a table and a README.

Everything in a pack follows from the ledger, the trust file, the seed and the number: the same
bytes on every machine.
Source: docs/how-to/sample-evidence.md; docs/reference/sample.schema.json.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.types import Strict

from ledger.encoding import MAX_INTEGER
from verifier.sampling import MAX_NUMBER, MAX_SEED

SCHEMA: Final = "writ/sample/v1"
CONTROL_SCHEMA: Final = "writ/sample-control/v1"
INDEX: Final = "index.json"
TABLE: Final = "items.csv"
README: Final = "README.txt"
CHECKPOINT: Final = "checkpoint"

LIMITS: Final = (
    "how large a population is, and that no entry with a smaller number was left out",
    "that a rule held, was handled or was broken at an entry: the proofs show records and places",
    "both take the ledger: verified with this seed and number it gives this pack byte for byte",
)
"""What a pack does not show without the ledger."""

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
Outcome = Literal["satisfied", "violated", "undecidable", "handled"]
_UNSAFE: Final = re.compile(r"[^a-z0-9.-]+")
# What a spreadsheet takes for the beginning of a formula, also after what it may take for the end
# of a cell.
_FORMULA: Final = re.compile(r"""(^|[,;|\t\r\n])([\s"']*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20\t\r])""")


class Part(BaseModel):
    """A part of a pack. Unknown members are refused: they would not be checked."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)


class SampledLedger(Part):
    """The ledger as it was verified: all entries, and the root over them (base64)."""

    origin: str
    genesis: Digest
    size: Count
    root: str


class Head(Part):
    """The signed head that the proofs are made under: the file `checkpoint`."""

    size: Count
    root: str


class Basis(Part):
    """What the verification rests on and said: digests of the trust file and of its report."""

    trust: Digest
    report: Digest
    exit_code: Literal[0, 1, 3]


class Drawing(Part):
    """How entries were drawn."""

    method: Literal["writ/sample/v1"] = "writ/sample/v1"
    number: Annotated[int, Field(ge=1, le=MAX_NUMBER)]
    seed: Annotated[str, Field(min_length=1, max_length=MAX_SEED)]


class Population(Part):
    """At how many entries the rule gave a result, and how it came out. Re-verified, not sampled."""

    size: Count
    satisfied: Count
    violated: Count
    undecidable: Count
    handled: Count


class BrokenResult(Part):
    """A result that was violated or undecidable, drawn or not."""

    finding: Annotated[str, Field(pattern=r"^F-[0-9a-f]{16}$")]
    index: Count
    result: Literal["violated", "undecidable"]


class Control(Part):
    """One rule of one contract. `cut`: the largest number drawn; empty where all were drawn."""

    file: str
    contract: Digest
    name: str
    version: str
    rule: str
    clause: str
    effect: str
    line: Count
    says: str
    population: Population
    drawn: Count
    cut: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
    exceptions: Annotated[tuple[BrokenResult, ...], Strict(strict=False)]


class Index(Part):
    """The index of a pack: what it is of, how it was drawn, its controls, and its files.

    `unproven` are entries in it that no signed head covers. `files` are the SHA-256 of every other
    file by its path.
    """

    schema_: Annotated[Literal["writ/sample/v1"], Field(alias="schema")]
    ledger: SampledLedger
    head: Head
    basis: Basis
    draw: Drawing
    controls: Annotated[tuple[Control, ...], Strict(strict=False)]
    unproven: Annotated[tuple[Count, ...], Strict(strict=False)]
    limits: Annotated[tuple[str, ...], Strict(strict=False)]
    files: dict[str, Digest]


class Item(Part):
    """One drawn entry. Texts from `finding` on are those of the finding; empty where it held."""

    number: Digest
    index: Count
    result: Outcome
    recorded_at: str
    kind: str
    run: str
    identity: str
    tool: str
    record: Digest
    rests_on: Annotated[tuple[Count, ...], Strict(strict=False)]
    finding: str
    expected: str
    recorded: str
    reason: str
    handled: str


class Page(Part):
    """The sample of one control, the smallest number first."""

    schema_: Annotated[Literal["writ/sample-control/v1"], Field(alias="schema")]
    contract: Digest
    rule: str
    items: Annotated[tuple[Item, ...], Strict(strict=False)]


def written(part: Part) -> bytes:
    """Return a part as JSON, ended by a newline."""
    body = part.model_dump(mode="json", by_alias=True)
    return (json.dumps(body, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def page_path(position: int, rule: str) -> str:
    """Return the path of a control's page.

    Example:
        >>> page_path(3, "policy.looked")
        'controls/0003-policy.looked.json'
    """
    return f"controls/{position:04}-{_UNSAFE.sub('-', rule.lower())[:80]}.json"


def record_path(index: int) -> str:
    """Return the path of an entry's record: its very bytes."""
    return f"entries/{index}.record.json"


def proof_path(index: int) -> str:
    """Return the path of an entry's proof, which `writ proof --check` reads."""
    return f"entries/{index}.tlog-proof"


def harmless_cell(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula, wherever it may split a line.

    Example:
        >>> harmless_cell("=HYPERLINK(A1)"), harmless_cell("a;@b"), harmless_cell("refund")
        ("'=HYPERLINK(A1)", "a;'@b", 'refund')
    """
    return _FORMULA.sub(r"\1\2'", text)


_COLUMNS: Final = (
    "control",
    "contract",
    "version",
    "rule",
    "result",
    "entry",
    "recorded at",
    "kind",
    "run",
    "identity",
    "tool",
    "finding",
    "expected",
    "recorded",
    "reason",
    "handled",
    "rests on",
    "record (SHA-256)",
    "record file",
    "proof file",
)


def table(controls: Iterable[tuple[Control, Page]], unproven: frozenset[int]) -> bytes:
    """Return all items as CSV in UTF-8 with a mark at its start: one row each, every cell quoted.

    Args:
        controls: Each with its page.
        unproven: Entries that have no proof.
    """
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    for position, (control, page) in enumerate(controls, 1):
        for item in page.items:
            writer.writerow(map(harmless_cell, _cells(position, control, item, unproven)))
    # Without the mark a spreadsheet takes the bytes for another encoding.
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _cells(position: int, control: Control, item: Item, unproven: frozenset[int]) -> Iterator[str]:
    yield from (str(position), control.name, control.version, control.rule, item.result)
    yield from (str(item.index), item.recorded_at, item.kind, item.run, item.identity, item.tool)
    yield from (item.finding, item.expected, item.recorded, item.reason, item.handled)
    yield " ".join(map(str, item.rests_on))
    yield item.record
    yield record_path(item.index)
    yield "" if item.index in unproven else proof_path(item.index)


_PAGE: Final = """\
Evidence sample of a ledger
===========================

Ledger   {origin}
Genesis  {genesis}
Entries  {size}, root {root}
Head     {head} entries, root {head_root}: the file checkpoint
Drawn    {number} of each control, seed {seed}
Items    {items} of {controls} controls

A control is a rule of a contract that was in force. Its population are all entries at which the
rule gave a result: satisfied, violated, undecidable or handled. How many these are was found by
deciding every record of the ledger again.

What is here
------------

index.json     what this is of, each control with its population, and every violated and
               undecidable result, drawn or not, by its finding; the SHA-256 of every file
controls/      of each control the items that were drawn, smallest number first
items.csv      the same items as one table. Where a cell would have begun a formula, an
               apostrophe stands before it: the JSON has what was recorded
entries/       of each drawn entry, and of each that one rests on, the record as it was
               recorded, and its proof: that it stands in the ledger, who signed it, and where

How it was drawn
----------------

Each entry of a control's population has the number

    SHA-256 of writ/sample/v1, SEED, GENESIS, CONTRACT, RULE, INDEX, joined by newlines

in hexadecimal: GENESIS and CONTRACT are digests in lowercase hexadecimal, INDEX is decimal. The
{number} smallest are the sample. Nobody who records can choose these numbers, as long as the seed
is chosen after the ledger was handed over.

How to check it
---------------

With Writ, without the ledger, under the trust file of this ledger, obtained out of band:

    writ sample --check THIS-FOLDER --trust TRUST.json

One item, in the same way:

    writ proof --check entries/INDEX.tlog-proof --trust TRUST.json

With the ledger: this makes the same files again, byte for byte, and so shows the populations too:

    writ verify LEDGER --trust TRUST.json --sample {number} --seed {quoted} --out OTHER-FOLDER

Without Writ: a proof is a C2SP tlog-proof of the entry's header under the head; the header has the
SHA-256 of the record; the numbers are made as said above.

What it does not show by itself
-------------------------------

{limits}
"""


def readme(index: Index) -> bytes:
    """Return the page that says what a pack is."""
    ledger, head, draw = index.ledger, index.head, index.draw
    limits = "\n".join(f"- {one}" for one in index.limits)
    return _PAGE.format(
        origin=ledger.origin,
        genesis=ledger.genesis,
        size=ledger.size,
        root=ledger.root,
        head=head.size,
        head_root=head.root,
        number=draw.number,
        seed=draw.seed,
        quoted="'" + draw.seed.replace("'", "'\\''") + "'",
        items=sum(control.drawn for control in index.controls),
        controls=len(index.controls),
        limits=limits,
    ).encode()
