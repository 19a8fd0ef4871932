"""Attacks by a writer who cheats with a good key."""

from typing import Any

from ledger.encoding import decode, digest
from tests.tamper.scene import (
    ACTIVATION,
    END,
    GENESIS,
    LOOK,
    LOOKED,
    PAY,
    RUN,
    Scene,
    review,
)
from tests.tamper.table import Broken, Found, attack
from tests.verifier.forge import SERVICE, contract_text, identity


def _writes(scene: Scene, name: str, *records: bytes, **how: Any) -> None:  # noqa: ANN401
    scene.desk.submit(name, *records, **how)
    scene.sign_again()


@attack(Found(END, "integrity.entitlement"))
def _in_the_name_of_another(scene: Scene) -> None:
    made = scene.desk.make("review", "reviewer", finding="F", state="resolved")
    _writes(scene, "agent", made)


@attack(Found(END, "integrity.entitlement"))
def _a_kind_that_the_role_may_not_write(scene: Scene) -> None:
    _writes(scene, "agent", scene.desk.make("review", "agent", finding="F", state="resolved"))


@attack(Found(END + 1, "integrity.entitlement"))
def _with_a_key_that_was_revoked(scene: Scene) -> None:
    document = scene.desk.next_document(revoke="agent")
    scene.desk.submit("steward", scene.desk.authority(document))
    _writes(scene, "agent", scene.desk.make("stream-close", "agent"))


@attack(Found(LOOK, "integrity.compromised-key"))
def _with_a_key_that_had_been_stolen(scene: Scene) -> None:
    document = scene.desk.next_document(revoke="agent", since=LOOK)
    scene.desk.submit("steward", scene.desk.authority(document))
    scene.sign_again()


@attack(Found(END, "integrity.number"))
def _another_text_under_a_used_number(scene: Scene) -> None:
    close = scene.desk.make("stream-close", "agent")
    _writes(scene, "agent", close, number=0, previous="00" * 32)


@attack(Found(END, "coverage.gap-in-submissions"))
def _a_number_left_out(scene: Scene) -> None:
    _writes(scene, "reviewer", review(scene.desk), number=9)


@attack(Found(END, "integrity.number"))
def _a_submission_before_it_denied(scene: Scene) -> None:
    _writes(scene, "reviewer", review(scene.desk), previous="ab" * 32)


@attack(Found(END + 1, "integrity.number"))
def _more_in_a_closed_stream(scene: Scene) -> None:
    scene.desk.submit("reviewer", scene.desk.make("stream-close", "reviewer"))
    _writes(scene, "reviewer", review(scene.desk))


@attack(Found(END, "integrity.seen"))
def _a_history_seen_that_is_not_this_one(scene: Scene) -> None:
    _writes(scene, "reviewer", review(scene.desk), seen_leaf="ab" * 32)


@attack(Found(END, "integrity.seen"))
def _more_seen_than_there_was(scene: Scene) -> None:
    _writes(scene, "reviewer", review(scene.desk), seen_size=99, seen_leaf="ab" * 32)


@attack(Found(END, "integrity.seen"))
def _a_decision_that_came_too_late(scene: Scene) -> None:
    leaf = scene.desk.leaves()[PAY].hex()
    exact: dict[str, object] = {"seen_size": PAY + 1, "seen_leaf": leaf, "exact": True}
    _writes(scene, "reviewer", review(scene.desk), **exact)


@attack(Found(END, "integrity.time"))
def _a_clock_that_went_back(scene: Scene) -> None:
    _writes(scene, "reviewer", review(scene.desk), at="2026-03-01T08:00:00.000000Z")


@attack(Broken(END, 2, "record"))
def _bytes_that_two_readers_read_differently(scene: Scene) -> None:
    twice = scene.desk.make("stream-close", "agent").replace(b'"v":1', b'"v":1,"v":1')
    _writes(scene, "agent", twice)


@attack(Found(END, "integrity.record-form"))
def _a_kind_of_record_that_nobody_knows(scene: Scene) -> None:
    _writes(scene, "agent", scene.desk.make("pardon", "agent"))


@attack(Found(END, "integrity.record-form"))
def _a_field_that_nobody_knows(scene: Scene) -> None:
    _writes(scene, "agent", scene.desk.make("stream-close", "agent", approved=True))


@attack(Found(END, "integrity.governance"))
def _a_second_beginning(scene: Scene) -> None:
    genesis = decode(scene.desk.records[GENESIS])
    again = scene.desk.make(
        "genesis",
        "steward",
        **{name: genesis[name] for name in ("origin", "seed", "roots", "threshold")},
    )
    _writes(scene, "steward", again)


@attack(Found(END, "integrity.governance"))
def _a_version_with_another_text(scene: Scene) -> None:
    text = contract_text().replace("> 100", "> 900")
    of = {"service": SERVICE, "version": "1.0.0", "digest": digest(text.encode()), "text": text}
    _writes(scene, "author", scene.desk.make("contract", "author", **of))


def _activation(scene: Scene, **changes: object) -> bytes:
    fields = {**decode(scene.desk.records[ACTIVATION]), **changes}
    made = {name: fields[name] for name in ("service", "version", "digest")}
    return scene.desk.make(
        "activation",
        "activator",
        **made,
        effective_at=fields["effective_at"],
        approved_by=fields["approved_by"],
    )


@attack(Found(END, "integrity.governance"))
def _an_activation_of_the_past(scene: Scene) -> None:
    _writes(scene, "activator", _activation(scene))


@attack(Found(END, "integrity.governance"))
def _an_activation_approved_by_the_author(scene: Scene) -> None:
    later = "2026-03-01T10:00:00.000000Z"
    approved = [identity("author")]
    _writes(scene, "activator", _activation(scene, effective_at=later, approved_by=approved))


@attack(Found(END, "integrity.governance"))
def _an_activation_of_another_text(scene: Scene) -> None:
    later = "2026-03-01T10:00:00.000000Z"
    _writes(scene, "activator", _activation(scene, effective_at=later, digest="ab" * 32))


def _outcome(scene: Scene, **changes: object) -> bytes:
    named = {
        "run": digest(scene.desk.records[RUN]),
        "action": digest(scene.desk.records[PAY]),
        "status": "ok",
    }
    return scene.desk.make("outcome", "agent", **{**named, **changes})


@attack(Found(END, "integrity.reference"))
def _an_outcome_of_an_action_that_is_not_there(scene: Scene) -> None:
    _writes(scene, "agent", _outcome(scene, action="ab" * 32))


@attack(Found(END, "integrity.reference"))
def _an_outcome_that_names_another_entry(scene: Scene) -> None:
    _writes(scene, "agent", _outcome(scene, leaf=scene.desk.leaves()[LOOK].hex()))


@attack(Found(END + 1, "integrity.reference"))
def _an_outcome_in_another_run(scene: Scene) -> None:
    other = scene.desk.open_run(goal="another")
    _writes(scene, "agent", _outcome(scene, run=other))


@attack(Found(END, "integrity.reference"))
def _an_action_recorded_twice(scene: Scene) -> None:
    _writes(scene, "agent", scene.desk.records[PAY])


@attack(Found(END, "integrity.reference"))
def _a_run_closed_twice(scene: Scene) -> None:
    run = digest(scene.desk.records[RUN])
    _writes(scene, "agent", scene.desk.make("run", "agent", phase="closed", run=run))


@attack(Found(END, "integrity.reference"))
def _a_reference_to_another_kind(scene: Scene) -> None:
    _writes(scene, "agent", _outcome(scene, action=digest(scene.desk.records[LOOKED])))


@attack(Found(END + 6, "decision.approval-reused"))
def _a_second_payment_on_one_approval(scene: Scene) -> None:
    large = {"rule": "scope.large", "result": "violated", "effect": "approve"}
    desk = scene.desk
    run = desk.open_run()
    held = {"effect": "approve", "reasons": [large]}
    lifted = {"effect": "allow", "reasons": [{**large, "effect": "allow"}]}
    desk.end(run, desk.act(run, "look", {}))
    proposed = desk.act(run, "pay", {"amount": 500}, decision=held)
    made = desk.make("approval", "lead", action=proposed, verdict="approve")
    desk.submit("lead", made)
    for _ in range(2):
        again: dict[str, Any] = {"resumes": proposed, "decision": lifted}
        desk.act(run, "pay", {"amount": 500}, **again)
    scene.sign_again()


@attack(Found(END + 1, "policy.looked"))
def _an_action_against_the_contract(scene: Scene) -> None:
    scene.desk.act(scene.desk.open_run(), "pay", {"amount": 5})
    scene.sign_again()


@attack(Found(END, "coverage.run-unclosed"))
def _a_run_that_is_never_closed(scene: Scene) -> None:
    scene.desk.open_run()
    scene.sign_again()
