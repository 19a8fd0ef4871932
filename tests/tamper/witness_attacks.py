"""Attacks on heads that witnesses cosign, by the ledger's keeper."""

from tests.tamper.scene import CLOSED, END, FIRST, NOON, Scene, review
from tests.tamper.table import Broken, NotExcluded, Undecidable, attack
from tests.verifier.forge import witness_of
from verifier.trust import Pin

ASKED = ("w1.example", "w2.example")


def _asks(scene: Scene, **more: object) -> None:
    """Have the auditor ask for both witnesses, who have cosigned the head."""
    for name in ASKED:
        scene.desk.cosign(name, NOON - 60)
    witnesses = tuple(witness_of(name) for name in ASKED)
    scene.trust = {"witnesses": witnesses, "quorum": 2, "at": NOON, **more}


def _replace(scene: Scene, place: int, *, size: int | None = None, line: bytes = b"") -> None:
    """Change what is kept of a cosignature."""
    kept, name, key_id, at, raw = scene.desk.cosignatures[place]
    scene.desk.cosignatures[place] = (kept if size is None else size, name, key_id, at, line or raw)


@attack(Undecidable("too few witnesses"))
def _cosignatures_taken_away(scene: Scene) -> None:
    _asks(scene)
    scene.desk.cosignatures.clear()


@attack(Broken(END - 1, 1, "cosignature"))
def _a_byte_of_a_cosignature(scene: Scene) -> None:
    _asks(scene)
    raw = scene.desk.cosignatures[0][-1]
    _replace(scene, 0, line=raw[:-9] + (b"A" if raw[-9:-8] != b"A" else b"B") + raw[-8:])


@attack(Broken(END - 1, 1, "cosignature"))
def _a_cosignature_of_an_older_head(scene: Scene) -> None:
    scene.desk.notes.clear()
    scene.desk.sign_head(size=FIRST)
    scene.desk.cosign("w1.example", NOON - 90)
    scene.desk.sign_head()
    _asks(scene)
    _replace(scene, 0, size=END)


@attack(Broken(END - 1, 1, "cosignature"))
def _a_cosignature_of_another_history(scene: Scene) -> None:
    _asks(scene)
    scene.header(END - 1, recorded_at="2026-03-02T09:00:00.000000Z")
    scene.sign_again()


@attack(Undecidable("too few witnesses"))
def _one_witness_under_two_names(scene: Scene) -> None:
    _asks(scene)
    scene.desk.cosignatures.pop()
    scene.desk.cosign("w2.example", NOON - 60, key="w1.example")


@attack(Undecidable("too few witnesses"))
def _a_witness_whom_nobody_asked(scene: Scene) -> None:
    _asks(scene)
    scene.desk.cosignatures.pop()
    scene.desk.cosign("stranger.example", NOON - 60)


@attack(Undecidable("no witness but a key of this ledger"))
def _a_witness_that_is_the_ledger_itself(scene: Scene) -> None:
    scene.desk.cosign("w1.example", NOON - 60)
    scene.desk.cosign("w2.example", NOON - 60, key="head")
    witnesses = (witness_of("w1.example"), witness_of("w2.example", "head"))
    scene.trust = {"witnesses": witnesses, "quorum": 2, "at": NOON}


@attack(Undecidable("too few witnesses"))
def _a_cosignature_of_the_future(scene: Scene) -> None:
    _asks(scene)
    scene.desk.cosignatures.pop()
    scene.desk.cosign("w2.example", NOON + 86_400)


def _older_head(scene: Scene) -> None:
    scene.desk.notes.clear()
    scene.desk.sign_head(size=CLOSED + 1)
    for name in ASKED:
        scene.desk.cosign(name, NOON - 86_400)
    scene.delete(CLOSED + 1, END)
    witnesses = tuple(witness_of(name) for name in ASKED)
    scene.pinned = False
    scene.trust = {"witnesses": witnesses, "quorum": 2, "at": NOON, "max_age": 3_600}


@attack(Undecidable("cosignatures too old"))
def _the_tail_cut_off_to_an_older_cosigned_head(scene: Scene) -> None:
    _older_head(scene)


@attack(NotExcluded("complete as of 2026-02-28 12:00:00 UTC"))
def _the_same_where_the_auditor_takes_any_age(scene: Scene) -> None:
    _older_head(scene)
    del scene.trust["max_age"]


# A bundle has no lines without their head: there it is a head that no witness signed.
@attack(Broken(END, 1, "cosignature"), bundle=Undecidable("too few witnesses"))
def _a_cosigned_head_taken_away(scene: Scene) -> None:
    scene.desk.submit("reviewer", review(scene.desk))
    scene.desk.sign_head()
    _asks(scene)
    scene.delete(END, END + 1)
    scene.desk.notes.pop()
    scene.pinned = False


@attack(Broken(END - 1, 4, "root"))
def _a_head_that_was_copied_away_denied(scene: Scene) -> None:
    away = scene.note.decode()
    scene.header(END - 1, recorded_at="2026-03-02T09:00:00.000000Z")
    scene.sign_again()
    scene.trust = {"pins": (Pin("head-of-march.txt", away),)}
