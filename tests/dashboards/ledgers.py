"""Ledgers for the app's tests: a desk with everything on it, one that is hostile, one broken."""

import sqlite3
from contextlib import closing
from pathlib import Path

from dashboards.opening import Shown, Source, opened
from dashboards.tables import Tables
from ledger.encoding import digest
from tests.verifier.forge import SERVICE, Desk, contract_text, identity
from verifier.trust import Trust

# What an agent could write to be taken for the app: links, formulas, icons, colours, HTML.
HOSTILE = (
    "<script>alert(1)</script> **bold** [link](https://evil.example) :material/home: :red[red] "
    "$x^2$ `code` ```fence``` <img src=x onerror=alert(1)> \N{RIGHT-TO-LEFT OVERRIDE}txt :smile:"
)


def desk() -> Desk:
    """Return a desk with three runs: one that broke rules, one that was held, one that is fine."""
    forge = Desk()
    forge.paid(5, look=False)  # violates looked
    held = forge.open_run(ref="held-1", channel="portal", requester="carol@example.com", goal="pay")
    forge.end(held, forge.act(held, "look", {}))
    asked = forge.act(
        held,
        "pay",
        {"amount": 500},
        mode="execute",
        contract=_version(),
        decision=_decision("approve", "scope.large", "violated", "approve"),
    )
    forge.submit(
        "lead",
        forge.make(
            "approval",
            "lead",
            action=asked,
            verdict="approve",
            rule="scope.large",
            expires_at="2026-03-02T09:00:00.000000Z",
            reason="I know her.",
        ),
    )
    forge.submit(
        "steward",
        forge.make(
            "switch", "steward", service=SERVICE, state="engaged", mode="kill", reason="a drill"
        ),
    )
    forge.submit(
        "steward",
        forge.make(
            "switch", "steward", service=SERVICE, state="released", mode="kill", reason="it is over"
        ),
    )
    forge.close_run(held, value={"currency": "EUR", "micros": 5_000_000})
    fine = forge.open_run(ref="fine-1", channel="chat", model="desk-model-2")
    forge.submit(
        "agent",
        forge.make(
            "message",
            "agent",
            run=fine,
            role="user",
            turn=0,
            content="Hello.",
            cost={"currency": "EUR", "micros": 1_200},
            tokens={"input": 10, "output": 3},
        ),
    )
    (seen,) = forge.submit(
        "agent",
        forge.make(
            "observation",
            "agent",
            run=fine,
            what="order",
            source="orders-db",
            observer=identity("agent"),
            ref="A-1",
            fields={"total": 12},
        ),
    )
    forge.end(fine, forge.act(fine, "look", {}, evidence=[seen]), fields={"status": "paid"})
    forge.close_run(fine)
    forge.sign_head()
    return forge


def hostile() -> Desk:
    """Return a desk whose agent writes what it hopes to be taken for the app's own words."""
    forge = Desk()
    run = forge.open_run(ref=HOSTILE, channel=HOSTILE, requester=HOSTILE, goal=HOSTILE)
    forge.submit(
        "agent",
        forge.make("message", "agent", run=run, role="user", turn=0, content=HOSTILE),
    )
    forge.submit(
        "agent",
        forge.make(
            "observation",
            "agent",
            run=run,
            what=HOSTILE,
            source=HOSTILE,
            observer=identity("agent"),
            ref=HOSTILE,
            fields={HOSTILE: HOSTILE},
        ),
    )
    acted = forge.act(run, HOSTILE, {HOSTILE: HOSTILE}, mode=HOSTILE, target=HOSTILE)
    forge.end(run, acted, "error", error=HOSTILE, fields=[HOSTILE])
    forge.close_run(run, outcome=HOSTILE)
    forge.submit(
        "steward",
        forge.make(
            "switch", "steward", service=SERVICE, state="engaged", mode="kill", reason=HOSTILE
        ),
    )
    forge.sign_head()
    return forge


def many(runs: int = 30) -> Desk:
    """Return a desk with a violation in each of many runs."""
    forge = Desk()
    for number in range(runs):
        run = forge.open_run(ref=f"run-{number}", channel="chat" if number % 2 else "portal")
        forge.end(run, forge.act(run, "pay", {"amount": 5}))
        forge.close_run(run)
    forge.sign_head()
    return forge


def empty() -> Desk:
    """Return a desk at which nothing has happened yet."""
    forge = Desk()
    forge.sign_head()
    return forge


def broken(path: Path) -> Path:
    """Save a desk, and change a byte of its last record behind the store's back."""
    forge = desk()
    forge.save(path)
    last = len(forge.records) - 1
    with closing(sqlite3.connect(path)) as connection, connection:
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        changed = forge.records[last].replace(b'"done"', b'"dome"')
        assert changed != forge.records[last]
        connection.execute("UPDATE records SET body = ? WHERE idx = ?", (changed, last))
    return path


def shown(forge: Desk, folder: Path, trust: Trust | None = None) -> Shown:
    """Save a desk, and open it as the app does."""
    path = forge.save(folder / "desk.db")
    result = opened(Source(str(path)), trust or forge.trust(), lambda _part, _share: None)
    assert isinstance(result, Shown), result
    return result


def tables(forge: Desk, folder: Path) -> Tables:
    """Save a desk, and return its tables."""
    return shown(forge, folder).tables


def _version() -> dict[str, str]:
    return {"version": "1.0.0", "digest": digest(contract_text().encode())}


def _decision(effect: str, rule: str, result: str, rule_effect: str) -> dict[str, object]:
    return {"effect": effect, "reasons": [{"rule": rule, "result": result, "effect": rule_effect}]}
