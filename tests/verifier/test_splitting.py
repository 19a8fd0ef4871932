"""Two heads of one ledger: what they show by themselves, and what takes a proof."""

import pytest

from ledger.checkpoint import Checkpoint
from ledger.merkle import leaf_hash, root
from ledger.signing import sign_checkpoint
from ledger.testing import throwaway_key
from verifier.errors import SourceError
from verifier.splitting import Verdict, compared, proof_from

ORIGIN = "example.com/ledger"
KEY = throwaway_key("head")


def head(*entries: int) -> bytes:
    """Return the signed head of a ledger with these entries."""
    leaves = [leaf_hash(bytes([entry])) for entry in entries]
    return sign_checkpoint(Checkpoint(ORIGIN, len(leaves), root(leaves)), KEY)


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        (head(), head(1, 2), Verdict.SAME),
        (head(1, 2), head(), Verdict.SAME),
        (head(1, 2), head(1, 2), Verdict.SAME),
        (head(1, 2), head(2, 1), Verdict.SPLIT),
        (head(1), head(1, 2), Verdict.UNPROVEN),
    ],
)
def test_without_a_proof(first: bytes, second: bytes, verdict: Verdict) -> None:
    """Equal sizes decide, and every ledger continues the empty one; the rest is open."""
    assert compared([first, second], ORIGIN, [KEY.public_key], None).verdict is verdict


@pytest.mark.parametrize("raw", [b"not base64!\n", b"\xff\n"])
def test_what_is_no_proof(raw: bytes) -> None:
    """It is refused by name, and is not taken for an empty one."""
    with pytest.raises(SourceError) as caught:
        proof_from(raw)
    assert caught.value.code == "witness.proof"
