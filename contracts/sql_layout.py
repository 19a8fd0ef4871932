"""SQL for people: lines that fit, and names that are the same each time."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

_WORD: Final = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[(\[]|[)\]]|,|[^\s()\[\],'"]+|\s+""")
_BOUND: Final = re.compile(r"\bv[0-9]+\b")
_BREAKS: Final = frozenset({"AND", "OR", "WHEN", "THEN", "ELSE", "BETWEEN"})
_JOINED: Final = ("THEN ", "BETWEEN ")
_OPENING: Final = frozenset({"(", "[", "CASE"})
_CLOSING: Final = frozenset({")", "]", "END"})
_STEP: Final = 2


@dataclass(slots=True)
class _Group:
    """What stands between two brackets, or `CASE` and `END`, in parts that may be lines."""

    opening: str = ""
    closing: str = ""
    parts: "list[list[str | _Group]]" = field(default_factory=lambda: [[]])
    between: bool = False

    def add(self, word: str) -> None:
        """Take the next word, on a line of its own where one may begin."""
        upper = word.upper()
        ends_range = upper == "AND" and self.between  # of `BETWEEN … AND …`
        if upper in _BREAKS and not ends_range and self.parts[-1]:
            self.parts.append([])
        if upper in {"AND", "BETWEEN"}:
            self.between = upper == "BETWEEN"
        self.parts[-1].append(word)
        if word == ",":
            self.parts.append([])

    def flat(self) -> str:
        inner = "".join(_flat(one) for part in self.parts for one in part)
        return f"{self.opening}{inner}{self.closing}"


def _flat(one: "str | _Group") -> str:
    return one if isinstance(one, str) else one.flat()


def laid_out(sql: str, width: int) -> str:
    """Return an SQL expression in lines of at most a width, where its words allow that.

    Nothing but space is changed outside of texts, and the names of lambdas' variables, which the
    compiler counts through: they are `v1`, `v2` and so on in each expression.
    """
    return "\n".join(line.rstrip() for line in _lines(_grouped(sql), 0, width, 0))


def _grouped(sql: str) -> _Group:
    names: dict[str, str] = {}
    stack = [_Group()]
    for word in _WORD.findall(sql):
        if word in _OPENING:
            inner = _Group(opening=word)
            stack[-1].parts[-1].append(inner)
            stack.append(inner)
        elif word in _CLOSING:
            stack[-1].closing = word
            stack.pop()
        else:
            stack[-1].add(_renamed(word, names))
    return stack[0]


def _renamed(word: str, names: dict[str, str]) -> str:
    if word[0] in "'\"":
        return word
    return _BOUND.sub(lambda found: names.setdefault(found[0], f"v{len(names) + 1}"), word)


def _lines(group: _Group, indent: int, width: int, after: int) -> Iterator[str]:
    """Yield a group's lines; `after` is how much stands behind it on its last one."""
    text = " " * indent + group.flat().strip()
    if len(text) + after <= width:
        yield text
        return
    inner = indent + (_STEP if group.opening else 0)
    if group.opening:
        yield " " * indent + group.opening
    parts = _together(group.parts, width - inner)
    for number, part in enumerate(parts):
        more = after if number == len(parts) - 1 and not group.opening else 0
        yield from _part(part, inner, width, more)
    if group.closing:
        yield " " * indent + group.closing


def _together(parts: "Sequence[list[str | _Group]]", room: int) -> "list[list[str | _Group]]":
    """Return what begins lines: `THEN` stands behind its `WHEN` where both have room, and so on."""
    found: list[list[str | _Group]] = []
    for part in parts:
        text = "".join(map(_flat, part)).strip()
        if not text:
            continue
        before = "".join(map(_flat, found[-1])) if found else ""
        if text.startswith(_JOINED) and len(before) + len(text) <= room:
            found[-1] = [*found[-1], *part]
        else:
            found.append(part)
    return found


def _part(part: "list[str | _Group]", indent: int, width: int, after: int) -> Iterator[str]:
    """Yield the lines of what begins on one: a bracket that does not fit is opened."""
    line = " " * indent
    for number, one in enumerate(part):
        if isinstance(one, str):
            line += one if line.strip() else one.lstrip()
            continue
        behind = _behind(part[number + 1 :])
        last = number == len(part) - 1
        if len(line) + len(one.flat()) + len(behind) + (after if last else 0) <= width:
            line += one.flat()
            continue
        # No line has room for what is said to stand behind it: the bracket is opened.
        opened = list(_lines(one, indent, width, width))
        yield line + opened[0].lstrip()
        yield from opened[1:-1]
        line = opened[-1]
    if line.strip():
        yield line


def _behind(part: "list[str | _Group]") -> str:
    """Return the words up to the next bracket, with that."""
    found = ""
    for one in part:
        if not isinstance(one, str):
            return found + one.opening
        found += one
    return found.rstrip()
