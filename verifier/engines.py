"""The two engines by name: which one decides the records of a ledger again."""

from enum import StrEnum


class Engines(StrEnum):
    """Which engine decides again."""

    AUTO = "auto"
    COLUMNS = "columns"
    ROWS = "rows"
