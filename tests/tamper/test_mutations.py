"""One byte is changed anywhere in the rows of a ledger's file: it is noticed, and named."""

import json
import random
import re
from pathlib import Path

import pytest

from tests.tamper.pages import Cell, cells
from tests.verifier.forge import Desk
from writ.cli import run

MUTATIONS = 200
# A row's own number stands in its key. What its column says instead is never read, as long as it
# is one of the ways to say it without content: so a change between these changes nothing.
EMPTY = frozenset({0, 8, 9, 10, 11, 12, 13})


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A ledger of two runs, with rows that need overflow pages, and its trust file."""
    folder = tmp_path_factory.mktemp("ledger")
    desk = Desk()
    desk.paid()
    run_ = desk.open_run(goal="long " * 2_000)
    for turn in range(12):
        content = "words " * (900 if turn % 3 == 0 else 20)
        message = {"run": run_, "role": "user", "turn": turn, "content": content}
        desk.submit("agent", desk.make("message", "agent", **message))
    desk.close_run(run_)
    note = desk.sign_head()
    path = desk.save(folder / "desk.db")
    trust = folder / "trust.json"
    trust.write_text(_trust(desk, note), "utf-8")
    return path, trust


def _trust(desk: Desk, note: bytes) -> str:
    pinned = desk.trust(note)
    return json.dumps(
        {
            "v": 1,
            "origin": pinned.origin,
            "genesis": pinned.genesis,
            "note": "",
            "checkpoint": pinned.checkpoint,
        }
    )


def _verified(path: Path, trust: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = run(["verify", str(path), "--trust", str(trust)])
    return code, capsys.readouterr().out


def _rows(path: Path) -> list[Cell]:
    return [*cells(path, "entries"), *cells(path, "records")]


def test_every_byte_of_every_row_is_known(ledger: tuple[Path, Path]) -> None:
    """The test's own reading of the file finds all rows, and overflow pages among them."""
    rows = _rows(ledger[0])
    size = len(rows) // 2
    assert [cell.row for cell in rows] == [*range(size), *range(size)]
    assert max(len(cell.offsets) for cell in rows) > 4096


def test_the_unchanged_ledger_holds(
    ledger: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is changed there is nothing to find."""
    code, said = _verified(*ledger, capsys)
    assert code == 0, said


@pytest.mark.parametrize("seed", range(MUTATIONS))
def test_one_changed_byte_is_named(
    seed: int, ledger: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever byte of whatever row is changed: exit 1, with the entry and the check."""
    path, trust = ledger
    luck = random.Random(seed)
    raw = bytearray(path.read_bytes())
    cell = luck.choice(_rows(path))
    at = luck.choice(cell.offsets)
    before = raw[at]
    values = sorted(set(range(256)) - {before} - (EMPTY if at == cell.null else set()))
    raw[at] = luck.choice(values)
    copy = tmp_path / "copy.db"
    copy.write_bytes(bytes(raw))

    code, said = _verified(copy, trust, capsys)

    place = f"{cell.table} {cell.row}, byte {at - cell.offsets[0]}: {before:02x} to {raw[at]:02x}"
    assert code == 1, f"{place}: {said}"
    named = re.search(r"BROKEN at entry (-?\d+) ", said)
    assert named is not None, f"{place}: {said}"
    assert re.search(r"\(step \d, [a-z]+\)", said), f"{place}: {said}"
    damaged = re.search(r"\(step \d, (unreadable|missing|stray)\)", said)
    if damaged is None:
        assert int(named[1]) == cell.row, f"{place}: {said}"
    else:
        # A damaged page cannot be read from its first row on: that one is named.
        assert int(named[1]) <= cell.row, f"{place}: {said}"


@pytest.mark.parametrize("table", ["entries", "records"])
@pytest.mark.parametrize("seed", range(20))
def test_a_changed_cell_header_is_named(
    table: str,
    seed: int,
    ledger: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The few bytes by which the file finds a row's content are no way around either."""
    path, trust = ledger
    luck = random.Random(seed)
    raw = bytearray(path.read_bytes())
    cell = luck.choice(cells(path, table)[2:])
    at = luck.choice(cell.offsets[:8])
    values = sorted(set(range(256)) - {raw[at]} - (EMPTY if at == cell.null else set()))
    raw[at] = luck.choice(values)
    copy = tmp_path / "copy.db"
    copy.write_bytes(bytes(raw))
    code, said = _verified(copy, trust, capsys)
    assert code == 1, said
    assert re.search(r"BROKEN at entry \d+ ", said), said
    assert "authority" not in said
