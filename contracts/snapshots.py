"""The state of an engine as of an entry, as text, and back.

Whoever starts again with a snapshot reads only the entries after it. It holds all that later
records can see: what no window sees any more is left out, so that one state has one text. It is
worth what its place is worth: the digest is against damage, and keeps nobody from writing another.
Source: docs/adr/0024-snapshots-of-counters.md.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, Final

import orjson

from contracts.coercion import Value
from contracts.engine import Engine
from contracts.errors import SnapshotError
from contracts.history import Event
from contracts.lineage import Remembered
from contracts.model import Contract
from contracts.packing import written_out
from contracts.placed_rows import PlacedReader, PlacedWriter
from contracts.versions import Activation, VersionHistory
from contracts.withholding import Mark

# The version says what is kept and what it means: whoever changes what counters remember, or what
# a record does to them, raises it.
FORMAT: Final = "writ/contract-snapshot/v1"
VERSIONS: Final = "writ/version-snapshot/v1"
_BEGIN: Final = '{"digest":"'
_MIDDLE: Final = '","snapshot":'
_BODY: Final = len(_BEGIN) + 64 + len(_MIDDLE)
_MADE_ANEW: Final = "read the ledger from its beginning, and make another"


@dataclass(frozen=True, slots=True)
class Head:
    """Up to where a ledger was read, as whoever made the snapshot says.

    Nothing here looks at it. Whoever uses a snapshot holds the ledger against it first.

    Attributes:
        size: How many entries the ledger had.
        digest: The hash of its last leaf, or its root.
    """

    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot that was read: not damaged, and of this version."""

    format: str
    contract: str
    meaning: str
    head: Head | None
    state: Value


def snapshot(engine: Engine, head: Head | None = None) -> str:
    """Return the state of an engine that was given every entry up to here.

    Args:
        engine: The engine. One on columns holds no counters, and has none.
        head: Up to where its ledger was read, for whoever uses the snapshot.

    Raises:
        SnapshotError: Its lineage is shared, and already further than it is (`snapshot.ahead`); or
            a value in it can not be written (`snapshot.value`).
    """
    writer = PlacedWriter()
    lineage = writer.lineage(engine.world.lineage.kept())
    state = {"lineage": lineage, **engine_rows(engine, writer)}
    state["tables"] = writer.tables()
    contract = engine.contract
    return _sealed(Snapshot(FORMAT, contract.digest, meaning(contract), head, state))


def engine_rows(engine: Engine, writer: PlacedWriter) -> dict[str, Value]:
    """Return the state of an engine without its lineage, which several engines may share.

    Args:
        engine: The engine.
        writer: What the lineage was written with; entries are written there.

    Raises:
        SnapshotError: As `snapshot`.
    """
    world, (index, time) = engine.world, engine.last
    approvals, resumes = engine.approvals.kept()
    if writer.last() > index:
        raise SnapshotError(f"the engine is at {index}, and its lineage further", "snapshot.ahead")
    return {
        "last": [index, time],
        "unseen": world.unseen,
        "withheld": [
            [one.index, sorted(one.kinds), one.by, one.time] for one in world.withholding.kept()
        ],
        "facts": [memory.kept(time) for memory in world.facts.values()],
        "approvals": [writer.placed(one) for one in approvals],
        "resumes": resumes,
        "duties": [[writer.placed(one.placed), *one.kept()] for one in engine.obligations.kept()],
    }


def restored(contract: Contract, text: str | Snapshot) -> Engine:
    """Return an engine with the state that a snapshot holds.

    It judges, decides and counts what comes after as the one would that the snapshot is of.

    Args:
        contract: The contract of that engine.
        text: The snapshot, or what `opened` made of it.

    Raises:
        SnapshotError: It is damaged (`snapshot.damaged`), of another version of Writ
            (`snapshot.version`), or of another contract (`snapshot.contract`).
    """
    found = opened(text) if isinstance(text, str) else text
    _check_format(found, FORMAT)
    if found.contract != contract.digest:
        raise SnapshotError(
            f"it is of the contract {found.contract}, and this one is {contract.digest}",
            "snapshot.contract",
        )
    if found.meaning != meaning(contract):
        raise SnapshotError(
            f"its contract expanded to other facts or rules than now; {_MADE_ANEW}",
            "snapshot.version",
        )
    try:
        return _engine_of(contract, found.state)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise _damaged("its state is not that of an engine") from error


def resumed(contract: Contract, text: str | Snapshot, events: Iterable[Event]) -> Engine:
    """Return an engine with the state of a snapshot, and with what came after it.

    Args:
        contract: The contract.
        text: The snapshot.
        events: The valid entries after it, in index order. They are judged already, and only count.

    Raises:
        SnapshotError: As `restored`.
        OrderError: An entry does not come after the snapshot.
    """
    engine = restored(contract, text)
    for event in events:
        engine.observe(event, judge=False)
    return engine


def opened(text: str) -> Snapshot:
    """Read a snapshot, without using it: of which contract it is, and of which head.

    Raises:
        SnapshotError: It is damaged (`snapshot.damaged`).
    """
    body = text[_BODY:-1].encode(errors="surrogatepass")
    if text != f"{_BEGIN}{sha256(body).hexdigest()}{_MIDDLE}{text[_BODY:-1]}}}":
        raise _damaged("it is no snapshot, or its digest is another")
    try:
        members = orjson.loads(body)
        head = members["head"]
        return Snapshot(**members | {"head": None if head is None else Head(**head)})
    except (orjson.JSONDecodeError, LookupError, TypeError) as error:
        raise _damaged("it has not the members of one") from error


def meaning(contract: Contract) -> str:
    """Return a digest of what a contract is expanded to: another Writ may expand it otherwise."""
    return sha256(repr(contract).encode()).hexdigest()


def _engine_of(contract: Contract, state: Mapping[str, Any]) -> Engine:
    engine = Engine(contract)
    reader = PlacedReader(state["tables"])
    engine.world.lineage.take_up(reader.lineage(state["lineage"]))
    take_up_engine(engine, state, reader)
    return engine


def take_up_engine(engine: Engine, rows: Mapping[str, Any], reader: PlacedReader) -> None:
    """Give a new engine the state that `engine_rows` returned; its lineage is taken up already.

    Raises:
        LookupError, TypeError, ValueError or AttributeError: It is no such state.
    """
    world, (index, time) = engine.world, rows["last"]
    world.unseen = rows["unseen"]
    for place, kinds, by, at in rows["withheld"]:
        world.withholding.add(Mark(place, frozenset(kinds), by, at))
    for memory, each in zip(world.facts.values(), rows["facts"], strict=True):
        memory.take_up(each, time)
    approvals = [reader.placed(number) for number in rows["approvals"]]
    engine.approvals.take_up(approvals, rows["resumes"])
    for number, *row in rows["duties"]:
        engine.obligations.take_up(reader.placed(number), row)
    engine.go_on_from(index, time)


# ------------------------------------------------------------------------- versions in force


def versions_snapshot(versions: VersionHistory, head: Head | None = None) -> str:
    """Return the state of a history of versions.

    Raises:
        SnapshotError: A value in it can not be written (`snapshot.value`).
    """
    writer = PlacedWriter()
    lineage = versions.kept()[2]
    state = {**versions_rows(versions), "lineage": writer.lineage(lineage.kept())}
    state["tables"] = writer.tables()
    return _sealed(Snapshot(VERSIONS, "", "", head, state))


def versions_rows(versions: VersionHistory) -> dict[str, Value]:
    """Return the state of a history of versions without its runs."""
    published, activations, _ = versions.kept()
    return {
        "published": [[*key, digest] for key, digest in sorted(published.items())],
        "activations": {
            service: [
                [one.index, one.version, one.digest, one.effective_at, one.imported] for one in each
            ]
            for service, each in activations.items()
        },
    }


def restored_versions(text: str | Snapshot) -> VersionHistory:
    """Return a history of versions with the state that a snapshot holds.

    Raises:
        SnapshotError: It is damaged (`snapshot.damaged`) or of another version
            (`snapshot.version`).
    """
    found = opened(text) if isinstance(text, str) else text
    _check_format(found, VERSIONS)
    versions = VersionHistory()
    try:
        state = found.state
        lineage = PlacedReader(state["tables"]).lineage(state["lineage"])
        take_up_versions(versions, state, lineage)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise _damaged("its state is not that of a history of versions") from error
    return versions


def take_up_versions(
    versions: VersionHistory, rows: Mapping[str, Any], lineage: Remembered
) -> None:
    """Give a history of versions the state that `versions_rows` returned, and these runs.

    Raises:
        LookupError, TypeError, ValueError or AttributeError: It is no such state.
    """
    published = {(one, version): digest for one, version, digest in rows["published"]}
    activations = {
        service: [Activation(*row) for row in each] for service, each in rows["activations"].items()
    }
    versions.take_up(published, activations, lineage)


# --------------------------------------------------------------------------------- the text


def _sealed(made: Snapshot) -> str:
    """Return a snapshot as text: its digest, and after it all that it says."""
    head = None if made.head is None else asdict(made.head)
    body = written_out(
        {
            "contract": made.contract,
            "format": made.format,
            "head": head,
            "meaning": made.meaning,
            "state": made.state,
        }
    )
    return f"{_BEGIN}{sha256(body).hexdigest()}{_MIDDLE}{body.decode()}}}"


def _check_format(found: Snapshot, expected: str) -> None:
    if found.format != expected:
        raise SnapshotError(
            f"it is of the format {found.format}, and not {expected}; {_MADE_ANEW}",
            "snapshot.version",
        )


def _damaged(what: str) -> SnapshotError:
    return SnapshotError(f"{what}; {_MADE_ANEW}", "snapshot.damaged")
