"""The shape of a document: which members stand where, and of what kind.

A shape that was valid under a published schema stays so. Where a shape changes, the test that
compares says so, and the new one is to be held against the published schema
(tests/reports/README.md).
"""

from collections.abc import Iterator
from typing import cast


def shape(value: object, path: str = "") -> Iterator[str]:
    """Yield each place in a document, with the kind of what stands there; some more than once."""
    if isinstance(value, dict):
        for name, member in sorted(cast("dict[str, object]", value).items()):
            yield from shape(member, f"{path}.{name}")
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from shape(item, f"{path}[]")
    else:
        yield f"{path}: {type(value).__name__}"
