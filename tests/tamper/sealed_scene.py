"""A ledger with sealed values under attack: boxes, keys, and what a bundle shows of them."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from ledger.boxes import Box
from ledger.bundle_writing import write_bundle
from ledger.encoding import digest, encode
from ledger.sealed import Disclosure, Opening, write_disclosure
from ledger.sealing import Sealing, SealingKey
from ledger.store import Store
from tests.tamper.scene import Scene, save_sqlite
from tests.verifier.forge import ROLES, Desk

# Who may erase what the agent wrote: of another owner.
ERASER = "eraser"
CAROL, DAVE = "customer:41", "customer:42"
AMOUNT, CONTENT = "/params/amount", "/content"
# Where things stand: a payment of a sealed amount about Carol, messages about her and Dave.
PAYMENT, MESSAGE, OTHER, END = 13, 16, 17, 18
VALUES = {(PAYMENT, AMOUNT): 5, (MESSAGE, CONTENT): "I am Carol", (OTHER, CONTENT): "I am Dave"}


def opening(index: int, path: str, value: object = None) -> Opening:
    """Return what opens the value of an entry, or one of another value with the same salt."""
    found = VALUES[index, path] if value is None else value
    return Opening(path, bytes([index]) * 32, encode(found))


def key_for(subject: str) -> bytes:
    """Return the key of a subject, always the same."""
    return digest(subject.encode()).encode()[:32]


@dataclass
class SealedScene(Scene):
    """A ledger with three sealed values in two tables, which an attack changes.

    Attributes:
        boxes: The rows of `sealed`, by entry.
        keys: The rows of `subjects`: subject, wrapped key.
        shown: What goes along with a bundle, by the name of its file.
    """

    desk: Desk = field(default_factory=lambda: Desk(roles={**ROLES, ERASER: (ERASER,)}))
    boxes: dict[int, Box] = field(default_factory=dict[int, Box])
    keys: dict[str, bytes] = field(default_factory=dict[str, bytes])
    shown: dict[str, bytes] = field(default_factory=dict[str, bytes])
    wrapper: SealingKey = field(default_factory=lambda: SealingKey(bytes(range(32))))

    @classmethod
    def built(cls) -> "SealedScene":
        """Play a good run, a payment of a sealed amount and two sealed messages; sign the head."""
        scene = cls()
        desk = scene.desk
        desk.paid()
        run = desk.open_run()
        desk.end(run, desk.act(run, "look", {}))
        desk.end(run, desk.act(run, "pay", {"amount": scene.sealed(PAYMENT, AMOUNT)}))
        desk.close_run(run)
        for turn, index in enumerate((MESSAGE, OTHER)):
            content = scene.sealed(index, CONTENT)
            said = desk.make("message", "agent", run=run, role="user", turn=turn, content=content)
            desk.submit("agent", said)
        scene.keys = {one: scene.wrapper.wrap(key_for(one), one) for one in (CAROL, DAVE)}
        for (index, path), subject in zip(VALUES, (CAROL, CAROL, DAVE), strict=True):
            scene.boxes[index] = scene.box(index, opening(index, path), subject)
        scene.note = desk.sign_head()
        assert len(desk.headers) == END
        return scene

    @staticmethod
    def sealed(index: int, path: str) -> dict[str, str]:
        """Return what a record says in place of a value."""
        return {"sealed": opening(index, path).commitment}

    def digest(self, index: int) -> str:
        """Return the digest of an entry's record."""
        return digest(self.desk.records[index])

    def box(self, index: int, inside: Opening, subject: str, **changes: str) -> Box:
        """Return a box of an opening for an entry, as who has the sealing key can make it.

        The changes are to where it is kept; it opens there.
        """
        said = opening(index, inside.path).commitment
        where = {"commitment": said, "record": self.digest(index), "path": inside.path, **changes}
        row = Box(**where, subject=subject, box=b"")
        place = f"writ/box/v1\n{row.record}\n{row.commitment}\n{row.path}".encode()
        return replace(row, box=_locked(inside, key_for(subject), place))

    def disclose(self, index: int, *shown: Opening, name: str = "") -> None:
        """Have a bundle show values of an entry's record."""
        record = self.digest(index)
        raw = write_disclosure(Disclosure(record, shown))
        self.shown[f"{name or record}.json"] = raw

    def erase(self, index: int, path: str, by: str = ERASER) -> int:
        """Record an erasure of a value, take its box away, and return the erasure's index."""
        record, at = self.digest(index), len(self.desk.headers)
        made = self.desk.make("erasure", by, record=record, paths=[path], reason="asked")
        self.desk.submit(by, made)
        self.note = self.desk.sign_head()
        self.boxes.pop(index)
        subjects = {box.subject for box in self.boxes.values()}
        self.keys = {one: key for one, key in self.keys.items() if one in subjects}
        return at

    def opener(self) -> Sealing:
        """Return what opens boxes."""
        return Sealing(self.wrapper)

    def save(self, kind: str, folder: Path, url: str) -> str:
        """Write the ledger, with boxes and keys, to a store of this kind, or to a bundle.

        A database at `url` exists already, and may hold what was attacked before.
        """
        for one in self.boxes.values():
            row = one.commitment, one.record, one.path, one.subject, one.box
            self.execute(
                "INSERT INTO sealed (commitment, record, path, subject, box) "
                "VALUES (?, ?, ?, ?, ?)",
                *row,
            )
        for subject, key in self.keys.items():
            self.execute("INSERT INTO subjects (subject, key) VALUES (?, ?)", subject, key)
        if kind == "postgresql":
            self.desk.fill(url, self.statements)
            return url
        path = save_sqlite(self, folder, url)
        if kind == "sqlite":
            return path
        with Store.open(path) as store:
            write_bundle(store, folder / "ledger.zip", disclosures=self.shown)
        return str(folder / "ledger.zip")


def _locked(inside: Opening, key: bytes, place: bytes) -> bytes:
    nonce = bytes(12)
    return nonce + ChaCha20Poly1305(key).encrypt(nonce, inside.salt + inside.value, place)
