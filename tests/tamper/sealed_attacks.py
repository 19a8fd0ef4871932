"""Attacks on sealed values: on boxes, on subjects' keys, on erasures and on what is shown.

Three answers to each: for who has the sealing key, for who has not, and for who holds a bundle.
Where one of them cannot know, the value is `withheld`, and the rule that reads it undecidable.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from ledger.sealed import Opening
from ledger.sealing import SealingKey
from tests.tamper.scene import RUN
from tests.tamper.sealed_scene import (
    AMOUNT,
    CAROL,
    CONTENT,
    DAVE,
    END,
    MESSAGE,
    OTHER,
    PAYMENT,
    SealedScene,
    key_for,
    opening,
)

SealedAttack = Callable[[SealedScene], None]
# Entry and code of each finding of integrity.
Findings = tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of the ledger, beside that it holds.

    Attributes:
        findings: All that integrity finds.
        states: How many values are in which state.
        hidden: Why the rule over the payment's amount is undecidable; empty where it is decided.
    """

    findings: Findings
    states: dict[str, int]
    hidden: str


@dataclass(frozen=True, slots=True)
class Answers:
    """What is said to who has the sealing key, to who has not, and of a bundle.

    `opened` is None where nothing is done to a store: only what goes along with a bundle is false.
    """

    opened: Said | None
    closed: Said
    bundle: Said


def said(*findings: tuple[int, str], hidden: str = "", **states: int) -> Said:
    """Return an answer; a state's name is written with underscores."""
    named = {name.replace("_", "-"): count for name, count in states.items()}
    return Said(tuple((index, f"integrity.{code}") for index, code in findings), named, hidden)


WITHHELD, ERASED, LOST = "was not disclosed", "was erased", "is lost"
UNSEEN = said(withheld=3, hidden=WITHHELD)
SEALED_ATTACKS: dict[str, tuple[SealedAttack, Answers]] = {}


def attack(
    opened: Said | None, closed: Said = UNSEEN, bundle: Said = UNSEEN
) -> Callable[[SealedAttack], SealedAttack]:
    """Enter an attack in the table under its name, with the answers to it."""

    def enter(function: SealedAttack) -> SealedAttack:
        name = function.__name__.strip("_").replace("_", " ")
        assert name not in SEALED_ATTACKS
        SEALED_ATTACKS[name] = function, Answers(opened, closed, bundle)
        return function

    return enter


# -------------------------------------------------------------------------------- boxes


@attack(said((MESSAGE, "sealed"), (OTHER, "sealed"), withheld=2, disclosed=1))
def _the_contents_of_two_boxes_swapped(scene: SealedScene) -> None:
    one, other = scene.boxes[MESSAGE], scene.boxes[OTHER]
    scene.boxes[MESSAGE] = replace(one, box=other.box, subject=other.subject)
    scene.boxes[OTHER] = replace(other, box=one.box, subject=one.subject)


MOVED = (MESSAGE, "lost"), (MESSAGE, "sealed"), (OTHER, "lost"), (OTHER, "sealed")


@attack(
    said(*MOVED, lost=2, disclosed=1),
    said(*MOVED, lost=2, withheld=1, hidden=WITHHELD),
)
def _two_boxes_swapped_between_records(scene: SealedScene) -> None:
    """They are even encrypted anew, so that each opens where it is."""
    scene.boxes = {
        PAYMENT: scene.boxes[PAYMENT],
        MESSAGE: scene.box(MESSAGE, opening(MESSAGE, CONTENT), CAROL, record=scene.digest(OTHER)),
        OTHER: scene.box(OTHER, opening(OTHER, CONTENT), DAVE, record=scene.digest(MESSAGE)),
    }


# The key of the subject that it was of stands there without a box: that is seen without any key.
@attack(
    said((0, "sealed"), (OTHER, "sealed"), withheld=1, disclosed=2),
    said((0, "sealed"), withheld=3, hidden=WITHHELD),
)
def _the_box_of_another_subject(scene: SealedScene) -> None:
    scene.boxes[OTHER] = replace(scene.boxes[OTHER], subject=CAROL)


@attack(said((PAYMENT, "sealed"), withheld=1, disclosed=2, hidden=WITHHELD))
def _another_value_in_a_box(scene: SealedScene) -> None:
    """Who has the sealing key encrypts what it likes; it is not what was committed to."""
    scene.boxes[PAYMENT] = scene.box(PAYMENT, opening(PAYMENT, AMOUNT, 5000), CAROL)


@attack(said((PAYMENT, "sealed"), withheld=1, disclosed=2, hidden=WITHHELD))
def _another_salt_in_a_box(scene: SealedScene) -> None:
    inside = replace(opening(PAYMENT, AMOUNT), salt=bytes(32))
    scene.boxes[PAYMENT] = scene.box(PAYMENT, inside, CAROL)


SALTED = (PAYMENT, "lost"), (PAYMENT, "sealed")


@attack(
    said(*SALTED, lost=1, disclosed=2, hidden=LOST),
    said(*SALTED, lost=1, withheld=2, hidden=LOST),
)
def _a_box_under_the_commitment_of_another_value(scene: SealedScene) -> None:
    inside = opening(PAYMENT, AMOUNT, 5000)
    box = scene.box(PAYMENT, inside, CAROL, commitment=inside.commitment)
    scene.boxes[PAYMENT] = box


@attack(
    said((PAYMENT, "sealed"), withheld=1, disclosed=2, hidden=WITHHELD),
    said((PAYMENT, "sealed"), withheld=3, hidden=WITHHELD),
)
def _the_path_of_a_box_altered(scene: SealedScene) -> None:
    inside = replace(opening(PAYMENT, AMOUNT), path="/params/limit")
    commitment = opening(PAYMENT, AMOUNT).commitment
    moved = replace(scene.boxes[PAYMENT], path=inside.path, commitment=commitment)
    scene.boxes[PAYMENT] = moved


@attack(
    said((PAYMENT, "lost"), lost=1, disclosed=2, hidden=LOST),
    said((PAYMENT, "lost"), lost=1, withheld=2, hidden=LOST),
)
def _a_box_deleted(scene: SealedScene) -> None:
    del scene.boxes[PAYMENT]


@attack(
    said((PAYMENT, "sealed"), disclosed=3),
    said((PAYMENT, "sealed"), withheld=3, hidden=WITHHELD),
)
def _a_value_kept_a_second_time(scene: SealedScene) -> None:
    """Under another commitment it would outlive its erasure."""
    again = opening(PAYMENT, AMOUNT, "5 again")
    scene.boxes[END] = scene.box(PAYMENT, again, CAROL, commitment=again.commitment)


# --------------------------------------------------------------------------------- keys


@attack(
    said((OTHER, "lost"), lost=1, disclosed=2),
    said((OTHER, "lost"), lost=1, withheld=2, hidden=WITHHELD),
)
def _a_subjects_key_destroyed_and_no_erasure(scene: SealedScene) -> None:
    del scene.keys[DAVE]


@attack(said((OTHER, "sealed"), withheld=1, disclosed=2))
def _another_key_for_a_subject(scene: SealedScene) -> None:
    scene.keys[DAVE] = scene.wrapper.wrap(key_for(CAROL), DAVE)


@attack(said((OTHER, "sealed"), withheld=1, disclosed=2))
def _the_wrapped_key_of_another_subject(scene: SealedScene) -> None:
    scene.keys[DAVE] = scene.keys[CAROL]


@attack(
    said((0, "sealed"), erased=1, disclosed=2),
    said((0, "sealed"), erased=1, withheld=2, hidden=WITHHELD),
    said(erased=1, withheld=2, hidden=WITHHELD),
)
def _a_key_that_outlives_the_erasure(scene: SealedScene) -> None:
    """The box is gone, and a copy of it opens still."""
    kept = scene.keys[DAVE]
    scene.erase(OTHER, CONTENT)
    scene.keys[DAVE] = kept


# ----------------------------------------------------------------------------- erasures


@attack(
    said((PAYMENT, "erased-but-present"), erased_but_present=1, disclosed=2, hidden=ERASED),
    said((PAYMENT, "erased-but-present"), erased_but_present=1, withheld=2, hidden=ERASED),
    said(erased=1, withheld=2, hidden=ERASED),
)
def _a_box_put_back_after_its_erasure(scene: SealedScene) -> None:
    kept = scene.boxes[PAYMENT]
    scene.erase(PAYMENT, AMOUNT)
    scene.boxes[PAYMENT] = kept


# A bundle has no boxes: it is said that the erasure is void, and not what became of the value.
FORGED = said((END, "governance"), withheld=3, hidden=WITHHELD)


@attack(
    said((END, "entitlement"), (PAYMENT, "lost"), lost=1, disclosed=2, hidden=LOST),
    said((END, "entitlement"), (PAYMENT, "lost"), lost=1, withheld=2, hidden=LOST),
    said((END, "entitlement"), withheld=3, hidden=WITHHELD),
)
def _an_erasure_by_the_actor(scene: SealedScene) -> None:
    scene.erase(PAYMENT, AMOUNT, by="agent")


@attack(
    said((END, "governance"), (PAYMENT, "lost"), lost=1, disclosed=2, hidden=LOST),
    said((END, "governance"), (PAYMENT, "lost"), lost=1, withheld=2, hidden=LOST),
    FORGED,
)
def _an_erasure_by_the_actors_owner(scene: SealedScene) -> None:
    """The reviewer may erase, and answers to the same person as the agent."""
    scene.erase(PAYMENT, AMOUNT, by="reviewer")


@attack(said((END, "governance"), disclosed=3), FORGED, FORGED)
def _an_erasure_forged_to_hide_a_value_from_a_rule(scene: SealedScene) -> None:
    """The value is there: who has the key decides the rule over it as ever."""
    kept = scene.boxes[PAYMENT]
    scene.erase(PAYMENT, AMOUNT, by="reviewer")
    scene.boxes[PAYMENT] = kept


# -------------------------------------------------------------------------- disclosures


@attack(None, bundle=said(disclosed=1, withheld=2))
def _nothing_but_the_truth(scene: SealedScene) -> None:
    scene.disclose(PAYMENT, opening(PAYMENT, AMOUNT))


@attack(None, bundle=said((PAYMENT, "sealed"), withheld=3, hidden=WITHHELD))
def _a_disclosed_value_altered(scene: SealedScene) -> None:
    scene.disclose(PAYMENT, opening(PAYMENT, AMOUNT, 4))


@attack(None, bundle=said((PAYMENT, "sealed"), withheld=3, hidden=WITHHELD))
def _a_disclosed_salt_altered(scene: SealedScene) -> None:
    scene.disclose(PAYMENT, replace(opening(PAYMENT, AMOUNT), salt=bytes(32)))


@attack(None, bundle=said((PAYMENT, "sealed"), withheld=3, hidden=WITHHELD))
def _a_disclosed_path_altered(scene: SealedScene) -> None:
    scene.disclose(PAYMENT, replace(opening(PAYMENT, AMOUNT), path="/params/limit"))


@attack(None, bundle=said((PAYMENT, "sealed"), disclosed=1, withheld=2))
def _a_false_value_behind_a_true_one(scene: SealedScene) -> None:
    scene.disclose(PAYMENT, opening(PAYMENT, AMOUNT), name="b")
    scene.disclose(PAYMENT, opening(PAYMENT, AMOUNT, 4), name="c")


@attack(None, bundle=said((PAYMENT, "sealed"), disclosed=1, withheld=2))
def _a_false_value_before_a_true_one(scene: SealedScene) -> None:
    scene.disclose(PAYMENT, opening(PAYMENT, AMOUNT, 4), name="a")
    scene.disclose(PAYMENT, opening(PAYMENT, AMOUNT), name="b")


@attack(None, bundle=said((0, "sealed"), withheld=3, hidden=WITHHELD))
def _a_value_disclosed_that_was_never_sealed(scene: SealedScene) -> None:
    scene.disclose(RUN, Opening("/goal", bytes(32), b'"refund"'))


@attack(
    None,
    bundle=said((PAYMENT, "erased-but-present"), erased_but_present=1, withheld=2, hidden=ERASED),
)
def _an_erased_value_that_a_bundle_shows(scene: SealedScene) -> None:
    scene.disclose(PAYMENT, opening(PAYMENT, AMOUNT))
    scene.erase(PAYMENT, AMOUNT)


# ------------------------------------------------------------------------- not detected

SOUND = said(disclosed=3)


@attack(SOUND)
def _a_box_filed_anew_under_another_subject(scene: SealedScene) -> None:
    """Not found: a record does not say whom its value is about, and the keeper has all keys."""
    scene.boxes[MESSAGE] = scene.box(MESSAGE, opening(MESSAGE, CONTENT), DAVE)


@attack(SOUND)
def _all_keys_wrapped_anew(scene: SealedScene) -> None:
    """No attack on any value: whoever has the new sealing key reads what was sealed."""
    scene.wrapper = SealingKey(bytes(range(1, 33)))
    scene.keys = {one: scene.wrapper.wrap(key_for(one), one) for one in scene.keys}
