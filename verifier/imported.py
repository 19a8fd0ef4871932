"""Who wrote a record of a proved ledger, and whether it is imported: asked once for each identity.

Source: docs/spec/ledger-format.md, *Verification*, step 8.
"""

from collections.abc import Mapping
from typing import Any

from contracts.lineage import Remembered
from contracts.references import imports
from verifier.founding import Founding

Identity = Mapping[str, Any]


class Imported:
    """Tells of records whether an importer wrote them; of a writer of both kinds, its runs say it.

    Args:
        founding: Step 0, with every authority document.
    """

    def __init__(self, founding: Founding) -> None:
        self._founding = founding
        documents = founding.history.documents
        self._turns = frozenset(found.index + 1 for found in documents)
        # Where nobody writes both, no run has to be remembered.
        self._mixed = any(
            imports(identity.roles) is None
            for found in documents
            for identity in found.identities.values()
        )
        self._who: dict[str, tuple[Identity, bool | None]] = {}
        # The runs that were imported, and the actions in them.
        self._known: set[bytes] = set()

    def of(self, index: int, digest: str, record: Mapping[str, Any]) -> tuple[Identity, bool]:
        """Return what the authority says of who wrote a record, and whether it is imported.

        Args:
            index: The record's entry, after all that were asked for before.
            digest: The record's digest.
            record: The record.
        """
        if index in self._turns:
            self._who.clear()
        by = record["by"]
        found = self._who.get(by)
        if found is None:
            identity = self._founding.identity(by, index)
            found = self._who[by] = identity, imports(identity.get("roles", ()))
        imported = found[1]
        if self._mixed:
            if imported is None:
                imported = self._is_of_import(record)
            self._note(digest, record, imported=imported)
        return found[0], bool(imported)

    def take_up(self, lineage: Remembered) -> None:
        """Know of these runs and actions."""
        for run in lineage.runs:
            says = self._founding.imports(run.opened["by"], run.index)
            if "import" in run.opened if says is None else says:
                self._known.add(bytes.fromhex(run.digest))
        for one in lineage.actions:
            if bytes.fromhex(one.event.record["run"]) in self._known:
                self._known.add(bytes.fromhex(one.event.digest))

    def _is_of_import(self, record: Mapping[str, Any]) -> bool:
        if record.get("phase") == "opened":
            return "import" in record
        named = record.get("run") or record.get("action")
        return named is not None and bytes.fromhex(named) in self._known

    def _note(self, digest: str, record: Mapping[str, Any], *, imported: bool) -> None:
        kind = record["kind"]
        if kind == "run":
            if imported and record["phase"] == "opened":
                self._known.add(bytes.fromhex(digest))
        elif kind == "action" and bytes.fromhex(record["run"]) in self._known:
            self._known.add(bytes.fromhex(digest))
