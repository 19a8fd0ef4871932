"""Paths find what stands there, in order, and say what is wrong with a bad one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.importers.paths import ABSENT, Const, Path, PathError, look, look_each, parse_path

DATA = {"a": {"b c": [10, {"d": None}], "1": "one", "e": [[1, 2], [3]]}, "f": False}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("f", False),
        ('a."b c".0', 10),
        ('a."b c".1.d', None),
        ("a.1", "one"),
        ("a.e.1.0", 3),
        ("a.e.2", ABSENT),
        ("a.e.x", ABSENT),
        ("a.e.-1", ABSENT),
        ("f.g", ABSENT),
        ("nothing", ABSENT),
    ],
)
def test_look(text: str, found: object) -> None:
    """A key, a quoted key and a place in a list are found; what is not there is not null."""
    assert look(parse_path(text), DATA) == found


def test_a_constant_stands_for_itself() -> None:
    """A constant is given whatever the data."""
    assert look(Const([1]), DATA) == [1]


def test_stars_name_what_they_found() -> None:
    """Each star says under which key or place it found its member, in the source's order."""
    path = parse_path("a.e.*.*", star=True)
    assert list(look_each(path, DATA)) == [(("0", "0"), 1), (("0", "1"), 2), (("1", "0"), 3)]
    assert look(path, DATA) == 1
    assert list(look_each(parse_path("f.*", star=True), DATA)) == []
    assert [names for names, _ in look_each(parse_path("*", star=True), DATA)] == [("a",), ("f",)]


def test_a_digit_of_another_script_is_no_place_in_a_list() -> None:
    """`int` reads digits of many scripts; JSON's readers do not."""
    assert look(Path(("\u0660",)), [1]) is ABSENT


@pytest.mark.parametrize("text", ["", ".a", "a.", "a..b", "a b", '"a', "a.*", 'a"b"', '"\0"'])
def test_a_bad_path_is_refused(text: str) -> None:
    """What is no path is refused, with the place."""
    with pytest.raises(PathError):
        parse_path(text)


def test_absent_says_so() -> None:
    """In a failing test it must not look like None."""
    assert repr(ABSENT) == "ABSENT"


KEYS = st.lists(
    st.none() | st.text().filter(lambda key: '"' not in key and "\0" not in key), min_size=1
)


@given(KEYS)
def test_a_path_is_read_as_it_is_written(keys: list[str | None]) -> None:
    """Writing and reading a path gives the same path: the profile's digest rests on it."""
    path = Path(tuple(keys))
    assert parse_path(str(path), star=True) == path
