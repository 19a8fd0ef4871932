"""Several services of one ledger, and the example that the documents show."""

from pathlib import Path
from typing import Final

import pytest

from contracts.performing import GuardedAction
from ledger.clock import system_clock
from ledger.keys import fingerprint
from ledger.signing import MemoryKey
from tests.guard.shop import codes, found, opened, order_of, paid, payout
from tests.service.served import serving
from writ.service.signatures import Asked, signed_headers

DOCUMENT: Final = Path(__file__).resolve().parents[2] / "docs" / "reference" / "service.md"


def test_two_services_of_one_ledger(location: str, tmp_path: Path) -> None:
    """What one has opened and decided the other goes on with: they share the ledger alone."""
    keys = tmp_path / "keys"
    found(location, system_clock, keys)
    with (
        opened(location, system_clock, keys) as one,
        opened(location, system_clock, keys) as two,
        serving(one) as first,
        serving(two) as second,
    ):
        run = first.guard().run()
        seen = order_of(second.guard().attach(run.id))
        done = run.propose("payouts.create", payout(), evidence=[seen])
        assert isinstance(done, GuardedAction)
        said = {"run": run.id, "action": done.id, "status": "ok", **paid()}
        second.guard().record("outcome", said)
        again = first.ask("POST", "/v1/outcomes", {**said, "status": "error"})
        assert (again.status_code, again.json()["code"]) == (409, "outcome.closed")
        second.guard().attach(run.id).close()
    with opened(location, system_clock, keys) as shop:
        assert codes(shop.verify(), "decision.", "integrity.") == []


@pytest.mark.parametrize("name", ["content-digest", "signature-input", "signature"])
def test_the_worked_example(name: str) -> None:
    """The headers that the documents show are those of the request that they show."""
    key = MemoryKey.from_seed(bytes(range(32)))
    asked = Asked("POST", "127.0.0.1:8470", "/v1/runs", "", b'{"goal":"refund an order"}')
    nonce = "00112233445566778899aabbccddeeff"
    headers = signed_headers(asked, key, fingerprint(key.public_key), nonce, 1_772_442_000)
    assert f"{name}: {headers[name]}\n" in DOCUMENT.read_text("utf-8")
