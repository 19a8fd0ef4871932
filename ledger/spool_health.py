"""What waits in a folder of spools, and what is wrong with it. Nothing is changed by asking.

Source: docs/spec/ledger-format.md, *Spool*.
"""

from collections.abc import Iterator
from pathlib import Path

from ledger.errors import SpoolError
from ledger.health import Remark
from ledger.spool import SpoolState, spool_state

_TOPIC = "spool"


def spool_health(folder: Path) -> Iterator[Remark]:
    """Yield how the spools in a folder are."""
    if not folder.is_dir():
        yield Remark(_TOPIC, f"{folder}: nothing was ever spooled there")
        return
    try:
        states = spool_state(folder)
    except SpoolError as error:
        yield Remark(_TOPIC, str(error), error.code, "Let whoever asks read the folder.")
        return
    for state in states:
        yield from _of(state)
    yield from _kept(folder)
    if not states:
        yield Remark(_TOPIC, f"{folder}: nothing waits")


def _of(state: SpoolState) -> Iterator[Remark]:
    name, who = state.path.name, state.by or "nobody that can be read"
    if state.damaged:
        places = ", ".join(f"{start} to {end}" for start, end in state.damaged)
        yield Remark(
            _TOPIC,
            f"{name} is damaged at bytes {places}: records that were spooled may be lost there",
            "spool.damaged",
            "Copy the file away before anybody takes it over, and find out what the disk did.",
        )
    if not state.in_use and (state.waiting or not state.by):
        yield Remark(
            _TOPIC,
            f"{name} holds {state.waiting:,} records of {who}, whose process has ended: "
            "they are not known to be recorded",
            "spool.left",
            "Start a writer of this identity with this folder: it records what is missing.",
        )
    elif state.waiting:
        yield Remark(
            _TOPIC,
            f"{name}: {state.waiting:,} records of {who} wait, and are not recorded yet",
            "spool.waiting",
            "See why the ledger cannot be written; they are recorded once it can be.",
        )
    elif state.in_use:
        yield Remark(_TOPIC, f"{name} is in use by {who}, and nothing waits in it")
    if state.torn and not state.in_use:
        # Of what nobody was told of, nothing is missing.
        said = f"{name} ends in {state.torn} bytes that were never acknowledged"
        yield Remark(_TOPIC, said)


def _kept(folder: Path) -> Iterator[Remark]:
    """Yield what was put aside for somebody to look at."""
    for path in sorted(folder.glob("*.damaged")):
        yield Remark(
            _TOPIC,
            f"{path.name} was put aside: all that could be read in it is recorded, and not all was",
            "spool.damaged",
            "See what can be read in it, then keep it elsewhere.",
        )
    for path in sorted(folder.glob("*.refused")):
        yield Remark(
            _TOPIC,
            f"{path.name} keeps records that had waited and that the ledger then refused",
            "spool.refused",
            "Read why in it; record anew what should stand in the ledger, then move the file away.",
        )
