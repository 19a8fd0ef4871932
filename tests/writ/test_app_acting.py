"""`writ app --as` and `--auth`: who acts is settled before anything is served, or it is said."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from dashboards import acting
from ledger.founding import Founder, create_ledger
from tests.writ.conftest import Run
from writ.commands import app

AUTH = {
    "redirect_uri": "http://127.0.0.1:8501/oauth2callback",
    "cookie_secret": "c" * 32,
    "client_id": "writ",
    "client_secret": "s",
    "server_metadata_url": "https://provider.example/.well-known/openid-configuration",
}
OMAR = "spiffe://shop.example/ledger/omar"


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Generator[list[dict[str, Any]]]:
    """A ledger with two reviewers, one of whose keys is elsewhere; and what would be served."""
    create_ledger(
        tmp_path / "l.db",
        origin="shop.example/ledger",
        founders=[
            Founder("head", (), "Mara", use="head"),
            Founder("steward", ("steward",), "Mara"),
            Founder("omar", ("reviewer",), "omar@shop.example"),
            Founder("lin", ("reviewer",), "lin@shop.example"),
        ],
    )
    (tmp_path / "l.db.keys" / "lin.pem").rename(tmp_path / "lin.pem")
    given: list[dict[str, Any]] = []

    def serve(_arguments: list[str], options: dict[str, Any]) -> None:
        given.append(options)

    monkeypatch.setattr(app, "_serve", serve)
    yield given
    acting.begin(acting.Desk())


def secrets(folder: Path, **changes: str) -> Path:
    """Write a file by which people sign in."""
    path = folder / "secrets.toml"
    path.touch(mode=0o600)
    given = {**AUTH, **changes}
    path.write_text("[auth]\n" + "".join(f'{name} = "{value}"\n' for name, value in given.items()))
    return path


def test_without_a_name_nobody_acts(writ: Run, served: list[dict[str, Any]]) -> None:
    """The app reads, and no secrets of anybody's are looked for."""
    assert writ("app", "l.db")[0] == 0
    assert acting.desk() == acting.Desk("l.db")
    assert served[0]["secrets.files"] == []


@pytest.mark.parametrize("name", ["omar", OMAR])
def test_whoever_is_named_acts(writ: Run, served: list[dict[str, Any]], name: str) -> None:
    """By a short name or in full, with the key in the folder, and heads are signed too."""
    assert writ("app", "l.db", "--as", name)[0] == 0
    desk = acting.desk()
    assert (desk.me, set(desk.signers), desk.signs_in) == (OMAR, {OMAR}, False)
    assert desk.head is not None
    assert desk.head().last_size() == 3
    assert len(served) == 1


def test_a_key_may_lie_elsewhere(writ: Run, served: list[dict[str, Any]]) -> None:
    """And says itself whose it is."""
    assert writ("app", "l.db", "--key", "lin.pem")[0] == 0
    assert acting.desk().me.endswith("/lin")
    assert len(served) == 1


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (["--as", "nobody"], 4, "ledger.identity"),
        (["--as", "lin"], 4, "key.file"),
        (["--as", "omar", "--key", "lin.pem"], 2, "key.identity"),
        (["--as", "omar", "--auth", "secrets.toml"], 2, "app.as"),
        (["--auth", "none.toml"], 4, "file.unusable"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_served(
    writ: Run,
    served: list[dict[str, Any]],
    arguments: list[str],
    status: int,
    code: str,
) -> None:
    """In a line, with its code."""
    found, _, said = writ("app", "l.db", *arguments)
    assert (found, served) == (status, [])
    assert said.startswith(f"writ: {code}: ")


def test_people_sign_in(writ: Run, served: list[dict[str, Any]], tmp_path: Path) -> None:
    """Each reviewer whose key is there can act, and nobody else; the file goes to Streamlit."""
    path = secrets(tmp_path)
    assert writ("app", "l.db", "--auth", path)[0] == 0
    desk = acting.desk()
    assert (desk.me, set(desk.signers), desk.signs_in) == ("", {OMAR}, True)
    assert served[0]["secrets.files"] == [str(path)]


def test_people_sign_in_where_no_keys_are(
    writ: Run, served: list[dict[str, Any]], tmp_path: Path
) -> None:
    """Then they only look."""
    (tmp_path / "l.db.keys").rename(tmp_path / "away")
    assert writ("app", "l.db", "--auth", secrets(tmp_path))[0] == 0
    assert acting.desk() == acting.Desk("l.db", signs_in=True)
    assert len(served) == 1


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"client_id": ""}, "has no client_id"),
        ({"server_metadata_url": ""}, "has no server_metadata_url"),
        ({"cookie_secret": "short"}, "fewer than 32 characters"),
        ({"client_id": '"'}, "not TOML"),
    ],
)
def test_a_file_that_will_not_do_is_said(
    writ: Run, served: list[dict[str, Any]], tmp_path: Path, changes: dict[str, str], told: str
) -> None:
    """Before anybody is sent to a door that does not open, or that opens to everybody."""
    code, _, said = writ("app", "l.db", "--auth", secrets(tmp_path, **changes))
    assert (code, served) == (4, [])
    assert said.startswith("writ: app.auth: ")
    assert told in said


def test_a_file_that_others_can_read_is_refused(
    writ: Run, served: list[dict[str, Any]], tmp_path: Path
) -> None:
    """Whoever knows what is in it is signed in as anybody."""
    path = secrets(tmp_path)
    path.chmod(0o644)
    code, _, said = writ("app", "l.db", "--auth", path)
    assert (code, served) == (4, [])
    assert "chmod 600" in said
