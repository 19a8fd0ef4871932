"""The service end to end: a real server on loopback, a real ledger, real keys."""

import time
from base64 import b64encode
from typing import Any

import pytest

from ledger.encoded import EncodedRecord
from ledger.entry import ZEROS
from ledger.keys import fingerprint
from ledger.proof import check_proof
from ledger.records import AnyRecord, Approval, Switch
from ledger.submission import Submission, signed_text, submission_root
from tests.guard.shop import SERVICE, codes, paid, payout
from tests.service.served import Served

MANY = 120_000_000


def opened(served: Served) -> str:
    """Open a run."""
    run: str = served.post("/v1/runs", {"goal": "refund an order"})["run"]
    return run


def evidence(served: Served, run: str) -> str:
    """Record the order that a payout rests on."""
    seen = {"what": "order", "source": "orders-db", "ref": "A-1", "fields": {"order": "A-1"}}
    said = served.post(f"/v1/runs/{run}/records", {"kind": "observation", **seen})
    digest: str = said["digest"]
    return digest


def decided(served: Served, run: str, seen: str, **more: object) -> dict[str, Any]:
    """Have a payout decided."""
    said = {"run": run, "tool": "payouts.create", "params": payout(), "evidence": [seen], **more}
    return served.post("/v1/decisions", said)


def submission(served: Served, name: str, record: AnyRecord, **more: object) -> dict[str, Any]:
    """Return a submission of one record, signed by its writer."""
    head, key = served.get("/v1/head", name), served.shop.founded.key(name)
    one = EncodedRecord.of(record)
    said = Submission(
        genesis=head["genesis"],
        key=fingerprint(key.public_key),
        stream="5" * 32,
        number=0,
        previous=ZEROS,
        seen_size=head["size"],
        seen_leaf=head["leaf"],
        exact=False,
        count=1,
        root=submission_root([one.digest]),
    )
    text = signed_text(said)
    return {
        "text": text.decode(),
        "signature": b64encode(key.sign(text)).decode(),
        "records": [b64encode(one.raw).decode()],
        **more,
    }


def test_a_run_from_its_opening_to_its_end(served: Served) -> None:
    """Opened, evidence seen, decided, done, told and closed: a verifier decides the same."""
    run = opened(served)
    seen = evidence(served, run)
    preview = served.post(
        "/v1/decisions/preview",
        {"run": run, "tool": "payouts.create", "params": payout(), "evidence": [seen]},
    )
    answer = decided(served, run, seen)
    assert (preview["type"], preview["index"], answer["type"]) == ("Allowed", -1, "Allowed")
    assert answer["timeout"] == 0.5
    assert answer["fallback"] == "cases.open"
    told = {"run": run, "action": answer["action"], "leaf": answer["leaf"], "status": "ok"}
    first = served.post("/v1/outcomes", {**told, **paid()})
    again = served.post("/v1/outcomes", {**told, **paid()})
    assert first == again
    repeated = decided(served, run, seen)
    assert (repeated["type"], repeated["outcome"]["fields"]) == ("Repeated", {"payout": "P-1"})
    back = served.get(f"/v1/actions/{answer['action']}/compensation")
    assert back == {"tool": "payouts.reverse", "params": {"payout": "P-1"}, "attempts": 2}
    assert served.get(f"/v1/actions/{answer['action']}")["params"] == payout()
    served.post(f"/v1/runs/{run}/records", {"kind": "message", "role": "user", "turn": 0})
    served.post(f"/v1/runs/{run}/records", {"kind": "run.closed", "outcome": "completed"})
    assert codes(served.shop.verify(), "decision.", "reference.", "integrity.") == []


def test_an_approval_is_signed_by_who_approves(served: Served) -> None:
    """The lead signs it with their own key, and the held action goes on."""
    run = opened(served)
    seen = evidence(served, run)
    held = decided(served, run, seen, params=payout(micros=MANY))
    assert held["type"] == "ApprovalNeeded"
    lead = served.shop.client("lead")
    word = lead.make(Approval, action=held["action"], verdict="approve")
    taken = served.post("/v1/approvals", submission(served, "lead", word), "lead")
    assert taken["receipts"][0]["index"] == held["index"] + 1
    after = decided(served, run, seen, params=payout(micros=MANY), resumes=held["action"])
    assert after["type"] == "Allowed"


def test_the_switch_stops_the_next_action(served: Served) -> None:
    """The commander pulls it over HTTP; the guard knows with the next decision."""
    run = opened(served)
    said = {"service": SERVICE, "state": "engaged", "mode": "kill", "reason": "test"}
    record = served.shop.client("commander").make(Switch, **said)
    body = submission(served, "commander", record)
    assert served.ask("POST", "/v1/approvals", body, "lead").status_code == 403
    served.post("/v1/switch", body, "commander")
    look = {"run": run, "tool": "orders.get", "params": {"order": "A-1"}}
    assert served.post("/v1/decisions", look)["type"] == "Denied"


@pytest.mark.parametrize(
    ("path", "name", "more", "expected"),
    [
        ("/v1/submissions", "agent", {}, (403, "submission.other-key")),
        ("/v1/submissions", "lead", {"records": ["e30="]}, (422, "record.unknown-kind")),
        ("/v1/submissions", "lead", {"records": ["*"]}, (422, "submission.malformed")),
        ("/v1/submissions", "lead", {"text": "é"}, (422, "submission.malformed")),
        ("/v1/switch", "commander", {}, (403, "submission.other-key")),
    ],
)
def test_a_submission_that_is_not_taken(
    lasting: Served, path: str, name: str, more: dict[str, Any], expected: tuple[int, str]
) -> None:
    """It is of who asks, it is well formed, and says what this endpoint is for."""
    word = lasting.shop.client("lead").make(Approval, action="ab" * 32, verdict="approve")
    answer = lasting.ask("POST", path, submission(lasting, "lead", word, **more), name)
    assert (answer.status_code, answer.json()["code"]) == expected


def test_one_outcome_an_action(served: Served) -> None:
    """Another one is refused, and so is one of an action that was not allowed, or of no action."""
    run = opened(served)
    answer = decided(served, run, evidence(served, run))
    told = {"run": run, "action": answer["action"], "status": "ok"}
    served.post("/v1/outcomes", told)
    other = served.ask("POST", "/v1/outcomes", {**told, "status": "error"})
    assert (other.status_code, other.json()["code"]) == (409, "outcome.recorded")
    cash = decided(served, run, evidence(served, run), params=payout(method="cash"))
    assert cash["type"] == "Denied"
    denied = served.ask("POST", "/v1/outcomes", {**told, "action": cash["action"]})
    assert (denied.status_code, denied.json()["code"]) == (409, "outcome.closed")


def test_the_tree_is_for_everybody(lasting: Served) -> None:
    """Head, tiles and proofs need no key, and a proof holds, without its record."""
    run = opened(lasting)
    index = decided(lasting, run, evidence(lasting, run))["index"]
    http, url = lasting.http, lasting.url
    ends = time.monotonic() + 10
    while (proof := http.get(f"{url}/v1/proofs/{index}")).status_code != 200:
        assert time.monotonic() < ends, proof.text
        time.sleep(0.02)
    genesis = lasting.get("/v1/head")["genesis"]
    proven = check_proof(proof.content, genesis, (), 0)
    assert (proven.index, proven.record) == (index, None)
    size = int(http.get(f"{url}/v1/checkpoint").text.splitlines()[1])
    assert http.get(f"{url}/v1/tile/0/000.p/{size}").status_code == 200
    assert http.get(f"{url}/v1/tile/entries/000.p/{size}").status_code == 200
    assert http.get(f"{url}/v1/tile/0/000").status_code == 404
    assert http.get(f"{url}/v1/proofs/{2**40}").status_code == 404


def test_contracts_and_how_it_is(lasting: Served) -> None:
    """The contract in force, its text, health, readiness and counters."""
    found = lasting.get("/v1/contracts")["contracts"]
    assert [(one["version"], one["in_force"]) for one in found] == [("1.0.0", True)]
    assert "contract: refunds" in lasting.ask("GET", f"/v1/contracts/{found[0]['digest']}").text
    assert lasting.ask("GET", f"/v1/contracts/{'0' * 64}").status_code == 404
    assert lasting.http.get(f"{lasting.url}/healthz").text == "ok\n"
    assert lasting.http.get(f"{lasting.url}/readyz").text == "ready\n"
    counted = lasting.http.get(f"{lasting.url}/metrics").text
    assert 'writ_requests_total{method="GET",route="/v1/contracts",status="200"} 1.0' in counted


def test_a_verification(served: Served) -> None:
    """It runs beside the service, and its report is kept."""
    asked = served.post("/v1/verifications", {})
    ends = time.monotonic() + 30
    while (found := served.get(f"/v1/verifications/{asked['id']}"))["state"] not in {
        "done",
        "failed",
    }:
        assert time.monotonic() < ends
        time.sleep(0.1)
    assert (found["state"], found["report"]["schema"]) == ("done", "writ/report/v1")
    assert served.ask("GET", f"/v1/verifications/{'0' * 32}").status_code == 404
