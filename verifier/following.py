"""What the records of a span say and name, read kind by kind, as columns.

Reading one kind at a time leaves little to do for each record, which is what integrity alone costs.
What a span cannot know (a record of another span that is named) is handed on, for
`verifier.ordinary` to compare.
Source: docs/spec/ledger-format.md, *Verification*, steps 2, 6 and 9; docs/adr/0014.
"""

from binascii import unhexlify
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import cast

from ledger.errors import LedgerError
from ledger.merkle import HASH_SIZE
from verifier.errors import UnusualError
from verifier.forms import NAMED, Column, Named, form_of, label_of, said

Pending = tuple[bytes, int, int, bytes, bytes]
# Key, identity, kind, and whether what it wrote is imported.
Told = tuple[str, bytes | None, str, bool]
_Rows = list[tuple[int, Named]]
_Places = Sequence[int]

RUN, ACTION, OBSERVATION, CLOSED = range(1, 5)
_RUN, _ACTION, _OBSERVATION, _CLOSED = (bytes([kind]) for kind in range(RUN, CLOSED + 1))
_NOTHING = bytes(HASH_SIZE)
_ZEROS = _NOTHING.hex().encode()
_CLAIMED = b'"clock":"claimed"'
# What is looked at again, by the exact code.
GOVERNANCE = frozenset({"genesis", "authority", "contract", "activation"})


@dataclass(frozen=True, slots=True)
class Kind:
    """The records of one kind in a span, in order.

    Attributes:
        places: Their places in the span.
        columns: Their fields of `NAMED`.
    """

    places: _Places
    columns: Sequence[Column]


class Following:
    """Follows the records of one span, piece by piece.

    Args:
        start: Index of the span's first entry.
        leaves: The leaf hashes of its entries, as far as it was read. It grows.

    Attributes:
        known: What can be pointed at: digest, kind, index and run, of fixed length.
        pending: What is pointed at and stands in no entry before it in this span.
    """

    def __init__(self, start: int, leaves: Sequence[bytes]) -> None:
        self._start = start
        self._leaves = leaves
        self._at = start
        self._digests: Sequence[bytes] = ()
        # Where what can be named stands.
        self._runs: dict[bytes, int] = {}
        self._actions: dict[bytes, int] = {}
        self._observations: dict[bytes, int] = {}
        self._run_of: dict[bytes, bytes] = {}
        self.known: list[bytes] = []
        self.pending: list[Pending] = []

    def follow(self, at: int, digests: Sequence[bytes], kinds: Mapping[str, Kind]) -> None:
        """Follow what the records of the next piece name.

        Args:
            at: Index of the piece's first entry.
            digests: Its records' digests.
            kinds: Its records.

        Raises:
            UnusualError: Only the exact reading can judge it.
        """
        self._at, self._digests = at, digests
        # What can be named is known before anything is asked for; what stands after who names it
        # is told by its index.
        self._there(self._runs, kinds.get("opened"))
        self._there(self._actions, kinds.get("action"))
        self._there(self._observations, kinds.get("observation"))
        follow: Mapping[str, Callable[[Kind], object]] = {
            "opened": self._opened,
            "closed": self._closed,
            "message": self._in_run,
            # Before what names an action: with the action goes its run.
            "action": self._action,
            "observation": self._observation,
            "approval": self._approval,
            "outcome": self._outcome,
        }
        for label, handle in follow.items():
            found = kinds.get(label)
            if found is not None:
                handle(found)

    def _there(self, there: dict[bytes, int], kind: Kind | None) -> None:
        """Note where each digest stands first: evidence may be recorded twice alike."""
        if kind is None:
            return
        at = self._at
        for place in kind.places:
            there.setdefault(self._digests[place], at + place)

    def _opened(self, kind: Kind) -> None:
        _, parents, imports = kind.columns
        # What a source says of its clock is followed through all its records.
        if any(_CLAIMED in one for one in imports if one is not None):
            raise UnusualError
        self._names(RUN, self._runs, *_there_are(parents, kind.places))
        self._add(_RUN, [self._digests[place] for place in kind.places], kind.places)

    def _closed(self, kind: Kind) -> None:
        self._add(_CLOSED, self._in_run(kind), kind.places)

    def _in_run(self, kind: Kind) -> Sequence[bytes]:
        """Follow what records name as their run, their first field after who speaks."""
        runs = _digests(kind.columns[1])
        self._names(RUN, self._runs, runs, kind.places)
        return runs

    def _action(self, kind: Kind) -> None:
        _, _, resumes, compensates, evidence = kind.columns
        runs = self._in_run(kind)
        digests = [self._digests[place] for place in kind.places]
        self._run_of.update(zip(digests, runs, strict=True))
        for column in (resumes, compensates):
            self._names(ACTION, self._actions, *_there_are(column, kind.places))
        named: list[bytes] = []
        places: list[int] = []
        for one, place in zip(evidence, kind.places, strict=True):
            # Strict JSON, of texts alone: between them stand quotes and commas.
            if one is not None and one != b"[]":
                found = one[2:-2].split(b'","')
                named += found
                places += [place] * len(found)
        self._names(OBSERVATION, self._observations, _digests(named), places)
        self._add(_ACTION, digests, kind.places, runs)

    def _observation(self, kind: Kind) -> None:
        _, runs, actions = kind.columns
        self._names(RUN, self._runs, *_there_are(runs, kind.places))
        for action, run, place in zip(actions, runs, kind.places, strict=True):
            if action is not None:
                within = _NOTHING if run is None else unhexlify(run)
                self._names_action(unhexlify(action), place, within)
        self._add(_OBSERVATION, [self._digests[place] for place in kind.places], kind.places)

    def _approval(self, kind: Kind) -> None:
        self._names(ACTION, self._actions, *_there_are(kind.columns[1], kind.places))

    def _outcome(self, kind: Kind) -> None:
        _, _, actions, leaves = kind.columns
        # Here it would stand for none; of an entry it is not the leaf.
        if _ZEROS in leaves:
            raise UnusualError
        runs = self._in_run(kind)
        rows = zip(_digests(actions), kind.places, runs, leaves, strict=True)
        for action, place, run, leaf in rows:
            self._names_action(action, place, run, _NOTHING if leaf is None else unhexlify(leaf))

    def _names(
        self, kind: int, there: Mapping[bytes, int], named: Iterable[bytes], places: _Places
    ) -> None:
        get, at = there.get, self._at
        self.pending += [
            (one, kind, at + place, _NOTHING, _NOTHING)
            for one, place in zip(named, places, strict=True)
            if get(one, at + place) >= at + place
        ]

    def _names_action(self, named: bytes, place: int, run: bytes, leaf: bytes = _NOTHING) -> None:
        index = self._at + place
        found = self._actions.get(named, index)
        if found >= index:
            self.pending.append((named, ACTION, index, run, leaf))
            return
        wrong_run = run not in {_NOTHING, self._run_of[named]}
        if wrong_run or leaf not in {_NOTHING, self._leaves[found - self._start]}:
            raise UnusualError

    def _add(
        self,
        kind: bytes,
        named: Sequence[bytes],
        places: _Places,
        runs: Sequence[bytes] | None = None,
    ) -> None:
        at = self._at
        within = repeat(_NOTHING, len(named)) if runs is None else runs
        self.known += [
            one + kind + (at + place).to_bytes(8, "big") + run
            for one, place, run in zip(named, places, within, strict=True)
        ]


def _there_are(column: Column, places: _Places) -> tuple[Sequence[bytes], _Places]:
    """Return the digests in a column where not all have one, and their places."""
    there = [(one, place) for one, place in zip(column, places, strict=True) if one is not None]
    return _digests([one for one, _ in there]), [place for _, place in there]


def _digests(named: Column) -> Sequence[bytes]:
    """Return digests written in lowercase hexadecimal as bytes."""
    whole = unhexlify(b"".join(cast("Sequence[bytes]", named)))
    return [whole[at : at + HASH_SIZE] for at in range(0, len(whole), HASH_SIZE)]


# ----------------------------------------------------------------------- kinds of records


def kinds_of(raws: Sequence[bytes]) -> Mapping[str, Kind]:
    """Read records, and return them by kind (of a run: by phase).

    Raises:
        UnusualError: One is no record in strict form, or something in it is sealed.
    """
    found: dict[str, Kind] = {}
    alone: list[int] = []
    for label, places in _sorted(raws).items():
        form = form_of(label)
        columns = None if form is None else form.columns([raws[place] for place in places])
        if columns is None:
            alone += places
        else:
            found[label] = Kind(places, columns)
    for label, rows in _by_themselves(raws, alone).items():
        found[label] = _with(found.get(label), rows, len(NAMED.get(label, ("by",))))
    return found


def _sorted(raws: Sequence[bytes]) -> Mapping[str, _Places]:
    """Return the places of records by what kind they may be; whether they are, their form says."""
    found: dict[str, list[int]] = {}
    for place, raw in enumerate(raws):
        label = label_of(raw)
        if label in found:
            found[label].append(place)
        else:
            found[label] = [place]
    return found


def _by_themselves(raws: Sequence[bytes], places: _Places) -> Mapping[str, _Rows]:
    found: dict[str, _Rows] = {}
    for place in places:
        try:
            label, named = said(raws[place])
        except LedgerError as error:
            raise UnusualError from error
        found.setdefault(label, []).append((place, named))
    return found


def _with(kind: Kind | None, rows: _Rows, width: int) -> Kind:
    """Return a kind with these rows in their places."""
    if kind is not None:
        rows = [*rows, *zip(kind.places, zip(*kind.columns, strict=True), strict=True)]
    rows.sort(key=lambda row: row[0])
    columns = [[named[at] for _, named in rows] for at in range(width)]
    return Kind([place for place, _ in rows], columns)
