"""A profile is read whole, or refused with every error at its place."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from ledger.importers.profile_reading import (
    MAX_PROFILE,
    ProfileError,
    load_profile,
    parse_profile,
)

ROOT = Path(__file__).resolve().parents[3]
START = "profile: desk\nservice: spiffe://shop.example/desk\n"


def refused(text: str) -> list[str]:
    """Return ``line:column code`` of each error."""
    with pytest.raises(ProfileError) as caught:
        parse_profile(text, "p.yaml")
    found = caught.value.problems
    assert str(caught.value) == "\n".join(str(problem) for problem in found)
    assert caught.value.code == found[0].code
    return [f"{p.line}:{p.column} {p.code.removeprefix('profile.')}" for p in found]


def test_the_example_of_the_specification_is_a_profile() -> None:
    """The one full example that authors copy from is read, and uses every key."""
    page = (ROOT / "docs/spec/import-profile.md").read_text("utf-8")
    example = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert example is not None
    profile = parse_profile(example[1])
    assert [entry.tool for entry in profile.observations][1] == ("cancel_order", "refund_order")
    assert profile.snapshot[1].observed_at == "2026-03-01T00:00:00Z"
    assert str(profile.snapshot[0].each) == "data.*"


def test_layout_and_comments_do_not_change_the_digest() -> None:
    """A remark in a profile must not import every conversation again; a changed meaning must."""
    profile = parse_profile(START + "errors: {key: error}\n")
    written = '# a remark\nservice:   spiffe://shop.example/desk\nerrors:\n  key: "error"\n'
    assert parse_profile(written + "profile: desk\n").digest == profile.digest
    assert parse_profile(START + "errors: {key: failed}\n").digest != profile.digest


def test_a_profile_is_read_from_a_file(tmp_path: Path) -> None:
    """Its name stands in errors; what is not UTF-8 is said to be that."""
    path = tmp_path / "p.yaml"
    path.write_text(START, "utf-8")
    assert load_profile(path).profile == "desk"
    path.write_bytes(b"profile: \xff\n")
    with pytest.raises(ProfileError, match=r"p\.yaml:1:1: profile\.syntax: not UTF-8"):
        load_profile(path)


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("", ["1:1 not-a-mapping"]),
        ("- profile", ["1:1 not-a-mapping"]),
        ("a: [", ["1:5 syntax"]),
        ("a: \0", ["1:1 syntax"]),
        ("[" * 5000, ["1:1 syntax"]),
        ("- " * 5000, ["1:1 syntax"]),
        ("#" * (MAX_PROFILE + 1), ["1:1 too-large"]),
        ("profile: x", ["1:1 missing-key"]),
        (START + "profile: y\n", ["3:1 duplicate-key"]),
        (START + "more: 1\n", ["3:1 unknown-key"]),
        (START + "run: {rfe: id}\n", ["3:7 unknown-key"]),
        (START + "run: id\n", ["3:1 not-a-mapping"]),
        (START + "run: {attributes: [id]}\n", ["3:7 not-a-mapping"]),
        (START + "run: {ref: a..b}\n", ["3:7 bad-path"]),
        (START + "run: {ref: 5}\n", ["3:7 bad-path"]),
        (START + "run: {ref: {konst: 5}}\n", ["3:7 bad-path"]),
        (START + "run: {ref: {const: 99999999999999999999}}\n", ["3:7 bad-value"]),
        (START + "clock: &a {key: t}\nerrors: *a\n", ["3:8 alias", "4:1 not-a-mapping"]),
        (START + "clock: {}\n", ["3:1 missing-key"]),
        (START + "clock: {key: at, zone: CET}\n", ["3:18 bad-value"]),
        (START + "cost: {key: c, currency: euro}\n", ["3:16 bad-value"]),
        (START + "errors: {patterns: ['(']}\n", ["3:21 bad-pattern"]),
        (START + f"errors: {{patterns: ['{'a' * 501}']}}\n", ["3:21 bad-pattern"]),
        (START + "? [a]\n: b\n", ["3:3 bad-value"]),
        (START + "run: {ref: !!binary aGk=}\n", ["3:12 bad-value"]),
        (START + "run: {ref: .inf}\n", ["3:12 bad-value"]),
        ("profile: x\nservice: desk\n", ["2:1 bad-value"]),
    ],
)
def test_errors_have_code_and_place(text: str, errors: list[str]) -> None:
    """Each error is named with its line and column, all at once."""
    assert refused(text) == errors


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ("{tool: t, kind: k, ref: item.x, source: s}", "bad-path"),
        ("{tool: t, kind: k, ref: [], source: s}", "bad-value"),
        ("{tool: t, kind: k, ref: [result, data], source: s}", "bad-path"),
        ("{tool: t, kind: k, ref: result, source: s, fields: {a: b.c}}", "bad-path"),
        ("{tool: t, kind: k, each: item.*, ref: key, source: s}", "bad-path"),
        ("{tool: [], kind: k, ref: result, source: s}", "bad-value"),
        ("{tool: t, kind: '', ref: result, source: s}", "bad-value"),
    ],
)
def test_an_observation_names_what_will_be_there(entry: str, code: str) -> None:
    """A path that begins with something that is never there is an error, not an absence."""
    first = refused(f"{START}observations:\n  - {entry}\n")[0]
    assert first.split()[1] == code


@pytest.mark.parametrize("name", ["../x.json", "/x.json", "C:\\x.json", "a/../../x", ""])
def test_a_snapshot_lies_in_its_folder(name: str) -> None:
    """A profile may come from anybody: it does not name files outside the folder given."""
    entry = f"{{file: '{name}', kind: k, ref: key, source: s}}"
    assert refused(f"{START}snapshot:\n  - {entry}\n") == ["4:6 bad-value"]


def test_a_snapshot_has_its_own_roots() -> None:
    """Its paths begin with the file's data, and its time names its offset."""
    entry = "{file: f, kind: k, ref: result.x, source: s, observed_at: 2026-03-01T00:00:00}"
    assert len(refused(f"{START}snapshot:\n  - {entry}\n")) == 2
    entry = "{file: f, kind: k, each: result.*, ref: key, source: s, observed_at: soon}"
    assert len(refused(f"{START}snapshot:\n  - {entry}\n")) == 2


def test_values_of_every_kind_can_be_constants() -> None:
    """A constant is read as YAML 1.2 means it."""
    text = "a: {const: 0x1F}, b: {const: 017}, c: {const: 1.5}, d: {const: true}, e: {const: null}"
    profile = parse_profile(f"{START}run: {{attributes: {{{text}, f: {{const: 2020-01-01}}}}}}\n")
    dumped = profile.model_dump(mode="json")["run"]["attributes"]
    assert [value["const"] for value in dumped.values()] == [31, 17, 1.5, True, None, "2020-01-01"]


@pytest.mark.parametrize(
    ("zone", "offset"),
    [("+01:30", timedelta(hours=1, minutes=30)), ("-05:00", timedelta(hours=-5))],
)
def test_the_zone_is_an_offset(zone: str, offset: timedelta) -> None:
    """A zone is read east and west of Greenwich; none is none."""
    clock = parse_profile(f"{START}clock: {{key: t, zone: '{zone}'}}\n").clock
    assert clock is not None
    assert clock.offset is not None
    assert clock.offset.utcoffset(None) == offset


def test_no_zone_is_no_offset() -> None:
    """Without a zone nothing is assumed."""
    clock = parse_profile(f"{START}clock: {{key: t}}\n").clock
    assert clock is not None
    assert clock.offset is None
