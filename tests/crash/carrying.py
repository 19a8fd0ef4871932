"""Writing a bundle is stopped: there is a whole one under its name, or none."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ledger.bundle_writing import write_bundle
from ledger.store import Store
from tests.crash.operations import LEDGER, Operation, Say, prepared, verified

# One as a directory in folders that are not there yet, one as a zip.
NAMES = {"bundle": "to/carry/bundle", "bundle-zip": "bundle.zip"}


def written(name: str) -> Callable[[Path, Say], None]:
    """Return what writes a bundle under this name."""

    def write(folder: Path, say: Say) -> None:
        with Store.open(folder / LEDGER) as store:
            write_bundle(store, folder / name, tiled=True)
        say("bundle")

    return write


def carried(name: str) -> Callable[[Path, Sequence[str]], None]:
    """Return what checks it: whole if it is there, there if that was said; one can be written."""

    def check(folder: Path, said: Sequence[str]) -> None:
        there = (folder / name).exists()
        assert there or "bundle" not in said
        if there:
            verified(folder, name)
            # Aside, to write another: a bundle never replaces one.
            (folder / name).rename(folder / f"aside-{Path(name).name}")
        verified(folder)
        written(name)(folder, lambda _: None)
        verified(folder, name)

    return check


CARRYING: Mapping[str, Operation] = {
    operation: Operation(prepared, written(name), carried(name))
    for operation, name in NAMES.items()
}
