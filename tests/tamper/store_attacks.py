"""Attacks by somebody who changes the bytes of the store."""

from ledger.encoding import MAX_HEADER, decode
from tests.tamper.scene import (
    AUTHORITY,
    END,
    FIRST,
    GENESIS,
    PAID,
    PAY,
    SECOND,
    THIRD,
    Scene,
    review,
)
from tests.tamper.table import Broken, Undecidable, attack


@attack(Broken(PAY, 2, "record"))
def _a_byte_of_a_record(scene: Scene) -> None:
    scene.desk.records[PAY] = scene.desk.records[PAY].replace(b'"amount":5', b'"amount":9')


@attack(Broken(PAY, 3, "link"))
def _a_byte_of_a_header(scene: Scene) -> None:
    scene.desk.headers[PAY] = scene.desk.headers[PAY].replace(b"T09:", b"T08:")


@attack(Broken(END - 1, 4, "root"))
def _a_byte_of_the_last_header(scene: Scene) -> None:
    scene.header(END - 1, recorded_at="2026-03-02T09:00:00.000000Z")


@attack(Broken(PAY, 3, "header"))
def _white_space_in_a_header(scene: Scene) -> None:
    scene.desk.headers[PAY] = scene.desk.headers[PAY].replace(b",", b", ", 1)


@attack(Broken(PAY, 3, "header"))
def _a_member_more_in_a_header(scene: Scene) -> None:
    scene.header(PAY, note="paid")


@attack(Broken(PAY, 3, "header"), bundle=Broken(PAY, 2, "unreadable"))
def _a_header_that_is_too_long(scene: Scene) -> None:
    scene.desk.headers[PAY] = b'{"v":' + b"1" * MAX_HEADER + b"}"


@attack(Broken(FIRST, 3, "header"))
def _a_signature_taken_away(scene: Scene) -> None:
    scene.header(FIRST, signature=None)


@attack(Broken(PAY, 2, "record"))
def _a_record_deleted(scene: Scene) -> None:
    scene.execute("DELETE FROM records WHERE idx = ?", PAY)


@attack(Broken(PAY, 3, "missing"))
def _an_entry_deleted(scene: Scene) -> None:
    scene.execute("DELETE FROM entries WHERE idx = ?", PAY)
    scene.execute("DELETE FROM records WHERE idx = ?", PAY)


@attack(Broken(END, 3, "stray"))
def _a_record_without_an_entry(scene: Scene) -> None:
    scene.execute("INSERT INTO records VALUES (?, ?)", END, b"{}")


@attack(Broken(END, 3, "missing"))
def _an_entry_far_beyond_the_end(scene: Scene) -> None:
    scene.execute("INSERT INTO entries VALUES (?, ?)", END + 5, scene.desk.headers[-1])
    scene.execute("INSERT INTO records VALUES (?, ?)", END + 5, scene.desk.records[-1])


@attack(Broken(-1, 3, "stray"))
def _an_entry_before_the_first(scene: Scene) -> None:
    scene.execute("INSERT INTO entries VALUES (?, ?)", -1, scene.desk.headers[0])


@attack(Broken(END, 4, "truncated"))
def _the_tail_cut_off(scene: Scene) -> None:
    scene.desk.submit("reviewer", review(scene.desk))
    scene.note = scene.desk.sign_head()
    scene.delete(END, END + 1)
    scene.desk.notes.pop()


@attack(Broken(FIRST, 3, "index"))
def _two_submissions_swapped(scene: Scene) -> None:
    for lines in (scene.desk.headers, scene.desk.records):
        lines[FIRST:SECOND], lines[SECOND:THIRD] = lines[SECOND:THIRD], lines[FIRST:SECOND]


@attack(Broken(PAY, 2, "record"))
def _two_records_swapped(scene: Scene) -> None:
    lines = scene.desk.records
    lines[PAY], lines[PAID] = lines[PAID], lines[PAY]


@attack(Broken(FIRST + 1, 3, "index"))
def _an_entry_repeated(scene: Scene) -> None:
    scene.insert(FIRST + 1, scene.desk.headers[FIRST], scene.desk.records[FIRST])


@attack(Broken(GENESIS, 0, "trust"))
def _a_byte_of_genesis(scene: Scene) -> None:
    genesis = scene.desk.genesis
    scene.record(GENESIS, seed="ab" * 32)
    scene.desk.genesis = genesis


@attack(Broken(AUTHORITY, 2, "record"))
def _a_byte_of_authority(scene: Scene) -> None:
    document = decode(scene.desk.records[AUTHORITY])["document"]
    scene.record(AUTHORITY, document=document.replace("Ada", "Eve"))


@attack(Broken(END - 1, 1, "checkpoint"))
def _a_byte_of_the_heads_signature(scene: Scene) -> None:
    size, note = scene.desk.notes[-1]
    scene.desk.notes[-1] = size, note[:-8] + (b"A" if note[-8:-7] != b"A" else b"B") + note[-7:]


@attack(Broken(END - 1, 1, "checkpoint"))
def _a_head_of_another_root(scene: Scene) -> None:
    size, note = scene.desk.notes[-1]
    first, said, _, rest = note.split(b"\n", 3)
    scene.desk.notes[-1] = size, b"\n".join([first, said, b"A" * 43 + b"=", rest])


@attack(Broken(PAY, 1, "checkpoint"))
def _a_head_kept_under_another_size(scene: Scene) -> None:
    scene.desk.notes = [(PAY + 1, scene.note)]


@attack(Undecidable("no head"))
def _all_heads_taken_away(scene: Scene) -> None:
    scene.desk.notes = []
