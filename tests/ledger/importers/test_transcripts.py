"""An import is complete, repeatable, and honest about what it could not read."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.importers.paths import json_list, json_object
from ledger.importers.problems import ImporterError
from ledger.importers.profile import Profile
from ledger.importers.profile_reading import parse_profile
from ledger.importers.report import ImportReport, UnguardedTool, looks_like_write
from ledger.importers.transcripts import Progress, import_transcripts
from ledger.records import RunOpened
from tests.ledger.importers.conftest import PROFILE, MemoryLedger, Write

HELLO = {"id": "1", "messages": [{"role": "user", "content": "Hello."}]}
OTHER = [{"role": "user", "content": "Good day."}]


def codes(report: ImportReport) -> list[str]:
    """Return ``line code`` of a report's problems, in order."""
    return [f"{p.line} {p.code.removeprefix('import.')}" for p in report.problems]


def test_a_second_import_adds_nothing(memory: MemoryLedger, profile: Profile, write: Write) -> None:
    """The same conversations are recognised, whatever their file is called and packed in now."""
    first = import_transcripts([write(HELLO, OTHER)], memory, profile)
    before = list(memory.raws)
    again = import_transcripts([write(HELLO, OTHER)], memory, profile)
    packed = write(HELLO, OTHER, name="packed", zipped=True)
    renamed = import_transcripts([packed], memory, profile)
    assert memory.raws == before
    assert (first.runs, first.records, first.runs_present) == (2, 6, 0)
    for report in (again, renamed):
        assert report.nothing_new
        assert (report.runs, report.runs_present, report.records_present) == (0, 2, 6)


def test_two_ledgers_get_the_same_bytes(profile: Profile, write: Write) -> None:
    """Nothing in an imported record comes from chance or from the importing machine."""
    one, two = MemoryLedger(), MemoryLedger()
    for ledger in (one, two):
        import_transcripts([write(HELLO, OTHER)], ledger, profile)
    assert one.raws == two.raws


def test_a_file_that_grew_adds_what_is_new(
    memory: MemoryLedger, profile: Profile, write: Write
) -> None:
    """A log is imported again as it grows; the old conversations are recognised in it."""
    import_transcripts([write(HELLO)], memory, profile)
    report = import_transcripts([write(HELLO, OTHER)], memory, profile)
    assert (report.runs, report.runs_present) == (1, 1)


def test_a_changed_line_or_profile_is_new(
    memory: MemoryLedger, profile: Profile, write: Write
) -> None:
    """Another line is another conversation; the same line under another profile is reported."""
    import_transcripts([write(HELLO)], memory, profile)
    assert import_transcripts([write(HELLO | {"id": "2"})], memory, profile).runs == 1
    changed = parse_profile(PROFILE.replace("domain: metadata.domain", "domain: {const: desk}"))
    report = import_transcripts([write(HELLO)], memory, changed)
    assert report.runs == 1
    assert codes(report) == ["1 imported-before"]
    nonces = [record.nonce for record in memory.records]
    assert len(set(nonces)) == len(nonces)


def test_a_line_that_stands_twice_is_one_conversation(
    memory: MemoryLedger, profile: Profile, write: Write
) -> None:
    """Two equal lines cannot be told apart, so they are one run, and the second is reported."""
    report = import_transcripts([write(HELLO, OTHER, HELLO)], memory, profile)
    assert (report.runs, report.runs_present) == (2, 1)
    assert codes(report) == ["3 repeated-line"]
    assert "source.jsonl:1" in report.problems[0].message


def test_what_is_no_conversation_is_reported(
    memory: MemoryLedger, profile: Profile, write: Write
) -> None:
    """Each bad line is named with what is wrong, and those after it are imported."""
    lines = [b"{", b"\xff", b"null", b"[]", b"[1]", b'{"messages":5}', b'"x"', b"[" * 5_000, HELLO]
    report = import_transcripts([write(*lines)], memory, profile)
    assert report.runs == 1
    assert codes(report) == [
        "1 not-json",
        "2 not-utf8",
        *[f"{line} not-a-conversation" for line in range(3, 8)],
        "8 not-json",
    ]
    assert str(report.problems[0]).startswith("source.jsonl:1: import.not-json: not JSON (")
    assert report.problem_counts["import.not-a-conversation"] == 5
    assert memory.of("run", phase="opened")[0]["import"]["line"] == 9


def test_a_lax_line_is_read(memory: MemoryLedger, profile: Profile, write: Write) -> None:
    """A byte order mark, NaN and a key twice are read as most readers do; the doubt is reported."""
    lines = [
        b'\xef\xbb\xbf{"messages":[{"role":"user","content":"a","x":NaN}]}',
        b'{"messages":[],"messages":[{"role":"user","content":"b"}]}',
    ]
    report = import_transcripts([write(*lines)], memory, profile)
    assert codes(report) == ["2 repeated-key"]
    assert [message["content"] for message in memory.of("message")] == ["a", "b"]


def test_a_truncated_gzip_is_imported_up_to_its_end(
    memory: MemoryLedger, profile: Profile, tmp_path: Path
) -> None:
    """What a torn file still holds is imported; where it ends is reported."""
    lines = b"".join(
        json.dumps([{"role": "user", "content": f"{n * n}"}]).encode() + b"\n" for n in range(500)
    )
    path = tmp_path / "torn.jsonl.gz"
    content = gzip.compress(lines)
    path.write_bytes(content[: len(content) // 2])
    report = import_transcripts([path], memory, profile)
    assert 50 < report.runs < 500
    last = report.runs + 1
    assert codes(report) == [f"{last} not-json", f"{last} truncated-gzip"]
    assert "the file ends within it" in report.problems[0].message


def test_a_missing_file_is_reported(
    memory: MemoryLedger, profile: Profile, write: Write, tmp_path: Path
) -> None:
    """A file that cannot be opened does not keep the others out."""
    report = import_transcripts([tmp_path / "none.jsonl", write(HELLO)], memory, profile)
    assert report.files == ("none.jsonl", "source.jsonl")
    assert report.runs == 1
    assert codes(report) == ["0 unreadable"]
    assert str(report.problems[0]).startswith("none.jsonl: import.unreadable: ")


def test_a_long_conversation_is_continued_after_a_crash(profile: Profile, write: Write) -> None:
    """A conversation over several submissions that was cut off is completed, byte for byte."""
    long = [{"role": "user", "content": f"{n}"} for n in range(2_500)]
    whole = MemoryLedger()
    import_transcripts([write(long)], whole, profile)
    assert whole.submissions == 3
    ledger = MemoryLedger(fail_at=1)
    with pytest.raises(ConnectionError):
        import_transcripts([write(long)], ledger, profile)
    assert len(ledger.raws) == 1_024
    ledger.fail_at = -1
    report = import_transcripts([write(long)], ledger, profile)
    assert (report.records, report.records_present, report.runs) == (1_478, 1_024, 0)
    assert ledger.raws == whole.raws


def test_a_torn_run_is_not_continued_from_another_source(profile: Profile, write: Write) -> None:
    """The rest of a conversation names its beginning by digest: another beginning does not fit."""
    long = [{"role": "user", "content": f"{n}"} for n in range(1_100)]
    ledger = MemoryLedger(fail_at=1)
    with pytest.raises(ConnectionError):
        import_transcripts([write(long)], ledger, profile)
    ledger.fail_at = -1
    report = import_transcripts([write(long, name="renamed")], ledger, profile)
    assert codes(report) == ["1 torn-run"]
    assert len(ledger.raws) == 1_024


def test_damaged_entries_do_not_stop_an_import(profile: Profile, write: Write) -> None:
    """What a damaged ledger cannot tell is passed over; others' records are not taken for ours."""
    ledger = MemoryLedger(by="spiffe://shop.example/other")
    import_transcripts([write(HELLO)], ledger, profile)
    ledger.by = "spiffe://shop.example/importer"
    import_transcripts([write(HELLO)], ledger, profile)
    assert len(ledger.raws) == 6
    ledger.entries[3].record = b"{"
    ledger.entries[0].record = None
    assert import_transcripts([write(HELLO)], ledger, profile).runs == 1


def test_progress_and_counts(memory: MemoryLedger, profile: Profile, write: Write) -> None:
    """After each conversation the caller hears how far it is."""
    heard = list[Progress]()
    import_transcripts([write(HELLO, b"{", OTHER)], memory, profile, progress=heard.append)
    assert heard == [
        Progress("source.jsonl", 1, 1, 3),
        Progress("source.jsonl", 2, 1, 3),
        Progress("source.jsonl", 3, 2, 6),
    ]


def test_tools_that_no_contract_guards(
    memory: MemoryLedger, profile: Profile, write: Write
) -> None:
    """Calls are counted by the contract's mode; tools that it does not know are listed."""
    names = ["get_order", "pay", "pay", "refundOrder", "get_order", "lookup"]
    calls = [{"function": {"name": name, "arguments": "{}"}} for name in names]
    path = write([{"role": "assistant", "tool_calls": calls}])
    known = {"get_order": "read", "unused": "execute"}
    for report in (
        import_transcripts([path], memory, profile, known_tools=known),
        import_transcripts([path], memory, profile, known_tools=known),
    ):
        assert report.known_calls == {"read": 2}
        assert report.unguarded_tools == (
            UnguardedTool("pay", 2, looks_like_write=True),
            UnguardedTool("refundOrder", 1, looks_like_write=True),
            UnguardedTool("lookup", 1, looks_like_write=False),
        )
    assert len(import_transcripts([path], memory, profile).unguarded_tools) == 4


@pytest.mark.parametrize(
    ("tool", "write"), [("", True), ("7", True), ("__get", False), ("DELETE", True)]
)
def test_the_guess_at_writes(tool: str, *, write: bool) -> None:
    """In doubt a tool is taken for one that writes."""
    assert looks_like_write(tool) == write


SNAPSHOT = """
snapshot:
  - {file: orders.json.gz, kind: order, ref: key, source: db, observed_at: "2026-03-01T00:00:00Z"}
  - file: all.json
    kind: flight
    each: data.flights.*.dates.*
    ref: [keys.0, key]
    fields: {seats: item.seats}
    source: db
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of reference data."""
    path = tmp_path / "db"
    path.mkdir()
    orders = {f"A-{n}": {"n": n} for n in range(1_500)}
    (path / "orders.json.gz").write_bytes(gzip.compress(json.dumps(orders).encode(), mtime=0))
    flights = {"F1": {"dates": {"05-01": {"seats": 3}, "05-02": {}}}}
    (path / "all.json").write_text(json.dumps({"flights": flights}), "utf-8")
    return path


def test_snapshots_come_before_runs(memory: MemoryLedger, write: Write, folder: Path) -> None:
    """Reference data are observations in no run, before any run, and are recognised again."""
    profile = parse_profile(PROFILE + SNAPSHOT)
    heard = list[Progress]()
    report = import_transcripts(
        [write(HELLO)], memory, profile, snapshot_dir=folder, progress=heard.append
    )
    assert (report.reference, report.observations, report.runs) == (1_502, 1_502, 1)
    assert [step.file for step in heard] == ["orders.json.gz", "all.json", "source.jsonl"]
    observed = memory.of("observation")
    assert all("run" not in one and "action" not in one for one in observed)
    assert (observed[7]["ref"], observed[7]["fields"]) == ("A-7", {"n": 7})
    assert observed[7]["observed_at"] == "2026-03-01T00:00:00.000000Z"
    assert [(one["ref"], one["fields"]) for one in memory.of("observation", what="flight")] == [
        ("F1/05-01", {"seats": 3}),
        ("F1/05-02", {}),
    ]
    assert isinstance(memory.records[1_502], RunOpened)
    again = import_transcripts([write(HELLO)], memory, profile, snapshot_dir=folder)
    assert again.nothing_new
    assert again.records_present == 1_505


def test_a_snapshot_cut_off_is_continued(write: Write, folder: Path) -> None:
    """Reference data of several submissions are completed after a crash."""
    profile = parse_profile(PROFILE + SNAPSHOT)
    memory = MemoryLedger(fail_at=1)
    with pytest.raises(ConnectionError):
        import_transcripts([write(HELLO)], memory, profile, snapshot_dir=folder)
    memory.fail_at = -1
    report = import_transcripts([write(HELLO)], memory, profile, snapshot_dir=folder)
    assert (report.reference, report.records_present) == (478, 1_024)


def test_missing_reference_data_are_reported(
    memory: MemoryLedger, write: Write, folder: Path
) -> None:
    """Runs are imported without the reference data that are not there, and the report says so."""
    profile = parse_profile(PROFILE + SNAPSHOT)
    report = import_transcripts([write(HELLO)], memory, profile)
    assert report.problem_counts["import.no-snapshot-folder"] >= 1
    (folder / "all.json").unlink()
    report = import_transcripts([write(HELLO)], memory, profile, snapshot_dir=folder)
    assert report.problem_counts["import.snapshot-missing"] >= 1
    assert memory.of("run") != []


def test_unreadable_reference_data_stop_the_import(
    memory: MemoryLedger, write: Write, folder: Path
) -> None:
    """What was meant to come before the runs and is broken is not silently left out."""
    profile = parse_profile(PROFILE + SNAPSHOT)
    (folder / "all.json").write_bytes(b"{]")
    with pytest.raises(ImporterError) as caught:
        import_transcripts([write(HELLO)], memory, profile, snapshot_dir=folder)
    assert caught.value.code == "import.snapshot-unreadable"
    assert memory.of("run") == []


def test_snapshots_report_what_is_missing(memory: MemoryLedger, write: Write, folder: Path) -> None:
    """Records without a key are kept and counted; a path that finds nothing is reported."""
    profile = parse_profile(
        PROFILE
        + """
snapshot:
  - {file: all.json, kind: k, each: data.flights.F1.dates.*, ref: item.seats, source: db}
  - {file: all.json, kind: none, each: data.trains.*, ref: key, source: db}
"""
    )
    report = import_transcripts([write(HELLO)], memory, profile, snapshot_dir=folder)
    assert codes(report) == ["0 no-ref", "0 empty-snapshot"]
    assert [one.get("ref") for one in memory.of("observation")] == ["3", None]


def test_a_folder_without_snapshots_is_no_matter(
    memory: MemoryLedger, profile: Profile, write: Write, folder: Path
) -> None:
    """A folder may be given to a profile that has no use for it."""
    assert import_transcripts([write(HELLO)], memory, profile, snapshot_dir=folder).reference == 0


# ------------------------------------------------------------------ any conversation at all

TEXT = st.text(st.characters(exclude_categories=()), max_size=6)
IDS = st.sampled_from(["a", "b", "c"]) | st.none() | TEXT
NAMES = st.sampled_from(["get_order", "get_product", "find_user"]) | TEXT | st.none()
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
ARGUMENTS = TEXT | ANY.map(json.dumps) | ANY
FUNCTION = st.fixed_dictionaries({}, optional={"name": NAMES, "arguments": ARGUMENTS})
CALL = st.fixed_dictionaries({"id": IDS, "function": FUNCTION | ANY})
EXTRA = {"timestamp": ANY, "cost": ANY, "usage": ANY, "error": ANY, "name": NAMES}
ASSISTANT = st.fixed_dictionaries(
    {"role": st.just("assistant")},
    optional={
        "content": ANY,
        "tool_calls": st.lists(CALL, max_size=3),
        "function_call": FUNCTION,
        **EXTRA,
    },
)
RESULT = st.fixed_dictionaries(
    {"role": st.sampled_from(["tool", "function"]), "content": ANY | ANY.map(json.dumps)},
    optional={"tool_call_id": IDS, **EXTRA},
)
SPEAKER = st.fixed_dictionaries({"role": st.just("user") | TEXT, "content": ANY}, optional=EXTRA)
MESSAGES = st.lists(ASSISTANT | RESULT | SPEAKER | ANY, max_size=8)


def called(message: object) -> int:
    """Return how many calls an assistant's message makes."""
    members = json_object(message) or {}
    if members.get("role") != "assistant":
        return 0
    listed = json_list(members.get("tool_calls")) or ()
    return len(listed) + (members.get("function_call") is not None)


@given(MESSAGES, st.fixed_dictionaries({}, optional={"id": ANY, "metadata": ANY, "model": ANY}))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_message_and_call_is_accounted_for(
    profile: Profile, write: Write, messages: list[object], line: dict[str, object]
) -> None:
    """No conversation, however broken, breaks the import or loses a message, call or result."""
    ledger = MemoryLedger()
    path = write(line | {"messages": messages})
    report = import_transcripts([path], ledger, profile)
    assert report.runs == 1
    roles = [(json_object(message) or {}).get("role") for message in messages]
    results = sum(role in ("tool", "function") for role in roles)
    unmatched = len(ledger.of("observation", what="unmatched-result"))
    assert report.messages == len(messages) - results
    assert report.actions == sum(map(called, messages))
    assert report.outcomes + unmatched == results
    assert len({outcome["action"] for outcome in ledger.of("outcome")}) == report.outcomes
    before = len(ledger.raws)
    assert import_transcripts([path], ledger, profile).runs_present == 1
    assert len(ledger.raws) == before
