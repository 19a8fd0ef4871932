"""What is planted beside the refund service: other services, and a keeper who lets things in.

The keeper writes past the gate of the ledger: what a gate refuses can only come in like this.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from benchmarks.planting.desk import Desk, Steps
from benchmarks.planting.people import SERVICE
from ledger.clock import format_time
from ledger.encoded import EncodedRecord
from ledger.encoding import digest, to_base64
from ledger.entry import ZEROS, HeaderForm, leaf_hash
from ledger.keys import fingerprint
from ledger.records import Action, Activation, ContractText, Outcome, RunClosed, RunOpened
from ledger.rows import Added, Head, StreamState
from ledger.signing import MemoryKey, Signer
from ledger.submission import Submission, signed_text, submission_root

_SPIFFE: Final = "spiffe://acme.example/ai/"
_GARBLED: Final = "contract: invoice-matching\nversion: [\n"


def without_contract(desk: Desk, *, closes: bool) -> Steps:
    """Act for a service that has no contract, and record no end of it."""
    desk.flush()
    run, action = _acted(desk, "addresses")
    closed = {"run": run, "outcome": "completed"}
    if closes:
        desk.put("agent-addresses", RunClosed, **closed)
    desk.flush()
    desk.expect("undecidable", "coverage.no-contract", action)
    result = "violated" if closes else "undecidable"
    desk.expect(result, "coverage.outcome-missing", action)
    if not closes:
        desk.expect("undecidable", "coverage.run-unclosed", run)
    yield timedelta(0)


def _acted(desk: Desk, name: str, *, ended: bool = False) -> tuple[str, str]:
    """Open a run of another service and act in it; return the digests of both."""
    desk.truth.runs += 1
    by, service = f"agent-{name}", _SPIFFE + name
    run = desk.put(by, RunOpened, service=service, ref=f"R-{desk.truth.runs:05}").digest
    action = desk.put(by, Action, run=run, tool="records.change", params={"name": "x"}).digest
    if ended:
        desk.put(by, Outcome, run=run, action=action, status="ok")
        desk.put(by, RunClosed, run=run, outcome="completed")
    return run, action


def _published(desk: Desk, name: str, text: str) -> str:
    """Publish a contract for another service and activate it; return the activation's digest."""
    desk.flush()
    service, found = _SPIFFE + name, digest(text.encode())
    told = {"service": service, "version": "1.0.0", "digest": found}
    desk.put("author", ContractText, text=text, **told)
    desk.flush()
    at = format_time(desk.now + timedelta(seconds=1))
    made = desk.put("activator", Activation, **told, effective_at=at, approved_by=())
    desk.flush()
    return made.digest


def unreadable(desk: Desk) -> Steps:
    """Activate for a service what is no contract, and act under it."""
    activation = _published(desk, "invoices", _GARBLED)
    desk.expect("undecidable", "coverage.contract-unreadable", activation)
    yield timedelta(minutes=1)
    _acted(desk, "invoices", ended=True)
    desk.flush()


def of_another(desk: Desk, text: str) -> Steps:
    """Activate for a service the contract of the refund service, and act under it."""
    _published(desk, "stock", text)
    yield timedelta(minutes=1)
    _, action = _acted(desk, "stock", ended=True)
    desk.flush()
    desk.expect("undecidable", "coverage.no-contract", action)


# ------------------------------------------------------------------------- past the gate


class Keeper:
    """Lets into the ledger what its gate would refuse, under one key.

    Args:
        desk: The desk.
        signer: The key.
        by: Whom it says that it speaks for.
    """

    def __init__(self, desk: Desk, signer: Signer, by: str) -> None:
        self._desk = desk
        self._signer = signer
        self._by = by
        self._previous = ZEROS

    def made(
        self, model: type[RunOpened | RunClosed | Action], number: int, **fields: object
    ) -> EncodedRecord:
        """Make a record."""
        nonce = digest(f"{self._by}/{number}".encode())[:32]
        return EncodedRecord.of(model.model_validate({"nonce": nonce, "by": self._by, **fields}))

    def lets_in(self, number: int, records: Sequence[EncodedRecord], *, lost: bool = False) -> int:
        """Add a submission at the ledger's end, or lose it; return the entry, or −1."""
        self._desk.flush()
        with self._desk.store.writing() as writer:
            head, frontier = writer.head()
            key = fingerprint(self._signer.public_key)
            stream = digest(self._by.encode())[:32]
            submission = Submission(
                genesis=self._desk.founded.genesis,
                key=key,
                stream=stream,
                number=number,
                previous=self._previous,
                seen_size=head.size,
                seen_leaf=head.leaf,
                exact=True,
                count=len(records),
                root=submission_root([one.digest for one in records]),
            )
            text = signed_text(submission)
            self._previous = digest(text)
            if lost:
                return -1
            now = format_time(self._desk.now)
            form = HeaderForm(key, stream, number, len(records), now)
            opening: dict[str, object] = {
                "previous": submission.previous,
                "seen": {"size": head.size, "leaf": head.leaf},
                "exact": True,
                "root": submission.root,
                "signature": to_base64(self._signer.sign(text)),
            }
            headers = [form.opening(head.size, head.leaf, records[0].digest, opening)]
            for position, one in enumerate(records[1:], start=1):
                last = leaf_hash(headers[-1]).hex()
                headers.append(form.following(head.size + position, position, last, one.digest))
            grown = frontier.copy()
            grown.extend([leaf_hash(one) for one in headers])
            after = Head(grown.size, leaf_hash(headers[-1]).hex(), now)
            state = StreamState(
                key, stream, number, head.size, len(records), digest(text), closed=False
            )
            bodies = [one.raw for one in records]
            writer.add(Added(head.size, headers, bodies), after, grown, state)
        return head.size


def unregistered(desk: Desk) -> Steps:
    """Let somebody write whom the authority does not know: nothing of it may count."""
    keeper = Keeper(desk, MemoryKey.from_seed(b"g" * 32), f"{_SPIFFE}agent-ghost")
    opened = keeper.made(RunOpened, 0, service=SERVICE, requester="C-10001")
    params = {"customer": "C-10001"}
    action = keeper.made(Action, 1, run=opened.digest, tool="customers.get", params=params)
    desk.expect_at("violated", "integrity.entitlement", keeper.lets_in(0, [opened, action]))
    yield timedelta(0)


def lossy(desk: Desk) -> Steps:
    """Lose the middle one of somebody's three submissions."""
    name = "agent-lossy"
    keeper = Keeper(desk, desk.founded.key(name), desk.founded.identities[name])
    opened = keeper.made(RunOpened, 0, service=f"{_SPIFFE}loss", ref="R-lossy")
    keeper.lets_in(0, [opened])
    yield timedelta(minutes=1)
    params = {"customer": "C-10001"}
    action = keeper.made(Action, 1, run=opened.digest, tool="customers.get", params=params)
    keeper.lets_in(1, [action], lost=True)
    yield timedelta(minutes=1)
    closed = keeper.made(RunClosed, 2, run=opened.digest, outcome="answered")
    desk.expect_at("violated", "coverage.gap-in-submissions", keeper.lets_in(2, [closed]))
