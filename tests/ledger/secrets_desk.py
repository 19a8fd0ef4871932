"""A ledger with sealed values in it, for the tests of sealing, erasing and showing them."""

from dataclasses import dataclass, field
from pathlib import Path

from ledger.client import LedgerClient
from ledger.clock import Clock
from ledger.founding import Founded, Founder, create_ledger, default_founders
from ledger.sealed import Sealed
from ledger.sealing import KEY_FILE, Sealing, SealingKey
from ledger.store import Store
from ledger.testing import SERVICE, fixed_clock, seeded_random

EMAIL = "carol.unmistakable@example.com"
IBAN = "DE00 1234 5678 unmistakable"
SUBJECT = "customer:41"
OTHER = "customer:42"


@dataclass
class Desk:
    """A founded ledger with an eraser and a sealing key, and what the agent recorded in it."""

    founded: Founded
    sealing_key: Path
    clock: Clock = field(default_factory=fixed_clock)
    message: str = ""
    action: str = ""
    outcome: str = ""

    def sealing(self) -> Sealing:
        """Take up the sealing key."""
        return Sealing(SealingKey.load(self.sealing_key))

    def client(
        self, name: str, store: Store, sealing: Sealing | None = None, *, heads: bool = True
    ) -> LedgerClient:
        """Return a writer for one of its identities."""
        return LedgerClient(
            store,
            self.founded.key(name),
            self.founded.identities[name],
            clock=self.clock,
            sealing=sealing,
            head_signer=self.founded.head_signer() if heads else None,
        )

    def work(self, email: str = EMAIL, subject: str = SUBJECT) -> None:
        """Let the agent record a run with three sealed values about one subject, one of another."""
        with Store.open(self.founded.location, writable=True) as store:
            client = self.client("agent", store, self.sealing())
            with client, client.run(SERVICE, goal="refund") as run:
                self.message = run.message("user", Sealed(f"I am {email}", subject)).record
                params = {
                    "amount": 12,
                    "customer": {"email": Sealed(email, subject), "lines": [Sealed(IBAN, OTHER)]},
                }
                with run.action("refund", params) as act:
                    receipt = act.ok(fields={"to": Sealed({"iban": IBAN}, subject), "done": True})
                self.action, self.outcome = act.receipt.record, receipt.record


def desk_at(location: str | Path, folder: Path) -> Desk:
    """Found a ledger with an eraser, a second one whose owner is the agent's, and a sealing key."""
    founders = (
        *default_founders("anna@example.com", "bob@example.com"),
        Founder("eraser", ("eraser",), "dora@example.com"),
        Founder("clerk", ("eraser", "agent"), "emil@example.com"),
        Founder("cousin", ("eraser",), "anna@example.com"),
    )
    keys = folder / "keys"
    clock = fixed_clock()
    founded = create_ledger(
        location,
        origin="example.com/ledger",
        founders=founders,
        keys_dir=keys,
        clock=clock,
        random=seeded_random("desk"),
    )
    SealingKey.create(keys / KEY_FILE, bytes(range(32)))
    return Desk(founded, keys / KEY_FILE, clock)
