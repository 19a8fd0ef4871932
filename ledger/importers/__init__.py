"""Other people's traces, made records.

Importers write: each is imported by its own name (``from ledger.importers.transcripts import
import_transcripts``), so that whoever only reads a ledger never reaches one. What they make of a
source stands in ``docs/spec/import-profile.md``.
"""

__all__: list[str] = []
