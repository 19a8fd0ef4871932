"""What SQL is made of besides operators: names that nothing else has, and literals."""

from itertools import count


class RefusedError(Exception):
    """A condition that does not run by column, and why. It never leaves `contracts.columns`."""


_names = count()


def fresh() -> str:
    """Return a name that no other lambda of the expression has."""
    return f"v{next(_names)}"


def restart_names() -> None:
    """Begin an expression of its own: the same condition then gives the same text."""
    global _names  # noqa: PLW0603 - a counter, as long as one expression
    _names = count()


def text_literal(text: str) -> str:
    """Return a text as SQL. Raises `RefusedError` for one with NUL in it."""
    if "\0" in text:
        raise RefusedError("a text with NUL in it")
    quoted = text.replace("'", "''")
    return f"'{quoted}'"


def int_literal(value: int) -> str:
    """Return an integer as SQL, of 64 bits: DuckDB gives small ones a smaller type."""
    return f"CAST({value} AS BIGINT)"
