"""What is stopped at every point: one operation each, with what must hold after.

An operation prepares a folder, acts in it saying what is done, and is asked after whatever became
of it whether all that it had said is there, nothing is torn, and work goes on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ledger.admission import read_authority
from ledger.backup import back_up, restore
from ledger.client import LedgerClient
from ledger.entry import leaf_hash
from ledger.founding import Founded, authority_record, open_founded, trust_file
from ledger.records import Message, RunOpened
from ledger.schema import VERSION
from ledger.store import Store
from ledger.testing import SERVICE, build_ledger
from ledger.upgrading import upgrade
from tests.ledger.copies import make_old
from tests.ledger.secrets_desk import desk_at
from verifier.load import verify_ledger
from verifier.report import IntegrityVerdict
from verifier.trust import parse_trust

LEDGER = "ledger.db"
TRUST = "trust.json"
# The run that every message is of.
RUN = "run"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that is done to a ledger, and must survive being stopped.

    Attributes:
        prepare: Makes what it starts from, in an empty folder.
        act: Does it, and says what is done once it is.
        check: Asserts what must hold after, of the folder and what was said.
    """

    prepare: Callable[[Path], None]
    act: Callable[[Path, Say], None]
    check: Callable[[Path, Sequence[str]], None]


def client_of(founded: Founded, name: str, store: Store) -> LedgerClient:
    """Return a writer for one of the ledger's identities."""
    return LedgerClient(
        store, founded.key(name), founded.identities[name], head_signer=founded.head_signer()
    )


def prepared(folder: Path) -> None:
    """Make a ledger with a run in it, and a trust file that pins its head."""
    built = build_ledger(folder)
    open_run(folder)
    with Store.open(built.path) as store:
        _, note = list(store.checkpoints())[-1]
    (folder / TRUST).write_text(trust_file(built.founded, checkpoint=note), "utf-8")


def founded_in(folder: Path) -> Founded:
    """Return the folder's ledger with its keys."""
    keys = folder / "keys"
    return open_founded(folder / LEDGER, keys if keys.is_dir() else None)


def open_run(folder: Path) -> None:
    """Open the run that every message is of."""
    founded = founded_in(folder)
    with (
        Store.open(folder / LEDGER, writable=True) as store,
        client_of(founded, "agent", store) as client,
    ):
        [run] = client.submit([client.make(RunOpened, phase="opened", service=SERVICE)])
    (folder / RUN).write_text(run.record, "utf-8")


def said_in(folder: Path, client: LedgerClient, turn: int) -> Message:
    """Return a message of the ledger's run."""
    run = (folder / RUN).read_text("utf-8")
    return client.make(Message, run=run, role="user", turn=turn)


def append(folder: Path, say: Say) -> None:
    """Append one record, then several, then what is decided on the head; close."""
    founded = founded_in(folder)
    with Store.open(founded.location, writable=True) as store:
        client = client_of(founded, "agent", store)
        for turn, count in enumerate((1, 3)):
            for receipt in client.submit([said_in(folder, client, turn) for _ in range(count)]):
                say(f"{receipt.index} {receipt.leaf}")
        for receipt in client.append(lambda _head, _time: [said_in(folder, client, 2)]):
            say(f"{receipt.index} {receipt.leaf}")
        client.close()
        say(f"head {store.size()}")


def sign(folder: Path, say: Say) -> None:
    """Append without signing, and then sign the head alone."""
    founded = founded_in(folder)
    with Store.open(founded.location, writable=True) as store:
        client = LedgerClient(
            store,
            founded.key("agent"),
            founded.identities["agent"],
            head_signer=founded.head_signer(),
            checkpoint_every=0,
        )
        [receipt] = client.submit([said_in(folder, client, 0)])
        say(f"{receipt.index} {receipt.leaf}")
        client.checkpoint()
        say(f"head {store.size()}")


def sound(folder: Path, said: Sequence[str]) -> None:
    """All that was acknowledged is there, the ledger verifies, and it is written to again."""
    holds(folder, said)
    founded = founded_in(folder)
    with (
        Store.open(founded.location, writable=True) as store,
        client_of(founded, "agent", store) as client,
    ):
        client.submit([said_in(folder, client, 9)])
    report = verified(folder)
    assert report.checkpoint_size == report.size


@dataclass(frozen=True, slots=True)
class Size:
    """How many entries a verified ledger has, and how many of them stand under a signed head."""

    size: int
    checkpoint_size: int


def verified(folder: Path, ledger: str = LEDGER) -> Size:
    """Verify the ledger with its trust file: it holds, and nothing in it is found amiss."""
    trust = parse_trust((folder / TRUST).read_bytes())
    report = verify_ledger(folder / ledger, trust, conformance=False)
    assert report.integrity.verdict is IntegrityVerdict.HOLDS, report.integrity
    amiss = [each for each in report.findings if each.code.startswith("integrity.")]
    assert amiss == []
    assert report.integrity.invalid_submissions == 0
    return Size(report.ledger.size, report.ledger.checkpoint_size)


def holds(folder: Path, said: Sequence[str], ledger: str = LEDGER) -> None:
    """The ledger verifies, and has the entries and heads that were acknowledged."""
    found = verified(folder, ledger)
    with Store.open(folder / ledger) as store:
        for words in (text.split() for text in said):
            if words[0] == "head":
                assert found.checkpoint_size >= int(words[1])
            elif words[0].isdecimal():
                assert leaf_hash(store.row(int(words[0])).header).hex() == words[1]


# ------------------------------------------------------------------- the life of a store

COPY = "ledger.backup"
ASIDE = "aside.db"


def whole(place: str) -> None:
    """Check a copy: it has been written before it is looked at."""
    with Store.open(place) as store:
        assert store.size() > 0


def back_up_one(folder: Path, say: Say) -> None:
    """Copy the ledger to a file."""
    back_up(folder / LEDGER, folder / COPY, whole)
    say("copy")


def copied(folder: Path, said: Sequence[str]) -> None:
    """The ledger is as it was; a copy that there is, is whole; one can be made again."""
    sound(folder, ())
    there = (folder / COPY).exists()
    assert there or "copy" not in said
    if there:
        holds(folder, (), COPY)
        (folder / COPY).unlink()
    back_up(folder / LEDGER, folder / COPY, whole)
    holds(folder, (), COPY)


def prepared_to_restore(folder: Path) -> None:
    """Make a ledger and a copy of it, and a log that is not yet in the ledger's file."""
    prepared(folder)
    back_up(folder / LEDGER, folder / COPY, whole)


def restore_one(folder: Path, say: Say) -> None:
    """Put a copy in the ledger's place."""
    restore(folder / COPY, folder / LEDGER, whole, aside=folder / ASIDE)
    say("restored")


def restored(folder: Path, said: Sequence[str]) -> None:
    """Under the ledger's name is a whole one, and under the other name, if at all, the old one."""
    if "restored" in said:
        assert (folder / ASIDE).exists()
    if (folder / ASIDE).exists():
        holds(folder, (), ASIDE)
        (folder / ASIDE).unlink()
    sound(folder, ())
    (folder / COPY).unlink()
    back_up(folder / LEDGER, folder / COPY, whole)
    restore_one(folder, lambda _: None)
    holds(folder, ())


def prepared_old(folder: Path) -> None:
    """Make a ledger whose store is of version 1."""
    prepared(folder)
    make_old(folder / LEDGER)


def upgrade_one(folder: Path, say: Say) -> None:
    """Upgrade the store."""
    upgrade(folder / LEDGER)
    say("upgraded")


def upgraded(folder: Path, said: Sequence[str]) -> None:
    """It is of the old version or of the new one, and whole; an upgrade brings it to the new."""
    holds(folder, ())
    with Store.open(folder / LEDGER) as store:
        assert store.version in {1, VERSION}
        assert store.version == VERSION or "upgraded" not in said
    upgrade(folder / LEDGER)
    sound(folder, ())


# ----------------------------------------------------------------- authority and erasure

# The record of which a value is erased, and the box that it was in.
ERASED = "erased"
BOX = "box"
PATH = "/params/customer/email"


def change_authority(folder: Path, say: Say) -> None:
    """Let the roots sign another document, and write it."""
    founded = founded_in(folder)
    with Store.open(founded.location, writable=True) as store:
        before = read_authority(store).documents[-1]
        document = before.document.model_copy(
            update={"number": before.document.number + 1, "previous": before.digest}
        )
        client = client_of(founded, "steward", store)
        [receipt] = client.submit([authority_record(client, document, [founded.key("root")])])
        say(f"{receipt.index} {receipt.leaf}")
        say(f"document {document.number}")
        client.close()


def governed(folder: Path, said: Sequence[str]) -> None:
    """The document is in force or it is not, for all; another one follows."""
    with Store.open(folder / LEDGER) as store:
        number = len(read_authority(store).documents)
    assert number == 2 or (number == 1 and "document 2" not in said)
    sound(folder, [text for text in said if not text.startswith("document")])
    change_authority(folder, lambda _: None)
    verified(folder)


def prepared_to_erase(folder: Path) -> None:
    """Make a ledger with sealed values, and remember one of them as it is kept."""
    desk = desk_at(folder / LEDGER, folder)
    desk.work()
    with Store.open(folder / LEDGER) as store:
        with store.boxes() as boxes:
            box = next(one for one in boxes.of_record(desk.action) if one.path == PATH)
        _, note = list(store.checkpoints())[-1]
    (folder / ERASED).write_text(desk.action, "utf-8")
    (folder / BOX).write_bytes(box.box)
    (folder / TRUST).write_text(trust_file(desk.founded, checkpoint=note), "utf-8")
    open_run(folder)


def erase(folder: Path, say: Say) -> None:
    """Erase one value."""
    founded = founded_in(folder)
    with Store.open(founded.location, writable=True) as store:
        client = client_of(founded, "eraser", store)
        record = (folder / ERASED).read_text("utf-8")
        [receipt] = client.erase(record, [PATH], "the customer asked for it")
        say(f"{receipt.index} {receipt.leaf}")
        say("erased")
        client.close()


def erased(folder: Path, said: Sequence[str]) -> None:
    """The erasure is recorded and its value gone, or neither; the bytes go when it is written."""
    record = (folder / ERASED).read_text("utf-8")
    with Store.open(folder / LEDGER) as store:
        with store.boxes() as boxes:
            kept = boxes.has(record, PATH)
        recorded = any(True for _ in store.records_containing(b'"kind":"erasure"'))
    assert kept is not recorded
    assert recorded or "erased" not in said
    sound(folder, [text for text in said if text != "erased"])
    if kept:
        erase(folder, lambda _: None)
    box = (folder / BOX).read_bytes()
    left = [path.name for path in folder.rglob("*") if path.is_file() and box in path.read_bytes()]
    assert left == [BOX]
    verified(folder)


LEDGERS: Mapping[str, Operation] = {
    "append": Operation(prepared, append, sound),
    "sign": Operation(prepared, sign, sound),
    "authority": Operation(prepared, change_authority, governed),
    "erase": Operation(prepared_to_erase, erase, erased),
    "backup": Operation(prepared, back_up_one, copied),
    "restore": Operation(prepared_to_restore, restore_one, restored),
    "upgrade": Operation(prepared_old, upgrade_one, upgraded),
}


# ------------------------------------------------------------------ to try the nets with


def noted(folder: Path) -> None:
    """Make a note."""
    (folder / "note").write_text("old", "utf-8")


def rename_without_sync(folder: Path, say: Say) -> None:
    """Replace the note, and forget that a name may be durable before the bytes are."""
    (folder / "note.new").write_text("new and longer", "utf-8")
    (folder / "note.new").replace(folder / "note")
    say("noted")


def say_too_early(folder: Path, say: Say) -> None:
    """Say that the note is there before it is."""
    say("noted")
    (folder / "note").write_text("new and longer", "utf-8")


def note_is_whole(folder: Path, said: Sequence[str]) -> None:
    """The note is the old one or the new one, and the new one where that was said."""
    found = (folder / "note").read_text("utf-8")
    assert found == "new and longer" or (found == "old" and not said)


# What loses something, each in its way: the tests of this folder must see it.
CARELESS: Mapping[str, Operation] = {
    "rename-without-sync": Operation(noted, rename_without_sync, note_is_whole),
    "say-too-early": Operation(noted, say_too_early, note_is_whole),
}
