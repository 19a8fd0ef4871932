"""CEL as text: the little that has to be known of it before it is compiled.

`values.x` is put in place of its name here, and the names of facts and limits are looked up, so
that a misspelt one is reported with a suggestion. That needs the words of an expression, not its
tree: strings, comments and selections (`a.values`) must be told from the variable `values`, and
nothing else.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from contracts.errors import did_you_mean

MICROSECONDS: Final = {
    "ms": 1_000,
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
}
# Words that CEL keeps for itself or for languages that embed it: none of them can be selected.
RESERVED: Final = frozenset(
    (
        *("as", "break", "const", "continue", "else", "false", "for", "function", "if", "import"),
        *("in", "let", "loop", "namespace", "null", "package", "return", "true", "var", "void"),
        "while",
    )
)

_TOKEN: Final = re.compile(
    r"""
      (?P<space>\s+|//[^\n]*)
    | (?P<string>[rR][bB]?(?:\"{3}[\s\S]*?\"{3}|'{3}[\s\S]*?'{3}|"[^"\n]*"|'[^'\n]*')
        | [bB][rR](?:\"{3}[\s\S]*?\"{3}|'{3}[\s\S]*?'{3}|"[^"\n]*"|'[^'\n]*')
        | [bB]?(?:\"{3}(?:\\[\s\S]|[^\\])*?\"{3}|'{3}(?:\\[\s\S]|[^\\])*?'{3}
          | "(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<quoted>`[^`\n]*`)
    | (?P<number>0[xX][0-9a-fA-F]+[uU]?|[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?[uU]?)
    | (?P<sign>.)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """One word of an expression.

    `kind` is space (comments too), string, name, quoted, number or sign.
    """

    kind: str
    text: str
    offset: int


@dataclass(frozen=True, slots=True)
class Reference:
    """A use of a variable: `root.member`, or the bare `root` (then `member` is empty)."""

    root: str
    member: str
    start: int
    end: int
    in_has: bool


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in an expression, `offset` characters from its beginning."""

    code: str
    message: str
    offset: int
    hint: str = ""


def tokens(expression: str) -> list[Token]:
    """Cut an expression into words; what is no CEL becomes signs, for the compiler to refuse."""
    return [
        Token(match.lastgroup or "", match[0], match.start())
        for match in _TOKEN.finditer(expression)
    ]


def references(expression: str) -> Iterator[Reference]:
    """Every use of a variable, in order. Names after a dot and names of functions are none."""
    words = [token for token in tokens(expression) if token.kind != "space"]
    for number, token in enumerate(words):
        before = words[number - 1].text if number else ""
        after = [word.text for word in words[number + 1 : number + 3]]
        if token.kind != "name" or before == "." or after[:1] == ["("] or token.text in RESERVED:
            continue
        selected = words[number + 2] if len(after) == 2 and after[0] == "." else None  # noqa: PLR2004 - the dot and the member
        member = selected.text.strip("`") if selected and selected.kind != "sign" else ""
        end = (
            selected.offset + len(selected.text)
            if selected and member
            else token.offset + len(token.text)
        )
        yield Reference(token.text, member, token.offset, end, _within_has(words, number))


def _within_has(words: list[Token], number: int) -> bool:
    position = number - 1
    while position > 0 and words[position].text == "(":
        position -= 1
        if words[position].text == "has":
            return True
    return False


def without_comments(expression: str) -> str:
    """The expression with blanks for comments: it may stand in parentheses, and nothing moves."""
    kept = (
        " " * len(token.text) if token.text.startswith("//") else token.text
        for token in tokens(expression)
    )
    return "".join(kept).rstrip()


def substitute(
    expression: str, values: Mapping[str, str], report: Callable[[Problem], None]
) -> str:
    """Put each `values.x` in place of its name, in parentheses.

    Args:
        expression: CEL text without comments.
        values: The values that may be used here, already expanded.
        report: Is told of each value that is not known.
    """
    parts: list[str] = []
    done = 0
    for use in references(expression):
        if use.root != "values":
            continue
        if use.in_has:
            report(
                Problem(
                    "values.has", "has() cannot ask for a value; write the condition", use.start
                )
            )
        elif use.member not in values:
            report(_unknown_value(use, values))
        else:
            parts += [expression[done : use.start], f"({values[use.member]})"]
            done = use.end
    return "".join([*parts, expression[done:]])


def _unknown_value(use: Reference, values: Mapping[str, str]) -> Problem:
    if not use.member:
        return Problem(
            "values.whole", "`values` stands for nothing by itself; say `values.NAME`", use.start
        )
    message = f"`values.{use.member}` is not declared before this place; declare it under `values`"
    return Problem("values.unknown", message, use.start, did_you_mean(use.member, values))


def microseconds(duration: str) -> int:
    """The length of a duration such as `90s`, `15m`, `24h` or `30d`, in microseconds."""
    number = duration.rstrip("dhms")
    return int(number) * MICROSECONDS[duration[len(number) :]]


def cel_duration(duration: str) -> str:
    """A duration as CEL writes it; CEL knows no days."""
    whole, rest = divmod(microseconds(duration), MICROSECONDS["s"])
    return f'duration("{whole}s")' if not rest else f'duration("{duration}")'


def cel_string(text: str) -> str:
    """A text as a CEL literal."""
    escaped = "".join(_ESCAPES.get(character, character) for character in text)
    return f'"{escaped}"'


def cel_list(texts: tuple[str, ...]) -> str:
    """Texts as a CEL list."""
    return f"[{', '.join(cel_string(text) for text in texts)}]"


_ESCAPES: Final = {
    **{chr(code): f"\\u{code:04x}" for code in range(32)},
    "\n": "\\n",
    "\t": "\\t",
    "\r": "\\r",
    '"': '\\"',
    "\\": "\\\\",
}
