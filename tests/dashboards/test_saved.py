"""Saved views: what a file of them may say, and that each keeps what its address keeps."""

from pathlib import Path

import pytest

from dashboards import queries, saved
from dashboards.filters import Filter
from dashboards.saved import BUILT_IN, View, ViewsError, as_toml, parse_views, read_views
from tests.dashboards.ledgers import desk, tables

GOOD = b"""
[[view]]
name = "Chat (critical)"
query = "channel=chat&severity=critical"

[[view]]
name = "Everything"
query = "?result=&sort=largest"
"""


def test_numbers_are_those_of_the_lists(tmp_path: Path) -> None:
    """Counted at once, and the same as each list by itself."""
    at_desk = tables(desk(), tmp_path)
    counted = saved.numbers(at_desk, BUILT_IN)
    assert list(counted) == [queries.findings(at_desk, view.asks).total for view in BUILT_IN]
    assert sum(counted) > 0
    assert saved.numbers(at_desk, ()) == ()


def test_the_apps_own_views_are_addresses() -> None:
    """Each is opened by its link as it is, and no two are the same."""
    for view in BUILT_IN:
        assert saved.same(Filter.of(view.asks.parameters()), view.asks)
    assert sum(saved.same(one.asks, two.asks) for one in BUILT_IN for two in BUILT_IN) == len(
        BUILT_IN
    )


def test_a_file_of_views_is_read(tmp_path: Path) -> None:
    """Names and what they ask for; no file has none."""
    path = tmp_path / "views.toml"
    path.write_bytes(GOOD)
    assert read_views(str(path)) == (
        View("Chat (critical)", Filter.of({"channel": ["chat"], "severity": ["critical"]})),
        View("Everything", Filter.of({"result": [""], "sort": ["largest"]})),
    )
    assert read_views("") == ()


def test_what_the_app_offers_to_keep_is_read_again() -> None:
    """Whatever stands in the choice: quotes, newlines, other scripts."""
    odd = Filter.of({"channel": ['a"b\\c\n[[view]]', "é&="], "q": ["'''"], "page": ["3"]})
    assert parse_views(as_toml(odd, "Odd").encode(), "f") == (View("Odd", odd.at_page(1)),)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"[[view]", "this is not TOML"),
        (b"\xff", "this is not TOML"),
        (b"", "there is no [[view]]"),
        (b"view = 3", "there is no [[view]]"),
        (b"view = [3]", "view 1: begin each view with the line [[view]]"),
        (b"other = 1\n[[view]]\nname='a'\nquery=''", "'other' is not known"),
        (b"[[view]]\nname = 'a'", "view 1: a view has a name and a query"),
        (b"[[view]]\nname = 'a'\nquery = ''\nmore = 1", "view 1: a view has a name and a query"),
        (b"[[view]]\nname = '[a](http://b)'\nquery = ''", "view 1: a name has at most"),
        (b"[[view]]\nname = ':red[a]'\nquery = ''", "view 1: a name has at most"),
        (b"[[view]]\nname = 'a'\nquery = 'colour=red'", "the query names 'colour'"),
        (b"[[view]]\nname = 'a'\nquery = 'page=2'", "the query names 'page'"),
        (b"[[view]]\nname = 'a'\nquery = 'chat'", "is not name=value&name=value"),
        (b"[[view]]\nname = 'a'\nquery = 'severity=red'", "severity is 'red', and may be critical"),
        (b"[[view]]\nname = 'to review'\nquery = ''", "one of the app's own"),
        (b"[[view]]\nname = 'a'\nquery = ''\n" * 2, "two views are called 'a'"),
        (b"[[view]]\nname = 'a'\nquery = ''\n" * 31, "31 views are too many"),
    ],
)
def test_what_is_no_view_is_said(content: bytes, told: str) -> None:
    """Where it stands, and what it would have to be: nothing is passed over in silence."""
    with pytest.raises(ViewsError) as raised:
        parse_views(content, "views.toml")
    assert told in str(raised.value)
    assert str(raised.value).startswith("views.toml")


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    """Missing, or far too long to be one."""
    with pytest.raises(ViewsError, match=r"none\.toml: the views cannot be read: No such file"):
        read_views(str(tmp_path / "none.toml"))
    (tmp_path / "long.toml").write_bytes(b"#" * (saved.MOST_BYTES + 1))
    with pytest.raises(ViewsError, match="longer than"):
        read_views(str(tmp_path / "long.toml"))
