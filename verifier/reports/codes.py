"""The codes that belong to no rule of a contract, and the steps of integrity, in words.

Source: docs/spec/report.md, *Codes*; docs/spec/ledger-format.md, *Verification*.
"""

from typing import Final

STEPS: Final = (
    "trust and authority",
    "heads and cosignatures",
    "records",
    "headers and their chain",
    "roots of the tree",
    "submissions",
    "entitlement of keys",
    "governance",
    "times",
    "references and sealed values",
)
"""What each step of integrity checks, by its number."""

STEP_OF: Final = {
    "trust": 0,
    "genesis": 0,
    "authority": 0,
    "checkpoint": 1,
    "cosignature": 1,
    "unreadable": 2,
    "record": 2,
    "record-form": 2,
    "header": 3,
    "index": 3,
    "missing": 3,
    "stray": 3,
    "link": 3,
    "root": 4,
    "tiles": 4,
    "truncated": 4,
    "submission": 5,
    "signature": 5,
    "number": 5,
    "seen": 5,
    "entitlement": 6,
    "compromised-key": 6,
    "governance": 7,
    "time": 8,
    "clock": 8,
    "reference": 9,
    "sealed": 9,
    "lost": 9,
    "erased-but-present": 9,
}
"""The step of each check of integrity."""

BESIDE_RULES: Final = {
    "decision.false-allow": "no recorded decision is weaker than the one that the ledger gives",
    "decision.false-deny": "no recorded decision is stronger than the one that the ledger gives",
    "decision.executed-despite-deny": "no tool was called for an action that was denied",
    "decision.executed-without-approval": "no held action was carried out without its approval",
    "decision.approval-mismatch": "the action that resumes is the proposed one",
    "decision.approval-reused": "an approval is used once",
    "decision.wrong-version": "decisions were taken under the contract in force",
    "decision.reasons-differ": "decisions name the rules that were not satisfied",
    "decision.stale-basis": "decisions were taken on exactly the history that they follow",
    "identity.duties": "who builds, approves and runs are different people",
    "identity.grant": "runs use and pass on only the tools that they were granted",
    "identity.service": "who opens a run speaks for its service",
    "recovery.switch-role": "who pulls a switch may",
    "coverage.no-contract": "a contract is in force for every action",
    "coverage.contract-unreadable": "every contract in force can be read and binds its service",
    "coverage.outcome-missing": "every action has an outcome before its run closes",
    "coverage.gap-in-submissions": "every number of a writer's stream is there",
    "coverage.withheld": "no record names one that is withheld",
    "coverage.run-unclosed": "every run has an end",
    "coverage.stream-unclosed": "every stream has an end",
}
"""What each code beside the contracts' rules asks for."""
