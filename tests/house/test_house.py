"""The rules of the house that no linter checks: size, names and words."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("ledger", "contracts", "verifier", "replay", "dashboards", "writ")

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 60

# A name that says nothing about what is inside, so that anything ends up there.
EMPTY_NAMES = frozenset({"utils", "util", "helpers", "helper", "common", "manager", "base"})

TEXT_SUFFIXES = frozenset(
    {".py", ".pyi", ".md", ".toml", ".txt", ".yaml", ".yml", ".json", ".cfg", ".sql", ".html"}
)
FORBIDDEN_WORDS = {
    "a path of one machine": re.compile(r"(?<![\w.:/-])/(?:work|root|Users)/"),
    "the host of a package registry": re.compile(
        r"\b(?:pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|deb\.debian\.org)"
    ),
    "work left without an issue": re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b"),
    "praise in place of a fact": re.compile(
        r"\b(?:blazing(?:ly)?|seamless(?:ly)?|world-class|cutting-edge|state-of-the-art"
        r"|revolutionary|battle-tested|enterprise-grade)\b",
        re.IGNORECASE,
    ),
}


def python_files(*folders: str) -> list[Path]:
    """Return every Python file below the named folders of the project, in order."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def text_files() -> list[Path]:
    """Return the project's own texts: code, documents and settings, without this file.

    The locks are left out: they are made by a tool, and hold names of other people's projects.
    """
    folders = (*PACKAGES, "tests", "docs", "benchmarks", "data", ".ci")
    inside = (path for folder in folders for path in (ROOT / folder).rglob("*"))
    top = (path for path in ROOT.iterdir() if path.name != "LICENSE")
    named = {"Makefile", "run"}
    return sorted(
        path
        for path in (*inside, *top)
        if path.is_file()
        and (path.suffix in TEXT_SUFFIXES or path.name in named)
        and path != Path(__file__).resolve()
    )


def long_functions(source: str, limit: int) -> Iterator[str]:
    """Yield ``name (n lines)`` for each function of ``source`` longer than ``limit`` lines."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > limit:
                yield f"{node.name} ({lines} lines)"


def forbidden(text: str) -> Iterator[str]:
    """Yield ``line: word (what it is)`` for each forbidden word in ``text``."""
    for number, line in enumerate(text.splitlines(), start=1):
        for what, pattern in FORBIDDEN_WORDS.items():
            for found in pattern.finditer(line):
                yield f"{number}: {found.group()} ({what})"


def where(path: Path) -> str:
    """Name a file as the project does, so that a failing test's id is readable."""
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", python_files(*PACKAGES), ids=where)
def test_no_file_is_too_long(path: Path) -> None:
    """A module fits in one reading: past 500 lines it is two modules."""
    lines = len(path.read_text("utf-8").splitlines())
    assert lines <= MAX_FILE_LINES, f"{where(path)} has {lines} lines: split it by what it knows"


@pytest.mark.parametrize("path", python_files(*PACKAGES), ids=where)
def test_no_function_is_too_long(path: Path) -> None:
    """A function fits on a screen, with its docstring."""
    assert list(long_functions(path.read_text("utf-8"), MAX_FUNCTION_LINES)) == []


@pytest.mark.parametrize("path", python_files(*PACKAGES, "tests", "benchmarks"), ids=where)
def test_no_module_has_an_empty_name(path: Path) -> None:
    """A module and its folder are named after what they hold."""
    names = {part.removesuffix(".py").strip("_") for part in path.relative_to(ROOT).parts}
    assert names & EMPTY_NAMES == set()


@pytest.mark.parametrize("path", text_files(), ids=where)
def test_no_text_holds_a_forbidden_word(path: Path) -> None:
    """The texts speak of the project, in facts: no machine, no registry, no praise."""
    text = path.read_text("utf-8", errors="replace")  # some vectors are broken on purpose
    assert list(forbidden(text)) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_is_typed(package: str) -> None:
    """Those who import a package get its types: the marker file is there."""
    assert (ROOT / package / "py.typed").is_file()


def test_no_import_rule_waits_for_a_module_that_exists() -> None:
    """The read door is shut from the day that there is something behind it.

    If this fails, take the comment sign off the lines of pyproject.toml that name these modules.
    """
    settings = (ROOT / "pyproject.toml").read_text("utf-8")
    waiting = re.findall(r'^ *# "([a-z_.]+)",$', settings, re.MULTILINE)
    places = {name: ROOT / name.replace(".", "/") for name in waiting}
    here = {
        name
        for name, place in places.items()
        if place.with_suffix(".py").is_file() or place.is_dir()
    }
    assert here == set()


def test_a_long_function_is_seen() -> None:
    """The check itself works: one line over the limit is reported, the limit is not."""
    source = "def short():\n    pass\n    pass\n\n\nasync def long():\n" + "    pass\n" * 3
    assert list(long_functions(source, 3)) == ["long (4 lines)"]


@pytest.mark.parametrize(
    "text",
    ["see /root/x", "from pypi.org", "# TODO: later", "a Seamless flow"],
)
def test_a_forbidden_word_is_seen(text: str) -> None:
    """The check itself works: each kind of forbidden word is reported with its line."""
    assert [found.split(":")[0] for found in forbidden(f"fine\n{text}\n")] == ["2"]


@pytest.mark.parametrize("text", ["https://example.org/work/1", "a/work/b", "hackers and todos"])
def test_an_innocent_word_is_left_alone(text: str) -> None:
    """The check does not cry wolf over parts of other words and addresses."""
    assert list(forbidden(text)) == []
