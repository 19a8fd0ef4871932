"""Attacks by its keeper, who links everything anew, and may sign heads as well."""

from ledger.authority import KeyEntry
from ledger.checkpoint import Checkpoint
from ledger.encoding import decode, digest, encode
from ledger.merkle import root
from ledger.signing import sign_checkpoint
from tests.tamper.scene import (
    AUTHORITY,
    CONTRACT,
    END,
    FIRST,
    GENESIS,
    LOOK,
    PAY,
    SECOND,
    THIRD,
    Scene,
    review,
)
from tests.tamper.table import Broken, Found, NotExcluded, attack
from tests.verifier.forge import Desk, identity, key_of


@attack(Broken(END - 1, 4, "root"))
def _a_record_changed_and_all_linked_anew(scene: Scene) -> None:
    scene.record(PAY, params={"amount": 9})
    scene.header(PAY, record=digest(scene.desk.records[PAY]))
    scene.desk.relink()
    scene.desk.notes.clear()
    scene.desk.sign_head()


@attack(Found(PAY, "integrity.submission"))
def _a_record_changed_under_a_new_head(scene: Scene) -> None:
    scene.record(PAY, params={"amount": 9})
    scene.header(PAY, record=digest(scene.desk.records[PAY]))
    scene.sign_again()


@attack(Found(PAY, "integrity.signature"))
def _a_record_changed_with_its_root(scene: Scene) -> None:
    other = Desk()
    scene.record(PAY, params={"amount": 9})
    changed = scene.desk.records[PAY]
    other.submit("agent", changed)
    scene.header(PAY, record=digest(changed), root=decode(other.headers[-1])["root"])
    scene.sign_again()


@attack(Found(PAY, "integrity.signature"))
def _a_time_within_the_submission_signed_elsewhere(scene: Scene) -> None:
    scene.header(PAY, signature=decode(scene.desk.headers[LOOK])["signature"])
    scene.sign_again()


@attack(Found(SECOND, "integrity.seen"))
def _a_submission_deleted_under_a_new_head(scene: Scene) -> None:
    scene.delete(FIRST, SECOND)
    scene.sign_again()
    # What follows stands two places earlier, and says what it had seen.
    scene.desk.notes.clear()
    scene.desk.sign_head()


@attack(Found(SECOND, "integrity.number"))
def _a_submission_repeated_under_a_new_head(scene: Scene) -> None:
    for place in (1, 0):
        headers, records = scene.desk.headers, scene.desk.records
        scene.insert(SECOND, headers[FIRST + place], records[FIRST + place])
    scene.sign_again()


@attack(Found(FIRST, "integrity.submission"))
def _records_swapped_within_a_submission(scene: Scene) -> None:
    records = scene.desk.records
    records[FIRST], records[FIRST + 1] = records[FIRST + 1], records[FIRST]
    for index in (FIRST, FIRST + 1):
        scene.header(index, record=digest(records[index]))
    scene.sign_again()


@attack(Found(FIRST, "integrity.submission"))
def _a_submission_cut_short(scene: Scene) -> None:
    scene.delete(FIRST + 1, SECOND)
    scene.sign_again()


@attack(Found(END, "integrity.entitlement"))
def _a_record_inserted_by_a_stranger(scene: Scene) -> None:
    scene.desk.submit("agent", scene.desk.make("stream-close", "agent"), key=key_of("stranger"))
    scene.sign_again()


@attack(Found(END, "integrity.signature"))
def _a_submission_from_another_ledger_of_this_origin(scene: Scene) -> None:
    own = scene.desk.genesis
    scene.desk.genesis = "ab" * 32
    scene.desk.submit("agent", scene.desk.make("stream-close", "agent"))
    scene.desk.genesis = own
    scene.sign_again()


@attack(Broken(END, 4, "truncated"))
def _the_tail_cut_off_under_a_new_head(scene: Scene) -> None:
    scene.desk.submit("reviewer", review(scene.desk))
    scene.note = scene.desk.sign_head()
    scene.delete(END, END + 1)
    scene.desk.notes.clear()
    scene.desk.sign_head()


@attack(NotExcluded("cut off"))
def _the_tail_cut_off_where_nobody_pinned_a_head(scene: Scene) -> None:
    scene.delete(THIRD, END)
    scene.sign_again()


@attack(NotExcluded("after the last signed head|follow the last signed head"))
def _entries_that_no_head_covers(scene: Scene) -> None:
    scene.desk.submit("reviewer", review(scene.desk))


@attack(Broken(GENESIS, 0, "trust"))
def _the_whole_ledger_replaced(scene: Scene) -> None:
    pinned = scene.desk.genesis
    other = Desk()
    for _ in range(3):
        other.paid()
    other.sign_head()
    other.records[GENESIS] = encode({**decode(other.records[GENESIS]), "seed": "cd" * 32})
    other.genesis = pinned
    scene.desk = other


@attack(Broken(END - 1, 4, "root"))
def _another_history_from_the_same_beginning(scene: Scene) -> None:
    other = Desk()
    for _ in range(3):
        other.paid(look=False)
    other.sign_head()
    scene.desk = other


@attack(Broken(END - 1, 1, "checkpoint"))
def _a_head_signed_by_a_writers_key(scene: Scene) -> None:
    scene.desk.notes.clear()
    scene.desk.sign_head("agent")


@attack(Broken(END - 1, 1, "checkpoint"))
def _a_head_of_another_origin(scene: Scene) -> None:
    other = Checkpoint("evil.example/ledger", END, root(scene.desk.leaves()))
    scene.desk.notes = [(END, sign_checkpoint(other, key_of("head")))]


@attack(Broken(END, 0, "authority"))
def _authority_that_no_root_key_signed(scene: Scene) -> None:
    document = scene.desk.next_document(revoke="lead")
    scene.desk.submit("steward", scene.desk.authority(document, signer="agent"))
    scene.sign_again()


@attack(Broken(END, 0, "authority"))
def _an_authority_document_left_out(scene: Scene) -> None:
    document = scene.desk.next_document(revoke="lead").model_copy(update={"number": 3})
    scene.desk.submit("steward", scene.desk.authority(document))
    scene.sign_again()


@attack(Broken(END, 0, "authority"))
def _a_key_of_small_order(scene: Scene) -> None:
    weak = KeyEntry(key="01" + "00" * 31, identity=identity("agent"), use="write")
    document = scene.desk.next_document(revoke="lead")
    document = document.model_copy(update={"keys": (*document.keys, weak)})
    scene.desk.submit("steward", scene.desk.authority(document))
    scene.sign_again()


@attack(Broken(AUTHORITY, 0, "authority"))
def _authority_taken_away(scene: Scene) -> None:
    scene.delete(AUTHORITY, CONTRACT)
    scene.sign_again()
