"""A ledger that is being founded: what is left of it is a whole ledger, or is named, or nothing."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ledger.admission import read_authority
from ledger.errors import LedgerError
from ledger.founding import (
    MEMORY,
    Founded,
    create_ledger,
    default_founders,
    found_proposed,
    key_path,
    keys_beside,
    open_founded,
    prepare_ledger,
    trust_file,
)
from ledger.proposal import parse_proposal, proposal_text, sign_proposal
from ledger.records import Genesis, parse_record
from ledger.store import Store
from ledger.testing import throwaway_key
from tests.crash.operations import LEDGER, TRUST, Operation, Say, open_run, sound

ORIGIN = "example.com/ledger"
FOUNDERS = default_founders("anna@example.com", "bob@example.com")
PROPOSAL = "proposal"


def nothing(folder: Path) -> None:
    """Begin with an empty folder."""
    del folder


def found(folder: Path, say: Say) -> None:
    """Do what `writ init` does."""
    say(create_ledger(folder / LEDGER, origin=ORIGIN, founders=FOUNDERS).genesis)


def proposed(folder: Path) -> None:
    """Begin with keys that were made, and a proposal that the root's holder has signed."""
    root = throwaway_key("root")
    proposal = prepare_ledger(
        keys_beside(folder / LEDGER),
        origin=ORIGIN,
        founders=FOUNDERS,
        roots=[root.public_key],
        threshold=1,
    )
    (folder / PROPOSAL).write_text(proposal_text(sign_proposal(proposal, root)), "utf-8")


def apply(folder: Path, say: Say) -> None:
    """Do what `writ keys apply` does with a proposal that founds a ledger."""
    proposal = parse_proposal((folder / PROPOSAL).read_bytes())
    say(found_proposed(folder / LEDGER, proposal).genesis)


def again(do: Callable[[Path, Say], None]) -> Callable[[Path, Sequence[str]], None]:
    """Return what runs it again, does what it is told to do then, and looks at the ledger."""

    def check(folder: Path, said: Sequence[str]) -> None:
        error = failure_of(do, folder)
        if error is not None and error.code != "store.taken":
            assert said == ()
            assert error.code in {"store.unfounded", "key.taken"}
            made_way(folder, str(error))
            error = failure_of(do, folder)
            assert error is None
        whole(open_founded(folder / LEDGER), error, said)
        (folder / TRUST).write_text(trust_file(open_founded(folder / LEDGER)), "utf-8")
        open_run(folder)
        sound(folder, ())

    return check


def failure_of(do: Callable[[Path, Say], None], folder: Path) -> LedgerError | None:
    """Return what it failed with, if it did."""
    try:
        do(folder, lambda _: None)
    except LedgerError as error:
        return error
    return None


def made_way(folder: Path, told: str) -> None:
    """Move away what an error names, and nothing else. No ledger there needs any of it."""
    store, keys = folder / LEDGER, keys_beside(folder / LEDGER)
    if store.exists():
        assert f"{store}: is empty" in told
        failed = failure_of(lambda place, _: void(open_founded(place / LEDGER)), folder)
        assert failed is not None
        assert failed.code in {"store.unfounded", "store.unusable"}
        for path in folder.glob(f"{LEDGER}*"):
            if path.is_file():
                path.unlink()
    for path in keys.glob("*"):
        if str(path) in told:
            path.unlink()


def void(_: object) -> None:
    """Pass over a result."""


def whole(founded: Founded, error: LedgerError | None, said: Sequence[str]) -> None:
    """All that the ledger names is there: each key, and the memory of the one for heads."""
    assert set(said) <= {founded.genesis}
    assert error is None or founded.genesis in str(error)
    with Store.open(founded.location) as store:
        genesis = parse_record(store.row(0).record or b"")
        named = {entry.key for entry in read_authority(store).documents[-1].document.keys}
    keys = {founded.key(founder.name).public_key.hex() for founder in FOUNDERS}
    assert keys == named
    assert isinstance(genesis, Genesis)
    own = key_path(founded.keys_dir, "root")
    root = founded.key("root") if own.exists() else throwaway_key("root")
    assert genesis.roots == (root.public_key.hex(),)
    assert (founded.keys_dir / MEMORY).exists()


FOUNDING: Mapping[str, Operation] = {
    "init": Operation(nothing, found, again(found)),
    "apply": Operation(proposed, apply, again(apply)),
}
