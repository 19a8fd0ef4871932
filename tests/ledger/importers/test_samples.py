"""The samples are a first example: they are imported without a remark, into a real ledger."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from contracts.engine import Engine
from contracts.history import Event
from contracts.loading import load_contract
from contracts.model import Verdict
from ledger.client import LedgerClient
from ledger.encoding import decode, digest
from ledger.errors import NotEntitledError
from ledger.importers.profile_reading import load_profile
from ledger.importers.transcripts import import_transcripts
from ledger.records import AnyRecord, parse_record
from ledger.store import Store
from ledger.testing import START, found_ledger
from tests.ledger.importers.conftest import MemoryLedger

SAMPLES = Path(__file__).resolve().parents[3] / "data" / "samples"
FILES = [SAMPLES / "conversations.jsonl"]


@dataclass(frozen=True)
class Writing:
    """A client, and the store that it writes to."""

    client: LedgerClient
    store: Store

    @property
    def by(self) -> str:
        """The identity that speaks."""
        return self.client.by

    def submit(self, records: Sequence[AnyRecord], /) -> object:
        """Append records as one submission."""
        return self.client.submit(records)


def test_samples_in_a_real_ledger(tmp_path: Path) -> None:
    """Each conversation is one submission; a second import, by another client, adds nothing."""
    built = found_ledger(tmp_path)
    profile = load_profile(SAMPLES / "profile.yaml")
    with Store.open(built.path, writable=True) as store:
        start = store.size()
        with built.client("importer", store) as client:
            report = import_transcripts(FILES, Writing(client, store), profile)
        assert report.problems == ()
        assert (report.runs, report.actions, report.outcomes) == (6, 16, 16)
        rows = list(store.rows(start))
        firsts = [row for row in rows if b'"position":0,' in row.header]
        assert len(firsts) == report.runs + 1  # and the end of the stream
        assert len(rows) == report.records + 1
        with built.client("importer", store) as client:
            again = import_transcripts(FILES, Writing(client, store), profile)
        assert again.nothing_new
        assert (again.runs_present, store.size()) == (6, start + len(rows))
    records = [parse_record(row.record or b"") for row in rows]
    assert {record.by for record in records} == {built.founded.identities["importer"]}


def test_only_an_importer_imports(tmp_path: Path) -> None:
    """The ledger takes imported runs from no agent."""
    built = found_ledger(tmp_path)
    profile = load_profile(SAMPLES / "profile.yaml")
    with Store.open(built.path, writable=True) as store:
        writing = Writing(built.client("steward", store), store)
        with pytest.raises(NotEntitledError):
            import_transcripts(FILES, writing, profile)


def test_the_contract_knows_every_tool(tmp_path: Path) -> None:
    """The contract of the samples is read without error, guards all tools, and names its policy."""
    text = (SAMPLES / "contract.yaml").read_text("utf-8")
    contract = load_contract(text, "contract.yaml")
    clauses = Counter(rule.clause for rule in contract.rules)
    assert set(clauses) == {"identity", "scope", "evidence", "policy", "tools", "cost", "recovery"}
    known = {tool.name: tool.mode for tool in contract.tools.values()}
    built = found_ledger(tmp_path)
    profile = load_profile(SAMPLES / "profile.yaml")
    assert profile.service == contract.service
    with Store.open(built.path, writable=True) as store:
        client = Writing(built.client("importer", store), store)
        report = import_transcripts(FILES, client, profile, known_tools=known)
    assert report.unguarded_tools == ()
    assert report.known_calls == {"read": 7, "draft": 4, "execute": 4, "recommend": 1}
    policy = digest((SAMPLES / "policy.md").read_bytes())
    assert policy in text


def test_one_conversation_breaks_the_contract_in_three_ways(memory: MemoryLedger) -> None:
    """The fourth conversation breaks three rules, the others none, and nothing stays undecided."""
    import_transcripts(FILES, memory, load_profile(SAMPLES / "profile.yaml"))
    engine = Engine(load_contract((SAMPLES / "contract.yaml").read_text("utf-8"), "contract.yaml"))
    identity = {"registered": True, "id": memory.by, "owner": "anna", "roles": ["importer"]}
    results = [
        result
        for index, raw in enumerate(memory.raws)
        for result in engine.observe(
            Event(index, digest(raw), decode(raw), START, identity, imported=True)
        )
    ]
    results += engine.finish()
    broken = {
        result.rule.id: result.index
        for result in results
        if result.verdict is not Verdict.SATISFIED
    }
    assert set(broken) == {"scope.large-refund", "evidence.order-read", "policy.agreed"}
    (index,) = set(broken.values())
    run = decode(memory.raws[index])["run"]
    (opened,) = [raw for raw in memory.raws if digest(raw) == run]
    assert decode(opened)["ref"] == "desk-0004"
