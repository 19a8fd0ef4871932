"""Files give their lines, and what cannot be read is reported where it stands."""

import gzip
from pathlib import Path

import pytest

from ledger.importers.problems import ImporterError, Problems
from ledger.importers.source import Line, read_lines, read_whole

TEXT = b'{"a":1}\r\n\n  \n{"b":2}\n{"c":3}'
LINES = [Line(1, b'{"a":1}'), Line(4, b'{"b":2}'), Line(5, b'{"c":3}')]


def read(path: Path, content: bytes, limit: int = 1000) -> tuple[list[Line], list[str]]:
    """Write and read a file; return its lines, and ``line code`` of each problem."""
    path.write_bytes(content)
    problems = Problems()
    lines = list(read_lines(path, problems, limit))
    return lines, [f"{p.line} {p.code.removeprefix('import.')}" for p in problems.listed]


@pytest.mark.parametrize("zipped", [False, True])
def test_lines_are_numbered_and_blank_ones_passed_over(tmp_path: Path, *, zipped: bool) -> None:
    """Plain and gzip give the same lines, whatever the file is called, without their ends."""
    content = gzip.compress(TEXT) if zipped else TEXT
    assert read(tmp_path / "x.jsonl", content) == (LINES, [])


def test_a_file_of_several_gzip_members_is_read_whole(tmp_path: Path) -> None:
    """Logs grow by appending members."""
    content = gzip.compress(TEXT[:12]) + gzip.compress(TEXT[12:])
    assert read(tmp_path / "x.gz", content) == (LINES, [])


def test_a_truncated_gzip_gives_what_it_holds(tmp_path: Path) -> None:
    """All that can be unpacked is given, the last line as torn, and the end is reported."""
    text = b"".join(b'{"n":%d}\n' % (n * n) for n in range(30_000))
    content = gzip.compress(text)
    lines, problems = read(tmp_path / "x.gz", content[: len(content) // 2])
    assert problems == [f"{lines[-1].number} truncated-gzip"]
    assert len(lines) > 1_000
    assert lines[-1].torn
    assert b"\n".join(line.raw for line in lines) == text[: sum(len(x.raw) + 1 for x in lines) - 1]


def test_damage_within_a_gzip_is_reported(tmp_path: Path) -> None:
    """A checksum that does not fit ends the reading, after what was read."""
    content = bytearray(gzip.compress(TEXT))
    content[-6] ^= 1
    lines, problems = read(tmp_path / "x.gz", bytes(content))
    assert [line.raw for line in lines] == [line.raw for line in LINES]
    assert problems == ["5 unreadable"]


def test_damage_at_the_beginning_leaves_nothing(tmp_path: Path) -> None:
    """A file that is gzip by its first bytes alone gives nothing, and says so."""
    lines, problems = read(tmp_path / "x.gz", b"\x1f\x8b\x08\x00 not gzip at all, only so named")
    assert (lines, problems) == ([], ["0 unreadable"])


def test_an_empty_file_is_reported(tmp_path: Path) -> None:
    """An empty file is more likely a mistake than a source."""
    assert read(tmp_path / "x.jsonl", b"") == ([], ["0 empty-file"])


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_too_long_is_passed_over(tmp_path: Path, end: bytes) -> None:
    """Memory is bounded: a line over the limit is reported, and the rest is read."""
    content = b"a\n" + b"x" * 150_000 + b"\nb\n" + b"y" * 70_000 + end
    lines, problems = read(tmp_path / "x", content, limit=60_000)
    assert lines == [Line(1, b"a"), Line(3, b"b")]
    assert problems == ["2 line-too-long", "4 line-too-long"]


def test_a_whole_file_is_read_or_refused(tmp_path: Path) -> None:
    """Reference data is read to its end or not at all."""
    path = tmp_path / "x.json"
    path.write_bytes(gzip.compress(b"[1]"))
    assert read_whole(path) == b"[1]"
    with pytest.raises(ImporterError) as caught:
        read_whole(path, limit=2)
    assert caught.value.code == "import.snapshot-too-large"
    path.write_bytes(gzip.compress(b"[1]")[:-3])
    with pytest.raises(ImporterError) as caught:
        read_whole(path)
    assert caught.value.code == "import.snapshot-unreadable"
