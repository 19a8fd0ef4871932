"""The JSON Schema of the report for programs, and of the lines of the one for pipelines.

`python -m verifier.reports.schema` writes docs/reference/report.schema.json anew; a test says when
to. Source: docs/spec/report.md.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from contracts.model import Effect
from ledger.records import KINDS
from verifier.findings import Result, Severity
from verifier.report import ExitCode, IntegrityVerdict, SealedState
from verifier.reports.json import SCHEMA

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
PUBLISHED: Final = "report.schema.json"

Members = Mapping[str, tuple[str, dict[str, Any]]]
"""Members of an object: by name, what each is, and its schema."""

TEXT: Final[dict[str, Any]] = {"type": "string"}
TEXTS: Final[dict[str, Any]] = {"type": "array", "items": TEXT}
COUNT: Final[dict[str, Any]] = {"type": "integer", "minimum": 0}
YES_OR_NO: Final[dict[str, Any]] = {"type": "boolean"}
DIGEST: Final[dict[str, Any]] = {"type": "string", "pattern": "^([0-9a-f]{64})?$"}
TIME: Final[dict[str, Any]] = {
    "type": "string",
    "pattern": r"^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z)?$",
}
VERDICT: Final[dict[str, Any]] = {"enum": [verdict.value for verdict in IntegrityVerdict]}
ANSWER: Final[dict[str, Any]] = {
    "enum": [int(ExitCode.HOLDS), int(ExitCode.VIOLATED), int(ExitCode.UNDECIDABLE)]
}

_REF: Final = "#/$defs/"


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"{_REF}{name}"}


def _list(name: str) -> dict[str, Any]:
    return {"type": "array", "items": _ref(name)}


def _counts(names: list[str] | None = None) -> dict[str, Any]:
    """Return the schema of counts by name: of any names, or of some of these."""
    counts: dict[str, Any] = {"type": "object", "additionalProperties": COUNT}
    return counts if names is None else {**counts, "propertyNames": {"enum": names}}


def _object(says: str, members: Members, may: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the schema of an object of these members and no others, all of them always there.

    Args:
        says: What it is.
        members: Its members.
        may: Those that may be absent.
    """
    return {
        "type": "object",
        "description": says,
        "properties": {
            name: {**schema, "description": what} for name, (what, schema) in members.items()
        },
        "required": [name for name in members if name not in may],
        "additionalProperties": False,
    }


LEDGER: Final[Members] = {
    "origin": ("The ledger's name, as its checkpoints say it.", TEXT),
    "genesis": ("Digest of the genesis record.", DIGEST),
    "size": ("How many entries were read.", COUNT),
    "root": ("Root of the tree over them, base64.", TEXT),
    "checkpoint": ("The last head that was confirmed.", _ref("Checkpoint")),
}
CHECKPOINT: Final[Members] = {
    "size": ("How many entries it is over; 0 where there is none.", COUNT),
    "root": ("Its root, base64.", TEXT),
}
INTEGRITY: Final[Members] = {
    "verdict": ("What can be said of the bytes.", VERDICT),
    "trust": (
        "Whether a trust file pinned the ledger, or its keys vouch for themselves.",
        {"enum": ["pinned", "self-asserted"]},
    ),
    "broken": (
        "Where it breaks; null where it does not.",
        {"anyOf": [{"type": "null"}, _ref("Break")]},
    ),
    "reasons": ("Why the verdict is undecidable.", TEXTS),
    "not_excluded": ("What this verification could not have noticed.", TEXTS),
    "submissions": ("How many submissions were read.", COUNT),
    "invalid": ("What was left out of all facts.", _ref("Invalid")),
    "sealed": (
        "Sealed values by what became of them; empty where there are none.",
        _counts([state.value for state in SealedState]),
    ),
}
BREAK: Final[Members] = {
    "index": ("The first entry that does not hold.", COUNT),
    "step": ("The step of integrity.", {"type": "integer", "minimum": 0, "maximum": 9}),
    "check": ("The check that failed: the code without `integrity.`.", TEXT),
    "what": ("What does not hold, in words.", TEXT),
}
INVALID: Final[Members] = {
    "submissions": ("Whole submissions.", COUNT),
    "records": ("Single records.", COUNT),
}
TOTAL: Final[Members] = {
    "satisfied": ("Results that were satisfied.", COUNT),
    "violated": ("Results that were violated.", COUNT),
    "undecidable": ("Results that could not be decided.", COUNT),
    "handled": ("Results against an action that was stopped, or approved.", COUNT),
}
CONTRACT: Final[Members] = {
    "name": ("Its name.", TEXT),
    "version": ("Its version.", TEXT),
    "digest": ("Its digest.", DIGEST),
    "service": ("The service that it binds.", TEXT),
    "judged": ("How many records it judged.", COUNT),
}
RULE: Final[Members] = {
    "contract": ("Digest of the contract.", DIGEST),
    "rule": ("The rule's id.", TEXT),
    "clause": ("The contract's clause.", TEXT),
    "effect": (
        "What the rule does where it is not satisfied.",
        {"enum": [effect.value for effect in Effect]},
    ),
    "line": ("The line of the contract that it came from; 0 where there is none.", COUNT),
    "says": ("What it says to a reviewer.", TEXT),
    "cites": ("The policy's sentence that it comes from.", TEXT),
    **TOTAL,
    "reasons": ("Undecidable results by their reason.", _counts()),
}
_CONFORMANCE_HEAD: Final[Members] = {
    "performed": ("Whether records were decided again.", YES_OR_NO),
    "contracts": ("The contracts that were in force somewhere.", _list("Contract")),
    "records": (
        "Valid records by kind, and how many a bundle withholds.",
        _counts(sorted({*KINDS, "withheld"})),
    ),
    "total": ("The sums over all rules.", _ref("Total")),
}
CONFORMANCE: Final[Members] = {
    **_CONFORMANCE_HEAD,
    "counts": ("The results of each rule of each contract.", _list("Rule")),
}
COMPARED: Final[Members] = {
    "name": ("What its map or profile calls it, else its kind.", TEXT),
    "kind": ("Its form.", {"enum": ["transcript", "otlp", "csv", "parquet"]}),
    "digest": ("SHA-256 of the file.", DIGEST),
    "performed": ("False where the ledger does not hold.", YES_OR_NO),
    "calls": ("Calls that it shows.", COUNT),
    "matched": ("Those that a recorded action is.", COUNT),
    "missed": ("Recorded calls that it covers and does not show.", COUNT),
    "uncovered": ("Recorded calls that it does not show, and may not cover.", COUNT),
    "outside": ("Recorded calls that its map says it does not cover.", COUNT),
    "runs": ("Whether it names runs of this ledger.", YES_OR_NO),
    "first": ("Time of its first call; empty where it says none.", TEXT),
    "last": ("Time of its last call; empty where it says none.", TEXT),
}
BASIS: Final[Members] = {
    "index": ("The entry.", COUNT),
    "kind": ("Its record's kind; empty where it cannot be read.", TEXT),
    "source": ("Where an observation's content is from.", TEXT),
    "snapshot": ("Whether it is reference data that stands in no run.", YES_OR_NO),
}
FINDING: Final[Members] = {
    "id": ("Stable name.", {"type": "string", "pattern": "^F-[0-9a-f]{16}$"}),
    "code": ("`CLAUSE.REST`.", {"type": "string", "pattern": r"^[a-z]+\."}),
    "clause": ("The code's first word.", TEXT),
    "rule": ("The rule's id; the code where there is no rule.", TEXT),
    "result": ("What became of the rule.", {"enum": [result.value for result in Result]}),
    "severity": ("How much it matters.", {"enum": [severity.value for severity in Severity]}),
    "index": ("The entry that it stands at.", COUNT),
    "run": ("The run; empty where none is concerned.", TEXT),
    "action": ("The tool; empty where no action is concerned.", TEXT),
    "identity": ("Who spoke.", TEXT),
    "expected": ("The rule's condition, or the check in words.", TEXT),
    "recorded": ("What was there.", TEXT),
    "rests_on": ("The other entries that it rests on, in index order.", _list("Basis")),
    "uses_snapshot": ("Whether one of them is reference data, and maybe stale.", YES_OR_NO),
    "contract": ("Digest of the contract; empty where none is concerned.", DIGEST),
    "contract_line": ("The line of the contract; 0 where there is none.", COUNT),
    "says": ("What the rule says to a reviewer.", TEXT),
    "cites": ("The policy's sentence that it comes from.", TEXT),
    "reason": ("Why it is undecidable, or more about the violation.", TEXT),
    "handled": ("What became of it; empty unless it was handled.", TEXT),
    "at": ("When the entry was recorded; empty where that is not known.", TIME),
    "explanation": ("The least that decides it.", _ref("Explanation")),
}
EXPLANATION: Final[Members] = {
    "because": ("Sentences.", TEXTS),
    "facts": ("What was read of it.", _list("Fact")),
    "entries": ("The entries that it stands in.", {"type": "array", "items": COUNT}),
    "would": ("What would have satisfied it, each by itself.", TEXTS),
}
FACT: Final[Members] = {
    "path": ("What was read.", TEXT),
    "value": ("Its value, as it is shown.", TEXT),
}
INCIDENT: Final[Members] = {
    "id": ("Stable name.", {"type": "string", "pattern": "^I-[0-9a-f]{16}$"}),
    "code": ("The code of its findings.", TEXT),
    "rule": ("Their rule.", TEXT),
    "severity": ("The gravest.", FINDING["severity"][1]),
    "run": ("Their run; empty where they stand in several.", TEXT),
    "identity": ("Who spoke; empty where that were several.", TEXT),
    "first": ("The first entry.", COUNT),
    "last": ("The last entry.", COUNT),
    "since": ("When the first was recorded; empty where that is not known.", TIME),
    "until": ("When the last was recorded; empty where that is not known.", TIME),
    "findings": ("Their ids.", {"type": "array", "items": FINDING["id"][1], "minItems": 1}),
}
ENVELOPE: Final[Members] = {
    "verified_at": ("When it was verified.", TIME),
    "writ": ("The version of the tool.", TEXT),
    "ledger": ("The ledger, as it was named.", TEXT),
    "trust": ("The trust file, as it was named; empty without one.", TEXT),
}
REPORT: Final[Members] = {
    "schema": ("The form of this document.", {"const": SCHEMA}),
    "exit_code": ("What `writ verify` answers.", ANSWER),
    "ledger": ("What was verified.", _ref("Ledger")),
    "integrity": ("Steps 0 to 9.", _ref("Integrity")),
    "conformance": ("Every record decided again.", _ref("Conformance")),
    "against": ("Second sources that it was compared with, by digest.", _list("Compared")),
    "findings": ("By entry, code and rule.", _list("Finding")),
    "incidents": ("Findings that belong together, by the first.", _list("Incident")),
    "not_proven": ("What the report leaves open.", TEXTS),
    "envelope": ("What does not follow from the ledger.", _ref("Envelope")),
}
HEAD_LINE: Final[Members] = {
    **{name: REPORT[name] for name in ("schema", "exit_code", "ledger", "integrity")},
    "conformance": ("Every record decided again, without the rules.", _ref("ConformanceHead")),
    "against": REPORT["against"],
    "findings": ("How many findings follow.", COUNT),
}


def _line(kind: str, says: str, members: Members) -> dict[str, Any]:
    return _object(says, {"type": ("What the line is.", {"const": kind}), **members})


def report_schema() -> dict[str, Any]:
    """Return the schema of a report; that of a line of JSON Lines is its `$defs/Line`."""
    lines = {
        "HeadLine": _line("report", "The first line.", HEAD_LINE),
        "RuleLine": _line("rule", "The results of a rule of a contract.", RULE),
        "FindingLine": _line("finding", "A finding.", FINDING),
        "IncidentLine": _line("incident", "Findings that belong together.", INCIDENT),
        "NotProvenLine": _line(
            "not-proven", "What is left open.", {"not_proven": REPORT["not_proven"]}
        ),
        "EnvelopeLine": _line("envelope", "The last line of what the command writes.", ENVELOPE),
    }
    return {
        "$schema": DIALECT,
        "title": "Writ report, version 1",
        **_object("What a verification found.", REPORT, may=("envelope",)),
        "$defs": {
            "Ledger": _object("What was verified.", LEDGER),
            "Checkpoint": _object("A head.", CHECKPOINT),
            "Integrity": _object("What holds of the bytes.", INTEGRITY),
            "Break": _object("Where a ledger breaks.", BREAK),
            "Invalid": _object("What was left out.", INVALID),
            "Conformance": _object("What was decided again.", CONFORMANCE),
            "ConformanceHead": _object("The same, without the rules.", _CONFORMANCE_HEAD),
            "Total": _object("Results, each counted once.", TOTAL),
            "Contract": _object("A contract that was in force.", CONTRACT),
            "Rule": _object("The results of a rule of a contract.", RULE),
            "Finding": _object("A finding.", FINDING),
            "Compared": _object("A second source.", COMPARED),
            "Explanation": _object("Why a finding is what it is.", EXPLANATION),
            "Fact": _object("What was read of a record or of history.", FACT),
            "Incident": _object("Findings that belong together.", INCIDENT),
            "Basis": _object("An entry that a finding rests on.", BASIS),
            "Envelope": _object("What does not follow from the ledger.", ENVELOPE),
            "Line": {
                "description": "A line of the report as JSON Lines.",
                "oneOf": [_ref(name) for name in lines],
            },
            **lines,
        },
    }


def schema_text() -> str:
    """Return the text of the published schema."""
    return json.dumps(report_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    folder = Path(__file__).parents[2] / "docs" / "reference"
    (folder / PUBLISHED).write_text(schema_text(), encoding="utf-8")
