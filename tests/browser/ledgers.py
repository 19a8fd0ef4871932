"""The ledgers that the browser looks at: one with findings, and the same one tampered with."""

import json
from dataclasses import dataclass
from pathlib import Path

from ledger.encoding import digest
from ledger.head_signer import HeadSigner
from ledger.signing import FileKey
from tests.verifier.forge import ORIGIN, Desk, key_of
from verifier import Trust

# More findings than fit on a page, of two clauses, so that paging and facets have work.
UNLOOKED = 30
LARGE = 7
FAR_TOO_LARGE = 3
# What an agent could write that wants to be more than text on whoever's screen it comes.
HOSTILE = (
    '<img src="http://192.0.2.1/a"><script>fetch("http://192.0.2.1/b")</script> '
    "![c](http://192.0.2.1/c) [d](http://192.0.2.1/d) $\\href{http://192.0.2.1/e}{e}$ "
    ":material/home: :red[f] `g` ``h"
)


@dataclass(frozen=True, slots=True)
class Sample:
    """A ledger in a file.

    Attributes:
        ledger: Its path.
        trust: Path of its trust file.
        pinned: What is in the trust file.
    """

    ledger: Path
    trust: Path
    pinned: Trust


def sample(folder: Path) -> Sample:
    """Make a ledger with findings.

    Args:
        folder: Where its files go.
    """
    return _saved(_desk(), folder)


def broken_sample(folder: Path) -> Sample:
    """Make the same ledger, and change what one action says it paid.

    Args:
        folder: Where its files go.
    """
    desk = _desk()
    index = next(at for at, record in enumerate(desk.records) if b'"amount":500' in record)
    desk.records[index] = desk.records[index].replace(b'"amount":500', b'"amount":501')
    return _saved(desk, folder)


def keys_of(sample: Sample, *names: str) -> Path:
    """Put the key files of some identities, and what signs heads, into a folder of keys.

    Args:
        sample: The ledger.
        names: Short names of the identities.
    """
    folder = sample.ledger.with_name("keys")
    folder.mkdir(mode=0o700)
    for name in (*names, "head"):
        FileKey.create(folder / f"{name}.pem", digest(name.encode()).encode()[:32])
    HeadSigner.create(key_of("head"), ORIGIN, folder / "head.memory")
    return folder


def _desk() -> Desk:
    desk = Desk()
    for number in range(UNLOOKED * 2):
        desk.paid(number + 1, look=number % 2 == 0)
    for _ in range(LARGE):
        desk.paid(500)
    for _ in range(FAR_TOO_LARGE):
        desk.paid(5000)
    _hostile_run(desk)
    return desk


def _hostile_run(desk: Desk) -> None:
    """Add a run that says something hostile wherever an agent can say what it likes."""
    run = desk.open_run(goal=HOSTILE, ref=HOSTILE, channel=HOSTILE, requester=HOSTILE)
    said = {"run": run, "role": "user", "turn": 0, "content": HOSTILE}
    desk.submit("agent", desk.make("message", "agent", **said))
    action = desk.act(run, "pay", {"amount": 7, HOSTILE: HOSTILE}, target=HOSTILE)
    desk.end(run, action, "error", error=HOSTILE, fields={HOSTILE: HOSTILE})
    desk.close_run(run)


def _saved(desk: Desk, folder: Path) -> Sample:
    pinned = desk.trust(desk.sign_head())
    trust = folder / "trust.json"
    fields = {"v": 1, "origin": pinned.origin, "genesis": pinned.genesis, "note": "for a test"}
    trust.write_text(json.dumps({**fields, "checkpoint": pinned.checkpoint}), "utf-8")
    return Sample(desk.save(folder / "desk.db"), trust, pinned)
