"""The runs and actions that the records of findings name, found where the proof has put them.

A proof writes what can be pointed at to files (`verifier.tables`). So judging has to remember none
of it: what a finding names is looked up once all of them are known.
Source: docs/adr/0029-what-crosses-partitions.md.
"""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from ledger.merkle import HASH_SIZE
from verifier.following import ACTION, RUN
from verifier.tables import KNOWN, part_of

_NOTHING: Final = bytes(HASH_SIZE)
_KEY: Final = HASH_SIZE + 1
_WHERE: Final = _KEY + 8


class Pointed:
    """Finds runs and actions by their digests.

    Args:
        folder: Where the tables lie, once the proof is there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._found: dict[bytes, tuple[int, str]] = {}

    def expect(self, runs: Iterable[str], actions: Iterable[str]) -> None:
        """Look runs and actions up, and the runs of these: to be called before they are asked for.

        Args:
            runs: Digests of runs.
            actions: Digests of actions.
        """
        self._look(bytes.fromhex(one) + bytes([ACTION]) for one in actions)
        mine = {run for _, run in self._found.values() if run}
        self._look(bytes.fromhex(one) + bytes([RUN]) for one in {*runs, *mine})

    def run_of_action(self, action: str) -> str:
        """Return the digest of the run that an action stands in; empty where it is not known."""
        return self._found.get(bytes.fromhex(action) + bytes([ACTION]), (0, ""))[1]

    def action_at(self, action: str) -> int | None:
        """Return the entry of an action."""
        found = self._found.get(bytes.fromhex(action) + bytes([ACTION]))
        return None if found is None else found[0]

    def run_at(self, run: str) -> int | None:
        """Return the entry that opened a run."""
        found = self._found.get(bytes.fromhex(run) + bytes([RUN]))
        return None if found is None else found[0]

    def _look(self, keys: Iterable[bytes]) -> None:
        wanted: defaultdict[int, set[bytes]] = defaultdict(set)
        for key in keys:
            if key not in self._found:
                wanted[part_of(key)].add(key)
        for part, mine in sorted(wanted.items()):
            path = self._folder / f"known-{part:02}"
            held = path.read_bytes() if path.exists() else b""
            for at in range(0, len(held), KNOWN):
                key = held[at : at + _KEY]
                if key in mine:
                    run = held[at + _WHERE : at + KNOWN]
                    index = int.from_bytes(held[at + _KEY : at + _WHERE], "big")
                    self._found.setdefault(key, (index, "" if run == _NOTHING else run.hex()))
